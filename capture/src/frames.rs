//! Registers that a context switch left on a task's stack.

use crate::isa::Memory;

/// How a Cortex-M system saves a task that it switches away from, upwards from the stack pointer in
/// its control block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CortexM {
    /// The processor's frame only: what an interrupt leaves on the process stack.
    Hardware,
    /// r4-r11, then the processor's frame (FreeRTOS `ARM_CM0`, `ARM_CM3`).
    Callee,
    /// r4-r11, `EXC_RETURN`, s16-s31 if that says so, then the processor's frame (FreeRTOS
    /// `ARM_CM4F`, `ARM_CM7`).
    CalleeReturn,
}

impl CortexM {
    /// Reads the registers of a task whose stack pointer is `sp` into `registers` (r0-r15, xPSR);
    /// answers which are known, and nothing when the stack can't be read.
    pub fn registers<M: Memory>(self, sp: usize, memory: &mut M, registers: &mut [usize]) -> u64 {
        self.read(sp, memory, registers).unwrap_or(0)
    }

    fn read<M: Memory>(self, sp: usize, memory: &mut M, registers: &mut [usize]) -> Option<u64> {
        const HARDWARE: u64 = 0x1_f00f;
        const CALLEE: u64 = 0x0ff0;
        const EXTENDED: usize = 72;
        let mut at = sp;
        let mut next = |memory: &mut M| {
            let mut bytes = [0; 4];
            let read = memory.read(at, &mut bytes, crate::Access::Word);
            at = at.wrapping_add(4);
            read.then(|| u32::from_le_bytes(bytes) as usize)
        };
        let mut known = HARDWARE;
        let mut skip = 0;
        let mut tail = 0;
        if self != CortexM::Hardware {
            known |= CALLEE;
            for register in registers.get_mut(4..12)? {
                *register = next(memory)?;
            }
        }
        if self == CortexM::CalleeReturn && next(memory)? & 0x10 == 0 {
            skip = 64;
            tail = EXTENDED;
        }
        for _ in 0..skip / 4 {
            next(memory)?;
        }
        for index in [0, 1, 2, 3, 12, 14, 15, 16] {
            *registers.get_mut(index)? = next(memory)?;
        }
        let status = registers.get_mut(16)?;
        let realigned = if *status & 1 << 9 != 0 { 4 } else { 0 };
        *status &= !(1 << 9);
        *registers.get_mut(13)? = at.wrapping_add(tail).wrapping_add(realigned);
        Some(known)
    }
}
