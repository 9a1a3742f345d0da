//! Intel HEX.
//!
//! `:LLAAAATTdd..CC` a line: count, address, type, data, and the two's complement of the sum of
//! all bytes before it. Types: 00 data, 01 end, 02 segment (<< 4), 04 upper 16 bits of the
//! address; 03 and 05 are start addresses.
//!
//! Source: Intel, Hexadecimal Object File Format Specification, revision A (1988).

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Part, PartContents, Runs};
use crate::carrier::text::{decode_hex, lines, looks_like_text, may_begin};
use crate::carrier::{Piece, size_words};
use crate::dump::Note;
use crate::error::Fault;

const NAME: &str = "intel-hex";
const DATA: u8 = 0;
const END: u8 = 1;
const SEGMENT: u8 = 2;
const UPPER: u8 = 4;

/// Intel HEX.
pub(super) struct IntelHex;

struct Record {
    addr: u16,
    kind: u8,
    data: Vec<u8>,
}

impl Part for IntelHex {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Intel HEX image"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        looks_like_text(&piece.bytes)
            && may_begin(&piece.bytes, b':', 10)
            && lines(&piece.bytes).filter_map(|line| parse(&line.text)?.ok()).take(2).count() == 2
    }

    fn may_hold_a_dump(&self) -> bool {
        true
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let mut runs = Runs::default();
        let mut contents = PartContents::default();
        let mut base = 0u64;
        let mut ended = false;
        for line in lines(&piece.bytes) {
            let Some(record) = parse(&line.text) else { continue };
            let Ok(Record { addr, kind, data }) = record else {
                contents.notes.push(
                    Note::warning(format!(
                        "line {} is damaged (its checksum does not match): what it held is \
                     missing",
                        line.number
                    ))
                    .by(NAME)
                    .code("checksum"),
                );
                continue;
            };
            let word = || data.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
            match kind {
                DATA => runs.add(base.saturating_add(addr.into()), &data),
                SEGMENT => base = word() << 4,
                UPPER => base = word() << 16,
                END => ended = true,
                _ => {}
            }
        }
        if !ended {
            contents
                .notes
                .push(Note::warning("there is no end record: cut off?").by(NAME).code("cut"));
        }
        contents.title = format!("Intel HEX, {}", size_words(runs.byte_len()));
        contents.extents = runs.into_extents();
        Ok(contents)
    }
}

/// `None` if the line is no record; `Err` if it is one and damaged.
fn parse(line: &str) -> Option<Result<Record, ()>> {
    let digits = line.strip_prefix(':')?;
    if digits.len() < 10 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let Some(bytes) = decode_hex(digits) else { return Some(Err(())) };
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let [count, high, low, kind, data @ .., _] = bytes.as_slice() else { return Some(Err(())) };
    if sum != 0 || usize::from(*count) != data.len() {
        return Some(Err(()));
    }
    Some(Ok(Record { addr: u16::from_be_bytes([*high, *low]), kind: *kind, data: data.to_vec() }))
}
