//! The debugging sections of an ELF file, decompressed where they were not plain.
//!
//! A section with `SHF_COMPRESSED` starts with `Elf32_Chdr` (type u32, size u32, align u32) or
//! `Elf64_Chdr` (type u32, reserved u32, size u64, align u64). Type 1 is zlib, 2 is Zstandard.
//!
//! Source: ELF gABI 4.3 draft, "Section Compression".

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::{Slice, run_time_endian};
use crate::firmware::{Firmware, Section};
use bytes::Bytes;
use std::collections::HashMap;
use std::io::Read;

const ELFCOMPRESS_ZLIB: u32 = 1;
const ELFCOMPRESS_ZSTD: u32 = 2;
/// Bigger than any firmware's; what a header claims is not believed beyond it.
const LARGEST_SECTION: u64 = 1 << 30;

/// Code below this address may lie under what linkers moved to address 0.
const CODE_NEAR_0: u64 = 1 << 20;

/// The sections that gimli may ask for.
pub struct Sections {
    by_name: HashMap<&'static str, (Bytes, u64)>,
    endian: gimli::RunTimeEndian,
}

const WANTED: [gimli::SectionId; 16] = [
    gimli::SectionId::DebugAbbrev,
    gimli::SectionId::DebugAddr,
    gimli::SectionId::DebugAranges,
    gimli::SectionId::DebugFrame,
    gimli::SectionId::DebugInfo,
    gimli::SectionId::DebugLine,
    gimli::SectionId::DebugLineStr,
    gimli::SectionId::DebugLoc,
    gimli::SectionId::DebugLocLists,
    gimli::SectionId::DebugRanges,
    gimli::SectionId::DebugRngLists,
    gimli::SectionId::DebugStr,
    gimli::SectionId::DebugStrOffsets,
    gimli::SectionId::DebugTypes,
    gimli::SectionId::EhFrame,
    gimli::SectionId::EhFrameHdr,
];

impl Sections {
    /// Finds them in `elf`. One that is missing or can't be decompressed is empty.
    pub fn load(elf: &Firmware) -> Sections {
        let code_at_0 = elf.sections.iter().any(|s| s.alloc && s.execute && s.addr < CODE_NEAR_0);
        let load = |id: gimli::SectionId| {
            let section = elf.section(id.name())?;
            let mut bytes = plain(elf, section);
            if id == gimli::SectionId::DebugLine && code_at_0 {
                bytes = without_dead_lines(&bytes, elf.class);
            }
            Some((id.name(), (bytes, section.addr)))
        };
        let by_name = WANTED.into_iter().filter_map(load).collect();
        Sections { by_name, endian: run_time_endian(elf.endian) }
    }

    pub(super) fn slice(&self, id: gimli::SectionId) -> Slice<'_> {
        let bytes = self.by_name.get(id.name()).map(|(bytes, _)| &**bytes).unwrap_or_default();
        gimli::EndianSlice::new(bytes, self.endian)
    }

    /// The address of a section at run time, for those that have one (`.eh_frame`).
    pub(crate) fn addr(&self, id: gimli::SectionId) -> u64 {
        self.by_name.get(id.name()).map_or(0, |(_, addr)| *addr)
    }
}

/// Folklore: linkers leave the line tables of functions that they threw away behind, moved to
/// address 0. On chips whose flash starts there (nRF5x, SAMD5x) they lie over the real ones, and
/// lines of a library show up in `main`. The address 0 is replaced by the mark for "nowhere"
/// that newer linkers write (DWARF 6 proposal 200609.1, known to gimli).
fn without_dead_lines(bytes: &Bytes, class: u8) -> Bytes {
    // DW_LNE_set_address 0: 0, length, 2, address.
    let width = if class == 64 { 8 } else { 4 };
    let mut pattern = vec![0, width as u8 + 1, 2];
    pattern.resize(3 + width, 0);
    let mut patched = bytes.to_vec();
    for at in memchr::memmem::find_iter(bytes, &pattern) {
        if let Some(address) = patched.get_mut(at.saturating_add(3)..at.saturating_add(3 + width)) {
            address.fill(0xff);
        }
    }
    patched.into()
}

fn plain(elf: &Firmware, section: &Section) -> Bytes {
    let bytes = elf.section_bytes(section);
    if !section.compressed {
        return bytes;
    }
    decompress(&bytes, elf).unwrap_or_default()
}

fn decompress(bytes: &Bytes, elf: &Firmware) -> Option<Bytes> {
    let mut head = crate::cursor::Cursor::new("elf", bytes.clone(), 0).with_endian(elf.endian);
    let kind = head.u32("ch_type").ok()?;
    let size = if elf.class == 64 {
        head.skip("ch_reserved", 4).ok()?;
        let size = head.u64("ch_size").ok()?;
        head.skip("ch_addralign", 8).ok()?;
        size
    } else {
        let size = head.u32("ch_size").ok()?;
        head.skip("ch_addralign", 4).ok()?;
        size.into()
    };
    let packed = head.rest();
    let size = size.min(LARGEST_SECTION);
    let mut out = Vec::new();
    match kind {
        ELFCOMPRESS_ZLIB => {
            let zlib = flate2::read::ZlibDecoder::new(&*packed);
            zlib.take(size).read_to_end(&mut out).ok()?;
        }
        ELFCOMPRESS_ZSTD => {
            let zstd = ruzstd::decoding::StreamingDecoder::new(&*packed).ok()?;
            zstd.take(size).read_to_end(&mut out).ok()?;
        }
        _ => return None,
    }
    Some(out.into())
}
