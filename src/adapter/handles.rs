//! Numbers that clients get for what they may ask for again: frames, scopes, values.

use std::collections::HashMap;
use std::hash::Hash;

/// More are not given out: no person opens as many branches.
const MOST: usize = 1 << 20;

/// A number for each thing, the same for the same thing, counted from 1.
pub(super) struct Handles<T> {
    things: Vec<T>,
    numbers: HashMap<T, i64>,
}

impl<T: Clone + Eq + Hash> Handles<T> {
    pub(super) fn new() -> Self {
        Handles { things: Vec::new(), numbers: HashMap::new() }
    }

    /// The number of `thing`; 0, which stands for nothing, if there are too many.
    pub(super) fn number(&mut self, thing: T) -> i64 {
        if let Some(number) = self.numbers.get(&thing) {
            return *number;
        }
        if self.things.len() >= MOST {
            return 0;
        }
        self.things.push(thing.clone());
        let number = self.things.len() as i64;
        self.numbers.insert(thing, number);
        number
    }

    /// What has this number.
    pub(super) fn thing(&self, number: i64) -> Option<&T> {
        usize::try_from(number.checked_sub(1)?).ok().and_then(|index| self.things.get(index))
    }
}
