//! Heaps, read out of dumped memory: what is used and free, what a pointer points into, and which
//! headers are damaged.
//!
//! An allocator is a description (`allocator.rs`): which variables it has, where its heaps
//! begin and end, what a header says. `walk.rs` goes through the blocks of all of them, with a bound,
//! and tells damage in words; `place.rs` finds the block of an address. Layouts come from the
//! firmware's debug information where it describes them, else from the sources of the allocator's
//! releases; [`Heap::layout`] says which.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

mod allocator;
mod freertos;
mod linked_list;
mod multi_heap;
mod newlib;
mod place;
mod walk;
mod zephyr;

pub use place::{Place, place};

use crate::dump::Dump;
use crate::firmware::Firmware;
use crate::os::{Variables, View};
use crate::record::Hex;
use allocator::{Allocator, Pool};
use serde::Serialize;

/// The allocators that are known.
static ALLOCATORS: [&dyn Allocator; 9] = [
    &linked_list::LinkedList,
    &multi_heap::MultiHeap,
    &freertos::LinkedBlocks,
    &freertos::BySize,
    &freertos::Growing,
    &zephyr::SysHeap,
    &zephyr::Slab,
    &newlib::Full,
    &newlib::Nano,
];

/// As many blocks are looked at, of all heaps: 16 MiB in the smallest blocks.
const MAX_BLOCKS: usize = 1 << 20;

/// A heap and what it holds.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Heap {
    /// Whose it is: `FreeRTOS heap_4`.
    pub allocator: &'static str,
    /// The variable that it is, or that leads to it.
    pub name: String,
    /// Where its blocks begin.
    pub start: Hex,
    /// Behind its last block.
    pub end: Hex,
    /// How its layout is known: `debug information`, or `sources` of the allocator.
    pub layout: &'static str,
    /// Bytes in use, headers included; `None` if not all of the heap could be read.
    pub used: Option<u64>,
    /// Blocks in use; `None` as well for allocators that do not record where those begin.
    pub used_blocks: Option<u64>,
    /// Bytes that are free, headers included.
    pub free: u64,
    /// Free blocks.
    pub free_blocks: u64,
    /// The largest block that could be had, in bytes for its user.
    pub largest_free: u64,
    /// How much of what is free is not in the largest block, in percent; `None` if nothing is free.
    pub fragmentation: Option<u64>,
    /// Bytes that were free at the worst time, where the allocator keeps that.
    pub least_free: Option<u64>,
    /// Why not all of it was read: damage apart.
    pub incomplete: Option<String>,
    /// What is wrong with it.
    pub damage: Vec<Damage>,
    /// Its blocks by address, if they were asked for (`--sections heap`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Listed>,
    /// The same, always.
    #[serde(skip)]
    pub blocks: Vec<Block>,
}

/// A block as documents list it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Listed {
    /// The first address that its user has.
    pub start: Hex,
    /// Bytes that its user has.
    pub bytes: u64,
    /// `used`, `free`, or `taken`: used, in blocks whose borders are not recorded.
    pub state: &'static str,
    /// What is in it, where threads tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<String>,
}

/// Something that is wrong with a heap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Damage {
    /// The address of the header or pointer that is wrong.
    pub at: Hex,
    /// What is wrong, and what lies before it.
    pub words: String,
}

/// A block of a heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The address of its header.
    pub at: u64,
    /// Bytes, with the header.
    pub len: u64,
    /// Bytes of the header.
    pub header: u64,
    /// Whether somebody has it.
    pub kind: Kind,
}

/// Whether somebody has a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is in use.
    Used,
    /// It is free.
    Free,
    /// One or more blocks in use: the allocator does not record where they begin.
    Taken,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Used => "used",
            Kind::Free => "free",
            Kind::Taken => "taken",
        }
    }
}

impl Block {
    /// What of a thread is in it.
    pub fn holds(&self, dump: &Dump) -> Option<String> {
        let inside = |addr: u64| (self.start()..self.end()).contains(&addr);
        if self.kind != Kind::Used {
            return None;
        }
        dump.threads.iter().find_map(|thread| {
            let block = thread.control_block.is_some_and(inside);
            let stack = thread.stack.is_some_and(|stack| inside(stack.low));
            let what = match (stack, block) {
                (true, true) => "control block and stack",
                (true, false) => "stack",
                (false, true) => "control block",
                (false, false) => return None,
            };
            Some(format!("{what} of {}", thread.label()))
        })
    }

    /// The first address that its user has.
    pub fn start(&self) -> u64 {
        self.at.saturating_add(self.header)
    }

