//! UF2: blocks of 512 bytes.
//!
//! | off | size | field                                        |
//! |   0 |    4 | 0x0a324655 (`UF2\n`), LE like all            |
//! |   4 |    4 | 0x9e5d5157                                   |
//! |   8 |    4 | flags: bit 0 not for the main flash          |
//! |  12 |    4 | address of the payload                       |
//! |  16 |    4 | its length, at most 476                      |
//! |  20 |    4 | number of the block, from 0                  |
//! |  24 |    4 | how many blocks there are                    |
//! |  28 |    4 | file size or family id                       |
//! |  32 |  476 | payload                                      |
//! | 508 |    4 | 0x0ab16f30                                   |
//!
//! Source: github.com/microsoft/uf2, README (2024).

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Part, PartContents, Runs};
use crate::carrier::{Piece, size_words};
use crate::cursor::u32_at;
use crate::dump::Note;
use crate::error::Fault;
use std::ops::Range;

const NAME: &str = "uf2";
const BLOCK_LEN: usize = 512;
const MAGIC: [u32; 2] = [0x0a32_4655, 0x9e5d_5157];
const MAGIC_END: u32 = 0x0ab1_6f30;
const NOT_MAIN_FLASH: u32 = 1;
const MOST_PAYLOAD: u32 = 476;

/// UF2.
pub(super) struct Uf2;

impl Part for Uf2 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "UF2 image"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        first_block(&piece.bytes).is_some()
    }

    fn may_hold_a_dump(&self) -> bool {
        true
    }

    fn around(&self, piece: &Piece) -> Option<[Range<usize>; 2]> {
        let start = first_block(&piece.bytes)?;
        let mut own = piece.bytes.get(start..)?.chunks(BLOCK_LEN);
        let blocks = own.rposition(|block| payload(block).is_some())?.saturating_add(1);
        let end = start.saturating_add(blocks.saturating_mul(BLOCK_LEN));
        Some([0..start, end..piece.bytes.len()])
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let mut runs = Runs::default();
        let mut contents = PartContents::default();
        let mut damaged = 0u32;
        let start = first_block(&piece.bytes).unwrap_or_default();
        let end = self.around(piece).map_or(piece.bytes.len(), |[_, behind]| behind.start);
        for block in piece.bytes.get(start..end).unwrap_or_default().chunks(BLOCK_LEN) {
            match payload(block) {
                Some(Some((addr, bytes))) => runs.add(addr, bytes),
                Some(None) => {}
                None => damaged = damaged.saturating_add(1),
            }
        }
        if damaged > 0 {
            contents.notes.push(
                Note::warning(format!(
                    "{damaged} blocks are damaged or cut: what they held is missing"
                ))
                .by(NAME)
                .code("cut"),
            );
        }
        contents.title = format!("UF2, {}", size_words(runs.byte_len()));
        contents.extents = runs.into_extents();
        Ok(contents)
    }
}

/// Where the first whole block begins. What is in front of it is no image: a log, for one.
fn first_block(bytes: &[u8]) -> Option<usize> {
    let whole = |at: &usize| bytes.get(*at..).is_some_and(|block| payload(block).is_some());
    let magic = MAGIC.map(u32::to_le_bytes).concat();
    memchr::memmem::find_iter(bytes, &magic).find(whole)
}

fn is_block(bytes: &[u8]) -> bool {
    u32_at(bytes, 0) == Some(MAGIC[0]) && u32_at(bytes, 4) == Some(MAGIC[1])
}

/// `Some(None)` for a block that is not of the device's main memory.
fn payload(block: &[u8]) -> Option<Option<(u64, &[u8])>> {
    if !is_block(block) || u32_at(block, 508)? != MAGIC_END {
        return None;
    }
    if u32_at(block, 8)? & NOT_MAIN_FLASH != 0 {
        return Some(None);
    }
    let len = u32_at(block, 16).filter(|len| *len <= MOST_PAYLOAD)?;
    let bytes = block.get(32..)?.get(..len as usize)?;
    Some(Some((u32_at(block, 12)?.into(), bytes)))
}
