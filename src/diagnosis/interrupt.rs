//! Which interrupt's handler the crash happened in, by the name that the vector table has for it.
//!
//! Source: ARMv7-M ARM (DDI 0403E.e), B1.4.2 (IPSR), B1.5.3 (the vector table), B3.2.5 (VTOR).

use super::{Case, Sentence};
use crate::targets::Family;

const VTOR: u64 = 0xe000_ed08;
/// Exceptions below this number are the core's own.
const FIRST_INTERRUPT: u64 = 16;

/// What vendors and kernels call the vector table.
static TABLES: &[&str] = &[
    "__isr_vector",
    "__Vectors",
    "__vectors",
    "g_pfnVectors",
    "_vector_table",
    "__vector_table",
    "vector_table",
    "_vectors",
    "__VECTOR_TABLE",
    "__interrupts",
];

impl Case<'_, '_> {
    /// The handler, which must be among the frames.
    pub(super) fn interrupt(&self) -> Option<Sentence> {
        (self.dump.arch.family == Family::CortexM).then_some(())?;
        let xpsr = self.frame.registers.by_name("xpsr")?;
        let number = xpsr & 0x1ff;
        (number >= FIRST_INTERRUPT).then_some(())?;
        let memory = &self.dump.memory;
        let by_name = || {
            let elves = || self.modules.iter().map(|module| module.elf());
            TABLES.iter().find_map(|name| elves().find_map(|elf| elf.symbol(name)))
        };
        let table = memory.u32_le(VTOR).map(u64::from).or_else(|| by_name().map(|s| s.addr))?;
        let at = table.checked_add(number * 4)?;
        let handler = u64::from(memory.u32_le(at)?) & !1;
        let name = self.modules.symbol(handler).filter(|s| s.covers && s.offset == 0)?.name;
        let is_here = self.frames.get(self.at..)?.iter().any(|frame| {
            let symbol = self.modules.symbol(frame.lookup_pc());
            symbol.is_some_and(|s| frame.lookup_pc().wrapping_sub(s.offset) == handler)
        });
        is_here.then(|| {
            let interrupt = number - FIRST_INTERRUPT;
            Sentence::new(
                "interrupt",
                format!("it happened in {name}, the handler of interrupt {interrupt}"),
            )
            .because(format!("xpsr = {xpsr:#x}"))
            .because(format!("the vector at {at:#x} is {name}"))
        })
    }
}
