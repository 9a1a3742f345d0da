//! Which variant a Rust enum is.
//!
//! An enum with data is a structure with a `DW_TAG_variant_part`: the discriminant is a member of
//! it, and each variant but one has the discriminant's value. The one without is what all other
//! values mean: the compiler puts a discriminant into values that a field of that variant can't
//! have (a niche). Where a variant and its fields lie is different in each build.
//!
//! Source: DWARF 5, section 5.7.10 "Variant Entries"; what rustc 1.60 to 1.80 writes.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::Entry;
use super::types::{Place, Type, constant, member_offset};
use super::walk::children;
use gimli::constants as dw;

/// The variants of an enum.
pub(crate) struct Variants<'t> {
    kind: Type<'t>,
    part: Entry,
}

impl<'t> Type<'t> {
    /// Its variants; `None` if it is no enum with data.
    pub(crate) fn variants(&self) -> Option<Variants<'t>> {
        let part = self.children(&[dw::DW_TAG_variant_part]).into_iter().next()?;
        Some(Variants { kind: self.clone(), part })
    }
}

impl<'t> Variants<'t> {
    /// The member that tells which variant it is; an enum of one variant has none.
    pub(crate) fn discriminant(&self) -> Option<Entry> {
        self.kind.unit.follow(&self.part, dw::DW_AT_discr).map(|(_, entry)| entry)
    }

    /// The member that is the variant of a discriminant with these bytes, the lowest first.
    pub(crate) fn chosen(&self, discriminant: Option<&[u8]>) -> Option<Entry> {
        let variants = children(self.kind.unit, self.part.offset(), &[dw::DW_TAG_variant]);
        let value = |variant: &Entry| constant(variant, dw::DW_AT_discr_value);
        // The value is signed or not, as it pleased the compiler: as wide as the discriminant it
        // is the same.
        let same = |variant: &&Entry| {
            value(variant).zip(discriminant).is_some_and(|(value, own)| {
                let len = own.len().min(16);
                value.to_le_bytes().get(..len) == own.get(..len)
            })
        };
        let chosen = variants
            .iter()
            .find(same)
            .or_else(|| variants.iter().find(|variant| value(variant).is_none()))?;
        let inner = children(self.kind.unit, chosen.offset(), &[dw::DW_TAG_member]);
        inner.into_iter().next()
    }

    /// The variant's name and place, read from bytes of a little-endian device: `read` gives so
    /// many at that offset.
    pub(crate) fn read(
        &self,
        read: impl Fn(u64, u64) -> Option<Vec<u8>>,
    ) -> Option<(String, Place<'t>)> {
        let bytes = match self.discriminant() {
            None => None,
            Some(entry) => {
                let len = Type::of(self.kind.unit, &entry)?.size().filter(|len| *len <= 16)?;
                Some(read(member_offset(&entry)?, len)?)
            }
        };
        let entry = self.chosen(bytes.as_deref())?;
        let place =
            Place { offset: member_offset(&entry)?, kind: Type::of(self.kind.unit, &entry)? };
        Some((self.kind.unit.string(&entry, dw::DW_AT_name)?, place))
    }
}
