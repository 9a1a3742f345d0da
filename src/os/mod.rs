//! Kernels whose threads are read out of dumped memory with the help of the firmware's ELF file.
//!
//! A format says with [`crate::dump::Kernel`] which kernel it is of and what of it was dumped by
//! itself; where no format says, the ELF file's symbols do (an image of plain RAM, for one).

mod freertos;
mod nuttx;
mod pushed;
mod rt_thread;
mod task;
mod words;
mod zephyr;

use crate::dump::{Dump, Kernel, ZephyrKernel};
use crate::firmware::Firmware;
use std::sync::Arc;

/// How an ELF file tells that it has a kernel.
type IsFirmware = fn(&Firmware) -> bool;
/// How a kernel's tasks are added to a dump.
type Complete = fn(&mut Dump, &Arc<Firmware>);

/// The kernels of plain RAM.
const KERNELS: [(IsFirmware, Complete); 4] = [
    (zephyr::is_firmware, |dump, firmware| {
        zephyr::complete(dump, &ZephyrKernel::default(), Some(firmware));
    }),
    (freertos::is_firmware, freertos::complete),
    (rt_thread::is_firmware, rt_thread::complete),
    (nuttx::is_firmware, nuttx::complete),
];

/// Adds what the kernel's own structures in memory tell and the format could not: threads, their
/// names, states and saved registers. Repairs registers that the kernel is known to dump wrong.
pub fn complete(dump: &mut Dump, firmware: Option<&Arc<Firmware>>) {
    if let Some(Kernel::Zephyr(kernel)) = dump.kernel.clone() {
        return zephyr::complete(dump, &kernel, firmware);
    }
    // A format that brought threads of its own knows them better. Some of them are cores.
    let brought = dump.threads.iter().any(|thread| thread.control_block.is_some())
        || dump.threads.iter().filter(|thread| thread.core.is_none()).count() > 1;
    let Some(firmware) = firmware.filter(|_| !brought) else { return };
    if let Some((_, complete)) = KERNELS.iter().find(|(is_firmware, _)| is_firmware(firmware)) {
        complete(dump, firmware);
    }
}
