//! Exception frames: what the core pushes when it takes an exception, and how to undo it.
//!
//! | off | size | word                                                                    |
//! |   0 |   40 | state context: integrity signature, reserved, r4-r11; only where DCRS=0 |
//! |   0 |   32 | r0 r1 r2 r3 r12 lr pc xpsr                                              |
//! |  32 |   72 | s0-s15 fpscr reserved; only in an extended frame (FType=0)              |
//! |     |    4 | padding, if bit 9 of the stacked xpsr is set                            |
//!
//! The offsets of the lower rows count from the end of the state context, where there is one.
//! Which kind of frame it is says EXC_RETURN, the value of lr in the handler:
//! bit 2 SPSEL (1: the process stack), 3 Mode (1: Thread), 4 FType (0: extended),
//! 5 DCRS (0: state context), 6 S (1: secure stack), 0 ES (1: secure handler). Bits 0, 5 and 6 are
//! ARMv8-M's; older cores have ones there.
//!
//! Sources: ARMv7-M Architecture Reference Manual (DDI 0403E.e) B1.5.6 to B1.5.8; ARMv8-M
//! (DDI 0553B.u) B3.19, B3.20.

use super::set_pair;
use crate::memory::{Memory, Origin};
use crate::registers::Registers;

/// The names of a basic frame's words.
pub const BASIC: [&str; 8] = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];

/// A basic frame in bytes.
pub const BASIC_LEN: u32 = 32;
/// What an extended frame has on top of it.
pub const FLOAT_LEN: u32 = 72;
/// The state context of ARMv8-M below the frame.
const STATE_LEN: u32 = 40;
/// Set in the stacked xpsr if the core pushed a word of padding.
const PADDED: u32 = 1 << 9;

/// Floating-point Context Control Register; its lowest bit is LSPACT: room was left in a frame
/// for s0-s15, and they are still in the FPU.
pub const FPCCR_ADDR: u64 = 0xe000_ef34;
const LSPACT: u32 = 1;
/// Floating-point Context Address Register: where that room is.
pub const FPCAR_ADDR: u64 = 0xe000_ef38;

/// What lr holds in an exception handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExcReturn(pub u32);

impl ExcReturn {
    /// Whether the value can be one.
    pub fn is_valid(self) -> bool {
        self.0 >> 8 == 0x00ff_ffff && self.0 & 0x80 != 0
    }

    /// The frame holds s0-s15 and fpscr.
    pub fn is_extended(self) -> bool {
        self.0 & 1 << 4 == 0
    }

    /// The frame lies on the process stack.
    pub fn on_process_stack(self) -> bool {
        self.0 & 1 << 2 != 0
    }

    /// Thread mode was interrupted, not a handler.
    pub fn to_thread_mode(self) -> bool {
        self.0 & 1 << 3 != 0
    }

    /// The frame lies on a secure stack: secure code was interrupted (ARMv8-M).
    pub fn frame_is_secure(self) -> bool {
        self.0 & 1 << 6 != 0
    }

    /// The exception was handled in the secure state (ARMv8-M).
    pub fn handler_is_secure(self) -> bool {
        self.0 & 1 != 0
    }

    /// r4-r11 lie below the frame (ARMv8-M, secure code interrupted by the other side).
    pub fn has_state_context(self) -> bool {
        self.0 & 1 << 5 == 0
    }
}

/// A frame found in memory: the registers of the context that an exception interrupted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The address of its r0.
    pub addr: u64,
    /// r0 r1 r2 r3 r12 lr pc xpsr.
    pub basic: [u32; 8],
    /// r4-r11 of the state context below it.
    pub saved: Option<[u32; 8]>,
    /// It has room for s0-s15 and fpscr.
    pub extended: bool,
    /// s0-s15 and fpscr, if the frame holds them for certain.
    pub float: Option<[u32; 17]>,
    /// They are still in the FPU.
    pub in_fpu: bool,
}

