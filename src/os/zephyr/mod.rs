//! Zephyr: threads out of the kernel's list, and the registers that its dumps get wrong.
//!
//! `layout.rs` finds out where things are in `_kernel` and `struct k_thread`, `list.rs` walks the
//! kernel's list, `switched.rs` reads the registers of threads that were switched out, `repair.rs`
//! mends those of the crashed one.

mod layout;
mod list;
mod repair;
mod switched;

use crate::debug_info::{Module, Modules};
use crate::dump::{Dump, Note, Thread, ZephyrKernel};
use crate::firmware::Firmware;
use crate::registers::Registers;
use crate::targets::Family;
use crate::unwind::Unwinder;
use layout::Layout;
use list::{Cpu, State};
use std::collections::HashSet;
use std::sync::Arc;

/// `EF_RISCV_RVE`: half the registers.
const EF_RISCV_RVE: u32 = 0x8;
/// Why a thread that was on a CPU has no registers.
const WHY_RUNNING: &str = "the thread was running, and the device did not save its registers";

/// Whether an ELF file is of a Zephyr firmware whose threads can be found.
pub(super) fn is_firmware(firmware: &Firmware) -> bool {
    layout::has_table(firmware)
}

pub(super) fn complete(dump: &mut Dump, kernel: &ZephyrKernel, firmware: Option<&Arc<Firmware>>) {
    let modules = Modules::of(firmware.map(|firmware| &**firmware));
    let layout = firmware.map(|firmware| Layout::of(&Module::of(firmware), &dump.arch));
    let layout = layout.unwrap_or_default();
    let mut notes = Vec::new();
    let state = firmware.and_then(|elf| State::of(kernel, elf, &layout, &dump.memory, &dump.arch));
    let cpus = state.as_ref().map(|state| state.cpus(&layout)).unwrap_or_default();
    let threads = match &state {
        Some(state) => state.threads(&layout, &dump.memory, &mut notes),
        None => minimal(dump, kernel, &layout).into_iter().collect(),
    };
    identify_crashed(dump, &layout, kernel, &cpus, &threads);
    let stack = dump.crashed().and_then(|thread| thread.control_block);
    let stack = stack.and_then(|at| list::stack(at, &layout, &dump.memory, kernel, &dump.arch));
    let undecided = repair::crashed(dump, kernel, &layout, stack, &mut notes);
    if let Some(undecided) = undecided {
        undecided.decide(dump, &modules, stack, &mut notes);
    }
    // A damaged list may lack those that are known from elsewhere.
    let known = dump.threads.iter().filter_map(|thread| thread.control_block);
    let known = known.chain(cpus.iter().map(|cpu| cpu.current).filter(|at| *at != 0));
    let mut missing: Vec<u64> = known.filter(|at| !threads.contains(at)).collect();
    missing.dedup();
    for at in threads.into_iter().chain(missing) {
        add(dump, at, &layout, kernel, &cpus, &modules);
    }
    if let Some(firmware) = firmware {
        if firmware.family().is_some_and(Family::is_riscv) && firmware.flags & EF_RISCV_RVE != 0 {
            forget_upper_half(dump);
        }
        check(dump, firmware, &layout, &mut notes);
    }
    dump.notes.extend(notes);
}

/// A dump of the crashed thread alone: its control block is the first region that was dumped, its
/// stack the second.
fn minimal(dump: &Dump, kernel: &ZephyrKernel, layout: &Layout) -> Option<u64> {
    if let Some(len) = layout.thread_len {
        let mut of_len = kernel.blocks.iter().filter(|block| block.len() == len);
        let found = of_len.next()?;
        return of_len.next().is_none().then_some(found.start);
    }
    let [thread, stack] = kernel.blocks.as_slice() else { return None };
    layout.stack_ptr?;
    let sp = dump.crashed().and_then(|thread| thread.registers.sp())?;
    (thread.len() < stack.len() && stack.contains(sp)).then_some(thread.start)
}

