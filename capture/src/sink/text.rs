//! A dump as lines of text on any stream of bytes: UART, RTT, a log.

use crate::rle;
use crate::sink::{Sink, SinkError};
use crate::text::{self, LINE_BYTES};

/// A stream of bytes, sent before the call returns.
pub trait ByteSink {
    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// When they can't be sent, or not in time.
    fn send(&mut self, bytes: &[u8]) -> Result<(), SinkError>;
}

impl<F: FnMut(&[u8]) -> Result<(), SinkError>> ByteSink for F {
    fn send(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self(bytes)
    }
}

/// Writes the lines of [`crate::text`].
#[derive(Debug)]
pub struct Text<B> {
    stream: B,
    progress: Progress,
}

/// How far a [`Text`] has got.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    packed: bool,
    end: u32,
}

impl Progress {
    pub(crate) const NOTHING: Progress = Progress { packed: false, end: 0 };
}

#[cfg_attr(not(feature = "ffi"), allow(dead_code, reason = "the C interface is not there"))]
impl<B> Text<B> {
    /// Goes on with a dump.
    pub(crate) fn resume(stream: B, progress: Progress) -> Self {
        Text { stream, progress }
    }

    pub(crate) fn progress(&self) -> Progress {
        self.progress
    }
}

impl<B: ByteSink> Text<B> {
    /// Begins a dump on `stream`.
    pub fn new(stream: B) -> Self {
        Text { stream, progress: Progress::NOTHING }
    }

    /// Packs runs of equal words, see [`crate::rle`]: fewer lines, each still good by itself.
    #[must_use]
    pub fn packed(self) -> Self {
        Text { progress: Progress { packed: true, ..self.progress }, ..self }
    }

    fn line(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        let mut room = [0; LINE_BYTES];
        let packed = if self.progress.packed { rle::pack(bytes, &mut room) } else { None };
        if let Some(packed) =
            packed.filter(|&len| len < bytes.len()).and_then(|len| room.get(..len))
        {
            return self.stream.send(text::data(at, packed, true).bytes());
        }
        for (index, part) in bytes.chunks(LINE_BYTES).enumerate() {
            let at = at.wrapping_add((index * LINE_BYTES) as u32);
            self.stream.send(text::data(at, part, false).bytes())?;
        }
        Ok(())
    }
}

impl<B: ByteSink> Sink for Text<B> {
    fn capacity(&self) -> u32 {
        u32::MAX
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if self.progress.end == 0 {
            self.stream.send(text::begin().bytes())?;
        }
        self.progress.end = self.progress.end.max(at.wrapping_add(bytes.len() as u32));
        self.line(at, bytes)
    }

    fn finish(&mut self) {
        // Nothing is left to do about a stream that fails now.
        let _ = self.stream.send(text::end(self.progress.end).bytes());
    }
}
