//! ESP-IDF's panic text: what a chip prints when no core dump is configured.
//!
//! * RISC-V: `Core  0 register dump:`, rows of `MEPC    : 0x4200...`, then `Stack memory:` and
//!   rows `3fc93a80: 0x...` of eight words;
//! * Xtensa: the same title, rows PC PS A0-A15 SAR EXCCAUSE EXCVADDR LBEG LEND LCOUNT, then
//!   `Backtrace: PC:SP PC:SP ...` and no memory;
//! * both: before it `Guru Meditation Error: Core  1 panic'ed (...)`, or what abort and assert
//!   say; behind it `ELF file SHA256: <digits>`.
//!
//! The texts name no chip, but its ROM does when it boots again.
//!
//! Where a panic ends its text ends: the ROM prints a `Saved PC:` of its own at the next start, and the
//! program whatever it likes. A line that says nothing known stays as text.
//!
//! A chip with two cores prints a register dump of each. After abort, a failed assertion or an
//! overflowed stack most releases print no registers where they can print a backtrace: PC and SP of
//! its first entry are then all that is known. From 4.0 on, Xtensa prints there the address of the
//! call, three below the register; those releases print the hash as well. ESP32 Arduino prints the
//! same, in 1.x with one blank before the core's number and a hash of zeros.
//!
//! ESP8266_RTOS_SDK 3.3 and newer print their registers under the same titles, but only PC PS
//! A0-A15 SAR EXCCAUSE: the ESP8266 has no windows and no loops.
//!
//! Sources: espressif/esp-idf, `panic.c` as it was up to 3.3 (in a copy for the ESP32-S2), and of
//! v4.1 to v6.0 `components/esp_system/panic.c` (00a7ecb5a31),
//! `port/panic_handler.c` (04987ac201f), `port/arch/riscv/panic_arch.c` (09487761cff),
//! `port/arch/xtensa/panic_arch.c` (002cd296e1a) and `debug_helpers.c`; `ulp/lp_core/lp_core_panic.c`;
//! espressif/ESP8266_RTOS_SDK `components/freertos/port/esp8266/panic.c` (2a65b024e7c); what
//! Espressif's decoder `esp_idf_panic_decoder` 1.2 takes. No real log is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod blocks;
mod reason;
mod words;

pub use blocks::{EspBacktraceAlone, EspPanicBlocks};

use super::fault_text::{add_stack, registers};
use super::machine::{Family, Machine, machine_of, machine_told, xtensa_by_addresses};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::text::lines;
use crate::dump::{Dump, FirmwareId, Note, PrintedFrame, Stack, Thread};
use crate::error::{Fault, Result};

const NAME: &str = "esp-panic";
/// Where the panic handler has no trap to show, these hold this (`panic_prepare_frame_from_ctx`).
const TRAP_ROWS: [&str; 5] = ["MSTATUS", "MTVEC", "MCAUSE", "MTVAL", "MHARTID"];
const FILLER: u64 = 0xdead_c0de;
/// Registers that only one of the two architectures has, by the names in the text.
const RISCV_NAMES: [&str; 6] = ["MEPC", "RA", "GP", "TP", "MSTATUS", "S0/FP"];
/// PS.WOE, which is always set where registers have windows.
const PS_WINDOWS: u64 = 1 << 18;

/// ESP-IDF's panic text.
pub struct EspPanic;

#[derive(Default)]
struct Core {
    number: u32,
    /// No line says whose registers they are.
    nameless: bool,
    named: Vec<(String, u64)>,
    /// Names of registers whose values lost digits.
    cut: Vec<String>,
    backtrace: Vec<PrintedFrame>,
    /// The line with the backtrace says that it goes on, or that the stack is corrupt.
    backtrace_broken: bool,
    in_interrupt: bool,
}

