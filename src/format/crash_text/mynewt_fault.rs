//! Apache Mynewt's unhandled interrupts and assertions, on its console.
//!
//! Source: apache/mynewt-core `kernel/os/src/arch/cortex_m4/os_fault.c` (d919ff517).

use super::{Crash, Dialect, Rule, on_cortex_m};
use crate::dump::Dump;
use crate::reason::Signal;

/// Apache Mynewt's unhandled interrupts.
pub(super) static MYNEWT_TEXT: Dialect = Dialect {
    sample: "\
003120 Unhandled interrupt (3), exception sp 0x20009880
003120   r0:0x2000da60  r1:0x0000007a  r2:0x2000d088  r3:0x00000000
003120  r12:0x20008c24  lr:0x0800060f  pc:0x08007dea psr:0x61000000
003120 ICSR:0x00421803 HFSR:0x40000000 CFSR:0x02000000
",
    starts: &["Unhandled interrupt ({dec}), exception sp 0x", "Assert @ 0x"],
    rules: &[
        Rule::All(&[
            Rule::Title("Unhandled interrupt ({dec})"),
            Rule::Fact("exception sp {text}", "exception frame"),
        ]),
        Rule::Skip("Use 'set $pc"),
        Rule::All(&[Rule::Title("Assert @"), Rule::Register("Assert @ 0x{hex}", "assert")]),
        Rule::Registers("{name}:0x{hex8}"),
    ],
    arrange,
    finish: mynewt,
    ..on_cortex_m("mynewt-fault", "Apache Mynewt crash text")
};

/// Where an assertion failed is the only register of a text without others: where its call returns to.
/// The handler that an assertion jumps into prints all of them.
fn arrange(crash: &mut Crash<'_>) {
    if !crash.has("lr")
        && let Some(word) = crash.task.words.iter_mut().find(|word| word.name == "assert")
    {
        word.name = "lr".into();
    }
}

fn mynewt(dump: &mut Dump, crash: &Crash<'_>) {
    if crash.says("Unhandled interrupt (3)") {
        dump.reason.words = "hard fault".into();
        dump.reason.signal = Some(Signal::Segv);
    } else if crash.says("Unhandled interrupt") {
        let line = crash.lines.iter().find(|line| line.contains("Unhandled interrupt"));
        let words = line.and_then(|line| line.split_once("Unhandled")).map(|(_, rest)| rest);
        let words = words.and_then(|rest| rest.split(',').next()).unwrap_or_default();
        dump.reason.words = format!("unhandled{words}");
        dump.reason.signal = Some(Signal::Segv);
    }
}
