//! A dump as files that other tools open: an ELF core for plain GDB, Intel HEX, raw regions, a
//! script for TRACE32.
//!
//! `elf.rs` writes the container, `notes.rs` the registers, `hex.rs` Intel HEX and raw files,
//! `cmm.rs` the script.
//!
//! What an ELF core can't say: that a register is unknown (the note holds numbers: it becomes 0),
//! names of threads, who held a region. [`crate::format::elf_core::own`] keeps these in a note of
//! ours, so that nothing is lost when we read the core again; the user is told what plain GDB
//! will show as 0.

mod cmm;
mod elf;
mod hex;
mod notes;

pub use cmm::{Script, to_cmm};
pub use elf::{Core, to_elf_core};
pub use hex::{raw_name, to_intel_hex};

use crate::dump::Dump;
use crate::memory::{Origin, Region};

/// Which memory goes into the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What the server serves: the dump, and what the ELF files add.
    All,
    /// What the device saved, and nothing else.
    DumpOnly,
}

/// The regions of `dump` that `extent` takes, by address.
pub fn regions(dump: &Dump, extent: Extent) -> impl Iterator<Item = &Region> {
    let wanted = move |region: &&Region| extent == Extent::All || region.origin == Origin::Dump;
    dump.memory.regions().filter(wanted)
}
