//! RISC-V: the causes of machine-mode traps.
//!
//! Source: The RISC-V Instruction Set Manual, Volume II, version 20211203 (privileged 1.12),
//! table 3.6 "Machine cause register (mcause) values after trap", 3.1.6 "Machine Status Registers",
//! 3.1.7 "Machine Trap-Vector Base-Address Register".

use super::bit_words;
use crate::reason::{FaultWord, Signal};
use crate::registers::Registers;

/// Of `mcause`.
pub const ILLEGAL_INSTRUCTION: u64 = 2;
/// Of `mcause`.
pub const STORE_ACCESS_FAULT: u64 = 7;

/// The registers of a trap into one mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapNames {
    /// Where it came from.
    pub epc: &'static str,
    /// Why.
    pub cause: &'static str,
    /// The address that could not be used.
    pub value: &'static str,
}

/// Those of machine mode.
pub const MACHINE: TrapNames = TrapNames { epc: "mepc", cause: "mcause", value: "mtval" };
/// Those of supervisor mode, where Linux and its like take their traps.
pub const SUPERVISOR: TrapNames = TrapNames { epc: "sepc", cause: "scause", value: "stval" };

/// The mode whose trap registers tell of a thread's trap: the one that some are known of; of two the one
/// that is not all zeros, as never written. `None` where both say something: nobody can tell then.
pub fn trap_names(registers: &Registers) -> Option<TrapNames> {
    let told = |names: &TrapNames| {
        let all = [names.epc, names.cause].map(|name| registers.by_name(name));
        (all.iter().any(Option::is_some), all.iter().flatten().any(|value| *value != 0))
    };
    match (told(&MACHINE), told(&SUPERVISOR)) {
        (_, (false, _)) | (_, (true, false)) => Some(MACHINE),
        ((false, _), _) | ((true, false), _) => Some(SUPERVISOR),
        _ => None,
    }
}

