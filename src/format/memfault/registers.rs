//! The register block of each machine.
//!
//! | machine type    | registers, in this order                                         |
//! | 40              | r0-r12, sp, lr, pc, psr, msp, psp; the GDB script adds primask, control |
//! | 40 + 0x10000    | r0-r12, sp, lr, pc, cpsr                                         |
//! | 183             | 64 bit: sp, pc, cpsr, x0-x30                                     |
//! | 243             | mepc ra sp gp tp t0-t6 s0-s11 a0-a7 mstatus mtvec mcause mtval mhartid |
//! | 94 and variants | 1, pc, ps, a0-a15, sar, lbeg, lend, lcount, exccause, excvaddr; or |
//! |                 | 0, pc, ps, ar0-ar63, sar, lbeg, lend, lcount, windowbase, windowstart |
//! | 94 + 0x10000    | 2, then as behind 1; no loop registers and no excvaddr           |
//! | 3               | eip cs eflags esp ss eax ebx ecx edx edi esi                     |
//!
//! The upper half of 94's variants names the chip: 0 ESP32, 1 ESP8266, 2 ESP32-S2, 3 ESP32-S3.
//! What a chip has no register for, or its handler did not save, is there as zero.
//!
//! Source: memfault-firmware-sdk 0ca1a2a, `components/include/memfault/panics/coredump_impl.h` and
//! `panics/arch/*/*.h` beside it; `ports/esp_idf` 8cd5dc1 and `ports/esp8266_sdk` 920a1ee,
//! `memfault_fault_handler.c`.

use crate::cursor::u32_at;
use crate::format::machine::{CORTEX_M, set_words};
use crate::registers::Registers;
use crate::targets::Arch;
use crate::targets::Family;
use std::sync::Arc;

const CORTEX_M_MORE: [&str; 4] = ["msp", "psp", "primask", "control"];
const RISCV: [&str; 37] = [
    "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "fp", "s1", "s2", "s3",
    "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "mstatus", "mtvec", "mcause", "mtval", "mhartid",
];
const X86: [&str; 11] =
    ["eip", "cs", "eflags", "esp", "ss", "eax", "ebx", "ecx", "edx", "edi", "esi"];
const ALL_WINDOWS: u32 = 0;
const LX106: u32 = 2;

/// The architecture of a machine type; a dump without one is a Cortex-M's.
pub(super) fn family(machine: Option<u32>) -> Option<Family> {
    Some(match machine {
        None | Some(0 | 40) => Family::CortexM,
        Some(0x1_0028) => Family::Arm,
        Some(183) => Family::Aarch64,
        Some(243) => Family::RiscV32,
        Some(3) => Family::X86,
        Some(machine) if machine & 0xffff == 94 => Family::Xtensa,
        _ => return None,
    })
}

/// The chip that a machine type names.
pub(super) fn chip(machine: Option<u32>) -> Option<&'static str> {
    Some(match machine? {
        94 => "esp32",
        0x1_005e => "esp8266",
        0x2_005e => "esp32s2",
        0x3_005e => "esp32s3",
        _ => return None,
    })
}

/// Whether a block holds nothing: a core that the device could not ask has only the number of
/// the layout set, or not even that.
pub(super) fn is_blank(payload: &[u8], family: Family) -> bool {
    let skip = if family == Family::Xtensa { 4 } else { 0 };
    payload.iter().skip(skip).all(|byte| *byte == 0)
}

/// The registers of a block; `None` if it is of no known length.
pub(super) fn read(payload: &[u8], family: Family, arch: Arc<Arch>) -> Option<Registers> {
    let mut registers = Registers::unknown(arch);
    registers.set_why_missing("register not in the dump");
    let words: Vec<u32> =
        payload.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect();
    let values = || words.iter().map(|word| u64::from(*word));
    match (family, words.len()) {
        (Family::CortexM, 17 | 19 | 21) => {
            let names = [&CORTEX_M[..], &CORTEX_M_MORE[..]].concat();
            set_words(&mut registers, &names, values());
        }
        (Family::Arm, 17) => {
            set_words(&mut registers, CORTEX_M.get(..16)?, values());
            registers.set_by_name("cpsr", u32_at(payload, 64)?);
        }
        (Family::Aarch64, 68) => {
            let mut words = payload.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w));
            set_words(&mut registers, &["sp", "pc", "cpsr"], words.by_ref().take(3));
            for (n, word) in words.enumerate() {
                registers.set_by_name(&format!("x{n}"), word);
            }
        }
        (Family::RiscV32, 37) => set_words(&mut registers, &RISCV, values()),
        (Family::X86, 11) => set_words(&mut registers, &X86, values()),
        (Family::Xtensa, 25..) => xtensa(&words, &mut registers),
        _ => return None,
    }
    Some(registers)
}

fn xtensa(words: &[u32], registers: &mut Registers) {
    let layout = words.first().copied().unwrap_or_default();
    let all = layout == ALL_WINDOWS;
    let count = if all { 64 } else { 16 };
    let windowed = registers.arch().register("windowbase").is_some();
    let general = if windowed { "ar" } else { "a" };
    let mut names: Vec<String> = vec!["pc".into(), "ps".into()];
    names.extend((0..count).map(|n| format!("{general}{n}")));
    names.extend(["sar", "lbeg", "lend", "lcount"].map(String::from));
    let last = if all { ["windowbase", "windowstart"] } else { ["exccause", "excvaddr"] };
    names.extend(last.map(String::from));
    for (name, word) in names.iter().zip(words.iter().skip(1)) {
        // Of a core without loops these words were never theirs.
        let arch = registers.arch().clone();
        if arch.register(name).is_some_and(|index| !arch.is_only_printed(index)) {
            registers.set_by_name(name, *word);
        }
    }
    if layout == LX106 {
        registers.forget("excvaddr");
    }
    if !all {
        // One window, and it starts at ar0.
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
    }
}
