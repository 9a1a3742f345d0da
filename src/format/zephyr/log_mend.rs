//! Puts the lines of a printed dump together, and finds out where some are missing.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::log::Part;
use super::stream::{HEADER_LEN, block_len, is_header};
use super::walk::{self, End, walk};
use bytes::Bytes;
use std::ops::Range;

/// What a full line stands for.
const LINE_BYTES: usize = 32;
/// A log that lost more bytes of one block than this has lost its sense.
const MOST_LOST: usize = 1 << 20;
/// More line numbers than this are not listed.
const MOST_LISTED: usize = 8;

/// A dump as far as its lines are there.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// The stream, with zeros where something is lost.
    pub bytes: Vec<u8>,
    /// What of `bytes` is lost.
    pub lost: Vec<Range<u64>>,
    /// What was found, each with its line numbers.
    pub notes: Vec<String>,
}

/// Joins the lines of one dump. `ended` says that its last line is there.
pub(super) fn mend(parts: &[Part], ended: bool) -> Mended {
    if parts.iter().all(|part| !part.damaged) {
        let bytes = join(parts);
        let whole = walk(&bytes);
        if whole.is_none_or(|walk| walk.end == End::Whole) {
            return Mended { bytes: bytes.into(), ..Mended::default() };
        }
        if let Some(mended) = without_repeats(parts) {
            return mended;
        }
        let gap = parts.iter().any(|part| part.gap_before);
        if whole.is_some_and(|walk| walk.end == End::Cut) && !ended && !gap {
            // Nothing but the end is missing: that is for the reader to tell.
            return Mended { bytes: bytes.into(), ..Mended::default() };
        }
    } else if let Some(mended) = with_full_lines(parts) {
        return mended;
    }
    Blocks { parts, mended: Mended::default() }.mend(ended)
}

fn join(parts: &[Part]) -> Bytes {
    parts.iter().flat_map(|part| part.bytes.iter().copied()).collect::<Vec<u8>>().into()
}

/// Leaves out lines that the next one repeats and goes on from, if that makes the dump whole.
fn without_repeats(parts: &[Part]) -> Option<Mended> {
    let repeated = |pair: &[Part]| match pair {
        [part, next] => {
            part.bytes.len() < LINE_BYTES
                && next.bytes.len() > part.bytes.len()
                && next.bytes.starts_with(&part.bytes)
        }
        _ => false,
    };
    let repeats: Vec<usize> =
        parts.windows(2).enumerate().filter(|(_, pair)| repeated(pair)).map(|(i, _)| i).collect();
    if repeats.is_empty() {
        return None;
    }
    let kept: Vec<Part> = parts
        .iter()
        .enumerate()
        .filter(|(index, _)| repeats.binary_search(index).is_err())
        .map(|(_, part)| part.clone())
        .collect();
    let bytes = join(&kept);
    walk(&bytes).filter(|walk| walk.end == End::Whole)?;
    let lines = numbers(repeats.iter().filter_map(|index| parts.get(*index)));
    let notes = vec![format!("{lines}: printed in part and then again: left out")];
    Some(Mended { bytes: bytes.into(), lost: Vec::new(), notes })
}

/// Takes each damaged line for a full one, if that makes the dump whole.
fn with_full_lines(parts: &[Part]) -> Option<Mended> {
    let mut mended = Mended::default();
    for part in parts {
        if part.damaged {
            mended.lose(LINE_BYTES);
            mended.notes.push(damaged(part));
        } else {
            mended.bytes.extend_from_slice(&part.bytes);
        }
    }
    let walk = walk(&Bytes::copy_from_slice(&mended.bytes))?;
    (walk.end == End::Whole).then_some(mended)
}

impl Mended {
    fn lose(&mut self, len: usize) {
        let start = self.bytes.len();
        self.bytes.resize(start.saturating_add(len), 0);
        self.lost.push(start as u64..self.bytes.len() as u64);
    }
}

fn damaged(part: &Part) -> String {
    format!("line {} is damaged: digits are missing or wrong", part.line)
}

/// `line 7`, `lines 7, 9 and 30 more`.
fn numbers<'a>(parts: impl Iterator<Item = &'a Part>) -> String {
    let all: Vec<String> = parts.map(|part| part.line.to_string()).collect();
    match all.as_slice() {
        [one] => format!("line {one}"),
        many => {
            let listed = many.get(..MOST_LISTED).unwrap_or(many).join(", ");
            match many.len().saturating_sub(MOST_LISTED) {
                0 => format!("lines {listed}"),
                more => format!("lines {listed} and {more} more"),
            }
        }
    }
}

/// Block by block, where each begins a line.
struct Blocks<'a> {
    parts: &'a [Part],
    mended: Mended,
}

