//! Threads as debuggers see them: ids on the wire, lists, and what is said beside the name.
//!
//! Sources: GDB 13.1 manual, appendix E.13 "Thread List Format"; LLDB's `lldb-gdb-remote.txt`,
//! `jThreadsInfo`.

use super::hex;
use super::served::Served;
use crate::dump::{Thread, priority_words};
use crate::xml::Escaped;
use std::collections::HashSet;
use std::fmt::Write;

/// The process that all threads are of. There is only one.
pub(crate) const PROCESS: u64 = 1;

/// GDB keeps thread ids of the wire in an `int` when it writes them (`write_ptid` in `remote.c`):
/// 0x80001234 comes back as `-7fffedcc`, and the upper half of a longer one is lost.
const GREATEST_ID: u64 = i32::MAX as u64;

/// An id for the wire for each of `threads`: its own where the wire can carry it, else the lowest
/// number that is free.
pub(crate) fn wire_ids(threads: &[Thread]) -> Vec<u64> {
    let fits = |id: u64| (1..=GREATEST_ID).contains(&id);
    let mut taken: HashSet<u64> = HashSet::new();
    let mut own: Vec<Option<u64>> = Vec::new();
    for thread in threads {
        own.push((fits(thread.id) && taken.insert(thread.id)).then_some(thread.id));
    }
    let mut next = 1;
    let mut lowest_free = || {
        while !taken.insert(next) {
            next += 1;
        }
        next
    };
    own.into_iter().map(|id| id.unwrap_or_else(&mut lowest_free)).collect()
}

/// A thread id in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadRef {
    /// `0`, or only a process: the client leaves the choice to us.
    Any,
    /// `-1`.
    All,
    /// A thread by its id on the wire.
    Id(u64),
}

impl ThreadRef {
    /// Reads `p1.2`, `p1.-1`, `p1`, `2`, `0` or `-1`. `None` for anything else, and for another
    /// process than ours.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let Some(rest) = text.strip_prefix(b"p") else { return Self::thread(text) };
        let (process, thread) = hex::split(rest, b'.').unwrap_or((rest, b"-1"));
        let ours = matches!(process, b"-1") || matches!(hex::number(process)?, 0 | PROCESS);
        ours.then(|| Self::thread(thread)).flatten()
    }

    fn thread(text: &[u8]) -> Option<Self> {
        match text {
            b"-1" => Some(ThreadRef::All),
            _ => Some(match hex::number(text)? {
                0 => ThreadRef::Any,
                id => ThreadRef::Id(id),
            }),
        }
    }
}

impl Served {
    /// The index of the thread with this id on the wire.
    pub(crate) fn thread_index(&self, id: u64) -> Option<usize> {
        self.index_of_id.get(&id).copied()
    }

    /// The id on the wire of the thread with `index`, as a stop reply writes it.
    pub(crate) fn id_text(&self, index: usize, multiprocess: bool) -> String {
        let id = self.wire_ids.get(index).copied().unwrap_or_default();
        match multiprocess {
            true => format!("p{PROCESS:x}.{id:x}"),
            false => format!("{id:x}"),
        }
    }

    /// What is worth knowing of a thread beside its name: `crashed (SIGSEGV), running, priority 5,
    /// 512 of 2048 bytes of stack used`.
    pub(crate) fn state_text(&self, thread: &Thread) -> String {
        let mut parts = Vec::new();
        if thread.crashed {
            parts.push(match self.dump.reason.signal {
                Some(signal) => format!("crashed ({signal})"),
                None if self.dump.reason.is_unknown() => "stopped".into(),
                None => "crashed".into(),
            });
        }
        parts.extend(thread.state.clone());
        parts.extend(priority_words(thread.priority, thread.base_priority));
        parts.extend(stack_text(thread));
        parts.extend(thread.remarks.iter().cloned());
        let first = self.dump.threads.get(self.crashed);
        if thread.registers.pc().is_none() && first.is_some_and(|first| std::ptr::eq(first, thread))
        {
            parts.push("pc unknown, GDB is shown 0".into());
        }
        parts.join(", ")
    }

    /// The document of `qXfer:threads:read`.
    pub(crate) fn threads_xml(&self, multiprocess: bool) -> String {
        let mut xml = String::from("<?xml version=\"1.0\"?>\n<threads>\n");
        for (index, thread) in self.dump.threads.iter().enumerate() {
            let id = self.id_text(index, multiprocess);
            let state = self.state_text(thread);
            // Writing to a string does not fail.
            let _ = write!(xml, "<thread id=\"{id}\"");
            if let Some(core) = thread.core {
                let _ = write!(xml, " core=\"{core}\"");
            }
            if let Some(name) = &thread.name {
                let _ = write!(xml, " name=\"{}\"", Escaped(name));
            }
            let _ = writeln!(xml, ">{}</thread>", Escaped(&state));
        }
        xml.push_str("</threads>\n");
        xml
    }

    /// The document of LLDB's `jThreadsInfo`.
    pub(crate) fn threads_json(&self) -> String {
        let list = self.dump.threads.iter().enumerate().map(|(index, thread)| {
            let mut entry = serde_json::Map::new();
            entry.insert("tid".into(), self.wire_ids[index].into());
            if let Some(name) = &thread.name {
                entry.insert("name".into(), name.as_str().into());
            }
            if thread.crashed {
                entry.insert("reason".into(), "signal".into());
                entry.insert("signal".into(), self.dump.reason.signal_number().into());
                entry.insert("description".into(), self.dump.reason.words.as_str().into());
            }
            serde_json::Value::Object(entry)
        });
        serde_json::Value::Array(list.collect()).to_string()
    }
}

/// How full the stack is, as far as that is known.
pub(crate) fn stack_text(thread: &Thread) -> Option<String> {
    let size = thread.stack?.size();
    Some(match thread.stack_used() {
        Some(used) => format!("{used} of {size} bytes of stack used"),
        None if thread.registers.sp().is_some() => "stack pointer outside the stack".into(),
        None => format!("{size} bytes of stack"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registers::Registers;
    use crate::targets::Targets;

    fn threads(ids: &[u64]) -> Vec<Thread> {
        let arch = Targets::built_in().arch("riscv32").expect("a built-in set");
        ids.iter().map(|id| Thread::new(*id, Registers::unknown(arch.clone()))).collect()
    }

    #[test]
    fn ids_that_the_wire_can_carry_stay_and_others_get_free_ones() {
        assert_eq!(wire_ids(&threads(&[0x3ffc_0000, 2])), [0x3ffc_0000, 2]);
        let odd = [0x8000_0000, 1, 0, 1, u64::MAX, 3, 0x7fff_ffff];
        assert_eq!(wire_ids(&threads(&odd)), [2, 1, 4, 5, 6, 3, 0x7fff_ffff]);
    }

    #[test]
    fn thread_ids_come_with_and_without_a_process() {
        let parse = |text: &str| ThreadRef::parse(text.as_bytes());
        assert_eq!(parse("1f"), Some(ThreadRef::Id(0x1f)));
        assert_eq!(parse("p1.1f"), Some(ThreadRef::Id(0x1f)));
        assert_eq!(parse("p0.0"), Some(ThreadRef::Any));
        assert_eq!(parse("p1"), Some(ThreadRef::All));
        assert_eq!(parse("p-1.-1"), Some(ThreadRef::All));
        for bad in ["", "p", "p2.1", "-2", "1g", "p1.", "10000000000000000"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
