//! ESP-IDF's heaps: `multi_heap` over TLSF, one for each piece of RAM, also with poisoning.
//!
//! `registered_heaps` is a chain of `heap_t_` {.., start, end, .., heap, next}. `heap` points to a
//! `multi_heap_info` {lock, free bytes, the least of them, bytes of the pool, TLSF's control}. Behind
//! the control, whose `size` says how much it takes, blocks follow one another: {address of the block before, if
//! that is free; size and flags}; bit 0 of the size says that the block is free, bit 1 that the one
//! before is. The first word belongs to the block before: here a block begins at its size. A block of
//! size 0 is the end. With poisoning a used block has {0xabba1234, bytes} in front of its user's bytes
//! and 0xbaad5678 behind them.
//!
//! Source: ESP-IDF v4.3 to v6.0, `components/heap/{multi_heap.c,multi_heap_poisoning.c,heap_private.h}`,
//! and its TLSF, `tlsf_block_functions.h` and `tlsf_control_functions.h`.

use super::allocator::{Allocator, Head, Pool, Said, offset};
use super::walk::chain;
use super::{Block, Kind};
use crate::os::{Structure, View};

const LISTED: &str = "registered_heaps";
const ENTRY: &str = "heap_t_";
const INFO: &str = "multi_heap_info";
const CONTROL: &str = "control_t";
const HEAD_CANARY: u64 = 0xabba_1234;
const TAIL_CANARY: u64 = 0xbaad_5678;
const FREE: u64 = 1;
const BEFORE_FREE: u64 = 2;

/// `multi_heap`.
pub(super) struct MultiHeap;

impl Allocator for MultiHeap {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&[LISTED]]
    }

    fn structures(&self) -> &'static [Structure] {
        &[
            Structure {
                names: &[ENTRY],
                members: &[&["start"], &["end"], &["heap"], &["next", "next.sle_next"]],
                needed: Some(4),
            },
            Structure {
                names: &[INFO],
                members: &[&["minimum_free_bytes"], &["pool_size"], &["heap_data"]],
                needed: None,
            },
            Structure { names: &[CONTROL], members: &[&["size"]], needed: None },
        ]
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let Some(first) = view.number(LISTED) else { return Vec::new() };
        let inside = |at: u64| view.memory().region_at(at).is_some();
        let (entries, damage) = chain(first, 0, &inside, &|at| view.value(at, ENTRY, "next"));
        let mut pools: Vec<Pool> = entries.iter().filter_map(|at| pool(view, *at)).collect();
        if let Some(pool) = pools.first_mut().filter(|_| !damage.is_empty()) {
            pool.damage = damage;
        }
        pools
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, before: Option<&Block>) -> Head {
        let Some(size) = view.word(at) else { return Head::Missing };
        let word = pool.header;
        let len = (size & !(FREE | BEFORE_FREE)).saturating_add(word);
        let kind = if size & FREE != 0 { Kind::Free } else { Kind::Used };
        let said_free = size & BEFORE_FREE != 0;
        let link = at.checked_sub(word).and_then(|link| view.word(link));
        let odd = match before {
            Some(before) if said_free != (before.kind == Kind::Free) => {
                let said = if said_free { "free" } else { "in use" };
                Some(format!("it says that the block before it is {said}, which says otherwise"))
            }
            Some(before) if said_free && link != before.at.checked_sub(word) => {
                Some("it does not point to the free block before it".into())
            }
            _ => None,
        };
        let (header, overrun) = match kind {
            Kind::Used => poison(view, at.saturating_add(word), at.saturating_add(len)),
            _ => (0, None),
        };
        Head::Block(Said { len, header: word.saturating_add(header), kind, odd, overrun })
    }
}

/// What poisoning put in front of the bytes of a block in use, and whether what it put behind them
/// is still there.
fn poison(view: &View<'_>, start: u64, end: u64) -> (u64, Option<String>) {
    let read = || {
        let len = view.sized(start.checked_add(4)?, 4)?;
        let tail = start.checked_add(8)?.checked_add(len)?;
        (view.sized(start, 4)? == HEAD_CANARY && tail.checked_add(4)? <= end).then_some(())?;
        Some((tail, view.sized(tail, 4)?))
    };
    match read() {
        None => (0, None),
        Some((_, TAIL_CANARY)) => (8, None),
        Some((tail, found)) => (
            8,
            Some(format!(
                "the block at {:#x} was written past its end, {tail:#x}: there is {found:#x} instead \
                 of the canary {TAIL_CANARY:#x}",
                start.saturating_add(8)
            )),
        ),
    }
}

fn pool(view: &View<'_>, entry: u64) -> Option<Pool> {
    let heap = view.value(entry, ENTRY, "heap").filter(|heap| *heap != 0)?;
    let word = view.word_len();
    let info =
        |member: &str, words: u64| view.word(heap.checked_add(offset(view, INFO, member, words))?);
    let (least, size, control) =
        (info("minimum_free_bytes", 2)?, info("pool_size", 3)?, info("heap_data", 4)?);
    // Without a description: four words, and one of fields, as since v5.
    let taken = view.word(control.checked_add(offset(view, CONTROL, "size", 5))?)?;
    let start = control.checked_add(taken)?;
    let room =
        size.checked_sub(taken)?.checked_sub(word.checked_mul(2)?)? & !word.checked_sub(1)?;
    let end = start.checked_add(word)?.checked_add(room)?;
    let bounds = view.value(entry, ENTRY, "start")?..=view.value(entry, ENTRY, "end")?;
    // The sentinel, too, has to be where it belongs.
    let is_heap = bounds.contains(&start) && bounds.contains(&end);
    let fits = is_heap && view.word(end).is_some_and(|last| last & !(FREE | BEFORE_FREE) == 0);
    fits.then(|| Pool {
        allocator: "ESP-IDF multi_heap",
        name: format!("registered_heaps, {:#x}", bounds.start()),
        start,
        end,
        header: word,
        align: word,
        least_free: Some(least),
        described: view.size(CONTROL).is_some(),
        ..Pool::default()
    })
}
