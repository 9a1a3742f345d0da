//! Core dumps printed on a console: base64 lines between a START and an END line.
//!
//! Each line stands for one write of the device, of at most 48 bytes, with its own `=` padding:
//! short lines come up anywhere, so lines are decoded one by one. In a real log they are mixed
//! with the lines of other tasks and carry time stamps. A foreign line that happens to be of the
//! base64 alphabet ("Done") is found out by the image's length and checksum.
//!
//! Source: ESP-IDF v3.3 to v6.0, `components/espcoredump/src/core_dump_uart.c`; real captures.

use super::{image, lost_lines};
use crate::carrier::text::{
    Line, Prefix, count_lines, decode_base64, is_base64, lines, lines_of, looks_like_text,
};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece, esp_flash};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem::{self, Finder};
use memchr::memrchr2;
use std::collections::BTreeMap;
use std::ops::Range;

const NAME: &str = "console log";
const START: &str = "CORE DUMP START";
const END: &str = "CORE DUMP END";
/// Before START in the report of esp-coredump, which is no dump.
const REPORT: &str = "ESP32";
/// What the device puts on one line: 48 bytes.
const LINE_BYTES: usize = 48;
const LINE_DIGITS: usize = 64;
/// A line with more characters that are not of the alphabet is no damaged one.
const MOST_ODD: usize = 4;
/// How many ways of leaving lines out are tried before giving up.
const MOST_TRIES: usize = 5_000;

/// A console log with core dumps in it.
pub struct EspConsole;

/// One core dump in a log.
#[derive(Default)]
struct Block<'a> {
    prefix: Option<Prefix>,
    lines: Vec<Line<'a>>,
    first: usize,
    last: usize,
    complete: bool,
}

/// What one line stands for.
struct Chunk {
    line: usize,
    bytes: Vec<u8>,
    /// The line is of the alphabet but not whole: characters were lost.
    damaged: bool,
}

impl Carrier for EspConsole {
    fn name(&self) -> &'static str {
        NAME
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &[START], end: &[END] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let marked = memmem::find(&piece.bytes, START.as_bytes()).is_some();
        if !marked && !looks_like_text(&piece.bytes) {
            return None;
        }
        let mut blocks = if marked { marked_blocks(piece) } else { vec![bare_block(piece)?] };
        if !looks_like_text(&piece.bytes) {
            // A firmware has the START line among its strings. A log that begins with a burst of
            // garbage has a header behind it.
            blocks.retain(|block| image::declared_len(&assemble(block).bytes).is_some());
            if blocks.is_empty() {
                return None;
            }
        }
        let text = String::from_utf8_lossy(&piece.bytes);
        if blocks.is_empty() && text.contains(&format!("{REPORT} {START}")) {
            return None;
        }
        let count = blocks.len();
        let mut pieces = Vec::new();
        let mut before = 0;
        for (index, block) in blocks.into_iter().enumerate() {
            let place = format!("lines {}-{}", block.first, block.last);
            let layer = match (marked, count) {
                (false, _) => "base64 lines".to_string(),
                (true, 1) => format!("{NAME}, {place}"),
                (true, _) => format!("{NAME}, dump {} of {count}, {place}", index + 1),
            };
            let Assembled { bytes, lost, notes, fault } = assemble(&block);
            let mut inner = piece.inner(layer, bytes.into()).hinted(esp_flash::COREDUMP_FORMAT);
            (inner.lost, inner.fault) = (lost, fault);
            inner.text_above = piece.text_between(before, block.first);
            before = block.last;
            inner.notes.extend(notes);
            if !block.complete && marked {
                let words = format!("{place}: the log has no {END} line for this dump");
                inner.notes.push(Note::warning(words).by(NAME).code("cut"));
            }
            pieces.push(inner);
        }
        if pieces.is_empty() {
            let expected = format!("base64 lines after {START}");
            return Some(Err(Fault::new(NAME, "core dump", 0, expected, "none")));
        }
        Some(Ok(pieces))
    }
}

