//! A NOR flash whose power goes when the test says so.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// NOR flash: programming clears bits, a write unit is programmed once between two erasures, and
/// power may go in the middle of a unit or of an erasure.
#[derive(Clone)]
pub(crate) struct Mock<const UNIT: usize> {
    pub(crate) bytes: Vec<u8>,
    programmed: Vec<bool>,
    /// Units and erasures until power goes; `None`: never.
    pub(crate) left: Option<usize>,
    /// Units and erasures so far.
    pub(crate) done: usize,
    /// Bytes read so far.
    pub(crate) read: usize,
}

pub(crate) const PAGE: usize = 1024;

#[derive(Debug)]
pub(crate) struct Fault;

impl NorFlashError for Fault {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl<const UNIT: usize> ErrorType for Mock<UNIT> {
    type Error = Fault;
}

impl<const UNIT: usize> Mock<UNIT> {
    pub(crate) fn new(len: usize) -> Self {
        let (bytes, programmed) = (vec![0xff; len], vec![false; len / UNIT]);
        Mock { bytes, programmed, left: None, done: 0, read: 0 }
    }

    /// Answers `true` when power goes during this step.
    fn step(&mut self) -> Result<bool, Fault> {
        self.done += 1;
        match &mut self.left {
            None => Ok(false),
            Some(0) => Err(Fault),
            Some(left) => {
                *left -= 1;
                Ok(*left == 0)
            }
        }
    }

    pub(crate) fn power_returns(&mut self) {
        self.left = None;
        // What was programmed in part may be programmed again only after an erasure; that the
        // crate never tries is checked in `write`.
    }
}

impl<const UNIT: usize> ReadNorFlash for Mock<UNIT> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Fault> {
        self.read += bytes.len();
        let at = offset as usize;
        bytes.copy_from_slice(self.bytes.get(at..at + bytes.len()).ok_or(Fault)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const UNIT: usize> NorFlash for Mock<UNIT> {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Fault> {
        let aligned = [from, to].iter().all(|&at| (at as usize).is_multiple_of(PAGE));
        assert!(aligned, "whole pages are erased");
        for page in (from as usize..to as usize).step_by(PAGE) {
            let torn = self.step()?;
            // An erasure that is cut short leaves a part of the page as it was.
            let end = if torn { page + PAGE / 3 } else { page + PAGE };
            self.bytes[page..end].fill(0xff);
            self.programmed[page / UNIT..end / UNIT].fill(false);
            if torn {
                return Err(Fault);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Fault> {
        let at = offset as usize;
        assert!(
            at.is_multiple_of(UNIT) && bytes.len().is_multiple_of(UNIT),
            "whole units are written"
        );
        for (index, unit) in bytes.chunks(UNIT).enumerate() {
            let torn = self.step()?;
            let at = at + index * UNIT;
            assert!(!self.programmed[at / UNIT], "unit {at:#x} is written a second time");
            self.programmed[at / UNIT] = true;
            for (byte, &value) in self.bytes[at..at + UNIT].iter_mut().zip(unit) {
                // Half of the bits that were to be cleared are.
                *byte &= if torn { value | 0x55 } else { value };
            }
            if torn {
                return Err(Fault);
            }
        }
        Ok(())
    }
}
