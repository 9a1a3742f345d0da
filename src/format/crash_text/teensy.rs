//! Teensy 4's CrashReport.
//!
//! Source: PaulStoffregen/cores `teensy4/CrashReport.cpp` (7f107ee).

use super::{Dialect, Rule, on_cortex_m};

/// Teensy 4's CrashReport.
pub(super) static TEENSY: Dialect = Dialect {
    sample: "\
CrashReport:
  A problem occurred at (system time) 10:21:44
  Code was executing from address 0x11C2E
  CFSR: 82
	(DACCVIOL) Data Access Violation
	(MMARVALID) Accessed Address: 0x0
",
    starts: &["CrashReport:", "CrashReport ..."],
    rules: &[
        Rule::Fact("A problem occurred at (system time) {text}", "time"),
        Rule::Register("Code was executing from address 0x{hex}", "pc"),
        Rule::Register("return address: {hex}", "pc"),
        Rule::Register("CFSR: {hex}", "CFSR"),
        Rule::Register("HTSR: {hex}", "HFSR"),
        Rule::Address("ARVALID) Accessed Address: 0x{hex}"),
        Rule::Address("(MMARVALID) Accessed Address: 0x{hex}"),
        Rule::Address("(BFARVALID) Accessed Address: 0x{hex}"),
        Rule::Skip("(FORCED) Forced Hard Fault"),
        Rule::Title("({code}ERR) {text}"),
        Rule::Title("({code}VIOL) {text}"),
        Rule::Title("(UNDEFINSTR) {text}"),
        Rule::Title("(INVSTATE) {text}"),
        Rule::Title("(INVPC) {text}"),
        Rule::Title("(NOCP) {text}"),
        Rule::Title("(UNALIGNED) {text}"),
        Rule::Title("(DIVBYZERO) {text}"),
        Rule::Title("(VECTTBL) {text}"),
        Rule::Fact("Reboot was caused by {text}", "reset cause"),
        Rule::Fact("Temperature inside the chip was {text}", "temperature"),
        Rule::Fact("Breadcrumb #{text}", "breadcrumb"),
        Rule::Registers("{name}: {hex}"),
    ],
    names: &[("ipsr", "ipsr")],
    ..on_cortex_m("teensy", "Teensy CrashReport")
};
