//! Crash texts of several producers in one log.
//!
//! A bootloader and the system behind it, a secure world and the other one, two devices on one console:
//! each dialect finds its own crashes. Which of them are crashes of their own, and where one ends as the
//! next begins, is decided here.

use super::crash::Crash;
use super::pattern::literal;
use super::{ALL, Dialect};
use crate::carrier::Piece;
use crate::text;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::ops::Range;
use std::sync::LazyLock;

/// What begins so few lines behind a crash's first line belongs to it.
const SAME: usize = 3;
/// So far above the first line that one dialect knows another one may have found a title.
const ABOVE: usize = 12;

/// The crash texts that dialects found in one log, without those that are others' lines, in the order
/// of the log. The first dialects are the surer ones.
pub fn in_order(found: Vec<Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = Vec::new();
    'next: for mut piece in found {
        // One line is not a crash of its own in the midst of another whose line it is as well.
        all.retain(|other| !is_line_within(other, &piece));
        let mut cuts = Vec::new();
        for (index, other) in all.iter().enumerate() {
            let (Some(own), Some(its)) = (piece.lines, other.lines) else { continue };
            if own.0 > its.1 || its.0 > own.1 {
                continue;
            }
            let is_inside = own.1 < its.1 || own.0 < its.0.saturating_add(SAME);
            match own.0 > its.0 {
                true if is_inside || takes_first_line(other, &piece) => continue 'next,
                true => cuts.push(index),
                false if its.0.saturating_sub(own.0) <= ABOVE => continue 'next,
                false => match before(&piece, other) {
                    Some(cut) => piece = cut,
                    None => continue 'next,
                },
            }
        }
        for index in cuts {
            let cut = all.get(index).and_then(|other| before(other, &piece));
            if let (Some(place), Some(cut)) = (all.get_mut(index), cut) {
                *place = cut;
            }
        }
        all.push(piece);
    }
    all.sort_by_key(|piece| piece.lines);
    all.into_iter().map(alone).collect()
}

/// The lines of a crash without what stands before each of them, and not before the others of the log:
/// a kernel stamps its own lines.
fn alone(piece: Piece) -> Piece {
    let Some(plain) = text::plain(&piece.bytes, None) else { return piece };
    let mut piece = piece;
    piece.layers.push(format!("console text ({})", plain.undone.join(", ")));
    Piece { bytes: plain.text.into(), ..piece }
}

/// The dialects of which a word is in `bytes` that their crashes begin with, in their order. `texts`: the
/// parts of them that hold text.
pub fn marked(bytes: &[u8], texts: &[Range<usize>]) -> Vec<&'static Dialect> {
    let Some((automaton, dialects)) = &*STARTS else { return ALL.to_vec() };
    let mut seen = vec![false; ALL.len()];
    let mut left = ALL.len();
    let all = texts.iter().filter_map(|part| bytes.get(part.clone()));
    for found in all.flat_map(|part| automaton.find_overlapping_iter(part)) {
        let index = dialects.get(found.pattern().as_usize()).copied().unwrap_or_default();
        if let Some(seen) = seen.get_mut(index).filter(|seen| !**seen) {
            *seen = true;
            left = left.saturating_sub(1);
            if left == 0 {
                break;
            }
        }
    }
    ALL.iter().zip(seen).filter(|(_, seen)| *seen).map(|(dialect, _)| *dialect).collect()
}

/// The dialects of which such a word is in `text`.
pub(super) fn starting(text: &str) -> Vec<&'static Dialect> {
    marked(text.as_bytes(), std::slice::from_ref(&(0..text.len())))
}

/// One automaton for the words of all dialects, and of which dialect each word is.
static STARTS: LazyLock<Option<(AhoCorasick, Vec<usize>)>> = LazyLock::new(|| {
    let words = ALL.iter().enumerate().flat_map(|(index, dialect)| {
        dialect.starts.iter().chain(dialect.weak).map(move |start| (index, literal(start)))
    });
    let (dialects, words): (Vec<usize>, Vec<&str>) = words.unzip();
    // One that begins in any way is always asked.
    if words.iter().any(|word| word.is_empty()) {
        return None;
    }
    let kind = Some(AhoCorasickKind::DFA);
    Some((AhoCorasick::builder().kind(kind).build(words).ok()?, dialects))
});

fn first_line(piece: &Piece) -> &str {
    let end = memchr::memchr(b'\n', &piece.bytes).unwrap_or(piece.bytes.len());
    std::str::from_utf8(piece.bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}

/// Whether the dialect of `piece` reads the first line of `other` as one of its own.
fn takes_first_line(piece: &Piece, other: &Piece) -> bool {
    let dialect = ALL.iter().find(|dialect| Some(dialect.name) == piece.hint);
    dialect.is_none_or(|dialect| Crash::default().take(dialect, first_line(other)))
}

/// Whether `other` is one of the inner lines of `piece`, whose dialect reads it.
fn is_line_within(other: &Piece, piece: &Piece) -> bool {
    let (Some(own), Some(its)) = (piece.lines, other.lines) else { return false };
    its.0 == its.1 && own.0 < its.0 && its.1 < own.1 && takes_first_line(piece, other)
}

/// The lines of `piece` before those of `other`; `None` if there are none.
fn before(piece: &Piece, other: &Piece) -> Option<Piece> {
    let line = format!("\n{}", first_line(other));
    let end = memchr::memmem::find(&piece.bytes, line.as_bytes())?;
    let (first, last) = (piece.lines?.0, other.lines?.0.saturating_sub(1));
    let mut cut = piece.clone();
    cut.layers.pop();
    cut.layers.push(format!("log, lines {first}-{last}"));
    Some(Piece { bytes: piece.bytes.slice(..end), lines: Some((first, last)), ..cut })
}
