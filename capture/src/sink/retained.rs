//! Memory that the start-up code leaves alone: the dump waits there for the drivers of the next
//! start, see [`crate::stored::persist`].

use crate::arch::kept::Kept;
use crate::sink::{Sink, SinkError};
use crate::stored::{self, Content, Medium};

/// Reserved memory, see [`crate::retained!`].
#[derive(Debug)]
pub struct Retained<'a> {
    memory: &'a Kept,
    /// A dump that is there stays: nothing is written.
    keeps: bool,
}

impl<'a> Retained<'a> {
    /// To write a dump: forgets what was there, so that of a series of crashes the last one is kept.
    pub fn blank(memory: &'a Kept) -> Self {
        memory.fill(0xff);
        Retained { memory, keeps: false }
    }

    /// To write a dump, unless a whole one is there that nobody has taken yet ([`stored::mark_uploaded`], or
    /// erased): that one stays, and writing fails. Of a series of crashes the first one tells most; but a program
    /// that never takes it gets no other.
    pub fn first(memory: &'a Kept) -> Self {
        let mut found = Retained { memory, keeps: true };
        let content = stored::find(&mut found, || {});
        if matches!(content, Ok(Content::Dump(dump)) if !dump.uploaded) {
            return found;
        }
        Retained::blank(memory)
    }

    /// To look at what is there.
    pub fn open(memory: &'a Kept) -> Self {
        Retained { memory, keeps: false }
    }
}

impl Medium for Retained<'_> {
    fn capacity(&self) -> u32 {
        self.memory.len() as u32
    }

    fn erase_unit(&self) -> u32 {
        Medium::capacity(self)
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError> {
        if self.memory.read(at as usize, bytes) { Ok(()) } else { Err(SinkError) }
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if self.memory.write(at as usize, bytes) { Ok(()) } else { Err(SinkError) }
    }

    fn erase(&mut self, _: u32) -> Result<(), SinkError> {
        self.memory.fill(0xff);
        Ok(())
    }
}

impl Sink for Retained<'_> {
    fn capacity(&self) -> u32 {
        if self.keeps { 0 } else { Medium::capacity(self) }
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if self.keeps { Err(SinkError) } else { self.write(at, bytes) }
    }

    fn finish(&mut self) {
        self.memory.clean();
    }
}
