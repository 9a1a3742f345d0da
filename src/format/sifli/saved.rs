//! The registers that SiFli's fault handler leaves in variables.
//!
//! * `saved_stack_frame`: in builds with FPU a flag, then psplim, r4-r11, r0-r3 r12 lr pc psr: 18
//!   words or 17. After a fault the flag is EXC_RETURN, after an assert it is the caller's address.
//! * `saved_stack_pointer`: behind the exception frame. Present releases add the word of padding
//!   that bit 9 of psr tells of, those of before did not: a frame ends at a multiple of 8.
//! * `error_reason`: 0 none, 1 assert, 2 hard fault, 3 bus fault, 4 memory fault, 5 hardware
//!   exception (what the handlers of all faults write), 6 unknown; 4 bytes, or 1 with short enums.
//! * `saved_scb_reg`: CFSR HFSR MMFAR BFAR SHCSR; written by a fault only.
//!
//! After an assert psr was read with MRS, which reads the Thumb bit as 0, and pc is the handler's
//! own; in present releases pc is the caller's address with the Thumb bit in it.
//!
//! Source: `rtos/rtthread/libcpu/arm/cortex-m33/cpuport.c` and `context_gcc.S` of
//! xiaomaomogu/SiFli-SDK 27e6b87 (before) and OpenSiFli/SiFli-SDK 9b5e454 (present); the numbers of
//! `error_reason` from the crash-dump command of the latter's SDK.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::arch::cortex_m::{ExcReturn, Frame};
use crate::dump::{Dump, Thread};
use crate::memory::Memory;
use crate::reason::{Reason, Signal};
use crate::registers::Registers;

/// What the saved frame holds behind the flag.
const FRAME: [&str; 17] = [
    "psplim", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r0", "r1", "r2", "r3", "r12",
    "lr", "pc", "xpsr",
];
/// The variable's length without a flag in bytes.
pub(super) const FRAME_LEN: u64 = 4 * FRAME.len() as u64;
/// The same with it.
pub(super) const FLAGGED_LEN: u64 = FRAME_LEN + 4;
const FAULT_WORDS: [&str; 5] = ["CFSR", "HFSR", "MMFAR", "BFAR", "SHCSR"];
/// `saved_scb_reg` in bytes.
pub(super) const FAULT_WORDS_LEN: u64 = 4 * FAULT_WORDS.len() as u64;
/// Bit 9 of the stacked status: the core pushed a word of padding.
const PADDED: u64 = 1 << 9;
/// An extended exception frame without padding.
const EXTENDED_LEN: u64 = 26 * 4;
const ASSERT: u32 = 1;

/// Where the variables lie in the dump's memory.
pub(super) struct Saved {
    /// `saved_stack_frame` and its length in bytes, 0 if nobody says.
    pub frame: (u64, u64),
    /// `saved_stack_pointer`.
    pub sp: Option<u64>,
    /// `error_reason` and its length in bytes.
    pub reason: Option<(u64, u64)>,
    /// `saved_scb_reg`.
    pub status: Option<u64>,
}

impl Saved {
    /// Makes the crashed thread and the reason of what the variables hold. `None`, and nothing
    /// done, if the frame is not in the dump.
    pub(super) fn apply(&self, dump: &mut Dump) -> Option<()> {
        let reason = self.error_reason(&dump.memory);
        let thread = self.thread(dump, reason == Some(ASSERT))?;
        if let Some((words, signal)) = reason.and_then(reason_words) {
            dump.reason = Reason::new(signal, words, Vec::new());
        }
        dump.threads.insert(0, thread);
        Some(())
    }

    fn error_reason(&self, memory: &Memory) -> Option<u32> {
        match self.reason? {
            (at, 1) => memory.bytes(at, 1)?.first().copied().map(u32::from),
            (at, _) => memory.u32_le(at),
        }
    }

    fn thread(&self, dump: &Dump, asserted: bool) -> Option<Thread> {
        let word = |addr: u64| dump.memory.u32_le(addr).map(u64::from);
        let (frame, len) = self.frame;
        let with_flag = len != FRAME_LEN;
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not saved by the fault handler");
        let first = frame.checked_add(if with_flag { 4 } else { 0 })?;
        for (offset, name) in (0..).step_by(4).zip(FRAME) {
            let value = word(first.checked_add(offset)?)?;
            // The Thumb bit is no part of the address.
            let value = if name == "pc" { value & !1 } else { value };
            registers.set_by_name(name, value);
        }
        let flag = with_flag.then(|| word(frame)).flatten().and_then(|w| u32::try_from(w).ok());
        let exc_return = flag.map(ExcReturn).filter(|value| value.is_valid());
        if let Some(sp) = self.sp.and_then(word) {
            let padded = registers.by_name("xpsr")? & PADDED != 0 && sp.is_multiple_of(8);
            registers.set_sp(sp.saturating_add(if padded { 4 } else { 0 }));
            if let Some(exc_return) = exc_return {
                registers.set_by_name("exc_return", exc_return.0);
                set_floats(&mut registers, &dump.memory, sp, exc_return);
            }
        }
        if let Some(status) = self.status.filter(|_| !asserted) {
            for (offset, name) in (0..).step_by(4).zip(FAULT_WORDS) {
                if let Some(value) = status.checked_add(offset).and_then(word) {
                    registers.set_by_name(name, value);
                }
            }
        }
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        Some(thread)
    }
}

/// s0-s15 and fpscr lie in the exception frame, if the stack was saved. It is believed if it
/// holds the same pc as the variable.
fn set_floats(registers: &mut Registers, memory: &Memory, sp: u64, exc_return: ExcReturn) {
    if !exc_return.is_extended() {
        return;
    }
    let end = sp & !7;
    let frame = end.checked_sub(EXTENDED_LEN).and_then(|at| Frame::at(memory, at, true));
    if let Some(frame) = frame.filter(|frame| Some(frame.pc().into()) == registers.pc()) {
        frame.restore(registers);
    }
}

fn reason_words(reason: u32) -> Option<(&'static str, Signal)> {
    Some(match reason {
        ASSERT => ("assert", Signal::Abrt),
        2 => ("HardFault", Signal::Segv),
        3 => ("BusFault", Signal::Bus),
        4 => ("MemManage", Signal::Segv),
        5 => ("hardware exception", Signal::Segv),
        _ => return None,
    })
}
