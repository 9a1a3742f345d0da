//! What SiFli's SF32LB5x chips leave behind: two formats of one kind, blocks of memory with their
//! addresses, of which the later one says more at its head.
//!
//! * [`assert_context`]: SDKs whose RT-Thread has `assert_context_be.c`;
//! * [`core_dump`]: SDKs with `middleware/coredump` instead, since 2025.
//!
//! In both the fault handler left the registers in variables ([`saved`]).

pub mod assert_context;
pub mod core_dump;
mod saved;

pub use assert_context::Sifli;
pub use core_dump::SifliCoreDump;
