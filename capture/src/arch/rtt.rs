//! The ring of an RTT channel, shared with a debug probe.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The control block with one channel to the host, as a probe looks for it in memory.
///
/// One context at a time sends: bytes that two send at once may get lost or mixed, no more than that.
#[repr(C)]
#[derive(Debug)]
pub struct Channel {
    id: [AtomicU8; 16],
    up_channels: u32,
    down_channels: u32,
    name: *const u8,
    start: *const AtomicU8,
    size: u32,
    write: AtomicU32,
    read: AtomicU32,
    flags: u32,
}

// SAFETY: what changes is atomic; `start` and `size` are those of a ring that lives for good.
unsafe impl Sync for Channel {}

/// Memory for a ring.
#[derive(Debug)]
pub struct Ring<const BYTES: usize>([AtomicU8; BYTES]);

impl<const BYTES: usize> Ring<BYTES> {
    /// An empty ring.
    pub const fn new() -> Self {
        Ring([const { AtomicU8::new(0) }; BYTES])
    }
}

impl<const BYTES: usize> Default for Ring<BYTES> {
    fn default() -> Self {
        Ring::new()
    }
}

impl Channel {
    /// A channel named `coroner` over `ring`. Its id is only put together by [`Channel::open`], so
    /// that a probe does not find the initial values in flash.
    pub const fn new<const BYTES: usize>(ring: &'static Ring<BYTES>) -> Self {
        const { assert!(BYTES > 1, "a ring holds one byte less than its size") };
        Channel {
            id: [const { AtomicU8::new(0) }; 16],
            up_channels: 1,
            down_channels: 0,
            name: c"coroner".as_ptr().cast(),
            start: ring.0.as_ptr(),
            size: BYTES as u32,
            write: AtomicU32::new(0),
            read: AtomicU32::new(0),
            flags: 0,
        }
    }

    /// Lets a probe find the channel.
    pub fn open(&self) {
        const REVERSED: &[u8; 16] = b"\0\0\0\0\0\0TTR REGGES";
        for (to, &letter) in self.id.iter().zip(REVERSED.iter().rev()) {
            to.store(letter, Ordering::Relaxed);
        }
    }

    /// The byte at `offset`. `None`: a crash or a probe has spoiled the offset.
    fn at(&self, offset: u32) -> Option<&AtomicU8> {
        // SAFETY: inside of the ring that `new` was given.
        (offset < self.size).then(|| unsafe { &*self.start.add(offset as usize) })
    }

    fn after(&self, offset: u32) -> u32 {
        let next = offset.wrapping_add(1);
        if next >= self.size { 0 } else { next }
    }

    /// Puts a byte into the ring; `false` when it is full.
    pub fn push(&self, byte: u8) -> bool {
        let write = self.write.load(Ordering::Relaxed);
        let next = self.after(write);
        let free = next != self.read.load(Ordering::Acquire);
        let Some(slot) = self.at(write).filter(|_| free) else { return false };
        // The byte is there before the offset says so.
        slot.store(byte, Ordering::Relaxed);
        self.write.store(next, Ordering::Release);
        true
    }

    /// Whether the probe has read everything. A handler waits for that before it resets.
    pub fn is_empty(&self) -> bool {
        self.write.load(Ordering::Relaxed) == self.read.load(Ordering::Relaxed)
    }

    /// What a probe does: takes a byte out of the ring. For tests.
    pub fn pop(&self) -> Option<u8> {
        let (write, read) = (self.write.load(Ordering::Acquire), self.read.load(Ordering::Relaxed));
        let byte = self.at(read).filter(|_| read != write)?.load(Ordering::Relaxed);
        self.read.store(self.after(read), Ordering::Release);
        Some(byte)
    }
}
