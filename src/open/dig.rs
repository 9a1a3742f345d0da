//! Peels off carriers until a format recognises what is inside.

use crate::carrier::{self, Carrier, CarrierOptions, Piece};
use crate::error::{Error, Fault, Result};
use crate::format::{self, FORMATS, Format};
use crate::input::Input;
use std::ops::Range;

/// All carriers; those with an unmistakable head first.
pub static CARRIERS: &[&dyn Carrier] = &[
    &carrier::compressed::Gzip,
    &carrier::compressed::Zstd,
    &carrier::compressed::Xz,
    &carrier::esp_flash::EspFlash,
    &carrier::plain_text::HexText,
    &format::capture::text::CaptureText,
    &format::esp_idf::console::EspConsole,
    &carrier::plain_text::Base64Text,
];

/// A log in a flash image in an archive is three layers; more than this is a trap.
const DEEPEST: usize = 8;

/// A dump that was found, not yet read.
pub struct Candidate {
    /// The input that it came from.
    pub file: String,
    /// Its bytes, and the way to them.
    pub piece: Piece,
    /// Its format.
    pub format: &'static dyn Format,
}

impl Candidate {
    /// Where it was found, and of what format it is.
    pub fn describe(&self) -> String {
        let mut layers = vec![self.file.as_str()];
        layers.extend(self.piece.layers.iter().map(String::as_str));
        layers.push(self.format.name());
        layers.join(" > ")
    }
}

/// Finds the dumps in all inputs, in their order. `only` is the one format that will do.
///
/// # Errors
/// [`Error::Unrecognised`] or [`Error::Input`] of the first input with nothing in it, if there
/// is nothing in any.
pub(super) fn dig(
    inputs: &[Input],
    options: &CarrierOptions,
    only: Option<&str>,
) -> Result<Vec<Candidate>> {
    let only = only.map(format_by_name).transpose()?;
    let mut found = Vec::new();
    let mut first_error = None;
    for input in inputs {
        let mut search = Search { options, only, faults: Vec::new(), found: Vec::new() };
        search.dig(Piece::outermost(input.bytes.clone()));
        if search.found.is_empty() {
            first_error.get_or_insert(nothing_in(input, search.faults));
        }
        let with_file = |(piece, format)| Candidate { file: input.name.clone(), piece, format };
        found.extend(search.found.into_iter().map(with_file));
    }
    match first_error {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn format_by_name(name: &str) -> Result<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.name() == name).ok_or_else(|| {
        let known = FORMATS.iter().map(|f| f.name()).collect::<Vec<_>>().join(", ");
        Error::Usage(format!("--format {name}: not known; known are {known}"))
    })
}

struct Search<'a> {
    options: &'a CarrierOptions,
    only: Option<&'static dyn Format>,
    found: Vec<(Piece, &'static dyn Format)>,
    faults: Vec<Fault>,
}

impl Search<'_> {
    fn dig(&mut self, piece: Piece) {
        let offset_unused = self.options.offset.is_some() && piece.layers.is_empty();
        let wanted = |format: &&&dyn Format| {
            self.only.is_none_or(|only| only.name() == format.name()) && format.recognises(&piece)
        };
        if !offset_unused && let Some(format) = FORMATS.iter().find(wanted) {
            let rest = rest_behind(&piece, format.extent(&piece));
            self.found.push((piece, *format));
            rest.into_iter().for_each(|rest| self.dig(rest));
            return;
        }
        if piece.layers.len() >= DEEPEST {
            return;
        }
        for carrier in CARRIERS {
            match carrier.peel(&piece, self.options) {
                None => {}
                Some(Err(fault)) => {
                    self.faults.push(fault);
                    return;
                }
                Some(Ok(inner)) => {
                    let before = self.found.len();
                    inner.into_iter().for_each(|piece| self.dig(piece));
                    if self.found.len() > before {
                        return;
                    }
                }
            }
        }
        if self.find_inside(&piece) {
            return;
        }
        // A user who names the format is believed once there is nothing more to peel off.
        if let Some(format) = self.only
            && self.found.is_empty()
        {
            self.found.push((piece, format));
        }
    }

    /// Looks for dumps in the middle of bytes that begin with something else.
    fn find_inside(&mut self, piece: &Piece) -> bool {
        let wanted =
            |format: &&&dyn Format| self.only.is_none_or(|only| only.name() == format.name());
        let mut places: Vec<Range<usize>> =
            FORMATS.iter().filter(wanted).flat_map(|format| format.find(piece)).collect();
        places.sort_by_key(|range| range.start);
        let mut taken = 0;
        for range in places {
            // What lies in another dump is that dump's business.
            if range.start < taken || range.is_empty() || range.end > piece.bytes.len() {
                continue;
            }
            let layer = format!("bytes from {:#x} on", range.start);
            let inner = piece.inner(layer, piece.bytes.slice(range.clone()));
            // A place is one format's find and may be another's: an ELF core has many writers.
            let Some(format) = FORMATS.iter().find(|format| format.recognises(&inner)) else {
                continue;
            };
            let len = format.extent(&inner).and_then(|len| usize::try_from(len).ok());
            taken = range.start.saturating_add(len.unwrap_or(range.len()).min(range.len()).max(1));
            self.found.push((inner, *format));
        }
        taken > 0
    }
}

/// What follows a dump in its piece, unless it is blank: erased flash or padding.
fn rest_behind(piece: &Piece, extent: Option<u64>) -> Option<Piece> {
    let extent = usize::try_from(extent?).ok()?;
    let rest = piece.bytes.get(extent..)?;
    let first = *rest.first()?;
    if extent == 0 || (matches!(first, 0 | 0xff) && rest.iter().all(|byte| *byte == first)) {
        return None;
    }
    Some(piece.inner(format!("behind the dump @{extent:#x}"), piece.bytes.slice(extent..)))
}

fn nothing_in(input: &Input, mut faults: Vec<Fault>) -> Error {
    if !faults.is_empty() {
        return Error::Input { file: input.name.clone(), fault: Box::new(faults.swap_remove(0)) };
    }
    let bytes = &input.bytes;
    let head: String = bytes.iter().take(8).map(|byte| format!("{byte:02x} ")).collect();
    let tried = FORMATS.iter().map(|f| f.title()).collect::<Vec<_>>().join("; ");
    let seen = if bytes.is_empty() {
        "it is empty".to_string()
    } else if bytes.starts_with(b"\x7fELF") && !format::elf::is_core(bytes) {
        "it is an ELF file that runs, not a core dump: pass it with --elf, and the dump as input"
            .into()
    } else if bytes.iter().take(4096).all(|byte| *byte == 0xff) {
        "it begins with erased flash".into()
    } else if bytes.starts_with(&[0xe9]) {
        "it begins like an Espressif firmware image; the dump is in the core-dump partition".into()
    } else {
        format!("it begins with {}", head.trim_end())
    };
    let why = format!("{seen}; tried: {tried}");
    Error::Unrecognised { file: input.name.clone(), why }
}
