//! Dumps that lie on the device: find them, read them out, mark them, make room for the next one.
//!
//! For the time after the reset, when drivers and interrupts work again. All walks go block by
//! block and call a function between the blocks, for the watchdog or to yield.

use crate::crc::Crc;
use crate::layout::{Class, MARK_LEN, Trailer, flag};
use crate::sink::SinkError;

/// A place that holds one dump: a slot of a flash, or memory that outlives a reset.
///
/// Offsets are relative to the dump. Reads and writes come in multiples of 32 bytes at multiples
/// of 32; nothing is written twice between two erasures.
pub trait Medium {
    /// Bytes in it.
    fn capacity(&self) -> u32;

    /// Bytes that [`Medium::erase`] erases at a time.
    fn erase_unit(&self) -> u32;

    /// Reads.
    ///
    /// # Errors
    /// When the medium can't be read there.
    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError>;

    /// Writes to erased bytes.
    ///
    /// # Errors
    /// When the bytes did not get through.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError>;

    /// Erases the unit that begins at `at`.
    ///
    /// # Errors
    /// When it could not be erased.
    fn erase(&mut self, at: u32) -> Result<(), SinkError>;
}

/// What lies in a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing: ready for a dump.
    Blank,
    /// A whole dump, its CRC checked.
    Dump(Stored),
    /// Something else: a dump whose writing or erasing was cut short, or other data.
    Torn,
}

/// A whole dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Bytes of the file.
    pub length: u32,
    /// See [`flag`].
    pub flags: u8,
    /// Number among the slots; wraps.
    pub sequence: u16,
    /// [`mark_uploaded`] was called for it.
    pub uploaded: bool,
    pub(crate) class: Class,
}

impl Stored {
    /// Whether something did not fit, or writing stopped early.
    pub const fn truncated(&self) -> bool {
        self.flags & (flag::TRUNCATED | flag::STOPPED) != 0
    }
}

const BLOCK: usize = 96;
const STEP: u32 = 32;

/// Looks at the head only: the dump's own word, its CRC not checked yet.
///
/// # Errors
/// When the medium can't be read.
pub fn peek(medium: &mut impl Medium) -> Result<Content, SinkError> {
    let mut head = [0; BLOCK + MARK_LEN as usize];
    medium.read(0, &mut head)?;
    let Some((class, trailer)) = Trailer::decode(&head) else {
        let blank = head.iter().all(|&byte| byte == 0xff);
        return Ok(if blank { Content::Blank } else { Content::Torn });
    };
    if trailer.length > medium.capacity() || trailer.length < class.phoff() {
        return Ok(Content::Torn);
    }
    let mark = head.get(class.block0_len()..).and_then(|rest| rest.get(..MARK_LEN as usize));
    Ok(Content::Dump(Stored {
        length: trailer.length,
        flags: trailer.flags,
        sequence: trailer.sequence,
        uploaded: mark.is_none_or(|mark| mark.iter().any(|&byte| byte != 0xff)),
        class,
    }))
}

/// Looks at all of it: checks the CRC of a dump, or that a blank medium is blank everywhere.
///
/// # Errors
/// When the medium can't be read.
pub fn find(medium: &mut impl Medium, mut feed: impl FnMut()) -> Result<Content, SinkError> {
    let content = peek(medium)?;
    let mut bytes = [0; STEP as usize];
    match content {
        Content::Blank => {
            for at in (0..medium.capacity()).step_by(STEP as usize) {
                feed();
                medium.read(at, &mut bytes)?;
                if bytes.iter().any(|&byte| byte != 0xff) {
                    return Ok(Content::Torn);
                }
            }
            Ok(Content::Blank)
        }
        Content::Dump(stored) => {
            let mut crc = Crc::new();
            let mut at = stored.class.phoff();
            while at < stored.length {
                feed();
                medium.read(at, &mut bytes)?;
                let len = stored.length.wrapping_sub(at).min(STEP) as usize;
                crc.update(bytes.get(..len).unwrap_or(&[]));
                at = at.wrapping_add(STEP);
            }
            let mut head = [0; BLOCK];
            let head = head.get_mut(..stored.class.block0_len()).ok_or(SinkError)?;
            medium.read(0, head)?;
            let (body, expected) = head.split_last_chunk::<4>().ok_or(SinkError)?;
            crc.update(body);
            let whole = crc.value() == u32::from_le_bytes(*expected);
            Ok(if whole { content } else { Content::Torn })
        }
        Content::Torn => Ok(Content::Torn),
    }
}

