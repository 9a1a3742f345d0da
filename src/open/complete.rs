//! Stage 4, complete: what the dump and its ELF files tell only together: the format's own
//! leftovers, the kernel's threads, registers out of exception frames, the fault's meaning.

use super::Opened;
use super::paired::{Elves, Paired};
use crate::arch;
use crate::dump::Dump;
use crate::firmware::Firmware;
use crate::format::esp_idf;
use crate::format::parts::assemble as parts;
use crate::os;
use crate::unwind;

/// A dump that tells all that can be known, and the way to it.
pub(super) struct Complete {
    file: String,
    layers: Vec<String>,
    found: Vec<String>,
    picked: usize,
    dump: Dump,
    elves: Elves,
}

impl Paired<'_> {
    /// Lets everyone add what they know, in the order in which they build on each other.
    ///
    /// # Errors
    /// [`crate::error::Error::Target`] if a register set names another that is not there.
    pub(super) fn complete(mut self) -> crate::error::Result<Complete> {
        self.widen_float_registers()?;
        let Paired { found, picked, mut dump, elves } = self;
        let candidate = found.dug.whole.get(picked);
        let parts = &found.dug.parts;
        match (candidate, &elves.firmware) {
            (Some(candidate), Some(firmware)) => candidate.format.complete(&mut dump, &**firmware),
            (None, Some(firmware)) => {
                parts::complete(&mut dump, parts, &found.context(), &**firmware);
            }
            (_, None) => {}
        }
        os::complete(&mut dump, elves.firmware.as_ref(), &elves.embedded);
        if dump.chip.as_ref().is_some_and(|chip| chip.esp_idf.is_some()) {
            let is_in = of_function(elves.firmware.as_deref(), "panic_abort");
            esp_idf::abort::complete(&mut dump, &is_in);
        }
        unwind::reconstruct(&mut dump);
        if unwind::lacks_frame_pointers(&dump) {
            unwind::reconstruct_frame_pointers(&mut dump, &elves.modules());
        }
        arch::gather(&mut dump);
        let finds_fault = dump.reason.pc.is_none() && unwind::may_be_handler(&dump);
        let lacks_control = unwind::has_extended_frame(&dump);
        if finds_fault || lacks_control {
            let modules = elves.modules();
            if let Some(fault) = finds_fault.then(|| unwind::fault(&dump, &modules)).flatten() {
                let told = arch::trap_reason(&fault.registers);
                if let Some(told) = told.filter(|_| dump.reason.is_unknown()) {
                    dump.reason = told;
                }
                dump.reason.pc = Some(fault.pc);
            }
            if lacks_control {
                unwind::reconstruct_control(&mut dump, &modules);
            }
        }
        arch::complete(&mut dump);
        dump.number_threads();
        let mut files: Vec<&str> = parts.iter().map(|part| part.file.as_str()).collect();
        files.dedup();
        let joined = files.join(" + ");
        let mut layers = candidate.map_or_else(Vec::new, |one| one.piece.layers.clone());
        layers.push(dump.format.clone());
        Ok(Complete {
            found: if candidate.is_some() { found.describe() } else { vec![joined.clone()] },
            file: candidate.map_or(joined, |candidate| candidate.file.clone()),
            layers,
            picked,
            dump,
            elves,
        })
    }

    /// Many formats do not say how wide the FPU is; the firmware's float ABI does.
    fn widen_float_registers(&mut self) -> crate::error::Result<()> {
        let len = self.elves.firmware.as_ref().and_then(|elf| elf.float_register_len());
        if len != Some(8) || self.found.options.place.target.is_some() {
            return Ok(());
        }
        let arch = self.found.targets.with_double_floats(&self.dump.arch)?;
        self.dump.arch = arch.clone();
        self.dump.threads.iter_mut().for_each(|t| t.registers = t.registers.in_set(&arch));
        Ok(())
    }
}

/// Whether an address is in the function called `name`; `None` if nobody knows where that is.
fn of_function(firmware: Option<&Firmware>, name: &str) -> impl Fn(u64) -> Option<bool> {
    let place = firmware.and_then(|elf| elf.symbol(name)).filter(|symbol| symbol.len > 0);
    move |pc| {
        let place = place.as_ref()?;
        Some(pc.checked_sub(place.addr).is_some_and(|offset| offset < place.len))
    }
}

impl Complete {
    /// The end of the way.
    pub(super) fn opened(self) -> Opened {
        let Complete { file, layers, found, picked, dump, elves } = self;
        let Elves { firmware, rom, embedded } = elves;
        Opened { file, layers, found, picked: picked + 1, dump, firmware, rom, embedded }
    }
}
