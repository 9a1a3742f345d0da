//! One program, some ways to die. The emulator's command line names the way and the sink:
//! `faults SCENARIO SINK`.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

use coroner_capture::arch::live::Live;
use coroner_capture::arch::rtt::{Channel, Ring};
use coroner_capture::arch::semihosting::command_line;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::sink::flash::{Keep, Partition};
use coroner_capture::sink::rtt::Rtt;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::sink::text::Text;
use coroner_capture::stored;
use coroner_capture::{
    Area, Config, Crash, Kind, Region, Single, Sink, SinkError, Workspace, linker,
};
use firmware_riscv::{LEN, Pflash, uart};

coroner_capture::on_crash!(crashed, stack: 4096);
coroner_capture::trap_vector!();

unsafe extern "C" {
    static __sbss: u8;
    static __ebss: u8;
    static __estack: u8;
    static _stack_start: u8;
}

coroner_capture::tagged! {
    dram: pub static SCENARIO: AtomicU8 = AtomicU8::new(0xee);
    noinit: pub static STARTS: AtomicU32 = AtomicU32::new(0);
}

const RAM: Area = Area::range(0x8008_0000, 0x8009_0000);
/// Reading the guard of the overflow's stack would be a fault of its own.
const GUARD: Area = Area::symbols(
    (&raw const THREAD).cast(),
    (&raw const THREAD).cast::<u8>().wrapping_add(GUARD_LEN),
);
const NOWHERE: usize = 0xf000_0000;
const CONFIG: Config<'static> = Config {
    regions: &[
        linker::TAGGED[0],
        linker::TAGGED[1],
        Region::new(Kind::Bss, Area::symbols(&raw const __sbss, &raw const __ebss)),
        Region::new(Kind::Dram, RAM),
    ],
    memory: &[RAM],
    exclude: &[GUARD],
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};
coroner_capture::declare!(CONFIG, segments: 24, tasks: 2);

static SINK: AtomicU8 = AtomicU8::new(b'f');
/// What a debug probe reads.
static CHANNEL: Channel = {
    static RING: Ring<1024> = Ring::new();
    Channel::new(&RING)
};
/// Looks at a full ring until nobody is believed to read it: some seconds here.
const PATIENCE: u32 = 100_000_000;

fn crashed(crash: &Crash<'_>) -> ! {
    match SINK.load(Relaxed) {
        b'u' => write(crash, &mut Text::new(uart)),
        b'p' => {
            write(crash, &mut Text::new(Rtt::new(&CHANNEL, PATIENCE)));
            while !CHANNEL.is_empty() {}
        }
        b'n' => {
            let mut flash = Pflash;
            if let Some(mut partition) = Partition::new(&mut flash, 0, LEN, 2)
                && let Some(mut slot) = partition.blank_slot()
            {
                write(crash, &mut slot);
            }
        }
        _ => {
            let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
            write(crash, &mut file);
        }
    }
    exit(1)
}

fn write(crash: &Crash<'_>, sink: &mut impl Sink) {
    static ROOM: HandlerOnly<Workspace<24, 2>> = HandlerOnly::new(Workspace::new());
    // Memory that is not there, in a map that does not say so: the capture itself faults.
    const TRAP: [Region; 1] =
        [Region::new(Kind::Mmio, Area::range(NOWHERE, NOWHERE + 256)).priority(255)];
    const LIE: [Area; 2] = [RAM, Area::range(NOWHERE, NOWHERE + 256)];
    let mut config = CONFIG;
    if SINK.load(Relaxed) == b'n' {
        // The emulator takes a third of a millisecond for each word of its flash.
        config.limit = 8 * 1024;
    }
    if SCENARIO.load(Relaxed) == b'r' {
        config.memory = &LIE;
        config.regions = &TRAP;
    }
    // SAFETY: the map of this machine.
    let mut memory = unsafe { Live::new(&config) };
    let stack = match SCENARIO.load(Relaxed) {
        b'o' => Area::of(&raw const THREAD),
        _ => Area::symbols(&raw const __estack, &raw const _stack_start),
    };
    let mut tasks = Single { name: "main", stack };
    ROOM.get(crash).write(&config, crash, &mut tasks, &mut memory, sink);
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

#[inline(never)]
fn follow(value: *const u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { *value + 1 }
}

#[inline(never)]
fn sample(value: *const u32, round: u32) -> u32 {
    follow(black_box(value)) + black_box(round)
}

#[inline(never)]
fn undefined(round: u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { core::arch::asm!("unimp") };
    round + 1
}

#[inline(never)]
fn regulate(pressure: u32) -> u32 {
    if black_box(pressure) > 90 {
        panic!("pressure above limit");
    }
    pressure
}

#[allow(unconditional_recursion, reason = "this is the crash")]
#[inline(never)]
fn dive(depth: u32) -> u32 {
    let room = black_box([depth; 16]);
    dive(depth + 1) + room[depth as usize % 16]
}

#[cfg(target_feature = "d")]
#[inline(never)]
fn filter(value: *const u32, gain: f64) -> u32 {
    let raw: u32;
    // SAFETY: none; this is the crash, with fs2 in use.
    unsafe {
        core::arch::asm!("fmv.d fs2, {gain}", "lw {raw}, 0({value})",
            gain = in(freg) gain, value = in(reg) value, raw = out(reg) raw, out("fs2") _);
    }
    raw
}

/// The handler of riscv-rt for the software interrupt.
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "riscv-rt's name")]
extern "C" fn MachineSoft() {
    black_box(sample(core::ptr::without_provenance(NOWHERE), 77));
}

