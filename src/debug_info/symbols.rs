//! The symbol table, by address: names for code that has no DWARF.

use crate::firmware::{Firmware, Symbol};
use crate::targets::Family;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// Beyond this a symbol without a size, or one that the linker was told, names nothing.
const FARTHEST: u64 = 4096;

/// What the linker was told as a bare number is as often a size or the end of a heap as a function
/// of a ROM. Tables of a ROM come by the hundred: so many others have to be near.
const ROM_NEIGHBOURS: usize = 16;
/// How near.
const NEIGHBOURHOOD: u64 = 1 << 15;

/// A symbol and how far into it an address lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedAddr {
    /// The symbol's name, demangled.
    pub name: String,
    /// Bytes from the symbol's start.
    pub offset: u64,
    /// Whether the symbol says that it covers the address. If not, it is the nearest one below.
    pub covers: bool,
}

/// The symbols of an ELF file, sorted by address.
#[derive(Debug, Default)]
pub struct Symbols {
    /// Functions, and labels in code.
    code: Vec<Symbol>,
    /// Variables.
    data: Vec<Symbol>,
    /// What the linker was told: names of addresses outside of all sections.
    absolute: Vec<Symbol>,
    /// Where functions begin, by their names as they are in the file; `None` if several have one.
    by_name: OnceLock<HashMap<String, Option<u64>>>,
    /// Variables that take no room on the device, by name.
    elsewhere: HashMap<String, u64>,
}

impl Symbols {
    pub(super) fn of(elf: &Firmware) -> Symbols {
        let mut symbols = Symbols::default();
        let code: Vec<(u64, u64)> = elf
            .sections
            .iter()
            .filter(|s| s.alloc && s.execute && s.len > 0)
            .map(|s| (s.addr, s.len))
            .collect();
        let thumb = elf.family().is_some_and(Family::is_arm32);
        for mut symbol in elf.symbols() {
            // Mapping symbols ($t, $x, $d) and the assembler's own labels (.L) name nothing.
            if symbol.name.starts_with(['$', '.']) {
                continue;
            }
            if !symbol.on_device {
                symbols.elsewhere.insert(symbol.name, symbol.addr);
                continue;
            }
            if symbol.object {
                symbols.data.push(symbol);
                continue;
            }
            if thumb && symbol.function {
                symbol.addr &= !1;
            }
            let inside =
                |(start, len): &(u64, u64)| symbol.addr >= *start && symbol.addr - start < *len;
            if symbol.absolute {
                symbols.absolute.push(symbol);
            } else if code.iter().any(inside) {
                symbols.code.push(symbol);
            }
        }
        // Of several symbols at one address the last is found first: a function with a size.
        let rank = |s: &Symbol| (s.addr, s.function, s.len);
        symbols.code.sort_by_key(rank);
        symbols.data.sort_by_key(rank);
        symbols.absolute = of_roms(symbols.absolute);
        symbols.absolute.sort_by_key(rank);
        symbols
    }

    /// The function or label that `addr` lies in.
    pub fn at(&self, addr: u64) -> Option<NamedAddr> {
        let end = self.code.partition_point(|s| s.addr <= addr);
        let below = self.code.get(..end)?;
        let covering = |s: &&Symbol| s.len > 0 && addr - s.addr < s.len;
        // A label inside a function must not hide the function: look a few symbols back.
        let covers = below.iter().rev().take(64).find(covering);
        if let Some(symbol) = covers {
            return Some(named(symbol, addr, true));
        }
        let nearest = below.last()?;
        (nearest.len == 0 && addr - nearest.addr < FARTHEST).then(|| named(nearest, addr, false))
    }

    /// The nearest name at or below `addr` that the linker was told.
    pub fn absolute_at(&self, addr: u64) -> Option<NamedAddr> {
        let end = self.absolute.partition_point(|s| s.addr <= addr);
        let symbol = self.absolute.get(..end)?.last()?;
        (addr - symbol.addr < FARTHEST).then(|| named(symbol, addr, false))
    }

    /// The variable that `addr` lies in.
    pub fn data_at(&self, addr: u64) -> Option<NamedAddr> {
        let end = self.data.partition_point(|s| s.addr <= addr);
        let symbol = self.data.get(..end)?.last()?;
        (addr - symbol.addr < symbol.len).then(|| named(symbol, addr, true))
    }

    /// Where the function called `name` in the file begins, if there is one and no other.
    pub(crate) fn function_called(&self, name: &str) -> Option<u64> {
        let all = self.by_name.get_or_init(|| {
            let mut all: HashMap<String, Option<u64>> = HashMap::new();
            for symbol in self.code.iter().filter(|symbol| symbol.function) {
                all.entry(symbol.name.clone())
                    .and_modify(|addr| *addr = addr.filter(|addr| *addr == symbol.addr))
                    .or_insert(Some(symbol.addr));
            }
            all
        });
        *all.get(name)?
    }

