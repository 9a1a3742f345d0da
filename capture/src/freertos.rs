//! Tasks of FreeRTOS, found in the kernel's own lists.
//!
//! The lists are private to the kernel's tasks.c, which lets a header of one's own see them:
//! `configINCLUDE_FREERTOS_TASK_C_ADDITIONS_H`. `include/coroner_freertos_additions.h` is that header;
//! it hands over where the lists lie and, by `offsetof`, how they and the control blocks are laid out
//! in this very configuration. Nothing is recorded while the program runs.
//!
//! In the crash every pointer is checked, see [`crate::list`]. A task is taken for one when its
//! control block can be read and its list item says that it is in the list that led to it.
//!
//! Source: FreeRTOS-Kernel V11.2, tasks.c and include/list.h; on a Cortex-M the ports below
//! portable/GCC.

use crate::arch::address::Address;
use crate::crash::Crash;
use crate::frames::CortexM;
use crate::isa::{Arm, Memory};
use crate::layout::task as bits;
use crate::list::{Step, Walk, word};
use crate::region::{Access, Area};
use crate::task::{INTERRUPT, State, Task, TaskList, Tasks};

/// Where FreeRTOS keeps its tasks: `coroner_freertos_kernel` of the C header.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Kernel {
    /// `&pxCurrentTCB`.
    pub current: Address,
    /// `pxReadyTasksLists`.
    pub ready: Address,
    /// `&xDelayedTaskList1`, `&xDelayedTaskList2`.
    pub delayed: [Address; 2],
    /// `&xSuspendedTaskList`, or null where the kernel has none.
    pub suspended: Address,
    /// `&xTasksWaitingTermination`, or null.
    pub deleted: Address,
    /// `configMAX_PRIORITIES`.
    pub priorities: u16,
    /// `sizeof(List_t)`.
    pub list_len: u16,
    /// Of `xListEnd` in `List_t`.
    pub list_end: u16,
    /// Of `pxNext` in `ListItem_t`, and in `xListEnd`.
    pub item_next: u16,
    /// Of `pvOwner` in `ListItem_t`.
    pub item_owner: u16,
    /// Of `pxContainer` in `ListItem_t`.
    pub item_container: u16,
    /// `sizeof(TCB_t)`.
    pub tcb_len: u16,
    /// Of `xEventListItem` in `TCB_t`.
    pub tcb_event: u16,
    /// Of `uxPriority`.
    pub tcb_priority: u16,
    /// Of `pxStack`: the lowest address.
    pub tcb_stack: u16,
    /// Of `pxEndOfStack`: the highest word.
    pub tcb_stack_end: u16,
    /// Of `pcTaskName`.
    pub tcb_name: u16,
    /// `configMAX_TASK_NAME_LEN`.
    pub name_len: u16,
}

/// More tasks than this in one list are a list without an end.
const MOST: u16 = 128;

/// No task of a microcontroller has a larger stack.
const MOST_STACK: usize = 64 << 10;

/// The tasks that the lists of a [`Kernel`] lead to.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// Where they lie.
    pub kernel: &'a Kernel,
    /// How the port saves registers.
    pub saved: CortexM,
    /// The main stack: interrupts run on it, and the program before the scheduler starts.
    pub main_stack: Area,
}

impl Tasks<Arm> for Lists<'_> {
    fn list<M: Memory>(&mut self, crash: &Crash<'_>, memory: &mut M, list: &mut TaskList<'_>) {
        let kernel = self.kernel;
        let sp = crash.registers.get(13).copied().unwrap_or(0);
        let on_main = self.main_stack.overlap(sp, sp.saturating_add(1)) > 0;
        if crash.cause.in_interrupt {
            let handler = Task::new(INTERRUPT, "interrupt");
            list.push(Task { state: State::Interrupt, stack: self.main_stack, ..handler });
        } else if on_main {
            // The scheduler has not started: what is current has never run.
            let main = Task::new(INTERRUPT, "main");
            list.push(Task { state: State::Running, stack: self.main_stack, ..main });
        }
        let current = word::<Arm, M>(memory, kernel.current.get()).unwrap_or(0);
        match self.task(current, memory) {
            Some(mut task) => {
                let ready = on_main && !crash.cause.in_interrupt;
                task.state = if ready { State::Ready } else { State::Running };
                if !ready {
                    // Under an interrupt its registers are where the processor put them.
                    task.sp = crash.interrupted_sp.unwrap_or(task.sp);
                }
                list.push(task);
            }
            None => {
                if current != 0 {
                    list.damaged();
                }
                // Whoever it was, it is none of those that the lists lead to.
                if !on_main && !crash.cause.in_interrupt {
                    list.push_crashed::<Arm>(crash, &self.main_stack);
                }
            }
        }
        for level in (0..kernel.priorities).rev() {
            let offset = usize::from(level).wrapping_mul(kernel.list_len.into());
            self.follow(kernel.ready.get().wrapping_add(offset), State::Ready, memory, list);
        }
        for delayed in kernel.delayed {
            self.follow(delayed.get(), State::Blocked, memory, list);
        }
        self.follow(kernel.suspended.get(), State::Suspended, memory, list);
        self.follow(kernel.deleted.get(), State::Deleted, memory, list);
    }

    fn registers<M: Memory>(
        &mut self,
        task: &Task,
        memory: &mut M,
        registers: &mut [usize],
    ) -> u64 {
        let saved = if task.state == State::Running { CortexM::Hardware } else { self.saved };
        saved.registers(task.sp, memory, registers)
    }
}