fn marked_blocks(piece: &Piece) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open: Option<Block<'_>> = None;
    let (start, end) = (Finder::new(START), Finder::new(END));
    // Up to the line of the first one there is nothing to see.
    let bytes = &piece.bytes;
    let first = start.find(bytes).unwrap_or(0);
    let first = memrchr2(b'\n', b'\r', bytes.get(..first).unwrap_or_default());
    let first = first.map_or(0, |end| end + 1);
    let before = count_lines(bytes.get(..first).unwrap_or_default());
    for line in lines_of(bytes, first..bytes.len(), before) {
        if let Some(at) = start.find(line.text.as_bytes()) {
            blocks.extend(open.take());
            let before = line.text.get(..at).unwrap_or_default().trim_end_matches(['=', ' ']);
            if before.ends_with(REPORT) {
                continue;
            }
            let prefix = if before.is_empty() { String::new() } else { format!("{before} ") };
            open = Some(Block {
                prefix: Some(Prefix::like(&prefix)),
                first: line.number,
                last: line.number,
                ..Block::default()
            });
        } else if end.find(line.text.as_bytes()).is_some() {
            if let Some(mut block) = open.take() {
                block.complete = true;
                block.last = line.number;
                blocks.push(block);
            }
        } else if let Some(block) = &mut open {
            block.last = line.number;
            block.lines.push(line);
        }
    }
    blocks.extend(open);
    blocks.retain(|block| !block.lines.is_empty());
    blocks
}

/// Base64 lines without START and END, maybe with a few others between them. Only taken for a
/// core dump if the first one decodes to a header of one.
fn bare_block(piece: &Piece) -> Option<Block<'_>> {
    let is_whole = |line: &Line<'_>| line.text.len().is_multiple_of(4) && is_base64(&line.text);
    let mut lines_from_first = lines(&piece.bytes).skip_while(|line| !is_whole(line)).peekable();
    if lines_from_first.peek()?.text.len() > LINE_DIGITS {
        return None;
    }
    let head = lines_from_first.take(3).filter_map(|line| decode_base64(&line.text)).flatten();
    let declared = image::declared_len(&head.collect::<Vec<u8>>())?;
    let all: Vec<Line> = lines(&piece.bytes).collect();
    let digits = all.iter().filter(|line| is_base64(&line.text)).count();
    if digits * 4 < all.len() * 3 || declared > 4 * piece.bytes.len() {
        return None;
    }
    let last = all.last().map_or(0, |line| line.number);
    let first = all.first().map_or(0, |line| line.number);
    Some(Block { prefix: None, lines: all, first, last, complete: false })
}

fn chunks(block: &Block<'_>) -> Vec<Chunk> {
    let strip = |line: &Line<'_>, prefix: &Option<Prefix>| -> Option<String> {
        let text = prefix.as_ref().map_or(Some(&*line.text), |p| p.strip(&line.text))?;
        Some(text.trim().to_string())
    };
    let with = |prefix: &Option<Prefix>| -> Vec<Chunk> {
        block.lines.iter().filter_map(|line| chunk(line.number, &strip(line, prefix)?)).collect()
    };
    let found = with(&block.prefix);
    if found.len() * 2 >= block.lines.len() {
        return found;
    }
    // The START line was bare and the others are not (or the other way round): take what stands
    // in front of the last word of a line that decodes to a header.
    let guess = block.lines.iter().find_map(|line| {
        let (before, last) = line.text.rsplit_once(' ')?;
        image::declared_len(&decode_base64(last)?)?;
        Some(Prefix::like(&format!("{before} ")))
    });
    let guessed = with(&guess.or_else(|| Some(Prefix::like(""))));
    if guessed.len() > found.len() { guessed } else { found }
}

fn chunk(line: usize, text: &str) -> Option<Chunk> {
    if !is_base64(text) {
        return damaged_chunk(line, text);
    }
    if text.len() > LINE_DIGITS {
        return None;
    }
    if let Some(bytes) = decode_base64(text) {
        return Some(Chunk { line, bytes, damaged: false });
    }
    // Words are short; a long run of the alphabet that does not decode has lost characters.
    (text.len() > LINE_DIGITS / 2).then(|| Chunk {
        line,
        bytes: vec![0; LINE_BYTES],
        damaged: true,
    })
}

