//! CrashCatcher: Cortex-M dumps with registers and a list of memory regions.
//!
//! | off | size | field                                                        |
//! |   0 |    2 | `cC`                                                         |
//! |   2 |    1 | major version: 2 or 3                                        |
//! |   3 |    1 | minor version: 0                                             |
//! |   4 |    4 | flags, LE like all: bit 0 there are FPU registers            |
//! |   8 |   68 | r0-r12, sp, lr, pc, xpsr of the faulting code                |
//! |  76 |    8 | msp, psp: version 3 only                                     |
//! |   - |    4 | xpsr in the fault handler: the low 9 bits number the exception |
//! |   - |  132 | s0-s31, fpscr: with flag bit 0 only                          |
//! |   - |    8 | start and end (exclusive) of a region, then its bytes; again and again |
//!
//! There is no count, no checksum and no end mark. On ARMv7-M and up the writer adds a region of
//! the fault status words. `quirks.rs` repairs what known writers get wrong, `console.rs` is the
//! carrier for the hexadecimal form.
//!
//! Sources: adamgreen/CrashCatcher 0222f9d, adamgreen/CrashDebug ae191d7.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod ardupilot;
pub mod console;
mod quirks;

use self::ardupilot::ArduPilotTrailer;
use super::machine::{CORTEX_M, machine_of, set_single_floats, set_words};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::arch::cortex_m::fault::exception_name;
use crate::carrier::Piece;
use crate::cursor::{Cursor, u32_at};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, Region};
use crate::reason::{FaultWord, Reason, Signal};
use crate::registers::Registers;
use crate::targets::Family;
use bytes::Bytes;
use std::ops::Range;

const NAME: &str = "crashcatcher";
const MAGIC: &[u8] = b"cC";
const FLAG_FPU: u32 = 1;
/// What the writer leaves behind the last region when its own stack overflowed; CrashDebug looks
/// for the same bytes the other way round.
const OVERFLOW_MARKS: [[u8; 4]; 2] = [[0xac, 0xce, 0x55, 0xed], [0xed, 0x55, 0xce, 0xac]];
/// Larger regions than the device's whole address space below the peripherals are no regions.
const LARGEST_REGION: u32 = 0x4000_0000;

/// CrashCatcher dumps.
pub struct CrashCatcher;

/// The bytes of a region and where they lie in the piece.
#[derive(Clone, Debug)]
struct Stored {
    addr: u32,
    bytes: Bytes,
    offset: u64,
    /// How many bytes are missing at its end.
    cut: u32,
}

impl Format for CrashCatcher {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "CrashCatcher dump (binary, hexadecimal)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(stream(&piece.bytes).1)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        let (mut cursor, _) = cursor(piece);
        Header::read(&mut cursor).ok()?;
        regions(&mut cursor, &mut Vec::new());
        Some(cursor.offset())
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        // Two letters are little: in the middle of other bytes the registers must make sense too.
        find_heads(&piece.bytes, MAGIC, |bytes| {
            is_head(bytes) && u32_at(bytes, 72).is_some_and(|xpsr| xpsr & 1 << 24 != 0)
        })
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let (mut cursor, trailer) = cursor(piece);
        let header = Header::read(&mut cursor).map_err(in_input)?;
        let machine = machine_of(context, Family::CortexM)?;
        let title = format!("CrashCatcher {}.{}", header.major, header.minor);
        let mut dump = Dump::new(title, machine.arch);
        dump.chip = machine.chip;
        dump.notes.extend(piece.notes.iter().cloned());
        dump.notes.extend(trailer.map(|trailer| trailer.note()));

        let mut stored = regions(&mut cursor, &mut dump.notes);
        dump.reason = header.reason();
        quirks::repair(&mut stored, header.is_fault(), &mut dump);
        for region in stored {
            let behind = u64::from(region.addr).saturating_add(region.bytes.len() as u64);
            let bytes = Region::dumped(region.addr.into(), region.bytes);
            add_region(&mut dump, NAME, bytes, piece, region.offset);
            if let Some(range) = AddrRange::of_len(behind, region.cut.into()) {
                dump.memory.mark_missing(range, "the dump is cut off before it");
            }
        }
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not in the dump");
        header.set(&mut registers);
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        dump.threads.push(thread);
        Ok(dump)
    }
}

/// The stream of a piece, as long as its writer says that it is.
fn cursor(piece: &Piece) -> (Cursor, Option<ArduPilotTrailer>) {
    let (offset, _) = stream(&piece.bytes);
    let trailer = ArduPilotTrailer::find(&piece.bytes);
    let len = piece.bytes.len();
    let end = trailer.as_ref().map_or(len, |trailer| trailer.len.clamp(offset, len));
    (Cursor::new(NAME, piece.bytes.slice(offset..end), offset as u64), trailer)
}

/// Where the stream starts, behind the header of a Prusa printer's flash, and the stream.
fn stream(bytes: &[u8]) -> (usize, &[u8]) {
    let offset = if quirks::is_prusa_flash(bytes) { quirks::PRUSA_HEADER_LEN } else { 0 };
    (offset, bytes.get(offset..).unwrap_or_default())
}

