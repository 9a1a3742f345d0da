//! One walk through the blocks of all heaps, from header to header: bounded, going on behind a
//! damaged header at the next block that the allocator's own list knows, with the damage in words.

use super::allocator::{Allocator, Head, Pool, Said};
use super::{Block, Damage};
use crate::memory::Memory;
use crate::os::View;
use std::collections::HashSet;

/// More free blocks than this are not followed in one list.
const MAX_LISTED: usize = 1 << 20;
/// More damage of one heap than this is not told.
const MAX_DAMAGE: usize = 16;
/// As much of a text that lies over a header is shown.
const MAX_TEXT: usize = 32;
/// Shorter runs of the same bytes in front of a header prove nothing.
const MIN_RUN: usize = 4;

/// What came of it.
pub(super) struct Walked {
    pub blocks: Vec<Block>,
    pub damage: Vec<Damage>,
    pub incomplete: Option<String>,
}

pub(super) fn walk(allocator: &dyn Allocator, view: &View<'_>, pool: &Pool, room: usize) -> Walked {
    let mut walked = Walked { blocks: Vec::new(), damage: pool.damage.clone(), incomplete: None };
    let mut at = pool.start;
    // The block that ends where the next header is.
    let mut before: Option<Block> = None;
    while at < pool.end {
        if walked.blocks.len() >= room {
            walked.incomplete = Some(format!("it has more than {room} blocks"));
            break;
        }
        let why = match allocator.head(view, pool, at, before.as_ref()) {
            Head::Missing => {
                walked.incomplete = Some(format!("{at:#x} and what follows is not in the dump"));
                None
            }
            Head::Stop(why) => {
                walked.incomplete = Some(format!("{why} at {at:#x}"));
                None
            }
            Head::Bad(why) => Some(why),
            Head::Block(said) => match fit(pool, at, &said) {
                Err(why) => Some(why),
                Ok(next) => {
                    if let Some(why) = &said.odd {
                        walked.damaged(view.memory(), pool, at, why, before.as_ref());
                    }
                    if let Some(words) = said.overrun {
                        walked.damage.push(Damage { at: at.into(), words });
                        walked.damage.truncate(MAX_DAMAGE);
                    }
                    let Said { len, header, kind, .. } = said;
                    let block = Block { at, len, header, kind };
                    walked.blocks.push(block);
                    (before, at) = (Some(block), next);
                    continue;
                }
            },
        };
        let next = pool.listed.partition_point(|free| *free <= at);
        let next = pool.listed.get(next);
        match why {
            Some(_) if pool.open_ended && next.is_none() => {
                let words =
                    "where it ends is not known: this is up to the first thing that is no header";
                walked.incomplete = Some(words.into());
            }
            Some(why) => walked.damaged(view.memory(), pool, at, &why, before.as_ref()),
            None => {}
        }
        let Some(next) = next else { break };
        (before, at) = (None, *next);
    }
    walked
}

impl Walked {
    fn damaged(
        &mut self,
        memory: &Memory,
        pool: &Pool,
        at: u64,
        why: &str,
        before: Option<&Block>,
    ) {
        if self.damage.len() < MAX_DAMAGE {
            let words = damaged(memory, pool, at, why, before);
            self.damage.push(Damage { at: at.into(), words });
        }
    }
}

/// The end of a block, if it can be one.
fn fit(pool: &Pool, at: u64, said: &Said) -> Result<u64, String> {
    let len = said.len;
    let end = at.checked_add(len).filter(|end| *end <= pool.end);
    match end {
        _ if len < said.header.max(1) => Err(format!("{len} is no size of a block")),
        None => Err(format!("its size, {len:#x}, leads out of the heap")),
        Some(_) if pool.align > 0 && !len.is_multiple_of(pool.align) => {
            Err(format!("its size, {len:#x}, is no multiple of {}", pool.align))
        }
        Some(end) => Ok(end),
    }
}

/// What lies where a header should be, and what lies before it.
fn damaged(memory: &Memory, pool: &Pool, at: u64, why: &str, before: Option<&Block>) -> String {
    let header = pool.header.max(4);
    let bytes = memory.bytes(at, usize::try_from(header).unwrap_or(4)).unwrap_or_default();
    let mut words = format!("the header at {at:#x} is damaged");
    let mut run = None;
    if !bytes.is_empty() && bytes.iter().all(is_text) {
        let end = memory.bytes(at, MAX_TEXT).unwrap_or_else(|| bytes.clone());
        run = Some(run_before(memory, at, before, &is_text));
        let start = at.saturating_sub(run.unwrap_or_default().min(MAX_TEXT as u64));
        let start = memory.bytes(start, usize::try_from(at.saturating_sub(start)).unwrap_or(0));
        let start = start.unwrap_or_default();
        let text: Vec<u8> =
            start.iter().chain(end.iter().take_while(|byte| is_text(byte))).copied().collect();
        let text = String::from_utf8_lossy(&text);
        let text: String = text.chars().take(MAX_TEXT).collect();
        words = format!("the header at {at:#x} is overwritten with text, \"{text}\"");
    } else if let Some(first) = bytes.first().filter(|first| bytes.iter().all(|b| b == *first)) {
        words = format!("the header at {at:#x} is overwritten with bytes of {first:#04x}");
        let same = |byte: &u8| byte == first;
        run = Some(run_before(memory, at, before, &same)).filter(|_| *first != 0);
    }
    words.push_str(&format!(": {why}"));
    if let Some(block) = before {
        let run = run.filter(|run| *run >= MIN_RUN as u64);
        let begins = if run.is_some() { "; this begins in" } else { "; before it lies" };
        words.push_str(&format!("{begins} {} at {:#x}", block.words(), block.start()));
    }
    words
}

fn is_text(byte: &u8) -> bool {
    (0x20..0x7f).contains(byte)
}

/// How many bytes of the same kind lie at the end of the block before.
fn run_before(memory: &Memory, at: u64, before: Option<&Block>, is: &dyn Fn(&u8) -> bool) -> u64 {
    let Some(block) = before else { return 0 };
    let start = block.start().max(at.saturating_sub(MAX_TEXT as u64));
    let len = usize::try_from(at.saturating_sub(start)).unwrap_or(0);
    let bytes = memory.bytes(start, len).unwrap_or_default();
    bytes.iter().rev().take_while(|byte| is(byte)).count() as u64
}

/// Follows a list of free blocks from `first` to `end`. `next` is what a block's pointer says;
/// `None` where it is not in the dump. A pointer that leads elsewhere becomes damage. The blocks come
/// by address.
pub(super) fn chain(
    first: u64,
    end: u64,
    inside: &dyn Fn(u64) -> bool,
    next: &dyn Fn(u64) -> Option<u64>,
) -> (Vec<u64>, Vec<Damage>) {
    let (mut all, mut seen) = (Vec::new(), HashSet::new());
    let mut from = None;
    let mut at = first;
    while at != end && all.len() < MAX_LISTED {
        let what = if !inside(at) {
            "which is not in the heap"
        } else if !seen.insert(at) {
            "which it has passed already"
        } else {
            all.push(at);
            let Some(to) = next(at) else { break };
            (from, at) = (Some(at), to);
            continue;
        };
        let words = match from {
            Some(from) => format!(
                "the list of free blocks leads from the block at {from:#x} to {at:#x}, {what}"
            ),
            None => format!("the list of free blocks begins at {at:#x}, {what}"),
        };
        all.sort_unstable();
        return (all, vec![Damage { at: from.unwrap_or(at).into(), words }]);
    }
    all.sort_unstable();
    (all, Vec::new())
}
