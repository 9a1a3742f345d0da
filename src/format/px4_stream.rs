//! What PX4 prints of a hardfault context after a reset: lines with `hardfault_stream`, four digits of
//! offset and up to 42 bytes in hexadecimal, at the end `crc` and the CRC-32 of all that text without
//! its line ends.
//!
//! Source: PX4-Autopilot (2026), `src/modules/hardfault_stream/HardfaultStream.cpp`, and its reader
//! `Tools/hardfaults_rawhex_decode.py` b00117cd6a7. No real log was seen.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::px4_context::NAME;
use crate::carrier::text::{decode_hex, lines};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

const MARK: &str = "hardfault_stream";

/// The log of a flight controller that prints its hardfault context.
pub struct HardfaultStream;

impl Carrier for HardfaultStream {
    fn name(&self) -> &'static str {
        "PX4 hardfault stream"
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &[MARK], end: &[] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        memmem::find(&piece.bytes, MARK.as_bytes())?;
        let mut done = Vec::new();
        let mut open = Chunks::default();
        for line in lines(&piece.bytes) {
            let Some((_, text)) = line.text.split_once(MARK) else { continue };
            let text = text.trim_start_matches([']', ':', ' ']);
            if let Some(crc) = text.strip_prefix("crc ") {
                open.crc = u32::from_str_radix(crc.trim(), 16).ok();
                done.extend(std::mem::take(&mut open).piece(self.name(), piece));
            } else if let Some((offset, bytes)) = chunk(text) {
                // The next one, of which this one's end was lost.
                if offset <= open.last_offset && !open.chunks.is_empty() {
                    done.extend(std::mem::take(&mut open).piece(self.name(), piece));
                }
                open.add(line.number, offset, bytes, text);
            }
        }
        done.extend(open.piece(self.name(), piece));
        (!done.is_empty()).then_some(Ok(done))
    }
}

/// `01f8 00000000...`.
fn chunk(text: &str) -> Option<(usize, Vec<u8>)> {
    let (offset, digits) = text.split_once(' ')?;
    let bytes = decode_hex(digits).filter(|bytes| !bytes.is_empty() && offset.len() == 4)?;
    Some((usize::from_str_radix(offset, 16).ok()?, bytes))
}

/// The lines of one stream.
#[derive(Default)]
struct Chunks {
    first: usize,
    last: usize,
    last_offset: usize,
    chunks: Vec<(usize, Vec<u8>)>,
    /// All that the device counted into its CRC.
    text: String,
    crc: Option<u32>,
}

impl Chunks {
    fn add(&mut self, line: usize, offset: usize, bytes: Vec<u8>, text: &str) {
        if self.chunks.is_empty() {
            self.first = line;
        }
        (self.last, self.last_offset) = (line, offset);
        self.text.push_str(text);
        self.chunks.push((offset, bytes));
    }

    fn piece(self, name: &str, outer: &Piece) -> Option<Piece> {
        let mut bytes = Vec::new();
        let mut lost = Vec::new();
        for (offset, chunk) in &self.chunks {
            if bytes.len() < *offset {
                lost.push(bytes.len() as u64..*offset as u64);
            }
            // Offsets rise, and have 16 bits.
            bytes.resize(*offset, 0);
            bytes.extend_from_slice(chunk);
        }
        if bytes.is_empty() {
            return None;
        }
        let layer = format!("{name}, lines {}-{}", self.first, self.last);
        let mut inner = outer.inner(layer, bytes.into()).hinted(NAME);
        let found = crc32fast::hash(self.text.as_bytes());
        let problem = match self.crc {
            _ if !lost.is_empty() => Some("lines of it are missing".to_string()),
            None => Some("the log ends before its last line: the context may be cut off".into()),
            Some(crc) if crc != found => {
                Some(format!("CRC-32: expected {crc:08x}, found {found:08x}: a line is damaged"))
            }
            Some(_) => None,
        };
        inner
            .notes
            .extend(problem.map(|words| Note::warning(words).by(name.to_string()).code("damaged")));
        inner.lost = lost;
        Some(inner)
    }
}
