//! Backtraces without a debugger.
//!
//! A thread's registers are its innermost frame. From each frame the caller's is found by the
//! best means that there is, and says by which ([`Found`]):
//!
//! 1. Xtensa: the register windows that the device spilled onto the stack (`window.rs`).
//! 2. Cortex-M: the frame that an exception pushed, when the return address is an `EXC_RETURN`
//!    (`exception.rs`). RISC-V, AArch64, x86: what the entry code of a trap saved (`trap/`).
//! 3. Call frame information of the ELF files (`cfi.rs`).
//!    Between its frames lie those that ended in a tail call (`tail.rs`).
//! 4. The link register, the frame pointer, or a scan of the stack for addresses that a call
//!    left there (`fallback.rs`). These are guesses, and are marked as such.
//! 5. The backtrace that the device itself printed, where the rest leads less far (`printed.rs`).
//!
//! A walk ends for good when it would go nowhere: each frame must lie above the one it called.

mod abi;
mod calls;
mod cfi;
mod culprit;
mod exception;
mod extended;
mod fallback;
mod printed;
mod record;
mod returns;
mod tail;
mod trap;
mod window;

pub use culprit::{Fault, fault, may_be_handler};
pub use extended::{has_extended_frame, reconstruct_control};
pub use printed::reconstruct;
pub use record::{lacks_frame_pointers, reconstruct_frame_pointers};
pub(crate) use returns::{follows_call, return_address};

use crate::debug_info::Modules;
use crate::dump::{Dump, Stack, Thread};
use crate::registers::Registers;
use abi::{Abi, Family};
use std::cell::OnceCell;
use std::fmt;

/// Frames beyond this are not looked for.
pub const MOST_FRAMES: usize = 512;

/// How a frame was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Found {
    /// They are the thread's own registers.
    Registers,
    /// Xtensa: a register window on the stack.
    Window,
    /// The ELF file's call frame information.
    CallFrameInfo,
    /// It jumped to the function before instead of calling it, and left no frame: derived from what
    /// the ELF file says of calls.
    TailCall,
    /// What was saved when an exception or interrupt was taken, by the core or by its entry code.
    Exception,
    /// The link register, behind a call: the function has not saved it yet, or never does.
    LinkRegister,
    /// The chain of frame pointers.
    FramePointer,
    /// A word on the stack that points behind a call to where the walk was.
    Scan,
    /// A word on the stack that points behind some call. Frames may be missing or wrong.
    Guess,
    /// The device itself printed it.
    Printed,
}

impl Found {
    /// Whether the means can be wrong though the dump is whole.
    pub fn is_guess(self) -> bool {
        matches!(self, Found::Scan | Found::Guess | Found::LinkRegister)
    }

    /// One word for tables and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Found::Registers => "registers",
            Found::Window => "window",
            Found::CallFrameInfo => "cfi",
            Found::TailCall => "tail-call",
            Found::Exception => "exception",
            Found::LinkRegister => "link-register",
            Found::FramePointer => "frame-pointer",
            Found::Scan => "scan",
            Found::Guess => "guess",
            Found::Printed => "printed",
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Found::Registers => "its registers",
            Found::Window => "register window on the stack",
            Found::CallFrameInfo => "call frame information",
            Found::TailCall => "tail call (derived: it left no frame)",
            Found::Exception => "exception frame",
            Found::LinkRegister => "link register",
            Found::FramePointer => "frame pointer",
            Found::Scan => "stack scan (after a call to the frame before)",
            Found::Guess => "stack scan (after a call instruction)",
            Found::Printed => "printed by the device",
        })
    }
}

/// A function that was running, or had called the one before.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The next instruction that it would have run.
    pub pc: u64,
    /// Whether `pc` is a return address: the instruction before it is the one that matters.
    pub is_return: bool,
    /// How it was found.
    pub found: Found,
    /// The registers as they were in this frame. Those that the functions it called may have
    /// changed, and that nobody saved, are unknown.
    pub registers: Registers,
    /// The canonical frame address: the stack pointer in the caller, before the call.
    pub cfa: Option<u64>,
    /// The exception that interrupted this frame, where the frames before it are its handler's.
    pub exception: Option<Exception>,
    /// The function, in the words of a device that printed the frame itself.
    pub said: Option<String>,
    /// It was reached from a frame that is a guess: however sure the last step was.
    pub above_guess: bool,
}

