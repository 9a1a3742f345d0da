//! The architectures as a dump tells them: the constants of each one's ELF cores, and memory as
//! the capture reads it.

use crate::layout::{Class, note};
use crate::region::{Access, Area};

/// What an ELF core says about the processor.
pub trait Arch {
    /// Width of addresses.
    const CLASS: Class;
    /// `e_machine`.
    const MACHINE: u16;
    /// `e_flags`.
    const FLAGS: u32;
    /// Words in `NT_PRSTATUS`.
    const REGISTERS: usize;
    /// Which of them is the stack pointer.
    const SP: usize;
    /// Which of them is the program counter.
    const PC: usize;
    /// The note that holds floating point registers.
    const FLOATS: FloatNote;
    /// Bytes below the stack pointer that belong to the frame.
    const BELOW_SP: usize = 0;

    /// After a crash whose registers are lost: finds those of a caller with the frame pointer,
    /// which must point into `stack`. Answers which registers are known then.
    fn recover<M: Memory>(_registers: &mut [usize], _stack: &Area, _memory: &mut M) -> Option<u64> {
        None
    }
}

/// How floating point registers are noted.
#[derive(Clone, Copy, Debug)]
pub struct FloatNote {
    /// Owner with its padding.
    pub owner: &'static [u8; 8],
    /// Length of the owner with one NUL.
    pub owner_len: u32,
    /// Type.
    pub kind: u32,
    /// Bytes of all registers, those that the processor lacks included.
    pub len: usize,
    /// Bytes of the status register behind them, with its padding: 4 or 8.
    pub status_len: usize,
    /// `AT_HWCAP` of a note NT_AUXV behind it, without which GDB does not look; 0: not needed.
    pub hwcap: u32,
}

/// Cortex-M, as `EM_ARM`: r0-r15, xPSR, and a word for the first register of a system call.
#[derive(Clone, Copy, Debug)]
pub struct Arm;

impl Arch for Arm {
    const CLASS: Class = Class::Elf32;
    const MACHINE: u16 = 40;
    const FLAGS: u32 = 0x0500_0000;
    const REGISTERS: usize = 18;
    const SP: usize = 13;
    const PC: usize = 15;
    const FLOATS: FloatNote = FloatNote {
        owner: b"LINUX\0\0\0",
        owner_len: 6,
        kind: note::ARM_VFP,
        len: 256,
        status_len: 4,
        hwcap: 1 << 6,
    };

    /// Thumb code that keeps a frame pointer pushes it and the return address next to each other,
    /// and leaves r7 pointing to them.
    fn recover<M: Memory>(registers: &mut [usize], stack: &Area, memory: &mut M) -> Option<u64> {
        const R7_SP_PC: u64 = 1 << 7 | 1 << 13 | 1 << 15;
        const THUMB: usize = 1 << 24;
        let frame = *registers.get(7)?;
        // A stack that has overflowed goes on below its start.
        let (start, end) = stack.bounds();
        let stack = Area::between(start.min(*registers.get(Self::SP)?), end);
        if frame & 3 != 0 || stack.overlap(frame, frame.saturating_add(8)) != 8 {
            return None;
        }
        let mut word = |at| memory.element(at, Access::Word).map(|word| word as usize);
        let (r7, lr) = (word(frame)?, word(frame.wrapping_add(4))?);
        if lr & 1 == 0 {
            return None;
        }
        *registers.get_mut(7)? = r7;
        *registers.get_mut(13)? = frame.wrapping_add(8);
        // Inside of the call, whichever form it has: what follows may belong to another function.
        *registers.get_mut(15)? = (lr & !1).wrapping_sub(2);
        *registers.get_mut(16)? = THUMB;
        Some(R7_SP_PC)
    }
}

const RISCV_FLOATS: FloatNote = FloatNote {
    owner: b"CORE\0\0\0\0",
    owner_len: 5,
    kind: note::FPREGSET,
    len: 32 * RISCV_FLOAT_LEN,
    status_len: 8,
    hwcap: 0,
};

/// Bytes of one floating point register in a RISC-V core file.
pub const RISCV_FLOAT_LEN: usize = 8;

/// 32-bit RISC-V: pc, x1-x31.
#[derive(Clone, Copy, Debug)]
pub struct RiscV32;

