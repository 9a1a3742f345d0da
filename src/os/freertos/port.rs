//! The registers of a task that was switched out, as FreeRTOS' ports save them at `pxTopOfStack`.
//!
//! Cortex-M: see [`crate::os::cortex_m_switch`]. With the MPU of ARMv8-M, since V11, the context lies in the
//! control block and `pxTopOfStack` behind it: s16-s31, s0-s15, fpscr if EXC_RETURN says so; r4-r11;
//! the exception frame's eight words; with TrustZone the secure context; psp, psplim, control,
//! EXC_RETURN.
//!
//! RISC-V, in words: 0 pc, 1 ra, 2-12 x5-x15, and but for RV32E 13-28 x16-x31; the nesting of
//! critical sections (since V10.5; before that it is in the control block); mstatus. Chips with
//! registers of their own have them between 0 and 1. gp and tp are not saved.
//!
//! ESP-IDF's ports: see the frames of [`crate::format::esp_idf`].
//!
//! Source: FreeRTOS V10.4.6 and V11.2.0, `portable/GCC/{ARM_CM33,RISC-V}/`.

use super::View;
use crate::arch::cortex_m::frame::{BASIC, words};
use crate::arch::cortex_m::{self, ExcReturn};
use crate::format::esp_idf::frame::{Frames, RISCV_FRAME_LEN};
use crate::registers::Registers;
use crate::targets::Family;

/// Variables and functions that tell ports apart: the nesting of critical sections outside of the
/// control block, the original port for RISC-V, that of ESP-IDF.
pub(super) const NESTING: &str = "pxCriticalNesting";
pub(super) const ORIGINAL: &str = "freertos_risc_v_trap_handler";
pub(super) const ESP_IDF: &str = "port_xSchedulerRunning";
/// More registers of its own no chip has; a vector unit is not looked for.
const MOST_OWN: u64 = 70;
/// mstatus: the previous mode was M, as a task's is. Its other bits that may be set: MIE, MPIE,
/// FS, VS, XS, MPRV, the widths of S and U mode, SD.
const MPP: u64 = 0x1800;
const MSTATUS_BITS: u64 = 0x8000_000f_8002_7e88 | MPP;
/// Deeper nesting of critical sections is not believed.
const DEEPEST: u64 = 0x1000;

/// The registers that were saved at `top`.
pub(super) fn restore(view: &View<'_>, top: u64, registers: &mut Registers) -> Option<()> {
    let arch = &view.dump.arch;
    if cortex_m::is_m_profile(arch) {
        in_control_block(view, top, registers).or_else(|| view.cortex_m_switch(top, registers))
    } else if arch.family == Family::Xtensa || is_esp_idf(view) {
        esp_idf(view, top, registers)
    } else if arch.family.is_riscv() {
        riscv(view, top, registers)
    } else {
        None
    }
}

/// Whether the port is that of ESP-IDF. On RISC-V the original one is used as well.
fn is_esp_idf(view: &View<'_>) -> bool {
    let of_chip = view.dump.chip.as_ref().is_some_and(|chip| chip.esp_idf.is_some());
    !view.variables.has(ORIGINAL) && (of_chip || view.variables.has(ESP_IDF))
}

/// The context of ARMv8-M's ports with MPU.
fn in_control_block(view: &View<'_>, top: u64, registers: &mut Registers) -> Option<()> {
    let memory = view.memory();
    let special: [u32; 4] = words(memory, top.checked_sub(16)?)?;
    let [psp, psplim, control, exc_return] = special;
    let how = ExcReturn(exc_return);
    if !how.is_valid() || !how.to_thread_mode() || psp < psplim || psp == 0 {
        return None;
    }
    let frame = |below: u64| {
        let words: [u32; 16] = words(memory, top.checked_sub(below)?)?;
        let (pc, xpsr) = (*words.get(14)?, *words.get(15)?);
        (xpsr & 1 << 24 != 0 && xpsr & 0x1ff == 0 && view.is_code(pc.into())).then_some(words)
    };
    let (saved, padded) = frame(16 + 64)
        .or_else(|| frame(20 + 64))
        .map(|words| (words, words.get(15).is_some_and(|xpsr| xpsr & 1 << 9 != 0)))?;
    for (n, value) in (4..12).zip(saved) {
        registers.set_by_name(&format!("r{n}"), value);
    }
    for (name, value) in BASIC.iter().zip(saved.iter().skip(8)) {
        registers.set_by_name(name, *value);
    }
    let len = if how.is_extended() { 104 } else { 32 } + if padded { 4 } else { 0 };
    registers.set_sp(psp.wrapping_add(len));
    registers.set_by_name("psplim", psplim);
    registers.set_by_name("control", control);
    registers.set_by_name("exc_return", exc_return);
    Some(())
}

fn esp_idf(view: &View<'_>, top: u64, registers: &mut Registers) -> Option<()> {
    let dump = view.dump;
    let frames = Frames { arch: &dump.arch, chip: dump.chip.as_deref(), memory: &dump.memory };
    let frame = u32::try_from(top).ok()?;
    *registers = frames.at(frame, false);
    registers.pc()?;
    if dump.arch.family.is_riscv() && registers.sp() == Some(0) {
        // A task that never ran: its first frame was made by hand.
        registers.set_sp(frame.checked_add(RISCV_FRAME_LEN)?);
    }
    Some(())
}

fn riscv(view: &View<'_>, top: u64, registers: &mut Registers) -> Option<()> {
    let word_len = view.word_len();
    let addr = |index: u64| top.checked_add(index.checked_mul(word_len)?);
    let word = |index: u64| view.word(addr(index)?);
    let pc = word(0).filter(|pc| view.is_code(*pc))?;
    // RV32E has x1 to x15 alone.
    let last = if registers.arch().register("x16").is_some() { 31 } else { 15 };
    let nested = view.variables.has(NESTING);
    // Behind the last register, which lies in word `last - 3`.
    let nesting = last - 2;
    let mstatus = nesting + u64::from(nested);
    let own = (0..=MOST_OWN).find(|own| {
        let is_mstatus = |value: u64| value & MPP == MPP && value & !MSTATUS_BITS == 0;
        let nesting = word(own + nesting).is_some_and(|depth| depth < DEEPEST);
        (nesting || !nested) && word(own + mstatus).is_some_and(is_mstatus)
    })?;
    let mut set = |index: u64, name: &str| {
        if let Some(value) = word(index + own) {
            registers.set_by_name(name, value);
        }
    };
    set(1, "ra");
    (5..=last).for_each(|n| set(n - 3, &format!("x{n}")));
    set(mstatus, "mstatus");
    registers.set_pc(pc);
    registers.set_sp(addr(own + mstatus + 1)?);
    Some(())
}
