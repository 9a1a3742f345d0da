//! What the ELF files beside a dump know about addresses: function, file and line, inlined
//! calls, variables and their types.
//!
//! It belongs to the file: made once, when somebody asks, shared by all threads and dumps, and gone
//! with the file. A [`Module`] is a file that can be asked. Nothing is read before it is asked for:
//! a report of a few frames touches a few compilation units.
//!
//! Sources: DWARF 5 (dwarfstd.org, 2017-02-13), read through gimli.

mod calls;
mod expr;
mod functions;
mod lines;
mod places;
mod sections;
mod slice;
mod symbols;
mod types;
mod units;
mod variant;
mod walk;

pub use expr::Missing;
pub(crate) use expr::{Env, FIRST_SINGLE};
pub use places::Place;
pub(crate) use slice::Slice;
pub use symbols::{NamedAddr, Symbols, demangled};
pub(crate) use types::{Structs, Type, constant, member_offset, number};
pub(crate) use units::{Entry, Language, Unit, Units};
pub(crate) use walk::{Next, children};

use crate::dump::Note;
use crate::firmware::Firmware;
use crate::targets::Endian;
use places::Places;
use sections::Sections;
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

/// What a file's debugging sections tell, as far as somebody asked.
struct DebugInfo {
    sections: Sections,
    units: Units,
    places: Places,
    /// What was not read, and why.
    cuts: Mutex<Vec<&'static str>>,
}

impl DebugInfo {
    fn of(elf: &Firmware) -> DebugInfo {
        let sections = Sections::load(elf);
        let dwarf = gimli::Dwarf::load(|id| Ok::<_, Infallible>(sections.slice(id)));
        let units = Units::of(dwarf.unwrap_or_else(|never| match never {}));
        let cuts = Mutex::new(sections.too_large().into_iter().collect());
        DebugInfo { sections, units, places: Places::default(), cuts }
    }

    /// Remembers that something was left out.
    fn cut(&self, words: &'static str) {
        let mut cuts = self.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        if !cuts.contains(&words) {
            cuts.push(words);
        }
    }
}

/// All ELF files of one device.
#[derive(Default)]
pub struct Modules<'a> {
    list: Vec<Module<'a>>,
}

impl<'a> Modules<'a> {
    /// Those given, the most important first.
    pub fn of(elves: impl IntoIterator<Item = &'a Firmware>) -> Modules<'a> {
        Modules { list: elves.into_iter().map(Module::of).collect() }
    }

    /// What was left out of their debugging information.
    pub fn notes(&self) -> Vec<Note> {
        self.iter().flat_map(Module::notes).collect()
    }

    /// The source files that were compiled, each name once.
    pub fn files(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let units = self.iter().flat_map(|module| module.units().iter());
        units.filter_map(|unit| unit.file()).filter(|file| seen.insert(file.clone())).collect()
    }

    /// The source file that the code at `addr` was compiled from.
    pub fn unit_file(&self, addr: u64) -> Option<String> {
        self.at(addr)?.unit_at(addr)?.file()
    }

    /// All of them, the firmware first.
    pub fn iter(&self) -> impl Iterator<Item = &Module<'a>> {
        self.list.iter()
    }

    /// The one whose code `addr` lies in.
    pub fn at(&self, addr: u64) -> Option<&Module<'a>> {
        self.list.iter().find(|module| module.holds_code(addr))
    }

    /// Whether some ELF file has code at `addr`.
    pub fn is_code(&self, addr: u64) -> bool {
        self.at(addr).is_some()
    }

    /// The name that some symbol gives to `addr`: of the ELF file whose code it is, or, outside
    /// of all of them, one that the linker was told (ROM functions). Nothing is called at address 0
    /// but what a file has there: a jump to nowhere has no name.
    pub fn symbol(&self, addr: u64) -> Option<NamedAddr> {
        match self.at(addr) {
            _ if addr == 0 => None,
            Some(module) => module.symbols().at(addr),
            None => self.list.iter().find_map(|module| module.symbols().absolute_at(addr)),
        }
    }
}

/// One ELF file and what it knows.
#[derive(Clone, Copy)]
pub struct Module<'a> {
    elf: &'a Firmware,
}

impl<'a> Module<'a> {
    /// What can be asked of `elf`.
    pub fn of(elf: &'a Firmware) -> Module<'a> {
        Module { elf }
    }

    /// The ELF file.
    pub fn elf(&self) -> &'a Firmware {
        self.elf
    }

    fn known(&self) -> &'a DebugInfo {
        self.elf.keep_of_contents(|| DebugInfo::of(self.elf))
    }

    /// A debugging section.
    pub(crate) fn slice(&self, id: gimli::SectionId) -> Slice {
        self.known().sections.slice(id)
    }

    /// The address of a section at run time.
    pub(crate) fn section_addr(&self, id: gimli::SectionId) -> u64 {
        self.elf.section(id.name()).map_or(0, |section| section.addr)
    }

    /// All of its units.
    pub(crate) fn units(&self) -> &'a Units {
        &self.known().units
    }

    /// Whether a section with code covers `addr`.
    pub fn holds_code(&self, addr: u64) -> bool {
        self.elf.holds_code(addr)
    }

    /// The symbol table, sorted when first asked for.
    pub fn symbols(&self) -> &'a Symbols {
        self.elf.keep_of_addresses(|| Symbols::of(self.elf))
    }

    /// Remembers that something was left out.
    pub(crate) fn cut(&self, words: &'static str) {
        self.known().cut(words);
    }

    /// What was left out of the file's debugging information because it is beyond all measure.
    pub fn notes(&self) -> Vec<Note> {
        let cuts = self.known().cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let note = |words: &&str| {
            Note::warning(*words).by("debug info").at(self.elf.path.clone()).code("debug-info-cut")
        };
        cuts.iter().map(note).collect()
    }
}

pub(crate) fn run_time_endian(endian: Endian) -> gimli::RunTimeEndian {
    match endian {
        Endian::Little => gimli::RunTimeEndian::Little,
        Endian::Big => gimli::RunTimeEndian::Big,
    }
}
