//! The text of a Duet's report, taken apart: which firmware, why, with which words of the stack.
//!
//! The number holds the reason in bits 5 to 8 (before RepRapFirmware 3 in bits 4 to 7), what was
//! "spinning" below, and 0x8000 for a crash by command; so the words of the line before are read
//! where they are there.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::NAME;
use crate::carrier::Piece;
use crate::carrier::text::lines;
use crate::error::{Fault, Result};
use crate::format::fault_text::hex;
use crate::format::in_input;
use crate::reason::Signal;

/// Begins what is read first.
pub(super) const CODE: &str = "Software reset code 0x";
/// Begins the line before.
pub(super) const HEAD: &str = "Last software reset";
const STACK: &str = "Stack:";
/// In the line that names firmware and board.
pub(super) const MAIN_TITLE: &str = "RepRapFirmware for ";
/// In that of an expansion board.
pub(super) const EXPANSION_TITLE: &str = " firmware version ";
/// From 3.2 on 27 words are stored, and the frame from its r0 on.
pub(super) const WORDS_SINCE_3_2: usize = 27;
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
pub(super) enum Cause {
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

    pub(super) fn told(self, name: &str) -> (Signal, String) {
        let signal = match self {
            Cause::Fault if !name.to_ascii_lowercase().contains("watchdog") => Signal::Segv,
            Cause::NoStack => Signal::Segv,
            _ => Signal::Abrt,
        };
        (signal, if name.is_empty() { "software reset".into() } else { name.into() })
    }
}

/// The text, taken apart.
pub(super) struct Report {
    pub(super) cause: Cause,
    pub(super) reason: String,
    /// HFSR, CFSR, ... as printed.
    pub(super) named: Vec<(String, u64)>,
    pub(super) sp: Option<u64>,
    pub(super) task: Option<String>,
    pub(super) overflowed: bool,
    pub(super) stack: Vec<u32>,
    pub(super) version: Option<(u32, u32, u32)>,
    pub(super) time: Option<String>,
    /// Whether the board can have an FPU.
    pub(super) fpu: bool,
    pub(super) facts: Vec<(String, String)>,
    pub(super) texts: Vec<String>,
}

impl Report {
    pub(super) fn parse(piece: &Piece) -> Result<Report> {
        let all: Vec<String> = lines(&piece.bytes).map(|line| line.text).collect();
        // Web consoles and forums break and join lines as they like.
        let text = all.join(" ");
        let (before, behind) = text.split_once(CODE).unwrap_or(("", ""));
        let status = behind.split(STACK).next().unwrap_or_default();
        let mut words = status.split_whitespace().map(|word| word.trim_matches(','));
        let code = words.next().and_then(hex);
        let mut report = Report {
            cause: Cause::Unknown,
            reason: String::new(),
            named: Vec::new(),
            sp: None,
            task: None,
            overflowed: false,
            stack: Vec::new(),
            version: None,
            time: None,
            fpu: true,
            facts: Vec::new(),
            texts: Vec::new(),
        };
        let mut sp = None;
        while let Some(name) = words.next() {
            match name {
                "HFSR" | "CFSR" | "ICSR" | "BFAR" | "SP" => {
                    let value = words.next().and_then(hex).filter(|v| u32::try_from(*v).is_ok());
                    let Some(value) = value else { break };
                    match name {
                        "SP" => sp = Some(value),
                        _ => report.named.push((name.into(), value)),
                    }
                }
                "Task" => report.task = words.next().and_then(task_name),
                "Freestk" => {
                    words.next();
                    report.overflowed = words.next() == Some("bad");
                    break;
                }
                _ => break,
            }
        }
        let (Some(code), Some(sp)) = (code, sp) else {
            let found = format!("{} other words", report.named.len());
            let fault = Fault::new(NAME, "software reset code", 0, "a code and SP 0x...", found);
            return Err(in_input(fault));
        };
        report.sp = Some(sp).filter(|sp| *sp != 0 && *sp != u64::from(u32::MAX));
        report.stack = behind.split_once(STACK).map_or_else(Vec::new, |(_, words)| stack(words));
        report.read_head(before, code);
        report.texts = texts(&all);
        if report.cause == Cause::User {
            let expected = "a reset by a crash";
            return Err(in_input(Fault::new(NAME, "reason", 0, expected, report.reason.clone())));
        }
        if report.sp.is_some() && report.stack.len() < 3 {
            let found = format!("{} words", report.stack.len());
            let fault = Fault::new(NAME, "stack", 0, "3 or more words after Stack:", found);
            return Err(in_input(fault));
        }
        Ok(report)
    }

