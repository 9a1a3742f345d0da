//! Dumps printed on a console: hexadecimal digits behind `#CD:`, between `BEGIN#` and `END#`.
//!
//! Each line stands for at most 32 bytes. The kernel ends a line at the end of each of its own
//! buffers, so the header and every block begin a line. The shell's `coredump print` does not: it
//! cuts where it likes, and may print a line of which it has only a part, and then again whole.
//! `coredump print pretty` prints each block by itself: [`super::log_pretty`].
//!
//! Other output may stand between the lines, and before the marker and behind the digits of each.
//! What was lost is found out by the lengths that the blocks give; where that leaves the place of
//! the loss open, the block is left out, since all that follows in it would be shifted.
//!
//! Source: Zephyr 2.4 to 4.2, `subsys/debug/coredump/coredump_backend_logging.c`,
//! `coredump_shell.c`; real captures.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::log_mend::{Mended, mend};
use super::log_pretty::{self, Is, Pretty};
use super::{INCOMPLETE, NAME};
use crate::carrier::text::{Line, decode_base64, decode_hex, lines};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

const CARRIER: &str = "console log";
pub(super) const MARKER: &str = "#CD:";
pub(super) const BEGIN: &str = "BEGIN#";
pub(super) const END: &str = "END#";
const ERROR: &str = "ERROR CANNOT DUMP#";
const LOCATION: &str = "LOCATION";
/// What deferred logging prints when its buffer ran over.
const DROPPED: &str = "messages dropped";
/// "ZE" in both alphabets.
const MAGIC_HEX: &str = "5a45";
const MAGIC_BASE64: &str = "WkU";

/// A console log with dumps in it.
pub struct ZephyrLog;

/// One dump in a log.
#[derive(Default)]
struct Section {
    first: usize,
    last: usize,
    parts: Vec<Part>,
    ended: bool,
    /// The device itself says that it could not dump everything.
    failed: bool,
    base64: bool,
    notes: Vec<Note>,
}

/// What one line stands for.
#[derive(Clone, Debug)]
pub(super) struct Part {
    /// The line's number.
    pub line: usize,
    pub bytes: Vec<u8>,
    /// Digits are missing in it.
    pub damaged: bool,
    /// Lines may be missing in front of it: the log says that it dropped some.
    pub gap_before: bool,
}

impl Carrier for ZephyrLog {
    fn name(&self) -> &'static str {
        CARRIER
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &["#CD:BEGIN#"], end: &["#CD:END#"] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        memmem::find(&piece.bytes, MARKER.as_bytes())?;
        let Found { sections, stray, location } = sections(piece);
        let count = sections.len();
        let mut pieces = Vec::new();
        let mut before = 0;
        for (index, section) in sections.into_iter().enumerate() {
            let place = format!("lines {}-{}", section.first, section.last);
            let layer = match count {
                1 => format!("{CARRIER}, {place}"),
                _ => {
                    format!("{CARRIER}, dump {} of {count}, {place}", index.saturating_add(1))
                }
            };
            let (first, last) = (section.first, section.last);
            let mut inner = piece_of(piece, section, layer, &place);
            inner.text_above = piece.text_between(before, first);
            before = last;
            pieces.push(inner);
        }
        if let Some((line, place)) = location.filter(|_| pieces.is_empty()) {
            let expected = "lines with the digits of a dump";
            let found = format!(
                "none: the device kept the dump in its memory, at {place} (LOCATION): read that \
                 memory and open it"
            );
            return Some(Err(Fault::new(CARRIER, "dump", line as u64, expected, found)));
        }
        if pieces.is_empty() {
            // A log that only mentions the marker is not ours.
            let line = stray?;
            let expected = "lines that begin with the header of a dump";
            let found = "lines of a dump without its beginning";
            return Some(Err(Fault::new(CARRIER, "dump", line as u64, expected, found)));
        }
        Some(Ok(pieces))
    }
}

fn piece_of(piece: &Piece, section: Section, layer: String, place: &str) -> Piece {
    let Mended { bytes, lost, notes } = mend(&section.parts, section.ended);
    let incomplete = section.failed || !lost.is_empty();
    let mut inner =
        piece.inner(layer, bytes.into()).hinted(if incomplete { INCOMPLETE } else { NAME });
    inner.lost = lost;
    let warn = |words: String| Note::warning(words).by(CARRIER).code("damaged");
    inner.notes.extend(notes.into_iter().map(warn));
    inner.notes.extend(section.notes.into_iter().map(|note| note.by(CARRIER)));
    if section.failed {
        let words = format!("{place}: the device says that it could not dump everything");
        inner.notes.push(Note::doubt(words).by(CARRIER).code("damaged"));
    }
    if !section.ended {
        inner.notes.push(warn(format!("{place}: there is no {END} line for this dump")));
    }
    inner
}

/// The dumps of a log.
struct Found {
    sections: Vec<Section>,
    /// The first line with a marker that belongs to none.
    stray: Option<usize>,
    /// The last line that says where in memory a dump lies, and what it says.
    location: Option<(usize, String)>,
}

