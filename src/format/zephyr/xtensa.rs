//! Xtensa register blocks.
//!
//! | off | size | field                                                                      |
//! |   0 |    1 | SoC: 1 sample_controller, 2 ESP32, 3 Intel ADSP, 4 ESP32-S2, 5 ESP32-S3,   |
//! |     |      | 6 DC233C                                                                   |
//! |   1 |    2 | version of what follows                                                    |
//! |   3 |    1 | toolchain: 1 Zephyr SDK, 2 XCC, 3 Espressif; from version 2 on             |
//! |   - |    4 | pc exccause excvaddr sar ps, each                                          |
//! |   - |    4 | scompare1, in cores with S32C1I                                            |
//! |   - |   64 | a0-a15                                                                     |
//! |   - |   12 | lbeg lend lcount, in cores with loops                                      |
//!
//! Which of the optional words are there tells their number: 21, 22, 24 or 25. The window
//! registers are never dumped: a0-a15 are the current window, so 0 and 1 describe it.
//!
//! Source: Zephyr 2.6 to 4.2, `arch/xtensa/core/coredump.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::registers::{Decoded, words};
use super::stream::RegisterBlock;
use crate::arch::xtensa;
use crate::cursor::u16_at;
use crate::reason::{FaultWord, Signal};
use crate::targets::Endian;

/// Zephyr raises its own oops and panics under this cause.
const RAISED: u32 = 63;

/// SoC and toolchain, as the block gives them.
fn machine(block: &RegisterBlock) -> (u8, u8, usize) {
    let soc = block.bytes.first().copied().unwrap_or_default();
    let version = u16_at(&block.bytes, 1).unwrap_or_default();
    match version {
        0 | 1 => (soc, if soc == 2 { 3 } else { 1 }, 3),
        _ => (soc, block.bytes.get(3).copied().unwrap_or_default(), 4),
    }
}

/// The register set: GDB's numbers depend on its build as well as on the core.
pub(super) fn arch_name(block: Option<&RegisterBlock>) -> &'static str {
    let Some(block) = block else { return "xtensa-sample-controller" };
    let (soc, toolchain, head) = machine(block);
    match (soc, toolchain) {
        (1, _) => "xtensa-sample-controller",
        (2, _) => "xtensa-esp32",
        (3, 2) => "xtensa-intel-adsp-xcc",
        (3, _) => "xtensa-intel-adsp",
        (4, _) => "xtensa-esp32s2",
        (5, _) => "xtensa-esp32s3",
        (6, _) => "xtensa-dc233c",
        _ => match block.bytes.len().saturating_sub(head) / 4 {
            21 => "xtensa-esp32s2",
            24 | 25 => "xtensa-dc233c",
            _ => "xtensa-sample-controller",
        },
    }
}

/// The chip, where the SoC is one.
pub(super) fn chip_name(block: Option<&RegisterBlock>) -> Option<&'static str> {
    match machine(block?).0 {
        2 => Some("esp32"),
        4 => Some("esp32s2"),
        5 => Some("esp32s3"),
        _ => None,
    }
}

pub(super) fn decode(decoded: &mut Decoded, block: &RegisterBlock) {
    let (soc, toolchain, head) = machine(block);
    let registers = block.bytes.get(head..).unwrap_or_default();
    let words = words(registers, 4, Endian::Little);
    let (scompare1, loops) = match words.len() {
        21 => (false, false),
        22 => (true, false),
        24 => (false, true),
        25 => (true, true),
        n => {
            decoded.warn(format!("{n} registers: expected 21, 22, 24 or 25"));
            (n > 21, n > 22)
        }
    };
    if !(1..=6).contains(&soc) {
        let name = decoded.registers.arch().name.clone();
        decoded.warn(format!("SoC {soc} is not known: GDB's numbers are taken to be {name}'s"));
    }
    if soc == 3 && !(1..=2).contains(&toolchain) {
        decoded.warn(format!("toolchain {toolchain} is not known: GDB is assumed to be the SDK's"));
    }
    let mut names: Vec<String> =
        ["pc", "exccause", "excvaddr", "sar", "ps"].map(String::from).to_vec();
    names.extend(scompare1.then(|| "scompare1".to_string()));
    let first_window = names.len();
    names.extend((0..16).map(|n| format!("ar{n}")));
    names.extend(["lbeg", "lend", "lcount"].into_iter().filter(|_| loops).map(String::from));
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    decoded.set_all(&names, &words);
    forget_unspilled(decoded, words.get(first_window..).unwrap_or_default());
    decoded.registers.set_by_name("windowbase", 0u32);
    decoded.registers.set_by_name("windowstart", 1u32);
    explain(decoded);
}

/// The exception entry spills a4-a15 in groups of four, as many as it must; the others read zero.
fn forget_unspilled(decoded: &mut Decoded, window: &[u64]) {
    for group in (1..4usize).rev() {
        let first = group.saturating_mul(4);
        let all = window.get(first..first.saturating_add(4)).unwrap_or_default();
        if all.iter().any(|word| *word != 0) {
            return;
        }
        for n in first..first.saturating_add(4) {
            decoded.registers.forget(&format!("ar{n}"));
        }
    }
}

fn explain(decoded: &mut Decoded) {
    let word = |name| decoded.registers.by_name(name);
    let (Some(cause), Some(address)) = (word("exccause"), word("excvaddr")) else { return };
    let cause = cause as u32;
    let (told, signal) = match cause {
        RAISED => ("raised by the kernel itself".to_string(), Signal::Abrt),
        _ => (xtensa::cause_words(cause), xtensa::cause_signal(cause)),
    };
    let fault = |name: &str, value, words: &str| FaultWord {
        name: name.into(),
        value,
        words: words.into(),
    };
    decoded.evidence.push(fault("exccause", cause.into(), &told));
    let told = if xtensa::cause_has_address(cause) {
        let words = "the address that could not be used";
        decoded.evidence.push(fault("excvaddr", address, words));
        format!("{told}: {address:#x}")
    } else {
        told
    };
    decoded.told = Some((told, signal));
}
