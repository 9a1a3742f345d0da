//! What one client has written: an overlay over the dump that only this client sees.
//!
//! A session may try things out (`set var`, a register, an IDE's memory view) and drop them again;
//! the dump and its file are never touched, and no other client notices.
//!
//! Only bytes that somebody holds can be written, and only where the device itself could write. A
//! write elsewhere would put memory where nobody knows of any, and the next look at it would show a
//! value as if the device had left it there. Code and constants stay as they are so that `load`,
//! which IDEs send on their own accord, fails at its first section, instead of replacing the
//! variables of the crash by those of the ELF file.
//! For registers it is the other way about: a client that sets an unknown one (a program counter
//! to unwind from, say) knows that it did, and the register exists on the device.

use crate::input::watch;
use crate::memory::{AddrRange, Memory};
use crate::registers::Registers;
use std::collections::{BTreeMap, BTreeSet};

const PAGE: u64 = 256;

/// Some bytes of an aligned page.
struct Page {
    bytes: [u8; PAGE as usize],
    written: [bool; PAGE as usize],
}

/// Everything that a client has written.
#[derive(Default)]
pub(crate) struct Scratch {
    pages: BTreeMap<u64, Box<Page>>,
    registers: BTreeMap<usize, Registers>,
    changed: BTreeSet<(usize, usize)>,
}

/// Why [`Scratch::write`] refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Somebody holds the bytes, but the device couldn't write there.
    ReadOnly,
    /// Nobody holds all of them.
    Absent,
}

/// How much [`Scratch::revert`] dropped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reverted {
    /// Bytes of memory.
    pub(crate) bytes: usize,
    /// Registers, over all threads.
    pub(crate) registers: usize,
}

impl Scratch {
    /// Reads memory as the client sees it; returns how many bytes from `addr` on are there.
    pub(crate) fn read(&self, memory: &Memory, addr: u64, buf: &mut [u8]) -> usize {
        let n = memory.read(addr, buf);
        if !self.pages.is_empty() {
            self.patch(addr, &mut buf[..n]);
        }
        n
    }

    fn patch(&self, addr: u64, buf: &mut [u8]) {
        let Some(range) = AddrRange::of_len(addr, buf.len() as u64) else { return };
        for (page_at, page) in self.pages.range(range.start / PAGE..=range.last / PAGE) {
            let page_range = AddrRange { start: page_at * PAGE, last: page_at * PAGE + (PAGE - 1) };
            let Some(common) = page_range.overlap(&range) else { continue };
            for at in common.start..=common.last {
                let in_page = (at % PAGE) as usize;
                if page.written[in_page] {
                    buf[(at - addr) as usize] = page.bytes[in_page];
                }
            }
        }
    }

