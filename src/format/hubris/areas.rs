//! Hubris' dump areas: what the dumper leaves in RAM, read out as it is.
//!
//! | off | size | field of an area's header                                   |
//! |   0 |    4 | 01 DE DE AD                                                 |
//! |   4 |    4 | its own address, LE like all                                |
//! |   8 |    4 | its length                                                  |
//! |  12 |    4 | how many bytes are in use, headers included                 |
//! |  16 |    1 | contents: 0 none, 1 the system, 2 a task, 3 part of a task; |
//! |     |      | in the first releases the version of who asked              |
//! |  17 |    1 | who dumped                                                  |
//! |  18 |    2 | number of segment headers behind this one, 8 bytes each     |
//! |  20 |    4 | address of the next area, or 0                              |
//!
//! Then records up to what is in use: `0xab 0xba` register id (u16), value; `0xda 0xda` task (u16), 4
//! bytes of zeros (not in early releases), time (u64); or data: address, length when packed and plain (u16 both), LZSS, padded to 4
//! with 0x55. LZSS: bits from the top; 1 and a byte, or 0, a place in a ring of 64 bytes (6 bits)
//! and a length less 2 (4 bits). The ring starts out with blanks and is written from 47 on.
//!
//! Register ids are those of DCRSR, as in Humility's core files.
//!
//! Source: oxidecomputer/humpty 045856f and, for the first release, 5484ecb, `src/lib.rs`; crate lzss
//! 0.9, whose output the decoder was checked with. No real areas are among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::super::machine::{CORTEX_M, machine_of, set_control_word, set_single_floats};
use super::super::{Context, Format, add_region, find_heads, in_input};
use super::OneTask;
use crate::carrier::Piece;
use crate::cursor::{Cursor, u16_at, u32_at};
use crate::dump::{Dump, Kernel, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::Region;
use crate::registers::Registers;
use crate::targets::Family;
use std::ops::Range;

const NAME: &str = "hubris-area";
const MAGIC: &[u8] = &[0x01, 0xde, 0xde, 0xad];
const HEADER_LEN: u32 = 24;
const REGISTER: [u8; 2] = [0xab, 0xba];
const TASK: [u8; 2] = [0xda, 0xda];
const PAD: u8 = 0x55;
const MOST_AREAS: usize = 1024;

/// Hubris' dump areas.
pub struct HubrisAreas;

impl Format for HubrisAreas {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Hubris dump areas (RAM)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        let areas = chain(&piece.bytes);
        let ends = areas.iter().filter_map(|at| {
            let len = u32_at(&piece.bytes, (*at as usize).checked_add(8)?)?;
            Some(u64::from(at.checked_add(len)?))
        });
        ends.max()
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        // The areas after the first belong to it.
        let first = find_heads(&piece.bytes, MAGIC, is_head).into_iter().next();
        first.map(|range| range.start..piece.bytes.len()).into_iter().collect()
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("Hubris dump areas", machine.arch);
        dump.chip = machine.chip;
        dump.kernel = Some(Kernel::Hubris { only: None });
        dump.notes = piece.notes.clone();
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not in the dump");
        let mut cpu = Cpu { registers, singles: [None; 32] };
        let areas = chain(&piece.bytes);
        let broken = |at: u32| {
            let found = "other bytes: the dump ends before it, or was overwritten";
            Fault::new(NAME, "area header", at.into(), "01 DE DE AD", found)
        };
        if areas.is_empty() {
            return Err(in_input(broken(0)));
        }
        for at in &areas {
            let area = piece.bytes.slice((*at as usize).min(piece.bytes.len())..);
            if let Err(fault) = read_area(&area, *at, &mut cpu, &mut dump, piece) {
                dump.notes.push(
                    Note::warning(format!("{}: the rest of the area is left out", fault.words()))
                        .by(fault.format)
                        .code("left-out"),
                );
            }
        }
        // The last one may name one more, which is not where it should be.
        let first = u32_at(&piece.bytes, 4).unwrap_or_default();
        let last = areas.last().copied().unwrap_or_default();
        let next = (last as usize).checked_add(20).and_then(|place| u32_at(&piece.bytes, place));
        if let Some(offset) = next.filter(|next| *next != 0).and_then(|n| n.checked_sub(first))
            && offset > last
            && areas.len() < MOST_AREAS
        {
            dump.notes.push(Note::warning(broken(offset).to_string()).code("damaged"));
        }
        let registers = cpu.finish();
        if registers.any_known() {
            let mut thread = Thread::new(1, registers);
            thread.crashed = true;
            dump.threads.push(thread);
        } else if dump.memory.region_count() == 0 {
            let fault = Fault::new(NAME, "areas", 0, "registers or memory", "nothing was dumped");
            return Err(in_input(fault));
        } else {
            dump.notes.push(
                Note::warning("a dump of tasks has no CPU registers: memory only")
                    .by(NAME)
                    .code("no-registers"),
            );
        }
        Ok(dump)
    }
}

