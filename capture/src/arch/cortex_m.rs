//! Cortex-M: from the fault vector to the handler, on a stack of its own.
//!
//! The entry uses nothing of the crashed program: no stack, no static but its own. It saves what the
//! processor did not, then leaves the exception *into* the handler: an exception frame on the
//! reserved stack returns to [`enter`] in the mode that had crashed. A further fault inside the
//! capture is then an ordinary fault again, instead of the lock-up that it would be in HardFault.
//!
//! The stage word counts these entries. The first one saves the registers, the second one finds them
//! saved and writes a smaller record, the third one keeps the record of the last resort
//! ([`super::last`]) and resets; a further one only resets. A stage word that says so without the
//! capture's stack being in use is left over from before some reset, and starts at the first one.
//!
//! With the security extension of ARMv8-M a handler in the secure state captures crashes of both
//! states; one in the non-secure state can't see into the secure one, and says so.
//!
//! Sources: ARMv6-M, ARMv7-M and ARMv8-M Architecture Reference Manuals (exception entry and return,
//! `EXC_RETURN`, system control space).

mod world;

use core::arch::global_asm;

use self::world::{Special, World};
use crate::arch::live::Live;
use crate::arch::{last, words};
use crate::config::Config;
use crate::crash::{Attempt, Cause, Crash, Kind, signal};
use crate::isa::Memory;
use crate::layout::EXC_RETURN;
use crate::region::{Access, Area, Region};

/// The system control block and the fault status registers in it, for [`crate::Config::regions`].
pub const SYSTEM_CONTROL: Region =
    Region::new(crate::Kind::Mmio, Area::range(0xe000_ed00, 0xe000_ed90)).named("scb");

/// What the entry code saves, in its order.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Saved {
    /// Counts the entries: anything but [`STAGE`] and the two numbers after it is the first one.
    stage: u32,
    /// How often a capture was under way by the stage word alone, its stack not in use.
    strays: u32,
    r4_r11: [u32; 8],
    msp: u32,
    psp: u32,
    exc_return: u32,
    primask: u32,
    control: u32,
    basepri: u32,
    faultmask: u32,
    msplim: u32,
    psplim: u32,
    mpu_ctrl: u32,
    ipsr: u32,
    /// The fault status as it was at the first entry: the registers of [`STATUS`] in its order. A
    /// fault of the capture itself changes them.
    status: [u32; STATUS.len()],
    s16_s31: [u32; 16],
    /// The processor's frame: a capture may write over the memory where it lies, and fault after that.
    frame: [u32; 8],
    /// [`FRAME`] once `frame` holds it.
    has_frame: u32,
}

impl Saved {
    pub(crate) const EMPTY: Saved = Saved {
        stage: 0,
        strays: 0,
        r4_r11: [0; 8],
        msp: 0,
        psp: 0,
        exc_return: 0,
        primask: 0,
        control: 0,
        basepri: 0,
        faultmask: 0,
        msplim: 0,
        psplim: 0,
        mpu_ctrl: 0,
        ipsr: 0,
        status: [0; STATUS.len()],
        s16_s31: [0; 16],
        frame: [0; 8],
        has_frame: 0,
    };

    /// Where the crashed stack has got to.
    pub(super) fn sp(&self) -> usize {
        let world = World::of(self);
        world.frame(self, &world.special(self)) as usize
    }
}

/// The registers that tell of the last fault; zero where the profile lacks them.
const STATUS: [u32; 8] = [CFSR, HFSR, DFSR, MMFAR, BFAR, AFSR, SFSR, SFAR];

/// The stage word while a capture is under way; one more while the smaller record is, two more while
/// that of the last resort is.
pub(crate) const STAGE: u32 = 0xc0de_f001;
/// Says that the frame has been read.
const FRAME: u32 = 0x0f4a_3e01;
/// Bytes that an overflowing capture may reach below its stack before it is no longer known as such.
const BELOW_STACK: u32 = 1024;

