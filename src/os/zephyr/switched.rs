//! The registers of a thread that was switched out.
//!
//! `sp` is the word at the thread's "saved stack pointer", which is a member of the structure with
//! the callee-saved registers.
//!
//! | architecture | layout                                                                     |
//! | Cortex-M     | r4-r11 in front of it; at psp the exception frame, with s0-s15 and fpscr if |
//! |              | bit 4 of EXC_RETURN is clear; s16-s31 in `arch`                             |
//! | Arm A/R      | as Cortex-M, without the frame                                              |
//! | RISC-V       | the structure begins with it: sp ra s0-s11; pc is ra                        |
//! | AArch64      | x19-x29 sp_el0 sp_elx x30: it is sp_elx; pc is x30                          |
//! | x86          | it is esp; upwards from there: eax ebp ebx esi edi, return address          |
//! | x86-64       | it begins the structure: rsp rbx rbp r12-r15 rip rflags                     |
//! | SPARC        | y psr l0-l7 i0-i7 o6 o7: it is o6; pc is o7                                 |
//! | Xtensa       | the switch handle leads to a frame whose first word leads to the base save  |
//! |              | area; a4-a15 lie below that, in groups of four                              |
//!
//! Source: Zephyr 2.4 to 4.2, `arch/*/core/` and `include/zephyr/arch/*/thread.h`; Cortex-M,
//! RISC-V and x86 seen in real dumps.

use super::layout::Layout;
use crate::arch::cortex_m::Frame;
use crate::arch::cortex_m::frame::words;
use crate::arch::cortex_m::set_pair;
use crate::memory::Memory;
use crate::os::read::{read_u32, read_word};
use crate::registers::Registers;
use crate::targets::Arch;
use std::sync::Arc;

const WHY: &str = "register not saved when the thread was switched out";
/// Clear in the EXC_RETURN of a thread whose frame is an extended one.
const FTYPE: u8 = 1 << 4;

/// The registers that the kernel saved for the thread whose control block is at `at`.
pub(super) fn registers(at: u64, layout: &Layout, memory: &Memory, arch: &Arc<Arch>) -> Registers {
    let mut registers = Registers::unknown(arch.clone());
    registers.set_why_missing(WHY);
    let saved = Saved { at, layout, memory, arch };
    // What can't be read leaves registers unknown, which says enough.
    let _ = match arch.name.as_str() {
        "cortex-m" => saved.cortex_m(&mut registers),
        "arm" => saved.arm(&mut registers),
        "aarch64" => saved.aarch64(&mut registers),
        "i386" => saved.x86(&mut registers),
        "x86-64" => saved.x86_64(&mut registers),
        "sparc" => saved.sparc(&mut registers),
        name if name.starts_with("riscv") => saved.riscv(&mut registers),
        _ if arch.gdb_architecture == "xtensa" => saved.xtensa(&mut registers),
        _ => None,
    };
    registers
}

/// The stack pointer that the kernel saved for it.
pub(super) fn stack_pointer(at: u64, layout: &Layout, memory: &Memory, arch: &Arch) -> Option<u64> {
    read_word(memory, at.checked_add(layout.stack_ptr?)?, arch)
}

struct Saved<'a> {
    at: u64,
    layout: &'a Layout,
    memory: &'a Memory,
    arch: &'a Arch,
}

