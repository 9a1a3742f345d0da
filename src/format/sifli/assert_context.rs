//! SiFli SF32LB5x: the assert context that older SDKs save in flash.
//!
//! | off | size | field                                                            |
//! |   0 |    2 | 0xaaaa complete; otherwise 0xaa in the high byte, and in the low |
//! |     |      | one what ran out of room (see `cut_words`); LE like all          |
//! |   2 |    2 | how many blocks there are                                        |
//! |   4 |    4 | length of everything                                             |
//! |   8 |      | blocks without padding: address, length, bytes                   |
//!
//! Address 0xffffffff is the text of the log in RAM. Blocks overlap: stacks lie in the heap. Of
//! free heap items only the heads are saved.
//!
//! There are no registers in the file as such: the firmware's ELF file says where the variables
//! are that hold them (`saved.rs`).
//!
//! Source: xiaomaomogu/SiFli-SDK 27e6b87,
//! `rtos/rtthread/components/utilities/ulog/backend/assert_context_be.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::saved::Saved;
use crate::carrier::Piece;
use crate::cursor::{Cursor, u16_at, u32_at};
use crate::dump::{Dump, Note};
use crate::error::{Fault, Result};
use crate::format::machine::machine_of;
use crate::format::{Context, Format, Symbols, add_region, in_input};
use crate::memory::{AddrRange, Region};
use crate::targets::Family;
use bytes::Bytes;
use std::ops::Range;

const NAME: &str = "sifli";
const HEADER_LEN: usize = 8;
const BLOCK_HEADER_LEN: usize = 8;
const LOG_ADDR: u32 = 0xffff_ffff;
/// No SF32LB5x has more memory.
const LARGEST: u32 = 64 << 20;
/// SiFli's assert context.
pub struct Sifli;

struct Block {
    addr: u32,
    bytes: Bytes,
    offset: u64,
    cut: u32,
}

impl Format for Sifli {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "SiFli assert context (flash)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        u32_at(&piece.bytes, 4).map(u64::from)
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        let bytes = &piece.bytes;
        let mut found: Vec<Range<usize>> = Vec::new();
        for high in memchr::memchr_iter(0xaa, bytes) {
            let Some(at) = high.checked_sub(1) else { continue };
            // The mark is short: only what is whole to its last block is believed.
            let bytes = bytes.slice(at..);
            let whole = u32_at(&bytes, 4).is_some_and(|len| len as usize <= bytes.len());
            if whole && is_head(&bytes) && found.last().is_none_or(|last| last.end <= at) {
                let len = u32_at(&bytes, 4).unwrap_or_default() as usize;
                found.push(at..at.saturating_add(len));
            }
        }
        found
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        let flag = cursor.u16("flag").map_err(in_input)?;
        if flag == 0xffff {
            let found = "erased flash: no dump was written";
            return Err(in_input(Fault::new(NAME, "flag", 0, "0xaaaa", found)));
        }
        let count = cursor.u16("block count").map_err(in_input)?;
        let total = cursor.u32("length").map_err(in_input)?;
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("SiFli assert context", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        if let Some(words) = cut_words(flag) {
            dump.notes.push(
                Note::warning(format!("the partition was full: {words} not complete"))
                    .by(NAME)
                    .code("cut"),
            );
        }
        if total as usize > piece.bytes.len() {
            dump.notes.push(
                Note::warning(format!(
                    "the dump is cut off: {total} bytes by its header, {} in the file",
                    piece.bytes.len()
                ))
                .by(NAME)
                .code("cut"),
            );
        }
        let (blocks, fault) = blocks(&piece.bytes, total);
        if let Some(fault) = fault {
            dump.notes.push(
                Note::warning(format!("{}: what follows is left out", fault.words()))
                    .by(fault.format)
                    .code("left-out"),
            );
        } else if blocks.len() != usize::from(count) {
            dump.notes.push(
                Note::info(format!("{count} blocks by the header, {} in the dump", blocks.len()))
                    .by(NAME)
                    .code("conflict"),
            );
        }
        for block in blocks {
            if block.addr == LOG_ADDR {
                dump.texts.push(String::from_utf8_lossy(&block.bytes).into_owned());
                continue;
            }
            let behind = u64::from(block.addr).saturating_add(block.bytes.len() as u64);
            let region = Region::dumped(block.addr.into(), block.bytes);
            add_region(&mut dump, NAME, region, piece, block.offset);
            if let Some(range) = AddrRange::of_len(behind, block.cut.into()) {
                dump.memory.mark_missing(range, "the dump is cut off before it");
            }
        }
        if context.elf.is_none() {
            dump.notes.push(
                Note::warning("registers are saved in variables of the firmware: --elf finds them")
                    .by(NAME)
                    .code("no-registers"),
            );
        }
        Ok(dump)
    }

