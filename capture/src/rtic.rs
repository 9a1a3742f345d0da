//! RTIC: tasks are interrupt handlers on one stack, so there is one thread. What it was doing is the
//! exception that had interrupted the rest, and its priority, as RTIC counts: 1 is the lowest, 0
//! is idle.
//!
//! Embassy needs nothing of its own: a task there has no stack and no registers when it does not
//! run, the executor's queue holds only those that are due, and its links are private. Each executor
//! is one thread ([`crate::Single`]); the futures lie in statics, which a dump holds with .bss, and
//! `coroner` and GDB show them by their types.
//!
//! Sources: the RTIC book, "by-example/hardware_tasks" and "internals/critical-sections";
//! ARMv7-M Architecture Reference Manual, B1.4.2 (xPSR) and B3.4.9 (NVIC_IPR).

use crate::crash::Crash;
use crate::isa::{Arch, Arm, Memory};
use crate::region::{Access, Area};
use crate::task::{State, Task, TaskList, Tasks};

/// The one thread of an RTIC program on a Cortex-M.
#[derive(Clone, Copy, Debug)]
pub struct Rtic {
    /// Bounds of its stack.
    pub stack: Area,
    /// Bits of priority that the processor has: `NVIC_PRIO_BITS` of the device crate.
    pub priority_bits: u8,
}

const XPSR: usize = 16;
/// `NVIC_IPR0`: a byte for each interrupt.
const PRIORITIES: usize = 0xe000_e400;
/// Number of the first interrupt among the exceptions.
const INTERRUPT_0: usize = 16;

impl Rtic {
    /// The priority of the interrupt `number` as RTIC counts. Needs `NVIC_IPR` in the memory map.
    fn priority<M: Memory>(&self, number: usize, memory: &mut M) -> Option<u8> {
        let mut word = [0; 4];
        // Read by words: v6-M allows nothing else.
        if !memory.read(PRIORITIES.wrapping_add(number & !3), &mut word, Access::Word) {
            return None;
        }
        let raw = *word.get(number & 3)?;
        let unused = 8u32.checked_sub(self.priority_bits.into())?;
        let levels = 1u16.checked_shl(self.priority_bits.into())?;
        let hardware = raw.checked_shr(unused).unwrap_or(0);
        u8::try_from(levels.checked_sub(hardware.into())?).ok()
    }
}

impl Tasks<Arm> for Rtic {
    fn list<M: Memory>(&mut self, crash: &Crash<'_>, memory: &mut M, list: &mut TaskList<'_>) {
        let register = |index: usize| crash.registers.get(index).copied().unwrap_or(0);
        let running = Task {
            state: if crash.cause.in_interrupt { State::Interrupt } else { State::Running },
            stack: self.stack,
            sp: register(Arm::SP),
            ..Task::new(1, "idle")
        };
        let exception = register(XPSR) & 0x1ff;
        let task = match exception.checked_sub(INTERRUPT_0) {
            Some(number) => Task {
                name: numbered(number),
                priority: self.priority(number, memory).unwrap_or(0),
                ..running
            },
            // An exception of the processor, or none at all.
            None if exception != 0 => Task { name: Task::new(1, "exception").name, ..running },
            None => running,
        };
        list.push(task);
    }

    fn registers<M: Memory>(&mut self, _: &Task, _: &mut M, _: &mut [usize]) -> u64 {
        0
    }
}

/// `interrupt 21`.
fn numbered(number: usize) -> [u8; 16] {
    let mut name = *b"interrupt 000\0\0\0";
    let digits = [number / 100, number / 10 % 10, number % 10];
    for (letter, digit) in name.iter_mut().skip(10).zip(digits) {
        *letter = b'0'.wrapping_add(digit as u8);
    }
    name
}
