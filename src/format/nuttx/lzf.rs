//! NuttX' stream of LZF blocks.
//!
//! | off | size | field                                                       |
//! |   0 |    2 | `ZV`                                                        |
//! |   2 |    1 | 0 plain, 1 compressed                                       |
//! |   3 |    2 | length of what follows, big-endian                          |
//! |   5 |    2 | compressed only: length when plain, big-endian              |
//!
//! LZF: a control byte below 32 is followed by so many literals and one more; any other holds a
//! length in its top 3 bits (7: one more byte adds to it), 2 less than is meant, and the high
//! bits of a distance, whose low byte follows, 1 less than is meant.
//!
//! Source: NuttX 4ebc8a7291d, `libs/libc/lzf/lzf_d.c`, `libs/libc/stream/lib_lzfcompress.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::cursor::Cursor;
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

pub(super) const MAGIC: &[u8] = b"ZV";
const NAME: &str = "nuttx lzf";

/// A file or device that holds a stream of LZF blocks.
pub struct LzfStream;

impl Carrier for LzfStream {
    fn name(&self) -> &'static str {
        NAME
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let head = piece.bytes.get(..3)?;
        (head.starts_with(MAGIC) && matches!(head.last(), Some(0 | 1)))
            .then(|| Ok(vec![unpack(piece, "LZF stream")]))
    }
}

/// Unpacks the stream in `piece`. A block that is damaged leaves a gap of its length.
pub(super) fn unpack(piece: &Piece, layer: &str) -> Piece {
    let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
    let mut plain = Vec::new();
    let mut lost = Vec::new();
    let mut notes = Vec::new();
    while cursor.left() >= 5 {
        let at = cursor.offset();
        match block(&mut cursor) {
            Ok(block) if !paid(piece, &block) => break,
            Ok(Block::Whole(bytes)) => plain.extend_from_slice(&bytes),
            Ok(Block::Damaged(len)) => {
                let start = plain.len() as u64;
                plain.resize(plain.len().saturating_add(len), 0);
                lost.push(start..plain.len() as u64);
                notes.push(
                    Note::warning(format!(
                        "block at offset {at:#x} is damaged: {len} bytes are lost"
                    ))
                    .by(NAME)
                    .code("damaged"),
                );
            }
            // Erased flash behind the stream, or the end of it.
            Ok(Block::None) => break,
            Err(fault) => {
                notes.push(Note::warning(fault.words()).by(fault.format).code("damaged"));
                break;
            }
        }
    }
    let mut inner = piece.inner(layer, plain.into());
    inner.lost = lost;
    inner.notes.extend(notes);
    inner
}

/// Whether there is room for what a block holds. (What runs out is told by the budget.)
fn paid(piece: &Piece, block: &Block) -> bool {
    let len = match block {
        Block::Whole(bytes) => bytes.len(),
        Block::Damaged(len) => *len,
        Block::None => 0,
    };
    piece.budget.memory(len as u64, NAME, "blocks").is_ok()
}

enum Block {
    Whole(Vec<u8>),
    /// Its length is known, its contents are not.
    Damaged(usize),
    None,
}

fn block(cursor: &mut Cursor) -> Result<Block, Fault> {
    let mut ahead = cursor.clone();
    let magic = ahead.take("block", 2)?;
    if magic != MAGIC {
        if magic.iter().all(|byte| matches!(byte, 0 | 0xff)) {
            return Ok(Block::None);
        }
        // Bytes were lost or came in between: the next block is found by its mark.
        let rest = ahead.rest();
        let Some(skip) = memmem::find(&rest, MAGIC) else { return Ok(Block::None) };
        cursor.skip("damaged block", skip.saturating_add(2))?;
        return Ok(Block::Damaged(0));
    }
    let kind = ahead.u8("block type")?;
    let word = |cursor: &mut Cursor, field: &str| -> Result<usize, Fault> {
        Ok(cursor.u16(field)?.swap_bytes().into())
    };
    let len = word(&mut ahead, "block length")?;
    let result = match kind {
        0 => Block::Whole(ahead.take_up_to(len).to_vec()),
        1 => {
            let plain_len = word(&mut ahead, "plain length")?;
            let packed = ahead.take_up_to(len);
            match decode(&packed, plain_len) {
                Some(plain) if plain.len() == plain_len => Block::Whole(plain),
                _ => Block::Damaged(plain_len),
            }
        }
        kind => {
            let fault = cursor.fault("block type", "0 or 1", kind.to_string());
            return Err(fault);
        }
    };
    *cursor = ahead;
    Ok(result)
}

fn decode(packed: &[u8], plain_len: usize) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(plain_len);
    let mut packed = packed.iter().copied();
    while let Some(control) = packed.next() {
        if control < 32 {
            for _ in 0..=control {
                plain.push(packed.next()?);
            }
        } else {
            let mut len = usize::from(control >> 5);
            if len == 7 {
                len = len.checked_add(packed.next()?.into())?;
            }
            let high = usize::from(control & 0x1f) << 8;
            let distance = (high | usize::from(packed.next()?)).checked_add(1)?;
            let mut from = plain.len().checked_sub(distance)?;
            for _ in 0..len.checked_add(2)? {
                plain.push(*plain.get(from)?);
                from = from.checked_add(1)?;
            }
        }
        if plain.len() > plain_len {
            return None;
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_overlapping_copies_decode() {
        // "abc", then 5 bytes from 3 back: "abcab".
        let packed = [2, b'a', b'b', b'c', 3 << 5, 2];
        assert_eq!(decode(&packed, 8).as_deref(), Some(&b"abcabcab"[..]));
        assert_eq!(decode(&packed[..5], 8), None, "cut in a copy");
        assert_eq!(decode(&[32, 0], 8), None, "a copy from before the start");
    }
}
