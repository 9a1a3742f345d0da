//! Images of an Espressif chip's whole flash: the partition table leads to the core dumps.
//!
//! | off | size | field of an entry of the partition table       |
//! |   0 |    2 | magic AA 50                                     |
//! |   2 |    1 | type: 0 app, 1 data                             |
//! |   3 |    1 | subtype; of data: 3 coredump                    |
//! |   4 |    4 | offset in flash, LE                             |
//! |   8 |    4 | size in bytes, LE                               |
//! |  12 |   16 | label, NUL padded                               |
//! |  28 |    4 | flags, LE: bit 0 encrypted                      |
//!
//! The table lies at 0x8000 unless the project moved it (CONFIG_PARTITION_TABLE_OFFSET, a
//! multiple of 0x1000), and ends with an entry EB EB (its MD5) or with erased bytes.
//!
//! Source: ESP-IDF documentation, "Partition Tables", v5.2 and v6.0.

use super::{Carrier, CarrierOptions, Piece, size_words};
use crate::cursor::{u16_at, u32_at};
use crate::dump::Note;
use crate::error::Fault;
use crate::memory::text_until_nul;

const NAME: &str = "flash image";
const ENTRY_LEN: usize = 32;
/// `AA 50` as a little-endian word.
const ENTRY_MAGIC: u16 = 0x50aa;
const MOST_ENTRIES: usize = 95;
const TYPE_DATA: u8 = 1;
const SUBTYPE_COREDUMP: u8 = 3;
const FLAG_ENCRYPTED: u32 = 1;
/// Where tables have been seen, the usual place first.
const USUAL_OFFSETS: std::ops::RangeInclusive<u64> = 0x1000..=0x20000;
const SECTOR: u64 = 0x1000;

/// The format that lies in a core-dump partition.
pub const COREDUMP_FORMAT: &str = "esp-idf";

/// An image of a whole flash.
pub struct EspFlash;

#[derive(Debug)]
struct Partition {
    kind: u8,
    subtype: u8,
    offset: u64,
    size: u64,
    label: String,
    encrypted: bool,
}

impl Carrier for EspFlash {
    fn name(&self) -> &'static str {
        NAME
    }

    fn peel(&self, piece: &Piece, options: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let bytes = &piece.bytes;
        if let Some(offset) = options.offset.filter(|_| piece.layers.is_empty()) {
            if offset >= bytes.len() as u64 {
                let expected = format!("an offset below {:#x}", bytes.len());
                let found = format!("{offset:#x}");
                return Some(Err(Fault::new(NAME, "--offset", offset, expected, found)));
            }
            if let Some(table) = read_table(bytes, offset) {
                return Some(core_dumps(piece, offset, &table));
            }
            let layer = format!("{} image @{offset:#x}", size_words(bytes.len() as u64));
            return Some(Ok(vec![piece.inner(layer, bytes.slice(offset as usize..))]));
        }
        let usual = std::iter::once(0x8000).chain(USUAL_OFFSETS.step_by(SECTOR as usize));
        let (offset, table) =
            usual.filter_map(|offset| Some((offset, read_table(bytes, offset)?))).next()?;
        Some(core_dumps(piece, offset, &table))
    }
}

/// The table at `offset`, if there is one with an entry that makes sense.
fn read_table(bytes: &[u8], offset: u64) -> Option<Vec<Partition>> {
    let table = bytes.get(usize::try_from(offset).ok()?..)?;
    let entries: Vec<_> =
        table.chunks_exact(ENTRY_LEN).take(MOST_ENTRIES).map_while(read_entry).collect();
    let sensible = |p: &Partition| p.size > 0 && p.offset.is_multiple_of(SECTOR) && p.offset > 0;
    (!entries.is_empty() && entries.iter().all(sensible)).then_some(entries)
}

fn read_entry(entry: &[u8]) -> Option<Partition> {
    if u16_at(entry, 0)? != ENTRY_MAGIC {
        return None;
    }
    Some(Partition {
        kind: *entry.get(2)?,
        subtype: *entry.get(3)?,
        offset: u32_at(entry, 4)?.into(),
        size: u32_at(entry, 8)?.into(),
        label: text_until_nul(entry.get(12..28)?),
        encrypted: u32_at(entry, 28)? & FLAG_ENCRYPTED != 0,
    })
}

fn core_dumps(piece: &Piece, table_at: u64, table: &[Partition]) -> Result<Vec<Piece>, Fault> {
    let len = piece.bytes.len() as u64;
    let image = format!("flash image {}", size_words(len));
    let is_coredump = |p: &&Partition| p.kind == TYPE_DATA && p.subtype == SUBTYPE_COREDUMP;
    let mut pieces = Vec::new();
    for partition in table.iter().filter(is_coredump) {
        let Partition { offset, size, label, .. } = partition;
        if *offset >= len {
            let field = format!("partition {label}");
            let expected = format!("an image of more than {offset:#x} bytes");
            return Err(Fault::new(NAME, field, *offset, expected, format!("{len:#x}")));
        }
        let end = offset.saturating_add(*size).min(len);
        let mut outer = piece.clone();
        outer.layers.push(image.clone());
        let contents = piece.bytes.slice(*offset as usize..end as usize);
        let mut inner = outer.inner(format!("partition {label} @{offset:#x}"), contents);
        if end - offset < *size {
            inner.notes.push(
                Note::warning(format!(
                    "partition {label} @{offset:#x} is cut: {size:#x} bytes by the \
                 table, {:#x} in the image",
                    end - offset
                ))
                .by("flash image")
                .code("cut"),
            );
        }
        if partition.encrypted {
            inner.notes.push(
                Note::info(format!("partition {label} is marked as encrypted"))
                    .by("flash image")
                    .code("encrypted"),
            );
        }
        pieces.push(inner.hinted(COREDUMP_FORMAT));
    }
    if pieces.is_empty() {
        let labels = table.iter().map(|p| p.label.as_str()).collect::<Vec<_>>().join(", ");
        let expected = "a partition of type data, subtype coredump";
        return Err(Fault::new(NAME, "partition table", table_at, expected, labels));
    }
    Ok(pieces)
}
