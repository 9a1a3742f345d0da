//! Parts of a crash: memory images and register texts, which say nothing of the machine that they
//! are of. Several of them, often from several files, make one dump.
//!
//! `assemble.rs` puts them together. Each reader turns its bytes into a [`PartContents`] and
//! knows no registers but as names.

mod ambiguous;
pub mod assemble;

mod debugger_text;
mod intel_hex;
pub(in crate::format) mod memory_lines;
mod raw_image;
pub(in crate::format) mod register_lines;
mod s_record;
mod ti_txt;
mod uf2;
pub mod vendor_names;

use crate::carrier::Piece;
use crate::dump::Note;
use crate::error::{Fault, Result};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Range;

/// A kind of file that holds a part of a crash.
pub trait Part: Sync {
    /// Its name, as `--format` takes it: `intel-hex`.
    fn name(&self) -> &'static str;

    /// What it is, in a line for people.
    fn title(&self) -> &'static str;

    /// Whether `piece` is certainly of this kind.
    fn recognises(&self, piece: &Piece) -> bool;

    /// Reads it.
    ///
    /// # Errors
    /// A [`Fault`] if nothing can be got out of it.
    fn read(&self, piece: &Piece) -> Result<PartContents, Fault>;

    /// Whether it may be the image of a flash that a whole dump lies in.
    fn may_hold_a_dump(&self) -> bool {
        false
    }

    /// Which bytes of a `piece` that it recognises are not its own, if it is binary: what lies in
    /// front of it and behind it.
    fn around(&self, _piece: &Piece) -> Option<[Range<usize>; 2]> {
        None
    }
}

/// All kinds of parts; the one that takes anything with an address last.
pub static PARTS: &[&dyn Part] = &[
    &intel_hex::IntelHex,
    &s_record::SRecord,
    &ti_txt::TiTxt,
    &uf2::Uf2,
    &debugger_text::DebuggerText,
    &raw_image::RawImage,
];

/// What a part holds.
#[derive(Clone, Debug, Default)]
pub struct PartContents {
    /// What it is, for people: `Intel HEX, 8192 bytes`.
    pub title: String,
    /// Memory, in the order of the file.
    pub extents: Vec<Extent>,
    /// Registers, one set for each core or halt that the text tells of.
    pub registers: Vec<NamedRegisters>,
    /// Lines of a text that are neither registers nor memory, near the first registers: before them, and
    /// after them.
    pub said: [Vec<String>; 2],
    /// What was odd.
    pub notes: Vec<Note>,
}

/// Memory in one run.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Device address of the first byte.
    pub addr: u64,
    /// The bytes.
    pub bytes: Bytes,
}

/// Registers as a text names them: names in lower case, each at most once.
pub type NamedRegisters = BTreeMap<String, u64>;

/// Collects bytes that come address by address, and joins what is adjacent.
#[derive(Debug, Default)]
struct Runs {
    runs: Vec<(u64, Vec<u8>)>,
}

impl Runs {
    fn add(&mut self, addr: u64, bytes: &[u8]) {
        if let Some((start, run)) = self.runs.last_mut()
            && start.checked_add(run.len() as u64) == Some(addr)
        {
            run.extend_from_slice(bytes);
        } else if !bytes.is_empty() {
            self.runs.push((addr, bytes.to_vec()));
        }
    }

    fn byte_len(&self) -> u64 {
        self.runs.iter().map(|(_, run)| run.len() as u64).sum()
    }

    fn into_extents(self) -> Vec<Extent> {
        let extent = |(addr, run): (u64, Vec<u8>)| Extent { addr, bytes: run.into() };
        self.runs.into_iter().map(extent).collect()
    }
}
