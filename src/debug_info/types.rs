//! What DWARF says of types.
//!
//! Source: DWARF 5, chapter 5 "Type Entries".

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::units::Units;
use super::walk::{Next, children};
use super::{Entry, Language, Unit};
use gimli::constants as dw;
use gimli::{AttributeValue, DwAt, DwTag};
use std::collections::HashMap;

/// More steps from a typedef to its type than any source has.
const MOST_STEPS: usize = 32;
/// Arrays of arrays, structures in structures without a name: more than this is a circle.
const DEEPEST: usize = 16;
/// As many structures without a name are looked into for one member.
const MOST_ANONYMOUS: usize = 1024;
/// More dimensions no array has.
const MOST_DIMENSIONS: usize = 32;

/// A type, without the names and qualifiers around it.
#[derive(Clone)]
pub(crate) struct Type<'t> {
    pub unit: Unit<'t>,
    pub entry: Entry,
}

impl<'t> Type<'t> {
    /// The type of `entry` behind its typedefs and qualifiers; `None` for `void` and damage.
    pub(crate) fn new(unit: Unit<'t>, entry: Entry) -> Option<Self> {
        let mut at = (unit, entry);
        for _ in 0..MOST_STEPS {
            match at.1.tag() {
                dw::DW_TAG_typedef
                | dw::DW_TAG_const_type
                | dw::DW_TAG_volatile_type
                | dw::DW_TAG_restrict_type
                | dw::DW_TAG_atomic_type
                | dw::DW_TAG_packed_type
                | dw::DW_TAG_immutable_type => at = at.0.follow(&at.1, dw::DW_AT_type)?,
                _ => return Some(Type { unit: at.0, entry: at.1 }.whole()),
            }
        }
        None
    }

    /// The type itself for one that is only declared here: in a type unit, or elsewhere under the
    /// same name.
    fn whole(self) -> Self {
        if let Some((unit, entry)) = self.unit.follow(&self.entry, dw::DW_AT_signature) {
            return Type { unit, entry };
        }
        if !self.is_declared() || self.unit.language() == Language::Rust {
            return self;
        }
        let completed = self.name().and_then(|name| self.unit.units().defined(&name));
        let completed = completed.filter(|whole| whole.tag() == self.tag());
        completed.unwrap_or(self)
    }

    /// Whether it is no more than announced.
    fn is_declared(&self) -> bool {
        self.entry.has_attr(dw::DW_AT_declaration)
    }

    /// The type that the attribute `DW_AT_type` of `entry`, or of what it completes, names.
    pub(crate) fn of(unit: Unit<'t>, entry: &Entry) -> Option<Self> {
        let found = unit.described(entry, |unit, entry| unit.follow(entry, dw::DW_AT_type));
        let (unit, entry) = found?;
        Type::new(unit, entry)
    }

    pub(crate) fn tag(&self) -> DwTag {
        self.entry.tag()
    }

    pub(crate) fn is_pointer(&self) -> bool {
        matches!(
            self.tag(),
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type
        )
    }

    pub(crate) fn is_structure(&self) -> bool {
        matches!(
            self.tag(),
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type
        )
    }

    /// The type that this one points to, is an array of, or has as its base.
    pub(crate) fn target(&self) -> Option<Self> {
        Type::of(self.unit, &self.entry)
    }

    /// Its children with one of `tags`.
    pub(crate) fn children(&self, tags: &[DwTag]) -> Vec<Entry> {
        children(self.unit, self.entry.offset(), tags)
    }

    /// Its name without the scopes that it is declared in.
    pub(crate) fn name(&self) -> Option<String> {
        self.unit.string(&self.entry, dw::DW_AT_name)
    }

    /// `core::option::Option<u8>`. Without a name: what GDB calls it.
    pub(crate) fn path(&self) -> String {
        let name = self.name().unwrap_or_else(|| "{...}".into());
        self.scoped(&name)
    }

    /// A name in the scopes that the type is declared in; of C, which has none, alone.
    pub(crate) fn scoped(&self, name: &str) -> String {
        if self.unit.language() == Language::C || is_of_rust_itself(name) {
            return name.to_string();
        }
        // In a type unit the namespaces are around a declaration that this one completes.
        let (unit, entry) = self
            .unit
            .follow(&self.entry, dw::DW_AT_specification)
            .unwrap_or_else(|| (self.unit, self.entry.clone()));
        let mut path = unit.scopes_of(entry.offset());
        path.push(name);
        path.join("::")
    }

    /// Bytes of a value of it; `None` if DWARF does not say.
    pub(crate) fn size(&self) -> Option<u64> {
        let mut at = self.clone();
        let mut elements = 1u64;
        for _ in 0..DEEPEST {
            let size = match at.tag() {
                _ if at.entry.has_attr(dw::DW_AT_byte_size) => {
                    number(&at.entry, dw::DW_AT_byte_size)
                }
                dw::DW_TAG_array_type => {
                    let counts = at.dimensions();
                    elements = counts.iter().try_fold(elements, |all, n| all.checked_mul((*n)?))?;
                    at = at.target()?;
                    continue;
                }
                dw::DW_TAG_enumeration_type => {
                    at = at.target()?;
                    continue;
                }
                _ if at.is_pointer() => Some(at.unit.encoding().address_size.into()),
                _ => None,
            };
            return size?.checked_mul(elements);
        }
        None
    }

