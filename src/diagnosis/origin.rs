//! Where a register got its value: back through the code that ran before, as far as it is certain that it ran.
//!
//! Only instructions without a jump among them, into whose middle nothing in the function jumps; and what they read
//! must still be there, with the very value that the register has.

use super::{Case, Sentence};
use crate::disasm::{Instruction, Kind};
use crate::targets::Family;

/// Longer chains of loads are not followed.
const DEEPEST: usize = 4;

/// The word that a register was loaded from.
pub(super) struct Loaded {
    /// Where the word is.
    pub addr: u64,
    /// The instruction that read it.
    pub by: Instruction,
}

impl Case<'_, '_> {
    /// The word of memory that `register` was loaded from, which still holds the same.
    pub(super) fn loaded_from(&self, register: &str) -> Option<Loaded> {
        let all = self.code.function(self.frame.pc)?;
        let here = all.iter().position(|one| one.addr == self.frame.pc)?;
        let at = self.definition(&all, here, register)?;
        let by = all.get(at)?;
        let access = by.memory.as_ref().filter(|access| access.load && !access.store)?;
        let word = u64::from(self.dump.arch.word_bits / 8);
        // One register, one word: pairs and parts are not followed.
        let one = by.writes.len() == 1 && access.width.map(u64::from) == Some(word);
        one.then_some(())?;
        let addr = match access.absolute {
            Some(addr) => addr,
            None => {
                let base = self.value_before(&all, at, here, access.base.as_deref()?, DEEPEST)?;
                let index = match &access.index {
                    Some((index, shift)) => self
                        .value_before(&all, at, here, index, DEEPEST)?
                        .wrapping_shl((*shift).into()),
                    None => 0,
                };
                let sum = base.wrapping_add(index).wrapping_add_signed(access.offset);
                sum & self.dump.arch.address_mask()
            }
        };
        let held = self.word(addr)?;
        (held == self.register(register)?).then(|| Loaded { addr, by: by.clone() })
    }

    fn word(&self, addr: u64) -> Option<u64> {
        let memory = &self.dump.memory;
        memory.word_le(addr, self.dump.arch.word_bits)
    }

    /// The last instruction before `end` that writes `register`, if it is certain that it ran.
    fn definition(&self, all: &[Instruction], end: usize, register: &str) -> Option<usize> {
        let at = (0..end).rev().find(|at| all.get(*at).is_some_and(|one| writes(one, register)))?;
        (self.is_straight(all, at, end) && !self.is_conditional(all, at)).then_some(at)
    }

    /// Whether an instruction of Arm runs only if a condition holds: then nobody knows whether it did.
    fn is_conditional(&self, all: &[Instruction], at: usize) -> bool {
        let Some(one) = all.get(at) else { return true };
        match self.dump.arch.family {
            Family::Arm | Family::CortexM => {
                // T32: `itte` is in front of three. A32: the upper four bits.
                let in_block = (1..=4).any(|back| {
                    let before = at.checked_sub(back).and_then(|at| all.get(at));
                    before.is_some_and(|it| {
                        let is_it = it.mnemonic.starts_with("it");
                        is_it && back < it.mnemonic.len()
                    })
                });
                let is_thumb =
                    self.frame.registers.by_name("cpsr").is_some_and(|c| c >> 5 & 1 == 1);
                let is_a32 = self.dump.arch.family == Family::Arm && !is_thumb;
                let word = self.dump.memory.u32_le(one.addr);
                in_block || (is_a32 && word.is_none_or(|word| word >> 28 != 0xe))
            }
            _ => false,
        }
    }

    /// Whether what runs at `end` ran from `start` on without a jump.
    fn is_straight(&self, all: &[Instruction], start: usize, end: usize) -> bool {
        let Some(run) = all.get(start..end) else { return false };
        // What a jump through a register leads to is not known.
        let known = |one: &Instruction| match one.kind {
            Kind::Jump => one.target.is_some(),
            _ => true,
        };
        // Xtensa's loops go back without a jump.
        let is_loop = |one: &Instruction| one.mnemonic.starts_with("loop");
        let (Some(first), Some(last)) = (run.first(), all.get(end)) else { return false };
        let into = |target: u64| target > first.addr && target <= last.addr;
        run.iter().all(|one| matches!(one.kind, Kind::Other | Kind::Branch))
            && all.iter().all(|one| known(one) && !is_loop(one))
            && !all.iter().filter_map(|one| one.target.filter(|_| one.memory.is_none())).any(into)
    }

