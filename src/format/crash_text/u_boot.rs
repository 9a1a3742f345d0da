//! U-Boot's exceptions on Arm, AArch64 and RISC-V.
//!
//! Source: U-Boot `arch/arm/lib/interrupts.c`, `interrupts_64.c`, `arch/riscv/lib/interrupts.c` (6073c36b2c8;
//! far since 2023, relocated addresses in all).

use super::{Address, Dialect, PLAIN, Rule, is_wide};
use crate::format::machine::Family;
use crate::reason::Signal;

/// U-Boot's exceptions.
pub(super) static U_BOOT: Dialect = Dialect {
    name: "u-boot",
    title: "U-Boot exception text",
    sample: "\
\"Synchronous Abort\" handler, esr 0x96000004, far 0x18
elr: 0000000041df5110 lr : 0000000041dfacc4 (reloc)
elr: 000000004ff2e110 lr : 000000004ff33cc4
x0 : 0000000000000001 x1 : 0000000000000000
x2 : 000000004faf0bfa x3 : 0000000000000001

Code: f9400021 b40000a1 52800000 b9400422 (b9000c22)
Resetting CPU ...
",
    starts: &[
        "\"Synchronous Abort\" handler, esr 0x",
        "\"Error\" handler, esr 0x",
        "\"Irq\" handler, esr 0x",
        "\"Fiq\" handler, esr 0x",
        "Unhandled exception: {text}",
        "Unhandled exception code: {text}",
        "^data abort$",
        "^prefetch abort$",
        "^undefined instruction$",
        "^software interrupt$",
    ],
    nested: &["Code: \""],
    ends: &["Resetting CPU ...", "^resetting ..."],
    rules: &[
        Rule::All(&[
            Rule::Title("\"{text}\" handler, esr"),
            Rule::Register("handler, esr 0x{hex}", "ESR_EL1"),
            Rule::Register("far 0x{hex}", "FAR_EL1"),
        ]),
        Rule::Title("Unhandled exception: {text}"),
        Rule::Title("Unhandled exception code: {text}"),
        Rule::Title("^data abort$"),
        Rule::Title("^prefetch abort$"),
        Rule::Title("^undefined instruction$"),
        Rule::Title("^software interrupt$"),
        Rule::Register("elr: {hex16} lr : {hexlr} (reloc)", "linked pc"),
        Rule::Register("reloc pc : [<{hex8}>]", "linked pc"),
        Rule::Register("EPC: {hex8} RA: {hexra} reloc adjusted", "linked pc"),
        Rule::Frame("{dec}: FP: {hexsp} RA: {hexpc}", Address::Return),
        Rule::Fact("Flags: {text}", "flags"),
        Rule::Fact("Code: {text}", "code"),
        Rule::Registers("{name} : [<{hex8}>]"),
        Rule::Registers("x {index}: {hex16}"),
        Rule::Registers("{name} : {hex8}"),
    ],
    names: &[("elr", "pc"), ("tval", "mtval"), ("fp", "r11")],
    family: |crash| {
        Some(match () {
            () if crash.has("x0") || crash.has("elr") => Family::Aarch64,
            () if crash.has("epc") && is_wide(crash) => Family::RiscV64,
            () if crash.has("epc") => Family::RiscV32,
            () if crash.has("pc") => Family::Arm,
            () => return None,
        })
    },
    finish: |dump, crash| {
        let pc = dump.crashed().and_then(|thread| thread.registers.pc());
        if let (Some(pc), Some(linked)) = (pc, crash.word("linked pc"))
            && pc != linked
        {
            dump.process.get_or_insert_default().slide = pc.wrapping_sub(linked);
        }
        if dump.reason.words == "Error" {
            dump.reason.signal = Some(Signal::Bus);
        }
    },
    ..PLAIN
};
