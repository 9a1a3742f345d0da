//! Peels off carriers until a format recognises what is inside.

use super::not_a_dump;
use crate::budget::Budget;
use crate::carrier::text::{looks_like_text, texts_in};
use crate::carrier::{self, Carrier, CarrierOptions, Piece};
use crate::error::{Error, Fault, Result};
use crate::format::parts::assemble::NamedPart;
use crate::format::parts::{Extent, PARTS, Part, PartContents, vendor_names};
use crate::format::{self, FORMATS, Format, crash_text};
use crate::input::{self, Input};
use crate::text;
use bytes::Bytes;
use memchr::memchr;
use std::cell::LazyCell;
use std::ops::Range;
use std::sync::LazyLock;

/// All carriers: those with an unmistakable head first, then what a device printed beside its dump, which
/// counts only where there is no dump.
pub static CARRIERS: LazyLock<Vec<&dyn Carrier>> = LazyLock::new(|| {
    let texts = crash_text::ALL.iter().map(|dialect| *dialect as &dyn Carrier);
    WRAPPINGS.iter().copied().chain(texts).collect()
});

static WRAPPINGS: &[&dyn Carrier] = &[
    &carrier::compressed::Compressed,
    // Before the console: the order of its messages is not that of the lines.
    &format::zephyr::Spotflow,
    &crash_text::console::Console,
    &format::capture::packed::CapturePacked,
    &format::zephyr::ZephyrLog,
    &format::zephyr::ZephyrUdp,
    &format::zephyr::ZephyrAreas,
    &carrier::esp_flash::EspFlash,
    &format::crash_catcher::console::CrashCatcherConsole,
    &format::memfault::chunks::MemfaultChunks,
    &format::nuttx::lzf::LzfStream,
    &format::nuttx::console::NuttxConsole,
    &format::mcoredump::MCoreDumpRam,
    &format::mcoredump::MCoreDumpConsole,
    &format::esp_rs::EspRsConsole,
    &format::px4_stream::HardfaultStream,
    &carrier::plain_text::HexText,
    &format::capture::text::CaptureText,
    &format::esp_idf::console::EspConsole,
    &carrier::plain_text::Base64Text,
    &format::mongoose::MONGOOSE_BLOCKS,
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

/// What was found in all inputs.
pub(super) struct Dug {
    /// Dumps, in the order of the inputs.
    pub whole: Vec<Candidate>,
    /// Memory images and register texts.
    pub parts: Vec<NamedPart>,
    /// Why there is nothing in the others.
    pub useless: Vec<Error>,
}

/// Finds the dumps in all inputs, in their order. `only` is the one format that will do.
///
/// # Errors
/// [`Error::Unrecognised`] or [`Error::Input`] of the first input with nothing in it, if there
/// is nothing in any.
pub(super) fn detect(
    inputs: &[Input],
    options: &CarrierOptions,
    only: Option<&str>,
    budget: &Budget,
) -> Result<Dug> {
    let only = only.map(Only::by_name).transpose()?;
    let mut dug = Dug { whole: Vec::new(), parts: Vec::new(), useless: Vec::new() };
    let mut told = None;
    let chip = vendor_names::chip_of(inputs);
    for input in &format::zephyr::join(inputs) {
        let mut search = Search {
            budget,
            options,
            only,
            faults: Vec::new(),
            found: Vec::new(),
            parts: Vec::new(),
        };
        let mut piece = Piece::outermost(input.bytes.clone()).within(budget);
        let by_name = || vendor_names::address(&input.name, input.bytes.len() as u64, chip);
        piece.addr = options.base.or(input.addr).or_else(by_name);
        // A program has no dump in it, however much some of its bytes look like one.
        if !not_a_dump::is_program(&piece.bytes) || options.base.is_some() || only.is_some() {
            search.search(piece);
        }
        let name = &input.name;
        if search.found.is_empty() && search.parts.is_empty() {
            // That the budget ran out says more than what is in the inputs before.
            if budget.shortage().is_some() {
                told.get_or_insert(dug.useless.len());
            }
            dug.useless.push(nothing_in(input, search.faults, budget));
        }
        let with_file = |(piece, format)| Candidate { file: name.clone(), piece, format };
        dug.whole.extend(search.found.into_iter().map(with_file));
        let with_file = |contents| NamedPart { file: name.clone(), contents };
        dug.parts.extend(search.parts.into_iter().map(with_file));
    }
    if dug.whole.is_empty() && dug.parts.is_empty() && !dug.useless.is_empty() {
        return Err(dug.useless.swap_remove(told.unwrap_or(0)));
    }
    Ok(dug)
}

/// The one format that will do.
#[derive(Clone, Copy)]
enum Only {
    Format(&'static dyn Format),
    Part(&'static dyn Part),
}

impl Only {
    fn by_name(name: &str) -> Result<Only> {
        let format = FORMATS.iter().find(|format| format.name() == name).copied();
        let part = PARTS.iter().find(|part| part.name() == name).copied();
        format.map(Only::Format).or(part.map(Only::Part)).ok_or_else(|| {
            let names = FORMATS.iter().map(|f| f.name()).chain(PARTS.iter().map(|p| p.name()));
            let known = names.collect::<Vec<_>>().join(", ");
            Error::Usage(format!("--format {name}: not known; known are {known}"))
        })
    }
}

struct Search<'a> {
    budget: &'a Budget,
    options: &'a CarrierOptions,
    only: Option<Only>,
    found: Vec<(Piece, &'static dyn Format)>,
    parts: Vec<PartContents>,
    faults: Vec<Fault>,
}

impl Search<'_> {
    /// Looks for dumps in an input.
    fn search(&mut self, piece: Piece) {
        match is_long_log(&piece) {
            true => self.dig_windows(&piece),
            false => self.dig(piece),
        }
    }

    /// Looks for dumps in a long log piece by piece, from its end on. What was found stays, and no
    /// more of it: memory does not grow with the log.
    fn dig_windows(&mut self, piece: &Piece) {
        let mut found = Vec::new();
        for window in text::windows(&piece.bytes) {
            let layer = format!("bytes from {:#x} to {:#x}", window.start, window.end);
            let had_parts = !self.parts.is_empty();
            let parts = self.parts.len();
            self.dig(piece.inner(layer, piece.bytes.slice(window)));
            // Lines like registers are in many logs: those of the last crash are meant.
            if had_parts {
                self.parts.truncate(parts);
            }
            found.push(std::mem::take(&mut self.found));
            input::give_back_memory();
            if self.budget.is_spent() {
                break;
            }
        }
        self.found = found.into_iter().rev().flatten().collect();
        if !self.found.is_empty() {
            self.parts.clear();
        }
    }

    /// Looks for dumps in `piece`: for one at its start, for those that follow it, and for what is
    /// wrapped in what is left.
    fn dig(&mut self, piece: Piece) {
        let offset_unused = self.options.offset.is_some() && piece.layers.is_empty();
        let mut done = 0;
        let mut at_hand = piece.clone();
        // Not by recursion: thousands of small dumps may lie behind one another.
        while self.budget.look(at_hand.bytes.len() as u64) {
            let wanted =
                |format: &&&dyn Format| self.wants(**format) && format.recognises(&at_hand);
            let Some(format) = FORMATS.iter().filter(|_| !offset_unused).find(wanted) else {
                return self.dig_deeper(at_hand);
            };
            let extent = len_before_rest(&at_hand, format.extent(&at_hand));
            self.found.push((at_hand, *format));
            let Some(extent) = extent else { return };
            done += extent;
            let layer = format!("after the dump @{done:#x}");
            at_hand = piece.inner(layer, piece.bytes.slice(done..));
        }
    }

    /// Looks for dumps in what does not begin with one.
    fn dig_deeper(&mut self, piece: Piece) {
        if piece.layers.len() >= DEEPEST || self.find_in_image(&piece) {
            return;
        }
        let parts = self.parts.len();
        let mut texts = Vec::new();
        // Who gives an address means an image of memory, not something wrapped.
        let text = LazyCell::new(|| texts_in(&piece.bytes));
        let asked = |carrier: &&dyn Carrier| !carrier.is_text() || !text.is_empty();
        let wrappings = WRAPPINGS.iter().copied().filter(asked);
        let dialects = std::iter::once_with(|| crash_text::marked(&piece.bytes, &text)).flatten();
        let dialects = dialects.map(|dialect| dialect as &dyn Carrier);
        let carriers = wrappings.chain(dialects);
        for carrier in carriers.filter(|_| piece.addr.is_none()) {
            match carrier.peel(&piece, self.options) {
                None => {}
                Some(Err(fault)) => {
                    self.faults.push(fault);
                    return;
                }
                // Each dialect finds its own.
                Some(Ok(inner)) if inner.iter().all(|piece| piece.lines.is_some()) => {
                    texts.extend(inner);
                }
                Some(Ok(_)) if !texts.is_empty() => break,
                Some(Ok(inner)) => {
                    let before = self.found.len();
                    let inner = self.budget.last_of(inner);
                    inner.into_iter().for_each(|piece| self.dig(piece));
                    if self.found.len() > before {
                        self.parts.truncate(parts);
                        self.find_behind_text(&piece);
                        return;
                    }
                }
            }
        }
        let before = self.found.len();
        let texts = self.budget.last_of(crash_text::in_order(texts));
        texts.into_iter().for_each(|piece| self.dig(piece));
        if self.found.len() > before {
            self.parts.truncate(parts);
            self.find_behind_text(&piece);
            return;
        }
        if piece.addr.is_none() && self.find_inside(&piece) {
            self.parts.truncate(parts);
            return;
        }
        // An image of memory is itself, whatever its lines looked like to those who undo decoration.
        if PARTS.iter().any(|part| part.may_hold_a_dump() && part.recognises(&piece)) {
            self.parts.truncate(parts);
        }
        // What a layer below gave is not there a second time in the layer above.
        if self.parts.len() > parts || self.find_part(&piece) {
            return;
        }
        // A user who names the format is believed once there is nothing more to peel off.
        if let Some(Only::Format(format)) = self.only
            && self.found.is_empty()
        {
            self.found.push((piece, format));
        }
    }

    fn wants(&self, format: &dyn Format) -> bool {
        match self.only {
            None => true,
            Some(Only::Format(only)) => only.name() == format.name(),
            Some(Only::Part(_)) => false,
        }
    }

    /// Takes a piece for a part of a crash: an image of memory, a text with registers.
    fn find_part(&mut self, piece: &Piece) -> bool {
        let part = match self.only {
            Some(Only::Format(_)) => return false,
            Some(Only::Part(only)) => Some(only),
            None => PARTS.iter().copied().find(|part| part.recognises(piece)),
        };
        let Some(part) = part else { return false };
        let mut contents = match part.read(piece) {
            Ok(contents) => contents,
            Err(fault) => {
                self.faults.push(fault);
                return false;
            }
        };
        contents.notes.extend(piece.notes.iter().cloned());
        self.parts.push(contents);
        true
    }

    /// Looks for dumps in what the image of a memory holds. The image's own bytes mean nothing to
    /// carriers and formats: they have addresses and checksums between the memory's.
    ///
    /// Whether `piece` is done with. A text that holds no dump as an image may hold one as a log.
    fn find_in_image(&mut self, piece: &Piece) -> bool {
        let image = |part: &&&dyn Part| part.may_hold_a_dump() && part.recognises(piece);
        let Some(part) = PARTS.iter().find(image).filter(|_| piece.addr.is_none()) else {
            return false;
        };
        let Some(Ok(contents)) = self.looks_for_dumps().then(|| part.read(piece)) else {
            return false;
        };
        let before = self.found.len();
        let (parts, faults) = (self.parts.len(), self.faults.len());
        for extent in in_order(&contents.extents) {
            if extent.bytes.len() >= SMALLEST_DUMP {
                let layer = format!("{} @{:#x}", part.title(), extent.addr);
                self.dig(piece.inner(layer, extent.bytes));
            }
        }
        self.parts.truncate(parts);
        if self.found.len() > before {
            let notes = contents.notes;
            let found = self.found.iter_mut().skip(before);
            found.for_each(|(piece, _)| piece.notes.extend(notes.iter().cloned()));
            return true;
        }
        self.faults.truncate(faults);
        let Some(around) = part.around(piece) else { return false };
        for range in around.into_iter().filter(|range| range.len() >= SMALLEST_DUMP) {
            let layer = format!("bytes from {:#x} on", range.start);
            self.dig(piece.inner(layer, piece.bytes.slice(range)));
        }
        self.found.len() > before || {
            self.parts.truncate(parts);
            self.faults.truncate(faults);
            self.find_part(piece)
        }
    }

    fn looks_for_dumps(&self) -> bool {
        !matches!(self.only, Some(Only::Part(_)))
    }

    /// Looks for binary dumps in a log that something was found in already: a file that collects
    /// what comes over a port may get one appended.
    fn find_behind_text(&mut self, piece: &Piece) {
        // No binary dump is without a zero byte, and next to no log has one.
        let Some(head) = memchr(0, &piece.bytes).and_then(|end| piece.bytes.get(..end)) else {
            return;
        };
        // What is behind the last line may be the dump's own first bytes.
        let text = memchr::memrchr(b'\n', head).and_then(|end| head.get(..end));
        if text.is_some_and(looks_like_text) {
            self.find_inside(piece);
        }
    }

    /// Looks for dumps in the middle of bytes that begin with something else.
    fn find_inside(&mut self, piece: &Piece) -> bool {
        let wanted = FORMATS.iter().filter(|format| self.wants(**format));
        let mut places: Vec<Range<usize>> = wanted.flat_map(|format| format.find(piece)).collect();
        places.sort_by_key(|range| range.start);
        let mut taken = 0;
        for range in places {
            // What lies in another dump is that dump's business.
            if range.start < taken || range.is_empty() || range.end > piece.bytes.len() {
                continue;
            }
            if !self.budget.work(range.len() as u64) {
                break;
            }
            let layer = format!("bytes from {:#x} on", range.start);
            let inner = piece.inner(layer, piece.bytes.slice(range.clone()));
            // A place is one format's find and may be another's: an ELF core has many writers.
            let Some(format) = FORMATS.iter().find(|format| format.recognises(&inner)) else {
                continue;
            };
            let len = format.extent(&inner).and_then(|len| usize::try_from(len).ok());
            taken = range.start.saturating_add(len.unwrap_or(range.len()).min(range.len()).max(1));
            if !self.budget.look(0) {
                break;
            }
            self.found.push((inner, *format));
        }
        taken > 0
    }
}

/// Whether it is a text that is too long to be looked at as a whole: of lines, and none that stand for
/// the bytes of one large image.
fn is_long_log(piece: &Piece) -> bool {
    if piece.bytes.len() <= text::LONG || piece.addr.is_some() || !text::is_text(&piece.bytes) {
        return false;
    }
    let head = piece.inner("head", piece.bytes.slice(..HEAD_OF_LOG));
    let digits: [&dyn Carrier; 2] =
        [&carrier::plain_text::HexText, &carrier::plain_text::Base64Text];
    let is_digits = |of: &&dyn Carrier| of.peel(&head, &CarrierOptions::default()).is_some();
    if digits.iter().any(is_digits)
        || PARTS.iter().any(|part| part.may_hold_a_dump() && part.recognises(&head))
        || FORMATS.iter().any(|format| format.recognises(&head))
    {
        return false;
    }
    // What is appended to a log may be a dump of bytes.
    let wide = text::is_wide(&piece.bytes);
    let has_zero = |chunk: &[u8]| {
        let zero = !wide && memchr(0, chunk).is_some();
        input::give_back_memory();
        zero
    };
    !piece.bytes.chunks(text::LONG).any(has_zero)
}

/// So much of a long text tells what it is made of.
const HEAD_OF_LOG: usize = 64 << 10;

/// The runs of an image by their addresses, adjacent ones joined: a tool may have written them in
/// any order.
fn in_order(extents: &[Extent]) -> Vec<Extent> {
    let mut sorted: Vec<&Extent> = extents.iter().collect();
    sorted.sort_by_key(|extent| extent.addr);
    let mut joined: Vec<(u64, Vec<Bytes>)> = Vec::new();
    let mut end = None;
    for extent in sorted {
        match joined.last_mut() {
            Some((_, parts)) if end == Some(extent.addr) => parts.push(extent.bytes.clone()),
            _ => joined.push((extent.addr, vec![extent.bytes.clone()])),
        }
        end = extent.addr.checked_add(extent.bytes.len() as u64);
    }
    let join = |(addr, parts): (u64, Vec<Bytes>)| match parts.as_slice() {
        [one] => Extent { addr, bytes: one.clone() },
        parts => Extent { addr, bytes: parts.concat().into() },
    };
    joined.into_iter().map(join).collect()
}

/// Smaller runs of an image hold no dump.
const SMALLEST_DUMP: usize = 64;

/// The length of a dump that something follows in its piece: no erased flash, no padding.
fn len_before_rest(piece: &Piece, extent: Option<u64>) -> Option<usize> {
    let extent = usize::try_from(extent?).ok()?;
    let rest = piece.bytes.get(extent..)?;
    let first = *rest.first()?;
    if extent == 0 || (matches!(first, 0 | 0xff) && rest.iter().all(|byte| *byte == first)) {
        return None;
    }
    Some(extent)
}

fn nothing_in(input: &Input, mut faults: Vec<Fault>, budget: &Budget) -> Error {
    if !faults.is_empty() {
        return Error::Input { file: input.name.clone(), fault: Box::new(faults.swap_remove(0)) };
    }
    if let Some(why) = budget.shortage() {
        return Error::Unrecognised { file: input.name.clone(), why };
    }
    let why = not_a_dump::what_it_is(&input.bytes).unwrap_or_else(|seen| {
        let titles = FORMATS.iter().map(|f| f.name()).chain(PARTS.iter().map(|p| p.name()));
        let tried = titles.collect::<Vec<_>>().join(", ");
        format!("not a dump that is known here: {seen} (tried: {tried})")
    });
    Error::Unrecognised { file: input.name.clone(), why }
}
