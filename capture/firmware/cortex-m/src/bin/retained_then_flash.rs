//! Example: the handler only copies to memory that outlives the reset; the next start, with all its
//! drivers, moves the dump to flash. For flash that can't be written in a fault handler: external
//! chips, drivers with locks or DMA.
#![no_std]
#![no_main]

use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::sink::flash::{Keep, Partition};
use coroner_capture::sink::retained::Retained;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::stored::{self, Content, Eraser};
use coroner_capture::{Area, Config, Crash, Single, Sink, Workspace, linker};
use cortex_m_rt::entry;
use firmware_cortex_m::board;
use firmware_cortex_m::nvmc::{BASE, LEN, Nvmc};

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault);
coroner_capture::retained!(static KEPT: 2048);

unsafe extern "C" {
    static __euninit: u8;
    static _stack_start: u8;
}
const CONFIG: Config<'static> = Config {
    regions: &linker::TAGGED,
    memory: &board::MEMORY,
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 2>> = HandlerOnly::new(Workspace::new());
    // SAFETY: CONFIG.memory is this board's memory.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let stack = Area::symbols(&raw const __euninit, &raw const _stack_start);
    let mut tasks = Single { name: "main", stack };
    let mut kept = Retained::blank(&KEPT);
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut kept);
    machine::reset()
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

/// Moves a dump from memory to flash. A reset in the middle of it is no harm: the dump is still in
/// memory, and the torn slot is erased by `prepare`.
fn save_last_crash() {
    let mut kept = Retained::open(&KEPT);
    let mut flash = Nvmc;
    let mut partition = Partition::new(&mut flash, BASE, LEN, 2).expect("two slots");
    while partition.prepare(Keep::Last, || {}).expect("flash works") {}
    if let Ok(Content::Dump(dump)) = stored::find(&mut kept, || {}) {
        let mut slot = partition.blank_slot().expect("prepared above");
        stored::persist(&mut kept, &dump, &mut slot, || {}).expect("copied");
        Eraser::default().step(&mut kept).expect("memory can be cleared");
    }
    // What a real program would upload some time: here, to a file at once.
    if let Ok(Some((index, dump))) = partition.newest(|| {}) {
        let mut slot = partition.slot(index);
        let mut file = Semihosting::create(c"core.elf").expect("somewhere to send it");
        let mut chunk = [0; 96];
        let mut at = 0;
        while let Ok(len @ 1..) = stored::read_at(&mut slot, &dump, at, &mut chunk) {
            file.put(at, &chunk[..len]).expect("sent");
            at += len as u32;
        }
        file.finish();
        stored::mark_uploaded(&mut slot, &dump).expect("marked");
        exit(2);
    }
}

#[inline(never)]
fn control(pressure: u32) -> u32 {
    assert!(core::hint::black_box(pressure) < 90, "pressure above limit");
    pressure
}

#[entry]
fn main() -> ! {
    save_last_crash();
    exit(control(95) as usize | 0x100)
}
