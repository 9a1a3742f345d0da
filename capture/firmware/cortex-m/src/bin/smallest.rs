//! Example: the smallest writer, for parts where kilobytes count. One thread, its stack and .bss, into
//! memory that outlives the reset; here the next start copies it to a file.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering};

use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Bare};
use coroner_capture::lean::Lean;
use coroner_capture::sink::retained::Retained;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::stored::{self, Content, Medium};
use coroner_capture::{Area, Crash, Kind, Region, Sink};
use cortex_m_rt::entry;

coroner_capture::on_crash!(crashed, stack: 1024);
coroner_capture::vectors!(HardFault);
coroner_capture::retained!(static KEPT: 2048);

unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __euninit: u8;
    static _stack_start: u8;
}
const REGIONS: [Region; 2] = [
    machine::SYSTEM_CONTROL,
    Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
];

// Kept, though nobody reads it but the one who opens the dump.
#[used]
static STROKES: AtomicU32 = AtomicU32::new(0);

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Lean<4>> = HandlerOnly::new(Lean::new());
    let stack = Area::symbols(&raw const __euninit, &raw const _stack_start);
    // SAFETY: regions and stack are this board's memory.
    let mut memory = unsafe { Bare::new() };
    let mut kept = Retained::blank(&KEPT);
    ROOM.get(crash).write(&REGIONS, crash, &stack, &mut memory, &mut kept);
    machine::reset()
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

fn send_last_crash() {
    let mut kept = Retained::open(&KEPT);
    let Ok(Content::Dump(dump)) = stored::find(&mut kept, || {}) else { return };
    let mut file = Semihosting::create(c"core.elf").expect("somewhere to send it");
    let mut chunk = [0; 96];
    let mut at = 0;
    while let Ok(len @ 1..) = stored::read_at(&mut kept, &dump, at, &mut chunk) {
        file.put(at, &chunk[..len]).expect("sent");
        at += len as u32;
    }
    file.finish();
    kept.erase(0).expect("memory can be cleared");
    exit(2);
}

#[inline(never)]
fn pump(stroke: u32) -> u32 {
    STROKES.store(stroke, Ordering::Relaxed);
    // SAFETY: none; this is the crash.
    unsafe { core::ptr::with_exposed_provenance::<u32>(0x9000_0000).read_volatile() }
}

#[entry]
fn main() -> ! {
    send_last_crash();
    exit(pump(core::hint::black_box(17)) as usize | 0x100)
}
