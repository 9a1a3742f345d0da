//! What MCoreDump writes that is not so: mended where the dump itself tells what is right.
//!
//! It reads a thread's registers from the frame that RT-Thread pushed, by one layout for all
//! frames. Where the kernel pushed another one, the words are there under wrong names.
//!
//! Sources: Rbb666/MCoreDump `arch/armv7m/armv7m.c`, `osal/rtthread.c`, `src/coredump.c`
//! (6010723), `arch/armv8m/armv8m.c` (883e220); RT-Thread/rt-thread
//! `libcpu/arm/cortex-m3/context_gcc.S` (13944cb), `cortex-m4/context_gcc.S` (2a0c508),
//! `cortex-m33/context_gcc.S` (17f7f1c).

use super::super::elf::{CoreFile, Segment};
use super::NAME;
use crate::dump::{Dump, Note, Thread};
use crate::memory::Memory;
use crate::registers::Registers;

/// What is saved of the running thread's stack, from its sp on.
const RUNNING_LEN: u64 = 1024;
/// The start of a segment is moved down to a multiple of this, the length grows by as much.
const LINE: u64 = 64;
/// The words of an exception frame in its order.
const FRAME: [&str; 8] = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];
const KEPT: [&str; 8] = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"];
/// What the processor pushes with the FPU in use, in bytes.
const FPU_FRAME_LEN: u64 = 104;
const BASIC_FRAME_LEN: u64 = 32;
/// `xpsr` in an exception frame: a word was left out below the frame to align it.
const XPSR_PADDED: u64 = 1 << 9;

/// Puts the crashed thread first and gives the registers their right names.
pub(super) fn mend(dump: &mut Dump, core: &CoreFile) {
    put_crashed_first(dump, core);
    let Dump { threads, memory, notes, .. } = dump;
    for (nth, thread) in threads.iter_mut().enumerate() {
        let label = thread.label();
        let registers = &mut thread.registers;
        forget_cleared_floats(registers);
        let mended = (nth == 0)
            .then(|| shifted_by_exc_return(registers, memory).or_else(|| in_floats(registers)))
            .flatten()
            .or_else(|| armv8m_frame_with_floats(registers, memory));
        if let Some(words) = mended {
            notes.push(
                Note::doubt(format!("registers of {label}: {words}")).by(NAME).code("repaired"),
            );
        }
        skip_padding(registers);
    }
}

fn put_crashed_first(dump: &mut Dump, core: &CoreFile) {
    if dump.threads.len() < 2 {
        return;
    }
    let (index, note) = match running(dump, core) {
        Some((index, true)) => {
            (index, Note::info("its stack was saved from its sp on").code("crashed-unknown"))
        }
        Some((index, false)) => (
            index,
            Note::doubt("as much of its stack was saved as of a running thread")
                .code("crashed-unknown"),
        ),
        None => {
            let worked = |thread: &Thread| {
                let word = |n| thread.registers.by_name(&format!("r{n}")).unwrap_or_default();
                (0..13).any(|n| word(n) != 0)
            };
            let index = dump.threads.iter().position(worked).unwrap_or_default();
            (index, Note::doubt("it is the first one that did anything").code("crashed-unknown"))
        }
    };
    dump.threads.iter_mut().for_each(|thread| thread.crashed = false);
    let mut thread = dump.threads.remove(index);
    thread.crashed = true;
    let words = format!(
        "MCoreDump does not mark the crashed thread; {} is taken for it because {}",
        thread.label(),
        note.words
    );
    dump.notes.push(Note { words, ..note }.by(NAME));
    dump.threads.insert(0, thread);
}

