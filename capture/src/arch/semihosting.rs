//! Calls to the debugger or emulator that watches the processor (ARM semihosting; RISC-V uses the
//! same numbers). Without one they fault: only for firmware that runs under QEMU or a probe.

use core::sync::atomic::{AtomicU32, Ordering};

/// `SYS_OPEN` and friends.
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub(crate) enum Call {
    /// Opens a file: name, mode, length of the name.
    Open = 1,
    /// Closes a file: handle.
    Close = 2,
    /// Writes: handle, bytes, length; answers the bytes that were not written.
    Write = 5,
    /// Moves in a file: handle, offset.
    Seek = 10,
    /// The command line: buffer, its length.
    CommandLine = 0x15,
    /// Ends the emulator: reason, status.
    ExitExtended = 0x20,
}

/// Makes a call with its block of arguments: addresses of memory that the caller owns.
pub(crate) fn call(call: Call, arguments: &[usize; 3]) -> usize {
    let result: usize;
    #[cfg(target_arch = "arm")]
    // SAFETY: `bkpt 0xab` hands r0 and r1 to the debugger, which reads the block and what it points
    // to, writes files of its own, and puts the answer in r0.
    unsafe {
        core::arch::asm!("bkpt 0xab", inout("r0") call as usize => result, in("r1") arguments.as_ptr(), options(nostack));
    }
    #[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
    // SAFETY: as above; the three instructions must be uncompressed and on one page.
    unsafe {
        core::arch::asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inout("a0") call as usize => result, in("a1") arguments.as_ptr(), options(nostack));
    }
    #[cfg(not(any(target_arch = "arm", target_arch = "riscv32", target_arch = "riscv64")))]
    {
        let _ = (call, arguments);
        result = usize::MAX;
    }
    if result != usize::MAX {
        ANSWERED.store(YES, Ordering::Relaxed);
    }
    result
}

/// [`YES`] once somebody has answered a call: a call can end the program then.
static ANSWERED: AtomicU32 = AtomicU32::new(0);
const YES: u32 = 0x5e31_4057;

/// Whether somebody has answered a call.
#[cfg_attr(
    not(any(target_arch = "riscv32", target_arch = "riscv64")),
    allow(dead_code, reason = "Cortex-M can reset")
)]
pub(crate) fn has_answered() -> bool {
    ANSWERED.load(Ordering::Relaxed) == YES
}

/// The command line that the debugger or emulator was given for the program, as bytes.
pub fn command_line(room: &mut [u8]) -> &[u8] {
    let arguments = [room.as_mut_ptr().expose_provenance(), room.len(), 0];
    if call(Call::CommandLine, &arguments) != 0 {
        return &[];
    }
    room.split(|&byte| byte == 0).next().unwrap_or(&[])
}
