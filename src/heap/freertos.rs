//! FreeRTOS' heap_1, heap_2, heap_4 and heap_5; heap_3 is the C library's.
//!
//! A header is `BlockLink_t`: {next free block, size with the header}, rounded up to the port's
//! alignment. Since V9 (heap_4, heap_5) and V10.5 (heap_2) the size's highest bit says that the block
//! is in use. heap_4 has the array `ucHeap`, closed by a header of size 0 that `pxEnd` points to;
//! heap_5 has one for each region, and keeps no list of regions but in the application's array,
//! `xHeapRegions` in the documentation. heap_2 closes its list with the variable `xEnd`, whose size
//! is the heap's. heap_1 only counts. V11 can hide pointers with the key `xHeapCanary`.
//!
//! Source: FreeRTOS V9.0.0 to V11.2.0, `portable/MemMang/heap_1.c`, `heap_2.c`, `heap_4.c`, `heap_5.c`.

use super::allocator::{Allocator, Head, Pool, offset, round_up};
use super::walk::chain;
use super::{Block, Kind};
use crate::os::{Structure, View};

const LINK: &str = "A_BLOCK_LINK";
const STRUCTURES: [Structure; 1] =
    [Structure { names: &[LINK], members: &[&["pxNextFreeBlock"], &["xBlockSize"]], needed: None }];
const VARIABLES: [&str; 5] =
    ["xHeapCanary", "xMinimumEverFreeBytesRemaining", "xHeapRegions", "ucHeap", "pucAlignedHeap"];
/// The alignments of the ports.
const ALIGNMENTS: [u64; 4] = [8, 16, 4, 32];
/// More regions no board has.
const MAX_REGIONS: u64 = 16;

/// heap_4 and heap_5.
pub(super) struct LinkedBlocks;
/// heap_2.
pub(super) struct BySize;
/// heap_1.
pub(super) struct Growing;

impl Allocator for LinkedBlocks {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&["pxEnd"], &["xStart"], &["xFreeBytesRemaining"]]
    }

    fn variables(&self) -> &'static [&'static str] {
        &VARIABLES
    }

    fn structures(&self) -> &'static [Structure] {
        &STRUCTURES
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        // Nothing was allocated yet.
        let Some(last) = view.number("pxEnd").filter(|end| *end != 0) else { return Vec::new() };
        let areas = areas(view);
        let whole = view.variables.has("ucHeap");
        // The last marker is `pxEnd`: of one alignment alone that is where it belongs.
        let marker = |end: u64, align: u64| {
            let header = round_up(view.word_len().checked_mul(2)?, align);
            Some((header, end.checked_sub(header)? & !align.checked_sub(1)?))
        };
        let fits = |align: &&u64| {
            areas.iter().any(|(_, _, end)| marker(*end, **align).is_some_and(|(_, at)| at == last))
        };
        let Some(align) = ALIGNMENTS.iter().find(fits).copied() else { return Vec::new() };
        let pool = |(name, start, end): (String, u64, u64)| {
            let (header, end) = marker(end, align)?;
            let start = round_up(start, align);
            let count = |name: &str| view.number(name).filter(|_| whole);
            Some(Pool {
                allocator: if whole { "FreeRTOS heap_4" } else { "FreeRTOS heap_5" },
                name,
                start,
                end,
                header,
                align,
                counted_free: count("xFreeBytesRemaining"),
                least_free: count("xMinimumEverFreeBytesRemaining"),
                described: view.size(LINK).is_some(),
                key: key(view),
                ..Pool::default()
            })
        };
        let mut pools: Vec<Pool> = areas.into_iter().filter_map(pool).collect();
        let inside = |at: u64| pools.iter().any(|p| (p.start..=p.end).contains(&at));
        let next = |at: u64| Some(next_of(view, at)? ^ key(view));
        let Some(first) = view.variables.addr("xStart").and_then(next) else { return pools };
        let (listed, damage) = chain(first, last, &inside, &next);
        for pool in &mut pools {
            let (start, end) = (pool.start, pool.end);
            pool.listed = listed.iter().copied().filter(|at| (start..end).contains(at)).collect();
        }
        // One list for all regions: what is wrong with it is told of the first one.
        if let Some(pool) = pools.first_mut() {
            pool.damage = damage;
        }
        pools
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        let (Some(next), Some(size)) = (next_of(view, at), size_of(view, at)) else {
            return Head::Missing;
        };
        let (len, in_use) = in_use(view, size);
        let next = next ^ pool.key;
        let listed = pool.lists(at);
        match (in_use, next) {
            // The size of a block in use is not to be trusted if its other half is wrong.
            (true, next) if next != 0 => {
                Head::Bad(format!("in a block in use its pointer is 0, not {next:#x}"))
            }
            (true, _) if listed => {
                Head::Bad("it is marked as in use and in the list of free blocks".into())
            }
            (true, _) => Head::block(len, pool.header, Kind::Used),
            (false, _) => Head::block(len, pool.header, Kind::Free),
        }
    }
}

