//! SEGGER's real-time transfer: a ring in memory that a debug probe reads while the processor runs.
//!
//! Source: the layout of `SEGGER_RTT_CB` in SEGGER's target sources: 16 bytes of id, the numbers of
//! up and down buffers, then per buffer name, start, size, write offset, read offset, flags.

use crate::arch::rtt::Channel;
use crate::sink::SinkError;
use crate::sink::text::ByteSink;

/// Sends through an RTT channel, and waits for the probe to read, but not for ever.
#[derive(Debug)]
pub struct Rtt<'a> {
    channel: &'a Channel,
    patience: u32,
}

impl<'a> Rtt<'a> {
    /// Gives up after `patience` looks at a ring that stays full: nobody is reading.
    pub fn new(channel: &'a Channel, patience: u32) -> Self {
        Rtt { channel, patience }
    }
}

impl ByteSink for Rtt<'_> {
    fn send(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        for &byte in bytes {
            let mut looks = 0u32;
            while !self.channel.push(byte) {
                looks = looks.wrapping_add(1);
                if looks > self.patience {
                    return Err(SinkError);
                }
                core::hint::spin_loop();
            }
        }
        Ok(())
    }
}
