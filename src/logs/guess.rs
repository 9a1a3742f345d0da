//! What looks like a log: a variable with a name such as `log_buf` that holds text, or, without
//! symbols that tell, a long run of lines of text in the memory that the device saved.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{Log, is_text, text_of};
use crate::debug_info::Modules;
use crate::dump::Dump;
use crate::memory::{AddrRange, Origin};

/// A variable is taken for a log's buffer if its name has a part of both.
const SUBJECTS: [&str; 8] =
    ["log", "console", "trace", "dmesg", "printk", "syslog", "stdout", "uart_tx"];
const CONTAINERS: [&str; 6] = ["buf", "ring", "mem", "store", "fifo", "data"];
/// Shorter ones are no logs.
const SHORTEST: usize = 48;
/// Runs of text without a name must be this long, and have as many lines.
const SHORTEST_RUN: usize = 200;
const FEWEST_LINES: usize = 4;
/// More guesses would be a nuisance.
const MOST: usize = 3;
/// Larger variables are no buffers; more memory is not searched.
const LARGEST: u64 = 1 << 24;

pub(super) fn find(dump: &Dump, modules: &Modules<'_>, known: &[Log]) -> Vec<Log> {
    let is_new = |logs: &[Log], range: AddrRange| {
        let hit = |log: &Log| log.range().is_some_and(|own| own.overlap(&range).is_some());
        !known.iter().chain(logs).any(hit)
    };
    let mut logs = Vec::new();
    for symbol in modules.iter().flat_map(|module| module.elf().symbols()) {
        if !symbol.object || symbol.len > LARGEST || (symbol.len as usize) < SHORTEST {
            continue;
        }
        let name = symbol.name.to_ascii_lowercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if !has(&SUBJECTS) || !has(&CONTAINERS) || logs.len() >= MOST {
            continue;
        }
        let saved = dump
            .memory
            .region_from(symbol.addr)
            .is_some_and(|region| region.origin == Origin::Dump && region.start <= symbol.addr);
        let Some(range) = AddrRange::of_len(symbol.addr, symbol.len).filter(|_| saved) else {
            continue;
        };
        let text = dump.memory.bytes(symbol.addr, symbol.len as usize).and_then(|b| text_of(&b));
        let Some(text) = text.filter(|text| text.len() >= SHORTEST && text.contains('\n')) else {
            continue;
        };
        if is_new(&logs, range) {
            logs.push(guess(
                format!("variable {}", symbol.name),
                range,
                text,
                "taken for a log by its name; where the ring begins is not known",
            ));
        }
    }
    if known.is_empty() && logs.is_empty() {
        logs.extend(runs(dump));
    }
    logs
}

fn guess(what: String, range: AddrRange, text: String, why: &str) -> Log {
    let remark = Some(why.to_string());
    Log { what, addr: range.start, len: range.len(), text: Some(text), remark, guess: true }
}

/// The longest runs of text in saved memory.
fn runs(dump: &Dump) -> Vec<Log> {
    let mut found: Vec<(AddrRange, String)> = Vec::new();
    let mut left = LARGEST as usize;
    for region in dump.memory.regions().filter(|region| region.origin == Origin::Dump) {
        let bytes = region.bytes.get(..region.bytes.len().min(left)).unwrap_or_default();
        left = left.saturating_sub(bytes.len());
        let mut at = 0usize;
        for run in bytes.chunk_by(|a, b| is_text(*a) == is_text(*b)) {
            let start = region.start.saturating_add(at as u64);
            at = at.saturating_add(run.len());
            let lines = run.iter().filter(|byte| **byte == b'\n').count();
            if run.len() >= SHORTEST_RUN
                && lines >= FEWEST_LINES
                && run.first().is_some_and(|byte| is_text(*byte))
                && let Some(range) = AddrRange::of_len(start, run.len() as u64)
                && let Some(text) = text_of(run)
            {
                found.push((range, text));
            }
        }
    }
    found.sort_by_key(|(range, _)| std::cmp::Reverse(range.len()));
    found.truncate(MOST);
    found
        .into_iter()
        .map(|(range, text)| {
            guess("text in memory".into(), range, text, "looks like a log, nothing names it")
        })
        .collect()
}
