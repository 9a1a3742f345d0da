//! What dumps are wrapped in: compression, text, flash images.
//!
//! A carrier looks at a [`Piece`] and, if it recognises its own kind, peels one layer off and
//! returns what was inside. It knows nothing of what the inside means. Carriers that belong to
//! one producer (its log lines, say) live beside that producer's reader in `format/`.

pub mod compressed;
pub mod esp_flash;
pub mod log_blocks;
pub mod plain_text;
pub mod text;

use crate::budget::Budget;
use crate::dump::{FirmwareId, Note};
use crate::error::Fault;
use bytes::Bytes;
use std::ops::Range;

/// Bytes somewhere on the way from the input to a dump, and how they were come by.
#[derive(Clone, Debug)]
pub struct Piece {
    /// What was peeled off so far, outermost first, in words: `flash image 4 MiB`.
    pub layers: Vec<String>,
    /// The bytes.
    pub bytes: Bytes,
    /// What the carrier says it is: the name of a format, where only that can be meant (it lay
    /// in a core-dump partition, or between the lines that its producer prints).
    pub hint: Option<&'static str>,
    /// The lines of a log that it was cut out of, the first and the last of them counted from 1: a crash
    /// text among others.
    pub lines: Option<(usize, usize)>,
    /// The device address of the first byte, where the user or the file's name says it.
    pub addr: Option<u64>,
    /// Offsets in `bytes` that were lost on the way (a damaged line of a log). What stands there
    /// is not what the device wrote.
    pub lost: Vec<Range<u64>>,
    /// What the carrier knows of the firmware, where what is inside does not say.
    pub firmware: Vec<FirmwareId>,
    /// Further facts that the carrier knows, by name.
    pub facts: Vec<(String, String)>,
    /// What the device printed before the dump.
    pub text_above: String,
    /// What was odd on the way.
    pub notes: Vec<Note>,
    /// What was found wrong on the way, where nothing that is inside would show it: the dump is
    /// refused for it unless the user insists.
    pub fault: Option<Fault>,
    /// What unpacking may still cost; all pieces of one opening share it.
    pub budget: Budget,
}

/// So far above a dump in a log its crash text may begin.
const LINES_ABOVE: usize = 200;

impl Piece {
    /// The outermost piece: an input as it came.
    pub fn outermost(bytes: Bytes) -> Self {
        let bytes_len = bytes.len() as u64;
        Piece {
            layers: Vec::new(),
            bytes,
            hint: None,
            lines: None,
            addr: None,
            lost: Vec::new(),
            firmware: Vec::new(),
            facts: Vec::new(),
            text_above: String::new(),
            notes: Vec::new(),
            fault: None,
            budget: Budget::for_inputs(bytes_len, None),
        }
    }

    /// The lines after line `after` and before line `first`, as far as a crash text may reach up.
    pub(crate) fn text_between(&self, after: usize, first: usize) -> String {
        let earliest = after.max(first.saturating_sub(LINES_ABOVE));
        let between =
            text::lines_behind(&self.bytes, earliest).take_while(|line| line.number < first);
        between.map(|line| line.text + "\n").collect()
    }

    /// The same piece, paid for by `budget`.
    #[must_use]
    pub fn within(mut self, budget: &Budget) -> Self {
        self.budget = budget.clone();
        self
    }

    /// What lay inside this piece.
    pub fn inner(&self, layer: impl Into<String>, bytes: Bytes) -> Piece {
        let mut inner =
            Piece { bytes, hint: None, lines: None, addr: None, lost: Vec::new(), ..self.clone() };
        inner.layers.push(layer.into());
        inner
    }

    /// Whether any of `len` bytes from `offset` on was lost on the way.
    pub fn is_lost(&self, offset: u64, len: u64) -> bool {
        let end = offset.saturating_add(len);
        self.lost.iter().any(|lost| lost.start < end && offset < lost.end)
    }

    /// A crash text of `format` in a log, cut out from its line `first` to its line `last`.
    pub fn crash_text(&self, text: String, lines: (usize, usize), format: &'static str) -> Piece {
        let layer = format!("log, lines {}-{}", lines.0, lines.1);
        Piece { lines: Some(lines), ..self.inner(layer, text.into()).hinted(format) }
    }

    /// The same piece, known to be of `format`.
    #[must_use]
    pub fn hinted(mut self, format: &'static str) -> Self {
        self.hint = Some(format);
        self
    }
}

/// What the user said about the carriers.
#[derive(Clone, Debug, Default)]
pub struct CarrierOptions {
    /// Where in the input the dump, or the partition table that leads to it, starts.
    pub offset: Option<u64>,
    /// The device address of the first byte of an input.
    pub base: Option<u64>,
}

/// The words between which a producer prints its dumps on a console, for those who watch one.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// In the line before the first one of a dump, or in each of its lines.
    pub begin: &'static [&'static str],
    /// In the line after the last one; none if nothing says that it ends.
    pub end: &'static [&'static str],
}

/// A way of wrapping dumps.
pub trait Carrier: Sync {
    /// Its name in messages.
    fn name(&self) -> &'static str;

    /// What stands around such a dump on a console, if it is printed on one.
    fn marks(&self) -> Option<Marks> {
        None
    }

    /// Whether it reads nothing but text: it is not asked where there is none.
    fn is_text(&self) -> bool {
        false
    }

    /// `None` if `piece` is not of this carrier; otherwise what lies inside, in the order of
    /// the input.
    ///
    /// # Errors
    /// A [`Fault`] if it is certainly of this carrier and nothing can be got out of it.
    fn peel(&self, piece: &Piece, options: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>>;
}

/// A length for people: `4 MiB`, `9396 bytes`.
pub fn size_words(len: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match len {
        n if n >= MIB && n % MIB == 0 => format!("{} MiB", n / MIB),
        n if n >= KIB && n % KIB == 0 => format!("{} KiB", n / KIB),
        1 => "1 byte".into(),
        n => format!("{n} bytes"),
    }
}
