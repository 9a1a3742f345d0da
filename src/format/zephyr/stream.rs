//! The stream: a header, then blocks until the data end.
//!
//! | off | size | header                                                               |
//! |   0 |    2 | "ZE"                                                                 |
//! |   2 |    2 | version: 1 (Zephyr 2.4 to 3.7), 2 (4.0 and later)                     |
//! |   4 |    2 | target                                                               |
//! |   6 |    1 | width of a pointer: log2 of bits, 5 or 6; 0 unknown                  |
//! |   7 |    1 | flags: bit 0 says that a `C` block ends the stream                   |
//! |   8 |    4 | reason; only its low half carries meaning                            |
//!
//! | id  | behind id and u16 version                                    | holds              |
//! | `A` | u16 n, n bytes                                               | registers          |
//! | `T` | u16 n, n bytes                                               | `_kernel`          |
//! | `F` | u16 n, u32 cpu, pointer thread, n bytes                      | another CPU's `A`  |
//! | `M` | pointer start, pointer end (exclusive), end - start bytes    | memory             |
//! | `C` | u32 CRC-32 (zlib's) of all bytes in front of the block       | checksum           |
//!
//! All little-endian, nothing aligned. A block with another id can't be skipped: its length
//! is not known.
//!
//! Source: Zephyr 2.4 to 4.2, `include/zephyr/debug/coredump.h`, `subsys/debug/coredump/`;
//! `F` and `C` from pull requests of 2026.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

use super::NAME;
use crate::carrier::Piece;
use crate::cursor::{Cursor, bytes_word, u16_at};
use crate::dump::Note;
use crate::error::Fault;
use bytes::Bytes;

pub(super) const MAGIC: [u8; 2] = *b"ZE";
/// The newest version of the header that is known.
const NEWEST: u16 = 2;
/// Newer headers than this are not believed to be headers.
const FARTHEST: u16 = 15;
pub(super) const HEADER_LEN: usize = 12;
const FLAG_CRC: u8 = 1;
/// More notes of one kind than this are counted, not listed.
const MOST_NOTES: usize = 4;

/// The header's fields.
#[derive(Clone, Debug)]
pub(super) struct Header {
    pub version: u16,
    pub target: u16,
    /// 32 or 64; `None` if the device did not know.
    pub pointer_bits: Option<u32>,
    pub flags: u8,
    /// The low half of the reason.
    pub reason: u16,
}

/// An `A` or `F` block: registers as the device laid them out.
#[derive(Clone, Debug)]
pub(super) struct RegisterBlock {
    pub version: u16,
    pub bytes: Bytes,
}

/// An `F` block.
#[derive(Clone, Debug)]
pub(super) struct CpuBlock {
    pub cpu: u32,
    /// The address of the thread that ran there.
    pub thread: u64,
    /// Empty on the CPU that panicked.
    pub registers: RegisterBlock,
}

/// An `M` block.
#[derive(Clone, Debug)]
pub(super) struct MemoryBlock {
    pub start: u64,
    pub bytes: Bytes,
    /// Where the bytes start.
    pub offset: u64,
    /// How many bytes were cut off its end.
    pub cut: u64,
}

/// A stream taken apart.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub header: Header,
    pub registers: Option<RegisterBlock>,
    /// The bytes of `_kernel`.
    pub kernel: Option<Bytes>,
    pub cpus: Vec<CpuBlock>,
    pub memory: Vec<MemoryBlock>,
    /// `CRC-32 ok`, where there is one.
    pub verdict: Option<&'static str>,
    pub notes: Vec<Note>,
}

/// Whether `bytes` begin with a header that a device can have written.
pub(super) fn is_header(bytes: &[u8]) -> bool {
    let version = u16_at(bytes, 2).unwrap_or_default();
    bytes.len() >= HEADER_LEN
        && bytes.starts_with(&MAGIC)
        && (1..=FARTHEST).contains(&version)
        && u16_at(bytes, 4).is_some_and(|target| target < 0x100)
        && bytes.get(6).is_some_and(|bits| matches!(bits, 0 | 5 | 6))
}

