//! `esp-backtrace` of esp-rs with its core dump: hexadecimal digits of an ELF core (which
//! `elf_core` reads) between the lines `@COREDUMP` and `@ENDCOREDUMP`.
//!
//! Source: esp-rs/esp-hal pull request 2672, bjoernQ/espflash-coredump. No real log is among the
//! samples, but an ELF core that its reader wrote is.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::elf_core::NAME as ELF_CORE;
use crate::carrier::text::{decode_hex, lines};
use crate::carrier::{Carrier, CarrierOptions, Marks, Piece};
use crate::dump::Note;
use crate::error::Fault;
use memchr::memmem;

const NAME: &str = "esp-backtrace log";
const START: &str = "@COREDUMP";
const END: &str = "@ENDCOREDUMP";

/// A console log with core dumps of `esp-backtrace` in it.
pub struct EspRsConsole;

#[derive(Default)]
struct Block {
    first: usize,
    last: usize,
    bytes: Vec<u8>,
    odd: Vec<usize>,
    ended: bool,
}

impl Carrier for EspRsConsole {
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
        memmem::find(&piece.bytes, START.as_bytes())?;
        let mut blocks: Vec<Block> = Vec::new();
        for line in lines(&piece.bytes) {
            let text = &*line.text;
            if text.ends_with(START) {
                blocks.push(Block { first: line.number, last: line.number, ..Block::default() });
                continue;
            }
            let Some(block) = blocks.last_mut().filter(|block| !block.ended) else { continue };
            block.last = line.number;
            let word = text.rsplit(' ').next().unwrap_or_default();
            match decode_hex(word) {
                _ if text.ends_with(END) => block.ended = true,
                Some(bytes) => block.bytes.extend_from_slice(&bytes),
                None => block.odd.push(line.number),
            }
        }
        let pieces: Vec<Piece> = blocks
            .into_iter()
            .filter(|block| !block.bytes.is_empty())
            .map(|block| unwrap(piece, block))
            .collect();
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

fn unwrap(piece: &Piece, block: Block) -> Piece {
    let layer = format!("{NAME}, lines {}-{}", block.first, block.last);
    let mut inner = piece.inner(layer, block.bytes.into()).hinted(ELF_CORE);
    let mut warn = |words: String| inner.notes.push(Note::warning(words).by(NAME).code("damaged"));
    if !block.ended {
        warn(format!("there is no {END} after line {}: cut off", block.first));
    }
    if let Some(first) = block.odd.first() {
        let count = block.odd.len();
        warn(format!("{count} lines between those of the dump are left out, first line {first}"));
    }
    inner
}
