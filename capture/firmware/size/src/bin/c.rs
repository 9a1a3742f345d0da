//! What a C program's handler needs: the entry code and the writer of the static library, with all its
//! sinks and both ways to find FreeRTOS' tasks.
#![no_std]
#![no_main]

#[cfg(target_arch = "arm")]
mod c {
    use coroner_capture::Crash;
    use coroner_capture::arch::ffi::*;
    use coroner_capture::arch::state::{Stack, Top};
    use firmware_size as _;

    #[unsafe(link_section = ".uninit.coroner_stack")]
    static STACK: Stack<2048> = Stack::new();
    #[unsafe(no_mangle)]
    static CORONER_STACK_TOP: Top = STACK.top();
    #[unsafe(no_mangle)]
    static CORONER_STACK_BOTTOM: Top = STACK.bottom();

    unsafe extern "C" {
        safe fn coroner_trap();
    }

    #[unsafe(no_mangle)]
    extern "C" fn coroner_crashed(crash: &Crash<'_>) -> ! {
        use core::hint::black_box;
        // SAFETY: this is only linked, never run.
        unsafe {
            let (config, sink) = (black_box(&*core::ptr::dangling()), black_box(&*core::ptr::dangling()));
            let room = (black_box(core::ptr::null_mut()), black_box(0));
            coroner_write(config, crash, black_box(core::ptr::null()), 8, room.0, room.1, sink);
            let kernel = black_box(&*core::ptr::dangling());
            coroner_write_freertos(config, crash, kernel, 1, 8, room.0, room.1, sink);
        }
        coroner_reset()
    }

    #[unsafe(no_mangle)]
    fn probe() {
        coroner_trap();
    }
}

#[cfg(not(target_arch = "arm"))]
#[unsafe(no_mangle)]
fn probe() {
    firmware_size::nothing();
}
