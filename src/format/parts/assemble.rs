//! Makes one dump of the parts that a user has: images, register texts, or both.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{NamedRegisters, PartContents, ambiguous, vendor_names};
use crate::arch::{self, cortex_m};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Error, Result};
use crate::format::crash_text::signal_of;
use crate::format::machine::{Machine, machine_told, set_by_any_name};
use crate::format::{Context, Symbols, machine, sifli};
use crate::memory::Region;
use crate::reason::Reason;
use crate::registers::Registers;
use std::collections::BTreeMap;

/// A title stands so few lines above the first register.
const LINES_OF_TITLE: usize = 4;

/// A part and the name of the file that it came from.
pub struct NamedPart {
    /// The file, for messages.
    pub file: String,
    /// What is in it.
    pub contents: PartContents,
}

/// Makes a dump of `parts` alone.
///
/// # Errors
/// [`Error::Usage`] if nothing tells which machine they are of.
pub fn assemble(parts: &[NamedPart], context: &Context<'_>) -> Result<Dump> {
    let mut notes = Vec::new();
    let Machine { arch, chip } = match machine_told(context)? {
        Some(told) => told,
        None => ambiguous::machine(parts, context, &mut notes)?.ok_or_else(|| no_machine(parts))?,
    };
    let mut titles: Vec<&str> = parts.iter().map(|part| part.contents.title.as_str()).collect();
    titles.dedup();
    let mut dump = Dump::new(titles.join(" + "), arch);
    dump.chip = chip;
    dump.notes = notes;
    add(&mut dump, parts);
    add_reason(&mut dump, parts);
    if dump.threads.is_empty() && context.frame.is_none() {
        dump.notes.push(Note::warning("there are no registers in these files: memory only (a register text beside them, or \
             --frame ADDR of a stacked exception frame, adds them)").code("no-registers"));
    }
    if let Some(addr) = context.frame {
        use_frame(&mut dump, addr)?;
    }
    Ok(dump)
}

/// What trap registers say, or else the words above the registers.
fn add_reason(dump: &mut Dump, parts: &[NamedPart]) {
    let Some(crashed) = dump.crashed().filter(|_| dump.reason.is_unknown()) else { return };
    // Registers that were read in a handler: of which trap the cause is, the walk through the stack says.
    let registers = &crashed.registers;
    let at = arch::riscv::trap_names(registers).map_or("mepc", |names| names.epc);
    let trapped_at = [at, "ELR_EL1"].iter().find_map(|name| registers.by_name(name));
    let in_handler = trapped_at.is_some() && trapped_at != registers.pc();
    let trap = arch::trap_reason(registers).filter(|_| !in_handler);
    if trap.is_none() && crashed.registers.by_name("CFSR").is_some() {
        // The fault words are put into words later.
        return;
    }
    let said =
        parts.iter().flat_map(|part| part.contents.said[0].iter().rev().take(LINES_OF_TITLE));
    let title = said.map(|line| line.trim()).find_map(|line| Some((line, signal_of(line)?)));
    let title = title.map(|(line, signal)| Reason::new(Some(signal), line, Vec::new()));
    if let Some(reason) = trap.or(title) {
        dump.reason = reason;
    }
}

fn no_machine(parts: &[NamedPart]) -> Error {
    let what = match parts.iter().any(|part| !part.contents.registers.is_empty()) {
        true => {
            "the registers of this text are those of several machines, and neither a status register, nor \
             the words around them, nor their addresses tell which"
        }
        false => "a memory image does not say which machine it is of",
    };
    let then = "pass the firmware with --elf, or name the chip or register set with --target";
    Error::Usage(format!("{what}: {then}"))
}

/// Takes the registers of a dump of `parts` alone from where the vendor's fault handler put them,
/// if a vendor's scripts saved them. A frame that the user names goes before.
pub fn complete(
    dump: &mut Dump,
    parts: &[NamedPart],
    context: &Context<'_>,
    symbols: &dyn Symbols,
) {
    let are_siflis = parts.iter().any(|part| vendor_names::is_ram(&part.file));
    if are_siflis && context.frame.is_none() {
        sifli::of_images(dump, symbols);
    }
}

