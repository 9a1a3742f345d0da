//! Apache Mynewt core files.
//!
//! | off | size | field                                                            |
//! |   0 |    4 | 0x690c47c3, LE like all                                          |
//! |   4 |    4 | size of everything                                               |
//! |   8 |      | records: type (1 byte), nothing (1), length (2), address (4), data |
//!
//! Records: 3 registers (Cortex-M: r0-r12 sp lr pc xpsr, sp as it was before the exception);
//! 1 SHA-256 of the running image; 2 memory, long areas in pieces of at most 0xfffc bytes, or of
//! 0x8000, of which the last may then reach beyond the area. The oldest releases wrote one record of
//! all RAM, and of more than 64 KB only what the length's 16 bits left over.
//!
//! Source: apache/mynewt-core d919ff517, b6cc4bb and 0b3ca00 (the oldest),
//! `sys/coredump/src/coredump.c`; `kernel/os/src/arch/*/os_fault.c`, cortex_m4's 0a87469. Written
//! from the producer's source.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::{CORTEX_M, machine_of, machine_told, set_words};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::carrier::Piece;
use crate::cursor::{Cursor, u32_at};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, Region};
use crate::registers::Registers;
use crate::targets::Family;
use std::ops::Range;

const NAME: &str = "mynewt";
const MAGIC: u32 = 0x690c_47c3;
/// What a flash area holds that is in use for a firmware image instead.
pub(super) const IMAGE_MAGIC: u32 = 0x96f3_b83d;
const HEADER_LEN: u32 = 8;
/// Type, padding, length, address.
const RECORD_HEADER_LEN: usize = 8;
const CORTEX_M_LEN: usize = 68;
const LARGEST: u32 = 1 << 30;

/// Mynewt core files.
pub struct Mynewt;

impl Format for Mynewt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Apache Mynewt core file"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        u32_at(&piece.bytes, 4).map(u64::from)
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, &MAGIC.to_le_bytes(), is_head)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        let magic = cursor.u32("magic").map_err(in_input)?;
        if magic == IMAGE_MAGIC {
            let expected = format!("{MAGIC:#x}");
            let found = "a firmware image: no core file was written over it";
            return Err(in_input(Fault::new(NAME, "magic", 0, expected, found)));
        }
        let size = cursor.u32("size").map_err(in_input)? as usize;
        let there = piece.bytes.len();
        let mut cursor = Cursor::new(NAME, piece.bytes.slice(..size.min(there)), 0);
        cursor.skip("header", HEADER_LEN as usize).map_err(in_input)?;
        let machine = match machine_told(context)? {
            Some(told) => told,
            None => machine_of(context, Family::CortexM)?,
        };
        let mut dump = Dump::new("Mynewt core file", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        if size > there {
            dump.notes.push(
                Note::warning(format!(
                    "the dump is cut off: {size} bytes by its header, {there} in the file"
                ))
                .by(NAME)
                .code("cut"),
            );
        }
        while cursor.left() >= RECORD_HEADER_LEN {
            if let Err(fault) = read_record(&mut cursor, &mut dump, piece) {
                dump.notes.push(
                    Note::warning(format!("{}: what follows is left out", fault.words()))
                        .by(fault.format)
                        .code("left-out"),
                );
                break;
            }
        }
        if dump.threads.is_empty() {
            dump.notes.push(
                Note::warning("the dump holds no registers that are known here")
                    .by(NAME)
                    .code("no-registers"),
            );
        }
        Ok(dump)
    }
}

fn is_head(bytes: &[u8]) -> bool {
    let size = u32_at(bytes, 4).is_none_or(|size| (HEADER_LEN..=LARGEST).contains(&size));
    let first = bytes.get(8).is_none_or(|kind| (1..=3).contains(kind));
    u32_at(bytes, 0) == Some(MAGIC) && size && first
}

fn read_record(cursor: &mut Cursor, dump: &mut Dump, piece: &Piece) -> Result<(), Fault> {
    let at = cursor.offset();
    let kind = cursor.u8("record type")?;
    cursor.skip("record padding", 1)?;
    let len = cursor.u16("record length")?;
    let addr = cursor.u32("record address")?;
    if !(1..=3).contains(&kind) {
        return Err(Fault::new(NAME, "record type", at, "1, 2 or 3", kind.to_string()));
    }
    let offset = cursor.offset();
    let data = cursor.take_up_to(len.into());
    let cut = u64::from(len).saturating_sub(data.len() as u64);
    match kind {
        1 => {
            let digits: String = data.iter().map(|byte| format!("{byte:02x}")).collect();
            dump.identity.facts.push(("image SHA-256".into(), digits));
        }
        2 => {
            let behind = u64::from(addr).saturating_add(data.len() as u64);
            add_region(dump, NAME, Region::dumped(addr.into(), data), piece, offset);
            if let Some(range) = AddrRange::of_len(behind, cut) {
                dump.memory.mark_missing(range, "the dump is cut off before it");
            }
        }
        _ if data.len() == CORTEX_M_LEN && dump.arch.register("xpsr").is_some() => {
            let words = data.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w).into());
            let mut registers = Registers::unknown(dump.arch.clone());
            registers.set_why_missing("register not in the dump");
            set_words(&mut registers, &CORTEX_M, words);
            let mut thread = Thread::new(1, registers);
            thread.crashed = true;
            dump.threads.push(thread);
        }
        _ => dump.notes.push(
            Note::warning(format!(
                "registers at offset {offset:#x}: expected {CORTEX_M_LEN} bytes of a \
             Cortex-M, found {}: left out",
                data.len()
            ))
            .by(NAME)
            .code("left-out"),
        ),
    }
    Ok(())
}
