//! The units of an ELF file, and references from one to another.
//!
//! Within a unit DWARF refers by offset; link-time optimisation (`DW_FORM_ref_addr`) and type
//! units (`DW_FORM_ref_sig8`, in `.debug_info` from DWARF 5 on, in `.debug_types` before) refer
//! across. Headers are read at once, a unit when something in it is asked for.
//!
//! Source: DWARF 5, sections 7.5.1 "Unit Headers" and 7.5.5 "Classes and Forms".

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::Slice;
use super::functions::Functions;
use super::lines::Lines;
use gimli::constants as dw;
use gimli::{
    AttributeValue, DebugInfoOffset, DebugTypeSignature, DwAt, DwLang, UnitHeader, UnitOffset,
    UnitType,
};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// A DIE.
pub(crate) type Entry = gimli::DebuggingInformationEntry<Slice>;

/// A chain of origins longer than this is damage.
const MOST_ORIGINS: usize = 8;
/// Longer names are cut.
const LONGEST_NAME: usize = 2048;
/// More units than this no firmware has.
const MOST_UNITS: usize = 1 << 17;
/// More scopes of one unit are not told apart.
const MOST_SCOPES: usize = 1 << 16;

/// How a language's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    CPlusPlus,
    Rust,
}

/// All units of an ELF file.
pub(crate) struct Units {
    dwarf: gimli::Dwarf<Slice>,
    /// Those of `.debug_info` by their offset, then those of `.debug_types`.
    list: Vec<Slot>,
    /// How many are of `.debug_info`.
    infos: usize,
    signatures: HashMap<DebugTypeSignature, (usize, UnitOffset<usize>)>,
    /// Types by name, as far as somebody looked for them.
    named: Mutex<Named>,
}

/// Where a type is, as unit and offset in it; `None` if it is nowhere.
type Named = HashMap<String, Option<(usize, UnitOffset<usize>)>>;

struct Slot {
    header: UnitHeader<Slice>,
    known: OnceLock<Option<Box<Known>>>,
}

struct Known {
    unit: gimli::Unit<Slice>,
    dwarf_language: Option<DwLang>,
    scopes: OnceLock<Vec<Scope>>,
    functions: OnceLock<Functions>,
    lines: OnceLock<Lines>,
}

/// What names are declared in: a namespace, a structure, a function.
struct Scope {
    /// Offset of its entry, and of what follows its last child.
    start: usize,
    end: usize,
    name: String,
}

/// A unit, with its way to the others.
#[derive(Clone, Copy)]
pub(crate) struct Unit<'t> {
    units: &'t Units,
    known: &'t Known,
    own: gimli::UnitRef<'t, Slice>,
}

impl<'t> Deref for Unit<'t> {
    type Target = gimli::UnitRef<'t, Slice>;

    fn deref(&self) -> &Self::Target {
        &self.own
    }
}

impl Units {
    pub(super) fn of(dwarf: gimli::Dwarf<Slice>) -> Units {
        let slot = |header| Slot { header, known: OnceLock::new() };
        let mut list = Vec::new();
        let mut headers = dwarf.units();
        while let (Ok(Some(header)), true) = (headers.next(), list.len() < MOST_UNITS) {
            list.push(slot(header));
        }
        let infos = list.len();
        let mut headers = dwarf.type_units();
        while let (Ok(Some(header)), true) = (headers.next(), list.len() < MOST_UNITS) {
            list.push(slot(header));
        }
        let signature = |(index, slot): (usize, &Slot)| match slot.header.type_() {
            UnitType::Type { type_signature, type_offset } => {
                Some((type_signature, (index, type_offset)))
            }
            _ => None,
        };
        let signatures = list.iter().enumerate().filter_map(signature).collect();
        Units { dwarf, list, infos, signatures, named: Mutex::default() }
    }

    /// All debugging sections.
    pub(super) fn dwarf(&self) -> &gimli::Dwarf<Slice> {
        &self.dwarf
    }

