//! What scripts/capture-xtensa compiles: the static library that a C program for the ESP32 links.
#![no_std]

pub use coroner_capture::arch::ffi::*;

/// A panic that can be reached asks the linker for this function.
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        safe fn a_panic_can_be_reached() -> !;
    }
    a_panic_can_be_reached()
}
