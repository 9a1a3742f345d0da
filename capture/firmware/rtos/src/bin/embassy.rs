//! Three Embassy tasks on one executor; one of them panics.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coroner_capture::{Crash, Single};
use embassy_executor::Spawner;
use embassy_futures::yield_now;

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault, MemoryManagement, BusFault, UsageFault);

fn crashed(crash: &Crash<'_>) -> ! {
    firmware_rtos::write(crash, &mut Single { name: "executor", stack: firmware_rtos::stack() })
}

coroner_capture::tagged! {
    dram: pub static ROUNDS: AtomicU32 = AtomicU32::new(0);
}

#[inline(never)]
fn heat(celsius: u32, limit: u32) -> u32 {
    assert!(core::hint::black_box(celsius) < limit, "too hot");
    celsius + 10
}

#[embassy_executor::task]
async fn heater() {
    let mut celsius = 20;
    loop {
        celsius = heat(celsius, 60);
        yield_now().await;
    }
}

#[embassy_executor::task]
async fn blinker() {
    loop {
        ROUNDS.fetch_add(1, Relaxed);
        yield_now().await;
    }
}

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    spawner.spawn(heater().expect("a free task"));
    spawner.spawn(blinker().expect("a free task"));
    loop {
        yield_now().await;
    }
}
