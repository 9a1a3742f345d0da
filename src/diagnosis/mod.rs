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
//! program counter got where nothing can run; `limits.rs` stacks; `interrupt.rs`
//! whose handler it was.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

mod address;
mod code;
mod expression;
mod fault;
mod interrupt;
mod jump;
mod limits;
mod operand;
mod origin;

pub use code::{Line, listing};

use crate::debug_info::Modules;
use crate::dump::{Dump, Thread, Verdict};
use crate::targets::Family;
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
        diagnosis.sentences.extend(case.interrupt());
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

    /// Whether the frame is of a handler of Cortex-M: those run on the main stack, not on the thread's.
    fn is_handler(&self) -> bool {
        let xpsr = self.frame.registers.by_name("xpsr").unwrap_or(0);
        self.dump.arch.family == Family::CortexM && xpsr & 0x1ff != 0
    }

    fn thumb_bit(&self) -> u64 {
        u64::from(self.dump.arch.family.is_arm32())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Origin, Region};
    use crate::reason::{FaultWord, Reason, Signal};
    use crate::registers::Registers;
    use crate::targets::Targets;
    use crate::unwind::Unwinder;

    /// What is said of code at 0x400d0000 that failed with these registers.
    fn said(
        arch: &str,
        code: &[u8],
        registers: &[(&str, u64)],
        words: &[(&str, u64)],
    ) -> Vec<String> {
        let arch = Targets::built_in().arch(arch).expect("a built-in set");
        let mut all = Registers::unknown(arch.clone());
        for (name, value) in [("pc", 0x400d_0000)].iter().chain(registers) {
            assert!(all.set_by_name(name, *value), "{name}");
        }
        let mut dump = Dump::new("test", arch);
        let region = Region::dumped(0x400d_0000, code.to_vec().into());
        dump.memory.insert(Region { origin: Origin::Elf, ..region });
        let word = |(name, value): &(&str, u64)| FaultWord {
            name: (*name).into(),
            value: *value,
            words: String::new(),
        };
        let evidence = words.iter().map(word).collect();
        dump.reason = Reason::new(Signal::Segv, "test", evidence);
        let mut thread = Thread::new(1, all);
        thread.crashed = true;
        dump.threads.push(thread);
        let modules = Modules::default();
        let thread = dump.crashed().expect("it crashed");
        let trace = Unwinder::new(&dump, &modules).backtrace(thread);
        let known = diagnose(&dump, &modules, thread, &trace.frames, trace.culprit);
        known.sentences.into_iter().map(|sentence| sentence.words).collect()
    }

    #[test]
    fn a_load_through_null_on_xtensa() {
        // l32i.n a8, a9, 4
        let code = [0x88, 0x19, 0xf0, 0x20, 0x00];
        let words = |address| [("exccause", 28), ("excvaddr", address)];
        let of = |address| {
            said("xtensa-esp32", &code, &[("a9", 0), ("a1", 0x3ffb_0000)], &words(address))
        };
        assert_eq!(of(4), ["load of 4 bytes from 0x4 failed", "a9 is NULL"]);
        // Another address than the instruction's: then nobody knows.
        assert_eq!(of(8), Vec::<String>::new());
        // A store it was not.
        let store = [("exccause", 29), ("excvaddr", 4)];
        assert_eq!(said("xtensa-esp32", &code, &[("a9", 0)], &store), Vec::<String>::new());
    }

    #[test]
    fn a_store_through_text_on_risc_v() {
        // sw a1,8(a0)
        let code = 0x00b5_2423u32.to_le_bytes();
        let text = u32::from_le_bytes(*b"volt");
        let words = [("mcause", 7), ("mtval", u64::from(text) + 8)];
        let said = said("riscv32", &code, &[("a0", text.into()), ("a1", 1)], &words);
        let store = format!("store of 4 bytes to {:#x} failed", text + 8);
        assert_eq!(said, [store, format!("a0 = {text:#x} reads as the text \"volt\"")]);
    }

    #[test]
    fn of_several_causes_nobody_knows_which_is_of_this_fault() {
        // ldr r0, [r0, #0]
        let code = [0x00, 0x68];
        let of = |cfsr| {
            let words = [("CFSR", cfsr), ("BFAR", 0x9000_0000)];
            said("cortex-m", &code, &[("r0", 0x9000_0000)], &words)
        };
        assert_eq!(of(0x8200), ["load of 4 bytes from 0x90000000 failed"]);
        assert_eq!(of(0x0101_8200), Vec::<String>::new());
    }

    #[test]
    fn without_an_elf_file_no_address_is_called_no_code() {
        let words = [("mcause", 1), ("mtval", 0x400d_0000)];
        assert_eq!(said("riscv32", &[], &[("ra", 0x4200_0000)], &words), Vec::<String>::new());
    }
}
