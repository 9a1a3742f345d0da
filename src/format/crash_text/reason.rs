//! Why the device stopped, out of what the text says and what its registers say.

use super::Crash;
use crate::reason::{FaultWord, Reason, Signal};

/// What a title says of the signal: the first of these words that it has in it.
const WORDS: &[(&str, Signal)] = &[
    ("assert", Signal::Abrt),
    ("arch_except", Signal::Abrt),
    ("panic", Signal::Abrt),
    ("kernel oops", Signal::Abrt),
    ("kernel bug", Signal::Abrt),
    ("_check failed", Signal::Abrt),
    ("out of memory", Signal::Abrt),
    ("watchdog", Signal::Abrt),
    ("wdt", Signal::Abrt),
    ("divi", Signal::Fpe),
    ("divbyzero", Signal::Fpe),
    ("undefined instruction", Signal::Ill),
    ("illegal", Signal::Ill),
    ("invalid opcode", Signal::Ill),
    ("unaligned", Signal::Bus),
    ("misaligned", Signal::Bus),
    ("alignment", Signal::Bus),
    ("bus fault", Signal::Bus),
    ("bus error", Signal::Bus),
    ("fault", Signal::Segv),
    ("abort", Signal::Segv),
    ("violation", Signal::Segv),
    ("stack overflow", Signal::Segv),
    ("prohibited", Signal::Segv),
    ("unable to handle kernel", Signal::Segv),
];

/// What a title says of the signal, if it says what happened.
pub(in crate::format) fn signal_of(words: &str) -> Option<Signal> {
    let words = words.to_ascii_lowercase();
    WORDS.iter().find(|(word, _)| words.contains(word)).map(|(_, signal)| *signal)
}

/// The reason. `trap` is what the trap registers say.
pub(super) fn of(crash: &Crash<'_>, trap: Option<Reason>) -> Reason {
    let mut said: Vec<&str> = Vec::new();
    let fallback = crash.fallback.filter(|_| crash.titles.is_empty());
    for words in crash.titles.iter().chain(&fallback) {
        let words = words.trim_end_matches([':', ' ']);
        if !said.iter().any(|other| other.eq_ignore_ascii_case(words)) {
            said.push(words);
        }
    }
    let title = said.join(": ");
    let lower = title.to_ascii_lowercase();
    // The innermost words say most.
    let signal = said.iter().rev().find_map(|words| signal_of(words));
    let mut reason = match (title.is_empty(), trap) {
        (true, None) => Reason::default(),
        (true, Some(trap)) => trap,
        (false, None) => Reason::new(signal, title, Vec::new()),
        (false, Some(mut trap)) => {
            let told = trap.evidence.first().map(|word| word.words.to_ascii_lowercase());
            if told.is_none_or(|told| told != lower) {
                trap.words = format!("{title}; {}", trap.words);
            }
            trap
        }
    };
    if let Some(value) = crash.address
        && reason.evidence.iter().all(|word| word.value != value)
    {
        let words = "the address that could not be used".to_string();
        let forms = [format!("{value:#x}"), format!("{value:08x}"), format!("{value:016x}")];
        if forms.iter().all(|form| !reason.words.contains(form)) {
            reason.words = format!("{}: {value:#x}", reason.words);
        }
        reason.evidence.push(FaultWord { name: "address".into(), value, words });
    }
    reason
}
