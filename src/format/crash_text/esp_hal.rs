//! Exceptions and panics of the Rust runtime on Espressif's chips: esp-hal and esp-backtrace.
//!
//! A panic prints what Rust says of it and, below `Backtrace:`, an address a line; no registers. Nothing in it
//! names the chip, but the boot banner of the same log may. Since 0.18 an exception is a panic as well.
//!
//! Source: esp-rs/esp-hal `esp-hal/src/exception_handler/mod.rs` and `esp-backtrace/src/lib.rs` (445f467210c,
//! 0.14 to 0.17; 02c99786f97, 0.12 and 0.13, with `!! A panic occured`); its forms in esp-hal#1305, #4004
//! and esp32-hal#77.

use super::esp_panic::{CHIP_WORDS, chip_in};
use super::espressif::{espressif, family};
use super::{Address, Crash, Dialect, Printer, Rule, usual_machine};
use crate::dump::Note;
use crate::error::Result;
use crate::format::Context;
use crate::format::machine::{Family, Machine, machine_of, machine_told, xtensa_by_addresses};

const PANIC: &str = "====================== PANIC ======================";
const OLD_PANIC: &str = "!! A panic occured";

/// Exceptions of esp-hal and esp-backtrace.
pub(super) static ESP_HAL: Dialect = Dialect {
    sample: "\
Exception occured 'LoadProhibited'
Context
PC=0x42003b1e       PS=0x00060b30
A0=0x82003c52       A1=0x3fcd2a40       A2=0x00000000       A3=0x00000000       A4=0x3fccf848
SAR=00000016
EXCCAUSE=0x0000001c EXCVADDR=0x00000008
LBEG=0x00000000     LEND=0x00000000     LCOUNT=0x00000000

0x42003b1b
0x42003c4f
",
    starts: &[
        "Exception occured {on}'",
        "Exception occurred {on}'",
        "Exception: {text}, Context",
        "Exception '{text}' mepc=",
        "TrapFrame",
        PANIC,
        OLD_PANIC,
    ],
    rules: &[
        Rule::All(&[
            Rule::Title("Exception occured {on}'{text}'"),
            Rule::Title("Exception occurred {on}'{text}'"),
            Rule::Title("Exception: {text}, Context"),
            Rule::Title("Exception '{text}' mepc"),
            Rule::Register("mepc={hex}", "mepc"),
            Rule::Register("mtval={hex}", "mtval"),
            Rule::Registers("{name}: {number}"),
        ]),
        Rule::Skip(PANIC),
        Rule::Skip("PanicInfo {{"),
        Rule::Title(OLD_PANIC),
        Rule::Title("panicked at"),
        // The message stands on a line of its own.
        Rule::After("panicked at {file}:{line}:{column}:$", &[Rule::Title("{text}")]),
        Rule::After("A panic occured in {file}, column {dec}:$", &[Rule::Title("{text}")]),
        Rule::After("message: Some($", &[Rule::Title("{text}")]),
        Rule::Skip("Backtrace:"),
        Rule::Registers("{name}=0x{hex8}"),
        // Printed without 0x, behind names that have it.
        Rule::Register("SAR={hex8}", "sar"),
        // esp-backtrace takes the length of a call off the return addresses.
        Rule::Frame("^0x{hexpc}$", Address::Instruction),
    ],
    names: &[("mepc", "pc"), ("threadptr", "threadptr"), ("scompare1", "scompare1"), ("br", "br")],
    family: |crash| match () {
        () if crash.has("exccause") || crash.has("ps") => Some(Family::Xtensa),
        () if crash.has("mepc") || crash.has("ra") => Some(Family::RiscV32),
        // The name of the exception.
        () => family(crash),
    },
    printer: Printer::Either,
    chip_in: Some((CHIP_WORDS, chip_in)),
    machine,
    ..espressif("esp-hal", "esp-hal exception text")
};

/// A panic without registers: the chips in whose memory all its addresses can be tell the machine, if they
/// are of one kind.
fn machine(
    dialect: &Dialect,
    crash: &Crash<'_>,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    let known = crash.chip.as_deref().is_some_and(|chip| context.targets.chip(chip).is_ok());
    if known || (dialect.family)(crash).is_some() {
        return usual_machine(dialect, crash, context, notes);
    }
    if let Some(told) = machine_told(context)? {
        return Ok(told);
    }
    let addrs: Vec<u64> = crash.task.frames.iter().map(|frame| frame.pc).collect();
    let mut families = Vec::new();
    for name in context.targets.chip_names().filter(|name| name.starts_with("esp32")) {
        let chip = context.targets.chip(name)?;
        let family = context.targets.arch(&chip.arch)?.family;
        if addrs.iter().all(|addr| chip.memory_at(*addr).is_some()) && !families.contains(&family) {
            families.push(family);
        }
    }
    match families.as_slice() {
        [Family::Xtensa] => xtensa_by_addresses(dialect.name, &addrs, 1, context, notes),
        [only] => machine_of(context, *only),
        _ => {
            let words = "the text does not say which chip it is of: the register set is a guess";
            notes.push(Note::doubt(words).by(dialect.name).code("assumed"));
            machine_of(context, Family::RiscV32)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::{Carrier, CarrierOptions, Piece};
    use crate::dump::Dump;
    use crate::format::Format;
    use crate::targets::Targets;

    fn read(text: &str) -> Dump {
        let targets = Targets::built_in();
        let context =
            Context { targets: &targets, force: false, target: None, elf: None, frame: None };
        let piece = Piece::outermost(text.as_bytes().to_vec().into());
        let pieces = ESP_HAL.peel(&piece, &CarrierOptions::default());
        let pieces = pieces.expect("a panic").expect("no fault");
        assert_eq!(pieces.len(), 1, "{text}");
        ESP_HAL.read(pieces.first().expect("one"), &context).expect("it is readable")
    }

    #[test]
    fn a_panic_has_its_words_and_the_addresses_below_it() {
        let panic = "\n====================== PANIC ======================\n\
                     panicked at src/bin/main.rs:31:9:\nqueue is full: 12\n\nBacktrace:\n\n\
                     0x42000b7c\n0x42001f0a\n";
        let dump = read(panic);
        assert_eq!(dump.reason.words, "panicked at src/bin/main.rs:31:9: queue is full: 12");
        let pcs = |dump: &Dump| {
            let printed = &dump.threads.first().expect("one").printed;
            printed.iter().map(|frame| frame.pc).collect::<Vec<_>>()
        };
        assert_eq!(pcs(&dump), [0x4200_0b7c, 0x4200_1f0a]);
        assert!(
            dump.notes.iter().any(|note| note.words.contains("a guess")),
            "C3 and S3 have both"
        );
        let dump = read(&format!("ESP-ROM:esp32s3-20210327\n{panic}"));
        assert_eq!(dump.chip.map(|chip| chip.name.clone()).as_deref(), Some("esp32s3"));
        let old = "!! A panic occured in 'src/main.rs', at line 27, column 5:\nPanicInfo {\n    \
                   message: Some(\n        queue is full,\n    ),\n}\n\nBacktrace:\n\n0x42000b7c\n";
        let words = read(old).reason.words;
        assert!(words.contains("line 27") && words.ends_with("queue is full,"), "{words}");
    }
}
