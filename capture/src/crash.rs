//! What is known about a crash before any memory is looked at: cause and registers.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Why the device stopped. The number goes into the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// The processor reported a fault.
    Fault = 0,
    /// The program panicked.
    Panic = 1,
    /// An assertion or another call of the program.
    Abort = 2,
    /// A watchdog's early warning.
    Watchdog = 3,
}

/// The signal numbers that GDB names.
pub mod signal {
    #![allow(missing_docs, reason = "POSIX names")]
    pub const INT: u8 = 2;
    pub const ILL: u8 = 4;
    pub const TRAP: u8 = 5;
    pub const ABRT: u8 = 6;
    pub const BUS: u8 = 7;
    pub const FPE: u8 = 8;
    pub const SEGV: u8 = 11;
    pub const ALRM: u8 = 14;
}

/// The cause of a crash, in words and numbers.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// Who noticed.
    pub kind: Kind,
    /// POSIX signal number, see [`signal`].
    pub signal: u8,
    /// Exception number (Cortex-M), `mcause` (RISC-V), EXCCAUSE (Xtensa).
    pub code: u32,
    /// The address whose access failed.
    pub address: Option<usize>,
    /// Crashed inside an interrupt or exception handler.
    pub in_interrupt: bool,
    /// The processor could not push its exception frame.
    pub frame_lost: bool,
    /// The capture had faulted twice: this is what the entry code alone has kept.
    pub last_resort: bool,
    /// Microseconds since the start; the handler fills it in if it has a clock.
    pub uptime_us: Option<u64>,
    /// Why the device had started; the handler fills it in if it knows.
    pub reset_reason: Option<u32>,
    /// Source file and line of a panic.
    pub place: Option<(&'a str, u32)>,
    /// Panic message, or the program's own words.
    pub message: &'a str,
}

impl Cause<'_> {
    /// A cause of which only the kind and signal are known.
    pub const fn new(kind: Kind, signal: u8) -> Self {
        Cause {
            kind,
            signal,
            code: 0,
            address: None,
            in_interrupt: false,
            frame_lost: false,
            last_resort: false,
            uptime_us: None,
            reset_reason: None,
            place: None,
            message: "",
        }
    }
}

/// A crash as the entry code hands it to the handler.
#[derive(Clone, Copy, Debug)]
pub struct Crash<'a> {
    /// Why.
    pub cause: Cause<'a>,
    /// The registers of the crashed context, in the order of `NT_PRSTATUS`.
    pub registers: &'a [usize],
    /// Bit n: `registers[n]` is known.
    pub known: u64,
    /// Floating point registers as raw bytes, or nothing.
    pub floats: &'a [u8],
    /// FPSCR or fcsr, when there are `floats`.
    pub float_status: u32,
    /// Raw fault and special registers: id (see [`crate::layout::fault_registers`]) and value.
    pub faults: &'a [(u32, usize)],
    /// Stack pointer of the thread that an interrupt handler, which crashed, had interrupted.
    pub interrupted_sp: Option<usize>,
    /// The capture itself faulted before: only the most valuable things are written.
    pub retry: bool,
    /// Who made this value: with the public fields alone nobody can claim to be the entry code.
    pub(crate) attempt: Attempt,
    /// The lowest words of the stack that the handler runs on, each [`GUARD`] as long as it never got
    /// there; none where that is not known.
    pub(crate) guard: &'static [AtomicUsize],
}

/// What the entry code writes to the end of the handler's stack.
pub(crate) const GUARD: usize = 0x5afe_9d1e;

/// Who handed out a [`Crash`]. The number is what [`crate::arch::state::HandlerOnly`] remembers, in memory
/// that a crash may have written over: one that does not come about by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Attempt {
    /// The entry code, at the first fault.
    #[cfg_attr(not(entry), allow(dead_code, reason = "there is no entry code here"))]
    First = 0xa77e_3701,
    /// The entry code, after the capture itself had faulted: the first attempt is over.
    #[cfg_attr(not(entry), allow(dead_code, reason = "as above"))]
    Second = 0xa77e_3702,
    /// Anybody else: tests, tools, a system's own handler.
    Made = 0xa77e_3703,
}

impl<'a> Crash<'a> {
    /// A crash that the entry code has not seen, of which no more is known than cause and registers:
    /// for tests and tools, and for handlers of a system. The other fields can be set afterwards.
    pub const fn new(cause: Cause<'a>, registers: &'a [usize], known: u64) -> Self {
        Crash {
            cause,
            registers,
            known,
            floats: &[],
            float_status: 0,
            faults: &[],
            interrupted_sp: None,
            retry: false,
            attempt: Attempt::Made,
            guard: &[],
        }
    }
}

impl Crash<'_> {
    /// Whether the stack that the handler runs on has been too small for it: what lies below was written
    /// over. A dump says so.
    pub fn handler_overflowed(&self) -> bool {
        self.guard.iter().any(|word| word.load(Relaxed) != GUARD)
    }

    /// A register by its place in `NT_PRSTATUS`.
    pub(crate) fn register(&self, index: usize) -> usize {
        self.registers.get(index).copied().unwrap_or(0)
    }
}
