//! What a kernel says of its tasks, and how that meets what the dump says of its threads.

use crate::arch::cortex_m;
use crate::dump::{Dump, Stack, Thread};
use crate::memory::Memory;
use crate::registers::Registers;

/// More tasks than this no device has room for.
pub(super) const MOST_TASKS: usize = 4096;
/// Larger stacks are not believed.
pub(super) const LARGEST_STACK: u64 = 64 << 20;
/// Why a task that was on a CPU has no registers.
const WHY_RUNNING: &str = "the task was running, and its registers are not in the dump";

/// A task as its kernel describes it.
pub(super) struct Task {
    /// The address of its control block.
    pub at: u64,
    pub name: Option<String>,
    /// In the kernel's words.
    pub state: Option<String>,
    pub priority: Option<i64>,
    pub base_priority: Option<i64>,
    pub stack: Option<Stack>,
    /// The CPU that it was on: then nothing is saved of it.
    pub cpu: Option<u32>,
    /// The registers that the kernel saved when it was switched out.
    pub saved: Registers,
    /// The lowest address of those, if they lie on its stack.
    pub saved_sp: Option<u64>,
    pub remarks: Vec<String>,
}

/// The text at `addr` of at most `room` bytes, if it is a name that a person gave.
pub(super) fn name_at(memory: &Memory, addr: Option<u64>, room: u64) -> Option<String> {
    let name = memory.text(addr?, usize::try_from(room).ok()?)?;
    (!name.is_empty() && !name.contains(char::is_control)).then_some(name)
}

/// A stack of `size` bytes from `low` on, if it is one.
pub(super) fn stack_of(low: u64, size: u64) -> Option<Stack> {
    let high = low.checked_add(size)?;
    (low != 0 && (1..=LARGEST_STACK).contains(&size)).then_some(Stack { low, high })
}

/// Adds `tasks` to the dump's threads. A thread of the dump that is a task which was running takes
/// over what the kernel says of it; it keeps its registers, which are the live ones.
pub(super) fn merge(dump: &mut Dump, tasks: Vec<Task>, cpu_count: usize) {
    let partners = partners(&dump.threads, &tasks, cpu_count);
    for (index, task) in tasks.into_iter().enumerate() {
        let own = partners.iter().find(|(_, task)| *task == index).map(|(thread, _)| *thread);
        if let Some(thread) = own.and_then(|thread| dump.threads.get_mut(thread)) {
            take_over(thread, task, cpu_count);
            continue;
        }
        let registers = match task.cpu {
            None => task.saved.clone(),
            Some(_) => {
                let mut unknown = Registers::unknown(dump.arch.clone());
                unknown.set_why_missing(WHY_RUNNING);
                unknown
            }
        };
        let mut thread = Thread::new(task.at, registers);
        let is_running = task.cpu.is_some();
        take_over(&mut thread, task, cpu_count);
        match is_running {
            // Whoever was running comes first; of nobody else it is known to have crashed.
            true if dump.threads.iter().all(|thread| !thread.crashed) => {
                dump.threads.insert(0, thread);
            }
            _ => dump.threads.push(thread),
        }
    }
    // A number that a dump made up must not be one that a task has for an address.
    dump.number_threads();
}

fn take_over(thread: &mut Thread, task: Task, cpu_count: usize) {
    if thread.control_block.is_none() {
        (thread.id, thread.control_block) = (task.at, Some(task.at));
    }
    thread.name = task.name.or(thread.name.take());
    thread.state = task.state.or(thread.state.take());
    thread.priority = task.priority.or(thread.priority);
    thread.base_priority = task.base_priority.or(thread.base_priority);
    thread.stack = task.stack.or(thread.stack);
    thread.saved_sp = task.saved_sp.or(thread.saved_sp);
    thread.core = thread.core.or(task.cpu.filter(|_| cpu_count > 1));
    thread.remarks.extend(task.remarks);
    if task.cpu.is_some()
        && cortex_m::is_m_profile(thread.registers.arch())
        && let Some(number) = thread.registers.by_name("xpsr").map(|xpsr| xpsr & 0x1ff)
        && number != 0
    {
        thread.remarks.push(format!("in exception {number}, on top of this task"));
    }
}

/// Which thread of the dump is which running task, as pairs of indices. A stack pointer in a
/// task's stack tells it for certain, then the number of the core; with one CPU there is no doubt.
fn partners(threads: &[Thread], tasks: &[Task], cpu_count: usize) -> Vec<(usize, usize)> {
    let running = || tasks.iter().enumerate().filter(|(_, task)| task.cpu.is_some());
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let lone = |thread: &Thread| cpu_count == 1 && (thread.crashed || threads.len() == 1);
    let core = |thread: &Thread, task: &Task| {
        cpu_count > 1 && thread.core.is_some() && thread.core == task.cpu
    };
    let stack = |thread: &Thread, task: &Task| {
        let pointers = [thread.registers.sp(), thread.registers.by_name("psp")];
        let on = |sp: u64| task.stack.is_some_and(|s| (s.low..=s.high).contains(&sp));
        pointers.into_iter().flatten().any(on)
    };
    let block = |thread: &Thread, task: &Task| thread.control_block == Some(task.at);
    for clue in 0..4 {
        let test = |thread: &Thread, task: &Task| match clue {
            0 => block(thread, task),
            1 => stack(thread, task),
            2 => core(thread, task),
            _ => lone(thread),
        };
        for (thread_index, thread) in threads.iter().enumerate() {
            let free = |task: usize| pairs.iter().all(|(_, other)| *other != task);
            if pairs.iter().any(|(other, _)| *other == thread_index) {
                continue;
            }
            let found = running().find(|(index, task)| free(*index) && test(thread, task));
            pairs.extend(found.map(|(index, _)| (thread_index, index)));
        }
    }
    pairs
}
