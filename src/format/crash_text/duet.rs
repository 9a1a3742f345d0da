//! The "software reset" of a Duet's M122 report: RepRapFirmware and its CAN expansion boards.
//!
//! The number holds the reason in bits 5 to 8 (before RepRapFirmware 3 in bits 4 to 7), what was
//! "spinning" below, and 0x8000 for a crash by command; so the words of the line before are read
//! where they are there. Web consoles and forums break and join lines as they like: `mend` sets them
//! as the firmware prints them.
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

use super::{Crash, Dialect, PLAIN, Rule, cortex_m};
use crate::arch::cortex_m::Frame;
use crate::carrier::text::Line;
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::format::in_input;
use crate::format::machine::{Family, machine_of};
use crate::memory::Region;
use crate::reason::{Reason, Signal};
use crate::registers::Registers;

const NAME: &str = "duet";
const CODE: &str = "Software reset code 0x";
const HEAD: &str = "Last software reset";
const STACK: &str = "Stack:";
/// Before the name of the board.
const MAIN_TITLE: &str = "RepRapFirmware for ";
/// Behind the name of an expansion board.
const EXPANSION_TITLE: &str = " firmware version ";
/// A title that web consoles joined with what follows is cut here.
const LONGEST_TITLE: usize = 120;
/// From 3.2 on 27 words are stored, and the frame from its r0 on.
const WORDS_SINCE_3_2: usize = 27;
/// How many words of a frame are before its lr.
const BEFORE_LR: u64 = 5;
/// The first version that may leave out the words of s0-s15.
const MAY_LEAVE_OUT: (u32, u32, u32) = (3, 6, 2);
/// The day on which 3.6.1 was built.
const BEFORE_LEAVING_OUT: &str = "2025-08-24";
/// Boards without an FPU.
const WITHOUT_FPU: [&str; 6] = ["Maestro", "TOOL1LC", "TOOL1RR", "SAMMYC21", "LPC", "Duet 0"];
/// Words that are no registers.
const CODE_WORD: &str = "software reset code";
const SP_WORD: &str = "first word of the stack";
const ADDRESS_WORD: &str = "address of the fault";

/// A Duet's report of its last software reset.
pub(super) static DUET: Dialect = Dialect {
    name: NAME,
    title: "Duet M122 report",
    sample: "\
RepRapFirmware for Duet 3 Mini 5+ version 3.4.6 (2023-07-21 14:17:33) running on Duet 3 Mini5plus
Last software reset at 2024-05-06 17:08, reason: HardFault bfarValid precise, GCodes spinning, available RAM 9876, slot 2
Software reset code 0x4063 HFSR 0x40000000 CFSR 0x00008200 ICSR 0x0044f803 BFAR 0x000dead0 SP 0x20005a00 Task MAIN Freestk 482 ok
Stack: 00000011 00000022 00000033 00000044 000000cc 00423457 00423a1e 61000000 0bad0001
",
    starts: &[
        "RepRapFirmware for {board} version",
        "firmware version {version}",
        HEAD,
        "Software reset code 0x{hex}",
    ],
    ends: &["^Stack:"],
    mend: Some(mend),
    rules: &[
        Rule::All(&[
            Rule::Fact("RepRapFirmware for {text} version", "board"),
            Rule::Fact("RepRapFirmware for {board} version {text} ", "firmware"),
        ]),
        Rule::All(&[
            Rule::Fact("^{text} firmware version", "board"),
            Rule::Fact("^{board} firmware version {text} ", "firmware"),
        ]),
        Rule::All(&[
            Rule::Fact("Last software reset at {text}, reason:", "time of the reset"),
            Rule::Title("Last software reset {when}, reason: {text},"),
            Rule::Title("Last software reset {when}, reason: {text}$"),
            Rule::Fact("reason: {reason}, {text} spinning", "spinning"),
            Rule::Fact("reason: {reason}, spinning module {text},", "spinning"),
            Rule::Fact("available RAM {text} ", "available RAM"),
        ]),
        Rule::All(&[
            Rule::Register("Software reset code 0x{hex}", CODE_WORD),
            Rule::Register("HFSR 0x{hex}", "HFSR"),
            Rule::Register("CFSR 0x{hex}", "CFSR"),
            Rule::Register("ICSR 0x{hex}", "ICSR"),
            Rule::Register("BFAR 0x{hex}", ADDRESS_WORD),
            Rule::Register("SP 0x{hex}", SP_WORD),
            Rule::Thread("Task {thread} "),
        ]),
        Rule::Skip("^Stack:"),
    ],
    family: |crash| {
        let whole = crash.has(CODE_WORD) && crash.has(SP_WORD);
        cortex_m(crash).filter(|_| whole)
    },
    machine: |_, crash, context, _| {
        check(crash)?;
        machine_of(context, Family::CortexM)
    },
    finish,
    ..PLAIN
};

