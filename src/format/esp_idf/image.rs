//! The image: header, body, checksum.
//!
//! | word | 0x0104  | 0x0003 0x0102 0x0103 | 0x0002 0x0100 0x0101 | 0x0001     | before 3.3 |
//! |    0 | tot_len | tot_len              | tot_len              | tot_len    | tot_len    |
//! |    1 | version | version              | version              | version    | tasks_num  |
//! |    2 | chip_rev| tasks_num            | tasks_num            | tasks_num  | tcb_size   |
//! |    3 |         | tcb_size             | tcb_size             | tcb_size   |            |
//! |    4 |         | mem_segs_num         | mem_segs_num         |            |            |
//! |    5 |         | chip_rev             |                      |            |            |
//!
//! All words are 32 bits, little-endian. `version` holds the chip id in its upper half, then the
//! kind of body (0 binary, 1 ELF) and the minor version. `tot_len` counts header, body, padding
//! and checksum. Before 3.3 an image in flash had the magic word 0xE32C04ED in front and at its
//! end, both counted; on the UART it had neither. A 0x0001 image on the UART has no checksum.
//!
//! Source: ESP-IDF v2.0 to v6.0, `components/espcoredump` (`core_dump_checksum.c`,
//! `esp_core_dump_types.h`); 0x0002, 0x0003, 0x0102 and 0x0104 seen in real dumps.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{NAME, binary_body};
use crate::carrier::Piece;
use crate::cursor::{Cursor, bytes_word, u32_at};
use crate::dump::Note;
use crate::error::Fault;
use bytes::Bytes;
use memchr::memmem;
use sha2::{Digest, Sha256};
use std::ops::Range;

/// In front of and behind an image in flash, before ESP-IDF 3.3.
const OLD_MAGIC: u32 = 0xe32c_04ed;
/// What an erased flash cell reads as.
const ERASED: u32 = 0xffff_ffff;
/// Length and version: without them nothing is known of an image.
pub(super) const FIRST_WORDS: u64 = 8;
/// 64 tasks unless configured otherwise, and nobody has ever seen thousands.
const MOST_TASKS: u32 = 4096;

/// How long the headers in front of ELF bodies are.
const ELF_HEADER_LENS: [usize; 3] = [12, 20, 24];
/// The versions of binary bodies.
const BINARY_VERSIONS: [u16; 3] = [1, 2, 3];

/// How the body is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Task records, then memory segments.
    Binary,
    /// An ELF core.
    Elf,
}

/// How the image is guarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// CRC-32 (zlib's) of all bytes before it, little-endian.
    Crc32,
    /// SHA-256 of all bytes before it.
    Sha256,
    /// The old magic word, which only says that the writer got to the end.
    OldMagic,
    /// Nothing.
    None,
}

impl Guard {
    fn byte_len(self) -> usize {
        match self {
            Guard::Crc32 | Guard::OldMagic => 4,
            Guard::Sha256 => 32,
            Guard::None => 0,
        }
    }
}

/// The header's words, whatever its version.
#[derive(Clone, Debug)]
pub(super) struct Header {
    /// `None` before 3.3.
    pub version: Option<u32>,
    pub layout: Layout,
    pub guard: Guard,
    /// Where the body starts.
    pub byte_len: usize,
    pub tot_len: u32,
    /// Binary body: number of task records.
    pub tasks: u32,
    /// Binary body: size of a task control block in bytes.
    pub tcb_len: u32,
    /// Binary body: number of memory segments behind the tasks.
    pub segments: u32,
    /// Major x 100 + minor.
    pub chip_revision: Option<u16>,
}

impl Header {
    /// The upper half of the version word. Before 3.3 there was only one chip, the ESP32, and
    /// its id is 0.
    pub(super) fn chip_id(&self) -> u16 {
        self.version.map_or(0, |version| (version >> 16) as u16)
    }

    /// The lower half of the version word.
    fn minor_word(&self) -> u16 {
        self.version.unwrap_or(0) as u16
    }

