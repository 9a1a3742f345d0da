//! malloc of newlib: the full one (Doug Lea's, version 2.6) and the small one ("nano"), which picolibc
//! has as well.
//!
//! Full: a chunk is {size of the one before if that is free, size | flags}, its user's bytes follow and
//! reach into the next chunk's first word; bit 0 of the size says that the chunk before is in use.
//! Here a block begins at the size. `__malloc_av_[2]` is the topmost chunk, which is free.
//!
//! Nano: a chunk is {size, next free one}; the user's bytes begin at the next multiple of 8, where
//! that is not right after the size the word in front of them says so (the negative distance). Chunks in the list
//! `__malloc_free_list` are free. Where the heap ends picolibc says; of newlib only `_sbrk` does.
//!
//! Source: newlib 3.3.0 to 4.5.0, `newlib/libc/stdlib/_mallocr.c` and `nano-mallocr.c`; picolibc 1.8.

use super::allocator::{Allocator, Head, Pool, Said};
use super::walk::chain;
use super::{Block, Kind};
use crate::os::View;

/// What has the end of the heap: of picolibc itself, of `_sbrk` in libgloss, STM32Cube, others.
const BREAKS: [&str; 4] = ["__malloc_sbrk_top", "heap_end", "__sbrk_heap_end", "heap_ptr"];
/// Flags in a size: the chunk before is in use, the chunk was mapped.
const FLAGS: u64 = 3;

/// The full one.
pub(super) struct Full;
/// The small one.
pub(super) struct Nano;

impl Allocator for Full {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&["__malloc_av_"], &["__malloc_sbrk_base"]]
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let pool = || {
            let word = view.word_len();
            let base = view.number("__malloc_sbrk_base")?;
            let av = view.variables.addr("__malloc_av_")?;
            let top = view.word(av.checked_add(word.checked_mul(2)?)?)?;
            let len = view.word(top.checked_add(word)?)? & !FLAGS;
            let start = base.checked_add(word)?;
            // Nothing was allocated yet, or a header is wrong already.
            let end = top.checked_add(len)?;
            let region = view.memory().region_at(start)?.range()?;
            let is_heap =
                base != 0 && top >= base && end > top && region.contains(end.checked_sub(1)?);
            Some(Pool {
                allocator: "newlib malloc",
                name: "malloc".into(),
                start,
                end: end.checked_add(word)?,
                header: word,
                align: word.checked_mul(2)?,
                key: top.checked_add(word)?,
                ..Pool::default()
            })
            .filter(|_| is_heap)
        };
        pool().into_iter().collect()
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        let Some(size) = view.word(at) else { return Head::Missing };
        let len = size & !FLAGS;
        // A chunk of one word stands where somebody else called sbrk in between.
        if len == pool.header && at != pool.key {
            return Head::Stop("malloc does not own the memory");
        }
        if at == pool.key {
            return Head::block(len, pool.header, Kind::Free);
        }
        let next = at.checked_add(len).filter(|next| *next < pool.end);
        let Some(next) = next else { return Head::block(len, pool.header, Kind::Used) };
        let Some(next_size) = view.word(next) else { return Head::Missing };
        let kind = if next_size & 1 == 0 { Kind::Free } else { Kind::Used };
        // A free chunk has its size behind it as well.
        let behind = next.checked_sub(pool.header).and_then(|behind| view.word(behind));
        let odd = (kind == Kind::Free && behind != Some(len)).then(|| {
            format!("it has {len} bytes, and what follows it says {}", behind.unwrap_or_default())
        });
        Head::Block(Said { len, header: pool.header, kind, odd, overrun: None })
    }
}

impl Allocator for Nano {
    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&["__malloc_free_list"], &["__malloc_sbrk_start"]]
    }

    fn variables(&self) -> &'static [&'static str] {
        &BREAKS
    }

    fn pools(&self, view: &View<'_>) -> Vec<Pool> {
        let pool = || {
            let word = view.word_len();
            let start = view.number("__malloc_sbrk_start").filter(|start| *start != 0)?;
            let region = view.memory().region_at(start)?.range()?;
            let ends = |name: &&str| {
                let end = view.variables.addr(name).and_then(|at| view.word(at))?;
                (end > start && region.contains(end.checked_sub(1)?)).then_some(end)
            };
            let end = BREAKS.iter().find_map(ends);
            let inside = |at: u64| at >= start && region.contains(at);
            let next = |at: u64| view.word(at.checked_add(word)?);
            let first = view.number("__malloc_free_list")?;
            let (listed, damage) = chain(first, 0, &inside, &next);
            Some(Pool {
                allocator: "newlib-nano or picolibc malloc",
                name: "malloc".into(),
                start,
                end: end.unwrap_or(region.last),
                open_ended: end.is_none(),
                header: word,
                align: word,
                listed,
                damage,
                ..Pool::default()
            })
        };
        pool().into_iter().collect()
    }

    fn head(&self, view: &View<'_>, pool: &Pool, at: u64, _: Option<&Block>) -> Head {
        let Some(len) = view.word(at) else { return Head::Missing };
        let plain = at.saturating_add(pool.header);
        let skipped = plain.checked_next_multiple_of(8).unwrap_or(plain).saturating_sub(at);
        let kind = if pool.lists(at) { Kind::Free } else { Kind::Used };
        Head::block(len, if kind == Kind::Used { skipped } else { pool.header }, kind)
    }
}
