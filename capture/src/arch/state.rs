//! What the program reserves for the handler.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::crash::{Attempt, Crash};

/// The least that a handler's stack must have: enough for the entry code and the smallest writer. What the
/// full writer needs with each sink, as `scripts/capture-stack` finds it, stands in the README.
pub const MIN_STACK: usize = match () {
    () if cfg!(all(target_arch = "riscv64", floats)) => 1920,
    () if cfg!(target_arch = "riscv64") => 1536,
    () => 1024,
};

/// Is not compiled for a stack of fewer bytes than [`MIN_STACK`].
const fn stack_suffices<const BYTES: usize>() {
    const { assert!(BYTES >= MIN_STACK, "the stack of the capture is too small: see MIN_STACK") };
}

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

    /// Does not compile where it is not: see [`MIN_STACK`].
    pub const fn is_large_enough(&self) {
        stack_suffices::<BYTES>();
    }

    /// Its first byte.
    pub const fn bottom(&'static self) -> Top {
        Top(self.0.get().cast::<u8>())
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

/// Where the reserved stack begins to grow down from, or ends.
#[repr(transparent)]
pub struct Top(*mut u8);

impl Top {
    /// As a number.
    #[cfg(entry)]
    pub(super) fn address(&self) -> usize {
        self.0.expose_provenance()
    }
}

// SAFETY: an address; only the entry code uses it.
unsafe impl Sync for Top {}

/// A value that the crash handler uses, and anybody else only while the handler does not.
///
/// The handler runs once, with interrupts off, and never returns. Only the entry code knows that
/// this holds for a [`Crash`]: so a value is lent to one holder at a time, whoever asks.
pub struct HandlerOnly<T> {
    /// 0: nobody; else the number of the [`Attempt`] that has it.
    holder: AtomicU32,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached through `Held` alone, of which there is one at a time, see `try_get`.
// It goes from one context to another then, which is what `Send` allows.
unsafe impl<T: Send> Sync for HandlerOnly<T> {}

const NOBODY: u32 = 0;

impl<T> HandlerOnly<T> {
    /// Keeps `value` for the handler.
    pub const fn new(value: T) -> Self {
        HandlerOnly { holder: AtomicU32::new(NOBODY), value: UnsafeCell::new(value) }
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
        let holder = self.holder.load(Ordering::Relaxed);
        let free = match attempt {
            Attempt::Made => holder == NOBODY,
            // The first attempt never goes on once the second has begun, and its `Held` is never used
            // again. A number that is none was written by the crash itself.
            Attempt::First | Attempt::Second => {
                holder != attempt as u32 && holder != Attempt::Made as u32
            }
        };
        // Not `then_some`: a `Held` that is made and thrown away gives back what another one holds.
        (free && self.take(holder, attempt)).then(|| Held { from: self })
    }

    #[cfg(target_has_atomic = "32")]
    fn take(&self, from: u32, to: Attempt) -> bool {
        self.holder.compare_exchange(from, to as u32, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Without an atomic exchange only the handler is alone for sure: interrupts are off, and other
    /// cores do not get this far.
    #[cfg(not(target_has_atomic = "32"))]
    fn take(&self, _: u32, to: Attempt) -> bool {
        if to != Attempt::Made {
            self.holder.store(to as u32, Ordering::Relaxed);
        }
        to != Attempt::Made
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
