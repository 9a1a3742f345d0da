//! Kernels whose threads are read out of dumped memory with the help of the firmware's ELF file.
//!
//! A format says with [`crate::dump::Kernel`] which kernel it is of and what of it was dumped by
//! itself; where no format says, the ELF file's symbols do (an image of plain RAM, for one).

mod cortex_m_switch;
mod freertos;
mod hubris;
mod kernel;
mod list;
mod nuttx;
mod read;
mod rt_thread;
mod task;
mod zephyr;

pub(crate) use kernel::{Structure, View};
pub(crate) use read::Variables;

use crate::dump::{Dump, Kernel, ZephyrKernel};
use crate::firmware::Firmware;
use std::sync::Arc;

/// The kernels of plain RAM beside Zephyr, whose own dumps bring more.
const KERNELS: [&dyn kernel::Kernel; 3] =
    [&freertos::FreeRtos, &rt_thread::RtThread, &nuttx::NuttX];

/// Adds what the kernel's own structures in memory tell and the format could not: threads, their
/// names, states and saved registers. Repairs registers that the kernel is known to dump wrong.
/// `embedded` are the further ELF files that travel in the dump.
pub fn complete(dump: &mut Dump, firmware: Option<&Arc<Firmware>>, embedded: &[Arc<Firmware>]) {
    match dump.kernel.clone() {
        Some(Kernel::Zephyr(kernel)) => return zephyr::complete(dump, &kernel, firmware),
        Some(Kernel::Hubris { only }) => return hubris::complete(dump, only, firmware, embedded),
        None => {}
    }
    // A format that brought threads of its own knows them better. Some of them are cores.
    let brought = dump.threads.iter().any(|thread| thread.control_block.is_some())
        || dump.threads.iter().filter(|thread| thread.core.is_none()).count() > 1;
    let Some(firmware) = firmware else { return };
    if brought {
        if kernel::is_firmware(&freertos::FreeRtos, firmware) {
            kernel::supplement(&freertos::FreeRtos, dump, firmware);
        }
        return;
    }
    if zephyr::is_firmware(firmware) {
        return zephyr::complete(dump, &ZephyrKernel::default(), Some(firmware));
    }
    if hubris::is_kernel(firmware) {
        return hubris::complete(dump, None, Some(firmware), embedded);
    }
    if let Some(kernel) = KERNELS.into_iter().find(|k| kernel::is_firmware(*k, firmware)) {
        kernel::complete(kernel, dump, firmware);
    }
}
