//! Joseph Yiu's hard fault handler, which many people copied.
//!
//! Source: The Definitive Guide to the ARM Cortex-M3 (2007), as posted in the forums of Arm and ST.

use super::{Dialect, PLAIN, Rule, cortex_m};

/// Joseph Yiu's handler.
pub(super) static YIU: Dialect = Dialect {
    name: "hard-fault-handler",
    title: "hard fault handler (Yiu's)",
    sample: "\
[Hard fault handler - all numbers in hex]
R0 = 200056e0
R1 = 0
R12 = 1
LR [R14] = 8022323  subroutine call return address
PC [R15] = 8038650  program counter
PSR = 1000000
BFAR = 40080000
CFSR = 8200
",
    starts: &["Hard fault handler - all numbers in hex", "LR [R14] = {hex}"],
    ends: &["SCB_SHCSR = {hex}"],
    rules: &[
        Rule::Says("Hard fault handler - all numbers in hex", "hard fault"),
        Rule::Register("LR [R14] = {hex}", "lr"),
        Rule::Register("PC [R15] = {hex}", "pc"),
        Rule::Registers("{name} = {hex}"),
    ],
    names: &[("scb_shcsr", "SHCSR")],
    family: cortex_m,
    ..PLAIN
};
