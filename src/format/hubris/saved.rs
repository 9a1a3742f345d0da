//! A task as the kernel's table holds it: what its `Task` begins with, whatever follows.
//!
//! A `Task` begins with its saved state (the kernel's assembler code relies on that):
//! r4-r11, psp, exc_return, and on cores with an FPU s16-s31. What the hardware stacked lies at
//! psp. The rest is known by the kernel's ELF file alone: see [`crate::os`].
//!
//! Source: oxidecomputer/hubris, `sys/kern/src/task.rs`, `sys/kern/src/arch/arm_m.rs` (2023-01);
//! checked against the DWARF of the three samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::arch::cortex_m::{ExcReturn, Frame};
use crate::dump::{Dump, Thread};
use crate::format::machine::set_single_floats;
use crate::registers::Registers;

/// Words of the saved state: psp, exc_return, and the first of s16-s31.
const PSP_WORD: u64 = 8;
const EXC_RETURN_WORD: u64 = 9;
const S16_WORD: u64 = 10;

/// The task whose entry in the kernel's table is at `addr`; `None` if that is not in the dump.
pub(crate) fn task(dump: &Dump, addr: u64) -> Option<Thread> {
    let word = |n: u64| dump.memory.u32_le(addr.checked_add(n.checked_mul(4)?)?);
    let exc_return = ExcReturn(word(EXC_RETURN_WORD)?);
    let psp = word(PSP_WORD)?;
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not saved by the kernel");
    for n in 0..8u64 {
        registers.set_by_name(&format!("r{}", n.saturating_add(4)), word(n)?);
    }
    registers.set_by_name("psp", psp);
    if exc_return.is_valid() {
        registers.set_by_name("exc_return", exc_return.0);
        if exc_return.is_extended() {
            let singles: Vec<u32> =
                (0..16).map_while(|n| word(S16_WORD.saturating_add(n))).collect();
            set_single_floats(&mut registers, 16, &singles);
        }
        if let Some(frame) = Frame::of_exception(&dump.memory, psp.into(), exc_return) {
            frame.clone().with_floats(&dump.memory).restore(&mut registers);
            // The kernel starts a task with bit 0 set, which the hardware takes off.
            registers.set_pc(frame.pc() & !1);
        }
    }
    let mut thread = Thread::new(addr, registers);
    if thread.registers.pc().is_none() {
        thread.registers.set_sp(psp);
        thread.remarks.push("its stack is not in the dump".into());
    }
    thread.control_block = Some(addr);
    Some(thread)
}
