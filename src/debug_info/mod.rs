//! What the ELF files beside a dump know about addresses: function, file and line, inlined
//! calls, variables and their types.
//!
//! [`Images`] owns what had to be decompressed; a [`Module`] borrows it and answers. Nothing is
//! read before it is asked for: a report of a few frames touches a few compilation units.
//!
//! Sources: DWARF 5 (dwarfstd.org, 2017-02-13), read through gimli and addr2line.

mod expr;
mod lines;
mod sections;
mod symbols;
mod units;

pub use expr::Missing;
pub(crate) use expr::{Env, FIRST_SINGLE};
pub use lines::Place;
pub use sections::Sections;
pub use symbols::{NamedAddr, Symbols, demangled};
pub(crate) use units::{Entry, Language, Unit, Units};

use crate::firmware::Firmware;
use crate::open::Opened;
use crate::targets::Endian;
use std::cell::OnceCell;
use std::sync::Arc;

/// How gimli reads the sections here.
pub(crate) type Slice<'a> = gimli::EndianSlice<'a, gimli::RunTimeEndian>;

/// The ELF files of firmware and ROM with their debugging sections, decompressed.
pub struct Images {
    list: Vec<(Arc<Firmware>, Sections)>,
}

impl Images {
    /// Those that were found beside a dump: the firmware first.
    pub fn of(opened: &Opened) -> Images {
        Self::new(opened.firmware.iter().chain(&opened.rom).chain(&opened.embedded).cloned())
    }

    /// Those given, the most important first.
    pub fn new(elves: impl IntoIterator<Item = Arc<Firmware>>) -> Images {
        let with_sections = |elf: Arc<Firmware>| {
            let sections = Sections::load(&elf);
            (elf, sections)
        };
        Images { list: elves.into_iter().map(with_sections).collect() }
    }

    /// What they can be asked.
    pub fn modules(&self) -> Modules<'_> {
        Modules { list: self.list.iter().map(|(elf, raw)| Module::new(elf, raw)).collect() }
    }
}

/// All ELF files of one device.
#[derive(Default)]
pub struct Modules<'a> {
    list: Vec<Module<'a>>,
}

impl<'a> Modules<'a> {
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
    /// of all of them, one that the linker was told (ROM functions).
    pub fn symbol(&self, addr: u64) -> Option<NamedAddr> {
        match self.at(addr) {
            Some(module) => module.symbols().at(addr),
            None => self.list.iter().find_map(|module| module.symbols().absolute_at(addr)),
        }
    }
}

/// One ELF file and what it knows.
pub struct Module<'a> {
    elf: &'a Firmware,
    dwarf: Arc<gimli::Dwarf<Slice<'a>>>,
    raw: &'a Sections,
    lines: OnceCell<Option<addr2line::Context<Slice<'a>>>>,
    symbols: OnceCell<Symbols>,
    units: OnceCell<Units<'a>>,
}

impl<'a> Module<'a> {
    fn new(elf: &'a Firmware, raw: &'a Sections) -> Self {
        let dwarf = gimli::Dwarf::load(|id| Ok::<_, gimli::Error>(raw.slice(id)));
        Module {
            elf,
            dwarf: Arc::new(dwarf.unwrap_or_default()),
            raw,
            lines: OnceCell::new(),
            symbols: OnceCell::new(),
            units: OnceCell::new(),
        }
    }

    /// The ELF file.
    pub fn elf(&self) -> &'a Firmware {
        self.elf
    }

    /// A debugging section.
    pub(crate) fn slice(&self, id: gimli::SectionId) -> Slice<'a> {
        self.raw.slice(id)
    }

    /// The address of a section at run time.
    pub(crate) fn section_addr(&self, id: gimli::SectionId) -> u64 {
        self.raw.addr(id)
    }

    /// All of the debugging sections.
    pub(crate) fn dwarf(&self) -> &gimli::Dwarf<Slice<'a>> {
        &self.dwarf
    }

    /// All of its units.
    pub(crate) fn units(&self) -> &Units<'a> {
        self.units.get_or_init(|| Units::of(&self.dwarf))
    }

    /// The unit that the code at `addr` was compiled in.
    pub(crate) fn unit_at(&self, addr: u64) -> Option<Unit<'_, 'a>> {
        let link_addr = self.elf.link_addr(addr);
        let unit = self.context()?.find_dwarf_and_unit(link_addr).skip_all_loads()?;
        let start = unit.header.debug_info_offset()?;
        let root = gimli::DebugInfoOffset(start.0.checked_add(unit.header.root_offset().0)?);
        Some(self.units().holding(root)?.0)
    }

    /// Whether a section with code covers `addr`.
    pub fn holds_code(&self, addr: u64) -> bool {
        self.elf.holds_code(addr)
    }

    /// The symbol table, sorted when first asked for.
    pub fn symbols(&self) -> &Symbols {
        self.symbols.get_or_init(|| Symbols::of(self.elf))
    }

    /// Which units cover which addresses; `None` without usable DWARF.
    pub(crate) fn context(&self) -> Option<&addr2line::Context<Slice<'a>>> {
        let make = || addr2line::Context::from_arc_dwarf(self.dwarf.clone()).ok();
        self.lines.get_or_init(make).as_ref()
    }
}

pub(crate) fn run_time_endian(endian: Endian) -> gimli::RunTimeEndian {
    match endian {
        Endian::Little => gimli::RunTimeEndian::Little,
        Endian::Big => gimli::RunTimeEndian::Big,
    }
}
