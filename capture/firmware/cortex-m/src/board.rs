//! The emulated boards: their memory map and their console.

use coroner_capture::{Area, SinkError};

/// An address where nothing answers. On mps2-an505 bit 28 makes an address secure.
pub const NOWHERE: usize = if cfg!(feature = "nonsecure") { 0xa000_0000 } else { 0x9000_0000 };
/// A word of secure memory.
pub const SECURE: usize = 0x3000_0000;
/// Where the secure program leaves the address of a function that non-secure code may call.
pub const GATEWAY: usize = 0x2801_0000;

/// Working memory and the system control space.
#[cfg(microbit)]
pub const MEMORY: [Area; 2] =
    [Area::range(0x2000_0000, 0x2000_4000), Area::range(0xe000_e000, 0xe000_f000)];
/// Working memory and the system control space.
#[cfg(feature = "nonsecure")]
pub const MEMORY: [Area; 2] =
    [Area::range(0x2800_0000, 0x2800_8000), Area::range(0xe000_e000, 0xe000_f000)];
/// Working memory and the system control space.
#[cfg(all(armv8m, not(feature = "nonsecure")))]
pub const MEMORY: [Area; 2] =
    [Area::range(0x3000_0000, 0x3000_8000), Area::range(0xe000_e000, 0xe000_f000)];
/// Working memory and the system control space.
#[cfg(not(any(microbit, armv8m)))]
pub const MEMORY: [Area; 2] =
    [Area::range(0x2000_0000, 0x2001_0000), Area::range(0xe000_e000, 0xe000_f000)];

fn write(register: usize, value: u32) {
    // SAFETY: a register of this board's UART or watchdog.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}

fn read(register: usize) -> u32 {
    // SAFETY: as above.
    unsafe { core::ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

/// Sends bytes through the board's first UART, polled.
pub fn uart(bytes: &[u8]) -> Result<(), SinkError> {
    #[cfg(microbit)]
    {
        const UART: usize = 0x4000_2000;
        write(UART + 0x500, 4); // ENABLE
        write(UART + 0x008, 1); // STARTTX
        for &byte in bytes {
            write(UART + 0x11c, 0); // EVENTS_TXDRDY
            write(UART + 0x51c, byte.into()); // TXD
            while read(UART + 0x11c) == 0 {}
        }
    }
    #[cfg(not(microbit))]
    {
        const UART: usize = if cfg!(armv8m) { 0x5020_0000 } else { 0x4000_4000 };
        write(UART + 0x10, 16); // BAUDDIV
        write(UART + 0x08, 1); // CTRL: transmitter on
        for &byte in bytes {
            while read(UART + 0x04) & 1 != 0 {}
            write(UART, byte.into());
        }
    }
    Ok(())
}

/// Starts the watchdog: its early warning is an NMI, a reset follows as long after that.
#[cfg(all(mainline, not(armv8m)))]
pub fn start_watchdog() {
    const WATCHDOG: usize = 0x4000_8000;
    write(WATCHDOG, 500_000); // LOAD
    write(WATCHDOG + 0x08, 3); // CONTROL: interrupt and reset
}

/// Feeds the watchdog.
#[cfg(all(mainline, not(armv8m)))]
pub fn feed_watchdog() {
    write(0x4000_8000 + 0x0c, 1); // INTCLR
}
