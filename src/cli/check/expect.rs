//! What is expected of a dump, and whether it is so.

use crate::dump::Severity;
use crate::error::{Error, Result};
use crate::report::{Report, Value};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// A file of expectations. A key that is left out expects nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    reason: Option<String>,
    signal: Option<String>,
    function: Option<String>,
    crashed_thread: Option<String>,
    #[serde(default)]
    threads: Vec<String>,
    #[serde(default)]
    frames: Vec<String>,
    signature: Option<String>,
    elf_matches: Option<bool>,
    complete: Option<bool>,
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

/// One expectation.
#[derive(Debug)]
pub(super) struct Verdict {
    pub name: String,
    /// What is not as expected; `None` if all is.
    pub problem: Option<String>,
}

impl Verdict {
    pub(super) fn wrong(name: &str, problem: String) -> Verdict {
        Verdict { name: name.into(), problem: Some(problem) }
    }

    fn of(name: impl Into<String>, ok: bool, expected: &str, found: &str) -> Verdict {
        let problem = (!ok).then(|| format!("expected {expected}, found {found}"));
        Verdict { name: name.into(), problem }
    }
}

/// Looks an expression up in the dump.
pub(super) type LookUp<'l> = dyn Fn(&str) -> std::result::Result<Vec<Value>, String> + 'l;

impl Expected {
    pub(super) fn load(path: &Path) -> Result<Expected> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        Expected::parse(path, &text)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Expected> {
        let bad = |e: toml::de::Error| Error::Usage(format!("{}: {e}", path.display()));
        toml::from_str(text).map_err(bad)
    }

    /// A verdict for each thing that is expected.
    pub(super) fn verdicts(&self, report: &Report, look_up: &LookUp<'_>) -> Vec<Verdict> {
        let mut all = Vec::new();
        let crashed = report.crashed();
        if let Some(part) = &self.reason {
            let found = &report.reason.words;
            all.push(Verdict::of("reason", found.contains(part.as_str()), part, found));
        }
        let mut equal = |name: &str, expected: &Option<String>, found: Option<&str>| {
            if let Some(expected) = expected {
                let ok = found == Some(expected.as_str());
                all.push(Verdict::of(name, ok, expected, found.unwrap_or("nothing")));
            }
        };
        equal("signal", &self.signal, report.reason.signal.as_deref());
        equal("function", &self.function, report.blamed.as_deref());
        equal("crashed_thread", &self.crashed_thread, crashed.map(|thread| thread.name.as_str()));
        equal("signature", &self.signature, Some(&report.signature.id));
        for name in &self.threads {
            let names: Vec<&str> = report.threads.iter().map(|t| t.name.as_str()).collect();
            let ok = names.contains(&name.as_str());
            all.push(Verdict::of(format!("thread {name}"), ok, name, &names.join(", ")));
        }
        if !self.frames.is_empty() {
            let frames = crashed.map(|thread| thread.frames.as_slice()).unwrap_or_default();
            let names: Vec<&str> =
                frames.iter().map(|frame| frame.function.as_deref().unwrap_or("??")).collect();
            let mut rest = names.iter();
            let ok = self.frames.iter().all(|wanted| rest.any(|name| name == wanted));
            let words = |list: &[&str]| list.join(" < ");
            let wanted: Vec<&str> = self.frames.iter().map(String::as_str).collect();
            all.push(Verdict::of("frames", ok, &words(&wanted), &words(&names)));
        }
        if let Some(expected) = self.elf_matches {
            let found = report.identity.firmware_matches;
            let words = match found {
                Some(true) => "the dump's own",
                Some(false) => "of another build",
                None => "none, or nothing to compare it with",
            };
            let wanted = if expected { "the dump's own ELF file" } else { "another ELF file" };
            all.push(Verdict::of("elf_matches", found == Some(expected), wanted, words));
        }
        if let Some(expected) = self.complete {
            let flaws = flaws(report);
            let found = if flaws.is_empty() { "a complete one".into() } else { flaws.join("; ") };
            let wanted = if expected { "a complete dump" } else { "an incomplete dump" };
            all.push(Verdict::of("complete", flaws.is_empty() == expected, wanted, &found));
        }
        for (name, expected) in &self.facts {
            let found = report.identity.facts.iter().find(|(own, _)| own == name);
            let found = found.map_or("nothing", |(_, value)| value.as_str());
            all.push(Verdict::of(format!("fact {name}"), found == expected, expected, found));
        }
        for (expression, expected) in &self.values {
            let found = match look_up(expression) {
                Err(error) => error,
                Ok(values) => match values.into_iter().next() {
                    Some(Value { value: Some(value), .. }) => value,
                    Some(Value { missing: Some(why), .. }) => format!("<{why}>"),
                    _ => "nothing".into(),
                },
            };
            let name = format!("value {expression}");
            all.push(Verdict::of(name, found == *expected, expected, &found));
        }
        all
    }
}

/// What is cut off, missing or doubtful.
fn flaws(report: &Report) -> Vec<String> {
    let notes = report.notes.iter().filter(|note| note.severity > Severity::Info);
    let gaps = report.missing.iter();
    notes
        .map(|note| note.words.clone())
        .chain(gaps.map(|gap| format!("{} bytes at {}: {}", gap.len, gap.start, gap.why)))
        .collect()
}
