//! Tasks: what a system tells about its threads.

use crate::crash::Crash;
use crate::isa::{Arch, Memory};
use crate::layout::task as bits;
use crate::region::Area;

/// What a task was doing. The number goes into the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// On the processor.
    Running = bits::RUNNING,
    /// Could run.
    Ready = bits::READY,
    /// Waits for something.
    Blocked = bits::BLOCKED,
    /// Put aside until somebody resumes it.
    Suspended = bits::SUSPENDED,
    /// Ended, not yet cleaned up.
    Deleted = bits::DELETED,
    /// An interrupt or exception handler.
    Interrupt = bits::INTERRUPT,
    /// Not told.
    Unknown = bits::UNKNOWN,
}

/// Number of the pseudo task that stands for an interrupt handler, or for the program before its
/// kernel started.
pub const INTERRUPT: u32 = 0x7fff_ffff;

/// Bytes from the stack pointer on that are taken for its stack where no bounds are known.
const UNKNOWN_STACK: usize = 1024;

/// One task.
#[derive(Clone, Copy, Debug)]
pub struct Task {
    /// Number of the thread in GDB; never 0, different for each task.
    pub id: u32,
    /// Name, padded with NUL.
    pub name: [u8; bits::NAME_LEN],
    /// What it was doing.
    pub state: State,
    /// Priority as the system counts it.
    pub priority: u8,
    /// How valuable it is in the dump, against the priorities of regions.
    pub rank: u8,
    /// Bits, see [`crate::layout::task`].
    pub bits: u8,
    /// Whether it made it into the dump; the writer sets it.
    pub stored: bool,
    /// Processor core that it runs or last ran on.
    pub core: u8,
    /// Control block.
    pub tcb: Area,
    /// Bounds of the stack; empty: unknown.
    pub stack: Area,
    /// Stack pointer: where the registers were saved, for a task that is not running.
    pub sp: usize,
}

impl Task {
    /// Room for one: all zero, so that statics made of it cost no flash.
    pub(crate) const EMPTY: Task = Task { state: State::Running, rank: 0, ..Task::new(0, "") };

    /// How valuable a task is unless its provider says otherwise.
    pub const RANK: u8 = 200;

    /// A task of which only its number and name are known.
    #[allow(clippy::indexing_slicing, reason = "both indices are below the lengths")]
    pub const fn new(id: u32, name: &str) -> Self {
        let mut padded = [0; bits::NAME_LEN];
        let bytes = name.as_bytes();
        let mut at = 0;
        while at < bytes.len() && at < padded.len() {
            padded[at] = bytes[at];
            at += 1;
        }
        Task {
            id,
            name: padded,
            state: State::Unknown,
            priority: 0,
            rank: Self::RANK,
            bits: 0,
            stored: false,
            core: 0,
            tcb: Area::EMPTY,
            stack: Area::EMPTY,
            sp: 0,
        }
    }

    /// Whether this is the one that crashed.
    pub const fn crashed(&self) -> bool {
        self.bits & bits::CRASHED != 0
    }

    /// The part of the stack that is in use: from the stack pointer to the far end. The whole stack
    /// when the pointer lies outside of it (an overflow), nothing when nothing is known. So many bytes
    /// `below` the pointer are in use as well.
    pub(crate) fn used_stack(&self, below: usize) -> Area {
        self.stack.used(self.sp, below)
    }
}

/// The tasks that a provider has found, in the room that the user reserved.
#[derive(Debug)]
pub struct TaskList<'a> {
    room: &'a mut [Task],
    count: usize,
    pub(crate) seen: u16,
    pub(crate) damaged_after: u16,
}

impl<'a> TaskList<'a> {
    pub(crate) fn new(room: &'a mut [Task]) -> Self {
        TaskList { room, count: 0, seen: 0, damaged_after: u16::MAX }
    }

    /// Adds a task; one for which there is no room is counted all the same.
    pub fn push(&mut self, task: Task) {
        self.seen = self.seen.saturating_add(1);
        if let Some(slot) = self.room.get_mut(self.count) {
            *slot = task;
            self.count = self.count.wrapping_add(1);
        }
    }

    /// Adds the only thread there is, on the processor.
    #[inline(never)]
    pub(crate) fn push_thread(&mut self, name: &str, stack: Area, sp: usize) {
        let mut padded = [0; bits::NAME_LEN];
        for (to, &from) in padded.iter_mut().zip(name.as_bytes()) {
            *to = from;
        }
        self.push(Task { id: 1, name: padded, stack, sp, rank: Task::RANK, ..Task::EMPTY });
    }

    /// Adds the one on the processor where nothing tells which of the tasks it is. It has the main stack
    /// if its stack pointer lies there.
    pub(crate) fn push_crashed<A: Arch>(&mut self, crash: &Crash<'_>, main_stack: &Area) {
        let sp = crash.registers.get(A::SP).copied().unwrap_or(0);
        let on_main = main_stack.overlap(sp, sp.saturating_add(1)) > 0;
        let stack =
            if on_main { *main_stack } else { Area::between(sp, sp.wrapping_add(UNKNOWN_STACK)) };
        self.push(Task { state: State::Running, stack, ..Task::new(INTERRUPT, "crashed") });
    }

    /// A list of tasks could not be followed any further. The first time counts.
    pub fn damaged(&mut self) {
        if self.damaged_after == u16::MAX {
            self.damaged_after = self.seen;
        }
    }

    /// Whether a further task would be kept.
    pub fn has_room(&self) -> bool {
        self.count < self.room.len()
    }

    /// The tasks so far.
    pub fn tasks(&self) -> &[Task] {
        self.room.get(..self.count).unwrap_or(&[])
    }

    pub(crate) fn into_tasks(self) -> &'a mut [Task] {
        self.room.get_mut(..self.count).unwrap_or(&mut [])
    }
}

/// A system's knowledge of its tasks.
///
/// Called in the fault handler with everything in any state: an implementation reads memory only
/// through [`Memory`], bounds every walk, and reports a broken list with [`TaskList::damaged`].
pub trait Tasks<A: Arch> {
    /// Whether there can be other tasks than the one on the processor. Where there can't, nothing
    /// that deals with them is linked.
    const SEVERAL: bool = true;

    /// Lists the tasks, the one on the processor first, with [`State::Running`].
    fn list<M: Memory>(&mut self, crash: &Crash<'_>, memory: &mut M, list: &mut TaskList<'_>);

    /// The registers of a task that is not on the processor, in the order of `NT_PRSTATUS`; called
    /// more than once for each. Answers which ones are known: bit n for word n.
    fn registers<M: Memory>(&mut self, task: &Task, memory: &mut M, registers: &mut [usize])
    -> u64;
}

/// One thread of execution, and perhaps an interrupt on top of it: bare metal, RTIC, one Embassy
/// executor.
#[derive(Clone, Copy, Debug)]
pub struct Single {
    /// Name of the thread.
    pub name: &'static str,
    /// Bounds of its stack.
    pub stack: Area,
}

impl<A: Arch> Tasks<A> for Single {
    const SEVERAL: bool = false;

    fn list<M: Memory>(&mut self, crash: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        let sp = crash.registers.get(A::SP).copied().unwrap_or(0);
        list.push_thread(self.name, self.stack, sp);
    }

    fn registers<M: Memory>(&mut self, _: &Task, _: &mut M, _: &mut [usize]) -> u64 {
        0
    }
}
