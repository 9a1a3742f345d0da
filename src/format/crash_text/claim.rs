//! Where the crashes of a dialect are in a log.

use super::Dialect;
use super::crash::{BANNERS, Crash};
use super::pattern::{find, literal};
use crate::carrier::text::{Line, lines};
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
        let marked = self
            .starts
            .iter()
            .any(|start| memmem::find(&piece.bytes, literal(start).as_bytes()).is_some());
        if piece.hint.is_some() || !marked {
            return None;
        }
        let all: Vec<Line> = lines(&piece.bytes).collect();
        let starts = |text: &str| self.starts.iter().position(|start| find(start, text).is_some());
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        let mut open = false;
        let mut kind = None;
        for (index, line) in all.iter().enumerate() {
            let start = starts(&line.text);
            let near = blocks.last().is_some_and(|(first, _)| index.saturating_sub(*first) < 3);
            if start.is_some() && (!open || (start == kind && !near)) {
                kind = start;
                if let Some(block) = blocks.last_mut() {
                    block.1 = index;
                }
                blocks.push((index, all.len()));
                open = true;
            }
            let far =
                blocks.last().is_some_and(|(first, _)| index.saturating_sub(*first) > self.reach);
            if self.is_end(&line.text) || far || BANNERS.iter().any(|b| line.text.contains(b)) {
                open = false;
            }
        }
        let blocks: Vec<Cow<'_, [Line]>> = blocks
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
            let empty =
                crash.task.words.is_empty() && crash.titles.is_empty() && crash.rows.is_empty();
            if told && !empty {
                read.push((block, crash));
            }
        }
        // A word of it that is repeated behind a whole report is not a crash of its own.
        if read.iter().any(|(_, crash)| !crash.task.words.is_empty()) {
            let says = |c: &Crash<'_>| {
                !c.task.words.is_empty()
                    || !c.rows.is_empty()
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
