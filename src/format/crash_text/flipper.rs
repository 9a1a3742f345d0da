//! Flipper Zero's crashes.
//!
//! Source: Flipper Zero `furi/core/check.c`.

use super::{Dialect, Rule, on_cortex_m};

/// Flipper Zero's crashes.
pub(super) static FLIPPER: Dialect = Dialect {
    sample: "\
[CRASH][RPC Worker] furi_check failed
	r0 : 2000c6ac
	r11 : 54
	lr : 80223d5
	stack watermark: 2904
	core2: not faulted
Rebooting system
",
    starts: &["[CRASH][{thread}] {text}"],
    ends: &["Rebooting system", "System halted"],
    rules: &[
        Rule::All(&[Rule::Thread("[CRASH][{thread}]"), Rule::Title("[CRASH][{thread}] {text}")]),
        Rule::Fact("stack watermark: {text}", "stack watermark"),
        Rule::Fact("heap total: {text}", "heap total"),
        Rule::Fact("heap free: {text}", "heap free"),
        Rule::Fact("heap watermark: {text}", "heap watermark"),
        Rule::Fact("core2: {text}", "core2"),
        Rule::Fact("PC: {text}", "core2 pc"),
        Rule::Fact("LR: {text}", "core2 lr"),
        Rule::Fact("SP: {text}", "core2 sp"),
        Rule::Registers("{name} : {hex}"),
    ],
    ..on_cortex_m("flipper", "Flipper Zero crash text")
};
