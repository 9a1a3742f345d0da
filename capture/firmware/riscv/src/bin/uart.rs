//! Example: a RISC-V that sends its dump over the UART, as lines among the log.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Live;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::sink::semihosting::exit;
use coroner_capture::sink::text::Text;
use coroner_capture::{Area, Config, Crash, Single, Workspace, linker};
use firmware_riscv::uart;

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::trap_vector!();

unsafe extern "C" {
    static __estack: u8;
    static _stack_start: u8;
}
const CONFIG: Config<'static> = Config {
    regions: &linker::TAGGED,
    memory: &[Area::range(0x8008_0000, 0x8009_0000)],
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 2>> = HandlerOnly::new(Workspace::new());
    // SAFETY: CONFIG.memory is this machine's memory.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let stack = Area::symbols(&raw const __estack, &raw const _stack_start);
    let mut tasks = Single { name: "main", stack };
    let mut lines = Text::new(uart).packed();
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut lines);
    exit(1) // a real device resets here
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

#[inline(never)]
fn level(tank: *const u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { *tank }
}

#[riscv_rt::entry]
fn main() -> ! {
    uart(b"[0.001] tank controller 0.3\r\n").expect("the UART takes all");
    let tank = core::hint::black_box(0xf000_0000usize);
    exit(level(core::ptr::without_provenance(tank)) as usize | 0x100)
}
