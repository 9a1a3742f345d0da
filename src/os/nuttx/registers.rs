//! The registers of a task that is not running, in its control block's `xcp.regs`: an array, or
//! since 10.1 on most architectures a pointer to where they were pushed.
//!
//! With `CONFIG_DEBUG_TCBINFO` the firmware tells debuggers with `g_tcbinfo` where each register is:
//! an array of 16-bit offsets in the order of GDB's numbers (`reg_off.p`, `regs_num` or `total_num`
//! of them), or of {name, size, index, offset in the registers, offset in GDB's packet}
//! (`reginfo`). 0xffff says that there is no such register.
//!
//! Without it, in words:
//!
//! | Cortex-M | 0 sp, 1 primask or basepri, 2-9 r4-r11, 10 EXC_RETURN (not in all builds without        |
//! |          | protection) or CONTROL and 11 EXC_RETURN, maybe the stack limit, with FPU s16-s31; then r0-r3   |
//! |          | r12 lr pc xpsr, with FPU s0-s15 fpscr. Or, built to stack the FPU lazily, s0-s31 fpscr before    |
//! |          | r0 and none behind                                                                        |
//! | RISC-V   | 0 pc, 1-31 x1-x31, 32 mstatus                                                             |
//! | Xtensa   | 0 pc, 1 ps, 2-17 a0-a15, 18 sar, 19 exccause, 20 excvaddr, 21 lbeg, 22 lend, 23 lcount    |
//!
//! How long the first part is on a Cortex-M says no variable; the words themselves do, where xpsr
//! and pc can be and sp lies right behind.
//!
//! Source: NuttX 7.31 to 12.9, `arch/arm/include/armv{6,7,8}-m/irq*.h` (of 2025 too: the stored
//! versions of `armv7-m/irq_cmnvector.h`, `irq_lazyfpu.h` and `armv6-m/irq.h` were read),
//! `arch/risc-v/include/irq.h`, `arch/xtensa/include/irq.h`, `arch/*/src/common/*_tcbinfo.c`,
//! `include/nuttx/sched.h`.

use super::{TCB, View};
use crate::arch::cortex_m;
use crate::arch::cortex_m::frame::BASIC;
use crate::arch::cortex_m::set_pair;
use crate::os::read::{join, read_sized};
use crate::registers::Registers;
use crate::targets::Family;

/// What tells debuggers where the registers are.
pub(super) const INFO: &str = "tcbinfo_s";
pub(super) const INFO_MEMBERS: [&[&str]; 2] =
    [&["regs_num", "total_num"], &["reg_off.p", "reg_offs"]];
/// No such register.
const NONE: u64 = 0xffff;
/// What Cortex-M's first part can be long, the usual ones first.
const FIRST_PARTS: [u64; 8] = [11, 27, 10, 12, 28, 26, 44, 43];

/// How the registers of a Cortex-M are kept.
#[derive(Debug, PartialEq)]
struct CortexMLayout {
    /// The word of r0: what the core stacked.
    stacked: u64,
    /// The word of EXC_RETURN.
    exc_return: Option<u64>,
    /// The words of s0, s16 and fpscr.
    floats: Option<[u64; 3]>,
}

impl CortexMLayout {
    /// The layout in which a program counter and a status word are where they should be.
    fn find(
        word: impl Fn(u64) -> Option<u64>,
        holds_code: impl Fn(u64) -> bool,
    ) -> Option<CortexMLayout> {
        let stacked = FIRST_PARTS.into_iter().find(|first| {
            let at = |n: u64| word(first.saturating_add(n));
            let (Some(pc), Some(xpsr)) = (at(6), at(7)) else { return false };
            let in_task = xpsr & 1 << 24 != 0 && xpsr & 0x1ff == 0;
            in_task && pc & 1 == 0 && holds_code(pc)
        })?;
        let is_exc_return = |index: &u64| word(*index).is_some_and(|word| word >> 8 == 0xff_ffff);
        let exc_return = match stacked {
            10 | 26 | 43 => None,
            // CONTROL or the stack limit is the other one.
            _ => [10, 11].into_iter().find(is_exc_return),
        };
        // An FPU whose registers the core did not stack was not used by the task.
        let used = exc_return.and_then(&word).is_some_and(|value| value & 0x10 == 0);
        let floats = match stacked {
            26..=28 if used => Some([stacked + 8, stacked - 16, stacked + 24]),
            43 | 44 => Some([stacked - 33, stacked - 17, stacked - 1]),
            _ => None,
        };
        Some(CortexMLayout { stacked, exc_return, floats })
    }
}