    fn complete(&self, dump: &mut Dump, symbols: &dyn Symbols) {
        if restore(dump, symbols).is_none() {
            dump.notes.push(
                Note::warning("the ELF file's saved_stack_frame is not in the dump: no registers")
                    .by(NAME)
                    .code("no-registers"),
            );
        }
    }
}

/// Adds the crashed thread, whose registers are in variables of the firmware.
pub(super) fn restore(dump: &mut Dump, symbols: &dyn Symbols) -> Option<()> {
    let at = |name: &str| symbols.symbol(name).map(|(addr, _)| addr);
    let saved = Saved {
        frame: symbols.symbol("saved_stack_frame")?,
        sp: at("saved_stack_pointer"),
        reason: symbols.symbol("error_reason"),
        status: at("saved_scb_reg"),
    };
    saved.apply(dump)
}

fn is_head(bytes: &Bytes) -> bool {
    let flag = u16_at(bytes, 0).is_some_and(|flag| flag == 0xaaaa || cut_words(flag).is_some());
    let Some(total) = u32_at(bytes, 4) else { return false };
    let fits = (HEADER_LEN.saturating_add(BLOCK_HEADER_LEN) as u32..=LARGEST).contains(&total);
    if !flag || !fits {
        return false;
    }
    let (blocks, fault) = blocks(bytes, total);
    fault.is_none() && !blocks.is_empty()
}

/// What a flag says ran out of room; `None` if it says that nothing did, or is none.
fn cut_words(flag: u16) -> Option<&'static str> {
    if flag >> 8 != 0xaa {
        return None;
    }
    Some(match flag & 0xff {
        0x00 => "static data is",
        0x11 => "thread stacks are",
        0x21 => "PSRAM is",
        0x22 => "the log is",
        0x33 => "peripheral registers are",
        0x44 => "LCPU SRAM is",
        0x55 => "LCPU DTCM is",
        0x66 => "the heap is",
        _ => return None,
    })
}

/// The blocks up to the dump's end, and what is wrong with the first that can't be one.
fn blocks(bytes: &Bytes, total: u32) -> (Vec<Block>, Option<Fault>) {
    let end = bytes.len().min(total as usize);
    let mut cursor = Cursor::new(NAME, bytes.slice(..end), 0);
    let mut all = Vec::new();
    cursor.take_up_to(HEADER_LEN);
    while cursor.left() >= BLOCK_HEADER_LEN {
        let (Ok(addr), Ok(len)) = (cursor.u32("block address"), cursor.u32("block length")) else {
            break;
        };
        let offset = cursor.offset();
        let room = u64::from(total).saturating_sub(offset);
        if u64::from(len) > room {
            // The last block of a full partition may be cut; any other is no block.
            let fault = cursor.fault("block length", format!("at most {room}"), len.to_string());
            return (all, Some(fault));
        }
        let bytes = cursor.take_up_to(len as usize);
        let cut = len.saturating_sub(bytes.len() as u32);
        all.push(Block { addr, bytes, offset, cut });
    }
    (all, None)
}
