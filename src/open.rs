//! From the files that a user names to a [`Dump`] that is ready to be served, in four stages. Each
//! is a struct that only the one before it can make:
//!
//! 1. `Found`: carriers peel off layer by layer until a format recognises what is inside.
//! 2. `Dumped`: one dump is picked, the user's or the last whole one, and read.
//! 3. `Paired`: the firmware's ELF file is found, checked against the dump, and adds what can't
//!    have changed.
//! 4. `Complete`: kernels and the architecture say what the memory and the fault words mean.

mod build_id;
mod builds;
mod complete;
mod detect;
mod dumped;
mod elf_cache;
mod elf_hint;
mod elf_index;
mod firmware;
mod fit;
mod found;
mod inputs;
mod not_a_dump;
mod options;
mod paired;
mod slide;

pub use builds::projects;
pub use detect::{CARRIERS, Candidate};
pub use elf_cache::ElfCache;
pub use options::{ElfFiles, Options, Trust, Where};
#[cfg(feature = "cli")]
pub(crate) use options::{parse_number, parse_size};

use crate::budget::Budget;
use crate::debug_info::Modules;
use crate::dump::{Dump, Note};
use crate::error::Result;
use crate::firmware::Firmware;
use crate::input::Input;
use found::Found;
use inputs::Inputs;
use std::path::PathBuf;
use std::sync::Arc;

/// A dump with all that was found beside it.
#[derive(Debug)]
pub struct Opened {
    /// The name of the input that it came from.
    pub file: String,
    /// The way from the file to the dump, outermost layer first.
    pub layers: Vec<String>,
    /// All dumps that were found, the picked one among them.
    pub found: Vec<String>,
    /// Which of them this is, counted from 1.
    pub picked: usize,
    /// The dump, with the memory of the ELF files in it.
    pub dump: Dump,
    /// The ELF file of the firmware.
    pub firmware: Option<Arc<Firmware>>,
    /// The ELF files of the ROM.
    pub rom: Vec<Arc<Firmware>>,
    /// Further ELF files that travel in the dump: of other tasks.
    pub embedded: Vec<Arc<Firmware>>,
}

impl Opened {
    /// What the ELF files know: the firmware's first.
    pub fn modules(&self) -> Modules<'_> {
        let all = self.firmware.iter().chain(&self.rom).chain(&self.embedded);
        Modules::of(all.map(|elf| &**elf))
    }

    /// `flash image 4 MiB > partition coredump @0x110000 > ESP-IDF ELF core 0x0104, ...`.
    pub fn trail(&self) -> String {
        self.layers.join(" > ")
    }
}

/// Opens the dump in `inputs`.
///
/// # Errors
/// Any [`crate::error::Error`]: inputs that can't be read, hold no dump or only broken ones; an ELF file of
/// another build; wrong options.
pub fn open(inputs: &[PathBuf], options: &Options) -> Result<Opened> {
    let budget = Budget::for_inputs(inputs::len_of(inputs), options.place.max_memory);
    let mut all = Inputs::new(&budget);
    for path in inputs {
        all.add(path, !options.place.no_mmap)?;
    }
    if all.dumps.is_empty() {
        return Err(all.nothing_but_programs(inputs));
    }
    let mut opened = walk(&all.dumps, &all.programs, options, &budget)?;
    let faults = all.faults.into_iter().map(|(name, fault)| {
        Note::warning(fault.words()).by(fault.format).at(name).code("damaged")
    });
    opened.dump.notes.extend(faults);
    Ok(opened)
}

/// The same for inputs that are open already.
///
/// # Errors
/// As [`open`].
pub fn open_inputs(inputs: &[Input], options: &Options) -> Result<Opened> {
    let len = inputs.iter().map(|input| input.bytes.len() as u64).sum();
    walk(inputs, &[], options, &Budget::for_inputs(len, options.place.max_memory))
}

/// The way through the stages.
fn walk(
    inputs: &[Input],
    programs: &[Input],
    options: &Options,
    budget: &Budget,
) -> Result<Opened> {
    let found = Found::within(inputs, programs, options, budget)?;
    Ok(found.read()?.pair()?.complete()?.opened())
}
