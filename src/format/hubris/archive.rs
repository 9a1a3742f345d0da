//! As much of zip as a build archive needs.
//!
//! At the end `PK\5\6` with the place of the central directory and a comment; there an entry of
//! 46 bytes and more for each member (`PK\1\2`: method at 10, sizes at 20 and 24, lengths of name,
//! extra, comment at 28, 30, 32, offset at 42); at that offset a local header of 30 bytes and more
//! (`PK\3\4`: lengths of name and extra at 26 and 28), then the data. Methods: 0 stored, 8
//! deflate, 12 bzip2.
//!
//! Source: PKWARE, APPNOTE.TXT 6.3.10, sections 4.3 and 4.4.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::NAME;
use crate::cursor::{u16_at, u32_at};
use crate::error::Fault;
use bytes::Bytes;
use memchr::memmem;
use std::io::Read;

const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";
const STORED: u16 = 0;
const DEFLATE: u16 = 8;
const BZIP2: u16 = 12;
/// No ELF file of a microcontroller is larger; a member that claims more is a trap.
const LARGEST: u64 = 256 << 20;

/// A file in the archive.
pub(super) struct Member {
    pub name: String,
    method: u16,
    plain_len: u64,
    packed: Bytes,
    offset: u64,
}

/// The files of the archive, in the order of its directory.
pub(super) fn members(zip: &Bytes) -> Result<Vec<Member>, Fault> {
    let no_end = || Fault::new(NAME, "build archive", 0, "a zip's end record", "none");
    let end = memmem::rfind(zip, END).and_then(|at| zip.get(at..)).ok_or_else(no_end)?;
    let count = u16_at(end, 10).ok_or_else(no_end)?;
    let mut at = u32_at(end, 16).ok_or_else(no_end)? as usize;
    let mut all = Vec::new();
    for _ in 0..count {
        let bad = || Fault::new(NAME, "zip directory", at as u64, "an entry PK 1 2", "none");
        let entry = zip.get(at..).filter(|entry| entry.starts_with(ENTRY)).ok_or_else(bad)?;
        let short = |off: usize| u16_at(entry, off).map(usize::from).ok_or_else(bad);
        let word = |off: usize| u32_at(entry, off).map(u64::from).ok_or_else(bad);
        let name_len = short(28)?;
        let name = entry.get(46..).and_then(|rest| rest.get(..name_len)).ok_or_else(bad)?;
        let offset = word(42)?;
        all.push(Member {
            name: String::from_utf8_lossy(name).into_owned(),
            method: short(10)? as u16,
            plain_len: word(24)?,
            packed: data(zip, offset, word(20)?).ok_or_else(bad)?,
            offset,
        });
        let len = [46, name_len, short(30)?, short(32)?].into_iter().sum();
        at = at.checked_add(len).ok_or_else(bad)?;
    }
    Ok(all)
}

/// The archive's comment: which version of the build wrote it.
pub(super) fn comment(zip: &[u8]) -> Option<String> {
    let end = zip.get(memmem::rfind(zip, END)?..)?;
    let len = usize::from(u16_at(end, 20)?);
    let text = String::from_utf8_lossy(end.get(22..)?.get(..len)?).into_owned();
    Some(text).filter(|text| !text.is_empty())
}

fn data(zip: &Bytes, offset: u64, len: u64) -> Option<Bytes> {
    let at = usize::try_from(offset).ok()?;
    let local = zip.get(at..).filter(|local| local.starts_with(LOCAL))?;
    let lens = usize::from(u16_at(local, 26)?).checked_add(usize::from(u16_at(local, 28)?))?;
    let start = at.checked_add(30)?.checked_add(lens)?;
    let end = start.checked_add(usize::try_from(len).ok()?)?;
    (end <= zip.len()).then(|| zip.slice(start..end))
}

impl Member {
    /// The file as it was.
    pub(super) fn unpack(&self) -> Result<Vec<u8>, Fault> {
        let bad =
            |found: String| Fault::new(NAME, "zip member", self.offset, "data that unpacks", found);
        let mut plain = Vec::new();
        let limit = LARGEST.min(self.plain_len);
        let read = match self.method {
            STORED => self.packed.take(limit).read_to_end(&mut plain),
            DEFLATE => {
                flate2::read::DeflateDecoder::new(&*self.packed).take(limit).read_to_end(&mut plain)
            }
            BZIP2 => bzip2::read::BzDecoder::new(&*self.packed).take(limit).read_to_end(&mut plain),
            method => return Err(bad(format!("method {method}"))),
        };
        match read {
            Ok(_) if plain.len() as u64 == self.plain_len => Ok(plain),
            Ok(len) => Err(bad(format!("{len} bytes of {}", self.plain_len))),
            Err(e) => Err(bad(e.to_string())),
        }
    }
}
