//! Example: a Cortex-M that keeps the last two crashes in its own flash, and hands them out at the
//! next start. Runs on QEMU's microbit; replace `Nvmc` by your chip's polled flash driver.
#![no_std]
#![no_main]

use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::sink::flash::{Keep, Partition};
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{Area, Config, Crash, Kind, Region, Single, Sink, Workspace, linker, stored};
use cortex_m_rt::entry;
use firmware_cortex_m::board;
use firmware_cortex_m::nvmc::{BASE, LEN, Nvmc};

// 1. The handler, its stack, and the vectors that lead to it.
coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault);

// 2. What a dump holds, most valuable first; and the memory that may be read for it.
unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __euninit: u8;
    static _stack_start: u8;
}
const CONFIG: Config<'static> = Config {
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
    ],
    memory: &board::MEMORY,
    build_id: linker::BUILD_ID,
    info: &[("device", "example")],
    ..Config::MINIMAL
};

// 3. The crash: a blank slot, the dump, a reset. Nothing is erased here.
fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 2>> = HandlerOnly::new(Workspace::new());
    let mut flash = Nvmc;
    if let Some(mut partition) = Partition::new(&mut flash, BASE, LEN, 2)
        && let Some(mut slot) = partition.blank_slot()
    {
        // SAFETY: CONFIG.memory is this board's memory.
        let mut memory = unsafe { Live::new(&CONFIG) };
        let stack = Area::symbols(&raw const __euninit, &raw const _stack_start);
        let mut tasks = Single { name: "main", stack };
        ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut slot);
    }
    machine::reset()
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

// 4. The next start: upload what is there, mark it, make room for the next one.
fn report_last_crash() {
    let mut flash = Nvmc;
    let mut partition = Partition::new(&mut flash, BASE, LEN, 2).expect("two slots");
    if let Ok(Some((index, dump))) = partition.newest(|| {}) {
        let mut slot = partition.slot(index);
        let mut upload = Semihosting::create(c"core.elf").expect("somewhere to send it");
        let mut chunk = [0; 96];
        let mut at = 0;
        while let Ok(len @ 1..) = stored::read_at(&mut slot, &dump, at, &mut chunk) {
            upload.put(at, &chunk[..len]).expect("sent");
            at += len as u32;
        }
        upload.finish();
        stored::mark_uploaded(&mut slot, &dump).expect("marked");
        exit(2);
    }
    while partition.prepare(Keep::Last, || {}).expect("flash works") {}
}

#[inline(never)]
fn control(valve: *const u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { *valve }
}

#[entry]
fn main() -> ! {
    report_last_crash();
    let valve = core::hint::black_box(0x9000_0000usize);
    exit(control(core::ptr::without_provenance(valve)) as usize | 0x100)
}
