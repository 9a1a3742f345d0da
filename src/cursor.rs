//! A checked cursor over untrusted bytes.
//!
//! It knows where it is, what format is being read and what each read is for, so that a short
//! input becomes a sentence: `zephyr: reason at offset 0x8: expected 4 bytes, found 2`.

#![deny(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use crate::error::Fault;
use crate::targets::Endian;
use bytes::Bytes;

/// Reads fields one after the other out of a shared slice.
#[derive(Clone, Debug)]
pub struct Cursor {
    bytes: Bytes,
    at: usize,
    base: u64,
    format: &'static str,
    endian: Endian,
}

impl Cursor {
    /// Starts at the first of `bytes`, which read little-endian and whose first byte has the
    /// offset `base` in messages.
    pub fn new(format: &'static str, bytes: Bytes, base: u64) -> Self {
        Cursor { bytes, at: 0, base, format, endian: Endian::Little }
    }

    /// The same cursor for words in another byte order.
    #[must_use]
    pub fn with_endian(mut self, endian: Endian) -> Self {
        self.endian = endian;
        self
    }

    /// The offset of the next byte, for messages.
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.at as u64)
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// Whether nothing is left.
    pub fn is_at_end(&self) -> bool {
        self.left() == 0
    }

    /// A fault at the next byte.
    pub fn fault(
        &self,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Fault {
        Fault::new(self.format, field, self.offset(), expected, found)
    }

    /// The next `len` bytes, shared, not copied.
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if fewer are left; nothing is consumed then.
    pub fn take(&mut self, field: &str, len: usize) -> Result<Bytes, Fault> {
        if len > self.left() {
            return Err(self.fault(field, bytes_word(len), self.left().to_string()));
        }
        let end = self.at.saturating_add(len);
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    /// As many of the next `len` bytes as there are.
    pub fn take_up_to(&mut self, len: usize) -> Bytes {
        let end = self.at.saturating_add(len.min(self.left()));
        let taken = self.bytes.slice(self.at..end);
        self.at = end;
        taken
    }

    /// The rest.
    pub fn rest(&mut self) -> Bytes {
        self.take_up_to(usize::MAX)
    }

    /// Passes over `len` bytes.
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if fewer are left.
    pub fn skip(&mut self, field: &str, len: usize) -> Result<(), Fault> {
        self.take(field, len).map(drop)
    }

    fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N], Fault> {
        let taken = self.take(field, N)?;
        let mut array = [0; N];
        array.copy_from_slice(&taken);
        if self.endian == Endian::Big {
            array.reverse();
        }
        Ok(array)
    }

    /// The next byte.
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if there is none.
    pub fn u8(&mut self, field: &str) -> Result<u8, Fault> {
        self.array(field).map(u8::from_le_bytes)
    }

    /// The next 16-bit word.
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if fewer bytes are left.
    pub fn u16(&mut self, field: &str) -> Result<u16, Fault> {
        self.array(field).map(u16::from_le_bytes)
    }

    /// The next 32-bit word.
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if fewer bytes are left.
    pub fn u32(&mut self, field: &str) -> Result<u32, Fault> {
        self.array(field).map(u32::from_le_bytes)
    }

    /// The next 64-bit word.
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if fewer bytes are left.
    pub fn u64(&mut self, field: &str) -> Result<u64, Fault> {
        self.array(field).map(u64::from_le_bytes)
    }

    /// The next word of `bits` (32 or 64).
    ///
    /// # Errors
    /// A [`Fault`] that names `field` if fewer bytes are left.
    pub fn word(&mut self, field: &str, bits: u32) -> Result<u64, Fault> {
        if bits == 64 { self.u64(field) } else { self.u32(field).map(u64::from) }
    }
}

/// `1 byte`, `2 bytes`.
pub fn bytes_word(len: usize) -> String {
    format!("{len} byte{}", if len == 1 { "" } else { "s" })
}

/// The little-endian 32-bit word at `at` in `bytes`.
pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let array = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    Some(u32::from_le_bytes(array))
}

/// The little-endian 16-bit word at `at` in `bytes`.
pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let array = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_le_bytes(array))
}
