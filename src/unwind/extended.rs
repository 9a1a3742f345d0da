//! Cortex-M: the two words of the FPU's control that GDB unwinds extended frames by.
//!
//! GDB (13 and later, `arm_m_exception_cache`) gives up at an exception frame with room for
//! s0-s15 unless it can read FPCCR and FPCAR. Few dumps hold them. The frame proves the most of
//! them: a core pushes such a frame only with FPCCR.ASPEN set, and FPCAR is where the last one has
//! its room. What is put back is marked as reconstructed.
//!
//! Source: ARMv7-M Architecture Reference Manual (DDI 0403E.e) B3.2.21 (FPCCR; ASPEN and LSPEN are
//! set from reset on), B3.2.22 (FPCAR), B1.5.6.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::Unwinder;
use crate::arch::cortex_m::frame::{FPCAR_ADDR, FPCCR_ADDR};
use crate::arch::cortex_m::{ExcReturn, is_m_profile};
use crate::debug_info::Modules;
use crate::dump::{Dump, Note};
use crate::memory::{Access, Origin, Region};

/// ASPEN and LSPEN, as they are from reset on.
const CONTROL: u32 = 0xc000_0000;
/// How far up the stack of the crashed thread a handler's EXC_RETURN is looked for.
const FARTHEST: u64 = 4 << 10;

/// Whether the crashed thread may have come out of an exception with an extended frame, and the
/// dump lacks the FPU's control words: only then the walk is worth it.
pub fn has_extended_frame(dump: &Dump) -> bool {
    let Some(thread) = dump.crashed().filter(|_| is_m_profile(&dump.arch)) else { return false };
    let is_there = |addr| dump.memory.u32_le(addr).is_some();
    if is_there(FPCCR_ADDR) && is_there(FPCAR_ADDR) {
        return false;
    }
    let registers = &thread.registers;
    let extended = |word: u64| {
        let value = u32::try_from(word).ok().map(ExcReturn);
        value.is_some_and(|value| value.is_valid() && value.is_extended())
    };
    let own = [registers.by_name("lr"), registers.by_name("exc_return")];
    let sp = registers.sp().unwrap_or_default() & !3;
    let mut saved =
        (0..FARTHEST / 4).map_while(|n| dump.memory.u32_le(sp.checked_add(4 * n)?)).map(u64::from);
    own.into_iter().flatten().any(extended) || saved.any(extended)
}

/// Puts the FPU's control words back where an extended frame proves them.
pub fn reconstruct_control(dump: &mut Dump, modules: &Modules<'_>) {
    let Some(thread) = dump.crashed() else { return };
    let frames = Unwinder::new(dump, modules).backtrace(thread).frames;
    let area = |frame: &super::Frame| frame.exception.as_ref()?.float_area;
    // The innermost frame of that kind is the last that was pushed.
    let Some(area) = frames.iter().find_map(area) else { return };
    for (addr, word, name) in [(FPCCR_ADDR, CONTROL, "FPCCR"), (FPCAR_ADDR, area as u32, "FPCAR")] {
        dump.memory.insert(Region {
            start: addr,
            bytes: word.to_le_bytes().to_vec().into(),
            origin: Origin::Reconstructed,
            access: Access::RW,
            name: Some(name.into()),
        });
    }
    let words = "FPCCR and FPCAR, by which GDB finds its way through the exception frame with room \
                 for FPU registers, are reconstructed from that frame: its s0 to s15 may never have \
                 been written";
    dump.notes.push(Note::info(words).code("reconstructed"));
}