/// A line that was base64 but for a few characters: it is known how much it held, not what.
fn damaged_chunk(line: usize, text: &str) -> Option<Chunk> {
    let digits = text.trim_end_matches('=');
    let padding = text.len().checked_sub(digits.len()).filter(|padding| *padding <= 2)?;
    let alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let odd = digits.bytes().filter(|byte| !alphabet(byte)).count();
    let is_one = (LINE_DIGITS / 2..=LINE_DIGITS).contains(&text.len())
        && text.len().is_multiple_of(4)
        && text.is_ascii()
        && odd <= MOST_ODD;
    let len = (text.len() / 4 * 3).saturating_sub(padding);
    is_one.then(|| Chunk { line, bytes: vec![0; len], damaged: true })
}

/// The bytes of a block.
struct Assembled {
    bytes: Vec<u8>,
    /// What of them was lost.
    lost: Vec<Range<u64>>,
    notes: Vec<Note>,
    /// Why they are not to be served unless the user insists.
    fault: Option<Fault>,
}

impl Assembled {
    fn whole(bytes: Vec<u8>, notes: Vec<Note>) -> Assembled {
        Assembled { bytes, lost: Vec::new(), notes, fault: None }
    }
}

/// Puts the lines of a block together, leaving out those that only look like base64.
fn assemble(block: &Block<'_>) -> Assembled {
    let mut all = chunks(block);
    if !block.complete && all.last().is_some_and(|chunk| chunk.damaged) {
        // The log was cut in the middle of it.
        all.pop();
    }
    let mut notes = Vec::new();
    let joined = |chunks: &[Chunk], without: &[usize]| -> Vec<u8> {
        let kept = chunks.iter().enumerate().filter(|(i, _)| !without.contains(i));
        kept.flat_map(|(_, chunk)| chunk.bytes.iter().copied()).collect()
    };
    let bytes = joined(&all, &[]);
    let declared = image::declared_len(&bytes).unwrap_or(bytes.len());
    if all.iter().any(|chunk| chunk.damaged) {
        return with_holes(&all, bytes, declared);
    }
    if bytes.len() > declared && image::verify(&bytes) != Some(true) {
        let excess = bytes.len() - declared;
        if let Some(without) = foreign_lines(&all, excess, |w| image::verify(&joined(&all, w))) {
            for index in &without {
                notes.push(
                    Note::info(format!(
                        "line {} is not part of the dump, though it could be by its letters",
                        all[*index].line
                    ))
                    .by(NAME)
                    .code("left-out"),
                );
            }
            return Assembled::whole(joined(&all, &without), notes);
        }
    }
    if bytes.len() < declared
        && let Some(gapped) = with_gap(&all, bytes.len(), declared, block.complete)
    {
        return gapped;
    }
    Assembled::whole(bytes, notes)
}

/// Of each damaged line it is known how much it held: what is behind keeps its place.
fn with_holes(all: &[Chunk], bytes: Vec<u8>, declared: usize) -> Assembled {
    let (mut lost, mut notes) = (Vec::new(), Vec::new());
    let mut at = 0u64;
    for chunk in all {
        let end = at + chunk.bytes.len() as u64;
        if chunk.damaged {
            notes.push(
                Note::warning(format!(
                    "line {} has damaged or lost characters: the {} bytes that it held are \
                 missing",
                    chunk.line,
                    end - at
                ))
                .by(NAME)
                .code("damaged"),
            );
            lost.push(at..end);
        }
        at = end;
    }
    let mut damaged = all.iter().filter(|chunk| chunk.damaged);
    let first = damaged.next().map_or(0, |chunk| chunk.line);
    let field = match damaged.count() {
        0 => format!("line {first}"),
        more => format!("line {first} and {more} more"),
    };
    let offset = lost.first().map_or(0, |lost| lost.start);
    if bytes.len() != declared {
        // A hole of another length than its line's, or lines were lost as well.
        lost = std::iter::once(offset..bytes.len() as u64).collect();
        notes.push(
            Note::warning(format!(
                "{} bytes are there, the header says {declared}: nothing behind line {first} is \
             known to be in its place",
                bytes.len()
            ))
            .by(NAME)
            .code("cut"),
        );
    }
    let found = "characters that are none, or too few";
    let fault = Fault::new(NAME, field, offset, "whole lines of base64", found).forceable();
    Assembled { bytes, lost, notes, fault: Some(fault) }
}

