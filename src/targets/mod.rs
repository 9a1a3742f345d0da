//! What the manuals list: register sets and chips, loaded from the TOML files of `targets/`.
//!
//! The files are part of the binary; a user's own come in with `--target-file` and are read by
//! the same code. `targets/README.md` documents the schema. Behaviour that a manual *explains*
//! (exception frames, fault words) is code and lives in `arch/`.

mod arch;
mod builtin;
mod chip;
mod family;

pub use arch::{Arch, Describe, Endian, Feature, Register};
pub use chip::{Chip, ChipMemory, EspIdf, MemoryKind};
pub use family::Family;

use crate::error::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, OnceLock};

/// The register sets and chips that are known: the built-in ones, parsed once in the life of the
/// program and only when asked for, and the user's.
#[derive(Default)]
pub struct Targets {
    archs: BTreeMap<String, Entry<Arch>>,
    chips: BTreeMap<String, Entry<Chip>>,
}

static BUILT_IN: LazyLock<Targets> = LazyLock::new(|| Targets {
    archs: builtin::ARCHS.iter().map(|(stem, text)| built_in("arch", stem, text)).collect(),
    chips: builtin::CHIPS.iter().map(|(stem, text)| built_in("chip", stem, text)).collect(),
});

fn built_in<T>(folder: &str, stem: &str, text: &'static str) -> (String, Entry<T>) {
    (stem.to_string(), Entry::new(format!("targets/{folder}/{stem}.toml"), Text::BuiltIn(text)))
}

struct Entry<T> {
    file: String,
    text: Text,
    parsed: OnceLock<std::result::Result<Arc<T>, String>>,
}

enum Text {
    BuiltIn(&'static str),
    Users(String),
}

impl<T> Entry<T> {
    fn new(file: String, text: Text) -> Self {
        Entry { file, text, parsed: OnceLock::new() }
    }

    fn get(&self, parse: impl Fn(&str) -> std::result::Result<T, String>) -> Result<Arc<T>> {
        let text = match &self.text {
            Text::BuiltIn(text) => text,
            Text::Users(text) => text.as_str(),
        };
        self.parsed
            .get_or_init(|| parse(text).map(Arc::new))
            .clone()
            .map_err(|why| Error::Target { file: self.file.clone(), why })
    }
}

impl Targets {
    /// The targets that come with this program.
    pub fn built_in() -> Self {
        Targets::default()
    }

    /// Adds the text of a user's target file, under the `name` that it gives itself. It replaces
    /// a built-in one of that name. A file with the key `arch` is a chip, any other a register
    /// set. Returns the name.
    ///
    /// # Errors
    /// [`Error::Target`] if the text does not follow the schema.
    pub fn add(&mut self, file: &str, text: String) -> Result<String> {
        let bad = |why| Error::Target { file: file.to_string(), why };
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| bad(e.to_string()))?;
        if table.contains_key("arch") {
            let chip = Chip::parse(&text).map_err(bad)?;
            self.arch(&chip.arch)?;
            let name = chip.name.clone();
            self.chips.insert(name.clone(), Entry::new(file.to_string(), Text::Users(text)));
            Ok(name)
        } else {
            let name = Arch::parse(&text).map_err(bad)?.name;
            self.archs.insert(name.clone(), Entry::new(file.to_string(), Text::Users(text)));
            Ok(name)
        }
    }

    /// The register set called `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none, [`Error::Target`] if its file is wrong.
    pub fn arch(&self, name: &str) -> Result<Arc<Arch>> {
        let entry = self.archs.get(name).or_else(|| BUILT_IN.archs.get(name));
        let entry = entry.ok_or_else(|| unknown("architecture", name, self.arch_names()))?;
        entry.get(Arch::parse)
    }

    /// The set like `arch` with floating point registers of double precision, if there is one;
    /// `arch` itself if not, or if it has them.
    ///
    /// # Errors
    /// As [`Targets::arch`].
    pub fn with_double_floats(&self, arch: &Arc<Arch>) -> Result<Arc<Arch>> {
        match arch.name.as_str() {
            "riscv32" => self.arch("riscv32d"),
            _ => Ok(arch.clone()),
        }
    }

    /// The chip called `name`.
    ///
    /// # Errors
    /// [`Error::Usage`] if there is none, [`Error::Target`] if its file is wrong.
    pub fn chip(&self, name: &str) -> Result<Arc<Chip>> {
        let entry = self.chips.get(name).or_else(|| BUILT_IN.chips.get(name));
        let entry = entry.ok_or_else(|| unknown("chip", name, self.chip_names()))?;
        entry.get(Chip::parse)
    }

    /// The first chip, by name, that `wanted` accepts.
    ///
    /// # Errors
    /// [`Error::Target`] if a file on the way is wrong.
    pub fn find_chip(&self, wanted: impl Fn(&Chip) -> bool) -> Result<Option<Arc<Chip>>> {
        for name in self.chip_names() {
            let chip = self.chip(name)?;
            if wanted(&chip) {
                return Ok(Some(chip));
            }
        }
        Ok(None)
    }

    /// The names of all register sets, sorted.
    pub fn arch_names(&self) -> impl Iterator<Item = &str> {
        names(&self.archs, &BUILT_IN.archs)
    }

    /// The names of all chips, sorted.
    pub fn chip_names(&self) -> impl Iterator<Item = &str> {
        names(&self.chips, &BUILT_IN.chips)
    }
}

fn names<'a, T>(
    users: &'a BTreeMap<String, T>,
    built_in: &'a BTreeMap<String, T>,
) -> impl Iterator<Item = &'a str> {
    let all: BTreeSet<&str> = users.keys().chain(built_in.keys()).map(String::as_str).collect();
    all.into_iter()
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known = known.collect::<Vec<_>>().join(", ");
    Error::Usage(format!("no {what} is called '{name}'; known are {known}"))
}
