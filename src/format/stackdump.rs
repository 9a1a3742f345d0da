//! stackdump streams: registers and memory of a Cortex-M, as the crate of that name writes them.
//!
//! Records without padding, without head, without checksum:
//!
//! | off | size | field                                                        |
//! |   0 |    1 | 2: registers                                                 |
//! |   1 |    2 | first one by its DWARF number: 0 r0, 256 s0; LE like all     |
//! |   3 |    2 | how many                                                     |
//! |   5 |  4 n | their values                                                 |
//! |   0 |    1 | 1: memory                                                    |
//! |   1 |    8 | address                                                      |
//! |   9 |    8 | length; may be 0                                             |
//! |  17 |      | bytes                                                        |
//!
//! A stream starts with r0-r15, and its records fill it without a gap. There is no xpsr and no
//! fault status. Registers are those of the function that took the dump, not of the crash.
//!
//! Source: tweedegolf/stackdump 0.10.3 (b0dc786), `core/src/`, `capture/src/`; seen in its sample.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::{CORTEX_M, machine_of, set_single_floats, set_words};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::carrier::Piece;
use crate::cursor::Cursor;
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, Region};
use crate::registers::Registers;
use crate::targets::Family;
use bytes::Bytes;
use std::ops::Range;

const NAME: &str = "stackdump";
/// Registers, the first is r0, 16 of them.
const HEAD: &[u8] = &[2, 0, 0, 16, 0];
const MEMORY: u8 = 1;
const REGISTERS: u8 = 2;
const DWARF_S0: u16 = 256;
const MOST_REGISTERS: u16 = 64;
/// A Cortex-M has 32-bit addresses.
const LAST_ADDR: u64 = u32::MAX as u64;

/// stackdump streams.
pub struct Stackdump;

enum Record {
    Registers { first: u16, values: Vec<u32> },
    Memory { addr: u64, bytes: Bytes, offset: u64, cut: u64 },
}

impl Format for Stackdump {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "stackdump stream"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_stream(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        while record(&mut cursor).is_ok() {}
        Some(cursor.offset())
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        let bytes = &piece.bytes;
        let all = find_heads(bytes, HEAD, |_| true);
        all.into_iter().filter(|range| is_stream(&bytes.slice(range.clone()))).collect()
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("stackdump stream", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not in the dump");
        while !cursor.is_at_end() {
            match record(&mut cursor) {
                Ok(Record::Registers { first: 0, values }) => {
                    let names = CORTEX_M.get(..16).unwrap_or_default();
                    set_words(&mut registers, names, values.into_iter().map(u64::from));
                }
                Ok(Record::Registers { first, values }) if first >= DWARF_S0 => {
                    let first = first.saturating_sub(DWARF_S0);
                    set_single_floats(&mut registers, first.into(), &values);
                }
                Ok(Record::Registers { first, values }) => dump.notes.push(
                    Note::info(format!(
                        "{} registers from DWARF number {first} on are not known here",
                        values.len()
                    ))
                    .by(NAME)
                    .code("left-out"),
                ),
                Ok(Record::Memory { addr, bytes, offset, cut }) => {
                    let behind = addr.saturating_add(bytes.len() as u64);
                    add_region(&mut dump, NAME, Region::dumped(addr, bytes), piece, offset);
                    if let Some(range) = AddrRange::of_len(behind, cut) {
                        dump.memory.mark_missing(range, "the dump is cut off before it");
                        dump.notes.push(
                            Note::warning(format!("the dump is cut off: {cut} bytes are missing"))
                                .by(NAME)
                                .code("cut"),
                        );
                    }
                }
                Err(fault) => {
                    if !registers.any_known() && dump.memory.region_count() == 0 {
                        return Err(in_input(fault));
                    }
                    dump.notes.push(
                        Note::warning(format!("{}: what follows is left out", fault.words()))
                            .by(fault.format)
                            .code("left-out"),
                    );
                    break;
                }
            }
        }
        if registers.any_known() {
            let mut thread = Thread::new(1, registers);
            thread.crashed = true;
            thread.remarks.push("registers of the function that took the dump".into());
            dump.threads.push(thread);
        }
        Ok(dump)
    }
}

/// The head, and records up to the end or to one that is cut there.
fn is_stream(bytes: &Bytes) -> bool {
    if !bytes.starts_with(HEAD) {
        return false;
    }
    let mut cursor = Cursor::new(NAME, bytes.clone(), 0);
    let mut count = 0u32;
    while !cursor.is_at_end() {
        match record(&mut cursor) {
            Ok(_) => count = count.saturating_add(1),
            // Something else may follow once enough has been read to be sure.
            Err(_) => return count >= 2 || cursor.left() < 17,
        }
    }
    true
}

fn record(cursor: &mut Cursor) -> Result<Record, Fault> {
    let mut ahead = cursor.clone();
    let at = ahead.offset();
    let record = match ahead.u8("record type")? {
        REGISTERS => {
            let first = ahead.u16("first register")?;
            let count = ahead.u16("register count")?;
            if count > MOST_REGISTERS {
                let expected = format!("at most {MOST_REGISTERS}");
                return Err(Fault::new(NAME, "register count", at, expected, count.to_string()));
            }
            let values = (0..count).map(|_| ahead.u32("register")).collect::<Result<_, _>>()?;
            Record::Registers { first, values }
        }
        MEMORY => {
            let addr = ahead.u64("memory address")?;
            let len = ahead.u64("memory length")?;
            if addr.checked_add(len).is_none_or(|end| end > LAST_ADDR.saturating_add(1)) {
                let found = format!("{len} bytes at {addr:#x}");
                let expected = "memory below 4 GiB";
                return Err(Fault::new(NAME, "memory", at, expected, found));
            }
            let offset = ahead.offset();
            let bytes = ahead.take_up_to(usize::try_from(len).unwrap_or(usize::MAX));
            let cut = len.saturating_sub(bytes.len() as u64);
            Record::Memory { addr, bytes, offset, cut }
        }
        kind => {
            return Err(Fault::new(NAME, "record type", at, "1 or 2", kind.to_string()));
        }
    };
    *cursor = ahead;
    Ok(record)
}
