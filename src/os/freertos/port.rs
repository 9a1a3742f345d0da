//! The registers of a task that was switched out, as FreeRTOS' ports save them at `pxTopOfStack`.
//!
//! Cortex-M: see [`crate::os::pushed`]. With the MPU of ARMv8-M, since V11, the context lies in the
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

use super::Kernel;
use crate::arch::cortex_m::frame::{BASIC, words};
use crate::arch::cortex_m::{self, ExcReturn};
use crate::format::esp_idf::frame::{Frames, RISCV_FRAME_LEN};
use crate::os::pushed;
use crate::registers::Registers;
use crate::targets::Family;

const WHY: &str = "register not saved when the task was switched out";
/// More registers of its own no chip has; a vector unit is not looked for.
const MOST_OWN: u64 = 70;
/// mstatus: the previous mode was M, as a task's is. Its other bits that may be set: MIE, MPIE,
/// FS, VS, XS, MPRV, the widths of S and U mode, SD.
const MPP: u64 = 0x1800;
const MSTATUS_BITS: u64 = 0x8000_000f_8002_7e88 | MPP;
/// Deeper nesting of critical sections is not believed.
const DEEPEST: u64 = 0x1000;

/// The registers that were saved at `top`.
pub(super) fn registers(kernel: &Kernel<'_>, top: u64, remarks: &mut Vec<String>) -> Registers {
    let dump = kernel.dump;
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing(WHY);
    let is_code = |addr: u64| kernel.firmware.holds_code(addr);
    let found = if cortex_m::is_m_profile(&dump.arch) {
        let in_tcb = in_control_block(kernel, top, &is_code, &mut registers);
        in_tcb.or_else(|| pushed::restore(&mut registers, &dump.memory, top, &is_code))
    } else if dump.arch.family == Family::Xtensa || kernel.is_esp_idf() {
        esp_idf(kernel, top, &mut registers)
    } else if dump.arch.family.is_riscv() {
        riscv(kernel, top, &is_code, &mut registers)
    } else {
        None
    };
    if found.is_none() {
        remarks.push(match dump.memory.region_at(top) {
            None => "its stack is not in the dump".into(),
            Some(_) => format!("what was saved at {top:#x} is no frame of a known port"),
        });
    }
    registers
}

impl Kernel<'_> {
    /// Whether the port is that of ESP-IDF. On RISC-V the original one is used as well.
    fn is_esp_idf(&self) -> bool {
        let of_chip = self.dump.chip.as_ref().is_some_and(|chip| chip.esp_idf.is_some());
        !self.variables.has("freertos_risc_v_trap_handler")
            && (of_chip || self.variables.has("port_xSchedulerRunning"))
    }
}

/// The context of ARMv8-M's ports with MPU.
fn in_control_block(
    kernel: &Kernel<'_>,
    top: u64,
    is_code: &dyn Fn(u64) -> bool,
    registers: &mut Registers,
) -> Option<()> {
    let memory = &kernel.dump.memory;
    let special: [u32; 4] = words(memory, top.checked_sub(16)?)?;
    let [psp, psplim, control, exc_return] = special;
    let how = ExcReturn(exc_return);
    if !how.is_valid() || !how.to_thread_mode() || psp < psplim || psp == 0 {
        return None;
    }
    let frame = |below: u64| {
        let words: [u32; 16] = words(memory, top.checked_sub(below)?)?;
        let (pc, xpsr) = (*words.get(14)?, *words.get(15)?);
        (xpsr & 1 << 24 != 0 && xpsr & 0x1ff == 0 && is_code(pc.into())).then_some(words)
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
    registers.set_by_name("sp", psp.wrapping_add(len));
    registers.set_by_name("psplim", psplim);
    registers.set_by_name("control", control);
    registers.set_by_name("exc_return", exc_return);
    Some(())
}

fn esp_idf(kernel: &Kernel<'_>, top: u64, registers: &mut Registers) -> Option<()> {
    let dump = kernel.dump;
    let frames = Frames { arch: &dump.arch, chip: dump.chip.as_deref(), memory: &dump.memory };
    let frame = u32::try_from(top).ok()?;
    *registers = frames.at(frame, false);
    registers.pc()?;
    if dump.arch.family.is_riscv() && registers.sp() == Some(0) {
        // A task that never ran: its first frame was made by hand.
        registers.set_by_name("sp", frame.checked_add(RISCV_FRAME_LEN)?);
    }
    Some(())
}

fn riscv(
    kernel: &Kernel<'_>,
    top: u64,
    is_code: &dyn Fn(u64) -> bool,
    registers: &mut Registers,
) -> Option<()> {
    let word_len = kernel.word_len();
    let addr = |index: u64| top.checked_add(index.checked_mul(word_len)?);
    let word = |index: u64| kernel.word(addr(index)?);
    let pc = word(0).filter(|pc| is_code(*pc))?;
    // RV32E has x1 to x15 alone.
    let last = if registers.arch().register("x16").is_some() { 31 } else { 15 };
    let nested = kernel.variables.has("pxCriticalNesting");
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
    registers.set_by_name("pc", pc);
    registers.set_by_name("sp", addr(own + mstatus + 1)?);
    Some(())
}