fn sections(piece: &Piece) -> Found {
    let mut sections = Vec::new();
    let mut location = None;
    let mut open: Option<Section> = None;
    let mut stray = None;
    let mut gap = false;
    let mut pretty: Option<(usize, Pretty)> = None;
    for line in lines(&piece.bytes) {
        if line.text.contains(log_pretty::TITLE) {
            sections.extend(open.take());
            sections.extend(pretty.take().map(|(first, pretty)| Section::of(first, pretty)));
            pretty = Some((line.number, Pretty::default()));
            continue;
        }
        if let Some((_, printed)) = &mut pretty {
            let is = printed.line(&line);
            if is != Is::Inside {
                sections.extend(pretty.take().map(|(first, pretty)| Section::of(first, pretty)));
            }
            if is != Is::Outside {
                continue;
            }
        }
        // A line end that was lost leaves two in one.
        let mut markers = line.text.split(MARKER);
        gap |= markers.next().is_some_and(|before| before.contains(DROPPED));
        for rest in markers.map(str::trim_start) {
            if rest.starts_with(BEGIN) {
                sections.extend(open.take());
                open = Some(Section::at(&line));
            } else if rest.starts_with(END) {
                if let Some(mut section) = open.take() {
                    (section.ended, section.last) = (true, line.number);
                    sections.push(section);
                }
            } else if rest.starts_with(ERROR) {
                if let Some(section) = &mut open {
                    (section.failed, section.last) = (true, line.number);
                }
            } else if let Some(place) = rest.strip_prefix(LOCATION) {
                let place = place.split_whitespace().next().unwrap_or_default();
                location = Some((line.number, place.to_string()));
            } else if !rest.is_empty() {
                if open.is_none() && begins_dump(rest) {
                    // The BEGIN line was lost.
                    open = Some(Section::at(&line));
                }
                match &mut open {
                    Some(section) => section.push(&line, rest, std::mem::take(&mut gap)),
                    None => {
                        stray.get_or_insert(line.number);
                    }
                }
            }
        }
    }
    sections.extend(open);
    sections.extend(pretty.map(|(first, pretty)| Section::of(first, pretty)));
    sections.retain(|section| {
        let ours = section.parts.first().is_some_and(|part| part.bytes.starts_with(b"ZE"));
        if !ours {
            stray.get_or_insert(section.first);
        }
        ours
    });
    Found { sections, stray, location }
}

fn begins_dump(digits: &str) -> bool {
    digits.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(MAGIC_HEX))
}

impl Section {
    fn at(line: &Line<'_>) -> Section {
        Section { first: line.number, last: line.number, ..Section::default() }
    }

    /// What the shell printed from line `first` on.
    fn of(first: usize, pretty: Pretty) -> Section {
        let Pretty { parts, ended, notes, .. } = pretty;
        let last = parts.last().map_or(first, |part| part.line);
        Section { first, last, parts, ended, notes, ..Section::default() }
    }

    fn push(&mut self, line: &Line<'_>, rest: &str, gap_before: bool) {
        self.last = line.number;
        if self.parts.is_empty() {
            self.base64 = rest.starts_with(MAGIC_BASE64) && !begins_dump(rest);
        }
        let (bytes, damaged) = if self.base64 { base64_part(rest) } else { hex_part(rest) };
        if damaged || !bytes.is_empty() {
            self.parts.push(Part { line: line.number, bytes, damaged, gap_before });
        }
    }
}

/// The bytes of the digits that `rest` begins with, and whether digits are missing.
pub(super) fn hex_part(rest: &str) -> (Vec<u8>, bool) {
    let end = rest.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(rest.len());
    let (digits, tail) = rest.split_at(end);
    // What follows the digits at once, and is no message of its own or the end of a string in an
    // exported log, is a digit gone bad.
    let garbled = tail.chars().next().is_some_and(|c| !c.is_whitespace() && !"[<#\"\\".contains(c));
    match decode_hex(digits).filter(|_| !garbled) {
        Some(bytes) => (bytes, false),
        None => (Vec::new(), true),
    }
}

/// The same for the one vendor that prints base64.
fn base64_part(rest: &str) -> (Vec<u8>, bool) {
    let digits = rest.split_whitespace().next().unwrap_or_default();
    match decode_base64(digits) {
        Some(bytes) => (bytes, false),
        None => (Vec::new(), true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_digits_right_behind_the_marker_count() {
        assert_eq!(hex_part("4D01ff"), (vec![0x4d, 1, 0xff], false));
        assert_eq!(hex_part("4d01 [00:00:01] <err> os: x"), (vec![0x4d, 1], false));
        assert_eq!(hex_part("4d01[00:00:01] <err> os: x"), (vec![0x4d, 1], false));
        assert_eq!(hex_part("4d01\"}"), (vec![0x4d, 1], false), "a log exported as JSON");
        assert_eq!(hex_part("4d0"), (vec![], true), "an odd digit");
        assert_eq!(hex_part("4d0?1f"), (vec![], true), "a digit gone bad");
    }
}
