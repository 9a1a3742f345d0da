//! The objects of a kernel as a document.

use super::Hex;
use crate::dump;
use serde::{Deserialize, Serialize};

/// An object of the kernel: a queue, a mutex.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Object {
    /// `queue`, `semaphore`, `mutex`, `event group`, `timer`, `mailbox`, `condition variable`.
    pub kind: String,
    /// Its address.
    pub at: Hex,
    /// Its name in the kernel's registry, or of the variable that it is or that points to it.
    pub name: Option<String>,
    /// What it holds.
    pub state: Option<String>,
    /// The control block of the thread that holds it.
    pub owner: Option<Hex>,
    /// Who waits for it.
    pub waiters: Vec<Waiter>,
}

/// Somebody who waits for an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Waiter {
    /// The control block of the thread.
    pub thread: Hex,
    /// What for, where the object alone does not say.
    pub wants: Option<String>,
    /// It gives up after some time; `null` if that is not known.
    pub limited: Option<bool>,
}

impl Object {
    /// `mutex i2c_lock at 0x20001000, held by radio; sensor waits`; `name` knows threads by their
    /// control block.
    pub fn words(&self, name: impl Fn(Hex) -> String) -> String {
        let own = self.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        let mut words = format!("{}{own} at {}", self.kind, self.at);
        if let Some(state) = &self.state {
            words.push_str(&format!(", {state}"));
        }
        if let Some(owner) = self.owner {
            words.push_str(&format!(", held by {}", name(owner)));
        }
        for waiter in &self.waiters {
            let wants = waiter.wants.as_ref().map_or(String::new(), |wants| format!(" {wants}"));
            words.push_str(&format!("; {} waits{wants}", name(waiter.thread)));
        }
        words
    }

    /// An object of a dump.
    pub fn of(object: &dump::Object) -> Object {
        let waiter = |waiter: &dump::Waiter| Waiter {
            thread: waiter.thread.into(),
            wants: waiter.wants.clone(),
            limited: waiter.limited,
        };
        Object {
            kind: object.kind.to_string(),
            at: object.at.into(),
            name: object.name.clone(),
            state: object.state.clone(),
            owner: object.owner.map(Hex::from),
            waiters: object.waiters.iter().map(waiter).collect(),
        }
    }

    /// The object of a dump; `None` for one of a kind that is not known here.
    pub(super) fn restore(self) -> Option<dump::Object> {
        let mut kinds = dump::ObjectKind::ALL.into_iter();
        let waiter = |waiter: Waiter| dump::Waiter {
            thread: waiter.thread.low(),
            wants: waiter.wants,
            limited: waiter.limited,
        };
        Some(dump::Object {
            kind: kinds.find(|kind| kind.to_string() == self.kind)?,
            at: self.at.low(),
            name: self.name,
            state: self.state,
            owner: self.owner.map(Hex::low),
            waiters: self.waiters.into_iter().map(waiter).collect(),
        })
    }
}