impl Lists<'_> {
    /// Adds the tasks of the list at `head`, which all are in `state`.
    fn follow<M: Memory>(
        &self,
        head: usize,
        state: State,
        memory: &mut M,
        list: &mut TaskList<'_>,
    ) {
        let kernel = self.kernel;
        if head == 0 {
            return;
        }
        let end = head.wrapping_add(kernel.list_end.into());
        let next = usize::from(kernel.item_next);
        let first = match word::<Arm, M>(memory, end.wrapping_add(next)) {
            // The kernel makes its lists with the first task; until then they are zero.
            Some(0) => return,
            Some(first) => first,
            None => return list.damaged(),
        };
        let mut walk = Walk::new(first, end, next, MOST);
        loop {
            let item = match walk.step::<Arm, M>(memory) {
                Step::Node(item) => item,
                Step::End => return,
                Step::Broken => return list.damaged(),
            };
            let field = |offset: u16| item.wrapping_add(offset.into());
            let inside = word::<Arm, M>(memory, field(kernel.item_container)) == Some(head);
            let owner = word::<Arm, M>(memory, field(kernel.item_owner)).filter(|_| inside);
            let Some(mut task) = owner.and_then(|owner| self.task(owner, memory)) else {
                return list.damaged();
            };
            // The one on the processor is in a list as well: ready, or already deleted.
            if list.tasks().iter().any(|known| known.id == task.id) {
                continue;
            }
            task.state = match state {
                // What waits without a limit is put aside with the suspended ones.
                State::Suspended if self.waits(task.tcb.start(), memory) => State::Blocked,
                state => state,
            };
            list.push(task);
        }
    }

    /// Whether a task waits for an event: a queue, a semaphore.
    fn waits<M: Memory>(&self, tcb: usize, memory: &mut M) -> bool {
        let item = tcb.wrapping_add(self.kernel.tcb_event.into());
        let container = item.wrapping_add(self.kernel.item_container.into());
        word::<Arm, M>(memory, container).is_some_and(|list| list != 0)
    }

    /// The task whose control block lies at `tcb`, if one can lie there.
    fn task<M: Memory>(&self, tcb: usize, memory: &mut M) -> Option<Task> {
        let kernel = self.kernel;
        let end = tcb.checked_add(kernel.tcb_len.into()).filter(|_| tcb != 0)?;
        let mut field = |offset: u16| word::<Arm, M>(memory, tcb.wrapping_add(offset.into()));
        let (sp, stack) = (field(0)?, field(kernel.tcb_stack)?);
        let (top, priority) = (field(kernel.tcb_stack_end)?, field(kernel.tcb_priority)?);
        let mut name = [0; bits::NAME_LEN];
        let kept = name.get_mut(..usize::from(kernel.name_len).min(bits::NAME_LEN))?;
        if !memory.read(tcb.wrapping_add(kernel.tcb_name.into()), kept, Access::Byte) {
            return None;
        }
        clear_behind_nul(&mut name);
        // Bounds that make no sense would take the room of everything else.
        let sound = top.checked_sub(stack).is_some_and(|len| len < MOST_STACK);
        let stack = if sound { Area::between(stack, top.saturating_add(4)) } else { Area::EMPTY };
        let (priority, tcb) = (priority as u8, Area::between(tcb, end));
        Some(Task { name, priority, tcb, stack, sp, ..Task::new(tcb.start() as u32, "") })
    }
}

fn clear_behind_nul(name: &mut [u8]) {
    let mut over = false;
    for letter in name {
        over |= *letter == 0;
        if over {
            *letter = 0;
        }
    }
}
