//! Where a dump goes.

pub mod semihosting;

/// The sink could not take the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkError;

/// Takes a dump block by block.
pub trait Sink {
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