impl Saved<'_> {
    /// Where the saved stack pointer lies.
    fn stack_ptr(&self) -> Option<u64> {
        self.at.checked_add(self.layout.stack_ptr?)
    }

    /// Sets registers from consecutive words. An empty name passes over one.
    fn set_all(&self, registers: &mut Registers, addr: u64, names: &[&str]) {
        let step = u64::from(self.arch.word_bits / 8);
        for (index, name) in (0u64..).zip(names).filter(|(_, name)| !name.is_empty()) {
            let addr = index.checked_mul(step).and_then(|offset| addr.checked_add(offset));
            if let Some(value) = addr.and_then(|addr| read_word(self.memory, addr, self.arch)) {
                registers.set_by_name(name, value);
            }
        }
    }

    fn cortex_m(&self, registers: &mut Registers) -> Option<()> {
        let place = self.stack_ptr()?;
        let callee = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"];
        self.set_all(registers, place.checked_sub(32)?, &callee);
        let psp = self.memory.u32_le(place)?;
        let exc_return = self.layout.exc_return.and_then(|offset| {
            self.memory.array::<1>(self.at.checked_add(offset)?).map(|[byte]| byte)
        });
        let extended = exc_return.is_some_and(|byte| byte & FTYPE == 0);
        let Some(frame) = Frame::at(self.memory, psp.into(), extended) else {
            // The stack is not there; the frame would be at its end.
            return None;
        };
        frame.with_floats(self.memory).restore(registers);
        if extended
            && let Some(addr) = self.layout.preempt_float.and_then(|o| self.at.checked_add(o))
            && let Some(singles) = words::<16>(self.memory, addr)
        {
            let (pairs, _) = singles.as_chunks::<2>();
            for (n, [low, high]) in (8..).zip(pairs) {
                set_pair(registers, n, *low, *high);
            }
        }
        Some(())
    }

    fn arm(&self, registers: &mut Registers) -> Option<()> {
        let place = self.stack_ptr()?;
        let callee = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "sp"];
        self.set_all(registers, place.checked_sub(32)?, &callee);
        Some(())
    }

    fn riscv(&self, registers: &mut Registers) -> Option<()> {
        let all =
            ["sp", "ra", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11"];
        let count = if self.arch.register("s2").is_some() { all.len() } else { 4 };
        self.set_all(registers, self.stack_ptr()?, all.get(..count)?);
        let ra = registers.by_name("ra")?;
        registers.set_pc(ra);
        Some(())
    }

    fn aarch64(&self, registers: &mut Registers) -> Option<()> {
        let names = [
            "x19", "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "", "sp",
            "x30",
        ];
        self.set_all(registers, self.stack_ptr()?.checked_sub(96)?, &names);
        let lr = registers.by_name("x30")?;
        registers.set_pc(lr);
        Some(())
    }

    fn x86(&self, registers: &mut Registers) -> Option<()> {
        let esp = self.memory.u32_le(self.stack_ptr()?)?;
        let names = ["eax", "ebp", "ebx", "esi", "edi", "eip"];
        self.set_all(registers, esp.into(), &names);
        registers.by_name("eip")?;
        registers.set_by_name("esp", esp.wrapping_add(24));
        Some(())
    }

    fn x86_64(&self, registers: &mut Registers) -> Option<()> {
        let names = ["rsp", "rbx", "rbp", "r12", "r13", "r14", "r15", "rip", "eflags"];
        self.set_all(registers, self.stack_ptr()?, &names);
        Some(())
    }

    fn sparc(&self, registers: &mut Registers) -> Option<()> {
        let names = [
            "y", "psr", "l0", "l1", "l2", "l3", "l4", "l5", "l6", "l7", "i0", "i1", "i2", "i3",
            "i4", "i5", "i6", "i7", "sp", "o7",
        ];
        self.set_all(registers, self.stack_ptr()?.checked_sub(72)?, &names);
        let o7 = registers.by_name("o7")?;
        registers.set_pc(o7);
        Some(())
    }

    fn xtensa(&self, registers: &mut Registers) -> Option<()> {
        let handle = self.at.checked_add(self.layout.switch_handle?)?;
        let frame = read_u32(self.memory, handle, self.arch)?;
        let area = read_u32(self.memory, frame.into(), self.arch)?;
        for (name, offset) in &self.layout.save_area {
            let addr = u64::from(area).checked_add(*offset)?;
            let Some(value) = read_u32(self.memory, addr, self.arch) else { continue };
            match name.strip_prefix('a') {
                Some(n) => registers.set_by_name(&format!("ar{n}"), value),
                None => registers.set_by_name(name, value),
            };
        }
        let len = u32::try_from(self.layout.save_area_len?).ok()?;
        registers.set_by_name("ar1", area.checked_add(len)?);
        // Four registers each, as many groups as lie between the frame and the area.
        let groups = (area.checked_sub(frame)?.saturating_sub(1) / 16).min(3);
        for group in 0..groups {
            let at = area.checked_sub(16 * (group + 1))?;
            for n in 0..4 {
                let value = read_u32(self.memory, u64::from(at) + 4 * u64::from(n), self.arch);
                if let Some(value) = value {
                    registers.set_by_name(&format!("ar{}", 4 + 4 * group + n), value);
                }
            }
        }
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
        Some(())
    }
}
