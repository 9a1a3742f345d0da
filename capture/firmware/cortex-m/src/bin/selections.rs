//! One variable in every kind of memory, and a dump that takes what the emulator's command line
//! names: `selections KIND`. Shows by its effect what each selection takes and what it leaves out.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use coroner_capture::arch::semihosting::command_line;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{
    Access, Area, Config, Crash, Kind, Region, Registry, Single, Workspace, linker,
};
use cortex_m_rt::entry;

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault, MemoryManagement, BusFault, UsageFault);

unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __sdata: u8;
    static __edata: u8;
    static __sheap: u8;
    static __suninit: u8;
    static __euninit: u8;
    static _stack_start: u8;
}

/// One 64-byte line, so that no variable shares a line with another.
#[repr(C, align(64))]
pub struct Line([AtomicU32; 16]);

// SAFETY: an array of atomic integers, of which all bits are a value.
unsafe impl coroner_capture::arch::kept::AnyBits for Line {}

impl Line {
    const fn of(value: u32) -> Self {
        let mut words = [const { AtomicU32::new(0) }; 16];
        words[0] = AtomicU32::new(value);
        Line(words)
    }

    fn set(&self, value: u32) {
        self.0[0].store(value, Relaxed);
    }
}

#[used]
pub static IN_DATA: Line = Line::of(1);
#[used]
pub static IN_BSS: Line = Line::of(0);
#[unsafe(link_section = ".uninit.selections")]
#[used]
pub static IN_NOINIT: Line = Line::of(0);
/// What another context uses as its stack.
#[used]
pub static OTHER_STACK: Line = Line::of(0);
#[used]
pub static CAMERA: Line = Line::of(0);
#[used]
pub static LATE: Line = Line::of(0);
/// Not to be taken, by its address.
#[used]
pub static PASSWORD: Line = Line::of(0);

coroner_capture::tagged! {
    dram: pub static TAGGED: Line = Line::of(2);
    noinit: pub static TAGGED_NOINIT: Line = Line::of(0);
    rtc: pub static TAGGED_RTC: Line = Line::of(3);
    rtc_fast: pub static TAGGED_RTC_FAST: Line = Line::of(4);
    /// Not to be taken, by its section.
    secret: pub static KEY: Line = Line::of(5);
}

const RAM: Area = Area::range(0x2000_0000, 0x2001_0000);
const PSRAM: Area = Area::range(0x2100_0000, 0x2100_2000);
/// BAUDDIV of the first UART.
const BAUD: usize = 0x4000_4010;
const UART: Area = Area::range(BAUD, BAUD + 4);
const HEAP: Area = Area::symbols(&raw const __sheap, (&raw const __sheap).wrapping_add(HEAP_LEN));
const HEAP_LEN: usize = 512;

const fn between(kind: Kind, start: *const u8, end: *const u8) -> [Region; 1] {
    [Region::new(kind, Area::symbols(start, end))]
}

const DRAM: [Region; 1] = [Region::new(Kind::Dram, RAM)];
const DATA: [Region; 1] = between(Kind::Data, &raw const __sdata, &raw const __edata);
const BSS: [Region; 1] = between(Kind::Bss, &raw const __sbss, &raw const __ebss);
const NOINIT: [Region; 1] = between(Kind::NoInit, &raw const __suninit, &raw const __euninit);
const HEAPS: [Region; 1] = [Region::new(Kind::Heap, HEAP)];
const STACK: [Region; 1] = [Region::new(Kind::Stack, Area::of(&raw const OTHER_STACK))];
const CUSTOM: [Region; 1] =
    [Region::new(Kind::Custom, Area::of(&raw const CAMERA)).named("camera").access(Access::Half)];
const MMIO: [Region; 1] = [Region::new(Kind::Mmio, UART).named("uart0")];
const SECRETS: [Area; 2] = [linker::SECRET, Area::of(&raw const PASSWORD)];

