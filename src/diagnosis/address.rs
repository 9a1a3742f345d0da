//! What an address is.

use super::Case;
use crate::memory::Origin;
use crate::targets::{Family, MemoryKind};

/// So far behind a NULL pointer members of structures lie.
const MOST_MEMBER: u64 = 4096;

/// Words that programs fill memory with, and who does. Sources: FreeRTOS `tskSTACK_FILL_BYTE`; ESP-IDF
/// `multi_heap_poisoning.c`; Zephyr `CONFIG_INIT_STACKS`.
static PATTERNS: &[(u32, &str)] = &[
    (0xa5a5_a5a5, "FreeRTOS and others fill stacks with before they are used"),
    (0xaaaa_aaaa, "Zephyr fills stacks with before they are used"),
    (0xfefe_fefe, "ESP-IDF's heap fills freed memory with when it is told to"),
    (0xcece_cece, "ESP-IDF's heap fills allocated memory with when it is told to"),
    (0xdead_beef, "programs mark memory with that must not be used"),
    (0xcccc_cccc, "some debuggers and compilers fill uninitialised memory with"),
    (0xffff_ffff, "erased flash and unanswered buses read as"),
];

impl Case<'_, '_> {
    /// What lies at `addr`, in words that follow "it is"; `None` if nobody can tell.
    pub(super) fn what_is(&self, addr: u64) -> Option<String> {
        if let Some(thread) = self.dump.threads.iter().find(|thread| {
            thread.stack.is_some_and(|stack| (stack.low..stack.high).contains(&addr))
        }) {
            return Some(format!("on the stack of {}", thread.label()));
        }
        if let Some(name) = self.data(addr) {
            return Some(format!("in the variable {name}"));
        }
        if let Some(name) = self.function(addr) {
            return Some(format!("in the code of {name}"));
        }
        if let Some(region) = self.dump.memory.region_at(addr) {
            let origin = match region.origin {
                Origin::Elf => "in a read-only section of the ELF file",
                Origin::RomElf => "in the chip's ROM",
                _ => return None,
            };
            return Some(match &region.name {
                Some(name) => format!("{origin}, {name}"),
                None => origin.to_string(),
            });
        }
        let chip = self.dump.chip.as_ref();
        if let Some((chip, memory)) = chip.and_then(|chip| Some((chip, chip.memory_at(addr)?))) {
            let what = match memory.kind {
                MemoryKind::Mmio => "among the peripherals of the",
                MemoryKind::Flash => "in the flash of the",
                MemoryKind::Rom => "in the ROM of the",
                MemoryKind::Ram | MemoryKind::Rtc => "in the RAM of the",
            };
            return Some(format!("{what} {} ({})", chip.name, memory.name));
        }
        // ARMv7-M ARM (DDI 0403E.e), table B3-1.
        if self.dump.arch.family == Family::CortexM && (0x4000_0000..0x6000_0000).contains(&addr) {
            return Some("in the region that Cortex-M has for peripherals".into());
        }
        None
    }

    /// The variable that holds `addr`: `g_point+4`.
    pub(super) fn data(&self, addr: u64) -> Option<String> {
        let symbol = self.modules.iter().find_map(|module| module.symbols().data_at(addr))?;
        Some(match symbol.offset {
            0 => symbol.name,
            offset => format!("{}+{offset}", symbol.name),
        })
    }

    /// Whether anybody knows of memory at `addr`.
    fn is_known(&self, addr: u64) -> bool {
        self.what_is(addr).is_some() || self.dump.memory.region_at(addr).is_some()
    }

    /// What a bad pointer looks like, in words that follow "it": `is NULL`. Only what is true of the number
    /// itself.
    pub(super) fn looks_like(&self, pointer: u64, offset: i64) -> Option<String> {
        let bits = self.dump.arch.word_bits;
        let addr = pointer.wrapping_add_signed(offset) & self.dump.arch.address_mask();
        if pointer == 0 && offset.unsigned_abs() < MOST_MEMBER {
            return Some("is NULL".into());
        }
        if self.is_known(addr) {
            return self.what_is(addr).map(|what| format!("points {}", in_words(&what)));
        }
        if bits == 32 {
            let word = pointer as u32;
            if let Some((_, who)) = PATTERNS.iter().find(|(pattern, _)| *pattern == word) {
                return Some(format!("is the pattern that {who}"));
            }
            // Signs at random are also an address in memory outside the chip that nobody switched on.
            let letters = |text: &String| {
                text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ').count() > 2
            };
            if let Some(text) = text_of(word).filter(letters) {
                return Some(format!("reads as the text \"{text}\""));
            }
        }
        if let Some(one_off) = self.one_bit_away(pointer) {
            return Some(one_off);
        }
        let has_elf = self.modules.iter().next().is_some();
        let is_missing = self.dump.memory.why_missing(addr).is_some();
        (has_elf && !is_missing)
            .then(|| "points to no memory that the dump or the ELF file knows of".into())
    }

    /// The variable whose very address differs in one bit.
    fn one_bit_away(&self, pointer: u64) -> Option<String> {
        let mut found = (0..self.dump.arch.word_bits).filter_map(|bit| {
            let other = pointer ^ 1 << bit;
            let name = self.data(other).filter(|name| !name.contains('+'))?;
            Some((bit, other, name))
        });
        // Where memories begin, addresses are alike by design.
        let (bit, other, name) =
            found.next().filter(|_| pointer > 0xffff && pointer & 0xfff != 0)?;
        found.next().is_none().then(|| {
            format!(
                "points to no memory that is known, and differs in one bit ({bit}) from {other:#x}, the address of {name}"
            )
        })
    }
}

/// The four letters that a word is in the memory of a device of little endian.
pub(super) fn text_of(word: u32) -> Option<String> {
    let bytes = word.to_le_bytes();
    let is_text = bytes.iter().all(|byte| (0x20..0x7f).contains(byte));
    is_text.then(|| bytes.iter().map(|byte| char::from(*byte)).collect())
}

/// `in the variable x` as what a pointer points to.
fn in_words(what: &str) -> String {
    match what.strip_prefix("on ").or_else(|| what.strip_prefix("in ")) {
        Some(rest) => format!("into {rest}"),
        None => what.to_string(),
    }
}
