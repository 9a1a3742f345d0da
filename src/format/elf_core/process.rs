//! Where Linux had put a program: without it a position-independent one can't be found in its
//! own core.
//!
//! | NT_AUXV | pairs of words {type, value}; 9 AT_ENTRY, 0 AT_NULL ends                       |
//! | NT_FILE | words: count, size of a page; count times {first address, address behind the    |
//! |         | last, offset in the file in pages}; then as many paths, each with its NUL       |
//!
//! Source: Linux 6.1, `fs/binfmt_elf.c` (`fill_auxv_note`, `fill_files_note`),
//! `include/uapi/linux/auxvec.h`; seen in cores of GDB 13.1 and of QEMU 7.2's user mode, which has
//! no NT_FILE.

use super::super::elf::{CoreFile, ElfNote};
use super::NAME;
use crate::cursor::Cursor;
use crate::dump::{MappedFile, Process};
use crate::memory::text_until_nul;

pub(super) const NT_AUXV: u32 = 6;
pub(super) const NT_FILE: u32 = 0x4649_4c45;

const AT_ENTRY: u64 = 9;
/// More mappings than this no process has.
const MOST_FILES: u64 = 65536;

/// What the notes of `core` say; `None` if there are none of these.
pub(super) fn of_core(core: &CoreFile) -> Option<Process> {
    let note = |kind: u32| core.notes.iter().find(|note| note.kind == kind);
    let (auxv, files) = (note(NT_AUXV), note(NT_FILE));
    auxv.or(files)?;
    Some(Process {
        auxv: auxv.map(|note| note.desc.clone()).unwrap_or_default(),
        entry: auxv.and_then(|note| entry(note, core)),
        slide: 0,
        files: files.and_then(|note| mapped(note, core)).unwrap_or_default(),
    })
}

fn cursor(note: &ElfNote, core: &CoreFile) -> Cursor {
    Cursor::new(NAME, note.desc.clone(), note.offset).with_endian(core.endian)
}

fn entry(note: &ElfNote, core: &CoreFile) -> Option<u64> {
    let (mut cursor, bits) = (cursor(note, core), u32::from(core.class));
    while let (Ok(kind), Ok(value)) = (cursor.word("a_type", bits), cursor.word("a_val", bits)) {
        match kind {
            0 => break,
            AT_ENTRY => return Some(value),
            _ => {}
        }
    }
    None
}

/// `None` if the note ends before it should.
fn mapped(note: &ElfNote, core: &CoreFile) -> Option<Vec<MappedFile>> {
    let (mut cursor, bits) = (cursor(note, core), u32::from(core.class));
    let mut word = || cursor.word("mapped file", bits).ok();
    let (count, page) = (word()?.min(MOST_FILES), word()?);
    let mut places = Vec::new();
    for _ in 0..count {
        let (start, _, pages) = (word()?, word()?, word()?);
        places.push((start, pages.checked_mul(page)?));
    }
    let rest = cursor.rest();
    let paths = rest.split(|byte| *byte == 0).map(text_until_nul);
    let file = |((start, offset), path)| MappedFile { start, offset, path };
    Some(places.into_iter().zip(paths).map(file).collect())
}
