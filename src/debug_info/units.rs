//! The units of an ELF file, and references from one to another.
//!
//! Within a unit DWARF refers by offset; link-time optimisation (`DW_FORM_ref_addr`) and type
//! units (`DW_FORM_ref_sig8`, in `.debug_info` from DWARF 5 on, in `.debug_types` before) refer
//! across. Headers are read at once, a unit when something in it is asked for.
//!
//! Source: DWARF 5, sections 7.5.1 "Unit Headers" and 7.5.5 "Classes and Forms".

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::Slice;
use gimli::constants as dw;
use gimli::{
    AttributeValue, DebugInfoOffset, DebugTypeSignature, DwAt, UnitHeader, UnitOffset, UnitType,
};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

/// A DIE.
pub(crate) type Entry<'a> = gimli::DebuggingInformationEntry<Slice<'a>>;

/// A chain of origins longer than this is damage.
const MOST_ORIGINS: usize = 8;

/// How a language's values are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    C,
    CPlusPlus,
    Rust,
}

/// All units of an ELF file.
pub(crate) struct Units<'a> {
    dwarf: Arc<gimli::Dwarf<Slice<'a>>>,
    /// Those of `.debug_info` by their offset, then those of `.debug_types`.
    list: Vec<Slot<'a>>,
    /// How many are of `.debug_info`.
    infos: usize,
    signatures: HashMap<DebugTypeSignature, (usize, UnitOffset<usize>)>,
}

struct Slot<'a> {
    header: UnitHeader<Slice<'a>>,
    known: OnceCell<Option<Known<'a>>>,
}

struct Known<'a> {
    unit: gimli::Unit<Slice<'a>>,
    language: Language,
    scopes: OnceCell<Vec<Scope>>,
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
pub(crate) struct Unit<'t, 'a> {
    units: &'t Units<'a>,
    known: &'t Known<'a>,
    own: gimli::UnitRef<'t, Slice<'a>>,
}

impl<'t, 'a> Deref for Unit<'t, 'a> {
    type Target = gimli::UnitRef<'t, Slice<'a>>;

    fn deref(&self) -> &Self::Target {
        &self.own
    }
}

impl<'a> Units<'a> {
    pub(super) fn of(dwarf: &Arc<gimli::Dwarf<Slice<'a>>>) -> Units<'a> {
        let slot = |header| Slot { header, known: OnceCell::new() };
        let mut list = Vec::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            list.push(slot(header));
        }
        let infos = list.len();
        let mut headers = dwarf.type_units();
        while let Ok(Some(header)) = headers.next() {
            list.push(slot(header));
        }
        let signature = |(index, slot): (usize, &Slot<'a>)| match slot.header.type_() {
            UnitType::Type { type_signature, type_offset } => {
                Some((type_signature, (index, type_offset)))
            }
            _ => None,
        };
        let signatures = list.iter().enumerate().filter_map(signature).collect();
        Units { dwarf: dwarf.clone(), list, infos, signatures }
    }

    /// All units that can be read, in the file's order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Unit<'_, 'a>> {
        (0..self.list.len()).filter_map(|index| self.get(index))
    }

    fn get(&self, index: usize) -> Option<Unit<'_, 'a>> {
        let slot = self.list.get(index)?;
        let read = || {
            let unit = self.dwarf.unit(slot.header).ok()?;
            let language = language(&unit);
            Some(Known { unit, language, scopes: OnceCell::new() })
        };
        let known = slot.known.get_or_init(read).as_ref()?;
        Some(Unit { units: self, known, own: known.unit.unit_ref(&self.dwarf) })
    }

    /// The unit that holds the entry at `offset` of `.debug_info`.
    pub(crate) fn holding(
        &self,
        offset: DebugInfoOffset<usize>,
    ) -> Option<(Unit<'_, 'a>, UnitOffset<usize>)> {
        let infos = self.list.get(..self.infos)?;
        let starts = |slot: &Slot<'a>| slot.header.debug_info_offset().map_or(0, |start| start.0);
        let index = infos.partition_point(|slot| starts(slot) <= offset.0).checked_sub(1)?;
        let unit = self.get(index)?;
        Some((unit, offset.to_unit_offset(&unit.header)?))
    }
}

fn language(unit: &gimli::Unit<Slice<'_>>) -> Language {
    let root = unit.entry(unit.header.root_offset()).ok();
    match root.and_then(|root| root.attr_value(dw::DW_AT_language)) {
        Some(AttributeValue::Language(dw::DW_LANG_Rust)) => Language::Rust,
        Some(AttributeValue::Language(
            dw::DW_LANG_C_plus_plus
            | dw::DW_LANG_C_plus_plus_03
            | dw::DW_LANG_C_plus_plus_11
            | dw::DW_LANG_C_plus_plus_14
            | dw::DW_LANG_C_plus_plus_17
            | dw::DW_LANG_C_plus_plus_20,
        )) => Language::CPlusPlus,
        _ => Language::C,
    }
}

impl<'t, 'a> Unit<'t, 'a> {
    /// How values of its types are written.
    pub(crate) fn language(&self) -> Language {
        self.known.language
    }

    /// Plain gimli's view of it.
    pub(crate) fn plain(&self) -> gimli::UnitRef<'t, Slice<'a>> {
        self.own
    }

    /// The source file that it was compiled from.
    pub(crate) fn file(&self) -> Option<String> {
        Some(self.own.name?.to_string_lossy().into_owned())
    }

    /// The entry that an attribute refers to, in whichever unit it is.
    pub(crate) fn follow(&self, entry: &Entry<'a>, at: DwAt) -> Option<(Unit<'t, 'a>, Entry<'a>)> {
        let (unit, offset) = self.reference(entry, at)?;
        Some((unit, unit.entry(offset).ok()?))
    }

    /// The same, as unit and offset.
    pub(crate) fn reference(
        &self,
        entry: &Entry<'a>,
        at: DwAt,
    ) -> Option<(Unit<'t, 'a>, UnitOffset<usize>)> {
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
    pub(crate) fn origin(&self, entry: &Entry<'a>) -> Option<(Unit<'t, 'a>, Entry<'a>)> {
        self.follow(entry, dw::DW_AT_abstract_origin)
            .or_else(|| self.follow(entry, dw::DW_AT_specification))
    }

    /// What `read` finds at `entry`, or at one that it completes.
    pub(crate) fn described<T>(
        &self,
        entry: &Entry<'a>,
        read: impl Fn(Unit<'t, 'a>, &Entry<'a>) -> Option<T>,
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
    pub(crate) fn name_of(&self, entry: &Entry<'a>) -> Option<String> {
        self.described(entry, |unit, entry| unit.string(entry, dw::DW_AT_name))
    }

    /// A text attribute.
    pub(crate) fn string(&self, entry: &Entry<'a>, at: DwAt) -> Option<String> {
        let value = entry.attr_value(at)?;
        Some(self.own.attr_string(value).ok()?.to_string_lossy().into_owned())
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
        while !entries.is_empty() {
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
