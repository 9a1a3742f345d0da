//! The two security states of ARMv8-M: which of them crashed, and the special registers of that one.
//!
//! Bit 0 of `EXC_RETURN` (ES) says in which state the handler runs, bit 6 (S) to which one the frame
//! belongs. Without the security extension both are 0, and on older cores both are 1: there is one
//! state then.
//!
//! Source: ARMv8-M Architecture Reference Manual (DDI 0553B.u), `EXC_RETURN`, and MRS for the numbers
//! of special registers.

use super::Saved;
#[cfg(stack_limit)]
use crate::layout::{MSP_S, PSP_S};

/// Which state had crashed, seen from the one that the handler runs in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// The handler's own.
    Own,
    /// The non-secure one, seen from the secure one.
    NonSecure,
    /// The secure one: a non-secure handler sees nothing of it.
    OutOfReach,
}

/// The special registers of one state.
#[derive(Clone, Copy)]
pub(super) struct Special {
    msp: u32,
    pub(super) psp: u32,
    msplim: u32,
    psplim: u32,
    primask: u32,
    basepri: u32,
    faultmask: u32,
    control: u32,
}

impl Special {
    pub(super) const COUNT: usize = 8;

    /// Tells each with its number in MRS.
    pub(super) fn note(&self, mut note: impl FnMut(u32, u32)) {
        note(8, self.msp);
        note(9, self.psp);
        note(10, self.msplim);
        note(11, self.psplim);
        note(16, self.primask);
        note(17, self.basepri);
        note(19, self.faultmask);
        note(20, self.control);
    }

    fn own(saved: &Saved) -> Special {
        Special {
            msp: saved.msp,
            psp: saved.psp,
            msplim: saved.msplim,
            psplim: saved.psplim,
            primask: saved.primask,
            basepri: saved.basepri,
            faultmask: saved.faultmask,
            control: saved.control,
        }
    }

    /// Those of the non-secure state, which the secure one may read, and nobody has changed since.
    #[cfg(stack_limit)]
    fn nonsecure() -> Special {
        macro_rules! mrs {
            ($name:literal) => {{
                let value: u32;
                // SAFETY: reads a special register; outside of the secure state it would read as 0.
                unsafe {
                    core::arch::asm!(concat!("mrs {}, ", $name), out(reg) value, options(nomem, nostack));
                }
                value
            }};
        }
        Special {
            msp: mrs!("msp_ns"),
            psp: mrs!("psp_ns"),
            msplim: mrs!("msplim_ns"),
            psplim: mrs!("psplim_ns"),
            primask: mrs!("primask_ns"),
            basepri: mrs!("basepri_ns"),
            faultmask: mrs!("faultmask_ns"),
            control: mrs!("control_ns"),
        }
    }
}

impl World {
    /// How often `note_beside` tells something, at most.
    pub(super) const BESIDE: usize = if cfg!(stack_limit) { 2 } else { 0 };

    pub(super) fn of(saved: &Saved) -> World {
        if !cfg!(stack_limit) {
            return World::Own;
        }
        match (saved.exc_return & 1 != 0, saved.exc_return & 0x40 != 0) {
            (true, false) => World::NonSecure,
            (false, true) => World::OutOfReach,
            _ => World::Own,
        }
    }

    /// The special registers of this world. Of one that is out of reach, those of the handler.
    pub(super) fn special(self, saved: &Saved) -> Special {
        match self {
            #[cfg(stack_limit)]
            World::NonSecure => Special::nonsecure(),
            _ => Special::own(saved),
        }
    }

    /// Where the processor has put its frame; 0: out of reach.
    pub(super) fn frame(self, saved: &Saved, special: &Special) -> u32 {
        let process = match self {
            World::Own => saved.exc_return & 4 != 0,
            // Bit 2 tells of the handler's own state; of the other one CONTROL does.
            World::NonSecure => saved.exc_return & 8 != 0 && special.control & 2 != 0,
            World::OutOfReach => return 0,
        };
        if process { special.psp } else { special.msp }
    }

    /// Tells the stack pointers of the state that did not crash, as far as the handler sees them.
    #[cfg(stack_limit)]
    pub(super) fn note_beside(self, saved: &Saved, mut note: impl FnMut(u32, u32)) {
        let secure = saved.exc_return & 1 != 0;
        if self == World::NonSecure {
            note(MSP_S, saved.msp);
            note(PSP_S, saved.psp);
        } else if secure {
            let other = Special::nonsecure();
            note(0x88, other.msp);
            note(0x89, other.psp);
        }
    }
}
