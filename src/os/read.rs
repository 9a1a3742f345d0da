//! Words of the device's memory, and where the firmware's variables lie.

use crate::firmware::Firmware;
use crate::memory::Memory;
use crate::targets::{Arch, Endian};
use std::collections::{HashMap, HashSet};

/// The word of the target's width and byte order at `addr`.
pub(crate) fn read_word(memory: &Memory, addr: u64, arch: &Arch) -> Option<u64> {
    join(&memory.bytes(addr, (arch.word_bits / 8) as usize)?, arch.endian)
}

/// The same of 32 bits.
pub(crate) fn read_u32(memory: &Memory, addr: u64, arch: &Arch) -> Option<u32> {
    join(&memory.bytes(addr, 4)?, arch.endian).map(|word| word as u32)
}

/// The same of `len` bytes, at most eight.
pub(crate) fn read_sized(memory: &Memory, addr: u64, len: u64, arch: &Arch) -> Option<u64> {
    let len = usize::try_from(len).ok().filter(|len| (1..=8).contains(len))?;
    join(&memory.bytes(addr, len)?, arch.endian)
}

/// Bytes of a word.
pub(crate) fn word_len(arch: &Arch) -> u64 {
    u64::from(arch.word_bits / 8)
}

/// The word that `bytes`, at most eight, are.
pub(crate) fn join(bytes: &[u8], endian: Endian) -> Option<u64> {
    let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    (bytes.len() <= 8).then(|| match endian {
        Endian::Little => bytes.iter().rev().fold(0, add),
        Endian::Big => bytes.iter().fold(0, add),
    })
}

/// Address and size in bytes (0 if nobody says) of variables, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables(HashMap<&'static str, (u64, u64)>);

impl Variables {
    /// Looks for all of `names` in one pass. Static variables count as well, also those that link
    /// time optimisation renamed: `xIdleTaskHandle.lto_priv.0`; and functions.
    pub(crate) fn find(firmware: &Firmware, names: &[&'static str]) -> Variables {
        let names: HashSet<&'static str> = names.iter().copied().collect();
        let mut found = HashMap::new();
        for symbol in firmware.symbols() {
            let plain = symbol.name.split('.').next().unwrap_or_default();
            if let Some(name) = names.get(plain) {
                found.entry(*name).or_insert((symbol.addr, symbol.len));
            }
        }
        Variables(found)
    }

    /// Where the variable called `name` lies.
    pub(crate) fn addr(&self, name: &str) -> Option<u64> {
        self.0.get(name).map(|(addr, _)| *addr)
    }

    /// Its size in bytes; 0 if nobody says.
    pub(crate) fn len(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |(_, len)| *len)
    }

    /// Whether there is one called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}
