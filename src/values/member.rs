//! The parts of structures: members, base classes, static members, the variant of a Rust enum.
//!
//! Source: DWARF 5, sections 5.7.3 to 5.7.10.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::Entry;
use super::object::Store;
use super::print::Printer;
use crate::debug_info::Missing;
use crate::debug_info::{Type, constant, member_offset, number};
use gimli::constants as dw;

/// What a part is to its structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Field,
    /// C++: what the class inherits from.
    Base,
    /// C++: one for all objects of the class.
    Static,
}

/// A part of a structure.
pub(super) struct Member<'t> {
    pub part: Part,
    /// `None` for an anonymous structure or union.
    pub name: Option<String>,
    pub kind: Type<'t>,
    pub store: Result<Store, Missing>,
    /// Of a bit field: first bit, from the start of `store`, and how many.
    pub bits: Option<(u64, u64)>,
}

/// The variant that a Rust enum is.
pub(super) struct Variant<'t> {
    pub name: String,
    pub kind: Type<'t>,
    pub store: Result<Store, Missing>,
}

impl<'a> Printer<'_, 'a> {
    /// The members of a structure, in its order; of a Rust enum, those of all of its variants
    /// are left out.
    pub(super) fn members<'t>(&self, kind: &Type<'t>, store: &Store) -> Vec<Member<'t>> {
        const TAGS: [gimli::DwTag; 3] =
            [dw::DW_TAG_member, dw::DW_TAG_inheritance, dw::DW_TAG_variable];
        let entries = kind.children(&TAGS);
        entries.iter().filter_map(|entry| self.member(kind, entry, store)).collect()
    }

    fn member<'t>(&self, kind: &Type<'t>, entry: &Entry, store: &Store) -> Option<Member<'t>> {
        let own = Type::of(kind.unit, entry)?;
        let name = kind.unit.string(entry, dw::DW_AT_name);
        if entry.tag() == dw::DW_TAG_variable
            || entry.has_attr(dw::DW_AT_external)
            || entry.has_attr(dw::DW_AT_declaration)
        {
            let store = self.static_member(kind, entry);
            return Some(Member { part: Part::Static, name, kind: own, store, bits: None });
        }
        let part = match entry.tag() {
            dw::DW_TAG_inheritance => Part::Base,
            _ => Part::Field,
        };
        let name = if part == Part::Base { own.name() } else { name };
        let computed = Missing::Unsupported("a place that is computed (virtual inheritance)");
        let offset = match entry.attr_value(dw::DW_AT_data_member_location) {
            None => Some(0),
            Some(_) => member_offset(entry),
        };
        let Some(offset) = offset else {
            return Some(Member { part, name, kind: own, store: Err(computed), bits: None });
        };
        let bits = number(entry, dw::DW_AT_bit_size).map(|size| {
            let first = number(entry, dw::DW_AT_data_bit_offset).or_else(|| {
                // DWARF 2 and 3 count from the most significant bit of the storage unit.
                let from_top = number(entry, dw::DW_AT_bit_offset)?;
                let unit_bits = own.size()?.checked_mul(8)?;
                let low = unit_bits.checked_sub(from_top)?.checked_sub(size)?;
                offset.checked_mul(8)?.checked_add(low)
            });
            (first.unwrap_or(offset.saturating_mul(8)), size)
        });
        let store = match bits {
            Some(_) => Ok(store.clone()),
            // A member without bytes may lie behind the last one.
            None if own.size() == Some(0) => Ok(Store::from(Vec::new())),
            None => store.part(offset).ok_or(Missing::OptimizedOut),
        };
        Some(Member { part, name, kind: own, store, bits })
    }

    /// A static member lies where the linker put it.
    fn static_member(&self, kind: &Type<'_>, entry: &Entry) -> Result<Store, Missing> {
        if let Some(value) = constant(entry, dw::DW_AT_const_value) {
            return Ok(Store::from(value.to_le_bytes().to_vec()));
        }
        let linked = kind.unit.string(entry, dw::DW_AT_linkage_name);
        let symbol = linked
            .and_then(|name| self.modules.iter().find_map(|module| module.elf().symbol(&name)));
        symbol.map(|symbol| Store::Memory(symbol.addr)).ok_or(Missing::OptimizedOut)
    }

    /// The variant that a Rust enum is; `None` if `kind` is no such enum.
    pub(super) fn variant<'t>(
        &self,
        kind: &Type<'t>,
        store: &Store,
    ) -> Option<Result<Variant<'t>, Missing>> {
        let variants = kind.variants()?;
        let discriminant = variants.discriminant().map(|entry| {
            let member = self.member(kind, &entry, store)?;
            Some(member.store.and_then(|store| self.bytes_of(&member.kind, &store)))
        });
        let bytes = match discriminant.flatten() {
            None => None,
            Some(Ok(bytes)) => Some(bytes),
            Some(Err(missing)) => return Some(Err(missing)),
        };
        let member = self.member(kind, &variants.chosen(bytes.as_deref())?, store)?;
        let name = member.name.clone().unwrap_or_default();
        Some(Ok(Variant { name, kind: member.kind, store: member.store }))
    }
}
