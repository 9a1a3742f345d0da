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

use crate::arch::words;
use crate::crash::{Attempt, Cause, Crash, Kind, signal};

/// What the entry code saves of a hart, in its order.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Saved {
    /// Counts the entries: anything but the two values below is the first one.
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
        #[cfg(floats)]
        floats: [0; 32],
        #[cfg(floats)]
        fcsr: 0,
    };
}

/// The stage word while a capture is under way; one more while the smaller record is.
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
        beq t1, t2, 2f
        addi t2, t2, 1
        beq t1, t2, 9f
        li t2, {stage}
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
    2:  addi t2, t2, 1
        SAVE t2, 0
        li a0, 1
    3:  mv a1, t0
        la t0, CORONER_STACK_TOP
        LOAD sp, 0
        li ra, 0
        j coroner_enter
    9:  SAVE x0, 0
        j coroner_reset
    .size coroner_trap, . - coroner_trap",
    stage = const STAGE,
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
    let saved = unsafe { saved.read_volatile() };
    let mut registers = [0; 32];
    if let Some((pc, rest)) = registers.split_first_mut() {
        *pc = saved.mepc;
        rest.copy_from_slice(&saved.x);
    }
    #[cfg(floats)]
    let mut floats = [0; 256];
    #[cfg(floats)]
    {
        let (words, _) = floats.as_chunks_mut::<8>();
        for (bytes, value) in words.iter_mut().zip(saved.floats) {
            *bytes = value.to_le_bytes();
        }
    }
    #[cfg(not(floats))]
    let floats = [];
    // mstatus.FS: 0 is off.
    let on = saved.mstatus & 0x6000 != 0;
    let faults = [
        (0x300, saved.mstatus),
        (0x305, csr!("mtvec")),
        (0x341, saved.mepc),
        (0x342, saved.mcause),
        (0x343, saved.mtval),
        (0x301, csr!("misa")),
        (0x304, csr!("mie")),
        (0xf14, csr!("mhartid")),
    ];
    let mut cause = Cause::new(Kind::Fault, signal_of(saved.mcause));
    cause.code = saved.mcause as u32;
    cause.address = matches!(saved.mcause, 0 | 1 | 4..=7 | 12 | 13 | 15).then_some(saved.mtval);
    words::finish(Crash {
        cause,
        registers: &registers,
        known: 0xffff_ffff,
        floats: if on { &floats } else { &[] },
        #[cfg(floats)]
        float_status: saved.fcsr as u32,
        #[cfg(not(floats))]
        float_status: 0,
        faults: &faults,
        interrupted_sp: None,
        retry: attempt != 0,
        attempt: if attempt == 0 { Attempt::First } else { Attempt::Second },
    })
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

/// Only a fault in the smaller record leads here: resets the chip, where the platform knows how.
#[unsafe(no_mangle)]
extern "C" fn coroner_reset() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
