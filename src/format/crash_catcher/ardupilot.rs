//! What ArduPilot writes around a CrashCatcher stream.
//!
//! * In flash, blocks of 32 bytes: the last one is filled up with zeros, and the last word of the
//!   page holds how many bytes the blocks have. When the page was too small, that word is all
//!   ones and the stream stops right before it. `@SYS/crash_dump.bin` are the blocks, or then all
//!   of the page.
//! * On a microSD card (`APM/CrashDump.DAT`, 2026): sectors of 512 bytes filled up with ones, and
//!   this at the end of the file:
//!
//! | off | size | field                                                          |
//! |   0 |    8 | `APCDUMP\0`                                                    |
//! |   8 |    2 | version 1, LE like all                                         |
//! |  10 |    2 | size of this: 32                                               |
//! |  12 |    4 | the first digits of the firmware's commit                      |
//! |  16 |    8 | CRC and size of the firmware's flash                           |
//! |  24 |    4 | CRC of these 32 bytes, with zeros here                         |
//! |  28 |    4 | length of the stream                                           |
//!
//! Sources: ArduPilot/ardupilot `libraries/AP_HAL_ChibiOS/hwdef/common/crashdump.c` (240eed572f3),
//! `CrashDump_flash.cpp` and `CrashDump_SD.cpp` (c4854bede3b) beside it, `AP_Math/crc.cpp`.

use super::NAME;
use crate::cursor::{Cursor, u16_at, u32_at};
use crate::dump::Note;

const BLOCK: u64 = 32;
const TRAILER_LEN: usize = 32;
const TRAILER: &[u8] = b"APCDUMP\0";

/// What stands behind the stream on a microSD card.
pub(super) struct ArduPilotTrailer {
    commit: u32,
    crc: u32,
    size: u32,
    /// The length of the stream.
    pub(super) len: usize,
}

impl ArduPilotTrailer {
    /// The one at the end of `bytes`, if it is whole.
    pub(super) fn find(bytes: &[u8]) -> Option<ArduPilotTrailer> {
        let at = bytes.len().checked_sub(TRAILER_LEN)?;
        let trailer = bytes.get(at..).filter(|trailer| trailer.starts_with(TRAILER))?;
        if u16_at(trailer, 8)? != 1 || usize::from(u16_at(trailer, 10)?) != TRAILER_LEN {
            return None;
        }
        let mut unsigned = trailer.to_vec();
        unsigned.get_mut(24..28)?.fill(0);
        // Neither begins with ones nor is turned round at the end, as others do both.
        let mut crc = crc32fast::Hasher::new_with_initial(u32::MAX);
        crc.update(&unsigned);
        let len = usize::try_from(u32_at(trailer, 28)?).ok()?;
        (!crc.finalize() == u32_at(trailer, 24)? && len <= at).then_some(ArduPilotTrailer {
            commit: u32_at(trailer, 12)?,
            crc: u32_at(trailer, 16)?,
            size: u32_at(trailer, 20)?,
            len,
        })
    }

    pub(super) fn note(&self) -> Note {
        Note::info(format!(
            "the firmware (ArduPilot) is of commit {:08x}, and has {} bytes of flash with \
             CRC {:#010x}",
            self.commit, self.size, self.crc
        ))
        .by(NAME)
        .code("firmware")
    }
}

/// Whether nothing but the zeros that fill up a block stand before the end or erased flash, or
/// in a page's last block before the word for the length, which does not count that block.
pub(super) fn is_padding(cursor: &Cursor) -> bool {
    let in_block = cursor.offset() % BLOCK;
    let to_block = BLOCK.saturating_sub(in_block);
    let mut ahead = cursor.clone();
    let filled = ahead.take_up_to(to_block as usize);
    let behind = ahead.take_up_to(4);
    let zeros = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
    if let Some((zeros_before, len)) = filled.split_last_chunk::<4>()
        && behind.is_empty()
        && filled.len() as u64 == to_block
        && zeros(zeros_before)
        && u64::from(u32::from_le_bytes(*len)) == cursor.offset().saturating_sub(in_block)
    {
        return true;
    }
    in_block > 0
        && filled.len() as u64 == to_block
        && zeros(&filled)
        && behind.iter().all(|byte| *byte == 0xff)
}

/// Whether `bytes` of a region that ends with the input, at `end`, end with the word that says
/// that there was no more room.
pub(super) fn is_full_page(bytes: &[u8], end: u64) -> bool {
    end.is_multiple_of(BLOCK) && bytes.ends_with(&[0xff; 4])
}
