//! The few statics between the crash and the handler: saved registers and last words.

use core::cell::UnsafeCell;

use crate::crash::{Crash, Kind, signal};

/// What the entry code saves. Zeroed at start-up like all of `.bss`, which makes the next entry
/// the first one.
#[unsafe(no_mangle)]
pub(crate) static mut CORONER_SAVED: crate::arch::Saved = crate::arch::Saved::EMPTY;

unsafe extern "Rust" {
    /// The user's handler, made by [`crate::on_crash!`].
    safe fn coroner_on_crash(crash: &Crash<'_>) -> !;
}

/// What the program said before it trapped on purpose.
#[derive(Clone, Copy)]
struct Words {
    kind: Option<Kind>,
    file: &'static str,
    line: u32,
    message: &'static str,
}

struct Slot(UnsafeCell<Words>);

// SAFETY: written by the context that crashes, read by the handler that this very context enters;
// a second context that panics at the same time (another core) can at worst change the words.
unsafe impl Sync for Slot {}

static WORDS: Slot = Slot(UnsafeCell::new(Words { kind: None, file: "", line: 0, message: "" }));

/// Keeps the words of a panic or an abort for the handler that the trap after it will enter.
pub(crate) fn say(kind: Kind, file: &'static str, line: u32, message: &'static str) {
    // SAFETY: see `Slot`.
    unsafe { WORDS.0.get().write_volatile(Words { kind: Some(kind), file, line, message }) };
}

/// Adds the program's words, if it said any, and goes to the user's handler.
pub(crate) fn finish(mut crash: Crash<'_>) -> ! {
    // SAFETY: see `Slot`.
    let words = unsafe { WORDS.0.get().read_volatile() };
    if let Some(kind) = words.kind {
        crash.cause.kind = kind;
        crash.cause.signal = signal::ABRT;
        crash.cause.message = words.message;
        crash.cause.place = (words.line != 0).then_some((words.file, words.line));
    }
    coroner_on_crash(&crash)
}
