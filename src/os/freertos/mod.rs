//! FreeRTOS: tasks out of the scheduler's lists.
//!
//! `layout.rs` finds out where things are in a task's control block and in a list, `lists.rs`
//! walks them, `port.rs` reads the registers that a port saved.
//!
//! A task's state is the list that it is in: `pxReadyTasksLists`, one for each priority;
//! `xDelayedTaskList1` and `2`, which swap roles when the tick counter overflows;
//! `xPendingReadyList`, `xSuspendedTaskList` (also of those that wait without a limit),
//! `xTasksWaitingTermination`. `pxCurrentTCB` is who runs; with several cores it is an array, also
//! called `pxCurrentTCBs`.
//!
//! Source: FreeRTOS V9.0.0 to V11.2.0 and ESP-IDF v4.1 to v6.0, `tasks.c` and `include/list.h`.

mod layout;
mod lists;
mod port;

use super::task::{self, Task, name_at, stack_of};
use super::words::{Variables, read_sized, read_word, word_len};
use crate::debug_info::Module;
use crate::dump::{Dump, Note, Stack};
use crate::firmware::Firmware;
use crate::registers::Registers;
use layout::Layout;
use lists::{Found, State};
use std::sync::Arc;

const CURRENT: [&str; 2] = ["pxCurrentTCBs", "pxCurrentTCB"];
/// What is looked up.
const VARIABLES: [&str; 16] = [
    CURRENT[0],
    CURRENT[1],
    "pxReadyTasksLists",
    "xDelayedTaskList1",
    "xDelayedTaskList2",
    "xPendingReadyList",
    "xSuspendedTaskList",
    "xTasksWaitingTermination",
    "uxCurrentNumberOfTasks",
    "xSchedulerRunning",
    "xIdleTaskHandle",
    "xIdleTaskHandles",
    "xTimerTaskHandle",
    "pxCriticalNesting",
    "freertos_risc_v_trap_handler",
    "port_xSchedulerRunning",
];
/// More cores than this no port has.
const MOST_CPUS: u64 = 16;

/// Whether an ELF file is of a firmware with this kernel.
pub(super) fn is_firmware(firmware: &Firmware) -> bool {
    let variables = Variables::find(firmware, &["pxReadyTasksLists", CURRENT[0], CURRENT[1]]);
    variables.has("pxReadyTasksLists") && CURRENT.iter().any(|name| variables.has(name))
}

/// Adds the tasks to `dump`, as far as its memory holds them.
pub(super) fn complete(dump: &mut Dump, firmware: &Arc<Firmware>) {
    let variables = Variables::find(firmware, &VARIABLES);
    let Some(current) = CURRENT.iter().find_map(|name| variables.addr(name)) else { return };
    if read_word(&dump.memory, current, &dump.arch).is_none_or(|tcb| tcb == 0) {
        // Without the kernel's variables, or before it has created a task, there is nothing to tell.
        return;
    }
    let Some(layout) = Layout::of(&Module::of(firmware)) else {
        dump.notes.push(Note::warning(format!(
            "freertos: {} does not describe its structures (no DWARF): the tasks are not shown",
            firmware.path
        )));
        return;
    };
    let kernel = Kernel { dump, firmware, variables: &variables, layout: &layout };
    let mut notes = Vec::new();
    let cpus = kernel.cpus(current);
    let found = kernel.tasks(&cpus, &mut notes);
    let tasks: Vec<Task> = found.iter().map(|found| kernel.task(found, &cpus)).collect();
    dump.notes.extend(notes);
    task::merge(dump, tasks, cpus.len());
}

/// What the kernel is read with.
struct Kernel<'a> {
    dump: &'a Dump,
    firmware: &'a Firmware,
    variables: &'a Variables,
    layout: &'a Layout,
}

