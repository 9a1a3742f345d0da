//! The remote protocol: packets, damaged packets, and a real GDB that reads them.

#[path = "../support/mod.rs"]
mod support;

mod descriptions;
mod gdb;
mod protocol;
mod robust;