impl Blocks<'_> {
    fn mend(mut self, ended: bool) -> Mended {
        let mut at = self.header();
        let pointer_bits = walk::pointer_bits(&self.mended.bytes);
        while at < self.parts.len() {
            if !self.begins_block(at, pointer_bits) {
                at = self.skip(at, pointer_bits);
                continue;
            }
            let next = self.next_block(at.saturating_add(1), pointer_bits);
            let last = next == self.parts.len();
            let block = self.parts.get(at..next).unwrap_or_default();
            self.block(block, pointer_bits, last && !ended);
            at = next;
        }
        self.mended
    }

    /// Takes the lines of the header.
    fn header(&mut self) -> usize {
        let mut at = 0;
        while self.mended.bytes.len() < HEADER_LEN
            && let Some(part) = self.parts.get(at)
        {
            self.mended.bytes.extend_from_slice(&part.bytes);
            at = at.saturating_add(1);
        }
        if !is_header(&self.mended.bytes) {
            self.mended.notes.push("the lines of the header are damaged".into());
        }
        at
    }

    /// Whether a block begins at the line `at`: the kernel prints a block's head on a line of its
    /// own.
    fn begins_block(&self, at: usize, pointer_bits: u32) -> bool {
        let Some(part) = self.parts.get(at).filter(|part| !part.damaged) else { return false };
        let pointer = pointer_bits as usize / 8;
        let head = match part.bytes.first() {
            Some(b'A' | b'T') => 5,
            Some(b'F') => pointer.saturating_add(9),
            Some(b'M') => pointer.saturating_mul(2).saturating_add(3),
            Some(b'C') => 7,
            _ => return false,
        };
        part.bytes.len() == head
            && walk::begins_block(&part.bytes)
            && block_len(&Bytes::copy_from_slice(&part.bytes), pointer_bits).is_some()
    }

    fn next_block(&self, from: usize, pointer_bits: u32) -> usize {
        let mut at = from;
        while at < self.parts.len() && !self.begins_block(at, pointer_bits) {
            at = at.saturating_add(1);
        }
        at
    }

    /// Passes over lines whose block's head is lost.
    fn skip(&mut self, at: usize, pointer_bits: u32) -> usize {
        let next = self.next_block(at.saturating_add(1), pointer_bits);
        let orphans = self.parts.get(at..next).unwrap_or_default();
        if let (Some(first), Some(last)) = (orphans.first(), orphans.last()) {
            self.mended.notes.push(format!(
                "lines {}-{} belong to a block whose first line is lost or damaged: they are left out",
                first.line, last.line
            ));
            self.mended.lost.push(self.end()..self.end());
        }
        next
    }

    fn end(&self) -> u64 {
        self.mended.bytes.len() as u64
    }

    /// One block: its head, and the lines of its payload, of which some may be missing.
    fn block(&mut self, parts: &[Part], pointer_bits: u32, may_end_early: bool) {
        let Some((head, payload)) = parts.split_first() else { return };
        let total = block_len(&Bytes::copy_from_slice(&head.bytes), pointer_bits);
        let total = total.and_then(|len| usize::try_from(len).ok()).unwrap_or_default();
        let needed = total.saturating_sub(head.bytes.len());
        let there: usize = payload.iter().map(|part| part.bytes.len()).sum();
        let places: Vec<usize> = payload
            .iter()
            .enumerate()
            .filter(|(_, part)| part.damaged || part.gap_before)
            .map(|(index, _)| index)
            .collect();
        for part in payload.iter().filter(|part| part.damaged) {
            self.mended.notes.push(damaged(part));
        }
        let (first, last) = match (parts.first(), parts.last()) {
            (Some(first), Some(last)) => (first.line, last.line),
            _ => return,
        };
        if needed.saturating_sub(there) > MOST_LOST {
            self.mended.notes.push(format!(
                "lines {first}-{last}: a block of {needed} bytes, of which {there} are there: its \
                 first line is assumed to be damaged, and the block is left out"
            ));
            return;
        }
        self.mended.bytes.extend_from_slice(&head.bytes);
        if there == needed && places.is_empty() {
            payload.iter().for_each(|part| self.mended.bytes.extend_from_slice(&part.bytes));
            return;
        }
        if there > needed {
            self.mended.notes.push(format!(
                "lines {first}-{last}: {there} bytes in a block of {needed}: the block is left out"
            ));
            self.mended.lose(needed);
            return;
        }
        let missing = needed.saturating_sub(there);
        let lens = match places.as_slice() {
            [] if may_end_early => {
                payload.iter().for_each(|part| self.mended.bytes.extend_from_slice(&part.bytes));
                return;
            }
            [_] => Some(vec![missing]),
            many => lens_of(many, missing, payload.len()),
        };
        let Some(lens) = lens else {
            let lines = missing.div_ceil(LINE_BYTES);
            let lost = format!(
                "lines {first}-{last}: {missing} bytes ({lines} line{}) of this block are lost",
                if lines == 1 { "" } else { "s" }
            );
            if places.is_empty()
                && let Some((before, behind)) = certain(&head.bytes, payload, missing, pointer_bits)
            {
                self.between(payload, before, behind, needed, &lost);
                return;
            }
            let words = "and nothing says where in it: the whole block is left out";
            self.mended.notes.push(format!("{lost}, {words}"));
            self.mended.lose(needed);
            return;
        };
        let mut lens = lens.into_iter();
        for part in payload {
            if part.damaged || part.gap_before {
                let len = lens.next().unwrap_or_default();
                if !part.damaged && len > 0 {
                    self.mended.notes.push(format!(
                        "{len} bytes are lost in front of line {}, where the log says that it \
                         dropped messages",
                        part.line
                    ));
                }
                self.mended.lose(len);
            }
            self.mended.bytes.extend_from_slice(&part.bytes);
        }
    }
}