    /// What `register` held before the instruction at `at`, which ran straight on to `here`.
    fn value_before(
        &self,
        all: &[Instruction],
        at: usize,
        here: usize,
        register: &str,
        depth: usize,
    ) -> Option<u64> {
        let depth = depth.checked_sub(1)?;
        let run = all.get(at..here)?;
        if !run.iter().any(|one| writes(one, register)) {
            return self.register(register);
        }
        let definition = self.definition(all, at, register)?;
        self.is_straight(all, definition, here).then_some(())?;
        let by = all.get(definition)?;
        if let Some(access) = by.memory.as_ref().filter(|access| access.load && !access.store) {
            let word = u64::from(self.dump.arch.word_bits / 8);
            (by.writes.len() == 1 && access.width.map(u64::from) == Some(word)).then_some(())?;
            // Constants beside the code do not change; anything else may have.
            let region = self.dump.memory.region_at(access.absolute?)?;
            let is_constant = region.origin == crate::memory::Origin::Elf && !region.access.write;
            return is_constant.then(|| self.word(access.absolute?))?;
        }
        self.computed(all, definition, here, by, depth)
    }

    /// What an instruction computes, of the few that make addresses.
    fn computed(
        &self,
        all: &[Instruction],
        at: usize,
        here: usize,
        by: &Instruction,
        depth: usize,
    ) -> Option<u64> {
        let operands: Vec<&str> = by.operands.split([',', ' ']).filter(|o| !o.is_empty()).collect();
        let mask = self.dump.arch.address_mask();
        let before = |name: &str| self.value_before(all, at, here, name, depth);
        match (by.mnemonic.as_str(), operands.as_slice()) {
            ("lui", [_, value]) => {
                let upper = (number(value)? as u64) << 12;
                Some(upper as u32 as i32 as i64 as u64 & mask)
            }
            ("auipc", [_, value]) => {
                let upper = ((number(value)? as u64) << 12) as u32 as i32;
                Some(by.addr.wrapping_add_signed(upper.into()) & mask)
            }
            ("adrp" | "adr", _) => by.target,
            ("movw", [_, value]) => number(value).map(|value| value as u64),
            ("movt", [register, value]) => {
                let low = before(register)? & 0xffff;
                Some((number(value)? as u64) << 16 | low)
            }
            ("add" | "addi", [_, source, value]) if self.register(source).is_some() => {
                let value = number(value)?;
                Some(before(source)?.wrapping_add_signed(value) & mask)
            }
            ("mv" | "mov" | "mov.n", [_, source]) if self.register(source).is_some() => {
                before(source)
            }
            _ => None,
        }
    }

    /// The sentence about the word that `register` was read from.
    pub(super) fn read_from(&self, register: &str) -> Option<Sentence> {
        let loaded = self.loaded_from(register)?;
        let value = self.register(register)?;
        // Where a local variable lies the name of it says more.
        let name = self.data(loaded.addr)?;
        let words =
            format!("{value:#x} was read from {name} at {:#x}, which holds it still", loaded.addr);
        Some(Sentence::new("origin", words).because(self.shown(&loaded.by)))
    }
}

fn number(text: &str) -> Option<i64> {
    let text = text.trim_start_matches('#');
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * value)
}

/// Whether an instruction changes a register, by any of its names. AArch64's `w3` is a part of `x3`.
fn writes(one: &Instruction, register: &str) -> bool {
    let plain = |name: &str| match name.as_bytes() {
        [b'w', digit, ..] if digit.is_ascii_digit() => name.replacen('w', "x", 1),
        _ => name.to_string(),
    };
    // A call may change anything.
    let register = plain(register);
    one.kind == Kind::Call || one.writes.iter().any(|name| plain(name) == register)
}