    pub(super) fn named(&self) -> MutexGuard<'_, Named> {
        self.named.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.list.len()
    }

    /// All units that can be read, in the file's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Unit<'_>> {
        (0..self.list.len()).filter_map(|index| self.get(index))
    }

    /// Whether number `index` holds code of its own; types and what others import do not.
    pub(super) fn may_hold_code(&self, index: usize) -> bool {
        let kind = self.list.get(index).map(|slot| slot.header.type_());
        matches!(kind, Some(UnitType::Compilation | UnitType::Skeleton(_)))
    }

    pub(super) fn get(&self, index: usize) -> Option<Unit<'_>> {
        let slot = self.list.get(index)?;
        let read = || {
            let unit = self.dwarf.unit(slot.header.clone()).ok()?;
            let dwarf_language = language(&unit);
            Some(Box::new(Known {
                unit,
                dwarf_language,
                scopes: OnceLock::new(),
                functions: OnceLock::new(),
                lines: OnceLock::new(),
            }))
        };
        let known = slot.known.get_or_init(read).as_ref()?;
        Some(Unit { units: self, known, own: known.unit.unit_ref(&self.dwarf) })
    }

    /// The unit of `.debug_info` that begins last at or before `offset`.
    pub(super) fn around(&self, offset: DebugInfoOffset<usize>) -> Option<Unit<'_>> {
        let infos = self.list.get(..self.infos)?;
        let starts = |slot: &Slot| slot.header.debug_info_offset().map_or(0, |start| start.0);
        let index = infos.partition_point(|slot| starts(slot) <= offset.0).checked_sub(1)?;
        self.get(index)
    }

    /// The unit that holds the entry at `offset` of `.debug_info`.
    pub(crate) fn holding(
        &self,
        offset: DebugInfoOffset<usize>,
    ) -> Option<(Unit<'_>, UnitOffset<usize>)> {
        let unit = self.around(offset)?;
        Some((unit, offset.to_unit_offset(&unit.header)?))
    }
}

fn language(unit: &gimli::Unit<Slice>) -> Option<DwLang> {
    let root = unit.entry(unit.header.root_offset()).ok()?;
    match root.attr_value(dw::DW_AT_language)? {
        AttributeValue::Language(language) => Some(language),
        _ => None,
    }
}