/// The length of the block that `bytes` begin with, its header included, as far as the header is
/// there and says so.
pub(super) fn block_len(bytes: &Bytes, pointer_bits: u32) -> Option<u64> {
    let mut cursor = Cursor::new(NAME, bytes.clone(), 0);
    let head = BlockHead::read(&mut cursor, Some(pointer_bits)).ok()?;
    cursor.offset().checked_add(head.payload_len()?)
}

/// What stands in front of a block's payload.
enum BlockHead {
    Registers { version: u16, len: u16 },
    Kernel { len: u16 },
    Cpu { version: u16, len: u16, cpu: u32, thread: u64 },
    Memory { version: u16, start: u64, end: u64 },
    Crc { crc: u32 },
    Unknown { id: u8 },
}

impl BlockHead {
    fn read(cursor: &mut Cursor, pointer_bits: Option<u32>) -> Result<BlockHead, Fault> {
        let id = cursor.u8("block id")?;
        let pointer = |cursor: &mut Cursor, field: &str| match pointer_bits {
            Some(bits) => cursor.word(field, bits),
            None => Err(cursor.fault(field, "a known width of pointers", "0 in the header")),
        };
        Ok(match id {
            b'A' => BlockHead::Registers {
                version: cursor.u16("version of the register block")?,
                len: cursor.u16("length of the register block")?,
            },
            b'T' => {
                cursor.u16("version of the threads block")?;
                BlockHead::Kernel { len: cursor.u16("length of the threads block")? }
            }
            b'F' => BlockHead::Cpu {
                version: cursor.u16("version of the CPU block")?,
                len: cursor.u16("length of the CPU block")?,
                cpu: cursor.u32("number of the CPU")?,
                thread: pointer(cursor, "thread of the CPU")?,
            },
            b'M' => BlockHead::Memory {
                version: cursor.u16("version of the memory block")?,
                start: pointer(cursor, "start of the memory block")?,
                end: pointer(cursor, "end of the memory block")?,
            },
            b'C' => {
                cursor.u16("version of the checksum block")?;
                BlockHead::Crc { crc: cursor.u32("checksum")? }
            }
            id => BlockHead::Unknown { id },
        })
    }

    /// `None` if it can't be told.
    fn payload_len(&self) -> Option<u64> {
        match self {
            BlockHead::Registers { len, .. }
            | BlockHead::Kernel { len }
            | BlockHead::Cpu { len, .. } => Some((*len).into()),
            BlockHead::Memory { start, end, .. } => end.checked_sub(*start),
            BlockHead::Crc { .. } => Some(0),
            BlockHead::Unknown { .. } => None,
        }
    }
}

/// How the reader treats a stream that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Strictness {
    /// It is a fault.
    Whole,
    /// What is there is taken, and the rest noted: the user insists, or the carrier said that
    /// the dump is cut.
    Lenient,
}

/// Takes the stream in `piece` apart.
///
/// # Errors
/// A [`Fault`] if there is no header, or the stream is cut or its checksum wrong and
/// `strictness` is [`Strictness::Whole`].
pub(super) fn read(piece: &Piece, strictness: Strictness) -> Result<Stream, Fault> {
    let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
    let (header, notes) = header(&mut cursor)?;
    let mut stream = Stream {
        header,
        registers: None,
        kernel: None,
        cpus: Vec::new(),
        memory: Vec::new(),
        verdict: None,
        notes,
    };
    let mut reader = Reader { piece, strictness, stream: &mut stream, repeated: 0, closed: false };
    while !cursor.is_at_end() && !reader.closed {
        reader.block(&mut cursor)?;
    }
    let (closed, repeated) = (reader.closed, reader.repeated);
    if repeated > MOST_NOTES {
        stream.notes.push(
            Note::warning(format!("{repeated} blocks make no sense")).by(NAME).code("damaged"),
        );
    }
    if stream.header.flags & FLAG_CRC != 0 && !closed {
        let fault = cursor
            .fault("checksum block", "one, as the header promises", "the end of the data")
            .forceable();
        tolerate(&mut stream.notes, strictness, fault)?;
    }
    Ok(stream)
}

