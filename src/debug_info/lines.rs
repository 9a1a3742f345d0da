//! From an address to function, file and line, inlined calls included.

use super::{Language, Module, Modules};

/// Deeper inlining is not followed.
const DEEPEST_INLINING: usize = 64;

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

impl Module<'_> {
    /// The functions that the instruction at `addr` belongs to: the innermost inlined one first,
    /// the one that was really called last. Empty if DWARF does not tell.
    pub fn places(&self, addr: u64) -> Vec<Place> {
        let mut places = Vec::new();
        let Some(context) = self.context() else { return places };
        let link_addr = self.elf().link_addr(addr);
        let Ok(mut frames) = context.find_frames(link_addr).skip_all_loads() else { return places };
        while let Ok(Some(frame)) = frames.next() {
            let at = frame.location;
            let function = frame.function.as_ref().and_then(|name| {
                let (raw, shown) = (name.raw_name().ok()?, name.demangle().ok()?);
                // What the panic runtime calls a program's panic handler says more than its path.
                let exported = raw == shown && !raw.starts_with("rust_");
                let exported = frame.dw_die_offset.filter(|_| exported);
                let own = exported.and_then(|die| self.path_in_rust(addr, die));
                Some(own.unwrap_or_else(|| shown.into()))
            });
            places.push(Place {
                function,
                file: at.as_ref().and_then(|at| at.file).map(str::to_string),
                line: at.as_ref().and_then(|at| at.line).filter(|line| *line > 0),
                column: at.as_ref().and_then(|at| at.column).filter(|column| *column > 0),
                inlined: true,
                die: frame.dw_die_offset,
            });
            if places.len() >= DEEPEST_INLINING {
                break;
            }
        }
        if let Some(outermost) = places.last_mut() {
            outermost.inlined = false;
        }
        if places.last().is_some_and(|outermost| self.is_dead(outermost, addr)) {
            // The symbols still tell which function it is.
            places.clear();
        }
        places
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
    fn is_dead(&self, place: &Place, addr: u64) -> bool {
        let start = || {
            let link_addr = self.elf().link_addr(addr);
            let unit = self.context()?.find_dwarf_and_unit(link_addr).skip_all_loads()?;
            let entry = unit.entry(place.die?).ok()?;
            unit.attr_address(entry.attr_value(gimli::DW_AT_low_pc)?).ok()?
        };
        start() == Some(0)
            && self.symbols().function_bounds(addr).is_some_and(|(real, _)| real != 0)
    }
}

impl Modules<'_> {
    /// As [`Module::places`], of the ELF file that `addr` belongs to.
    pub fn places(&self, addr: u64) -> Vec<Place> {
        self.at(addr).map(|module| module.places(addr)).unwrap_or_default()
    }
}
