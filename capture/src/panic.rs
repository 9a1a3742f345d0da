//! Panics and aborts: keep the words, then trap, so that the registers are those of this place.

use core::panic::PanicInfo;

use crate::arch;
use crate::crash::Kind;

/// For the program's `#[panic_handler]`: keeps place and message, and crashes.
///
/// Without the feature `panic-format` only a constant message is kept: formatting needs kilobytes
/// of code and an unknown amount of the crashed stack.
pub fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |place| (place.file(), place.line()));
    arch::say_and_trap(Kind::Panic, file, line, info.message().as_str().unwrap_or(""))
}

/// Crashes on purpose, with the caller's place and words.
#[track_caller]
pub fn abort(message: &'static str) -> ! {
    let place = core::panic::Location::caller();
    arch::say_and_trap(Kind::Abort, place.file(), place.line(), message)
}
