//! Tasks of a kernel that has told all of them: FreeRTOS, or one of the user's own.

use crate::crash::Crash;
use crate::frames::CortexM;
use crate::isa::{Arch, Memory};
use crate::list::word;
use crate::region::{Access, Area};
use crate::task::{INTERRUPT, State, Task, TaskList, Tasks};

/// A task, and how its registers lie on its stack while it does not run.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The task. Its state is [`State::Running`] for the one on the processor.
    pub task: Task,
    /// How the kernel saves registers.
    pub saved: CortexM,
    /// What is still to be read.
    pub unread: Unread,
}

/// What has to be read out of the crashed program's memory before an [`Entry`] is whole. Everything is
/// read through the memory map.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unread {
    /// Where the name lies, which ends with NUL; 0: the task has it already.
    pub name: usize,
    /// The stack pointer is the first word of the control block.
    pub sp_in_tcb: bool,
    /// This is no task: the entry of one was found written over.
    pub damaged: bool,
}

impl Entry {
    /// The task, with what has to be read.
    fn read<A: Arch, M: Memory>(self, memory: &mut M) -> Task {
        let Entry { mut task, unread, .. } = self;
        if unread.name != 0 {
            for (at, letter) in (unread.name..).zip(&mut task.name) {
                *letter = memory.element(at, Access::Byte).map_or(0, |letter| letter as u8);
                if *letter == 0 {
                    break;
                }
            }
        }
        if unread.sp_in_tcb {
            task.sp = word::<A, M>(memory, task.tcb.start()).unwrap_or(0);
        }
        task
    }
}

/// Tasks of a kernel whose handlers run on the main stack and tasks on stacks of their own. Registers are found where
/// a Cortex-M kernel saves them.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, T> {
    /// The tasks, in any order.
    pub tasks: &'a [T],
    /// The main stack, for a crash inside an interrupt.
    pub main_stack: Area,
}

impl<A: Arch, T: Copy + Into<Entry>> Tasks<A> for Table<'_, T> {
    fn list<M: Memory>(&mut self, crash: &Crash<'_>, memory: &mut M, list: &mut TaskList<'_>) {
        if crash.cause.in_interrupt {
            list.push(Task {
                state: State::Interrupt,
                stack: self.main_stack,
                ..Task::new(INTERRUPT, "interrupt")
            });
        }
        let mut entries = self.tasks.iter().map(|&entry| entry.into());
        match entries.find(|entry: &Entry| entry.task.state == State::Running) {
            Some(running) => {
                let mut running = running.read::<A, M>(memory);
                // Under an interrupt its registers are where the processor put them.
                running.sp = crash.interrupted_sp.unwrap_or(running.sp);
                list.push(running);
            }
            // Whoever it was, it is none of the others.
            None if !crash.cause.in_interrupt => list.push_crashed::<A>(crash, &self.main_stack),
            None => {}
        }
        for entry in self.tasks.iter().map(|&entry| entry.into()) {
            match entry.task.state {
                _ if entry.unread.damaged => list.damaged(),
                State::Running => {}
                _ => list.push(entry.read::<A, M>(memory)),
            }
        }
    }

    fn registers<M: Memory>(
        &mut self,
        task: &Task,
        memory: &mut M,
        registers: &mut [usize],
    ) -> u64 {
        let mut entries = self.tasks.iter().map(|&entry| entry.into());
        let Some(entry) = entries.find(|entry: &Entry| entry.task.id == task.id) else { return 0 };
        let saved = if task.state == State::Running { CortexM::Hardware } else { entry.saved };
        saved.registers(task.sp, memory, registers)
    }
}
