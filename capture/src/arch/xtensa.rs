//! Xtensa: a crash out of the frame that a system's panic handler is handed.
//!
//! There is no entry code here: the compiler has no assembly for this processor, and the systems
//! that run on it come with exception handlers of their own. These also have to spill the register
//! windows before the capture runs (`xthal_window_spill` of the HAL, which both systems call): a
//! caller's a0-a3 then lie in the 16 bytes below the stack pointer of the function that it called,
//! where a debugger looks for them.
//!
//! A frame holds the registers of one window, a0-a15. They are noted as ar0-ar15 with the window at
//! 0, as ESP-IDF's own core dumps have it and as GDB for the ESP32 expects it.
//!
//! Sources: ESP-IDF v5.4, components/xtensa/include/xtensa_context.h (`XtExcFrame`); Zephyr v4.1,
//! arch/xtensa/include/xtensa_asm2_context.h (base save area); Xtensa ISA Reference Manual
//! (RI-2010.1), tables 4-64 (EXCCAUSE) and 4-63 (PS), 8.1.4 (windowed calls and the stack).

use crate::crash::{Cause, Crash, Kind, signal};
use crate::isa::{Arch, Memory, Xtensa};
use crate::list::word;

/// What a frame says.
#[derive(Clone, Copy, Debug)]
pub struct State {
    registers: [usize; Xtensa::REGISTERS],
    known: u64,
    faults: [(u32, usize); 3],
    cause: Cause<'static>,
}

/// How Zephyr's base save area is laid out; it depends on the processor and on the configuration.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct BaseSaveArea {
    /// `offsetof(_xtensa_irq_bsa_t, exccause)`: 0, 4 or 8.
    pub exccause: u16,
    /// `sizeof(_xtensa_irq_bsa_t)`.
    pub len: u16,
    /// `XCHAL_HAVE_LOOPS`.
    pub loops: bool,
}

impl BaseSaveArea {
    /// ESP32 and ESP32-S3 without shared floating point registers: thread pointer, S32C1I, loops;
    /// 18 words, and one to fill up.
    pub const ESP32: BaseSaveArea = BaseSaveArea { exccause: 8, len: 76, loops: true };
}

const PC: usize = 0;
const PS: usize = 1;
const LBEG: usize = 2;
const LEND: usize = 3;
const LCOUNT: usize = 4;
const SAR: usize = 5;
const WINDOWSTART: usize = 6;
const WINDOWBASE: usize = 7;
const AR0: usize = 64;
/// a0-a15 are known by the bits of words that mean nothing: 8 and up.
const AR0_BIT: usize = 8;
/// `PS.EXCM`: set by the exception, not by the code that it interrupted.
const EXCM: usize = 1 << 4;

/// Special registers by their numbers.
const SR_PS: u32 = 230;
const SR_EXCCAUSE: u32 = 232;
const SR_EXCVADDR: u32 = 238;

/// Collects registers and which of them are known.
struct Collector<'m, M> {
    memory: &'m mut M,
    registers: [usize; Xtensa::REGISTERS],
    known: u64,
}

impl<M: Memory> Collector<'_, M> {
    fn set(&mut self, index: usize, value: usize) {
        if let Some(register) = self.registers.get_mut(index) {
            *register = value;
        }
        let bit = if index >= AR0 { index.wrapping_sub(AR0).wrapping_add(AR0_BIT) } else { index };
        self.known |= 1u64.checked_shl(bit as u32).unwrap_or(0);
    }

    fn word(&mut self, at: usize) -> Option<usize> {
        word::<Xtensa, M>(self.memory, at)
    }

    /// Reads one register.
    fn read(&mut self, index: usize, at: usize) -> Option<()> {
        let value = self.word(at)?;
        self.set(index, value);
        Some(())
    }

    fn finish(mut self, exccause: usize, excvaddr: usize) -> State {
        let ps = self.registers.get(PS).copied().unwrap_or(0);
        self.set(PS, ps & !EXCM);
        self.set(WINDOWBASE, 0);
        self.set(WINDOWSTART, 1);
        let cause = exccause as u32;
        let mut told = Cause::new(Kind::Fault, signal_of(cause));
        told.code = cause;
        told.address = has_address(cause).then_some(excvaddr);
        State {
            registers: self.registers,
            known: self.known,
            faults: [(SR_PS, ps), (SR_EXCCAUSE, exccause), (SR_EXCVADDR, excvaddr)],
            cause: told,
        }
    }
}

