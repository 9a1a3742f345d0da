//! Crash texts in a log: the lines that one crash printed are cut out of it.
//!
//! A producer says which of its lines begins a crash, and which lines shortly before that belong
//! to it (where the device says what went wrong); it reaches up to the next one.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::text::Line;
use super::{Carrier, CarrierOptions, Marks, Piece};
use crate::error::Fault;
use memchr::memmem;

/// How far before the first line of a crash its title may stand.
const LINES_BEFORE: usize = 12;

/// A carrier for the crash texts of one producer.
pub struct LogBlocks {
    /// The producer's format.
    pub format: &'static str,
    /// What is in every such text; one of them is enough.
    pub marks: &'static [&'static str],
    /// Finds the lines that begin a crash.
    pub starts: fn(&[Line<'_>]) -> Vec<usize>,
    /// Whether a line shortly before the start belongs to the crash.
    pub is_title: fn(&str) -> bool,
}

impl Carrier for LogBlocks {
    fn name(&self) -> &'static str {
        self.format
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: self.marks, end: &[] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let marked = |mark: &&str| memmem::find(&piece.bytes, mark.as_bytes()).is_some();
        if piece.hint == Some(self.format) || !self.marks.iter().any(marked) {
            return None;
        }
        let all = piece.lines_near(self.marks.iter().copied());
        let mut firsts: Vec<usize> = Vec::new();
        let mut free = 0;
        for start in piece.budget.last_of((self.starts)(&all)) {
            let earliest = start.saturating_sub(LINES_BEFORE).max(free);
            let titled = (earliest..start)
                .find(|index| all.get(*index).is_some_and(|line| (self.is_title)(&line.text)));
            firsts.push(titled.unwrap_or(start));
            free = start.saturating_add(1);
        }
        let ends = firsts.iter().skip(1).copied().chain(std::iter::once(all.len()));
        let mut pieces = Vec::new();
        for (first, end) in firsts.iter().zip(ends) {
            let Some(block) = all.get(*first..end) else { continue };
            let (Some(head), Some(tail)) = (block.first(), block.last()) else { continue };
            let texts: Vec<&str> = block.iter().map(|line| &*line.text).collect();
            let lines = (head.number, tail.number);
            pieces.push(piece.crash_text(texts.join("\n"), lines, self.format));
        }
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}
