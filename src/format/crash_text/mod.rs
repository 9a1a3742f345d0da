//! Crash texts whose lines a table describes: one file a producer.
//!
//! A [`Dialect`] says by which line a crash begins, what its lines look like, and what ends it; the
//! rest is done here, once for all of them: `claim.rs` finds the crashes in a log (near the words that
//! `places.rs` looks for), `crash.rs` takes what their lines say (`pattern.rs`, `radix.rs`), `assemble.rs` and `reason.rs` make a dump of it.
//! What no rule takes stays in the report as text.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

// The engine.
mod above;
mod assemble;
mod claim;
mod cm_backtrace;
pub mod console;
mod crash;
mod duet;
mod mbed;
mod nuttx;
mod pattern;
mod places;
mod px4;
mod radix;
mod reason;
mod several;

// The dialects, and what several of them share.
mod ardupilot;
mod arm_abort;
mod edk2;
mod esp8266;
mod esp8266_rtos;
mod esp_hal;
mod esp_panic;
mod esp_panic_reason;
mod esphome;
mod espressif;
mod flipper;
mod jlink;
mod linux;
mod marlin;
mod micropython;
mod mynewt_fault;
mod nrf5;
mod op_tee;
mod playdate;
mod probe_run;
mod riot;
mod riscv_trap;
mod rt_thread;
mod rusefi;
mod stacked;
mod tasmota;
mod teensy;
mod tf_a;
mod tock;
mod u_boot;
mod yiu;
mod zephyr;

use super::Context;
use super::machine::{Family, Machine};
use crate::carrier::text::Line;
use crate::dump::{Dump, Note};
use crate::error::Result;

pub use above::complete;
pub use assemble::usual_machine;
pub use claim::{begins, is_banner};
pub use crash::{Cell, Crash, Task, Word};
pub use radix::Printer;
pub(in crate::format) use radix::Radix;
pub(in crate::format) use reason::signal_of;
use several::starting;
pub use several::{in_order, marked};
pub use zephyr::ZEPHYR_FATAL;

/// All of them, in the order in which they are tried.
pub static ALL: &[&Dialect] = &[
    &nuttx::NUTTX,
    &esp_panic::ESP_PANIC,
    &esp8266::ESP8266,
    &esp8266_rtos::ESP8266_RTOS,
    &px4::PX4_LOG,
    &cm_backtrace::CM_BACKTRACE,
    &mbed::MBED,
    &duet::DUET,
    &zephyr::ZEPHYR_FATAL,
    &esp_hal::ESP_HAL,
    &esphome::ESPHOME,
    &tasmota::TASMOTA,
    &u_boot::U_BOOT,
    &op_tee::OP_TEE,
    &tf_a::TF_A,
    &linux::LINUX,
    &riot::RIOT,
    &mynewt_fault::MYNEWT_TEXT,
    &tock::TOCK,
    &rusefi::RUSEFI,
    &micropython::MICROPYTHON,
    &teensy::TEENSY,
    &flipper::FLIPPER,
    &marlin::MARLIN,
    &ardupilot::ARDUPILOT_WDOG,
    &playdate::PLAYDATE,
    &nrf5::NRF5,
    &edk2::EDK2,
    &yiu::YIU,
    &stacked::STACKED,
    &riscv_trap::CH32,
    &jlink::JLINK,
    &probe_run::PROBE_RUN,
    &arm_abort::ARM9,
    &rt_thread::RT_THREAD,
    &esp_panic::ESP_BACKTRACE,
];

