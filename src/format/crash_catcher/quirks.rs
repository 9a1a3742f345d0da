//! What known writers of CrashCatcher streams get wrong.
//!
//! * Prusa Buddy printers keep the stream in flash behind a header of 9 bytes: u32 0x003dc53f,
//!   flags, u32 length. Regions that are read word by word (those of the system control space)
//!   are written one word late: at each address stands the word of the next. Seen by CPUID,
//!   which every Cortex-M has at 0xe000ed00: 0x41 in the top byte, 0xf and 0xc in the middle.
//! * ArduPilot writes each word of such a region as the lowest byte of the *first* word and
//!   three zeros: of the fault status, bits 0-7 of CFSR are left.
//!
//! Sources: prusa3d/Prusa-Firmware-Buddy `src/common/crash_dump/dump.cpp` (7002eeadea9,
//! 005e66b016f); ArduPilot/ardupilot `libraries/AP_HAL_ChibiOS/hwdef/common/crashdump.c`
//! (240eed572f3), mended in `CrashDump_flash.cpp` of 2026.

use super::{NAME, Stored};
use crate::arch::cortex_m::fault::cfsr_words;
use crate::cursor::u32_at;
use crate::dump::{Dump, Note};
use crate::memory::AddrRange;
use crate::reason::FaultWord;

const PRUSA_MAGIC: u32 = 0x003d_c53f;
pub(super) const PRUSA_HEADER_LEN: usize = 9;

/// The private peripheral bus: what lies there is read word by word.
const WORD_REGIONS: std::ops::RangeInclusive<u32> = 0xe000_0000..=0xe00f_ffff;
const CPUID_ADDR: u32 = 0xe000_ed00;
const CFSR_ADDR: u32 = 0xe000_ed28;
/// What is the same in the CPUID of every Cortex-M by Arm.
const CPUID_MASK: u32 = 0xff0f_f000;
const CPUID: u32 = 0x410f_c000;

pub(super) fn is_prusa_flash(bytes: &[u8]) -> bool {
    u32_at(bytes, 0) == Some(PRUSA_MAGIC)
        && bytes.get(PRUSA_HEADER_LEN..).is_some_and(|stream| stream.starts_with(b"cC"))
}

/// Repairs `regions` where a quirk shows. `fault` says whether a fault was being handled.
pub(super) fn repair(regions: &mut Vec<Stored>, fault: bool, dump: &mut Dump) {
    if one_word_late(regions) {
        for region in regions.iter_mut().filter(|r| WORD_REGIONS.contains(&r.addr)) {
            // The last word would be that of the address behind the region.
            let len = region.bytes.len().saturating_sub(4);
            region.bytes.truncate(len);
            region.addr = region.addr.saturating_add(4);
        }
        dump.notes.push(
            Note::warning(format!(
                "this writer (Prusa) puts each word of the system control space one address too \
             low: repaired, the word at {CPUID_ADDR:#x} is missing"
            ))
            .by(NAME)
            .code("repaired"),
        );
    }
    let Some(index) = regions.iter().position(|region| only_low_bytes(region, fault)) else {
        return;
    };
    let region = regions.remove(index);
    let low = region.bytes.first().copied().unwrap_or_default();
    dump.notes.push(
        Note::warning(format!(
            "this writer (ArduPilot) keeps of the fault status words only bits 0-7 of CFSR: \
         {low:#04x}; the other bits and words are missing"
        ))
        .by(NAME)
        .code("repaired"),
    );
    dump.reason.evidence.push(FaultWord {
        name: "MMFSR".into(),
        value: low.into(),
        words: cfsr_words(low.into()),
    });
    if let Some(range) = AddrRange::of_len(region.addr.into(), region.bytes.len() as u64) {
        dump.memory.mark_missing(range, "the writer spoilt it");
    }
}

fn one_word_late(regions: &[Stored]) -> bool {
    let at_cpuid = regions.iter().find(|region| region.addr == CPUID_ADDR);
    let word = at_cpuid.and_then(|region| u32_at(&region.bytes, 0));
    word.is_some_and(|word| word & CPUID_MASK != CPUID)
}

/// Whether every word is the same and only its lowest byte is set. All zeros are as good a fault
/// status as any, unless a fault was being handled: then some bit must be set.
fn only_low_bytes(region: &Stored, fault: bool) -> bool {
    let words: Vec<u32> =
        region.bytes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect();
    region.addr == CFSR_ADDR
        && words.len() >= 2
        && words.iter().all(|word| *word <= 0xff && Some(word) == words.first())
        && (fault || words.first() != Some(&0))
}