/// Where the areas begin that lie behind the first, which is at 0.
fn chain(bytes: &[u8]) -> Vec<u32> {
    let first = u32_at(bytes, 4).unwrap_or_default();
    let mut all = Vec::new();
    let mut at = 0u32;
    while all.len() < MOST_AREAS && bytes.get(at as usize..).is_some_and(is_head) {
        all.push(at);
        // Areas may lie anywhere; only those behind the first are in this file.
        let next = (at as usize).checked_add(20).and_then(|place| u32_at(bytes, place));
        match next.filter(|next| *next != 0).and_then(|next| next.checked_sub(first)) {
            Some(offset) if offset > at => at = offset,
            _ => break,
        }
    }
    all
}

fn is_head(bytes: &[u8]) -> bool {
    let word = |at: usize| u32_at(bytes, at);
    let (Some(addr), Some(len), Some(used)) = (word(4), word(8), word(12)) else { return false };
    let aligned = addr % 4 == 0 && len % 4 == 0;
    bytes.starts_with(MAGIC) && aligned && (HEADER_LEN..=len).contains(&used)
}

fn read_area(
    area: &bytes::Bytes,
    base: u32,
    cpu: &mut Cpu,
    dump: &mut Dump,
    piece: &Piece,
) -> Result<(), Fault> {
    let used = u32_at(area, 12).unwrap_or_default() as usize;
    let segments = usize::from(u16_at(area, 18).unwrap_or_default());
    let there = used.min(area.len());
    let mut cursor = Cursor::new(NAME, area.slice(..there), base.into());
    cursor.skip("area header", HEADER_LEN as usize)?;
    cursor.skip("segment headers", segments.saturating_mul(8))?;
    while cursor.left() >= 8 {
        let mut ahead = cursor.clone();
        let tag = ahead.take("record", 2)?;
        if tag == REGISTER.as_slice() {
            let id = ahead.u16("register id")?;
            set_register(cpu, id, ahead.u32("register value")?);
        } else if tag == TASK.as_slice() {
            let task = OneTask::read(&mut ahead)?;
            dump.kernel = Some(Kernel::Hubris { only: task.number });
            dump.identity.facts.push(("task".into(), task.to_string()));
        } else if tag.iter().all(|byte| *byte == PAD) {
            cursor.skip("padding", 4)?;
            continue;
        } else {
            ahead = cursor.clone();
            let addr = ahead.u32("data address")?;
            let (packed, plain) = (ahead.u16("packed length")?, ahead.u16("plain length")?);
            let data = ahead.take("data", packed.into())?;
            let Some(bytes) = unpack(&data, plain.into()) else {
                let expected = format!("LZSS of {plain} bytes at {addr:#x}");
                return Err(cursor.fault("data", expected, "another length"));
            };
            add_region(dump, NAME, Region::dumped(addr.into(), bytes.into()), piece, u64::MAX);
            let odd = usize::from(packed).checked_rem(4).unwrap_or_default();
            ahead.take_up_to(4usize.saturating_sub(odd).checked_rem(4).unwrap_or_default());
        }
        cursor = ahead;
    }
    Ok(())
}

/// What the records tell of the CPU.
struct Cpu {
    registers: Registers,
    /// s0-s31, which are halves of d0-d15.
    singles: [Option<u32>; 32],
}

impl Cpu {
    /// All registers; a double of which one half is missing stays unknown.
    fn finish(self) -> Registers {
        let Cpu { mut registers, singles } = self;
        for (n, pair) in singles.chunks(2).enumerate() {
            if let [Some(low), Some(high)] = pair {
                set_single_floats(&mut registers, n.saturating_mul(2), &[*low, *high]);
            }
        }
        registers
    }
}