/// What interrupted a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exception {
    /// The manual's name: `HardFault`.
    pub name: String,
    /// Whether the interrupted code itself is its cause.
    pub is_fault: bool,
    /// Cortex-M: where the frame that the core pushed has room for s0-s15, if it has.
    pub float_area: Option<u64>,
    /// Elsewhere: what the cause register said, if that is known of this exception.
    pub cause: Option<u64>,
    /// The same of the register with the address.
    pub value: Option<u64>,
}

impl Frame {
    fn new(pc: u64, is_return: bool, found: Found, registers: Registers) -> Frame {
        let (cfa, exception, said) = (None, None, None);
        Frame { pc, is_return, found, registers, cfa, exception, said, above_guess: false }
    }

    /// Whether it may be no frame at all, though the dump is whole.
    pub fn is_guess(&self) -> bool {
        self.found.is_guess() || self.above_guess
    }

    /// The address to look up function and line with: within the instruction that matters.
    pub fn lookup_pc(&self) -> u64 {
        if self.is_return { self.pc.saturating_sub(1) } else { self.pc }
    }
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the outermost function, as it should.
    Outermost,
    /// The thread has no program counter.
    NoRegisters,
    /// Nothing says who called the last frame.
    NoCaller,
    /// The stack is not in the dump from here on.
    StackMissing(u64),
    /// The next return address is nowhere in the code.
    NotCode(u64),
    /// The last frame handles a trap, and where that saved what it interrupted nobody can tell.
    NotSaved,
    /// The next frame would not lie above the last one.
    NoProgress,
    /// There are more frames than anybody wants.
    Limit,
    /// The device printed no further ones.
    Printed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Outermost => f.write_str("outermost frame"),
            End::NoRegisters => f.write_str("the thread's program counter is not known"),
            End::NoCaller => f.write_str("the caller of the last frame is unknown"),
            End::StackMissing(addr) => write!(f, "the stack at {addr:#x} is not in the dump"),
            End::NotCode(addr) => write!(f, "the return address {addr:#x} is not in the code"),
            End::NotSaved => f.write_str("nothing tells what the trap interrupted"),
            End::NoProgress => f.write_str("the stack leads back to itself: it is corrupt"),
            End::Limit => write!(f, "{MOST_FRAMES} frames shown, there are more"),
            End::Printed => f.write_str("the device printed no further frames"),
        }
    }
}

/// The frames of a thread, innermost first.
#[derive(Clone, Debug)]
pub struct Backtrace {
    /// The frames; empty if the thread's program counter is not known.
    pub frames: Vec<Frame>,
    /// Why there are no more.
    pub end: End,
    /// Which frame the crash happened in: the innermost one that a fault interrupted, where the
    /// walk began in the handler of that fault; else the first.
    pub culprit: usize,
}

/// Walks the stacks of a dump.
pub struct Unwinder<'u, 'a> {
    dump: &'u Dump,
    modules: &'u Modules<'a>,
    abi: Abi,
    cfi: OnceCell<Vec<cfi::Table>>,
    tails: tail::Known,
}

impl<'u, 'a> Unwinder<'u, 'a> {
    /// For the threads of `dump`, with what the ELF files know.
    pub fn new(dump: &'u Dump, modules: &'u Modules<'a>) -> Self {
        let (cfi, tails) = Default::default();
        Unwinder { dump, modules, abi: Abi::of(&dump.arch), cfi, tails }
    }

    /// The frames of a thread of the dump.
    pub fn backtrace(&self, thread: &Thread) -> Backtrace {
        self.or_printed(self.walk(thread.registers.clone(), thread.stack), thread)
    }