/// The four lines of a report.
fn mend<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let text = lines.iter().map(|line| &*line.text).collect::<Vec<_>>().join(" ");
    let (before, behind) = text.split_once(CODE).unwrap_or((text.as_str(), ""));
    let (title, head) = before.rsplit_once(HEAD).unwrap_or((before, ""));
    // Of an expansion board: "Diagnostics for board 1:" and on the next line its name.
    let expansion = title.rfind(EXPANSION_TITLE).and_then(|at| title.get(..at)?.rfind("Duet "));
    let main = title.rfind(MAIN_TITLE);
    let title = expansion.or(main).and_then(|at| title.get(at..)).unwrap_or_default();
    let (status, words) = behind.split_once(STACK).unwrap_or((behind, ""));
    let words: Vec<String> = stack(words).iter().map(|word| format!("{word:08x}")).collect();
    let mut mended = vec![title.chars().take(LONGEST_TITLE).collect()];
    mended.extend((!head.is_empty()).then(|| format!("{HEAD}{head}")));
    mended.extend((!behind.is_empty()).then(|| format!("{CODE}{status}")));
    mended.extend(behind.contains(STACK).then(|| format!("{STACK} {}", words.join(" "))));
    let (first, at) = lines.first().map_or((1, 0), |line| (line.number, line.at));
    let number = |text: &str| {
        let mark = [HEAD, CODE, STACK].into_iter().find(|mark| text.starts_with(mark));
        let line = lines.iter().rfind(|line| mark.is_some_and(|mark| line.text.contains(mark)));
        line.map_or(first, |line| line.number)
    };
    let line =
        |text: String| Line { number: number(&text), at, text: text.trim().to_string().into() };
    mended.into_iter().map(line).filter(|line| !line.text.is_empty()).collect()
}

/// Whether a text is a whole report of a crash.
fn check(crash: &Crash<'_>) -> Result<()> {
    let report = Report::of(crash);
    let fault =
        |part, expected, found: String| Err(in_input(Fault::new(NAME, part, 0, expected, found)));
    if crash.word(CODE_WORD).is_none() || crash.word(SP_WORD).is_none() {
        let found = format!("{} words", crash.task.words.len());
        return fault("software reset code", "a code and SP 0x...", found);
    }
    if report.cause == Cause::User {
        return fault("reason", "a reset by a crash", report.reason);
    }
    if report.sp.is_some() && report.stack.len() < 3 {
        let found = format!("{} words", report.stack.len());
        return fault("stack", "3 or more words after Stack:", found);
    }
    Ok(())
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let report = Report::of(crash);
    let (signal, words) = report.cause.told(&report.reason);
    dump.reason = Reason::new(signal, words, Vec::new());
    dump.texts = crash.lines.iter().skip_while(|line| !is_own(line)).map(|l| (*l).into()).collect();
    let facts = std::mem::take(&mut dump.identity.facts).into_iter().map(|(name, text)| {
        let text = match name.as_str() {
            "firmware" => format!("RepRapFirmware {text}"),
            "available RAM" => text.trim_end_matches(',').to_string(),
            _ => text,
        };
        (name, text)
    });
    dump.identity.facts =
        facts.filter(|(name, _)| ![SP_WORD, ADDRESS_WORD].contains(&name.as_str())).collect();
    let mut threads = std::mem::take(&mut dump.threads);
    if let Some(thread) = threads.first_mut() {
        thread.name = crash.task.name.and_then(task_name);
        if let Some((name, value)) = report.address(crash) {
            thread.registers.set_by_name(name, value);
        }
        match report.sp {
            Some(sp) => report.read_stack(sp, dump, thread),
            None => {
                dump.notes.push(Note::info("the device saved no stack").by(NAME).code("partial"))
            }
        }
    }
    if crash.says(" bad marker") {
        dump.notes.push(
            Note::warning(
                "the lowest word of the task's stack was overwritten (\"bad marker\"): the \
             stack has been too small at some time",
            )
            .by(NAME)
            .code("damaged"),
        );
    }
    dump.threads = threads;
}

