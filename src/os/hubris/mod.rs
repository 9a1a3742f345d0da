//! Hubris: the kernel's table of tasks, a thread each, and who of them faulted.
//!
//! `HUBRIS_TASK_TABLE_SPACE` holds one `Task` behind the other. `CURRENT_TASK_PTR` says which of
//! them has the CPU: its registers are those of the CPU. Whether a task is healthy is an enum whose
//! layout is different in each build: [`state`] reads it by the DWARF of the kernel's ELF file.
//! A kernel that gave up says so in `KERNEL_HAS_FAILED` and why in `KERNEL_EPITAPH`.
//!
//! Source: oxidecomputer/hubris 4c371f0, `sys/kern/src/task.rs`, `sys/kern/src/fail.rs`; checked
//! against what `humility tasks` (5f097e9e) prints of the shipped cores.

mod state;

use crate::debug_info::{Module, Structs, Type};
use crate::dump::{Dump, Note, Thread};
use crate::firmware::{Firmware, Symbol};
use crate::format::hubris::saved;
use crate::reason::{Reason, Signal};
use state::{Object, State};
use std::sync::Arc;

const NAME: &str = "hubris";
const TABLE: &str = "HUBRIS_TASK_TABLE_SPACE";
const CURRENT: &str = "CURRENT_TASK_PTR";
const FAILED: &str = "KERNEL_HAS_FAILED";
const EPITAPH: &str = "KERNEL_EPITAPH";
const TASK: &str = "kern::task::Task";
/// What the archive calls the ELF files of tasks.
const TASK_FILE: &str = "elf/task/";
/// r4-r11, psp, exc_return: a `Task` is larger.
const SAVED_LEN: u64 = 40;
/// More tasks than this no table has.
const MOST_TASKS: u64 = 256;
/// More of a failed kernel's last words is not read.
const LONGEST_EPITAPH: u64 = 1024;

/// The kernel's table, and the ELF files that explain it.
struct Table<'a> {
    at: u64,
    count: u64,
    stride: u64,
    /// `Task` as this build has it.
    kind: Option<Type<'a>>,
    kernel: &'a Firmware,
    files: Vec<&'a Firmware>,
}

/// Whether an ELF file is Hubris' kernel.
pub(super) fn is_kernel(elf: &Firmware) -> bool {
    symbol(elf, TABLE).is_some()
}

/// The symbol of a Rust static, whose name is mangled.
fn symbol(elf: &Firmware, name: &str) -> Option<Symbol> {
    elf.symbols().find(|symbol| symbol.object && symbol.name.contains(name))
}

/// Adds a thread for each task of the dump; of a dump of one task, `only` says which it is: no
/// other one is in it.
pub(super) fn complete(
    dump: &mut Dump,
    only: Option<u16>,
    firmware: Option<&Arc<Firmware>>,
    embedded: &[Arc<Firmware>],
) {
    let files: Vec<&Firmware> = firmware.into_iter().chain(embedded).map(|elf| &**elf).collect();
    let Some(kernel) = files.iter().copied().find(|elf| is_kernel(elf)) else {
        if !files.is_empty() {
            dump.notes.push(
                Note::warning(format!("no ELF file has the kernel's {TABLE}: no tasks"))
                    .by(NAME)
                    .code("tasks-missing"),
            );
        }
        return;
    };
    let Some(table) = Table::of(kernel, files) else {
        dump.notes.push(
            Note::warning("does not say how many tasks it has: no tasks")
                .at(&*kernel.path)
                .by(NAME)
                .code("tasks-missing"),
        );
        return;
    };
    if table.kind.is_none() {
        dump.notes.push(
            Note::warning("does not describe its tasks (no DWARF): their states are unknown")
                .at(&*kernel.path)
                .by(NAME)
                .code("no-debug-info"),
        );
    }
    let current = symbol(kernel, CURRENT).and_then(|found| dump.memory.u32_le(found.addr));
    let mut faulted = Vec::new();
    let mut healthy = 0u64;
    for index in (0..table.count).filter(|index| only.is_none_or(|only| u64::from(only) == *index))
    {
        let addr = table.at.saturating_add(index.saturating_mul(table.stride));
        let runs = current.map(u64::from) == Some(addr);
        let own = |thread: &Thread| thread.control_block == Some(addr);
        let there = dump.threads.iter().position(own);
        let at = match there {
            Some(at) => at,
            None if runs && !dump.threads.is_empty() => {
                if let Some(cpu) = dump.threads.first_mut() {
                    (cpu.id, cpu.control_block) = (addr, Some(addr));
                }
                0
            }
            None => {
                let Some(thread) = saved::task(dump, addr) else {
                    dump.notes.push(
                        Note::warning(format!(
                            "task {index} at {addr:#x} has no saved state in the dump"
                        ))
                        .by(NAME)
                        .code("tasks-missing"),
                    );
                    continue;
                };
                dump.threads.push(thread);
                dump.threads.len() - 1
            }
        };
        let state = table.describe(dump, at, index, runs);
        match state.map(|state| state.fault) {
            Some(Some(fault)) => faulted.push((at, fault)),
            Some(None) => healthy += 1,
            None => {}
        }
    }
    if let Some(cpu) = dump.threads.first_mut().filter(|thread| thread.control_block.is_none()) {
        cpu.name.get_or_insert_with(|| "kernel".into());
    }
    let failed = kernel_failed(dump, kernel);
    if let Some(reason) = failed {
        dump.reason = reason;
    } else if !faulted.is_empty() {
        blame(dump, faulted);
    } else if healthy > 0 && healthy == table.count {
        let words = format!("none of the {healthy} tasks has faulted, nor has the kernel");
        dump.notes.push(Note::info(words).by(NAME).code("healthy"));
    }
    // Of a dump without the CPU's registers it is about the first task that it has.
    if dump.crashed().is_none()
        && let Some(first) = dump.threads.first_mut()
    {
        first.crashed = true;
    }
}

