//! RISC-V trap registers, as handlers for the CH32 print them.
//!
//! Source: posts of WCH's users on the CH32V.

use super::{Dialect, PLAIN, Rule, is_wide};
use crate::format::machine::Family;

/// RISC-V trap registers, as handlers for the CH32 print them.
pub(super) static CH32: Dialect = Dialect {
    name: "riscv-trap",
    title: "trap registers of a RISC-V",
    sample: "\
mepc  :0x00001308
mcause:0x00000005
mtval :0x40080000
mstatus:0x00001880
ra:0x000012e4
sp:0x20004fd0
a0:0x00000001
a1:0x20000120
a2:0x00000040
",
    starts: &[
        "mepc :0x{hex8}",
        "mepc = 0x{hex}",
        "mcause:0x{hex8}",
        "mcause = 0x{hex}",
        "MSTATUS:{hex8} MTVAL:{hex8}",
        "MEPC:{hex8}",
        "MCAUSE:{hex8}",
    ],
    rules: &[
        Rule::Registers("{name} : 0x{hex8}"),
        Rule::Registers("{name} = 0x{hex8}"),
        Rule::Registers("{name}:{hex8}"),
    ],
    family: |crash| Some(if is_wide(crash) { Family::RiscV64 } else { Family::RiscV32 }),
    ..PLAIN
};
