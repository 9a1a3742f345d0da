//! The notes of an ELF core: registers as each machine orders them.
//!
//! | owner | type       | contents                                                       |
//! | CORE  | 1          | NT_PRSTATUS: signal, thread id, registers (see below)          |
//! | CORE  | 2          | RISC-V: f0-f31 as wide as the FPU, fcsr                        |
//! | LINUX | 0x400      | ARM: d0-d31, fpscr                                             |
//! | GDB   | 0x900      | RISC-V: CSRs, a word each, in the order of the description     |
//!
//! NT_PRSTATUS: signal at 12 (16 bits), thread id at 24 (32 on 64-bit machines), registers from
//! 72 (112) on, one word each, and a last word that is not used.
//!
//! Source: Linux 6.1 `include/linux/elfcore.h`; GDB 13.1 `gdb/arm-none-tdep.c`,
//! `gdb/riscv-none-tdep.c` and `bfd/elf.c`.

use crate::dump::{Dump, Thread};
use crate::registers::Registers;
use crate::targets::{Endian, Family};

const NT_PRSTATUS: u32 = 1;
const NT_FPREGSET: u32 = 2;
const NT_ARM_VFP: u32 = 0x400;
const NT_RISCV_CSR: u32 = 0x900;
const CSR_FEATURE: &str = "org.gnu.gdb.riscv.csr";

/// Notes one after the other, padded.
pub(super) struct NoteWriter {
    pub bytes: Vec<u8>,
    big: bool,
}

impl NoteWriter {
    pub(super) fn new(endian: Endian) -> Self {
        NoteWriter { bytes: Vec::new(), big: endian == Endian::Big }
    }

