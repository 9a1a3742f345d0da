//! Arm Cortex-M (ARMv6-M to ARMv8.1-M): fault status words and exception frames.
//!
//! [`fault`] says what the words of the System Control Space mean; [`frame`] undoes what the core
//! pushed when it took an exception. This file joins them to a [`Dump`].

pub mod fault;
pub mod frame;
pub(in crate::arch) mod special;

pub use fault::{FaultStatus, exception_name, is_fault};
pub use frame::{ExcReturn, Frame};

use crate::dump::{Dump, Note};
use crate::memory::Memory;
use crate::reason::{FaultWord, Reason, Signal};
use crate::registers::Registers;
use crate::targets::{Arch, Family};

/// The feature whose registers are words of the System Control Space.
const FAULT_FEATURE: &str = "org.coroner.arm.m-fault";

/// CPUID; bits 15 to 4 number the core: C20 is M0, C21 M1, C23 M3, C24 M4, C27 M7, C60 M0+.
const CPUID_ADDR: u64 = 0xe000_ed00;
/// Words that only ARMv8-M has.
const NOT_IN_ARMV7_M: [&str; 2] = ["SFSR", "SFAR"];
/// Words that only ARMv7-M and ARMv8-M have.
const NOT_IN_ARMV6_M: [&str; 7] = ["CFSR", "HFSR", "MMFAR", "BFAR", "AFSR", "SFSR", "SFAR"];

/// Whether `arch` is a register set of the M-profile.
pub fn is_m_profile(arch: &Arch) -> bool {
    arch.family == Family::CortexM
}

/// Makes the fault words that the dump's memory holds registers of the crashed thread.
pub(super) fn gather(dump: &mut Dump) {
    let Some(index) = dump.threads.iter().position(|thread| thread.crashed) else { return };
    let missing = missing_words(dump);
    if let Some(thread) = dump.threads.get_mut(index) {
        fill_from_memory(&mut thread.registers, &dump.memory);
        missing.iter().for_each(|name| thread.registers.forget(name));
    }
}

/// The fault words that the core does not have, where the dump tells which core it is: a debugger
/// reads and saves zeros for them.
fn missing_words(dump: &Dump) -> &'static [&'static str] {
    let named = dump.identity.facts.iter().find(|(name, _)| name == "core");
    let named = named.map(|(_, core)| core.to_ascii_lowercase());
    let part = dump.memory.u32_le(CPUID_ADDR).map(|cpuid| cpuid >> 4 & 0xfff);
    match (named.as_deref(), part) {
        (Some("armv6m"), _) | (None, Some(0xc20 | 0xc21 | 0xc60)) => &NOT_IN_ARMV6_M,
        (Some("armv7m" | "armv7em"), _) | (None, Some(0xc23 | 0xc24 | 0xc27)) => &NOT_IN_ARMV7_M,
        _ => &[],
    }
}

/// Tells in the reason what the fault words say.
///
/// The status words are sticky: bits of a fault that the firmware survived earlier stay set. So a
/// reader that knows of an assert or a panic is not overruled; one that knows of a fault, or of
/// nothing, is.
pub(super) fn complete(dump: &mut Dump) {
    let mut registers = match dump.crashed() {
        Some(thread) => thread.registers.clone(),
        None => Registers::unknown(dump.arch.clone()),
    };
    fill_from_memory(&mut registers, &dump.memory);
    missing_words(dump).iter().for_each(|name| registers.forget(name));
    if dump.reason.is_unknown() && FaultStatus::of_registers(&registers).is_stale() {
        dump.reason.evidence = FaultStatus::of_registers(&registers).evidence();
        let words = "the fault registers tell of a fault that was handled before: no fault is \
                     being handled now";
        dump.notes.push(Note::info(words).code("stale-fault"));
        return;
    }
    explain(&mut dump.reason, &registers);
}

/// Sets each unknown fault register whose word is in `memory`. A region of which every fault word
/// reads zero tells of no fault, and is believed.
fn fill_from_memory(registers: &mut Registers, memory: &Memory) {
    let arch = registers.arch().clone();
    let features = arch.features.iter().filter(|feature| feature.name == FAULT_FEATURE);
    for index in features.flat_map(|feature| feature.registers.clone()) {
        let addr = arch.registers.get(index).and_then(|register| register.number);
        if registers.get(index).is_none()
            && let Some(value) = addr.and_then(|addr| memory.u32_le(addr.into()))
        {
            registers.set(index, value.into());
        }
    }
}

fn explain(reason: &mut Reason, registers: &Registers) {
    let status = FaultStatus::of_registers(registers);
    let told: Vec<FaultWord> = status.evidence();
    let unknown = reason.is_unknown();
    let is_new = |word: &FaultWord| reason.evidence.iter().all(|old| old.name != word.name);
    let new: Vec<FaultWord> = told.into_iter().filter(is_new).collect();
    reason.evidence.extend(new);
    let Some(cause) = status.cause() else { return };
    if unknown {
        reason.words = match reason.pc.or(registers.pc()) {
            Some(pc) => format!("{} at pc {pc:#x}", cause.words),
            None => cause.words,
        };
        reason.signal = Some(cause.signal);
    } else if !matches!(reason.signal, Some(Signal::Abrt | Signal::Int)) {
        reason.signal = Some(cause.signal);
        if cause.words.starts_with(&reason.words) {
            reason.words = cause.words;
        } else if !reason.words.contains(&cause.words) {
            reason.words = format!("{}; {}", reason.words, cause.words);
        }
    }
}

