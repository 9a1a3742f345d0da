//! Dumps as lines of text, for any console. A line that is lost or damaged is a hole in the dump,
//! not its end, since each says where it belongs and carries a CRC of its own.
//!
//! ```text
//! #CAP:begin:1                                    format version of these lines
//! #CAP:00000060:BAAAAGACAA...:5d0c9c71            raw: offset, base64 of up to 48 bytes, CRC
//! #CAP:000000c0~gAAAAAA...:9e1d0a42               packed: the same, see `rle`, up to 96 bytes
//! #CAP:end:00001680                               length of the file
//! ```
//! Numbers are lower-case hexadecimal. The CRC-32 covers the offset (4 bytes, little-endian), the
//! separator behind it (`:` or `~`), and the bytes that the base64 stands for. Lines may follow
//! other text on the same line, and end with LF or CR LF.

use crate::crc::Crc;
use crate::rle;

/// Every line begins with this.
pub const PREFIX: &[u8] = b"#CAP:";
/// Version of the lines' format.
pub const VERSION: u8 = 1;
/// Bytes that the base64 of one line stands for, at most.
pub const LINE_BYTES: usize = 48;
/// Bytes of the dump that one line holds, at most.
pub const LINE_UNPACKED: usize = 96;
/// Length of the longest line, its end included.
pub const LINE_LEN: usize = PREFIX.len() + 8 + 1 + LINE_BYTES / 3 * 4 + 1 + 8 + 2;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A dump begins.
    Begin {
        /// Version of the lines' format.
        version: u8,
    },
    /// A piece of it.
    Data(Piece),
    /// It has ended.
    End {
        /// Length of the file.
        length: u32,
    },
}

/// A piece of a dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Where it belongs in the file.
    pub offset: u32,
    bytes: [u8; LINE_UNPACKED],
    len: usize,
}

impl Piece {
    /// The bytes of the file.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }
}

/// Why a line with the prefix can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Its form is not one of those above.
    Malformed,
    /// Its CRC is not that of its bytes.
    Crc,
}

/// Reads one line (without its end); `None` when it has nothing to do with a dump.
pub fn decode(line: &[u8]) -> Option<Result<Line, LineError>> {
    let start = line.windows(PREFIX.len()).position(|window| window == PREFIX)?;
    let rest = line.get(start.checked_add(PREFIX.len())?..)?;
    Some(decode_rest(rest.trim_ascii_end()))
}

fn decode_rest(rest: &[u8]) -> Result<Line, LineError> {
    let malformed = LineError::Malformed;
    if let Some(version) = rest.strip_prefix(b"begin:") {
        return Ok(Line::Begin { version: hex(version).ok_or(malformed)? as u8 });
    }
    if let Some(length) = rest.strip_prefix(b"end:") {
        return Ok(Line::End { length: hex(length).ok_or(malformed)? });
    }
    let (offset, rest) = rest.split_at_checked(8).ok_or(malformed)?;
    let offset = hex(offset).ok_or(malformed)?;
    let (&separator, rest) = rest.split_first().ok_or(malformed)?;
    let at = rest.iter().position(|&byte| byte == b':').ok_or(malformed)?;
    let (text, crc) = rest.split_at_checked(at).ok_or(malformed)?;
    let crc = crc.strip_prefix(b":").and_then(hex).ok_or(malformed)?;
    let mut raw = [0; LINE_BYTES];
    let len = unbase64(text, &mut raw).ok_or(malformed)?;
    let raw = raw.get(..len).ok_or(malformed)?;
    if line_crc(offset, separator, raw) != crc {
        return Err(LineError::Crc);
    }
    let mut bytes = [0; LINE_UNPACKED];
    let len = match separator {
        b':' => {
            bytes.get_mut(..len).ok_or(malformed)?.copy_from_slice(raw);
            len
        }
        b'~' => rle::unpack(raw, &mut bytes).ok_or(malformed)?,
        _ => return Err(malformed),
    };
    Ok(Line::Data(Piece { offset, bytes, len }))
}

fn line_crc(offset: u32, separator: u8, bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&offset.to_le_bytes());
    crc.update(&[separator]);
    crc.update(bytes);
    crc.value()
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits
        .iter()
        .try_fold(0u32, |value, &digit| Some((value << 4) | char::from(digit).to_digit(16)?))
}

/// A line under way.
#[derive(Clone, Debug)]
pub struct Buffer {
    bytes: [u8; LINE_LEN],
    len: usize,
}

impl Buffer {
    const fn new() -> Self {
        Buffer { bytes: [0; LINE_LEN], len: 0 }
    }

