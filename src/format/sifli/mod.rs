//! What SiFli's SF32LB5x chips leave behind: two formats of one kind, blocks of memory with their
//! addresses, of which the later one says more at its head.
//!
//! * [`assert_context`]: SDKs whose RT-Thread has `assert_context_be.c`;
//! * [`core_dump`]: SDKs with `middleware/coredump` instead, since 2025.
//!
//! In both the fault handler left the registers in variables (`saved.rs`). So it did where the
//! memory was read out with a debug probe ([`of_images`]).

pub mod assert_context;
pub mod core_dump;
mod saved;

pub use assert_context::Sifli;
pub use core_dump::SifliCoreDump;

use super::Symbols;
use crate::dump::{Dump, Note};
use crate::reason::Reason;

/// Takes the crashed thread of memory images from the variables of SiFli's fault handler, if the
/// firmware has them and they tell of a crash. A core that the probe halted was in the handler by
/// then, as the vendor's scripts for TRACE32 know, which set its registers from there.
pub fn of_images(dump: &mut Dump, symbols: &dyn Symbols) {
    let names = ["saved_stack_frame", "saved_stack_pointer", "error_reason", "saved_scb_reg"];
    if names.iter().any(|name| symbols.symbol(name).is_none()) {
        return;
    }
    let halted = dump.threads.len();
    if assert_context::restore(dump, symbols).is_none() {
        return;
    }
    if dump.reason == Reason::default() {
        // The handler did not run: the variables are as they were at the start.
        dump.threads.remove(0);
        return;
    }
    // The scripts halt the second core first: it is number 1 in the register that selects.
    let cores = (0..halted as u32).rev().map(Some).filter(|_| halted <= 2);
    for (thread, core) in dump.threads.iter_mut().skip(1).zip(cores.chain(std::iter::repeat(None)))
    {
        thread.crashed = false;
        thread.core = thread.core.or(core);
        thread.remarks.push("halted by the probe, after the crash".into());
    }
    if let (Some(thread), 1..) = (dump.threads.first_mut(), halted) {
        thread.id = 0;
    }
    dump.notes.push(
        Note::info(
            "the crashed thread's registers are those that SiFli's fault handler kept in \
         saved_stack_frame",
        )
        .code("reconstructed"),
    );
}
