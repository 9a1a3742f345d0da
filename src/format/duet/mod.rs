//! The "software reset" of a Duet's M122 report: RepRapFirmware and its CAN expansion boards.
//!
//! ```text
//! RepRapFirmware for Duet 3 Mini 5+ version 3.4.6 (2023-07-21 14:17:33) running on ...
//! Last software reset at 2024-05-06 17:08, reason: HardFault bfarValid precise, GCodes spinning, ...
//! Software reset code 0x4063 HFSR 0x40000000 CFSR 0x00008200 ICSR 0x... BFAR 0x... SP 0x... Task MAIN Freestk 482 ok
//! Stack: 00000001 ...
//! ```
//!
//! SP is always the address of the first word behind `Stack:`; 0 or 0xffffffff where no stack was
//! saved. What those words are differs by reason and release:
//!
//! | reason                                  | first words                                       |
//! | HardFault, Watchdog, Memory.., Other..  | the exception frame: r0 r1 r2 r3 r12 lr pc xpsr   |
//! | the same, before 3.2 (18 to 24 words);  | the frame from its lr on: lr pc xpsr              |
//! | OtherFault of expansion boards as well  |                                                   |
//! | StuckInSpinLoop, HeatTaskStuck          | either: of the task that ran, mostly from lr on;  |
//! |                                         | of MAIN or HEAT, switched out, the whole frame    |
//! | AssertionFailed, StackOverflow          | r0, r1 and lr on entry, pushed by the handler     |
//! | OutOfMemory, Terminate.., Pure..        | the stack from where the handler was, no frame    |
//! | NMI, UsageFault, User, Erase            | nothing                                           |
//!
//! Where the table leaves a choice, two things decide. SP is a multiple of 8 if it is the address of
//! a whole frame, and 4 more if it is that of its lr. And xpsr has T set and zeros in bits 20 to 23,
//! pc is even, lr odd.
//!
//! Behind the frame the stack goes on without a gap, until builds for an FPU came (after 3.6.1)
//! which leave out the next 18 words, where s0-s15 would be. The text does not say so: of 3.6.2
//! and newer, the words behind a frame are not placed. Whether the frame had room for s0-s15 (then
//! sp was 72 bytes higher) no release tells.
//!
//! The word called BFAR is MMFAR of a MemoryProtectionFault; both count only where CFSR says so.
//! Boards with a Cortex-M0+ print no HFSR, CFSR and BFAR.
//!
//! Sources: Duet3D/RepRapFirmware, `src/Hardware/SoftwareReset.cpp` 44419fe and 14499c8 and the
//! later one with `PrintPart1`, `src/Hardware/ExceptionHandlers.cpp` 095a45c, `src/Platform/RepRap.cpp`
//! (`RepRap::Tick`), `src/SoftwareReset.cpp` 1726065 (23 words), `src/Platform.cpp` and `src/Tasks.cpp`
//! of 1.x to 3.1 (18, 23, 24 words); Duet3D/Duet3Expansion, `src/Hardware/SoftwareReset.cpp` 16fd341 and
//! d087a61, `src/Hardware/ExceptionHandlers.cpp` a7b45be. Reports in their issues 528, 935, 1170 and pull
//! request 35 agree.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod report;

use super::fault_text::registers;
use super::machine::machine_of;
use super::{Context, Format};
use crate::arch::cortex_m::Frame;
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::Line;
use crate::dump::{Dump, Note, Thread};
use crate::error::Result;
use crate::memory::Region;
use crate::reason::Reason;
use crate::registers::Registers;
use crate::targets::Family;
use report::{CODE, Cause, EXPANSION_TITLE, HEAD, MAIN_TITLE, Report, WORDS_SINCE_3_2};

const NAME: &str = "duet";
/// The report's first lines stand about this far before.
const LINES_TO_TITLE: usize = 24;
/// How many words of a frame are before its lr.
const BEFORE_LR: u64 = 5;
/// The first version that may leave out the words of s0-s15.
const MAY_LEAVE_OUT: (u32, u32, u32) = (3, 6, 2);
/// The day on which 3.6.1 was built.
const BEFORE_LEAVING_OUT: &str = "2025-08-24";
/// A Duet's report of its last software reset.
pub struct Duet;

/// The reports in a log.
pub static DUET_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[CODE], starts: block_starts, is_title: |_| false };

