//! Which addresses exist: GDB's memory map, and LLDB's regions.
//!
//! Sources: GDB 13.1 manual, appendix E.14 "Memory Map Format"; LLDB's `lldb-gdb-remote.txt`,
//! `qMemoryRegionInfo`.

use super::hex;
use crate::memory::{AddrRange, Memory, Region};
use std::fmt::Write;

/// The document of `qXfer:memory-map:read`.
///
/// GDB doesn't ask us for an address that no entry covers. All entries are of type `ram`: `rom`
/// would make it warn of hardware breakpoints, `flash` would make `load` try to program it.
/// Neighbours share an entry, as GDB searches the list from the front for each access.
pub(crate) fn xml(memory: &Memory) -> String {
    let mut xml = String::from("<?xml version=\"1.0\"?>\n<memory-map>\n");
    for AddrRange { start, last } in contiguous(memory) {
        // The length of all 2^64 addresses does not fit 64 bits; GDB takes an end of 0 for "up to
        // the last address". Writing to a string does not fail.
        let length = (last - start).saturating_add(1);
        let _ = writeln!(xml, "<memory type=\"ram\" start=\"{start:#x}\" length=\"{length:#x}\"/>");
    }
    xml.push_str("</memory-map>\n");
    xml
}

fn contiguous(memory: &Memory) -> Vec<AddrRange> {
    let mut ranges: Vec<AddrRange> = Vec::new();
    for range in memory.regions().filter_map(Region::range) {
        match ranges.last_mut() {
            Some(before) if before.last.checked_add(1) == Some(range.start) => {
                before.last = range.last;
            }
            _ => ranges.push(range),
        }
    }
    ranges
}

/// The reply to `qMemoryRegionInfo`: the region at `addr`, or the gap there.
pub(crate) fn region_info(memory: &Memory, addr: u64) -> String {
    let Some(region) = memory.region_at(addr) else {
        let before = memory.region_up_to(addr);
        let start = before.and_then(Region::range).map_or(0, |range| range.last.saturating_add(1));
        let behind = memory.region_from(addr).map(|region| region.start);
        let length = behind.map_or(u64::MAX - start, |behind| behind - start);
        return format!("start:{start:x};size:{length:x};");
    };
    let write = if region.access.write { "w" } else { "" };
    let execute = if region.access.execute { "x" } else { "" };
    let name = region.name.as_deref().map(str::as_bytes).map(hex::text).unwrap_or_default();
    let (start, length) = (region.start, region.bytes.len());
    let mut info = format!("start:{start:x};size:{length:x};permissions:r{write}{execute};");
    if !name.is_empty() {
        let _ = write!(info, "name:{name};");
    }
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn memory(regions: &[(u64, usize)]) -> Memory {
        let mut memory = Memory::new();
        for (start, len) in regions {
            memory.insert(Region::dumped(*start, Bytes::from(vec![0; *len])));
        }
        memory
    }

    #[test]
    fn neighbours_share_an_entry_of_the_map() {
        let map = xml(&memory(&[(0x100, 0x10), (0x110, 0x10), (0x200, 4)]));
        assert!(map.contains("start=\"0x100\" length=\"0x20\""), "{map}");
        assert!(map.contains("start=\"0x200\" length=\"0x4\""), "{map}");
        assert_eq!(map.matches("<memory ").count(), 2);
    }

    #[test]
    fn gaps_have_a_start_and_a_size_and_no_permissions() {
        let memory = memory(&[(0x100, 0x10), (0x200, 0x10)]);
        assert_eq!(region_info(&memory, 0x180), "start:110;size:f0;");
        assert_eq!(region_info(&memory, 0), "start:0;size:100;");
        assert_eq!(region_info(&memory, 0x210), "start:210;size:fffffffffffffdef;");
        assert_eq!(region_info(&memory, 0x10f), "start:100;size:10;permissions:rw;");
        assert_eq!(region_info(&Memory::new(), 5), "start:0;size:ffffffffffffffff;");
    }

    #[test]
    fn the_last_address_belongs_to_the_map() {
        let memory = memory(&[(u64::MAX - 3, 4)]);
        assert!(xml(&memory).contains("start=\"0xfffffffffffffffc\" length=\"0x4\""));
        let info = region_info(&memory, u64::MAX);
        assert_eq!(info, "start:fffffffffffffffc;size:4;permissions:rw;");
    }
}
