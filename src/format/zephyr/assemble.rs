//! Makes a [`Dump`] of a stream: memory, threads, reason, identity.

use super::registers::{self, Decoded};
use super::stream::{MemoryBlock, Stream};
use super::{NAME, reason, xtensa};
use crate::carrier::Piece;
use crate::dump::{Dump, FirmwareId, Kernel, Note, Thread, ZephyrKernel};
use crate::error::{Error, Fault, Result};
use crate::firmware::bindesc;
use crate::format::{Context, insert_region};
use crate::memory::{AddrRange, Memory, Region};
use crate::registers::Registers;
use crate::targets::{Arch, Chip, Family};
use memchr::memmem;
use std::sync::Arc;

/// The id of the crashed thread as long as nobody knows its control block.
const UNNAMED: u64 = 1;
/// More conflicts than this are counted, not listed.
const MOST_CONFLICTS: usize = 4;
/// Larger regions are not searched for what the firmware says of itself: nobody dumps flash of
/// such size, and opening must not cost the time to read it all.
const LARGEST_SEARCHED: usize = 16 << 20;
/// A GNU build id note with its usual length: name length 4, description length 20, type 3, name.
const GNU_NOTE: &[u8] = b"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0";

/// Register set and chip.
struct Machine {
    family: Option<Family>,
    arch: Arc<Arch>,
    chip: Option<Arc<Chip>>,
}

pub(super) fn dump(stream: Stream, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
    let machine = machine(&stream, context)?;
    let mut dump = Dump::new(title(&stream, &machine), machine.arch.clone());
    dump.chip = machine.chip.clone();
    dump.identity.chip = machine.chip.as_ref().map(|chip| chip.name.clone());
    dump.notes.extend(piece.notes.iter().cloned());
    dump.notes.extend(stream.notes.iter().cloned());
    dump.memory = memory(&stream.memory, piece, &mut dump.notes);

    let decoded = decode(&stream, &machine);
    let range = |block: &MemoryBlock| AddrRange::of_len(block.start, block.bytes.len() as u64);
    let mut kernel = ZephyrKernel {
        state: stream.kernel.clone(),
        version: stream.header.version,
        blocks: stream.memory.iter().filter_map(range).collect(),
        halves: Vec::new(),
    };
    match decoded {
        Some(decoded) => {
            dump.notes.extend(decoded.notes);
            kernel.halves = decoded.halves;
            dump.reason = reason::reason(
                stream.header.reason,
                machine.family,
                decoded.told,
                decoded.evidence,
            );
            let mut thread = Thread::new(UNNAMED, decoded.registers);
            thread.crashed = true;
            dump.threads.push(thread);
        }
        None => {
            dump.reason = reason::reason(stream.header.reason, machine.family, None, Vec::new());
            dump.notes.push(
                Note::warning(
                    "there are no registers of the crash: the device had no exception frame to \
                 save, or the block is of no known layout",
                )
                .by(NAME)
                .code("no-registers"),
            );
        }
    }
    other_cpus(&mut dump, &stream, &machine);
    dump.kernel = Some(Kernel::Zephyr(kernel));
    identity(&mut dump, piece);
    Ok(dump)
}

fn machine(stream: &Stream, context: &Context<'_>) -> Result<Machine> {
    let targets = context.targets;
    let (header, block) = (&stream.header, stream.registers.as_ref());
    let family = registers::family(header, block);
    let by_user = context.target.and_then(|name| targets.chip(name).ok());
    let own = || match family {
        Some(Family::Xtensa) => xtensa::chip_name(block),
        _ => None,
    };
    let chip = match (by_user, context.target) {
        (Some(chip), _) => Some(chip),
        (None, None) => own().map(|name| targets.chip(name)).transpose()?,
        (None, Some(_)) => None,
    };
    let name = match (&chip, context.target, family) {
        (Some(chip), Some(_), _) => chip.arch.clone(),
        (None, Some(name), _) => name.to_string(),
        (_, None, Some(family)) => registers::arch_name(family, header, block).to_string(),
        (_, None, None) => {
            let found = match block {
                Some(block) => {
                    format!("{} with {} bytes of registers", header.target, block.bytes.len())
                }
                None => format!("{} and no registers", header.target),
            };
            let expected = "1 to 7, with registers that tell the architecture (--target names it)";
            let fault = Fault::new(NAME, "target", 4, expected, found);
            return Err(Error::Input { file: String::new(), fault: Box::new(fault) });
        }
    };
    Ok(Machine { family, arch: targets.arch(&name)?, chip })
}

