//! The ring of an RTT channel, shared with a debug probe.

use core::cell::UnsafeCell;

/// The control block with one channel to the host, as a probe looks for it in memory.
#[repr(C)]
#[derive(Debug)]
pub struct Channel {
    id: UnsafeCell<[u8; 16]>,
    up_channels: u32,
    down_channels: u32,
    name: *const u8,
    start: *mut u8,
    size: u32,
    write: UnsafeCell<u32>,
    read: UnsafeCell<u32>,
    flags: u32,
}

// SAFETY: the probe changes `read` only, the program everything else, both one word at a time.
unsafe impl Sync for Channel {}

/// Memory for a ring.
#[derive(Debug)]
pub struct Ring<const BYTES: usize>(UnsafeCell<[u8; BYTES]>);

// SAFETY: written through its `Channel` only.
unsafe impl<const BYTES: usize> Sync for Ring<BYTES> {}

impl<const BYTES: usize> Ring<BYTES> {
    /// An empty ring.
    pub const fn new() -> Self {
        Ring(UnsafeCell::new([0; BYTES]))
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
            id: UnsafeCell::new([0; 16]),
            up_channels: 1,
            down_channels: 0,
            name: c"coroner".as_ptr().cast(),
            start: ring.0.get().cast(),
            size: BYTES as u32,
            write: UnsafeCell::new(0),
            read: UnsafeCell::new(0),
            flags: 0,
        }
    }

    /// Lets a probe find the channel.
    pub fn open(&self) {
        const REVERSED: &[u8; 16] = b"\0\0\0\0\0\0TTR REGGES";
        let id = self.id.get().cast::<u8>();
        for (index, &letter) in REVERSED.iter().rev().enumerate() {
            // SAFETY: inside of the 16 bytes; the probe only reads them.
            unsafe { id.add(index).write_volatile(letter) };
        }
    }

    /// Puts a byte into the ring; `false` when it is full.
    pub fn push(&self, byte: u8) -> bool {
        // SAFETY: the probe writes `read` one word at a time, and whatever it holds is only compared.
        let (write, read) =
            unsafe { (self.write.get().read_volatile(), self.read.get().read_volatile()) };
        let next = if write.wrapping_add(1) >= self.size { 0 } else { write.wrapping_add(1) };
        if next == read || write >= self.size {
            return false;
        }
        // SAFETY: `write` is below the ring's size. The byte is there before the offset says so.
        unsafe {
            self.start.add(write as usize).write_volatile(byte);
            core::sync::atomic::fence(core::sync::atomic::Ordering::Release);
            self.write.get().write_volatile(next);
        }
        true
    }

    /// Whether the probe has read everything. A handler waits for that before it resets.
    pub fn is_empty(&self) -> bool {
        // SAFETY: as in `push`.
        unsafe { self.write.get().read_volatile() == self.read.get().read_volatile() }
    }

    /// What a probe does: takes a byte out of the ring. For tests.
    pub fn pop(&self) -> Option<u8> {
        // SAFETY: as in `push`, with the roles exchanged.
        unsafe {
            let (write, read) = (self.write.get().read_volatile(), self.read.get().read_volatile());
            if write == read {
                return None;
            }
            core::sync::atomic::fence(core::sync::atomic::Ordering::Acquire);
            let byte = self.start.add(read as usize).read_volatile();
            let next = if read.wrapping_add(1) >= self.size { 0 } else { read.wrapping_add(1) };
            self.read.get().write_volatile(next);
            Some(byte)
        }
    }
}
