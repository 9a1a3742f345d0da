//! What the user said about opening, in groups that travel whole.
//!
//! | group        | what it says                                                |
//! | [`Where`]    | where in the input the dump is, and what it is              |
//! | [`ElfFiles`] | where the ELF files are                                     |
//! | [`Trust`]    | what is taken though it is damaged, of another build or old |
//!
//! The command line fills these very structs (feature `cli`): their comments are its help. A field
//! that is added here is an option of every command that opens a dump.

use super::ElfCache;
use crate::input::Input;
#[cfg(feature = "cli")]
use clap::{ArgAction, Args};
use std::path::PathBuf;
use std::sync::Arc;

/// What the user said about opening. The methods set what is set most often; everything else is a
/// field of its group.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(Args))]
pub struct Options {
    /// Where the dump is, and what it is.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub place: Where,

    /// Where the ELF files are.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub elves: ElfFiles,

    /// What is taken though it may be wrong.
    #[cfg_attr(feature = "cli", command(flatten))]
    pub trust: Trust,
}

/// Where in the input the dump is, and what it is.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(Args), command(next_help_heading = "The dump"))]
pub struct Where {
    /// Which of several dumps to take, counted from 1; the last whole one if not given
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub pick: Option<usize>,

    /// Where in the input the dump, or the partition table that leads to it, starts
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDR", value_parser = parse_number))]
    pub offset: Option<u64>,

    /// The address of a raw memory image; for one of several files write FILE@ADDR
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDR", value_parser = parse_number))]
    pub base: Option<u64>,

    /// Read the crashed thread's registers from the Cortex-M exception frame at this address
    #[cfg_attr(feature = "cli", arg(long, value_name = "ADDR", value_parser = parse_number))]
    pub frame: Option<u64>,

    /// Treat the input as this format (skips detection)
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub format: Option<String>,

    /// The chip or register set, where the dump does not tell
    #[cfg_attr(feature = "cli", arg(long, value_name = "NAME"))]
    pub target: Option<String>,

    /// A description of a chip or register set of your own (see targets/README.md)
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub target_file: Vec<PathBuf>,

    /// Read files into memory instead of mapping them
    #[cfg_attr(feature = "cli", arg(long))]
    pub no_mmap: bool,

    /// How much memory opening may take: 512M, 2G. By default 256M, and more for inputs of more than
    /// 10 MiB. What is packed to be larger is refused
    #[cfg_attr(feature = "cli", arg(long, value_name = "SIZE", value_parser = parse_size))]
    pub max_memory: Option<u64>,
}

/// Where the ELF files are.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(Args), command(next_help_heading = "ELF files"))]
pub struct ElfFiles {
    /// The firmware's ELF file; of several, the one that matches the dump is used. FILE@OFFSET is a
    /// program that ran OFFSET above the addresses it was linked for (U-Boot after relocation)
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub elf: Vec<PathBuf>,

    /// A folder to look for the matching ELF file in
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR"))]
    pub elf_dir: Vec<PathBuf>,

    /// An ELF file of the chip's ROM
    #[cfg_attr(feature = "cli", arg(long, value_name = "FILE"))]
    pub rom_elf: Vec<PathBuf>,

    /// A folder of ROM ELF files, from which the one for the chip is taken
    #[cfg_attr(feature = "cli", arg(long, value_name = "DIR", env = "ESP_ROM_ELF_DIR"))]
    pub rom_elf_dir: Option<PathBuf>,

    /// Do not cache build ids of the files in --elf-dir (the cache is in
    /// $XDG_CACHE_HOME/coroner or ~/.cache/coroner)
    #[cfg_attr(feature = "cli", arg(long = "no-cache", action = ArgAction::SetFalse))]
    pub remember: bool,

    /// Folders of projects in whose build folders the ELF file is looked for if nobody names one
    /// ([`super::projects`]). It is taken if its id matches, or if it alone fits.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub projects: Vec<PathBuf>,

    /// ELF files of the firmware that are open already, after those of `elf`.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub open: Vec<Input>,

    /// ELF files that were opened before; clones of these options share it.
    #[cfg_attr(feature = "cli", arg(skip))]
    pub cache: Arc<ElfCache>,
}

/// What is taken though it may be wrong, and marked.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "cli", derive(Args), command(next_help_heading = "Trust"))]
pub struct Trust {
    /// Use the ELF file even if its build id does not match
    #[cfg_attr(feature = "cli", arg(long))]
    pub any_elf: bool,

    /// Serve what is whole of a cut or damaged dump, and mark the rest
    #[cfg_attr(feature = "cli", arg(long))]
    pub force: bool,

    /// Show variables that the dump lacks with their values from before the start, marked
    #[cfg_attr(feature = "cli", arg(long))]
    pub initial_data: bool,
}

impl ElfFiles {
    /// Where the user names no ELF file and no folder, looks in the build folders of the project
    /// that the process works in.
    #[must_use]
    pub fn or_of_this_project(mut self) -> Self {
        let is_named = !(self.elf.is_empty() && self.elf_dir.is_empty() && self.open.is_empty());
        if !is_named && let Ok(here) = std::env::current_dir() {
            self.projects = super::projects(&here);
        }
        self
    }
}

impl Options {
    /// Adds ELF files of the firmware.
    #[must_use]
    pub fn elf<P: Into<PathBuf>>(mut self, files: impl IntoIterator<Item = P>) -> Self {
        self.elves.elf.extend(files.into_iter().map(Into::into));
        self
    }

    /// Adds a folder to look for the matching ELF file in.
    #[must_use]
    pub fn elf_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.elves.elf_dir.push(folder.into());
        self
    }

    /// The chip or register set, where the dump does not tell.
    #[must_use]
    pub fn target(mut self, name: impl Into<String>) -> Self {
        self.place.target = Some(name.into());
        self
    }

    /// Which of several dumps to take, counted from 1.
    #[must_use]
    pub fn pick(mut self, number: usize) -> Self {
        self.place.pick = Some(number);
        self
    }

    /// Serve what is whole of a cut or damaged dump.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.trust.force = force;
        self
    }

    /// Use the ELF file though it is of another build.
    #[must_use]
    pub fn any_elf(mut self, any: bool) -> Self {
        self.trust.any_elf = any;
        self
    }
}

#[cfg(feature = "cli")]
pub(crate) fn parse_number(text: &str) -> Result<u64, String> {
    let text = text.replace('_', "");
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "expected a number such as 0x110000 or 65536".to_string())
}

/// A number of bytes: as [`parse_number`], or with K, M or G behind it.
#[cfg(feature = "cli")]
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 10),
        None => match text.strip_suffix(['G', 'g']) {
            Some(digits) => (digits, 30),
            None => text.strip_suffix(['M', 'm']).map_or((text, 0), |digits| (digits, 20)),
        },
    };
    let number = parse_number(digits).ok().and_then(|number| number.checked_mul(1 << shift));
    number
        .ok_or_else(|| "expected a number of bytes such as 4096, 0x1000, 64K, 1M or 1G".to_string())
}