fn is_head(bytes: &[u8]) -> bool {
    let known_version = matches!(bytes.get(2..4), Some([2 | 3, 0..=15]));
    let known_flags = u32_at(bytes, 4).is_none_or(|flags| flags & !FLAG_FPU == 0);
    bytes.starts_with(MAGIC) && known_version && known_flags
}

struct Header {
    major: u8,
    minor: u8,
    general: [u32; 17],
    stack_pointers: Option<[u32; 2]>,
    handler_psr: u32,
    /// s0-s31 and fpscr.
    float: Option<Vec<u32>>,
}

impl Header {
    fn read(cursor: &mut Cursor) -> Result<Header, Fault> {
        cursor.skip("signature", 2)?;
        let (major, minor) = (cursor.u8("major version")?, cursor.u8("minor version")?);
        if !matches!(major, 2 | 3) {
            let expected = "2 or 3";
            return Err(Fault::new(NAME, "major version", 2, expected, major.to_string()));
        }
        let flags = cursor.u32("flags")?;
        let mut general = [0; 17];
        for (word, name) in general.iter_mut().zip(CORTEX_M) {
            *word = cursor.u32(name)?;
        }
        let stack_pointers = match major {
            2 => None,
            _ => Some([cursor.u32("msp")?, cursor.u32("psp")?]),
        };
        let handler_psr = cursor.u32("xpsr of the fault handler")?;
        let float = match flags & FLAG_FPU {
            0 => None,
            _ => Some((0..33).map(|_| cursor.u32("FPU registers")).collect::<Result<_, _>>()?),
        };
        Ok(Header { major, minor, general, stack_pointers, handler_psr, float })
    }

    fn set(&self, registers: &mut Registers) {
        set_words(registers, &CORTEX_M, self.general.map(u64::from));
        if let Some([msp, psp]) = self.stack_pointers {
            registers.set_by_name("msp", msp);
            registers.set_by_name("psp", psp);
        }
        if let Some((fpscr, singles)) = self.float.as_ref().and_then(|float| float.split_last()) {
            set_single_floats(registers, 0, singles);
            registers.set_by_name("fpscr", *fpscr);
        }
    }

    fn exception(&self) -> u32 {
        self.handler_psr & 0x1ff
    }

    fn is_fault(&self) -> bool {
        (3..=6).contains(&self.exception())
    }

    fn reason(&self) -> Reason {
        let number = self.exception();
        let signal = match number {
            3 | 4 => Signal::Segv,
            5 => Signal::Bus,
            6 => Signal::Ill,
            2 | 12 => Signal::Int,
            _ => Signal::Abrt,
        };
        let words = exception_name(number);
        let evidence = vec![FaultWord {
            name: "IPSR".into(),
            value: number.into(),
            words: format!("{words} was being handled"),
        }];
        Reason::new(signal, words, evidence)
    }
}

/// The regions up to the end, or to what can't be one.
fn regions(cursor: &mut Cursor, notes: &mut Vec<Note>) -> Vec<Stored> {
    let mut all = Vec::new();
    while !cursor.is_at_end() {
        let offset = cursor.offset();
        let mut ahead = cursor.clone();
        let head = ahead.take_up_to(4);
        if OVERFLOW_MARKS.iter().any(|mark| head == mark.as_slice()) {
            *cursor = ahead;
            notes.push(
                Note::doubt(format!(
                    "the writer's own stack overflowed (mark at offset {offset:#x}): memory \
                 beside it may be spoilt"
                ))
                .by(NAME)
                .code("damaged"),
            );
            break;
        }
        if head.iter().all(|byte| *byte == 0xff) {
            // Erased flash behind the stream.
            break;
        }
        if ardupilot::is_padding(cursor) {
            break;
        }
        let mut ahead = cursor.clone();
        let (Ok(start), Ok(end)) = (ahead.u32("region start"), ahead.u32("region end")) else {
            notes.push(
                Note::warning(format!(
                    "cut off in the head of a region at offset {offset:#x}: memory behind it \
                 is missing"
                ))
                .by(NAME)
                .code("cut"),
            );
            cursor.rest();
            break;
        };
        let len = end.checked_sub(start).filter(|len| *len <= LARGEST_REGION);
        let Some(len) = len else {
            notes.push(
                Note::warning(format!(
                    "region {} at offset {offset:#x}: expected a start below its end, found \
                 {start:#x}..{end:#x}: what follows is left out",
                    all.len(),
                ))
                .by(NAME)
                .code("left-out"),
            );
            break;
        };
        *cursor = ahead;
        let offset = cursor.offset();
        let mut bytes = cursor.take_up_to(len as usize);
        if bytes.len() < len as usize && ardupilot::is_full_page(&bytes, cursor.offset()) {
            bytes.truncate(bytes.len().saturating_sub(4));
        }
        let cut = len.saturating_sub(bytes.len() as u32);
        if cut > 0 {
            notes.push(
                Note::warning(format!(
                    "the dump is cut off in region {start:#x}..{end:#x} at offset {:#x}: its \
                 last {cut} bytes are missing",
                    cursor.offset()
                ))
                .by(NAME)
                .code("cut"),
            );
        }
        all.push(Stored { addr: start, bytes, offset, cut });
    }
    all
}
