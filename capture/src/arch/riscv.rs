//! RISC-V in machine mode: from the trap vector to the handler, on a stack of its own.
//!
//! The entry uses no stack of the crashed program. One register is parked in `mscratch`, whose old
//! value is lost; everything else is saved. A fault inside the capture traps here again: the stage
//! word counts the entries as on Cortex-M.
//!
//! With several harts each saves into a place of its own, see [`super::harts`]; the first one that
//! claims the capture goes on to the handler, all others stop where they are.
//!
//! Source: The RISC-V Instruction Set Manual, Volume II, machine-level CSRs.

use core::arch::global_asm;

use crate::arch::{last, semihosting, words};
use crate::crash::{Attempt, Cause, Crash, Kind, signal};

/// What the entry code saves of a hart, in its order.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Saved {
    /// Counts the entries: anything but [`STAGE`] and the two numbers after it is the first one.
    stage: usize,
    /// x1-x31.
    pub(super) x: [usize; 31],
    pub(super) mepc: usize,
    mcause: usize,
    mtval: usize,
    mstatus: usize,
    /// t1 and t2 until the stage is known.
    parked: [usize; 2],
    /// [`STAGE`] once another hart has the capture, and this one has saved all and stands still.
    pub(super) stopped: usize,
    /// How often a capture was under way by the stage word alone, its stack not in use.
    strays: usize,
    #[cfg(floats)]
    floats: [u64; 32],
    #[cfg(floats)]
    fcsr: usize,
}

impl Saved {
    pub(crate) const EMPTY: Saved = Saved {
        stage: 0,
        x: [0; 31],
        mepc: 0,
        mcause: 0,
        mtval: 0,
        mstatus: 0,
        parked: [0; 2],
        stopped: 0,
        strays: 0,
        #[cfg(floats)]
        floats: [0; 32],
        #[cfg(floats)]
        fcsr: 0,
    };

    /// Where the crashed stack has got to.
    pub(super) fn sp(&self) -> usize {
        self.x[1]
    }
}

/// Bytes that an overflowing capture may reach below its stack before it is no longer known as such.
const BELOW_STACK: usize = 1024;

/// The stage word while a capture is under way; one more while the smaller record is, two more while
/// that of the last resort is.
pub(crate) const STAGE: usize = 0x40de_f001;

/// Which hart captures is settled by one atomic exchange of this word for [`CLAIMED`].
#[unsafe(no_mangle)]
static CORONER_CLAIM: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);
/// Small enough for an immediate operand.
pub(super) const CLAIMED: usize = 0x2c1;

// Only one hart gets past this; t0 points to `Saved`. Without atomics there is only one.
#[cfg(atomics)]
macro_rules! claim {
    () => {
        ".option push
        .option arch, +a
        la t1, CORONER_CLAIM
        li t2, {claimed}
        amoswap.w.aqrl t2, t2, (t1)
        .option pop
        addi t2, t2, -{claimed}
        bnez t2, 3f
        li t2, {stage}
        fence w, w
        SAVE t2, 38
    8:  wfi
        j 8b"
    };
}
#[cfg(not(atomics))]
macro_rules! claim {
    () => {
        "// no atomics, {claimed}"
    };
}

#[cfg(target_arch = "riscv32")]
macro_rules! width {
    () => {
        ".macro SAVE reg, slot
            sw \\reg, 4*\\slot(t0)
        .endm
        .macro LOAD reg, slot
            lw \\reg, 4*\\slot(t0)
        .endm
        .macro LOADP reg
            lw \\reg, 0(\\reg)
        .endm"
    };
}
#[cfg(target_arch = "riscv64")]
macro_rules! width {
    () => {
        ".macro SAVE reg, slot
            sd \\reg, 8*\\slot(t0)
        .endm
        .macro LOAD reg, slot
            ld \\reg, 8*\\slot(t0)
        .endm
        .macro LOADP reg
            ld \\reg, 0(\\reg)
        .endm"
    };
}

// The registers for floating point, if they are switched on; t0 points to `Saved`.
#[cfg(floats)]
macro_rules! float_registers {
    () => {
        ".option push
        .option arch, +d
        csrr t1, mstatus
        li t2, 0x6000
        and t1, t1, t2
        beqz t1, 4f
        addi t1, t0, {floats}
        .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        fsd f\\n, 8*\\n(t1)
        .endr
        csrr t2, fcsr
        sw t2, 256(t1)
        4:
        .option pop"
    };
}
#[cfg(not(floats))]
macro_rules! float_registers {
    () => {
        "// no registers for floating point, {floats}"
    };
}
#[cfg(floats)]
const FLOATS: usize = core::mem::offset_of!(Saved, floats);
#[cfg(not(floats))]
const FLOATS: usize = 0;