static ADDED: Registry<2> = Registry::new();
static SELECTION: AtomicU8 = AtomicU8::new(0);
const SELECTIONS: [(&str, &[Region]); 14] = [
    ("nothing", &[]),
    ("dram", &DRAM),
    ("bss", &BSS),
    ("data", &DATA),
    ("heap", &HEAPS),
    ("rtc", &[linker::RTC]),
    ("rtc_fast", &[linker::RTC_FAST]),
    ("noinit", &NOINIT),
    ("stack", &STACK),
    ("tagged", &linker::TAGGED),
    ("mmio", &MMIO),
    ("custom", &CUSTOM),
    ("added", &[]),
    ("excluding", &DRAM),
];
const ADDING: usize = 12;
const EXCLUDING: usize = 13;

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<24, 2>> = HandlerOnly::new(Workspace::new());
    let selection = SELECTION.load(Relaxed) as usize;
    let mut config =
        Config { memory: &[RAM, PSRAM, UART], build_id: linker::BUILD_ID, ..Config::MINIMAL };
    if let Some((_, regions)) = SELECTIONS.get(selection) {
        config.regions = regions;
    }
    match selection {
        ADDING => config.added = ADDED.list(),
        EXCLUDING => config.exclude = &SECRETS,
        _ => {}
    }
    // SAFETY: RAM, PSRAM, and a register of the UART that reading does not change.
    let mut memory = unsafe { Live::new(&config) };
    let stack = Area::symbols(HEAP_END, &raw const _stack_start);
    let mut tasks = Single { name: "main", stack };
    let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
    ROOM.get(crash).write(&config, crash, &mut tasks, &mut memory, &mut file);
    exit(1)
}
const HEAP_END: *const u8 = (&raw const __sheap).wrapping_add(HEAP_LEN);

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

#[inline(never)]
fn follow(sensor: *const u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { *sensor }
}

/// What was in memory before this line is gone: each variable gets a value that tells its name.
fn last_values() {
    IN_DATA.set(0xda7a_0001);
    IN_BSS.set(0x0b55_0002);
    IN_NOINIT.set(0x4014_0003);
    OTHER_STACK.set(0x57ac_0004);
    CAMERA.set(0xca3e_0005);
    LATE.set(0x1a7e_0006);
    TAGGED.set(0x7a66_0007);
    TAGGED_NOINIT.set(0x7a66_0008);
    TAGGED_RTC.set(0x47c0_0009);
    TAGGED_RTC_FAST.set(0x47cf_000a);
    PASSWORD.set(0x9a55_5ec2);
    KEY.set(0x0e11_5ec2);
    // SAFETY: the heap of this program, in which nobody allocates; and a register of the UART.
    unsafe {
        (&raw const __sheap).cast_mut().cast::<u32>().write_volatile(0x4ea9_000b);
        core::ptr::with_exposed_provenance_mut::<u32>(BAUD).write_volatile(0x000c);
    }
}

#[entry]
fn main() -> ! {
    let mut room = [0; 40];
    let mut words = command_line(&mut room).split(|&byte| byte == b' ').skip(1);
    let wanted = words.next().unwrap_or(b"nothing");
    let found = SELECTIONS.iter().position(|(name, _)| name.as_bytes() == wanted);
    let Some(selection) = found else { exit(4) };
    // SAFETY: nobody has used the variables yet.
    unsafe {
        linker::initialise_rtc();
        linker::initialise_rtc_fast();
    }
    // The images have arrived, or the test would see last values that prove nothing.
    if TAGGED_RTC.0[0].load(Relaxed) != 3 || TAGGED_RTC_FAST.0[0].load(Relaxed) != 4 {
        exit(5);
    }
    SELECTION.store(selection as u8, Relaxed);
    ADDED.add(Region::new(Kind::Custom, Area::of(&raw const LATE)).named("late"));
    machine::separate_faults();
    last_values();
    exit(follow(core::ptr::without_provenance(black_box(0x9000_0000))) as usize | 0x100)
}