/// Sets d`n`, which holds the single-precision registers s`2n` (`low`) and s`2n+1` (`high`).
pub fn set_pair(registers: &mut Registers, n: usize, low: u32, high: u32) {
    registers.set_by_name(&format!("d{n}"), u64::from(high) << 32 | u64::from(low));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Thread;
    use crate::memory::Region;
    use crate::targets::Targets;

    fn dump(reason: Reason, scb: &[u32]) -> Dump {
        let arch = Targets::built_in().arch("cortex-m").expect("a built-in set");
        let mut dump = Dump::new("test", arch.clone());
        let mut thread = Thread::new(1, Registers::unknown(arch));
        thread.crashed = true;
        dump.threads.push(thread);
        dump.reason = reason;
        let bytes: Vec<u8> = scb.iter().flat_map(|word| word.to_le_bytes()).collect();
        dump.memory.insert(Region::dumped(0xe000_ed28, bytes.into()));
        dump
    }

    /// CFSR, HFSR, DFSR, MMFAR, BFAR of a read through a wild pointer.
    const PRECISE: [u32; 5] = [0x8200, 0x4000_0000, 0, 0x5000_0000, 0x5000_0000];

    #[test]
    fn fault_words_in_memory_become_registers_and_the_reason() {
        let mut dump = dump(Reason::default(), &PRECISE);
        dump.threads[0].registers.set_pc(0x122u32);
        gather(&mut dump);
        complete(&mut dump);
        let registers = &dump.threads[0].registers;
        assert_eq!(registers.by_name("CFSR"), Some(0x8200));
        assert_eq!(registers.by_name("SFSR"), None, "the dump does not reach so far");
        let words = "bus fault: precise data access: 0x50000000 at pc 0x122";
        assert_eq!((dump.reason.signal, dump.reason.words.as_str()), (Some(Signal::Segv), words));
        let names: Vec<_> = dump.reason.evidence.iter().map(|w| w.name.as_str()).collect();
        assert_eq!(names, ["CFSR", "HFSR", "DFSR", "BFAR"]);
    }

    #[test]
    fn words_that_a_core_does_not_have_are_not_shown() {
        let names = |core: &str| {
            let scb: Vec<u32> = PRECISE.into_iter().chain([0; 43]).collect();
            let mut dump = dump(Reason::default(), &scb);
            dump.identity.facts.push(("core".into(), core.into()));
            gather(&mut dump);
            let held = |name: &str| dump.threads[0].registers.by_name(name).is_some();
            (held("CFSR"), held("SFSR"))
        };
        assert_eq!(names("armv8m"), (true, true));
        assert_eq!(names("armv7em"), (true, false));
        assert_eq!(names("armv6m"), (false, false));
    }

    #[test]
    fn a_fault_that_was_handled_before_is_no_reason() {
        let running = |icsr: u32, xpsr: u32, shcsr: u32| {
            let mut dump = dump(Reason::default(), &PRECISE);
            let registers = &mut dump.threads[0].registers;
            for (name, value) in [("ICSR", icsr), ("xpsr", xpsr), ("SHCSR", shcsr)] {
                registers.set_by_name(name, value);
            }
            complete(&mut dump);
            (dump.reason.signal, dump.notes.len())
        };
        assert_eq!(running(0, 0x0100_0000, 0), (None, 1));
        assert_eq!(running(15, 0x0100_000f, 0x800), (None, 1), "a timer's handler");
        assert_eq!(running(15, 0x0100_000f, 0x802), (Some(Signal::Segv), 0), "above a bus fault");
        assert_eq!(running(3, 0x0100_0003, 0), (Some(Signal::Segv), 0));
        // The frame of a fault, read out of the fault's handler.
        assert_eq!(running(3, 0x0100_0000, 0), (Some(Signal::Segv), 0));
    }

    #[test]
    fn a_panic_is_not_overruled_by_the_sticky_bits_of_an_old_fault() {
        let panic = Reason::new(Signal::Abrt, "panic", Vec::new());
        let mut dump = dump(panic, &PRECISE);
        complete(&mut dump);
        assert_eq!((dump.reason.signal, dump.reason.words.as_str()), (Some(Signal::Abrt), "panic"));
        assert_eq!(dump.reason.evidence.len(), 4);
    }

    #[test]
    fn a_fault_that_the_reader_could_not_tell_exactly_is_refined() {
        let fault = Reason::new(Signal::Segv, "fault", Vec::new());
        let mut dump = dump(fault, &[0x0200_0000, 0x4000_0000]);
        complete(&mut dump);
        assert_eq!(dump.reason.signal, Some(Signal::Fpe));
        assert_eq!(dump.reason.words, "fault; usage fault: divide by zero");
    }
}