    /// `ESP-IDF ELF core 0x0104`.
    pub(super) fn title(&self) -> String {
        let kind = match self.layout {
            Layout::Binary => "binary core",
            Layout::Elf => "ELF core",
        };
        match self.version {
            Some(_) => format!("ESP-IDF {kind} {:#06x}", self.minor_word()),
            None => format!("ESP-IDF {kind} (before 3.3)"),
        }
    }
}

/// An image whose frame has been checked.
pub(super) struct Image {
    pub header: Header,
    /// The body, with its padding. Shorter than it should be if the image is cut.
    pub body: Bytes,
    /// Where the body starts in the piece.
    pub body_offset: u64,
    /// How many bytes of the image are missing at its end.
    pub missing: u64,
    /// What was odd, and that the checksum is right.
    pub notes: Vec<Note>,
    /// The line that tells the state of the checksum: `SHA-256 ok`.
    pub verdict: String,
}

/// Reads the header, of whatever version. The number of tasks stands before 3.3 where the version
/// is now, and could be 1, 2 or 3: then the control block's size tells.
fn any_header(bytes: &[u8]) -> Option<Header> {
    header(bytes).filter(is_plausible).or_else(|| old_header(bytes)).or_else(|| header(bytes))
}

/// Whether the counts of a binary body make sense: a control block of FreeRTOS has at least its
/// list items and a name.
fn is_plausible(header: &Header) -> bool {
    header.layout == Layout::Elf
        || ((1..=MOST_TASKS).contains(&header.tasks) && (64..=4096).contains(&header.tcb_len))
}

/// Reads the words of the header without judging them; `None` if the version is not known.
fn header(bytes: &[u8]) -> Option<Header> {
    let word = |n: usize| u32_at(bytes, n.checked_mul(4)?);
    let version = word(1)?;
    let (layout, guard, words): (_, _, usize) = match version as u16 {
        0x0001 => (Layout::Binary, Guard::Crc32, 4),
        0x0002 => (Layout::Binary, Guard::Crc32, 5),
        0x0003 => (Layout::Binary, Guard::Crc32, 6),
        0x0100 => (Layout::Elf, Guard::Crc32, 5),
        0x0101 => (Layout::Elf, Guard::Sha256, 5),
        0x0102 => (Layout::Elf, Guard::Crc32, 6),
        0x0103 => (Layout::Elf, Guard::Sha256, 6),
        0x0104 => (Layout::Elf, Guard::Sha256, 3),
        _ => return None,
    };
    let revision = match words {
        3 => Some(word(2)? as u16),
        6 => Some(word(5)? as u16),
        _ => None,
    };
    let long = words > 3;
    Some(Header {
        version: Some(version),
        layout,
        guard,
        byte_len: words.checked_mul(4)?,
        tot_len: word(0)?,
        tasks: if long { word(2)? } else { 0 },
        tcb_len: if long { word(3)? } else { 0 },
        segments: if words > 4 { word(4)? } else { 0 },
        chip_revision: revision,
    })
}

/// Reads the header of an image from before 3.3: magic, then three words; or, as printed on the
/// UART, just the three words.
fn old_header(bytes: &[u8]) -> Option<Header> {
    let in_flash = u32_at(bytes, 0)? == OLD_MAGIC;
    let at = if in_flash { 4usize } else { 0 };
    let word = |n: usize| u32_at(bytes, n.checked_mul(4)?.checked_add(at)?);
    let (tot_len, tasks, tcb_len) = (word(0)?, word(1)?, word(2)?);
    let header = Header {
        version: None,
        layout: Layout::Binary,
        guard: if in_flash { Guard::OldMagic } else { Guard::None },
        byte_len: at.checked_add(12)?,
        tot_len,
        tasks,
        tcb_len,
        segments: 0,
        chip_revision: None,
    };
    is_plausible(&header).then_some(header)
}

