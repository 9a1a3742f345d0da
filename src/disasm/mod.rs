//! Instructions: bytes in; text, registers, memory and jumps out.
//!
//! Pure: it knows no dump. [`Decoder`] keeps what one instruction says of the next (Thumb's IT). The text is that of
//! binutils' objdump without its comments and symbols, and `tests/disasm` compares the two.
//!
//! The tables are our own, one engine for all (`pattern.rs`); they come from the manuals that each names. Why not a
//! crate: yaxpeax-arm 0.5 (A64) made instructions of 929 of 20,000 random words of which objdump makes none, and
//! something that is no instruction must not be explained; capstone is C and needs a C compiler; none has Xtensa. x86
//! is iced-x86 (MIT, Rust alone): nobody should write that table again. What no table has is no instruction here:
//! shown as its bytes, and nothing is concluded from it. Not in them: AArch64's vectors and SVE, Arm's coprocessors,
//! NEON and MVE, most of MAC16.

mod a32;
mod aarch64;
mod arm;
mod pattern;
mod riscv;
mod t16;
mod t32;
mod x86;
mod xtensa;

use crate::targets::Family;

/// What an instruction does with the program counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// It goes on behind it.
    #[default]
    Other,
    /// It goes on elsewhere.
    Jump,
    /// It goes on elsewhere if a condition holds.
    Branch,
    /// It goes on elsewhere and comes back.
    Call,
    /// It goes back to a caller, or to what an exception interrupted.
    Return,
    /// It raises an exception.
    Trap,
}

/// The memory that an instruction touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// It reads.
    pub load: bool,
    /// It writes.
    pub store: bool,
    /// Bytes; `None` where that is not said by the instruction alone.
    pub width: Option<u8>,
    /// The register that the address begins with.
    pub base: Option<String>,
    /// A register that is added, shifted left by so many bits.
    pub index: Option<(String, u8)>,
    /// What is added.
    pub offset: i64,
    /// The address itself, where the instruction and its place tell it.
    pub absolute: Option<u64>,
}

/// An instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instruction {
    /// Where it is.
    pub addr: u64,
    /// Bytes.
    pub len: usize,
    /// `ldr`.
    pub mnemonic: String,
    /// `r3, [r0, #4]`.
    pub operands: String,
    /// Registers that it reads, by the names that the text has.
    pub reads: Vec<String>,
    /// Registers that it writes.
    pub writes: Vec<String>,
    /// The memory that it touches.
    pub memory: Option<Access>,
    /// Where it jumps to, if that is known from the instruction and its place.
    pub target: Option<u64>,
    /// What it does with the program counter.
    pub kind: Kind,
}

impl Instruction {
    fn new(addr: u64, len: usize) -> Instruction {
        Instruction { addr, len, ..Instruction::default() }
    }

    /// Mnemonic and operands.
    pub fn text(&self) -> String {
        format!("{} {}", self.mnemonic, self.operands).trim_end().to_string()
    }
}

/// Decodes one instruction after the other.
#[derive(Clone, Debug)]
pub struct Decoder {
    family: Family,
    /// Whether code of Arm is T32 rather than A32.
    is_thumb: bool,
    it: arm::It,
}

impl Decoder {
    /// Of an architecture; `None` if there is no table of it.
    pub fn new(family: Family) -> Option<Decoder> {
        let known =
            !matches!(family, Family::Arc | Family::Sparc | Family::Hexagon | Family::Other);
        known.then(|| Decoder {
            family,
            is_thumb: family == Family::CortexM,
            it: arm::It::default(),
        })
    }

    /// Whether code of [`Family::Arm`] is T32 from here on. Cortex-M has nothing else.
    pub fn set_thumb(&mut self, is_thumb: bool) {
        self.is_thumb = is_thumb || self.family == Family::CortexM;
        self.it = arm::It::default();
    }

    /// The instruction that `bytes` begin with, which lie at `addr`.
    pub fn decode(&mut self, bytes: &[u8], addr: u64) -> Option<Instruction> {
        match self.family {
            Family::RiscV32 | Family::RiscV64 => {
                riscv::decode(bytes, addr, self.family == Family::RiscV64)
            }
            Family::CortexM | Family::Arm if self.is_thumb => arm::thumb(bytes, addr, &mut self.it),
            Family::Arm => arm::arm(bytes, addr),
            Family::Aarch64 => aarch64::decode(bytes, addr),
            Family::X86 | Family::X86_64 => x86::decode(bytes, addr, self.family == Family::X86_64),
            Family::Xtensa => xtensa::decode(bytes, addr),
            _ => None,
        }
    }
}
