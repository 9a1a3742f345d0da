//! What the program reserves for the handler.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU8, Ordering};

use crate::crash::{Attempt, Crash};

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

/// A value that the crash handler uses, and anybody else only while the handler does not.
///
/// The handler runs once, with interrupts off, and never returns. Only the entry code knows that
/// this holds for a [`Crash`]: so a value is lent to one holder at a time, whoever asks.
pub struct HandlerOnly<T> {
    /// 0: nobody; else the number of the [`Attempt`] that has it.
    holder: AtomicU8,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `Held` alone, of which there is one at a time, see `try_get`.
// It goes from one context to another then, which is what `Send` allows.
unsafe impl<T: Send> Sync for HandlerOnly<T> {}

const NOBODY: u8 = 0;

impl<T> HandlerOnly<T> {
    /// Keeps `value` for the handler.
    pub const fn new(value: T) -> Self {
        HandlerOnly { holder: AtomicU8::new(NOBODY), value: UnsafeCell::new(value) }
    }

    /// The value, for the handler that holds `crash`. A second attempt may find it half changed by
    /// the first one, and starts over with it.
    ///
    /// # Panics
    /// When somebody holds it already. In a handler that is a fault, which leads to the smaller record
    /// of the second attempt.
    pub fn get<'a>(&'a self, crash: &Crash<'_>) -> Held<'a, T> {
        match self.try_get(crash) {
            Some(held) => held,
            #[cfg(entry)]
            None => super::trap(),
            #[cfg(not(entry))]
            #[allow(clippy::panic, reason = "no device: tests and tools")]
            None => panic!("the value is lent already"),
        }
    }

    /// The value, unless somebody holds it already.
    pub fn try_get<'a>(&'a self, crash: &Crash<'_>) -> Option<Held<'a, T>> {
        let attempt = crash.attempt;
        // The first attempt never goes on once the second has begun, and its `Held` is never used
        // again: the second one may take the value away from it, and from nobody else.
        let taken = self.take(NOBODY, attempt)
            || (attempt == Attempt::Second && self.take(Attempt::First as u8, attempt));
        taken.then_some(Held { from: self })
    }

    #[cfg(target_has_atomic = "8")]
    fn take(&self, from: u8, to: Attempt) -> bool {
        self.holder.compare_exchange(from, to as u8, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Without an atomic exchange only the handler is alone for sure: interrupts are off, and other
    /// cores do not get this far.
    #[cfg(not(target_has_atomic = "8"))]
    fn take(&self, from: u8, to: Attempt) -> bool {
        let free = to != Attempt::Made && self.holder.load(Ordering::Acquire) == from;
        if free {
            self.holder.store(to as u8, Ordering::Relaxed);
        }
        free
    }
}

/// A value of [`HandlerOnly`], until this is dropped.
pub struct Held<'a, T> {
    from: &'a HandlerOnly<T>,
}

// SAFETY: a reference to the value, as `&mut T` would be.
unsafe impl<T: Sync> Sync for Held<'_, T> {}

impl<T> core::ops::Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the only `Held` of this value, see `HandlerOnly::try_get`.
        unsafe { &*self.from.value.get() }
    }
}

impl<T> core::ops::DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above.
        unsafe { &mut *self.from.value.get() }
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        self.from.holder.store(NOBODY, Ordering::Release);
    }
}
