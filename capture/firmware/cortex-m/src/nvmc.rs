//! The flash of an nRF51, polled.

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// The last 16 KiB of the flash.
pub const BASE: u32 = 0x3_c000;
/// Their length.
pub const LEN: u32 = 0x4000;

const READY: usize = 0x4001_e400;
const CONFIG: usize = 0x4001_e504;
const ERASE_PAGE: usize = 0x4001_e508;

/// The whole flash, offsets counted from its beginning.
pub struct Nvmc;

/// Outside of the partition.
#[derive(Debug)]
pub struct Outside;

impl NorFlashError for Outside {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl ErrorType for Nvmc {
    type Error = Outside;
}

fn inside(offset: u32, len: usize) -> Result<(), Outside> {
    let inside = offset >= BASE && offset as usize + len <= (BASE + LEN) as usize;
    if inside { Ok(()) } else { Err(Outside) }
}

fn store(at: usize, value: u32) {
    // SAFETY: a register of the NVMC, or a word of the partition, which holds no code.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(at).write_volatile(value) };
}

fn wait() {
    // SAFETY: a register of the NVMC.
    while unsafe { core::ptr::with_exposed_provenance::<u32>(READY).read_volatile() } == 0 {}
}

impl ReadNorFlash for Nvmc {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Outside> {
        inside(offset, bytes.len())?;
        for (index, byte) in bytes.iter_mut().enumerate() {
            // SAFETY: inside of the partition.
            *byte = unsafe {
                core::ptr::with_exposed_provenance::<u8>(offset as usize + index).read_volatile()
            };
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        (BASE + LEN) as usize
    }
}

impl NorFlash for Nvmc {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 1024;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Outside> {
        inside(from, (to - from) as usize)?;
        store(CONFIG, 2);
        for page in (from..to).step_by(Self::ERASE_SIZE) {
            store(ERASE_PAGE, page);
            wait();
        }
        store(CONFIG, 0);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Outside> {
        inside(offset, bytes.len())?;
        store(CONFIG, 1);
        for (index, word) in bytes.chunks_exact(4).enumerate() {
            let word = [word[0], word[1], word[2], word[3]];
            store(offset as usize + 4 * index, u32::from_le_bytes(word));
            wait();
        }
        store(CONFIG, 0);
        Ok(())
    }
}