fn title(stream: &Stream, machine: &Machine) -> String {
    let mut title = format!("Zephyr core dump version {}", stream.header.version);
    let name = machine.chip.as_ref().map_or(&machine.arch.name, |chip| &chip.name);
    title.push_str(&format!(", {name}"));
    if let Some(verdict) = stream.verdict {
        title.push_str(&format!(", {verdict}"));
    }
    title
}

fn decode(stream: &Stream, machine: &Machine) -> Option<Decoded> {
    let (family, block) = (machine.family?, stream.registers.as_ref()?);
    Some(registers::decode(family, &stream.header, block, &machine.arch))
}

fn memory(blocks: &[MemoryBlock], piece: &Piece, notes: &mut Vec<Note>) -> Memory {
    let mut memory = Memory::new();
    let mut conflicts = Vec::new();
    for block in blocks {
        let region = Region::dumped(block.start, block.bytes.clone());
        conflicts.extend(insert_region(&mut memory, region, piece, block.offset));
        let behind = block.start.saturating_add(block.bytes.len() as u64);
        if let Some(range) = AddrRange::of_len(behind, block.cut) {
            memory.mark_missing(range, "the dump is cut off before it");
        }
    }
    let more = conflicts.len().saturating_sub(MOST_CONFLICTS);
    conflicts.truncate(MOST_CONFLICTS);
    let warn = |words: String| Note::warning(words).by(NAME).code("conflict");
    notes.extend(conflicts.into_iter().map(warn));
    if more > 0 {
        notes.push(warn(format!("{more} more places are in the dump twice and differ")));
    }
    memory
}

/// The `F` blocks: what ran on the other CPUs. An empty one tells which CPU panicked.
fn other_cpus(dump: &mut Dump, stream: &Stream, machine: &Machine) {
    for block in &stream.cpus {
        let known = |thread: &Thread| thread.control_block == Some(block.thread);
        if dump.threads.iter().any(known) || block.thread == 0 {
            continue;
        }
        let crashed = dump.threads.iter_mut().find(|thread| thread.crashed);
        if block.registers.bytes.is_empty() {
            let Some(thread) = crashed else { continue };
            (thread.id, thread.control_block) = (block.thread, Some(block.thread));
            thread.core = Some(block.cpu);
            continue;
        }
        let registers = match machine.family {
            Some(family) => {
                let decoded =
                    registers::decode(family, &stream.header, &block.registers, &machine.arch);
                dump.notes.extend(decoded.notes);
                decoded.registers
            }
            None => Registers::unknown(machine.arch.clone()),
        };
        let mut thread = Thread::new(block.thread, registers);
        thread.control_block = Some(block.thread);
        thread.core = Some(block.cpu);
        thread.state = Some(format!("running on CPU {}", block.cpu));
        dump.threads.push(thread);
    }
}

/// What the carrier knew, and what the firmware says of itself in memory that was dumped.
fn identity(dump: &mut Dump, piece: &Piece) {
    let mut ids = piece.firmware.clone();
    let mut facts = piece.facts.clone();
    for region in dump.memory.regions().filter(|region| region.bytes.len() <= LARGEST_SEARCHED) {
        if let Some(found) = bindesc::find(&region.bytes) {
            ids.extend(found.spotflow.clone().map(FirmwareId::Spotflow));
            ids.extend(found.build().map(FirmwareId::ZephyrBuild));
            facts.extend(found.facts.into_iter().map(|(name, value)| (name.to_string(), value)));
        }
        if let Some(at) = memmem::find(&region.bytes, GNU_NOTE) {
            let id = region.bytes.get(at + GNU_NOTE.len()..).and_then(|rest| rest.get(..20));
            ids.extend(id.map(|id| FirmwareId::BuildId(id.to_vec())));
        }
    }
    for id in ids {
        if !dump.identity.firmware.contains(&id) {
            dump.identity.firmware.push(id);
        }
    }
    dump.identity.facts.extend(facts);
}
