//! A cooperative kernel small enough to read at a glance: tasks on stacks of their own, switched by
//! PendSV, which saves registers as every Cortex-M kernel does.

use core::arch::global_asm;
use core::cell::UnsafeCell;

use coroner_capture::arch::Memory;
use coroner_capture::frames::CortexM;
use coroner_capture::{Arch, Area, Crash, State, Task, TaskList, Tasks};
use cortex_m::peripheral::SCB;

/// How many tasks there can be.
pub const MAX: usize = 4;

/// A task's control block.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Tcb {
    sp: usize,
    stack: (usize, usize),
    name: &'static str,
    priority: u8,
}

struct Kernel {
    tasks: [Tcb; MAX],
    count: usize,
    current: usize,
}

struct Shared(UnsafeCell<Kernel>);
// SAFETY: changed only before `start` and in PendSV, the only interrupt.
unsafe impl Sync for Shared {}

static KERNEL: Shared = Shared(UnsafeCell::new(Kernel {
    tasks: [Tcb { sp: 0, stack: (0, 0), name: "", priority: 0 }; MAX],
    count: 0,
    current: 0,
}));

/// A stack for a task.
#[repr(C, align(64))]
pub struct Stack<const WORDS: usize>(UnsafeCell<[u32; WORDS]>);
// SAFETY: handed to one task.
unsafe impl<const WORDS: usize> Sync for Stack<WORDS> {}

impl<const WORDS: usize> Stack<WORDS> {
    /// Room, filled with a pattern.
    pub const fn new() -> Self {
        Stack(UnsafeCell::new([0xa5a5_a5a5; WORDS]))
    }
}

/// Adds a task. Only before [`start`].
pub fn spawn<const WORDS: usize>(
    name: &'static str,
    priority: u8,
    stack: &'static Stack<WORDS>,
    entry: extern "C" fn() -> !,
) {
    let bottom = stack.0.get().addr();
    let top = bottom + 4 * WORDS;
    // r4-r11, EXC_RETURN, then the processor's frame.
    let mut frame = [0u32; 17];
    frame[8] = 0xffff_fffd;
    frame[15] = entry as usize as u32;
    frame[16] = 0x0100_0000;
    let sp = top - 4 * frame.len();
    // SAFETY: inside of the stack, which nobody uses yet; the kernel is not running.
    unsafe {
        core::ptr::with_exposed_provenance_mut::<[u32; 17]>(sp).write(frame);
        let kernel = &mut *KERNEL.0.get();
        kernel.tasks[kernel.count] = Tcb { sp, stack: (bottom, top), name, priority };
        kernel.count += 1;
    }
}

/// Runs the first task, and through it the others.
pub fn start() -> ! {
    yield_now();
    unreachable!()
}

/// Lets the next task run.
pub fn yield_now() {
    SCB::set_pendsv();
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

global_asm!(
    ".fpu fpv4-sp-d16
    .global PendSV
    .type PendSV, %function
    .thumb_func
    PendSV:
        mrs r0, psp
        cbz r0, 1f
        tst lr, #0x10
        it eq
        vstmdbeq r0!, {{s16-s31}}
        stmdb r0!, {{r4-r11, lr}}
    1:  bl kernel_switch
        ldmia r0!, {{r4-r11, lr}}
        tst lr, #0x10
        it eq
        vldmiaeq r0!, {{s16-s31}}
        msr psp, r0
        bx lr",
);

/// Keeps the stack pointer of the current task and answers that of the next one.
#[unsafe(no_mangle)]
extern "C" fn kernel_switch(sp: usize) -> usize {
    // SAFETY: only PendSV gets here.
    let kernel = unsafe { &mut *KERNEL.0.get() };
    if sp != 0 {
        kernel.tasks[kernel.current].sp = sp;
        kernel.current = (kernel.current + 1) % kernel.count;
    }
    kernel.tasks[kernel.current].sp
}

/// Tells a dump about the tasks.
pub struct KernelTasks;

impl<A: Arch> Tasks<A> for KernelTasks {
    fn list<M: Memory>(&mut self, crash: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        // SAFETY: the kernel stopped with the crash.
        let kernel = unsafe { &*KERNEL.0.get() };
        let count = kernel.count.min(MAX);
        for offset in 0..count {
            let index = (kernel.current + offset) % count;
            let tcb = &kernel.tasks[index];
            let running = offset == 0 && !crash.cause.in_interrupt;
            list.push(Task {
                state: if running { State::Running } else { State::Ready },
                priority: tcb.priority,
                tcb: Area::of(tcb),
                stack: Area::range(tcb.stack.0, tcb.stack.1),
                sp: tcb.sp,
                ..Task::new(index as u32 + 1, tcb.name)
            });
        }
    }

    fn registers<M: Memory>(
        &mut self,
        task: &Task,
        memory: &mut M,
        registers: &mut [usize],
    ) -> u64 {
        CortexM::CalleeReturn.registers(task.sp, memory, registers)
    }
}