impl Format for EspPanic {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "ESP-IDF panic text"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut text = Text::read(piece);
        if text.cores.is_empty() && !text.titles.iter().any(|title| words::is_panic(title)) {
            let expected = "rows with PC or MEPC, or a backtrace";
            return Err(in_input(Fault::new(NAME, "register dump", 0, expected, "none")));
        }
        let mut notes = piece.notes.clone();
        let machine = text.machine(context, &mut notes)?;
        let mut dump = Dump::new("ESP-IDF panic text", machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        let crashed = text.titles.iter().find_map(|title| words::crashed_core(title));
        let old = text.is_old();
        add_stack(&mut dump, NAME, std::mem::take(&mut text.memory));
        for core in &mut text.cores {
            if core.nameless {
                core.number = crashed.unwrap_or(core.number);
            }
        }
        for (index, core) in text.cores.iter().enumerate() {
            let id = (index as u64).saturating_add(1);
            let thread = core.thread(id, old, &mut dump);
            dump.threads.push(thread);
        }
        if text.cores.is_empty() {
            // That there was a context is all that is known of it.
            let number = crashed.unwrap_or_default();
            let core = Core { number, ..Core::default() };
            let thread = core.thread(1, old, &mut dump);
            dump.threads.push(thread);
        }
        let index = text.cores.iter().position(|core| Some(core.number) == crashed);
        if !dump.threads.is_empty() {
            let mut first = dump.threads.remove(index.unwrap_or_default());
            first.crashed = true;
            if let Some(task) = text.titles.iter().find_map(|title| words::task_in(title)) {
                first.name = Some(task);
            }
            first.stack = text.stack;
            dump.threads.insert(0, first);
        }
        if let Some(reason) = reason::reason(&dump, &text.titles) {
            dump.reason = reason;
        }
        // Arduino's core 1.x prints zeros: its loader does not know the hash.
        let told = |digits: &String| digits.len() >= 8 && digits.bytes().any(|digit| digit != b'0');
        if let Some(digits) = text.sha256.filter(told) {
            dump.identity.firmware.push(FirmwareId::ElfSha256(digits));
        }
        dump.texts = text.texts;
        dump.notes.push(Note::info(match text.cores.is_empty() {
            true => "the text says what happened and holds no registers and no backtrace",
            false => "a panic text holds registers and some of the stack: variables are not in it",
        }));
        Ok(dump)
    }
}

impl Core {
    fn value(&self, wanted: &str) -> Option<u64> {
        self.named.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value)
    }

    fn pc(&self) -> Option<u64> {
        self.value("PC").or(self.value("MEPC"))
    }

    fn thread(&self, id: u64, old: bool, dump: &mut Dump) -> Thread {
        let mut named = self.named.clone();
        let windowed = dump.arch.register("windowbase").is_some();
        if let (None, Some(first)) = (self.pc(), self.backtrace.first()) {
            let call = if windowed && !old { 3 } else { 0 };
            let name = if windowed { "A1" } else { "SP" };
            named.push(("PC".into(), first.pc.saturating_add(call)));
            named.extend(first.sp.map(|sp| (name.into(), sp)));
            let words = format!(
                "core {} printed no registers: pc and stack pointer are the first of its backtrace",
                self.number
            );
            dump.notes.push(Note::info(words).by(NAME));
        }
        if !self.cut.is_empty() {
            let words =
                format!("values that lost digits on the way are unknown: {}", self.cut.join(", "));
            dump.notes.push(Note::warning(words).by(NAME).code("cut-value"));
        }
        if self.backtrace_broken {
            let words = "the device says that its backtrace is not whole";
            dump.notes.push(Note::warning(words).by(NAME));
        }
        let mut thread = Thread::new(id, registers(&dump.arch, &named));
        thread.name = Some(format!("core {}", self.number));
        thread.core = Some(self.number);
        thread.printed.clone_from(&self.backtrace);
        if self.in_interrupt {
            thread.remarks.push("was running in an interrupt".into());
        }
        thread
    }
}

/// What the lines of a panic say.
#[derive(Default)]
struct Text {
    cores: Vec<Core>,
    memory: Vec<(u64, Vec<u8>)>,
    titles: Vec<String>,
    /// All lines that are no registers and no memory.
    texts: Vec<String>,
    sha256: Option<String>,
    stack: Option<Stack>,
    /// Whether a line says whose backtrace comes.
    announced: bool,
    /// What the chip calls itself when it boots.
    chip: Option<String>,
}

/// More lines of a panic are not kept.
const MAX_TEXTS: usize = 200;
/// More register sets and backtraces one panic does not have: it is damaged, or a log of many.
const MAX_CORES: usize = 64;