    /// The frames of whatever has these registers. `stack` bounds what is scanned.
    pub fn walk(&self, registers: Registers, stack: Option<Stack>) -> Backtrace {
        let mut frames: Vec<Frame> = Vec::new();
        let mut handler = self.handler_of(&registers);
        let own = registers.clone();
        // The trap's registers are those of the frame that the thread's own registers describe.
        let mut live = own.pc().map(|_| &own);
        let first = match registers.pc().map(|pc| self.abi.code_address(pc)) {
            Some(pc) => Ok(Frame::new(pc, false, Found::Registers, registers)),
            None => self.by_stack_alone(&registers, stack),
        };
        let Ok(first) = first else {
            return Backtrace { frames, end: End::NoRegisters, culprit: 0 };
        };
        frames.push(first);
        let end = loop {
            let Some(frame) = frames.last_mut() else { break End::NoCaller };
            let step = match self.abi.family {
                Family::Xtensa => self.by_window(frame),
                _ => self.caller(frame, stack, live),
            };
            let mut next = match step {
                Ok(next) => next,
                Err(end) => break end,
            };
            if !goes_up(frame, &next) {
                break End::NoProgress;
            }
            next.above_guess = frame.above_guess || frame.found == Found::Guess;
            if next.found == Found::Exception && self.abi.family != Family::Arm {
                // The trap's own registers tell of the last one alone.
                live = None;
            } else if next.found == Found::Exception {
                let interrupted = self.handler_of(&next.registers);
                let float_area = next.exception.take().and_then(|pushed| pushed.float_area);
                let exception = std::mem::replace(&mut handler, interrupted).exception();
                next.exception = Some(Exception { float_area, ..exception });
            }
            if next.found == Found::CallFrameInfo {
                let between = self.tail_calls(frame, &next);
                frames.extend(between);
            }
            frames.push(next);
            if frames.len() >= MOST_FRAMES {
                break End::Limit;
            }
        };
        let culprit = culprit::of(&frames);
        Backtrace { frames, end, culprit }
    }

    fn caller(
        &self,
        frame: &mut Frame,
        stack: Option<Stack>,
        live: Option<&Registers>,
    ) -> Result<Frame, End> {
        if let Some(interrupted) = self.by_trap(frame, live) {
            return Ok(self.trapped(interrupted));
        }
        if let Some(by_cfi) = self.by_cfi(frame) {
            let next = by_cfi?;
            if let Some(pushed) = self.interrupted(&next) {
                return pushed;
            }
            if next.pc == 0 || self.is_made_up(next.pc) {
                return Err(End::Outermost);
            }
            if self.may_be_code(next.lookup_pc()) {
                return Ok(next);
            }
            return Err(End::NotCode(next.pc));
        }
        let pushed = self
            .interrupted(frame)
            .or_else(|| self.interrupted_by_link(frame))
            .or_else(|| self.interrupted_by_word(frame));
        if let Some(pushed) = pushed {
            return pushed;
        }
        if self.leaves_trap(frame) {
            return Err(End::NotSaved);
        }
        self.by_fallback(frame, stack)
    }

    /// Whether `pc` is what a kernel gave a task to return to: a function's beginning, with no call in
    /// front of it. Nothing called from there.
    fn is_made_up(&self, pc: u64) -> bool {
        if matches!(self.abi.family, Family::Xtensa | Family::Other) {
            return false;
        }
        let bounds = self.modules.at(pc).and_then(|module| module.symbols().function_bounds(pc));
        let pointer = if self.abi.family == Family::Arm { pc | 1 } else { pc };
        let has_code = pc.checked_sub(4).is_some_and(|at| self.dump.memory.u32_le(at).is_some());
        has_code
            && bounds.is_some_and(|(start, _)| start == pc)
            && calls::before(self.abi.family, &self.dump.memory, pointer).is_none()
    }

    /// Whether code can be at `addr`: an ELF file says so, or the chip has its ROM there, or
    /// nobody knows anything about code.
    fn may_be_code(&self, addr: u64) -> bool {
        use crate::targets::MemoryKind;
        let rom = |kind| matches!(kind, MemoryKind::Rom | MemoryKind::Flash);
        let chip = self.dump.chip.as_ref();
        self.modules.is_code(addr)
            || chip.and_then(|chip| chip.memory_at(addr)).is_some_and(|m| rom(m.kind))
            || (chip.is_none() && self.modules.iter().next().is_none())
    }
}

/// Whether `next` can be the caller of `frame`: its stack pointer lies above, or is the same
/// with another program counter (a function without a frame). Exceptions change stacks.
fn goes_up(frame: &Frame, next: &Frame) -> bool {
    if next.found == Found::Exception {
        return frame.registers.sp() != next.registers.sp() || frame.pc != next.pc;
    }
    match (frame.registers.sp(), next.registers.sp()) {
        (Some(below), Some(above)) => {
            above > below || (above == below && next.pc != frame.pc && !frame.is_return)
        }
        _ => matches!(next.found, Found::Window | Found::Printed),
    }
}
