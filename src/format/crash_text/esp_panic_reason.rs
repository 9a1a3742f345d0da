//! What went wrong in ESP-IDF's panics: in the device's words where these tell more than the trap
//! registers.

use super::Crash;
use crate::arch;
use crate::dump::Dump;
use crate::reason::{FaultWord, Reason, Signal};

/// Titles that tell more than the trap that the panic handler used.
const OWN: [&str; 7] = [
    "abort()",
    "panic: ",
    "assert failed",
    "assertion \"",
    "A stack overflow in task ",
    "Task watchdog got triggered",
    "Brownout detector was triggered",
];
/// What stands above such a title and is the cause of it.
const CAUSES: [&str; 4] = [
    "Stack smashing protect failure",
    "ESP_ERROR_CHECK failed",
    "terminate called",
    "CORRUPT HEAP",
];
/// Panics that no instruction caused: EXCCAUSE or MCAUSE then hold ESP-IDF's own number
/// (`components/esp_system/include/esp_private/panic_internal.h`, `PANIC_RSN_*`).
const PSEUDO: [&str; 9] = [
    "Unknown reason",
    "debug exception",
    "Double exception",
    "kernel exception",
    "Coprocessor exception",
    "wdt timeout",
    "Cache ",
    "Stack protection fault",
    "Memory protection fault",
];
/// Xtensa: ESP-IDF's own numbers.
const PSEUDO_NUMBERS: std::ops::RangeInclusive<u64> = 1..=7;

/// The reason, of what the titles and the registers of `dump` say.
pub(super) fn reason(dump: &Dump, crash: &Crash<'_>) -> Option<Reason> {
    let titles = &crash.titles;
    let first =
        |words: &[&str]| titles.iter().find(|title| words.iter().any(|w| title.contains(w)));
    let trap = dump.crashed().and_then(|thread| arch::trap_reason(&thread.registers));
    let cause = first(&CAUSES);
    if let Some(title) = first(&OWN).or(cause) {
        let evidence = trap.map(|trap| trap.evidence).unwrap_or_default();
        let words = match cause {
            Some(cause) if cause != title => format!("{cause}; {title}"),
            _ => (*title).to_string(),
        };
        return Some(Reason::new(Signal::Abrt, words, evidence));
    }
    let told = titles.iter().find_map(|title| between(title));
    let registers = dump.crashed().map(|thread| &thread.registers);
    let number = registers.and_then(|registers| {
        ["exccause", "mcause"].into_iter().find_map(|n| Some((n, registers.by_name(n)?)))
    });
    let Some(told) = told else {
        // Without its title nobody knows whose number EXCCAUSE is.
        let doubtful = number.filter(|(name, n)| *name == "exccause" && PSEUDO_NUMBERS.contains(n));
        let Some((name, value)) = doubtful else { return trap };
        let words = "the processor's cause or ESP-IDF's own number of a panic: the line that tells is missing";
        let evidence = FaultWord { name: name.into(), value, words: words.into() };
        let words = format!("panic of which the title is missing; EXCCAUSE {value}");
        return Some(Reason::new(None, words, vec![evidence]));
    };
    if PSEUDO.iter().any(|pseudo| told.contains(pseudo)) {
        let at = registers.and_then(|registers| registers.pc());
        let at = at.map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
        let details = titles.iter().filter_map(|title| title.split_once("Debug exception reason:"));
        let details: String = details.map(|(_, words)| format!(": {}", words.trim())).collect();
        let evidence = number.map(|(name, value)| FaultWord {
            name: name.into(),
            value,
            words: "ESP-IDF's own number of a panic that no instruction caused".into(),
        });
        let words = format!("{told}{details}{at}");
        return Some(Reason::new(Signal::Abrt, words, evidence.into_iter().collect()));
    }
    match trap {
        // What the registers say in words is the title, or they disagree, and both are shown.
        Some(mut trap) if !is_same(&trap.words, &told) => {
            trap.words = format!("{told}; {}", trap.words);
            Some(trap)
        }
        Some(trap) => Some(trap),
        None => Some(Reason::new(signal_of(&told), told, Vec::new())),
    }
}

/// `Guru Meditation Error: Core  0 panic'ed (LoadProhibited)`; up to 2.x `... of type LoadProhibited
/// occurred on core  0`.
fn between(title: &str) -> Option<String> {
    let found = match title.split_once("panic'ed (") {
        Some((_, behind)) => behind.rsplit_once(')').map_or(behind, |(told, _)| told),
        None => title.split_once("Error of type ")?.1.split_once(" occurred")?.0,
    };
    Some(found.trim().to_string())
}

/// Whether two wordings are of one cause: blanks and capitals differ.
fn is_same(words: &str, told: &str) -> bool {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    };
    let (words, told) = (letters(words), letters(told));
    words.contains(&told)
}

fn signal_of(told: &str) -> Option<Signal> {
    let lower = told.to_ascii_lowercase();
    Some(match () {
        () if lower.contains("illegal") => Signal::Ill,
        () if lower.contains("divide") => Signal::Fpe,
        () if lower.contains("misaligned") || lower.contains("alignment") => Signal::Bus,
        () if lower.contains("prohibited") || lower.contains("access fault") => Signal::Segv,
        () if lower.contains("loadstore") => Signal::Segv,
        () => return None,
    })
}
