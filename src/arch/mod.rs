//! What a manual explains rather than lists: what the fault words of each architecture say.

pub mod riscv;
pub mod xtensa;
