//! Memory that outlives a reset, with a packed dump in it: more of the dump in the same room.
//!
//! How much a dump shrinks is not known before it is written. So the sink claims to be larger than
//! it is; when the memory is full before the dump is, writing stops there, and what got through is
//! a whole dump, the most valuable first.

use crate::arch::kept::Kept;
use crate::layout::{Class, MARK_LEN};
use crate::packed::{FRAME_BYTES, FRAME_LEN, Frame, HEAD_LEN, Head, UPLOADED, frame};
use crate::sink::{Sink, SinkError};
use crate::stored::{self, Content, Medium};

const UNIT: u32 = 32;

/// Reserved memory, see [`crate::retained!`], with a packed dump. What [`Medium`] reads and
/// [`crate::stored::persist`] copies is the dump unpacked; the packed bytes themselves are what
/// [`super::retained::Retained`] reads, and `coroner` opens these as well.
#[derive(Debug)]
pub struct Packed<'a> {
    memory: &'a Kept,
    head: Head,
    /// Bytes of memory in use.
    fill: usize,
    /// Offset in the dump behind the last frame.
    end: u32,
    claim: u32,
    /// Where the frame with block 0 lies; 0: nowhere.
    block0: usize,
    /// The frame that was read last: its place in the memory and in the dump.
    last: (usize, u32, Frame),
    /// A dump that is there stays: nothing is written.
    keeps: bool,
}

impl<'a> Packed<'a> {
    const NOTHING: Head = Head { start: 0, whole: None, uploaded: false };

    fn new(memory: &'a Kept, head: Head, claim: u32) -> Self {
        let last = (0, 0, Frame::EMPTY);
        Packed { memory, head, fill: HEAD_LEN, end: 0, claim, block0: 0, last, keeps: false }
    }

    /// To write a dump of at most `claim` bytes: forgets what was there. Stacks and statics shrink to
    /// a half; twice the size of the memory is a good claim.
    pub fn blank(memory: &'a Kept, claim: u32) -> Self {
        memory.fill(0xff);
        Self::new(memory, Self::NOTHING, claim)
    }

    /// The same, unless a whole dump is there that nobody has taken yet, as
    /// [`Retained::first`](crate::sink::retained::Retained::first).
    pub fn first(memory: &'a Kept, claim: u32) -> Self {
        let mut found = Self::open(memory);
        if found.head.whole.is_some() && !found.head.uploaded {
            let content = stored::find(&mut found, || {});
            if matches!(content, Ok(Content::Dump(_))) {
                found.keeps = true;
                return found;
            }
        }
        Self::blank(memory, claim)
    }

    /// To look at what is there.
    pub fn open(memory: &'a Kept) -> Self {
        let mut bytes = [0; HEAD_LEN];
        memory.read(0, &mut bytes);
        let mut packed = Self::new(memory, Head::decode(&bytes).unwrap_or(Self::NOTHING), 0);
        if let Some((_, end)) = packed.head.whole {
            packed.claim = end;
            packed.find_block0();
        }
        packed
    }

    /// Bytes of the memory that are in use, for reading them as they are.
    pub fn packed_len(&self) -> u32 {
        let frames = self.head.whole.map_or(0, |(frames, _)| frames);
        frames.saturating_add(HEAD_LEN as u32).min(self.memory.len() as u32)
    }

    fn frame_at(&self, at: usize) -> Option<Frame> {
        let mut bytes = [0xff; FRAME_LEN];
        let len = self.memory.len().checked_sub(at)?.min(FRAME_LEN);
        self.memory.read(at, bytes.get_mut(..len)?);
        Frame::decode(&bytes)
    }

    fn find_block0(&mut self) {
        let mut at = HEAD_LEN;
        while let Some(frame) = self.frame_at(at) {
            if frame.block0 {
                self.block0 = at;
                return;
            }
            at = at.saturating_add(frame.packed);
        }
    }