/// The thread that ran, and whether that is sure. There is one segment per thread in their order.
/// Only that of the running one starts in the line of its sp: the others start at the frame
/// that their registers are from, which is a line long at least.
fn running(dump: &Dump, core: &CoreFile) -> Option<(usize, bool)> {
    let only = |found: Vec<usize>| match found.as_slice() {
        [only] => Some(*only),
        _ => None,
    };
    let sp = |thread: &Thread| thread.registers.sp().unwrap_or_default();
    if core.segments.len() == dump.threads.len() {
        let from_sp = |(thread, segment): (&Thread, &Segment)| {
            let before = sp(thread) % LINE;
            segment.addr == sp(thread).saturating_sub(before)
                && segment.file_len == RUNNING_LEN.saturating_add(before)
        };
        let pairs = dump.threads.iter().zip(&core.segments).enumerate();
        let found = pairs.filter(|(_, pair)| from_sp(*pair)).map(|(index, _)| index).collect();
        if let Some(index) = only(found) {
            return Some((index, true));
        }
    }
    let lens = RUNNING_LEN..RUNNING_LEN.saturating_add(LINE);
    let on_it = |thread: &Thread, segment: &Segment| {
        sp(thread) >= segment.addr && sp(thread).saturating_sub(segment.addr) < segment.file_len
    };
    let segments = core.segments.iter().filter(|segment| lens.contains(&segment.file_len));
    let found = segments
        .filter_map(|segment| dump.threads.iter().position(|thread| on_it(thread, segment)))
        .collect();
    only(found).map(|index| (index, false))
}

/// A thread without FPU state in its frame gets a note of zeros, as does every thread before the
/// FPU was switched on.
fn forget_cleared_floats(registers: &mut Registers) {
    let names: Vec<String> =
        (0..32).map(|n| format!("d{n}")).chain(["fpscr".to_string()]).collect();
    if names.iter().all(|name| registers.by_name(name).unwrap_or_default() == 0) {
        names.iter().for_each(|name| registers.forget(name));
    }
}

fn skip_padding(registers: &mut Registers) {
    let Some((xpsr, sp)) = registers.by_name("xpsr").zip(registers.sp()) else { return };
    // The live xpsr of a running thread reads as zero here. A frame ends at a multiple of 8, so a sp
    // that is none counts the word already.
    if is_saved_xpsr(xpsr) && xpsr & XPSR_PADDED != 0 && sp.is_multiple_of(8) {
        registers.set_sp(sp.wrapping_add(4) & 0xffff_ffff);
    }
}

/// Thumb state, and nothing in the bits that no processor sets.
fn is_saved_xpsr(word: u64) -> bool {
    const RESERVED: u64 = 0x00f0_0000;
    word & u64::from(super::XPSR_T) != 0 && word & RESERVED == 0
}

fn is_exc_return(word: u64) -> bool {
    word & 0xffff_ff80 == 0xffff_ff80 && word != 0xffff_ffff
}

/// A fault in a build without FPU: the hook starts one word too low, at EXC_RETURN, so each
/// register has the name of the next one, and `xpsr` is the word at sp.
fn shifted_by_exc_return(registers: &mut Registers, memory: &Memory) -> Option<String> {
    let sp = registers.sp()?;
    let xpsr = u64::from(memory.u32_le(sp)?);
    let shifted = is_exc_return(registers.by_name("r4")?)
        && is_saved_xpsr(xpsr)
        && !is_saved_xpsr(registers.by_name("xpsr")?);
    if !shifted {
        return None;
    }
    let names: Vec<&str> = KEPT.into_iter().chain(FRAME).collect();
    let mut words = Vec::new();
    for name in names.iter().skip(1) {
        words.push(registers.by_name(name)?);
    }
    for (name, word) in names.iter().zip(words.into_iter().chain([xpsr])) {
        registers.set_by_name(name, word);
    }
    registers.set_sp(sp.wrapping_add(4) & 0xffff_ffff);
    Some(
        "MCoreDump read them one word too low, from EXC_RETURN on; each is shown as its own".into(),
    )
}

