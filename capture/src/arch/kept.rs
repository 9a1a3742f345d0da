//! A piece of memory that outlives a reset.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering::Relaxed};

/// Room of a fixed size, without a definite content at start-up. Made by [`crate::retained!`].
///
/// It is reached as atomic words, since nothing keeps a program from reading the room in one context and writing it in
/// another: what is read then is one thing or the other, as after a reset.
#[repr(C, align(32))]
pub struct Room<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

// SAFETY: reached only as the atomic words of `Kept`.
unsafe impl<const BYTES: usize> Sync for Room<BYTES> {}

impl<const BYTES: usize> Room<BYTES> {
    /// Reserved room.
    pub const fn new() -> Self {
        const { assert!(BYTES.is_multiple_of(32), "the size is no multiple of 32") };
        Room(UnsafeCell::new([0; BYTES]))
    }

    /// The room, its size forgotten.
    pub const fn kept(&'static self) -> Kept {
        let start = self.0.get().cast::<AtomicU32>();
        // SAFETY: aligned to 32 and so many words long; it lives for good, nobody else reaches it, and a
        // word that `UnsafeCell` covers may change at any time.
        Kept { words: unsafe { core::slice::from_raw_parts(start, BYTES / 4) } }
    }
}

impl<const BYTES: usize> Default for Room<BYTES> {
    fn default() -> Self {
        Room::new()
    }
}

/// Memory that outlives a reset.
#[derive(Debug)]
pub struct Kept {
    words: &'static [AtomicU32],
}

impl Kept {
    /// The `len` bytes at `start`, as whole words; nothing where `start` is no address of a word.
    ///
    /// # Safety
    /// The memory is there for good, and everybody reaches it as atomic words or through this type.
    #[cfg(all(feature = "ffi", any(entry, target_arch = "xtensa")))]
    pub(crate) unsafe fn at(start: *mut u32, len: usize) -> Self {
        if start.is_null() || !start.is_aligned() {
            return Kept { words: &[] };
        }
        // SAFETY: the caller's word, and aligned.
        Kept { words: unsafe { core::slice::from_raw_parts(start.cast(), len / 4) } }
    }

    /// Bytes in it.
    pub const fn len(&self) -> usize {
        self.words.len().wrapping_mul(4)
    }

    /// Whether there is no room at all.
    pub const fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    fn holds(&self, at: usize, len: usize) -> bool {
        at.checked_add(len).is_some_and(|end| end <= self.len())
    }

    /// The word that holds the byte at `at`, and how far the byte is shifted in it.
    fn word(&self, at: usize) -> Option<(&AtomicU32, u32)> {
        // The compiler must not know what nobody has written: it is what an earlier run has left.
        let words = core::hint::black_box(self.words);
        Some((words.get(at / 4)?, (at as u32 & 3) * 8))
    }

    pub(crate) fn read(&self, at: usize, bytes: &mut [u8]) -> bool {
        if !self.holds(at, bytes.len()) {
            return false;
        }
        for (at, byte) in (at..).zip(bytes) {
            *byte = self.word(at).map_or(0, |(word, shift)| (word.load(Relaxed) >> shift) as u8);
        }
        true
    }

    pub(crate) fn write(&self, at: usize, bytes: &[u8]) -> bool {
        if !self.holds(at, bytes.len()) {
            return false;
        }
        for (at, &byte) in (at..).zip(bytes) {
            if let Some((word, shift)) = self.word(at) {
                let others = word.load(Relaxed) & !(0xff << shift);
                word.store(others | u32::from(byte) << shift, Relaxed);
            }
        }
        true
    }

    pub(crate) fn fill(&self, value: u8) {
        for word in core::hint::black_box(self.words) {
            word.store(u32::from(value) * 0x0101_0101, Relaxed);
        }
    }

    /// Writes back the data cache over the room (Cortex-M7 and others with one), so that the bytes
    /// are in memory when the reset comes.
    pub(crate) fn clean(&self) {
        #[cfg(mainline)]
        super::cortex_m::clean_data_cache(self.words.as_ptr().addr(), self.len());
    }
}

/// Types of which every pattern of bits is a value: what a variable may be that the start-up code does
/// not initialise, see [`crate::tagged!`].
///
/// # Safety
/// Any bytes at all are a value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be in memory that nobody initialises",
    note = "what lies there at the start may be no value of this type; atomic integers and arrays of them are"
)]
pub unsafe trait AnyBits {}

// SAFETY: integers.
unsafe impl AnyBits for AtomicU8 {}
// SAFETY: as above.
unsafe impl AnyBits for AtomicU16 {}
// SAFETY: as above.
unsafe impl AnyBits for AtomicU32 {}
// SAFETY: as above.
unsafe impl AnyBits for AtomicUsize {}
// SAFETY: as above.
unsafe impl AnyBits for core::sync::atomic::AtomicI32 {}
#[cfg(target_has_atomic = "64")]
// SAFETY: as above.
unsafe impl AnyBits for core::sync::atomic::AtomicU64 {}
// SAFETY: as above; an `UnsafeCell` is what it holds.
unsafe impl<T: AnyBits> AnyBits for UnsafeCell<T> {}
// SAFETY: an array is its elements.
unsafe impl<T: AnyBits, const N: usize> AnyBits for [T; N] {}
// SAFETY: integers; a `static` of them never changes, but may be read.
unsafe impl AnyBits for u8 {}
// SAFETY: as above.
unsafe impl AnyBits for u16 {}
// SAFETY: as above.
unsafe impl AnyBits for u32 {}
// SAFETY: as above.
unsafe impl AnyBits for usize {}
// SAFETY: any bytes are bytes that need not be initialised.
unsafe impl<T> AnyBits for core::mem::MaybeUninit<T> {}
