//! The crash texts that are tried: each dialect's sample, the inputs of our cases and, where they are
//! there, the texts of the field.

use crate::compare::{Outcome, outcome};
use crate::support;
use coroner::format::crash_text;
use std::path::Path;

/// A crash text, and what comes of it as it is.
pub(crate) struct Sample {
    pub(crate) name: String,
    /// The sample of a dialect, or a case of ours: all is tried with it. With the others, of which
    /// there are several for each dialect, only a part.
    pub(crate) is_ours: bool,
    pub(crate) text: String,
    pub(crate) plain: Outcome,
}

/// All of them that open.
pub(crate) fn all() -> Vec<Sample> {
    let mut texts: Vec<(String, String)> = Vec::new();
    for dialect in crash_text::ALL {
        texts.push((dialect.name.to_string(), dialect.sample.to_string()));
    }
    texts_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases"), &mut texts);
    let ours: Vec<String> = texts.iter().map(|(name, _)| name.clone()).collect();
    if let Some(fixtures) = support::fixtures() {
        texts_below(&fixtures.join("field"), &mut texts);
    }
    let wanted = std::env::var("TEXTS").unwrap_or_default();
    texts.retain(|(name, _)| name.contains(&wanted));
    texts.sort();
    texts.dedup_by(|(_, a), (_, b)| a == b);
    let mut samples = Vec::new();
    for (name, text) in texts {
        if let Outcome::Opened(dump) = outcome(text.as_bytes()) {
            let is_ours = ours.contains(&name);
            samples.push(Sample { name, is_ours, text, plain: Outcome::Opened(dump) });
        }
    }
    samples
}

/// Fewer lines than this prove no prefix.
const FEW_LINES: usize = 5;

impl Sample {
    /// Whether it has too few lines to tell what a logger put before them.
    pub(crate) fn has_few_lines(&self) -> bool {
        self.text.lines().filter(|line| !line.trim().is_empty()).count() < FEW_LINES
    }

    /// A number that tells which part is tried with it, and stays the same as other samples come.
    pub(crate) fn turn(&self) -> usize {
        turn(&self.name)
    }

    /// Whether the engine reads it.
    pub(crate) fn is_dialects(&self) -> bool {
        let Outcome::Opened(told) = &self.plain else { return false };
        crash_text::ALL.iter().any(|dialect| dialect.title == told.format())
    }
}

/// FNV-1a, folded.
pub(crate) fn turn(name: &str) -> usize {
    let hash = name
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash >> 8) as usize
}

/// Console texts of up to 4 KiB in the folders of `folder`, by folder and name.
fn texts_below(folder: &Path, texts: &mut Vec<(String, String)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            texts_below(&path, texts);
            continue;
        }
        let is_text = path.extension().is_some_and(|e| e == "txt")
            && path.file_name().is_none_or(|name| name != "expected.txt");
        let Some(text) = std::fs::read(&path).ok().filter(|_| is_text) else { continue };
        let Ok(text) = String::from_utf8(text) else { continue };
        if text.len() <= 4096 {
            let parts: Vec<_> = path.components().rev().take(2).collect();
            let words = parts.iter().rev().map(|part| part.as_os_str().to_string_lossy());
            texts.push((words.collect::<Vec<_>>().join("/"), text));
        }
    }
}