fn set_register(cpu: &mut Cpu, id: u16, value: u32) {
    let registers = &mut cpu.registers;
    match id {
        64..=95 => {
            if let Some(slot) = cpu.singles.get_mut(usize::from(id & 31)) {
                *slot = Some(value);
            }
        }
        17 => drop(registers.set_by_name("msp", value)),
        18 => drop(registers.set_by_name("psp", value)),
        20 => set_control_word(registers, value),
        33 => drop(registers.set_by_name("fpscr", value)),
        id => {
            if let Some(name) = CORTEX_M.get(usize::from(id)) {
                registers.set_by_name(name, value);
            }
        }
    }
}

/// LZSS with a ring of 64 bytes; `None` if it does not come to `len` bytes.
fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    const RING: usize = 64;
    const START: usize = 47;
    let mut ring = [b' '; RING];
    let mut at = START;
    let mut plain = Vec::with_capacity(len);
    let mut bits = packed.iter().flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1));
    let mut take =
        |count: u32| (0..count).try_fold(0usize, |n, _| Some(n << 1 | usize::from(bits.next()?)));
    let mut put = |byte: u8, ring: &mut [u8; RING], at: &mut usize| {
        plain.push(byte);
        if let Some(slot) = ring.get_mut(*at) {
            *slot = byte;
        }
        *at = at.checked_add(1).and_then(|next| next.checked_rem(RING)).unwrap_or_default();
        plain.len()
    };
    let mut done = 0;
    while done < len {
        if take(1)? == 1 {
            done = put(take(8)? as u8, &mut ring, &mut at);
            continue;
        }
        let from = take(6)?;
        let count = take(4)?.checked_add(2)?;
        for n in 0..count {
            let byte = *ring.get(from.checked_add(n)?.checked_rem(RING)?)?;
            done = put(byte, &mut ring, &mut at);
        }
    }
    (done == len).then_some(plain)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "test data is ours")]
mod tests {
    use super::*;
    use crate::carrier::text::decode_hex;

    /// What `Lzss::<6, 4, 0x20, 64, 128>::compress_stack` of crate lzss 0.9 makes of the bytes.
    const PLAIN: &str = "202020202020616161610a612020202020206161146161612020202020201e61616161232020\
                         202020206161612d61612020202020206137616161612020202020206161616146612020202020\
                         206161506161612020202020205a616161615f";
    const PACKED: &str = "5c9616a30ab0af68a3617691e6a5235ef2d0ad619b8e226f61a32a7a8287ad312af8";

    #[test]
    fn lzss_of_the_crate_that_devices_use_unpacks() {
        let (plain, packed) = (decode_hex(PLAIN).unwrap(), decode_hex(PACKED).unwrap());
        assert_eq!(unpack(&packed, plain.len()), Some(plain.clone()));
        assert_eq!(unpack(&packed[..10], plain.len()), None, "cut");
    }

    #[test]
    fn an_area_gives_registers_and_memory() {
        let packed = decode_hex(PACKED).unwrap();
        let mut records = Vec::new();
        for (id, value) in [(13u16, 0x2000_1fa0u32), (15, 0x72), (16, 0x0100_0000)] {
            records.extend(REGISTER);
            records.extend(id.to_le_bytes());
            records.extend(value.to_le_bytes());
        }
        records.extend(0x2000_0100u32.to_le_bytes());
        records.extend((packed.len() as u16).to_le_bytes());
        records.extend(96u16.to_le_bytes());
        records.extend(&packed);
        records.resize(records.len().next_multiple_of(4), PAD);
        let used = 24 + 8 + records.len() as u32;
        let mut area = MAGIC.to_vec();
        for word in [0x2000_8000u32, 0x1000, used] {
            area.extend(word.to_le_bytes());
        }
        area.extend([1, 2, 1, 0, 0, 0, 0, 0]);
        area.extend([0; 8]);
        area.extend(records);
        area.resize(0x1000, 0);

        let targets = crate::targets::Targets::built_in();
        let context =
            Context { targets: &targets, force: false, target: None, elf: None, frame: None };
        let piece = Piece::outermost(area.into());
        assert!(HubrisAreas.recognises(&piece));
        let dump = HubrisAreas.read(&piece, &context).unwrap();
        let registers = &dump.crashed().unwrap().registers;
        assert_eq!((registers.pc(), registers.sp()), (Some(0x72), Some(0x2000_1fa0)));
        let plain = decode_hex(PLAIN).unwrap();
        assert_eq!(dump.memory.bytes(0x2000_0100, 96).unwrap(), plain);
    }
}