/// The task that faulted is what the dump is about; the first of the table where several did.
fn blame(dump: &mut Dump, mut faulted: Vec<(usize, Reason)>) {
    let names: Vec<String> =
        faulted.iter().filter_map(|(at, _)| Some(dump.threads.get(*at)?.label())).collect();
    if names.len() > 1 {
        let words = format!(
            "{} tasks have faulted ({}); which was the first the kernel does not keep",
            names.len(),
            names.join(", ")
        );
        dump.notes.push(Note::warning(words).by(NAME).code("several-faults"));
    }
    let (at, reason) = faulted.swap_remove(0);
    dump.reason = reason;
    dump.threads.iter_mut().for_each(|thread| thread.crashed = false);
    if at < dump.threads.len() {
        let mut thread = dump.threads.remove(at);
        thread.crashed = true;
        dump.threads.insert(0, thread);
    }
}

/// Why the kernel itself gave up, if it did.
fn kernel_failed(dump: &Dump, kernel: &Firmware) -> Option<Reason> {
    // Neither 0 nor 1: not yet started, or overwritten.
    let flag = symbol(kernel, FAILED)?;
    if dump.memory.bytes(flag.addr, 1)?.first() != Some(&1) {
        return None;
    }
    let words = symbol(kernel, EPITAPH).and_then(|found| {
        let bytes = dump.memory.bytes(found.addr, found.len.min(LONGEST_EPITAPH) as usize)?;
        let text = String::from_utf8_lossy(&bytes).trim_end_matches('\0').trim().to_string();
        (!text.is_empty()).then_some(text)
    });
    let words = words.map_or("the kernel gave up".into(), |words| format!("kernel: {words}"));
    Some(Reason::new(Signal::Abrt, words, Vec::new()))
}

impl<'a> Table<'a> {
    fn of(kernel: &'a Firmware, files: Vec<&'a Firmware>) -> Option<Table<'a>> {
        let table = symbol(kernel, TABLE)?;
        let tasks = files.iter().filter(|elf| elf.path.starts_with(TASK_FILE)).count() as u64;
        let kind = Structs::find(Module::of(kernel).units(), &[&[TASK]]);
        let kind = kind.and_then(|structs| structs.get(TASK)).filter(|kind| {
            let stride = kind.size().unwrap_or_default();
            stride > SAVED_LEN
                && table.len.checked_rem(stride) == Some(0)
                && kind.member("save").is_some_and(|save| save.offset == 0)
        });
        // Without DWARF the archive has one ELF file for each task.
        let (count, stride) = match kind.as_ref().and_then(Type::size) {
            Some(stride) => (table.len.checked_div(stride)?, stride),
            None => (tasks, table.len.checked_div(tasks).filter(|stride| *stride >= SAVED_LEN)?),
        };
        let whole = (1..=MOST_TASKS).contains(&count);
        whole.then_some(Table { at: table.addr, count, stride, kind, kernel, files })
    }

    /// Adds what the table says of task `index` to its thread; what it is doing.
    fn describe(&self, dump: &mut Dump, at: usize, index: u64, runs: bool) -> Option<State> {
        let task = self.task(index);
        let thread = dump.threads.get(at)?;
        let pc = thread.registers.pc();
        let entry = || {
            let descriptor = task.as_ref()?.field("descriptor")?.pointed_to(dump)?;
            descriptor.field("entry_point")?.number(dump)
        };
        let name = entry().and_then(|entry| self.owner(entry & !1));
        let name = name.or_else(|| pc.and_then(|pc| self.owner(pc)));
        let priority = task.as_ref().and_then(|task| task.field("priority")?.number(dump));
        let generation = task.as_ref().and_then(|task| task.field("generation")?.number(dump));
        let saved = |register: &str| match runs {
            true => None,
            false => thread.registers.by_name(register),
        };
        let names = |index: u64| {
            let name = |task: Object<'_>| {
                let descriptor = task.field("descriptor")?.pointed_to(dump)?;
                self.owner(descriptor.field("entry_point")?.number(dump)? & !1)
            };
            self.task(index).and_then(name).unwrap_or_else(|| format!("task {index}"))
        };
        let state = task.as_ref().and_then(|task| {
            state::of(
                &task.field("state")?,
                dump,
                &state::Saved { register: &saved, runs, names: &names },
            )
        });
        let thread = dump.threads.get_mut(at)?;
        thread.name = name.or(thread.name.take());
        thread.priority = priority.and_then(|priority| priority.try_into().ok());
        thread.state = match &state {
            Some(state) => Some(state.words.clone()),
            None => runs.then(|| "running".into()),
        };
        if task.is_some() && state.is_none() {
            thread
                .remarks
                .push("its state in the kernel's table is damaged or not in the dump".into());
        }
        thread.remarks.push(match generation {
            Some(generation) => format!("task {index}, generation {generation}"),
            None => format!("task {index}"),
        });
        state
    }

    fn task(&self, index: u64) -> Option<Object<'a>> {
        if index >= self.count {
            return None;
        }
        let at = self.at.checked_add(index.checked_mul(self.stride)?)?;
        Some(Object { at, kind: self.kind.clone()? })
    }

    /// The task whose ELF file holds the code at `addr`.
    fn owner(&self, addr: u64) -> Option<String> {
        let tasks = self.files.iter().filter(|elf| !std::ptr::eq(**elf, self.kernel));
        let mut holding = tasks.filter(|elf| elf.holds_code(addr));
        let path = &holding.next()?.path;
        Some(path.rsplit('/').next().unwrap_or(path).to_string())
    }
}