/// A fault in a build with FPU on a kernel that pushes EXC_RETURN where MCoreDump expects the flag
/// of the FPU (RT-Thread before its pull request 10618, and ARMv8-M with the FPU in use): the
/// frame is in s16-s23, and the registers are what is on the stack behind it.
fn in_floats(registers: &mut Registers) -> Option<String> {
    let mut frame = Vec::new();
    for n in 8..12 {
        let double = registers.by_name(&format!("d{n}"))?;
        frame.extend([double & 0xffff_ffff, double >> 32]);
    }
    let [_, _, _, _, _, lr, pc, xpsr] = *frame.as_slice() else { return None };
    let is_frame = lr & 1 == 1 && pc & 1 == 0 && pc != 0 && is_saved_xpsr(xpsr);
    if !is_frame || is_saved_xpsr(registers.by_name("xpsr")?) {
        return None;
    }
    // Flag and r4-r11 are 36 bytes before the frame, 168 behind its start is what is called sp.
    const PRINTED_SP: u64 = 64 + BASIC_FRAME_LEN + 72;
    let start = registers.sp()?.wrapping_sub(PRINTED_SP) & 0xffff_ffff;
    for (name, word) in FRAME.iter().zip(frame) {
        registers.set_by_name(name, word);
    }
    (0..16).for_each(|n| registers.forget(&format!("d{n}")));
    registers.forget("fpscr");
    registers.forget_sp();
    let padding = if xpsr & XPSR_PADDED != 0 { 4 } else { 0 };
    let behind = |len: u64| start.wrapping_add(len).wrapping_add(padding) & 0xffff_ffff;
    Some(format!(
        "MCoreDump took the exception frame for s16-s23; it is shown as what it is. sp was {:#x}, \
         or {:#x} if the FPU was in use: the dump does not tell",
        behind(BASIC_FRAME_LEN),
        behind(FPU_FRAME_LEN)
    ))
}

/// ARMv8-M, a thread that was switched out while it used the FPU: MCoreDump does not look at the
/// EXC_RETURN among the words before r4 and takes s16-s23 for the exception frame. The whole frame
/// is in memory.
fn armv8m_frame_with_floats(registers: &mut Registers, memory: &Memory) -> Option<String> {
    /// The secure context, EXC_RETURN, PSPLIM and CONTROL.
    const HEAD: usize = 4;
    const HIGH_FLOATS: usize = 16;
    const WORDS: usize = HEAD + 8 + HIGH_FLOATS + 26;
    const PRINTED: u64 = 4 * (HEAD as u64 + 16);
    let start = registers.sp()?.checked_sub(PRINTED)?;
    let bytes = memory.array::<{ 4 * WORDS }>(start)?;
    let words: Vec<u64> =
        bytes.as_chunks::<4>().0.iter().map(|word| u64::from(u32::from_le_bytes(*word))).collect();
    let (head, behind) = words.split_at_checked(HEAD)?;
    let printed = KEPT.iter().chain(&FRAME).zip(behind);
    let (high, frame) = behind.get(KEPT.len()..)?.split_at_checked(HIGH_FLOATS)?;
    let (basic, low) = frame.split_at_checked(FRAME.len())?;
    const NO_FPU_FRAME: u64 = 1 << 4;
    let exc_return = *head.get(1)?;
    let is_it = is_exc_return(exc_return)
        && exc_return & NO_FPU_FRAME == 0
        && is_saved_xpsr(*basic.last()?)
        && printed.into_iter().all(|(name, word)| registers.by_name(name) == Some(*word));
    if !is_it {
        return None;
    }
    for (name, word) in FRAME.iter().zip(basic) {
        registers.set_by_name(name, *word);
    }
    let (low, rest) = low.split_at_checked(16)?;
    for (n, pair) in low.as_chunks::<2>().0.iter().chain(high.as_chunks::<2>().0).enumerate() {
        registers.set_by_name(&format!("d{n}"), pair[0] | pair[1] << 32);
    }
    registers.set_by_name("fpscr", *rest.first()?);
    let len = 4u64.saturating_mul(WORDS as u64);
    registers.set_sp(start.wrapping_add(len) & 0xffff_ffff);
    Some("MCoreDump overlooked that the FPU was in use; they are read from the saved stack".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;

    #[test]
    fn the_word_that_aligned_a_frame_is_counted_once() {
        let arch = Targets::built_in().arch("cortex-m").expect("built in");
        let sp = |sp: u64, xpsr: u64| {
            let mut registers = Registers::unknown(arch.clone());
            registers.set_sp(sp);
            registers.set_by_name("xpsr", xpsr);
            skip_padding(&mut registers);
            registers.sp()
        };
        assert_eq!(sp(0x2000_0f00, 0x0100_0000), Some(0x2000_0f00));
        assert_eq!(sp(0x2000_0f00, 0x0100_0200), Some(0x2000_0f04));
        assert_eq!(sp(0x2000_0f04, 0x0100_0200), Some(0x2000_0f04));
        assert_eq!(sp(0x2000_0f00, 0x0000_0200), Some(0x2000_0f00));
    }
}
