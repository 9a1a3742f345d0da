//! The static library for C programs: all of `coroner-capture` with its feature `ffi`.
#![no_std]

pub use coroner_capture::arch::ffi::*;

/// Nothing in the library panics (scripts/capture-size proves it); the compiler asks all the same.
#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    coroner_capture::panic(info)
}
