//! The readers: one per producer, each making a [`Dump`] out of bytes.

pub mod elf;
pub mod esp_idf;
pub mod zephyr;

use crate::carrier::Piece;
use crate::dump::Dump;
use crate::error::Result;
use crate::memory::{AddrRange, Memory, Region};
use crate::targets::Targets;

/// A format that dumps are written in.
pub trait Format: Sync {
    /// Its name, as `--format` takes it: `esp-idf`.
    fn name(&self) -> &'static str;

    /// What it is, in a line for people.
    fn title(&self) -> &'static str;

    /// Whether `piece` is certainly of this format, by its head alone or by what the carrier
    /// says. A piece that is certainly of it and broken is to be refused by [`Format::read`].
    fn recognises(&self, piece: &Piece) -> bool;

    /// Reads the dump.
    ///
    /// # Errors
    /// [`crate::error::Error::Input`] (its file name is filled in later) if what is there can't
    /// be served, or could but not as a whole and `context.force` is not set.
    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump>;
}

/// What a reader may ask for.
pub struct Context<'a> {
    /// Register sets and chips.
    pub targets: &'a Targets,
    /// Serve what is whole of a broken dump, and note the rest.
    pub force: bool,
    /// The chip or register set that the user names, for dumps that don't say.
    pub target: Option<&'a str>,
}

/// All formats.
pub static FORMATS: &[&dyn Format] = &[&esp_idf::EspIdf, &zephyr::Zephyr];

/// Inserts a region whose bytes start at `offset` in `piece`, leaving out what was lost on the
/// way, and returns a note for each conflict with what was there before.
pub fn insert_region(
    memory: &mut Memory,
    region: Region,
    piece: &Piece,
    offset: u64,
) -> Vec<String> {
    let mut notes = Vec::new();
    let len = region.bytes.len() as u64;
    let mut at = 0;
    let lost = piece.lost.iter().filter_map(|lost| {
        let (start, end) = (lost.start.max(offset) - offset, lost.end.saturating_sub(offset));
        (start < end.min(len)).then_some((start, end.min(len)))
    });
    for (start, end) in lost.chain(std::iter::once((len, len))) {
        if at < start {
            let part = Region {
                start: region.start.saturating_add(at),
                bytes: region.bytes.slice(at as usize..start as usize),
                ..region.clone()
            };
            notes.extend(memory.insert(part).iter().map(|conflict| {
                format!(
                    "memory at {} is in the dump twice and differs in {} bytes, first at {:#x}: the \
                     first copy is shown",
                    conflict.range, conflict.differing, conflict.first
                )
            }));
        }
        if let Some(range) = AddrRange::until(
            region.start.saturating_add(start.max(at)),
            region.start.saturating_add(end),
        ) {
            memory.mark_missing(range, "lost on the way: the line that held it is damaged");
        }
        at = at.max(end);
    }
    notes
}