fn collector<M: Memory>(memory: &mut M) -> Collector<'_, M> {
    Collector { memory, registers: [0; Xtensa::REGISTERS], known: 0 }
}

impl State {
    /// From ESP-IDF's `XtExcFrame` at `frame`, which `esp_panic_handler` has as `info->frame`. `loops`:
    /// `XCHAL_HAVE_LOOPS`, which all but the ESP32-S2 have. `None` when the frame can't be read.
    pub fn of_esp_idf<M: Memory>(frame: usize, loops: bool, memory: &mut M) -> Option<State> {
        // exit, pc, ps, a0-a15, sar, exccause, excvaddr, lbeg, lend, lcount.
        let at = |index: usize| frame.wrapping_add(index.wrapping_mul(4));
        let mut found = collector(memory);
        found.read(PC, at(1))?;
        found.read(PS, at(2))?;
        for n in 0..16 {
            found.read(AR0 + n, at(3 + n))?;
        }
        found.read(SAR, at(19))?;
        let (exccause, excvaddr) = (found.word(at(20))?, found.word(at(21))?);
        if loops {
            found.read(LBEG, at(22))?;
            found.read(LEND, at(23))?;
            found.read(LCOUNT, at(24))?;
        }
        Some(found.finish(exccause, excvaddr))
    }

    /// From the frame that Zephyr's fatal error handler has as `esf`: a pointer to the base save area,
    /// then those of a4-a15 that belong to the crashed function. `None` when it makes no sense.
    pub fn of_zephyr<M: Memory>(frame: usize, area: BaseSaveArea, memory: &mut M) -> Option<State> {
        let mut found = collector(memory);
        let base = found.word(frame)?;
        let groups = base.checked_sub(frame)?.checked_sub(4)?.checked_div(16)?;
        if groups > 3 || frame.wrapping_add(groups.wrapping_mul(16)).wrapping_add(4) != base {
            return None;
        }
        // The last group to be pushed, the highest registers, lies lowest.
        for group in 0..groups {
            let first = groups.wrapping_sub(group).wrapping_mul(4);
            for n in 0..4 {
                let at = frame.wrapping_add(4).wrapping_add(16 * group).wrapping_add(4 * n);
                found.read(AR0.wrapping_add(first).wrapping_add(n), at)?;
            }
        }
        let mut at = base.wrapping_add(area.exccause.into());
        let mut next = |found: &mut Collector<'_, M>| {
            let value = found.word(at);
            at = at.wrapping_add(4);
            value
        };
        let (exccause, excvaddr) = (next(&mut found)?, next(&mut found)?);
        if area.loops {
            for index in [LCOUNT, LEND, LBEG] {
                let value = next(&mut found)?;
                found.set(index, value);
            }
        }
        for index in [SAR, PS, PC, AR0] {
            let value = next(&mut found)?;
            found.set(index, value);
        }
        next(&mut found)?;
        for index in [AR0 + 2, AR0 + 3] {
            let value = next(&mut found)?;
            found.set(index, value);
        }
        // The stack pointer is not stored: it is where the area ends.
        found.set(Xtensa::SP, base.wrapping_add(area.len.into()));
        Some(found.finish(exccause, excvaddr))
    }

    /// As a crash, to change or to hand to [`crate::Workspace::write`].
    pub fn crash(&self) -> Crash<'_> {
        let mut crash = Crash::new(self.cause, &self.registers, self.known);
        crash.faults = &self.faults;
        crash
    }
}

fn signal_of(exccause: u32) -> u8 {
    match exccause {
        0 | 8 => signal::ILL,
        2 | 3 | 12..=18 | 20 | 24..=26 | 28 | 29 => signal::SEGV,
        9 => signal::BUS,
        6 | 32..=39 => signal::FPE,
        _ => signal::ABRT,
    }
}

/// Whether EXCVADDR holds the address that could not be used.
fn has_address(exccause: u32) -> bool {
    matches!(exccause, 2 | 3 | 9 | 12..=18 | 20 | 24..=26 | 28 | 29)
}
