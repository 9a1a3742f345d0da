//! Callers without call frame information: guesses that are checked as far as they can be.
//!
//! A candidate must be a code address behind a call instruction. The best one is behind a call
//! to the very function that the walk is in. Between two candidates the lower one on the stack
//! is the inner frame.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::abi::FramePointer;
use super::calls::{self, Call};
use super::{End, Family, Found, Frame, Unwinder};
use crate::dump::Stack;
use crate::memory::AddrRange;
use crate::registers::Registers;

/// How far up an unknown stack is scanned, in bytes.
const FARTHEST_SCAN: u64 = 16 << 10;
/// How far above the return address its function's frame may start, in bytes: room for the
/// arguments that a variadic function stored above it.
const FARTHEST_CFA: u64 = 128;

/// How well a call fits the function that it should have called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is of a direct call to another function; a tail call may lie between.
    Elsewhere,
    /// Nobody can tell where the call went.
    Unknown,
    /// It went where the walk is.
    Exact,
}

impl Unwinder<'_, '_> {
    /// The caller, by whatever gives a sound one.
    pub(super) fn by_fallback(&self, frame: &Frame, stack: Option<Stack>) -> Result<Frame, End> {
        if self.is_entry(frame.lookup_pc()) {
            return Err(End::Outermost);
        }
        if let Some(next) = self.by_link_register(frame) {
            return Ok(next);
        }
        // A register that should be the frame pointer may hold anything: what it leads to counts
        // only as much as it fits.
        let by_pointer = self.abi.frame_pointer.and_then(|rule| self.by_frame_pointer(frame, rule));
        match by_pointer {
            Some((Fit::Exact, next)) => Ok(next),
            // AArch64's frame records are a chain that all code keeps; a call further up the stack
            // is another's.
            Some((fit, next)) if fit == Fit::Unknown || self.abi.family == Family::Aarch64 => {
                match self.by_scan(frame, stack) {
                    Ok(scanned)
                        if scanned.found == Found::Scan
                            && (self.abi.family != Family::Aarch64
                                || scanned.registers.sp() <= next.registers.sp()) =>
                    {
                        Ok(scanned)
                    }
                    _ => Ok(next),
                }
            }
            _ => self.by_scan(frame, stack),
        }
    }

    /// Whether `pc` is in the function that the program starts with: nobody called it.
    fn is_entry(&self, pc: u64) -> bool {
        self.modules.at(pc).is_some_and(|module| {
            let entry = self.abi.code_address(module.elf().entry);
            let symbols = module.symbols();
            symbols
                .at(pc)
                .zip(symbols.at(entry))
                .is_some_and(|(here, start)| here.name == start.name)
        })
    }

    /// The link register of the innermost frame, if the function can't have saved it: it holds
    /// what a call to this very function left.
    fn by_link_register(&self, frame: &Frame) -> Option<Frame> {
        let pointer = frame.registers.by_name(self.abi.link?)?;
        if frame.is_return || self.fit(pointer, frame)? < Fit::Unknown {
            return None;
        }
        let sp = frame.registers.sp()?;
        Some(self.frame_at(pointer, sp, frame, Found::LinkRegister))
    }

    fn by_frame_pointer(&self, frame: &Frame, rule: FramePointer) -> Option<(Fit, Frame)> {
        let fp = frame.registers.by_name(rule.register)?;
        let sp = frame.registers.sp()?;
        if fp < sp || fp.checked_sub(sp)? > FARTHEST_SCAN || fp % self.abi.word != 0 {
            return None;
        }
        let bits = self.dump.arch.word_bits;
        let word = |off: i64| self.dump.memory.word_le(fp.checked_add_signed(off)?, bits);
        let pointer = word(rule.return_addr_off)?;
        let fit = self.fit(pointer, frame)?;
        let saved = word(rule.saved_off)?;
        let cfa = fp.checked_add_signed(rule.cfa_off)?;
        let mut next = self.frame_at(pointer, cfa, frame, Found::FramePointer);
        if saved > fp {
            next.registers.set_by_name(rule.register, saved);
        }
        Some((fit, next))
    }

    /// The innermost caller of a context of which only the stack is known: a guess.
    pub(super) fn by_stack_alone(
        &self,
        registers: &Registers,
        stack: Option<Stack>,
    ) -> Result<Frame, End> {
        if self.abi.family == Family::Xtensa || self.modules.iter().next().is_none() {
            return Err(End::NoRegisters);
        }
        self.by_scan(&Frame::new(0, false, Found::Registers, registers.clone()), stack)
    }

