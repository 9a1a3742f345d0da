//! What RT-Thread's MCoreDump puts around its ELF cores (`elf_core` reads those).
//!
//! On a console: `coredump start : {`, one long line of hexadecimal digits, `} coredump end`,
//! `crc32 : 1234abcd`, and from the shell command `bytes : N`. Terminals wrap the long line.
//!
//! In RAM that a reset leaves alone:
//!
//! | off | size | field                                                       |
//! |   0 |    4 | `PDMC`                                                      |
//! |   4 |    4 | length of the core, LE like all                             |
//! |   8 |    4 | CRC-32 of it without the inversion at the end               |
//! |  12 |      | the ELF core                                                |
//!
//! Source: Rbb666/MCoreDump (6010723, 2025-08), `src/faultdump.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::elf_core::NAME as ELF_CORE;
use crate::carrier::text::{decode_hex, lines};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::cursor::u32_at;
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

const NAME: &str = "MCoreDump";
const START: &str = "coredump start : {";
const END: &str = "} coredump end";
const RAM_MAGIC: &[u8] = b"PDMC";
const RAM_HEADER_LEN: usize = 12;

/// A console log with MCoreDump's hexadecimal digits in it.
pub struct MCoreDumpConsole;
/// MCoreDump's buffer in RAM.
pub struct MCoreDumpRam;

#[derive(Default)]
struct Block {
    first: usize,
    last: usize,
    digits: String,
    ended: bool,
    crc: Option<u32>,
    odd: Vec<usize>,
}

impl Carrier for MCoreDumpConsole {
    fn name(&self) -> &'static str {
        "MCoreDump console log"
    }

    fn marks(&self) -> Option<Marks> {
        Some(Marks { begin: &[START], end: &[END] })
    }

    fn is_text(&self) -> bool {
        true
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        memmem::find(&piece.bytes, START.as_bytes())?;
        let blocks = blocks(piece).into_iter().filter(|block| !block.digits.is_empty());
        let pieces: Vec<Piece> = blocks.map(|block| unwrap(piece, &block)).collect();
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

fn blocks(piece: &Piece) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    for line in lines(&piece.bytes) {
        let text = &*line.text;
        if let Some((_, behind)) = text.split_once(START) {
            let digits = behind.trim().to_string();
            all.push(Block { first: line.number, last: line.number, digits, ..Block::default() });
            continue;
        }
        let Some(block) = all.last_mut() else { continue };
        if block.ended {
            if let Some((_, crc)) = text.split_once("crc32 :") {
                block.crc = block.crc.or(u32::from_str_radix(crc.trim(), 16).ok());
            }
            continue;
        }
        block.last = line.number;
        let (rest, ended) = match text.split_once(END) {
            Some((before, _)) => (before.trim(), true),
            None => (text, false),
        };
        block.ended = ended;
        // A logger may have put its prefix before the digits.
        let word = rest.rsplit(' ').next().unwrap_or_default();
        if word.bytes().all(|b| b.is_ascii_hexdigit()) {
            block.digits.push_str(word);
        } else if !ended {
            block.odd.push(line.number);
        }
    }
    all
}

fn unwrap(piece: &Piece, block: &Block) -> Piece {
    // A half byte at the end of a log that was cut.
    let whole = block.digits.len() & !1;
    let bytes = block.digits.get(..whole).and_then(decode_hex).unwrap_or_default();
    let crc = crc32fast::hash(&bytes);
    let layer = format!("MCoreDump console log, lines {}-{}", block.first, block.last);
    let mut inner = piece.inner(layer, bytes.into()).hinted(ELF_CORE);
    let mut warn = |note: Note| inner.notes.push(note);
    if !block.ended {
        warn(Note::warning("the log ends before the dump does").by(NAME).code("cut"));
    }
    if let Some(wanted) = block.crc.filter(|wanted| *wanted != crc) {
        warn(
            Note::doubt(format!(
                "CRC-32 of the digits: expected {wanted:08x} as the log says, found {crc:08x}: \
             lines are damaged or missing"
            ))
            .by(NAME)
            .code("checksum"),
        );
    }
    if let Some(first) = block.odd.first() {
        let count = block.odd.len();
        warn(
            Note::warning(format!(
                "{count} lines between the digits are left out, first line {first}"
            ))
            .by(NAME)
            .code("left-out"),
        );
    }
    inner
}

impl Carrier for MCoreDumpRam {
    fn name(&self) -> &'static str {
        "MCoreDump RAM buffer"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        if !piece.bytes.starts_with(RAM_MAGIC) {
            return None;
        }
        let len = u32_at(&piece.bytes, 4)? as usize;
        let wanted = u32_at(&piece.bytes, 8)?;
        let body = piece.bytes.slice(RAM_HEADER_LEN..);
        let there = len.min(body.len());
        let core = body.slice(..there);
        let crc = !crc32fast::hash(&core);
        let mut inner = piece.inner(self.name(), core).hinted(ELF_CORE);
        if there < len {
            inner.notes.push(
                Note::warning(format!(
                    "the buffer is cut off: {len} bytes by its header, {there} in the file"
                ))
                .by(NAME)
                .code("cut"),
            );
        } else if crc != wanted {
            inner.notes.push(
                Note::doubt(format!(
                    "CRC-32 at offset 0x8: expected {crc:08x} by the bytes, found {wanted:08x}"
                ))
                .by(NAME)
                .code("checksum"),
            );
        }
        Some(Ok(vec![inner]))
    }
}
