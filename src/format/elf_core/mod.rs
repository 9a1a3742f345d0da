//! ELF cores of everything that is not a producer with a reader of its own: GDB's `gcore` on
//! bare metal, NuttX, RT-Thread's MCoreDump, esp-rs, probe-rs, Linux.
//!
//! `../elf.rs` takes the container apart, `prstatus.rs` knows where each machine's registers are
//! in their note, `extras.rs` the notes beside it, `description.rs` the target description that
//! GDB leaves in its cores, `producer.rs` how writers differ.
//!
//! Sources: Linux `include/uapi/linux/elf.h`, `include/linux/elfcore.h` (6.1); GDB 13.1
//! `gdb/gcore.c`, `bfd/elf.c`; NuttX `sched/misc/coredump.c` (4ebc8a7291d, 2026-08); the layouts
//! were checked by compiling the structs.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod description;
mod extras;
mod mcoredump;
mod nuttx;
pub mod own;
mod own_v1;
mod process;
mod producer;
pub(crate) mod prstatus;

use super::elf::{self, CoreFile, ElfNote};
use super::machine::{Machine, machine_of, machine_told, xtensa_by_addresses};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::carrier::Piece;
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{Access, AddrRange, Region};
use crate::reason::Signal;
use crate::registers::Registers;
use crate::targets::Family;
use description::Description;
use producer::Producer;
use std::ops::Range;

/// The name of the format, for carriers that can hold nothing else.
pub const NAME: &str = "elf-core";

const NT_PRSTATUS: u32 = 1;
const NT_PRPSINFO: u32 = 3;

/// `xpsr` bit 24, always set on a Cortex-M; the same bit of `cpsr` is J, always clear since
/// ARMv7. Below it, `cpsr` has the processor mode, never 0 in 32-bit modes.
const XPSR_T: u32 = 1 << 24;
const CPSR_MODE: u32 = 0x1f;
/// The system control space of a Cortex-M.
const SYSTEM_CONTROL_SPACE: AddrRange = AddrRange { start: 0xe000_e000, last: 0xe000_efff };

/// ELF cores.
pub struct ElfCore;

impl Format for ElfCore {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "ELF core (gcore, NuttX, MCoreDump, esp-rs, Linux)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || elf::is_core(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        Some(elf::parse_core(NAME, &piece.bytes).ok()?.end)
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, b"\x7fELF", elf::is_core)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let core = elf::parse_core(NAME, &piece.bytes).map_err(in_input)?;
        let description = core.notes.iter().find_map(Description::of_note);
        let producer = Producer::of(&core, &piece.bytes);
        let mut notes = Vec::new();
        let mut machine = machine(&core, producer, description.as_ref(), context, &mut notes)?;
        if context.target.is_none() && extras::has_double_floats(&core) {
            machine.arch = context.targets.with_double_floats(&machine.arch)?;
        }
        let mut dump = Dump::new(producer.title(&core), machine.arch);
        dump.chip = machine.chip;
        dump.notes.extend(piece.notes.iter().cloned());
        dump.notes.append(&mut notes);
        dump.notes.extend(core.problems.iter().cloned());
        add_memory(&mut dump, &core, piece);
        add_threads(&mut dump, &core, producer, description.as_ref());
        match producer {
            Producer::NuttX => nuttx::put_crashed_first(&mut dump, &core),
            Producer::MCoreDump => mcoredump::mend(&mut dump, &core),
            _ => {}
        }
        if let Some(description) = &description {
            description.tell(&mut dump);
        }
        // Notes of a writer about the dump as a whole. One more owner is one more line here:
        // "CAPT" (the capture crate) belongs here, beside NuttX.
        for note in &core.notes {
            match note.name.as_str() {
                "NuttX" => nuttx::read_info(note, &mut dump),
                "VMCOREINFO" => return Err(in_input(kernel_dump(note))),
                _ => {}
            }
        }
        if producer == Producer::Linux {
            dump.process = process::of_core(&core);
        }
        if let Some(own) = own::Own::of_core(&core) {
            let words = format!("{}, converted to an ELF core", own.format);
            own.restore(&mut dump);
            dump.format = words;
            // The record is contents enough: a damaged dump may have nothing else.
            return Ok(dump);
        }
        if dump.threads.is_empty() && dump.memory.region_count() == 0 {
            let found = format!("{} notes, {} segments", core.notes.len(), core.segments.len());
            let fault = Fault::new(NAME, "contents", 0, "registers or memory", found);
            return Err(in_input(fault.forceable()));
        }
        if dump.threads.is_empty() {
            dump.notes.push(
                Note::warning("there is no register note: memory only")
                    .by(NAME)
                    .code("no-registers"),
            );
        }
        Ok(dump)
    }
}

fn kernel_dump(note: &ElfNote) -> Fault {
    let expected = "a dump of a device or a process";
    let found = "a Linux kernel's vmcore: its addresses need page tables; drgn, crash and \
                 kdump-gdbserver open it";
    Fault::new(NAME, "note VMCOREINFO", note.offset, expected, found)
}