// The special registers beyond v6-M, stored at r0 in the order of `Saved`.
#[cfg(all(mainline, not(stack_limit)))]
macro_rules! mainline_registers {
    () => {
        "mrs r1, basepri
         mrs r2, faultmask
         stmia r0!, {{r1, r2}}
         movs r1, #0
         movs r2, #0
         stmia r0!, {{r1, r2}}"
    };
}
#[cfg(stack_limit)]
macro_rules! mainline_registers {
    () => {
        "mrs r1, basepri
         mrs r2, faultmask
         stmia r0!, {{r1, r2}}
         mrs r1, msplim
         mrs r2, psplim
         stmia r0!, {{r1, r2}}
         movs r1, #0
         msr msplim, r1"
    };
}
#[cfg(not(mainline))]
macro_rules! mainline_registers {
    () => {
        "movs r1, #0
         movs r2, #0
         stmia r0!, {{r1, r2}}
         stmia r0!, {{r1, r2}}"
    };
}

// The fault status, stored at r0 in the order of `STATUS`. r3 is needed later.
#[cfg(mainline)]
macro_rules! fault_status {
    () => {
        "ldr r1, =0xe000ed28         // CFSR, HFSR, DFSR, MMFAR, BFAR, AFSR
         ldmia r1!, {{r2, r4-r7}}
         stmia r0!, {{r2, r4-r7}}
         ldr r2, [r1]
         stmia r0!, {{r2}}"
    };
}
#[cfg(not(mainline))]
macro_rules! fault_status {
    () => {
        "movs r2, #0
         movs r4, #0
         stmia r0!, {{r2, r4}}
         stmia r0!, {{r2, r4}}
         stmia r0!, {{r2, r4}}"
    };
}
#[cfg(stack_limit)]
macro_rules! secure_status {
    () => {
        "ldr r1, =0xe000ede4         // SFSR, SFAR
         ldmia r1!, {{r2, r4}}
         stmia r0!, {{r2, r4}}"
    };
}
#[cfg(not(stack_limit))]
macro_rules! secure_status {
    () => {
        "movs r2, #0
         movs r4, #0
         stmia r0!, {{r2, r4}}"
    };
}

// A frame of the other security state is no way back: this handler could not return through it.
#[cfg(stack_limit)]
macro_rules! other_state {
    () => {
        "lsrs r2, r7, #6         // EXC_RETURN bit 6: the frame is secure; bit 0: the handler is
         eors r2, r7
         lsls r2, r2, #31
         bmi 7f"
    };
}
#[cfg(not(stack_limit))]
macro_rules! other_state {
    () => {
        ""
    };
}

// S16-S31 with the first FP instruction, which also makes the processor complete a lazily stacked
// frame; only if there is a frame with room for it, and stacking did not already fail.
#[cfg(vfp)]
macro_rules! float_registers {
    () => {
        "lsls r1, r3, #27        // EXC_RETURN bit 4: no FP frame
         bmi 5f
         ldr r1, =0xe000ed28     // CFSR: STKERR, MSTKERR and the lazy ones
         ldr r1, [r1]
         ldr r2, =0x00003030
         tst r1, r2
         bne 5f
         .inst.w 0xeca08a10      // vstmia r0!, {{s16-s31}}: the assembler has no FPU
        5:
         ldr r1, =0xe000ef34     // FPCCR: no lazy stacking is pending any more
         ldr r2, [r1]
         bic r2, r2, #1
         str r2, [r1]"
    };
}
#[cfg(not(vfp))]
macro_rules! float_registers {
    () => {
        ""
    };
}