global_asm!(
    width!(),
    ".section .text.coroner_trap, \"ax\", @progbits
    .global coroner_trap
    .type coroner_trap, @function
    .balign 4
    coroner_trap:
        csrw mscratch, t0
        la t0, CORONER_SAVED
    .global coroner_trap_into
    coroner_trap_into:
        // t0 is in mscratch, and points to the `Saved` of this hart.
        SAVE t1, 36
        SAVE t2, 37
        LOAD t1, 0
        li t2, {stage}
        sub t1, t1, t2
        sltiu t2, t1, 3
        beqz t2, 6f
        // A capture is under way, if its stack is in use. Else that was before some reset.
        la t2, CORONER_STACK_TOP
        LOADP t2
        bgeu sp, t2, 5f
        la t2, CORONER_STACK_BOTTOM
        LOADP t2
        addi t2, t2, -{below}
        bgeu sp, t2, 2f
    5:  LOAD t2, 39                 // but that can't go on for ever
        addi t2, t2, 1
        SAVE t2, 39
        sltiu t2, t2, 4
        bnez t2, 7f
        j 9f
    6:  SAVE x0, 39
    7:  li t2, {stage}
        SAVE t2, 0
        SAVE x1, 1
        SAVE x2, 2
        SAVE x3, 3
        SAVE x4, 4
        csrr t1, mscratch
        SAVE t1, 5
        LOAD t1, 36
        SAVE t1, 6
        LOAD t1, 37
        SAVE t1, 7
        .irp n, 8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
        SAVE x\\n, \\n
        .endr
        csrr t1, mepc
        SAVE t1, 32
        csrr t1, mcause
        SAVE t1, 33
        csrr t1, mtval
        SAVE t1, 34
        csrr t1, mstatus
        SAVE t1, 35",
    float_registers!(),
    "   li a0, 0",
    claim!(),
    "   j 3f
    2:  addi a0, t1, 1              // second or third entry
        li t2, 3
        beq a0, t2, 9f
        li t2, {stage}
        add t2, t2, a0
        SAVE t2, 0
    3:  mv a1, t0
        la t0, CORONER_STACK_TOP
        LOAD sp, 0
        li ra, 0
        j coroner_enter
    9:  SAVE x0, 0                  // fourth entry
        la t0, CORONER_STACK_TOP
        LOAD sp, 0
        j coroner_restart
    .size coroner_trap, . - coroner_trap",
    stage = const STAGE,
    below = const BELOW_STACK,
    floats = const FLOATS,
    claimed = const CLAIMED,
);

macro_rules! csr {
    ($name:literal) => {{
        let value: usize;
        // SAFETY: reads a machine-mode CSR that every hart has.
        unsafe {
            core::arch::asm!(concat!("csrr {}, ", $name), out(reg) value, options(nomem, nostack));
        }
        value
    }};
}

/// Whether a hart has the capture.
#[cfg(atomics)]
pub(crate) fn is_claimed() -> bool {
    CORONER_CLAIM.load(core::sync::atomic::Ordering::Relaxed) == CLAIMED as u32
}

/// Number of the hart that runs this.
pub fn hart() -> usize {
    csr!("mhartid")
}

/// Where the entry code arrives, on the reserved stack.
#[unsafe(no_mangle)]
extern "C" fn coroner_enter(attempt: usize, saved: *const Saved) -> ! {
    // SAFETY: the entry code has filled it in, and runs again only after this function's reads.
    let saved = unsafe { &*saved };
    if attempt > 1 {
        last::keep(saved);
        reset()
    }
    let mut room = Room::EMPTY;
    let mut crash = decode(saved, true, &mut room);
    crash.guard = last::guard(attempt == 0);
    if attempt != 0 {
        (crash.retry, crash.attempt) = (true, Attempt::Second);
    }
    words::finish(&mut crash)
}

const FAULTS: usize = 8;

pub(super) struct Room {
    registers: [usize; 32],
    faults: [(u32, usize); FAULTS],
    #[cfg(floats)]
    floats: [u8; 256],
}

impl Room {
    pub(super) const EMPTY: Room = Room {
        registers: [0; 32],
        faults: [(0, 0); FAULTS],
        #[cfg(floats)]
        floats: [0; 256],
    };
}

