//! Frames that the device itself printed.
//!
//! A panic handler that prints a backtrace has walked its own stack. Where registers and memory
//! of the dump lead less far, its frames are taken; the first of them is usually the one that
//! the registers describe, and is not shown twice.
//!
//! On Xtensa with register windows a printed pair of program counter and stack pointer also tells
//! what lay in the save areas below the stack pointers: of each frame the return address (a0) and
//! the stack pointer (a1). These words are put back into the memory, marked as reconstructed, so
//! that a debugger walks the chain by its own means. a2 and a3 of the save areas are not known.
//!
//! Source: Xtensa ISA Reference Manual (RI-2010.1), 4.7.1 "Windowed register option", 6 (CALLn,
//! CALLXn); ESP-IDF 5.1, `esp_system/port/arch/xtensa/debug_helpers.c`: what is printed are the
//! addresses of calls, three bytes before where they return to.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{Backtrace, End, Found, Frame, Unwinder};
use crate::arch::xtensa::is_windowed;
use crate::dump::{Dump, Note, PrintedFrame, Thread};
use crate::memory::{Access, Memory, Origin, Region};
use crate::registers::Registers;

/// The longest call instruction: an address to return to lies at most so far behind the call.
const LONGEST_CALL: u64 = 4;
/// Bytes of an Xtensa call instruction.
const CALL_LEN: u64 = 3;
/// Where a0 and a1 of the caller are saved, below the stack pointer.
const SAVED_A0: u64 = 16;
const SAVED_A1: u64 = 12;
/// PS of code that runs with register windows: WOE, UM, and CALLINC of a CALL8, with which
/// compilers call.
const WINDOWED_PS: u32 = 0x0006_0020;

impl Unwinder<'_, '_> {
    /// `walked`, or what the device printed where that leads further.
    pub(super) fn or_printed(&self, mut walked: Backtrace, thread: &Thread) -> Backtrace {
        // Of the innermost one the device may know at least the name.
        if let Some(frame) = walked.frames.first_mut().filter(|frame| !frame.is_guess())
            && let Some(printed) = thread.printed.iter().find(|p| is_same(frame.pc, p))
        {
            frame.said = printed.function.clone();
        }
        // A stack that was scanned without a program counter begins with a guess.
        let first = walked.frames.first().filter(|frame| !frame.is_guess());
        let printed = behind_registers(thread, first);
        let own = usize::from(first.is_some());
        let sure = walked.frames.iter().take_while(|frame| !frame.is_guess()).count();
        let is_whole = walked.end == End::Outermost && sure == walked.frames.len();
        // Functions that ended in a tail call left nothing that a device could print.
        let is_real = |frame: &&Frame| frame.found != Found::TailCall;
        let real = walked.frames.iter().take(sure).filter(is_real).count();
        if printed.is_empty() || is_whole || real >= printed.len().saturating_add(own) {
            return walked;
        }
        let Backtrace { mut frames, culprit, .. } = walked;
        // What was walked has registers; it stays as far as the device said the same.
        let (mut agreed, mut kept) = (0usize, own);
        let walked = frames.iter().enumerate().take(sure).skip(own);
        for (at, frame) in walked.filter(|(_, frame)| is_real(frame)) {
            if !printed.get(agreed).is_some_and(|printed| is_same(frame.pc, printed)) {
                break;
            }
            (agreed, kept) = (agreed.saturating_add(1), at.saturating_add(1));
        }
        frames.truncate(kept);
        frames.extend(printed.iter().skip(agreed).map(|printed| self.printed(printed)));
        let culprit = if culprit < kept { culprit } else { 0 };
        Backtrace { frames, end: End::Printed, culprit }
    }

    fn printed(&self, printed: &PrintedFrame) -> Frame {
        let arch = &self.dump.arch;
        let pc = self.abi.code_address(printed.pc);
        let mut registers = Registers::unknown(arch.clone());
        registers.set_why_missing("register not known: the device printed the frame's address");
        registers.set(arch.pc, pc.into());
        if let Some(sp) = printed.sp {
            registers.set(arch.sp, sp.into());
        }
        Frame {
            pc,
            is_return: printed.returns,
            found: Found::Printed,
            registers,
            cfa: None,
            exception: None,
            said: printed.function.clone(),
            above_guess: false,
        }
    }
}

