//! What a manual explains rather than lists: exception frames, and what the fault words of each
//! architecture say.

pub mod cortex_m;
pub mod riscv;
pub mod x86;
pub mod xtensa;

use crate::dump::Dump;

/// Adds what the architecture knows to tell of a dump, now that all its memory is there: fault
/// words that lie in memory become registers of the crashed thread and part of the reason.
pub fn complete(dump: &mut Dump) {
    if cortex_m::is_m_profile(&dump.arch) {
        cortex_m::complete(dump);
    }
}
