//! Trusted Firmware-A's crash reports.
//!
//! Source: TF-A `bl31/aarch64/crash_reporting.S` (v1.5 to v2.15).

use super::{Crash, Dialect, PLAIN, Rule};
use crate::arch::aarch64;
use crate::dump::{Dump, Note};
use crate::format::machine::Family;
use crate::reason::{FaultWord, Signal};

/// TF-A's crash reports.
pub(super) static TF_A: Dialect = Dialect {
    name: "tf-a",
    title: "Trusted Firmware-A crash report",
    sample: "\
Unhandled Exception in EL3.
x30            = 0x000000000001a5f8
x0             = 0x0000000000000001
x29            = 0x000000000003f015
scr_el3        = 0x0000000000000238
spsr_el3       = 0x00000000800002cd
elr_el3        = 0x000000000001a52c
esr_el3        = 0x0000000096000010
far_el3        = 0x00000000fe2b0014
",
    starts: &[
        "Unhandled Exception in EL3.",
        "Unhandled Interrupt Exception in EL3.",
        "PANIC in EL3.",
        "Unhandled External Abort received",
    ],
    rules: &[
        Rule::Title("Unhandled Exception in EL3"),
        Rule::Title("Unhandled Interrupt Exception in EL3"),
        Rule::Title("PANIC in EL3"),
        Rule::Title("Unhandled External Abort received"),
        Rule::Registers("{name} = 0x{hex16}"),
    ],
    names: &[("elr_el3", "pc"), ("spsr_el3", "cpsr"), ("sp_el0", "SP_EL0")],
    any_name: true,
    family: |_| Some(Family::Aarch64),
    finish: tf_a,
    ..PLAIN
};

fn tf_a(dump: &mut Dump, crash: &Crash<'_>) {
    let place = |name: &str| crash.task.words.iter().position(|word| word.name == name);
    if let (Some(elr), Some(scr)) = (place("elr_el3"), place("scr_el3"))
        && elr < scr
    {
        // Since a73e8c703 (2026-06) the list of names has tcr_el3 where the values have daif.
        let words = "TF-A of 2026 prints the values behind tcr_el3 under the names before them: \
                     spsr_el3 and far_el3 are not taken";
        dump.notes.push(Note::doubt(words).by("tf-a").code("repaired"));
        if let Some(thread) = dump.threads.first_mut() {
            thread.registers.forget("cpsr");
        }
        return;
    }
    if crash.says("PANIC in EL3") {
        // Of the exception before: a panic is a call.
        if let Some(thread) = dump.threads.first_mut() {
            thread.registers.forget_pc();
        }
        dump.reason.signal = Some(Signal::Abrt);
        return;
    }
    let Some(esr) = crash.word("esr_el3") else { return };
    let told = aarch64::syndrome_words(esr);
    let far = crash.word("far_el3").filter(|_| aarch64::syndrome_has_address(esr));
    let address = far.map_or(String::new(), |far| format!(": {far:#x}"));
    dump.reason.words = format!("{}: {told}{address}", dump.reason.words);
    dump.reason.signal = Some(aarch64::syndrome_signal(esr));
    dump.reason.evidence.push(FaultWord { name: "ESR_EL3".into(), value: esr, words: told });
    dump.reason.evidence.extend(far.map(|value| FaultWord {
        name: "FAR_EL3".into(),
        value,
        words: "the address that could not be used".into(),
    }));
}