fn header(cursor: &mut Cursor) -> Result<(Header, Vec<Note>), Fault> {
    let mut notes = Vec::new();
    let magic = cursor.take("header id", MAGIC.len())?;
    if *magic != MAGIC {
        let found = magic.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        return Err(Fault::new(NAME, "header id", 0, "5a45 (\"ZE\")", found));
    }
    let version = cursor.u16("header version")?;
    if version > NEWEST {
        notes.push(
            Note::warning(format!(
                "header version {version} is newer than any that is known here ({NEWEST}); read \
             as that"
            ))
            .by(NAME)
            .code("new-version"),
        );
    }
    let target = cursor.u16("target")?;
    let width = cursor.u8("width of pointers")?;
    let pointer_bits = match width {
        5 => Some(32),
        6 => Some(64),
        0 => None,
        other => {
            return Err(Fault::new(NAME, "width of pointers", 6, "0, 5 or 6", other.to_string()));
        }
    };
    let flags = cursor.u8("flags")?;
    let reason = cursor.u16("reason")?;
    cursor.skip("upper half of the reason", 2)?;
    Ok((Header { version, target, pointer_bits, flags, reason }, notes))
}

/// Makes a note of `fault`, or fails with it.
fn tolerate(notes: &mut Vec<Note>, strictness: Strictness, fault: Fault) -> Result<(), Fault> {
    match strictness {
        Strictness::Whole => Err(fault),
        Strictness::Lenient => {
            notes.push(Note::warning(fault.words()).by(fault.format).code("damaged"));
            Ok(())
        }
    }
}

struct Reader<'a> {
    piece: &'a Piece,
    strictness: Strictness,
    stream: &'a mut Stream,
    /// How many blocks were skipped as senseless.
    repeated: usize,
    /// The checksum block was read.
    closed: bool,
}

