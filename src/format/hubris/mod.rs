//! Oxide Hubris dumps, as Humility writes them: an ELF core with notes of its own, one of which
//! is the whole build archive. The ELF files travel in the dump.
//!
//! | note type  | contents                                                            |
//! | 0x1de00001 | the build archive: a zip with `elf/kernel`, `elf/task/*`, ...        |
//! | 0x1de00002 | registers: pairs of id (DCRSR: 0-12, 13 sp, 14 lr, 15 pc, 16 psr,    |
//! |            | 17 msp, 18 psp, 20 CONTROL and masks, 33 fpscr, 64.. s0..) and value |
//! | 0x1de00003 | a dump of one task, without registers: DA DA, its number (u16), 4    |
//! |            | bytes of zeros (not in early releases), when it was dumped (u64, ms) |
//!
//! A dump of one task holds that task's memory, its entry in the kernel's table, and all that is
//! read-only.
//!
//! All are owned by "Oxide Computer Company". `saved.rs` reads what the kernel saved of a
//! task (which tasks there are and how they fare tells `crate::os`), `areas.rs` the areas in RAM that a device without Humility leaves, `dry.rs` dumps of one task
//! without the archive.
//!
//! Source: oxidecomputer/humility 5f097e9e, `humility-core/src/hubris.rs` (`dump`, `dump_segments`),
//! `humility-arch-arm/src/lib.rs` 04cc5c4; oxidecomputer/humpty, `src/lib.rs` (`DumpTask`). Seen in 3
//! shipped cores, none of them of one task.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod areas;
pub mod dry;
pub(crate) mod saved;

use super::elf::{self, CoreFile};
use super::machine::{CORTEX_M, machine_of, set_control_word, set_single_floats};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::archive::zip::Zip;
use crate::budget::Budget;
use crate::carrier::Piece;
use crate::cursor::Cursor;
use crate::dump::{Dump, Embedded, Kernel, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{Access, Region};
use crate::registers::Registers;
use crate::targets::Family;
use bytes::Bytes;
use goblin::elf::Elf;
use goblin::elf::program_header::{PF_X, PT_LOAD};
use std::fmt;
use std::ops::Range;

const NAME: &str = "hubris";
const OWNER: &str = "Oxide Computer Company";
const NT_ARCHIVE: u32 = 0x1de0_0001;
const NT_REGISTERS: u32 = 0x1de0_0002;
const NT_ONE_TASK: u32 = 0x1de0_0003;

/// Hubris dumps.
pub struct Hubris;

impl Format for Hubris {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Hubris dump (Humility's ELF core)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || (elf::is_core(&piece.bytes) && has_notes(&piece.bytes))
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        Some(elf::parse_core(NAME, &piece.bytes).ok()?.end)
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, b"\x7fELF", elf::is_core)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let core = elf::parse_core(NAME, &piece.bytes).map_err(in_input)?;
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("Hubris dump", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        dump.notes.extend(core.problems.iter().cloned());
        for segment in &core.segments {
            let mut region = Region::dumped(segment.addr, segment.bytes.clone());
            region.access = Access { write: segment.write, execute: segment.execute };
            add_region(&mut dump, NAME, region, piece, segment.offset);
        }
        let registers = registers(&core, &dump);
        let task = note(&core, NT_ONE_TASK).map(|desc| one_task(desc, &mut dump));
        if let Some(note) = note(&core, NT_ARCHIVE) {
            read_archive(&note, registers.as_ref(), &piece.budget, &mut dump);
        } else {
            dump.notes.push(
                Note::warning("the build archive is not in the dump: --elf names the ELF")
                    .by(NAME)
                    .code("no-elf"),
            );
        }
        if let Some(registers) = registers {
            let mut thread = Thread::new(1, registers);
            thread.crashed = true;
            dump.threads.push(thread);
        } else if let Some(task) = &task {
            dump.notes
                .push(Note::info("a dump of one task: no CPU registers").by(NAME).code("partial"));
            dump.identity.facts.push(("task".into(), task.to_string()));
        } else {
            dump.notes
                .push(Note::warning("there is no register note").by(NAME).code("no-registers"));
        }
        dump.kernel = Some(Kernel::Hubris { only: task.and_then(|task| task.number) });
        if dump.threads.is_empty() && dump.memory.region_count() == 0 {
            let fault = Fault::new(NAME, "contents", 0, "registers or memory", "neither");
            return Err(in_input(fault));
        }
        Ok(dump)
    }
}

/// The task that a dump is of.
#[derive(Debug, Default)]
struct OneTask {
    number: Option<u16>,
    time: Option<u64>,
}

impl OneTask {
    /// Reads the record behind its first two bytes.
    fn read(cursor: &mut Cursor) -> Result<OneTask, Fault> {
        let number = Some(cursor.u16("task")?);
        let mut behind = cursor.clone();
        if behind.u32("task padding")? == 0 {
            *cursor = behind;
        }
        Ok(OneTask { number, time: Some(cursor.u64("task time")?) })
    }
}

impl fmt::Display for OneTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.time) {
            (Some(number), Some(time)) => write!(f, "{number}, dumped at {time}"),
            _ => write!(f, "unknown"),
        }
    }
}

