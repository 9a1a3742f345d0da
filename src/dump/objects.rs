//! What threads wait for and share: the objects of a kernel, and what follows from who holds which.

use super::{Dump, Thread};
use std::fmt;

/// Longer ways from who waits to who holds are not followed.
const MAX_WAY: usize = 64;

/// An object of a kernel: a queue, a mutex.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What it is.
    pub kind: ObjectKind,
    /// Its address.
    pub at: u64,
    /// Its name, in the kernel's own registry, or that of the variable that it is or that points to it.
    pub name: Option<String>,
    /// What it holds: `2 of 8 messages`.
    pub state: Option<String>,
    /// The control block of the thread that holds it.
    pub owner: Option<u64>,
    /// Who waits for it.
    pub waiters: Vec<Waiter>,
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A queue of messages.
    Queue,
    /// A semaphore, binary or counting.
    Semaphore,
    /// A mutex, recursive or not.
    Mutex,
    /// A group of event bits.
    EventGroup,
    /// A timer of the kernel's.
    Timer,
    /// A mailbox: a queue of words.
    Mailbox,
    /// A condition variable.
    Condition,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [ObjectKind; 7] = [
        ObjectKind::Queue,
        ObjectKind::Semaphore,
        ObjectKind::Mutex,
        ObjectKind::EventGroup,
        ObjectKind::Timer,
        ObjectKind::Mailbox,
        ObjectKind::Condition,
    ];
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Queue => "queue",
            ObjectKind::Semaphore => "semaphore",
            ObjectKind::Mutex => "mutex",
            ObjectKind::EventGroup => "event group",
            ObjectKind::Timer => "timer",
            ObjectKind::Mailbox => "mailbox",
            ObjectKind::Condition => "condition variable",
        })
    }
}

/// Somebody who waits for an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiter {
    /// The control block of the thread.
    pub thread: u64,
    /// What for, where the object alone does not say: `to send`.
    pub wants: Option<String>,
    /// It gives up after some time; `None` if that is not known.
    pub limited: Option<bool>,
}

impl Object {
    /// `mutex i2c_lock`, `queue at 0x20001000`
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {name}", self.kind),
            None => format!("{} at {:#x}", self.kind, self.at),
        }
    }
}

/// What a thread waits for, to the end of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The control block of the thread.
    pub thread: u64,
    /// `sensor waits for mutex i2c_lock, held by radio, which waits for ...`
    pub words: String,
    /// The control blocks of threads that wait for one another in a circle, of which this one is one.
    pub circle: Vec<u64>,
}

impl Dump {
    /// The thread with this control block.
    fn thread_of(&self, control_block: u64) -> Option<&Thread> {
        self.threads.iter().find(|thread| thread.control_block == Some(control_block))
    }

    /// The name of the thread with this control block; without one that address.
    pub fn name_of(&self, control_block: u64) -> String {
        let thread = self.thread_of(control_block);
        thread.map_or_else(|| format!("{control_block:#x}"), Thread::label)
    }

    /// What a thread waits for.
    pub fn waits_for(&self, control_block: u64) -> Option<(&Object, &Waiter)> {
        self.objects.iter().find_map(|object| {
            let waiter = object.waiters.iter().find(|waiter| waiter.thread == control_block)?;
            Some((object, waiter))
        })
    }

    /// Everybody who waits for an object, in the order of the threads.
    pub fn waits(&self) -> Vec<Wait> {
        let blocks = self.threads.iter().filter_map(|thread| thread.control_block);
        blocks.filter_map(|block| self.wait(block)).collect()
    }

    /// The ways in which threads wait for one another in a circle, each once.
    pub fn deadlocks(&self) -> Vec<Wait> {
        let first = |wait: &Wait| wait.circle.iter().min() == Some(&wait.thread);
        self.waits().into_iter().filter(|wait| !wait.circle.is_empty() && first(wait)).collect()
    }

