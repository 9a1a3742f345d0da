//! Crash texts whose lines a table describes: one file a producer.
//!
//! A [`Dialect`] says by which line a crash begins, what its lines look like, and what ends it; the
//! rest is done here, once for all of them: `claim.rs` finds the crashes in a log, `crash.rs` takes
//! what their lines say (`pattern.rs`, `radix.rs`), `assemble.rs` and `reason.rs` make a dump of it.
//! What no rule takes stays in the report as text.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod above;
mod assemble;
mod boards;
mod claim;
mod cm_backtrace;
mod crash;
mod duet;
mod espressif;
mod handlers;
mod linux;
mod mbed;
mod nuttx;
mod pattern;
mod px4;
mod radix;
mod reason;
mod zephyr;

use super::Context;
use super::machine::{Family, Machine};
use crate::carrier::text::Line;
use crate::dump::{Dump, Note};
use crate::error::Result;

pub use above::complete;
pub use assemble::usual_machine;
pub use boards::*;
pub use cm_backtrace::CM_BACKTRACE;
pub use crash::{Cell, Crash, Task, Word};
pub use duet::DUET;
pub use espressif::*;
pub use handlers::*;
pub use linux::*;
pub use mbed::MBED;
pub use nuttx::NUTTX;
pub use px4::PX4_LOG;
pub use radix::Printer;
pub(in crate::format) use radix::Radix;
pub(in crate::format) use reason::signal_of;
pub use zephyr::ZEPHYR_FATAL;

/// All of them, in the order in which they are tried.
pub static ALL: &[&Dialect] = &[
    &NUTTX,
    &PX4_LOG,
    &CM_BACKTRACE,
    &MBED,
    &DUET,
    &ZEPHYR_FATAL,
    &ESP_HAL,
    &ESPHOME,
    &TASMOTA,
    &U_BOOT,
    &OP_TEE,
    &TF_A,
    &LINUX,
    &RIOT,
    &MYNEWT_TEXT,
    &TOCK,
    &RUSEFI,
    &MICROPYTHON,
    &TEENSY,
    &FLIPPER,
    &MARLIN,
    &ARDUPILOT_WDOG,
    &PLAYDATE,
    &YIU,
    &STACKED,
    &CH32,
    &JLINK,
    &ARM9,
    &RT_THREAD,
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
    /// A line that says nothing.
    Skip(&'static str),
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

/// The lines of a crash as they should have been printed.
pub type Mend = fn(&[Line]) -> Vec<Line>;

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
    /// Lines that end it; nothing behind them counts.
    pub ends: &'static [&'static str],
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
    ends: &[],
    reach: 400,
    mend: None,
    rules: &[],
    names: &[],
    any_name: false,
    printer: Printer::Usual,
    family: |_| None,
    machine: usual_machine,
    arrange: |_| {},
    finish: |_, _| {},
};

/// The family of dialects that only Cortex-M devices print.
fn cortex_m(_: &Crash<'_>) -> Option<Family> {
    Some(Family::CortexM)
}

/// Whether some register has 64 bits.
fn is_wide(crash: &Crash<'_>) -> bool {
    crash.task.words.iter().any(|word| word.digits == 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::text::lines;

    #[test]
    fn every_sample_is_read_by_its_own_table_whole() {
        for dialect in ALL {
            let all: Vec<Line> = lines(dialect.sample.as_bytes()).collect();
            let crash = Crash::read(dialect, &all);
            let name = dialect.name;
            assert!(
                crash.task.words.len() + crash.titles.len() >= 2,
                "{name}: {:?}",
                crash.task.words
            );
            assert!(crash.task.words.iter().all(|word| word.value.is_some()), "{name}");
            assert!((dialect.family)(&crash).is_some(), "{name}: no machine");
            assert!(!dialect.starts.is_empty(), "{name}");
            let first = all.iter().position(|line| {
                dialect.starts.iter().any(|start| pattern::find(start, &line.text).is_some())
            });
            assert_eq!(first, Some(0), "{name}: begins with its first line");
        }
    }

    #[test]
    fn a_value_that_lost_digits_is_unknown() {
        let text = "***** BUS FAULT *****\nr0/a1:  0x00000001  r1/a2:  0x2000\n";
        let all: Vec<Line> = lines(text.as_bytes()).collect();
        let crash = Crash::read(&ZEPHYR_FATAL, &all);
        assert_eq!(crash.word("r0/a1"), Some(1));
        assert!(crash.has("r1/a2") && crash.word("r1/a2").is_none());
    }

    #[test]
    fn numbers_of_rust_are_known_where_their_radix_is() {
        let read = |text: &str| {
            let all: Vec<Line> = lines(text.as_bytes()).collect();
            let crash = Crash::read(&ESP_HAL, &all);
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