    /// Adds a note.
    pub(super) fn note(&mut self, owner: &str, kind: u32, desc: &[u8]) {
        for word in [owner.len() as u32 + 1, desc.len() as u32, kind] {
            let bytes = if self.big { word.to_be_bytes() } else { word.to_le_bytes() };
            self.bytes.extend_from_slice(&bytes);
        }
        self.bytes.extend_from_slice(owner.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(desc);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// Where a register set's registers are in its notes.
pub(super) struct Layout {
    family: Family,
    word_len: usize,
    head_len: usize,
    id_off: usize,
    /// By word of NT_PRSTATUS; an empty name is a word that holds nothing.
    general: Vec<String>,
    /// RISC-V: the CSRs that some thread holds, in the order of the description.
    csrs: Vec<usize>,
    big: bool,
}

/// The layout for the registers of `dump`, if ELF cores have one.
pub(super) fn layout(dump: &Dump) -> Option<Layout> {
    let arch = &*dump.arch;
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_string()).collect::<Vec<_>>();
    let general = match arch.family {
        Family::RiscV32 | Family::RiscV64 => {
            let mut all = names(&["pc", "ra", "sp", "gp", "tp"]);
            all.extend((5..32).map(|n| format!("x{n}")));
            all
        }
        Family::CortexM | Family::Arm => {
            let mut all: Vec<String> = (0..13).map(|n| format!("r{n}")).collect();
            let status = arch.registers.get(arch.flags?)?.name.as_str();
            all.extend(names(&["sp", "lr", "pc", status, ""]));
            all
        }
        Family::Aarch64 => {
            let mut all: Vec<String> = (0..31).map(|n| format!("x{n}")).collect();
            all.extend(names(&["sp", "pc", "cpsr"]));
            all
        }
        Family::X86 => names(&[
            "ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "", "eip",
            "cs", "eflags", "esp", "ss",
        ]),
        Family::X86_64 => names(&[
            "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx",
            "rdx", "rsi", "rdi", "", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base",
            "ds", "es", "fs", "gs",
        ]),
        Family::Xtensa => {
            let mut all = names(&["pc", "ps", "lbeg", "lend", "lcount", "sar"]);
            all.extend(names(&["windowstart", "windowbase", "threadptr"]));
            all.resize(64, String::new());
            all.extend((0..64).map(|n| format!("ar{n}")));
            all
        }
        _ => return None,
    };
    let wide = arch.elf_class == 64;
    Some(Layout {
        family: arch.family,
        word_len: if wide { 8 } else { 4 },
        head_len: if wide { 112 } else { 72 },
        id_off: if wide { 32 } else { 24 },
        general,
        csrs: csrs_of(dump),
        big: arch.endian == Endian::Big,
    })
}

/// Adds the notes of one thread, and returns the names of the registers that became 0 though
/// they are not known.
pub(super) fn write_thread(
    writer: &mut NoteWriter,
    layout: &Layout,
    thread: &Thread,
    signal: u16,
) -> Vec<String> {
    let registers = &thread.registers;
    let mut desc = vec![0u8; layout.head_len];
    put(&mut desc[12..14], signal.into(), layout.big);
    put(&mut desc[layout.id_off..][..4], thread.id, layout.big);
    let mut zeros = Vec::new();
    for name in &layout.general {
        let value = registers.by_name(name);
        if value.is_none() && registers.arch().register(name).is_some() {
            zeros.push(name.clone());
        }
        push(&mut desc, value.unwrap_or(0), layout.word_len, layout.big);
    }
    push(&mut desc, 0, layout.word_len, layout.big);
    writer.note("CORE", NT_PRSTATUS, &desc);
    if let Some(floats) = floats(layout, registers) {
        let (owner, kind) = match layout.family {
            Family::CortexM | Family::Arm => ("LINUX", NT_ARM_VFP),
            _ => ("CORE", NT_FPREGSET),
        };
        writer.note(owner, kind, &floats);
    }
    if let Some(csrs) = csrs(layout, registers) {
        writer.note("GDB", NT_RISCV_CSR, &csrs);
    }
    zeros
}

fn put(to: &mut [u8], value: u64, big: bool) {
    let len = to.len();
    to.copy_from_slice(&value.to_le_bytes()[..len]);
    if big {
        to.reverse();
    }
}

fn push(desc: &mut Vec<u8>, value: u64, len: usize, big: bool) {
    let start = desc.len();
    desc.resize(start + len, 0);
    put(&mut desc[start..], value, big);
}

/// The FPU's registers, if all of them are known: the notes have no gaps.
fn floats(layout: &Layout, registers: &Registers) -> Option<Vec<u8>> {
    let mut desc = Vec::new();
    match layout.family {
        Family::CortexM | Family::Arm => {
            for n in 0..16 {
                push(&mut desc, registers.by_name(&format!("d{n}"))?, 8, layout.big);
            }
            desc.resize(256, 0);
            push(&mut desc, registers.by_name("fpscr")?, 4, layout.big);
        }
        Family::RiscV32 | Family::RiscV64 => {
            let arch = registers.arch();
            let width = arch.registers.get(arch.register("f0")?)?.byte_len();
            for n in 0..32 {
                push(&mut desc, registers.by_name(&format!("f{n}"))?, width, layout.big);
            }
            push(&mut desc, registers.by_name("fcsr")?, 4, layout.big);
        }
        _ => return None,
    }
    Some(desc)
}

fn csrs_of(dump: &Dump) -> Vec<usize> {
    let feature = dump.arch.features.iter().find(|feature| feature.name == CSR_FEATURE);
    let held = |index: &usize| dump.threads.iter().any(|t| t.registers.get(*index).is_some());
    let all = feature.map(|feature| feature.registers.clone());
    all.into_iter().flatten().filter(held).collect()
}

/// The CSRs of a thread that holds all that any thread does: the note has no gaps.
fn csrs(layout: &Layout, registers: &Registers) -> Option<Vec<u8>> {
    if layout.csrs.is_empty() {
        return None;
    }
    let mut desc = Vec::new();
    for index in &layout.csrs {
        push(&mut desc, registers.get(*index)? as u64, layout.word_len, layout.big);
    }
    Some(desc)
}

/// `dump` with only those registers known that the notes hold, for the target description: GDB
/// must not be told of one that no note has (without `msp` in every thread it unwinds none).
pub(super) fn expressible(dump: &Dump, layout: &Layout) -> Dump {
    let mut told = dump.clone();
    for thread in &mut told.threads {
        let all = &thread.registers;
        let mut kept = Registers::unknown(dump.arch.clone());
        let float = floats(layout, all).is_some();
        let csr = csrs(layout, all).is_some();
        for (index, value) in all.known() {
            let Some(register) = dump.arch.registers.get(index) else { continue };
            let feature = dump.arch.features.get(register.feature).map(|f| f.name.as_str());
            let is_general = layout
                .general
                .iter()
                .any(|name| !name.is_empty() && dump.arch.register(name) == Some(index));
            let is_float =
                float && feature.is_some_and(|f| f.ends_with(".vfp") || f.ends_with(".fpu"));
            let is_csr = csr && layout.csrs.contains(&index);
            if is_general || is_float || is_csr {
                kept.set(index, value);
            }
        }
        thread.registers = kept;
    }
    told
}