impl Blocks<'_> {
    /// A payload of which the first `before` lines and those from `behind` on are where they
    /// belong.
    fn between(
        &mut self,
        payload: &[Part],
        before: usize,
        behind: usize,
        needed: usize,
        lost: &str,
    ) {
        let bytes = |parts: &[Part]| parts.iter().map(|part| part.bytes.len()).sum::<usize>();
        let (front, back) = (payload.get(..before), payload.get(behind..));
        let (front, back) = (front.unwrap_or_default(), back.unwrap_or_default());
        let middle = needed.saturating_sub(bytes(front)).saturating_sub(bytes(back));
        let number = |part: Option<&Part>, other: &str| {
            part.map_or(other.to_string(), |part| format!("line {}", part.line))
        };
        self.mended.notes.push(format!(
            "{lost}, between {} and {}: {middle} bytes are left out",
            number(front.last(), "its start"),
            number(back.first(), "its end")
        ));
        front.iter().for_each(|part| self.mended.bytes.extend_from_slice(&part.bytes));
        self.mended.lose(middle);
        back.iter().for_each(|part| self.mended.bytes.extend_from_slice(&part.bytes));
    }
}

/// How many lines from the start of a memory block are surely where they belong, and from which
/// line on they are again, if `missing` bytes are lost somewhere between.
///
/// A kernel's memory is full of empty lists: two words that both hold their own address. Such a
/// pair tells whether anything is lost in front of it, or behind it.
fn certain(
    head: &[u8],
    payload: &[Part],
    missing: usize,
    pointer_bits: u32,
) -> Option<(usize, usize)> {
    let len = pointer_bits as usize / 8;
    if head.first() != Some(&b'M') {
        return None;
    }
    let word = |bytes: &[u8], at: usize| {
        let bytes = bytes.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    let start = word(head, 3)?;
    let bytes = join(payload);
    let (mut unshifted, mut shifted) = (None, None);
    for at in (0..bytes.len()).step_by(len) {
        let (Some(next), Some(previous)) = (word(&bytes, at), word(&bytes, at.saturating_add(len)))
        else {
            break;
        };
        let own = start.saturating_add(at as u64);
        if next != previous || next == 0 {
            continue;
        }
        if next == own {
            unshifted = Some(at.saturating_add(len));
        } else if next == own.saturating_add(missing as u64) {
            shifted.get_or_insert(at);
        }
    }
    let ends = payload.iter().scan(0usize, |end, part| {
        *end = end.saturating_add(part.bytes.len());
        Some(*end)
    });
    let ends: Vec<usize> = ends.collect();
    let line_of = |at: usize| ends.partition_point(|end| *end <= at);
    let before = unshifted.map_or(0, |at| line_of(at).saturating_add(1));
    let behind = shifted.map_or(payload.len(), line_of);
    (before <= behind && before.saturating_add(payload.len()) > behind).then_some((before, behind))
}

/// How the `missing` bytes spread over several places: full lines, but for the payload's last.
fn lens_of(places: &[usize], missing: usize, payload_len: usize) -> Option<Vec<usize>> {
    if places.is_empty() {
        return None;
    }
    let mut lens = vec![LINE_BYTES; places.len()];
    let full = places.len().saturating_mul(LINE_BYTES);
    if full == missing {
        return Some(lens);
    }
    let short = full.checked_sub(missing).filter(|short| *short < LINE_BYTES)?;
    if places.last()?.saturating_add(1) != payload_len {
        return None;
    }
    let last = lens.last_mut()?;
    *last = last.saturating_sub(short);
    Some(lens)
}
