//! Core dumps printed on a console: base64 lines between a START and an END line.
//!
//! Each line stands for one write of the device, of at most 48 bytes, with its own `=` padding:
//! short lines come up anywhere, so lines are decoded one by one. In a real log they are mixed
//! with the lines of other tasks and carry time stamps. A foreign line that happens to be of the
//! base64 alphabet ("Done") is found out by the image's length and checksum.
//!
//! Source: ESP-IDF v3.3 to v6.0, `components/espcoredump/src/core_dump_uart.c`; real captures.

use super::image;
use crate::carrier::text::{Line, Prefix, decode_base64, is_base64, lines, looks_like_text};
use crate::carrier::{Carrier, CarrierOptions, Piece, esp_flash};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;
use std::collections::BTreeMap;
use std::ops::Range;

const NAME: &str = "console log";
const START: &str = "CORE DUMP START";
const END: &str = "CORE DUMP END";
/// What the device puts on one line: 48 bytes.
const LINE_BYTES: usize = 48;
const LINE_DIGITS: usize = 64;
/// How many ways of leaving lines out are tried before giving up.
const MOST_TRIES: usize = 5_000;

/// A console log with core dumps in it.
pub struct EspConsole;

/// One core dump in a log.
#[derive(Default)]
struct Block {
    prefix: Option<Prefix>,
    lines: Vec<Line>,
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

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let marked = memmem::find(&piece.bytes, START.as_bytes()).is_some();
        if !marked && !looks_like_text(&piece.bytes) {
            return None;
        }
        let mut blocks = if marked { marked_blocks(piece) } else { vec![bare_block(piece)?] };
        if !looks_like_text(&piece.bytes) {
            // A firmware has the START line among its strings. A log that begins with a burst of
            // garbage has a header behind it.
            blocks.retain(|block| image::declared_len(&assemble(block).0).is_some());
            if blocks.is_empty() {
                return None;
            }
        }
        let count = blocks.len();
        let mut pieces = Vec::new();
        for (index, block) in blocks.into_iter().enumerate() {
            let place = format!("lines {}-{}", block.first, block.last);
            let layer = match (marked, count) {
                (false, _) => "base64 lines".to_string(),
                (true, 1) => format!("{NAME}, {place}"),
                (true, _) => format!("{NAME}, dump {} of {count}, {place}", index + 1),
            };
            let (bytes, lost, notes) = assemble(&block);
            let mut inner = piece.inner(layer, bytes.into()).hinted(esp_flash::COREDUMP_FORMAT);
            inner.lost = lost;
            inner.notes.extend(notes);
            if !block.complete && marked {
                let words = format!("{NAME}: {place}: the log has no {END} line for this dump");
                inner.notes.push(Note::warning(words));
            }
            pieces.push(inner);
        }
        if pieces.is_empty() {
            let expected = format!("base64 lines behind {START}");
            return Some(Err(Fault::new(NAME, "core dump", 0, expected, "none")));
        }
        Some(Ok(pieces))
    }
}

fn marked_blocks(piece: &Piece) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open: Option<Block> = None;
    for line in lines(&piece.bytes) {
        if let Some(at) = line.text.find(START) {
            blocks.extend(open.take());
            let before = line.text.get(..at).unwrap_or_default().trim_end_matches(['=', ' ']);
            let prefix = if before.is_empty() { String::new() } else { format!("{before} ") };
            open = Some(Block {
                prefix: Some(Prefix::like(&prefix)),
                first: line.number,
                last: line.number,
                ..Block::default()
            });
        } else if line.text.contains(END) {
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
fn bare_block(piece: &Piece) -> Option<Block> {
    let all: Vec<Line> = lines(&piece.bytes).collect();
    let first = all.iter().position(|line| is_base64(&line.text) && line.text.len() % 4 == 0)?;
    if all.get(first)?.text.len() > LINE_DIGITS {
        return None;
    }
    let digits = all.iter().filter(|line| is_base64(&line.text)).count();
    let head: Vec<u8> = all[first..]
        .iter()
        .take(3)
        .filter_map(|line| decode_base64(&line.text))
        .flatten()
        .collect();
    let declared = image::declared_len(&head)?;
    if digits * 4 < all.len() * 3 || declared > 4 * piece.bytes.len() {
        return None;
    }
    let last = all.last().map_or(0, |line| line.number);
    let first = all.first().map_or(0, |line| line.number);
    Some(Block { prefix: None, lines: all, first, last, complete: true })
}

fn chunks(block: &Block) -> Vec<Chunk> {
    let strip = |line: &Line, prefix: &Option<Prefix>| -> Option<String> {
        let text = prefix.as_ref().map_or(Some(line.text.as_str()), |p| p.strip(&line.text))?;
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
    if !is_base64(text) || text.len() > LINE_DIGITS {
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

/// Puts the lines of a block together, leaving out those that only look like base64.
fn assemble(block: &Block) -> (Vec<u8>, Vec<Range<u64>>, Vec<Note>) {
    let all = chunks(block);
    let mut notes = Vec::new();
    let joined = |chunks: &[Chunk], without: &[usize]| -> Vec<u8> {
        let kept = chunks.iter().enumerate().filter(|(i, _)| !without.contains(i));
        kept.flat_map(|(_, chunk)| chunk.bytes.iter().copied()).collect()
    };
    let bytes = joined(&all, &[]);
    let declared = image::declared_len(&bytes).unwrap_or(bytes.len());
    if all.iter().any(|chunk| chunk.damaged) {
        let mut lost = Vec::new();
        let mut at = 0u64;
        for chunk in &all {
            let end = at + chunk.bytes.len() as u64;
            if chunk.damaged {
                notes.push(Note::warning(format!(
                    "{NAME}: line {} has lost characters: what it held is missing",
                    chunk.line
                )));
                lost.push(at..end);
            }
            at = end;
        }
        return (bytes, lost, notes);
    }
    if bytes.len() > declared && image::verify(&bytes) != Some(true) {
        let excess = bytes.len() - declared;
        if let Some(without) = foreign_lines(&all, excess, |w| image::verify(&joined(&all, w))) {
            for index in &without {
                notes.push(Note::info(format!(
                    "{NAME}: line {} is not part of the dump, though it could be by its letters",
                    all[*index].line
                )));
            }
            return (joined(&all, &without), Vec::new(), notes);
        }
    }
    if bytes.len() < declared && block.complete {
        notes.push(Note::warning(format!(
            "{NAME}: lines {}-{}: {} of {declared} bytes are there: lines were lost",
            block.first,
            block.last,
            bytes.len()
        )));
    }
    (bytes, Vec::new(), notes)
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
