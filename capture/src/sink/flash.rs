//! NOR flash: a partition of slots, each with room for one dump. With the feature `flash` any driver of
//! `embedded-storage` is a [`Chip`].
//!
//! In the handler nothing is erased and nothing waits for an interrupt, so the driver must be a
//! polled one: it must not need a lock that the crashed program may hold, and must not run from
//! the flash that it writes, unless the chip stalls reads meanwhile.

use crate::sink::{Sink, SinkError};
use crate::stored::{self, Content, Eraser, Medium};

/// A flash. Reads and writes come in multiples of 32 bytes at multiples of 32.
pub trait Chip {
    /// Bytes that [`Chip::erase`] erases at a time.
    fn erase_unit(&self) -> u32;

    /// Reads.
    ///
    /// # Errors
    /// When the flash can't be read there.
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

#[cfg(feature = "flash")]
impl<F: embedded_storage::nor_flash::NorFlash> Chip for F {
    fn erase_unit(&self) -> u32 {
        F::ERASE_SIZE as u32
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError> {
        const { assert!(32usize.is_multiple_of(F::READ_SIZE), "read units above 32 bytes don't fit") };
        self.read(at, bytes).map_err(|_| SinkError)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        const {
            assert!(32usize.is_multiple_of(F::WRITE_SIZE), "write units above 32 bytes don't fit");
        }
        self.write(at, bytes).map_err(|_| SinkError)
    }

    fn erase(&mut self, at: u32) -> Result<(), SinkError> {
        self.erase(at, at.wrapping_add(F::ERASE_SIZE as u32)).map_err(|_| SinkError)
    }
}

/// One slot of a flash.
#[derive(Debug)]
pub struct FlashSlot<'a, F> {
    flash: &'a mut F,
    base: u32,
    len: u32,
    sequence: u16,
}

#[cfg(all(feature = "ffi", any(entry, target_arch = "xtensa")))]
impl<F> FlashSlot<'_, F> {
    pub(crate) fn chip(&self) -> &F {
        self.flash
    }
}

impl<F: Chip> Medium for FlashSlot<'_, F> {
    fn capacity(&self) -> u32 {
        self.len
    }

    fn erase_unit(&self) -> u32 {
        self.flash.erase_unit()
    }

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), SinkError> {
        self.flash.read(self.base.wrapping_add(at), bytes)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        self.flash.write(self.base.wrapping_add(at), bytes)
    }

    fn erase(&mut self, at: u32) -> Result<(), SinkError> {
        self.flash.erase(self.base.wrapping_add(at))
    }
}

impl<F: Chip> Sink for FlashSlot<'_, F> {
    fn capacity(&self) -> u32 {
        self.len
    }

    fn sequence(&self) -> u16 {
        self.sequence
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        // Writing over old bytes would leave a mixture of both.
        for (index, part) in bytes.chunks(32).enumerate() {
            let mut old = [0; 32];
            self.read(at.wrapping_add(32 * index as u32), &mut old)?;
            if old.get(..part.len()).is_none_or(|old| old.iter().any(|&byte| byte != 0xff)) {
                return Err(SinkError);
            }
        }
        if at == 0 {
            // The magic of ELF comes last: a block 0 that was cut short is none.
            let (head, rest) = bytes.split_at_checked(32).ok_or(SinkError)?;
            self.write(32, rest)?;
            return self.write(0, head);
        }
        self.write(at, bytes)
    }
}

/// Which dumps a partition keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The first ones: the crash that began it all. Only uploaded ones make room.
    First,
    /// The last ones: the oldest makes room.
    Last,
}

/// A part of a flash with room for `slots` dumps, all of one size.
#[derive(Debug)]
pub struct Partition<'a, F> {
    flash: &'a mut F,
    base: u32,
    slot_len: u32,
    slots: u32,
    /// The slot that is being erased, and how far that is.
    pub(crate) erasing: Option<(u32, Eraser)>,
}

impl<'a, F: Chip> Partition<'a, F> {
    /// The partition `base..base + len`. Slots are whole erase units; what is left over is unused.
    /// `None` when not even one unit is left for each slot, or `base` is not at the start of a unit.
    pub fn new(flash: &'a mut F, base: u32, len: u32, slots: u32) -> Option<Self> {
        let unit = flash.erase_unit();
        let units = len.checked_div(unit)?.checked_div(slots)?;
        let slot_len = units.checked_mul(unit)?;
        let aligned = base.checked_rem(unit)? == 0;
        (units > 0 && aligned).then_some(Partition { flash, base, slot_len, slots, erasing: None })
    }

