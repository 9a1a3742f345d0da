//! Values that are known only as sums: "the stack pointer before the trap, less 144".
//!
//! Code that saves registers is run with such values for whatever is not known, and what it stored
//! where is written down. Later the dump's memory at these places says what the values were.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use std::collections::BTreeMap;

/// Something that has a value which is not known (yet).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Symbol {
    /// A register, by its number, at the start of the code.
    Register(u8),
    /// A system register, by its number, at the start of the code.
    System(u16),
    /// What an instruction left that is not followed.
    Other(u32),
}

/// Symbols, each with a factor, and a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    terms: Vec<(Symbol, i64)>,
    pub number: u64,
}

/// Sums of more symbols are not followed.
const MOST_TERMS: usize = 3;

impl Value {
    pub(super) fn number(number: u64) -> Value {
        Value { terms: Vec::new(), number }
    }

    pub(super) fn of(symbol: Symbol) -> Value {
        Value { terms: vec![(symbol, 1)], number: 0 }
    }

    /// The value, if it is a number alone.
    pub(super) fn known(&self) -> Option<u64> {
        self.terms.is_empty().then_some(self.number)
    }

    /// The symbol, if the value is that symbol and nothing else.
    pub(super) fn symbol(&self) -> Option<Symbol> {
        match self.terms.as_slice() {
            [(symbol, 1)] if self.number == 0 => Some(*symbol),
            _ => None,
        }
    }

    pub(super) fn plus(&self, number: u64) -> Value {
        Value { terms: self.terms.clone(), number: self.number.wrapping_add(number) }
    }

    /// `self + factor * other`; `None` if that becomes too long.
    pub(super) fn add(&self, other: &Value, factor: i64) -> Option<Value> {
        let mut sum = self.clone();
        for (symbol, times) in &other.terms {
            let times = times.checked_mul(factor)?;
            match sum.terms.iter_mut().find(|(own, _)| own == symbol) {
                Some((_, own)) => *own = own.checked_add(times)?,
                None => sum.terms.push((*symbol, times)),
            }
        }
        sum.terms.retain(|(_, times)| *times != 0);
        sum.terms.sort_unstable();
        let number = other.number.wrapping_mul(factor as u64);
        sum.number = sum.number.wrapping_add(number);
        (sum.terms.len() <= MOST_TERMS).then_some(sum)
    }
}

/// What was stored somewhere.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub addr: Value,
    pub size: u64,
    pub value: Value,
}

/// Registers and memory on a way through code.
#[derive(Clone, Debug)]
pub(super) struct State {
    registers: Vec<Value>,
    system: BTreeMap<u16, Value>,
    pub stored: Vec<Stored>,
    /// What the dump's memory held where a value was loaded from, by the value's number.
    pub loaded: BTreeMap<u32, u64>,
    others: u32,
    mask: u64,
    /// Values that are the highest bit of the cause of the trap, by their numbers.
    signs: Vec<u32>,
    /// Whether the way is that of an interrupt, once the code has asked for it.
    pub is_interrupt: Option<bool>,
}

impl State {
    /// Nothing is known of `count` registers of `word_bits`.
    pub(super) fn unknown(count: u8, word_bits: u32) -> State {
        State {
            registers: (0..count).map(|n| Value::of(Symbol::Register(n))).collect(),
            system: BTreeMap::new(),
            stored: Vec::new(),
            loaded: BTreeMap::new(),
            others: 0,
            mask: u64::MAX >> (64 - word_bits.clamp(1, 64)),
            signs: Vec::new(),
            is_interrupt: None,
        }
    }

    pub(super) fn get(&self, register: u8) -> Value {
        self.registers.get(usize::from(register)).cloned().unwrap_or_default()
    }

    pub(super) fn set(&mut self, register: u8, value: Value) {
        let number = value.number & self.mask;
        if let Some(slot) = self.registers.get_mut(usize::from(register)) {
            *slot = Value { number, ..value };
        }
    }

    /// A value of which nothing is known.
    pub(super) fn other(&mut self) -> Value {
        self.others += 1;
        Value::of(Symbol::Other(self.others))
    }

    /// The highest bit of the cause of the trap.
    pub(super) fn sign(&mut self) -> Value {
        let value = self.other();
        self.signs.push(self.others);
        value
    }

    pub(super) fn is_sign(&self, value: &Value) -> bool {
        matches!(value.symbol(), Some(Symbol::Other(number)) if self.signs.contains(&number))
    }

    pub(super) fn forget(&mut self, register: u8) {
        let value = self.other();
        self.set(register, value);
    }

    pub(super) fn system(&self, number: u16) -> Value {
        self.system.get(&number).cloned().unwrap_or_else(|| Value::of(Symbol::System(number)))
    }