/// Where the saved registers of the task at `at` are; `None` if they are not in the dump.
pub(super) fn place(view: &View<'_>, at: u64) -> Option<u64> {
    let member = view.member(TCB, "xcp.regs")?;
    let addr = at.checked_add(member.offset)?;
    let regs = match member.is_array {
        true => addr,
        false => view.word(addr).filter(|regs| *regs != 0)?,
    };
    view.word(regs).map(|_| regs)
}

/// The registers that were saved at `regs`.
pub(super) fn restore(view: &View<'_>, regs: u64, registers: &mut Registers) -> Option<()> {
    let known = Saved { view, regs };
    let arch = &view.dump.arch;
    known.by_table(registers).or_else(|| {
        if cortex_m::is_m_profile(arch) {
            known.cortex_m(registers)
        } else if arch.family.is_riscv() {
            known.riscv(registers)
        } else if arch.family == Family::Xtensa {
            known.xtensa(registers)
        } else {
            None
        }
    })
}

struct Saved<'a> {
    view: &'a View<'a>,
    regs: u64,
}

impl Saved<'_> {
    fn word(&self, index: u64) -> Option<u64> {
        let step = self.view.word_len();
        self.view.word(self.regs.checked_add(index.checked_mul(step)?)?)
    }

    fn set(&self, registers: &mut Registers, index: u64, name: &str) -> Option<()> {
        registers.set_by_name(name, self.word(index)?);
        Some(())
    }

    /// By what the firmware tells debuggers, for the general registers. How GDB numbers the others
    /// depends on the description that it was given.
    fn by_table(&self, registers: &mut Registers) -> Option<()> {
        let View { firmware, variables, dump, .. } = self.view;
        let addr = variables.addr("g_tcbinfo")?;
        let field = |name: &str| {
            let member = self.view.member(INFO, name)?;
            join(&firmware.read(addr.checked_add(member.offset)?, member.len?)?, firmware.endian)
        };
        let general = match dump.arch.family {
            family if family.is_riscv() => 33,
            _ if cortex_m::is_m_profile(&dump.arch) => 17,
            _ => return None,
        };
        let count = field("regs_num")?.min(general);
        // By names it can be read as well, but the order of GDB's numbers says the same.
        let table = field("reg_off.p")?;
        let mut told = registers.clone();
        for number in 0..count {
            let entry = table.checked_add(number.checked_mul(2)?)?;
            let offset = join(&firmware.read(entry, 2)?, firmware.endian)?;
            let index = dump.arch.register_by_regnum(u32::try_from(number).ok()?);
            let Some(index) = index.filter(|_| offset != NONE) else { continue };
            let len = dump.arch.registers.get(index)?.byte_len() as u64;
            let addr = self.regs.checked_add(offset)?;
            told.set(index, read_sized(&dump.memory, addr, len, &dump.arch)?.into());
        }
        told.pc().filter(|pc| firmware.holds_code(*pc))?;
        *registers = told;
        Some(())
    }

    fn cortex_m(&self, registers: &mut Registers) -> Option<()> {
        let sp = self.word(0)?;
        let holds_code = |pc| self.view.firmware.holds_code(pc);
        let layout = CortexMLayout::find(|index| self.word(index), holds_code)?;
        let stacked = layout.stacked;
        // What was kept leaves out the word that the core may have padded with.
        let padding = if self.word(stacked.checked_add(7)?)? & 1 << 9 != 0 { 4 } else { 0 };
        registers.set_sp(sp.checked_add(padding)?);
        for n in 4..12 {
            self.set(registers, n - 2, &format!("r{n}"))?;
        }
        if let Some(index) = layout.exc_return {
            self.set(registers, index, "exc_return")?;
        }
        for (n, name) in (0..).zip(BASIC) {
            self.set(registers, stacked.checked_add(n)?, name)?;
        }
        let Some([low, high, fpscr]) = layout.floats else { return Some(()) };
        let single = |index: u64| Some(self.word(index)? as u32);
        let pair = |index: u64| Some((single(index)?, single(index.checked_add(1)?)?));
        for n in 0..8u64 {
            let at = |first: u64| pair(first.checked_add(2 * n)?);
            for (number, value) in [(n, at(low)), (n + 8, at(high))] {
                if let Some((low, high)) = value {
                    set_pair(registers, number as usize, low, high);
                }
            }
        }
        self.set(registers, fpscr, "fpscr")
    }

    fn riscv(&self, registers: &mut Registers) -> Option<()> {
        let pc = self.word(0).filter(|pc| self.view.firmware.holds_code(*pc))?;
        registers.set_pc(pc);
        let last = if registers.arch().register("x16").is_some() { 31 } else { 15 };
        for n in 1..=last {
            self.set(registers, n, &format!("x{n}"))?;
        }
        self.set(registers, last + 1, "mstatus")
    }

    fn xtensa(&self, registers: &mut Registers) -> Option<()> {
        let pc = self.word(0).filter(|pc| self.view.firmware.holds_code(*pc))?;
        registers.set_pc(pc);
        self.set(registers, 1, "ps")?;
        for n in 0..16 {
            self.set(registers, n + 2, &format!("ar{n}"))?;
        }
        self.set(registers, 18, "sar")?;
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PC: u64 = 0x0800_4320;

    /// What a build keeps: words from EXC_RETURN's place on, then what the core stacked.
    fn find(middle: &[u64], floats_behind: bool) -> Option<CortexMLayout> {
        let mut words = vec![0x2000_0f00, 0];
        words.extend(4..12);
        words.extend(middle);
        words.extend([0, 1, 2, 3, 12, 0x0800_1235, PC, 0x0100_0000]);
        if floats_behind {
            words.extend([0x3f80_0000; 18]);
        }
        CortexMLayout::find(|index| words.get(index as usize).copied(), |pc| pc == PC)
    }

    fn layout(
        stacked: u64,
        exc_return: Option<u64>,
        floats: Option<[u64; 3]>,
    ) -> Option<CortexMLayout> {
        Some(CortexMLayout { stacked, exc_return, floats })
    }

    #[test]
    fn every_build_that_keeps_registers_of_a_cortex_m_is_told_by_them() {
        let (basic, extended) = (0xffff_fff9, 0xffff_ffe9);
        let singles = |count: usize| vec![0x4000_0000; count];
        let with = |head: &[u64], count: usize| [head, &singles(count)].concat();
        // ARMv6-M and ARMv7-M, with and without EXC_RETURN.
        assert_eq!(find(&[], false), layout(10, None, None));
        assert_eq!(find(&[basic], false), layout(11, Some(10), None));
        // Protected ARMv6-M keeps CONTROL before it, ARMv8-M the stack limit behind it.
        assert_eq!(find(&[3, basic], false), layout(12, Some(11), None));
        assert_eq!(find(&[basic, 0x2000_0800], false), layout(12, Some(10), None));
        // An FPU, used by the task and not.
        let floats = Some([35, 11, 51]);
        assert_eq!(find(&with(&[extended], 16), true), layout(27, Some(10), floats));
        assert_eq!(find(&with(&[basic], 16), true), layout(27, Some(10), None));
        let floats = Some([36, 12, 52]);
        let limited = with(&[extended, 0x2000_0800], 16);
        assert_eq!(find(&limited, true), layout(28, Some(10), floats));
        // Stacked lazily by the core: the kernel keeps s0-s31 and fpscr itself.
        assert_eq!(find(&with(&[], 33), false), layout(43, None, Some([10, 26, 42])));
        assert_eq!(find(&with(&[basic], 33), false), layout(44, Some(10), Some([11, 27, 43])));
        assert_eq!(find(&singles(50), false), None);
    }
}
