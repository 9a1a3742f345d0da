//! SiFli SF32LB5x: the core dump of present SDKs, in a flash partition or a file.
//!
//! | off | size | field                                                                    |
//! |   0 |   24 | chip and local time as text, NUL at the end: `55X_2026_01_31 23:59:00`   |
//! |  24 |      | blocks without padding: address, length, bytes; LE                       |
//!
//! The first five blocks are the variables with the registers (`saved.rs`): the stack frame
//! (72 bytes, 68 without FPU), the stack pointer (4), the reason (4, or 1 with short enums), the
//! fault status (20), and what the dump's code knows (16: nesting of interrupts in the lowest byte,
//! MSP, PSP, the chip's timer). Memory, stacks, registers of peripherals and heaps follow.
//!
//! Three addresses are none: 0xefefefef is the newest text of the log in RAM, 0xdfdfdfdf the text
//! before that, 0xf1efefef the end of a minidump (its length is what was left of the partition).
//! In NOR flash the end is erased, all ones. In NAND and on cards the last page is filled with what
//! the page's buffer held, so a block that can't be one ends the dump without being wrong.
//!
//! With a minidump in a partition of its own the full dump lacks text and registers: it is known
//! by its blocks, and the ELF file says where the registers are.
//!
//! Source: OpenSiFli/SiFli-SDK f806458, `middleware/coredump/coredump.c`, `coredump_backend_file.c`,
//! `coredump_backend_partition.c` (there 1eb2881), and the SDK's own reader, which takes 57X too; the
//! addresses from the SDK's J-Link scripts.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::assert_context::restore;
use super::saved::{FAULT_WORDS_LEN, FLAGGED_LEN, FRAME_LEN, Saved};
use crate::carrier::Piece;
use crate::cursor::{Cursor, u32_at};
use crate::dump::{Dump, Note};
use crate::error::{Fault, Result};
use crate::format::machine::machine_of;
use crate::format::{Context, Format, Symbols, add_region, in_input};
use crate::memory::{AddrRange, Region, text_until_nul};
use crate::targets::Family;
use bytes::Bytes;
use memchr::memmem;
use std::ops::Range;

const NAME: &str = "sifli-coredump";
const HEADER_LEN: usize = 24;
/// `d` stands for a digit.
const HEADER: &[u8; HEADER_LEN] = b"5dX_dddd_dd_dd dd:dd:dd\0";
const BLOCK_HEADER_LEN: usize = 8;
const NEWEST_LOG: u32 = 0xefef_efef;
const OLDER_LOG: u32 = 0xdfdf_dfdf;
const TAIL: u32 = 0xf1ef_efef;
const ERASED: u32 = 0xffff_ffff;
/// No SF32LB5x has a memory larger than this.
const LARGEST: u32 = 64 << 20;
/// A dump without a head has as many blocks at least, and starts in the RAM of the first core.
const FEWEST: usize = 4;
const RAM: Range<u32> = 0x2000_0000..0x2028_0000;
/// More blocks than this (each heap item is one) are not believed.
const MOST: usize = 1 << 18;
/// Where blocks can be: code and retention RAM, RAM of both cores, the other's data as the first one
/// sees it, peripherals of both, PSRAM, the core's own registers.
const PLACES: [Range<u32>; 7] = [
    0x1000..0x10_0000,
    0x2000_0000..0x2100_0000,
    0x2a00_0000..0x2c00_0000,
    0x4000_0000..0x4010_0000,
    0x5000_0000..0x5010_0000,
    0x6000_0000..0x6400_0000,
    0xe000_0000..0xe010_0000,
];
/// What the dump's code knows, in bytes.
const INFO_LEN: u64 = 16;

/// SiFli's core dump.
pub struct SifliCoreDump;

struct Block {
    addr: u32,
    bytes: Bytes,
    offset: u64,
    /// What its length promises and the file lacks.
    cut: u32,
}

