//! How gimli reads the sections here: slices that own a share of the bytes they are of.
//!
//! What is read of an ELF file is kept beside its bytes for as long as the file is open, by all
//! threads; a borrowed slice could not be. Nothing is copied: a clone is a count.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use bytes::Bytes;
use gimli::{Error, Reader, ReaderOffsetId, Result, RunTimeEndian};
use std::borrow::Cow;
use std::fmt;

/// A part of a section.
#[derive(Clone)]
pub(crate) struct Slice {
    section: Bytes,
    /// Both are at most the section's length, and `start` at most `end`.
    start: usize,
    end: usize,
    endian: RunTimeEndian,
}

impl Slice {
    pub(super) fn new(section: Bytes, endian: RunTimeEndian) -> Slice {
        Slice { start: 0, end: section.len(), section, endian }
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.section.get(self.start..self.end).unwrap_or_default()
    }

    /// Where it ends after `len` more bytes from its start.
    fn after(&self, len: usize) -> Result<usize> {
        let end = self.start.checked_add(len).filter(|end| *end <= self.end);
        end.ok_or_else(|| Error::UnexpectedEof(self.offset_id()))
    }
}

impl fmt::Debug for Slice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slice({}..{})", self.start, self.end)
    }
}

impl PartialEq for Slice {
    fn eq(&self, other: &Slice) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Slice {}

impl Reader for Slice {
    type Endian = RunTimeEndian;
    type Offset = usize;

    fn endian(&self) -> RunTimeEndian {
        self.endian
    }

    fn len(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    fn empty(&mut self) {
        self.end = self.start;
    }

    fn truncate(&mut self, len: usize) -> Result<()> {
        self.end = self.after(len)?;
        Ok(())
    }

    fn offset_from(&self, base: &Slice) -> usize {
        self.start.saturating_sub(base.start)
    }

    fn offset_id(&self) -> ReaderOffsetId {
        ReaderOffsetId(self.start as u64)
    }

    fn lookup_offset_id(&self, id: ReaderOffsetId) -> Option<usize> {
        let at = usize::try_from(id.0).ok()?;
        (at <= self.end).then(|| at.checked_sub(self.start))?
    }

    fn find(&self, byte: u8) -> Result<usize> {
        let at = memchr::memchr(byte, self.bytes());
        at.ok_or_else(|| Error::UnexpectedEof(self.offset_id()))
    }

    #[inline]
    fn skip(&mut self, len: usize) -> Result<()> {
        self.start = self.after(len)?;
        Ok(())
    }

    fn split(&mut self, len: usize) -> Result<Slice> {
        let end = self.after(len)?;
        let head = Slice { end, ..self.clone() };
        self.start = end;
        Ok(head)
    }

    fn to_slice(&self) -> Result<Cow<'_, [u8]>> {
        Ok(self.bytes().into())
    }

    fn to_string(&self) -> Result<Cow<'_, str>> {
        std::str::from_utf8(self.bytes()).map(Cow::Borrowed).map_err(|_| Error::BadUtf8)
    }

    fn to_string_lossy(&self) -> Result<Cow<'_, str>> {
        Ok(String::from_utf8_lossy(self.bytes()))
    }

    #[inline]
    fn read_slice(&mut self, buf: &mut [u8]) -> Result<()> {
        let end = self.after(buf.len())?;
        if let Some(from) = self.section.get(self.start..end) {
            buf.copy_from_slice(from);
        }
        self.start = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_know_where_they_are_and_never_reach_beyond_their_end() {
        let whole = Slice::new(Bytes::from_static(&[1, 2, 3, 4, 5]), RunTimeEndian::Little);
        let mut rest = whole.clone();
        let mut head = rest.split(3).expect("three of five");
        assert_eq!((head.bytes(), rest.bytes()), (&[1, 2, 3][..], &[4, 5][..]));
        assert_eq!((rest.offset_from(&whole), head.offset_from(&whole)), (3, 0));
        assert_eq!(head.read_u16(), Ok(0x0201));
        assert!(head.read_u16().is_err() && head.skip(2).is_err() && head.truncate(2).is_err());
        assert_eq!(head.read_u8(), Ok(3));
        assert!(head.is_empty() && head.split(1).is_err() && head.skip(usize::MAX).is_err());
        assert_eq!((rest.find(5), rest.find(1).is_err()), (Ok(1), true));
        assert_eq!(rest.lookup_offset_id(rest.offset_id()), Some(0));
    }
}
