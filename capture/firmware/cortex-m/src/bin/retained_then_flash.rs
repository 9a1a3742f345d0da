//! Example: the handler only copies to memory that outlives the reset; the next start, with all its
//! drivers, moves the dump to flash. For flash that can't be written in a fault handler: external
//! chips, drivers with locks or DMA. Crashes in a row are counted: after three of them what crashed is left out.
#![no_std]
#![no_main]

use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::boots::{self, Boots, Reset};
use coroner_capture::sink::flash::{Keep, Partition};
use coroner_capture::sink::retained::Retained;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::stored::{self, Content, Eraser};
use coroner_capture::{Area, Config, Crash, Single, Sink, SinkError, Workspace, linker};
use cortex_m_rt::entry;
use firmware_cortex_m::board;
use firmware_cortex_m::nvmc::{BASE, LEN, Nvmc};

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault);
coroner_capture::retained!(static KEPT: 2048);
coroner_capture::retained!(static BOOTS: 32);

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
    boots::crashed(&BOOTS);
    let mut kept = Retained::first(&KEPT);
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut kept);
    machine::reset()
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

/// Moves a dump from memory to flash. A reset in the middle of it is no harm: the dump is still in
/// memory, and the torn slot is erased by `prepare`. Nor is a flash that fails: the dump stays where it is, and
/// the program starts all the same.
fn save_last_crash() -> Result<(), SinkError> {
    let mut kept = Retained::open(&KEPT);
    let mut flash = Nvmc;
    let mut partition = Partition::new(&mut flash, BASE, LEN, 2).ok_or(SinkError)?;
    while partition.prepare(Keep::Last, || {})? {}
    if let Content::Dump(dump) = stored::find(&mut kept, || {})? {
        let mut slot = partition.blank_slot().ok_or(SinkError)?;
        stored::persist(&mut kept, &dump, &mut slot, || {})?;
        Eraser::default().step(&mut kept)?;
    }
    // What a real program would upload some time: here, to a file at once.
    if let Some((index, dump)) = partition.newest(|| {})? {
        let mut slot = partition.slot(index);
        let mut file = Semihosting::create(c"core.elf")?;
        let mut chunk = [0; 96];
        let mut at = 0;
        while let Ok(len @ 1..) = stored::read_at(&mut slot, &dump, at, &mut chunk) {
            file.put(at, &chunk[..len])?;
            at += len as u32;
        }
        file.finish();
        stored::mark_uploaded(&mut slot, &dump)?;
        exit(2);
    }
    Ok(())
}

#[inline(never)]
fn control(pressure: u32) -> u32 {
    assert!(core::hint::black_box(pressure) < 90, "pressure above limit");
    pressure
}

#[entry]
fn main() -> ! {
    // A real program reads the chip's register of reset causes here.
    let mut boots = Boots::begin(&BOOTS, Reset::Unknown);
    // A flash that fails is no reason not to start.
    let _ = save_last_crash();
    if boots.crashes_in_a_row() < 3 {
        control(95);
    }
    // It has run for long enough.
    boots.is_healthy();
    exit(0)
}