/// Adds `parts` to a dump. What the dump holds already stays.
pub fn add(dump: &mut Dump, parts: &[NamedPart]) {
    // Of two files that differ the later one counts, so it goes in first.
    for part in parts.iter().rev() {
        dump.notes.extend(part.contents.notes.iter().cloned());
        for extent in part.contents.extents.iter().rev() {
            let file = part.file.rsplit(['/', '\\']).next().unwrap_or(&part.file);
            let region = Region::dumped(extent.addr, extent.bytes.clone()).named(file);
            for conflict in dump.memory.insert(region) {
                dump.notes.push(Note::warning(format!("{} bytes at {} differ from a later file's, first at {:#x}: those are shown",
                    conflict.differing, conflict.range, conflict.first
                )).at(part.file.clone()).code("conflict"));
            }
        }
    }
    for set in parts.iter().flat_map(|part| &part.contents.registers) {
        add_thread(dump, set);
    }
}

fn add_thread(dump: &mut Dump, set: &NamedRegisters) {
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not in the text");
    let mut floats = BTreeMap::new();
    let mut unknown = Vec::new();
    let m_profile = dump.arch.register("xpsr").is_some();
    for (name, value) in set {
        let single = name.strip_prefix('s').and_then(|n| n.parse::<usize>().ok());
        if let (Some(n), true) = (single, dump.arch.register("s0").is_none()) {
            floats.insert(n, *value as u32);
        } else if !set_by_any_name(&mut registers, name, *value) {
            unknown.push(name.as_str());
        }
    }
    for (n, low) in &floats {
        if let Some(high) = floats.get(&n.saturating_add(1)).filter(|_| n % 2 == 0) {
            machine::set_single_floats(&mut registers, *n, &[*low, *high]);
        }
    }
    if !unknown.is_empty() {
        dump.notes.push(
            Note::info(format!(
                "the text has registers that the set {} lacks: {}",
                dump.arch.name,
                unknown.join(", ")
            ))
            .code("left-out"),
        );
    }
    let mut thread = Thread::new(1, registers);
    thread.crashed = dump.threads.is_empty();
    let in_handler = thread
        .registers
        .by_name("lr")
        .is_some_and(|lr| u32::try_from(lr).is_ok_and(|lr| cortex_m::ExcReturn(lr).is_valid()));
    if m_profile && in_handler {
        thread.remarks.push("halted in an exception handler: its frames come first".into());
    }
    dump.threads.push(thread);
}

/// Takes the registers of the crashed thread from the exception frame at `addr`, which the
/// hardware stacked.
fn use_frame(dump: &mut Dump, addr: u64) -> Result<()> {
    if !cortex_m::is_m_profile(&dump.arch) {
        let words = format!("--frame: {} stacks no frame by itself", dump.arch.name);
        return Err(Error::Usage(words));
    }
    let handler = dump.threads.iter().find(|thread| thread.crashed).cloned();
    let lr = handler.as_ref().and_then(|thread| thread.registers.by_name("lr"));
    let exc_return = lr.and_then(|lr| u32::try_from(lr).ok()).map(cortex_m::ExcReturn);
    let extended = exc_return.is_some_and(|lr| lr.is_valid() && lr.is_extended());
    let frame = cortex_m::Frame::at(&dump.memory, addr, extended).ok_or_else(|| {
        Error::Usage(format!("--frame {addr:#x}: the memory there is not in the dump"))
    })?;
    let mut registers = match &handler {
        Some(thread) => thread.registers.clone(),
        None => Registers::unknown(dump.arch.clone()),
    };
    registers.set_why_missing("register not in the exception frame");
    frame.restore(&mut registers);
    let mut thread = Thread::new(0, registers);
    thread.crashed = true;
    thread.remarks.push(format!("registers of the exception frame at {addr:#x} (--frame)"));
    if let Some(handler) = dump.threads.iter_mut().find(|thread| thread.crashed) {
        handler.crashed = false;
        handler.state = Some("in the exception handler".into());
        thread.remarks.push("r4-r11 as the exception handler had them".into());
    }
    dump.threads.insert(0, thread);
    Ok(())
}
