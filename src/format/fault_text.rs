//! What the readers of crash texts share: pairs of names and values, lines of stack memory, and
//! the reason that trap registers tell.
//!
//! A text holds registers and maybe some words of a stack. What it does not print is unknown.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::set_by_any_name;
use crate::arch;
use crate::dump::{Dump, Note};
use crate::memory::Region;
use crate::reason::Reason;
use crate::registers::Registers;
use crate::targets::Arch;
use std::sync::Arc;

/// All `NAME: VALUE` of a line, with hexadecimal values (`0x` or not), blanks around the colon or
/// not. `separator` is the colon.
pub(super) fn pairs(line: &str, separator: char) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((before, behind)) = rest.split_once(separator) {
        rest = behind;
        let Some(name) = before.trim_end().rsplit([' ', ',', ']']).next() else { continue };
        let value = behind.trim_start().trim_start_matches('[');
        let end = value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len());
        if let Some(value) = value.get(..end).and_then(hex)
            && !name.is_empty()
        {
            found.push((name.to_string(), value));
        }
    }
    found
}

/// A hexadecimal number with or without `0x`.
pub(super) fn hex(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).ok()
}

/// `ADDR: word word ...`: 32-bit words, as many as are there.
pub(super) fn memory_words(text: &str) -> Option<(u64, Vec<u8>)> {
    let (addr, words) = text.split_once(':')?;
    let addr = hex(addr.trim())?;
    let parse = |word: &str| Some(u32::try_from(hex(word)?).ok()?.to_le_bytes());
    let words: Vec<[u8; 4]> = words.split_whitespace().map_while(parse).collect();
    (!words.is_empty()).then(|| (addr, words.concat()))
}

/// Adds the memory of stacks, printed line by line.
pub(super) fn add_stack(dump: &mut Dump, format: &str, lines: Vec<(u64, Vec<u8>)>) {
    let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
    for (addr, bytes) in lines {
        match runs.last_mut() {
            Some((start, run)) if start.checked_add(run.len() as u64) == Some(addr) => {
                run.extend_from_slice(&bytes);
            }
            _ => runs.push((addr, bytes)),
        }
    }
    for (addr, bytes) in runs {
        for conflict in dump.memory.insert(Region::dumped(addr, bytes.into()).named("stack")) {
            dump.notes.push(
                Note::warning(format!(
                    "the text prints memory at {} twice and not the same: the first is shown",
                    conflict.range
                ))
                .by(format.to_string())
                .code("conflict"),
            );
        }
    }
}

/// Registers by the names that a text prints.
pub(super) fn registers(arch: &Arc<Arch>, named: &[(String, u64)]) -> Registers {
    let mut registers = Registers::unknown(arch.clone());
    registers.set_why_missing("register not printed by the device");
    for (name, value) in named {
        set_by_any_name(&mut registers, name, *value);
    }
    if registers.by_name("ar1").is_some() && registers.by_name("windowbase").is_none() {
        // The text shows one window, and calls its first register a0.
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
    }
    registers
}

/// What the trap registers of the crashed thread say.
pub(super) fn trap_reason(dump: &Dump) -> Option<Reason> {
    arch::trap_reason(&dump.crashed()?.registers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_however_they_are_set() {
        let wanted = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(name, value)| ((*name).to_string(), *value)).collect()
        };
        let line = "up_dump_register: R0: 90000000 R1: c0ffee03";
        assert_eq!(pairs(line, ':'), wanted(&[("R0", 0x9000_0000), ("R1", 0xc0ff_ee03)]));
        let line = "MEPC    : 0x42000a1c  S0/FP   : 0x3fc93ab0";
        assert_eq!(pairs(line, ':'), wanted(&[("MEPC", 0x4200_0a1c), ("S0/FP", 0x3fc9_3ab0)]));
        assert_eq!(
            pairs("  R12: 00000000  LR : 000000ab", ':'),
            wanted(&[("R12", 0), ("LR", 0xab)])
        );
        assert_eq!(pairs("r0:[0x90000000] r1:0x1", ':'), wanted(&[("r0", 0x9000_0000), ("r1", 1)]));
    }

    #[test]
    fn memory_words_end_at_the_first_that_is_none() {
        let (addr, bytes) = memory_words("0x20001fa0: 00000001 c0ffee03 |..|").unwrap();
        assert_eq!((addr, bytes.as_slice()), (0x2000_1fa0, &[1, 0, 0, 0, 3, 0xee, 0xff, 0xc0][..]));
        assert_eq!(memory_words("base: 0x20001c00"), None);
    }
}
