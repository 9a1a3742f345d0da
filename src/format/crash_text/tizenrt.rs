//! TizenRT's assertions and faults.
//!
//! Source: TizenRT `os/arch/arm/src/armv8-m/up_assert.c` (798b78219a, and its form of 2022).

use super::{Dialect, Rule, on_cortex_m};
use crate::dump::Stack;
use crate::reason::Signal;

/// TizenRT's asserts and faults.
pub(super) static TIZENRT: Dialect = Dialect {
    sample: "\
up_hardfault: PANIC!!! Hard fault: 40000000
up_assert: Assertion failed at file:armv8-m/up_hardfault.c line: 204 task: appsh
up_dumpstate: sp:     02193a24
up_dumpstate: stack base: 02193c70
up_dumpstate: stack size: 00000ff4
up_stackdump: 02193a20: xxxxxxxx 0e0062a5 00000002 00002bf7 0e006b03 00000000 0e006cb9 0e006b7f
",
    starts: &[
        "PANIC!!!",
        "up_assert: Assertion failed at file:",
        "Assertion failed at file:{text} line:",
    ],
    rules: &[
        Rule::All(&[
            Rule::Title("PANIC!!! {text}"),
            Rule::Register("Hard fault: {hex8}", "HFSR"),
            Rule::Register("at instruction : 0x{hex8}", "pc"),
        ]),
        Rule::All(&[Rule::Title("Assertion failed at file:"), Rule::Thread("task: {thread}$")]),
        Rule::Fact("Assert location (PC) : {text}", "assert location"),
        Rule::Fact("Code asserted in {text}", "context"),
        Rule::Fact("IRQ num: {text}", "interrupt"),
        Rule::Fact("IRQ handler: {text}", "interrupt handler"),
        Rule::Fact("IRQ name: {text}", "interrupt name"),
        Rule::Register("SP is {text} SP: {hex8}", "sp"),
        Rule::Register("sp: {hex8}", "sp"),
        Rule::Register("base: {hex8}", "stack base"),
        Rule::Register("size: {hex8}", "stack size"),
        Rule::Register("used: {hex8}", "stack used"),
        Rule::Row("R0: {words}", &["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"]),
        Rule::Row("R8: {words}", &["r8", "r9", "r10", "r11", "r12", "sp", "lr", "pc"]),
        Rule::Memory("{hexaddr}: {words}"),
        Rule::Registers("{name}: {hex8}"),
    ],
    finish: |dump, crash| {
        let (base, size) = (crash.word("stack base"), crash.word("stack size"));
        if let (Some(thread), Some(high), Some(size)) = (dump.threads.first_mut(), base, size) {
            thread.stack = Some(Stack { low: high.saturating_sub(size), high });
        }
        dump.reason.signal = dump.reason.signal.or(Some(Signal::Abrt));
    },
    ..on_cortex_m("tizenrt", "TizenRT crash text")
};