/// A name, cut where nobody would read on.
fn text(name: &Slice) -> String {
    let bytes = name.bytes();
    match bytes.get(..LONGEST_NAME) {
        Some(head) if bytes.len() > LONGEST_NAME => {
            format!("{}...", String::from_utf8_lossy(head))
        }
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

impl<'t> Unit<'t> {
    /// How values of its types are written.
    pub(crate) fn language(&self) -> Language {
        match self.known.dwarf_language {
            Some(dw::DW_LANG_Rust) => Language::Rust,
            Some(
                dw::DW_LANG_C_plus_plus
                | dw::DW_LANG_C_plus_plus_03
                | dw::DW_LANG_C_plus_plus_11
                | dw::DW_LANG_C_plus_plus_14
                | dw::DW_LANG_C_plus_plus_17
                | dw::DW_LANG_C_plus_plus_20,
            ) => Language::CPlusPlus,
            _ => Language::C,
        }
    }

    /// The language that its names are mangled by.
    pub(super) fn dwarf_language(&self) -> Option<DwLang> {
        self.known.dwarf_language
    }

    /// All units of its file.
    pub(super) fn units(&self) -> &'t Units {
        self.units
    }

    /// Which code is which function's.
    pub(super) fn functions(&self) -> &'t Functions {
        self.known.functions.get_or_init(|| Functions::of_unit(*self))
    }

    /// Which code is of which line.
    pub(super) fn lines(&self) -> &'t Lines {
        self.known.lines.get_or_init(|| Lines::of(*self))
    }

    /// Calls `take` with the first address and the one behind the last of each range that `entry`
    /// covers, until it returns false.
    pub(super) fn each_range(&self, entry: &Entry, mut take: impl FnMut(u64, u64) -> bool) {
        if let Some(list) = entry.attr_value(dw::DW_AT_ranges) {
            let Ok(Some(mut ranges)) = self.own.attr_ranges(list) else { return };
            while let Ok(Some(range)) = ranges.next() {
                if range.begin < range.end && !take(range.begin, range.end) {
                    return;
                }
            }
            return;
        }
        let address = |at| self.own.attr_address(entry.attr_value(at)?).ok()?;
        let Some(low) = address(dw::DW_AT_low_pc) else { return };
        let high = match entry.attr_value(dw::DW_AT_high_pc) {
            Some(AttributeValue::Udata(len)) => low.checked_add(len),
            _ => address(dw::DW_AT_high_pc),
        };
        if let Some(high) = high.filter(|high| low < *high) {
            take(low, high);
        }
    }

    /// Whether `entry` covers the address `pc`.
    pub(crate) fn covers(&self, entry: &Entry, pc: u64) -> bool {
        let mut found = false;
        self.each_range(entry, |begin, end| {
            found = (begin..end).contains(&pc);
            !found
        });
        found
    }

    /// Plain gimli's view of it.
    pub(crate) fn plain(&self) -> gimli::UnitRef<'t, Slice> {
        self.own
    }

    /// The source file that it was compiled from. To the file of a crate rustc adds `/@/` and a name for
    /// the part of it that became this unit.
    pub(crate) fn file(&self) -> Option<String> {
        let name = text(self.own.name.as_ref()?);
        Some(name.split_once("/@/").map(|(file, _)| file.to_string()).unwrap_or(name))
    }

    /// The entry that an attribute refers to, in whichever unit it is.
    pub(crate) fn follow(&self, entry: &Entry, at: DwAt) -> Option<(Unit<'t>, Entry)> {
        let (unit, offset) = self.reference(entry, at)?;
        Some((unit, unit.entry(offset).ok()?))
    }

    /// The same, as unit and offset.
    pub(crate) fn reference(
        &self,
        entry: &Entry,
        at: DwAt,
    ) -> Option<(Unit<'t>, UnitOffset<usize>)> {
        match entry.attr_value(at)? {
            AttributeValue::UnitRef(offset) => Some((*self, offset)),
            AttributeValue::DebugInfoRef(offset) => self.units.holding(offset),
            AttributeValue::DebugTypesRef(signature) => {
                let (index, offset) = self.units.signatures.get(&signature)?;
                Some((self.units.get(*index)?, *offset))
            }
            _ => None,
        }
    }

    /// The entry that says what `entry` leaves out: of an inlined function, or of a declaration.
    pub(crate) fn origin(&self, entry: &Entry) -> Option<(Unit<'t>, Entry)> {
        self.follow(entry, dw::DW_AT_abstract_origin)
            .or_else(|| self.follow(entry, dw::DW_AT_specification))
    }

    /// What `read` finds at `entry`, or at one that it completes.
    pub(crate) fn described<T>(
        &self,
        entry: &Entry,
        read: impl Fn(Unit<'t>, &Entry) -> Option<T>,
    ) -> Option<T> {
        let mut at = (*self, entry.clone());
        for _ in 0..MOST_ORIGINS {
            if let Some(found) = read(at.0, &at.1) {
                return Some(found);
            }
            at = at.0.origin(&at.1)?;
        }
        None
    }

    /// The name of an entry, its own or that of the one it completes.
    pub(crate) fn name_of(&self, entry: &Entry) -> Option<String> {
        self.described(entry, |unit, entry| unit.string(entry, dw::DW_AT_name))
    }

    /// A text attribute.
    pub(crate) fn string(&self, entry: &Entry, at: DwAt) -> Option<String> {
        let value = entry.attr_value(at)?;
        Some(text(&self.own.attr_string(value).ok()?))
    }

    /// The scopes that the entry at `offset` is declared in, outermost first.
    pub(crate) fn scopes_of(&self, offset: UnitOffset<usize>) -> Vec<&'t str> {
        let holds = |scope: &&Scope| scope.start < offset.0 && offset.0 < scope.end;
        let scopes: &'t [Scope] = self.known.scopes.get_or_init(|| self.read_scopes());
        scopes.iter().filter(holds).map(|scope| scope.name.as_str()).collect()
    }

    fn read_scopes(&self) -> Vec<Scope> {
        const TAGS: [gimli::DwTag; 5] = [
            dw::DW_TAG_namespace,
            dw::DW_TAG_structure_type,
            dw::DW_TAG_class_type,
            dw::DW_TAG_union_type,
            dw::DW_TAG_subprogram,
        ];
        let mut scopes: Vec<Scope> = Vec::new();
        // Indices of those that are not closed yet, with their depths.
        let mut open: Vec<(isize, usize)> = Vec::new();
        let Ok(mut entries) = self.own.entries_raw(None) else { return scopes };
        while !entries.is_empty() && scopes.len() < MOST_SCOPES {
            let (offset, depth) = (entries.next_offset(), entries.next_depth());
            while let Some((_, index)) = open.pop_if(|(of, _)| *of >= depth) {
                if let Some(scope) = scopes.get_mut(index) {
                    scope.end = offset.0;
                }
            }
            let Ok(abbreviation) = entries.read_abbreviation() else { break };
            let Some(abbreviation) = abbreviation else { continue };
            if entries.skip_attributes(abbreviation.attributes()).is_err() {
                break;
            }
            if abbreviation.has_children()
                && TAGS.contains(&abbreviation.tag())
                && let Ok(entry) = self.own.entry(offset)
            {
                let name = self.name_of(&entry).unwrap_or_else(|| "(anonymous)".into());
                open.push((depth, scopes.len()));
                scopes.push(Scope { start: offset.0, end: usize::MAX, name });
            }
        }
        scopes
    }
}
