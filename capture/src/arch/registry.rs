//! Regions that become known at run time.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicUsize, Ordering};

use crate::region::Region;

/// A list of regions that a program adds to while it runs: buffers of a driver, a heap.
///
/// The crash handler may run in the middle of [`Registry::add`] and then does not see the new region.
pub struct Registry<const N: usize> {
    regions: [UnsafeCell<MaybeUninit<Region>>; N],
    claims: [Claim; N],
    count: AtomicUsize,
}

// SAFETY: an entry is written by the one context that has claimed it, before the count says that it is
// there, and never changed again.
unsafe impl<const N: usize> Sync for Registry<N> {}

impl<const N: usize> Registry<N> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Registry {
            regions: [const { UnsafeCell::new(MaybeUninit::uninit()) }; N],
            claims: [const { Claim::new() }; N],
            count: AtomicUsize::new(0),
        }
    }

    /// Adds a region; `false` when there is no room for it, or when another context is adding one at
    /// this very moment: an interrupt handler can't wait for what it has interrupted.
    pub fn add(&self, region: Region) -> bool {
        let count = self.count.load(Ordering::Acquire);
        let (Some(entry), Some(claim)) = (self.regions.get(count), self.claims.get(count)) else {
            return false;
        };
        if !claim.take() {
            return false;
        }
        // SAFETY: nobody else gets past the claim, and nobody reads this entry before the store below.
        unsafe { entry.get().write(MaybeUninit::new(region)) };
        self.count.store(count.wrapping_add(1), Ordering::Release);
        true
    }

    /// What has been added, for [`crate::Config::added`].
    pub fn list(&self) -> &[Region] {
        let count = self.count.load(Ordering::Acquire).min(N);
        // SAFETY: the first `count` entries are initialised and never change.
        unsafe { core::slice::from_raw_parts(self.regions.as_ptr().cast(), count) }
    }
}

impl<const N: usize> Default for Registry<N> {
    fn default() -> Self {
        Registry::new()
    }
}

/// Something that at most one context ever gets.
#[cfg(target_has_atomic = "8")]
struct Claim(core::sync::atomic::AtomicBool);

#[cfg(target_has_atomic = "8")]
impl Claim {
    const fn new() -> Self {
        Claim(core::sync::atomic::AtomicBool::new(false))
    }

    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::Acquire)
    }
}

/// Something that at most one context ever gets, made of loads and stores alone (Lamport's gate). Of
/// several that come at the very same moment perhaps none gets it: the registry then stays as it is.
#[cfg(any(test, not(target_has_atomic = "8")))]
#[cfg_attr(target_has_atomic = "8", allow(dead_code, reason = "only for its test"))]
struct Gate {
    last: AtomicUsize,
    closed: core::sync::atomic::AtomicBool,
}

#[cfg(not(target_has_atomic = "8"))]
use Gate as Claim;

#[cfg(any(test, not(target_has_atomic = "8")))]
#[cfg_attr(target_has_atomic = "8", allow(dead_code, reason = "only for its test"))]
impl Gate {
    const fn new() -> Self {
        Gate { last: AtomicUsize::new(0), closed: core::sync::atomic::AtomicBool::new(false) }
    }

    fn take(&self) -> bool {
        // Whoever is in here at the same time has a stack of its own: the address tells them apart.
        let mark = core::cell::Cell::new(0u8);
        let local = (&raw const *core::hint::black_box(&mark)).addr();
        self.last.store(local, Ordering::SeqCst);
        if self.closed.load(Ordering::SeqCst) {
            return false;
        }
        self.closed.store(true, Ordering::SeqCst);
        let alone = self.last.load(Ordering::SeqCst) == local;
        core::hint::black_box(&mark);
        alone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_contexts_that_come_together_at_most_one_gets_through() {
        for _ in 0..200 {
            let gate = Gate::new();
            let through = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for _ in 0..3 {
                    scope.spawn(|| through.fetch_add(gate.take().into(), Ordering::Relaxed));
                }
            });
            assert!(through.load(Ordering::Relaxed) <= 1);
            assert!(!gate.take(), "it is closed for good");
        }
        assert!(Gate::new().take(), "one that comes alone gets it");
    }
}
