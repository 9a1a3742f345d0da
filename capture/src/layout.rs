//! The bytes of a dump: the one definition that the writer on the device and the reader on the host
//! share. `FORMAT.md` says the same in words. Everything is little-endian; *word* is 4 bytes in
//! ELF32 and 8 bytes in ELF64.
//!
//! ```text
//! ELF32  ELF64
//!     0      0  block 0: ELF header, and in its last 12 bytes the trailer  <- written last
//!    64     96  mark: 32 bytes left erased; any zero bit means "uploaded"
//!    96    128  program headers: one PT_NOTE, then one PT_LOAD per segment, most valuable first
//!               notes
//!               segments, each followed at a multiple of 4 by the CRC-32 of its bytes
//!               SHA-256, if flags say so
//! ```
//!
//! | trailer | size | field |
//! |       0 |    1 | format version |
//! |       1 |    1 | flags, see [`flag`] |
//! |       2 |    2 | sequence number among the slots of a partition |
//! |       4 |    4 | length of the file |
//! |       8 |    4 | CRC-32 of the file from the program headers to its end, then of block 0 up to this field |
//!
//! Sources: ELF gABI (headers, notes); Linux `elf_prstatus`, `NT_ARM_VFP`, `NT_FPREGSET` as GDB 13
//! reads them.

mod records;

pub use records::*;

/// The format version that this crate writes.
pub const VERSION: u8 = 1;
/// The format versions that the decoders below read.
pub const VERSIONS: &[u8] = &[1];
/// Goes into the padding of `e_ident` (offset 9), which every reader of ELF skips.
pub const IDENT: &[u8; 7] = b"CORONER";
/// Size of the erased mark behind block 0; also the largest write unit of a flash.
pub const MARK_LEN: u32 = 32;
/// Stack slices begin and end at multiples of this: GDB 13 reads stacks through cache lines of 64
/// bytes, and shows zeros for the rest of a line that a segment holds only in part.
pub const STACK_LINE: usize = 64;
/// Size of the trailer at the end of block 0.
pub const TRAILER_LEN: usize = 12;
/// Size of the SHA-256 at the end of the file, when [`flag::SHA256`] is set.
pub const SHA256_LEN: u32 = 32;

/// Bits of the trailer's flags.
pub mod flag {
    /// Something that was asked for did not fit; the region and task tables say what.
    pub const TRUNCATED: u8 = 1;
    /// Writing stopped early (time was up, or the sink failed): `e_phnum` counts the whole segments.
    pub const STOPPED: u8 = 2;
    /// The capture itself had faulted; this is the smaller record of the second attempt.
    pub const MINIMAL: u8 = 4;
    /// The last 32 bytes are the SHA-256 of everything from the program headers up to them.
    pub const SHA256: u8 = 8;
    /// The stack of the capture was too small: it has written over what lies below it, and what the dump
    /// says may be wrong.
    pub const OVERFLOWED: u8 = 16;
}

/// Types of the notes with the owner [`OWNER`].
pub mod note {
    /// GDB takes a low number for the note that others mean by it, whoever the owner is.
    const BASE: u32 = 0x4341_5000;
    /// First of all notes: what the file holds when it is whole. See [`super::Head`].
    pub const HEAD: u32 = BASE + 1;
    /// Why the device stopped. See [`super::Cause`].
    pub const CAUSE: u32 = BASE + 2;
    /// Raw fault and special registers. See [`super::fault_registers`].
    pub const FAULT: u32 = BASE + 3;
    /// All tasks. See [`super::TaskTable`].
    pub const TASKS: u32 = BASE + 4;
    /// All regions that were asked for. See [`super::regions`].
    pub const REGIONS: u32 = BASE + 5;
    /// Strings about the device. See [`super::info`].
    pub const INFO: u32 = BASE + 6;
    /// Last of all notes: CRC-32 from the program headers up to this value.
    pub const END: u32 = BASE + 7;

    /// `NT_PRSTATUS`, owner `CORE`: one per task.
    pub const PRSTATUS: u32 = 1;
    /// `NT_FPREGSET`, owner `CORE`: floating point registers of RISC-V.
    pub const FPREGSET: u32 = 2;
    /// `NT_GNU_BUILD_ID`, owner `GNU`.
    pub const BUILD_ID: u32 = 3;
    /// `NT_AUXV`, owner `CORE`: tells GDB that an ARM core has floating point registers.
    pub const AUXV: u32 = 6;
    /// `NT_ARM_VFP`, owner `LINUX`: d0 to d31, then FPSCR.
    pub const ARM_VFP: u32 = 0x400;
}

/// Owner of this crate's own notes.
pub const OWNER: &str = "CAPT";

/// The two widths of ELF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 32-bit addresses.
    Elf32,
    /// 64-bit addresses.
    Elf64,
}

impl Class {
    /// Value of `e_ident[EI_CLASS]`.
    pub const fn ident(self) -> u8 {
        if self.wide() { 2 } else { 1 }
    }

    /// From `e_ident[EI_CLASS]`.
    pub const fn from_ident(ident: u8) -> Option<Class> {
        match ident {
            1 => Some(Class::Elf32),
            2 => Some(Class::Elf64),
            _ => None,
        }
    }

    const fn wide(self) -> bool {
        matches!(self, Class::Elf64)
    }

