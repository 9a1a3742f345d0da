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
/// More than this, and so many times the file's length, a firmware's compressed sections do not come
/// to, all of them together.
const MOST_DECOMPRESSED: u64 = 64 << 20;
const MOST_TIMES: u64 = 8;
/// No compiler's output shrinks further than to this part.
const MOST_GROWTH: u64 = 40;
/// Nor does it matter below this.
const SMALL: u64 = 1 << 20;

/// Code below this address may lie under what linkers moved to address 0.
const CODE_NEAR_0: u64 = 1 << 20;

/// The sections that gimli may ask for.
pub(super) struct Sections {
    by_name: HashMap<&'static str, Bytes>,
    endian: gimli::RunTimeEndian,
    cut: bool,
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
    pub(super) fn load(elf: &Firmware) -> Sections {
        let is_low = |addr: u64| elf.link_addr(addr) < CODE_NEAR_0;
        let code_at_0 = elf.sections.iter().any(|s| s.alloc && s.execute && is_low(s.addr));
        let len = elf.bytes.len() as u64;
        let usual = MOST_DECOMPRESSED.saturating_add(len.saturating_mul(MOST_TIMES));
        let mut room = elf.most_unpacked().unwrap_or(usual);
        let mut cut = false;
        let mut by_name = HashMap::new();
        for id in WANTED {
            let Some(section) = elf.section(id.name()) else { continue };
            let mut bytes = plain(elf, section, &mut room).unwrap_or_else(|| {
                cut |= room == 0;
                Bytes::new()
            });
            if id == gimli::SectionId::DebugLine && code_at_0 {
                bytes = without_dead_lines(bytes, elf.class);
            }
            by_name.insert(id.name(), bytes);
        }
        Sections { by_name, endian: run_time_endian(elf.endian), cut }
    }

    pub(super) fn slice(&self, id: gimli::SectionId) -> Slice {
        let bytes = self.by_name.get(id.name()).cloned().unwrap_or_default();
        Slice::new(bytes, self.endian)
    }

    /// What to say if some were too large.
    pub(super) fn too_large(&self) -> Option<&'static str> {
        self.cut.then_some(
            "its compressed debugging sections grow out of all proportion: not all were read \
             (--max-memory raises the limit)",
        )
    }
}

/// Folklore: linkers leave the line tables of functions that they threw away behind, moved to
/// address 0. On chips whose flash starts there (nRF5x, SAMD5x) they lie over the real ones, and
/// lines of a library show up in `main`. The address 0 is replaced by the mark for "nowhere"
/// that newer linkers write (DWARF 6 proposal 200609.1, known to gimli).
fn without_dead_lines(bytes: Bytes, class: u8) -> Bytes {
    // DW_LNE_set_address 0: 0, length, 2, address.
    let width = if class == 64 { 8 } else { 4 };
    let mut pattern = vec![0, width as u8 + 1, 2];
    pattern.resize(3 + width, 0);
    let found: Vec<usize> = memchr::memmem::find_iter(&bytes, &pattern).collect();
    if found.is_empty() {
        return bytes;
    }
    let mut patched = bytes.to_vec();
    for at in found {
        if let Some(address) = patched.get_mut(at.saturating_add(3)..at.saturating_add(3 + width)) {
            address.fill(0xff);
        }
    }
    patched.into()
}

/// The contents, taken out of `room` where they were compressed. `None` for damage, or, if then no
/// room is left, for too much.
fn plain(elf: &Firmware, section: &Section, room: &mut u64) -> Option<Bytes> {
    let bytes = elf.section_bytes(section);
    if !section.compressed {
        return Some(bytes);
    }
    decompress(&bytes, elf, room)
}

fn decompress(bytes: &Bytes, elf: &Firmware, room: &mut u64) -> Option<Bytes> {
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
    // Compilers' output shrinks to a third or a tenth; what a header claims is not believed, unless
    // the user set the limit.
    let believed = (packed.len() as u64).saturating_mul(MOST_GROWTH).max(SMALL);
    let most = elf.most_unpacked().unwrap_or(believed).min(*room);
    if size > most {
        *room = 0;
        return None;
    }
    *room = room.saturating_sub(size);
    // Only what is written to takes memory.
    let mut out = Vec::with_capacity(usize::try_from(size).ok()?);
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
