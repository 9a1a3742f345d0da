//! How many instructions a byte of the dump costs, from memory to the sink: the emulator counts them, and
//! SysTick shows the count (`-icount shift=0`: an instruction is a nanosecond, and the clock has 25 MHz).
//! Ends with that number as its status.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Live;
use coroner_capture::crash::Kind as CrashKind;
use coroner_capture::sink::semihosting::exit;
use coroner_capture::sink::Callback;
use coroner_capture::{Area, Cause, Config, Crash, Kind, Region, Single, Workspace};
use firmware_cortex_m as _;

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault);

const BYTES: usize = 32 << 10;
const CONFIG: Config<'static> = Config {
    regions: &[Region::new(Kind::Dram, Area::range(0x2000_4000, 0x2000_4000 + BYTES))],
    memory: &[Area::range(0x2000_0000, 0x2001_0000), Area::range(0xe000_e000, 0xe000_f000)],
    ..Config::MINIMAL
};

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    coroner_capture::panic(info)
}

fn crashed(_: &Crash<'_>) -> ! {
    exit(255)
}

const SYSTICK: *mut u32 = core::ptr::without_provenance_mut(0xe000_e010);
/// Instructions a tick.
const TICK: u32 = 40;

fn ticks() -> u32 {
    // SAFETY: the counter's value, which counts down from 2^24 - 1.
    0xff_ffff - unsafe { SYSTICK.add(2).read_volatile() }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    // SAFETY: reload value, then on, with the processor's clock.
    unsafe {
        SYSTICK.add(1).write_volatile(0xff_ffff);
        SYSTICK.write_volatile(5);
    }
    let registers = [0; 18];
    let crash = Crash::new(Cause::new(CrashKind::Fault, 11), &registers, 0);
    let mut room = Workspace::<8, 2>::new();
    // SAFETY: the map is this board's memory.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let mut tasks = Single { name: "main", stack: Area::EMPTY };
    let mut sum = 0;
    let mut sink = Callback::new(1 << 20, |_, bytes: &[u8]| {
        sum += bytes.len();
        Ok(())
    });
    let before = ticks();
    room.write(&CONFIG, &crash, &mut tasks, &mut memory, &mut sink);
    let spent = ticks().wrapping_sub(before);
    if core::hint::black_box(sum) < BYTES {
        exit(254)
    }
    exit((spent * TICK / BYTES as u32) as usize)
}
