//! NT_PRSTATUS: the registers of one thread.
//!
//! | 32 bit | 64 bit | field                                            |
//! |      0 |      0 | si_signo, si_code, si_errno: 32 bits each        |
//! |     12 |     12 | cursig: 16 bits, 0 from most embedded writers    |
//! |     16 |     16 | sigpend, sighold: a word each                    |
//! |     24 |     32 | pid, ppid, pgrp, sid: 32 bits each               |
//! |     40 |     48 | utime, stime, cutime, cstime: two words each     |
//! |     72 |    112 | the registers, a word each, in the machine's order |
//!
//! Behind the registers there is a word `fpvalid`, padded to a word.
//!
//! Folklore: GDB 13.1 writes a note of 144 bytes for 32-bit RISC-V, whose registers end behind
//! x16, and can't read its own file back ("Section `.reg/1' in core file too small"). What is
//! there is taken, the rest is unknown.

use super::super::elf::{CoreFile, ElfNote};
use super::super::machine::{CORTEX_M, RISCV_X};
use super::NAME;
use crate::cursor::Cursor;
use crate::dump::Note;
use crate::registers::Registers;
use crate::targets::{Endian, Family};

/// What the head of the note says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// 0 if nobody said.
    pub signal: u16,
    pub pid: u32,
}

const I386: [&str; 17] = [
    "ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "orig_eax", "eip",
    "cs", "eflags", "esp", "ss",
];
/// The words of 64-bit x86.
pub(crate) const X86_64: [&str; 27] = [
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi",
    "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs",
    "gs",
];
/// NuttX' simulator on 32-bit x86 has the words in an order of its own, `ebx` not among them.
const NUTTX_I386: [&str; 12] =
    ["eax", "ecx", "edx", "", "esp", "ebp", "esi", "edi", "eip", "eflags", "cs", "ss"];

/// The words before `ar0` on Xtensa; those behind are reserved.
pub(crate) const XTENSA: [&str; 9] =
    ["pc", "ps", "lbeg", "lend", "lcount", "sar", "windowstart", "windowbase", "threadptr"];
const XTENSA_AR0_WORD: usize = 64;
const XTENSA_AR_COUNT: usize = 64;

fn registers_off(class: u8) -> usize {
    if class == 64 { 112 } else { 72 }
}

fn word_len(class: u8) -> usize {
    if class == 64 { 8 } else { 4 }
}

/// Reads one note into `registers`.
pub(super) fn read(
    note: &ElfNote,
    core: &CoreFile,
    nuttx: bool,
    registers: &mut Registers,
    problems: &mut Vec<Note>,
) -> Head {
    let mut head = Head::default();
    let at = |offset: usize| {
        let desc = note.desc.slice(offset.min(note.desc.len())..);
        let base = note.offset.saturating_add(offset as u64);
        Cursor::new(NAME, desc, base).with_endian(core.endian)
    };
    head.signal = at(12).u16("cursig").unwrap_or_default();
    head.pid = at(if core.class == 64 { 32 } else { 24 }).u32("pid").unwrap_or_default();

    let bits = if core.class == 64 { 64 } else { 32 };
    let mut words = Vec::new();
    let mut cursor = at(registers_off(core.class));
    while let Ok(word) = cursor.word("register", bits) {
        words.push(word);
    }
    // The last word of a note that is too short for all registers is `fpvalid`.
    if words.len() < registers_in(registers.arch().family) {
        words.pop();
    }
    let count = set(&words, nuttx, registers);
    if words.len() < count {
        problems.push(
            Note::warning(format!(
                "the register note at offset {:#x} is {} bytes and ends behind {} of {count} \
             registers: the others are unknown",
                note.offset,
                note.desc.len(),
                words.len(),
            ))
            .by(NAME)
            .code("no-registers"),
        );
    }
    head
}

fn registers_in(family: Family) -> usize {
    match family {
        Family::Xtensa => 128,
        Family::Aarch64 => 34,
        Family::RiscV32 | Family::RiscV64 => 32,
        Family::X86_64 => X86_64.len(),
        Family::X86 => I386.len(),
        _ => 17,
    }
}

/// Sets what is there, and returns how many words a whole note has.
fn set(words: &[u64], nuttx: bool, registers: &mut Registers) -> usize {
    let mut names: Vec<String> = Vec::new();
    match registers.arch().family {
        Family::CortexM | Family::Arm => names.extend(CORTEX_M.map(String::from)),
        Family::Aarch64 => {
            names.extend((0..31).map(|n| format!("x{n}")));
            names.extend(["sp", "pc", "cpsr"].map(String::from));
        }
        Family::RiscV32 | Family::RiscV64 => {
            names.push("pc".into());
            names.extend(RISCV_X.iter().skip(1).map(|name| (*name).to_string()));
        }
        Family::X86 if nuttx => names.extend(NUTTX_I386.map(String::from)),
        Family::X86 => names.extend(I386.map(String::from)),
        Family::X86_64 => names.extend(X86_64.map(String::from)),
        Family::Xtensa => return set_xtensa(words, registers),
        _ => {}
    }
    if registers.arch().family.is_arm32() {
        // r0-r15 and the status word; but NuttX on ARMv7-A has its cpsr behind what it copies.
        names.truncate(16);
        let m_profile = registers.arch().family == Family::CortexM;
        names.push(if m_profile { "xpsr" } else { "cpsr" }.into());
        if nuttx && !m_profile {
            names.truncate(16);
        }
    }
    for (name, word) in names.iter().zip(words) {
        registers.set_by_name(name, *word);
    }
    names.len()
}

fn set_xtensa(words: &[u64], registers: &mut Registers) -> usize {
    for (name, word) in XTENSA.iter().zip(words) {
        registers.set_by_name(name, *word);
    }
    // No window at all can't be: the writer spilled all and did not say that a0 is ar0.
    if registers.by_name("windowstart") == Some(0) {
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
    }
    // A single window at ar0 means that only a0-a15 were saved; what is behind them is filler.
    let single =
        registers.by_name("windowbase") == Some(0) && registers.by_name("windowstart") == Some(1);
    let held = if single { 16 } else { XTENSA_AR_COUNT };
    let window = words.get(XTENSA_AR0_WORD..).unwrap_or_default();
    // By its source NuttX copies too few words to reach a0: all zeros are no registers.
    if window.iter().take(held).all(|word| *word == 0) {
        return XTENSA_AR0_WORD.saturating_add(XTENSA_AR_COUNT);
    }
    for (n, word) in window.iter().take(held).enumerate() {
        registers.set_by_name(&format!("ar{n}"), *word);
    }
    XTENSA_AR0_WORD.saturating_add(XTENSA_AR_COUNT)
}

/// The status word of an ARM note.
pub(super) fn arm_status_word(note: &ElfNote, endian: Endian) -> Option<u32> {
    word_at(note, 16, 32, endian)
}

/// The program counter of an Xtensa note.
pub(super) fn xtensa_pc(note: &ElfNote, endian: Endian) -> Option<u64> {
    (note.kind == super::NT_PRSTATUS).then(|| word_at(note, 0, 32, endian))?.map(u64::from)
}

fn word_at(note: &ElfNote, index: usize, class: u8, endian: Endian) -> Option<u32> {
    let offset = registers_off(class).saturating_add(index.saturating_mul(word_len(class)));
    let desc = note.desc.get(offset..)?.to_vec();
    Cursor::new(NAME, desc.into(), 0).with_endian(endian).u32("register").ok()
}
