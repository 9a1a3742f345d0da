//! Rust's `linked_list_allocator`, also in `embedded-alloc`.
//!
//! `Heap` is {bytes in use, first hole {0, next}, bottom, top, a rest}; a hole is {bytes, next}, by
//! address. Blocks in use have no header: where they begin nobody records. It lies in a variable of
//! any name, in locks of any kind: variables of about its size are looked into, and one that has all
//! of it, holes and bytes in use adding up to the whole, is it.
//!
//! Source: linked_list_allocator 0.10.0 to 0.10.6, `src/lib.rs` and `src/hole.rs`; embedded-alloc 0.5, 0.6.

use super::allocator::{Allocator, Head, Pool};
use super::walk::chain;
use super::{Block, Kind};
use crate::debug_info::demangled;
use crate::firmware::Firmware;
use crate::os::{Structure, View};

const HEAP: &str = "linked_list_allocator::Heap";
const HOLE: &str = "linked_list_allocator::hole::Hole";
/// More variables of its size are not looked into.
const MAX_VARIABLES: usize = 1 << 16;
/// What the locks around it take.
const LOCKS: u64 = 32;

/// `linked_list_allocator`.
pub(super) struct LinkedList;

impl Allocator for LinkedList {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[]
    }

    fn is_in(&self, firmware: &Firmware) -> bool {
        firmware.symbols().any(|symbol| symbol.name.contains("linked_list_allocator"))
    }

    fn structures(&self) -> &'static [Structure] {
        &[
            Structure {
                names: &[HEAP],
                members: &[
                    &["used"],
                    &["holes.first.size"],
                    &["holes.first.next"],
                    &["holes.bottom"],
                    &["holes.top"],
                ],
                needed: Some(5),
            },
            Structure { names: &[HOLE], members: &[&["size"], &["next"]], needed: Some(2) },
        ]
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let Some(len) = view.size(HEAP) else { return Vec::new() };
        let step = usize::try_from(view.word_len()).unwrap_or(8);
        let may_be = |symbol: &crate::firmware::Symbol| {
            symbol.object && (len..=len.saturating_add(LOCKS)).contains(&symbol.len)
        };
        let mut pools = Vec::new();
        for symbol in view.firmware.symbols().filter(may_be).take(MAX_VARIABLES) {
            let last = symbol.addr.saturating_add(symbol.len.saturating_sub(len));
            let found = (symbol.addr..=last).step_by(step).find_map(|at| pool(view, at));
            pools.extend(found.map(|pool| Pool { name: demangled(&symbol.name).into(), ..pool }));
        }
        pools
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        if pool.lists(at) {
            let Some(len) = view.value(at, HOLE, "size") else { return Head::Missing };
            return Head::block(len, 0, Kind::Free);
        }
        let next = pool.listed.partition_point(|hole| *hole <= at);
        let end = pool.listed.get(next).copied().unwrap_or(pool.end);
        Head::block(end.saturating_sub(at), 0, Kind::Taken)
    }
}

/// The heap at `at`, if one is there.
fn pool(view: &View<'_>, at: u64) -> Option<Pool> {
    let value = |member: &str| view.value(at, HEAP, member);
    let (start, end) = (value("holes.bottom")?, value("holes.top")?);
    let (used, first) = (value("used")?, value("holes.first.size")?);
    let room = end.checked_sub(start).filter(|room| *room > 0 && used <= *room)?;
    view.memory().region_at(end.checked_sub(1)?).filter(|_| first == 0)?;
    let inside = |at: u64| (start..end).contains(&at);
    let next = |at: u64| view.value(at, HOLE, "next");
    let (listed, damage) = chain(value("holes.first.next")?, 0, &inside, &next);
    let free = listed.iter().filter_map(|hole| view.value(*hole, HOLE, "size"));
    let free = free.fold(0u64, u64::saturating_add);
    // What is left at the end is smaller than a hole.
    let rest = room.checked_sub(used.checked_add(free)?)?;
    (damage.is_empty() && rest < view.word_len().checked_mul(2)?).then(|| Pool {
        allocator: "linked_list_allocator",
        start,
        end,
        listed,
        described: true,
        ..Pool::default()
    })
}
