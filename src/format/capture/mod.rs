//! Dumps of our own `coroner-capture`: an ELF core with notes of its own, on any medium.
//!
//! The bytes are defined once, in [`coroner_capture::layout`], and described in
//! `capture/FORMAT.md`; this reader shares that definition. What is an ELF core like any other is
//! left to `elf_core`; here the trailer and the checksums are checked, and the notes owned by
//! `CAPT` are read: cause, fault registers, tasks, regions, strings.
//!
//! A dump whose block 0 was never written (the power went away first) is *salvaged*: its program
//! headers and notes lie there already. It is opened with `--force` alone, and marked.

mod notes;
pub mod packed;
mod salvage;
pub mod text;

use super::elf_core::ElfCore;
use super::{Context, Format, elf, in_input};
use crate::carrier::Piece;
use crate::dump::{Dump, Note, Severity};
use crate::error::{Fault, Result};
use bytes::Bytes;
use coroner_capture::layout::{self, Class, Trailer, flag};
use sha2::{Digest, Sha256};

const NAME: &str = "capture";

/// Dumps of `coroner-capture`.
pub struct Capture;

impl Format for Capture {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "coroner-capture dump (flash, retained RAM, text lines)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
            || Trailer::decode(&piece.bytes).is_some()
            || salvage::is_torn(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        Trailer::decode(&piece.bytes).map(|(_, trailer)| trailer.length.into())
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut found = Vec::new();
        let (class, core, verdict) = match Trailer::decode(&piece.bytes) {
            Some((class, trailer)) => {
                let core = whole(piece, class, &trailer, context.force, &mut found)?;
                // A dump that says that it is a smaller one is no less whole for that.
                let doubtful = found.iter().any(|note| note.severity == Severity::Doubt);
                let verified = !doubtful && piece.lost.is_empty();
                (class, core, if verified { "CRC-32 ok" } else { "NOT verified" })
            }
            None => {
                let torn = salvage::rebuild(&piece.bytes).map_err(in_input)?;
                if !context.force {
                    return Err(in_input(torn.fault));
                }
                found.push(Note::doubt(torn.fault.to_string()).code("damaged"));
                (torn.class, torn.core, "salvaged, not verified")
            }
        };
        let inner = Piece { bytes: core.clone(), ..piece.clone() };
        let mut dump = ElfCore.read(&inner, context)?;
        dump.format = format!("coroner-capture core, {}, {verdict}", dump.arch.name);
        dump.notes.append(&mut found);
        let parsed = elf::parse_core(NAME, &core).map_err(in_input)?;
        check_segments(&parsed, &core, piece, &mut dump);
        notes::read(&parsed, class, &mut dump);
        Ok(dump)
    }
}

/// Checks length and checksums of a dump whose block 0 is there.
fn whole(
    piece: &Piece,
    class: Class,
    trailer: &Trailer,
    force: bool,
    found: &mut Vec<Note>,
) -> Result<Bytes> {
    let length = trailer.length as usize;
    let start = layout_start(class);
    let mut complain = |fault: Fault| {
        if !force {
            return Err(in_input(fault.forceable()));
        }
        found.push(Note::doubt(fault.forceable().to_string()).code("checksum"));
        Ok(())
    };
    let at = (class.block0_len() - layout::TRAILER_LEN) as u64;
    if length > piece.bytes.len() || length < start {
        let expected = format!("{length} bytes as the trailer says");
        let found = format!("{}: the rest is cut off", piece.bytes.len());
        complain(Fault::new(NAME, "length", at + 4, expected, found))?;
        return Ok(piece.bytes.clone());
    }
    let core = piece.bytes.slice(..length);
    if !piece.lost.is_empty() {
        // Each line had a checksum of its own; that of the whole can't come out right.
        found.push(
            Note::warning("parts were lost on the way: the dump is not verified as a whole")
                .code("damaged"),
        );
        return Ok(core);
    }
    let mut crc = crc32fast::Hasher::new();
    crc.update(&core[start..]);
    crc.update(&core[..class.block0_len() - 4]);
    let by_bytes = crc.finalize();
    if by_bytes != trailer.crc {
        let expected = format!("{by_bytes:#010x} by the bytes");
        let found = format!("{:#010x} in the dump", trailer.crc);
        complain(Fault::new(NAME, "CRC-32 of the dump", at + 8, expected, found))?;
    } else if trailer.flags & flag::SHA256 != 0 {
        check_sha256(&core, start).or_else(complain)?;
    }
    if trailer.flags & flag::STOPPED != 0 {
        found.push(
            Note::warning("the device stopped before all was written (time or the medium ran out)")
                .code("cut"),
        );
    }
    if trailer.flags & flag::OVERFLOWED != 0 {
        found.push(
            Note::doubt("the stack of the capture was too small for it and has overflowed: any of this may be wrong")
                .code("device-trouble"),
        );
    }
    if trailer.flags & flag::MINIMAL != 0 {
        found.push(
            Note::warning(
                "the capture itself had faulted: this is the smaller record of its second attempt",
            )
            .code("device-trouble"),
        );
    }
    Ok(core)
}

/// Where the checksum begins: at the program headers, behind block 0 and the mark.
fn layout_start(class: Class) -> usize {
    class.phoff() as usize
}

fn check_sha256(core: &[u8], start: usize) -> std::result::Result<(), Fault> {
    let Some(sum_at) =
        core.len().checked_sub(layout::SHA256_LEN as usize).filter(|at| *at >= start)
    else {
        return Ok(());
    };
    let mut sha = Sha256::new();
    sha.update(&core[start..sum_at]);
    if sha.finalize()[..] == core[sum_at..] {
        return Ok(());
    }
    let found = "another one in the dump";
    Err(Fault::new(NAME, "SHA-256 of the dump", sum_at as u64, "that of the bytes", found))
}

/// Each segment has a CRC of its own behind it, which tells the good ones where the dump as a
/// whole is damaged.
fn check_segments(parsed: &elf::CoreFile, core: &[u8], piece: &Piece, dump: &mut Dump) {
    for segment in &parsed.segments {
        let end = segment.offset.saturating_add(segment.file_len);
        let Some(at) = end.checked_next_multiple_of(4) else { continue };
        let crc = usize::try_from(at).ok().and_then(|at| crate::cursor::u32_at(core, at));
        let lost = piece.is_lost(segment.offset, at.saturating_add(4) - segment.offset);
        let whole = segment.bytes.len() as u64 == segment.file_len;
        if let Some(crc) = crc.filter(|_| whole && !lost)
            && crc != crc32fast::hash(&segment.bytes)
        {
            dump.notes.push(
                Note::doubt(format!(
                    "memory at {:#x}, {} bytes: its CRC-32 is wrong",
                    segment.addr, segment.file_len
                ))
                .by(NAME)
                .code("checksum"),
            );
        }
    }
}
