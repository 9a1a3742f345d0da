//! Register blocks: which architecture they are of, and what stands where.
//!
//! A layout is told by its length; the version repeats itself across layouts and contradicts the
//! length in some firmware. What a device fills with zeros because it did not save it is unknown.
//!
//! | target | n            | layout                                                          |
//! | 1      | 52           | x86: vector code eax ecx edx ebx esp ebp esi edi eip eflags cs  |
//! | 2      | 136, 176     | x86-64: see [`X86_64`]; 176 with rbx r12-r15                    |
//! | 3      | 36, 68, 76   | Cortex-M: see [`CORTEX_M`]; 68 with r4-r11, 76 says if they are |
//! | 4      | see riscv.rs | RISC-V                                                          |
//! | 5      | see xtensa.rs| Xtensa                                                          |
//! | 6      | 176, 192     | AArch64: x0-x18 x30 spsr elr; 192 with x29 and sp               |
//! | 6      | 272          | AArch64: x0-x28 x30 spsr elr x29 sp                             |
//! | 7      | 68           | AArch32: as Cortex-M, with cpsr                                 |
//! | 7      | 152          | Hexagon: r0-r31 pc event g0-g3                                  |
//! | 7      | 88           | SPARC, big-endian: o0-o7 g0-g7 psr pc npc wim tbr y             |
//!
//! Source: Zephyr 2.4 to 4.2, `arch/*/core/coredump.c`; Cortex-M, RISC-V and x86 seen in real
//! dumps.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::stream::{Header, RegisterBlock};
use super::{NAME, riscv, xtensa};
use crate::arch::x86;
use crate::dump::Note;
use crate::reason::{FaultWord, Signal};
use crate::registers::Registers;
use crate::targets::{Arch, Endian, Family};
use std::sync::Arc;

/// The architecture that a register block is written for, by the target code and, where that has been given out
/// more than once, the length of the block. `None` if neither tells. RISC-V may have 64 bits as well.
pub(super) fn family(header: &Header, block: Option<&RegisterBlock>) -> Option<Family> {
    let len = block.map(|block| block.bytes.len());
    match (header.target, len) {
        (1, _) => Some(Family::X86),
        (2, _) => Some(Family::X86_64),
        (3, _) => Some(Family::CortexM),
        (4, _) => Some(Family::RiscV32),
        (5, _) => Some(Family::Xtensa),
        (6, None | Some(0 | 176 | 192 | 272)) => Some(Family::Aarch64),
        (7.., Some(68)) => Some(Family::Arm),
        (7.., Some(152)) => Some(Family::Hexagon),
        (7.., Some(88)) => Some(Family::Sparc),
        _ => None,
    }
}

/// The register set of a block.
pub(super) fn arch_name(
    family: Family,
    header: &Header,
    block: Option<&RegisterBlock>,
) -> &'static str {
    match family {
        Family::RiscV32 => riscv::arch_name(header, block),
        Family::Xtensa => xtensa::arch_name(block),
        other => other.usual_arch(),
    }
}

/// What a register block says.
#[derive(Clone, Debug)]
pub(super) struct Decoded {
    pub registers: Registers,
    /// What the registers of the exception say, in words, and the signal for it.
    pub told: Option<(String, Signal)>,
    pub evidence: Vec<FaultWord>,
    pub notes: Vec<Note>,
    /// Registers of which the block holds the lower 32 bits only.
    pub halves: Vec<(&'static str, u32)>,
}

impl Decoded {
    pub(super) fn new(arch: &Arc<Arch>) -> Self {
        let mut registers = Registers::unknown(arch.clone());
        registers.set_why_missing(WHY_NOT_SAVED);
        let (evidence, notes, halves) = Default::default();
        Decoded { registers, told: None, evidence, notes, halves }
    }

    /// Sets registers in the order of `names`; an empty name passes over a word.
    pub(super) fn set_all(&mut self, names: &[&str], words: &[u64]) {
        for (name, word) in names.iter().zip(words).filter(|(name, _)| !name.is_empty()) {
            self.registers.set_by_name(name, *word);
        }
    }

    pub(super) fn warn(&mut self, words: impl AsRef<str>) {
        self.notes.push(
            Note::warning(format!("register block: {}", words.as_ref()))
                .by(NAME)
                .code("unknown-register"),
        );
    }
}

pub(super) const WHY_NOT_SAVED: &str = "register not saved by the device";

pub(super) const CORTEX_M: [&str; 17] = [
    "r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr", "sp", "r4", "r5", "r6", "r7", "r8", "r9",
    "r10", "r11",
];
/// How many of them the first version has.
const CORTEX_M_FIRST: usize = 9;
const X86: [&str; 13] = [
    "vector",
    "error_code",
    "eax",
    "ecx",
    "edx",
    "ebx",
    "esp",
    "ebp",
    "esi",
    "edi",
    "eip",
    "eflags",
    "cs",
];
const X86_64: [&str; 22] = [
    "vector",
    "error_code",
    "rax",
    "rcx",
    "rdx",
    "rsi",
    "rdi",
    "rsp",
    "r8",
    "r9",
    "r10",
    "r11",
    "rip",
    "eflags",
    "cs",
    "ss",
    "rbp",
    "rbx",
    "r12",
    "r13",
    "r14",
    "r15",
];
const AARCH64: [&str; 24] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x30", "cpsr", "pc", "x29", "sp",
];
/// Since its third version.
const AARCH64_ALL: [&str; 34] = [
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14",
    "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27",
    "x28", "x30", "cpsr", "pc", "x29", "sp",
];
const SPARC: [&str; 22] = [
    "o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7", "g0", "g1", "g2", "g3", "g4", "g5", "g6", "g7",
    "psr", "pc", "npc", "wim", "tbr", "y",
];