    /// Bytes that its user has.
    pub fn room(&self) -> u64 {
        self.len.saturating_sub(self.header)
    }

    /// Behind its last byte.
    pub fn end(&self) -> u64 {
        self.at.saturating_add(self.len)
    }

    /// `a block of 64 bytes in use`
    pub fn words(&self) -> String {
        let room = self.room();
        match self.kind {
            Kind::Used => format!("a block of {room} bytes in use"),
            Kind::Free => format!("a free block of {room} bytes"),
            Kind::Taken => format!("{room} bytes in use, in blocks that are not recorded"),
        }
    }
}

/// The heaps of `dump` whose memory it holds.
pub fn find(dump: &Dump, firmware: &Firmware) -> Vec<Heap> {
    let names: Vec<&'static str> =
        ALLOCATORS.iter().flat_map(|a| [&a.marks().concat(), a.variables()].concat()).collect();
    let variables = Variables::find(firmware, &names);
    let mut heaps = Vec::new();
    let mut room = MAX_BLOCKS;
    for allocator in ALLOCATORS.iter().copied() {
        let held = |name: &&str| {
            variables.addr(name).is_some_and(|addr| dump.memory.region_at(addr).is_some())
        };
        if !allocator.marks().iter().all(|group| group.iter().any(held))
            || !allocator.is_in(firmware)
        {
            continue;
        }
        let view = View::with(dump, firmware, variables.clone(), allocator.structures());
        for pool in allocator.pools(&view) {
            let heap = heap(allocator, &view, pool, room);
            room = room.saturating_sub(heap.blocks.len());
            heaps.push(heap);
        }
    }
    heaps
}

fn heap(allocator: &dyn Allocator, view: &View<'_>, pool: Pool, room: usize) -> Heap {
    let walked = walk::walk(allocator, view, &pool, room);
    let of = |kind: Kind| walked.blocks.iter().filter(move |block| block.kind == kind);
    let sum = |kind: Kind| of(kind).fold(0u64, |sum, block| sum.saturating_add(block.len));
    let free = sum(Kind::Free);
    let largest = of(Kind::Free).map(|block| (block.len, block.room())).max();
    let (largest_len, largest_free) = largest.unwrap_or_default();
    let apart = free.saturating_sub(largest_len).saturating_mul(100).checked_div(free);
    let complete = walked.damage.is_empty() && walked.incomplete.is_none();
    let taken = sum(Kind::Taken);
    let mut incomplete = walked.incomplete;
    if let Some(counted) = pool.counted_free.filter(|counted| complete && *counted != free) {
        incomplete =
            Some(format!("the allocator counts {counted} free bytes, its blocks have {free}"));
    }
    Heap {
        allocator: pool.allocator,
        name: pool.name,
        start: pool.start.into(),
        end: pool.end.into(),
        layout: if pool.described { "debug information" } else { "sources" },
        used: complete.then(|| sum(Kind::Used).saturating_add(taken)),
        used_blocks: (complete && taken == 0).then(|| of(Kind::Used).count() as u64),
        free,
        free_blocks: of(Kind::Free).count() as u64,
        largest_free,
        fragmentation: apart,
        least_free: pool.least_free,
        incomplete,
        damage: walked.damage,
        listed: Vec::new(),
        blocks: walked.blocks,
    }
}

impl Heap {
    /// Lists its blocks, for documents.
    pub fn list(&mut self, dump: &Dump) {
        let listed = |block: &Block| Listed {
            start: block.start().into(),
            bytes: block.room(),
            state: block.kind.word(),
            holds: block.holds(dump),
        };
        self.listed = self.blocks.iter().map(listed).collect();
    }

    /// `ucHeap (FreeRTOS heap_4): 2048 bytes used in 12 blocks, 1024 free in 3 blocks`...
    pub fn words(&self) -> String {
        let used = match (self.used, self.used_blocks) {
            (Some(used), Some(blocks)) => format!("{used} bytes used in {}, ", blocks_of(blocks)),
            (Some(used), None) => format!("{used} bytes used, "),
            (None, _) => String::new(),
        };
        let at_least = if self.used.is_none() { "at least " } else { "" };
        let mut words = format!(
            "{} ({}): {used}{at_least}{} free in {}",
            self.name,
            self.allocator,
            self.free,
            blocks_of(self.free_blocks)
        );
        if self.free_blocks > 0 {
            words.push_str(&format!(", the largest of {} bytes", self.largest_free));
        }
        if let Some(least) = self.least_free {
            words.push_str(&format!("; never less than {least} free"));
        }
        words
    }
}

fn blocks_of(count: u64) -> String {
    if count == 1 { "1 block".into() } else { format!("{count} blocks") }
}
