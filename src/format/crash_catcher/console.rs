//! CrashCatcher's hexadecimal form on a console: lines of up to 16 bytes, a new line at each
//! write of the device, between `CRASH ENCOUNTERED` and `End of dump`; again and again, until
//! somebody resets the device. A log may have a prefix on every line.

use super::NAME;
use crate::budget::MOST_PIECES;
use crate::carrier::text::{Prefix, decode_hex, lines, looks_like_text};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

/// The first line: signature and version.
const FIRST_LINES: [&str; 2] = ["63430200", "63430300"];
const END: &str = "End of dump";

/// A console log with CrashCatcher dumps in it.
pub struct CrashCatcherConsole;

struct Block {
    prefix: Prefix,
    first: usize,
    last: usize,
    bytes: Vec<u8>,
    complete: bool,
}

impl Carrier for CrashCatcherConsole {
    fn name(&self) -> &'static str {
        "CrashCatcher console log"
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &[FIRST_LINES[0], FIRST_LINES[1]], end: &[END] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let finds = |first: &str| memmem::find(&piece.bytes, first.as_bytes()).is_some();
        if !looks_like_text(&piece.bytes) || !FIRST_LINES.into_iter().any(finds) {
            return None;
        }
        let mut blocks = blocks(piece);
        if blocks.is_empty() {
            return None;
        }
        // It repeats for ever: what was cut off at the end of the log is there in whole before.
        if blocks.iter().any(|block| block.complete) {
            blocks.retain(|block| block.complete);
        }
        let pieces = blocks.into_iter().map(|block| {
            let place = format!("lines {}-{}", block.first, block.last);
            let layer = format!("{}, {place}", self.name());
            let mut inner = piece.inner(layer, block.bytes.into()).hinted(NAME);
            if !block.complete {
                let words = format!("{place}: there is no '{END}' after this dump");
                inner.notes.push(Note::warning(words).by(NAME).code("cut"));
            }
            inner
        });
        Some(Ok(pieces.collect()))
    }
}

fn blocks(piece: &Piece) -> Vec<Block> {
    let mut done: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for line in lines(&piece.bytes) {
        let (before, last) = line.text.rsplit_once(' ').unwrap_or(("", &line.text));
        // Of a device that crashed again and again the last ones count.
        if done.len() > 2 * MOST_PIECES {
            done = piece.budget.last_of(done);
        }
        if FIRST_LINES.contains(&last) {
            done.extend(open.take());
            let prefix = if before.is_empty() { String::new() } else { format!("{before} ") };
            open = Some(Block {
                prefix: Prefix::like(&prefix),
                first: line.number,
                last: line.number,
                bytes: decode_hex(last).unwrap_or_default(),
                complete: false,
            });
        } else if let Some(mut block) = open.take() {
            let digits = block.prefix.strip(&line.text).unwrap_or_default();
            if let Some(bytes) = decode_hex(digits).filter(|bytes| !bytes.is_empty()) {
                block.bytes.extend_from_slice(&bytes);
                block.last = line.number;
                open = Some(block);
            } else {
                block.complete = line.text.ends_with(END);
                done.push(block);
            }
        }
    }
    done.extend(open);
    done
}
