//! Tock's kernel panics, on Cortex-M and RISC-V.
//!
//! Source: tock `arch/cortex-v7m/src/lib.rs` and `arch/cortex-m/src/lib.rs` (65608d717, and its forms of 2.0 and
//! 2.1).

use super::{Dialect, Rule, on_cortex_m};
use crate::format::machine::Family;

/// Tock's kernel panics.
pub(super) static TOCK: Dialect = Dialect {
    sample: "\
panicked at 'Kernel HardFault.
	Kernel version release-2.1
	r0  0x2000160c
	lr  0x80394e9
	pc  0x8005fa6
	prs 0x81000000 [ N 0 Z 1 C 1 V 0 Q 0 GE 0000 ; ICI.IT 0 T true ; Exc 0-Thread Mode ]
	sp  0x2000fbf0
	CFSR  0x8200
	HSFR  0x40000000
	Precise Data Bus Error:             true
	Faulting Memory Address:            0x50060810
",
    above: &["panicked at", "Kernel panic at"],
    starts: &[
        "Kernel HardFault.",
        "Process HardFault.",
        "---| Cortex-M Fault Status |---",
        "---| Fault Status |---",
        "---| RISC-V Machine State |---",
        "---| App Status |---",
    ],
    rules: &[
        Rule::Says("Kernel HardFault.", "kernel HardFault"),
        Rule::Says("Process HardFault.", "process HardFault"),
        Rule::Title("panicked at '{text}', "),
        Rule::Fact("panicked at {text}", "panicked at"),
        Rule::Fact("Kernel panic at {text}", "panicked at"),
        Rule::Fact("Kernel version {text}", "kernel version"),
        Rule::Fact("top of stack {text}", "top of the kernel's stack"),
        Rule::Fact("bottom of stack {text}", "bottom of the kernel's stack"),
        Rule::Says("Instruction Access Violation: true", "instruction access violation"),
        Rule::Says("Data Access Violation: true", "data access violation"),
        Rule::Says("Memory Management Unstacking Fault: true", "memory fault while unstacking"),
        Rule::Says("Memory Management Stacking Fault: true", "memory fault while stacking"),
        Rule::Says("Instruction Bus Error: true", "instruction bus error"),
        Rule::Says("Imprecise Data Bus Error: true", "imprecise data bus error"),
        Rule::Says("Precise Data Bus Error: true", "precise data bus error"),
        Rule::Says("Bus Unstacking Fault: true", "bus fault while unstacking"),
        Rule::Says("Bus Stacking Fault: true", "bus fault while stacking"),
        Rule::Says("Undefined Instruction Usage Fault: true", "undefined instruction"),
        Rule::Says("Invalid State Usage Fault: true", "invalid state"),
        Rule::Says("Invalid PC Load Usage Fault: true", "invalid load of pc"),
        Rule::Says("No Coprocessor Usage Fault: true", "no coprocessor"),
        Rule::Says("Unaligned Access Usage Fault: true", "unaligned access"),
        Rule::Says("Divide By Zero: true", "division by zero"),
        Rule::Says("Bus Fault on Vector Table Read: true", "bus fault on vector table read"),
        Rule::Address("Faulting Memory Address: (valid: true) 0x{hex}"),
        Rule::Address("Bus Fault Address: (valid: true) 0x{hex}"),
        Rule::Address("Faulting Memory Address: 0x{hex}"),
        Rule::Address("Bus Fault Address: 0x{hex}"),
        Rule::Register("Fault Status Register (CFSR): 0x{hex8}", "CFSR"),
        Rule::Register("Hard Fault Status Register (HFSR): 0x{hex8}", "HFSR"),
        Rule::Title("Last cause (mcause): {text} (interrupt="),
        Rule::Register("Last value (mtval): 0x{hex8}", "mtval"),
        Rule::Thread("App: {thread} - ["),
        Rule::Registers("{name} : 0x{hex8}"),
        Rule::Registers("{name} 0x{hex}"),
    ],
    names: &[("prs", "xpsr"), ("hsfr", "HFSR"), ("ypc", "YPC")],
    family: |crash| match crash.has("mepc") {
        true => Some(Family::RiscV32),
        false => Some(Family::CortexM),
    },
    ..on_cortex_m("tock-panic", "Tock kernel panic")
};
