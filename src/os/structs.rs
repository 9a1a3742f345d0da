//! The layout of the firmware's structures, out of its DWARF.
//!
//! Source: DWARF 5 (dwarfstd.org, 2017-02-13), 5.7 "Structure, union, class", read through gimli.

use super::words::{read_sized, word_len};
use crate::debug_info::Slice;
use crate::dump::Dump;
use gimli::{AttributeValue, UnitOffset};
use std::collections::HashMap;

type Unit<'a> = gimli::Unit<Slice<'a>>;
type Entry<'a> = gimli::DebuggingInformationEntry<Slice<'a>>;

/// Typedefs of typedefs, structures in structures: more than this is a circle.
const DEEPEST: usize = 16;

/// The structures of a firmware, by name.
pub(super) struct Structs<'d, 'a> {
    dwarf: &'d gimli::Dwarf<Slice<'a>>,
    units: Vec<Unit<'a>>,
    found: HashMap<&'static str, Type>,
}

/// A type: the unit that it is described in, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    unit: usize,
    offset: UnitOffset,
}

/// A member of a structure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    /// Bytes from the start of the structure.
    pub offset: u64,
    /// What it is.
    pub kind: Type,
}

impl<'d, 'a> Structs<'d, 'a> {
    /// Looks for the structures and enumerations called so: of each group the first that comes up, since a
    /// structure was called otherwise in another version. Units behind the last one needed are
    /// not read. `None` if there is no usable DWARF.
    pub(super) fn find(
        dwarf: &'d gimli::Dwarf<Slice<'a>>,
        groups: &[&[&'static str]],
    ) -> Option<Self> {
        let names: Vec<&'static str> = groups.concat();
        let mut structs = Structs { dwarf, units: Vec::new(), found: HashMap::new() };
        let mut headers = structs.dwarf.units();
        // A damaged unit ends the search; what was found before it counts.
        while let Ok(Some(header)) = headers.next() {
            let Ok(unit) = structs.dwarf.unit(header) else { continue };
            structs.units.push(unit);
            structs.scan(&names);
            let found = |group: &&[&str]| group.iter().any(|n| structs.found.contains_key(n));
            if groups.iter().all(found) {
                break;
            }
        }
        (!structs.found.is_empty()).then_some(structs)
    }

    /// Looks through the last unit.
    fn scan(&mut self, names: &[&'static str]) -> Option<()> {
        let index = self.units.len().checked_sub(1)?;
        let unit = self.units.get(index)?;
        let mut tree = unit.entries_tree(None).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(node)) = children.next() {
            let entry = node.entry();
            let wanted = [gimli::DW_TAG_structure_type, gimli::DW_TAG_enumeration_type];
            if !wanted.contains(&entry.tag())
                || entry.attr_value(gimli::DW_AT_declaration).is_some()
            {
                continue;
            }
            let Some(name) = self.name(unit, entry) else { continue };
            if let Some(wanted) = names.iter().find(|wanted| wanted.as_bytes() == name) {
                let offset = entry.offset();
                self.found.entry(wanted).or_insert(Type { unit: index, offset });
            }
        }
        Some(())
    }

    fn name(&self, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<&'a [u8]> {
        let value = entry.attr_value(gimli::DW_AT_name)?;
        self.dwarf.attr_string(unit, value).ok().map(|name| name.slice())
    }

    /// The structure called `name`, if it was looked for and found.
    pub(super) fn get(&self, name: &str) -> Option<Type> {
        self.found.get(name).copied()
    }

    /// The size of a type in bytes.
    pub(super) fn size(&self, kind: Type) -> Option<u64> {
        let kind = self.peel(kind)?;
        let entry = self.entry(kind)?;
        if let Some(size) = entry.attr_value(gimli::DW_AT_byte_size) {
            return size.udata_value();
        }
        let element = self.target(kind.unit, &entry)?;
        let count = self.count(kind)?;
        self.size(element)?.checked_mul(count)
    }

    /// The value of the first of `paths` that the structure `kind` has, in the one at `at`, of
    /// whatever size.
    pub(super) fn value(&self, dump: &Dump, kind: Type, at: u64, paths: &[&str]) -> Option<u64> {
        let member = paths.iter().find_map(|path| self.member(kind, path))?;
        let len = self.size(member.kind).unwrap_or_else(|| word_len(&dump.arch));
        read_sized(&dump.memory, at.checked_add(member.offset)?, len, &dump.arch)
    }

    /// The member at `path`, its parts set apart by dots, through members without a name.
    pub(super) fn member(&self, of: Type, path: &str) -> Option<Member> {
        let mut at = Member { offset: 0, kind: of };
        for part in path.split('.') {
            let next = self.direct(at.kind, part, DEEPEST)?;
            at = Member { offset: at.offset.checked_add(next.offset)?, kind: next.kind };
        }
        Some(at)
    }

    fn direct(&self, of: Type, wanted: &str, depth: usize) -> Option<Member> {
        let depth = depth.checked_sub(1)?;
        let of = self.peel(of)?;
        let unit = self.units.get(of.unit)?;
        let mut tree = unit.entries_tree(Some(of.offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(node)) = children.next() {
            let entry = node.entry();
            if entry.tag() != gimli::DW_TAG_member {
                continue;
            }
            let offset = match entry.attr_value(gimli::DW_AT_data_member_location) {
                Some(value) => value.udata_value(),
                // The members of a union have none.
                None => Some(0),
            };
            let (Some(offset), Some(kind)) = (offset, self.target(of.unit, entry)) else {
                continue;
            };
            match self.name(unit, entry) {
                Some(name) if name == wanted.as_bytes() => return Some(Member { offset, kind }),
                Some(_) => {}
                None => {
                    if let Some(inner) = self.direct(kind, wanted, depth) {
                        let offset = offset.checked_add(inner.offset)?;
                        return Some(Member { offset, kind: inner.kind });
                    }
                }
            }
        }
        None
    }

    /// How many elements an array has.
    pub(super) fn count(&self, array: Type) -> Option<u64> {
        let array = self.peel(array)?;
        let unit = self.units.get(array.unit)?;
        let mut tree = unit.entries_tree(Some(array.offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(node)) = children.next() {
            let entry = node.entry();
            if entry.tag() == gimli::DW_TAG_subrange_type {
                let count = entry.attr_value(gimli::DW_AT_count).and_then(|v| v.udata_value());
                let last = entry.attr_value(gimli::DW_AT_upper_bound);
                let last = last.and_then(|v| v.udata_value());
                return count.or_else(|| last?.checked_add(1));
            }
        }
        None
    }

    /// The name that an enumeration has for `value`.
    pub(super) fn enumerator(&self, of: Type, value: u64) -> Option<String> {
        let unit = self.units.get(of.unit)?;
        let mut tree = unit.entries_tree(Some(of.offset)).ok()?;
        let mut children = tree.root().ok()?.children();
        while let Ok(Some(node)) = children.next() {
            let entry = node.entry();
            let own = entry.attr_value(gimli::DW_AT_const_value).and_then(|v| v.udata_value());
            if entry.tag() == gimli::DW_TAG_enumerator && own == Some(value) {
                let name = self.name(unit, entry)?;
                return Some(String::from_utf8_lossy(name).into_owned());
            }
        }
        None
    }

    /// Whether a type is an array.
    pub(super) fn is_array(&self, kind: Type) -> bool {
        let entry = self.peel(kind).and_then(|kind| self.entry(kind));
        entry.is_some_and(|entry| entry.tag() == gimli::DW_TAG_array_type)
    }

    /// What an array is of.
    pub(super) fn element(&self, array: Type) -> Option<Type> {
        let array = self.peel(array)?;
        let entry = self.entry(array)?;
        self.target(array.unit, &entry)
    }

    /// The type behind typedefs and qualifiers.
    fn peel(&self, mut kind: Type) -> Option<Type> {
        for _ in 0..DEEPEST {
            let entry = self.entry(kind)?;
            match entry.tag() {
                gimli::DW_TAG_typedef
                | gimli::DW_TAG_const_type
                | gimli::DW_TAG_volatile_type
                | gimli::DW_TAG_atomic_type => kind = self.target(kind.unit, &entry)?,
                _ => return Some(kind),
            }
        }
        None
    }

    fn entry(&self, kind: Type) -> Option<Entry<'a>> {
        self.units.get(kind.unit)?.entry(kind.offset).ok()
    }

    /// The type that an entry refers to, within its unit.
    fn target(&self, unit: usize, entry: &Entry<'a>) -> Option<Type> {
        match entry.attr_value(gimli::DW_AT_type)? {
            AttributeValue::UnitRef(offset) => Some(Type { unit, offset }),
            _ => None,
        }
    }
}