impl Text {
    fn read(piece: &Piece) -> Text {
        let mut read = Text::default();
        // The core whose registers or backtrace come next.
        let mut next = None;
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if let Some(chip) = words::chip_named(text) {
                read.chip = read.chip.or(Some(chip));
                continue;
            }
            if let Some(number) = words::core_number(text) {
                if read.cores.len() < MAX_CORES {
                    let nameless = words::is_nameless(text);
                    read.cores.push(Core { number, nameless, ..Core::default() });
                }
                continue;
            }
            if let Some(row) = words::memory(text) {
                read.memory.push(row);
                continue;
            }
            if read.add_registers(text) {
                continue;
            }
            if read.texts.len() < MAX_TEXTS {
                read.texts.push(text.to_string());
            }
            let frames = words::backtrace(text);
            let is_more = read.titles.len() < MAX_TEXTS;
            if let Some((_, digits)) = text.split_once("ELF file SHA256:") {
                let digits = digits.trim();
                // A low-power core says in words that it has none.
                if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    read.sha256 = Some(digits.to_ascii_lowercase());
                }
            } else if let Some((_, number)) = text.split_once("Print CPU ") {
                read.announced = true;
                next = number.split(' ').next().and_then(|number| number.parse().ok());
            } else if !frames.is_empty() {
                if is_more {
                    read.titles.push(text.to_string());
                }
                read.add_backtrace(frames, text, next.take());
            } else if let Some((low, high)) = words::stack_bounds(text) {
                read.stack = Some(Stack { low, high });
            } else if words::is_title(text) && is_more {
                read.titles.push(text.to_string());
            } else if text.contains("was running in ISR context")
                && let Some(core) = read.cores.last_mut()
            {
                core.in_interrupt = true;
            }
        }
        read.cores.retain(|core| core.pc().is_some() || !core.backtrace.is_empty());
        read
    }

    /// Takes a row of registers; the line is no text then.
    fn add_registers(&mut self, text: &str) -> bool {
        let Some(core) = self.cores.last_mut() else { return false };
        let found = words::registers(text);
        if found.is_empty() {
            return false;
        }
        for (name, value) in found {
            let known = core.named.iter().any(|(had, _)| *had == name);
            match value {
                Some(FILLER) if TRAP_ROWS.contains(&name.as_str()) => {}
                Some(value) if !known => core.named.push((name, value)),
                Some(_) => {}
                None => core.cut.push(name),
            }
        }
        true
    }

    fn add_backtrace(&mut self, frames: Vec<PrintedFrame>, text: &str, next: Option<u32>) {
        let broken = text.contains("CORRUPTED") || text.contains("CONTINUES");
        let is_full = self.cores.len() >= MAX_CORES;
        match self.cores.last_mut() {
            Some(core) if core.backtrace.is_empty() && core.pc().is_some() => {
                core.backtrace = frames;
                core.backtrace_broken = broken;
            }
            _ if is_full => {}
            _ => {
                let told = || self.titles.iter().find_map(|title| words::crashed_core(title));
                self.cores.push(Core {
                    number: next.or_else(told).unwrap_or_default(),
                    backtrace: frames,
                    backtrace_broken: broken,
                    ..Core::default()
                });
            }
        }
    }

    /// Whether it is of a release before 4.0, which printed the program counter as it was: nothing
    /// that newer ones have is there.
    fn is_old(&self) -> bool {
        let assertion = |title: &String| title.contains("assert failed");
        // Up to 4.4 newer ones left out the blank.
        let unspaced = |title: &String| title.contains("acktrace:0x");
        let newer = |title: &String| assertion(title) || unspaced(title);
        self.sha256.is_none() && !self.announced && !self.titles.iter().any(newer)
    }

    /// Which chip printed the text.
    fn machine(&self, context: &Context<'_>, notes: &mut Vec<Note>) -> Result<Machine> {
        let has = |name: &&str| self.cores.iter().any(|core| core.value(name).is_some());
        let riscv = RISCV_NAMES.iter().any(has);
        let xtensa = ["PS", "EXCCAUSE", "SAR"].iter().any(has);
        let chip = self.chip.as_deref().filter(|_| context.target.is_none());
        if let Some(chip) = chip.and_then(|name| context.targets.chip(name).ok()) {
            let arch = context.targets.arch(&chip.arch)?;
            let fits = match arch.family {
                Family::RiscV32 => !xtensa,
                Family::Xtensa => !riscv,
                _ => false,
            };
            if fits {
                return Ok(Machine { arch, chip: Some(chip) });
            }
        }
        if riscv {
            return machine_of(context, Family::RiscV32);
        }
        let Some(first) = self.cores.first() else {
            if let Some(told) = machine_told(context)? {
                return Ok(told);
            }
            let words = "the text does not say which chip it is of: the register set is a guess";
            notes.push(Note::doubt(words).by(NAME));
            return machine_of(context, Family::Xtensa);
        };
        let without_windows = first.value("PS").is_some_and(|ps| ps & PS_WINDOWS == 0);
        if without_windows && first.value("EXCVADDR").is_none() && context.target.is_none() {
            let chip = context.targets.chip("esp8266")?;
            return Ok(Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) });
        }
        if first.pc().is_none() {
            // A backtrace alone looks the same on both.
            let told = machine_told(context)?;
            if let Some(told) = told.filter(|m| m.arch.family == Family::RiscV32) {
                return Ok(told);
            }
        }
        // a0 has the size of the window in its top bits, so it is no address.
        let of_core = |core: &Core| {
            let named = [core.pc(), core.value("A1")].into_iter().flatten();
            let printed =
                core.backtrace.iter().flat_map(|frame| [Some(frame.pc), frame.sp]).flatten();
            named.chain(printed).collect::<Vec<u64>>()
        };
        let addrs: Vec<u64> = self.cores.iter().flat_map(of_core).collect();
        let cores = self.cores.iter().map(|core| core.number.saturating_add(1)).max().unwrap_or(1);
        xtensa_by_addresses(NAME, &addrs, cores, context, notes)
    }
}
