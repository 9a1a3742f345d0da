//! What an allocator says of itself.

use super::{Block, Damage, Kind};
use crate::firmware::Firmware;
use crate::os::{Structure, View};

/// An allocator as it is read.
pub(super) trait Allocator: Sync {
    /// A firmware with this allocator has a variable of each group. Without any: see `is_in`.
    fn marks(&self) -> &'static [&'static [&'static str]];
    /// Whether a firmware without such variables has it.
    fn is_in(&self, _: &Firmware) -> bool {
        true
    }
    /// The other variables that are read.
    fn variables(&self) -> &'static [&'static str] {
        &[]
    }
    /// The structures that are read.
    fn structures(&self) -> &'static [Structure] {
        &[]
    }
    /// Its heaps.
    fn pools(&self, view: &View<'_>) -> Vec<Pool>;
    /// What the header at `at` says, which follows the block `before`. It need not check that the
    /// block ends within the heap.
    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, before: Option<&Block>) -> Head;
}

/// A heap before its blocks are looked at.
#[derive(Default)]
pub(super) struct Pool {
    /// What reports call the allocator.
    pub allocator: &'static str,
    pub name: String,
    /// Blocks lie from here
    pub start: u64,
    /// to here.
    pub end: u64,
    /// Where they end is not known: they do at the first thing that is no header.
    pub open_ended: bool,
    /// Bytes of a header at least.
    pub header: u64,
    /// Blocks begin at multiples of it.
    pub align: u64,
    /// The headers of the free blocks that the allocator lists, sorted.
    pub listed: Vec<u64>,
    /// What is wrong with that list.
    pub damage: Vec<Damage>,
    /// The bytes that the allocator counts as free, as blocks with their headers.
    pub counted_free: Option<u64>,
    /// The same at the worst time.
    pub least_free: Option<u64>,
    /// The layout comes from debug information.
    pub described: bool,
    /// What the allocator has to remember of this heap: a size of fields, a key.
    pub key: u64,
}

impl Pool {
    /// Whether the allocator lists the block at `at` as free.
    pub(super) fn lists(&self, at: u64) -> bool {
        self.listed.binary_search(&at).is_ok()
    }
}

/// What a header says.
pub(super) enum Head {
    /// It is a block's.
    Block(Said),
    /// It is not in the dump.
    Missing,
    /// Nothing can be told of what follows, and why.
    Stop(&'static str),
    /// It is no header, and why.
    Bad(String),
}

/// What a header says of its block.
pub(super) struct Said {
    /// Bytes of the block, header included.
    pub len: u64,
    /// Bytes in front of what its user has.
    pub header: u64,
    pub kind: Kind,
    /// What is wrong with the header, though the block is known.
    pub odd: Option<String>,
    /// What is wrong behind its user's bytes.
    pub overrun: Option<String>,
}

impl Head {
    /// A block with nothing wrong about it.
    pub(super) fn block(len: u64, header: u64, kind: Kind) -> Head {
        Head::Block(Said { len, header, kind, odd: None, overrun: None })
    }
}

/// Where a member lies: as the firmware describes it, or else `words` words from the start.
pub(super) fn offset(view: &View<'_>, structure: &str, member: &str, words: u64) -> u64 {
    let described = view.member(structure, member).map(|member| member.offset);
    described.unwrap_or_else(|| view.word_len().saturating_mul(words))
}

/// The power of two that `len` is rounded up to.
pub(super) fn round_up(len: u64, to: u64) -> u64 {
    len.checked_next_multiple_of(to).unwrap_or(len)
}
