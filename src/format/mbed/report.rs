//! The lines of an Mbed OS crash text.

use crate::carrier::text::{Prefix, lines};
use crate::dump::Stack;
use crate::format::fault_text::{hex, memory_words, pairs};

pub(super) const FAULT_BEGIN: &str = "++ MbedOS Fault Handler ++";
pub(super) const ERROR_BEGIN: &str = "++ MbedOS Error Info ++";
const ERROR_END: &str = "-- MbedOS Error Info -";
/// Behind the name of a thread in whose time an exception handler crashed.
const HANDLER: &str = "<handler>";
const UNNAMED: &str = "<unnamed>";
/// osRtxThreadRunning.
const RUNNING: u64 = 2;

/// A thread as the text lists it.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    pub(super) name: Option<String>,
    /// The address of its control block.
    pub(super) id: Option<u64>,
    pub(super) state: Option<u64>,
    pub(super) low: Option<u64>,
    size: Option<u64>,
    pub(super) sp: Option<u64>,
}

impl Listed {
    pub(super) fn stack(&self) -> Option<Stack> {
        let low = self.low?;
        Some(Stack { low, high: low.checked_add(self.size?)? })
    }
}

/// What a text says.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) is_fault: bool,
    /// Registers and fault status.
    pub(super) named: Vec<(String, u64)>,
    pub(super) kind: Option<String>,
    pub(super) message: Option<String>,
    pub(super) location: Option<u64>,
    /// The registers are those of an exception handler.
    pub(super) in_handler: bool,
    pub(super) current: Option<Listed>,
    pub(super) others: Vec<Listed>,
    /// Memory of stacks.
    pub(super) rows: Vec<(u64, Vec<u8>)>,
    pub(super) texts: Vec<String>,
    pub(super) facts: Vec<(String, String)>,
}

impl Report {
    pub(super) fn of(bytes: &[u8]) -> Report {
        let mut report = Report::default();
        let mut prefix = None;
        for line in lines(bytes) {
            let text = line.text.as_str();
            for mark in [FAULT_BEGIN, ERROR_BEGIN] {
                if let Some((before, _)) = text.split_once(mark) {
                    report.is_fault |= mark == FAULT_BEGIN;
                    prefix.get_or_insert_with(|| Prefix::like(before));
                }
            }
            if text.contains(ERROR_END) {
                break;
            }
            let Some(prefix) = &prefix else { continue };
            report.line(prefix.strip(text).unwrap_or(text).trim());
        }
        // The running thread is printed as `Next` as well, and old releases print only that.
        let low_of_current = report.current.as_ref().and_then(|current| current.low);
        if low_of_current.is_none() {
            report.current = report.others.iter().find(|t| t.state == Some(RUNNING)).cloned();
        }
        let low_of_current = report.current.as_ref().and_then(|current| current.low);
        let mut seen: Vec<Option<u64>> = vec![low_of_current];
        report.others.retain(|listed| {
            let new = listed.low.is_none() || !seen.contains(&listed.low);
            seen.push(listed.low);
            new
        });
        report
    }

    pub(super) fn value(&self, wanted: &str) -> Option<u64> {
        self.named.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value)
    }

    fn line(&mut self, text: &str) {
        if let Some(value) = text.strip_prefix("FaultType:") {
            self.kind = Some(value.trim().to_string());
        } else if let Some(value) = text.strip_prefix("Mode :") {
            self.in_handler |= value.trim().starts_with("Handler");
        } else if let Some(value) = text.strip_prefix("Current Thread:") {
            self.in_handler |= value.contains(HANDLER);
            self.current = Some(listed(value, "Id:", "StackSize", "StackMem"));
        } else if text.contains("State:") && text.contains("Stack Size:") {
            self.others.push(listed(text, "State:", "Size", "Mem"));
        } else if let Some(message) = text.strip_prefix("Error Message:") {
            self.message = Some(message.trim().to_string());
            self.texts.push(text.to_string());
        } else if let Some(location) =
            text.strip_prefix("Location:").or(text.strip_prefix("Error Location:"))
        {
            self.location = location.split_whitespace().next().and_then(hex);
            self.texts.push(text.to_string());
        } else if text.starts_with("Error ") || text.starts_with("File:") {
            self.texts.push(text.to_string());
        } else if let Some((_, query)) = text.split_once("/?error=").or(text.split_once("?error="))
        {
            self.facts.extend(facts(query));
        } else if text.starts_with("0x") {
            self.rows.extend(memory_words(text));
        } else if let Some((before, value)) = text.split_once(':') {
            // Old releases print the first register behind `Context:`.
            let name = before.trim().rsplit(' ').next().unwrap_or_default();
            self.named.extend(
                value
                    .split_whitespace()
                    .next()
                    .and_then(register)
                    .map(|value| (name.to_ascii_uppercase(), value)),
            );
        }
    }
}

/// Registers are printed with all their digits.
fn register(digits: &str) -> Option<u64> {
    let all = digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hex(digits).filter(|_| all)
}

/// A thread's line: its name, then from the name `first` on, values by their names.
fn listed(text: &str, first: &str, size: &str, low: &str) -> Listed {
    let name = text.split(first).next().unwrap_or_default().replace(HANDLER, "");
    let name = name.trim();
    let all = pairs(text, ':');
    let value = |wanted: &str| all.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
    Listed {
        name: Some(name.to_string()).filter(|name| !name.is_empty() && name != UNNAMED),
        id: value("Id"),
        state: value("State"),
        low: value(low),
        size: value(size),
        sp: value("SP"),
    }
}

/// What the link to the explanation of an error tells: `...&osver=51400&core=0x..&tgt=K64F`.
fn facts(query: &str) -> Vec<(String, String)> {
    let mut facts = Vec::new();
    for part in query.split_whitespace().next().unwrap_or_default().split('&') {
        let fact = match part.split_once('=') {
            Some(("tgt", board)) => ("board", board.to_string()),
            // 999999 is the development version.
            Some(("osver", digits)) => match digits.parse::<u32>() {
                Ok(n) if n < 999_999 => {
                    ("Mbed OS", format!("{}.{}.{}", n / 10_000, n / 100 % 100, n % 100))
                }
                _ => continue,
            },
            _ => continue,
        };
        if !fact.1.is_empty() {
            facts.push((fact.0.to_string(), fact.1));
        }
    }
    facts
}

/// A state of RTX's threads; what a blocked one waits for is in the upper half.
pub(super) fn state_words(state: u64) -> String {
    let words = match state {
        0 => "inactive",
        1 => "ready",
        RUNNING => "running",
        3 => "blocked",
        4 => "terminated",
        0x13 => "waiting for a delay",
        0x23 => "waiting for a thread's end",
        0x33 => "waiting for thread flags",
        0x43 => "waiting for event flags",
        0x53 => "waiting for a mutex",
        0x63 => "waiting for a semaphore",
        0x73 => "waiting for a memory pool",
        0x83 => "waiting for a message",
        0x93 => "waiting for a full message queue",
        _ => return format!("state {state:#x}"),
    };
    words.to_string()
}