/// Whether the device printed this program counter: as it is, or as the call before it.
fn is_same(pc: u64, printed: &PrintedFrame) -> bool {
    pc.checked_sub(printed.pc).is_some_and(|behind| behind <= LONGEST_CALL)
}

/// The printed frames behind the one that the registers describe.
fn behind_registers<'t>(thread: &'t Thread, first: Option<&Frame>) -> &'t [PrintedFrame] {
    let same = |frame: &Frame| thread.printed.iter().position(|p| is_same(frame.pc, p));
    let from = first.and_then(same).map_or(0, |at| at.saturating_add(1));
    thread.printed.get(from..).unwrap_or_default()
}

/// Puts back into the memory what the printed backtraces of a dump tell of it, and into the
/// registers what a walk begins with.
pub fn reconstruct(dump: &mut Dump) {
    if !is_windowed(&dump.arch) {
        return;
    }
    for thread in &mut dump.threads {
        let registers = &thread.registers;
        let is_first = |p: &PrintedFrame| registers.pc().is_none_or(|pc| is_same(pc, p));
        let Some(from) = thread.printed.iter().position(is_first) else { continue };
        let all = thread.printed.get(from..).unwrap_or_default();
        let chain = rising(all);
        if chain.len() < 2 {
            continue;
        }
        let is_whole = chain.len() == all.len() && !dump.texts.iter().any(|text| is_cut(text));
        let added = put_words(&mut dump.memory, chain, is_whole);
        let named = put_registers(&mut thread.registers, chain, &dump.memory);
        if added == 0 && named.is_empty() {
            continue;
        }
        let mut words = format!(
            "return addresses and stack pointers of {added} frames are reconstructed from the \
             backtrace that the device printed"
        );
        if !named.is_empty() {
            words.push_str(&format!(", and so are the registers {}", named.join(", ")));
        }
        dump.notes.push(Note::info(words).code("reconstructed"));
    }
}

/// The frames up to where the stack pointers are missing or stop to rise: a corrupt chain.
fn rising(frames: &[PrintedFrame]) -> &[PrintedFrame] {
    let good = |pair: &[PrintedFrame]| match pair {
        [below, above] => below.sp < above.sp && above.sp.is_some_and(|sp| sp % 4 == 0),
        _ => false,
    };
    let Some(first) = frames.first() else { return frames };
    if first.sp.is_none_or(|sp| sp < SAVED_A0) {
        return &[];
    }
    let more = frames.windows(2).take_while(|pair| good(pair)).count();
    frames.get(..=more).unwrap_or(frames)
}

/// Whether the device said that there were frames beyond those that it printed.
fn is_cut(text: &str) -> bool {
    text.contains("|<-CONTINUES") || text.contains("|<-CORRUPTED")
}

/// Adds the save areas of a chain and returns of how many frames.
///
/// The last frame of a chain that `is_whole` returns nowhere: ESP-IDF prints until a0 is 0. GDB
/// reads a stack pointer beyond it before it shows the last two frames; a zero ends the chain there.
fn put_words(memory: &mut Memory, chain: &[PrintedFrame], is_whole: bool) -> usize {
    let mut added = 0usize;
    let words: Vec<u32> = chain.iter().map(|frame| return_word(memory, frame)).collect();
    let mut put = |start: u64, bytes: Vec<u8>, name: &'static str| {
        let is_new = memory.region_at(start).is_none();
        memory.insert(Region {
            start,
            bytes: bytes.into(),
            origin: Origin::Reconstructed,
            access: Access::RW,
            name: Some(name.into()),
        });
        usize::from(is_new)
    };
    let end = || is_whole.then_some(0);
    for (at, pair) in chain.windows(2).enumerate() {
        let [frame, caller] = pair else { continue };
        let (Some(sp), Some(caller_sp)) = (frame.sp, caller.sp) else { continue };
        let a0 = words.get(at.saturating_add(2)).copied().or_else(end);
        let a1 = (caller_sp as u32).to_le_bytes();
        let (below, bytes) = match a0 {
            Some(a0) => (SAVED_A0, [a0.to_le_bytes(), a1].concat()),
            // Where the last frame returns to was not printed.
            None => (SAVED_A1, a1.to_vec()),
        };
        let Some(start) = sp.checked_sub(below) else { continue };
        added = added.saturating_add(put(start, bytes, "from the printed backtrace"));
    }
    let last = chain.last().and_then(|last| last.sp?.checked_sub(SAVED_A1));
    if let Some(start) = last {
        put(start, vec![0; 4], "end of the printed backtrace");
    }
    added
}

