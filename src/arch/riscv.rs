//! RISC-V: the causes of machine-mode traps.
//!
//! Source: The RISC-V Instruction Set Manual, Volume II, version 20211203 (privileged 1.12),
//! table 3.6 "Machine cause register (mcause) values after trap".

use crate::reason::Signal;

/// What `mcause` says, in the manual's words. `word_bits` is the width of the register; its top
/// bit tells an interrupt from an exception.
pub fn cause_words(mcause: u64, word_bits: u32) -> String {
    let interrupt = 1u64 << (word_bits.clamp(1, 64) - 1);
    let code = mcause & (interrupt - 1);
    if mcause & interrupt != 0 {
        return match code {
            3 => "machine software interrupt".into(),
            7 => "machine timer interrupt".into(),
            11 => "machine external interrupt".into(),
            _ => format!("interrupt {code}"),
        };
    }
    let words = match code {
        0 => "instruction address misaligned",
        1 => "instruction access fault",
        2 => "illegal instruction",
        3 => "breakpoint",
        4 => "load address misaligned",
        5 => "load access fault",
        6 => "store address misaligned",
        7 => "store access fault",
        8 => "environment call from U-mode",
        9 => "environment call from S-mode",
        11 => "environment call from M-mode",
        12 => "instruction page fault",
        13 => "load page fault",
        15 => "store page fault",
        _ => return format!("exception {code}, which the manual reserves or leaves to the chip"),
    };
    words.to_string()
}

/// The signal for an exception with the code `mcause`.
pub fn cause_signal(mcause: u64) -> Signal {
    match mcause {
        2 => Signal::Ill,
        0 | 4 | 6 => Signal::Bus,
        1 | 5 | 7 | 12 | 13 | 15 => Signal::Segv,
        _ => Signal::Abrt,
    }
}

/// Whether `mtval` holds the address that could not be used, for an exception with this cause.
pub fn cause_has_address(mcause: u64) -> bool {
    matches!(mcause, 0 | 1 | 4..=7 | 12 | 13 | 15)
}