    /// The 32 bytes of the dump at `at`.
    fn unit(&mut self, at: u32) -> [u8; UNIT as usize] {
        let block0_len = self.head.start.saturating_sub(MARK_LEN);
        if at < block0_len {
            let frame = if self.block0 == 0 { None } else { self.frame_at(self.block0) };
            return piece(frame.as_ref(), at);
        }
        if at < self.head.start {
            return [if self.head.uploaded { 0 } else { 0xff }; UNIT as usize];
        }
        if self.last.0 == 0 || at < self.last.1 {
            self.last = match self.frame_at(HEAD_LEN) {
                Some(frame) => (HEAD_LEN, self.head.start, frame),
                None => return piece(None, 0),
            };
        }
        loop {
            let (place, offset, frame) = &self.last;
            let end = offset.saturating_add(frame.bytes().len() as u32);
            if at < end {
                return piece(Some(frame), at.saturating_sub(*offset));
            }
            let next = place.saturating_add(frame.packed);
            match self.frame_at(next).filter(|frame| !frame.block0) {
                Some(frame) => self.last = (next, end, frame),
                None => return piece(None, 0),
            }
        }
    }

    fn store(&mut self, bytes: &[u8], block0: bool) -> Result<(), SinkError> {
        let mut room = [0; FRAME_LEN];
        let len = frame(bytes, block0, &mut room).ok_or(SinkError)?;
        let reserve = if block0 { 0 } else { FRAME_LEN };
        let end = self.fill.checked_add(len).ok_or(SinkError)?;
        let fits = end.checked_add(reserve).is_some_and(|end| end <= self.memory.len());
        let written = fits && self.memory.write(self.fill, room.get(..len).ok_or(SinkError)?);
        if !written {
            return Err(SinkError);
        }
        self.fill = end;
        Ok(())
    }
}

fn piece(frame: Option<&Frame>, offset: u32) -> [u8; UNIT as usize] {
    let bytes = frame.map_or(&[][..], Frame::bytes).get(offset as usize..);
    bytes.and_then(|bytes| bytes.first_chunk()).copied().unwrap_or([0xff; UNIT as usize])
}

impl Sink for Packed<'_> {
    fn capacity(&self) -> u32 {
        if self.keeps { 0 } else { self.claim }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if self.keeps {
            return Err(SinkError);
        }
        if at == 0 {
            self.store(bytes, true)?;
            let frames = self.fill.saturating_sub(HEAD_LEN) as u32;
            self.head.whole = Some((frames, self.end));
            // From here on it is a dump.
            self.memory.write(0, &self.head.encode());
            return Ok(());
        }
        if self.end == 0 {
            (self.head.start, self.end) = (at, at);
            self.memory.write(0, &self.head.encode());
        }
        if at != self.end {
            return Err(SinkError);
        }
        for part in bytes.chunks(FRAME_BYTES) {
            self.store(part, false)?;
            self.end = self.end.saturating_add(part.len() as u32);
        }
        Ok(())
    }

    fn finish(&mut self) {
        self.memory.clean();
    }
}

impl Medium for Packed<'_> {
    fn capacity(&self) -> u32 {
        if self.head.whole.is_some() { self.claim } else { self.memory.len() as u32 }
    }

    fn erase_unit(&self) -> u32 {
        Medium::capacity(self)
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError> {
        if self.head.whole.is_none() {
            // Blank, or torn: nothing that could be unpacked as a whole.
            return if self.memory.read(at as usize, bytes) { Ok(()) } else { Err(SinkError) };
        }
        let mut at = at;
        for part in bytes.chunks_mut(UNIT as usize) {
            for (to, from) in part.iter_mut().zip(self.unit(at)) {
                *to = from;
            }
            at = at.saturating_add(UNIT);
        }
        Ok(())
    }

    /// Only the mark can be written.
    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        let mark = self.head.start.checked_sub(MARK_LEN);
        let known =
            [Class::Elf32, Class::Elf64].iter().any(|class| class.phoff() == self.head.start);
        if self.head.whole.is_none()
            || !known
            || Some(at) != mark
            || bytes.iter().all(|&b| b == 0xff)
        {
            return Err(SinkError);
        }
        self.head.uploaded = true;
        if self.memory.write(UPLOADED, &[0; 4]) { Ok(()) } else { Err(SinkError) }
    }

    fn erase(&mut self, _: u32) -> Result<(), SinkError> {
        *self = Self::blank(self.memory, self.claim);
        Ok(())
    }
}
