//! One program, many ways to die. The emulator's command line names the way and the sink:
//! `faults SCENARIO SINK`.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use coroner_capture::arch::rtt::{Channel, Ring};
use coroner_capture::arch::semihosting::command_line;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::sink::Tee;
use coroner_capture::sink::packed::Packed;
use coroner_capture::sink::retained::Retained;
use coroner_capture::sink::rtt::Rtt;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::sink::text::Text;
use coroner_capture::stored::{self, Content};
use coroner_capture::{
    Area, Config, Crash, Kind, Pace, Region, Single, Sink, SinkError, Workspace, linker,
};
use cortex_m_rt::{entry, exception};
use firmware_cortex_m::board;

coroner_capture::on_crash!(crashed, stack: 2048);
#[cfg(mainline)]
coroner_capture::vectors!(HardFault, MemoryManagement, BusFault, UsageFault, NonMaskableInt);
#[cfg(not(mainline))]
coroner_capture::vectors!(HardFault);
coroner_capture::retained!(static KEPT: 4096);

unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __sdata: u8;
    static __edata: u8;
    static __euninit: u8;
    static _stack_start: u8;
}

coroner_capture::tagged! {
    /// Which way was asked for; written before the crash.
    dram: pub static SCENARIO: AtomicU8 = AtomicU8::new(0xee);
    /// How often the program has started since the memory was last without power.
    noinit: pub static STARTS: AtomicU32 = AtomicU32::new(0);
}

/// What a debug probe reads.
static CHANNEL: Channel = {
    static RING: Ring<1024> = Ring::new();
    Channel::new(&RING)
};

const CONFIG: Config<'static> = Config {
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        machine::SYSTEM_CONTROL,
        Region::new(Kind::Data, Area::symbols(&raw const __sdata, &raw const __edata)),
        Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
    ],
    memory: &board::MEMORY,
    build_id: linker::BUILD_ID,
    info: &[("device", "faults")],
    pace,
    ..Config::MINIMAL
};
coroner_capture::declare!(CONFIG, segments: 24, tasks: 2);

fn pace() -> Pace {
    #[cfg(all(mainline, not(armv8m)))]
    board::feed_watchdog();
    Pace::Continue
}

static SINK: AtomicU8 = AtomicU8::new(b'f');

fn crashed(crash: &Crash<'_>) -> ! {
    if SCENARIO.load(Relaxed) == b'R' && crash.retry {
        // The second attempt faults as well.
        black_box(follow(core::ptr::without_provenance(NOWHERE)));
    }
    match SINK.load(Relaxed) {
        b'u' => write(crash, &mut Text::new(board::uart).packed()),
        b'r' => {
            write(crash, &mut Retained::blank(&KEPT));
            machine::reset()
        }
        b't' => {
            let lines = Text::new(board::uart).packed();
            write(crash, &mut Tee::new(Retained::blank(&KEPT), lines));
            machine::reset()
        }
        b'p' => {
            write(crash, &mut Text::new(Rtt::new(&CHANNEL, PATIENCE)).packed());
            while !CHANNEL.is_empty() {}
        }
        b'c' => {
            write(crash, &mut Packed::blank(&KEPT, 8192));
            machine::reset()
        }
        #[cfg(microbit)]
        b'n' => {
            use coroner_capture::sink::flash::Partition;
            use firmware_cortex_m::nvmc::{BASE, LEN, Nvmc};
            let mut flash = Nvmc;
            if let Some(mut partition) = Partition::new(&mut flash, BASE, LEN, 2)
                && let Some(mut slot) = partition.blank_slot()
            {
                write(crash, &mut slot);
            }
            machine::reset()
        }
        _ => {
            let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
            write(crash, &mut file);
        }
    }
    exit(1)
}

/// Looks at a full ring until nobody is believed to read it: some seconds here.
const PATIENCE: u32 = 100_000_000;

