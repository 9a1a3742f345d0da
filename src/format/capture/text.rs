//! The carrier of dumps printed as `#CAP:` lines on a console. The lines are defined in
//! [`coroner_capture::text`]; each knows its place, so those that are lost or damaged are holes.

use super::NAME;
use crate::carrier::text::lines;
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use coroner_capture::text::{self, Line};
use memchr::memmem;
use std::ops::Range;

const CARRIER: &str = "#CAP: lines";
/// No device prints more: at 115200 baud this would take two days.
const MOST: u32 = 256 << 20;

/// A console log with `#CAP:` lines in it.
pub struct CaptureText;

#[derive(Default)]
struct Block {
    first: usize,
    last: usize,
    bytes: Vec<u8>,
    known: Vec<Range<u64>>,
    length: Option<u64>,
    notes: Vec<Note>,
}

impl Carrier for CaptureText {
    fn name(&self) -> &'static str {
        CARRIER
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &["#CAP:begin"], end: &["#CAP:end"] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        memmem::find(&piece.bytes, text::PREFIX)?;
        let blocks = blocks(&piece.bytes);
        let count = blocks.len();
        if count == 0 {
            return None;
        }
        let pieces = blocks.into_iter().enumerate().map(|(index, block)| {
            let place = format!("lines {}-{}", block.first, block.last);
            let layer = match count {
                1 => format!("{CARRIER}, {place}"),
                _ => format!("{CARRIER}, dump {} of {count}, {place}", index + 1),
            };
            finish(block, piece, layer)
        });
        Some(Ok(pieces.collect()))
    }
}

fn blocks(bytes: &[u8]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for line in lines(bytes) {
        let Some(decoded) = text::decode(line.text.as_bytes()) else { continue };
        if matches!(decoded, Ok(Line::Begin { .. })) {
            blocks.extend(open.take());
        }
        let block = open.get_or_insert_with(|| Block { first: line.number, ..Block::default() });
        block.last = line.number;
        match decoded {
            Ok(Line::Begin { version }) if version != text::VERSION => {
                let words = format!("version {version}, {} is known", text::VERSION);
                block.notes.push(Note::warning(words).by(CARRIER).code("new-version"));
            }
            Ok(Line::Begin { .. }) => {}
            Ok(Line::Data(data)) => block.add(data.offset, data.bytes()),
            Ok(Line::End { length }) => {
                block.length = Some(length.into());
                blocks.extend(open.take());
            }
            Err(error) => {
                let what = match error {
                    text::LineError::Malformed => "is not whole",
                    text::LineError::Crc => "has a wrong CRC",
                };
                let words = format!("line {} {what}: it is a hole", line.number);
                block.notes.push(Note::warning(words).by(CARRIER).code("damaged"));
            }
        }
    }
    blocks.extend(open);
    blocks.retain(|block| !block.known.is_empty());
    blocks
}

impl Block {
    fn add(&mut self, offset: u32, bytes: &[u8]) {
        let start = offset as usize;
        let end = start.saturating_add(bytes.len());
        if offset > MOST {
            return;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        if let Some(slot) = self.bytes.get_mut(start..end) {
            slot.copy_from_slice(bytes);
            self.known.push(start as u64..end as u64);
        }
    }

    /// The mark is as the writer leaves it: erased.
    fn leave_mark(&mut self) {
        let (start, end) = (MARK.start as u64, MARK.end as u64);
        let sent = self.known.iter().any(|known| known.start < end && start < known.end);
        if let Some(mark) = self.bytes.get_mut(MARK).filter(|_| !sent) {
            mark.fill(0xff);
            self.known.push(start..end);
        }
    }
}

/// Where the mark is that says whether a dump was uploaded. It is never sent: FORMAT.md, "Text".
const MARK: Range<usize> = 0x40..0x60;

/// Finds out what no line holds.
fn finish(mut block: Block, piece: &Piece, layer: String) -> Piece {
    let end = block.length.unwrap_or(block.bytes.len() as u64).min(MOST.into());
    if block.length.is_none() {
        let words = "the log has no end line for this dump";
        block.notes.push(Note::warning(words).by(CARRIER).code("cut"));
    }
    block.bytes.resize((end as usize).max(block.bytes.len()), 0);
    block.leave_mark();
    block.known.sort_by_key(|range| range.start);
    let mut lost = Vec::new();
    let mut at = 0;
    for known in &block.known {
        if at < known.start {
            lost.push(at..known.start);
        }
        at = at.max(known.end);
    }
    if at < end {
        lost.push(at..end);
    }
    let missing: u64 = lost.iter().map(|range| range.end - range.start).sum();
    if missing > 0 {
        let words = format!("{missing} of {end} bytes are in no line");
        block.notes.push(Note::warning(words).by(CARRIER).code("damaged"));
    }
    let mut inner = piece.inner(layer, block.bytes.into()).hinted(NAME);
    inner.lost = lost;
    inner.notes.extend(block.notes);
    inner
}
