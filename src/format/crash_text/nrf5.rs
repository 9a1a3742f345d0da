//! The hard fault handler of Nordic's nRF5 SDK, through its logger or the Mesh SDK's.
//!
//! Source: nRF5 SDK 15 to 17, `components/libraries/hardfault/hardfault_implementation.c`; published
//! reports of nRF52832 and nRF52840 boards.

use super::{Dialect, Rule, on_cortex_m};
use crate::reason::Signal;

/// The hard fault handler of Nordic's nRF5 SDK.
pub(super) static NRF5: Dialect = Dialect {
    sample: "\
<error> hardfault: HARD FAULT at 0x00026A5C
<error> hardfault:   R0:  0x20002100  R1:  0x00100004  R2:  0x00000012  R3:  0x00000003
<error> hardfault:   R12: 0x00000003  LR:  0x00026B11  PSR: 0x21000000
<error> hardfault: Cause: Data bus error (PC value stacked for the exception return points to the instruction that caused the fault).
<error> hardfault: Bus Fault Address: 0x00100004
",
    starts: &["HARD FAULT at 0x{hex8}"],
    ends: &["Fault Address: 0x{hex8}"],
    goes_on: &["Cause: {text}", "Fault Address: 0x{hex8}"],
    rules: &[
        Rule::All(&[
            Rule::Says("HARD FAULT at 0x{hex8}", "hard fault"),
            Rule::Register("HARD FAULT at 0x{hex8}", "pc"),
        ]),
        Rule::Title("Cause: {text}."),
        Rule::Title("Cause: {text}"),
        Rule::Address("MemManage Fault Address: 0x{hex8}"),
        Rule::Address("Bus Fault Address: 0x{hex8}"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    names: &[("psr", "xpsr")],
    finish: |dump, _| {
        dump.reason.signal = dump.reason.signal.or(Some(Signal::Segv));
    },
    ..on_cortex_m("nrf5-hardfault", "nRF5 SDK hard fault text")
};