    /// The bytes at `addr` without a copy, if the client has written nothing at all, and they are in no
    /// file that somebody may cut.
    pub(crate) fn untouched<'m>(&self, memory: &'m Memory, addr: u64) -> Option<&'m [u8]> {
        let bytes = self.pages.is_empty().then(|| memory.slice_at(addr))?;
        (!watch::is_mapped(bytes)).then_some(bytes)
    }

    /// Writes all of `bytes`, or nothing if one of them has no place.
    pub(crate) fn write(
        &mut self,
        memory: &Memory,
        addr: u64,
        bytes: &[u8],
    ) -> Result<(), Refused> {
        if bytes.is_empty() {
            return Ok(());
        }
        let range = AddrRange::of_len(addr, bytes.len() as u64).ok_or(Refused::Absent)?;
        if memory.readable_len(range) < range.len() {
            return Err(Refused::Absent);
        }
        if memory.overlapping(range).any(|region| !region.access.write) {
            return Err(Refused::ReadOnly);
        }
        for (at, byte) in (range.start..=range.last).zip(bytes) {
            let empty = || Box::new(Page { bytes: [0; _], written: [false; _] });
            let page = self.pages.entry(at / PAGE).or_insert_with(empty);
            page.bytes[(at % PAGE) as usize] = *byte;
            page.written[(at % PAGE) as usize] = true;
        }
        Ok(())
    }

    /// The registers of the thread with this index as the client sees them. `dumped` are those of
    /// the dump.
    pub(crate) fn registers<'r>(&'r self, thread: usize, dumped: &'r Registers) -> &'r Registers {
        self.registers.get(&thread).unwrap_or(dumped)
    }

    /// Sets a register of a thread.
    pub(crate) fn set_register(
        &mut self,
        thread: usize,
        dumped: &Registers,
        register: usize,
        value: u128,
    ) {
        let registers = self.registers.entry(thread).or_insert_with(|| dumped.clone());
        registers.set(register, value);
        let storage = registers.arch().registers.get(register).map(|register| register.storage);
        self.changed.extend(storage.map(|storage| (thread, storage)));
    }

    /// Drops what was written to registers; returns whether there was anything.
    pub(crate) fn revert_registers(&mut self) -> bool {
        self.registers.clear();
        !std::mem::take(&mut self.changed).is_empty()
    }

    /// Drops everything.
    pub(crate) fn revert(&mut self) -> Reverted {
        let written = |page: &Page| page.written.iter().filter(|written| **written).count();
        let bytes = self.pages.values().map(|page| written(page)).sum();
        let registers = self.changed.len();
        *self = Scratch::default();
        Reverted { bytes, registers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Access, Region};
    use bytes::Bytes;

    fn memory() -> Memory {
        let mut memory = Memory::new();
        memory.insert(Region::dumped(0x10fc, Bytes::from_static(b"abcdefgh")));
        memory.insert(Region::dumped(u64::MAX - 3, Bytes::from_static(b"wxyz")));
        memory
    }

    fn read(scratch: &Scratch, addr: u64, len: usize) -> Vec<u8> {
        let mut buf = vec![0xee; len];
        let n = scratch.read(&memory(), addr, &mut buf);
        buf.truncate(n);
        buf
    }

    #[test]
    fn a_write_is_seen_across_pages_and_until_it_is_reverted() {
        let mut scratch = Scratch::default();
        assert_eq!(scratch.write(&memory(), 0x10fe, b"XYZ"), Ok(()));
        assert_eq!(read(&scratch, 0x10fc, 8), b"abXYZfgh");
        assert_eq!(read(&scratch, 0x10ff, 1), b"Y");
        assert_eq!(scratch.revert(), Reverted { bytes: 3, registers: 0 });
        assert_eq!(read(&scratch, 0x10fc, 8), b"abcdefgh");
    }

    #[test]
    fn a_write_that_touches_a_hole_changes_nothing() {
        let mut scratch = Scratch::default();
        assert_eq!(scratch.write(&memory(), 0x1102, b"XYZ"), Err(Refused::Absent));
        assert_eq!(scratch.write(&memory(), 0x10fb, b"X"), Err(Refused::Absent));
        assert_eq!(read(&scratch, 0x10fc, 9), b"abcdefgh");
    }

    #[test]
    fn what_the_device_could_not_write_stays() {
        let mut memory = memory();
        let code = Region::dumped(0x1104, Bytes::from_static(b"code"));
        memory.insert(Region { access: Access::RX, ..code });
        let mut scratch = Scratch::default();
        assert_eq!(scratch.write(&memory, 0x1104, b"C"), Err(Refused::ReadOnly));
        assert_eq!(scratch.write(&memory, 0x1103, b"HC"), Err(Refused::ReadOnly));
        assert_eq!(scratch.write(&memory, 0x1103, b"H"), Ok(()));
    }

    #[test]
    fn the_last_address_can_be_written_and_not_passed() {
        let mut scratch = Scratch::default();
        assert_eq!(scratch.write(&memory(), u64::MAX - 1, b"YZ"), Ok(()));
        assert_eq!(scratch.write(&memory(), u64::MAX, b"12"), Err(Refused::Absent));
        assert_eq!(read(&scratch, u64::MAX - 3, 16), b"wxYZ");
    }
}
