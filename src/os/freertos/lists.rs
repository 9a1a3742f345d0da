//! The scheduler's lists: rings of items, each owned by a task, closed by an item of the list's
//! own.

use super::Kernel;
use crate::dump::Note;
use crate::os::task::MOST_TASKS;
use std::collections::HashSet;

/// More priorities than this no firmware has.
const MOST_PRIORITIES: u64 = 256;

/// A task and the list that it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The address of its control block.
    pub at: u64,
    pub state: State,
}

/// What a list says of those in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Ready,
    Blocked,
    Suspended,
    Deleted,
    /// It is in no list that could be read.
    Unknown,
}

/// All tasks that the lists hold, each once, in the order of the lists.
pub(super) fn all(kernel: &Kernel<'_>, notes: &mut Vec<Note>) -> Vec<Found> {
    let list_len = kernel.layout.list.len;
    let mut lists: Vec<(String, u64, State)> = Vec::new();
    if let Some(addr) = kernel.variables.addr("pxReadyTasksLists") {
        let len = kernel.variables.len("pxReadyTasksLists");
        let count = len.checked_div(list_len).unwrap_or_default().clamp(1, MOST_PRIORITIES);
        // The highest priority first, as the scheduler looks.
        for priority in (0..count).rev() {
            let at = priority.checked_mul(list_len).and_then(|offset| addr.checked_add(offset));
            let name = format!("pxReadyTasksLists[{priority}]");
            lists.extend(at.map(|at| (name, at, State::Ready)));
        }
    }
    for (name, state) in [
        ("xPendingReadyList", State::Ready),
        ("xDelayedTaskList1", State::Blocked),
        ("xDelayedTaskList2", State::Blocked),
        ("xSuspendedTaskList", State::Suspended),
        ("xTasksWaitingTermination", State::Deleted),
    ] {
        lists.extend(kernel.variables.addr(name).map(|at| (name.to_string(), at, state)));
    }
    let mut found: Vec<Found> = Vec::new();
    let mut seen = HashSet::new();
    for (name, at, state) in lists {
        for owner in owners(kernel, &name, at, notes) {
            if seen.insert(owner) && found.len() < MOST_TASKS {
                found.push(Found { at: owner, state });
            }
        }
    }
    found
}

/// The owners of the items of one list. A list that breaks off is read from its other end as well.
fn owners(kernel: &Kernel<'_>, name: &str, at: u64, notes: &mut Vec<Note>) -> Vec<u64> {
    let (item, end) = (&kernel.layout.item, at.checked_add(kernel.layout.list.end));
    let Some(end) = end else { return Vec::new() };
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    let mut broken = None;
    for step in [item.next, item.previous] {
        let mut from = end;
        let why = loop {
            let next = from.checked_add(step).and_then(|addr| kernel.word(addr));
            let Some(next) = next else {
                // The list itself may not be in the dump, which is nothing that is damaged.
                break (from != end).then(|| format!("{from:#x} is not in the dump"));
            };
            if next == end {
                break None;
            }
            if next == 0 && from == end {
                // Not initialised: the kernel has not used it.
                break None;
            }
            if !seen.insert(next) {
                break Some(format!("it comes back to {next:#x}"));
            }
            if all.len() >= MOST_TASKS {
                break Some(format!("it has more than {MOST_TASKS} items"));
            }
            let owner = next.checked_add(item.owner).and_then(|addr| kernel.word(addr));
            let owner = owner.filter(|owner| *owner != 0);
            match owner.filter(|owner| owns(kernel, *owner, next)) {
                Some(owner) => all.push(owner),
                None => break Some(format!("the item {next:#x} is no task's")),
            }
            from = next;
        };
        match (why, broken.is_some()) {
            // Whole in this direction, so there is nothing more to find.
            (None, false) => break,
            (None, true) => {}
            (Some(why), false) => broken = Some(why),
            (Some(_), true) => {}
        }
    }
    if let Some(why) = broken {
        notes.push(Note::warning(format!(
            "freertos: the list {name} at {at:#x} is damaged: {why}; {} tasks of it were found",
            all.len()
        )));
    }
    all
}

/// Whether `item` is one of the two that the task at `owner` has.
fn owns(kernel: &Kernel<'_>, owner: u64, item: u64) -> bool {
    let tcb = &kernel.layout.tcb;
    let items = [Some(tcb.state_item), tcb.event_item];
    items.into_iter().flatten().any(|offset| owner.checked_add(offset) == Some(item))
}

/// The state in the words of the kernel's `eTaskState`, in lower case.
pub(super) fn state_words(kernel: &Kernel<'_>, found: &Found) -> String {
    match found.state {
        State::Ready => "ready",
        State::Blocked => "blocked",
        // Who waits without a limit is in the same list as who was suspended.
        State::Suspended if waits(kernel, found.at) => "blocked",
        State::Suspended => "suspended",
        State::Deleted => "deleted",
        State::Unknown => "in no list",
    }
    .into()
}

/// Whether a task waits for an event or a notification.
fn waits(kernel: &Kernel<'_>, at: u64) -> bool {
    let tcb = &kernel.layout.tcb;
    let container = tcb
        .event_item
        .and_then(|item| item.checked_add(kernel.layout.item.container))
        .and_then(|offset| kernel.word(at.checked_add(offset)?));
    if container.is_some_and(|list| list != 0) {
        return true;
    }
    // taskWAITING_NOTIFICATION
    let Some((offset, count)) = tcb.notify_states else { return false };
    let addr = at.checked_add(offset);
    let states = addr.and_then(|addr| kernel.dump.memory.bytes(addr, usize::try_from(count).ok()?));
    states.is_some_and(|states| states.contains(&1))
}
