//! ESP-IDF's panic text: what a chip prints when no core dump is configured.
//!
//! * RISC-V: `Core  0 register dump:`, rows of `MEPC    : 0x4200...`, then `Stack memory:` and
//!   rows `3fc93a80: 0x...` of eight words;
//! * Xtensa: the same title, rows PC PS A0-A15 SAR EXCCAUSE EXCVADDR LBEG LEND LCOUNT, then
//!   `Backtrace: PC:SP PC:SP ...` and no memory;
//! * both: before it `Guru Meditation Error: Core  1 panic'ed (...)`, or what abort and assert
//!   say; behind it `ELF file SHA256: <digits>`.
//!
//! A chip with two cores prints a register dump of each. ESP32 Arduino prints the same, in 1.x with
//! one blank before the core's number and a hash of zeros.
//!
//! Source: ESP-IDF v4.1 to v6.0, `components/esp_system/port/arch/*/panic_arch.c`, `panic.c`;
//! what Espressif's decoder `esp_idf_panic_decoder` 1.2 takes. No real log is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::{add_stack, memory_words, pairs, registers, trap_reason};
use super::machine::{Family, machine_of, xtensa_by_addresses};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, FirmwareId, Note, Thread};
use crate::error::{Fault, Result};

const NAME: &str = "esp-panic";
const TITLE: &str = "register dump:";
/// What the device says of itself before the registers.
const REASONS: [&str; 5] =
    ["Guru Meditation Error", "abort() was called", "assert failed", "***ERROR***", "panic'ed"];

/// ESP-IDF's panic text.
pub struct EspPanic;

/// The panic texts in a log.
pub static ESP_PANIC_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[TITLE], starts: block_starts, is_title };

#[derive(Default)]
struct Core {
    number: u32,
    named: Vec<(String, u64)>,
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
        let mut cores: Vec<Core> = Vec::new();
        let mut memory = Vec::new();
        let mut texts = Vec::new();
        let mut sha256 = None;
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if let Some(number) = core_number(text) {
                cores.push(Core { number, ..Core::default() });
            } else if let Some((_, digits)) = text.split_once("ELF file SHA256:") {
                sha256 = Some(digits.trim().to_ascii_lowercase());
            } else if is_title(text) || text.starts_with("Backtrace:") {
                texts.push(text.to_string());
            } else if let Some(words) = stack_row(text) {
                memory.push(words);
            } else if let Some(core) = cores.last_mut() {
                core.named.extend(pairs(text, ':').into_iter().filter(|(name, _)| is_name(name)));
            }
        }
        let has = |core: &Core, wanted: &str| core.named.iter().any(|(name, _)| name == wanted);
        cores.retain(|core| has(core, "PC") || has(core, "MEPC"));
        let Some(first) = cores.first() else {
            let expected = "rows with PC or MEPC";
            return Err(in_input(Fault::new(NAME, "register dump", 0, expected, "none")));
        };
        let mut notes = piece.notes.clone();
        let machine = if has(first, "MEPC") {
            machine_of(context, Family::RiscV32)?
        } else {
            let value = |wanted: &str| first.named.iter().find(|(name, _)| name == wanted);
            // a0 has the size of the window in its top bits, so it is no address.
            let addrs: Vec<u64> = ["PC", "A1"].iter().filter_map(|n| Some(value(n)?.1)).collect();
            xtensa_by_addresses(NAME, &addrs, context, &mut notes)?
        };
        let mut dump = Dump::new("ESP-IDF panic text", machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        add_stack(&mut dump, NAME, memory);
        let crashed = texts.iter().find_map(|text| crashed_core(text));
        for (index, core) in cores.iter().enumerate() {
            let id = (index as u64).saturating_add(1);
            let mut thread = Thread::new(id, registers(&dump.arch, &core.named));
            thread.name = Some(format!("core {}", core.number));
            thread.core = Some(core.number);
            dump.threads.push(thread);
        }
        let index = cores.iter().position(|core| Some(core.number) == crashed).unwrap_or_default();
        let mut first = dump.threads.remove(index);
        first.crashed = true;
        dump.threads.insert(0, first);
        if let Some(reason) = trap_reason(&dump) {
            dump.reason = reason;
        }
        // What the device says of itself counts more than the trap that its panic handler used.
        let own = ["abort()", "assert failed", "***ERROR***"];
        if let Some(text) = texts.iter().find(|text| own.iter().any(|own| text.contains(own))) {
            dump.reason.words.clone_from(text);
            dump.reason.signal = crate::reason::Signal::Abrt;
        }
        // Arduino's core 1.x prints zeros: its loader does not know the hash.
        let told = |digits: &String| digits.len() >= 8 && digits.bytes().any(|digit| digit != b'0');
        if let Some(digits) = sha256.filter(told) {
            dump.identity.firmware.push(FirmwareId::ElfSha256(digits));
        }
        dump.texts = texts;
        dump.notes.push(Note::info(
            "a panic text holds registers and some of the stack: variables are not in it",
        ));
        Ok(dump)
    }
}

fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut seen = Vec::new();
    for (index, line) in all.iter().enumerate() {
        let Some(core) = core_number(&line.text) else { continue };
        // The other core's registers belong to the same panic.
        if starts.is_empty() || seen.contains(&core) {
            starts.push(index);
            seen.clear();
        }
        seen.push(core);
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

/// `3fc93a80: 0x00000000 0x3fc93ab0 ...`.
fn stack_row(text: &str) -> Option<(u64, Vec<u8>)> {
    let (addr, _) = text.split_once(':')?;
    (addr.len() == 8 && addr.bytes().all(|b| b.is_ascii_hexdigit())).then(|| memory_words(text))?
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'/')
}