    /// What stands before the code: the firmware, and the line that tells the reason in words.
    fn read_head(&mut self, before: &str, code: u64) {
        let no_fault_words = !self.named.iter().any(|(name, _)| name == "CFSR");
        let lacks = ["Maestro", "TOOL1LC", "TOOL1RR", "SAMMYC21", "LPC", "Duet 0"];
        self.fpu = !no_fault_words && !lacks.iter().any(|board| before.contains(board));
        let main = before.rfind(MAIN_TITLE).and_then(|at| before.get(at..));
        // Of an expansion board: "Diagnostics for board 1:" and on the next line its name.
        let expansion = before.rfind(EXPANSION_TITLE).and_then(|at| {
            let name = before.get(..at)?.rfind("Duet ")?;
            before.get(name..)
        });
        if let Some((name, version)) =
            expansion.or(main).and_then(|title| title.split_once(" version "))
        {
            let version = version.split_whitespace().next().unwrap_or_default();
            let name = name.trim_end_matches(" firmware").trim_start_matches(MAIN_TITLE);
            self.version = version_of(version);
            self.facts.push(("board".into(), name.into()));
            self.facts.push(("firmware".into(), format!("RepRapFirmware {version}")));
        }
        self.facts.push(("software reset code".into(), format!("{code:#06x}")));
        if self.stack.len() >= WORDS_SINCE_3_2 {
            let reason = REASONS.get((code >> 5 & 0xf) as usize).copied().unwrap_or_default();
            self.reason = reason.to_string();
            self.cause = Cause::of_name(reason);
        }
        let Some((_, head)) = before.rsplit_once(HEAD) else { return };
        let mut parts = head.split(',').map(str::trim);
        let when = parts.next().unwrap_or_default();
        if let Some(time) = when.strip_prefix("at ") {
            self.time = Some(time.into());
            self.facts.push(("time of the reset".into(), time.into()));
        }
        let Some((_, reason)) = head.split_once("reason: ") else { return };
        let mut parts = reason.split(',').map(str::trim);
        self.reason = parts.next().unwrap_or_default().to_string();
        self.cause = Cause::of_name(&self.reason);
        for part in parts {
            if part.contains("spinning") {
                self.facts.push(("spinning".into(), part.replace("spinning", "").trim().into()));
            } else if let Some(ram) = part.strip_prefix("available RAM ") {
                let ram = ram.split([' ', '(']).next().unwrap_or_default();
                self.facts.push(("available RAM".into(), ram.into()));
            }
        }
        if let Some(module) = self.facts.iter_mut().find(|(name, _)| name == "spinning") {
            // Before 3.0: "spinning module Platform".
            module.1 = module.1.trim_start_matches("module ").to_string();
        }
    }

    /// The fault status, with the address only if it is one.
    pub(super) fn status(&self) -> Vec<(String, u64)> {
        let cfsr =
            self.named.iter().find(|(name, _)| name == "CFSR").map_or(0, |(_, value)| *value);
        let protection = self.reason.to_ascii_lowercase().contains("memory");
        let valid = cfsr & if protection { 1 << 7 } else { 1 << 15 } != 0;
        let kept = self.named.iter().filter(|(name, _)| name != "BFAR" || valid);
        let renamed = kept.map(|(name, value)| match name.as_str() {
            "BFAR" if protection => ("MMFAR".to_string(), *value),
            _ => (name.clone(), *value),
        });
        renamed.collect()
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

/// The lines that are the report of the reset.
fn texts(all: &[String]) -> Vec<String> {
    let code = all.iter().position(|line| line.contains(CODE)).unwrap_or(0);
    let near = code.saturating_sub(2)..code.saturating_add(3).min(all.len());
    let is_ours = |line: &&String| [HEAD, CODE, STACK].iter().any(|mark| line.contains(mark));
    all.get(near).unwrap_or_default().iter().filter(is_ours).cloned().collect()
}
