//! RISC-V register blocks.
//!
//! | version | n        | words                                                              |
//! | 1       | 72       | u32: ra tp t0-t2 a0-a7 t3-t6 pc. On RV64 the lower halves of them  |
//! | 1       | 76       | the same and sp                                                    |
//! | 1       | 48, 52   | RV32E: ra tp t0-t2 a0-a5 pc; and sp                                |
//! | 2       | 144, 152 | u64: as 72; and sp                                                 |
//! | 3       | 132      | u32: x0-x31 pc                                                     |
//! | 4       | 264      | u64: x0-x31 pc                                                     |
//! | 1       | n/4 + 2  | a draft: two bytes (kind of CPU, flags), then as 72 or 144         |
//!
//! tp of versions 1 and 2 is a slot that no firmware fills. Versions 3 and 4 hold s1-s11 only if
//! the firmware has `EXCEPTION_DEBUG`, and zeros otherwise.
//!
//! Source: Zephyr 2.6 to 4.2, `arch/riscv/core/coredump.c`; 72 (both widths), 132 and 264 seen in
//! real dumps.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::registers::{Decoded, words};
use super::stream::{Header, RegisterBlock};
use crate::targets::Endian;

/// Versions 1 and 2. The empty name is tp's slot.
const FIRST: [&str; 19] = [
    "ra", "", "t0", "t1", "t2", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t3", "t4", "t5",
    "t6", "pc", "sp",
];
/// The same with half the registers.
const FIRST_E: [&str; 13] =
    ["ra", "", "t0", "t1", "t2", "a0", "a1", "a2", "a3", "a4", "a5", "pc", "sp"];
/// Versions 3 and 4.
const ALL: [&str; 33] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6", "pc",
];
/// What versions 3 and 4 fill only in firmware with `EXCEPTION_DEBUG`.
const CALLEE: [&str; 11] = ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"];

/// The register set. Only the oldest layouts say that they are of an RV32E.
pub(super) fn arch_name(header: &Header, block: Option<&RegisterBlock>) -> &'static str {
    let len = block.map(|block| block.bytes.len());
    match (header.pointer_bits, len) {
        (Some(64), _) | (None, Some(144 | 152 | 264)) => "riscv64",
        (_, Some(48 | 52)) => "riscv32e",
        _ => "riscv32",
    }
}

pub(super) fn decode(decoded: &mut Decoded, header: &Header, block: &RegisterBlock) {
    let wide_arch = header.pointer_bits == Some(64);
    let (bytes, draft) = match block.bytes.len() % 4 {
        2 => (block.bytes.slice(2..), block.bytes.get(..2)),
        _ => (block.bytes.clone(), None),
    };
    let n = bytes.len();
    let wide = matches!(n, 144 | 152 | 264) || (draft.is_some() && wide_arch);
    let words = words(&bytes, if wide { 8 } else { 4 }, Endian::Little);
    let names: &[&'static str] = match n {
        132 | 264 => &ALL,
        48 | 52 if !wide => &FIRST_E,
        _ => &FIRST,
    };
    let version = match n {
        132 => 3,
        264 => 4,
        144 | 152 => 2,
        48 | 52 | 72 | 76 => 1,
        _ => block.version,
    };
    if draft.is_some() {
        decoded.warn(format!("{} bytes: a layout that was only ever proposed", block.bytes.len()));
    } else if !matches!(n, 48 | 52 | 72 | 76 | 132 | 144 | 152 | 264) {
        decoded.warn(format!(
            "{n} bytes are no length that is known for RISC-V (version {}): the registers at its \
             start are taken, the others left unknown",
            block.version
        ));
    } else if version != block.version {
        decoded.warn(format!(
            "version {} does not go with {n} bytes: read as version {version}",
            block.version
        ));
    }
    if wide_arch && !wide {
        // Firmware up to 3.6 stores each register of an RV64 through a 32-bit field.
        decoded.warn(
            "it holds the lower 32 bits of each register of a 64-bit core: the upper ones are \
             looked for in memory",
        );
        let named = names.iter().zip(&words).filter(|(name, _)| !name.is_empty());
        decoded.halves = named.map(|(name, word)| (*name, *word as u32)).collect();
        return;
    }
    decoded.set_all(names, &words);
    if names.len() == ALL.len() {
        let none = CALLEE.iter().all(|name| decoded.registers.by_name(name) == Some(0));
        if none {
            CALLEE.iter().for_each(|name| decoded.registers.forget(name));
        }
    }
    let saved = draft.and_then(|draft| draft.get(1)).is_some_and(|flags| flags & 1 != 0);
    let behind = words.get(18..).unwrap_or_default();
    if saved && behind.len() == 12 {
        decoded.registers.forget_sp();
        let names: Vec<String> = (0..12).map(|n| format!("s{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        decoded.set_all(&names, behind);
    }
}