fn is_own(line: &str) -> bool {
    [HEAD, CODE, STACK].iter().any(|mark| line.starts_with(mark))
}

/// The reasons by their number, from 3.2 on.
const REASONS: [&str; 15] = [
    "User",
    "Erase",
    "NMI",
    "HardFault",
    "StuckInSpinLoop",
    "WatchdogTimeout",
    "UsageFault",
    "OtherFault",
    "StackOverflow",
    "AssertionFailed",
    "HeatTaskStuck",
    "MemoryProtectionFault",
    "TerminateCalled",
    "PureOrDeletedVirtualFunctionCalled",
    "OutOfMemory",
];

/// What the firmware did when it stopped, as far as the words of its stack depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// An exception that took a frame.
    Fault,
    /// The tick found the main or the heater task stuck. The name is that task's.
    Stuck(&'static str),
    /// The function of failed assertions was called.
    Assert,
    /// The kernel's hook for overflowed stacks was called.
    Overflow,
    /// A function called for good, of which only the stack pointer is known.
    Call,
    /// NMI and UsageFault: exceptions without a stack.
    NoStack,
    /// A reset on request.
    User,
    /// A name that is not known.
    Unknown,
}

impl Cause {
    /// By the reason's name, which older releases print with blanks.
    fn of_name(name: &str) -> Cause {
        let name: String = name.chars().filter(|c| !c.is_whitespace()).collect();
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("deliberate").unwrap_or(&name);
        let begins = |names: &[&str]| names.iter().any(|begin| name.starts_with(begin));
        match () {
            () if begins(&["hardfault", "watchdog", "memoryprotection", "otherfault"]) => {
                Cause::Fault
            }
            () if begins(&["stuckinspin"]) => Cause::Stuck("MAIN"),
            () if begins(&["heattaskstuck"]) => Cause::Stuck("HEAT"),
            () if begins(&["assertion"]) => Cause::Assert,
            () if begins(&["stackoverflow"]) => Cause::Overflow,
            () if begins(&["terminate", "pure", "deleted", "outofmemory"]) => Cause::Call,
            () if begins(&["nmi", "usagefault"]) => Cause::NoStack,
            () if begins(&["user", "erase"]) => Cause::User,
            () => Cause::Unknown,
        }
    }

    fn told(self, name: &str) -> (Signal, String) {
        let signal = match self {
            Cause::Fault if !name.to_ascii_lowercase().contains("watchdog") => Signal::Segv,
            Cause::NoStack => Signal::Segv,
            _ => Signal::Abrt,
        };
        (signal, if name.is_empty() { "software reset".into() } else { name.into() })
    }
}

/// What a report says of the stack.
struct Report {
    cause: Cause,
    reason: String,
    sp: Option<u64>,
    stack: Vec<u32>,
    cfsr: Option<u64>,
    version: Option<(u32, u32, u32)>,
    time: Option<String>,
    /// Whether the board can have an FPU.
    fpu: bool,
}

