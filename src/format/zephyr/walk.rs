//! Follows a stream from block to block without taking it apart: for carriers, which must know
//! where it ends, or whether what they put together can be right.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::stream::{HEADER_LEN, block_len, is_header};
use crate::cursor::u16_at;
use bytes::Bytes;

/// The ids that a block can have.
const IDS: &[u8] = b"ATFMC";

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Behind a whole block, with nothing left.
    Whole,
    /// In a block that is longer than what is left.
    Cut,
    /// At something that is no block.
    Foreign,
}

/// How far a stream goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    /// The length of the stream, whole blocks only.
    pub len: usize,
    /// How many blocks there are.
    pub blocks: usize,
    pub end: End,
}

/// Follows the blocks of `bytes`; `None` if there is no header.
pub(super) fn walk(bytes: &Bytes) -> Option<Walk> {
    if !is_header(bytes) {
        return None;
    }
    let pointer_bits = pointer_bits(bytes);
    let mut walk = Walk { len: HEADER_LEN, blocks: 0, end: End::Whole };
    while walk.len < bytes.len() {
        let rest = bytes.slice(walk.len..);
        if !begins_block(&rest) {
            walk.end = End::Foreign;
            return Some(walk);
        }
        let len = block_len(&rest, pointer_bits);
        let Some(len) = len.and_then(|len| usize::try_from(len).ok()) else {
            walk.end = if rest.len() < LONGEST_HEAD { End::Cut } else { End::Foreign };
            return Some(walk);
        };
        if len > rest.len() {
            walk.end = End::Cut;
            return Some(walk);
        }
        walk.len = walk.len.saturating_add(len);
        walk.blocks = walk.blocks.saturating_add(1);
    }
    Some(walk)
}

/// `M` with pointers of 64 bits.
const LONGEST_HEAD: usize = 19;

/// The width of pointers that the header gives; 32 where it gives none.
pub(super) fn pointer_bits(header: &[u8]) -> u32 {
    if header.get(6) == Some(&6) { 64 } else { 32 }
}

/// Whether `bytes` begin like a block: a known id and a version that was ever written.
pub(super) fn begins_block(bytes: &[u8]) -> bool {
    let Some(id) = bytes.first().filter(|id| IDS.contains(id)) else { return false };
    match u16_at(bytes, 1) {
        Some(version) if *id == b'A' => (1..=8).contains(&version),
        Some(version) => version == 1,
        None => false,
    }
}