/// What a call left in a0 that returns into `frame`: the address, and in the two top bits by how
/// many fours of registers it rotated. The call instruction tells; where nobody holds the code it
/// is taken for a CALL8.
fn return_word(memory: &Memory, frame: &PrintedFrame) -> u32 {
    let back = match frame.returns {
        true => frame.pc,
        false => frame.pc.wrapping_add(CALL_LEN),
    };
    let code = memory.array::<1>(back.wrapping_sub(CALL_LEN)).map(|[byte]| byte);
    // CALLn is n in bits 4 and 5 above 0101, CALLXn the same above 0000 with bits 6 and 7 set.
    let size = code.filter(|code| code & 0x0f == 0x05 || code & 0xcf == 0xc0);
    let size = size.map(|code| u32::from(code >> 4 & 3)).filter(|size| *size > 0).unwrap_or(2);
    (back as u32 & 0x3fff_ffff) | size.wrapping_shl(30)
}

/// Sets the registers that a walk begins with, as far as they are unknown, and names them.
fn put_registers(
    registers: &mut Registers,
    chain: &[PrintedFrame],
    memory: &Memory,
) -> Vec<&'static str> {
    let [first, second, ..] = chain else { return Vec::new() };
    let a0 = return_word(memory, second);
    // A core that calls with windows has them switched on; which four of the file are a0 to a3
    // is for the reader of a dump to say, and is 0 once all older windows are on the stack.
    let wanted = [
        ("pc", Some(first.pc)),
        ("ar0", Some(a0.into())),
        ("ar1", first.sp),
        ("ps", Some(WINDOWED_PS.into())),
        ("windowbase", Some(0)),
        ("windowstart", Some(1)),
    ];
    let mut named = Vec::new();
    for (name, value) in wanted {
        if let Some(value) = value.filter(|_| registers.by_name(name).is_none()) {
            registers.set_by_name(name, value);
            named.push(name);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::debug_info::Modules;
    use crate::targets::Targets;

    const PAIRS: [(u64, u64); 4] = [
        (0x4008_110a, 0x3ffb_4ec0),
        (0x4008_5109, 0x3ffb_4ee0),
        (0x4008_a6ed, 0x3ffb_4f00),
        (0x400d_66b9, 0x3ffb_4f70),
    ];

    fn dump(arch: &str, pairs: &[(u64, u64)], pc: Option<u64>) -> Dump {
        let arch = Targets::built_in().arch(arch).expect("a built-in set");
        let mut thread = Thread::new(1, Registers::unknown(arch.clone()));
        thread.crashed = true;
        if let Some(pc) = pc {
            thread.registers.set(arch.pc, pc.into());
        }
        let frame =
            |(pc, sp): &(u64, u64)| PrintedFrame { pc: *pc, sp: Some(*sp), ..<_>::default() };
        thread.printed = pairs.iter().map(frame).collect();
        let mut dump = Dump::new("test", arch);
        dump.threads.push(thread);
        dump
    }

    fn walked(dump: &Dump) -> Vec<(u64, Found)> {
        let modules = Modules::default();
        let thread = dump.crashed().expect("it crashed");
        let frames = Unwinder::new(dump, &modules).backtrace(thread).frames;
        frames.iter().map(|frame| (frame.pc, frame.found)).collect()
    }

    #[test]
    fn printed_frames_follow_the_registers_without_the_first_twice() {
        let dump = dump("xtensa-esp32", &PAIRS, Some(0x4008_110d));
        let wanted: Vec<u64> =
            [0x4008_110d].into_iter().chain(PAIRS.iter().skip(1).map(|(pc, _)| *pc)).collect();
        let frames = walked(&dump);
        assert_eq!(frames.iter().map(|(pc, _)| *pc).collect::<Vec<_>>(), wanted);
        assert_eq!(frames.first().map(|(_, found)| *found), Some(Found::Registers));
        assert_eq!(frames.last().map(|(_, found)| *found), Some(Found::Printed));
    }

    #[test]
    fn a_printed_chain_gives_the_save_areas_back_but_not_a2_and_a3() {
        let mut dump = dump("xtensa-esp32", &PAIRS, None);
        reconstruct(&mut dump);
        let word = |addr| dump.memory.u32_le(addr);
        // a0 and a1 of the frames above the first; a call of unknown size is taken for a CALL8.
        assert_eq!(word(0x3ffb_4eb0), Some(0x8008_a6f0));
        assert_eq!(word(0x3ffb_4eb4), Some(0x3ffb_4ee0));
        assert_eq!(word(0x3ffb_4eb8), None, "a2");
        assert_eq!(word(0x3ffb_4ef0), Some(0), "the last frame returns nowhere");
        assert_eq!(word(0x3ffb_4ef4), Some(0x3ffb_4f70));
        let origins: Vec<Origin> = dump.memory.regions().map(|region| region.origin).collect();
        assert_eq!(origins, [Origin::Reconstructed; 4]);
        let registers = dump.crashed().map(|thread| &thread.registers).expect("it crashed");
        assert_eq!(registers.by_name("ar0"), Some(0x8008_510c));
        assert_eq!((registers.pc(), registers.sp()), (Some(0x4008_110a), Some(0x3ffb_4ec0)));
        assert_eq!(dump.notes.len(), 1);
        let frames = walked(&dump);
        assert_eq!(frames.len(), 4, "no frame twice: {frames:x?}");
    }

    #[test]
    fn a_register_that_the_device_printed_stays() {
        let mut dump = dump("xtensa-esp32", &PAIRS, Some(0x4008_110d));
        let wanted = [("ps", 0x6_0b30), ("ar0", 0x8008_510d), ("windowbase", 3)];
        for (name, value) in wanted {
            dump.threads.iter_mut().for_each(|t| _ = t.registers.set_by_name(name, value));
        }
        reconstruct(&mut dump);
        let registers = dump.crashed().map(|thread| &thread.registers).expect("it crashed");
        for (name, value) in wanted {
            assert_eq!(registers.by_name(name), Some(value), "{name}");
        }
        assert_eq!(registers.pc(), Some(0x4008_110d));
    }

    #[test]
    fn a_chain_that_stops_to_rise_is_used_only_so_far() {
        let corrupt = [PAIRS[0], PAIRS[1], (0x4008_a6ed, 0x10), PAIRS[3]];
        let mut dump = dump("xtensa-esp32", &corrupt, None);
        reconstruct(&mut dump);
        assert_eq!(dump.memory.region_count(), 2);
        assert_eq!(dump.memory.u32_le(0x3ffb_4eb0), None, "where the second returns to");
        assert_eq!(walked(&dump).len(), 4, "as the device printed them");
    }

    #[test]
    fn other_architectures_have_frames_but_no_save_areas() {
        let pairs = [(0x4200_1000, 0x3fc9_0000), (0x4200_2000, 0x3fc9_0020)];
        let mut dump = dump("riscv32", &pairs, Some(0x4200_3000));
        reconstruct(&mut dump);
        assert_eq!(dump.memory.region_count(), 0);
        // Registers that the backtrace does not begin with are a frame of their own.
        assert_eq!(walked(&dump).len(), 3);
    }
}
