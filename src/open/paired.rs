//! Stage 3, paired: the ELF files that belong to the dump are found, and what can't have changed
//! in them is part of its memory.

use super::dumped::Dumped;
use super::firmware;
use super::found::Found;
use crate::debug_info::Modules;
use crate::dump::Dump;
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use std::sync::Arc;

/// A dump with its ELF files.
pub(super) struct Paired<'o> {
    pub found: Found<'o>,
    pub picked: usize,
    pub dump: Dump,
    pub elves: Elves,
}

/// The ELF files that belong to a dump.
#[derive(Debug, Default)]
pub(super) struct Elves {
    pub firmware: Option<Arc<Firmware>>,
    pub rom: Vec<Arc<Firmware>>,
    /// Those that travel in the dump beside the firmware's.
    pub embedded: Vec<Arc<Firmware>>,
}

impl Elves {
    /// What they know, the firmware's first.
    pub(super) fn modules(&self) -> Modules<'_> {
        let all = self.firmware.iter().chain(&self.rom).chain(&self.embedded);
        Modules::of(all.map(|elf| &**elf))
    }
}

impl<'o> Dumped<'o> {
    /// Finds the ELF files.
    ///
    /// # Errors
    /// [`Error::WrongElf`] if the user's is of another build, and what keeps it from being read.
    pub(super) fn pair(self) -> Result<Paired<'o>> {
        let Dumped { mut found, picked, mut dump } = self;
        let elves = match firmware::find(&mut dump, &mut found) {
            Ok(elves) => elves,
            Err(error) => return Err(with_the_dump_meant(error, &found, picked)),
        };
        if let Some(memory) = found.options.place.max_memory {
            let all = elves.firmware.iter().chain(&elves.rom).chain(&elves.embedded);
            all.for_each(|elf| elf.limit_unpacking(memory));
        }
        Ok(Paired { found, picked, dump, elves })
    }
}

/// Adds to the `error` of an ELF file that is not the picked dump's which dump it is of.
fn with_the_dump_meant(error: Error, found: &Found<'_>, picked: usize) -> Error {
    let goes = |index: &usize| {
        let Ok(dump) = found.read_one(*index, found.options.trust.force) else { return false };
        firmware::goes_with(&dump, &found.named)
    };
    let all = found.dug.whole.len();
    let Some(index) = (0..all).rev().filter(|index| *index != picked).find(goes) else {
        return error;
    };
    let hint = format!("it is of dump {0} of {all}: --pick {0} takes that", index + 1);
    match error {
        Error::WrongElf { elf, why } => Error::WrongElf { elf, why: format!("{why}; {hint}") },
        Error::Usage(words) => Error::Usage(format!("{words}; {hint}")),
        other => other,
    }
}
