//! Xtensa's register windows.
//!
//! A call rotates the register file; the device's dumper, or the scheduler, made all older
//! windows spill to the stack before it wrote. So the callers of a frame can be read from the
//! stack alone, without any ELF file:
//!
//! | at                        | what                                                        |
//! | callee's sp - 16..-4      | a0-a3 of the caller (a1 is the caller's stack pointer)      |
//! | caller's caller's sp - 32 | a4-a7 of the caller, if it called with CALL8                |
//! | caller's caller's sp - 48 | a4-a11 of the caller, if it called with CALL12              |
//!
//! The two top bits of a return address hold a quarter of the number of registers that the call
//! rotated by; the address itself has the top bits of the code around it. a0 = 0 ends the chain.
//!
//! Source: Xtensa ISA Reference Manual (RI-2010.1), 4.7.1 "Windowed register option" and its
//! overflow handlers, 8.1 "The windowed ABI"; seen in dumps of ESP32 and ESP32-S3.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::{End, Found, Frame, Unwinder};
use crate::arch::xtensa::return_address;
use crate::memory::Origin;
use crate::registers::Registers;

/// Where the save area of a0-a3 starts below a stack pointer: four registers.
const SAVE_AREA: u64 = 16;

impl Unwinder<'_, '_> {
    /// The caller of `frame`, by its window.
    pub(super) fn by_window(&self, frame: &mut Frame) -> Result<Frame, End> {
        let of_frame = |name| frame.registers.by_name(name);
        let (Some(a0), Some(sp)) = (of_frame("ar0"), of_frame("ar1")) else {
            return Err(End::NoCaller);
        };
        if a0 == 0 {
            return Err(End::Outermost);
        }
        let word = |addr: u64| self.dump.memory.u32_le(addr).ok_or(End::StackMissing(addr));
        let pc = u64::from(return_address(a0 as u32, frame.pc as u32));
        let mut registers = Registers::unknown(frame.registers.arch().clone());
        registers.set_why_missing("register of a window that the callee used for itself");
        let base = sp.checked_sub(SAVE_AREA).ok_or(End::NoProgress)?;
        // The stack pointer, without which nothing is known. What a printed backtrace gave back has
        // no a2 and a3, and no a0 of the last frame.
        let stack_pointer_addr = base + 4;
        word(stack_pointer_addr)?;
        for n in 0..4 {
            if let Ok(value) = word(base + 4 * n) {
                registers.set_by_name(&format!("ar{n}"), value);
            }
        }
        let region = self.dump.memory.region_at(stack_pointer_addr);
        let found = match region.map(|region| region.origin) {
            Some(Origin::Reconstructed) => Found::Printed,
            _ => Found::Window,
        };
        let caller_sp = registers.by_name("ar1").unwrap_or_default();
        // How many registers the call did not rotate away: 4, 8 or 12.
        let kept = (a0 >> 30) * 4;
        let above = caller_sp.checked_sub(12).and_then(|at| word(at).ok()).map(u64::from);
        if let Some(above) = above.filter(|_| kept > 4)
            && let Some(extra) = above.checked_sub(SAVE_AREA + 4 * (kept - 4))
        {
            for n in 4..kept {
                if let Ok(value) = word(extra + 4 * (n - 4)) {
                    registers.set_by_name(&format!("ar{n}"), value);
                }
            }
        }
        registers.set(self.dump.arch.pc, pc.into());
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
        frame.cfa = self.cfa_by_cfi(frame.lookup_pc(), &frame.registers).or(Some(caller_sp));
        Ok(Frame::new(pc, true, found, registers))
    }
}
