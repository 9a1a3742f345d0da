//! What the program reserves for the handler.

use core::cell::UnsafeCell;

use crate::crash::Crash;

/// The stack that the capture runs on.
#[repr(C, align(16))]
pub struct Stack<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

// SAFETY: only the entry code uses it, and only one context at a time gets that far.
unsafe impl<const BYTES: usize> Sync for Stack<BYTES> {}

impl<const BYTES: usize> Stack<BYTES> {
    /// Reserved room.
    pub const fn new() -> Self {
        const { assert!(BYTES.is_multiple_of(16), "the size of the stack is no multiple of 16") };
        Stack(UnsafeCell::new([0; BYTES]))
    }

    /// One behind its last byte.
    pub const fn top(&'static self) -> Top {
        Top(self.0.get().cast::<u8>().wrapping_add(BYTES))
    }
}

impl<const BYTES: usize> Default for Stack<BYTES> {
    fn default() -> Self {
        Stack::new()
    }
}

/// Where the reserved stack begins to grow down from.
#[repr(transparent)]
pub struct Top(#[allow(dead_code, reason = "the entry code reads it")] *mut u8);

// SAFETY: an address; only the entry code uses it.
unsafe impl Sync for Top {}

/// A value that only the crash handler uses.
///
/// The handler runs once, with interrupts off, and never returns: nobody else holds a reference.
pub struct HandlerOnly<T>(UnsafeCell<T>);

// SAFETY: see the type; `get` says who may call it.
unsafe impl<T> Sync for HandlerOnly<T> {}

impl<T> HandlerOnly<T> {
    /// Keeps `value` for the handler.
    pub const fn new(value: T) -> Self {
        HandlerOnly(UnsafeCell::new(value))
    }

    /// The value, for the handler that holds `crash`. A second attempt may find it half changed by
    /// the first one, and starts over with it.
    #[allow(clippy::mut_from_ref, reason = "one handler, which never returns")]
    pub fn get<'a>(&'a self, _: &Crash<'_>) -> &'a mut T {
        // SAFETY: a `Crash` is only handed to the handler, see the type.
        unsafe { &mut *self.0.get() }
    }
}