/// Reads the registers of `block`, whose layout is that of `family`.
pub(super) fn decode(
    family: Family,
    header: &Header,
    block: &RegisterBlock,
    arch: &Arc<Arch>,
) -> Decoded {
    let mut decoded = Decoded::new(arch);
    let wide = matches!(family, Family::X86_64 | Family::Aarch64);
    let endian = if family == Family::Sparc { Endian::Big } else { Endian::Little };
    let words = words(&block.bytes, if wide { 8 } else { 4 }, endian);
    let lengths: &[usize] = match family {
        Family::X86 => &[13],
        Family::X86_64 => &[17, 22],
        Family::CortexM => &[9, 17, 19],
        Family::Aarch64 => &[22, 24, 34],
        Family::Arm => &[17],
        Family::Hexagon => &[38],
        Family::Sparc => &[22],
        _ => &[],
    };
    if !lengths.is_empty() && !lengths.contains(&words.len()) {
        let n = block.bytes.len();
        decoded.warn(format!(
            "{n} bytes are no length that is known for this architecture (version {}): the \
             registers at its start are taken, the others left unknown",
            block.version
        ));
    }
    match family {
        Family::CortexM => cortex_m(&mut decoded, block, &words),
        Family::Arm => {
            decoded
                .set_all(&CORTEX_M.map(|name| if name == "xpsr" { "cpsr" } else { name }), &words);
        }
        Family::X86 => x86(&mut decoded, &X86, &words),
        Family::X86_64 => x86(&mut decoded, &X86_64, &words),
        Family::Aarch64 => {
            let names = if words.len() > AARCH64.len() { &AARCH64_ALL[..] } else { &AARCH64 };
            decoded.set_all(names, &words);
            if decoded.registers.by_name("x29") == Some(0) {
                // Firmware without frame pointers leaves the slot at zero.
                decoded.registers.forget("x29");
            }
        }
        Family::RiscV32 | Family::RiscV64 => riscv::decode(&mut decoded, header, block),
        Family::Xtensa => xtensa::decode(&mut decoded, block),
        Family::Hexagon => {
            let names: Vec<String> = (0..32).map(|n| format!("r{n}")).collect();
            let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
            names.extend(["pc", "", "g0", "g1", "g2", "g3"]);
            decoded.set_all(&names, &words);
        }
        Family::Sparc => decoded.set_all(&SPARC, &words),
        // No target code of Zephyr's stands for them.
        Family::Arc | Family::Other => {}
    }
    decoded
}

/// Cortex-M: callee-saved registers are real only in firmware with `EXTRA_EXCEPTION_INFO`; others
/// write eight zeros. Version 3 says so in a word of its own.
fn cortex_m(decoded: &mut Decoded, block: &RegisterBlock, words: &[u64]) {
    let expected = match words.len() {
        9 => 1,
        17 => 2,
        19 => 3,
        _ => block.version,
    };
    if expected != block.version {
        decoded.warn(format!(
            "version {} does not go with {} bytes: read as version {expected}",
            block.version,
            block.bytes.len()
        ));
    }
    decoded.set_all(&CORTEX_M, words);
    let callee = words.get(CORTEX_M_FIRST..).unwrap_or_default();
    let saved = match callee.get(8) {
        Some(valid) => *valid != 0,
        None => callee.iter().any(|word| *word != 0),
    };
    if !saved {
        CORTEX_M.iter().skip(CORTEX_M_FIRST).for_each(|name| decoded.registers.forget(name));
    }
    if decoded.registers.sp() == Some(0) {
        // A panic through SVC leaves none; os/zephyr looks for the exception frame.
        decoded.registers.forget_sp();
    }
}

fn x86(decoded: &mut Decoded, names: &[&str], words: &[u64]) {
    decoded.set_all(names, words);
    if let Some(cs) = decoded.registers.by_name("cs") {
        decoded.registers.set_by_name("cs", cs & 0xffff);
    }
    if let [vector, code, ..] = *words {
        let told = x86::vector_words(vector);
        let why = x86::error_code_words(vector, code);
        let named = |name: &str, value, words: &str| FaultWord {
            name: name.into(),
            value,
            words: words.into(),
        };
        decoded.evidence = vec![named("vector", vector, &told), named("error code", code, &why)];
        let words = if vector == 14 { format!("{told}: {why}") } else { told };
        decoded.told = Some((words, x86::vector_signal(vector)));
    }
}

/// The words of `size` bytes that `bytes` hold whole.
pub(super) fn words(bytes: &[u8], size: usize, endian: Endian) -> Vec<u64> {
    let word = |chunk: &[u8]| {
        let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        match endian {
            Endian::Little => chunk.iter().rev().fold(0, join),
            Endian::Big => chunk.iter().fold(0, join),
        }
    };
    bytes.chunks_exact(size).map(word).collect()
}