/// Whether `bytes` are an image beyond doubt, going by the header and what it says of the body.
/// `known_chip` tells whether a chip id is one of the table. A chip that nobody knows yet is no
/// hindrance where the body is an ELF core, which says what it is for.
pub(super) fn is_image(bytes: &Bytes, known_chip: impl Fn(u16) -> bool) -> bool {
    let Some(header) = any_header(bytes) else { return false };
    if header.version.is_none() {
        // With no magic and no version, only a body that ends where the header says will do.
        return header.guard == Guard::OldMagic
            || binary_body::ends_at(bytes, &header) == Some(u64::from(header.tot_len));
    }
    let room = header.byte_len.saturating_add(header.guard.byte_len());
    if (header.tot_len as usize) < room {
        return false;
    }
    match header.layout {
        Layout::Elf => {
            bytes.get(header.byte_len..).is_some_and(|body| body.starts_with(b"\x7fELF"))
        }
        Layout::Binary => known_chip(header.chip_id()) && is_plausible(&header),
    }
}

/// Where images lie in bytes that begin with something else. What makes one certain: an ELF core
/// right behind a header, or a checksum that fits.
pub(super) fn find(bytes: &Bytes, known_chip: impl Fn(u16) -> bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let range = |start: usize| {
        let len = declared_len(bytes.get(start..)?)?;
        Some(start..start.saturating_add(len).min(bytes.len()))
    };
    for elf in memmem::find_iter(bytes, b"\x7fELF") {
        let starts = ELF_HEADER_LENS.iter().filter_map(|len| elf.checked_sub(*len));
        let is_head = |start: &usize| {
            let header = bytes.get(*start..).and_then(header);
            header.is_some_and(|header| {
                header.layout == Layout::Elf && start.checked_add(header.byte_len) == Some(elf)
            }) && is_image(&bytes.slice(*start..), &known_chip)
        };
        found.extend(starts.into_iter().find(is_head).and_then(range));
    }
    for version in BINARY_VERSIONS {
        // The version's lower half is the second word's; an image is hardly ever unaligned, but
        // what it lies in may be.
        for at in memmem::find_iter(bytes, &version.to_le_bytes()) {
            let Some(start) = at.checked_sub(4) else { continue };
            let head = bytes.get(start..).and_then(header);
            let head = head.filter(|head| is_plausible(head) && known_chip(head.chip_id()));
            if head.is_some() && bytes.get(start..).and_then(verify) == Some(true) {
                found.extend(range(start));
            }
        }
    }
    found
}

/// The header, the body and where it starts, of an image that nobody has checked.
pub(super) fn parts(bytes: &Bytes) -> Option<(Header, Bytes, u64)> {
    let header = any_header(bytes)?;
    let end = bytes.len().checked_sub(header.guard.byte_len())?;
    let start = header.byte_len;
    (start <= end).then(|| (header, bytes.slice(start..end), start as u64))
}

/// The length that the header of `bytes` claims, if it is one.
pub(super) fn declared_len(bytes: &[u8]) -> Option<usize> {
    any_header(bytes).map(|header| header.tot_len as usize)
}

/// Whether `bytes` are a whole image with a right checksum. `None` if it has none to tell by.
pub(super) fn verify(bytes: &[u8]) -> Option<bool> {
    let header = any_header(bytes)?;
    let image = bytes.get(..header.tot_len as usize)?;
    check(image, header.guard).map(|sum| sum.wanted == sum.found)
}

struct Sum {
    wanted: String,
    found: String,
}

