//! Zephyr's `sys_heap` (also `k_heap`, the system's heap, malloc of its C library) and `k_mem_slab`.
//!
//! A `sys_heap` points to a `z_heap`, which lies in the heap itself as its first chunk. Chunks are
//! counted in units of 8 bytes; a header is {size of the chunk before, size * 2 + used}, of 16 bits
//! each, or of 32 in large heaps and on 64-bit machines; the first chunk's header shows which. The last
//! one, at `end_chunk`, has no size. `buckets` are rings of free chunks.
//! A slab is an array of blocks of one size without headers; the free ones are in `free_list`.
//!
//! Source: Zephyr 2.4 to 4.2, `lib/heap/heap.h` (`lib/os/heap.h` before 3.3), `include/zephyr/kernel.h`.

use super::allocator::{Allocator, Head, Pool, Said};
use super::walk::chain;
use super::{Block, Kind};
use crate::debug_info::Module;
use crate::os::{Structure, View};

const UNIT: u64 = 8;
/// More heaps or slabs than this no firmware has.
const MAX_OBJECTS: u64 = 256;
/// Buckets, one for each power of two.
const MAX_BUCKETS: u64 = 32;
/// More blocks than this no slab has.
const MAX_SLAB: u64 = 1 << 20;
const HEAP: &str = "z_heap";
const SLAB: &str = "k_mem_slab";
/// Heaps that are known by name, and where the linker gathered those of `K_HEAP_DEFINE`.
const HEAPS: [&str; 3] = ["_system_heap", "z_malloc_heap", "_heap_mem_pool"];
const LISTED: [&str; 2] = ["_k_heap_list_start", "_k_heap_list_end"];

/// `sys_heap`.
pub(super) struct SysHeap;
/// `k_mem_slab`.
pub(super) struct Slab;

impl Allocator for SysHeap {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        const ANY: [&str; 4] = [HEAPS[0], HEAPS[1], HEAPS[2], LISTED[0]];
        &[&ANY, &["_kernel"]]
    }

    fn variables(&self) -> &'static [&'static str] {
        &[LISTED[1]]
    }

    fn structures(&self) -> &'static [Structure] {
        &[
            Structure {
                names: &[HEAP],
                members: &[&["end_chunk", "len"], &["avail_buckets"], &["buckets"]],
                needed: None,
            },
            Structure { names: &["k_heap"], members: &[], needed: None },
        ]
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let mut all: Vec<u64> = HEAPS.iter().filter_map(|name| view.variables.addr(name)).collect();
        all.extend(between(view, LISTED[0], LISTED[1], "k_heap"));
        all.sort_unstable();
        all.dedup();
        all.into_iter().filter_map(|at| sys_heap(view, at)).collect()
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, before: Option<&Block>) -> Head {
        let (Some(left), Some(size)) = (field(view, pool.key, at, 0), field(view, pool.key, at, 1))
        else {
            return Head::Missing;
        };
        let len = (size >> 1).saturating_mul(UNIT);
        let left = left.saturating_mul(UNIT);
        let kind = if size & 1 == 1 { Kind::Used } else { Kind::Free };
        let odd = before.filter(|before| before.len != left).map(|before| {
            format!("it says that the block before it has {left} bytes, which says {}", before.len)
        });
        Head::Block(Said { len, header: pool.header, kind, odd, overrun: None })
    }
}

