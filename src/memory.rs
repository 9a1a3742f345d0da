//! The memory of the crashed device, as far as anybody holds it.
//!
//! [`Memory`] is a sorted set of regions that never overlap. What no region covers is *absent*:
//! reading it yields fewer bytes than asked for, never a filler. Where the reason of an absence
//! is known ("cut off: the partition was full") it is kept beside the regions.
//!
//! Regions are inserted in the order of their authority: the dump first, then the read-only
//! sections of the firmware ELF, then the ROM ELF. A later region only fills what is still free.
//!
//! Addresses are of the device. A range keeps its *last* address, not its end, so that one can
//! reach up to `u64::MAX` (or `0xffff_ffff` on a 32-bit device) without overflow.

use crate::input::watch;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A range of device addresses with at least one address in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddrRange {
    /// The lowest address, inclusive.
    pub start: u64,
    /// The highest address, inclusive.
    pub last: u64,
}

impl AddrRange {
    /// The range of `len` bytes from `start`; `None` if it is empty or passes the end of the
    /// address space.
    pub fn of_len(start: u64, len: u64) -> Option<Self> {
        let last = start.checked_add(len.checked_sub(1)?)?;
        Some(AddrRange { start, last })
    }

    /// The range from `start` up to but not including `end`; `None` if that is empty.
    pub fn until(start: u64, end: u64) -> Option<Self> {
        (start < end).then(|| AddrRange { start, last: end - 1 })
    }

    /// Length in bytes; saturates for the one range that covers all 2^64 addresses.
    pub fn len(&self) -> u64 {
        (self.last - self.start).saturating_add(1)
    }

    /// Never true: an empty range can't be made.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Whether `addr` lies in the range.
    pub fn contains(&self, addr: u64) -> bool {
        (self.start..=self.last).contains(&addr)
    }

    /// What both ranges have in common.
    pub fn overlap(&self, other: &AddrRange) -> Option<AddrRange> {
        let (start, last) = (self.start.max(other.start), self.last.min(other.last));
        (start <= last).then_some(AddrRange { start, last })
    }
}

impl fmt::Display for AddrRange {
    /// `0x20000000..0x20001fff`, both ends inclusive.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.last)
    }
}

impl fmt::Debug for AddrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Who holds the bytes of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Saved by the device when it crashed.
    Dump,
    /// A read-only section of the firmware's ELF file.
    Elf,
    /// A section of the ELF file of the chip's ROM.
    RomElf,
    /// A writable section of the firmware's ELF file: what the device held *before it ran*.
    /// Only there when the user asked for it.
    ElfInitial,
    /// In no dump, but told by what the device printed or pushed for certain.
    Reconstructed,
}

impl Origin {
    /// All of them.
    pub const ALL: [Origin; 5] =
        [Origin::Dump, Origin::Elf, Origin::RomElf, Origin::ElfInitial, Origin::Reconstructed];
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Origin::Dump => "dump",
            Origin::Elf => "elf",
            Origin::RomElf => "rom elf",
            Origin::ElfInitial => "elf (initial values)",
            Origin::Reconstructed => "reconstructed",
        })
    }
}

/// What the device itself could do with a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// It could write there.
    pub write: bool,
    /// It could run code from there.
    pub execute: bool,
}

impl Access {
    /// Data memory.
    pub const RW: Access = Access { write: true, execute: false };
    /// Constants.
    pub const R: Access = Access { write: false, execute: false };
    /// Code.
    pub const RX: Access = Access { write: false, execute: true };
    /// Anything goes, or nobody said.
    pub const RWX: Access = Access { write: true, execute: true };
}

impl fmt::Display for Access {
    /// `rw-` and the like.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letter = |on, letter| if on { letter } else { '-' };
        write!(f, "r{}{}", letter(self.write, 'w'), letter(self.execute, 'x'))
    }
}

/// Bytes that somebody holds, all from one place.
#[derive(Clone, Debug)]
pub struct Region {
    /// The address of the first byte.
    pub start: u64,
    /// The bytes; usually a slice of the mapped input.
    pub bytes: Bytes,
    /// Who holds them.
    pub origin: Origin,
    /// What the device could do there.
    pub access: Access,
    /// What it is, in the producer's words: `stack of main`, `.bss`, `DRAM`.
    pub name: Option<Arc<str>>,
}