fn write(crash: &Crash<'_>, sink: &mut impl Sink) {
    static ROOM: HandlerOnly<Workspace<24, 2>> = HandlerOnly::new(Workspace::new());
    // Memory that is not there, in a map that does not say so: the capture itself faults.
    const TRAP: [Region; 1] =
        [Region::new(Kind::Dram, Area::range(NOWHERE, NOWHERE + 256)).priority(255)];
    const LIE: [Area; 3] =
        [board::MEMORY[0], board::MEMORY[1], Area::range(NOWHERE, NOWHERE + 256)];
    let mut config = CONFIG;
    if matches!(SCENARIO.load(Relaxed), b'r' | b'R') {
        config.memory = &LIE;
        config.regions = &TRAP;
    }
    // SAFETY: the map of this board.
    let mut memory = unsafe { Live::new(&config) };
    let mut tasks = Single { name: "main", stack: stack() };
    ROOM.get(crash).write(&config, crash, &mut tasks, &mut memory, sink);
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

#[repr(C, align(1024))]
struct ThreadStack([AtomicU32; 256]);
static THREAD: ThreadStack = ThreadStack([const { AtomicU32::new(0) }; 256]);

/// The stack that is in use: the main one, or that of the overflow.
fn stack() -> Area {
    if SCENARIO.load(Relaxed) == b'o' {
        Area::of(&raw const THREAD)
    } else {
        Area::symbols(&raw const __euninit, &raw const _stack_start)
    }
}

/// A sensor as its driver sees it.
#[repr(C)]
pub struct Sensor {
    pub value: u32,
    pub scale: u32,
}

#[inline(never)]
fn follow(sensor: *const Sensor) -> u32 {
    // SAFETY: none; this is the crash.
    let sensor = unsafe { &*sensor };
    sensor.value * sensor.scale
}

#[inline(never)]
fn sample(sensor: *const Sensor, round: u32) -> u32 {
    follow(black_box(sensor)) + black_box(round)
}

#[inline(never)]
fn undefined(round: u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { core::arch::asm!("udf #1") };
    round + 1
}

#[cfg(mainline)]
#[allow(unconditional_recursion, reason = "this is the crash")]
#[inline(never)]
fn dive(depth: u32) -> u32 {
    let room = black_box([depth; 8]);
    dive(depth + 1) + room[depth as usize % 8]
}

#[cfg(vfp)]
#[inline(never)]
fn filter(sensor: *const Sensor, gain: f32) -> u32 {
    let raw: u32;
    // SAFETY: none; this is the crash, with s0 and s16 in use.
    unsafe {
        core::arch::asm!(
            // The compiler's inline assembly has no names for the registers of this FPU.
            "vmov s0, {gain}", "vmov s16, {gain}", "ldr {raw}, [{sensor}]",
            gain = in(reg) gain.to_bits(), sensor = in(reg) sensor, raw = out(reg) raw,
        );
    }
    raw
}

#[inline(never)]
fn regulate(pressure: u32) -> u32 {
    if black_box(pressure) > 90 {
        panic!("pressure above limit");
    }
    pressure
}

#[cfg(all(mainline, not(armv8m)))]
#[inline(never)]
fn hang(reason: u32) -> u32 {
    while black_box(reason) != 0 {
        cortex_m::asm::nop();
    }
    reason
}

const NOWHERE: usize = board::NOWHERE;

/// Has secure code do what this code may not; that code fails at it.
#[cfg(feature = "nonsecure")]
#[inline(never)]
fn call_secure(service: u32) -> u32 {
    // SAFETY: the secure program has left the address of its gateway there.
    let gateway: extern "C" fn(u32) -> u32 = unsafe {
        core::mem::transmute(
            core::ptr::with_exposed_provenance::<usize>(board::GATEWAY).read_volatile(),
        )
    };
    gateway(service) + black_box(service)
}

#[exception]
fn PendSV() {
    black_box(sample(core::ptr::without_provenance(NOWHERE), 77));
}

/// Fences the lowest part of the thread's stack off and goes on on that stack.
#[cfg(mainline)]
fn overflow() -> ! {
    let bottom = (&raw const THREAD).addr() as u32;
    let core = cortex_m::Peripherals::take().expect("taken once");
    #[cfg(not(armv8m))]
    // SAFETY: one region of 256 bytes without access, on top of the default map.
    unsafe {
        core.MPU.rbar.write(bottom | 1 << 4);
        core.MPU.rasr.write(7 << 1 | 1);
        core.MPU.ctrl.write(5);
        cortex_m::asm::dsb();
        cortex_m::asm::isb();
    }
    let _ = &core;
    let top = bottom + 1024;
    // SAFETY: the stack is aligned and nobody else uses it; this function does not return.
    unsafe {
        #[cfg(armv8m)]
        core::arch::asm!("msr psplim, {}", in(reg) bottom + 256);
        cortex_m::register::psp::write(top);
        core::arch::asm!(
            "movs r0, #2", "msr control, r0", "isb", "movs r0, #1", "mov r7, #0", "bl {dive}", "udf #2",
            dive = sym dive_in, options(noreturn)
        );
    }
}

#[cfg(mainline)]
extern "C" fn dive_in(depth: u32) -> u32 {
    dive(depth)
}

#[inline(never)]
fn run(scenario: u8) -> u32 {
    let nowhere = core::ptr::without_provenance(NOWHERE);
    match scenario {
        b'u' => undefined(4),
        b'i' => {
            cortex_m::peripheral::SCB::set_pendsv();
            cortex_m::asm::isb();
            0
        }
        #[cfg(feature = "nonsecure")]
        b's' => sample(core::ptr::without_provenance(board::SECURE), 8),
        #[cfg(feature = "nonsecure")]
        b'c' => call_secure(9),
        b'm' => cortex_m::interrupt::free(|_| sample(nowhere, 5)),
        b'p' => regulate(black_box(95)),
        b'a' => coroner_capture::abort("valve stuck"),
        #[cfg(mainline)]
        b'o' => overflow(),
        #[cfg(vfp)]
        b'f' => filter(nowhere, black_box(1.5)),
        #[cfg(all(mainline, not(armv8m)))]
        b'w' => {
            board::start_watchdog();
            hang(black_box(1))
        }
        _ => sample(nowhere, 3),
    }
}

/// After the reset: copies what the last run left behind into a file, as an upload would.
fn upload(medium: &mut impl stored::Medium) -> Result<Option<u32>, SinkError> {
    let Content::Dump(dump) = stored::find(medium, || {})? else { return Ok(None) };
    if dump.uploaded {
        return Ok(None);
    }
    let mut file = Semihosting::create(c"core.elf")?;
    let mut chunk = [0; 96];
    let mut at = 0;
    loop {
        let len = stored::read_at(medium, &dump, at, &mut chunk)?;
        if len == 0 {
            break;
        }
        file.put(at, &chunk[..len])?;
        at += len as u32;
    }
    file.finish();
    stored::mark_uploaded(medium, &dump)?;
    Ok(Some(at))
}

fn look_back() {
    let mut kept = Retained::open(&KEPT);
    #[cfg(microbit)]
    {
        use coroner_capture::sink::flash::{Keep, Partition};
        use firmware_cortex_m::nvmc::{BASE, LEN, Nvmc};
        let mut flash = Nvmc;
        let mut partition = Partition::new(&mut flash, BASE, LEN, 2).expect("two slots");
        // New flash is not blank here.
        while partition.prepare(Keep::First, || {}).expect("prepared") {}
        if let Ok(Content::Dump(dump)) = stored::find(&mut kept, || {}) {
            let mut slot = partition.blank_slot().expect("a blank slot");
            stored::persist(&mut kept, &dump, &mut slot, || {}).expect("copied to flash");
            stored::Eraser::default().step(&mut kept).expect("forgotten");
        }
        for index in 0..partition.slots() {
            if let Ok(Some(_)) = upload(&mut partition.slot(index)) {
                exit(2);
            }
        }
    }
    if let Ok(Some(_)) = upload(&mut kept) {
        exit(2);
    }
    if let Ok(Some(_)) = upload(&mut Packed::open(&KEPT)) {
        exit(2);
    }
}

#[entry]
fn main() -> ! {
    let mut room = [0; 40];
    let mut words = command_line(&mut room).split(|&byte| byte == b' ').skip(1);
    let mut word = || words.next().and_then(|word| word.first().copied());
    let scenario = word().unwrap_or(b'b');
    SINK.store(word().unwrap_or(b'f'), Relaxed);
    SCENARIO.store(scenario, Relaxed);
    if scenario == b'R' && STARTS.load(Relaxed) == 0x5ea5 {
        // The third fault reset the machine, as it should.
        exit(4);
    }
    STARTS.store(0x5ea5, Relaxed);
    look_back();
    CHANNEL.open();
    #[cfg(mainline)]
    if scenario != b'm' {
        machine::separate_faults();
    }
    exit(black_box(run(scenario)) as usize | 0x100)
}
