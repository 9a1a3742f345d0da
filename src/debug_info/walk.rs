//! Walks over the entries of a unit without calling itself: strangers nest them as deep as they like.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::{Entry, Unit};
use gimli::constants as dw;
use gimli::{AttributeValue, DwTag, UnitOffset};

/// More entries below one no compiler writes.
const MOST_ENTRIES: usize = 1 << 20;
/// More children are not looked at.
const MOST_CHILDREN: usize = 4096;

/// Where a walk goes from an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To its children.
    Into,
    /// Past them.
    Over,
    /// Nowhere.
    Stop,
}

impl Unit<'_> {
    /// Visits what is below the entry at `root`, with how deep below: 1 for its children. Damage
    /// ends the walk. Whether it came to an end of its own, and not for its length.
    pub(crate) fn walk(
        &self,
        root: UnitOffset<usize>,
        mut visit: impl FnMut(&Entry, usize) -> Next,
    ) -> bool {
        let mut entry = Entry::default();
        let Ok(mut entries) = self.entries_raw(Some(root)) else { return true };
        if entries.read_entry(&mut entry).is_err() || !entry.has_children() {
            return true;
        }
        // How deep the reader started, and below what it passes over everything.
        let (mut base, mut over) = (0isize, isize::MAX);
        for _ in 0..MOST_ENTRIES {
            let depth = base.saturating_add(entries.next_depth());
            if entries.is_empty() || depth <= 0 {
                return true;
            }
            if depth > over {
                let Ok(abbreviation) = entries.read_abbreviation() else { return true };
                if let Some(abbreviation) = abbreviation
                    && entries.skip_attributes(abbreviation.attributes()).is_err()
                {
                    return true;
                }
                continue;
            }
            over = isize::MAX;
            match entries.read_entry(&mut entry) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(_) => return true,
            }
            match visit(&entry, depth.unsigned_abs()) {
                Next::Into => {}
                Next::Stop => return true,
                Next::Over if entry.has_children() => {
                    over = depth;
                    if let Some(AttributeValue::UnitRef(next)) = entry.attr_value(dw::DW_AT_sibling)
                        && next.0 > entry.offset().0
                        && let Ok(behind) = self.entries_raw(Some(next))
                    {
                        (entries, base, over) = (behind, depth, isize::MAX);
                    }
                }
                Next::Over => {}
            }
        }
        false
    }
}

/// The direct children of the entry at `offset` with one of `tags`.
pub(crate) fn children(unit: Unit<'_>, offset: UnitOffset<usize>, tags: &[DwTag]) -> Vec<Entry> {
    let mut found = Vec::new();
    unit.walk(offset, |entry, _| {
        if tags.contains(&entry.tag()) {
            found.push(entry.clone());
        }
        if found.len() < MOST_CHILDREN { Next::Over } else { Next::Stop }
    });
    found
}
