//! The crash handler that the Embassy and the RTIC program share: one stack, one thread.
#![no_std]

use coroner_capture::arch::cortex_m as machine;
use coroner_capture::arch::live::Live;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{Area, Config, Crash, Kind, Native, Region, Tasks, Workspace, linker};

unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __sdata: u8;
    static __edata: u8;
    static __euninit: u8;
    static _stack_start: u8;
}

const CONFIG: Config<'static> = Config {
    // The futures of Embassy's tasks and the resources of RTIC are statics: .data and .bss hold them.
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        machine::SYSTEM_CONTROL,
        Region::new(Kind::Data, Area::symbols(&raw const __sdata, &raw const __edata)),
        Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
    ],
    memory: &[Area::range(0x2000_0000, 0x2001_0000), Area::range(0xe000_e000, 0xe000_f000)],
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};

/// The one stack.
pub fn stack() -> Area {
    Area::symbols(&raw const __euninit, &raw const _stack_start)
}

/// Writes the dump of a program whose one thread `tasks` knows.
pub fn write(crash: &Crash<'_>, tasks: &mut impl Tasks<Native>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 2>> = HandlerOnly::new(Workspace::new());
    // SAFETY: the map of this machine's RAM and system control space.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
    ROOM.get(crash).write(&CONFIG, crash, tasks, &mut memory, &mut file);
    exit(1)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}
