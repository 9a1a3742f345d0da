//! The writer and a flash partition of two slots; the flash itself is three functions.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Live;
use coroner_capture::sink::flash::Partition;
use coroner_capture::{Config, Crash, Single, Workspace};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use firmware_size as _;

/// A driver that lies somewhere else.
struct Driver {
    read: extern "C" fn(u32, *mut u8, usize) -> bool,
    write: extern "C" fn(u32, *const u8, usize) -> bool,
}

#[derive(Debug)]
struct Failed;

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Driver {
    type Error = Failed;
}

impl ReadNorFlash for Driver {
    const READ_SIZE: usize = 4;

    fn read(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        if (self.read)(at, bytes.as_mut_ptr(), bytes.len()) { Ok(()) } else { Err(Failed) }
    }

    fn capacity(&self) -> usize {
        1 << 20
    }
}

impl NorFlash for Driver {
    const WRITE_SIZE: usize = 8;
    const ERASE_SIZE: usize = 4096;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), Failed> {
        Err(Failed)
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failed> {
        if (self.write)(at, bytes.as_ptr(), bytes.len()) { Ok(()) } else { Err(Failed) }
    }
}

#[unsafe(no_mangle)]
fn probe(
    config: &Config,
    crash: &Crash,
    tasks: &mut Single,
    room: &mut Workspace<16, 4>,
    read: extern "C" fn(u32, *mut u8, usize) -> bool,
    write: extern "C" fn(u32, *const u8, usize) -> bool,
) -> u8 {
    // SAFETY: this is only linked, never run.
    let mut memory = unsafe { Live::new(config) };
    let mut driver = Driver { read, write };
    let Some(mut partition) = Partition::new(&mut driver, 0, 1 << 16, 2) else { return 9 };
    let Some(mut slot) = partition.blank_slot() else { return 9 };
    room.write(config, crash, tasks, &mut memory, &mut slot) as u8
}
