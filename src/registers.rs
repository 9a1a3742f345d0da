//! The registers of one thread: one optional value per register of the target's set.

use crate::targets::Arch;
use std::fmt;
use std::sync::Arc;

/// The registers of one thread. What the dump did not hold is `None`, never zero.
#[derive(Clone)]
pub struct Registers {
    arch: Arc<Arch>,
    values: Vec<Option<u128>>,
    why_missing: Option<Arc<str>>,
}

impl Registers {
    /// No register known yet.
    pub fn unknown(arch: Arc<Arch>) -> Self {
        let values = vec![None; arch.registers.len()];
        Registers { arch, values, why_missing: None }
    }

    /// The set that these are of.
    pub fn arch(&self) -> &Arc<Arch> {
        &self.arch
    }

    /// The value of the register with `index` in [`Arch::registers`].
    pub fn get(&self, index: usize) -> Option<u128> {
        let register = self.arch.registers.get(index)?;
        register.constant.or_else(|| self.held(index))
    }

    /// The same, of what the dump held: nothing for a register that the architecture wires to a
    /// constant.
    fn held(&self, index: usize) -> Option<u128> {
        let storage = self.arch.registers.get(index)?.storage;
        self.values.get(storage).copied().flatten()
    }

    /// The value of the register called `name`; `None` if it is unknown or there is no such one.
    pub fn by_name(&self, name: &str) -> Option<u64> {
        self.get(self.arch.register(name)?).map(|value| value as u64)
    }

    /// Sets the register with `index`, cut to its width. An index that the set lacks is nothing.
    pub fn set(&mut self, index: usize, value: u128) {
        let Some(register) = self.arch.registers.get(index) else { return };
        let mask = u128::MAX >> (128 - register.bits.clamp(1, 128));
        if let Some(slot) = self.values.get_mut(register.storage) {
            *slot = Some(value & mask);
        }
    }

    /// Sets the register called `name` and returns whether the set has it.
    pub fn set_by_name(&mut self, name: &str, value: impl Into<u128>) -> bool {
        let index = self.arch.register(name);
        index.map(|index| self.set(index, value.into())).is_some()
    }

    /// Makes the register called `name` unknown again.
    pub fn forget(&mut self, name: &str) {
        if let Some(index) = self.arch.register(name) {
            self.forget_at(index);
        }
    }

    fn forget_at(&mut self, index: usize) {
        let storage = self.arch.registers.get(index).map_or(index, |r| r.storage);
        if let Some(slot) = self.values.get_mut(storage) {
            *slot = None;
        }
    }

    /// Sets the program counter, by whatever name.
    pub fn set_pc(&mut self, value: impl Into<u128>) {
        self.set(self.arch.pc, value.into());
    }

    /// Sets the stack pointer, by whatever name.
    pub fn set_sp(&mut self, value: impl Into<u128>) {
        self.set(self.arch.sp, value.into());
    }

    /// Makes the program counter unknown again.
    pub fn forget_pc(&mut self) {
        self.forget_at(self.arch.pc);
    }

    /// Makes the stack pointer unknown again.
    pub fn forget_sp(&mut self) {
        self.forget_at(self.arch.sp);
    }

    /// The program counter.
    pub fn pc(&self) -> Option<u64> {
        self.get(self.arch.pc).map(|value| value as u64)
    }

    /// The return address of a call, where a register holds it.
    pub fn lr(&self) -> Option<u64> {
        self.get(self.arch.lr?).map(|value| value as u64)
    }

    /// The stack pointer.
    pub fn sp(&self) -> Option<u64> {
        self.get(self.arch.sp).map(|value| value as u64)
    }

    /// Whether any register is known.
    pub fn any_known(&self) -> bool {
        self.values.iter().any(Option::is_some)
    }

    /// The registers that the dump held by index, each value only once (under its own name).
    pub fn known(&self) -> impl Iterator<Item = (usize, u128)> {
        let own =
            |index: &usize| self.arch.registers.get(*index).map(|r| r.storage) == Some(*index);
        (0..self.values.len()).filter(own).filter_map(|index| Some((index, self.held(index)?)))
    }

    /// The same values in another set, by name. A register that is of another width there stays
    /// unknown: what its other part was nobody saved.
    #[must_use]
    pub(crate) fn in_set(&self, arch: &Arc<Arch>) -> Registers {
        let mut other = Registers::unknown(arch.clone());
        other.why_missing.clone_from(&self.why_missing);
        for (index, value) in self.known() {
            let Some(register) = self.arch.registers.get(index) else { continue };
            let same = arch.register(&register.name);
            let same =
                same.filter(|i| arch.registers.get(*i).is_some_and(|r| r.bits == register.bits));
            if let Some(same) = same {
                other.set(same, value);
            }
        }
        other
    }

    /// Why the unknown ones are unknown, where the reader could tell.
    pub fn why_missing(&self) -> Option<&str> {
        self.why_missing.as_deref()
    }

    /// Says why the unknown ones are unknown.
    pub fn set_why_missing(&mut self, why: impl Into<Arc<str>>) {
        self.why_missing = Some(why.into());
    }
}

impl fmt::Debug for Registers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (index, value) in self.known() {
            if let Some(register) = self.arch.registers.get(index) {
                map.entry(&format_args!("{}", register.name), &format_args!("{value:#x}"));
            }
        }
        map.finish()
    }
}
