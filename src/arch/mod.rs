//! What a manual explains rather than lists: exception frames, and what the fault words of each
//! architecture say.

pub mod aarch64;
pub mod arm;
pub mod cortex_m;
pub mod riscv;
pub mod x86;
pub mod xtensa;

use crate::dump::Dump;
use crate::reason::{FaultWord, Reason};
use crate::registers::Registers;
use crate::targets::{Arch, Family};

/// Makes the fault words that lie in memory registers of the crashed thread, now that all of the
/// memory is there.
pub fn gather(dump: &mut Dump) {
    if cortex_m::is_m_profile(&dump.arch) {
        cortex_m::gather(dump);
    }
}

/// Adds to the reason what the fault registers tell, once it is known which frame they are of
/// ([`crate::reason::Reason::pc`]).
pub fn complete(dump: &mut Dump) {
    if cortex_m::is_m_profile(&dump.arch) {
        cortex_m::complete(dump);
    }
}

/// The status registers of a thread that an exception leaves behind, bit by bit in the manual's
/// words, as far as they are known: beside the fault words that are the reason's evidence already.
pub fn status_words(registers: &Registers) -> Vec<FaultWord> {
    match registers.arch().family {
        Family::RiscV32 | Family::RiscV64 => riscv::status_words(registers),
        Family::Xtensa => xtensa::status_words(registers),
        Family::CortexM => cortex_m::special::status_words(registers),
        _ => Vec::new(),
    }
}

/// What the trap registers of a thread say of why it stopped, on architectures that have a few of
/// them. (Cortex-M has many: [`complete`].)
pub fn trap_reason(registers: &Registers) -> Option<Reason> {
    let by_name = |name: &str| registers.by_name(name);
    let (name, cause, told, signal, address_name, address) = match registers.arch().family {
        Family::RiscV32 | Family::RiscV64 => {
            let names = riscv::trap_names(registers)?;
            let cause = by_name(names.cause)?;
            let address = by_name(names.value).filter(|_| riscv::cause_has_address(cause));
            let told = riscv::cause_words(cause, registers.arch().word_bits);
            let is_interrupt = riscv::is_interrupt(cause, registers.arch().word_bits);
            let signal = (!is_interrupt).then(|| riscv::cause_signal(cause));
            (names.cause, cause, told, signal, names.value, address)
        }
        Family::Xtensa => {
            let cause = by_name("exccause").filter(|cause| xtensa::is_cause(*cause))?;
            let number = cause as u32;
            let address = by_name("excvaddr").filter(|_| xtensa::cause_has_address(number));
            let (told, signal) = (xtensa::cause_words(number), xtensa::cause_signal(number));
            ("exccause", cause, told, Some(signal), "excvaddr", address)
        }
        Family::Aarch64 => {
            let esr = by_name("ESR_EL1")?;
            let far = by_name("FAR_EL1").filter(|_| aarch64::syndrome_has_address(esr));
            let (told, signal) = (aarch64::syndrome_words(esr), aarch64::syndrome_signal(esr));
            ("ESR_EL1", esr, told, Some(signal), "FAR_EL1", far)
        }
        Family::Arm => {
            // With both kinds known nothing tells which abort it was.
            let (name, address_name) = match (by_name("DFSR"), by_name("IFSR")) {
                (Some(_), None) => ("DFSR", "DFAR"),
                (None, Some(_)) => ("IFSR", "IFAR"),
                _ => return None,
            };
            let status = by_name(name)?;
            let (told, signal) = (arm::abort_words(name, status), arm::status_signal(status));
            (name, status, told, Some(signal), address_name, by_name(address_name))
        }
        Family::X86 | Family::X86_64 => {
            let vector = by_name("vector")?;
            let address = by_name("cr2").filter(|_| vector == x86::PAGE_FAULT);
            let (told, signal) = (x86::vector_words(vector), x86::vector_signal(vector));
            ("vector", vector, told, Some(signal), "cr2", address)
        }
        _ => return None,
    };
    let at_address = address.map_or(String::new(), |address| format!(": {address:#x}"));
    let at = registers.pc().map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
    let words = format!("{told}{at_address}{at}");
    let mut evidence = vec![FaultWord { name: name.into(), value: cause, words: told }];
    evidence.extend(address.map(|value| FaultWord {
        name: address_name.into(),
        value,
        words: "the address that could not be used".into(),
    }));
    Some(Reason::new(signal, words, evidence))
}

/// What a trap is, by its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// In the manual's words: `load access fault`.
    pub name: String,
    /// Whether the interrupted code itself is its cause.
    pub is_fault: bool,
}

/// What the cause register of a trap says, on architectures where code saves the registers.
pub fn trap(arch: &Arch, cause: u64) -> Option<Trap> {
    let (name, is_fault) = match arch.family {
        Family::RiscV32 | Family::RiscV64 => {
            let name = riscv::cause_words(cause, arch.word_bits);
            (name, riscv::is_fault(cause, arch.word_bits))
        }
        Family::Aarch64 => (aarch64::syndrome_words(cause), aarch64::is_fault(cause)),
        Family::X86 | Family::X86_64 => (x86::vector_words(cause), x86::is_fault(cause)),
        _ => return None,
    };
    Some(Trap { name, is_fault })
}

/// The names of the registers with cause and address of a trap that a thread is in.
pub fn trap_registers(registers: &Registers) -> [&'static str; 2] {
    match registers.arch().family {
        Family::RiscV32 | Family::RiscV64 => {
            let names = riscv::trap_names(registers).unwrap_or(riscv::MACHINE);
            [names.cause, names.value]
        }
        Family::Aarch64 => ["ESR_EL1", "FAR_EL1"],
        Family::X86 | Family::X86_64 => ["vector", "cr2"],
        _ => ["", ""],
    }
}

/// A field of a register: lowest bit, width in bits, and what its value means, if anything.
type Field = (u32, u32, fn(u64) -> Option<String>);

/// What the fields of a register say, one after the other.
fn bit_words(value: u64, fields: &[Field]) -> String {
    let told = fields.iter().filter_map(|(low, width, words)| {
        let mask = u64::MAX >> (64 - width.clamp(&1, &64));
        words((value >> low) & mask)
    });
    let words = told.collect::<Vec<_>>().join(", ");
    if words.is_empty() { "nothing".into() } else { words }
}
