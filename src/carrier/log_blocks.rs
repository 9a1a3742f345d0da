//! Crash texts in a log: the lines that one crash printed are cut out of it.
//!
//! A producer says which of its lines begins a crash; everything up to the next one belongs to
//! it, and so do a few lines before it, where the device says what went wrong.

use super::text::{Line, lines};
use super::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;
use memchr::memmem;

/// How many lines before the first of a block are taken with it.
const LINES_BEFORE: usize = 12;

/// A carrier for the crash texts of one producer.
pub struct LogBlocks {
    /// The producer's format.
    pub format: &'static str,
    /// What is in every such text; one of them is enough.
    pub marks: &'static [&'static str],
    /// Finds the lines that begin a crash.
    pub starts: fn(&[Line]) -> Vec<usize>,
}

impl Carrier for LogBlocks {
    fn name(&self) -> &'static str {
        self.format
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let marked = |mark: &&str| memmem::find(&piece.bytes, mark.as_bytes()).is_some();
        if piece.hint == Some(self.format) || !self.marks.iter().any(marked) {
            return None;
        }
        let all: Vec<Line> = lines(&piece.bytes).collect();
        let starts = (self.starts)(&all);
        let mut pieces = Vec::new();
        let mut free = 0;
        for (nth, start) in starts.iter().enumerate() {
            let next = starts.get(nth + 1).copied().unwrap_or(all.len());
            // What stands before the next block is the next one's.
            let end = match starts.get(nth + 1) {
                Some(next) => next.saturating_sub(LINES_BEFORE).max(start + 1).min(*next),
                None => next,
            };
            let first = start.saturating_sub(LINES_BEFORE).max(free);
            free = end;
            let Some(block) = all.get(first..end) else { continue };
            let (Some(head), Some(tail)) = (block.first(), block.last()) else { continue };
            let layer = format!("log, lines {}-{}", head.number, tail.number);
            let texts: Vec<&str> = block.iter().map(|line| line.text.as_str()).collect();
            pieces.push(piece.inner(layer, texts.join("\n").into()).hinted(self.format));
        }
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}
