//! What the calling conventions say, as far as a walk up the stack needs it.
//!
//! Sources: RISC-V psABI 1.0; AAPCS32 and AAPCS64 (2022Q3) and their DWARF documents; System V
//! psABI for i386 1.1 and x86-64 1.0; Xtensa ISA Reference Manual (RI-2010.1), chapter 8.

use crate::targets::{self, Arch};

/// How frames are walked: [`targets::Family`], as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Riscv,
    Arm,
    Aarch64,
    X86,
    X86_64,
    /// With register windows.
    Xtensa,
    /// Without: the CALL0 ABI.
    XtensaCall0,
    Other,
}

/// Where a function with a frame pointer keeps the caller's, relative to its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct FramePointer {
    pub register: &'static str,
    pub return_addr_off: i64,
    pub saved_off: i64,
    /// From the frame pointer to the caller's stack pointer.
    pub cfa_off: i64,
}

/// The facts of one architecture.
#[derive(Debug)]
pub(super) struct Abi {
    pub family: Family,
    /// Bytes of an address.
    pub word: u64,
    /// Alignment of the stack pointer at a call.
    pub stack_align: u64,
    /// The register that a call leaves the return address in.
    pub link: Option<&'static str>,
    pub frame_pointer: Option<FramePointer>,
}

impl Abi {
    pub(super) fn of(arch: &Arch) -> Abi {
        let word = u64::from(arch.word_bits / 8);
        let family = match arch.family {
            targets::Family::RiscV32 | targets::Family::RiscV64 => Family::Riscv,
            targets::Family::CortexM | targets::Family::Arm => Family::Arm,
            targets::Family::Aarch64 => Family::Aarch64,
            targets::Family::X86 => Family::X86,
            targets::Family::X86_64 => Family::X86_64,
            targets::Family::Xtensa if arch.register("windowbase").is_none() => Family::XtensaCall0,
            targets::Family::Xtensa => Family::Xtensa,
            _ => Family::Other,
        };
        let w = word as i64;
        let fp = |register, return_addr_off, saved_off, cfa_off| {
            Some(FramePointer { register, return_addr_off, saved_off, cfa_off })
        };
        let (stack_align, link, frame_pointer) = match family {
            Family::Riscv => (16, Some("ra"), fp("fp", -w, -2 * w, 0)),
            // Thumb's r7 and Arm's r11 point at no fixed place: compilers differ.
            Family::Arm => (8, Some("lr"), None),
            Family::Aarch64 => (16, Some("x30"), fp("x29", 8, 0, 16)),
            Family::X86 => (4, None, fp("ebp", 4, 0, 8)),
            Family::X86_64 => (16, None, fp("rbp", 8, 0, 16)),
            Family::Xtensa | Family::XtensaCall0 => (16, Some("a0"), None),
            Family::Other => (word.max(1), None, None),
        };
        Abi { family, word, stack_align, link, frame_pointer }
    }

    /// The address of the instruction that a code pointer means: bit 0 tells Thumb from Arm.
    pub(super) fn code_address(&self, pointer: u64) -> u64 {
        if self.family == Family::Arm { pointer & !1 } else { pointer }
    }

    /// Whether a function must give back the register with this DWARF number as it found it.
    pub(super) fn is_callee_saved(&self, dwarf: u32) -> bool {
        match self.family {
            Family::Riscv => matches!(dwarf, 3 | 4 | 8 | 9 | 18..=27 | 40 | 41 | 50..=59),
            Family::Arm => matches!(dwarf, 4..=11 | 264..=271),
            Family::Aarch64 => matches!(dwarf, 19..=29 | 72..=79),
            Family::X86 => matches!(dwarf, 3 | 5 | 6 | 7),
            Family::X86_64 => matches!(dwarf, 3 | 6 | 12..=15),
            Family::XtensaCall0 => matches!(dwarf, 12..=15),
            Family::Xtensa | Family::Other => false,
        }
    }
}
