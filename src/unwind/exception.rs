//! Cortex-M: from an exception handler to what it interrupted.
//!
//! The return address of a handler is no address but an `EXC_RETURN`: it tells on which of the
//! two stacks the core pushed which kind of frame. The frame holds r0-r3, r12, lr, pc and xpsr;
//! r4-r11 are as the handler's own frames give them back.
//!
//! Source: ARMv7-M Architecture Reference Manual (DDI 0403E.e) B1.5.8.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::{End, Exception, Family, Found, Frame, Unwinder, calls};
use crate::arch::cortex_m::frame::BASIC_LEN;
use crate::arch::cortex_m::{self, ExcReturn};

/// How many words above a handler's stack pointer the pushed frame is looked for.
const MOST_PUSHED: u64 = 40;
/// The banked stack pointers, which functions leave alone.
const BANKED: [&str; 2] = ["msp", "psp"];

impl Unwinder<'_, '_> {
    /// What was interrupted, if the handler that `frame` is of returns with its program counter.
    pub(super) fn interrupted(&self, frame: &Frame) -> Option<Result<Frame, End>> {
        if self.abi.family != Family::Arm {
            return None;
        }
        // Bit 0 was cleared as Thumb's; every EXC_RETURN has it set.
        let exc_return = ExcReturn(u32::try_from(frame.pc).ok()? | 1);
        exc_return.is_valid().then(|| self.pushed(frame, exc_return))
    }

    /// The same for a handler without call frame information that has not touched its link
    /// register and stack yet, as handlers in assembly do.
    pub(super) fn interrupted_by_link(&self, frame: &Frame) -> Option<Result<Frame, End>> {
        if self.abi.family != Family::Arm || frame.is_return {
            return None;
        }
        let exc_return = ExcReturn(u32::try_from(frame.registers.by_name("lr")?).ok()?);
        exc_return.is_valid().then(|| self.pushed(frame, exc_return))
    }

    /// The same for a handler in assembly that pushed its link register and called C code: the word
    /// lies on the stack, nearer than where any call came from.
    pub(super) fn interrupted_by_word(&self, frame: &Frame) -> Option<Result<Frame, End>> {
        if self.abi.family != Family::Arm || !frame.is_return {
            return None;
        }
        let sp = frame.registers.sp()?;
        for n in 0..MOST_PUSHED {
            let addr = sp.checked_add(4 * n)?;
            let word = self.dump.memory.u32_le(addr)?;
            let exc_return = ExcReturn(word);
            if exc_return.is_valid() && word & 1 != 0 {
                let mut registers = frame.registers.clone();
                (4..12).for_each(|n| registers.forget(&format!("r{n}")));
                registers
                    .set_why_missing("register pushed by a handler without call frame information");
                registers.set(self.dump.arch.sp, u128::from(addr) + 4);
                return Some(self.pushed(&Frame { registers, ..frame.clone() }, exc_return));
            }
            if self.is_call_to(word.into(), frame) {
                return None;
            }
        }
        None
    }

    fn pushed(&self, frame: &Frame, exc_return: ExcReturn) -> Result<Frame, End> {
        let handler_sp = frame.registers.sp();
        // Handlers run on the main stack; so what was on it is above the handler's own frames.
        let sp = match exc_return.on_process_stack() {
            true => frame.registers.by_name("psp"),
            false => handler_sp,
        };
        let sp = sp.ok_or(End::NoCaller)?;
        let at = |sp| cortex_m::Frame::of_exception(&self.dump.memory, sp, exc_return);
        let first = at(sp).ok_or(End::StackMissing(sp))?;
        let good = |pushed: &cortex_m::Frame| {
            pushed.is_plausible() && self.may_be_code(pushed.pc().into())
        };
        // A handler in assembly pushes r4-r11 and whatever else before it branches to C code, and
        // nothing tells how much: look a few words up for what a core may have pushed.
        let above = || (1..MOST_PUSHED).filter_map(|n| at(sp.checked_add(4 * n)?)).find(good);
        let mut registers = frame.registers.clone();
        let pushed = if good(&first) || self.went_nowhere(&first) {
            first
        } else {
            (4..12).for_each(|n| registers.forget(&format!("r{n}")));
            registers
                .set_why_missing("register changed by a handler without call frame information");
            above().ok_or(End::NotCode(first.pc().into()))?
        };
        pushed.restore(&mut registers);
        if exc_return.on_process_stack() {
            registers.set_by_name("psp", pushed.sp_before());
            if let Some(main) = handler_sp {
                registers.set_by_name("msp", main);
            }
        } else {
            registers.set_by_name("msp", pushed.sp_before());
        }
        let pc = u64::from(pushed.pc());
        let room = pushed.addr.checked_add(BASIC_LEN.into()).filter(|_| pushed.extended);
        let exception = Some(Exception { float_area: room, ..Exception::default() });
        Ok(Frame { exception, ..Frame::new(pc, false, Found::Exception, registers) })
    }

    /// Whether a frame is of a call that led to no code: its link register tells of the call. Bit 0
    /// of such a target is as likely as not clear, and with it the Thumb state.
    fn went_nowhere(&self, pushed: &cortex_m::Frame) -> bool {
        let [.., link, pc, xpsr] = pushed.basic;
        let is_nowhere = !self.may_be_code(pc.into()) || xpsr & 1 << 24 == 0;
        is_nowhere
            && self.modules.is_code(u64::from(link & !1))
            && calls::before(self.abi.family, &self.dump.memory, link.into()).is_some()
    }

    /// Carries the banked stack pointers from a frame to its caller.
    pub(super) fn keep_banked(&self, from: &Frame, to: &mut crate::registers::Registers) {
        for name in BANKED {
            if let Some(value) =
                from.registers.by_name(name).filter(|_| self.abi.family == Family::Arm)
            {
                to.set_by_name(name, value);
            }
        }
    }
}
