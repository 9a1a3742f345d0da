//! Where a dump goes.

pub mod flash;
pub mod packed;
pub mod retained;
pub mod rtt;
pub mod semihosting;
pub mod text;

use crate::config::Pace;

/// The sink could not take the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkError;

/// Takes a dump block by block.
pub trait Sink {
    /// Whether code that is three times as fast is worth 250 bytes more: not to the smallest writer, which
    /// hands its blocks to the sink itself.
    #[doc(hidden)]
    const FAST: bool = false;

    /// How many bytes fit.
    fn capacity(&self) -> u32;

    /// Number of this dump among those that the same place holds.
    fn sequence(&self) -> u16 {
        0
    }

    /// Takes `bytes` for the dump's offset `at`. Both `at` and the length are multiples of 32,
    /// at most 96 bytes at a time, in ascending order; the bytes from 0 come last of all.
    ///
    /// # Errors
    /// When the bytes did not get through. Nothing but block 0 is sent after that.
    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError>;

    /// The whole dump has been sent, successfully or not.
    fn finish(&mut self) {}
}

/// Hands the blocks to a function: offset and bytes.
#[derive(Debug)]
pub struct Callback<F> {
    capacity: u32,
    function: F,
}

impl<F: FnMut(u32, &[u8]) -> Result<(), SinkError>> Callback<F> {
    /// `function` takes up to `capacity` bytes in all.
    pub fn new(capacity: u32, function: F) -> Self {
        Callback { capacity, function }
    }
}

impl<F: FnMut(u32, &[u8]) -> Result<(), SinkError>> Sink for Callback<F> {
    fn capacity(&self) -> u32 {
        self.capacity
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        (self.function)(at, bytes)
    }
}

/// The same dump to two places; one that fails does not hold up the other.
///
/// The dump is planned for the smaller one. To give each its own size, write two dumps.
#[derive(Debug)]
pub struct Tee<A, B> {
    first: A,
    second: B,
    alive: (bool, bool),
}

impl<A: Sink, B: Sink> Tee<A, B> {
    /// To `first`, then to `second`.
    pub fn new(first: A, second: B) -> Self {
        Tee { first, second, alive: (true, true) }
    }

    /// Which of the two has the whole dump.
    pub fn whole(&self) -> (bool, bool) {
        self.alive
    }
}

impl<A: Sink, B: Sink> Sink for Tee<A, B> {
    fn capacity(&self) -> u32 {
        // One that takes nothing leaves all room to the other.
        match (self.first.capacity(), self.second.capacity()) {
            (0, other) | (other, 0) => other,
            (first, second) => first.min(second),
        }
    }

    fn sequence(&self) -> u16 {
        self.first.sequence().max(self.second.sequence())
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        self.alive.0 = self.alive.0 && self.first.put(at, bytes).is_ok();
        self.alive.1 = self.alive.1 && self.second.put(at, bytes).is_ok();
        if self.alive.0 || self.alive.1 { Ok(()) } else { Err(SinkError) }
    }

    fn finish(&mut self) {
        self.first.finish();
        self.second.finish();
    }
}

/// A sink that asks between blocks whether there is time left.
pub(crate) struct Paced<S, P>(pub(crate) S, pub(crate) P);

impl<S: Sink, P: Fn() -> Pace> Sink for Paced<S, P> {
    const FAST: bool = true;

    fn capacity(&self) -> u32 {
        self.0.capacity()
    }

    fn sequence(&self) -> u16 {
        self.0.sequence()
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        // Block 0 is sent whatever the clock says: it makes a dump of all the rest.
        if at != 0 && (self.1)() == Pace::Stop {
            return Err(SinkError);
        }
        self.0.put(at, bytes)
    }

    fn finish(&mut self) {
        self.0.finish();
    }
}

impl<S: Sink> Sink for &mut S {
    fn capacity(&self) -> u32 {
        (**self).capacity()
    }

    fn sequence(&self) -> u16 {
        (**self).sequence()
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        (**self).put(at, bytes)
    }

    fn finish(&mut self) {
        (**self).finish();
    }
}