/// What `mcause` says, in the manual's words. `word_bits` is the width of the register; its top
/// bit tells an interrupt from an exception.
pub fn cause_words(mcause: u64, word_bits: u32) -> String {
    let code = code_of(mcause & (interrupt_bit(word_bits) - 1));
    if is_interrupt(mcause, word_bits) {
        return match code {
            1 => "supervisor software interrupt".into(),
            5 => "supervisor timer interrupt".into(),
            9 => "supervisor external interrupt".into(),
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

/// Whether `mcause` says that an interrupt was taken, which is nobody's fault.
pub fn is_interrupt(mcause: u64, word_bits: u32) -> bool {
    mcause & interrupt_bit(word_bits) != 0
}

fn interrupt_bit(word_bits: u32) -> u64 {
    1 << (word_bits.clamp(1, 64) - 1)
}

/// The number of the exception or interrupt. With a CLIC (the ESP32-P4 has one) `mcause` also says in which
/// state the hart was: MPP in bits 28 and 29, MPIE in 27, MPIL in 16 to 23, and the number has 12 bits.
/// Source: RISC-V "Smclic" 0.9, "mcause"; seen as 0x38000002 in panics of ESP-IDF.
fn code_of(mcause: u64) -> u64 {
    const STATE: u64 = 0x78ff_0000;
    const NUMBER: u64 = 0xfff;
    let is_clic = mcause & STATE != 0 && mcause & !(STATE | NUMBER) == 0;
    if is_clic { mcause & NUMBER } else { mcause }
}

/// The signal for an exception with the code `mcause`.
pub fn cause_signal(mcause: u64) -> Signal {
    match code_of(mcause) {
        2 => Signal::Ill,
        0 | 4 | 6 => Signal::Bus,
        1 | 5 | 7 | 12 | 13 | 15 => Signal::Segv,
        _ => Signal::Abrt,
    }
}

/// Whether a trap with this `mcause` is taken because of what the interrupted code did: no
/// interrupt, and nothing that it asked for.
pub fn is_fault(mcause: u64, word_bits: u32) -> bool {
    !is_interrupt(mcause, word_bits) && !matches!(code_of(mcause), 8 | 9 | 11)
}

/// Whether `mtval` holds the address that could not be used, for an exception with this cause.
pub fn cause_has_address(mcause: u64) -> bool {
    matches!(code_of(mcause), 0 | 1 | 4..=7 | 12 | 13 | 15)
}

/// What the trap CSRs say, as far as they are known.
pub(super) fn status_words(registers: &Registers) -> Vec<FaultWord> {
    let bits = registers.arch().word_bits;
    let mut words = Vec::new();
    let mut add = |name: &str, tell: &dyn Fn(u64) -> String| {
        if let Some(value) = registers.by_name(name) {
            words.push(FaultWord { name: name.into(), value, words: tell(value) });
        }
    };
    let vector = |value: u64| {
        let mode = match value & 3 {
            0 => "direct",
            1 => "vectored by cause",
            _ => "in a mode that the chip defines",
        };
        format!("traps go to {:#x}, {mode}", value & !3)
    };
    for names in [MACHINE, SUPERVISOR] {
        add(names.cause, &|value| cause_words(value, bits));
        add(names.value, &|value| match registers.by_name(names.cause) {
            Some(cause) if cause_has_address(cause) => "the address that could not be used".into(),
            Some(cause) if code_of(cause) == ILLEGAL_INSTRUCTION && value != 0 => {
                "the illegal instruction".into()
            }
            _ => "no meaning with this cause".into(),
        });
        add(names.epc, &|_| "where the trap came".into());
    }
    add("mstatus", &|value| mstatus_words(value, bits));
    add("mtvec", &vector);
    add("stvec", &vector);
    add("mhartid", &|value| format!("core {value}"));
    words
}

fn mstatus_words(mstatus: u64, bits: u32) -> String {
    fn privilege(value: u64) -> &'static str {
        ["user", "supervisor", "reserved", "machine"].get(value as usize).copied().unwrap_or("?")
    }
    fn unit(name: &str, value: u64) -> Option<String> {
        let state = ["", "initial", "clean", "dirty"].get(value as usize).copied()?;
        (value > 0).then(|| format!("{name} state {state}"))
    }
    let mut told = bit_words(
        mstatus,
        &[
            (11, 2, |mpp| Some(format!("trapped from {} mode (MPP)", privilege(mpp)))),
            (7, 1, |mpie| {
                Some(format!("interrupts were {} (MPIE)", if mpie == 1 { "on" } else { "off" }))
            }),
            (3, 1, |mie| Some(format!("are {} now (MIE)", if mie == 1 { "on" } else { "off" }))),
            (13, 2, |fs| unit("FPU", fs)),
            (9, 2, |vs| unit("vector", vs)),
            (15, 2, |xs| unit("extension", xs)),
            (17, 1, |mprv| (mprv == 1).then(|| "loads and stores go by MPP (MPRV)".into())),
            (18, 1, |sum| (sum == 1).then(|| "supervisor may touch user memory (SUM)".into())),
            (19, 1, |mxr| (mxr == 1).then(|| "executable pages are readable (MXR)".into())),
            (21, 1, |tw| (tw == 1).then(|| "WFI traps (TW)".into())),
        ],
    );
    if mstatus >> (bits - 1) & 1 == 1 {
        told.push_str(", some state is dirty (SD)");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;

    #[test]
    fn the_mode_that_was_trapped_into_is_the_one_whose_registers_tell_something() {
        let names = |known: &[(&str, u64)]| {
            let arch = Targets::built_in().arch("riscv64").unwrap();
            let mut registers = Registers::unknown(arch);
            for (name, value) in known {
                assert!(registers.set_by_name(name, *value), "{name}");
            }
            trap_names(&registers)
        };
        assert_eq!(names(&[("mepc", 0x10), ("mcause", 5)]), Some(MACHINE));
        assert_eq!(names(&[("sepc", 0x10), ("scause", 13)]), Some(SUPERVISOR));
        assert_eq!(names(&[("sepc", 0), ("mcause", 5)]), Some(MACHINE));
        assert_eq!(names(&[("scause", 13), ("mcause", 0), ("mepc", 0)]), Some(SUPERVISOR));
        assert_eq!(names(&[("scause", 13), ("mcause", 9)]), None);
    }

    #[test]
    fn a_trap_into_supervisor_mode_is_told_by_its_own_registers() {
        let mut registers = Registers::unknown(Targets::built_in().arch("riscv64").unwrap());
        for (name, value) in [("pc", 0x8020_0010u64), ("scause", 13), ("stval", 0x30)] {
            registers.set_by_name(name, value);
        }
        let reason = crate::arch::trap_reason(&registers).unwrap();
        assert_eq!(reason.words, "load page fault: 0x30 at pc 0x80200010");
        assert_eq!(reason.evidence[0].name, "scause");
        registers.set_by_name("mcause", 9u64);
        assert!(crate::arch::trap_reason(&registers).is_none(), "nobody knows which of the two");
    }

    #[test]
    fn a_cause_of_a_clic_has_the_number_of_the_exception_in_its_low_bits() {
        assert_eq!(cause_words(0x3800_0002, 32), cause_words(2, 32));
        assert_eq!(cause_signal(0x3800_0007), Signal::Segv);
        assert!(cause_has_address(0x3800_0005) && is_fault(0x3800_0002, 32));
        assert!(!is_fault(0xb800_0011, 32));
        assert!(cause_words(0x3840_1002, 32).starts_with("exception 943722498"));
    }

    #[test]
    fn mstatus_tells_where_the_trap_came_from() {
        let told = mstatus_words(0x1881, 32);
        assert!(told.starts_with("trapped from machine mode (MPP), interrupts were on (MPIE)"));
        assert!(mstatus_words(0x8000_6000, 32).contains("FPU state dirty"));
        assert!(mstatus_words(0x8000_6000, 32).ends_with("(SD)"));
        assert!(mstatus_words(0, 32).starts_with("trapped from user mode (MPP)"));
    }
}
