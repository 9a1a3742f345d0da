//! As much of MessagePack as a core dump needs: maps, arrays, texts, unsigned numbers, binary,
//! and passing over anything else.
//!
//! Nothing is built in memory but what is asked for, so a file costs no more than its contents.
//!
//! Source: github.com/msgpack/msgpack, spec.md (2024).

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::Cursor;
use crate::error::Fault;
use crate::targets::Endian;
use bytes::Bytes;

/// Reads values one after the other.
pub(super) struct Reader {
    cursor: Cursor,
    format: &'static str,
}

/// The first byte of a value, and what it says.
enum Head {
    Map(usize),
    Array(usize),
    Text(usize),
    Binary(usize),
    Number(u128),
    /// Nothing, a truth value, or a negative or floating-point number: so many bytes follow.
    Other(usize),
}

impl Reader {
    pub(super) fn new(format: &'static str, bytes: Bytes) -> Self {
        Reader { cursor: Cursor::new(format, bytes, 0).with_endian(Endian::Big), format }
    }

    pub(super) fn offset(&self) -> u64 {
        self.cursor.offset()
    }

    pub(super) fn fault(&self, field: &str, expected: &str, found: &str) -> Fault {
        self.cursor.fault(field, expected, found)
    }

    fn head(&mut self, field: &str) -> Result<Head, Fault> {
        let cursor = &mut self.cursor;
        let first = cursor.u8(field)?;
        let low = |mask: u8| usize::from(first & mask);
        Ok(match first {
            0x00..=0x7f => Head::Number(first.into()),
            0x80..=0x8f => Head::Map(low(0x0f)),
            0x90..=0x9f => Head::Array(low(0x0f)),
            0xa0..=0xbf => Head::Text(low(0x1f)),
            0xc0..=0xc3 => Head::Other(0),
            0xc4 => Head::Binary(cursor.u8(field)?.into()),
            0xc5 => Head::Binary(cursor.u16(field)?.into()),
            0xc6 => Head::Binary(cursor.u32(field)? as usize),
            0xc7 => Head::Other(usize::from(cursor.u8(field)?).saturating_add(1)),
            0xc8 => Head::Other(usize::from(cursor.u16(field)?).saturating_add(1)),
            0xc9 => Head::Other((cursor.u32(field)? as usize).saturating_add(1)),
            0xca => Head::Other(4),
            0xcb => Head::Other(8),
            0xcc => Head::Number(cursor.u8(field)?.into()),
            0xcd => Head::Number(cursor.u16(field)?.into()),
            0xce => Head::Number(cursor.u32(field)?.into()),
            0xcf => Head::Number(cursor.u64(field)?.into()),
            0xd0 => Head::Other(1),
            0xd1 => Head::Other(2),
            0xd2 => Head::Other(4),
            0xd3 => Head::Other(8),
            0xd4 => Head::Other(2),
            0xd5 => Head::Other(3),
            0xd6 => Head::Other(5),
            0xd7 => Head::Other(9),
            0xd8 => Head::Other(17),
            0xd9 => Head::Text(cursor.u8(field)?.into()),
            0xda => Head::Text(cursor.u16(field)?.into()),
            0xdb => Head::Text(cursor.u32(field)? as usize),
            0xdc => Head::Array(cursor.u16(field)?.into()),
            0xdd => Head::Array(cursor.u32(field)? as usize),
            0xde => Head::Map(cursor.u16(field)?.into()),
            0xdf => Head::Map(cursor.u32(field)? as usize),
            0xe0..=0xff => Head::Other(0),
        })
    }

    fn wrong(&self, at: u64, field: &str, expected: &str) -> Fault {
        Fault::new(self.format, field, at, expected, "another kind of value")
    }

    pub(super) fn map_len(&mut self, field: &str) -> Result<usize, Fault> {
        let at = self.offset();
        match self.head(field)? {
            Head::Map(len) => Ok(len),
            _ => Err(self.wrong(at, field, "a map")),
        }
    }

    pub(super) fn array_len(&mut self, field: &str) -> Result<usize, Fault> {
        let at = self.offset();
        match self.head(field)? {
            Head::Array(len) => Ok(len),
            _ => Err(self.wrong(at, field, "an array")),
        }
    }