/// Lines were lost: what is left is put where it was, as far as that can be told. `None` if the
/// log may just have been cut off: if it was not `complete`, and nothing speaks against that.
fn with_gap(all: &[Chunk], have: usize, declared: usize, complete: bool) -> Option<Assembled> {
    let lines: Vec<&[u8]> = all.iter().map(|chunk| chunk.bytes.as_slice()).collect();
    let missing = declared.checked_sub(have)?;
    let number = |index: usize| all.get(index).map_or(0, |chunk| chunk.line);
    let Some(mended) = lost_lines::mend(&lines, declared) else {
        let field = format!("lines {}-{}", number(0), number(all.len().saturating_sub(1)));
        let found = format!("{have}: lines were lost, and where is unknown");
        let fault = Fault::new(NAME, field, 0, format!("{declared} bytes"), found).forceable();
        let lost = std::iter::once(image::FIRST_WORDS..have as u64).collect();
        let (bytes, notes) = (lines.concat(), Vec::new());
        return complete.then_some(Assembled { bytes, lost, notes, fault: Some(fault) });
    };
    if !complete && mended.lost.end >= declared as u64 {
        return None;
    }
    let (before, behind) = mended.between;
    let field = format!("between line {} and line {}", number(before), number(behind));
    let expected = format!("{declared} bytes in all");
    let found = format!("{missing} fewer: lines were lost there");
    let fault = Fault::new(NAME, field, mended.lost.start, expected, found).forceable();
    let (bytes, lost) = (mended.bytes, vec![mended.lost]);
    Some(Assembled { bytes, lost, notes: Vec::new(), fault: Some(fault) })
}

/// The lines to leave out so that `excess` bytes go and the checksum becomes right: short ones, as
/// few different ones as possible. The same words again and again ("Done") count once.
fn foreign_lines(
    chunks: &[Chunk],
    excess: usize,
    verify: impl Fn(&[usize]) -> Option<bool>,
) -> Option<Vec<usize>> {
    let short = (1..chunks.len()).filter(|i| chunks[*i].bytes.len() < LINE_BYTES);
    let singles: Vec<Vec<usize>> = short.clone().map(|index| vec![index]).collect();
    let mut alike: BTreeMap<&[u8], Vec<usize>> = BTreeMap::new();
    for index in short {
        alike.entry(&chunks[index].bytes).or_default().push(index);
    }
    let alike: Vec<Vec<usize>> = alike.into_values().collect();
    let mut search = Search { chunks, verify: &verify, tries: 0, chosen: Vec::new() };
    for most in 1..=6 {
        for groups in [&alike, &singles] {
            if search.run(groups, excess, most) {
                return Some(search.chosen);
            }
        }
    }
    None
}

struct Search<'a> {
    chunks: &'a [Chunk],
    verify: &'a dyn Fn(&[usize]) -> Option<bool>,
    tries: usize,
    /// The lines left out so far.
    chosen: Vec<usize>,
}

impl Search<'_> {
    /// Leaves out at most `most` of `groups`, of `excess` bytes in all.
    fn run(&mut self, groups: &[Vec<usize>], excess: usize, most: usize) -> bool {
        self.tries += 1;
        if self.tries > MOST_TRIES {
            return false;
        }
        if excess == 0 {
            return (self.verify)(&self.chosen) == Some(true);
        }
        if most == 0 {
            return false;
        }
        for (n, group) in groups.iter().enumerate() {
            let len: usize = group.iter().map(|index| self.chunks[*index].bytes.len()).sum();
            if len <= excess {
                let before = self.chosen.len();
                self.chosen.extend(group);
                if self.run(&groups[n + 1..], excess - len, most - 1) {
                    return true;
                }
                self.chosen.truncate(before);
            }
        }
        false
    }
}