    /// How many slots there are.
    pub const fn slots(&self) -> u32 {
        self.slots
    }

    /// A slot, counted from 0.
    pub fn slot(&mut self, index: u32) -> FlashSlot<'_, F> {
        let base = self.base.wrapping_add(index.wrapping_mul(self.slot_len));
        FlashSlot { flash: self.flash, base, len: self.slot_len, sequence: 0 }
    }

    /// For the handler: a blank slot, with the number that follows those of all other dumps.
    pub fn blank_slot(&mut self) -> Option<FlashSlot<'_, F>> {
        let (index, sequence) = self.find_blank()?;
        Some(FlashSlot { sequence, ..self.slot(index) })
    }

    /// The same where the partition is not needed any more.
    #[cfg(all(feature = "ffi", any(entry, target_arch = "xtensa")))]
    pub(crate) fn into_blank_slot(mut self) -> Option<FlashSlot<'a, F>> {
        let (index, sequence) = self.find_blank()?;
        let FlashSlot { base, len, .. } = self.slot(index);
        Some(FlashSlot { flash: self.flash, base, len, sequence })
    }

    /// The first blank slot, and the number of the dump that goes there.
    fn find_blank(&mut self) -> Option<(u32, u16)> {
        let mut newest = None;
        let mut blank = None;
        for index in 0..self.slots {
            match stored::peek(&mut self.slot(index)) {
                Ok(Content::Dump(dump)) => newest = Some(newer(newest, dump.sequence)),
                Ok(Content::Blank) if blank.is_none() => blank = Some(index),
                _ => {}
            }
        }
        let sequence = newest.map_or(1, |newest: u16| newest.wrapping_add(1));
        Some((blank?, sequence))
    }

    /// The slot of the newest whole dump that has not been uploaded.
    ///
    /// # Errors
    /// When the flash can't be read.
    pub fn newest(
        &mut self,
        mut feed: impl FnMut(),
    ) -> Result<Option<(u32, stored::Stored)>, SinkError> {
        let mut best: Option<(u32, stored::Stored)> = None;
        for index in 0..self.slots {
            if let Content::Dump(dump) = stored::find(&mut self.slot(index), &mut feed)? {
                let ahead = best.is_none_or(|(_, best)| is_newer(dump.sequence, best.sequence));
                if !dump.uploaded && ahead {
                    best = Some((index, dump));
                }
            }
        }
        Ok(best)
    }

    /// For the start of the program: one step towards a blank slot for the next crash. Call it
    /// until it answers `false`; each call erases at most one unit.
    ///
    /// Torn slots are erased first, then uploaded dumps, then, with [`Keep::Last`], the oldest one. Which slot it
    /// is to be is found out once, in the first step: every slot is read once, and the chosen one once more.
    ///
    /// # Errors
    /// When the flash could not be read or erased.
    pub fn prepare(&mut self, keep: Keep, mut feed: impl FnMut()) -> Result<bool, SinkError> {
        if let Some((index, mut eraser)) = self.erasing.take() {
            let more = eraser.step(&mut self.slot(index))?;
            self.erasing = more.then_some((index, eraser));
            return Ok(more);
        }
        let mut candidate: Option<(u32, u8, u16)> = None;
        for index in 0..self.slots {
            let (rank, sequence) = match stored::find(&mut self.slot(index), &mut feed)? {
                Content::Blank => return Ok(false),
                Content::Torn => (2, 0),
                Content::Dump(dump) if dump.uploaded => (1, dump.sequence),
                Content::Dump(dump) if keep == Keep::Last => (0, dump.sequence),
                Content::Dump(_) => continue,
            };
            let better = candidate.is_none_or(|(_, best, oldest)| {
                rank > best || (rank == best && is_newer(oldest, sequence))
            });
            if better {
                candidate = Some((index, rank, sequence));
            }
        }
        match candidate {
            Some((index, _, _)) => {
                let mut eraser = Eraser::default();
                let more = eraser.step(&mut self.slot(index))?;
                self.erasing = more.then_some((index, eraser));
                Ok(more)
            }
            None => Ok(false),
        }
    }
}

/// Whether sequence number `a` comes after `b`, as long as they are not half the range apart.
const fn is_newer(a: u16, b: u16) -> bool {
    a != b && a.wrapping_sub(b) < 0x8000
}

fn newer(newest: Option<u16>, sequence: u16) -> u16 {
    newest.filter(|&newest| is_newer(newest, sequence)).unwrap_or(sequence)
}
