//! Hard fault handlers whose variables are printed by their names: FreeRTOS', ST's, HDSC's.
//!
//! Source: the handler of FreeRTOS' and ST's application notes, whose variables are called `stacked_pc` and
//! `_CFSR`; HDSC's for the HC32 (`SCB->CFSR = `).

use super::{Dialect, PLAIN, Rule, cortex_m};

/// Handlers whose variables are printed by their names.
pub(super) static STACKED: Dialect = Dialect {
    name: "stacked-registers",
    title: "hard fault handler (stacked registers)",
    sample: "\
*** HardFault ***
stacked_r0 = 0x20000894
stacked_lr = 0x0803eda5
stacked_pc = 0x08012332
stacked_psr = 0x21000000
_CFSR = 0x00008200
",
    starts: &["^*** HardFault ***", "*** HARDFAULT ***", "stacked_r0 = {hex}", "stacked_r0: {hex}"],
    rules: &[
        Rule::Says("*** HardFault ***", "hard fault"),
        Rule::Says("*** HARDFAULT ***", "hard fault"),
        Rule::Registers("stacked_{name} = {hex}"),
        Rule::Registers("stacked_{name} : {hex}"),
        Rule::Registers("_{name} = {hex}"),
        Rule::Registers("_{name} : {hex}"),
        Rule::Registers("SCB->{name} = 0x{hex}"),
        Rule::Registers("{name} = 0x{hex}"),
        Rule::Registers("{name} : 0x{hex}"),
    ],
    names: &[("mmar", "MMFAR"), ("mmfsr", "mmfsr")],
    family: cortex_m,
    ..PLAIN
};
