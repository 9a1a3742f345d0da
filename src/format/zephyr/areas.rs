//! Dumps in memory that was read out: the flash partition, retained and noinit RAM, the window of
//! Intel's audio DSPs.
//!
//! | carrier        | in front of the stream                                                     |
//! | flash, 32 bit  | "CD", u16 1, u32 size, u16 flags, u16 checksum, i32 error; data from 16 on |
//! | flash, 64 bit  | "CD", u16 1, u64 size, u16 flags, u16 checksum, i32 error; data from 20 on |
//! | retained, 32   | "CD", 2 pad, u32 size, i32 error; data at 12                               |
//! | retained, 64   | "CD", 6 pad, u64 size, i32 error, 4 pad; data at 24                        |
//! | noinit RAM     | DE B0 DE B0, size (4 or 8 bytes)                                           |
//! | ADSP window    | EB 0D EC 0D                                                                |
//!
//! Data in flash start at the next multiple of the flash's write block. The checksum is the sum
//! of all data bytes modulo 65536. A header that was erased (0xff) means that the dump was marked
//! as read; the data behind it may still be there.
//!
//! Streams are searched for rather than expected: the read-out may be of the whole flash, and
//! vendors' own headers differ. What stands in front of a stream then says which carrier it is.
//!
//! Source: Zephyr 2.4 to 4.2, `subsys/debug/coredump/coredump_backend_*.c`; the flash partition
//! seen in real dumps, retained memory in a pull request.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::stream::{HEADER_LEN, MAGIC};
use super::walk::{self, End, walk};
use super::{INCOMPLETE, NAME};
use crate::carrier::{Carrier, CarrierOptions, Piece, size_words};
use crate::cursor::{u16_at, u32_at};
use crate::dump::Note;
use crate::error::Fault;
use bytes::Bytes;
use memchr::memmem;

const FLASH: &str = "flash partition";
const CD: &[u8] = b"CD";
const IN_MEMORY: [u8; 4] = [0xde, 0xb0, 0xde, 0xb0];
const ADSP: u32 = 0x0dec_0deb;
/// How far in front of the stream its header may be: the largest write block.
const FARTHEST: usize = 4096;
/// More dumps than this in one input are not looked for.
const MOST: usize = 64;

/// Memory with streams somewhere in it.
pub struct ZephyrAreas;

/// What was found in front of a stream.
struct Wrapper {
    name: &'static str,
    /// Where it begins.
    start: usize,
    /// The length of the stream that it gives.
    size: Option<u64>,
    /// The sum of the stream's bytes that it gives.
    checksum: Option<u16>,
    /// The device's own error number.
    error: i32,
    /// The stream may end anywhere without anybody having said so.
    cuts: bool,
}

impl Carrier for ZephyrAreas {
    fn name(&self) -> &'static str {
        "memory with Zephyr dumps"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let bytes = &piece.bytes;
        let mut pieces = Vec::new();
        let mut from = 0;
        for at in memmem::find_iter(bytes, &MAGIC) {
            if at < from || pieces.len() >= MOST {
                continue;
            }
            let stream = bytes.slice(at..);
            let Some(walked) = walk(&stream).filter(|_| is_plausible(&stream)) else { continue };
            let wrapper = wrapper(bytes, at);
            let (inner, len) = inner(piece, &stream, at, wrapper, walked);
            pieces.push(inner);
            from = at.saturating_add(len);
        }
        if pieces.is_empty() {
            return nothing_stored(piece).map(Err);
        }
        Some(Ok(pieces))
    }
}

/// Whether a block begins right behind the header: "ZE" alone is too little to go by.
fn is_plausible(stream: &Bytes) -> bool {
    stream.get(HEADER_LEN..).is_some_and(walk::begins_block)
}

fn inner(
    piece: &Piece,
    stream: &Bytes,
    at: usize,
    wrapper: Option<Wrapper>,
    walked: walk::Walk,
) -> (Piece, usize) {
    let (mut notes, mut fault) = (Vec::new(), None);
    let mut hint = NAME;
    let Some(wrapper) = wrapper else {
        let len = if walked.end == End::Cut { stream.len() } else { walked.len };
        let erased = piece.bytes.get(at.saturating_sub(16)..at);
        let erased = at >= 16 && erased.is_some_and(|head| head.iter().all(|byte| *byte == 0xff));
        let name = if erased { FLASH } else { "stream" };
        if erased {
            notes.push(
                Note::warning(
                    "its header is erased: the dump was marked as read, or never finished",
                )
                .by(FLASH)
                .code("cut"),
            );
        }
        let mut inner = piece.inner(format!("{name} @{at:#x}"), stream.slice(..len)).hinted(hint);
        inner.notes.extend(notes);
        return (inner, len);
    };
    let Wrapper { name, start, size, checksum, error, cuts } = wrapper;
    let declared = size.and_then(|size| usize::try_from(size).ok());
    let len = match declared {
        Some(declared) if declared <= stream.len() => declared,
        Some(declared) => {
            notes.push(
                Note::warning(format!(
                    "{declared} bytes by its header, {} are there",
                    stream.len()
                ))
                .by(name.to_string())
                .code("cut"),
            );
            stream.len()
        }
        None if walked.end == End::Cut => stream.len(),
        None => walked.len,
    };
    let data = stream.slice(..len);
    // Of a cut dump the sum tells nothing.
    if let Some(wanted) = checksum.filter(|_| declared == Some(len)) {
        let sum = sum(&data);
        if sum != wanted {
            let field = if at.saturating_sub(start).is_multiple_of(16) { 10 } else { 14 };
            let offset = start.saturating_add(field) as u64;
            let found = format!("{wanted:#06x}: the data changed after they were written");
            let expected = format!("{sum:#06x}");
            fault = Some(Fault::new(name, "checksum", offset, expected, found).forceable());
        }
    }
    if error != 0 {
        hint = INCOMPLETE;
        notes.push(
            Note::doubt(format!(
                "the device says that it could not dump everything (error {error})"
            ))
            .by(name.to_string())
            .code("device-trouble"),
        );
    }
    if cuts && walk(&data).is_none_or(|walk| walk.end == End::Cut) {
        hint = INCOMPLETE;
        let words = "the dump ends where the room for it ended";
        notes.push(Note::warning(words).by(name).code("cut"));
    }
    let place = if start == 0 { String::new() } else { format!(" @{start:#x}") };
    let layer = format!("{name}{place}, {}", size_words(len as u64));
    let mut inner = piece.inner(layer, data).hinted(hint);
    inner.notes.extend(notes);
    inner.fault = fault;
    (inner, len)
}

