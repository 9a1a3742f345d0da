//! What DWARF says of types.
//!
//! Source: DWARF 5, chapter 5 "Type Entries".

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::{Entry, Offset, Unit};
use gimli::constants as dw;
use gimli::{AttributeValue, DwAt, DwTag};

/// More steps from a typedef to its type than any source has.
const MOST_STEPS: usize = 32;
/// More members, elements or enumerators are not looked at.
const MOST_CHILDREN: usize = 4096;

/// A type, without the names and qualifiers around it.
pub(super) struct Type<'t, 'a> {
    pub unit: Unit<'t, 'a>,
    pub entry: Entry<'a>,
}

impl<'t, 'a> Type<'t, 'a> {
    /// The type at `offset` behind its typedefs and qualifiers; `None` for `void` and damage.
    pub(super) fn at(unit: Unit<'t, 'a>, offset: Offset) -> Option<Self> {
        let mut entry = unit.entry(offset).ok()?;
        for _ in 0..MOST_STEPS {
            match entry.tag() {
                dw::DW_TAG_typedef
                | dw::DW_TAG_const_type
                | dw::DW_TAG_volatile_type
                | dw::DW_TAG_restrict_type
                | dw::DW_TAG_atomic_type
                | dw::DW_TAG_packed_type
                | dw::DW_TAG_immutable_type => {
                    entry = unit.entry(reference(&entry, dw::DW_AT_type)?).ok()?;
                }
                _ => return Some(Type { unit, entry }),
            }
        }
        None
    }

    /// The type that the attribute `DW_AT_type` of `entry` names.
    pub(super) fn of(unit: Unit<'t, 'a>, entry: &Entry<'a>) -> Option<Self> {
        Type::at(unit, reference(entry, dw::DW_AT_type)?)
    }

    pub(super) fn tag(&self) -> DwTag {
        self.entry.tag()
    }

    /// The type that this one points to, is an array of, or has as its base.
    pub(super) fn target(&self) -> Option<Self> {
        Type::of(self.unit, &self.entry)
    }

    /// Its children with one of `tags`.
    pub(super) fn children(&self, tags: &[DwTag]) -> Vec<Entry<'a>> {
        children(self.unit, self.entry.offset(), tags)
    }

    /// Bytes of a value of it; `None` if DWARF does not say.
    pub(super) fn size(&self) -> Option<u64> {
        if let Some(size) = number(&self.entry, dw::DW_AT_byte_size) {
            return Some(size);
        }
        match self.tag() {
            dw::DW_TAG_pointer_type
            | dw::DW_TAG_reference_type
            | dw::DW_TAG_rvalue_reference_type => Some(self.unit.encoding().address_size.into()),
            dw::DW_TAG_array_type => {
                let element = self.target()?.size()?;
                self.dimensions().iter().try_fold(element, |size, n| size.checked_mul((*n)?))
            }
            dw::DW_TAG_enumeration_type => self.target()?.size(),
            _ => None,
        }
    }

    /// How many elements an array has, per dimension; `None` for one without a bound.
    pub(super) fn dimensions(&self) -> Vec<Option<u64>> {
        let count = |range: &Entry<'a>| {
            number(range, dw::DW_AT_count)
                .or_else(|| number(range, dw::DW_AT_upper_bound)?.checked_add(1))
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

    /// Whether it is a character of one byte: what a `char *` points to.
    pub(super) fn is_char(&self) -> bool {
        self.tag() == dw::DW_TAG_base_type
            && self.size() == Some(1)
            && matches!(
                self.encoding(),
                Some(dw::DW_ATE_signed_char | dw::DW_ATE_unsigned_char | dw::DW_ATE_UTF)
            )
    }

    /// Whether it is read as a signed number.
    pub(super) fn is_signed(&self) -> bool {
        match self.tag() {
            dw::DW_TAG_enumeration_type => self.target().is_some_and(|base| base.is_signed()),
            _ => matches!(
                self.encoding(),
                Some(dw::DW_ATE_signed | dw::DW_ATE_signed_char | dw::DW_ATE_signed_fixed)
            ),
        }
    }
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

/// A text attribute.
pub(super) fn string(unit: Unit<'_, '_>, entry: &Entry<'_>, at: DwAt) -> Option<String> {
    let value = entry.attr_value(at)?;
    match value {
        AttributeValue::String(text) => Some(text.to_string_lossy().into_owned()),
        AttributeValue::DebugStrRef(offset) => {
            Some(unit.string(offset).ok()?.to_string_lossy().into_owned())
        }
        AttributeValue::DebugLineStrRef(offset) => {
            Some(unit.line_string(offset).ok()?.to_string_lossy().into_owned())
        }
        AttributeValue::DebugStrOffsetsIndex(index) => {
            let offset = unit.string_offset(index).ok()?;
            Some(unit.string(offset).ok()?.to_string_lossy().into_owned())
        }
        _ => None,
    }
}

/// An attribute that is a number from 0.
pub(super) fn number(entry: &Entry<'_>, at: DwAt) -> Option<u64> {
    entry.attr(at)?.value().udata_value()
}

/// An attribute that refers to an entry of the same unit.
pub(super) fn reference(entry: &Entry<'_>, at: DwAt) -> Option<Offset> {
    match entry.attr_value(at)? {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

/// The entry that says what `entry` leaves out: of an inlined function, or of a declaration.
pub(super) fn origin<'a>(unit: Unit<'_, 'a>, entry: &Entry<'a>) -> Option<Entry<'a>> {
    let offset = reference(entry, dw::DW_AT_abstract_origin)
        .or_else(|| reference(entry, dw::DW_AT_specification))?;
    unit.entry(offset).ok()
}