    /// The line, with CR LF.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.len) {
            *slot = byte;
            self.len = self.len.wrapping_add(1);
        }
    }

    fn text(&mut self, text: &[u8]) {
        for &byte in text {
            self.push(byte);
        }
    }

    fn hex(&mut self, value: u32) {
        for digit in (0..8).rev() {
            let nibble = (value >> (4 * digit)) as u8 & 15;
            self.push(if nibble < 10 { b'0' + nibble } else { b'a' - 10 + nibble });
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        for group in bytes.chunks(3) {
            let at = |index| group.get(index).copied().unwrap_or(0);
            let bits = (u32::from(at(0)) << 16) | (u32::from(at(1)) << 8) | u32::from(at(2));
            for digit in 0..4 {
                let letter = if digit > group.len() {
                    b'='
                } else {
                    letter((bits >> (18 - 6 * digit)) as u8 & 63)
                };
                self.push(letter);
            }
        }
    }
}

/// The line that begins a dump.
pub fn begin() -> Buffer {
    let mut line = Buffer::new();
    line.text(PREFIX);
    line.text(b"begin:");
    line.push(b'0' + VERSION);
    line.text(b"\r\n");
    line
}

/// The line that ends a dump.
pub fn end(length: u32) -> Buffer {
    let mut line = Buffer::new();
    line.text(PREFIX);
    line.text(b"end:");
    line.hex(length);
    line.text(b"\r\n");
    line
}

/// A line with `raw`: up to 48 bytes, as they are (`packed` false) or as [`rle::pack`] made them.
pub fn data(offset: u32, raw: &[u8], packed: bool) -> Buffer {
    let separator = if packed { b'~' } else { b':' };
    let mut line = Buffer::new();
    line.text(PREFIX);
    line.hex(offset);
    line.push(separator);
    line.base64(raw);
    line.push(b':');
    line.hex(line_crc(offset, separator, raw));
    line.text(b"\r\n");
    line
}

const fn letter(value: u8) -> u8 {
    match value {
        0..=25 => b'A' + value,
        26..=51 => b'a' + value - 26,
        52..=61 => b'0' + value - 52,
        62 => b'+',
        _ => b'/',
    }
}

const fn value(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Answers how many bytes the text stands for.
fn unbase64(text: &[u8], bytes: &mut [u8]) -> Option<usize> {
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let mut len = 0usize;
    let last = (text.len() / 4).checked_sub(1)?;
    for (index, group) in text.chunks(4).enumerate() {
        let padding = group.iter().rev().take_while(|&&letter| letter == b'=').count();
        if padding > 2 || (padding > 0 && index != last) {
            return None;
        }
        let mut bits = 0u32;
        for &letter in group {
            let six = if letter == b'=' { 0 } else { value(letter)? };
            bits = (bits << 6) | u32::from(six);
        }
        let [_, three @ ..] = bits.to_be_bytes();
        for &byte in three.get(..3usize.checked_sub(padding)?)? {
            *bytes.get_mut(len)? = byte;
            len = len.checked_add(1)?;
        }
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(buffer: &Buffer) -> Line {
        decode(buffer.bytes()).expect("the prefix").expect("a line")
    }

    #[test]
    fn every_length_comes_back() {
        let bytes: Vec<u8> = (0..48u8).map(|index| index.wrapping_mul(37)).collect();
        for len in 1..=bytes.len() {
            let Line::Data(piece) = line(&data(0xabcdef, &bytes[..len], false)) else { panic!() };
            assert_eq!((piece.offset, piece.bytes()), (0xabcdef, &bytes[..len]));
        }
    }

    #[test]
    fn the_longest_line_fits_exactly() {
        assert_eq!(data(0, &[0xff; 48], false).bytes().len(), LINE_LEN);
    }

    #[test]
    fn any_changed_letter_is_noticed() {
        let buffer = data(0x40, b"the bytes of a stack", false);
        let good = buffer.bytes().trim_ascii_end();
        for index in PREFIX.len()..good.len() {
            let mut bad = good.to_vec();
            bad[index] ^= 1;
            assert!(decode(&bad).expect("the prefix").is_err(), "letter {index}");
        }
    }

    #[test]
    fn text_before_a_line_is_skipped_and_other_lines_are_not_ours() {
        assert_eq!(decode(b"[12.5] <err> #CAP:begin:1"), Some(Ok(Line::Begin { version: 1 })));
        assert_eq!(line(&end(0x1680)), Line::End { length: 0x1680 });
        assert_eq!(decode(b"CAP:begin:1"), None);
        assert_eq!(decode(b"#CAP:nonsense"), Some(Err(LineError::Malformed)));
    }

    #[test]
    fn no_input_makes_the_decoder_panic() {
        for len in 0..40usize {
            for seed in 0..200u32 {
                let mut text = b"#CAP:".to_vec();
                let mut state = seed * 7919 + len as u32;
                for _ in 0..len {
                    state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                    text.push(b"0:~=A/fz\x80"[(state >> 24) as usize % 9]);
                }
                let _ = decode(&text);
            }
        }
    }
}