impl Reader<'_> {
    fn block(&mut self, cursor: &mut Cursor) -> Result<(), Fault> {
        let start = cursor.offset();
        let mut ahead = cursor.clone();
        let head = match BlockHead::read(&mut ahead, self.stream.header.pointer_bits) {
            Ok(head) => head,
            Err(fault) => {
                cursor.rest();
                return self.tolerate(fault.forceable());
            }
        };
        if let BlockHead::Unknown { id } = head {
            self.unknown(id, cursor);
            return Ok(());
        }
        *cursor = ahead;
        match head {
            BlockHead::Registers { version, len } => {
                let registers = self.registers(cursor, version, len)?;
                if self.stream.registers.is_some() {
                    self.senseless(format!("a second register block at {start:#x} is left out"));
                } else {
                    self.stream.registers = registers;
                }
            }
            BlockHead::Kernel { len } => {
                let bytes = self.payload(cursor, "threads block", len.into())?;
                if bytes.len() == usize::from(len) && self.stream.kernel.is_none() {
                    self.stream.kernel = Some(bytes);
                }
            }
            BlockHead::Cpu { version, len, cpu, thread } => {
                if let Some(registers) = self.registers(cursor, version, len)? {
                    self.stream.cpus.push(CpuBlock { cpu, thread, registers });
                }
            }
            BlockHead::Memory { version, start, end } => {
                if version != 1 {
                    self.senseless(format!("memory block {start:#x}: version {version}, not 1"));
                }
                self.memory(cursor, start, end)?;
            }
            BlockHead::Crc { crc } => self.crc(cursor, start, crc)?,
            BlockHead::Unknown { .. } => {}
        }
        Ok(())
    }

    fn registers(
        &mut self,
        cursor: &mut Cursor,
        version: u16,
        len: u16,
    ) -> Result<Option<RegisterBlock>, Fault> {
        let offset = cursor.offset();
        let bytes = self.payload(cursor, "register block", len.into())?;
        if bytes.len() < usize::from(len) {
            return Ok(None);
        }
        let end = offset.saturating_add(len.into());
        if self.piece.lost.iter().any(|lost| lost.start < end && offset < lost.end) {
            let words = "the register block is damaged: it is left out";
            self.stream.notes.push(Note::warning(words).by(NAME).code("damaged"));
            return Ok(None);
        }
        Ok(Some(RegisterBlock { version, bytes }))
    }

    fn memory(&mut self, cursor: &mut Cursor, start: u64, end: u64) -> Result<(), Fault> {
        let Some(len) = end.checked_sub(start) else {
            let found = format!("{start:#x}..{end:#x}");
            let fault = cursor.fault("memory block", "an end after its start", found).forceable();
            cursor.rest();
            return self.tolerate(fault);
        };
        let offset = cursor.offset();
        let bytes = self.payload(cursor, &format!("memory block {start:#x}..{end:#x}"), len)?;
        if len == 0 {
            self.senseless(format!("the memory block at {start:#x} is empty"));
            return Ok(());
        }
        let cut = len.saturating_sub(bytes.len() as u64);
        self.stream.memory.push(MemoryBlock { start, bytes, offset, cut });
        Ok(())
    }

    /// The payload of a block; less than `len` only if the stream is cut and that is tolerated.
    fn payload(&mut self, cursor: &mut Cursor, what: &str, len: u64) -> Result<Bytes, Fault> {
        let wanted = usize::try_from(len).unwrap_or(usize::MAX);
        if wanted > cursor.left() {
            let found = format!("{}: the rest is cut off", cursor.left());
            let fault = cursor.fault(what, bytes_word(wanted), found).forceable();
            self.tolerate(fault)?;
        }
        Ok(cursor.take_up_to(wanted))
    }

    fn crc(&mut self, cursor: &mut Cursor, start: u64, crc: u32) -> Result<(), Fault> {
        self.closed = true;
        let covered = usize::try_from(start).ok().and_then(|end| self.piece.bytes.get(..end));
        let actual = crc32fast::hash(covered.unwrap_or_default());
        if self.piece.lost.is_empty() && actual == crc {
            self.stream.verdict = Some("CRC-32 ok");
        } else {
            let (expected, found) = (format!("{actual:#010x}"), format!("{crc:#010x}"));
            self.tolerate(Fault::new(NAME, "checksum", start, expected, found).forceable())?;
            self.stream.verdict = Some("CRC-32 wrong");
        }
        if !is_padding(&cursor.rest()) {
            self.senseless("there is something after the checksum block".into());
        }
        Ok(())
    }

    /// Nothing behind an unknown block can be read, as its length is not known.
    fn unknown(&mut self, id: u8, cursor: &mut Cursor) {
        let at = cursor.offset();
        let rest = cursor.rest();
        if is_padding(&rest) {
            return;
        }
        self.stream.notes.push(Note::warning(format!(
            "block id at offset {at:#x}: expected A, T, F, M or C, found {id:#04x}: the last {} \
             are not read",
            bytes_word(rest.len())
        )).by(NAME).code("left-out"));
    }

    fn senseless(&mut self, words: String) {
        self.repeated = self.repeated.saturating_add(1);
        if self.repeated <= MOST_NOTES {
            self.stream.notes.push(Note::warning(words).by(NAME).code("damaged"));
        }
    }

    fn tolerate(&mut self, fault: Fault) -> Result<(), Fault> {
        tolerate(&mut self.stream.notes, self.strictness, fault)
    }
}

/// What flash and slack hold where nothing was written, or a line end that an editor added.
fn is_padding(bytes: &[u8]) -> bool {
    let same = |byte: u8| bytes.iter().all(|b| *b == byte);
    same(0xff) || same(0) || bytes.iter().all(u8::is_ascii_whitespace)
}