/// The heap that a `sys_heap` at `at` points to.
fn sys_heap(view: &View<'_>, at: u64) -> Option<Pool> {
    let start = view.word(at).filter(|start| *start != 0)?;
    let described = view.size(HEAP).is_some();
    let units = match view.value(start, HEAP, "end_chunk") {
        Some(units) => units,
        None => field(view, 4, start.checked_add(8)?, 0)?,
    };
    let end = start.checked_add(units.checked_mul(UNIT)?)?;
    // The first header is {0, its size * 2 + 1}: in small fields the first 32 bits are not 0.
    let key = if field(view, 4, start, 0)? == 0 { 4 } else { 2 };
    let is_first = field(view, key, start, 0)? == 0 && field(view, key, start, 1)? & 1 == 1;
    if !is_first || units < 2 || view.memory().region_at(end).is_none() {
        return None;
    }
    let inside = |at: u64| (start..end).contains(&at);
    let unit = |chunk: u64| start.checked_add(chunk.checked_mul(UNIT)?);
    let mut listed = Vec::new();
    let buckets = view.addr(start, HEAP, "buckets");
    let used = view.value(start, HEAP, "avail_buckets").unwrap_or_default();
    for bucket in (0..MAX_BUCKETS).filter(|bucket| used >> bucket & 1 == 1) {
        let first = buckets.and_then(|at| at.checked_add(bucket.checked_mul(4)?));
        let Some(first) = first.and_then(|at| unit(field(view, 4, at, 0)?)) else { continue };
        // A ring: it is whole when it comes back. What is wrong with it the headers tell better.
        let next = |at: u64| unit(field(view, key, at, 3)?).filter(|next| *next != first);
        listed.extend(chain(first, start, &inside, &next).0);
    }
    listed.sort_unstable();
    // What manages the heap is no block of anybody's.
    let first = unit(field(view, key, start, 1)? >> 1).filter(|first| *first < end)?;
    Some(Pool {
        allocator: "Zephyr sys_heap",
        name: name(view, at),
        start: first,
        end,
        header: key.checked_mul(2)?,
        align: UNIT,
        listed,
        described,
        key,
        ..Pool::default()
    })
}

/// A field of a header, of 2 or 4 bytes.
fn field(view: &View<'_>, len: u64, at: u64, index: u64) -> Option<u64> {
    view.sized(at.checked_add(index.checked_mul(len)?)?, len)
}

/// The objects that the linker gathered between two symbols.
fn between(view: &View<'_>, start: &str, end: &str, structure: &str) -> Vec<u64> {
    let bounds = view.variables.addr(start).zip(view.variables.addr(end));
    let Some(((start, end), step)) = bounds.zip(view.size(structure)) else { return Vec::new() };
    let all = (0..MAX_OBJECTS).map_while(|n| start.checked_add(n.checked_mul(step)?));
    all.take_while(|at| *at < end).collect()
}

fn name(view: &View<'_>, at: u64) -> String {
    let symbol = Module::of(view.firmware).symbols().data_at(at);
    symbol.map_or_else(|| format!("{at:#x}"), |symbol| symbol.name)
}

impl Allocator for Slab {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&["_k_mem_slab_list_start"], &["_kernel"]]
    }

    fn variables(&self) -> &'static [&'static str] {
        &["_k_mem_slab_list_end"]
    }

    fn structures(&self) -> &'static [Structure] {
        &[Structure {
            names: &[SLAB],
            // In a structure of its own since 3.5.
            members: &[
                &["buffer"],
                &["free_list"],
                &["info.num_blocks", "num_blocks"],
                &["info.block_size", "block_size"],
            ],
            needed: Some(4),
        }]
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let pool = |at: u64| {
            let value = |member: &str| view.value(at, SLAB, member);
            let start = value("buffer").filter(|buffer| *buffer != 0)?;
            let size = value("info.block_size").filter(|size| *size >= view.word_len())?;
            let count = value("info.num_blocks").filter(|count| (1..MAX_SLAB).contains(count))?;
            let end = start.checked_add(count.checked_mul(size)?)?;
            view.memory().region_at(end.checked_sub(1)?)?;
            let inside =
                |at: u64| at.checked_sub(start).is_some_and(|n| at < end && n.is_multiple_of(size));
            let (listed, damage) = chain(value("free_list")?, 0, &inside, &|at| view.word(at));
            Some(Pool {
                allocator: "Zephyr k_mem_slab",
                name: name(view, at),
                start,
                end,
                align: size,
                listed,
                damage,
                described: true,
                key: size,
                ..Pool::default()
            })
        };
        let all = between(view, "_k_mem_slab_list_start", "_k_mem_slab_list_end", SLAB);
        all.into_iter().filter_map(pool).collect()
    }

    fn head(&self, _: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        Head::block(pool.key, 0, if pool.lists(at) { Kind::Free } else { Kind::Used })
    }
}