impl Report {
    fn of(crash: &Crash<'_>) -> Report {
        let fact = |wanted: &str| {
            let found = crash.facts.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, text)| *text)
        };
        let words = crash.lines.iter().find_map(|line| line.strip_prefix(STACK));
        let stack = words.map(stack).unwrap_or_default();
        let code = crash.word(CODE_WORD).unwrap_or(0);
        let by_number =
            REASONS.get((code >> 5 & 0xf) as usize).filter(|_| stack.len() >= WORDS_SINCE_3_2);
        let reason = crash.titles.first().or(by_number).copied().unwrap_or_default();
        let board = fact("board").unwrap_or_default();
        // Boards with a Cortex-M0+ print no fault status.
        let fpu = crash.has("cfsr") && !WITHOUT_FPU.iter().any(|name| board.contains(name));
        Report {
            cause: Cause::of_name(reason),
            reason: reason.to_string(),
            sp: crash.word(SP_WORD).filter(|sp| *sp != 0 && *sp != u64::from(u32::MAX)),
            stack,
            cfsr: crash.word("cfsr"),
            version: fact("firmware").and_then(version_of),
            time: fact("time of the reset").map(str::to_string),
            fpu,
        }
    }

    /// The address of the fault, only if it is one.
    fn address(&self, crash: &Crash<'_>) -> Option<(&'static str, u64)> {
        let protection = self.reason.to_ascii_lowercase().contains("memory");
        let (name, bit) = if protection { ("MMFAR", 7) } else { ("BFAR", 15) };
        let valid = self.cfsr? & 1 << bit != 0;
        crash.word(ADDRESS_WORD).filter(|_| valid).map(|value| (name, value))
    }

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
        let words = format!("the printed words are taken for a frame from its {first} on: {words}");
        (whole, Some(Note::doubt(words).by(NAME).code("assumed")))
    }

    /// Of words that do not look like a frame: a note, unless the fault is the reason for that.
    fn no_frame_note(&self, first: &str) -> Option<Note> {
        // A jump to an even address clears T, and leaves what it likes in pc and lr.
        let cfsr = self.cfsr.unwrap_or(0);
        let words = format!(
            "the printed words do not look like an exception frame; by the address sp they \
             are one from its {first} on"
        );
        (cfsr & 0b110 << 16 == 0).then(|| Note::doubt(words).by(NAME).code("assumed"))
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
                thread.registers.set_sp(sp);
                dump.notes.push(
                    Note::info(
                        "the device saved no frame for this reason: of the registers only sp is \
                     known, somewhere in the function that was called",
                    )
                    .by(NAME)
                    .code("unknown-register"),
                );
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
            dump.notes.push(
                Note::doubt(format!(
                    "the {} words behind the exception frame are not shown as memory: firmware \
                 3.6.2 and newer for chips with an FPU may leave 18 words out before them, and the \
                 text does not tell (they are in its line Stack:)",
                    there.saturating_sub(known)
                ))
                .by(NAME)
                .code("left-out"),
            );
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
            registers.set_sp(frame.sp_before());
        }
        if self.fpu {
            dump.notes.push(
                Note::doubt(format!(
                    "if the code that was stopped had used the FPU, sp is {:#x}, 72 bytes higher \
                 than shown, and what is read from the stack is wrong: the device does not say",
                    frame.sp_before().saturating_add(72)
                ))
                .by(NAME)
                .code("reconstructed"),
            );
        }
    }

    /// r0, r1, lr as the function found them, from the state just before it was called.
    fn read_call(&self, sp: u64, registers: &mut Registers, dump: &mut Dump) {
        let [first, second, lr, ..] = self.stack.as_slice() else { return };
        registers.set_by_name("r0", *first);
        registers.set_by_name("r1", *second);
        registers.set_sp(sp.saturating_add(12));
        registers.set_pc(lr.wrapping_sub(5));
        dump.notes.push(
            Note::info(format!(
                "pc is where the call is that returns to {:#x}: the device saved r0, r1, lr and \
             sp on entry of the function that it calls",
                lr.wrapping_sub(1)
            ))
            .by(NAME)
            .code("reconstructed"),
        );
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

/// Eight hexadecimal digits each, up to the first word of another kind.
fn stack(words: &str) -> Vec<u32> {
    let word = |word: &str| (word.len() == 8).then(|| u32::from_str_radix(word, 16).ok()).flatten();
    words.split_whitespace().map_while(word).take(64).collect()
}

/// The first four letters of a name: as such, or in a number up to RepRapFirmware 3.1. `none`
/// where no task was running.
fn task_name(text: &str) -> Option<String> {
    let letters = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?.to_le_bytes().to_vec(),
        None => text.as_bytes().to_vec(),
    };
    let name: String =
        letters.iter().take_while(|b| b.is_ascii_graphic()).map(|b| char::from(*b)).collect();
    (!name.is_empty() && name != "none").then_some(name)
}

/// `3.4.1`, `3.5.0-rc.1+`, `1.20`, `3.01-RC2`.
fn version_of(text: &str) -> Option<(u32, u32, u32)> {
    let digits = text.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    let mut numbers = digits.split('.').map(|n| n.parse().unwrap_or(0));
    let major = numbers.next().filter(|major| *major > 0)?;
    Some((major, numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)))
}
