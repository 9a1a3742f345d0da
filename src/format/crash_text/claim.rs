//! Where the crashes of a dialect are in a log.

use super::crash::{BANNERS, Crash};
use super::pattern::{find, literal};
use super::{Dialect, Rule};
use crate::carrier::text::Line;
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;
use memchr::memmem;
use std::borrow::Cow;

/// A dialect as carrier (it cuts the crashes out of a log) and format.
impl Carrier for Dialect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let mut marks = self.starts.iter().chain(self.weak);
        let marked =
            marks.any(|start| memmem::find(&piece.bytes, literal(start).as_bytes()).is_some());
        if piece.hint.is_some() || !marked {
            return None;
        }
        let marks = self.starts.iter().chain(self.weak);
        let all = piece.lines_near(marks.map(|start| literal(start)));
        let blocks: Vec<Cow<'_, [Line]>> = self
            .blocks(&all)
            .into_iter()
            .filter_map(|(first, end)| {
                let block = all.get(first..end)?;
                Some(self.mend.map_or(Cow::Borrowed(block), |mend| mend(block).into()))
            })
            .collect();
        let mut read: Vec<(&[Line], Crash<'_>)> = Vec::new();
        for block in &blocks {
            let crash = Crash::read(self, block);
            let told = (self.family)(&crash).is_some() || !crash.titles.is_empty();
            let task = &crash.task;
            let empty = task.words.is_empty() && task.frames.is_empty();
            if told && !(empty && crash.titles.is_empty() && crash.rows.is_empty()) {
                read.push((block, crash));
            }
        }
        // A word of it that is repeated behind a whole report is not a crash of its own.
        if read.iter().any(|(_, crash)| !crash.task.words.is_empty()) {
            let says = |c: &Crash<'_>| {
                !c.task.words.is_empty()
                    || !c.rows.is_empty()
                    || !c.task.frames.is_empty()
                    || c.task.id.is_some()
                    || c.titles.len() > 1
            };
            read.retain(|(_, crash)| says(crash));
        }
        let mut pieces = Vec::new();
        for (block, crash) in read {
            let used = block.get(..crash.lines.len()).unwrap_or(block);
            let (Some(head), Some(tail)) = (used.first(), used.last()) else { continue };
            let layer = format!("log, lines {}-{}", head.number, tail.number);
            let texts: Vec<&str> = used.iter().map(|line| line.text.as_str()).collect();
            pieces.push(piece.inner(layer, texts.join("\n").into()).hinted(self.name));
        }
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

impl Dialect {
    /// The first lines of crashes, and where each ends at most.
    fn blocks(&self, all: &[Line]) -> Vec<(usize, usize)> {
        let position = |starts: &[&'static str], text: &str| {
            starts.iter().position(|start| find(start, text).is_some())
        };
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        let mut open = false;
        // Which of the starts were seen in the last one, and where first.
        let mut seen: Vec<(usize, usize)> = Vec::new();
        let (mut memory, mut others) = (false, false);
        for (index, line) in all.iter().enumerate() {
            let text = line.text.as_str();
            let strong = position(self.starts, text);
            let since = blocks.last().map_or(usize::MAX, |(first, _)| index.saturating_sub(*first));
            let anew = match strong {
                Some(kind) => {
                    let again =
                        |(k, at): &(usize, usize)| *k == kind && index.saturating_sub(*at) >= 3;
                    !open || seen.iter().any(again)
                }
                None if open && (!seen.is_empty() || !memory || others) => false,
                None => position(self.weak, text).is_some(),
            };
            if anew {
                if let Some(block) = blocks.last_mut() {
                    block.1 = index;
                }
                blocks.push((index, all.len()));
                (open, memory, others) = (true, false, false);
                seen.clear();
            }
            if let Some(kind) = strong.filter(|kind| seen.iter().all(|(k, _)| k != kind)) {
                seen.push((kind, index));
            }
            memory |= self.has_rule(text, |rule| match rule {
                Rule::Memory(pattern) => Some(pattern),
                _ => None,
            });
            others |= self.has_rule(text, |rule| match rule {
                Rule::Other(pattern) => Some(pattern),
                _ => None,
            });
            let far = since > self.reach && !anew;
            if self.is_end(text) || far || BANNERS.iter().any(|banner| text.contains(banner)) {
                open = false;
            }
        }
        blocks
    }

    /// Whether a rule of some kind matches a line.
    fn has_rule(&self, text: &str, of_kind: fn(&Rule) -> Option<&'static str>) -> bool {
        let mut patterns = self.rules.iter().filter_map(of_kind);
        !self.weak.is_empty() && patterns.any(|pattern| find(pattern, text).is_some())
    }
}
