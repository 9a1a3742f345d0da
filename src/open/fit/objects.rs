//! Probes of a program's variables: what the linker put where, as the dump shows it.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{Functions, Probe, Says, is_thumb, percent};
use crate::dump::Dump;
use crate::firmware::{Firmware, Section};
use crate::memory::{AddrRange, Origin};

/// More pointers than this are not compared.
const MOST_POINTERS: u64 = 4096;
/// Fewer pointers than this prove nothing.
const FEWEST_POINTERS: u64 = 4;
/// Words of what a thread begins with: an entry function lies among them.
const LARGEST_BLOCK: u64 = 1024;

/// The word of `len` bytes at `offset`, the lowest byte first.
fn word(bytes: &[u8], offset: usize, len: usize) -> Option<u64> {
    let bytes = bytes.get(offset..offset.checked_add(len)?)?;
    Some(bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

fn word_len(dump: &Dump) -> usize {
    usize::try_from(dump.arch.word_bits / 8).unwrap_or(4).max(1)
}

/// A word that the device itself left at `addr`.
fn dumped(dump: &Dump, addr: u64) -> Option<u64> {
    let region = dump.memory.region_at(addr).filter(|region| region.origin == Origin::Dump)?;
    let offset = usize::try_from(addr.checked_sub(region.start)?).ok()?;
    word(&region.bytes, offset, word_len(dump))
}

/// Variables that begin as pointers to functions and constants: most are never changed. Where code
/// grew, all constants behind it moved.
pub(super) fn pointers(dump: &Dump, elf: &Firmware, functions: &Functions) -> Option<Probe> {
    if dump.process.is_some() {
        return None;
    }
    let thumb = u64::from(is_thumb(dump));
    let constant = |section: &&Section| section.alloc && section.has_bytes && !section.write;
    let constants: Vec<AddrRange> = elf
        .sections
        .iter()
        .filter(constant)
        .filter_map(|section| AddrRange::of_len(section.addr, section.len))
        .collect();
    let points = |value: u64| {
        functions.starts_at(value & !thumb)
            || (!functions.holds(value & !thumb)
                && constants.iter().any(|range| range.contains(value)))
    };
    let len = word_len(dump);
    let (mut agree, mut of) = (0u64, 0u64);
    for section in elf.sections.iter().filter(|s| s.alloc && s.has_bytes && s.write) {
        let bytes = elf.section_bytes(section);
        for offset in (0..bytes.len()).step_by(len) {
            let Some(value) = word(&bytes, offset, len).filter(|value| points(*value)) else {
                continue;
            };
            let Some(own) = section.addr.checked_add(offset as u64).and_then(|a| dumped(dump, a))
            else {
                continue;
            };
            of = of.saturating_add(1);
            agree = agree.saturating_add((own == value).into());
            if of >= MOST_POINTERS {
                break;
            }
        }
    }
    let says = match percent(agree, of) {
        _ if of < FEWEST_POINTERS => Says::Nothing,
        90.. => Says::For,
        51.. => Says::Nothing,
        _ => Says::Against,
    };
    Some(Probe { what: "initialised pointers are as linked", agree, of, says })
}

/// Control blocks of threads that are variables hold the functions that the threads begin with.
pub(super) fn entries(dump: &Dump, elf: &Firmware, functions: &Functions) -> Option<Probe> {
    let is_block = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["thread", "tcb", "task"].iter().any(|part| name.contains(part))
    };
    let thumb = u64::from(is_thumb(dump));
    let len = word_len(dump) as u64;
    let (mut agree, mut of) = (0u64, 0u64);
    let blocks = elf.symbols().filter(|symbol| {
        symbol.object && (len..=LARGEST_BLOCK).contains(&symbol.len) && is_block(&symbol.name)
    });
    for block in blocks {
        let words = (0..block.len.checked_div(len).unwrap_or_default())
            .filter_map(|n| dumped(dump, block.addr.checked_add(n.checked_mul(len)?)?));
        for value in words.filter(|value| *value & thumb == thumb) {
            let addr = value & !thumb;
            if functions.holds(addr) {
                of = of.saturating_add(1);
                agree = agree.saturating_add(functions.starts_at(addr).into());
            }
        }
    }
    let says = match of {
        0 | 1 => Says::Nothing,
        _ if percent(agree, of) >= 75 => Says::For,
        _ if agree == 0 => Says::Against,
        _ => Says::Nothing,
    };
    Some(Probe { what: "control blocks' functions begin one", agree, of, says })
}

/// Stacks that are variables begin where a variable does, and are no longer than it.
pub(super) fn stacks(dump: &Dump, elf: &Firmware) -> Option<Probe> {
    let objects: Vec<AddrRange> = elf
        .symbols()
        .filter(|symbol| symbol.object && symbol.len > 0)
        .filter_map(|symbol| AddrRange::of_len(symbol.addr, symbol.len))
        .collect();
    let (mut agree, mut of) = (0u64, 0u64);
    for stack in dump.threads.iter().filter_map(|thread| thread.stack) {
        let Some(range) = AddrRange::until(stack.low, stack.high) else { continue };
        // One on a heap lies within a variable much larger than itself, or in none.
        let largest = range.len().saturating_mul(2);
        let mut near = objects.iter().filter(|object| object.overlap(&range).is_some()).peekable();
        if near.peek().is_none() || near.clone().any(|object| object.len() > largest) {
            continue;
        }
        of = of.saturating_add(1);
        let whole = near.any(|o| o.start <= range.start && range.last <= o.last);
        agree = agree.saturating_add(whole.into());
    }
    let says = match of {
        0 | 1 => Says::Nothing,
        _ if agree == of => Says::For,
        _ if agree == 0 => Says::Against,
        _ => Says::Nothing,
    };
    Some(Probe { what: "stacks are variables", agree, of, says })
}
