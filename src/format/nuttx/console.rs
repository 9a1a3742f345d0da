//! NuttX' core dumps on syslog: hexadecimal or base64 words between `Start coredump:` and
//! `Finish coredump`, each line with the prefix that syslog puts before everything.

use super::super::elf_core::NAME as ELF_CORE;
use super::lzf;
use crate::carrier::text::{Line, Prefix, decode_base64, decode_hex, is_base64, lines};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

const NAME: &str = "NuttX syslog";
const START: &str = "Start coredump:";
const FINISH: &str = "Finish coredump";
/// What the stream starts with: an ELF core, or a block of LZF.
const HEADS: [&[u8]; 2] = [b"\x7fELF", lzf::MAGIC];

/// A syslog with core dumps in it.
pub struct NuttxConsole;

#[derive(Default)]
struct Block<'a> {
    lines: Vec<Line<'a>>,
    first: usize,
    last: usize,
    finished: bool,
}

impl Carrier for NuttxConsole {
    fn name(&self) -> &'static str {
        NAME
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &[START], end: &[FINISH] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        memmem::find(&piece.bytes, START.as_bytes())?;
        let mut pieces = Vec::new();
        let mut before = 0;
        for block in blocks(piece) {
            if let Some(mut inner) = unwrap(piece, &block) {
                inner.text_above = piece.text_between(before, block.first);
                pieces.push(inner);
            }
            before = block.last;
        }
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

fn blocks(piece: &Piece) -> Vec<Block<'_>> {
    let mut done: Vec<Block<'_>> = Vec::new();
    let mut open: Option<Block<'_>> = None;
    for line in lines(&piece.bytes) {
        if line.text.contains(START) {
            done.extend(open.take());
            let (first, last) = (line.number, line.number);
            open = Some(Block { first, last, ..Block::default() });
        } else if let Some(block) = &mut open {
            block.last = line.number;
            if line.text.contains(FINISH) {
                block.finished = true;
                done.extend(open.take());
            } else {
                block.lines.push(line);
            }
        }
    }
    done.extend(open);
    done
}

fn unwrap(piece: &Piece, block: &Block<'_>) -> Option<Piece> {
    let split = |line: &Line<'_>| -> (String, String) {
        let (before, last) = line.text.rsplit_once(' ').unwrap_or(("", &line.text));
        (before.to_string(), last.to_string())
    };
    let starts = |bytes: Option<Vec<u8>>| {
        bytes.is_some_and(|bytes| HEADS.iter().any(|head| bytes.starts_with(head)))
    };
    // Four characters are whole bytes in either alphabet.
    let head = |word: &str| word.get(..word.len().min(64) & !3).map(str::to_string);
    let (first, hex) = block.lines.iter().enumerate().find_map(|(index, line)| {
        let word = head(&split(line).1)?;
        let hex = starts(decode_hex(&word));
        (hex || starts(decode_base64(&word))).then_some((index, hex))
    })?;
    let before = split(block.lines.get(first)?).0;
    let prefix = Prefix::like(&if before.is_empty() { before } else { format!("{before} ") });
    let mut words = Vec::new();
    let mut odd = Vec::new();
    for line in block.lines.iter().skip(first) {
        let word = prefix.strip(&line.text).map(str::trim);
        let of_alphabet = |word: &&str| match hex {
            true => word.bytes().all(|b| b.is_ascii_hexdigit()),
            false => is_base64(word),
        };
        match word.filter(of_alphabet) {
            Some(word) => words.push(word.to_string()),
            None => odd.push(line.number),
        }
    }
    let decode = |word: &String| if hex { decode_hex(word) } else { decode_base64(word) };
    let bytes = match words.iter().map(decode).collect::<Option<Vec<_>>>() {
        Some(chunks) => chunks.concat(),
        // Lines of the one stream need not be whole in themselves; what is cut off at its end is.
        None => {
            let all = words.concat();
            let whole = all.len() & !3;
            let mut known = all.get(..whole)?.to_string();
            while !known.is_empty() && decode(&known).is_none() {
                // A damaged line: nothing behind it can be placed.
                let shorter = (known.len() / 2) & !3;
                known.truncate(shorter);
            }
            decode(&known)?
        }
    };
    let form = if hex { "hexadecimal" } else { "base64" };
    let layer = format!("{NAME}, {form}, lines {}-{}", block.first, block.last);
    let mut inner = piece.inner(layer, bytes.into());
    let mut warn = |words: String| inner.notes.push(Note::warning(words).by(NAME).code("damaged"));
    if !block.finished {
        warn("the log ends before the dump does".into());
    }
    if let Some(first) = odd.first() {
        let count = odd.len();
        warn(format!("{count} lines between those of the dump are left out, first line {first}"));
    }
    match inner.bytes.starts_with(lzf::MAGIC) {
        true => Some(lzf::unpack(&inner, "LZF").hinted(ELF_CORE)),
        false => Some(inner.hinted(ELF_CORE)),
    }
}
