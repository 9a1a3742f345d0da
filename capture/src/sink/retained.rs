//! Memory that the start-up code leaves alone: the dump waits there for the drivers of the next
//! start, see [`crate::stored::persist`].

use crate::arch::kept::Kept;
use crate::sink::{Sink, SinkError};
use crate::stored::Medium;

/// Reserved memory, see [`crate::retained!`].
#[derive(Debug)]
pub struct Retained<'a> {
    memory: &'a Kept,
}

impl<'a> Retained<'a> {
    /// To write a dump: forgets what was there. The handler decides before whether it may.
    pub fn blank(memory: &'a Kept) -> Self {
        memory.fill(0xff);
        Retained { memory }
    }

    /// To look at what is there.
    pub fn open(memory: &'a Kept) -> Self {
        Retained { memory }
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
        Medium::capacity(self)
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        self.write(at, bytes)
    }

    fn finish(&mut self) {
        self.memory.clean();
    }
}
