//! The container of ELF cores: header, program headers, notes. Written for cores that devices
//! make, so it takes what is there where a strict reader would give up.
//!
//! Notes are `{namesz, descsz, type}` (three words of 32 bits in either class), the name and the
//! description, each padded to 4 bytes (8 where the segment's alignment says so). Some writers
//! count the padding of the name in `namesz` and leave garbage behind its NUL.
//!
//! Source: System V ABI, chapter 5 "Program Header", "Note Section"; how devices deviate is
//! told by the readers that use this.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::Cursor;
use crate::dump::Note as DumpNote;
use crate::error::Fault;
pub use crate::input::is_core;
use crate::memory::text_until_nul;
use crate::targets::Endian;
use bytes::Bytes;
use goblin::container::{Container, Ctx};
use goblin::elf::program_header::{PF_W, PF_X, PT_LOAD, PT_NOTE, ProgramHeader};
use goblin::elf::{Elf, header};

/// A core file, taken apart.
#[derive(Clone, Debug)]
pub struct CoreFile {
    /// `e_machine`.
    pub machine: u16,
    /// 32 or 64.
    pub class: u8,
    /// The order of bytes.
    pub endian: Endian,
    /// The saved memory, in the order of the program headers.
    pub segments: Vec<Segment>,
    /// The notes of all note segments, in their order.
    pub notes: Vec<ElfNote>,
    /// What was cut off or could not be read.
    pub problems: Vec<DumpNote>,
    /// The offset behind the last byte that a header names, or the file's length.
    pub end: u64,
}

/// `e_phnum` if there are more than 16 bits can say.
const PN_XNUM: u16 = 0xffff;

/// One PT_LOAD.
#[derive(Clone, Debug)]
pub struct Segment {
    /// The device address of the first byte.
    pub addr: u64,
    /// Where its bytes start in the file.
    pub offset: u64,
    /// The bytes that the file really holds.
    pub bytes: Bytes,
    /// How many it should hold (`p_filesz`).
    pub file_len: u64,
    /// How long it is on the device (`p_memsz`).
    pub memory_len: u64,
    /// The device could write there.
    pub write: bool,
    /// It could run code from there.
    pub execute: bool,
}

/// One note.
#[derive(Clone, Debug)]
pub struct ElfNote {
    /// The owner, without NUL and padding.
    pub name: String,
    /// `n_type`.
    pub kind: u32,
    /// The description.
    pub desc: Bytes,
    /// Where the description starts in the file.
    pub offset: u64,
}

/// Takes a core file apart.
///
/// # Errors
/// A [`Fault`] in the name of `format` if the header or the table of program headers is
/// unusable. What is wrong behind them is told in [`CoreFile::problems`].
pub fn parse_core(format: &'static str, bytes: &Bytes) -> Result<CoreFile, Fault> {
    let header = Elf::parse_header(bytes)
        .map_err(|e| Fault::new(format, "ELF header", 0, "a whole ELF header", e.to_string()))?;
    let class = match header.container() {
        Ok(Container::Big) => 64,
        _ => 32,
    };
    let endian = match header.endianness() {
        Ok(goblin::container::Endian::Big) => Endian::Big,
        _ => Endian::Little,
    };
    let mut problems = Vec::new();
    let headers = program_headers(format, bytes, &header, class, endian, &mut problems)?;

    let file_len = bytes.len() as u64;
    let mut core = CoreFile {
        machine: header.e_machine,
        class,
        endian,
        segments: Vec::new(),
        notes: Vec::new(),
        problems,
        end: 0,
    };
    for (index, ph) in headers.iter().enumerate() {
        let there = slice(bytes, ph.p_offset, ph.p_filesz);
        let cut = (there.len() as u64) < ph.p_filesz;
        core.end = core.end.max(ph.p_offset.saturating_add(ph.p_filesz));
        match ph.p_type {
            PT_LOAD => {
                if cut {
                    core.problems.push(
                        DumpNote::warning(format!(
                            "memory at {:#x} is cut: {} bytes by program header {index}, {} \
                         in the file",
                            ph.p_vaddr,
                            ph.p_filesz,
                            there.len()
                        ))
                        .by(format.to_string())
                        .code("cut"),
                    );
                }
                core.segments.push(Segment {
                    addr: ph.p_vaddr,
                    offset: ph.p_offset,
                    bytes: there,
                    file_len: ph.p_filesz,
                    memory_len: ph.p_memsz,
                    write: ph.p_flags & PF_W != 0,
                    execute: ph.p_flags & PF_X != 0,
                });
            }
            PT_NOTE => {
                let align = if ph.p_align == 8 { 8 } else { 4 };
                if let Err(fault) =
                    read_notes(format, there, ph.p_offset, align, endian, &mut core.notes)
                {
                    core.problems
                        .push(DumpNote::warning(fault.words()).by(fault.format).code("damaged"));
                }
            }
            _ => {}
        }
    }
    let table_len = u64::from(header.e_shnum).saturating_mul(header.e_shentsize.into());
    core.end = core.end.max(header.e_shoff.saturating_add(table_len)).min(file_len);
    Ok(core)
}

