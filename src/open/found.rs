//! Stage 1, found: what the inputs hold, nothing of it read yet, and the user's ELF files.

use super::detect::{self, Candidate, Dug};
use super::{Options, elf_hint};
use crate::budget::Budget;
use crate::carrier::CarrierOptions;
use crate::error::{Error, Result};
use crate::firmware::Firmware;
use crate::format::Context;
use crate::format::machine::ElfHint;
use crate::input::Input;
use crate::targets::Targets;
use std::sync::Arc;

/// An ELF file, or why it is none.
pub(super) type MaybeElf = Result<Arc<Firmware>>;

/// What the inputs hold.
pub(super) struct Found<'o> {
    pub options: &'o Options,
    pub budget: &'o Budget,
    pub targets: Targets,
    /// Dumps and parts of dumps, peeled out of what they were wrapped in.
    pub dug: Dug,
    /// The user's ELF files, in the user's order. What is wrong with one is told once it is needed:
    /// what is wrong with the dump comes first.
    pub named: Vec<MaybeElf>,
    /// ELF files that lay beside the dump, in its folder or archive.
    pub beside: Vec<MaybeElf>,
    hint: Option<ElfHint>,
}

impl<'o> Found<'o> {
    /// Looks into `inputs`; `programs` lay beside them.
    ///
    /// # Errors
    /// Those of target files and of [`detect::detect`].
    pub(super) fn within(
        inputs: &[Input],
        programs: &[Input],
        options: &'o Options,
        budget: &'o Budget,
    ) -> Result<Self> {
        let targets = targets(options)?;
        let carriers = CarrierOptions { offset: options.place.offset, base: options.place.base };
        let dug = detect::detect(inputs, &carriers, options.place.format.as_deref(), budget)?;
        let open = |path| options.elves.cache.open(path, !options.place.no_mmap);
        let parse = |i: &Input| Firmware::parse(i.name.clone(), i.bytes.clone()).map(Arc::new);
        let elves = &options.elves;
        let named: Vec<MaybeElf> =
            elves.elf.iter().map(|path| open(path)).chain(elves.open.iter().map(parse)).collect();
        let beside: Vec<MaybeElf> = programs.iter().map(parse).collect();
        let hint = named.iter().chain(&beside).find_map(|elf| elf.as_ref().ok());
        let hint = hint.map(|elf| elf_hint::of_firmware(elf));
        Ok(Found { options, budget, targets, dug, named, beside, hint })
    }

    /// What readers may ask for.
    pub(super) fn context(&self) -> Context<'_> {
        Context {
            targets: &self.targets,
            force: self.options.trust.force,
            target: self.options.place.target.as_deref(),
            elf: self.hint.clone(),
            frame: self.options.place.frame,
        }
    }

    /// All whole dumps, in words.
    pub(super) fn describe(&self) -> Vec<String> {
        self.dug.whole.iter().map(Candidate::describe).collect()
    }
}

/// The register sets and chips, the user's own among them.
fn targets(options: &Options) -> Result<Targets> {
    let mut targets = Targets::built_in();
    for path in &options.place.target_file {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        targets.add(&path.display().to_string(), text)?;
    }
    if let Some(name) = &options.place.target
        && targets.chip(name).is_err()
        && targets.arch(name).is_err()
    {
        let all = targets.chip_names().chain(targets.arch_names()).collect::<Vec<_>>().join(", ");
        return Err(Error::Usage(format!("--target {name}: not known; known are {all}")));
    }
    Ok(targets)
}