    /// How many elements an array has, per dimension; `None` for one without a bound.
    pub(crate) fn dimensions(&self) -> Vec<Option<u64>> {
        let count = |range: &Entry| {
            number(range, dw::DW_AT_count)
                // GCC's `[0]` has the upper bound -1.
                .or_else(|| Some(number(range, dw::DW_AT_upper_bound)?.wrapping_add(1)))
                .map(|count| if count > u64::from(u32::MAX) { 0 } else { count })
        };
        let ranges = self.children(&[dw::DW_TAG_subrange_type]);
        ranges.iter().take(MOST_DIMENSIONS).map(count).collect()
    }

    /// The encoding of a base type.
    pub(crate) fn encoding(&self) -> Option<gimli::DwAte> {
        match self.entry.attr_value(dw::DW_AT_encoding)? {
            AttributeValue::Encoding(encoding) => Some(encoding),
            _ => None,
        }
    }

    /// Whether it is a character of one byte: what a `char *` points to. Rust's `u8` is none.
    pub(crate) fn is_char(&self) -> bool {
        self.tag() == dw::DW_TAG_base_type
            && self.size() == Some(1)
            && self.unit.language() != Language::Rust
            && matches!(
                self.encoding(),
                Some(dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char | dw::DW_ATE_UTF)
            )
    }

    /// Whether it is read as a signed number.
    pub(crate) fn is_signed(&self) -> bool {
        let signed = |of: &Type<'_>| {
            matches!(
                of.encoding(),
                Some(dw::DW_ATE_signed | dw::DW_ATE_signed_char | dw::DW_ATE_signed_fixed)
            )
        };
        match self.tag() {
            dw::DW_TAG_enumeration_type => {
                self.target().is_some_and(|base| signed(&base))
                    || self.enumerators().iter().any(|(_, value)| *value < 0)
            }
            _ => signed(self),
        }
    }

    /// Names and values of an enumeration.
    pub(crate) fn enumerators(&self) -> Vec<(String, i128)> {
        let all = self.children(&[dw::DW_TAG_enumerator]);
        let pair = |entry: &Entry| {
            let value = constant(entry, dw::DW_AT_const_value)?;
            Some((self.unit.string(entry, dw::DW_AT_name)?, value))
        };
        all.iter().filter_map(pair).collect()
    }

    /// The name that an enumeration has for `value`.
    pub(crate) fn enumerator(&self, value: u64) -> Option<String> {
        let all = self.enumerators();
        all.into_iter().find(|(_, own)| *own == i128::from(value)).map(|(name, _)| name)
    }

    /// How many elements an array of one dimension has.
    pub(crate) fn count(&self) -> Option<u64> {
        self.dimensions().first().copied().flatten()
    }

    /// Whether it is an array.
    pub(crate) fn is_array(&self) -> bool {
        self.tag() == dw::DW_TAG_array_type
    }

    /// The member at `path`, its parts set apart by dots, through members without a name.
    pub(crate) fn member(&self, path: &str) -> Option<Place<'t>> {
        let mut at = Place { offset: 0, kind: self.clone() };
        for part in path.split('.') {
            let mut left = MOST_ANONYMOUS;
            let next = at.kind.direct_member(part, DEEPEST, &mut left)?;
            at = Place { offset: at.offset.checked_add(next.offset)?, kind: next.kind };
        }
        Some(at)
    }

    /// `left` counts the structures without a name that may still be looked into.
    fn direct_member(&self, wanted: &str, depth: usize, left: &mut usize) -> Option<Place<'t>> {
        let depth = depth.checked_sub(1)?;
        *left = left.checked_sub(1)?;
        for entry in self.children(&[dw::DW_TAG_member]) {
            let name = self.unit.string(&entry, dw::DW_AT_name);
            if name.as_ref().is_some_and(|name| name != wanted) {
                continue;
            }
            let (Some(offset), Some(kind)) = (member_offset(&entry), Type::of(self.unit, &entry))
            else {
                continue;
            };
            if name.is_some() {
                return Some(Place { offset, kind });
            }
            if let Some(inner) = kind.direct_member(wanted, depth, left) {
                return Some(Place { offset: offset.checked_add(inner.offset)?, kind: inner.kind });
            }
        }
        None
    }
}

/// A member of a structure.
#[derive(Clone)]
pub(crate) struct Place<'t> {
    /// Bytes from the start of the structure.
    pub offset: u64,
    /// What it is.
    pub kind: Type<'t>,
}