impl Block {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Why the blocks end.
enum End {
    /// As the writer ends them, behind this offset: erased flash, a tail, the end of the file.
    Clean(u64),
    /// In the middle of a block.
    Cut,
    /// With something that is no block, at this offset.
    NoBlock(u64),
}

impl Format for SifliCoreDump {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "SiFli core dump"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        let bytes = &piece.bytes;
        piece.hint == Some(NAME) || has_header(bytes) || is_headless(bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        match blocks(&piece.bytes, header_len(&piece.bytes)).1 {
            End::Clean(offset) | End::NoBlock(offset) => Some(offset),
            End::Cut => None,
        }
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        let bytes = &piece.bytes;
        let at = |mark: usize| mark.checked_sub(2);
        let starts = memmem::find_iter(bytes, b"X_").filter_map(at);
        starts
            .filter(|start| has_header(&bytes.slice(*start..)))
            .map(|start| start..bytes.len())
            .collect()
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let (blocks, end) = blocks(&piece.bytes, header_len(&piece.bytes));
        if blocks.is_empty() {
            let found = "neither that nor blocks of memory";
            return Err(in_input(Fault::new(NAME, "head", 0, "chip and time as text", found)));
        }
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("SiFli core dump", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        if has_header(&piece.bytes) {
            identify(&mut dump, &piece.bytes);
        }
        match end {
            End::Clean(_) => {}
            End::Cut => dump
                .notes
                .push(Note::warning("the dump is cut off in its last block").by(NAME).code("cut")),
            End::NoBlock(offset) => dump.notes.push(
                Note::info(format!(
                    "what stands at offset {offset:#x} is no block: the dump ends before it"
                ))
                .by(NAME)
                .code("cut"),
            ),
        }
        let saved = saved(&blocks);
        add_info(&mut dump, &blocks, saved.is_some());
        add_blocks(&mut dump, &blocks, piece);
        if let Some(saved) = saved {
            saved.apply(&mut dump);
        } else if context.elf.is_none() {
            dump.notes.push(
                Note::warning(
                    "this dump has no registers at its head: --elf finds the variables that \
                 hold them",
                )
                .by(NAME)
                .code("no-registers"),
            );
        }
        Ok(dump)
    }

    fn complete(&self, dump: &mut Dump, symbols: &dyn Symbols) {
        if dump.crashed().is_none() && restore(dump, symbols).is_none() {
            dump.notes.push(
                Note::warning("the ELF file's saved_stack_frame is not in the dump: no registers")
                    .by(NAME)
                    .code("no-registers"),
            );
        }
    }
}

fn has_header(bytes: &[u8]) -> bool {
    let is = |(byte, wanted): (&u8, &u8)| match wanted {
        b'd' => byte.is_ascii_digit(),
        _ => byte == wanted,
    };
    bytes.get(..HEADER_LEN).is_some_and(|head| head.iter().zip(HEADER).all(is))
}

fn header_len(bytes: &[u8]) -> usize {
    if has_header(bytes) { HEADER_LEN } else { 0 }
}

/// Whether `bytes` are nothing but blocks of a SiFli chip's memory.
fn is_headless(bytes: &Bytes) -> bool {
    if !u32_at(bytes, 0).is_some_and(|addr| RAM.contains(&addr)) {
        return false;
    }
    let (blocks, end) = blocks(bytes, 0);
    matches!(end, End::Clean(_)) && blocks.len() >= FEWEST
}

fn is_place(addr: u32, len: u32) -> bool {
    let last = addr.checked_add(len.saturating_sub(1));
    let holds = |place: &Range<u32>| {
        place.contains(&addr) && last.is_some_and(|last| place.contains(&last))
    };
    (1..=LARGEST).contains(&len) && PLACES.iter().any(holds)
}

/// The blocks from `start` on.
fn blocks(bytes: &Bytes, start: usize) -> (Vec<Block>, End) {
    let mut cursor = Cursor::new(NAME, bytes.clone(), 0);
    cursor.take_up_to(start);
    let mut all = Vec::new();
    while cursor.left() >= BLOCK_HEADER_LEN {
        let at = cursor.offset();
        let (Ok(addr), Ok(len)) = (cursor.u32("block address"), cursor.u32("block length")) else {
            break;
        };
        if addr == TAIL || (addr, len) == (ERASED, ERASED) {
            return (all, End::Clean(cursor.offset()));
        }
        let is_log = [NEWEST_LOG, OLDER_LOG].contains(&addr) && (1..=LARGEST).contains(&len);
        if (!is_log && !is_place(addr, len)) || all.len() >= MOST {
            return (all, End::NoBlock(at));
        }
        let offset = cursor.offset();
        let bytes = cursor.take_up_to(len as usize);
        let cut = len.saturating_sub(bytes.len() as u32);
        all.push(Block { addr, bytes, offset, cut });
        if cut > 0 {
            return (all, End::Cut);
        }
    }
    (all, End::Clean(cursor.offset()))
}

/// Chip and time.
fn identify(dump: &mut Dump, bytes: &[u8]) {
    let text = text_until_nul(bytes.get(..HEADER_LEN).unwrap_or_default());
    let Some((chip, time)) = text.split_once('_') else { return };
    dump.identity.chip = Some(format!("SF32LB{}", chip.to_ascii_lowercase()));
    let time = time.replace('_', "-");
    dump.identity.facts.push(("time".to_string(), format!("{time} (the device's clock)")));
}

/// The variables with the registers, if the first blocks are those.
fn saved(blocks: &[Block]) -> Option<Saved> {
    let [frame, sp, reason, status, ..] = blocks else { return None };
    let fits = [FRAME_LEN, FLAGGED_LEN].contains(&frame.len())
        && sp.len() == 4
        && [1, 4].contains(&reason.len())
        && status.len() == FAULT_WORDS_LEN;
    fits.then(|| Saved {
        frame: (frame.addr.into(), frame.len()),
        sp: Some(sp.addr.into()),
        reason: Some((reason.addr.into(), reason.len())),
        status: Some(status.addr.into()),
    })
}

/// Whether an interrupt was being handled, and the chip's timer.
fn add_info(dump: &mut Dump, blocks: &[Block], saved: bool) {
    let info = blocks.get(4).filter(|info| saved && info.len() == INFO_LEN);
    let Some(info) = info else { return };
    let facts = &mut dump.identity.facts;
    if let Some(nest @ 1..) = info.bytes.first() {
        facts.push(("interrupt nesting".to_string(), nest.to_string()));
    }
    if let Some(timer) = u32_at(&info.bytes, 12) {
        facts.push(("timer".to_string(), timer.to_string()));
    }
}

fn add_blocks(dump: &mut Dump, blocks: &[Block], piece: &Piece) {
    let (mut older, mut newest) = (String::new(), String::new());
    for block in blocks {
        let text = || String::from_utf8_lossy(&block.bytes);
        match block.addr {
            OLDER_LOG => older.push_str(&text()),
            NEWEST_LOG => newest.push_str(&text()),
            addr => {
                let region = Region::dumped(addr.into(), block.bytes.clone());
                add_region(dump, NAME, region, piece, block.offset);
                let behind = u64::from(addr).saturating_add(block.len());
                if let Some(range) = AddrRange::of_len(behind, block.cut.into()) {
                    dump.memory.mark_missing(range, "the dump is cut off before it");
                }
            }
        }
    }
    let log = older + &newest;
    if !log.is_empty() {
        dump.texts.push(log);
    }
}
