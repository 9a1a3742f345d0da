//! The kernel's list of threads, and what each thread says of itself.
//!
//! Source: Zephyr 2.4 to 4.2, `include/zephyr/kernel_structs.h` (states), `kernel/include`.

use super::layout::Layout;
use crate::dump::{Note, Stack, Thread, ZephyrKernel};
use crate::firmware::Firmware;
use crate::memory::Memory;
use crate::os::list::List;
use crate::os::read::{join, read_word};
use crate::os::task::{name_at, stack_of};
use crate::targets::Arch;
use bytes::Bytes;

/// The bytes of `_kernel`, and how to read words.
pub(super) struct State<'a> {
    bytes: Bytes,
    arch: &'a Arch,
}

/// A CPU and the thread that was on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpu {
    pub number: u32,
    /// The address of the thread's control block.
    pub current: u64,
}

impl<'a> State<'a> {
    /// From the dump's own copy, or from the memory where the ELF file says that it lies.
    pub(super) fn of(
        kernel: &ZephyrKernel,
        firmware: &Firmware,
        layout: &Layout,
        memory: &Memory,
        arch: &'a Arch,
    ) -> Option<State<'a>> {
        layout.threads?;
        let bytes = kernel.state.clone().or_else(|| {
            let symbol = || firmware.symbol("_kernel").map(|symbol| (symbol.addr, symbol.len));
            let (addr, len) = match (layout.kernel_addr, layout.kernel_len) {
                (Some(addr), Some(len)) => (addr, len),
                (Some(addr), None) => (addr, 0),
                _ => symbol()?,
            };
            let word = u64::from(arch.word_bits / 8);
            let needed = layout.threads.max(layout.current)?.checked_add(word)?;
            let len = usize::try_from(len.max(needed)).ok()?;
            memory.bytes(addr, len).or_else(|| memory.bytes(addr, usize::try_from(needed).ok()?))
        })?;
        Some(State { bytes, arch })
    }

    fn word(&self, offset: u64) -> Option<u64> {
        let len = (self.arch.word_bits / 8) as usize;
        let start = usize::try_from(offset).ok()?;
        join(self.bytes.get(start..start.checked_add(len)?)?, self.arch.endian)
    }

    /// The CPUs, each with its thread.
    pub(super) fn cpus(&self, layout: &Layout) -> Vec<Cpu> {
        let count = match layout.cpu_stride {
            Some(_) => layout.cpu_count.unwrap_or(1),
            None => 1,
        };
        let current = |number: u64| {
            let step = layout.cpu_stride.unwrap_or_default().checked_mul(number)?;
            let current = self.word(layout.current?.checked_add(step)?)?;
            Some(Cpu { number: u32::try_from(number).ok()?, current })
        };
        (0..count).map_while(current).collect()
    }

    /// The control blocks of all threads, in the kernel's order.
    pub(super) fn threads(
        &self,
        layout: &Layout,
        memory: &Memory,
        notes: &mut Vec<Note>,
    ) -> Vec<u64> {
        let Some(next) = layout.next else { return Vec::new() };
        let list = List { name: "of threads", head: 0, links: &[0], of: "thread" };
        // A chain's begin is asked for at address 0.
        let link = |at: u64| match at {
            0 => layout.threads.and_then(|offset| self.word(offset)),
            at => read_word(memory, at.checked_add(next)?, self.arch),
        };
        list.walk("zephyr", notes, link, |at| link(at).map(|_| at))
    }
}

/// Name, state and priority.
pub(super) fn describe(
    thread: &mut Thread,
    at: u64,
    layout: &Layout,
    kernel: &ZephyrKernel,
    memory: &Memory,
) {
    let field = |offset: Option<u64>| at.checked_add(offset?);
    thread.name = name_at(memory, field(layout.name), layout.name_len);
    let state = field(layout.state).and_then(|addr| memory.word_le(addr, 8));
    thread.state = state.map(|state| state_words(state as u8, kernel.version));
    let priority = field(layout.priority).and_then(|addr| memory.array::<1>(addr));
    thread.priority = priority.map(|[byte]| i64::from(byte.cast_signed()));
}

/// The state's bits in the kernel's words. Bit 2 changed its meaning with Zephyr 4.
fn state_words(state: u8, header_version: u16) -> String {
    let third = if header_version >= 2 { "sleeping" } else { "prestart" };
    let names =
        ["dummy", "pending", third, "dead", "suspended", "aborting", "suspending", "queued"];
    let set = names.iter().enumerate().filter(|(bit, _)| state & 1 << bit != 0);
    let words: Vec<&str> = set.map(|(_, name)| *name).collect();
    match words.as_slice() {
        [] => "ready".into(),
        ["queued"] => "ready".into(),
        words => words.join(", "),
    }
}

/// Where the thread starts. On Cortex-M without the Thumb bit.
pub(super) fn entry(at: u64, layout: &Layout, memory: &Memory, arch: &Arch) -> Option<u64> {
    let entry = read_word(memory, at.checked_add(layout.entry?)?, arch)?;
    Some(if arch.name == "cortex-m" { entry & !1 } else { entry })
}

/// The thread's stack: by its control block, or the block that was dumped right behind that.
pub(super) fn stack(
    at: u64,
    layout: &Layout,
    memory: &Memory,
    kernel: &ZephyrKernel,
    arch: &Arch,
) -> Option<Stack> {
    let word = |offset: Option<u64>| read_word(memory, at.checked_add(offset?)?, arch);
    if let (Some(low), Some(size)) = (word(layout.stack_start), word(layout.stack_size)) {
        return stack_of(low, size);
    }
    let index = kernel.blocks.iter().position(|block| block.start == at)?;
    let block = kernel.blocks.get(index.checked_add(1)?)?;
    Some(Stack { low: block.start, high: block.last.checked_add(1)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_said_in_the_words_of_their_kernel() {
        assert_eq!(state_words(0x80, 1), "ready");
        assert_eq!(state_words(0x02, 1), "pending");
        assert_eq!(
            (state_words(0x04, 1), state_words(0x04, 2)),
            ("prestart".into(), "sleeping".into())
        );
        assert_eq!(state_words(0x12, 2), "pending, suspended");
    }
}
