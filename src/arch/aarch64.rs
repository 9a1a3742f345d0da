//! AArch64: what the syndrome register of an exception says.
//!
//! Source: Arm ARM for A-profile (DDI 0487J.a), D19.2.37 "ESR_EL1": EC in bits 31-26, ISS in bits
//! 24-0; of aborts WnR is bit 6 of it and the fault status bits 5-0.

use crate::reason::Signal;

const INSTRUCTION_ABORT: [u64; 2] = [0x20, 0x21];
const DATA_ABORT: [u64; 2] = [0x24, 0x25];
const PC_ALIGNMENT: u64 = 0x22;
const WATCHPOINT: [u64; 2] = [0x34, 0x35];

/// The class of the exception.
fn class(esr: u64) -> u64 {
    esr >> 26 & 0x3f
}

/// What the syndrome says, in the manual's words.
pub fn syndrome_words(esr: u64) -> String {
    let class = class(esr);
    let words = match class {
        0x00 => "unknown reason, such as an undefined instruction",
        0x01 => "trapped WFI or WFE",
        0x03..=0x06 | 0x08 | 0x0c => "trapped access to a coprocessor",
        0x07 => "floating point or SVE is switched off",
        0x0d => "branch target exception",
        0x0e => "illegal execution state",
        0x11 | 0x15 => "SVC instruction",
        0x12 | 0x16 => "HVC instruction",
        0x13 | 0x17 => "SMC instruction",
        0x18 => "trapped access to a system register",
        0x19 => "SVE is switched off",
        0x1c => "pointer authentication failed",
        0x20 | 0x21 => return format!("instruction abort{}", status(esr)),
        PC_ALIGNMENT => "misaligned program counter",
        0x24 | 0x25 => {
            let way = if esr & 1 << 6 != 0 { "write" } else { "read" };
            return format!("data abort, {way}{}", status(esr));
        }
        0x26 => "misaligned stack pointer",
        0x28 | 0x2c => "floating-point exception",
        0x2f => "SError interrupt",
        0x30 | 0x31 | 0x38 => "breakpoint",
        0x32 | 0x33 => "software step",
        0x34 | 0x35 => "watchpoint",
        0x3c => "BRK instruction",
        n => return format!("exception class {n:#x}, which the manual reserves"),
    };
    words.to_string()
}

/// The fault status of an abort.
fn status(esr: u64) -> String {
    let code = esr & 0x3f;
    let kind = match code {
        0x00..=0x03 => "address size fault",
        0x04..=0x07 => "translation fault",
        0x08..=0x0b => "access flag fault",
        0x0c..=0x0f => "permission fault",
        0x10 | 0x14..=0x17 => "external abort",
        0x11 => "tag check fault",
        0x18 | 0x1c..=0x1f => "parity or ECC error",
        0x21 => "alignment fault",
        0x30 => "TLB conflict",
        _ => return format!(", fault status {code:#x}"),
    };
    match code {
        0x00..=0x0f => format!(", {kind} at level {}", code & 3),
        _ => format!(", {kind}"),
    }
}

/// The signal for an exception with this syndrome.
pub fn syndrome_signal(esr: u64) -> Signal {
    match class(esr) {
        0x00 | 0x03..=0x08 | 0x0c | 0x0d | 0x0e | 0x18 | 0x19 | 0x1c => Signal::Ill,
        0x20 | 0x21 | 0x24 | 0x25 if matches!(esr & 0x3f, 0x10 | 0x14..=0x21) => Signal::Bus,
        0x20 | 0x21 | 0x24 | 0x25 => Signal::Segv,
        PC_ALIGNMENT | 0x26 | 0x2f => Signal::Bus,
        0x28 | 0x2c => Signal::Fpe,
        _ => Signal::Abrt,
    }
}

/// Whether an exception with this syndrome is taken because of what the interrupted code did, and
/// not because it asked for it.
pub fn is_fault(esr: u64) -> bool {
    !matches!(class(esr), 0x01 | 0x11..=0x13 | 0x15..=0x17 | 0x32 | 0x33)
}

/// Whether FAR holds the address that could not be used, for an exception with this syndrome.
pub fn syndrome_has_address(esr: u64) -> bool {
    let classes = [INSTRUCTION_ABORT, DATA_ABORT, WATCHPOINT].concat();
    class(esr) == PC_ALIGNMENT || classes.contains(&class(esr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syndrome_says_class_way_and_status() {
        assert_eq!(syndrome_words(0x9600_0006), "data abort, read, translation fault at level 2");
        assert_eq!(syndrome_words(0x9600_004f), "data abort, write, permission fault at level 3");
        assert_eq!(syndrome_words(0x8600_0010), "instruction abort, external abort");
        assert_eq!(syndrome_words(0xbf00_0002), "SError interrupt");
        assert_eq!(syndrome_words(0x0200_0000), syndrome_words(0));
        assert_eq!(syndrome_signal(0x9600_0006), Signal::Segv);
        assert_eq!(syndrome_signal(0x9600_0021), Signal::Bus);
        assert!(syndrome_has_address(0x9600_0006) && !syndrome_has_address(0xbf00_0002));
    }
}