    /// Bytes of an address.
    pub const fn word(self) -> usize {
        if self.wide() { 8 } else { 4 }
    }

    /// Bytes of the ELF header.
    pub const fn ehdr_len(self) -> usize {
        if self.wide() { 64 } else { 52 }
    }

    /// Bytes of one program header.
    pub const fn phdr_len(self) -> usize {
        if self.wide() { 56 } else { 32 }
    }

    /// Bytes of block 0.
    pub const fn block0_len(self) -> usize {
        if self.wide() { 96 } else { 64 }
    }

    /// Offset of the program headers: `e_phoff`.
    pub const fn phoff(self) -> u32 {
        self.block0_len() as u32 + MARK_LEN
    }

    /// Bytes before the registers in `NT_PRSTATUS`.
    pub const fn prstatus_head(self) -> usize {
        if self.wide() { 112 } else { 72 }
    }

    /// Offset of the thread id (u32) in `NT_PRSTATUS`. The signal (u16) is at 12.
    pub const fn prstatus_pid(self) -> usize {
        if self.wide() { 32 } else { 24 }
    }

    /// Bytes of `NT_PRSTATUS` with `registers` words.
    pub const fn prstatus_len(self, registers: usize) -> usize {
        self.prstatus_head() + (registers + 1) * self.word()
    }

    /// Bytes of one task in [`note::TASKS`].
    pub const fn task_len(self) -> usize {
        32 + 5 * self.word()
    }

    /// Bytes of one region in [`note::REGIONS`], without its name.
    pub const fn region_len(self) -> usize {
        4 + 3 * self.word()
    }

    /// Bytes of [`note::CAUSE`] without its strings.
    pub const fn cause_len(self) -> usize {
        28 + 2 * self.word()
    }
}

/// Rounds up to a multiple of 4, as notes and segments are.
pub const fn pad4(len: usize) -> usize {
    (len + 3) & !3
}

/// Bytes of a note's header with an owner of `owner_len` letters, up to its contents.
pub const fn note_head(owner_len: usize) -> usize {
    12 + pad4(owner_len + 1)
}

/// Reads little-endian fields; everything past the end is `None`.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    class: Class,
}

impl<'a> Fields<'a> {
    /// Starts at the first of `bytes`.
    pub const fn new(class: Class, bytes: &'a [u8]) -> Self {
        Fields { bytes, class }
    }

    /// The width of its words.
    pub const fn class(&self) -> Class {
        self.class
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.bytes.split_at_checked(len)?;
        self.bytes = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    /// The next half-word.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next word of the class.
    pub fn word(&mut self) -> Option<u64> {
        match self.class {
            Class::Elf32 => self.u32().map(u64::from),
            Class::Elf64 => self.u64(),
        }
    }

    /// What is left.
    pub const fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

/// The last 12 bytes of block 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trailer {
    /// Format version.
    pub version: u8,
    /// See [`flag`].
    pub flags: u8,
    /// Counts up from dump to dump in a partition with several slots; wraps.
    pub sequence: u16,
    /// Bytes of the file from block 0 to its end.
    pub length: u32,
    /// CRC-32 of the file from the program headers to `length`, then of block 0 up to this field.
    pub crc: u32,
}

impl Trailer {
    /// The bytes as they lie in the file.
    pub const fn encode(&self) -> [u8; TRAILER_LEN] {
        let [s0, s1] = self.sequence.to_le_bytes();
        let [l0, l1, l2, l3] = self.length.to_le_bytes();
        let [c0, c1, c2, c3] = self.crc.to_le_bytes();
        [self.version, self.flags, s0, s1, l0, l1, l2, l3, c0, c1, c2, c3]
    }

    /// From block 0: `None` when it is not the block 0 of a dump of a known version.
    pub fn decode(block0: &[u8]) -> Option<(Class, Trailer)> {
        let class = Class::from_ident(*block0.get(4)?)?;
        if !block0.starts_with(b"\x7fELF") || block0.get(9..16)? != IDENT {
            return None;
        }
        let at = class.block0_len() - TRAILER_LEN;
        let mut fields = Fields::new(class, block0.get(at..class.block0_len())?);
        let trailer = Trailer {
            version: fields.u8()?,
            flags: fields.u8()?,
            sequence: fields.u16()?,
            length: fields.u32()?,
            crc: fields.u32()?,
        };
        VERSIONS.contains(&trailer.version).then_some((class, trailer))
    }
}

/// One record of a PT_NOTE segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Who defines the type, without the closing NUL.
    pub owner: &'a [u8],
    /// Type, see [`note`].
    pub kind: u32,
    /// Contents.
    pub desc: &'a [u8],
}

/// Walks the notes in `bytes`; ends at the first one that does not fit.
pub fn notes(bytes: &[u8]) -> impl Iterator<Item = Note<'_>> {
    let mut fields = Fields::new(Class::Elf32, bytes);
    core::iter::from_fn(move || {
        let name_len = fields.u32()? as usize;
        let desc_len = fields.u32()? as usize;
        let kind = fields.u32()?;
        let name = fields.take(name_len.checked_next_multiple_of(4)?)?.get(..name_len)?;
        let desc = fields.take(desc_len)?;
        let padding = desc_len.wrapping_neg() & 3;
        fields.take(padding.min(fields.rest().len()))?;
        Some(Note { owner: name.strip_suffix(b"\0").unwrap_or(name), kind, desc })
    })
}
