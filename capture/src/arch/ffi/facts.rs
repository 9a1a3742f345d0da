//! What a handler in C is told of its crash, and a crash that somebody else's handler has caught.

use core::ffi::c_char;

use super::{CConfig, CSink, CTask, coroner_write, text};
use crate::arch::registry::Registry;
use crate::arch::{Arch, Native};
use crate::crash::{Attempt, Cause, Crash, Kind};

/// Words of `coroner_frame.registers`.
const REGISTERS: usize = Native::REGISTERS;

/// `coroner_facts`.
#[repr(C)]
pub struct CFacts {
    kind: u8,
    signal: u8,
    in_interrupt: bool,
    retry: bool,
    frame_lost: bool,
    address_known: bool,
    code: u32,
    address: usize,
    message: *const u8,
    message_len: usize,
    file: *const u8,
    file_len: usize,
    line: u32,
}

/// `coroner_facts_of`: what is known about the crash.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_facts_of(crash: &Crash<'_>, to: &mut CFacts) {
    let cause = &crash.cause;
    let (file, line) = cause.place.unwrap_or(("", 0));
    *to = CFacts {
        kind: cause.kind as u8,
        signal: cause.signal,
        in_interrupt: cause.in_interrupt,
        retry: crash.retry,
        frame_lost: cause.frame_lost,
        address_known: cause.address.is_some(),
        code: cause.code,
        address: cause.address.unwrap_or(0),
        message: cause.message.as_ptr(),
        message_len: cause.message.len(),
        file: file.as_ptr(),
        file_len: file.len(),
        line,
    };
}

/// `coroner_in_interrupt`: whether the crash was inside an interrupt or exception handler.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_in_interrupt(crash: &Crash<'_>) -> bool {
    crash.cause.in_interrupt
}

/// `coroner_is_retry`: whether the capture itself has faulted before.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_is_retry(crash: &Crash<'_>) -> bool {
    crash.retry
}

/// `coroner_register`: a register of the crashed context, if it is known.
#[unsafe(no_mangle)]
pub extern "C" fn coroner_register(crash: &Crash<'_>, index: u32, value: &mut usize) -> bool {
    let known = index < 64 && crash.known >> index & 1 == 1;
    match crash.registers.get(index as usize) {
        Some(&register) if known => {
            *value = register;
            true
        }
        _ => false,
    }
}

/// `coroner_add_region`: adds a region while the program runs.
///
/// # Safety
/// The name of the region is a constant.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_add_region(
    registry: &Registry<{ super::MAX_ADDED }>,
    region: &super::CRegion,
) -> bool {
    registry.add(super::region(region))
}

/// Words of `coroner_registry`.
const REGISTRY_WORDS: usize = 80;
const _: () = assert!(
    size_of::<Registry<{ super::MAX_ADDED }>>() <= REGISTRY_WORDS * size_of::<usize>(),
    "coroner_registry is too small"
);

/// `coroner_frame`.
#[repr(C)]
pub struct CFrame {
    registers: [usize; REGISTERS],
    known: u64,
    code: u32,
    kind: u8,
    signal: u8,
    in_interrupt: bool,
    address_known: bool,
    retry: bool,
    frame_lost: bool,
    has_status: bool,
    address: usize,
    interrupted_sp: usize,
    line: u32,
    file: *const c_char,
    message: *const c_char,
    /// CFSR, HFSR, DFSR, MMFAR, BFAR, AFSR, SFSR, SFAR as they were; on RISC-V not used.
    status: [u32; 8],
}

impl CFrame {
    /// # Safety
    /// The strings outlive the crash.
    unsafe fn cause(&self) -> Cause<'_> {
        let kinds = [Kind::Fault, Kind::Panic, Kind::Abort, Kind::Watchdog];
        let kind = kinds.get(usize::from(self.kind)).copied().unwrap_or(Kind::Fault);
        // SAFETY: the caller's word.
        let (file, message) = unsafe { (text(self.file), text(self.message)) };
        Cause {
            code: self.code,
            address: self.address_known.then_some(self.address),
            in_interrupt: self.in_interrupt,
            frame_lost: self.frame_lost,
            place: (!file.is_empty()).then_some((file, self.line)),
            message,
            ..Cause::new(kind, self.signal)
        }
    }
}

/// `coroner_write_frame`: writes the dump of a crash that another handler has caught.
///
/// # Safety
/// As [`coroner_write`], and there is one capture at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_write_frame(
    config: &CConfig,
    frame: &CFrame,
    tasks: *const CTask,
    task_count: usize,
    room: *mut u8,
    room_len: usize,
    sink: &CSink,
) -> u8 {
    // SAFETY: the caller's word.
    let mut crash = Crash::new(unsafe { frame.cause() }, &frame.registers, frame.known);
    #[cfg(cortex_m)]
    let faults = super::super::cortex_m::faults_now(frame.has_status.then_some(&frame.status));
    #[cfg(not(cortex_m))]
    let faults = super::super::riscv::faults_now();
    crash.faults = &faults;
    crash.interrupted_sp = (frame.interrupted_sp != 0).then_some(frame.interrupted_sp);
    crash.retry = frame.retry;
    // The caller vouches for what the entry code would else: nobody else is at work.
    crash.attempt = if frame.retry { Attempt::Second } else { Attempt::First };
    // SAFETY: as above.
    unsafe { coroner_write(config, &crash, tasks, task_count, room, room_len, sink) }
}

/// `coroner_frame_of_exception`: fills in what the processor has pushed, and why.
///
/// # Safety
/// `stacked` points to the eight words.
#[cfg(cortex_m)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_frame_of_exception(
    to: &mut CFrame,
    stacked: *const u32,
    sp: usize,
    exc_return: u32,
) {
    // SAFETY: the caller's word.
    let words = unsafe { stacked.cast::<[u32; 8]>().read_volatile() };
    let at = if sp == 0 { stacked.addr() } else { sp };
    let (cause, registers, status) =
        super::super::cortex_m::of_exception(words, at as u32, exc_return);
    // r0-r3, r12 and up; of a frame that the processor could not push, where the stack has got to.
    to.known = if cause.frame_lost { 1 << Native::SP } else { 0x1_f00f };
    to.registers = registers;
    (to.has_status, to.status) = (true, status);
    to.tell(&cause);
}

/// `coroner_frame_of_trap`: fills in the cause and the program counter, from the registers of the hart.
#[cfg(not(cortex_m))]
#[unsafe(no_mangle)]
pub extern "C" fn coroner_frame_of_trap(to: &mut CFrame) {
    let (cause, pc) = super::super::riscv::of_trap();
    to.registers[Native::PC] = pc;
    to.known |= 1 << Native::PC;
    to.tell(&cause);
}

impl CFrame {
    fn tell(&mut self, cause: &Cause<'_>) {
        (self.kind, self.signal, self.code) = (cause.kind as u8, cause.signal, cause.code);
        (self.in_interrupt, self.frame_lost) = (cause.in_interrupt, cause.frame_lost);
        self.address_known = cause.address.is_some();
        self.address = cause.address.unwrap_or(0);
    }
}
