//! The readers: one per producer, each making a [`Dump`] out of bytes.

pub mod capture;
pub mod crash_catcher;
pub mod crash_text;
pub mod elf;
pub mod elf_core;
pub mod esp_idf;
pub mod esp_rs;
mod fault_text;
pub mod hubris;
pub mod machine;
pub mod mbed_crash_data;
pub mod mcoredump;
pub mod memfault;
pub mod mongoose;
pub mod mynewt;
pub mod nuttx;
pub mod parts;
pub mod pebble;
pub mod probe_rs;
pub mod px4_context;
pub mod px4_stream;
pub mod sifli;
pub mod stackdump;
pub mod zephyr;

use crate::carrier::Piece;
use crate::dump::{Dump, Note};
use crate::error::{Error, Fault, Result};
use crate::firmware::Symbols;
use crate::memory::{AddrRange, Memory, Region};
use crate::targets::Targets;
use memchr::memmem;
use std::ops::Range;
use std::sync::LazyLock;

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

    /// How many bytes of a `piece` that it recognises belong to the dump. `None` where the
    /// format does not tell: all of them.
    fn extent(&self, _piece: &Piece) -> Option<u64> {
        None
    }

    /// Where dumps of this format lie in bytes that begin with something else: behind the noise
    /// of a log, in an image of a flash. Only what is as certain as [`Format::recognises`].
    fn find(&self, _piece: &Piece) -> Vec<Range<usize>> {
        Vec::new()
    }

    /// Adds what the symbols of the firmware tell of a dump that does not tell it itself.
    fn complete(&self, _dump: &mut Dump, _symbols: &dyn Symbols) {}
}

/// What a reader may ask for.
#[derive(Clone)]
pub struct Context<'a> {
    /// Register sets and chips.
    pub targets: &'a Targets,
    /// Serve what is whole of a broken dump, and note the rest.
    pub force: bool,
    /// The chip or register set that the user names, for dumps that don't say.
    pub target: Option<&'a str>,
    /// What the user's ELF file is for.
    pub elf: Option<machine::ElfHint>,
    /// Where the user says that the crashed context's exception frame is.
    pub frame: Option<u64>,
}

/// All formats; what is a table of a crash text stands in [`crash_text::ALL`].
pub static FORMATS: LazyLock<Vec<&dyn Format>> = LazyLock::new(|| {
    let texts = crash_text::ALL.iter().map(|dialect| *dialect as &dyn Format);
    READERS.iter().copied().chain(texts).collect()
});

static READERS: &[&dyn Format] = &[
    &esp_idf::EspIdf,
    &capture::Capture,
    &hubris::Hubris,
    &hubris::areas::HubrisAreas,
    &hubris::dry::HubrisDry,
    &elf_core::ElfCore,
    &crash_catcher::CrashCatcher,
    &memfault::Memfault,
    &zephyr::Zephyr,
    &px4_context::Px4Context,
    &mbed_crash_data::MbedCrashData,
    &sifli::Sifli,
    &sifli::SifliCoreDump,
    &pebble::Pebble,
    &mynewt::Mynewt,
    &stackdump::Stackdump,
    &probe_rs::ProbeRs,
    &mongoose::Mongoose,
];

/// The ranges of `bytes` that start with `magic` and that `is_head` believes, each up to the next
/// one or the end.
pub fn find_heads(
    bytes: &[u8],
    magic: &[u8],
    is_head: impl Fn(&[u8]) -> bool,
) -> Vec<Range<usize>> {
    let believed = |at: &usize| bytes.get(*at..).is_some_and(&is_head);
    let starts: Vec<usize> = memmem::find_iter(bytes, magic).filter(believed).collect();
    let ends = starts.iter().skip(1).copied().chain(std::iter::once(bytes.len()));
    starts.iter().zip(ends).map(|(start, end)| *start..end).collect()
}

/// A fault as the error of an input whose name is filled in later.
pub fn in_input(fault: Fault) -> Error {
    Error::Input { file: String::new(), fault: Box::new(fault) }
}

/// Inserts a region into the memory of `dump`, and notes what of it is there already and differs.
pub fn add_region(dump: &mut Dump, format: &str, region: Region, piece: &Piece, offset: u64) {
    let conflicts = insert_region(&mut dump.memory, region, piece, offset);
    dump.notes.extend(
        conflicts.into_iter().map(|c| Note::warning(c).by(format.to_string()).code("conflict")),
    );
}

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