global_asm!(
    ".section .text.coroner_trap, \"ax\", %progbits
    .global coroner_trap
    .type coroner_trap, %function
    .thumb_func
    .cfi_startproc
    coroner_trap:
        mrs r3, primask
        cpsid i
        mov r12, r3
        ldr r0, =CORONER_SAVED
        ldr r1, [r0]
        ldr r2, ={stage}
        subs r1, r1, r2             // 0, 1, 2: a capture is under way
        movs r2, #0
        cmp r1, #3
        bhs 6f
        // Is it? Then this fault was on its stack.
        mrs r2, msp
        ldr r3, =CORONER_STACK_TOP
        ldr r3, [r3]
        cmp r2, r3
        bhs 5f
        ldr r3, =CORONER_STACK_BOTTOM
        ldr r3, [r3]
        subs r3, r3, r2
        ldr r2, ={below}
        cmp r3, r2
        ble 2f
    5:  ldr r2, [r0, #4]            // no; but that can't go on for ever
        adds r2, r2, #1
        cmp r2, #3
        bhi 9f
    6:  // First entry: save everything.
        ldr r1, ={stage}
        stmia r0!, {{r1, r2}}
        mov r3, r12
        stmia r0!, {{r4-r7}}
        mov r4, r8
        mov r5, r9
        mov r6, r10
        mov r7, r11
        stmia r0!, {{r4-r7}}
        mov r4, r3
        mrs r1, msp
        mrs r2, psp
        mov r3, lr
        mrs r5, control
        stmia r0!, {{r1-r5}}",
    mainline_registers!(),
    "   ldr r1, =0xe000ed94         // MPU_CTRL: off, so that guards can be read
        ldr r2, [r1]
        mrs r4, ipsr
        stmia r0!, {{r2, r4}}
        movs r2, #0
        str r2, [r1]
        dsb
        isb",
    fault_status!(),
    secure_status!(),
    float_registers!(),
    "   movs r6, #0
        b 3f
    2:  // Second or third entry: the registers are saved already.
        cmp r1, #2
        beq 9f
        adds r6, r1, #1
        ldr r2, ={stage}
        adds r2, r2, r6
        str r2, [r0]
    3:  // An exception frame on the reserved stack: r0 = attempt, pc = coroner_enter.
        ldr r1, =CORONER_STACK_TOP
        ldr r1, [r1]
        subs r1, r1, #32
        movs r2, #0
        str r6, [r1, #0]
        str r2, [r1, #4]
        str r2, [r1, #8]
        str r2, [r1, #12]
        str r2, [r1, #16]
        str r2, [r1, #20]
        ldr r4, =coroner_enter
        movs r5, #1
        bics r4, r5
        str r4, [r1, #24]
        // xPSR: Thumb, and the exception that was active before this one, 0 in thread mode.
        mrs r5, ipsr
        movs r4, #1
        lsls r4, r4, #24
        mov r7, lr",
    other_state!(),
    "   lsls r2, r7, #28            // EXC_RETURN bit 3: thread mode
        bmi 4f
        mrs r2, msp
        ldr r2, [r2, #28]
        ldr r0, =0x1ff
        ands r2, r0
        cmp r2, #0                  // a lost frame says nothing
        beq 7f
        cmp r2, r5
        beq 7f
        orrs r4, r2
    4:  str r4, [r1, #28]
        msr msp, r1
        movs r2, #0
        msr control, r2
        isb
        movs r2, #0x10              // EXC_RETURN: no FP frame, main stack
        orrs r7, r2
        movs r2, #4
        bics r7, r2
        bx r7
    7:  // No way back is known: go on in this exception.
        adds r1, r1, #32
        msr msp, r1
        mov r0, r6
        ldr r2, =coroner_enter
        bx r2
    9:  // Fourth entry: reset.
        movs r1, #0
        str r1, [r0]
        ldr r0, =0xe000ed0c
        ldr r1, =0x05fa0004
        str r1, [r0]
        dsb
    8:  b 8b
    .cfi_endproc
    .size coroner_trap, . - coroner_trap
    .ltorg",
    stage = const STAGE,
    below = const BELOW_STACK,
);

/// Where the entry code arrives: on the reserved stack, in the mode that had crashed.
#[unsafe(no_mangle)]
extern "C" fn coroner_enter(attempt: u32) -> ! {
    let place = (&raw mut words::CORONER_SAVED).cast::<Saved>();
    if attempt > 1 {
        // SAFETY: the entry code has filled it in.
        last::keep(unsafe { &*place });
        reset()
    }
    if attempt == 0 {
        // SAFETY: as above; only this function goes on with it.
        keep_frame(unsafe { &mut *place });
    }
    let mut room = Room::EMPTY;
    // SAFETY: as above.
    let mut crash = decode(unsafe { &*place }, attempt == 0, &mut room);
    crash.guard = last::guard(attempt == 0);
    if attempt != 0 {
        (crash.retry, crash.attempt) = (true, Attempt::Second);
    }
    words::finish(&mut crash)
}

/// Saves the processor's frame too, if it has pushed one.
fn keep_frame(saved: &mut Saved) {
    let world = World::of(saved);
    saved.has_frame = 0;
    if saved.status[0] & (STKERR | MSTKERR | STKOF) != 0 || world == World::OutOfReach {
        return;
    }
    let at = world.frame(saved, &world.special(saved)) as usize;
    // Where the entry code saves its registers, and where this runs, nothing is left of it.
    let own = (&raw const words::CORONER_SAVED).addr();
    if at < own + size_of::<Saved>() && own < at + 32 || last::stack().overlap(at, at + 32) > 0 {
        return;
    }
    // SAFETY: the processor has just written its frame there, and did not say that it could not.
    let mut memory = unsafe { Live::new(&Config::MINIMAL) };
    for (word, at) in saved.frame.iter_mut().zip((at..).step_by(4)) {
        *word = memory.element(at, Access::Word).unwrap_or(0);
    }
    // Where there is no memory, some buses swallow writes without an error and read as one value: then
    // nothing was kept. lr, pc and xPSR of a real frame are never all alike.
    if saved.frame[5] == saved.frame[6] && saved.frame[6] == saved.frame[7] {
        return;
    }
    saved.has_frame = FRAME;
}

pub(super) struct Room {
    registers: [usize; 18],
    faults: [(u32, usize); FAULTS],
    floats: [u8; FLOATS],
}

/// Bytes of d0-d15, where there are any.
const FLOATS: usize = if cfg!(vfp) { 128 } else { 0 };

impl Room {
    pub(super) const EMPTY: Room =
        Room { registers: [0; 18], faults: [(0, 0); FAULTS], floats: [0; FLOATS] };
}

/// Memory-mapped registers that are noted; only those that the profile has, since reading others may
/// fault: ICSR, VTOR, CCR; mainline SHCSR and the fault status; FPCCR; SFSR and SFAR.
const MAPPED: &[u32] = &[
    0xe000_ed04,
    #[cfg(mainline)]
    0xe000_ed08,
    0xe000_ed14,
    #[cfg(mainline)]
    0xe000_ed24,
    #[cfg(mainline)]
    CFSR,
    #[cfg(mainline)]
    HFSR,
    #[cfg(mainline)]
    DFSR,
    #[cfg(mainline)]
    MMFAR,
    #[cfg(mainline)]
    BFAR,
    #[cfg(mainline)]
    AFSR,
    #[cfg(vfp)]
    0xe000_ef34,
    #[cfg(stack_limit)]
    SFSR,
    #[cfg(stack_limit)]
    SFAR,
];
const FAULTS: usize = MAPPED.len() + Special::COUNT + 2 + World::BESIDE;
const CFSR: u32 = 0xe000_ed28;
const HFSR: u32 = 0xe000_ed2c;
const DFSR: u32 = 0xe000_ed30;
const MMFAR: u32 = 0xe000_ed34;
const BFAR: u32 = 0xe000_ed38;
const AFSR: u32 = 0xe000_ed3c;
const SFSR: u32 = 0xe000_ede4;
const SFAR: u32 = 0xe000_ede8;

fn system_register(at: u32) -> u32 {
    // SAFETY: only called with registers of the system control space that every core of this
    // profile has or reads as zero, and whose reading changes nothing.
    unsafe { core::ptr::with_exposed_provenance::<u32>(at as usize).read_volatile() }
}

/// `fresh`: the crash has just happened, so that memory and registers of the processor are still those of
/// the crash.
pub(super) fn decode<'a>(saved: &Saved, fresh: bool, room: &'a mut Room) -> Crash<'a> {
    let world = World::of(saved);
    let extended = cfg!(vfp) && saved.exc_return & 0x10 == 0;
    let special = world.special(saved);
    let frame = world.frame(saved, &special);
    let lost = saved.has_frame != FRAME;
    let [r0, r1, r2, r3, r12, lr, pc, xpsr] = if lost { [0; 8] } else { saved.frame };
    let frame_len = if extended { 104 } else { 32 };
    let realigned = if xpsr & 1 << 9 != 0 { 4 } else { 0 };
    let sp = match world {
        World::OutOfReach => 0,
        _ => frame.wrapping_add(frame_len).wrapping_add(realigned),
    };
    let [r4, r5, r6, r7, r8, r9, r10, r11] = saved.r4_r11;
    let values =
        [r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, sp, lr, pc, xpsr & !(1 << 9), 0];
    for (register, value) in room.registers.iter_mut().zip(values) {
        *register = value as usize;
    }

    let mut floats_len = 0;
    let mut float_status = 0;
    if extended && !lost && fresh {
        // SAFETY: what follows the frame that has just been read.
        let mut memory = unsafe { Live::new(&Config::MINIMAL) };
        let (low, high) = room.floats.split_at_mut(FLOATS / 2);
        if memory.read(frame as usize + 32, low, Access::Word) {
            let (words, _) = high.as_chunks_mut::<4>();
            for (bytes, value) in words.iter_mut().zip(saved.s16_s31) {
                *bytes = value.to_le_bytes();
            }
            floats_len = FLOATS;
            float_status = memory.word(frame as usize + 96).unwrap_or(0) as u32;
        }
    }

    let mut slots = room.faults.iter_mut();
    let mut note = |id, value: u32| {
        if let Some(slot) = slots.next() {
            *slot = (id, value as usize);
        }
    };
    for &at in MAPPED {
        let saved = STATUS.iter().zip(saved.status).find(|(status, _)| **status == at);
        note(at, saved.map_or_else(|| system_register(at), |(_, value)| value));
    }
    special.note(&mut note);
    note(0xe000_ed94, saved.mpu_ctrl);
    note(EXC_RETURN, saved.exc_return);
    #[cfg(stack_limit)]
    world.note_beside(saved, &mut note);
    let faults = FAULTS - slots.len();

    let mut cause = cause_of(&saved.status, saved.ipsr, saved.exc_return);
    let in_interrupt = cause.in_interrupt;
    cause.frame_lost = lost && world != World::OutOfReach;
    Crash {
        cause,
        registers: &room.registers,
        known: match (lost, world) {
            // The processor has cleared what secure code had in them.
            (_, World::OutOfReach) => 0,
            // r4-r11 and sp are known in any case.
            (true, _) => 0x2ff0,
            (false, _) => 0x1_ffff,
        },
        floats: room.floats.get(..floats_len).unwrap_or(&[]),
        float_status,
        faults: room.faults.get(..faults).unwrap_or(&[]),
        interrupted_sp: (in_interrupt && special.psp != 0).then_some(special.psp as usize),
        retry: false,
        attempt: Attempt::First,
        guard: &[],
    }
}

/// What the fault status says.
fn cause_of(status: &[u32; STATUS.len()], ipsr: u32, exc_return: u32) -> Cause<'static> {
    let [cfsr, hfsr, _, mmfar, bfar, _, sfsr, sfar] = *status;
    let mut cause = Cause::new(Kind::Fault, signal_of(cfsr, hfsr, ipsr));
    cause.code = ipsr;
    cause.in_interrupt = exc_return & 8 == 0;
    cause.address = if sfsr & SFARVALID != 0 {
        Some(sfar as usize)
    } else if cfsr & BFARVALID != 0 {
        Some(bfar as usize)
    } else if cfsr & MMARVALID != 0 {
        Some(mmfar as usize)
    } else {
        None
    };
    cause
}

/// A crash that another handler has caught, in that handler: the cause, and the registers that the processor
/// pushed at `at`, with the stack pointer that was.
#[cfg(feature = "ffi")]
pub(super) fn of_exception(
    [r0, r1, r2, r3, r12, lr, pc, xpsr]: [u32; 8],
    at: u32,
    exc_return: u32,
) -> (Cause<'static>, [usize; 18], [u32; STATUS.len()]) {
    let status = STATUS.map(|at| if MAPPED.contains(&at) { system_register(at) } else { 0 });
    let ipsr: u32;
    // SAFETY: reads the number of the exception.
    unsafe { core::arch::asm!("mrs {}, ipsr", out(reg) ipsr, options(nomem, nostack)) };
    let len = if exc_return & 0x10 == 0 { 104 } else { 32 };
    let realigned = if xpsr & 1 << 9 != 0 { 4 } else { 0 };
    let sp = at.wrapping_add(len).wrapping_add(realigned);
    let words = [r0, r1, r2, r3, 0, 0, 0, 0, 0, 0, 0, 0, r12, sp, lr, pc, xpsr & !(1 << 9), 0];
    let mut cause = cause_of(&status, ipsr, exc_return);
    cause.frame_lost = status[0] & (STKERR | MSTKERR | STKOF) != 0;
    (cause, words.map(|word| word as usize), status)
}

/// The registers that are noted, as they are now, but for the fault status where that was kept.
#[cfg(feature = "ffi")]
pub(super) fn faults_now(kept: Option<&[u32; STATUS.len()]>) -> [(u32, usize); MAPPED.len()] {
    let mut faults = [(0, 0); MAPPED.len()];
    for (fault, &at) in faults.iter_mut().zip(MAPPED) {
        let kept = STATUS.iter().zip(kept.into_iter().flatten()).find(|(status, _)| **status == at);
        *fault = (at, kept.map_or_else(|| system_register(at), |(_, &value)| value) as usize);
    }
    faults
}

const NMI: u32 = 2;
/// SecureFault; SVCall and what follows are no faults.
const LAST_FAULT: u32 = 7;
const MSTKERR: u32 = 1 << 4;
const MMARVALID: u32 = 1 << 7;
const STKERR: u32 = 1 << 12;
const BFARVALID: u32 = 1 << 15;
const STKOF: u32 = 1 << 20;
const SFARVALID: u32 = 1 << 6;

fn signal_of(cfsr: u32, hfsr: u32, exception: u32) -> u8 {
    const UNDEFINED_INSTRUCTION_TO_NO_COPROCESSOR: u32 = 0xf << 16;
    const UNALIGNED: u32 = 1 << 24;
    const DIVIDED_BY_ZERO: u32 = 1 << 25;
    match () {
        // NMI and interrupts are no faults: what the status words hold is older.
        () if exception == NMI || exception > LAST_FAULT => signal::TRAP,
        () if cfsr & (0xff | STKOF) != 0 => signal::SEGV,
        () if cfsr & (0xff00 | UNALIGNED) != 0 => signal::BUS,
        () if cfsr & DIVIDED_BY_ZERO != 0 => signal::FPE,
        () if cfsr & UNDEFINED_INSTRUCTION_TO_NO_COPROCESSOR != 0 => signal::ILL,
        () if hfsr & 1 << 31 != 0 => signal::TRAP,
        () => signal::SEGV,
    }
}

/// Resets the chip, keeping memory. The handler's last act.
///
/// The next crash is a new one, also where it comes before the start-up code has zeroed `.bss`.
pub fn reset() -> ! {
    words::forget();
    loop {
        // SAFETY: AIRCR with its key and SYSRESETREQ; nothing after it matters.
        unsafe {
            core::arch::asm!("dsb");
            core::ptr::with_exposed_provenance_mut::<u32>(0xe000_ed0c).write_volatile(0x05fa_0004);
            core::arch::asm!("dsb");
        }
    }
}

/// Enables the separate handlers of memory, bus and usage faults, and in the secure state of ARMv8-M
/// of secure faults, which would else all be HardFault.
#[cfg(mainline)]
pub fn separate_faults() {
    let handlers = if cfg!(stack_limit) { 0xf << 16 } else { 7 << 16 };
    // SAFETY: sets the enable bits of SHCSR; the one of SecureFault is ignored where there is none.
    unsafe {
        let shcsr = core::ptr::with_exposed_provenance_mut::<u32>(0xe000_ed24);
        shcsr.write_volatile(shcsr.read_volatile() | handlers);
    }
}

/// Writes back the data cache over `len` bytes from `start`, if there is a cache and it is on.
#[cfg(mainline)]
pub(crate) fn clean_data_cache(start: usize, len: usize) {
    const LINE: usize = 32;
    const CCR: u32 = 0xe000_ed14;
    const DCCMVAC: usize = 0xe000_ef68;
    if system_register(CCR) & 1 << 16 == 0 {
        return;
    }
    for at in (start & !(LINE - 1)..start.saturating_add(len)).step_by(LINE) {
        // SAFETY: cleaning a line by its address writes back what memory should hold anyway.
        unsafe {
            core::ptr::with_exposed_provenance_mut::<u32>(DCCMVAC).write_volatile(at as u32);
        }
    }
    // SAFETY: a barrier.
    unsafe { core::arch::asm!("dsb") };
}
