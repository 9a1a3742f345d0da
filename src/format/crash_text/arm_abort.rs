//! Aborts of ARM9 chips.
//!
//! Source: Beken's SDK.

use super::{Dialect, PLAIN, Rule};
use crate::format::machine::Family;

/// Aborts of ARM9 chips.
pub(super) static ARM9: Dialect = Dialect {
    name: "arm-abort",
    title: "abort of an ARM with modes",
    sample: "\
data abort:
pc: 0x0004249c
lr: 0x00042598
cpsr: 0x60000013
r0: 0x00000000
r1: 0x00000002
r2: 0x00000001
r3: 0x00000002
r4: 0x88ad882a
sp: 0x00418f10
",
    starts: &["data abort:$", "prefetch abort:$", "undefined instruction:$", "undefine:$"],
    rules: &[
        Rule::Says("data abort:$", "data abort"),
        Rule::Says("prefetch abort:$", "prefetch abort"),
        Rule::Says("undefined instruction:$", "undefined instruction"),
        Rule::Says("undefine:$", "undefined instruction"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    family: |_| Some(Family::Arm),
    ..PLAIN
};
