//! Saved registers: the frames that FreeRTOS' ports push, and the register notes of ELF bodies.
//!
//! Xtensa exception frame, words: 0 exit (not 0), 1 pc, 2 ps, 3-18 a0-a15, 19 sar, 20 exccause,
//! 21 excvaddr, and on cores with loops 22 lbeg, 23 lend, 24 lcount.
//! Xtensa solicited frame (the task called the scheduler): 0 exit = 0, 1 pc, 2 ps, 4-7 a0-a3.
//! RISC-V frame: 0 pc, 1-31 x1-x31, then, of the crashed task alone, mstatus, mtvec, mcause,
//! mtval, mhartid.
//!
//! Register note of Xtensa (588 bytes), from offset 72: pc ps lbeg lend lcount sar windowstart
//! windowbase; from 328: ar0-ar63, of which ar0-ar15 are a0-a15 and the rest is 0.
//! Register note of RISC-V (204 bytes), from offset 72: the 32 words of the frame.
//!
//! Source: ESP-IDF v4.1 to v6.0, `components/xtensa/include/xtensa_context.h`,
//! `components/riscv/include/riscv/rvruntime-frames.h`,
//! `components/espcoredump/src/port/{xtensa,riscv}/core_dump_port.c`; seen in real dumps.

use super::body::RegisterNote;
use crate::carrier::Piece;
use crate::cursor::u32_at;
use crate::memory::Memory;
use crate::registers::Registers;
use crate::targets::{Arch, Chip, Family};
use std::sync::Arc;

/// Xtensa's number of EXCCAUSE.
pub(super) const SR_EXCCAUSE: u32 = 232;
/// Xtensa's number of EXCVADDR.
pub(super) const SR_EXCVADDR: u32 = 238;

/// Where the registers start in a register note of either architecture.
const PRSTATUS_REGS_OFF: usize = 72;
/// Where a0 is in Xtensa's register note.
const PRSTATUS_AR_OFF: usize = 328;

/// The first word of the crashed task's exception frame on Xtensa, since 4.1.
pub(super) const EXIT_CRASHED: u32 = 0xdead_beef;
/// The same in 3.3 and 4.0.
pub(super) const EXIT_CRASHED_OLD: u32 = 0xffff_ffff;

const WHY_SOLICITED: &str = "register not saved by a voluntary switch";
const WHY_NOT_SAVED: &str = "register not saved by the device";

/// Registers of RISC-V in the order of frame and note.
const RISCV: [&str; 32] = [
    "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
    "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5",
    "t6",
];
/// What follows them in the frame of the crashed task.
const RISCV_TRAP: [&str; 5] = ["mstatus", "mtvec", "mcause", "mtval", "mhartid"];
/// Xtensa's PS: the vector of user mode is used.
const PS_UM: u64 = 1 << 5;
/// Xtensa's PS: an exception is being handled.
const PS_EXCM: u64 = 1 << 4;

/// Bytes from a switched-out task's frame to its stack pointer.
pub(crate) const RISCV_FRAME_LEN: u32 = 128;
/// The same for the frame of the crashed task, which holds more.
pub(super) const RISCV_TRAP_FRAME_LEN: u32 = 160;

/// What an architecture's frames are read with.
pub(crate) struct Frames<'a> {
    pub arch: &'a Arc<Arch>,
    pub chip: Option<&'a Chip>,
    pub memory: &'a Memory,
}