    fn by_scan(&self, frame: &Frame, stack: Option<Stack>) -> Result<Frame, End> {
        // Without a program counter nothing tells whether a call fits: the nearest one counts.
        let nearest = frame.registers.pc().is_none();
        let sp = frame.registers.sp().ok_or(End::NoCaller)?;
        let word = self.abi.word.max(1);
        let start = sp.checked_next_multiple_of(word).ok_or(End::NoCaller)?;
        let bound = match stack.filter(|stack| (stack.low..=stack.high).contains(&sp)) {
            // Above the first frame of a stack there is another thread's.
            Some(stack) if stack.high.saturating_sub(start) < word => return Err(End::Outermost),
            Some(stack) => stack.high.saturating_sub(start),
            None => FARTHEST_SCAN,
        };
        let range = AddrRange::of_len(start, bound).ok_or(End::NoCaller)?;
        let readable = self.dump.memory.readable_len(range);
        if readable < word {
            return Err(End::StackMissing(start));
        }
        let bits = self.dump.arch.word_bits;
        let mut best: Option<(Fit, u64, u64)> = None;
        for at in (start..start.saturating_add(readable)).step_by(word as usize) {
            let Some(pointer) = self.dump.memory.word_le(at, bits) else { break };
            let Some(fit) = self.fit(pointer, frame) else { continue };
            if best.is_none_or(|(best, _, _)| fit > best) {
                best = Some((fit, at, pointer));
            }
            if fit == Fit::Exact || nearest {
                break;
            }
        }
        let (fit, at, pointer) = best.ok_or(End::NoCaller)?;
        let found = if fit == Fit::Exact && !nearest { Found::Scan } else { Found::Guess };
        Ok(self.frame_at(pointer, self.likely_sp(at, pointer), frame, found))
    }

    /// How well `pointer` fits as an address that a call to the function of `frame` left;
    /// `None` if it is no return address.
    fn fit(&self, pointer: u64, frame: &Frame) -> Option<Fit> {
        let pc = self.abi.code_address(pointer);
        let module = self.modules.at(pc.checked_sub(1)?)?;
        let call = calls::before(self.abi.family, &self.dump.memory, pointer)?;
        let Call::To(target) = call else { return Some(Fit::Unknown) };
        let jump = calls::jump_at(self.abi.family, &self.dump.memory, target);
        let target = jump.unwrap_or(target);
        let callee = self.modules.at(frame.lookup_pc());
        Some(match callee {
            // The walk is in code of no ELF file (ROM): only a call out of all of them fits.
            None if self.modules.is_code(target) => Fit::Elsewhere,
            None => Fit::Exact,
            Some(callee) => match callee.symbols().function_bounds(frame.lookup_pc()) {
                Some((start, _)) if start == target => Fit::Exact,
                Some(_) => Fit::Elsewhere,
                // Code without a symbol: nothing to compare with.
                None if module.holds_code(target) => Fit::Unknown,
                None => Fit::Elsewhere,
            },
        })
    }

    /// Whether `pointer` is what a call to the very function of `frame` left.
    pub(super) fn is_call_to(&self, pointer: u64, frame: &Frame) -> bool {
        self.fit(pointer, frame) == Some(Fit::Exact)
    }

    /// The caller's stack pointer, when its return address was found at `at`. With call frame
    /// information: the lowest one from which the caller's own caller can be found.
    fn likely_sp(&self, at: u64, pointer: u64) -> u64 {
        let align = self.abi.stack_align.max(1);
        let lowest = at.saturating_add(self.abi.word).checked_next_multiple_of(align).unwrap_or(at);
        let pc = self.abi.code_address(pointer);
        if !self.has_cfi(pc.saturating_sub(1)) {
            return lowest;
        }
        let good = |sp: &u64| {
            let mut registers = Registers::unknown(self.dump.arch.clone());
            registers.set(self.dump.arch.sp, (*sp).into());
            registers.set(self.dump.arch.pc, pc.into());
            let found = Found::Scan;
            let mut frame = Frame::new(pc, true, found, registers);
            match self.by_cfi(&mut frame) {
                Some(Ok(next)) => {
                    let pointer = match self.abi.family {
                        Family::Arm => next.pc | 1,
                        _ => next.pc,
                    };
                    calls::before(self.abi.family, &self.dump.memory, pointer).is_some()
                }
                Some(Err(End::Outermost)) => true,
                _ => false,
            }
        };
        (0..=FARTHEST_CFA / align)
            .filter_map(|n| lowest.checked_add(n * align))
            .find(good)
            .unwrap_or(lowest)
    }

    fn frame_at(&self, pointer: u64, sp: u64, from: &Frame, found: Found) -> Frame {
        let arch = &self.dump.arch;
        let pc = self.abi.code_address(pointer);
        let mut registers = Registers::unknown(arch.clone());
        registers.set_why_missing("register not known: the frame was found by a guess");
        if found == Found::LinkRegister {
            // A function without a frame has changed none that it must keep.
            for (index, value) in from.registers.known() {
                let dwarf = arch.registers.get(index).and_then(|register| register.dwarf);
                if dwarf.is_some_and(|dwarf| self.abi.is_callee_saved(dwarf)) {
                    registers.set(index, value);
                }
            }
        }
        self.keep_banked(from, &mut registers);
        registers.set(arch.sp, sp.into());
        registers.set(arch.pc, pc.into());
        Frame::new(pc, true, found, registers)
    }
}
