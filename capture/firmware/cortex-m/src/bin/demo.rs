//! A weather station whose settings were damaged: the sensor task follows a pointer from them.
//!
//! Three tasks run: `sensor` measures and calibrates, `radio` sends, `watch` counts. At the fourth
//! measurement a broken update overwrites the settings; the calibration table then lies nowhere.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{Area, Config, Crash, Kind, Region, Workspace, linker};
use cortex_m_rt::entry;
use firmware_cortex_m::kernel::{self, KernelTasks, Stack};

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault, MemoryManagement, BusFault, UsageFault);

unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __sdata: u8;
    static __edata: u8;
}

const CONFIG: Config<'static> = Config {
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        machine::SYSTEM_CONTROL,
        Region::new(Kind::Data, Area::symbols(&raw const __sdata, &raw const __edata)),
        Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
    ],
    memory: &[Area::range(0x2000_0000, 0x2001_0000), Area::range(0xe000_e000, 0xe000_f000)],
    build_id: linker::BUILD_ID,
    info: &[("device", "weather-station"), ("firmware", "1.4.2")],
    ..Config::MINIMAL
};
coroner_capture::declare!(CONFIG, segments: 32, tasks: 8);

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<32, 8>> = HandlerOnly::new(Workspace::new());
    // SAFETY: the map of this machine's RAM and system control space.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let mut crash = *crash;
    crash.cause.uptime_us = Some(u64::from(MEASUREMENTS.load(Relaxed)) * 250_000);
    let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
    let mut room = ROOM.get(&crash);
    room.write(&CONFIG, &crash, &mut KernelTasks, &mut memory, &mut file);
    exit(1)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

coroner_capture::tagged! {
    /// Starts since the battery was changed.
    noinit: pub static BOOT_COUNT: AtomicU32 = AtomicU32::new(0);
    /// Number of the last error that was handled: 0x17 is "update: checksum".
    dram: pub static LAST_ERROR: AtomicU32 = AtomicU32::new(0);
    dram: pub static MEASUREMENTS: AtomicU32 = AtomicU32::new(0);
}

/// How raw values become physical ones.
#[repr(C)]
pub struct Calibration {
    pub offset: i32,
    pub gain_percent: i32,
}

/// The settings of the sensor, as an update writes them.
#[repr(C)]
pub struct SensorSettings {
    pub channel: u8,
    pub interval_ms: u16,
    pub calibration: *const Calibration,
    pub station: [u8; 8],
}

static FACTORY: Calibration = Calibration { offset: -12, gain_percent: 103 };
#[unsafe(no_mangle)]
static mut SETTINGS: SensorSettings =
    SensorSettings { channel: 2, interval_ms: 250, calibration: &FACTORY, station: *b"roof-04\0" };
static LAST_CHANNEL: AtomicU32 = AtomicU32::new(0);
static QUEUE: [AtomicU32; 8] = [const { AtomicU32::new(0) }; 8];

/// Half of an update arrives, and is written although its checksum is wrong.
#[inline(never)]
fn apply_update(settings: &mut SensorSettings) {
    LAST_ERROR.store(0x17, Relaxed);
    settings.interval_ms = 0xbeef;
    settings.calibration = core::ptr::without_provenance(0xdead_bee0);
}

#[inline(never)]
fn read_offset(calibration: *const Calibration) -> i32 {
    // SAFETY: none; this is the bug of the story.
    let table = unsafe { &*calibration };
    table.offset * table.gain_percent / 100
}

#[inline(never)]
fn calibrate(raw: i32, settings: &SensorSettings) -> i32 {
    let offset = read_offset(settings.calibration);
    raw + offset + i32::from(settings.channel)
}

#[inline(never)]
fn measure(settings: &SensorSettings, sample: u32) -> i32 {
    let raw = 2100 + (sample * 7 % 40) as i32;
    let celsius = calibrate(raw, settings);
    QUEUE[sample as usize % QUEUE.len()].store(celsius as u32, Relaxed);
    LAST_CHANNEL.store(settings.channel.into(), Relaxed);
    celsius
}

extern "C" fn sensor_task() -> ! {
    let settings = core::hint::black_box(&raw mut SETTINGS);
    let mut sample = 0;
    loop {
        // SAFETY: no other task uses the settings.
        let settings = unsafe { &mut *settings };
        if sample == 3 {
            apply_update(settings);
        }
        core::hint::black_box(measure(settings, sample));
        sample += 1;
        MEASUREMENTS.store(sample, Relaxed);
        kernel::yield_now();
    }
}

#[inline(never)]
fn send(packet: &[AtomicU32]) -> u32 {
    let sum = packet.iter().fold(0u32, |sum, value| sum.wrapping_add(value.load(Relaxed)));
    kernel::yield_now();
    sum
}

extern "C" fn radio_task() -> ! {
    let mut sent = 0u32;
    loop {
        sent = sent.wrapping_add(send(&QUEUE));
        core::hint::black_box(&sent);
    }
}

extern "C" fn watch_task() -> ! {
    loop {
        kernel::yield_now();
    }
}

#[entry]
fn main() -> ! {
    static SENSOR: Stack<256> = Stack::new();
    static RADIO: Stack<256> = Stack::new();
    static WATCH: Stack<128> = Stack::new();
    // Seven starts before this one: the first start after a battery change would set it to zero.
    BOOT_COUNT.store(7, Relaxed);
    BOOT_COUNT.fetch_add(1, Relaxed);
    machine::separate_faults();
    kernel::spawn("sensor", 2, &SENSOR, sensor_task);
    kernel::spawn("radio", 1, &RADIO, radio_task);
    kernel::spawn("watch", 0, &WATCH, watch_task);
    kernel::start()
}
