//! Xtensa: exception causes, and the return addresses of its windowed ABI.
//!
//! Source: Xtensa Instruction Set Architecture Reference Manual (RI-2010.1), table 4-64
//! "Exception causes" and 4.4.1.4 "The Processor Status Special Register PS"; the pseudo causes from 64 on are ESP-IDF's
//! (`components/xtensa/include/xtensa_context.h` and `esp_core_dump` of v4.1 to v6.0).

use super::bit_words;
use crate::reason::{FaultWord, Signal};
use crate::registers::Registers;
use crate::targets::{Arch, Family};

/// ESP-IDF adds this to its own panic reasons.
const PANIC_BASE: u32 = 64;

/// ESP-IDF's mark for "no cause known": not the crashed task, or a damaged one.
pub const CAUSE_UNKNOWN: u32 = 0xffff;

/// Of EXCCAUSE.
pub const ILLEGAL_INSTRUCTION: u64 = 0;
/// Of EXCCAUSE.
pub const STORE_PROHIBITED: u64 = 29;

/// EXCCAUSE has six bits.
const LAST_CAUSE: u32 = 63;

/// Whether a number is a cause at all, the CPU's or ESP-IDF's own.
pub fn is_cause(exccause: u64) -> bool {
    exccause < u64::from(PANIC_BASE + 8)
}

/// Whether `arch` is an Xtensa with register windows.
pub fn is_windowed(arch: &Arch) -> bool {
    arch.family == Family::Xtensa && arch.register("windowbase").is_some()
}

/// What EXCCAUSE says: the manual's name for it and what it means.
pub fn cause_words(exccause: u32) -> String {
    let words = match exccause {
        0 => "IllegalInstruction: illegal instruction",
        1 => "Syscall: SYSCALL instruction",
        2 => "InstructionFetchError: internal physical address or data error on a fetch",
        3 => "LoadStoreError: internal physical address or data error on a load or store",
        4 => "Level1Interrupt: level-1 interrupt",
        5 => "Alloca: MOVSP without the caller's registers in the window",
        6 => "IntegerDivideByZero: divide by zero",
        8 => "Privileged: privileged instruction in user mode",
        9 => "LoadStoreAlignment: unaligned load or store",
        12 => "InstrPIFDataError: bus data error on a fetch",
        13 => "LoadStorePIFDataError: bus data error on a load or store",
        14 => "InstrPIFAddrError: bus address error on a fetch",
        15 => "LoadStorePIFAddrError: bus address error on a load or store",
        16 => "InstTLBMiss: no translation for the address of a fetch",
        17 => "InstTLBMultiHit: several translations for the address of a fetch",
        18 => "InstFetchPrivilege: fetch from a more privileged page",
        20 => "InstFetchProhibited: fetch from an address that code can't run from",
        24 => "LoadStoreTLBMiss: no translation for the address of a load or store",
        25 => "LoadStoreTLBMultiHit: several translations for the address of a load or store",
        26 => "LoadStorePrivilege: load or store in a more privileged page",
        28 => "LoadProhibited: load from an address that can't be read",
        29 => "StoreProhibited: store to an address that can't be written",
        n @ 32..=39 => return format!("Coprocessor{}Disabled: coprocessor switched off", n - 32),
        n if (PANIC_BASE..PANIC_BASE + 8).contains(&n) => match n - PANIC_BASE {
            1 => "unhandled debug exception",
            2 => "double exception",
            3 => "unhandled kernel exception",
            4 => "coprocessor exception",
            5 => "interrupt watchdog timeout on CPU0",
            6 => "interrupt watchdog timeout on CPU1",
            7 => "cache error",
            _ => "panic of unknown kind",
        },
        CAUSE_UNKNOWN => "not known",
        n if n > LAST_CAUSE => return format!("{n:#x} is no exception cause"),
        n => return format!("exception cause {n}, which the manual reserves"),
    };
    words.to_string()
}

/// The signal for the cause.
pub fn cause_signal(exccause: u32) -> Signal {
    match exccause {
        0 | 8 => Signal::Ill,
        2 | 3 | 12..=18 | 20 | 24..=26 | 28 | 29 => Signal::Segv,
        9 => Signal::Bus,
        6 | 32..=39 => Signal::Fpe,
        _ => Signal::Abrt,
    }
}

/// Whether EXCVADDR holds the address that could not be used.
pub fn cause_has_address(exccause: u32) -> bool {
    matches!(exccause, 2 | 3 | 9 | 12..=18 | 20 | 24..=26 | 28 | 29)
}

/// A return address as code has it: its two top bits hold the size of the window, and are the
/// same as those of `pc` in truth (ISA manual, 4.7.1.4: a call stays within a gigabyte).
pub fn return_address(a0: u32, pc: u32) -> u32 {
    (a0 & 0x3fff_ffff) | (pc & 0xc000_0000)
}

/// What the exception registers say, as far as they are known.
pub(super) fn status_words(registers: &Registers) -> Vec<FaultWord> {
    let mut words = Vec::new();
    let mut add = |name: String, tell: &dyn Fn(u64) -> String| {
        if let Some(value) = registers.by_name(&name) {
            words.push(FaultWord { name, value, words: tell(value) });
        }
    };
    add("exccause".into(), &|value| cause_words(value as u32));
    add("excvaddr".into(), &|_| {
        match registers.by_name("exccause") {
            Some(cause) if cause_has_address(cause as u32) => "the address that could not be used",
            _ => "no meaning with this cause",
        }
        .to_string()
    });
    add("ps".into(), &ps_words);
    for level in 1..=7 {
        add(format!("epc{level}"), &|value| match value {
            0 => "not used since the start".into(),
            _ => format!("where the last interrupt of level {level} or the exception came"),
        });
    }
    for level in 2..=7 {
        add(format!("eps{level}"), &ps_words);
    }
    words
}

fn ps_words(ps: u64) -> String {
    bit_words(
        ps,
        &[
            (0, 4, |level| match level {
                0 => Some("all interrupts are on (INTLEVEL 0)".into()),
                level => Some(format!("interrupts up to level {level} are off (INTLEVEL)")),
            }),
            (4, 1, |excm| (excm == 1).then(|| "in an exception (EXCM)".into())),
            (5, 1, |um| Some(if um == 1 { "user vector (UM)" } else { "kernel vector" }.into())),
            (6, 2, |ring| (ring > 0).then(|| format!("ring {ring}"))),
            (16, 2, |size| (size > 0).then(|| format!("called with a window of {}", size * 4))),
            (18, 1, |woe| (woe == 0).then(|| "window overflow is off (WOE 0)".into())),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ps_tells_the_interrupt_level_and_the_window() {
        let told = ps_words(0x60820);
        let wanted =
            "all interrupts are on (INTLEVEL 0), user vector (UM), called with a window of 8";
        assert_eq!(told, wanted);
        assert!(
            ps_words(0x40033).starts_with("interrupts up to level 3 are off (INTLEVEL), in an")
        );
        assert!(ps_words(0).ends_with("window overflow is off (WOE 0)"));
    }
}
