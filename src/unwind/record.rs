//! AArch64: the frame pointer of a thread, out of the frame record at its stack pointer.
//!
//! Zephyr's exception frames of AArch64 have no x29 in most builds, and without it and without call
//! frame information no debugger gets beyond the first frame. All code puts a frame record, x29 and
//! x30 of the caller, at the lowest address of its frame and points x29 at it; so where a record
//! lies at sp, that is what x29 held. What is put back is noted as reconstructed.
//!
//! Source: AAPCS64 (2022Q3) 6.4.6 "The Frame Pointer".

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::abi::{Abi, Family};
use super::calls;
use crate::debug_info::Modules;
use crate::dump::{Dump, Note};
use crate::registers::Registers;

/// No function has a larger frame.
const LARGEST_FRAME: u64 = 64 << 10;

/// Whether threads of the dump have a stack pointer and no frame pointer, which it may hold.
pub fn lacks_frame_pointers(dump: &Dump) -> bool {
    Abi::of(&dump.arch).family == Family::Aarch64
        && dump.threads.iter().any(|thread| lacks(&thread.registers))
}

fn lacks(registers: &Registers) -> bool {
    registers.sp().is_some() && registers.by_name("x29").is_none()
}

/// Gives threads the frame pointer that the frame record at their stack pointer proves.
pub fn reconstruct_frame_pointers(dump: &mut Dump, modules: &Modules<'_>) {
    let memory = &dump.memory;
    let is_record = |at: u64| {
        let word = |offset: u64| memory.word_le(at.checked_add(offset)?, 64);
        let (Some(above), Some(back)) = (word(0), word(8)) else { return false };
        // The outermost record is {0, 0}, and proves nothing.
        above.checked_sub(at).is_some_and(|len| (16..LARGEST_FRAME).contains(&len))
            && above.is_multiple_of(16)
            && modules.is_code(back)
            && calls::before(Family::Aarch64, memory, back).is_some()
    };
    let mut labels = Vec::new();
    for thread in dump.threads.iter_mut().filter(|thread| lacks(&thread.registers)) {
        let Some(sp) = thread.registers.sp().filter(|sp| is_record(*sp)) else { continue };
        thread.registers.set_by_name("x29", sp);
        labels.push(thread.label());
    }
    if !labels.is_empty() {
        let words = format!(
            "x29 of {} is reconstructed from the frame record at sp, which GDB needs to go on",
            labels.join(", ")
        );
        dump.notes.push(Note::info(words).code("reconstructed"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dump::Thread;
    use crate::memory::Region;
    use crate::targets::Targets;

    /// A thread with sp, and a record of these two words there.
    fn frame_pointer(above: u64, back: u64) -> Option<u64> {
        let arch = Targets::built_in().arch("aarch64").expect("a built-in set");
        let mut dump = Dump::new("test", arch.clone());
        let mut registers = Registers::unknown(arch);
        registers.set_sp(0x4000_1000u64);
        dump.threads.push(Thread::new(1, registers));
        let bytes = [above.to_le_bytes(), back.to_le_bytes()].concat();
        dump.memory.insert(Region::dumped(0x4000_1000, bytes.into()));
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/zephyr/aarch64/firmware.elf");
        let elf = crate::firmware::Firmware::open(std::path::Path::new(path), true);
        let elf = elf.expect("part of the project");
        elf.add_constants(&mut dump.memory, crate::memory::Origin::Elf, None);
        let modules = Modules::of([&elf]);
        reconstruct_frame_pointers(&mut dump, &modules);
        dump.threads.first().and_then(|thread| thread.registers.by_name("x29"))
    }

    #[test]
    fn a_record_at_sp_gives_the_frame_pointer_and_anything_else_does_not() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/zephyr/aarch64/firmware.elf");
        let elf = crate::firmware::Firmware::open(std::path::Path::new(path), true);
        let elf = elf.expect("part of the project");
        let mut memory = crate::memory::Memory::new();
        elf.add_constants(&mut memory, crate::memory::Origin::Elf, None);
        let code = memory.regions().find(|region| region.access.execute).expect("code");
        let mut places = (0..code.bytes.len() as u64).step_by(4).map(|at| code.start + at);
        let after_call = |at: &u64| calls::before(Family::Aarch64, &memory, *at).is_some();
        let back = places.find(after_call).expect("it calls");
        assert_eq!(frame_pointer(0x4000_1040, back), Some(0x4000_1000));
        assert_eq!(frame_pointer(0x4000_1040, back + 1), None, "no return address");
        assert_eq!(frame_pointer(0x4000_0fc0, back), None, "the chain must rise");
        assert_eq!(frame_pointer(0, 0), None);
    }
}
