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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::open::{Options, open_inputs};
    use crate::reason::Reason;
    use crate::targets::Targets;
    use bytes::Bytes;

    fn again(dump: &Dump) -> Dump {
        let core = to_elf_core(dump, Extent::All).expect("it can be written");
        let input = Input { name: "core".into(), bytes: core.bytes.into(), addr: None };
        open_inputs(&[input], &Options::default()).expect("what we write, we read").dump
    }

    #[test]
    fn a_dump_with_nothing_but_a_reason_comes_back() {
        let arch = Targets::built_in().arch("riscv32").expect("built in");
        let mut dump = Dump::new("made-up", arch);
        dump.reason = Reason { words: "it was damaged".into(), ..Reason::default() };
        let read = again(&dump);
        assert_eq!(read.reason, dump.reason);
        assert!(read.threads.is_empty() && read.memory.region_count() == 0);
    }

    #[test]
    fn ids_of_threads_are_unique_whatever_the_record_says() {
        let arch = Targets::built_in().arch("riscv32").expect("built in");
        let mut dump = Dump::new("made-up", arch.clone());
        for id in [7, 0, 7, 1] {
            let registers = crate::registers::Registers::unknown(arch.clone());
            dump.threads.push(crate::dump::Thread::new(id, registers));
        }
        let ids: Vec<u64> = again(&dump).threads.iter().map(|thread| thread.id).collect();
        assert_eq!(ids, [7, 2, 3, 1]);
    }

    #[test]
    fn regions_of_a_record_may_lie_over_one_another() {
        let arch = Targets::built_in().arch("riscv32").expect("built in");
        let mut dump = Dump::new("made-up", arch);
        for start in [0x2000_0000, 0x2000_0004] {
            dump.memory.insert(Region::dumped(start, Bytes::from_static(b"abcd")));
        }
        let mut record = crate::record::Record::of(&dump);
        for (region, (start, len)) in record.memory.iter_mut().zip([(2, 3), (0, 100)]) {
            (region.start, region.len) = (crate::record::Hex(0x2000_0000 + start), len);
        }
        record.restore(&mut dump);
        let starts: Vec<_> = dump.memory.regions().map(|r| (r.start, r.bytes.clone())).collect();
        let parts: [(u64, &'static [u8]); 3] =
            [(0x2000_0000, b"ab"), (0x2000_0002, b"cda"), (0x2000_0005, b"bcd")];
        assert_eq!(starts, parts.map(|(start, bytes)| (start, Bytes::from_static(bytes))));
    }
}