impl Arch for RiscV32 {
    const CLASS: Class = Class::Elf32;
    const MACHINE: u16 = 243;
    const FLAGS: u32 = 0;
    const REGISTERS: usize = 32;
    const SP: usize = 2;
    const PC: usize = 0;
    const FLOATS: FloatNote = RISCV_FLOATS;
}

/// 64-bit RISC-V: pc, x1-x31.
#[derive(Clone, Copy, Debug)]
pub struct RiscV64;

impl Arch for RiscV64 {
    const CLASS: Class = Class::Elf64;
    const MACHINE: u16 = 243;
    const FLAGS: u32 = 0;
    const REGISTERS: usize = 32;
    const SP: usize = 2;
    const PC: usize = 0;
    const FLOATS: FloatNote = RISCV_FLOATS;
}

/// Xtensa with register windows, in ESP-IDF's order: pc, ps, lbeg, lend, lcount, sar, windowstart,
/// windowbase, 56 words reserved, ar0-ar63.
#[derive(Clone, Copy, Debug)]
pub struct Xtensa;

impl Arch for Xtensa {
    const CLASS: Class = Class::Elf32;
    const MACHINE: u16 = 94;
    const FLAGS: u32 = 0;
    const REGISTERS: usize = 128;
    const SP: usize = 65;
    const PC: usize = 0;
    /// The caller's a0-a3, once the windows are spilled.
    const BELOW_SP: usize = 16;
    const FLOATS: FloatNote = FloatNote {
        owner: b"CORE\0\0\0\0",
        owner_len: 5,
        kind: note::FPREGSET,
        len: 0,
        status_len: 4,
        hwcap: 0,
    };
}

/// 64-bit x86, for tests on the host: the order of Linux' `user_regs_struct`.
#[derive(Clone, Copy, Debug)]
pub struct X86_64;

impl Arch for X86_64 {
    const CLASS: Class = Class::Elf64;
    const MACHINE: u16 = 62;
    const FLAGS: u32 = 0;
    const REGISTERS: usize = 27;
    const SP: usize = 19;
    const PC: usize = 16;
    const FLOATS: FloatNote = FloatNote {
        owner: b"CORE\0\0\0\0",
        owner_len: 5,
        kind: note::FPREGSET,
        len: 0,
        status_len: 4,
        hwcap: 0,
    };
}

/// The architecture that the crate is compiled for.
#[cfg(target_arch = "arm")]
pub type Native = Arm;
/// The architecture that the crate is compiled for.
#[cfg(target_arch = "riscv32")]
pub type Native = RiscV32;
/// The architecture that the crate is compiled for.
#[cfg(target_arch = "riscv64")]
pub type Native = RiscV64;
/// The architecture that the crate is compiled for.
#[cfg(target_arch = "xtensa")]
pub type Native = Xtensa;
/// The architecture that the crate is compiled for.
#[cfg(not(any(
    target_arch = "arm",
    target_arch = "riscv32",
    target_arch = "riscv64",
    target_arch = "xtensa"
)))]
pub type Native = X86_64;

/// Words in the largest `NT_PRSTATUS` that can come up.
pub const MAX_REGISTERS: usize = if cfg!(target_arch = "arm") {
    Arm::REGISTERS
} else if cfg!(any(target_arch = "riscv32", target_arch = "riscv64")) {
    RiscV32::REGISTERS
} else {
    Xtensa::REGISTERS
};

/// Memory as the capture reads it: the real one ([`crate::arch::live::Live`]), or made up for tests.
pub trait Memory {
    /// Reads `bytes.len()` bytes from `at` on. `false` when they can't be read.
    fn read(&mut self, at: usize, bytes: &mut [u8], access: Access) -> bool;

    /// Reads one element from an address that is a multiple of its width.
    fn element(&mut self, at: usize, access: Access) -> Option<u32> {
        let mut bytes = [0; 4];
        let read = self.read(at, bytes.get_mut(..access.width())?, access);
        read.then_some(u32::from_le_bytes(bytes))
    }

    /// Reads a word of the machine.
    fn word(&mut self, at: usize) -> Option<usize> {
        let mut bytes = [0; size_of::<usize>()];
        self.read(at, &mut bytes, Access::Word).then(|| usize::from_le_bytes(bytes))
    }
}
