//! What two openings have in common, and what they differ in.

use crate::samples::Sample;
use crate::support::open_bytes;
use coroner::dump::Severity;
use coroner::memory::Origin;
use coroner::open::{Opened, Options};
use coroner::record::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What came of a text.
pub(crate) enum Outcome {
    Opened(Box<Told>),
    /// In these words.
    Refused(String),
}

/// A dump, taken apart: each thing that it says by a name for it.
pub(crate) struct Told {
    /// Values, which are the same or not there.
    values: BTreeMap<String, String>,
    /// Words, which may become fewer.
    words: BTreeMap<String, String>,
    /// The lines of the crash.
    texts: String,
    notes: Vec<String>,
    /// How many dumps were found.
    pub(crate) found: usize,
}

/// How much may be missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tolerance {
    /// Nothing.
    None,
    /// Registers, frames and memory that a note tells of; ends of words.
    Noted,
    /// Anything: the text itself has less.
    Any,
}

/// Opens `text` and takes apart what came of it.
pub(crate) fn outcome(text: &[u8]) -> Outcome {
    outcome_of(text, None)
}

/// The same for the dump of this number.
pub(crate) fn outcome_of(text: &[u8], pick: Option<usize>) -> Outcome {
    let mut options = Options::default();
    options.place.pick = pick;
    match open_bytes(text.to_vec(), &options) {
        Ok(opened) => Outcome::Opened(Box::new(Told::of(&opened))),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

impl Told {
    fn of(opened: &Opened) -> Told {
        let record = Record::of(&opened.dump);
        let (mut values, mut words) = (BTreeMap::new(), BTreeMap::new());
        let mut value = |name: String, value: Option<String>| {
            if let Some(value) = value {
                values.insert(name, value);
            }
        };
        value("format".into(), Some(record.format));
        value("arch".into(), Some(record.arch));
        value("chip".into(), record.chip);
        value("target".into(), record.target);
        value("signal".into(), record.reason.signal);
        for (index, id) in record.firmware_id.iter().enumerate() {
            value(format!("firmware {index}"), Some(id.clone()));
        }
        for (name, fact) in &record.facts {
            words.insert(format!("fact {name}"), plain(fact));
        }
        words.insert("reason".into(), plain(&record.reason.words));
        for word in &record.reason.evidence {
            value(format!("evidence {}", word.name), Some(word.value.to_string()));
        }
        for (index, thread) in record.threads.iter().enumerate() {
            let mut of = |name: &str, said: Option<String>| {
                value(format!("thread {index} {name}"), said);
            };
            of("id", Some(thread.id.to_string()));
            of("name", thread.name.clone());
            of("crashed", Some(thread.crashed.to_string()));
            of("state", thread.state.clone());
            of("priority", thread.priority.map(|n| n.to_string()));
            of("core", thread.core.map(|n| n.to_string()));
            of("control block", thread.control_block.map(|n| n.to_string()));
            of("saved sp", thread.saved_sp.map(|n| n.to_string()));
            of("stack", thread.stack.map(|s| format!("{} to {}", s.low, s.high)));
            for (name, register) in &thread.registers {
                of(&format!("register {name}"), Some(register.to_string()));
            }
            for (number, frame) in thread.printed.iter().enumerate() {
                of(&format!("frame {number}"), Some(frame.pc.to_string()));
            }
            for remark in &thread.remarks {
                words.insert(format!("thread {index} remarks"), plain(remark));
            }
        }
        for region in opened.dump.memory.regions().filter(|region| region.origin == Origin::Dump) {
            for (addr, byte) in (region.start..).zip(region.bytes.iter()) {
                values.insert(format!("memory {addr:#x}"), format!("{byte:#04x}"));
            }
        }
        // What was reconstructed follows from the rest, and is marked.
        let notes = opened.dump.notes.iter();
        let rebuilt = notes.filter(|note| note.code.as_deref() == Some("reconstructed"));
        for name in rebuilt.filter_map(|note| note.words.rsplit_once("registers ")) {
            for name in name.1.split(", ") {
                values.retain(|key, _| !key.ends_with(&format!("register {name}")));
            }
        }
        for note in &opened.dump.notes {
            // A guess that says that it is one, and what was taken from a backtrace.
            match note.code.as_deref() {
                Some("assumed") if note.severity > Severity::Info => _ = values.remove("arch"),
                Some("reconstructed") if note.words.contains("pc and stack pointer are") => {
                    let names = ["register pc", "register sp", "register ar1"];
                    values.retain(|key, _| !names.iter().any(|name| key.ends_with(name)));
                }
                _ => {}
            }
        }
        let told = |note: &&coroner::dump::Note| note.severity > Severity::Info;
        let notes = opened.dump.notes.iter().filter(told).map(|note| note.words.clone()).collect();
        let texts = plain(&record.texts.join("\n"));
        Told { values, words, texts, notes, found: opened.found.len() }
    }

    /// The format.
    pub(crate) fn format(&self) -> &str {
        self.values.get("format").map_or("", String::as_str)
    }
}

/// Words set apart by one blank each.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What of `after`, which was made of the text `before` is of, is not in order.
pub(crate) fn differences(sample: &Sample, after: &Outcome, tolerance: Tolerance) -> Vec<String> {
    let Outcome::Opened(before) = &sample.plain else {
        return vec!["the plain text is refused".into()];
    };
    let after = match after {
        Outcome::Opened(after) => after,
        Outcome::Refused(_) if tolerance != Tolerance::None => return Vec::new(),
        Outcome::Refused(words) => return vec![format!("refused: {}", first(words, 160))],
    };
    let mut wrong = Vec::new();
    let name_of = |name: &str| name.split(' ').next_back().map(str::to_string);
    let values: BTreeSet<_> = before.values.iter().map(|(name, v)| (name_of(name), v)).collect();
    for (name, value) in &after.values {
        // In a text that lost lines the order of things may be another, and what follows from all
        // of it. What the device said is the same.
        let derived = ["format", "signal", "chip", "target"].contains(&name.as_str())
            || ["id", "name", "core", "crashed"]
                .iter()
                .any(|word| name.ends_with(&format!(" {word}")));
        if tolerance == Tolerance::Any && (derived || values.contains(&(name_of(name), value))) {
            continue;
        }
        match before.values.get(name) {
            Some(other) if other == value => {}
            Some(_) if name.contains(" frame ") && before.has_frame(value) => {}
            Some(other) => wrong.push(format!("{name} is {value}, not {other}")),
            None => wrong.push(format!("{name} is {value}, where there was none")),
        }
    }
    let lost = |name: &&String| !after.values.contains_key(*name);
    let mut less: Vec<&String> = before.values.keys().filter(lost).collect();
    let said: String = before.words.values().map(|words| format!(" {words}")).collect();
    let all_words = format!("{said} {}", sample.text).to_lowercase();
    for (name, words) in after.words.iter().filter(|_| tolerance != Tolerance::Any) {
        let other = before.words.get(name).map_or("", String::as_str);
        let new = tokens(words).find(|word| !all_words.contains(&word.to_lowercase()));
        if words != other && (tolerance == Tolerance::None || new.is_some()) {
            let (words, other) = (first(words, 200), first(other, 200));
            wrong.push(format!("{name} is \"{words}\", not \"{other}\""));
        }
    }
    let new = tokens(&after.texts).filter(|word| !all_words.contains(&word.to_lowercase()));
    wrong.extend(
        new.take(1)
            .filter(|_| tolerance != Tolerance::Any)
            .map(|word| format!("\"{word}\" is in the lines of the crash")),
    );
    let noted = after.notes.iter().any(|note| !before.notes.contains(note));
    match tolerance {
        Tolerance::None => {
            less.extend(before.words.keys().filter(|name| !after.words.contains_key(*name)));
            if noted {
                wrong.push(format!("notes {:?}, not {:?}", after.notes, before.notes));
            }
        }
        Tolerance::Noted if !noted => {
            less.retain(|n| ["register", "frame", "memory"].iter().any(|word| n.contains(word)));
        }
        _ => less.clear(),
    }
    wrong.extend(less.iter().take(4).map(|name| format!("{name} is missing")));
    wrong.truncate(12);
    wrong
}

impl Told {
    fn has_frame(&self, pc: &String) -> bool {
        self.values.iter().any(|(name, value)| name.contains(" frame ") && value == pc)
    }
}

fn tokens(words: &str) -> impl Iterator<Item = &str> {
    words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn first(text: &str, len: usize) -> String {
    text.chars().take(len).collect()
}

/// Fails with what went wrong, in the order that it was tried. What is in the list of that name in
/// `open/` is known to be wrong still; the list can only get shorter (`BLESS=1` writes what is left).
#[track_caller]
pub(crate) fn all_right(test: &str, tried: usize, wrong: &[(String, Vec<String>)]) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/crash_texts/open/{test}.txt"));
    let list = std::fs::read_to_string(&path).unwrap_or_default();
    // Behind a name may stand why.
    let name = |line: &'static str| line.split("  # ").next().unwrap_or(line);
    let list: &'static str = Box::leak(list.into_boxed_str());
    let open: Vec<&str> = list.lines().map(name).collect();
    if std::env::var_os("BLESS").is_some() {
        let new = std::env::var_os("BLESS").is_some_and(|value| value == "new");
        let left = wrong.iter().map(|(what, _)| what.as_str());
        let left = left.filter(|what| new || open.contains(what));
        let as_before = |what| list.lines().find(|line| name(line) == what).unwrap_or(what);
        let left: Vec<&str> = left.map(as_before).collect();
        std::fs::write(&path, left.join("\n") + "\n").expect("written");
    }
    let new: Vec<_> = wrong.iter().filter(|(what, _)| !open.contains(&what.as_str())).collect();
    let most = if std::env::var_os("TEXTS_ALL").is_some() { usize::MAX } else { 20 };
    let shown = if most == usize::MAX { wrong.iter().collect() } else { new.clone() };
    let mut words =
        format!("{} of {tried} texts came out wrong, {} unlisted:\n", wrong.len(), new.len());
    for (what, differences) in shown.into_iter().take(most) {
        words.push_str(&format!("  {what}\n"));
        differences.iter().for_each(|line| words.push_str(&format!("      {line}\n")));
    }
    assert!(new.is_empty() && (most != usize::MAX || wrong.is_empty()), "{words}");
}
