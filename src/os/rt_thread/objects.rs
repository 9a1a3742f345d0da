//! RT-Thread's semaphores, mutexes, events, mailboxes and message queues: each class has its list in the
//! object container, each object its name and a list of the threads that wait for it; those are in
//! it by `tlist`, since v5.1 by `sched_thread_ctx.thread_list_node`.
//!
//! Source: RT-Thread v4.1.1, v5.0 and v5.1, `include/rtdef.h`, `include/rtsched.h`, `src/ipc.c`.

use super::{CLASSES, INFORMATION, LONGEST_NAME, MOST_CLASSES, RtThread, THREAD, container};
use crate::dump::{Note, Object, ObjectKind, Waiter};
use crate::os::kernel::{Found, Kernel, Structure, View};
use crate::os::list::List;
use std::collections::HashMap;

/// A class of objects: its name in the enumeration, its structure, what it is.
const KINDS: [(&str, &str, ObjectKind); 5] = [
    ("RT_Object_Class_Semaphore", "rt_semaphore", ObjectKind::Semaphore),
    ("RT_Object_Class_Mutex", "rt_mutex", ObjectKind::Mutex),
    ("RT_Object_Class_Event", "rt_event", ObjectKind::EventGroup),
    ("RT_Object_Class_MailBox", "rt_mailbox", ObjectKind::Mailbox),
    ("RT_Object_Class_MessageQueue", "rt_messagequeue", ObjectKind::Queue),
];
/// The members of all of them: what a structure lacks it lacks.
const MEMBERS: &[&[&str]] = &[
    &["list", "parent.parent.list"],
    &["name", "parent.parent.name"],
    &["waiting", "parent.suspend_thread"],
    &["suspend_sender_thread"],
    &["value"],
    &["owner"],
    &["set"],
    &["entry"],
    &["size", "max_msgs"],
];
const NODE: &[&[&str]] = &[&["node", "tlist", "sched_thread_ctx.thread_list_node"]];
const STRUCTURES: [Structure; 6] = [
    Structure { names: &["rt_thread"], members: NODE, needed: Some(1) },
    Structure { names: &[KINDS[0].1], members: MEMBERS, needed: None },
    Structure { names: &[KINDS[1].1], members: MEMBERS, needed: None },
    Structure { names: &[KINDS[2].1], members: MEMBERS, needed: None },
    Structure { names: &[KINDS[3].1], members: MEMBERS, needed: None },
    Structure { names: &[KINDS[4].1], members: MEMBERS, needed: None },
];

/// All objects.
pub(super) fn objects(of: &View<'_>, tasks: &[Found], notes: &mut Vec<Note>) -> Vec<Object> {
    let (Some((start, len)), Some(size)) = (container(of), of.size(INFORMATION)) else {
        return Vec::new();
    };
    let view = View::with(of.dump, of.firmware, of.variables.clone(), &STRUCTURES);
    let Some(node) = view.member(THREAD, "node") else { return Vec::new() };
    let place = |task: &Found| Some((task.at.checked_add(node.offset)?, task.at));
    let finder = Finder { view: &view, nodes: tasks.iter().filter_map(place).collect() };
    let count = len.checked_div(size).unwrap_or_default().min(MOST_CLASSES);
    let mut all = Vec::new();
    for entry in (0..count).filter_map(|n| start.checked_add(n.checked_mul(size)?)) {
        let class = of.value(entry, INFORMATION, "type");
        let class = class.and_then(|class| of.kind(CLASSES)?.enumerator(class));
        let kind = KINDS.iter().find(|(name, ..)| class.as_deref() == Some(name));
        let head = of.addr(entry, INFORMATION, "object_list");
        if let (Some((_, structure, kind)), Some(head)) = (kind, head) {
            all.extend(finder.of_class(structure, *kind, head, notes));
        }
    }
    all
}

struct Finder<'v, 'a> {
    view: &'v View<'a>,
    /// The threads by the node that waits.
    nodes: HashMap<u64, u64>,
}

impl Finder<'_, '_> {
    fn of_class(
        &self,
        structure: &str,
        kind: ObjectKind,
        head: u64,
        notes: &mut Vec<Note>,
    ) -> Vec<Object> {
        let view = self.view;
        let Some(node) = view.member(structure, "list") else { return Vec::new() };
        let links = [0, view.word_len()];
        let name = format!("of {structure}");
        let list = List { name: &name, head, links: &links, of: "object" };
        let object = |at: u64| {
            let at = at.checked_sub(node.offset)?;
            view.name(at, structure, "name", LONGEST_NAME).map(|_| at)
        };
        let all = list.walk(RtThread.name(), notes, |addr| view.word(addr), object);
        all.into_iter().map(|at| self.object(at, structure, kind)).collect()
    }

    fn object(&self, at: u64, structure: &str, kind: ObjectKind) -> Object {
        let value = |member: &str| self.view.value(at, structure, member);
        let known = |at: &u64| self.nodes.values().any(|thread| thread == at);
        let state = match kind {
            ObjectKind::Semaphore => value("value").map(|value| format!("count {value}")),
            ObjectKind::EventGroup => value("set").map(|set| format!("bits {set:#x}")),
            ObjectKind::Mailbox | ObjectKind::Queue => value("entry")
                .zip(value("size"))
                .map(|(entry, size)| format!("{entry} of {size} messages")),
            _ => None,
        };
        let wants = |what: &str| match kind {
            ObjectKind::Mailbox | ObjectKind::Queue => Some(what.to_string()),
            _ => None,
        };
        let mut waiters = self.waiters(at, structure, "waiting", &wants("to receive"));
        waiters.extend(self.waiters(at, structure, "suspend_sender_thread", &wants("to send")));
        Object {
            kind,
            at,
            name: self.view.name(at, structure, "name", LONGEST_NAME),
            state,
            owner: value("owner").filter(known),
            waiters,
        }
    }

    /// The threads in the list that is the member `member`.
    fn waiters(
        &self,
        at: u64,
        structure: &str,
        member: &str,
        wants: &Option<String>,
    ) -> Vec<Waiter> {
        let Some(head) = self.view.addr(at, structure, member) else { return Vec::new() };
        let links = [0, self.view.word_len()];
        let list = List { name: member, head, links: &links, of: "thread" };
        let thread = |node: u64| self.nodes.get(&node).copied();
        // A list that is damaged is not taken for one of threads that wait: nothing is said of it.
        let mut damage = Vec::new();
        let all = list.walk(RtThread.name(), &mut damage, |addr| self.view.word(addr), thread);
        let waiter = |thread| Waiter { thread, wants: wants.clone(), limited: None };
        if damage.is_empty() { all.into_iter().map(waiter).collect() } else { Vec::new() }
    }
}