fn sum(data: &[u8]) -> u16 {
    data.iter().fold(0, |sum, byte| sum.wrapping_add((*byte).into()))
}

/// What stands in front of the stream at `at`.
fn wrapper(bytes: &Bytes, at: usize) -> Option<Wrapper> {
    let word = |back: usize| u32_at(bytes, at.checked_sub(back)?);
    if word(4) == Some(ADSP) {
        let start = at.checked_sub(4)?;
        let none = (None, None);
        let (size, checksum) = none;
        return Some(Wrapper { name: "ADSP window", start, size, checksum, error: 0, cuts: true });
    }
    for (back, wide) in [(8, false), (12, true), (16, true)] {
        let Some(start) = at.checked_sub(back) else { continue };
        if bytes.get(start..).is_some_and(|head| head.starts_with(&IN_MEMORY)) {
            let size = word(if wide { 8 } else { 4 }).map(u64::from);
            let name = "in-memory area";
            return Some(Wrapper { name, start, size, checksum: None, error: 0, cuts: true });
        }
    }
    for back in [12, 16, 20, 24].into_iter().chain((32..=FARTHEST).step_by(4)) {
        let Some(start) = at.checked_sub(back) else { break };
        let head = bytes.slice(start..at);
        if head.starts_with(CD)
            && let Some(found) = stored(&head, start, bytes.get(at..).unwrap_or_default())
        {
            return Some(found);
        }
    }
    None
}

/// Reads `head`, which begins with "CD" and ends where the stream begins. `data` is what follows.
fn stored(head: &Bytes, start: usize, data: &[u8]) -> Option<Wrapper> {
    let room = data.len();
    let version = u16_at(head, 2)?;
    let low = |at: usize| u32_at(head, at).map(u64::from);
    let padded =
        |from: usize| head.get(from..).is_some_and(|pad| pad.iter().all(|b| matches!(b, 0 | 0xff)));
    let fits = |size: &u64| *size >= HEADER_LEN as u64 && *size <= room as u64;
    let narrow = (low(4), u16_at(head, 10), u32_at(head, 12), 16);
    let wide = (low(4).filter(|_| low(8) == Some(0)), u16_at(head, 14), u32_at(head, 16), 20);
    if version == 1 {
        let layouts = [narrow, wide].into_iter().filter_map(|(size, checksum, error, len)| {
            let (size, checksum) = (size.filter(fits)?, checksum?);
            padded(len).then_some((size, checksum, error?.cast_signed()))
        });
        let is_right = |(size, checksum, _): &(u64, u16, i32)| {
            data.get(..usize::try_from(*size).unwrap_or(usize::MAX)).map(sum) == Some(*checksum)
        };
        // A header of one width may read as one of the other as well.
        let layouts: Vec<_> = layouts.collect();
        let layout = layouts.iter().find(|layout| is_right(layout)).or_else(|| layouts.first());
        if let Some((size, checksum, error)) = layout.copied() {
            let (size, checksum) = (Some(size), Some(checksum));
            return Some(Wrapper { name: FLASH, start, size, checksum, error, cuts: false });
        }
    }
    let (size, error) = match head.len() {
        12 => (low(4), u32_at(head, 8)),
        24 => (low(8), u32_at(head, 16)),
        // A header of flash whose size was damaged, or is more than was read out.
        16 if version == 1 => {
            let error = u32_at(head, 12)?.cast_signed();
            let (size, checksum) = (low(4), u16_at(head, 10));
            return Some(Wrapper { name: FLASH, start, size, checksum, error, cuts: false });
        }
        _ => return None,
    };
    let error = error?.cast_signed();
    let name = "retained memory";
    Some(Wrapper { name, start, size: size.filter(fits), checksum: None, error, cuts: true })
}

/// The fault of a partition that has a header and no stream behind it.
fn nothing_stored(piece: &Piece) -> Option<Fault> {
    let head = &piece.bytes;
    let version = u16_at(head, 2)?;
    let size = u32_at(head, 4)?;
    if !head.starts_with(CD) || version != 1 || u16_at(head, 8)? != 0 {
        return None;
    }
    let found = format!("none, though the partition's header says {size} bytes");
    Some(Fault::new(FLASH, "dump", 16, "a stream that begins with 5a45 (\"ZE\")", found))
}