/// Finds the control block of the thread that crashed.
fn identify_crashed(
    dump: &mut Dump,
    layout: &Layout,
    kernel: &ZephyrKernel,
    cpus: &[Cpu],
    threads: &[u64],
) {
    let running: Vec<&Cpu> = cpus.iter().filter(|cpu| cpu.current != 0).collect();
    let elsewhere = |at: u64| {
        dump.threads.iter().any(|thread| !thread.crashed && thread.control_block == Some(at))
    };
    let mut doubt = None;
    let known = dump.crashed().and_then(|thread| thread.control_block);
    let found = known.or_else(|| {
        let free: Vec<&&Cpu> = running.iter().filter(|cpu| !elsewhere(cpu.current)).collect();
        let sp = dump.crashed().and_then(|thread| thread.registers.sp());
        let holds_sp = |cpu: &&&&Cpu| {
            let stack = list::stack(cpu.current, layout, &dump.memory, kernel, &dump.arch);
            stack.zip(sp).is_some_and(|(stack, sp)| (stack.low..=stack.high).contains(&sp))
        };
        match free.as_slice() {
            [] if cpus.is_empty() => threads.first().copied(),
            [] => None,
            [one] => Some(one.current),
            many => {
                let first = many.first().map(|cpu| cpu.current);
                let by_stack = many.iter().find(holds_sp).map(|cpu| cpu.current);
                if by_stack.is_none() {
                    doubt = first;
                }
                by_stack.or(first)
            }
        }
    });
    let Some(at) = found else { return };
    if let Some(first) = doubt {
        dump.notes.push(
            Note::doubt(format!(
                "which CPU panicked is not in the dump: its thread is assumed to be {first:#x}, \
             that of the first"
            ))
            .by("zephyr")
            .code("crashed-unknown"),
        );
    }
    let core = running.iter().find(|cpu| cpu.current == at).map(|cpu| cpu.number);
    let core = core.filter(|_| cpus.len() > 1);
    match dump.threads.iter_mut().find(|thread| thread.crashed) {
        Some(thread) => {
            (thread.id, thread.control_block) = (at, Some(at));
            thread.core = thread.core.or(core);
        }
        None => {
            // The crash had no exception frame: it is known who crashed, but not where.
            let mut registers = Registers::unknown(dump.arch.clone());
            registers.set_why_missing(match kernel.version {
                0 => WHY_RUNNING,
                _ => "the device had no exception frame to save",
            });
            let mut thread = Thread::new(at, registers);
            (thread.crashed, thread.control_block, thread.core) = (true, Some(at), core);
            dump.threads.insert(0, thread);
        }
    }
}

/// Adds the thread whose control block is at `at`, or to what is known of it already.
fn add(
    dump: &mut Dump,
    at: u64,
    layout: &Layout,
    kernel: &ZephyrKernel,
    cpus: &[Cpu],
    modules: &Modules<'_>,
) {
    let cpu = cpus.iter().find(|cpu| cpu.current == at);
    let index = dump.threads.iter().position(|thread| thread.control_block == Some(at));
    let mut thread = match index.and_then(|index| dump.threads.get(index)) {
        Some(thread) => thread.clone(),
        None if cpu.is_some() => {
            let mut registers = Registers::unknown(dump.arch.clone());
            registers.set_why_missing(WHY_RUNNING);
            Thread::new(at, registers)
        }
        None => {
            let saved = switched::registers(at, layout, &dump.memory, &dump.arch);
            let mut thread = Thread::new(at, saved);
            thread.saved_sp = switched::stack_pointer(at, layout, &dump.memory, &dump.arch);
            // Its kernel code was left for another thread on the way out of an interrupt.
            let unwinder = Unwinder::new(dump, modules);
            if let Some(interrupted) = unwinder.interrupted_in(&thread.registers) {
                thread.registers = interrupted;
                thread.remarks.push("preempted by an interrupt".into());
            }
            thread
        }
    };
    thread.control_block = Some(at);
    list::describe(&mut thread, at, layout, kernel, &dump.memory);
    thread.stack = list::stack(at, layout, &dump.memory, kernel, &dump.arch);
    if let Some(cpu) = cpu {
        thread.core = thread.core.or((cpus.len() > 1).then_some(cpu.number));
        thread.state = Some(match cpus.len() {
            0 | 1 => "running".into(),
            _ => format!("running on CPU {}", cpu.number),
        });
    } else if thread.crashed {
        thread.state = Some("running".into());
    }
    match index.and_then(|index| dump.threads.get_mut(index)) {
        Some(slot) => *slot = thread,
        None => dump.threads.push(thread),
    }
}

/// RV32E and RV64E have no x16 to x31; the dump has slots for them.
fn forget_upper_half(dump: &mut Dump) {
    for thread in &mut dump.threads {
        (16..32).for_each(|n| thread.registers.forget(&format!("x{n}")));
    }
}

/// Without an id, whether the ELF file is that of the dump can be told by what must be code.
fn check(dump: &Dump, firmware: &Firmware, layout: &Layout, notes: &mut Vec<Note>) {
    if !dump.identity.firmware.is_empty() {
        return;
    }
    let thumb = u64::from(dump.arch.name == "cortex-m");
    let starts: HashSet<u64> =
        firmware.symbols().filter(|s| s.function).map(|s| s.addr & !thumb).collect();
    let pc = dump.crashed().and_then(|thread| thread.registers.pc());
    let entries: Vec<u64> = dump
        .threads
        .iter()
        .filter_map(|thread| list::entry(thread.control_block?, layout, &dump.memory, &dump.arch))
        .collect();
    let odd = entries.iter().filter(|entry| !starts.contains(entry)).count();
    if !entries.is_empty() && odd == entries.len() {
        notes.push(
            Note::doubt(
                "no thread's entry point is a function of it: it is likely to be of another build",
            )
            .at(&*firmware.path)
            .by("zephyr")
            .code("doubtful-elf"),
        );
    } else if entries.is_empty() && pc.is_some_and(|pc| !firmware.holds_code(pc)) {
        notes.push(
            Note::doubt(
                "the crash's pc is no code in it: it may be that of another build, or the \
             crash was a jump to nowhere",
            )
            .at(&*firmware.path)
            .by("zephyr")
            .code("doubtful-elf"),
        );
    }
}
