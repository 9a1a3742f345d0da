//! A crash text next to a binary dump of the same crash: what it says completes the dump.
//!
//! Zephyr prints its fatal error before it dumps, and the dump of most architectures holds the kernel's
//! number alone, which is 0 for every exception of the CPU; ESP-IDF and NuttX print registers as well, and
//! what the title says is in no dump. Only a text whose registers are those of the dump is of the same
//! crash.

use super::{ALL, Dialect};
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::dump::{Dump, Note};
use crate::format::{Context, Format};
use crate::registers::Registers;

/// The program counter aside, so many registers must be in both, and alike.
const FEWEST_ALIKE: usize = 3;
/// What the text and the dump may show differently: of before the exception, or of in its handler.
const MAY_DIFFER: [&str; 5] = ["sp", "mstatus", "ps", "windowbase", "windowstart"];

/// Completes `dump` with what the last crash in `text`, which stood above it, says.
pub fn complete(dump: &mut Dump, text: &str, context: &Context<'_>) {
    let piece = Piece::outermost(text.as_bytes().to_vec().into());
    let arch = dump.arch.clone();
    let target = Some(arch.name.as_str());
    let context = Context { target, ..context.clone() };
    let last = |dialect: &&Dialect| {
        let Some(Ok(mut pieces)) = dialect.peel(&piece, &CarrierOptions::default()) else {
            return None;
        };
        dialect.read(&pieces.pop()?, &context).ok()
    };
    let _ = ALL
        .iter()
        .any(|dialect| last(dialect).is_some_and(|told| take_over(dump, told, dialect.name)));
}

/// Takes over what a text says, if it is of the same crash; returns whether it is.
fn take_over(dump: &mut Dump, told: Dump, name: &'static str) -> bool {
    let (Some(said), Some(at)) =
        (told.threads.first(), dump.threads.iter().position(|thread| thread.crashed))
    else {
        return false;
    };
    let Some(thread) = dump.threads.get_mut(at) else { return false };
    if !is_same_crash(&thread.registers, &said.registers) {
        return false;
    }
    for (index, value) in said.registers.known() {
        if thread.registers.get(index).is_none() {
            thread.registers.set(index, value);
        }
    }
    if thread.name.is_none() {
        thread.name.clone_from(&said.name);
    }
    if thread.printed.is_empty() {
        thread.printed.clone_from(&said.printed);
    }
    // A number that tells more than "an exception" is the kernel's own word.
    if dump.reason.signal.is_none() && !told.reason.is_unknown() {
        dump.reason.words = match dump.reason.is_unknown() {
            true => told.reason.words,
            false => format!("{}: {}", dump.reason.words, told.reason.words),
        };
        dump.reason.signal = told.reason.signal;
        for word in told.reason.evidence {
            if dump.reason.evidence.iter().all(|own| own.name != word.name) {
                dump.reason.evidence.push(word);
            }
        }
        let words = "the cause is of the text above the dump, whose registers are the dump's";
        dump.notes.push(Note::info(words).by(name).code("crash-text"));
    }
    dump.texts.extend(told.texts);
    true
}

/// Whether the registers of a text are those of a dump.
fn is_same_crash(dump: &Registers, text: &Registers) -> bool {
    let Some(pc) = dump.pc().filter(|pc| text.pc() == Some(*pc)) else { return false };
    let names = &dump.arch().registers;
    let both = text.known().filter_map(|(index, value)| {
        let name = names.get(index)?.name.as_str();
        let counts = !MAY_DIFFER.contains(&name) && value != u128::from(pc);
        Some(dump.get(index).filter(|_| counts)? == value)
    });
    let both: Vec<bool> = both.collect();
    both.len() >= FEWEST_ALIKE && both.iter().all(|alike| *alike)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Thread;
    use crate::reason::{Reason, Signal};
    use crate::targets::Targets;

    const TEXT: &str = "\
 mcause: 2, Illegal instruction
  mtval: 0
     a0: 8000bcd4    t0: 8000598c
     a1: 0000002f    t1: 800040f8
     ra: 80000b9e
   mepc: 80000b66
mstatus: 00001880
>>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0
Current thread: 0x80009898 (main)
";

    fn completed(a1: u32) -> Dump {
        let targets = Targets::built_in();
        let context =
            Context { targets: &targets, force: false, target: None, elf: None, frame: None };
        let arch = targets.arch("riscv32").unwrap();
        let mut dump = Dump::new("test", arch.clone());
        let mut registers = Registers::unknown(arch);
        let values = [("pc", 0x8000_0b66u32), ("ra", 0x8000_0b9e), ("a0", 0x8000_bcd4), ("a1", a1)];
        for (name, value) in values.into_iter().chain([("t0", 0x8000_598c), ("sp", 0x8000_bc90)]) {
            assert!(registers.set_by_name(name, value));
        }
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        dump.threads.push(thread);
        dump.reason = Reason::new(None, "CPU exception", Vec::new());
        complete(&mut dump, TEXT, &context);
        dump
    }

    #[test]
    fn only_a_text_with_the_registers_of_the_dump_completes_it() {
        let dump = completed(0x2f);
        assert_eq!(dump.reason.signal, Some(Signal::Ill));
        assert_eq!(dump.crashed().unwrap().name.as_deref(), Some("main"));
        assert_eq!(dump.crashed().unwrap().registers.by_name("mcause"), Some(2));
        let other = completed(0x30);
        assert_eq!(other.reason.words, "CPU exception");
        assert_eq!(other.crashed().unwrap().registers.by_name("mcause"), None);
    }
}
