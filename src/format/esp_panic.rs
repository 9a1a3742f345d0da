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

use super::fault_text::{add_stack, memory_words, pairs, registers, trap_reason};
use super::machine::{Machine, machine_of, machine_told, xtensa_by_addresses};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, FirmwareId, Note, Thread};
use crate::error::{Fault, Result};
use crate::reason::{FaultWord, Reason, Signal};
use crate::targets::Family;

const NAME: &str = "esp-panic";
const TITLE: &str = "register dump:";
const BACKTRACE: &str = "Backtrace:";
/// What the device says of itself before the registers.
const REASONS: [&str; 10] = [
    "Guru Meditation Error",
    "abort() was called",
    "assert failed",
    "assertion \"",
    "ESP_ERROR_CHECK failed",
    "***ERROR***",
    "panic'ed",
    "Debug exception reason",
    "Detected in task",
    "Task watchdog got triggered",
];
/// Those that tell more than the trap that the panic handler used.
const OWN: [&str; 6] = [
    "abort()",
    "assert failed",
    "assertion \"",
    "ESP_ERROR_CHECK failed",
    "***ERROR***",
    "Task watchdog got triggered",
];
/// How far before a backtrace its title may stand.
const LINES_BEFORE: usize = 12;
/// Where the panic handler has no trap to show, these hold this (`panic_prepare_frame_from_ctx`).
const TRAP_ROWS: [&str; 5] = ["MSTATUS", "MTVEC", "MCAUSE", "MTVAL", "MHARTID"];
const FILLER: u64 = 0xdead_c0de;
/// Panics that no instruction caused: EXCCAUSE or MCAUSE then hold ESP-IDF's own number.
const PSEUDO: [&str; 9] = [
    "Unknown reason",
    "debug exception",
    "Double exception",
    "kernel exception",
    "Coprocessor exception",
    "wdt timeout",
    "Cache ",
    "Stack protection fault",
    "Memory protection fault",
];
/// PS.WOE, which is always set where registers have windows.
const PS_WINDOWS: u64 = 1 << 18;

/// ESP-IDF's panic text.
pub struct EspPanic;

/// The panic texts in a log.
pub static ESP_PANIC_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[TITLE, BACKTRACE], starts: block_starts, is_title };

#[derive(Default)]
struct Core {
    number: u32,
    named: Vec<(String, u64)>,
    /// PC and SP as the first entry of its backtrace has them.
    backtrace: Option<(u64, u64)>,
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
        let text = Text::read(piece);
        let Some(first) = text.cores.first() else {
            let expected = "rows with PC or MEPC, or a backtrace";
            return Err(in_input(Fault::new(NAME, "register dump", 0, expected, "none")));
        };
        let mut notes = piece.notes.clone();
        let machine = machine(first, text.chip.as_deref(), context, &mut notes)?;
        let mut dump = Dump::new("ESP-IDF panic text", machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        let old = text.is_old();
        add_stack(&mut dump, NAME, text.memory);
        let crashed = text.titles.iter().find_map(|title| crashed_core(title));
        let windowed = dump.arch.register("windowbase").is_some();
        for (index, core) in text.cores.iter().enumerate() {
            let id = (index as u64).saturating_add(1);
            let mut named = core.named.clone();
            if let (None, Some((pc, sp))) = (core.pc(), core.backtrace) {
                let call = if windowed && !old { 3 } else { 0 };
                let name = if windowed { "A1" } else { "SP" };
                named.push(("PC".into(), pc.saturating_add(call)));
                named.push((name.into(), sp));
                dump.notes.push(Note::info(format!(
                    "{NAME}: core {} printed no registers: pc and stack pointer are the first of \
                     its backtrace",
                    core.number
                )));
            }
            let mut thread = Thread::new(id, registers(&dump.arch, &named));
            thread.name = Some(format!("core {}", core.number));
            thread.core = Some(core.number);
            dump.threads.push(thread);
        }
        let index =
            text.cores.iter().position(|core| Some(core.number) == crashed).unwrap_or_default();
        let mut first = dump.threads.remove(index);
        first.crashed = true;
        if let Some(task) = text.titles.iter().find_map(|title| task_in(title)) {
            first.name = Some(task);
        }
        dump.threads.insert(0, first);
        if let Some(reason) = reason(&dump, &text.titles) {
            dump.reason = reason;
        }
        // Arduino's core 1.x prints zeros: its loader does not know the hash.
        let told = |digits: &String| digits.len() >= 8 && digits.bytes().any(|digit| digit != b'0');
        if let Some(digits) = text.sha256.filter(told) {
            dump.identity.firmware.push(FirmwareId::ElfSha256(digits));
        }
        dump.texts = text.titles;
        dump.notes.push(Note::info(
            "a panic text holds registers and some of the stack: variables are not in it",
        ));
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
}

/// What the lines of a panic say.
#[derive(Default)]
struct Text {
    cores: Vec<Core>,
    memory: Vec<(u64, Vec<u8>)>,
    titles: Vec<String>,
    sha256: Option<String>,
    /// Whether a line says whose backtrace comes.
    announced: bool,
    /// What the chip's ROM calls itself when it boots again.
    chip: Option<String>,
}

impl Text {
    fn read(piece: &Piece) -> Text {
        let mut read = Text::default();
        // The core whose registers or backtrace come next.
        let mut next = None;
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if let Some(number) = core_number(text) {
                read.cores.push(Core { number, ..Core::default() });
            } else if let Some((_, digits)) = text.split_once("ELF file SHA256:") {
                let digits = digits.trim();
                // A low-power core says in words that it has none.
                if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    read.sha256 = Some(digits.to_ascii_lowercase());
                }
            } else if let Some(chip) = chip_that_boots(text) {
                read.chip = read.chip.or(Some(chip));
            } else if let Some((_, number)) = text.split_once("Print CPU ") {
                read.announced = true;
                next = number.split(' ').next().and_then(|number| number.parse().ok());
            } else if let Some(pair) = first_of_backtrace(text) {
                read.titles.push(text.to_string());
                match read.cores.last_mut() {
                    Some(core) if core.backtrace.is_none() && core.pc().is_some() => {
                        core.backtrace = Some(pair);
                    }
                    _ => {
                        let told = || read.titles.iter().find_map(|title| crashed_core(title));
                        let number = next.take().or_else(told).unwrap_or_default();
                        let backtrace = Some(pair);
                        read.cores.push(Core { number, backtrace, named: Vec::new() });
                    }
                }
            } else if is_title(text) {
                read.titles.push(text.to_string());
            } else if let Some(words) = stack_row(text) {
                read.memory.push(words);
            } else if let Some(core) = read.cores.last_mut() {
                let found = pairs(text, ':').into_iter().filter(|(name, _)| is_name(name));
                core.named.extend(found.filter(|(name, value)| {
                    *value != FILLER || !TRAP_ROWS.contains(&name.as_str())
                }));
            }
        }
        read.cores.retain(|core| core.pc().is_some() || core.backtrace.is_some());
        read
    }
}

