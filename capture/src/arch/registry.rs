//! Regions that become known at run time.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::region::Region;

/// A list of regions that a program adds to while it runs: buffers of a driver, a heap.
///
/// Call [`Registry::add`] from one context at a time. The crash handler may run in the middle of it
/// and then does not see the new region.
pub struct Registry<const N: usize> {
    regions: UnsafeCell<[MaybeUninit<Region>; N]>,
    count: AtomicUsize,
}

// SAFETY: an entry is written before the count says that it is there, and never changed again.
unsafe impl<const N: usize> Sync for Registry<N> {}

impl<const N: usize> Registry<N> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Registry {
            regions: UnsafeCell::new([const { MaybeUninit::uninit() }; N]),
            count: AtomicUsize::new(0),
        }
    }

    /// Adds a region; `false` when there is no room for it.
    pub fn add(&self, region: Region) -> bool {
        let count = self.count.load(Ordering::Relaxed);
        if count >= N {
            return false;
        }
        // SAFETY: inside of the array, and nobody reads this entry before the store below.
        unsafe {
            self.regions
                .get()
                .cast::<MaybeUninit<Region>>()
                .add(count)
                .write(MaybeUninit::new(region))
        };
        self.count.store(count.wrapping_add(1), Ordering::Release);
        true
    }

    /// What has been added, for [`crate::Config::added`].
    pub fn list(&self) -> &[Region] {
        let count = self.count.load(Ordering::Acquire).min(N);
        // SAFETY: the first `count` entries are initialised and never change.
        unsafe { core::slice::from_raw_parts(self.regions.get().cast(), count) }
    }
}

impl<const N: usize> Default for Registry<N> {
    fn default() -> Self {
        Registry::new()
    }
}