/// Raises the software interrupt of this core.
fn interrupt() -> u32 {
    const MSIP: usize = 0x0200_0000;
    // SAFETY: a register of the CLINT; the interrupt's handler is the one above.
    unsafe {
        core::ptr::with_exposed_provenance_mut::<u32>(MSIP).write_volatile(1);
        core::arch::asm!("csrw mie, {}", "csrsi mstatus, 8", "nop", "nop", in(reg) 1 << 3);
    }
    0
}

fn mask_interrupts() {
    // SAFETY: clears mstatus.MIE.
    unsafe { core::arch::asm!("csrci mstatus, 8") };
}

#[inline(never)]
fn run(scenario: u8) -> u32 {
    let nowhere = core::ptr::without_provenance(NOWHERE);
    match scenario {
        b'u' => undefined(4),
        b'i' => interrupt(),
        b'm' => {
            mask_interrupts();
            sample(nowhere, 5)
        }
        b'p' => regulate(black_box(95)),
        b'a' => coroner_capture::abort("valve stuck"),
        b'o' => overflow(),
        #[cfg(target_feature = "d")]
        b'f' => filter(nowhere, black_box(1.5)),
        _ => sample(nowhere, 3),
    }
}

#[repr(C, align(1024))]
struct ThreadStack([AtomicU32; 256]);
static THREAD: ThreadStack = ThreadStack([const { AtomicU32::new(0) }; 256]);
const GUARD_LEN: usize = 256;

/// Fences the lowest part of the thread's stack off and goes on on that stack.
fn overflow() -> u32 {
    const LOCKED_POWER_OF_TWO: usize = 0x98;
    let bottom = (&raw const THREAD).addr();
    // SAFETY: entry 0 of the memory protection forbids 256 bytes that nobody needs; the stack is
    // aligned, nobody else uses it, and `dive` does not return.
    unsafe {
        core::arch::asm!(
            "csrw pmpaddr0, {guard}", "csrw pmpcfg0, {entry}", "mv sp, {top}", "mv s0, x0", "call {dive}", "unimp",
            guard = in(reg) (bottom >> 2) | (GUARD_LEN / 8 - 1),
            entry = in(reg) LOCKED_POWER_OF_TWO,
            top = in(reg) bottom + size_of::<ThreadStack>(),
            dive = sym dive_in,
            options(noreturn)
        )
    }
}

extern "C" fn dive_in() -> u32 {
    dive(1)
}

/// Copies the newest dump in flash into a file, as an upload would, and marks it.
fn upload(partition: &mut Partition<'_, Pflash>) -> Result<(), SinkError> {
    let Some((index, dump)) = partition.newest(|| {})? else { return Ok(()) };
    let mut slot = partition.slot(index);
    let mut file = Semihosting::create(c"core.elf")?;
    let mut chunk = [0; 96];
    let mut at = 0;
    loop {
        let len = stored::read_at(&mut slot, &dump, at, &mut chunk)?;
        if len == 0 {
            break;
        }
        file.put(at, &chunk[..len])?;
        at += len as u32;
    }
    file.finish();
    stored::mark_uploaded(&mut slot, &dump)
}

#[riscv_rt::entry]
fn main() -> ! {
    let mut room = [0; 40];
    let mut words = command_line(&mut room).split(|&byte| byte == b' ').skip(1);
    let mut word = || words.next().and_then(|word| word.first().copied());
    let scenario = word().unwrap_or(b'b');
    SINK.store(word().unwrap_or(b'f'), Relaxed);
    SCENARIO.store(scenario, Relaxed);
    STARTS.store(0x5ea5, Relaxed);
    CHANNEL.open();
    if SINK.load(Relaxed) == b'n' {
        let mut flash = Pflash;
        let mut partition = Partition::new(&mut flash, 0, LEN, 2).expect("two slots");
        if scenario == b'l' {
            upload(&mut partition).expect("uploaded");
            exit(2);
        }
        while partition.prepare(Keep::Last, || {}).expect("prepared") {}
    }
    exit(black_box(run(scenario)) as usize | 0x100)
}
