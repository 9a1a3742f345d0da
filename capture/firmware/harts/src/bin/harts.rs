//! Two harts: one crashes, the other is stopped and its registers are in the dump. The emulator's
//! command line names who crashes: `harts first`, `second`, `both`, where the second one crashes
//! while the first one captures, or `deaf`, where the second one has its interrupts switched off.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};
use core::hint::black_box;
use core::sync::atomic::{AtomicU8, AtomicU32, Ordering::SeqCst};

use coroner_capture::arch::harts::EachHart;
use coroner_capture::arch::live::Live;
use coroner_capture::arch::semihosting::command_line;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{Area, Config, Crash, Workspace, linker};

coroner_capture::on_crash!(crashed, stack: 4096);
coroner_capture::harts!(static HARTS: 2);
coroner_capture::trap_vector!(harts);

unsafe extern "C" {
    static _stack_start: u8;
}

coroner_capture::tagged! {
    dram: pub static ROUNDS: AtomicU32 = AtomicU32::new(0);
}

const STACK_LEN: usize = 4096;
const STACK_TOP: *const u8 = &raw const _stack_start;
const STACKS: [Area; 2] = [
    Area::symbols(STACK_TOP.wrapping_sub(STACK_LEN), STACK_TOP),
    Area::symbols(STACK_TOP.wrapping_sub(2 * STACK_LEN), STACK_TOP.wrapping_sub(STACK_LEN)),
];
const CONFIG: Config<'static> = Config {
    regions: &linker::TAGGED,
    memory: &[Area::range(0x8008_0000, 0x8009_0000)],
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};

/// The software interrupt of a hart: a register of the CLINT.
fn set_msip(hart: usize, value: u32) {
    // SAFETY: QEMU's `virt` has these registers for all its harts.
    unsafe {
        core::ptr::with_exposed_provenance_mut::<u32>(0x0200_0000 + 4 * hart).write_volatile(value);
    }
}

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 4>> = HandlerOnly::new(Workspace::new());
    HARTS.stop(crash, |hart| set_msip(hart, 1), 1_000_000);
    // SAFETY: the map of this machine's RAM.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let mut tasks = EachHart { harts: &HARTS, stacks: STACKS };
    let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut file);
    exit(1)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

// riscv-rt: the first hart prepares memory, the second one sleeps until it is called.
global_asm!(
    ".section .init.mp_hook, \"ax\"
    .global _mp_hook
    _mp_hook:
        beqz a0, 2f
        li t0, 8
        csrw mie, t0
    1:  wfi
        csrr t0, mip
        andi t0, t0, 8
        beqz t0, 1b
        li t0, 0x2000004
        sw zero, 0(t0)
        li a0, 0
        ret
    2:  li a0, 1
        ret"
);

static SCENARIO: AtomicU8 = AtomicU8::new(0);
/// The hart that does not crash is where it should be when the crash comes.
static BUSY: AtomicU8 = AtomicU8::new(0);

#[inline(never)]
fn follow(sensor: *const u32) -> u32 {
    // SAFETY: none; this is the crash.
    unsafe { *sensor }
}

#[inline(never)]
fn sample(sensor: usize, round: u32) -> u32 {
    follow(core::ptr::without_provenance(black_box(sensor))) + black_box(round)
}

/// What the second hart does all day.
#[inline(never)]
fn filter(samples: u32, window: u32) -> u32 {
    let mut sum = samples;
    loop {
        sum = black_box(sum.wrapping_add(window));
        ROUNDS.fetch_add(1, SeqCst);
        BUSY.store(1, SeqCst);
        if sum == 1 {
            return sum;
        }
    }
}

#[inline(never)]
fn second(scenario: u8) -> u32 {
    match scenario {
        b's' => {
            while BUSY.load(SeqCst) == 0 {}
            sample(0xf000_0000, 22)
        }
        b'b' => {
            BUSY.store(1, SeqCst);
            while !is_called() {}
            sample(0xf000_0000, 33)
        }
        _ => filter(black_box(8), 16),
    }
}

#[inline(never)]
fn first(scenario: u8) -> u32 {
    set_msip(1, 1);
    if scenario == b's' {
        return wait(black_box(4));
    }
    while BUSY.load(SeqCst) == 0 {}
    sample(0xf000_0000, 11)
}

/// What the first hart does while the second one crashes.
#[inline(never)]
fn wait(ticks: u32) -> u32 {
    while black_box(ticks) != 0 {
        BUSY.store(1, SeqCst);
    }
    ticks
}

fn switch_interrupts_on() {
    // SAFETY: only the software interrupt, and only the capture raises it from here on.
    unsafe { asm!("csrw mie, {}", "csrsi mstatus, 8", in(reg) 8) };
}

/// Whether the other hart's handler has called for a stop, which this hart does not heed.
fn is_called() -> bool {
    let pending: usize;
    // SAFETY: reads a register of this hart.
    unsafe { asm!("csrr {}, mip", out(reg) pending) };
    pending & 8 != 0
}

#[riscv_rt::entry]
fn main(hart: usize) -> ! {
    if hart != 0 {
        let scenario = SCENARIO.load(SeqCst);
        if !matches!(scenario, b'b' | b'd') {
            switch_interrupts_on();
        }
        exit(black_box(second(scenario)) as usize | 0x100)
    }
    let mut room = [0; 40];
    let words = command_line(&mut room).split(|&byte| byte == b' ').nth(1);
    let scenario = words.and_then(|word| word.first().copied()).unwrap_or(b'f');
    SCENARIO.store(scenario, SeqCst);
    switch_interrupts_on();
    exit(black_box(first(scenario)) as usize | 0x100)
}
