//! What RT-Thread's RISC-V ports save of a thread that was switched out. From the saved stack
//! pointer upwards, in words:
//!
//! | port                          | words                                                     |
//! | common, bumblebee, ch32, ...  | 0 pc, 1 ra, 2 mstatus, 4 tp, 5-31 x5-x31; above that 32   |
//! |                               | FPU registers if the firmware was built with them         |
//! | common64, to v5.2             | 0 sstatus, 1-12 s11-s0, 13 ra, 14 tp, 15 padding          |
//! | common, since both became one | 0 status, 1 s1, 2 s0, 3 ra, 4 tp, 5-14 s2-s11, 15 padding |
//!
//! gp is not saved. The lower two are what a function has to preserve: the others are lost, and
//! the thread goes on at ra. Nothing in the ELF file says which port it is; pc or ra lie in code,
//! and status has a previous mode in it.
//!
//! Source: RT-Thread 9db4d44 `libcpu/risc-v/common/context_gcc.S`, 116735f
//! `libcpu/risc-v/ch32/context_gcc.S`, 2b21b09 `libcpu/risc-v/common64/context_gcc.S` and a19474e
//! `stackframe.h`, 07009bb `libcpu/risc-v/common/include/stack.h`. The first was seen under QEMU.

use super::super::read::{read_word, word_len};
use crate::memory::Memory;
use crate::registers::Registers;

/// SPP and MPP: the mode before the switch, supervisor or machine.
const PREVIOUS_MODE: u64 = 0x1900;
/// The status has nothing above this in 32 bits but SD.
const STATUS_END: u64 = 1 << 24;
/// Of a switch frame, padding and all.
const SWITCH_WORDS: u64 = 16;
/// The registers behind the status of a switch frame, by their numbers.
type Order = [u8; 14];
const COMMON64: Order = [27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 9, 8, 1, 4];
const COMMON: Order = [9, 8, 1, 4, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

/// The registers of the thread whose saved stack pointer is `sp`. `is_code` knows the firmware,
/// whose FPU registers have `float_len` bytes.
pub(super) fn restore(
    registers: &mut Registers,
    memory: &Memory,
    sp: u64,
    float_len: u64,
    is_code: &dyn Fn(u64) -> bool,
) -> Option<()> {
    let arch = registers.arch().clone();
    let addr = |index: u64| sp.checked_add(index.checked_mul(word_len(&arch))?);
    let word = |index: u64| read_word(memory, addr(index)?, &arch);
    if let Some(pc) = word(0).filter(|pc| is_code(*pc)) {
        registers.set_pc(pc);
        registers.set_by_name("ra", word(1)?);
        registers.set_by_name("mstatus", word(2)?);
        for n in 4..32 {
            registers.set_by_name(&format!("x{n}"), word(n)?);
        }
        registers.set_sp(addr(32)?.checked_add(float_len.checked_mul(32)?)?);
        return Some(());
    }
    let status = word(0)?;
    if status & PREVIOUS_MODE == 0
        || status & !(1 << (arch.word_bits - 1)) & 0xffff_ffff >= STATUS_END
    {
        return None;
    }
    let ra_at =
        |order: &Order| (1..).zip(order).find(|(_, number)| **number == 1).map(|(at, _)| at);
    let fits = |order: &&Order| ra_at(order).and_then(word).is_some_and(is_code);
    let orders = [COMMON64, COMMON];
    let mut fitting = orders.iter().filter(fits);
    let order = fitting.next()?;
    if fitting.next().is_some() {
        // Both could be: neither is believed.
        return None;
    }
    for (at, number) in (1..).zip(order) {
        registers.set_by_name(&format!("x{number}"), word(at)?);
    }
    registers.set_pc(word(ra_at(order)?)?);
    registers.set_sp(addr(SWITCH_WORDS)?);
    Some(())
}