impl Text {
    /// Whether it is of a release before 4.0, which printed the program counter as it was: nothing
    /// that newer ones have is there.
    fn is_old(&self) -> bool {
        let assertion = |title: &String| title.contains("assert failed");
        // Up to 4.4 newer ones left out the blank.
        let unspaced = |title: &String| title.contains("Backtrace:0x");
        let newer = |title: &String| assertion(title) || unspaced(title);
        self.sha256.is_none() && !self.announced && !self.titles.iter().any(newer)
    }
}

/// Which chip printed the registers of `core`; `rom` is what its ROM calls it.
fn machine(
    core: &Core,
    rom: Option<&str>,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    let riscv = core.value("MEPC").is_some();
    let chip = rom.filter(|_| context.target.is_none());
    if let Some(chip) = chip.and_then(|name| context.targets.chip(name).ok()) {
        let arch = context.targets.arch(&chip.arch)?;
        let family = Some(arch.family);
        let fits = match family {
            Some(Family::RiscV32) => riscv || core.pc().is_none(),
            Some(Family::Xtensa) => !riscv,
            _ => false,
        };
        if fits {
            return Ok(Machine { arch, chip: Some(chip) });
        }
    }
    if riscv {
        return machine_of(context, Family::RiscV32);
    }
    let without_windows = core.value("PS").is_some_and(|ps| ps & PS_WINDOWS == 0);
    if without_windows && core.value("EXCVADDR").is_none() && context.target.is_none() {
        let chip = context.targets.chip("esp8266")?;
        return Ok(Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) });
    }
    let Some(pc) = core.value("PC") else {
        // A backtrace alone looks the same on both.
        let told = machine_told(context)?;
        if let Some(told) = told.filter(|m| m.arch.family == Family::RiscV32) {
            return Ok(told);
        }
        let addrs = core.backtrace.map(|(pc, sp)| vec![pc, sp]).unwrap_or_default();
        return xtensa_by_addresses(NAME, &addrs, context, notes);
    };
    // a0 has the size of the window in its top bits, so it is no address.
    let addrs: Vec<u64> = [Some(pc), core.value("A1")].into_iter().flatten().collect();
    xtensa_by_addresses(NAME, &addrs, context, notes)
}

