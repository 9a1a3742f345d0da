//! Everything that touches the machine.
//!
//! All `unsafe` code of the crate lives in this module.
#![allow(
    unsafe_code,
    reason = "registers, volatile memory and assembly; each block says why it may"
)]

pub mod address;
#[cfg(cortex_m)]
pub mod cortex_m;
#[cfg(all(feature = "ffi", any(entry, target_arch = "xtensa")))]
pub mod ffi;
#[cfg(atomics)]
pub mod harts;
pub mod kept;
#[cfg(entry)]
pub mod last;
pub mod linker;
pub mod live;
pub mod registry;
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
pub mod riscv;
pub mod rtt;
pub mod semihosting;
pub mod state;
#[cfg(entry)]
mod words;
pub mod xtensa;

#[cfg(cortex_m)]
pub(crate) use cortex_m::{STAGE, Saved};
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
pub(crate) use riscv::{STAGE, Saved};

/// Whether one of several harts has the capture.
#[cfg(entry)]
pub(crate) fn is_claimed() -> bool {
    #[cfg(all(atomics, any(target_arch = "riscv32", target_arch = "riscv64")))]
    return riscv::is_claimed();
    #[cfg(not(all(atomics, any(target_arch = "riscv32", target_arch = "riscv64"))))]
    false
}

pub use crate::isa::{
    Arch, Arm, FloatNote, MAX_REGISTERS, Memory, Native, RISCV_FLOAT_LEN, RiscV32, RiscV64, X86_64,
    Xtensa,
};

/// Words as they lie in memory.
pub(crate) fn bytes_of(words: &[usize]) -> &[u8] {
    // SAFETY: the same memory; every byte of a word is initialised, and a byte needs no alignment.
    unsafe { core::slice::from_raw_parts(words.as_ptr().cast(), size_of_val(words)) }
}

/// Keeps the words for the handler and raises a fault.
pub(crate) fn say_and_trap(kind: crate::crash::Kind, file: &str, line: u32, message: &str) -> ! {
    // SAFETY: this function never returns, so that what the caller lends lives on for good.
    let (file, message) = unsafe {
        (
            core::mem::transmute::<&str, &'static str>(file),
            core::mem::transmute::<&str, &'static str>(message),
        )
    };
    #[cfg(entry)]
    words::say(kind, file, line, message);
    #[cfg(not(entry))]
    let _ = (kind, file, line, message);
    trap()
}

fn trap() -> ! {
    #[cfg(target_arch = "arm")]
    // SAFETY: an undefined instruction enters the handler and never comes back.
    unsafe {
        core::arch::asm!("udf #0xfe", options(noreturn))
    }
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    // SAFETY: as above.
    unsafe {
        core::arch::asm!("unimp", options(noreturn))
    }
    #[cfg(not(any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64")))]
    loop {
        core::hint::spin_loop();
    }
}