impl Region {
    /// A region of the dump, read-write and without a name.
    pub fn dumped(start: u64, bytes: Bytes) -> Self {
        Region { start, bytes, origin: Origin::Dump, access: Access::RW, name: None }
    }

    /// The same region with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The addresses that the region covers; `None` if it is empty or runs past the last address.
    pub fn range(&self) -> Option<AddrRange> {
        AddrRange::of_len(self.start, self.bytes.len() as u64)
    }

    fn part(&self, range: AddrRange) -> Region {
        let from = (range.start - self.start) as usize;
        let len = range.len() as usize;
        Region { start: range.start, bytes: self.bytes.slice(from..from + len), ..self.clone() }
    }
}

/// Two holders of the same authority that do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Where they overlap.
    pub range: AddrRange,
    /// The lowest address at which they differ.
    pub first: u64,
    /// How many bytes differ.
    pub differing: u64,
}

/// All memory that is known, and why some is not.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// By first address; never empty, never overlapping.
    regions: BTreeMap<u64, Region>,
    /// The same addresses, neighbours joined: first to last. What is free is found here without a
    /// look at each of thousands of regions that lie over one another.
    covered: BTreeMap<u64, u64>,
    comparing: Comparing,
    /// Known absences by first address; may lie under regions that were found later.
    missing: BTreeMap<u64, (AddrRange, Arc<str>)>,
}

/// Bytes that are compared where regions of one origin lie over one another, in all.
const MOST_COMPARED: u64 = 64 << 20;
/// What a look at one more region counts for.
const LOOK: u64 = 256;
/// Conflicts that are returned; there may be one for each two of thousands of regions.
const MOST_CONFLICTS: u64 = 64;

/// What became of the comparisons.
#[derive(Clone, Debug, Default)]
struct Comparing {
    compared: u64,
    not_compared: u64,
    conflicts: u64,
}

impl Memory {
    /// No memory at all.
    pub fn new() -> Self {
        Memory::default()
    }

    /// Adds what of `region` nobody holds yet. Where a region of the same origin is there
    /// already, the bytes are compared: the earlier ones stay, and what differs is returned.
    ///
    /// A region that would pass the last address is cut there; an empty one is nothing.
    pub fn insert(&mut self, mut region: Region) -> Vec<Conflict> {
        let room = (u64::MAX - region.start).saturating_add(1);
        if region.bytes.len() as u64 > room {
            region.bytes.truncate(room as usize);
        }
        let Some(range) = region.range() else { return Vec::new() };

        let conflicts = self.conflicts(range, &region);
        let gaps = self.gaps(range);
        for range in &gaps {
            self.regions.insert(range.start, region.part(*range));
        }
        if !gaps.is_empty() {
            self.cover(range);
        }
        conflicts
    }

    fn conflicts(&mut self, range: AddrRange, region: &Region) -> Vec<Conflict> {
        let mut conflicts = Vec::new();
        let mut comparing = self.comparing.clone();
        for old in self.overlapping(range) {
            let Some(common) = old.range().and_then(|old| old.overlap(&range)) else { continue };
            if old.origin != region.origin {
                continue;
            }
            comparing.compared =
                comparing.compared.saturating_add(common.len()).saturating_add(LOOK);
            if comparing.compared > MOST_COMPARED {
                comparing.not_compared = comparing.not_compared.saturating_add(1);
                break;
            }
            let Some(conflict) = compare(&old.part(common), &region.part(common), common) else {
                continue;
            };
            comparing.conflicts = comparing.conflicts.saturating_add(1);
            if comparing.conflicts <= MOST_CONFLICTS {
                conflicts.push(conflict);
            }
        }
        self.comparing = comparing;
        conflicts
    }

