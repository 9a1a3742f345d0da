//! Functions that ended by jumping to another: they left no frame, but the ELF file can tell them.
//!
//! What such a function did before, it has undone: callee-saved registers and stack pointer are
//! those that its caller has after the call.

use super::{Found, Frame, Unwinder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The calls between a caller and a callee, by their program counters.
pub(super) type Known = RefCell<HashMap<(u64, u64), Rc<[u64]>>>;

impl Unwinder<'_, '_> {
    /// The frames between `frame` and `next`, which is its caller by call frame information.
    pub(super) fn tail_calls(&self, frame: &Frame, next: &Frame) -> Vec<Frame> {
        let asked = (next.pc, frame.lookup_pc());
        let known = self.tails.borrow().get(&asked).cloned();
        let calls = known.unwrap_or_else(|| {
            let calls: Rc<[u64]> = self.modules.tail_calls(asked.0, asked.1).into();
            self.tails.borrow_mut().insert(asked, calls.clone());
            calls
        });
        let between = calls.iter().rev().map(|pc| {
            let mut registers = next.registers.clone();
            registers.set(self.dump.arch.pc, (*pc).into());
            let above_guess = next.above_guess;
            Frame { above_guess, ..Frame::new(*pc, true, Found::TailCall, registers) }
        });
        between.collect()
    }
}