impl Format for Duet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Duet M122 report"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let report = Report::parse(piece)?;
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("Duet M122 report", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        dump.identity.facts.clone_from(&report.facts);
        dump.texts.clone_from(&report.texts);
        let (signal, words) = report.cause.told(&report.reason);
        dump.reason = Reason::new(signal, words, Vec::new());
        let mut thread = Thread::new(1, registers(&dump.arch, &report.status()));
        thread.crashed = true;
        thread.name.clone_from(&report.task);
        if let Some(sp) = report.sp {
            report.read_stack(sp, &mut dump, &mut thread);
        } else {
            dump.notes.push(Note::info(format!("{NAME}: the device saved no stack")));
        }
        if report.overflowed {
            dump.warn(format!(
                "{NAME}: the lowest word of the task's stack was overwritten (\"bad marker\"): the \
                 stack has been too small at some time"
            ));
        }
        dump.threads.push(thread);
        Ok(dump)
    }
}

impl Report {
    /// Whether the words from `at` on can be lr, pc, xpsr that a core has pushed.
    fn is_frame(&self, at: usize) -> bool {
        let word = |n: usize| self.stack.get(at.saturating_add(n)).copied();
        let (Some(lr), Some(pc), Some(xpsr)) = (word(0), word(1), word(2)) else { return false };
        lr & 1 == 1 && pc & 1 == 0 && xpsr & 1 << 24 != 0 && xpsr & 0x00f0_0000 == 0
    }

