//! The devices of QEMU's `virt` machine: its UART, and its NOR flash.
#![no_std]

use coroner_capture::SinkError;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// Sends bytes through the 16550, polled.
pub fn uart(bytes: &[u8]) -> Result<(), SinkError> {
    let transmit = core::ptr::with_exposed_provenance_mut::<u8>(0x1000_0000);
    for &byte in bytes {
        // SAFETY: the registers of the UART.
        unsafe {
            while transmit.add(5).read_volatile() & 0x20 == 0 {}
            transmit.write_volatile(byte);
        }
    }
    Ok(())
}

/// The second bank of flash: two chips of 16 bits side by side, so that every command is doubled.
pub struct Pflash;

/// Where the second bank lies.
const BASE: usize = 0x2200_0000;
/// Bytes of it that this driver uses.
pub const LEN: u32 = 4 * 0x4_0000;

/// Outside of the flash, or the chip reports an error.
#[derive(Debug)]
pub struct FlashFault;

impl NorFlashError for FlashFault {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Pflash {
    type Error = FlashFault;
}

fn word(offset: u32) -> *mut u32 {
    core::ptr::with_exposed_provenance_mut(BASE + offset as usize)
}

/// Waits for a command to end, and goes back to reading.
fn settle(offset: u32) -> Result<(), FlashFault> {
    const READY: u32 = 0x0080_0080;
    const ERRORS: u32 = 0x007f_007f;
    // SAFETY: commands of the flash, at an address that the caller has checked.
    unsafe {
        let status = loop {
            let status = word(offset).read_volatile();
            if status & READY == READY {
                break status;
            }
        };
        word(offset).write_volatile(0x0050_0050);
        word(offset).write_volatile(0x00ff_00ff);
        if status & ERRORS == 0 { Ok(()) } else { Err(FlashFault) }
    }
}

impl ReadNorFlash for Pflash {
    const READ_SIZE: usize = 4;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), FlashFault> {
        if offset.saturating_add(bytes.len() as u32) > LEN {
            return Err(FlashFault);
        }
        for (index, part) in bytes.chunks_mut(4).enumerate() {
            // SAFETY: inside of the flash, which is in its reading mode between commands.
            let value = unsafe { word(offset + 4 * index as u32).read_volatile() };
            part.copy_from_slice(&value.to_le_bytes()[..part.len()]);
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        LEN as usize
    }
}

impl NorFlash for Pflash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 0x4_0000;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), FlashFault> {
        for block in (from..to.min(LEN)).step_by(Self::ERASE_SIZE) {
            // SAFETY: commands of the flash, inside of it.
            unsafe {
                word(block).write_volatile(0x0020_0020);
                word(block).write_volatile(0x00d0_00d0);
            }
            settle(block)?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), FlashFault> {
        if offset.saturating_add(bytes.len() as u32) > LEN {
            return Err(FlashFault);
        }
        for (index, part) in bytes.chunks_exact(4).enumerate() {
            let at = offset + 4 * index as u32;
            let value = u32::from_le_bytes([part[0], part[1], part[2], part[3]]);
            // SAFETY: commands of the flash, inside of it.
            unsafe {
                word(at).write_volatile(0x0040_0040);
                word(at).write_volatile(value);
            }
            settle(at)?;
        }
        Ok(())
    }
}