/// `fresh`: the registers of the processor are still those of the crash.
pub(super) fn decode<'a>(saved: &Saved, fresh: bool, room: &'a mut Room) -> Crash<'a> {
    if let Some((pc, rest)) = room.registers.split_first_mut() {
        *pc = saved.mepc;
        rest.copy_from_slice(&saved.x);
    }
    room.faults = [
        (0x300, saved.mstatus),
        (0x341, saved.mepc),
        (0x342, saved.mcause),
        (0x343, saved.mtval),
        (0x305, csr!("mtvec")),
        (0x301, csr!("misa")),
        (0x304, csr!("mie")),
        (0xf14, csr!("mhartid")),
    ];
    let known = if fresh { FAULTS } else { 4 };
    let mut crash = Crash::new(cause_of(saved.mcause, saved.mtval), &room.registers, 0xffff_ffff);
    crash.attempt = Attempt::First;
    crash.faults = room.faults.get(..known).unwrap_or(&[]);
    #[cfg(floats)]
    {
        let (words, _) = room.floats.as_chunks_mut::<8>();
        for (bytes, value) in words.iter_mut().zip(saved.floats) {
            *bytes = value.to_le_bytes();
        }
        // mstatus.FS: 0 is off.
        if saved.mstatus & 0x6000 != 0 {
            (crash.floats, crash.float_status) = (&room.floats, saved.fcsr as u32);
        }
    }
    crash
}

fn cause_of(mcause: usize, mtval: usize) -> Cause<'static> {
    let mut cause = Cause::new(Kind::Fault, signal_of(mcause));
    cause.code = mcause as u32;
    cause.address = matches!(mcause, 0 | 1 | 4..=7 | 12 | 13 | 15).then_some(mtval);
    cause
}

/// A crash that another handler has caught, in that handler: the cause and the program counter.
#[cfg(feature = "ffi")]
pub(super) fn of_trap() -> (Cause<'static>, usize) {
    (cause_of(csr!("mcause"), csr!("mtval")), csr!("mepc"))
}

/// The registers that are noted, as they are now.
#[cfg(feature = "ffi")]
pub(super) fn faults_now() -> [(u32, usize); FAULTS] {
    [
        (0x300, csr!("mstatus")),
        (0x341, csr!("mepc")),
        (0x342, csr!("mcause")),
        (0x343, csr!("mtval")),
        (0x305, csr!("mtvec")),
        (0x301, csr!("misa")),
        (0x304, csr!("mie")),
        (0xf14, csr!("mhartid")),
    ]
}

fn signal_of(mcause: usize) -> u8 {
    match mcause {
        2 => signal::ILL,
        3 => signal::TRAP,
        0 | 4 | 6 => signal::BUS,
        _ => signal::SEGV,
    }
}

/// Installs the entry code as the trap vector. Interrupts must be off or unused: the entry code
/// takes every trap for a crash.
pub fn install() {
    // SAFETY: writes mtvec with the address of the entry code, aligned to 4: direct mode.
    unsafe {
        core::arch::asm!("la {0}, coroner_trap", "csrw mtvec, {0}", out(reg) _);
    }
}

/// The handler's last act: resets the chip. The next crash is a new one.
///
/// RISC-V has no common way to reset, so: by the function that `on_crash!(.., reset: ..)` names; else,
/// where an emulator or debugger has answered before, by ending the emulator; else by starting the
/// program over at `_start`, with interrupts off and everything else as the crash has left it.
pub fn reset() -> ! {
    words::forget();
    #[cfg(atomics)]
    CORONER_CLAIM.store(0, core::sync::atomic::Ordering::Relaxed);
    coroner_restart()
}

unsafe extern "C" {
    /// The program's own way, 0 where there is none, and its start.
    static CORONER_WAYS: [Option<unsafe extern "C" fn() -> !>; 2];
}

#[cfg(target_arch = "riscv32")]
global_asm!(
    ".section .rodata.coroner_ways, \"a\"
    .balign 4
    .weak coroner_platform_reset
    .global CORONER_WAYS
    CORONER_WAYS: .word coroner_platform_reset, _start
    .previous"
);
#[cfg(target_arch = "riscv64")]
global_asm!(
    ".section .rodata.coroner_ways, \"a\"
    .balign 8
    .weak coroner_platform_reset
    .global CORONER_WAYS
    CORONER_WAYS: .dword coroner_platform_reset, _start
    .previous"
);

/// The entry code comes here when nothing can be kept any more.
#[unsafe(no_mangle)]
extern "C" fn coroner_restart() -> ! {
    // SAFETY: constants of the linker.
    let [own, start] = unsafe { (&raw const CORONER_WAYS).read_volatile() };
    if let Some(own) = own {
        // SAFETY: the program's function, which expects nothing.
        unsafe { own() }
    }
    if semihosting::has_answered() {
        crate::sink::semihosting::exit(STOPPED)
    }
    if let Some(start) = start {
        // SAFETY: as the processor comes out of reset as far as interrupts go; nothing of the program runs
        // any more, and its start-up code expects nothing of memory.
        unsafe {
            core::arch::asm!("csrci mstatus, 8", "csrw mie, x0");
            start()
        }
    }
    loop {
        core::hint::spin_loop();
    }
}

/// What an emulator is told when not even the last resort could be kept.
const STOPPED: usize = 134;
