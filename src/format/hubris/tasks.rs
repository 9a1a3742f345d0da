//! The kernel's table of tasks: one thread each.
//!
//! `HUBRIS_TASK_TABLE_SPACE` holds as many `Task` as there are `elf/task/*`, one behind the
//! other. A `Task` begins with its saved state (the kernel's assembler code relies on that):
//! r4-r11, psp, exc_return, and on cores with an FPU s16-s31. What the hardware stacked lies at
//! psp. `CURRENT_TASK_PTR` says which of them has the CPU: its registers are those of the CPU.
//!
//! Source: oxidecomputer/hubris, `sys/kern/src/task.rs`, `sys/kern/src/arch/arm_m.rs` (2023-01);
//! checked against the DWARF of the three samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::NAME;
use crate::arch::cortex_m::{ExcReturn, Frame};
use crate::dump::{Dump, Thread};
use crate::format::machine::set_single_floats;
use crate::registers::Registers;
use goblin::elf::Elf;
use goblin::elf::program_header::{PF_X, PT_LOAD};

const TABLE: &str = "HUBRIS_TASK_TABLE_SPACE";
const CURRENT: &str = "CURRENT_TASK_PTR";
const KERNEL: &str = "elf/kernel";
const TASK: &str = "elf/task/";
/// Words of the saved state: psp, exc_return, and the first of s16-s31.
const PSP_WORD: u64 = 8;
const EXC_RETURN_WORD: u64 = 9;
const S16_WORD: u64 = 10;
/// More tasks than this no table has.
const MOST_TASKS: u64 = 256;

/// Whether an ELF file holds code at `addr`.
pub(super) fn holds_code_at(elf: &[u8], addr: u64) -> bool {
    let Ok(elf) = Elf::parse(elf) else { return false };
    elf.program_headers.iter().any(|ph| {
        ph.p_type == PT_LOAD
            && ph.p_flags & PF_X != 0
            && addr.checked_sub(ph.p_vaddr).is_some_and(|offset| offset < ph.p_filesz)
    })
}

/// Adds a thread for each task that has not the CPU, and names the one that has. Of a dump of one
/// task, `only` says which it is: no other one is in it.
pub(super) fn add_threads(dump: &mut Dump, only: Option<u16>) {
    let Some(kernel) = dump.embedded.iter().find(|file| file.name == KERNEL) else { return };
    let kernel = kernel.bytes.clone();
    let Ok(kernel) = Elf::parse(&kernel) else {
        dump.warn(format!("{NAME}: {KERNEL} in the dump is damaged: no tasks"));
        return;
    };
    let symbol = |wanted: &str| {
        kernel.syms.iter().find_map(|symbol| {
            let name = kernel.strtab.get_at(symbol.st_name)?;
            name.contains(wanted).then_some((symbol.st_value, symbol.st_size))
        })
    };
    let count = dump.embedded.iter().filter(|file| file.name.starts_with(TASK)).count() as u64;
    let Some((table, len)) = symbol(TABLE).filter(|_| (1..=MOST_TASKS).contains(&count)) else {
        dump.warn(format!("{NAME}: the kernel has no {TABLE}: no tasks"));
        return;
    };
    let Some(stride) = len.checked_div(count).filter(|stride| *stride >= 40) else { return };
    let current = symbol(CURRENT).and_then(|(addr, _)| dump.memory.u32_le(addr)).map(u64::from);
    let wanted = |index: &u64| only.is_none_or(|only| u64::from(only) == *index);
    for index in (0..count).filter(wanted) {
        let addr = table.saturating_add(index.saturating_mul(stride));
        if current == Some(addr) && !dump.threads.is_empty() {
            name_running(dump, addr);
            continue;
        }
        if let Some(thread) = task(dump, addr) {
            dump.threads.push(thread);
        } else {
            dump.warn(format!("{NAME}: task {index} at {addr:#x} has no saved state in the dump"));
        }
    }
    if let Some(first) = dump.threads.first_mut().filter(|thread| thread.id == 1) {
        first.name.get_or_insert_with(|| "kernel".into());
    }
    if !dump.threads.iter().any(|thread| thread.crashed)
        && let Some(first) = dump.threads.first_mut()
    {
        first.crashed = true;
    }
}

fn name_running(dump: &mut Dump, addr: u64) {
    let pc = dump.threads.first().and_then(|thread| thread.registers.pc());
    let name = pc.and_then(|pc| owner(dump, pc));
    if let Some(thread) = dump.threads.first_mut() {
        thread.id = addr;
        thread.control_block = Some(addr);
        thread.state = Some("running".into());
        thread.name = name;
    }
}

/// The task whose ELF file holds the code at `pc`.
fn owner(dump: &Dump, pc: u64) -> Option<String> {
    let tasks = dump.embedded.iter().filter_map(|file| Some((file.name.strip_prefix(TASK)?, file)));
    let mut holding = tasks.filter(|(_, file)| holds_code_at(&file.bytes, pc));
    holding.next().map(|(name, _)| name.to_string())
}

/// The task whose entry in the kernel's table is at `addr`; `None` if that is not in the dump.
pub(super) fn task(dump: &Dump, addr: u64) -> Option<Thread> {
    let word = |n: u64| dump.memory.u32_le(addr.checked_add(n.checked_mul(4)?)?);
    let exc_return = ExcReturn(word(EXC_RETURN_WORD)?);
    let psp = word(PSP_WORD)?;
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not saved by the kernel");
    for n in 0..8u64 {
        registers.set_by_name(&format!("r{}", n.saturating_add(4)), word(n)?);
    }
    registers.set_by_name("psp", psp);
    if exc_return.is_valid() {
        registers.set_by_name("exc_return", exc_return.0);
        if exc_return.is_extended() {
            let singles: Vec<u32> =
                (0..16).map_while(|n| word(S16_WORD.saturating_add(n))).collect();
            set_single_floats(&mut registers, 16, &singles);
        }
        if let Some(frame) = Frame::of_exception(&dump.memory, psp.into(), exc_return) {
            frame.clone().with_floats(&dump.memory).restore(&mut registers);
            // The kernel starts a task with bit 0 set, which the hardware takes off.
            registers.set_by_name("pc", frame.pc() & !1);
        }
    }
    let mut thread = Thread::new(addr, registers);
    if thread.registers.pc().is_none() {
        thread.registers.set_by_name("sp", psp);
        thread.remarks.push("its stack is not in the dump".into());
    }
    thread.name = thread.registers.pc().and_then(|pc| owner(dump, pc));
    thread.control_block = Some(addr);
    Some(thread)
}
