//! What is known of the crash as a whole, as branches.

use super::look::Look;
use super::tree::{Branch, Entry};
use crate::diagnosis::{Diagnosis, Sentence, diagnose};

/// The parts of the branch, each with what it holds.
const PARTS: [&str; 5] =
    ["why", "fault registers", "what the device said", "facts", "what was odd"];

impl Look<'_, '_> {
    /// What happened, and the parts that hold something.
    pub(super) fn crash(&self) -> Vec<Entry> {
        let mut shown = vec![Entry::plain("what happened", &self.headline)];
        shown.extend(self.signature.as_ref().map(|id| Entry::plain("signature", id)));
        for part in PARTS {
            let count = self.crash_part(part).len() as u64;
            if count > 0 {
                let entry = Entry::plain(part, count.to_string());
                let entry = entry.with(Branch::CrashPart(part.to_string()));
                shown.push(Entry { named: count, ..entry });
            }
        }
        shown
    }

    /// What is known of the crash.
    fn diagnosis(&self) -> Diagnosis {
        let index = self.dump.threads.iter().position(|thread| thread.crashed);
        let known = index.and_then(|index| {
            let (thread, trace) = (self.thread(index)?, self.trace(index)?);
            let at = trace.lines.get(trace.culprit)?.frame;
            Some(diagnose(self.dump, self.modules, thread, &trace.frames, at))
        });
        known.unwrap_or_default()
    }

    pub(super) fn crash_part(&self, part: &str) -> Vec<Entry> {
        let dump = self.dump;
        match part {
            "why" => {
                let known = self.diagnosis();
                let sentence = |(n, sentence): (usize, Sentence)| {
                    Entry::plain((n + 1).to_string(), sentence.words)
                };
                known.sentences.into_iter().enumerate().map(sentence).collect()
            }
            "fault registers" => {
                let words = dump.reason.evidence.iter();
                let text = |value, words: &str| format!("{value:#x} {words}");
                words.map(|word| Entry::plain(&word.name, text(word.value, &word.words))).collect()
            }
            "what the device said" => {
                let lines = dump.texts.iter().flat_map(|text| text.lines());
                lines.enumerate().map(|(n, line)| Entry::plain((n + 1).to_string(), line)).collect()
            }
            "facts" => {
                let mut facts = vec![Entry::plain("format", &dump.format)];
                facts.extend(dump.identity.chip.iter().map(|chip| Entry::plain("chip", chip)));
                let ids = dump.identity.firmware.iter();
                facts.extend(ids.map(|id| Entry::plain("firmware", id.to_string())));
                let more = dump.identity.facts.iter();
                facts.extend(more.map(|(name, value)| Entry::plain(name, value)));
                facts
            }
            "what was odd" => {
                let notes = dump.notes.iter();
                notes.map(|note| Entry::plain(note.severity.to_string(), note.sentence())).collect()
            }
            _ => Vec::new(),
        }
    }
}
