//! A pump controller that reads a valve's state through a damaged table.
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
    static __sbss: u8;
    static __ebss: u8;
    static __sdata: u8;
    static __edata: u8;
    static __estack: u8;
    static _stack_start: u8;
}

const CONFIG: Config<'static> = Config {
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        Region::new(Kind::Data, Area::symbols(&raw const __sdata, &raw const __edata)),
        Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
    ],
    memory: &[Area::range(0x8008_0000, 0x8009_0000)],
    build_id: linker::BUILD_ID,
    info: &[("device", "pump"), ("firmware", "0.9.1")],
    ..Config::MINIMAL
};

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<32, 2>> = HandlerOnly::new(Workspace::new());
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

coroner_capture::tagged! {
    noinit: pub static STARTS: AtomicU32 = AtomicU32::new(0);
    dram: pub static LAST_VALVE: AtomicU32 = AtomicU32::new(77);
}

/// A valve as the driver sees it.
#[repr(C)]
pub struct Valve {
    pub position: u32,
    pub limit: u32,
}

/// The valves of one pump.
#[repr(C)]
pub struct Bank {
    pub valves: *const Valve,
    pub count: u32,
}

static VALVES: [Valve; 2] = [Valve { position: 10, limit: 90 }, Valve { position: 20, limit: 80 }];

#[inline(never)]
fn position(valve: *const Valve) -> u32 {
    // SAFETY: none; this is the bug.
    let valve = unsafe { &*valve };
    valve.position.min(valve.limit)
}

#[inline(never)]
fn inspect(bank: &Bank, index: u32) -> u32 {
    LAST_VALVE.store(index, Relaxed);
    let valve = bank.valves.wrapping_add(index as usize);
    position(valve) + index
}

#[inline(never)]
fn control(bank: &mut Bank, round: u32) -> u32 {
    if round == 3 {
        bank.valves = core::ptr::without_provenance(0xf000_0000);
    }
    let sum = inspect(bank, round % bank.count);
    sum + round
}

#[riscv_rt::entry]
fn main() -> ! {
    STARTS.store(3, Relaxed);
    let mut bank = Bank { valves: VALVES.as_ptr(), count: 2 };
    let bank = black_box(&mut bank);
    let mut round = 0;
    loop {
        black_box(control(bank, round));
        round += 1;
    }
}
