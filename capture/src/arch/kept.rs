//! A piece of memory that outlives a reset.

use core::cell::UnsafeCell;

/// Room of a fixed size, without a definite content at start-up. Made by [`crate::retained!`].
#[repr(C, align(32))]
pub struct Room<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

// SAFETY: reached only through the `Kept` of `open`, whose accesses are volatile and bytewise.
unsafe impl<const BYTES: usize> Sync for Room<BYTES> {}

impl<const BYTES: usize> Room<BYTES> {
    /// Reserved room.
    pub const fn new() -> Self {
        const { assert!(BYTES.is_multiple_of(32), "the size is no multiple of 32") };
        Room(UnsafeCell::new([0; BYTES]))
    }

    /// The room, its size forgotten.
    pub const fn kept(&'static self) -> Kept {
        Kept { start: self.0.get().cast(), len: BYTES }
    }
}

impl<const BYTES: usize> Default for Room<BYTES> {
    fn default() -> Self {
        Room::new()
    }
}

/// Memory that outlives a reset.
///
/// Written by the crash handler and read after the reset: never at the same time.
#[derive(Debug)]
pub struct Kept {
    start: *mut u8,
    len: usize,
}

// SAFETY: as for `Room`.
unsafe impl Sync for Kept {}

impl Kept {
    /// Bytes in it.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no room at all.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn holds(&self, at: usize, len: usize) -> bool {
        at.checked_add(len).is_some_and(|end| end <= self.len)
    }

    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) -> bool {
        if !self.holds(at, bytes.len()) {
            return false;
        }
        for (index, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: inside of the room, see `holds`. Volatile: its content is nobody's to guess.
            *byte = unsafe { self.start.add(at.wrapping_add(index)).read_volatile() };
        }
        true
    }

    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> bool {
        if !self.holds(at, bytes.len()) {
            return false;
        }
        for (index, &byte) in bytes.iter().enumerate() {
            // SAFETY: inside of the room, see `holds`; only the handler or the start-up writes.
            unsafe { self.start.add(at.wrapping_add(index)).write_volatile(byte) };
        }
        true
    }

    pub(crate) fn fill(&self, value: u8) {
        for index in 0..self.len {
            // SAFETY: inside of the room.
            unsafe { self.start.add(index).write_volatile(value) };
        }
    }

    /// Writes back the data cache over the room (Cortex-M7 and others with one), so that the bytes
    /// are in memory when the reset comes.
    pub(crate) fn clean(&self) {
        #[cfg(mainline)]
        super::cortex_m::clean_data_cache(self.start.addr(), self.len);
    }
}
