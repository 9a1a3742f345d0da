//! UEFI's exceptions on AArch64: what EDK2 prints, on boards with a UEFI of their own and in servers.
//!
//! Source: EDK2 `ArmPkg/Library/DefaultExceptionHandlerLib/AArch64/DefaultExceptionHandler.c`
//! (edk2-stable202311); published reports of RK3566 boards.

use super::{Address, Dialect, PLAIN, Rule};
use crate::format::machine::Family;

/// UEFI's exceptions.
pub(super) static EDK2: Dialect = Dialect {
    name: "edk2-exception",
    title: "UEFI exception text (EDK2)",
    sample: "\
Synchronous Exception at 0x00000000BFE1A89C
PC 0x0000BFE1A89C (0x0000BFE19000+0x0000189C) [ 0] Blink.dll
PC 0x0000BFE1A444 (0x0000BFE19000+0x00001444) [ 0] Blink.dll

  X0 0x0000000000000000   X1 0x00000000BFE08910   X2 0x0000000000000000   X3 0x0000000000000001
 X28 0x0000000000000000   FP 0x000000003FFFEB50   LR 0x00000000BFE1A448

  SP 0x000000003FFFEB50  ELR 0x00000000BFE1A89C  SPSR 0x60000209  FPSR 0x00000000
 ESR 0x9600004F          FAR 0x00000000BFE08910

 ESR : EC 0x25  IL 0x1  ISS 0x0000004F

Data abort: Permission fault, third level
",
    starts: &[
        "Synchronous Exception at 0x{hex}",
        "IRQ Exception at 0x{hex}",
        "FIQ Exception at 0x{hex}",
        "SError Exception at 0x{hex}",
    ],
    rules: &[
        Rule::Says("Synchronous Exception at 0x", "synchronous exception"),
        Rule::Says("IRQ Exception at 0x", "unexpected IRQ"),
        Rule::Says("FIQ Exception at 0x", "unexpected FIQ"),
        Rule::Says("SError Exception at 0x", "SError"),
        Rule::Title("Data abort: {text}"),
        Rule::Title("Instruction abort: {text}"),
        Rule::Frame("PC 0x{hexpc} (0x{hexbase}+0x{hexoffset}) [", Address::Instruction),
        Rule::Skip("ESR : EC 0x"),
        Rule::Skip("V{dec} 0x{hex16} {hex16}"),
        Rule::All(&[
            Rule::Register("SP 0x{hex16}", "sp"),
            Rule::Register("ELR 0x{hex16}", "pc"),
            Rule::Register("SPSR 0x{hex8}", "cpsr"),
        ]),
        Rule::All(&[
            Rule::Register("ESR 0x{hex8}", "ESR_EL1"),
            Rule::Register("FAR 0x{hex16}", "FAR_EL1"),
        ]),
        Rule::Registers("{name} 0x{hex16}"),
        Rule::Memory("^{hexaddr}: {words}"),
    ],
    names: &[("fp", "x29"), ("lr", "x30")],
    family: |_| Some(Family::Aarch64),
    ..PLAIN
};
