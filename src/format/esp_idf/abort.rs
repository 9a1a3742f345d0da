//! abort(), failed assertions, stack guards and watchdogs of ESP-IDF: the message, and the trap
//! by which the panic handler stops the chip.
//!
//! All of them end in `panic_abort(details)`, which executes an illegal instruction or stores to
//! address 0 so that the panic handler gets a frame. That trap says nothing; the message is what
//! happened. An ELF core brings it along. In a binary dump it lies where `details` points: mostly
//! in a buffer on the crashed task's stack.
//!
//! Sources: ESP-IDF v4.1 to v6.0: `esp_system/panic.c` (`panic_abort`), `newlib/abort.c`,
//! `newlib/assert.c`, `esp_system/stack_check.c`, `freertos/.../port_common.c`
//! (`vApplicationStackOverflowHook`), `esp_system/task_wdt/task_wdt.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use crate::arch::{riscv, xtensa};
use crate::dump::{Dump, Thread};
use crate::memory::AddrRange;
use crate::reason::Signal;
use crate::registers::Registers;
use crate::targets::Family;

/// What such messages begin with.
const LEADS: [&str; 6] = [
    "abort() was called at PC ",
    "assert failed: ",
    "***ERROR*** A stack overflow in task ",
    "Stack smashing protect failure!",
    "Task watchdog got triggered",
    "ESP_ERROR_CHECK failed",
];
/// The longest message that ESP-IDF makes (`__assert_func` cuts at 200).
const LONGEST: usize = 256;
/// How far above the stack pointer the buffer lies: `panic_abort` and its caller have small frames.
const FARTHEST: u64 = 1024;
/// What is said of the trap's own registers.
const MEANS: &str = "how abort() stops the chip, not the cause";

/// Puts the message of an abort before the trap that followed it, in a dump of ESP-IDF.
/// `is_panic_abort` tells whether an address is known to be in, or not to be in, that function.
pub fn complete(dump: &mut Dump, is_panic_abort: &dyn Fn(u64) -> Option<bool>) {
    let Some(thread) = dump.crashed().filter(|thread| is_stop(&thread.registers)) else { return };
    let known = thread.registers.pc().and_then(is_panic_abort);
    if known == Some(false) {
        return;
    }
    let is_message = dump.reason.signal == Some(Signal::Abrt)
        && LEADS.iter().any(|lead| dump.reason.words.contains(lead.trim_end()));
    if !is_message {
        let found =
            of_argument(dump, thread, known == Some(true)).or_else(|| on_stack(dump, thread));
        let Some(text) = found else { return };
        dump.reason.signal = Some(Signal::Abrt);
        dump.reason.words.clone_from(&text);
        dump.texts.push(text);
    }
    for word in &mut dump.reason.evidence {
        if matches!(word.name.as_str(), "mcause" | "exccause") && !word.words.contains(MEANS) {
            word.words = format!("{}: {MEANS}", word.words);
        }
    }
}

/// Whether the trap is one by which `panic_abort` stops the chip.
fn is_stop(registers: &Registers) -> bool {
    let value = |name: &str| registers.by_name(name);
    let (cause, address, illegal, store) = match registers.arch().family {
        Family::Xtensa => {
            ("exccause", "excvaddr", xtensa::ILLEGAL_INSTRUCTION, xtensa::STORE_PROHIBITED)
        }
        _ => ("mcause", "mtval", riscv::ILLEGAL_INSTRUCTION, riscv::STORE_ACCESS_FAULT),
    };
    match value(cause) {
        Some(cause) if cause == illegal => true,
        Some(cause) if cause == store => value(address) == Some(0),
        _ => false,
    }
}

/// The text that the argument of `panic_abort` points at. Only where it is known to be that
/// function, any text will do.
fn of_argument(dump: &Dump, thread: &Thread, is_sure: bool) -> Option<String> {
    let names: &[&str] = match dump.arch.family {
        Family::Xtensa => &["a2"],
        _ => &["a0", "s0"],
    };
    let texts = names.iter().filter_map(|name| message(dump, thread.registers.by_name(name)?));
    let mut good = texts.filter(|text| is_sure || begins(text));
    good.next()
}

/// A message in the frames of `panic_abort` and of who called it.
fn on_stack(dump: &Dump, thread: &Thread) -> Option<String> {
    let sp = thread.registers.sp()?;
    let len = dump.memory.readable_len(AddrRange::of_len(sp, FARTHEST)?);
    let bytes = dump.memory.bytes(sp, usize::try_from(len).ok()?)?;
    let at = LEADS.iter().filter_map(|lead| {
        let lead = lead.as_bytes();
        bytes.windows(lead.len()).position(|window| window == lead)
    });
    message(dump, sp.checked_add(at.min()? as u64)?)
}

fn begins(text: &str) -> bool {
    LEADS.iter().any(|lead| text.starts_with(lead))
}

/// The text at `addr`, if it is one line for a person.
fn message(dump: &Dump, addr: u64) -> Option<String> {
    let text = dump.memory.text(addr, LONGEST)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let is_text = line.len() >= 8 && !line.contains(|c: char| c.is_control() || c == '\u{fffd}');
    is_text.then(|| line.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Region;
    use crate::reason::{FaultWord, Reason};
    use crate::targets::Targets;

    fn dump(mcause: u32, stack: &[u8]) -> Dump {
        let arch = Targets::built_in().arch("riscv32").expect("a built-in set");
        let mut thread = Thread::new(1, Registers::unknown(arch.clone()));
        thread.crashed = true;
        let values = [("mcause", mcause), ("mtval", 0), ("sp", 0x3fc9_0000), ("pc", 0x4038_0000)];
        for (name, value) in values {
            thread.registers.set_by_name(name, value);
        }
        let mut dump = Dump::new("test", arch);
        dump.threads.push(thread);
        let cause = FaultWord { name: "mcause".into(), value: mcause.into(), words: "a".into() };
        dump.reason = Reason::new(Signal::Ill, "illegal instruction", vec![cause]);
        let bytes = [&[0u8; 40], stack, &[0u8; 40]].concat();
        dump.memory.insert(Region::dumped(0x3fc9_0000, bytes.into()));
        dump
    }

    fn told(mut dump: Dump, is_panic_abort: Option<bool>) -> (Option<Signal>, String) {
        complete(&mut dump, &|_| is_panic_abort);
        (dump.reason.signal, dump.reason.words)
    }

    #[test]
    fn the_message_on_the_stack_leads_and_the_trap_is_the_means() {
        let text = b"assert failed: f file.c:3 (a < b)";
        let mut dump = dump(2, text);
        complete(&mut dump, &|_| None);
        assert_eq!(dump.reason.signal, Some(Signal::Abrt));
        assert_eq!(dump.reason.words.as_bytes(), text);
        assert!(dump.reason.evidence.iter().all(|word| word.words.ends_with(MEANS)));
    }

    #[test]
    fn another_trap_and_another_function_are_left_as_they_are() {
        let text = b"abort() was called at PC 0x42001234 on core 0";
        let same = (Some(Signal::Ill), "illegal instruction".to_string());
        assert_eq!(told(dump(5, text), None), same, "a load fault");
        assert_eq!(told(dump(2, text), Some(false)), same, "not in panic_abort");
        assert_eq!(told(dump(2, b"nothing to be said"), None), same);
    }
}