impl Frames<'_> {
    pub(super) fn is_xtensa(&self) -> bool {
        self.arch.family == Family::Xtensa
    }

    fn word(&self, frame: u32, index: u32) -> Option<u32> {
        self.memory.u32_le(u64::from(frame) + 4 * u64::from(index))
    }

    /// The registers saved in the frame at `frame`.
    pub(crate) fn at(&self, frame: u32, crashed: bool) -> Registers {
        match self.is_xtensa() {
            true => self.xtensa_frame(frame, crashed),
            false => self.riscv_frame(frame, crashed),
        }
    }

    /// The registers of a register note. `frame` is where the same registers lie in memory, as
    /// far as that is known: it tells what the note can't.
    pub(super) fn of_note(
        &self,
        piece: &Piece,
        note: &RegisterNote,
        frame: Option<u32>,
        crashed: bool,
    ) -> Registers {
        let mut registers = Registers::unknown(self.arch.clone());
        registers.set_why_missing(WHY_NOT_SAVED);
        let word = |offset: usize| {
            let lost = piece.is_lost(note.offset + offset as u64, 4);
            u32_at(&note.desc, offset).filter(|_| !lost)
        };
        if !self.is_xtensa() {
            for (index, name) in RISCV.iter().enumerate() {
                if let Some(value) = word(PRSTATUS_REGS_OFF + 4 * index) {
                    registers.set_by_name(name, value);
                }
            }
            if let (Some(frame), true) = (frame, crashed)
                && (0..32).all(|i| self.word(frame, i) == word(PRSTATUS_REGS_OFF + 4 * i as usize))
            {
                self.riscv_trap_words(frame, &mut registers);
            }
            return registers;
        }
        // The device fills one note after the other in the same buffer: what a voluntary switch
        // did not save is left over from the task before.
        if !crashed && frame.and_then(|frame| self.word(frame, 0)) == Some(0) {
            return self.xtensa_frame(frame.unwrap_or_default(), false);
        }
        let loops = self.has_loops();
        let names = ["pc", "ps", "lbeg", "lend", "lcount", "sar"];
        for (index, name) in names.iter().enumerate() {
            if (loops || !name.starts_with('l'))
                && let Some(value) = word(PRSTATUS_REGS_OFF + 4 * index)
            {
                registers.set_by_name(name, value);
            }
        }
        for n in 0..16 {
            if let Some(value) = word(PRSTATUS_AR_OFF + 4 * n) {
                registers.set_by_name(&format!("ar{n}"), value);
            }
        }
        set_window(&mut registers);
        registers
    }

    fn has_loops(&self) -> bool {
        self.chip.and_then(|chip| chip.esp_idf.as_ref()).is_none_or(|esp| esp.loops)
    }

    fn xtensa_frame(&self, frame: u32, crashed: bool) -> Registers {
        let mut registers = Registers::unknown(self.arch.clone());
        let mut set = |index: u32, name: &str| {
            if let Some(value) = self.word(frame, index) {
                registers.set_by_name(name, value);
            }
        };
        let solicited = self.word(frame, 0) == Some(0);
        set(1, "pc");
        set(2, "ps");
        if solicited {
            (0..4).for_each(|n| set(4 + n, &format!("ar{n}")));
        } else {
            (0..16).for_each(|n| set(3 + n, &format!("ar{n}")));
            set(19, "sar");
            if crashed {
                set(20, "exccause");
                set(21, "excvaddr");
            }
            if self.has_loops() {
                set(22, "lbeg");
                set(23, "lend");
                set(24, "lcount");
            }
        }
        registers.set_why_missing(if solicited { WHY_SOLICITED } else { WHY_NOT_SAVED });
        // The processor sets EXCM when it takes the exception, before the handler saves PS: the
        // interrupted code ran without it. ELF bodies have it cleared by the device.
        if let Some(ps) = registers.by_name("ps").filter(|ps| ps & PS_UM != 0) {
            registers.set_by_name("ps", ps & !PS_EXCM);
        }
        if solicited {
            // The call that led to the switch left the size of its window in the top bits.
            if let Some(pc) = registers.by_name("pc").filter(|pc| pc & 0x8000_0000 != 0) {
                registers.set_pc((pc & 0x3fff_ffff) | 0x4000_0000);
            }
        }
        set_window(&mut registers);
        registers
    }

    fn riscv_frame(&self, frame: u32, crashed: bool) -> Registers {
        let mut registers = Registers::unknown(self.arch.clone());
        registers.set_why_missing(WHY_NOT_SAVED);
        for (index, name) in (0..).zip(RISCV) {
            if let Some(value) = self.word(frame, index) {
                registers.set_by_name(name, value);
            }
        }
        if crashed {
            self.riscv_trap_words(frame, &mut registers);
        }
        registers
    }

    fn riscv_trap_words(&self, frame: u32, registers: &mut Registers) {
        for (index, name) in (32..).zip(RISCV_TRAP) {
            if let Some(value) = self.word(frame, index) {
                registers.set_by_name(name, value);
            }
        }
    }
}

/// The frame holds a0-a15 of the current window and all older windows are on the stack. That is
/// the same as a register file whose only window starts at ar0.
fn set_window(registers: &mut Registers) {
    registers.set_by_name("windowbase", 0u32);
    registers.set_by_name("windowstart", 1u32);
}
