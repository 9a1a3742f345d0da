//! From an address to function, file and line, inlined calls included.

use super::functions::{DEEPEST_INLINING, Listed, Owners};
use super::lines::Location;
use super::{Entry, Language, Module, Modules, Unit};
use gimli::AttributeValue;
use gimli::constants as dw;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Code below this address may be described by what the linker threw away, which lies at 0.
const LOW: u64 = 1 << 20;
/// As many addresses are remembered.
const MOST_REMEMBERED: usize = 4096;

/// One function that an address lies in, and where in its source.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The function's name, demangled.
    pub function: Option<String>,
    /// The source file as the compiler recorded it.
    pub file: Option<String>,
    /// The line in it, counted from 1.
    pub line: Option<u32>,
    /// The column, counted from 1.
    pub column: Option<u32>,
    /// Whether this function was inlined into the next one of the list.
    pub inlined: bool,
    /// The function's entry in its unit of `.debug_info`.
    pub(crate) die: Option<gimli::UnitOffset<usize>>,
}

/// What was found out about addresses.
#[derive(Default)]
pub(super) struct Places {
    listed: OnceLock<Listed>,
    owners: OnceLock<Owners>,
    known: Mutex<HashMap<u64, Arc<[Place]>>>,
}

impl<'a> Module<'a> {
    /// The unit that is listed with the code at `link_addr` and has a function there. To ask all units,
    /// each has to be read: most of the time of looking up a single address.
    fn listed(&self, link_addr: u64) -> Option<Unit<'a>> {
        let known = self.known();
        let listed = known.places.listed.get_or_init(|| Listed::of(&known.units));
        let mut units = listed.at(&known.units, link_addr).filter(|_| link_addr >= LOW);
        units.find(|unit| unit.function_at(link_addr).is_some())
    }

    /// The units that may have code at `link_addr`.
    fn owners(&self, link_addr: u64) -> impl Iterator<Item = Unit<'a>> {
        let known = self.known();
        let owners = known.places.owners.get_or_init(|| Owners::of(&known.units));
        owners.at(&known.units, link_addr)
    }

    /// The unit that the code at `addr` was compiled in.
    pub(crate) fn unit_at(&self, addr: u64) -> Option<Unit<'a>> {
        let addr = self.elf().link_addr(addr);
        let with_function = || self.owners(addr).find(|unit| unit.function_at(addr).is_some());
        self.listed(addr).or_else(with_function).or_else(|| self.owners(addr).next())
    }

    /// The functions that the instruction at `addr` belongs to: the innermost inlined one first,
    /// the one that was really called last. Empty if DWARF does not tell.
    pub fn places(&self, addr: u64) -> Vec<Place> {
        let known = &self.known().places.known;
        let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(places) = lock().get(&addr) {
            return places.to_vec();
        }
        let places = self.read_places(addr);
        let mut all = lock();
        if all.len() >= MOST_REMEMBERED {
            all.clear();
        }
        all.insert(addr, places.clone().into());
        places
    }

    fn read_places(&self, addr: u64) -> Vec<Place> {
        let link_addr = self.elf().link_addr(addr);
        let with_function = |unit: Unit<'a>| {
            let function = unit.function_at(link_addr)?;
            Some((unit, unit.entry(function).ok()?))
        };
        let with_function = self
            .listed(link_addr)
            .and_then(with_function)
            .or_else(|| self.owners(link_addr).find_map(with_function));
        let Some((unit, function)) = with_function else {
            let mut units = self.owners(link_addr);
            let location = units.find_map(|unit| unit.lines().at(unit, link_addr));
            return location.map(|at| place(at, None)).into_iter().collect();
        };
        let (mut inlined, cut) = unit.inlined_at(function.offset(), link_addr);
        if cut {
            self.known().cut(
                "calls are inlined into one another beyond all measure: only the innermost ones \
                 and the function that was really called are shown",
            );
        }
        if inlined.len() >= DEEPEST_INLINING {
            inlined.remove(0);
        }
        let mut location = unit.lines().at(unit, link_addr).unwrap_or_default();
        let mut places = Vec::new();
        for call in inlined.into_iter().rev() {
            let called_at = call_location(unit, &call);
            let at = std::mem::replace(&mut location, called_at);
            places.push(self.named(place(at, Some(&call)), addr, unit, &call, true));
        }
        places.push(self.named(place(location, Some(&function)), addr, unit, &function, false));
        if self.is_dead(unit, &function, addr) {
            // The symbols still tell which function it is.
            places.clear();
        }
        places
    }

    /// `place` with the name of the function that `entry` describes.
    fn named(
        &self,
        place: Place,
        addr: u64,
        unit: Unit<'_>,
        entry: &Entry,
        inlined: bool,
    ) -> Place {
        let raw = unit.described(entry, |unit, entry| {
            let name = |at| unit.string(entry, at);
            name(dw::DW_AT_linkage_name)
                .or_else(|| name(dw::DW_AT_MIPS_linkage_name))
                .or_else(|| name(dw::DW_AT_name))
        });
        let function = raw.map(|raw| {
            let shown = addr2line::demangle_auto(Cow::Borrowed(&raw), unit.dwarf_language());
            // What the panic runtime calls a program's panic handler says more than its path.
            let exported = raw == shown && !raw.starts_with("rust_");
            let own = exported.then(|| self.path_in_rust(addr, entry.offset())).flatten();
            own.unwrap_or_else(|| shown.into_owned())
        });
        Place { function, inlined, ..place }
    }

    /// The path in the source of a Rust function that is exported under another name, as GDB shows
    /// it: `main` is `app::__cortex_m_rt_main_trampoline`. `None` in other languages.
    fn path_in_rust(&self, addr: u64, die: gimli::UnitOffset<usize>) -> Option<String> {
        let unit = self.unit_at(addr).filter(|unit| unit.language() == Language::Rust)?;
        unit.described(&unit.entry(die).ok()?, |unit, entry| {
            let name = unit.string(entry, gimli::DW_AT_name)?;
            let mut path = unit.scopes_of(entry.offset()).join("::");
            if !path.is_empty() {
                path.push_str("::");
            }
            Some(path + &name)
        })
    }

    /// Whether what DWARF tells of `addr` is of a function that the linker threw away: such a one
    /// is described as lying at address 0, whatever is there now.
    fn is_dead(&self, unit: Unit<'_>, function: &Entry, addr: u64) -> bool {
        let low = function.attr_value(dw::DW_AT_low_pc);
        let start = low.and_then(|low| unit.attr_address(low).ok()?);
        start == Some(0) && self.symbols().function_bounds(addr).is_some_and(|(real, _)| real != 0)
    }
}