/// Reads a piece of a dump, for an upload in chunks: as many bytes as there are, 0 at the end.
/// `at` and the length of `chunk` are multiples of 32.
///
/// # Errors
/// When the medium can't be read.
pub fn read_at(
    medium: &mut impl Medium,
    stored: &Stored,
    at: u32,
    chunk: &mut [u8],
) -> Result<usize, SinkError> {
    let left = stored.length.saturating_sub(at) as usize;
    if left == 0 {
        return Ok(0);
    }
    let len = left.next_multiple_of(STEP as usize).min(chunk.len());
    medium.read(at, chunk.get_mut(..len).ok_or(SinkError)?)?;
    Ok(left.min(chunk.len()))
}

/// Remembers that a dump has been taken away, without erasing anything.
///
/// # Errors
/// When the mark could not be written.
pub fn mark_uploaded(medium: &mut impl Medium, stored: &Stored) -> Result<(), SinkError> {
    if stored.uploaded {
        return Ok(());
    }
    medium.write(stored.class.block0_len() as u32, &[0; MARK_LEN as usize])
}

/// Erases a medium unit by unit; the first unit, with block 0, goes first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Eraser {
    /// The next unit.
    pub(crate) at: u32,
}

impl Eraser {
    /// Erases the next unit that is not blank. `false`: all of it is blank now.
    ///
    /// # Errors
    /// When a unit could not be read or erased.
    pub fn step(&mut self, medium: &mut impl Medium) -> Result<bool, SinkError> {
        while self.at < medium.capacity() {
            let unit = self.at;
            self.at = self.at.saturating_add(medium.erase_unit());
            if !blank(medium, unit, self.at.min(medium.capacity()))? {
                medium.erase(unit)?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn blank(medium: &mut impl Medium, from: u32, to: u32) -> Result<bool, SinkError> {
    let mut bytes = [0; STEP as usize];
    for at in (from..to).step_by(STEP as usize) {
        medium.read(at, &mut bytes)?;
        if bytes.iter().any(|&byte| byte != 0xff) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Copies a dump to another medium, block 0 last. After a reset in the middle of it the same call
/// goes on: blocks that are there already are not written again.
///
/// # Errors
/// When `to` is too small, holds something else, or fails.
pub fn persist(
    from: &mut impl Medium,
    stored: &Stored,
    to: &mut impl Medium,
    mut feed: impl FnMut(),
) -> Result<(), SinkError> {
    if stored.length.next_multiple_of(STEP) > to.capacity() {
        return Err(SinkError);
    }
    let mut copy = |at: u32, last: u32| {
        feed();
        let (mut new, mut old) = ([0; STEP as usize], [0; STEP as usize]);
        from.read(at, &mut new)?;
        // What lies behind the end belongs to nobody.
        let len = last.wrapping_sub(at).min(STEP) as usize;
        if let Some(rest) = new.get_mut(len..) {
            rest.fill(0xff);
        }
        to.read(at, &mut old)?;
        if old == new { Ok(()) } else { to.write(at, &new) }
    };
    let mut at = stored.class.phoff();
    while at < stored.length {
        copy(at, stored.length)?;
        at = at.wrapping_add(STEP);
    }
    // Backwards: the magic of ELF comes last of all.
    let block0 = stored.class.block0_len() as u32;
    for at in (0..block0).step_by(STEP as usize).rev() {
        copy(at, block0)?;
    }
    Ok(())
}