impl Frame {
    /// Reads the frame whose r0 is at `addr`. `None` if its eight words are not all there.
    pub fn at(memory: &Memory, addr: u64, extended: bool) -> Option<Frame> {
        let basic = words(memory, addr)?;
        let float_addr = addr.checked_add(BASIC_LEN.into())?;
        let is_dumped = |addr| memory.region_at(addr).is_some_and(|r| r.origin == Origin::Dump);
        // By default the core only makes room for s0-s15, and writes them when the handler uses the
        // FPU: without its word for it nobody knows whether that has happened.
        let control = memory.u32_le(FPCCR_ADDR).filter(|_| is_dumped(FPCCR_ADDR));
        let in_fpu = extended
            && control.is_some_and(|word| word & LSPACT != 0)
            && memory.u32_le(FPCAR_ADDR).map(u64::from) == Some(float_addr);
        let is_written = extended && control.is_some() && !in_fpu;
        let float = is_written.then(|| words(memory, float_addr)).flatten();
        Some(Frame { addr, basic, saved: None, extended, float, in_fpu })
    }

    /// The same frame, of a context whose FPU registers were written for certain: whoever saves
    /// s16-s31 uses the FPU, and that makes the core write s0-s15.
    #[must_use]
    pub fn with_floats(self, memory: &Memory) -> Frame {
        let float_addr = self.addr.checked_add(BASIC_LEN.into());
        let float = float_addr.filter(|_| self.extended && !self.in_fpu);
        let float = float.and_then(|addr| words(memory, addr));
        Frame { float, ..self }
    }

    /// Reads the frame that an exception left at the stack pointer `sp`, by the handler's
    /// `exc_return`.
    pub fn of_exception(memory: &Memory, sp: u64, exc_return: ExcReturn) -> Option<Frame> {
        if !exc_return.has_state_context() {
            return Frame::at(memory, sp, exc_return.is_extended());
        }
        let addr = sp.checked_add(STATE_LEN.into())?;
        let frame = Frame::at(memory, addr, exc_return.is_extended())?;
        Some(Frame { saved: words(memory, sp.checked_add(8)?), ..frame })
    }

    /// The stack pointer before the exception.
    pub fn sp_before(&self) -> u64 {
        let float = if self.extended { FLOAT_LEN } else { 0 };
        let padding = if self.xpsr() & PADDED != 0 { 4 } else { 0 };
        self.addr.wrapping_add((BASIC_LEN + float + padding).into()) & u64::from(u32::MAX)
    }

    /// The stacked program counter.
    pub fn pc(&self) -> u32 {
        self.basic[6]
    }

    /// The stacked program status.
    pub fn xpsr(&self) -> u32 {
        self.basic[7]
    }

    /// Whether a core can have pushed this: Thumb state, an even pc.
    pub fn is_plausible(&self) -> bool {
        self.xpsr() & 1 << 24 != 0 && self.pc() & 1 == 0 && self.addr.is_multiple_of(4)
    }

    /// Sets the registers of the interrupted context: the frame's own, and sp.
    pub fn restore(&self, registers: &mut Registers) {
        for (name, value) in BASIC.iter().zip(self.basic) {
            registers.set_by_name(name, value);
        }
        for (n, value) in (4..).zip(self.saved.iter().flatten()) {
            registers.set_by_name(&format!("r{n}"), *value);
        }
        registers.set_sp(self.sp_before());
        if !self.in_fpu {
            // Whatever they held, the handler may have changed.
            (0..8).for_each(|n| registers.forget(&format!("d{n}")));
            registers.forget("fpscr");
        }
        if let Some(float) = &self.float {
            let (pairs, rest) = float.as_chunks::<2>();
            for (n, [low, high]) in pairs.iter().enumerate() {
                set_pair(registers, n, *low, *high);
            }
            if let [fpscr] = rest {
                registers.set_by_name("fpscr", *fpscr);
            }
        }
    }
}

