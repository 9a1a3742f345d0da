//! Kernels whose threads are read out of dumped memory with the help of the firmware's ELF file.
//!
//! A format says with [`crate::dump::Kernel`] which kernel it is of and what of it was dumped by
//! itself; where no format says, the ELF file's symbols do (an image of plain RAM, for one).

mod structs;
mod zephyr;

use crate::dump::{Dump, Kernel, ZephyrKernel};
use crate::firmware::Firmware;
use std::sync::Arc;

/// Adds what the kernel's own structures in memory tell and the format could not: threads, their
/// names, states and saved registers. Repairs registers that the kernel is known to dump wrong.
pub fn complete(dump: &mut Dump, firmware: Option<&Arc<Firmware>>) {
    match dump.kernel.clone() {
        Some(Kernel::Zephyr(kernel)) => zephyr::complete(dump, &kernel, firmware),
        // A format that brought threads of its own knows them better.
        None if dump.threads.len() <= 1 => {
            if let Some(firmware) = firmware.filter(|firmware| zephyr::is_firmware(firmware)) {
                zephyr::complete(dump, &ZephyrKernel::default(), Some(firmware));
            }
        }
        None => {}
    }
}