fn check(image: &[u8], guard: Guard) -> Option<Sum> {
    let (covered, sum) = image.split_at_checked(image.len().checked_sub(guard.byte_len())?)?;
    match guard {
        Guard::Crc32 => Some(Sum {
            wanted: format!("{:#010x}", crc32fast::hash(covered)),
            found: format!("{:#010x}", u32_at(sum, 0)?),
        }),
        Guard::Sha256 => Some(Sum { wanted: hex(&Sha256::digest(covered)), found: hex(sum) }),
        Guard::OldMagic => Some(Sum {
            wanted: format!("{OLD_MAGIC:#010x}"),
            found: format!("{:#010x}", u32_at(sum, 0)?),
        }),
        Guard::None => None,
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Takes the image of `piece` apart and checks its length and checksum.
///
/// # Errors
/// A [`Fault`] if there is no image, or the image is cut or damaged and `force` is not set.
pub(super) fn open(piece: &Piece, force: bool) -> Result<Image, Fault> {
    let bytes = &piece.bytes;
    let mut cursor = Cursor::new(NAME, bytes.clone(), 0);
    let first = cursor.u32("image length")?;
    if first == ERASED {
        let all = bytes.iter().take(64).all(|b| *b == 0xff);
        let found = if all { "erased flash" } else { "the mark of an erased core dump" };
        return Err(Fault::new(
            NAME,
            "image length",
            0,
            "a core dump",
            format!("{found}: no dump was written"),
        ));
    }
    let header = match any_header(bytes) {
        Some(header) => header,
        None => return Err(no_header(piece, cursor.u32("version")?)),
    };
    let mut image = Image {
        body: Bytes::new(),
        body_offset: header.byte_len as u64,
        missing: 0,
        notes: Vec::new(),
        verdict: String::new(),
        header,
    };
    let header = &mut image.header;
    let total = header.tot_len as usize;
    let room = header.byte_len.saturating_add(header.guard.byte_len());
    if total < room {
        let expected = format!("at least {}", bytes_word(room));
        return Err(Fault::new(NAME, "image length", 0, expected, total.to_string()));
    }
    if total > bytes.len() {
        let fault = Fault::new(
            NAME,
            "image length",
            0,
            format!("{} as the header says", bytes_word(total)),
            format!("{}: the rest is cut off", bytes.len()),
        )
        .forceable();
        if !force {
            return Err(fault);
        }
        image.missing = total.saturating_sub(bytes.len()) as u64;
        image.notes.push(Note::warning(fault.words()).by(fault.format).code("cut"));
        image.verdict = "cut, not checked".into();
        image.body = bytes.slice(header.byte_len.min(bytes.len())..);
        return Ok(image);
    }

    // 0x0001 has its CRC in flash only: the body tells which of the two it is.
    if header.version.is_some_and(|version| version as u16 == 1)
        && binary_body::ends_at(bytes, header) == Some(total as u64)
    {
        header.guard = Guard::None;
    }
    let whole = bytes.slice(..total);
    image.verdict = match check(&whole, header.guard) {
        None => "no checksum".into(),
        Some(sum) if sum.wanted == sum.found => match header.guard {
            Guard::Sha256 => "SHA-256 ok".into(),
            Guard::Crc32 => "CRC-32 ok".into(),
            _ => "end mark ok".into(),
        },
        Some(sum) => {
            let at = total.saturating_sub(header.guard.byte_len()) as u64;
            let (name, verdict) = match header.guard {
                Guard::Sha256 => ("SHA-256", "SHA-256 wrong"),
                Guard::Crc32 => ("CRC-32", "CRC-32 wrong"),
                _ => ("end mark", "end mark wrong"),
            };
            let fault = Fault::new(
                NAME,
                format!("{name} of bytes 0..{at:#x}"),
                at,
                format!("{} by the bytes", sum.wanted),
                format!("{} in the dump", sum.found),
            )
            .forceable();
            if !force {
                return Err(fault);
            }
            image.notes.push(Note::doubt(fault.words()).by(fault.format).code("checksum"));
            verdict.into()
        }
    };
    let end = total.saturating_sub(header.guard.byte_len());
    image.body = whole.slice(header.byte_len.min(end)..end);
    Ok(image)
}

/// A piece that must be a core dump and has no header of one.
fn no_header(piece: &Piece, version: u32) -> Fault {
    let head = piece.bytes.get(..4096).unwrap_or(&piece.bytes);
    let entropy = entropy(head);
    let found = if entropy > 7.0 && head.len() >= 512 {
        format!(
            "{version:#010x} and {entropy:.1} bits of entropy per byte: encrypted, or not a core \
             dump (of an encrypted partition only the device itself can read a plain copy)"
        )
    } else {
        format!("{version:#010x}")
    };
    Fault::new(NAME, "version", 4, "one of 0x0001-0x0003, 0x0100-0x0104", found)
}

/// Shannon entropy in bits per byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count = count.saturating_add(1);
        }
    }
    let all = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}
