//! What differs between architectures where traps are entered and left by code.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::symbolic::{State, Value};
use crate::memory::{Memory, Origin};
use crate::registers::Registers;

pub(super) use super::riscv::Compare;

/// What a branch depends on.
pub(super) struct Condition {
    pub a: Value,
    pub b: Value,
    pub kind: Compare,
}

/// Where it goes on after an instruction.
pub(super) enum Flow {
    Next(u64),
    Jump(u64),
    /// There if taken, there if not.
    Branch(u64, u64, Condition),
    /// Of what is there, if it is known, and where it returns to.
    Call(Option<u64>, u64),
    TrapReturn,
    /// Nobody knows.
    Lost,
}

/// An architecture whose traps are entered by code that saves registers.
pub(super) trait Machine {
    fn word_bits(&self) -> u32;
    /// How many registers there are.
    fn count(&self) -> u8;
    /// The stack pointer's number.
    fn stack(&self) -> u8;
    /// The number of the register with the return address.
    fn link(&self) -> u8;
    /// What a register is called.
    fn name(&self, register: u8) -> String;
    /// The numbers of the system registers with address, cause, value and status of a trap.
    fn system(&self) -> [u16; 4];
    /// What those are called that tell of the trap which a thread with these registers is in.
    fn live(&self, live: Option<&Registers>) -> [&'static str; 4];
    /// Whether a function that is called may leave anything in this one.
    fn is_lost_by_calls(&self, register: u8) -> bool;
    /// Whether an interrupt leaves the cause of the exception before in its register.
    fn keeps_cause(&self) -> bool {
        false
    }
    /// Registers that only the entry of a trap saves: no function needs to.
    fn temporaries(&self) -> &'static [u8];
    /// Alignment of instructions.
    fn code_align(&self) -> u64;
    /// Whether the instruction at `pc` ends the handling of a trap.
    fn is_return_from_trap(&self, memory: &Memory, pc: u64) -> bool;
    /// Whether the instruction at `pc` reads where the trap came from.
    fn reads_trap_address(&self, memory: &Memory, pc: u64) -> bool;
    /// Where the instruction at `pc` jumps to in any case.
    fn jump_at(&self, memory: &Memory, pc: u64) -> Option<u64>;
    /// Runs the instruction at `pc`; `None` if it is none that can be followed.
    fn step(&self, memory: &Memory, pc: u64, state: &mut State) -> Option<Flow>;
    /// Where code that is entered at `start` may have come from besides: a table of entries that are
    /// aligned to so much.
    fn vector_align(&self) -> Option<u64> {
        None
    }
    /// Whether the vector at this address is taken by interrupts, where its place tells.
    fn is_interrupt_vector(&self, _start: u64) -> Option<bool> {
        None
    }
}

/// What a load from `addr` gives: what was stored there on the way, what can't have changed, or
/// something that has yet to be found out.
pub(super) fn load(state: &mut State, memory: &Memory, addr: &Value, size: u64) -> Value {
    if let Some(value) = state.stored_at(addr, size) {
        return value;
    }
    let bits = u32::try_from(size * 8).unwrap_or_default();
    let now = addr.known().and_then(|addr| memory.word_le(addr, bits));
    let constant = addr.known().and_then(|addr| memory.region_at(addr));
    let constant = constant
        .is_some_and(|region| !region.access.write || !matches!(region.origin, Origin::Dump));
    match now {
        Some(now) if constant => Value::number(now),
        now => state.loaded(now),
    }
}