    pub(super) fn text(&mut self, field: &str) -> Result<String, Fault> {
        let at = self.offset();
        match self.head(field)? {
            Head::Text(len) => {
                let bytes = self.cursor.take(field, len)?;
                Ok(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => Err(self.wrong(at, field, "a text")),
        }
    }

    /// An unsigned number. 128-bit ones come as 16 bytes of binary, most significant first.
    pub(super) fn number(&mut self, field: &str) -> Result<u128, Fault> {
        let at = self.offset();
        match self.head(field)? {
            Head::Number(number) => Ok(number),
            Head::Binary(16) => {
                let bytes = self.cursor.take(field, 16)?;
                Ok(bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte)))
            }
            _ => Err(self.wrong(at, field, "an unsigned number")),
        }
    }

    /// Bytes, as binary or as an array of numbers; of a cut one what is there, and the fault.
    pub(super) fn byte_array(&mut self, field: &str) -> Result<(Vec<u8>, Option<Fault>), Fault> {
        let at = self.offset();
        match self.head(field)? {
            Head::Binary(len) => {
                let bytes = self.cursor.take_up_to(len).to_vec();
                let cut = (bytes.len() < len).then(|| {
                    let expected = format!("{len} bytes");
                    self.cursor.fault(field, expected, bytes.len().to_string())
                });
                Ok((bytes, cut))
            }
            Head::Array(len) => {
                // The claim is no reason to take more memory than the file can fill.
                let mut bytes = Vec::with_capacity(len.min(self.cursor.left()));
                for _ in 0..len {
                    match self.number(field) {
                        Ok(number @ 0..=255) => bytes.push(number as u8),
                        Ok(number) => {
                            let fault = self.cursor.fault(field, "a byte", number.to_string());
                            return Ok((bytes, Some(fault)));
                        }
                        Err(fault) => return Ok((bytes, Some(fault))),
                    }
                }
                Ok((bytes, None))
            }
            _ => Err(self.wrong(at, field, "bytes")),
        }
    }

    /// Passes over a value of any kind, however deep.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        let mut open = 1usize;
        while open > 0 {
            open = open.saturating_sub(1);
            match self.head("value")? {
                Head::Map(len) => open = open.saturating_add(len.saturating_mul(2)),
                Head::Array(len) => open = open.saturating_add(len),
                Head::Text(len) | Head::Binary(len) | Head::Other(len) => {
                    self.cursor.skip("value", len)?;
                }
                Head::Number(_) => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(bytes: &'static [u8]) -> Reader {
        Reader::new("test", Bytes::from_static(bytes))
    }

    #[test]
    fn numbers_of_every_width_and_bytes_of_both_kinds_are_read() {
        let mut r = reader(b"\x7f\xcc\x80\xcd\x01\x00\xce\0\x01\0\0\xcf\0\0\0\x01\0\0\0\0");
        let numbers: Vec<_> = (0..5).map(|_| r.number("n").unwrap()).collect();
        assert_eq!(numbers, [127, 128, 256, 0x1_0000, 0x1_0000_0000]);
        assert_eq!(reader(b"\x93\x01\xcc\xff\x02").byte_array("b").unwrap().0, [1, 255, 2]);
        assert_eq!(reader(b"\xc4\x02\x01\x02").byte_array("b").unwrap().0, [1, 2]);
    }

    #[test]
    fn any_value_can_be_passed_over_and_a_huge_claim_ends_with_the_bytes() {
        let mut r = reader(b"\x82\xa1a\x92\xc0\xc3\xa1b\xcb\0\0\0\0\0\0\0\0\x05");
        r.skip().unwrap();
        assert_eq!(r.number("n").unwrap(), 5);
        assert!(reader(b"\xdd\xff\xff\xff\xff\x01").skip().is_err());
        let (bytes, fault) = reader(b"\xdd\xff\xff\xff\xff\x01").byte_array("b").unwrap();
        assert_eq!((bytes.as_slice(), fault.is_some()), (&[1][..], true));
    }
}