impl Allocator for BySize {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&["xEnd"], &["xStart"], &["ucHeap"], &["xFreeBytesRemaining"]]
    }

    fn structures(&self) -> &'static [Structure] {
        &STRUCTURES
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let pool = || {
            let (heap, room) = (view.variables.addr("ucHeap")?, view.variables.len("ucHeap"));
            let (start_node, end_node) =
                (view.variables.addr("xStart")?, view.variables.addr("xEnd")?);
            let len = size_of(view, end_node)?;
            // What is left of the array is one alignment.
            let align = room.checked_sub(len).filter(|align| ALIGNMENTS.contains(align))?;
            let start = heap.checked_add(align.checked_sub(1)?)? & !align.checked_sub(1)?;
            let end = start.checked_add(len)?;
            let next = |at: u64| next_of(view, at);
            let inside = |at: u64| (start..end).contains(&at);
            let (listed, damage) = chain(next(start_node)?, end_node, &inside, &next);
            Some(Pool {
                allocator: "FreeRTOS heap_2",
                name: "ucHeap".into(),
                start,
                end,
                header: round_up(view.word_len().checked_mul(2)?, align),
                align,
                listed,
                damage,
                counted_free: view.number("xFreeBytesRemaining"),
                described: view.size(LINK).is_some(),
                ..Pool::default()
            })
        };
        pool().into_iter().collect()
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        let Some(size) = size_of(view, at) else { return Head::Missing };
        let (len, in_use) = in_use(view, size);
        let free = !in_use && pool.lists(at);
        Head::block(len, pool.header, if free { Kind::Free } else { Kind::Used })
    }
}

impl Allocator for Growing {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&["xNextFreeByte"], &["ucHeap"], &["pucAlignedHeap"]]
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let pool = || {
            let (heap, room) = (view.variables.addr("ucHeap")?, view.variables.len("ucHeap"));
            let start = view.number("pucAlignedHeap").filter(|start| *start >= heap)?;
            let end = heap.checked_add(room)?;
            let taken = view.number("xNextFreeByte").filter(|taken| *taken <= room)?;
            let key = start.checked_add(taken)?;
            Some(Pool {
                allocator: "FreeRTOS heap_1",
                name: "ucHeap".into(),
                start,
                end,
                key,
                ..Pool::default()
            })
        };
        pool().into_iter().filter(|pool| pool.start < pool.end && pool.key <= pool.end).collect()
    }

    fn head(&self, _: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        let (end, kind) =
            if at < pool.key { (pool.key, Kind::Taken) } else { (pool.end, Kind::Free) };
        Head::block(end.saturating_sub(at), 0, kind)
    }
}

/// The memory that heap_4 or heap_5 was given: name, first address, behind the last one.
fn areas(view: &View<'_>) -> Vec<(String, u64, u64)> {
    if let Some(start) = view.variables.addr("ucHeap") {
        let end = start.checked_add(view.variables.len("ucHeap"));
        return end.map(|end| ("ucHeap".to_string(), start, end)).into_iter().collect();
    }
    let Some(regions) = view.variables.addr("xHeapRegions") else { return Vec::new() };
    let step = view.word_len().saturating_mul(2);
    let region = |index: u64| {
        let at = regions.checked_add(index.checked_mul(step)?)?;
        let (start, len) = (view.word(at)?, view.word(at.checked_add(view.word_len())?)?);
        let end = start.checked_add(len).filter(|_| start != 0 && len != 0)?;
        Some((format!("xHeapRegions[{index}]"), start, end))
    };
    (0..MAX_REGIONS).map_while(region).collect()
}

fn key(view: &View<'_>) -> u64 {
    view.variables.addr("xHeapCanary").and_then(|at| view.word(at)).unwrap_or_default()
}

fn next_of(view: &View<'_>, at: u64) -> Option<u64> {
    view.word(at.checked_add(offset(view, LINK, "pxNextFreeBlock", 0))?)
}

fn size_of(view: &View<'_>, at: u64) -> Option<u64> {
    view.word(at.checked_add(offset(view, LINK, "xBlockSize", 1))?)
}

/// A size, and whether its highest bit is set.
fn in_use(view: &View<'_>, size: u64) -> (u64, bool) {
    let bit = 1u64.checked_shl(view.dump.arch.word_bits.saturating_sub(1)).unwrap_or_default();
    (size & !bit, size & bit != 0)
}