fn one_task(desc: Bytes, dump: &mut Dump) -> OneTask {
    let mut cursor = Cursor::new(NAME, desc, 0);
    let read = cursor.skip("task signature", 2).and_then(|()| OneTask::read(&mut cursor));
    read.unwrap_or_else(|fault| {
        dump.notes.push(
            Note::warning(format!("{}: which task was dumped is unknown", fault.words()))
                .by(fault.format)
                .code("damaged"),
        );
        OneTask::default()
    })
}

fn has_notes(bytes: &Bytes) -> bool {
    elf::parse_core(NAME, bytes)
        .is_ok_and(|core| core.notes.iter().any(|note| note.name.starts_with(OWNER)))
}

fn note(core: &CoreFile, kind: u32) -> Option<Bytes> {
    let wanted = |note: &&elf::ElfNote| note.name.starts_with(OWNER) && note.kind == kind;
    core.notes.iter().find(wanted).map(|note| note.desc.clone())
}

fn registers(core: &CoreFile, dump: &Dump) -> Option<Registers> {
    let desc = note(core, NT_REGISTERS)?;
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not in the dump");
    let mut singles = [None; 32];
    for pair in desc.as_chunks::<8>().0 {
        let [a, b, c, d, e, f, g, h] = *pair;
        let (id, value) = (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]));
        match id {
            17 => drop(registers.set_by_name("msp", value)),
            18 => drop(registers.set_by_name("psp", value)),
            20 => set_control_word(&mut registers, value),
            33 => drop(registers.set_by_name("fpscr", value)),
            64..=95 => {
                if let Some(slot) = singles.get_mut((id & 31) as usize) {
                    *slot = Some(value);
                }
            }
            id => {
                if let Some(name) = CORTEX_M.get(id as usize) {
                    registers.set_by_name(name, value);
                }
            }
        }
    }
    for (n, pair) in singles.chunks(2).enumerate() {
        if let [Some(low), Some(high)] = pair {
            set_single_floats(&mut registers, n.saturating_mul(2), &[*low, *high]);
        }
    }
    Some(registers)
}

/// Whether an ELF file holds code at `addr`.
fn holds_code_at(elf: &[u8], addr: u64) -> bool {
    let Ok(elf) = Elf::parse(elf) else { return false };
    elf.program_headers.iter().any(|ph| {
        ph.p_type == PT_LOAD
            && ph.p_flags & PF_X != 0
            && addr.checked_sub(ph.p_vaddr).is_some_and(|offset| offset < ph.p_filesz)
    })
}

/// Takes the ELF files out of the archive; the one that was running comes first.
fn read_archive(zip: &Bytes, registers: Option<&Registers>, budget: &Budget, dump: &mut Dump) {
    let mut zip = match Zip::open(zip.clone()) {
        Ok(zip) => zip,
        Err(fault) => {
            dump.notes.push(
                Note::warning(format!("build archive: {fault}: its ELF files can't be read"))
                    .by(NAME)
                    .code("damaged"),
            );
            return;
        }
    };
    let comment = zip.comment();
    if !comment.is_empty() {
        dump.identity.facts.push(("archive".into(), comment));
    }
    let pc = registers.and_then(Registers::pc);
    for (index, name) in zip.files() {
        let wanted = name.starts_with("elf/") || name == "git-rev";
        if !wanted {
            continue;
        }
        let bytes = match zip.unpack(index, budget) {
            Ok(bytes) => bytes,
            Err(fault) => {
                dump.notes.push(
                    Note::warning(format!("build archive: {fault}")).by(NAME).code("damaged"),
                );
                continue;
            }
        };
        if name == "git-rev" {
            let text = String::from_utf8_lossy(&bytes).trim().to_string();
            dump.identity.facts.push(("git".into(), text));
            continue;
        }
        let running = pc.is_some_and(|pc| holds_code_at(&bytes, pc));
        let file = Embedded { name, bytes };
        let at = if running { 0 } else { dump.embedded.len() };
        dump.embedded.insert(at, file);
    }
}