/// The program headers that lie in the file. A table that runs past its end is cut there.
fn program_headers(
    format: &'static str,
    bytes: &Bytes,
    header: &header::Header,
    class: u8,
    endian: Endian,
    problems: &mut Vec<DumpNote>,
) -> Result<Vec<ProgramHeader>, Fault> {
    let (container, entry_len) =
        if class == 64 { (Container::Big, 56u64) } else { (Container::Little, 32u64) };
    let ctx = match endian {
        Endian::Little => Ctx::new(container, goblin::container::Endian::Little),
        Endian::Big => Ctx::new(container, goblin::container::Endian::Big),
    };
    let left = (bytes.len() as u64).saturating_sub(header.e_phoff);
    let room = left.checked_div(entry_len).unwrap_or(0);
    let count = match header.e_phnum {
        PN_XNUM => many_headers(bytes, header, class, endian).unwrap_or(u64::from(PN_XNUM)),
        count => u64::from(count),
    };
    if room == 0 && count > 0 {
        let expected = format!("{count} program headers of {entry_len} bytes");
        let found = format!("{left} bytes");
        return Err(Fault::new(format, "program headers", header.e_phoff, expected, found));
    }
    if room < count {
        problems.push(
            DumpNote::warning(format!(
                "the table of program headers is cut: {count} by the header, {room} in the \
             file"
            ))
            .by(format.to_string())
            .code("cut"),
        );
    }
    let bad = |e: goblin::error::Error| {
        Fault::new(format, "program headers", header.e_phoff, "a readable table", e.to_string())
    };
    ProgramHeader::parse(bytes, header.e_phoff as usize, room.min(count) as usize, ctx).map_err(bad)
}

/// The number of program headers where 16 bits don't hold it: `sh_info` of section header 0.
fn many_headers(bytes: &Bytes, header: &header::Header, class: u8, endian: Endian) -> Option<u64> {
    let offset = header.e_shoff.checked_add(if class == 64 { 44 } else { 28 })?;
    let word = slice(bytes, offset, 4);
    let mut cursor = Cursor::new("elf", word, offset).with_endian(endian);
    (header.e_shoff > 0).then(|| cursor.u32("sh_info").ok().map(u64::from))?
}

fn slice(bytes: &Bytes, offset: u64, len: u64) -> Bytes {
    let all = bytes.len() as u64;
    let start = offset.min(all);
    let end = offset.saturating_add(len).min(all);
    bytes.slice(start as usize..end as usize)
}

fn read_notes(
    format: &'static str,
    bytes: Bytes,
    base: u64,
    align: usize,
    endian: Endian,
    notes: &mut Vec<ElfNote>,
) -> Result<(), Fault> {
    let mut cursor = Cursor::new(format, bytes, base).with_endian(endian);
    let padded = |len: u32| (len as usize).checked_next_multiple_of(align).unwrap_or(usize::MAX);
    // Fewer than a header's bytes behind the last note are padding.
    while cursor.left() >= 12 {
        let name_len = cursor.u32("note name length")?;
        let desc_len = cursor.u32("note description length")?;
        let kind = cursor.u32("note type")?;
        let name = text_until_nul(&cursor.take("note name", padded(name_len))?);
        let offset = cursor.offset();
        let desc = cursor.take(&format!("description of note {name}"), desc_len as usize)?;
        cursor.take_up_to(padded(desc_len).saturating_sub(desc_len as usize));
        notes.push(ElfNote { name, kind, desc, offset });
    }
    Ok(())
}
