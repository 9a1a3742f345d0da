//! RISC-V with several harts: the crash of one stops the others and keeps their registers.
//!
//! Each hart has a place for its registers, made by [`crate::harts!`]. The first one that crashes
//! claims the capture; its handler calls [`Harts::stop`], which interrupts the others. A hart that is
//! interrupted while another one captures, by whatever it is, or that crashes itself, saves its registers and
//! stands still for good. One that has its interrupts switched off goes on; what it was doing is not known then.

use core::cell::UnsafeCell;
use core::sync::atomic::{Ordering, fence};

use crate::arch::riscv::{CLAIMED, STAGE, Saved, hart};
use crate::crash::Crash;
use crate::isa::{Memory, Native};
use crate::region::Area;
use crate::task::{State, Task, TaskList, Tasks};

/// Bytes that each hart needs, for the entry code.
pub const PLACE: usize = size_of::<Saved>();
/// What tells the entry code that some hart captures.
pub const SOME_HART_CAPTURES: usize = CLAIMED;

/// Places for the registers of harts 0 to `N` - 1, see [`crate::harts!`].
#[repr(transparent)]
pub struct Harts<const N: usize>([UnsafeCell<Saved>; N]);

// SAFETY: each place is written by the entry code of one hart, and read by the handler after that
// hart has said that it stands still, or is the handler's own.
unsafe impl<const N: usize> Sync for Harts<N> {}

impl<const N: usize> Harts<N> {
    /// Room.
    pub const fn new() -> Self {
        const { assert!(N > 0 && N <= 8, "the entry code knows 8 harts") };
        Harts([const { UnsafeCell::new(Saved::EMPTY) }; N])
    }

    /// In the crash handler: interrupts every other hart with `interrupt` (writes its `msip`, say),
    /// and waits until all of them stand still, but looks no more than `patience` times.
    /// Answers whether all do.
    pub fn stop(&self, _: &Crash<'_>, mut interrupt: impl FnMut(usize), patience: u32) -> bool {
        let others = || (0..N).filter(|&other| other != hart());
        fence(Ordering::SeqCst);
        others().for_each(&mut interrupt);
        for _ in 0..patience {
            if others().all(|other| self.has_stopped(other)) {
                return true;
            }
            core::hint::spin_loop();
        }
        false
    }

    /// Whether a hart stands still, so that its registers are known.
    pub fn has_stopped(&self, hart: usize) -> bool {
        let Some(place) = self.0.get(hart) else { return false };
        // SAFETY: a word that the hart's entry code writes at once.
        let stopped = unsafe { (&raw const (*place.get()).stopped).read_volatile() };
        fence(Ordering::Acquire);
        stopped == STAGE
    }

    /// Registers of a hart that stands still, in the order of `NT_PRSTATUS`: pc, x1-x31.
    pub fn registers(&self, hart: usize) -> Option<[usize; 32]> {
        let place = self.0.get(hart).filter(|_| self.has_stopped(hart))?;
        // SAFETY: the hart has said that it writes no more.
        let saved = unsafe { place.get().read_volatile() };
        let mut registers = [saved.mepc; 32];
        for (to, from) in registers.iter_mut().skip(1).zip(saved.x) {
            *to = from;
        }
        Some(registers)
    }
}

impl<const N: usize> Default for Harts<N> {
    fn default() -> Self {
        Harts::new()
    }
}

/// A program without a system on several harts: each is a thread.
pub struct EachHart<'a, const N: usize> {
    /// Where their registers are.
    pub harts: &'a Harts<N>,
    /// Their stacks.
    pub stacks: [Area; N],
}

impl<const N: usize> EachHart<'_, N> {
    fn task(&self, hart: usize) -> Task {
        const SP: usize = 2;
        let mut name = *b"hart 0\0\0\0\0\0\0\0\0\0\0";
        if let Some(digit) = name.get_mut(5) {
            *digit = b'0'.wrapping_add(hart as u8);
        }
        let stack = self.stacks.get(hart).copied().unwrap_or(Area::EMPTY);
        // Of a hart that goes on, any part of the stack may be in use.
        let sp = self.harts.registers(hart).map_or(stack.start(), |registers| registers[SP]);
        let known = Task::new(hart as u32 + 1, "");
        Task { name, state: State::Running, core: hart as u8, stack, sp, ..known }
    }
}

impl<const N: usize> Tasks<Native> for EachHart<'_, N> {
    fn list<M: Memory>(&mut self, _: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        let crashed = hart();
        list.push(self.task(crashed));
        for other in (0..N).filter(|&other| other != crashed) {
            list.push(self.task(other));
        }
    }

    fn registers<M: Memory>(&mut self, task: &Task, _: &mut M, registers: &mut [usize]) -> u64 {
        let Some(stopped) = self.harts.registers(task.core.into()) else { return 0 };
        for (to, from) in registers.iter_mut().zip(stopped) {
            *to = from;
        }
        0xffff_ffff
    }
}
