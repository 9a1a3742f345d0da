//! Motorola S-records.
//!
//! `StLLaa..dd..CC` a line: type, count of the bytes behind it, address (2, 3 or 4 bytes for S1,
//! S2, S3), data, and the ones' complement of the sum of all bytes from the count on. S0 is a
//! title, S5 and S6 count records, S7 to S9 end the file.
//!
//! Source: Motorola, M68000 Family Programmer's Reference Manual, appendix C.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Part, PartContents, Runs};
use crate::carrier::text::{decode_hex, lines, looks_like_text, may_begin};
use crate::carrier::{Piece, size_words};
use crate::dump::Note;
use crate::error::Fault;

const NAME: &str = "s-record";

/// Motorola S-records.
pub(super) struct SRecord;

enum Record {
    Data { addr: u64, bytes: Vec<u8> },
    End,
    Other,
}

impl Part for SRecord {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Motorola S-record image"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        looks_like_text(&piece.bytes)
            && may_begin(&piece.bytes, b'S', 7)
            && lines(&piece.bytes).filter_map(|line| parse(&line.text)?.ok()).take(2).count() == 2
    }

    fn may_hold_a_dump(&self) -> bool {
        true
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let mut runs = Runs::default();
        let mut contents = PartContents::default();
        let mut ended = false;
        for line in lines(&piece.bytes) {
            match parse(&line.text) {
                None | Some(Ok(Record::Other)) => {}
                Some(Ok(Record::End)) => ended = true,
                Some(Ok(Record::Data { addr, bytes })) => runs.add(addr, &bytes),
                Some(Err(())) => contents.notes.push(
                    Note::warning(format!(
                        "line {} is damaged (its checksum does not match): what it held is \
                     missing",
                        line.number
                    ))
                    .by(NAME)
                    .code("checksum"),
                ),
            }
        }
        if !ended {
            contents
                .notes
                .push(Note::warning("there is no end record: cut off?").by(NAME).code("cut"));
        }
        contents.title = format!("S-records, {}", size_words(runs.byte_len()));
        contents.extents = runs.into_extents();
        Ok(contents)
    }
}

/// `None` if the line is no record; `Err` if it is one and damaged.
fn parse(line: &str) -> Option<Result<Record, ()>> {
    let kind = line.strip_prefix('S')?.chars().next()?;
    let digits = line.get(2..)?;
    if !kind.is_ascii_digit() || digits.len() < 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return None;
    }
    let Some(bytes) = decode_hex(digits) else { return Some(Err(())) };
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    let [count, body @ .., _] = bytes.as_slice() else { return Some(Err(())) };
    if sum != 0xff || usize::from(*count) != body.len().saturating_add(1) {
        return Some(Err(()));
    }
    let addr_len = match kind {
        '1' => 2,
        '2' => 3,
        '3' => 4,
        '7'..='9' => return Some(Ok(Record::End)),
        _ => return Some(Ok(Record::Other)),
    };
    let Some((addr, bytes)) = body.split_at_checked(addr_len) else { return Some(Err(())) };
    let addr = addr.iter().fold(0u64, |addr, byte| addr << 8 | u64::from(*byte));
    Some(Ok(Record::Data { addr, bytes: bytes.to_vec() }))
}
