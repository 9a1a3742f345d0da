//! An RTIC program whose software task reads past the end of its readings. (QEMU's lm3s6965 raises
//! no fault for memory that is not there.)
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coroner_capture::Crash;
use coroner_capture::rtic::Rtic;

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault);

fn crashed(crash: &Crash<'_>) -> ! {
    firmware_rtos::write(crash, &mut Rtic { stack: firmware_rtos::stack(), priority_bits: 3 })
}

coroner_capture::tagged! {
    dram: pub static LITRES: AtomicU32 = AtomicU32::new(0);
}

#[inline(never)]
fn flow(readings: &[u32; 4], minutes: usize) -> u32 {
    readings[minutes]
}

#[rtic::app(device = lm3s6965, dispatchers = [GPIOA])]
mod app {
    #[shared]
    struct Shared {
        total: u32,
    }

    #[local]
    struct Local {
        readings: [u32; 4],
    }

    #[init]
    fn init(_: init::Context) -> (Shared, Local) {
        measure::spawn(7).ok();
        (Shared { total: 5 }, Local { readings: [1, 2, 3, 4] })
    }

    #[task(priority = 1, shared = [total], local = [readings])]
    async fn measure(mut context: measure::Context, minutes: usize) {
        context.shared.total.lock(|total| {
            super::LITRES.store(*total, super::Relaxed);
            *total += super::flow(context.local.readings, minutes);
        });
    }
}
