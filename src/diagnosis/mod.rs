//! What happened and why, as a colleague would say it: a few sentences, each with what it rests on.
//!
//! A wrong sentence costs more than ten that are missing. So nothing is said by likelihood: an operand counts only
//! where the fault registers hold the very address that the instruction computes from the registers of the dump, a
//! name only where DWARF puts the variable into that register or that word of memory, a source of a value only where
//! the word that it was read from still holds it.
//!
//! `fault.rs` tells what kind of fault it was, from the words of each architecture; `code.rs` reads instructions out
//! of the dump; `operand.rs` says what could not be accessed and through what, with `origin.rs` (where a register got
//! its value) and `expression.rs` (what the source calls it); `address.rs` what an address is; `jump.rs` how the
//! program counter got where nothing can run; `limits.rs` stacks.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod address;
mod code;
mod expression;
mod fault;
mod jump;
mod limits;
mod operand;
mod origin;

pub use code::{Line, listing};

use crate::debug_info::Modules;
use crate::dump::{Dump, Thread, Verdict};
use crate::unwind::{Found, Frame};
use code::Code;
use fault::Fault;

/// Instructions that are shown before and behind the one that failed.
const BEFORE: usize = 4;
const BEHIND: usize = 2;

/// Something that is known of the crash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Which kind it is, for programs: `operand`.
    pub code: &'static str,
    /// The sentence, without a full stop.
    pub words: String,
    /// What it rests on.
    pub evidence: Vec<String>,
}

/// What is known of the crash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnosis {
    /// The most important first; empty where nothing is known for certain.
    pub sentences: Vec<Sentence>,
    /// The instructions around the one that failed.
    pub code: Vec<Line>,
}

/// A crash that is being looked at.
struct Case<'c, 'a> {
    dump: &'c Dump,
    modules: &'c Modules<'a>,
    thread: &'c Thread,
    frames: &'c [Frame],
    /// Which of them the crash happened in.
    at: usize,
    frame: &'c Frame,
    fault: Fault,
    code: Code<'c, 'a>,
}

/// What can be said of the crash of `thread`, which happened in the frame with the index `at`.
pub fn diagnose(
    dump: &Dump,
    modules: &Modules<'_>,
    thread: &Thread,
    frames: &[Frame],
    at: usize,
) -> Diagnosis {
    let Some(frame) = frames.get(at) else { return Diagnosis::default() };
    // By an ELF file of another build everything would be wrong.
    let verdict = dump.identity.fit.as_ref().map(|fit| fit.verdict);
    if matches!(verdict, Some(Verdict::Doubtful | Verdict::DoesNotFit)) {
        return Diagnosis::default();
    }
    let is_exact = matches!(frame.found, Found::Registers | Found::Exception) && !frame.is_guess();
    let code = Code { dump, modules };
    let shown = match is_exact && thread.crashed {
        true => listing(dump, modules, frame.pc, BEFORE, BEHIND),
        false => Vec::new(),
    };
    let mut diagnosis = Diagnosis { sentences: Vec::new(), code: shown };
    let fault = is_exact.then(|| Fault::of(dump, thread, frame)).flatten();
    if let Some(fault) = fault.filter(|_| thread.crashed) {
        let case = Case { dump, modules, thread, frames, at, frame, fault, code };
        diagnosis.sentences.extend(case.operand());
        diagnosis.sentences.extend(case.jump());
        diagnosis.sentences.extend(case.instruction());
        diagnosis.sentences.extend(case.stack());
    }
    diagnosis.sentences.extend(limits::recursion(modules, frames));
    diagnosis
}

impl Sentence {
    fn new(code: &'static str, words: impl Into<String>) -> Sentence {
        Sentence { code, words: words.into(), evidence: Vec::new() }
    }

    fn because(mut self, evidence: impl Into<String>) -> Sentence {
        self.evidence.push(evidence.into());
        self
    }
}

impl Case<'_, '_> {
    /// A register of the frame by the name that the disassembler has for it.
    fn register(&self, name: &str) -> Option<u64> {
        code::register(&self.frame.registers, name)
    }

    /// `main`, `main+12`: the function that holds `addr`.
    fn function(&self, addr: u64) -> Option<String> {
        let symbol =
            self.modules.symbol(addr & !self.thumb_bit()).filter(|symbol| symbol.covers)?;
        Some(match symbol.offset {
            0 => symbol.name,
            offset => format!("{}+{offset}", symbol.name),
        })
    }

    fn thumb_bit(&self) -> u64 {
        u64::from(self.dump.arch.family.is_arm32())
    }
}
