//! A variable of each tag, in memory of its own, and a secret.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coroner_capture::arch::live::Live;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{Area, Config, Crash, Kind, Region, Single, Workspace, linker};

coroner_capture::on_crash!(crashed, stack: 4096);
coroner_capture::trap_vector!();

unsafe extern "C" {
    static __sdata: u8;
    static __edata: u8;
    static __estack: u8;
    static _stack_start: u8;
}

coroner_capture::tagged! {
    dram: pub static LAST_ERROR: AtomicU32 = AtomicU32::new(1);
    noinit: pub static BOOTS: AtomicU32 = AtomicU32::new(0);
    rtc: pub static WAKE_UPS: AtomicU32 = AtomicU32::new(40);
    rtc_fast: pub static FAST_WAKE_UPS: AtomicU32 = AtomicU32::new(50);
    secret: pub static KEY: AtomicU32 = AtomicU32::new(2);
}

const CONFIG: Config<'static> = Config {
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        linker::RTC,
        linker::RTC_FAST,
        Region::new(Kind::Data, Area::symbols(&raw const __sdata, &raw const __edata)),
    ],
    exclude: &[linker::SECRET],
    memory: &[Area::range(0x8008_0000, 0x8009_2000)],
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 2>> = HandlerOnly::new(Workspace::new());
    // SAFETY: the map of this machine's RAM.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let stack = Area::symbols(&raw const __estack, &raw const _stack_start);
    let mut tasks = Single { name: "main", stack };
    let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut file);
    exit(1)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

/// The secret first: registers are in every dump, and the last ones written stay in them.
#[inline(never)]
fn last_values() {
    KEY.store(0x0e11_5ec2, Relaxed);
    LAST_ERROR.store(0x17, Relaxed);
    BOOTS.store(9, Relaxed);
    WAKE_UPS.fetch_add(2, Relaxed);
    FAST_WAKE_UPS.fetch_add(3, Relaxed);
}

#[riscv_rt::entry]
fn main() -> ! {
    // SAFETY: nobody has used the variables yet.
    unsafe {
        linker::initialise_rtc();
        linker::initialise_rtc_fast();
    }
    last_values();
    black_box(&KEY);
    coroner_capture::abort("enough")
}