    pub(super) fn set_system(&mut self, number: u16, value: Value) {
        self.system.insert(number, value);
    }

    pub(super) fn sum(&mut self, a: &Value, b: &Value, factor: i64) -> Value {
        match a.add(b, factor) {
            Some(sum) => Value { number: sum.number & self.mask, ..sum },
            None => self.other(),
        }
    }

    pub(super) fn store(&mut self, addr: Value, size: u64, value: Value) {
        let addr = Value { number: addr.number & self.mask, ..addr };
        self.stored.retain(|old| old.addr != addr);
        self.stored.push(Stored { addr, size, value });
    }

    /// What was stored at `addr` on this way.
    pub(super) fn stored_at(&self, addr: &Value, size: u64) -> Option<Value> {
        let wanted = addr.number & self.mask;
        let same = |old: &&Stored| {
            old.addr.terms == addr.terms && old.addr.number == wanted && old.size == size
        };
        self.stored.iter().find(same).map(|old| old.value.clone())
    }

    /// Whether a register was stored as it was at the start.
    pub(super) fn has_stored(&self, register: u8) -> bool {
        let own = Some(Symbol::Register(register));
        self.stored.iter().any(|stored| stored.value.symbol() == own)
    }

    /// A value that was loaded from where the dump holds `now`.
    pub(super) fn loaded(&mut self, now: Option<u64>) -> Value {
        let value = self.other();
        if let Some(now) = now {
            self.loaded.insert(self.others, now);
        }
        value
    }
}

/// What the symbols turned out to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Solution {
    values: BTreeMap<Symbol, u64>,
    mask: u64,
    /// Something was found to be two things at once.
    pub contradicts: bool,
}

impl Solution {
    pub(super) fn new(word_bits: u32) -> Solution {
        let mask = u64::MAX >> (64 - word_bits.clamp(1, 64));
        Solution { values: BTreeMap::new(), mask, contradicts: false }
    }

    /// The number that `value` is.
    pub(super) fn value(&self, value: &Value) -> Option<u64> {
        let mut sum = value.number;
        for (symbol, times) in &value.terms {
            let own = self.values.get(symbol)?;
            sum = sum.wrapping_add(own.wrapping_mul(*times as u64));
        }
        Some(sum & self.mask)
    }

    pub(super) fn symbol(&self, symbol: Symbol) -> Option<u64> {
        self.values.get(&symbol).copied()
    }

    /// Takes over that `value` is `number`; returns whether something became known by that.
    pub(super) fn equate(&mut self, value: &Value, number: u64) -> bool {
        let unknown = |(symbol, _): &&(Symbol, i64)| !self.values.contains_key(symbol);
        let mut missing = value.terms.iter().filter(unknown);
        let (Some((symbol, times @ (1 | -1))), None) = (missing.next(), missing.next()) else {
            return false;
        };
        let rest = value.terms.iter().filter(|(own, _)| own != symbol).try_fold(
            value.number,
            |sum, (own, times)| {
                Some(sum.wrapping_add(self.values.get(own)?.wrapping_mul(*times as u64)))
            },
        );
        let Some(rest) = rest else { return false };
        let own = number.wrapping_sub(rest).wrapping_mul(*times as u64) & self.mask;
        self.values.insert(*symbol, own);
        true
    }

    /// Finds out what the symbols are from the memory that the stores went to. What was loaded is
    /// taken to be there still only where nothing else helps.
    /// `stack` is the stack pointer's symbol.
    pub(super) fn solve(
        &mut self,
        state: &State,
        stack: Symbol,
        read: impl Fn(u64, u64) -> Option<u64>,
    ) {
        for hints in [false, true] {
            if hints {
                for (number, now) in &state.loaded {
                    self.values.entry(Symbol::Other(*number)).or_insert(*now);
                }
            }
            loop {
                let mut found = false;
                // A place that the code used for a while is not the last one.
                for stored in state.stored.iter().rev() {
                    let Some(addr) = self.value(&stored.addr) else { continue };
                    let Some(word) = read(addr, stored.size) else { continue };
                    found |= self.equate(&stored.value, word);
                }
                if !found {
                    break;
                }
            }
        }
        // A stack pointer that was saved must be the one that the rest says.
        let has_sp = |value: &Value| value.terms.iter().any(|(own, _)| *own == stack);
        for stored in state.stored.iter().filter(|stored| has_sp(&stored.value)) {
            let told = self.value(&stored.value);
            let word = self.value(&stored.addr).and_then(|addr| read(addr, stored.size));
            self.contradicts |= told.zip(word).is_some_and(|(told, word)| told != word);
        }
    }
}
