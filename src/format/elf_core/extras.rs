//! The notes behind a thread's NT_PRSTATUS: FPU registers, CSRs.
//!
//! | owner | type  | contents                                                          |
//! | CORE  | 2     | RISC-V: f0-f31 as wide as the FPU, maybe fcsr (32 bits)            |
//! |       |       | AArch64: v0-v31 (128 bits), fpsr, fpcr (32 bits)                   |
//! |       |       | x86-64: FXSAVE: mxcsr at 24, st0-st7 at 32, xmm0-xmm15 at 160      |
//! | LINUX | 0x400 | ARM: d0-d31, fpscr (32 bits)                                      |
//! | GDB   | 0x900 | RISC-V: CSRs, a word each, in the order of the description's feature |

use super::super::elf::{CoreFile, ElfNote};
use super::NAME;
use super::description::Description;
use crate::cursor::{Cursor, u32_at};
use crate::dump::Note;
use crate::registers::Registers;
use crate::targets::Family;

const NT_FPREGSET: u32 = 2;
const NT_ARM_VFP: u32 = 0x400;
const NT_RISCV_CSR: u32 = 0x900;
/// f0-f31 of double precision.
const DOUBLES_LEN: usize = 256;

/// Reads one note into `registers`, if it is one of these.
pub(super) fn read(
    note: &ElfNote,
    core: &CoreFile,
    description: Option<&Description>,
    registers: &mut Registers,
    problems: &mut Vec<Note>,
) {
    let cursor = Cursor::new(NAME, note.desc.clone(), note.offset).with_endian(core.endian);
    match (note.name.as_str(), note.kind, registers.arch().family) {
        (_, NT_FPREGSET, Family::RiscV32 | Family::RiscV64) => {
            riscv_floats(cursor, registers, problems)
        }
        (_, NT_FPREGSET, Family::Aarch64) => aarch64_floats(cursor, registers),
        (_, NT_FPREGSET, Family::X86_64) => x86_64_floats(&note.desc, registers),
        ("LINUX", NT_ARM_VFP, Family::CortexM | Family::Arm) => arm_floats(cursor, registers),
        ("GDB", NT_RISCV_CSR, Family::RiscV32 | Family::RiscV64) => {
            let Some(description) = description else {
                problems.push(
                    Note::warning(format!(
                        "the CSR note at offset {:#x} can't be read without the target \
                     description that names its registers",
                        note.offset
                    ))
                    .by(NAME)
                    .code("damaged"),
                );
                return;
            };
            let mut cursor = cursor;
            for name in description.registers_of("org.gnu.gdb.riscv.csr") {
                let Ok(value) = cursor.word("CSR", u32::from(core.class)) else { break };
                registers.set_by_name(name, value);
            }
        }
        _ => {}
    }
}

/// Whether a core of RISC-V has registers of double precision.
pub(super) fn has_double_floats(core: &CoreFile) -> bool {
    let is_wide = |note: &ElfNote| note.kind == NT_FPREGSET && note.desc.len() >= DOUBLES_LEN;
    Family::of_machine(core.machine, core.class).is_some_and(Family::is_riscv)
        && core.notes.iter().any(is_wide)
}

fn riscv_floats(mut cursor: Cursor, registers: &mut Registers, problems: &mut Vec<Note>) {
    let double = cursor.left() >= DOUBLES_LEN;
    let width = registers.arch().register("f0").and_then(|i| registers.arch().registers.get(i));
    let narrow = double && width.is_some_and(|register| register.bits < 64);
    let offset = cursor.offset();
    let mut dropped = 0u32;
    for n in 0..32 {
        let Ok(value) = cursor.word("FPU register", if double { 64 } else { 32 }) else { break };
        // A single-precision value in a wider register has all ones above it (NaN boxing).
        if narrow && value >> 32 != 0xffff_ffff {
            dropped = dropped.saturating_add(1);
            continue;
        }
        registers.set_by_name(&format!("f{n}"), value);
    }
    if let Ok(fcsr) = cursor.u32("fcsr") {
        registers.set_by_name("fcsr", fcsr);
    }
    if dropped > 0 {
        problems.push(
            Note::warning(format!(
                "the FPU note at offset {offset:#x} holds double-precision registers; the \
             register set {} has single-precision ones, {dropped} are not shown",
                registers.arch().name
            ))
            .by(NAME)
            .code("left-out"),
        );
    }
}

fn aarch64_floats(mut cursor: Cursor, registers: &mut Registers) {
    for n in 0..32 {
        let (Ok(low), Ok(high)) = (cursor.u64("v register"), cursor.u64("v register")) else {
            return;
        };
        registers.set_by_name(&format!("v{n}"), u128::from(low) | u128::from(high) << 64);
    }
    for name in ["fpsr", "fpcr"] {
        if let Ok(value) = cursor.u32(name) {
            registers.set_by_name(name, value);
        }
    }
}

fn x86_64_floats(fxsave: &[u8], registers: &mut Registers) {
    const MXCSR_OFF: usize = 24;
    const ST_OFF: usize = 32;
    const XMM_OFF: usize = 160;
    if let Some(mxcsr) = u32_at(fxsave, MXCSR_OFF) {
        registers.set_by_name("mxcsr", mxcsr);
    }
    // Each has 16 bytes; of st0-st7 ten are in use, and the set cuts the rest off.
    for (stem, offset, count) in [("st", ST_OFF, 8), ("xmm", XMM_OFF, 16)] {
        let slots = fxsave.get(offset..).unwrap_or_default().as_chunks::<16>().0;
        for (n, slot) in slots.iter().take(count).enumerate() {
            registers.set_by_name(&format!("{stem}{n}"), u128::from_le_bytes(*slot));
        }
    }
}

fn arm_floats(mut cursor: Cursor, registers: &mut Registers) {
    for n in 0..32 {
        let Ok(value) = cursor.u64("d register") else { return };
        // A Cortex-M has 16 of them; what stands behind is nobody's.
        registers.set_by_name(&format!("d{n}"), value);
    }
    if let Ok(fpscr) = cursor.u32("fpscr") {
        registers.set_by_name("fpscr", fpscr);
    }
}