    fn wait(&self, thread: u64) -> Option<Wait> {
        let mut words = self.name_of(thread);
        let mut way = vec![thread];
        let mut limited = false;
        let mut circle = Vec::new();
        let mut at = thread;
        while let Some((object, waiter)) = self.waits_for(at) {
            if way.len() > 1 {
                words.push_str(", which");
            }
            let wants = waiter.wants.as_ref().map_or(String::new(), |wants| format!(" ({wants})"));
            words.push_str(&format!(" waits for {}{wants}", object.label()));
            // Who may give up some time is not stuck for ever; nor is it known of whom nobody knows.
            limited |= waiter.limited != Some(false);
            let Some(owner) = object.owner else {
                if let Some(state) = &object.state {
                    words.push_str(&format!(", {state}"));
                }
                break;
            };
            if owner == at {
                words.push_str(", which it holds itself");
            } else {
                words.push_str(&format!(", held by {}", self.name_of(owner)));
            }
            if let Some(start) = way.iter().position(|passed| *passed == owner) {
                // Who only waits for those in the circle is not in it.
                let inner = way.get(start..).unwrap_or_default();
                circle = if start == 0 { inner.to_vec() } else { Vec::new() };
                words.push_str(if limited {
                    ": a deadlock unless one gives up"
                } else {
                    ": a deadlock"
                });
                break;
            }
            if way.len() >= MAX_WAY {
                break;
            }
            way.push(owner);
            at = owner;
        }
        if way.len() > 1 && circle.is_empty() {
            words.push_str(&self.state_words(at));
        }
        (words.len() > self.name_of(thread).len()).then_some(Wait { thread, words, circle })
    }

    /// What the last one of a way does, if it waits for nothing: ` (ready, priority 2, raised from 1)`
    fn state_words(&self, block: u64) -> String {
        let Some(thread) = self.thread_of(block).filter(|_| self.waits_for(block).is_none()) else {
            return String::new();
        };
        let priority = match (thread.priority, thread.base_priority) {
            (Some(now), Some(base)) if now != base => {
                Some(format!("priority {now}, {base} of its own"))
            }
            (Some(now), _) => Some(format!("priority {now}")),
            _ => None,
        };
        let all: Vec<String> = [thread.state.clone(), priority].into_iter().flatten().collect();
        if all.is_empty() { String::new() } else { format!(" ({})", all.join(", ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::Registers;
    use crate::targets::Targets;

    fn dump(names: &[&str], objects: Vec<Object>) -> Dump {
        let arch = Targets::built_in().arch("cortex-m").expect("built in");
        let mut dump = Dump::new("made-up", arch.clone());
        for (index, name) in names.iter().enumerate() {
            let mut thread = Thread::new(index as u64 + 1, Registers::unknown(arch.clone()));
            thread.control_block = Some(index as u64 + 1);
            thread.name = Some(name.to_string());
            thread.state = Some("ready".into());
            thread.priority = Some(3);
            dump.threads.push(thread);
        }
        dump.objects = objects;
        dump
    }

    fn mutex(name: &str, owner: u64, waiters: &[u64]) -> Object {
        let waiter = |thread: &u64| Waiter { thread: *thread, wants: None, limited: Some(false) };
        Object {
            kind: ObjectKind::Mutex,
            at: 0x100,
            name: Some(name.into()),
            state: None,
            owner: Some(owner),
            waiters: waiters.iter().map(waiter).collect(),
        }
    }

    fn words(dump: &Dump) -> Vec<String> {
        dump.waits().into_iter().map(|wait| wait.words).collect()
    }

    #[test]
    fn two_and_three_who_wait_for_one_another_are_a_deadlock() {
        let two = dump(&["a", "b", "c"], vec![mutex("x", 2, &[1, 3]), mutex("y", 1, &[2])]);
        let expected = [
            "a waits for mutex x, held by b, which waits for mutex y, held by a: a deadlock",
            "b waits for mutex y, held by a, which waits for mutex x, held by b: a deadlock",
            "c waits for mutex x, held by b, which waits for mutex y, held by a, which waits for \
             mutex x, held by b: a deadlock",
        ];
        assert_eq!(words(&two), expected);
        let circles: Vec<_> = two.deadlocks().into_iter().map(|wait| wait.circle).collect();
        assert_eq!(circles, [[1, 2]]);
        let own = dump(&["a"], vec![mutex("x", 1, &[1])]);
        assert_eq!(words(&own), ["a waits for mutex x, which it holds itself: a deadlock"]);
        let three = vec![mutex("x", 2, &[1]), mutex("y", 3, &[2]), mutex("z", 1, &[3])];
        let three = dump(&["a", "b", "c"], three);
        assert_eq!(three.deadlocks().len(), 1);
        assert_eq!(three.deadlocks()[0].circle, [1, 2, 3]);
    }

    #[test]
    fn who_holds_what_others_wait_for_is_told_with_its_state() {
        let mut one = dump(&["a", "b"], vec![mutex("x", 2, &[1])]);
        assert_eq!(words(&one), ["a waits for mutex x, held by b (ready, priority 3)"]);
        one.threads[1].base_priority = Some(1);
        let expected = "a waits for mutex x, held by b (ready, priority 3, 1 of its own)";
        assert_eq!(words(&one), [expected]);
        assert_eq!(one.deadlocks(), []);
    }
}