fn machine(
    core: &CoreFile,
    producer: Producer,
    description: Option<&Description>,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    if context.target.is_none()
        && let Some(own) = own::Own::of_core(core)
        && let Ok(arch) = context.targets.arch(&own.arch)
        && arch.elf_machine == core.machine
    {
        let chip = own.target.and_then(|name| context.targets.chip(&name).ok());
        return Ok(Machine { arch, chip });
    }
    let family = Family::of_machine(core.machine, core.class);
    let m_profile =
        family == Some(Family::Arm) && is_cortex_m(core, producer, description, context)?;
    let Some(family) = Family::of_elf(core.machine, core.class, m_profile) else {
        let found = format!("{} ({} bit)", core.machine, core.class);
        let expected = "3, 40, 62, 94, 183 or 243: a machine with a register set here";
        return Err(in_input(Fault::new(NAME, "e_machine", 0x12, expected, found)));
    };
    if family == Family::Xtensa && context.target.is_none() {
        let pc = core.notes.iter().find_map(|note| prstatus::xtensa_pc(note, core.endian));
        let addrs: Vec<u64> = core.segments.iter().map(|s| s.addr).chain(pc).collect();
        return xtensa_by_addresses(NAME, &addrs, 1, context, notes);
    }
    machine_of(context, family)
}

/// An ARM core does not say whether it is of a Cortex-M. A wrong guess would show Thumb code as
/// ARM code, so everything that tells is asked.
fn is_cortex_m(
    core: &CoreFile,
    producer: Producer,
    description: Option<&Description>,
    context: &Context<'_>,
) -> Result<bool> {
    if let Some(description) = description {
        return Ok(description.has_feature("org.gnu.gdb.arm.m-"));
    }
    let told = machine_told(context)?.map(|machine| machine.arch.family);
    if let Some(family @ (Family::CortexM | Family::Arm)) = told {
        return Ok(family == Family::CortexM);
    }
    let scs = |segment: &elf::Segment| SYSTEM_CONTROL_SPACE.contains(segment.addr);
    // MCoreDump runs on nothing else, and the live xpsr that it reads has no Thumb bit.
    if producer == Producer::MCoreDump || core.segments.iter().any(scs) {
        return Ok(true);
    }
    let first = core.notes.iter().find(|note| note.kind == NT_PRSTATUS);
    let psr = first.and_then(|note| prstatus::arm_status_word(note, core.endian));
    Ok(psr.is_some_and(|psr| psr & XPSR_T != 0 && psr & CPSR_MODE == 0))
}

fn add_memory(dump: &mut Dump, core: &CoreFile, piece: &Piece) {
    for segment in &core.segments {
        let mut region = Region::dumped(segment.addr, segment.bytes.clone());
        region.access = Access { write: segment.write, execute: segment.execute };
        add_region(dump, NAME, region, piece, segment.offset);
        let there = segment.bytes.len() as u64;
        let cut = segment.file_len.saturating_sub(there);
        let behind = segment.addr.saturating_add(there);
        if let Some(range) = AddrRange::of_len(behind, cut) {
            dump.memory.mark_missing(range, "the core file is cut off before it");
        }
        let unsaved = segment.memory_len.saturating_sub(segment.file_len);
        if let Some(range) =
            AddrRange::of_len(segment.addr.saturating_add(segment.file_len), unsaved)
        {
            dump.memory.mark_missing(range, "not saved in the core file");
        }
    }
}

/// One thread per register note; the notes behind it up to the next one are its as well.
fn add_threads(
    dump: &mut Dump,
    core: &CoreFile,
    producer: Producer,
    description: Option<&Description>,
) {
    let starts: Vec<usize> = core
        .notes
        .iter()
        .enumerate()
        .filter(|(_, note)| note.kind == NT_PRSTATUS)
        .map(|(index, _)| index)
        .collect();
    let mut pids = Vec::new();
    for (nth, start) in starts.iter().enumerate() {
        let end = starts.get(nth.saturating_add(1)).copied().unwrap_or(core.notes.len());
        let Some((note, behind)) = core.notes.get(*start..end).and_then(|n| n.split_first()) else {
            continue;
        };
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not in the core file");
        let nuttx = producer == Producer::NuttX;
        let head = prstatus::read(note, core, nuttx, &mut registers, &mut dump.notes);
        for extra in behind {
            extras::read(extra, core, description, &mut registers, &mut dump.notes);
        }
        let info = producer.process_info(&core.notes, *start);
        let mut thread = Thread::new(0, registers);
        thread.name = producer.thread_name(note, info, core.class);
        thread.crashed = nth == 0;
        if nth == 0 {
            producer::set_reason(dump, head.signal, behind, core);
        }
        pids.push(u64::from(head.pid));
        dump.threads.push(thread);
    }
    let ids = thread_ids(&pids);
    for ((thread, id), pid) in dump.threads.iter_mut().zip(ids).zip(pids) {
        thread.id = id;
        if pid != id {
            thread.remarks.push(format!("number {pid} in the core file"));
        }
    }
}

/// The protocol's thread 0 means "any", and NuttX' idle task has the number 0: then all are
/// shown one higher. Numbers that are not unique are replaced by running ones.
fn thread_ids(pids: &[u64]) -> Vec<u64> {
    let mut sorted = pids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    match sorted.len() == pids.len() {
        true if sorted.first() == Some(&0) => {
            pids.iter().map(|pid| pid.saturating_add(1)).collect()
        }
        true => pids.to_vec(),
        false => (1..).take(pids.len()).collect(),
    }
}

/// A signal by its number on Linux, which is the same on all machines that are read here.
fn linux_signal(number: u16) -> Option<Signal> {
    Some(match number {
        2 | 5 | 19 => Signal::Int,
        4 => Signal::Ill,
        6 => Signal::Abrt,
        7 => Signal::Bus,
        8 => Signal::Fpe,
        11 => Signal::Segv,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_numbers_are_above_zero_and_unique_whatever_the_core_says() {
        assert_eq!(thread_ids(&[3, 0]), [4, 1]);
        assert_eq!(thread_ids(&[7, 3]), [7, 3]);
        assert_eq!(thread_ids(&[7, 7, 7]), [1, 2, 3]);
        assert_eq!(thread_ids(&[]), [0u64; 0]);
    }
}