    /// What was not told of regions that lie over one another, in words.
    pub fn untold_conflicts(&self) -> Option<String> {
        let Comparing { not_compared, conflicts, .. } = self.comparing;
        let more = conflicts.saturating_sub(MOST_CONFLICTS);
        let mut words = Vec::new();
        if more > 0 {
            words.push(format!("memory is there twice and differs in {more} more places"));
        }
        if not_compared > 0 {
            words.push(format!(
                "{not_compared} regions lie over others and were not compared with them: there are \
                 too many"
            ));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }

    /// Notes that all of `range` is held now.
    fn cover(&mut self, range: AddrRange) {
        let AddrRange { mut start, mut last } = range;
        if let Some((first, end)) = self.covered.range(..start).next_back()
            && end.checked_add(1).is_none_or(|next| next >= start)
        {
            (start, last) = (*first, last.max(*end));
        }
        while let Some((first, end)) = self.covered.range(start..).next()
            && last.checked_add(1).is_none_or(|next| *first <= next)
        {
            last = last.max(*end);
            let first = *first;
            self.covered.remove(&first);
        }
        self.covered.insert(start, last);
    }

    /// The parts of `range` that are in no region.
    pub fn gaps(&self, range: AddrRange) -> Vec<AddrRange> {
        let mut gaps = Vec::new();
        let mut at = Some(range.start);
        let before = self.covered.range(..range.start).next_back();
        let covered = before.into_iter().chain(self.covered.range(range.start..=range.last));
        for (start, last) in covered {
            let old = AddrRange { start: *start, last: *last };
            let Some(common) = old.overlap(&range) else { continue };
            gaps.extend(at.and_then(|from| AddrRange::until(from, common.start)));
            at = common.last.checked_add(1).filter(|next| *next <= range.last);
        }
        gaps.extend(at.map(|start| AddrRange { start, last: range.last }));
        gaps
    }

    /// Gives the regions of the dump that lie in `range` and have no name one.
    pub fn name_regions(&mut self, range: AddrRange, name: &str) {
        for (_, region) in self.regions.range_mut(range.start..=range.last) {
            let inside = region.range().is_some_and(|own| own.last <= range.last);
            if inside && region.origin == Origin::Dump && region.name.is_none() {
                region.name = Some(name.into());
            }
        }
    }

    /// Notes why the addresses of `range` are not there. Where a region covers them after all,
    /// the region counts.
    pub fn mark_missing(&mut self, range: AddrRange, why: impl Into<Arc<str>>) {
        self.missing.insert(range.start, (range, why.into()));
    }

    /// Why nobody holds `addr`, if that is known.
    pub fn why_missing(&self, addr: u64) -> Option<&str> {
        let (_, (range, why)) = self.missing.range(..=addr).next_back()?;
        range.contains(addr).then_some(&**why)
    }

    /// The known absences, by address.
    pub fn missing(&self) -> impl Iterator<Item = (AddrRange, &str)> {
        self.missing.values().map(|(range, why)| (*range, &**why))
    }

    /// The region that holds `addr`.
    pub fn region_at(&self, addr: u64) -> Option<&Region> {
        let (_, region) = self.regions.range(..=addr).next_back()?;
        region.range()?.contains(addr).then_some(region)
    }

    /// The first region at or behind `addr`, whether or not it holds `addr`.
    pub fn region_from(&self, addr: u64) -> Option<&Region> {
        self.region_at(addr).or_else(|| Some(self.regions.range(addr..).next()?.1))
    }

    /// The last region that begins at or below `addr`, whether or not it holds `addr`.
    pub fn region_up_to(&self, addr: u64) -> Option<&Region> {
        Some(self.regions.range(..=addr).next_back()?.1)
    }

    /// All regions, by address.
    pub fn regions(&self) -> impl DoubleEndedIterator<Item = &Region> {
        self.regions.values()
    }

    /// How many regions there are.
    pub fn region_count(&self) -> usize {
        self.regions.len()
    }

    /// The regions that share an address with `range`, by address.
    pub fn overlapping(&self, range: AddrRange) -> impl Iterator<Item = &Region> {
        let first = self.region_at(range.start).map_or(range.start, |region| region.start);
        self.regions.range(first..=range.last).map(|(_, region)| region)
    }

    /// The bytes from `addr` to the end of the region that holds it: what can be had without
    /// copying. Empty if nobody holds `addr`.
    pub fn slice_at(&self, addr: u64) -> &[u8] {
        self.region_at(addr)
            .and_then(|region| region.bytes.get((addr - region.start) as usize..))
            .unwrap_or_default()
    }

    /// Reads from `addr` on, across neighbouring regions, and returns how many bytes are really
    /// there. Bytes of `buf` behind that count are left as they were.
    pub fn read(&self, addr: u64, buf: &mut [u8]) -> usize {
        let mut done = 0;
        let mut at = Some(addr);
        while let Some(from) = at
            && done < buf.len()
        {
            let here = self.slice_at(from);
            let n = here.len().min(buf.len() - done);
            if n == 0 {
                break;
            }
            if !watch::copy(&here[..n], &mut buf[done..done + n]) {
                break;
            }
            done += n;
            at = from.checked_add(n as u64);
        }
        done
    }

    /// Exactly `len` bytes from `addr` on, or `None`. Not copied if one region holds them all, and no file
    /// that is mapped.
    pub fn bytes(&self, addr: u64, len: usize) -> Option<Bytes> {
        let region = self.region_at(addr)?;
        let from = (addr - region.start) as usize;
        if let Some(end) = from.checked_add(len)
            && end <= region.bytes.len()
        {
            return watch::copied(region.bytes.slice(from..end));
        }
        // Not in one piece. Find out whether it is all there before taking memory for it.
        let range = AddrRange::of_len(addr, len as u64)?;
        if self.readable_len(range) < len as u64 {
            return None;
        }
        let mut buf = vec![0; len];
        (self.read(addr, &mut buf) == len).then(|| buf.into())
    }

    /// How many bytes from the start of `range` are there without a gap.
    pub fn readable_len(&self, range: AddrRange) -> u64 {
        let before = self.covered.range(..=range.start).next_back();
        let held = before.and_then(|(_, last)| range.overlap(&AddrRange { start: 0, last: *last }));
        held.map_or(0, |held| held.len())
    }

    /// The array of `N` bytes at `addr`, if all of them are there.
    pub fn array<const N: usize>(&self, addr: u64) -> Option<[u8; N]> {
        let mut buf = [0; N];
        (self.read(addr, &mut buf) == N).then_some(buf)
    }

    /// The little-endian 32-bit word at `addr`.
    pub fn u32_le(&self, addr: u64) -> Option<u32> {
        self.array(addr).map(u32::from_le_bytes)
    }

    /// The little-endian word of `bits` (8, 16, 32 or 64) at `addr`.
    pub fn word_le(&self, addr: u64, bits: u32) -> Option<u64> {
        match bits {
            8 => self.array::<1>(addr).map(|b| b[0].into()),
            16 => self.array(addr).map(|b| u16::from_le_bytes(b).into()),
            32 => self.u32_le(addr).map(u64::from),
            64 => self.array(addr).map(u64::from_le_bytes),
            _ => None,
        }
    }

    /// The text at `addr` up to its NUL, at most `max` bytes; `None` if its first byte is absent.
    pub fn text(&self, addr: u64, max: usize) -> Option<String> {
        let mut buf = vec![0; max];
        let n = self.read(addr, &mut buf);
        let known = buf.get(..n).filter(|known| !known.is_empty())?;
        Some(text_until_nul(known))
    }
}

/// The text before the first NUL of `bytes`, damaged UTF-8 made visible.
pub fn text_until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|b| *b == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

fn compare(old: &Region, new: &Region, range: AddrRange) -> Option<Conflict> {
    if old.bytes == new.bytes {
        return None;
    }
    let differs = |(a, b): (&u8, &u8)| a != b;
    let pairs = || old.bytes.iter().zip(new.bytes.iter());
    let first = pairs().position(differs)? as u64;
    let differing = pairs().filter(|(a, b)| a != b).count() as u64;
    Some(Conflict { range, first: range.start + first, differing })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(start: u64, bytes: &'static [u8]) -> Region {
        Region::dumped(start, Bytes::from_static(bytes))
    }

    fn read(memory: &Memory, addr: u64, len: usize) -> Vec<u8> {
        let mut buf = vec![0xee; len];
        let n = memory.read(addr, &mut buf);
        buf.truncate(n);
        buf
    }

    #[test]
    fn reads_across_adjacent_regions() {
        let mut memory = Memory::new();
        memory.insert(region(4, b"efgh"));
        memory.insert(region(0, b"abcd"));
        assert_eq!(read(&memory, 2, 4), b"cdef");
        assert_eq!(memory.bytes(1, 6).unwrap(), "bcdefg");
    }

    #[test]
    fn gaps_are_what_no_region_holds() {
        let mut memory = Memory::new();
        memory.insert(region(4, b"efgh"));
        memory.insert(region(12, b"mn"));
        let gaps = |start, last| {
            let gaps = memory.gaps(AddrRange { start, last });
            gaps.iter().map(|gap| (gap.start, gap.last)).collect::<Vec<_>>()
        };
        assert_eq!(gaps(0, 20), [(0, 3), (8, 11), (14, 20)]);
        assert_eq!(gaps(5, 12), [(8, 11)]);
        assert_eq!(gaps(4, 7), []);
        assert_eq!(gaps(30, u64::MAX), [(30, u64::MAX)]);
    }

    #[test]
    fn thousands_of_regions_over_one_another_cost_no_square() {
        let bytes = Bytes::from((0..=255u8).cycle().take(1 << 18).collect::<Vec<_>>());
        let mut memory = Memory::new();
        let mut told = 0;
        for n in 0..20_000u64 {
            let part = bytes.slice(n as usize..n as usize + (1 << 17));
            told += memory.insert(Region::dumped(n * 16, part)).len();
        }
        assert_eq!(memory.covered.len(), 1);
        assert!(told as u64 <= MOST_CONFLICTS);
        let words = memory.untold_conflicts().expect("very many were not compared");
        assert!(words.contains("not compared"), "{words}");
        let all = AddrRange { start: 0, last: 19_999 * 16 + (1 << 17) - 1 };
        assert_eq!(memory.gaps(all), []);
        assert_eq!(memory.readable_len(all), all.len());
    }

    #[test]
    fn a_read_into_a_hole_returns_the_readable_part() {
        let mut memory = Memory::new();
        memory.insert(region(0x10, b"abcd"));
        assert_eq!(read(&memory, 0x12, 8), b"cd");
        assert_eq!(read(&memory, 0x14, 8), b"");
        assert_eq!(read(&memory, 0xf, 8), b"");
        assert_eq!(memory.bytes(0x12, 3), None);
    }

    #[test]
    fn a_region_may_end_at_the_last_address() {
        let mut memory = Memory::new();
        memory.insert(region(u64::MAX - 1, b"yz!"));
        assert_eq!(read(&memory, u64::MAX, 4), b"z");
        assert_eq!(memory.regions().next().unwrap().range().unwrap().last, u64::MAX);
    }

    #[test]
    fn the_earlier_of_two_overlapping_regions_stays_and_the_conflict_is_told() {
        let mut memory = Memory::new();
        assert!(memory.insert(region(2, b"cd")).is_empty());
        assert!(memory.insert(region(6, b"gh")).is_empty());
        let conflicts = memory.insert(region(0, b"abcDefghij"));
        assert_eq!(read(&memory, 0, 16), b"abcdefghij");
        let range = AddrRange { start: 2, last: 3 };
        assert_eq!(conflicts, [Conflict { range, first: 3, differing: 1 }]);
    }

    #[test]
    fn a_lower_layer_fills_only_what_is_free_and_is_no_conflict() {
        let mut memory = Memory::new();
        memory.insert(region(2, b"XX"));
        let elf = Region { origin: Origin::Elf, ..region(0, b"aaaaaa") };
        assert!(memory.insert(elf).is_empty());
        assert_eq!(read(&memory, 0, 6), b"aaXXaa");
        assert_eq!(memory.region_count(), 3);
    }

    #[test]
    fn the_reason_of_a_hole_is_kept() {
        let mut memory = Memory::new();
        memory.mark_missing(AddrRange { start: 8, last: 15 }, "cut off: partition full");
        assert_eq!(memory.why_missing(8), Some("cut off: partition full"));
        assert_eq!(memory.why_missing(15), Some("cut off: partition full"));
        assert_eq!(memory.why_missing(16), None);
    }
}