    /// Whether the variable that DWARF says is at `addr`, called `name` by the linker, is on the device at
    /// all: not one that the linker left out, which is described at address 0, nor one of a section for
    /// tools.
    pub(crate) fn is_on_device(&self, name: &str, addr: u64) -> bool {
        let elsewhere = self.elsewhere.get(name) == Some(&addr);
        !elsewhere && (addr != 0 || self.data.first().is_some_and(|first| first.addr == 0))
    }

    /// How many functions there are.
    pub fn function_count(&self) -> usize {
        self.code.iter().filter(|s| s.function).count()
    }

    /// Where functions and labels begin at or below `addr`, the nearest first, and whether that is
    /// a function's beginning.
    pub(crate) fn starts_below(&self, addr: u64) -> impl Iterator<Item = (u64, bool)> {
        let end = self.code.partition_point(|s| s.addr <= addr);
        let below = self.code.get(..end).unwrap_or_default().iter().rev();
        let near = below.take_while(move |s| addr - s.addr < FARTHEST);
        let mut last = None;
        near.map(|s| (s.addr, s.function))
            .filter(move |(start, _)| last.replace(*start) != Some(*start))
    }

    /// The start of the function that covers `addr`, and its length.
    pub fn function_bounds(&self, addr: u64) -> Option<(u64, u64)> {
        let end = self.code.partition_point(|s| s.addr <= addr);
        let below = self.code.get(..end)?;
        let covering = |s: &&Symbol| s.len > 0 && addr - s.addr < s.len;
        below.iter().rev().take(64).find(covering).map(|s| (s.addr, s.len))
    }
}

/// Those that are functions, or names in the table of a ROM.
fn of_roms(all: Vec<Symbol>) -> Vec<Symbol> {
    let mut addrs: Vec<u64> = all.iter().map(|symbol| symbol.addr).collect();
    addrs.sort_unstable();
    addrs.dedup();
    let near = |addr: u64| {
        let first = addrs.partition_point(|other| *other < addr.saturating_sub(NEIGHBOURHOOD));
        let last = addrs.partition_point(|other| *other <= addr.saturating_add(NEIGHBOURHOOD));
        last.saturating_sub(first)
    };
    let is_code = |symbol: &Symbol| {
        symbol.function || symbol.addr > FARTHEST && near(symbol.addr) > ROM_NEIGHBOURS
    };
    all.into_iter().filter(is_code).collect()
}

fn named(symbol: &Symbol, addr: u64, covers: bool) -> NamedAddr {
    NamedAddr { name: demangled(&symbol.name).into_owned(), offset: addr - symbol.addr, covers }
}

/// A Rust or C++ name as its author wrote it; any other as it is.
pub fn demangled(name: &str) -> Cow<'_, str> {
    let plain = addr2line::demangle_auto(Cow::Borrowed(name), None);
    // As binutils and GDB write it.
    let table = plain.strip_prefix("{vtable(").and_then(|rest| rest.strip_suffix(")}"));
    match table {
        Some(class) => format!("vtable for {class}").into(),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_the_linker_was_told_is_a_function_only_among_its_like() {
        let absolute = |name: &str, addr, function| Symbol {
            name: name.into(),
            addr,
            len: 0,
            function,
            object: false,
            absolute: true,
            on_device: true,
        };
        let mut all: Vec<Symbol> =
            (0..20).map(|n| absolute(&format!("rom_{n}"), 0x4000_0000 + 16 * n, false)).collect();
        all.extend([
            absolute("_heap_size", 0x800, false),
            absolute("_estack", 0x2002_0000, false),
            absolute("boot", 0x1fff_0000, true),
        ]);
        let mut symbols = Symbols { absolute: of_roms(all), ..Symbols::default() };
        symbols.absolute.sort_by_key(|symbol| symbol.addr);
        let name = |addr| symbols.absolute_at(addr).map(|found| found.name);
        assert_eq!(name(0x4000_0014), Some("rom_1".into()));
        assert_eq!(name(0x1fff_0010), Some("boot".into()));
        assert_eq!((name(0x810), name(0x2002_0004)), (None, None));
    }

    #[test]
    fn what_lies_in_a_section_for_tools_is_not_on_the_device() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/demo/firmware.elf");
        let elf = Firmware::open(std::path::Path::new(path), false).expect("the demo's ELF file");
        let symbols = Symbols::of(&elf);
        let declared =
            elf.symbols().find(|symbol| symbol.name.contains("DECLARED")).expect("it is there");
        assert!(!declared.on_device && declared.addr == 0, "a section that takes no flash");
        assert!(!symbols.is_on_device(&declared.name, 0));
        assert!(!symbols.is_on_device("left_out", 0), "what the linker left out is at 0");
        let settings =
            elf.symbols().find(|symbol| symbol.name.contains("SETTINGS")).expect("it is there");
        assert!(symbols.is_on_device(&settings.name, settings.addr));
        assert_eq!(symbols.data_at(0), None, "no pointer to 0 is called DECLARED");
    }
}
