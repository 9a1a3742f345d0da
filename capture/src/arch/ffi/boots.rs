//! `coroner_boots`: [`crate::boots`] for C.

use crate::arch::kept::Kept;
use crate::boots::{self, Boots, Reset};

/// Bytes of the program's room.
const ROOM: usize = 32;

/// `coroner_boots`.
#[repr(C)]
pub struct CBoots {
    starts: u32,
    crashes: u32,
    crashes_in_a_row: u32,
    reset: u8,
    after_crash: bool,
}

/// # Safety
/// `room` points to 32 bytes, aligned to 4, that live for good and are reached by these functions alone.
unsafe fn kept(room: *mut u32) -> Kept {
    // SAFETY: the caller's word.
    unsafe { Kept::at(room, ROOM) }
}

/// `coroner_boots_begin`: counts a start.
///
/// # Safety
/// As [`kept`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_boots_begin(room: *mut u32, reset: u8, to: &mut CBoots) {
    // SAFETY: the caller's word.
    let kept = unsafe { kept(room) };
    let boots = Boots::begin(&kept, Reset::of(reset));
    *to = CBoots {
        starts: boots.starts(),
        crashes: boots.crashes(),
        crashes_in_a_row: boots.crashes_in_a_row(),
        reset: boots.reset() as u8,
        after_crash: boots.after_crash(),
    };
}

/// `coroner_boots_crashed`: for the handler, counts a crash.
///
/// # Safety
/// As [`kept`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_boots_crashed(room: *mut u32) {
    // SAFETY: the caller's word.
    boots::crashed(&unsafe { kept(room) });
}

/// `coroner_boots_healthy`: the next crash is the first of a new series.
///
/// # Safety
/// As [`kept`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_boots_healthy(room: *mut u32) {
    // SAFETY: the caller's word.
    boots::is_healthy(&unsafe { kept(room) });
}

/// `coroner_boots_back_off`: how long to wait before what crashed is tried again.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_boots_back_off(boots: &CBoots, first: u32, most: u32) -> u32 {
    boots::back_off(boots.crashes_in_a_row, first, most)
}