    /// Whether the words look as if they began with a whole frame (or with its lr).
    fn frame_by_words(&self) -> Option<bool> {
        match (self.is_frame(BEFORE_LR as usize), self.is_frame(0)) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            _ => None,
        }
    }

    /// Whether the words begin with a whole frame (or with its lr), and what is to be said of it.
    fn has_whole_frame(&self, sp: u64) -> (bool, Option<Note>) {
        let (by_words, by_place) = (self.frame_by_words(), frame_by_place(sp));
        let usual = self.stack.len() >= WORDS_SINCE_3_2;
        let whole = by_words.or(by_place).unwrap_or(usual);
        if by_words == by_place && by_words.is_some() {
            return (whole, None);
        }
        let first = if whole { "r0" } else { "lr" };
        let words = match (by_words, by_place) {
            (None, Some(_)) => return (whole, self.no_frame_note(first)),
            (Some(_), _) => "they look like it, but sp is not where a core would put it",
            (None, None) => "neither they nor sp tell it, only their number",
        };
        let words =
            format!("{NAME}: the printed words are taken for a frame from its {first} on: {words}");
        (whole, Some(Note::doubt(words)))
    }

    /// Of words that do not look like a frame: a note, unless the fault is the reason for that.
    fn no_frame_note(&self, first: &str) -> Option<Note> {
        // A jump to an even address clears T, and leaves what it likes in pc and lr.
        let cfsr =
            self.named.iter().find(|(name, _)| name == "CFSR").map_or(0, |(_, value)| *value);
        let words = format!(
            "{NAME}: the printed words do not look like an exception frame; by the address sp they \
             are one from its {first} on"
        );
        (cfsr & 0b110 << 16 == 0).then(|| Note::doubt(words))
    }

    fn read_stack(&self, sp: u64, dump: &mut Dump, thread: &mut Thread) {
        let cause = match self.cause {
            // Without the line that tells the reason, the words may.
            Cause::Unknown
                if self.frame_by_words().is_some()
                    && self.frame_by_words() == frame_by_place(sp) =>
            {
                Cause::Fault
            }
            cause => cause,
        };
        match cause {
            Cause::Assert | Cause::Overflow if self.stack.get(2).is_some_and(|lr| lr & 1 == 1) => {
                self.place(sp, self.stack.len(), dump);
                self.read_call(sp, &mut thread.registers, dump);
            }
            Cause::Assert | Cause::Overflow | Cause::Call | Cause::Unknown => {
                self.place(sp, self.stack.len(), dump);
                thread.registers.set_by_name("sp", sp);
                dump.notes.push(Note::info(format!(
                    "{NAME}: the device saved no frame for this reason: of the registers only sp is \
                     known, somewhere in the function that was called"
                )));
            }
            Cause::Fault | Cause::Stuck(_) | Cause::NoStack | Cause::User => {
                let (whole, note) = self.has_whole_frame(sp);
                dump.notes.extend(note);
                if let (true, Cause::Stuck(name)) = (whole, self.cause) {
                    // The task that ran is printed; the frame is that of the one that hangs.
                    thread.name = Some(name.into());
                }
                let known = if whole && self.may_leave_out() { 8 } else { self.stack.len() };
                self.place(sp, known, dump);
                self.read_frame(sp, whole, &mut thread.registers, dump);
            }
        }
    }

    /// Whether this build may have left out the words of s0-s15.
    fn may_leave_out(&self) -> bool {
        let old = match (self.version, &self.time) {
            (Some(version), _) => version < MAY_LEAVE_OUT,
            (None, Some(time)) => time.as_str() < BEFORE_LEAVING_OUT,
            (None, None) => false,
        };
        self.fpu && !old && self.stack.len() >= WORDS_SINCE_3_2
    }

    /// Shows the first `known` words as memory.
    fn place(&self, sp: u64, known: usize, dump: &mut Dump) {
        // What would lie behind the end of RAM is filled up with ones.
        let filled = self.stack.iter().rev().take_while(|word| **word == u32::MAX).count();
        let there = self.stack.len().saturating_sub(filled);
        let bytes: Vec<u8> =
            self.stack.iter().take(known.min(there)).flat_map(|w| w.to_le_bytes()).collect();
        dump.memory.insert(Region::dumped(sp, bytes.into()).named("stack"));
        if known < there {
            dump.notes.push(Note::doubt(format!(
                "{NAME}: the {} words behind the exception frame are not shown as memory: firmware \
                 3.6.2 and newer for chips with an FPU may leave 18 words out before them, and the \
                 text does not tell (they are in its line Stack:)",
                there.saturating_sub(known)
            )));
        }
    }

    fn read_frame(&self, sp: u64, whole: bool, registers: &mut Registers, dump: &mut Dump) {
        let at = if whole { BEFORE_LR as usize } else { 0 };
        let mut basic = [0u32; 8];
        for (n, word) in basic.iter_mut().enumerate() {
            let index = n.checked_sub(5).map(|n| n.saturating_add(at)).or(whole.then_some(n));
            *word = index.and_then(|index| self.stack.get(index)).copied().unwrap_or(0);
        }
        let addr = if whole { sp } else { sp.saturating_sub(BEFORE_LR.saturating_mul(4)) };
        let (saved, float) = (None, None);
        let frame = Frame { addr, basic, saved, extended: false, float, in_fpu: false };
        if whole {
            frame.restore(registers);
        } else {
            let [.., lr, pc, xpsr] = basic;
            for (name, value) in [("lr", lr), ("pc", pc), ("xpsr", xpsr)] {
                registers.set_by_name(name, value);
            }
            registers.set_by_name("sp", frame.sp_before());
        }
        if self.fpu {
            dump.notes.push(Note::doubt(format!(
                "{NAME}: if the code that was stopped had used the FPU, sp is {:#x}, 72 bytes higher \
                 than shown, and what is read from the stack is wrong: the device does not say",
                frame.sp_before().saturating_add(72)
            )));
        }
    }

    /// r0, r1, lr as the function found them, from the state just before it was called.
    fn read_call(&self, sp: u64, registers: &mut Registers, dump: &mut Dump) {
        let [first, second, lr, ..] = self.stack.as_slice() else { return };
        registers.set_by_name("r0", *first);
        registers.set_by_name("r1", *second);
        registers.set_by_name("sp", sp.saturating_add(12));
        registers.set_by_name("pc", lr.wrapping_sub(5));
        dump.notes.push(Note::info(format!(
            "{NAME}: pc is where the call is that returns to {:#x}: the device saved r0, r1, lr and \
             sp on entry of the function that it calls",
            lr.wrapping_sub(1)
        )));
        if self.cause == Cause::Assert {
            dump.reason.words =
                format!("{}: line {first} of the file whose name is at {second:#x}", self.reason);
        }
    }
}

/// Whether `sp` is where a core puts a whole frame (or its lr): frames are aligned to 8 bytes, and
/// lr is 20 bytes behind the start.
fn frame_by_place(sp: u64) -> Option<bool> {
    match sp % 8 {
        0 => Some(true),
        4 => Some(false),
        _ => None,
    }
}

/// A report starts where the firmware is named, or where the reason is, or with the code.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut free = 0usize;
    for (index, _) in all.iter().enumerate().filter(|(_, line)| line.text.contains(CODE)) {
        let earliest = index.saturating_sub(LINES_TO_TITLE).max(free);
        let before = all.get(earliest..=index).unwrap_or_default();
        let find = |mark: &str| before.iter().rposition(|line| line.text.contains(mark));
        let start = find(EXPANSION_TITLE)
            .or_else(|| find(MAIN_TITLE))
            .or_else(|| find(HEAD))
            .map_or(index, |at| earliest.saturating_add(at));
        starts.push(start);
        free = index.saturating_add(1);
    }
    starts
}