/// `N` words from `addr` on, if all of them are there.
pub fn words<const N: usize>(memory: &Memory, addr: u64) -> Option<[u32; N]> {
    let mut words = [0; N];
    for (at, word) in (0..).step_by(4).zip(&mut words) {
        *word = memory.u32_le(addr.checked_add(at)?)?;
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Region;
    use crate::targets::Targets;

    fn memory(addr: u64, words: impl IntoIterator<Item = u32>) -> Memory {
        let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut memory = Memory::new();
        memory.insert(Region::dumped(addr, bytes.into()));
        memory
    }

    fn registers() -> Registers {
        Registers::unknown(Targets::built_in().arch("cortex-m").expect("a built-in set"))
    }

    const XPSR: u32 = 0x0100_0000;
    const BASIC_WORDS: [u32; 8] = [10, 11, 12, 13, 112, 0x801, 0x900, XPSR];

    #[test]
    fn a_basic_frame_gives_its_registers_and_the_stack_pointer_behind_it() {
        let memory = memory(0x2000_0100, BASIC_WORDS);
        let frame = Frame::at(&memory, 0x2000_0100, false).expect("it is there");
        let mut registers = registers();
        frame.restore(&mut registers);
        assert_eq!((registers.pc(), registers.sp()), (Some(0x900), Some(0x2000_0120)));
        assert_eq!((registers.by_name("r12"), registers.by_name("r4")), (Some(112), None));
        assert!(frame.is_plausible());
        assert_eq!(Frame::at(&memory, 0x2000_0104, false), None, "its last word is missing");
    }

    #[test]
    fn bit_9_of_xpsr_tells_of_a_word_of_padding() {
        let mut words = BASIC_WORDS;
        words[7] |= PADDED;
        let frame = Frame::at(&memory(0x2000_0100, words), 0x2000_0100, false);
        assert_eq!(frame.expect("it is there").sp_before(), 0x2000_0124);
    }

    #[test]
    fn an_extended_frame_gives_the_doubles_unless_they_are_still_in_the_fpu() {
        let words = || BASIC_WORDS.into_iter().chain(0x100..0x112);
        let mut there = memory(0x2000_0100, words());
        let exc_return = ExcReturn(0xffff_ffed);
        assert!(exc_return.is_valid() && exc_return.on_process_stack());
        let frame = Frame::of_exception(&there, 0x2000_0100, exc_return).expect("it is there");
        assert_eq!(frame.sp_before(), 0x2000_0100 + 26 * 4);
        let mut held = registers();
        held.set_by_name("d1", 7u32);
        frame.restore(&mut held);
        assert_eq!(held.by_name("d1"), None, "nothing says that the core wrote them");
        let frame = frame.with_floats(&there);
        frame.restore(&mut held);
        assert_eq!(held.by_name("d1"), Some(0x103_0000_0102));
        assert_eq!((held.by_name("fpscr"), held.by_name("d8")), (Some(0x110), None));

        let lazy =
            [1, 0x2000_0120u32].iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<_>>();
        there.insert(Region::dumped(FPCCR_ADDR, lazy.into()));
        let frame = Frame::of_exception(&there, 0x2000_0100, exc_return).expect("it is there");
        assert_eq!((frame.float, frame.extended), (None, true));
    }

    #[test]
    fn the_state_context_of_armv8_m_lies_below_the_frame() {
        let state = [0xfefa_125b, 0, 4, 5, 6, 7, 8, 9, 10, 11];
        let memory = memory(0x2000_0100, state.into_iter().chain(BASIC_WORDS));
        let frame = Frame::of_exception(&memory, 0x2000_0100, ExcReturn(0xffff_ffd9));
        let frame = frame.expect("it is there");
        let mut registers = registers();
        frame.restore(&mut registers);
        assert_eq!((registers.by_name("r4"), registers.by_name("r11")), (Some(4), Some(11)));
        assert_eq!(registers.sp(), Some(0x2000_0100 + 40 + 32));
    }
}
