//! What DWARF says of types.
//!
//! Source: DWARF 5, chapter 5 "Type Entries".

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::{Entry, Offset, Unit};
use crate::debug_info::Language;
use gimli::constants as dw;
use gimli::{AttributeValue, DwAt, DwTag};

/// More steps from a typedef to its type than any source has.
const MOST_STEPS: usize = 32;
/// More members, elements or enumerators are not looked at.
const MOST_CHILDREN: usize = 4096;

/// A type, without the names and qualifiers around it.
#[derive(Clone)]
pub(super) struct Type<'t, 'a> {
    pub unit: Unit<'t, 'a>,
    pub entry: Entry<'a>,
}

impl<'t, 'a> Type<'t, 'a> {
    /// The type of `entry` behind its typedefs and qualifiers; `None` for `void` and damage.
    pub(super) fn new(unit: Unit<'t, 'a>, entry: Entry<'a>) -> Option<Self> {
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

    /// The type itself for one that is only declared here: in a type unit.
    fn whole(self) -> Self {
        let whole = self.unit.follow(&self.entry, dw::DW_AT_signature);
        whole.map_or(self, |(unit, entry)| Type { unit, entry })
    }

    /// The type that the attribute `DW_AT_type` of `entry`, or of what it completes, names.
    pub(super) fn of(unit: Unit<'t, 'a>, entry: &Entry<'a>) -> Option<Self> {
        let found = unit.described(entry, |unit, entry| unit.follow(entry, dw::DW_AT_type));
        let (unit, entry) = found?;
        Type::new(unit, entry)
    }

    pub(super) fn tag(&self) -> DwTag {
        self.entry.tag()
    }

    pub(super) fn is_pointer(&self) -> bool {
        matches!(
            self.tag(),
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type
        )
    }

    pub(super) fn is_structure(&self) -> bool {
        matches!(
            self.tag(),
            dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type
        )
    }

    /// The type that this one points to, is an array of, or has as its base.
    pub(super) fn target(&self) -> Option<Self> {
        Type::of(self.unit, &self.entry)
    }

    /// Its children with one of `tags`.
    pub(super) fn children(&self, tags: &[DwTag]) -> Vec<Entry<'a>> {
        children(self.unit, self.entry.offset(), tags)
    }

    /// Its name without the scopes that it is declared in.
    pub(super) fn name(&self) -> Option<String> {
        self.unit.string(&self.entry, dw::DW_AT_name)
    }

    /// `core::option::Option<u8>`. Without a name: what GDB calls it.
    pub(super) fn path(&self) -> String {
        let name = self.name().unwrap_or_else(|| "{...}".into());
        self.scoped(&name)
    }

    /// A name in the scopes that the type is declared in; of C, which has none, alone.
    pub(super) fn scoped(&self, name: &str) -> String {
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
    pub(super) fn size(&self) -> Option<u64> {
        if let Some(size) = number(&self.entry, dw::DW_AT_byte_size) {
            return Some(size);
        }
        match self.tag() {
            dw::DW_TAG_array_type => {
                let element = self.target()?.size()?;
                self.dimensions().iter().try_fold(element, |size, n| size.checked_mul((*n)?))
            }
            dw::DW_TAG_enumeration_type => self.target()?.size(),
            _ if self.is_pointer() => Some(self.unit.encoding().address_size.into()),
            _ => None,
        }
    }

    /// How many elements an array has, per dimension; `None` for one without a bound.
    pub(super) fn dimensions(&self) -> Vec<Option<u64>> {
        let count = |range: &Entry<'a>| {
            number(range, dw::DW_AT_count)
                // GCC's `[0]` has the upper bound -1.
                .or_else(|| Some(number(range, dw::DW_AT_upper_bound)?.wrapping_add(1)))
                .map(|count| if count > u64::from(u32::MAX) { 0 } else { count })
        };
        self.children(&[dw::DW_TAG_subrange_type]).iter().map(count).collect()
    }

    /// The encoding of a base type.
    pub(super) fn encoding(&self) -> Option<gimli::DwAte> {
        match self.entry.attr_value(dw::DW_AT_encoding)? {
            AttributeValue::Encoding(encoding) => Some(encoding),
            _ => None,
        }
    }

    /// Whether it is a character of one byte: what a `char *` points to. Rust's `u8` is none.
    pub(super) fn is_char(&self) -> bool {
        self.tag() == dw::DW_TAG_base_type
            && self.size() == Some(1)
            && self.unit.language() != Language::Rust
            && matches!(
                self.encoding(),
                Some(dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char | dw::DW_ATE_UTF)
            )
    }

    /// Whether it is read as a signed number.
    pub(super) fn is_signed(&self) -> bool {
        match self.tag() {
            dw::DW_TAG_enumeration_type => {
                self.target().is_some_and(|base| base.is_signed())
                    || self.enumerators().iter().any(|(_, value)| *value < 0)
            }
            _ => matches!(
                self.encoding(),
                Some(dw::DW_ATE_signed | dw::DW_ATE_signed_char | dw::DW_ATE_signed_fixed)
            ),
        }
    }

    /// Names and values of an enumeration.
    pub(super) fn enumerators(&self) -> Vec<(String, i128)> {
        let all = self.children(&[dw::DW_TAG_enumerator]);
        let pair = |entry: &Entry<'a>| {
            let value = constant(entry, dw::DW_AT_const_value)?;
            Some((self.unit.string(entry, dw::DW_AT_name)?, value))
        };
        all.iter().filter_map(pair).collect()
    }
}

/// Whether a name is of a type that the language has and no crate declares: `(u8, u8)`, `&str`.
fn is_of_rust_itself(name: &str) -> bool {
    name.starts_with(['(', '&', '*', '['])
}

/// The direct children of the entry at `offset` with one of `tags`.
pub(super) fn children<'a>(unit: Unit<'_, 'a>, offset: Offset, tags: &[DwTag]) -> Vec<Entry<'a>> {
    let mut found = Vec::new();
    let Ok(mut tree) = unit.entries_tree(Some(offset)) else { return found };
    let Ok(root) = tree.root() else { return found };
    let mut children = root.children();
    while let Ok(Some(child)) = children.next() {
        if tags.contains(&child.entry().tag()) {
            found.push(child.entry().clone());
            if found.len() >= MOST_CHILDREN {
                break;
            }
        }
    }
    found
}

/// An attribute that is a number from 0.
pub(super) fn number(entry: &Entry<'_>, at: DwAt) -> Option<u64> {
    entry.attr(at)?.value().udata_value()
}

/// An attribute that is a number of either sign.
pub(super) fn constant(entry: &Entry<'_>, at: DwAt) -> Option<i128> {
    match entry.attr(at)?.value() {
        AttributeValue::Udata(n) => Some(n.into()),
        other => other.sdata_value().map(i128::from),
    }
}
