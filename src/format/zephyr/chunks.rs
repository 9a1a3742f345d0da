//! Pieces of a stream that came one by one, each with its offset.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{INCOMPLETE, NAME};
use crate::carrier::Piece;
use crate::dump::Note;
use bytes::Bytes;
use std::collections::BTreeMap;

/// A stream of which parts may be missing.
#[derive(Default)]
pub(super) struct Chunks {
    by_offset: BTreeMap<u64, Bytes>,
    /// The stream's length, if the sender told.
    pub total: Option<u64>,
    /// What was odd, in words.
    pub notes: Vec<String>,
}

/// Larger gaps than this are taken for a damaged offset.
const LARGEST_GAP: u64 = 64 << 20;

impl Chunks {
    /// Adds what stands at `offset`. The longer of two chunks at one offset is kept.
    pub(super) fn add(&mut self, offset: u64, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let old = self.by_offset.entry(offset).or_default();
        if bytes.len() > old.len() {
            *old = bytes;
        }
    }

    /// What stands at `offset` already.
    pub(super) fn at(&self, offset: u64) -> Option<&Bytes> {
        self.by_offset.get(&offset)
    }

    /// The stream, as what lies inside `outer`.
    pub(super) fn into_piece(self, outer: &Piece, carrier: &str) -> Piece {
        let mut bytes = Vec::new();
        let mut lost = Vec::new();
        let mut notes = self.notes;
        let count = self.by_offset.len();
        let mut lose = |bytes: &mut Vec<u8>, until: u64, notes: &mut Vec<String>| {
            let from = bytes.len() as u64;
            let Some(gap) = until.checked_sub(from).filter(|gap| *gap > 0) else { return true };
            if gap > LARGEST_GAP {
                notes.push(format!("offset {until:#x} is too far after {from:#x} to be believed"));
                return false;
            }
            notes.push(format!("bytes {from:#x}..{until:#x} of the stream did not arrive"));
            bytes.resize(usize::try_from(until).unwrap_or(bytes.len()), 0);
            lost.push(from..until);
            true
        };
        for (offset, chunk) in self.by_offset {
            if !lose(&mut bytes, offset, &mut notes) {
                break;
            }
            let known = (bytes.len() as u64).saturating_sub(offset);
            let known = usize::try_from(known).unwrap_or(usize::MAX);
            bytes.extend_from_slice(chunk.get(known..).unwrap_or_default());
        }
        match self.total {
            Some(total) => {
                lose(&mut bytes, total, &mut notes);
            }
            None => notes.push("the last one did not arrive".into()),
        }
        let incomplete = !lost.is_empty() || self.total.is_none();
        let hint = if incomplete { INCOMPLETE } else { NAME };
        let mut piece = outer.inner(format!("{carrier}, {count}"), bytes.into()).hinted(hint);
        piece.lost = lost;
        let warn = |words: String| Note::warning(words).by(carrier.to_string()).code("damaged");
        piece.notes.extend(notes.into_iter().map(warn));
        piece
    }
}