/// What went wrong: in the device's words where these tell more than the trap registers.
fn reason(dump: &Dump, titles: &[String]) -> Option<Reason> {
    let own = titles.iter().find(|title| OWN.iter().any(|own| title.contains(own)));
    let trap = trap_reason(dump);
    if let Some(title) = own {
        let evidence = trap.map(|trap| trap.evidence).unwrap_or_default();
        return Some(Reason::new(Signal::Abrt, title.clone(), evidence));
    }
    let between = |title: &str| {
        let (_, behind) = title.split_once("panic'ed (")?;
        Some(behind.split(')').next()?.to_string())
    };
    let told = titles.iter().find_map(|title| between(title));
    let Some(told) = told.filter(|told| PSEUDO.iter().any(|pseudo| told.contains(pseudo))) else {
        return trap;
    };
    let registers = &dump.crashed()?.registers;
    let at = registers.pc().map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
    let details = titles.iter().filter_map(|title| title.split_once("Debug exception reason:"));
    let details: String = details.map(|(_, words)| format!(": {}", words.trim())).collect();
    let number = ["exccause", "mcause"].into_iter().find_map(|n| Some((n, registers.by_name(n)?)));
    let evidence = number.map(|(name, value)| FaultWord {
        name: name.into(),
        value,
        words: "ESP-IDF's own number of a panic that no instruction caused".into(),
    });
    Some(Reason::new(Signal::Abrt, format!("{told}{details}{at}"), evidence.into_iter().collect()))
}

fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts: Vec<usize> = Vec::new();
    let mut seen = Vec::new();
    // Whether what comes belongs to the last start, and where a title may stand.
    let (mut open, mut free) = (false, 0);
    for (index, line) in all.iter().enumerate() {
        let text = line.text.as_str();
        if let Some(core) = core_number(text) {
            // The other core's registers belong to the same panic.
            if !open || seen.contains(&core) {
                starts.push(index);
                seen.clear();
            }
            seen.push(core);
            (open, free) = (true, index.saturating_add(1));
        } else if !open && first_of_backtrace(text).is_some() {
            // Others print backtraces of this form as well: only the title tells.
            let earliest = index.saturating_sub(LINES_BEFORE).max(free);
            let before = all.get(earliest..index).unwrap_or_default();
            if before.iter().any(|line| is_title(&line.text)) {
                starts.push(index);
                seen.clear();
                (open, free) = (true, index.saturating_add(1));
            }
        } else if is_title(text) || text.contains("Rebooting...") || text.contains("CPU halted") {
            open = false;
        }
    }
    starts
}

fn is_title(text: &str) -> bool {
    REASONS.iter().any(|reason| text.contains(reason))
}

/// `Core  0 register dump:`.
fn core_number(text: &str) -> Option<u32> {
    let (before, _) = text.split_once(TITLE)?;
    before.trim_end().rsplit_once("Core")?.1.trim().parse().ok()
}

/// `Guru Meditation Error: Core  1 panic'ed (LoadProhibited)`, `... on core 0`.
fn crashed_core(text: &str) -> Option<u32> {
    let behind = text.split_once("Core ").or_else(|| text.split_once("on core "))?.1;
    behind.trim_start().split(' ').next()?.parse().ok()
}

/// `ESP-ROM:esp32s3-20210327`; only the first ESP32's ROM begins with these dates.
fn chip_that_boots(text: &str) -> Option<String> {
    if let Some((_, rom)) = text.split_once("ESP-ROM:") {
        return rom.split('-').next().map(|chip| chip.trim().to_string());
    }
    let first = ["ets Jun  8 2016", "ets Jul 29 2019"].iter().any(|date| text.contains(date));
    first.then(|| "esp32".to_string())
}

/// `Backtrace: 0x400d15ee:0x3ffb4950 ...`, up to 4.x without the blanks: its first PC and SP.
fn first_of_backtrace(text: &str) -> Option<(u64, u64)> {
    let (_, pairs) = text.split_once(BACKTRACE)?;
    let (pc, rest) = pairs.trim_start().strip_prefix("0x")?.split_once(':')?;
    let sp = rest.trim_start().strip_prefix("0x")?;
    let end = sp.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(sp.len());
    let word = |digits: &str| u32::from_str_radix(digits, 16).ok();
    Some((word(pc.trim_end())?.into(), word(sp.get(..end)?)?.into()))
}

/// `***ERROR*** A stack overflow in task NAME has been detected.`, `Detected in task "NAME" at
/// 0x...`, `Stack canary watchpoint triggered (NAME)`.
fn task_in(title: &str) -> Option<String> {
    let between = |before: &str, end: &str| {
        let (_, behind) = title.split_once(before)?;
        Some(behind.split_once(end)?.0.trim().to_string())
    };
    between("stack overflow in task ", " has been")
        .or_else(|| between("Detected in task \"", "\""))
        .or_else(|| between("Stack canary watchpoint triggered (", ")"))
        .filter(|name| !name.is_empty())
}

/// `3fc93a80: 0x00000000 0x3fc93ab0 ...`.
fn stack_row(text: &str) -> Option<(u64, Vec<u8>)> {
    let (addr, _) = text.split_once(':')?;
    (addr.len() == 8 && addr.bytes().all(|b| b.is_ascii_hexdigit())).then(|| memory_words(text))?
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'/')
}
