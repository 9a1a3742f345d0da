//! `threads`, and the event that says where the device stands.

use super::view::View;
use crate::dump::Thread;
use serde_json::{Value, json};

/// The number of the thread with this index.
pub(super) fn number(index: usize) -> i64 {
    index as i64 + 1
}

impl View<'_> {
    /// The index of the thread with a client's number of it.
    pub(super) fn thread_index(&self, number: i64) -> Result<usize, String> {
        let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        index
            .filter(|index| self.look.thread(*index).is_some())
            .ok_or_else(|| format!("there is no thread {number}"))
    }

    pub(super) fn threads(&self) -> Value {
        let thread = |index: usize| {
            let name = self.look.thread(index).map(name).unwrap_or_default();
            json!({ "id": number(index), "name": crate::display::line(&name) })
        };
        let all: Vec<Value> = self.look.order().into_iter().map(thread).collect();
        json!({ "threads": all })
    }

    /// Where and why the device stands.
    pub(super) fn stopped(&self, reason: &str) -> Value {
        let index = self.look.order().first().copied().unwrap_or_default();
        // Editors show the description in place of the thread's name, and have little room.
        let crashed = !self.look.dump.reason.is_unknown();
        json!({
            "reason": reason,
            "description": if crashed { "crashed" } else { "stopped" },
            "text": self.headline(),
            "threadId": number(index),
            "allThreadsStopped": true,
        })
    }
}

/// Name, state, priority and core in one line: the protocol has no other place for them.
fn name(thread: &Thread) -> String {
    let mut name = thread.label();
    let mut more = Vec::new();
    more.extend(thread.state.clone());
    more.extend(thread.priority.map(|priority| format!("priority {priority}")));
    more.extend(thread.core.map(|core| format!("core {core}")));
    if !more.is_empty() {
        name.push_str(&format!(" ({})", more.join(", ")));
    }
    name
}
