//! A dump packed for memory that outlives a reset: the same file in less room, see [`crate::rle`].
//!
//! | off | size | field |
//! |   0 |    8 | magic `CAPTPACK` |
//! |   8 |    1 | version: 1 |
//! |   9 |    1 | offset of the first frame in the dump, in units of 32 bytes |
//! |  10 |    2 | FF |
//! |  12 |    4 | bytes of all frames; FF: the dump was not finished |
//! |  16 |    4 | end of the last frame in the dump |
//! |  20 |    4 | FF; anything else: this dump was uploaded |
//! |  24 |    8 | FF |
//! |  32 |      | frames |
//!
//! | frame | size | field |
//! |     0 |    1 | bytes of the dump in it, in units of 32 (1-3); bit 7: it is block 0. FF: no frame |
//! |     1 |    1 | bytes of it, packed |
//! |     2 |    1 | low byte of the CRC-32 of the other bytes of the frame |
//! |     3 |      | packed bytes |
//!
//! Each frame goes on where the one before it ended; block 0 comes last. What no frame holds (the
//! mark, the space before block 0 is there) is FF. The CRC of the dump proves all of it; the frames'
//! check bytes only keep a damaged one from leading the others astray.

use crate::crc::Crc;
use crate::layout::Fields;
use crate::rle;

/// First bytes of a packed dump.
pub const MAGIC: [u8; 8] = *b"CAPTPACK";
/// The version that this crate writes, and the only one so far.
pub const VERSION: u8 = 1;
/// Bytes before the first frame.
pub const HEAD_LEN: usize = 32;
/// Bytes of a frame before its contents.
pub const FRAME_HEAD_LEN: usize = 3;
/// Bytes of the dump in one frame, at most.
pub const FRAME_BYTES: usize = 96;
/// Bytes of a frame, at most.
pub const FRAME_LEN: usize = FRAME_HEAD_LEN + FRAME_BYTES + 1;
/// Offset of the word that says "uploaded".
pub const UPLOADED: usize = 20;

const UNIT: u32 = 32;
const BLOCK0: u8 = 0x80;
const NONE: u8 = 0xff;

/// The first 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Offset of the first frame in the dump.
    pub start: u32,
    /// Bytes of all frames, and the end of the last one in the dump; `None`: not finished.
    pub whole: Option<(u32, u32)>,
    /// The dump was uploaded.
    pub uploaded: bool,
}

impl Head {
    /// The bytes.
    pub const fn encode(&self) -> [u8; HEAD_LEN] {
        let mut bytes = [NONE; HEAD_LEN];
        let [m0, m1, m2, m3, m4, m5, m6, m7] = MAGIC;
        let start = (self.start / UNIT) as u8;
        let (packed, end) = match self.whole {
            Some((packed, end)) => (packed, end),
            None => (u32::MAX, u32::MAX),
        };
        let ([p0, p1, p2, p3], [e0, e1, e2, e3]) = (packed.to_le_bytes(), end.to_le_bytes());
        let mark = if self.uploaded { 0 } else { NONE };
        if let Some((known, _)) = bytes.split_first_chunk_mut::<24>() {
            *known = [
                m0, m1, m2, m3, m4, m5, m6, m7, VERSION, start, NONE, NONE, p0, p1, p2, p3, e0, e1,
                e2, e3, mark, mark, mark, mark,
            ];
        }
        bytes
    }

    /// From the first bytes; `None` when they are not those of a packed dump of a known version.
    pub fn decode(bytes: &[u8]) -> Option<Head> {
        let mut fields = Fields::new(crate::layout::Class::Elf32, bytes.get(..HEAD_LEN)?);
        if fields.take(MAGIC.len())? != MAGIC || fields.u8()? != VERSION {
            return None;
        }
        let start = u32::from(fields.u8()?).checked_mul(UNIT)?;
        fields.u16()?;
        let (packed, end) = (fields.u32()?, fields.u32()?);
        let uploaded = fields.u32()? != u32::MAX;
        let whole =
            (packed != u32::MAX && end != u32::MAX && end >= start).then_some((packed, end));
        Some(Head { start, whole, uploaded })
    }
}

/// Packs at most [`FRAME_BYTES`] of a dump, a multiple of 32, into a frame; answers its length.
/// `None`: too many, or an odd number of bytes.
pub fn frame(bytes: &[u8], block0: bool, out: &mut [u8; FRAME_LEN]) -> Option<usize> {
    let units = u8::try_from(bytes.len().checked_div(UNIT as usize)?).ok()?;
    if bytes.is_empty() || bytes.len() > FRAME_BYTES || !bytes.len().is_multiple_of(UNIT as usize) {
        return None;
    }
    let (head, contents) = out.split_first_chunk_mut::<FRAME_HEAD_LEN>()?;
    let len = rle::pack(bytes, contents)?;
    let first = units | if block0 { BLOCK0 } else { 0 };
    let packed = contents.get(..len)?;
    *head = [first, len as u8, check(first, packed)];
    len.checked_add(FRAME_HEAD_LEN)
}

fn check(first: u8, packed: &[u8]) -> u8 {
    let mut crc = Crc::new();
    crc.update(&[first, packed.len() as u8]);
    crc.update(packed);
    crc.value() as u8
}

/// A frame, unpacked.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Whether it is block 0; otherwise it goes on where the one before ended.
    pub block0: bool,
    /// Bytes that it takes up packed.
    pub packed: usize,
    bytes: [u8; FRAME_BYTES],
    len: usize,
}

impl Frame {
    /// Nothing yet.
    pub const EMPTY: Frame = Frame { block0: false, packed: 0, bytes: [0; FRAME_BYTES], len: 0 };

    /// What it holds of the dump.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or(&[])
    }

    /// The frame at the start of `from`; `None` when there is none, or a damaged one.
    pub fn decode(from: &[u8]) -> Option<Frame> {
        let (&[first, len, sum], rest) = from.split_first_chunk()?;
        let packed = rest.get(..usize::from(len))?;
        if first == NONE || check(first, packed) != sum {
            return None;
        }
        let wanted = usize::from(first & !BLOCK0).checked_mul(UNIT as usize)?;
        let mut frame = Frame {
            block0: first & BLOCK0 != 0,
            packed: packed.len().checked_add(FRAME_HEAD_LEN)?,
            ..Frame::EMPTY
        };
        frame.len = rle::unpack(packed, &mut frame.bytes)?;
        (frame.len == wanted && wanted > 0).then_some(frame)
    }
}
