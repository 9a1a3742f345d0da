//! rusEFI's record of the fault before.
//!
//! Source: rusEFI's console texts of 2023 and 2025.

use super::{Dialect, Rule, on_cortex_m};

/// rusEFI's record of the fault before.
pub(super) static RUSEFI: Dialect = Dialect {
    sample: "\
Last error type HardFault cookie 0xdeadbeef
type: 0x00000003 addr: 0x20020044 CSFR: 0x00000082
r0  0x00000000
r12  0x000000ac
lr (thread)  0x0802d6cb
pc  0x08020670
xpsr  0x21000000
",
    starts: &["Last error type {text} cookie", "Last boot had hard fault type:"],
    rules: &[
        Rule::Title("Last error type {text} cookie"),
        Rule::All(&[
            Rule::Says("Last boot had hard fault", "hard fault of the boot before"),
            Rule::Fact("type: {text} addr:", "fault type"),
            Rule::Address("addr: {hex}"),
            Rule::Register("CSFR: {hex}", "CFSR"),
        ]),
        Rule::Registers("Fault ctx {name}: {hex}"),
        Rule::Register("lr (thread) 0x{hex8}", "lr"),
        Rule::Registers("{name} 0x{hex8}"),
    ],
    names: &[
        ("0", "r0"),
        ("1", "r1"),
        ("2", "r2"),
        ("3", "r3"),
        ("4", "r12"),
        ("5", "lr"),
        ("6", "pc"),
        ("7", "xpsr"),
    ],
    ..on_cortex_m("rusefi", "rusEFI fault record")
};
