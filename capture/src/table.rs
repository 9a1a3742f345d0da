//! Tasks of a kernel that has told all of them: FreeRTOS, or one of the user's own.

use crate::arch::{Arm, Memory};
use crate::crash::Crash;
use crate::frames::CortexM;
use crate::region::Area;
use crate::task::{INTERRUPT, State, Task, TaskList, Tasks};

/// A task, and how its registers lie on its stack while it does not run.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The task. Its state is [`State::Running`] for the one on the processor.
    pub task: Task,
    /// How the kernel saves registers.
    pub saved: CortexM,
}

/// Tasks of a Cortex-M kernel whose handlers run on the main stack and tasks on the process stack.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a, T> {
    /// The tasks, in any order.
    pub tasks: &'a [T],
    /// The main stack, for a crash inside an interrupt.
    pub main_stack: Area,
}

impl<T: Copy + Into<Entry>> Tasks<Arm> for Table<'_, T> {
    fn list<M: Memory>(&mut self, crash: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        if crash.cause.in_interrupt {
            list.push(Task {
                state: State::Interrupt,
                stack: self.main_stack,
                ..Task::new(INTERRUPT, "interrupt")
            });
        }
        let mut entries = self.tasks.iter().map(|&entry| entry.into());
        if let Some(mut running) = entries.find(|entry: &Entry| entry.task.state == State::Running)
        {
            // Under an interrupt its registers are where the processor put them.
            running.task.sp = crash.interrupted_sp.unwrap_or(running.task.sp);
            list.push(running.task);
        }
        for entry in self.tasks.iter().map(|&entry| entry.into()) {
            if entry.task.state != State::Running {
                list.push(entry.task);
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
