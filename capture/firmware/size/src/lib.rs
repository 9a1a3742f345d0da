//! What the programs of the size table share: a handler for panics that can't be linked.
#![no_std]

/// A program in which a panic can be reached does not link, for want of this function.
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo) -> ! {
    unsafe extern "C" {
        safe fn a_panic_can_be_reached() -> !;
    }
    a_panic_can_be_reached()
}

/// For programs that there are on other machines only.
pub fn nothing() {}
