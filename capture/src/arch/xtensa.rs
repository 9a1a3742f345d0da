//! Xtensa with register windows: from the frame that a panic handler is given.
//!
//! There is no entry code here: the compiler has no inline assembly for Xtensa, and the vendor's
//! exception handlers save the registers anyway. Before the call the windows must be spilled to the
//! stack (`xthal_window_spill` in C), or the callers' registers are missing from it.
//!
//! The register note is laid out as ESP-IDF does, so that Espressif's GDB reads it: with
//! WINDOWSTART and WINDOWBASE 0, ar0-ar15 are a0-a15.
//!
//! Source: ESP-IDF `components/xtensa/include/xtensa/xtensa_context.h` (order of `XtExcFrame`) and
//! `components/espcoredump` (order of the registers in `NT_PRSTATUS`), as of 2026-07.

use crate::arch::{Arch, Xtensa};
use crate::crash::{Cause, Crash, Kind, signal};

/// The exception frame of a panic handler, in words: `XtExcFrame` without its first word (`exit`).
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Program counter.
    pub pc: u32,
    /// Processor state.
    pub ps: u32,
    /// a0-a15.
    pub a: [u32; 16],
    /// Shift amount.
    pub sar: u32,
    /// Why: EXCCAUSE.
    pub cause: u32,
    /// EXCVADDR.
    pub address: u32,
    /// Loop registers: begin, end, count.
    pub loops: [u32; 3],
}

/// Room for what a [`Crash`] borrows.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    registers: [usize; Xtensa::REGISTERS],
    faults: [(u32, usize); 2],
}

impl Room {
    /// Empty room.
    pub const fn new() -> Self {
        Room { registers: [0; Xtensa::REGISTERS], faults: [(0, 0); 2] }
    }
}

impl Default for Room {
    fn default() -> Self {
        Room::new()
    }
}

/// Numbers of special registers.
const EXCCAUSE: u32 = 232;
const EXCVADDR: u32 = 238;
/// Where ar0 stands in the register note.
const AR0: usize = 64;

/// The crash that `frame` tells of.
pub fn crash<'a>(frame: &Frame, room: &'a mut Room) -> Crash<'a> {
    const LEVEL_OF_EXCEPTION: u32 = 1 << 4;
    // pc, ps, lbeg, lend, lcount, sar, windowstart, windowbase, then a gap up to ar0.
    let [begin, end, count] = frame.loops;
    // A return address carries the window's size in its top bits; PC keeps them off already.
    let head = [frame.pc, frame.ps & !LEVEL_OF_EXCEPTION, begin, end, count, frame.sar];
    for (register, value) in room.registers.iter_mut().zip(head) {
        *register = value as usize;
    }
    for (register, value) in room.registers.iter_mut().skip(AR0).zip(frame.a) {
        *register = value as usize;
    }
    room.faults = [(EXCCAUSE, frame.cause as usize), (EXCVADDR, frame.address as usize)];
    let mut cause = Cause::new(Kind::Fault, signal_of(frame.cause));
    cause.code = frame.cause;
    cause.address = matches!(frame.cause, 2 | 3 | 9 | 12..=18 | 20 | 24..=26 | 28 | 29)
        .then_some(frame.address as usize);
    Crash {
        cause,
        registers: &room.registers,
        known: 0xff,
        floats: &[],
        float_status: 0,
        faults: &room.faults,
        interrupted_sp: None,
        retry: false,
    }
}

fn signal_of(cause: u32) -> u8 {
    match cause {
        0 => signal::ILL,
        6 => signal::FPE,
        9 => signal::BUS,
        4 => signal::INT,
        _ => signal::SEGV,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_becomes_the_registers_that_gdb_expects() {
        let mut a = [0; 16];
        a[1] = 0x3ffb_1000;
        a[15] = 15;
        let frame = Frame {
            pc: 0x400d_1234,
            ps: 0x0006_0f30,
            a,
            sar: 3,
            cause: 28,
            address: 0x20,
            loops: [1, 2, 3],
        };
        let mut room = Room::new();
        let crash = crash(&frame, &mut room);
        assert_eq!(crash.registers[..8], [0x400d_1234, 0x0006_0f20, 1, 2, 3, 3, 0, 0]);
        assert_eq!(crash.registers[Xtensa::SP], 0x3ffb_1000);
        assert_eq!(crash.registers[79], 15);
        assert_eq!((crash.cause.signal, crash.cause.address), (signal::SEGV, Some(0x20)));
    }
}