fn place(at: Location, entry: Option<&Entry>) -> Place {
    Place {
        function: None,
        file: at.file,
        line: at.line.filter(|line| *line > 0),
        column: at.column.filter(|column| *column > 0),
        inlined: false,
        die: entry.map(|entry| entry.offset()),
    }
}

/// Where an inlined call stands in the source.
fn call_location(unit: Unit<'_>, call: &Entry) -> Location {
    let number = |at| {
        let value = call.attr(at)?.udata_value()?;
        u32::try_from(value).ok().filter(|number| *number > 0)
    };
    let file = match call.attr_value(dw::DW_AT_call_file) {
        // File 0 is one since DWARF 5; before, it meant that there is none.
        Some(AttributeValue::FileIndex(file)) if file > 0 || unit.header.version() >= 5 => {
            unit.lines().file(unit, file)
        }
        _ => None,
    };
    Location { file, line: number(dw::DW_AT_call_line), column: number(dw::DW_AT_call_column) }
}

impl Modules<'_> {
    /// As [`Module::places`], of the ELF file that `addr` belongs to. Where chips have their vectors
    /// at address 0, that is what a jump through a null pointer leads to: no function.
    pub fn places(&self, addr: u64) -> Vec<Place> {
        self.at(addr).filter(|_| addr != 0).map(|module| module.places(addr)).unwrap_or_default()
    }
}
