//! x86: what the core pushed when it took an exception or interrupt.
//!
//! | words, upwards | 32 bits                          | 64 bits                                |
//! | always         | error code (of some), eip cs eflags | error code (of some), rip cs rflags rsp ss |
//!
//! Below it lies what the entry code saved. The frame itself is unlike anything else: an address of
//! code, a small selector, flags with bits that are always set and clear.
//!
//! Source: Intel SDM volume 3 (325384-081), 6.12.1, 6.14.2 (frames), table 6-1 (error codes), 2.3
//! (EFLAGS: bit 1 is 1; 3, 5, 15 and from 22 on are 0); volume 2B, PUSHA.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::Interrupted;
use crate::registers::Registers;
use crate::unwind::abi::Family;
use crate::unwind::{Frame, Unwinder, calls};

/// Entry code saves no more than so many words.
const MOST_SAVED: u64 = 48;
const FLAGS_SET: u64 = 1 << 1;
const FLAGS_CLEAR: u64 = 1 << 3 | 1 << 5 | 1 << 15 | !0x003f_ffff;
/// Exceptions with an error code.
const WITH_CODE: [u64; 8] = [8, 10, 11, 12, 13, 14, 17, 21];
/// What PUSHA pushes, from its lowest word on. The fourth is the stack pointer from before.
const PUSHA: [&str; 8] = ["edi", "esi", "ebp", "", "ebx", "edx", "ecx", "eax"];

impl Unwinder<'_, '_> {
    /// What was interrupted, if `frame` is of code in assembly below such a frame.
    pub(super) fn by_x86_frame(
        &self,
        frame: &Frame,
        live: Option<&Registers>,
    ) -> Option<Interrupted> {
        let word = self.abi.word;
        (!self.has_cfi(frame.lookup_pc())).then_some(())?;
        let sp = frame.registers.sp()?;
        let at = |n: u64| {
            let addr = sp.checked_add(n.checked_mul(word)?)?;
            self.dump.memory.word_le(addr, self.dump.arch.word_bits)
        };
        let vector_below = |n: u64| {
            let below = |m: u64| n.checked_sub(m).and_then(&at);
            // Many entries push the vector below the error code, or a zero in the place of one.
            below(2).zip(below(1)).filter(|(vector, code)| {
                *vector < 256 && (*code == 0 || WITH_CODE.contains(vector) && *code < 0x1_0000)
            })
        };
        let all = || (0..MOST_SAVED).filter(|n| self.is_pushed(sp, *n, &at));
        let told = all().find(|n| vector_below(*n).is_some_and(|(vector, _)| vector != 0));
        let n = told.or_else(|| all().next())?;
        let pc = at(n)?;
        // What a call left below is nearer than any exception.
        let called = (0..n).filter_map(&at).any(|pointer| {
            self.modules.is_code(pointer)
                && calls::before(self.abi.family, &self.dump.memory, pointer).is_some()
        });
        (!called).then_some(())?;
        let mut registers = Registers::unknown(self.dump.arch.clone());
        registers.set_why_missing("register saved by code in assembly, nobody knows where");
        for (index, value) in frame.registers.known() {
            let dwarf = self.dump.arch.registers.get(index).and_then(|register| register.dwarf);
            if dwarf.is_some_and(|dwarf| self.abi.is_callee_saved(dwarf)) {
                registers.set(index, value);
            }
        }
        let after = |words: u64| sp.checked_add((n.checked_add(words)?).checked_mul(word)?);
        let (sp_before, cs, flags) = match self.abi.family {
            Family::X86 => (after(3)?, at(n + 1)?, at(n + 2)?),
            _ => (at(n + 3)?, at(n + 1)?, at(n + 2)?),
        };
        if self.abi.family == Family::X86 {
            self.take_pusha(sp, n, &at, &mut registers);
        }
        registers.set(self.dump.arch.sp, sp_before.into());
        registers.set(self.dump.arch.pc, pc.into());
        registers.set_by_name("cs", cs & 0xffff);
        registers.set_by_name("eflags", flags & 0xffff_ffff);
        let vector = live.and_then(|live| live.by_name("vector"));
        let told = vector_below(n).filter(|(vector, _)| *vector != 0).map(|(vector, _)| vector);
        let cause = vector.or(told);
        let value = live.and_then(|live| live.by_name("cr2")).filter(|_| cause == Some(14));
        let is_interrupt = cause.map(|vector| vector >= 32);
        Some(Interrupted { registers, cause, value, is_interrupt })
    }

    /// Whether the core can have pushed what lies from word `n` on.
    fn is_pushed(&self, sp: u64, n: u64, at: &dyn Fn(u64) -> Option<u64>) -> bool {
        let selector = |word: u64| word & 0xffff != 0 && word & 0xffff < 0x100 && word & 4 == 0;
        // Kernels have one selector for their code; a user's has its privilege in the low bits.
        let own = self.dump.crashed().and_then(|thread| thread.registers.by_name("cs"));
        let is_code =
            |cs: u64| selector(cs) && own.is_none_or(|own| cs == own & 0xffff || cs & 3 == 3);
        let good = || {
            let (pc, cs, flags) = (at(n)?, at(n + 1)?, at(n + 2)?);
            let sensible = self.modules.is_code(pc)
                && is_code(cs)
                && cs <= 0xffff
                && flags & FLAGS_SET != 0
                && flags & FLAGS_CLEAR == 0;
            if self.abi.family == Family::X86 {
                return Some(sensible);
            }
            let (rsp, ss) = (at(n + 3)?, at(n + 4)?);
            let has_stack = rsp > sp && (ss == 0 || selector(ss)) && rsp.is_multiple_of(8);
            Some(sensible && has_stack)
        };
        good().unwrap_or_default()
    }

    /// Takes the registers that PUSHA saved below word `n`, if it did: its own stack pointer tells.
    fn take_pusha(
        &self,
        sp: u64,
        n: u64,
        at: &dyn Fn(u64) -> Option<u64>,
        registers: &mut Registers,
    ) {
        let count = PUSHA.len() as u64;
        let first = (0..=n.saturating_sub(count)).find(|first| {
            let told = at(first + 3);
            let end = first.checked_add(count).and_then(|end| sp.checked_add(end * self.abi.word));
            n >= count && told.is_some() && told == end
        });
        let Some(first) = first else { return };
        for (index, name) in (first..).zip(PUSHA).filter(|(_, name)| !name.is_empty()) {
            if let Some(value) = at(index) {
                registers.set_by_name(name, value);
            }
        }
    }
}
