//! The servers: the remote protocol, its packets, damaged packets, and a real GDB that reads them; the pages for
//! browsers.

#[path = "../support/mod.rs"]
mod support;

mod descriptions;
mod gdb;
mod protocol;
mod robust;
mod view;