impl Kernel<'_> {
    fn word(&self, addr: u64) -> Option<u64> {
        read_word(&self.dump.memory, addr, &self.dump.arch)
    }

    fn word_len(&self) -> u64 {
        word_len(&self.dump.arch)
    }

    /// The number that a variable of the type UBaseType_t holds.
    fn number(&self, name: &str) -> Option<u64> {
        let len = Some(self.variables.len(name)).filter(|len| *len > 0).unwrap_or(self.word_len());
        read_sized(&self.dump.memory, self.variables.addr(name)?, len, &self.dump.arch)
    }

    /// The control blocks of the tasks that run, by core. Before the start of the scheduler
    /// nobody does: the code that starts it runs then.
    fn cpus(&self, current: u64) -> Vec<u64> {
        if self.number("xSchedulerRunning") == Some(0) {
            return Vec::new();
        }
        let len = CURRENT.iter().map(|name| self.variables.len(name)).max().unwrap_or_default();
        let count = len.checked_div(self.word_len()).unwrap_or_default().clamp(1, MOST_CPUS);
        let tcb = |cpu: u64| self.word(current.checked_add(cpu.checked_mul(self.word_len())?)?);
        (0..count).map_while(tcb).collect()
    }

    /// All tasks, those that run among them.
    fn tasks(&self, cpus: &[u64], notes: &mut Vec<Note>) -> Vec<Found> {
        let mut found = lists::all(self, notes);
        let known = |found: &[Found], at: u64| found.iter().any(|task| task.at == at);
        // A damaged list may lack those that are known from elsewhere.
        let handles = ["xIdleTaskHandle", "xIdleTaskHandles", "xTimerTaskHandle"];
        let handles = handles.iter().filter_map(|name| self.variables.addr(name));
        let handles = handles.filter_map(|addr| self.word(addr));
        for at in cpus.iter().copied().chain(handles).filter(|at| *at != 0) {
            if !known(&found, at) {
                found.push(Found { at, state: State::Unknown });
            }
        }
        if let Some(count) = self.number("uxCurrentNumberOfTasks") {
            let alive = found.iter().filter(|task| task.state != State::Deleted).count() as u64;
            if count > alive && count <= task::MOST_TASKS as u64 {
                notes.push(Note::warning(format!(
                    "freertos: the kernel counts {count} tasks, {alive} were found"
                )));
            }
        }
        found
    }

    fn task(&self, found: &Found, cpus: &[u64]) -> Task {
        let Layout { tcb, .. } = self.layout;
        let at = found.at;
        let field = |offset: Option<u64>| at.checked_add(offset?);
        let word = |offset: Option<u64>| self.word(field(offset)?);
        let cpu = cpus.iter().position(|current| *current == at).map(|cpu| cpu as u32);
        let top = word(Some(tcb.top)).filter(|top| *top != 0);
        let stack = self.stack(at, top);
        let low = word(tcb.stack);
        let mut remarks = Vec::new();
        let mut saved = Registers::unknown(self.dump.arch.clone());
        saved.set_why_missing("register not saved when the task was switched out");
        if cpu.is_none() {
            match top {
                Some(top)
                    if low.is_some_and(|low| top < low)
                        || stack.is_some_and(|stack| top > stack.high) =>
                {
                    remarks.push(format!(
                        "corrupted: its saved stack pointer {top:#x} is not in its stack"
                    ));
                }
                Some(top) => {
                    saved = port::registers(self, top, &mut remarks);
                }
                None => {}
            }
        }
        Task {
            at,
            name: name_at(&self.dump.memory, field(tcb.name), tcb.name_len),
            state: Some(match cpu {
                Some(cpu) if cpus.len() > 1 => format!("running on core {cpu}"),
                Some(_) => "running".into(),
                None => lists::state_words(self, found),
            }),
            priority: word(tcb.priority).and_then(|priority| i64::try_from(priority).ok()),
            stack,
            cpu,
            saved,
            remarks,
        }
    }

    /// Where the stack begins says the control block. Where it ends it says if the firmware was
    /// configured to; else nobody does but the memory: heaps put the length in front of a block.
    fn stack(&self, at: u64, top: Option<u64>) -> Option<Stack> {
        let field = |offset: Option<u64>| self.word(at.checked_add(offset?)?);
        let low = field(self.layout.tcb.stack)?;
        let end =
            field(self.layout.tcb.end_of_stack).and_then(|end| end.checked_add(self.word_len()));
        let high = end.or_else(|| {
            // heap_4 and heap_5: {next free block, length with the highest bit set}, padded to 8.
            let length = self.word(low.checked_sub(self.word_len())?)?;
            let taken = 1u64.checked_shl(self.dump.arch.word_bits.saturating_sub(1))?;
            let length = (length & taken != 0).then_some(length & !taken)?;
            let header = self.word_len().checked_mul(2)?;
            let high = low.checked_add(length.checked_sub(header)?)?;
            top.is_some_and(|top| (low..=high).contains(&top)).then_some(high)
        })?;
        stack_of(low, high.checked_sub(low)?)
    }
}