/// What one kind of line says.
pub enum Rule {
    /// Registers by the names that stand there: `{name}` and `{hex}`, as often as they are there;
    /// `{number}` instead of `{hex}` where only all numbers of the text together tell their radix.
    Registers(&'static str),
    /// The register of this name, or a word of that name that the register set lacks: `{hex}`,
    /// `{dec}` or `{number}`. A `{text}` next to it says what happened.
    Register(&'static str, &'static str),
    /// What happened, or more of it: `{text}`, or the line without what a logger put before it.
    Title(&'static str),
    /// What happened, where nothing else says it: `{text}`, or the line.
    Fallback(&'static str),
    /// The address that could not be used: `{hex}`.
    Address(&'static str),
    /// The thread or core that the lines are of: `{hex}` or `{id}`, its id, `{thread}`, its name,
    /// `{core}`, `{state}`, `{priority}`, `{hexlow}` and `{hexhigh}` or `{hexsize}`, the bounds of its
    /// stack, `{hexsaved}`, the stack pointer that the kernel kept.
    Thread(&'static str),
    /// The same of another one, whose lines begin here.
    Other(&'static str),
    /// Something else to say of the thread, in these words.
    Remark(&'static str, &'static str),
    /// The core: `{dec}`.
    Core(&'static str),
    /// A frame of the printed backtrace: `{hexpc}`, `{hexsp}`, `{function}`. The address is where a
    /// call returns to, or not.
    Frame(&'static str, Address),
    /// The same, each of them on the line behind these words.
    FramesBehind(&'static str, &'static str, Address),
    /// The same, where the second such line is the backtrace of another core.
    Backtrace(&'static str, &'static str, Address),
    /// The chip, which only it prints like this.
    Chip(&'static str, &'static str),
    /// Memory, mostly words of a stack: `{hexaddr}` and `{words}`.
    Memory(&'static str),
    /// Something else worth a line: `{text}`.
    Fact(&'static str, &'static str),
    /// The same by the name that stands there: `{label}` and `{text}`.
    Field(&'static str),
    /// What happened, in these words.
    Says(&'static str, &'static str),
    /// Registers of which the line names the first only: `{words}`.
    Row(&'static str, &'static [&'static str]),
    /// Begins a part of the text, of this name, whose numbers mean something of their own.
    Section(&'static str, &'static str),
    /// A number for [`Dialect::finish`], by this name: `{number}`, and `{at}`, a number before it.
    Cell(&'static str, &'static str),
    /// Each of these, on the same line.
    All(&'static [Rule]),
    /// The first of these, if the line before has this in it.
    After(&'static str, &'static [Rule]),
    /// The first of these, in the part of the text of this name.
    In(&'static str, &'static [Rule]),
    /// A line that says nothing.
    Skip(&'static str),
}

impl Rule {
    /// The most that `known` says of its patterns.
    fn most(&self, known: &dyn Fn(&'static str) -> usize) -> usize {
        match self {
            Rule::Registers(pattern)
            | Rule::Title(pattern)
            | Rule::Fallback(pattern)
            | Rule::Address(pattern)
            | Rule::Thread(pattern)
            | Rule::Other(pattern)
            | Rule::Core(pattern)
            | Rule::Memory(pattern)
            | Rule::Field(pattern)
            | Rule::Skip(pattern)
            | Rule::Register(pattern, _)
            | Rule::Remark(pattern, _)
            | Rule::Frame(pattern, _)
            | Rule::Chip(pattern, _)
            | Rule::Fact(pattern, _)
            | Rule::Says(pattern, _)
            | Rule::Row(pattern, _)
            | Rule::Section(pattern, _)
            | Rule::Cell(pattern, _) => known(pattern),
            Rule::FramesBehind(before, pattern, _) | Rule::Backtrace(before, pattern, _) => {
                match known(before) {
                    0 => 0,
                    words => words.saturating_add(known(pattern)),
                }
            }
            Rule::After(_, rules) | Rule::In(_, rules) | Rule::All(rules) => {
                rules.iter().map(|rule| rule.most(known)).max().unwrap_or(0)
            }
        }
    }

    /// Whether nothing is in a line that it takes but registers: it is not shown again as text.
    fn is_of_registers(&self) -> bool {
        match self {
            Rule::Registers(_) | Rule::Row(..) => true,
            Rule::In(_, rules) | Rule::All(rules) => rules.iter().all(Rule::is_of_registers),
            _ => false,
        }
    }
}

/// What the address of a printed frame is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Of the instruction.
    Instruction,
    /// Where a call returns to.
    Return,
}

/// Which machine a crash is of.
pub type MachineOf = fn(&Dialect, &Crash<'_>, &Context<'_>, &mut Vec<Note>) -> Result<Machine>;

/// The chip that a line names.
pub type ChipIn = fn(&str) -> Option<String>;

/// The lines of a crash as they should have been printed.
pub type Mend = for<'a> fn(&[Line<'a>]) -> Vec<Line<'a>>;

/// The crash text of one producer.
pub struct Dialect {
    /// Its name, as `--format` takes it.
    pub name: &'static str,
    /// What it is, in a line for people.
    pub title: &'static str,
    /// One crash as the producer prints it; it is a test as well.
    pub sample: &'static str,
    /// Lines that begin a crash.
    pub starts: &'static [&'static str],
    /// Lines that begin one where none is open, and anew after the memory of one that such a line began.
    pub weak: &'static [&'static str],
    /// Lines shortly before such a one that belong to the crash.
    pub above: &'static [&'static str],
    /// Lines that begin another crash where this one has registers or a backtrace already; with a
    /// `{core}` where it has registers of that core. Where there are none of these patterns, the same
    /// start as before begins another one.
    pub again: &'static [&'static str],
    /// Lines with the start of a crash in them that come of printing the open one: its handler faulted
    /// itself. What follows is neither of the first, nor a crash of its own.
    pub nested: &'static [&'static str],
    /// Lines that end it; nothing behind them counts.
    pub ends: &'static [&'static str],
    /// Lines of the same crash that may stand shortly behind its end; with those that are starts it
    /// goes on.
    pub goes_on: &'static [&'static str],
    /// Words of lines that name the chip, anywhere in the log, and what they say.
    pub chip_in: Option<(&'static [&'static str], ChipIn)>,
    /// So many lines after its start another line of `starts` begins a crash of its own, whether an
    /// end was seen or not.
    pub reach: usize,
    /// The lines of a crash as they should have been printed, where users' tools break them.
    pub mend: Option<Mend>,
    /// What its lines say; the first rule that matches takes the line.
    pub rules: &'static [Rule],
    /// Names that the producer gives registers, where they are not the usual ones.
    pub names: &'static [(&'static str, &'static str)],
    /// Whether any name before a value counts, and not only those of registers.
    pub any_name: bool,
    /// What is known of how it prints numbers.
    pub printer: Printer,
    /// Whether what was read is a crash, and not only words that others say as well.
    pub is_crash: fn(&Dialect, &Crash<'_>) -> bool,
    /// Whether it is certainly this producer's: one such crash in a log is enough.
    pub is_sure: fn(&Crash<'_>) -> bool,
    /// The kind of machine, from what only it prints.
    pub family: fn(&Crash<'_>) -> Option<Family>,
    /// The machine, where more than [`Dialect::family`] tells it.
    pub machine: MachineOf,
    /// Puts in order what the lines said, before a dump is made of it: which task is the crashed one.
    pub arrange: fn(&mut Crash<'_>),
    /// What is particular.
    pub finish: fn(&mut Dump, &Crash<'_>),
}

/// A dialect of which nothing is said yet: tables take from it what they don't say.
pub const PLAIN: Dialect = Dialect {
    name: "",
    title: "",
    sample: "",
    starts: &[],
    weak: &[],
    above: &[],
    again: &[],
    nested: &[],
    ends: &[],
    goes_on: &[],
    chip_in: None,
    reach: 400,
    mend: None,
    rules: &[],
    names: &[],
    any_name: false,
    printer: Printer::Usual,
    is_crash: |dialect, crash| {
        let says = crash.has_body() || !crash.rows.is_empty();
        !crash.titles.is_empty() || (says && (dialect.family)(crash).is_some())
    },
    is_sure: |_| true,
    family: |_| None,
    machine: usual_machine,
    arrange: |_| {},
    finish: |_, _| {},
};

/// The family of dialects that only Cortex-M devices print.
fn cortex_m(_: &Crash<'_>) -> Option<Family> {
    Some(Family::CortexM)
}

/// A dialect of Cortex-M devices, with what most of them share.
const fn on_cortex_m(name: &'static str, title: &'static str) -> Dialect {
    Dialect { name, title, family: cortex_m, ..PLAIN }
}

/// Whether some register has 64 bits.
fn is_wide(crash: &Crash<'_>) -> bool {
    crash.task.words.iter().any(|word| word.digits == 16)
}

#[cfg(test)]
mod tests {
    use super::esp_hal::ESP_HAL;
    use super::*;
    use crate::carrier::text::lines;
    use crate::carrier::{Carrier, CarrierOptions, Piece};
    use crate::format::Format;
    use crate::targets::Targets;

    fn read<'a>(dialect: &Dialect, lines: &'a [Line<'_>]) -> Crash<'a> {
        let block = claim::blocks(dialect, lines, 0).0.into_iter().next();
        block.map(|block| block.crash).unwrap_or_default()
    }

    #[test]
    fn every_sample_is_read_by_its_own_table_whole() {
        let targets = Targets::built_in();
        let context =
            Context { targets: &targets, force: false, target: None, elf: None, frame: None };
        for dialect in ALL {
            let name = dialect.name;
            let piece = Piece::outermost(dialect.sample.as_bytes().into());
            let pieces = dialect.peel(&piece, &CarrierOptions::default());
            let pieces = pieces.expect(name).expect("no fault");
            let [piece] = pieces.as_slice() else { panic!("{name}: {} crashes", pieces.len()) };
            let all: Vec<Line> = lines(dialect.sample.as_bytes()).collect();
            let begins = |layer: &String| layer.starts_with("log, lines 1-");
            assert!(piece.layers.iter().all(begins), "{name}");
            let crash = read(dialect, &all);
            let task = &crash.task;
            let said = task.words.len() + task.frames.len() + crash.titles.len();
            assert!(said >= 2, "{name}: {:?}", task.words);
            assert!(task.words.iter().all(|word| word.value.is_some()), "{name}");
            let dump = dialect.read(piece, &context);
            assert!(dump.is_ok(), "{name}: {dump:?}");
        }
    }

    #[test]
    fn a_value_that_lost_digits_is_unknown() {
        let text = "***** BUS FAULT *****\nr0/a1:  0x00000001  r1/a2:  0x2000\n";
        let all: Vec<Line> = lines(text.as_bytes()).collect();
        let crash = read(&ZEPHYR_FATAL, &all);
        assert_eq!(crash.word("r0/a1"), Some(1));
        assert!(crash.has("r1/a2") && crash.word("r1/a2").is_none());
    }

    #[test]
    fn numbers_of_rust_are_known_where_their_radix_is() {
        let read = |text: &str| {
            let all: Vec<Line> = lines(text.as_bytes()).collect();
            let crash = super::tests::read(&ESP_HAL, &all);
            (crash.word("mepc"), crash.word("ra"), crash.word("t0"), crash.word("t5"))
        };
        let title = "Exception 'Load access fault' mepc=420fa1c6, mtval=ffd00013\n";
        assert_eq!(
            read(&format!("{title}TrapFrame {{ ra: 1108290118, t0: 2, t5: 10000001 }}'")),
            (Some(0x420f_a1c6), Some(0x420f_2a46), Some(2), Some(10_000_001))
        );
        assert_eq!(
            read(&format!("{title}TrapFrame {{ ra: 420f2a46, t0: 2, t5: 10000001 }}'")),
            (Some(0x420f_a1c6), Some(0x420f_2a46), Some(2), Some(0x1000_0001))
        );
        assert_eq!(
            read(&format!("{title}TrapFrame {{ ra: 42002046, t0: 2, t5: 10000001 }}'")),
            (Some(0x420f_a1c6), None, Some(2), None)
        );
    }
}
