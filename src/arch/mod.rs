//! What a manual explains rather than lists: exception frames, and what the fault words of each
//! architecture say.

pub mod cortex_m;
pub mod riscv;
pub mod x86;
pub mod xtensa;

use crate::dump::Dump;
use crate::reason::FaultWord;
use crate::registers::Registers;

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
    match registers.arch().elf_machine {
        goblin::elf::header::EM_RISCV => riscv::status_words(registers),
        goblin::elf::header::EM_XTENSA => xtensa::status_words(registers),
        _ if cortex_m::is_m_profile(registers.arch()) => cortex_m::special::status_words(registers),
        _ => Vec::new(),
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