/// Bytes from the start of its structure to a member; `None` where that is computed. The members
/// of a union have no such attribute.
pub(crate) fn member_offset(entry: &Entry) -> Option<u64> {
    match entry.attr_value(dw::DW_AT_data_member_location) {
        None => Some(number(entry, dw::DW_AT_data_bit_offset).unwrap_or(0) / 8),
        // DWARF 2: DW_OP_plus_uconst.
        Some(AttributeValue::Exprloc(expression)) => match expression.0.bytes() {
            [0x23, low @ 0..=0x7f] => Some((*low).into()),
            [0x23, low, high @ 0..=0x7f] => Some(u64::from(low & 0x7f) | u64::from(*high) << 7),
            _ => None,
        },
        Some(_) => number(entry, dw::DW_AT_data_member_location),
    }
}

/// Structures and enumerations by name.
pub(crate) struct Structs<'t>(HashMap<&'static str, Type<'t>>);

impl<'t> Structs<'t> {
    /// Looks for those called so: of each group one, since a structure was called otherwise in
    /// another version. `None` if there is none of them at all.
    pub(crate) fn find(units: &'t Units, groups: &[&[&'static str]]) -> Option<Self> {
        let names: Vec<&str> = groups.concat();
        let is_whole = |found: &dyn Fn(&str) -> bool| {
            groups.iter().all(|group| group.iter().any(|name| found(name)))
        };
        units.look_for(&names, is_whole);
        let known = |name: &&'static str| Some((*name, units.remembered(name)??));
        let found: HashMap<_, _> = groups.concat().iter().filter_map(known).collect();
        (!found.is_empty()).then_some(Structs(found))
    }

    /// The one called `name`, if it was looked for and found.
    pub(crate) fn get(&self, name: &str) -> Option<Type<'t>> {
        self.0.get(name).cloned()
    }
}

impl Units {
    /// The structure, union or enumeration called `name` that is declared outside of all others.
    fn defined(&self, name: &str) -> Option<Type<'_>> {
        self.look_for(&[name], |found| found(name));
        self.remembered(name)?
    }

    /// What is known of `name`: nothing yet, or where it is, if anywhere.
    fn remembered(&self, name: &str) -> Option<Option<Type<'_>>> {
        let place = self.named().get(name).copied()?;
        let place = place.and_then(|(index, offset)| {
            let unit = self.get(index)?;
            Some(Type { unit, entry: unit.entry(offset).ok()? })
        });
        Some(place)
    }

    /// Reads unit after unit and remembers where the types called `names` are, until `is_whole`.
    /// Units behind the last one needed are not read. A name with `::` is that of a type within
    /// namespaces, any other that of one outside of them.
    fn look_for(&self, names: &[&str], is_whole: impl Fn(&dyn Fn(&str) -> bool) -> bool) {
        let mut known = self.named();
        let mut missing: Vec<&str> =
            names.iter().copied().filter(|name| !known.contains_key(*name)).collect();
        if missing.is_empty() || is_whole(&|name| matches!(known.get(name), Some(Some(_)))) {
            return;
        }
        for index in 0..self.count() {
            let Some(unit) = self.get(index) else { continue };
            unit.walk(unit.header.root_offset(), |entry, depth| {
                if entry.tag() == dw::DW_TAG_namespace
                    && missing.iter().any(|wanted| wanted.contains("::"))
                {
                    return Next::Into;
                }
                let is_type = matches!(
                    entry.tag(),
                    dw::DW_TAG_structure_type
                        | dw::DW_TAG_class_type
                        | dw::DW_TAG_union_type
                        | dw::DW_TAG_enumeration_type
                );
                if is_type
                    && !entry.has_attr(dw::DW_AT_declaration)
                    && let Some(value) = entry.attr_value(dw::DW_AT_name)
                    && let Ok(name) = unit.attr_string(value)
                    && let Some(at) = missing.iter().position(|wanted| match depth {
                        1 => wanted.as_bytes() == name.bytes(),
                        _ => is_path(wanted, &unit, entry, name.bytes()),
                    })
                {
                    known
                        .insert(missing.swap_remove(at).to_string(), Some((index, entry.offset())));
                }
                if missing.is_empty() { Next::Stop } else { Next::Over }
            });
            if is_whole(&|name| matches!(known.get(name), Some(Some(_)))) {
                return;
            }
        }
        known.extend(missing.into_iter().map(|name| (name.to_string(), None)));
    }
}

/// Whether `wanted` is the path of the type `entry`, which is called `name` in its scopes.
fn is_path(wanted: &str, unit: &Unit<'_>, entry: &Entry, name: &[u8]) -> bool {
    wanted.rsplit_once("::").is_some_and(|(scopes, last)| {
        last.as_bytes() == name && unit.scopes_of(entry.offset()).join("::") == scopes
    })
}

/// Whether a name is of a type that the language has and no crate declares: `(u8, u8)`, `&str`.
fn is_of_rust_itself(name: &str) -> bool {
    name.starts_with(['(', '&', '*', '['])
}

/// An attribute that is a number from 0.
pub(crate) fn number(entry: &Entry, at: DwAt) -> Option<u64> {
    entry.attr(at)?.value().udata_value()
}

/// An attribute that is a number of either sign.
pub(crate) fn constant(entry: &Entry, at: DwAt) -> Option<i128> {
    match entry.attr(at)?.value() {
        AttributeValue::Udata(n) => Some(n.into()),
        other => other.sdata_value().map(i128::from),
    }
}
