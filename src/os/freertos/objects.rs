//! FreeRTOS' queues, semaphores, mutexes, event groups and timers.
//!
//! Queues, semaphores and mutexes are one structure, `QueueDefinition`: items of size 0 make a
//! semaphore, whose `pcHead` points to itself, or a mutex, whose `pcHead` is NULL and whose holder lies
//! where a queue has its end (`pcTail` until V10.0). Who waits has its event item in one of its two lists.
//! In an event group's list the item's value has the highest bit set (`taskEVENT_LIST_ITEM_VALUE_IN_USE`),
//! the bits waited for, and in the byte below how.
//!
//! There is no list of objects: they are found through who waits, the queue registry, and variables
//! that are one or point to one. All that is known of a structure has to fit, so that nothing else is
//! taken for one.
//!
//! Source: FreeRTOS V9.0.0 to V11.2.0, `queue.c`, `event_groups.c`, `timers.c`, `tasks.c`.

use super::{FreeRtos, ITEM, LIST, LONGEST_NAME, SUSPENDED, TCB};
use crate::dump::{Note, Object, ObjectKind, Waiter};
use crate::os::kernel::{Found, Kernel, Structure, View};
use crate::os::list::List;
use crate::os::task::{MOST_TASKS, name_at};
use std::collections::{BTreeMap, HashSet};

const QUEUE: &str = "QueueDefinition";
const EVENTS: &str = "EventGroupDef_t";
const TIMER: &str = "tmrTimerControl";
const REGISTRY: &str = "xQueueRegistry";
const TIMERS: [&str; 2] = ["xActiveTimerList1", "xActiveTimerList2"];
pub(super) const VARIABLES: [&str; 5] =
    [REGISTRY, TIMERS[0], TIMERS[1], "xEventGroupWaitBits", "xQueueGenericSend"];
/// Longer queues, and larger messages, are not believed.
const MAX_LENGTH: u64 = 1 << 20;
/// As many objects are listed.
const MAX_OBJECTS: usize = 4096;
/// Pointers in larger variables are not looked for.
const MAX_POINTERS: u64 = 64;
/// More entries no registry has.
const MAX_REGISTRY: u64 = 256;

const SEND: &str = "xTasksWaitingToSend";
const RECEIVE: &str = "xTasksWaitingToReceive";

/// What is read of FreeRTOS' structures for its objects.
fn structures(view: &View<'_>) -> Vec<Structure> {
    let mut all = vec![
        Structure {
            names: &[LIST],
            members: &[&["xListEnd"], &["uxNumberOfItems"]],
            needed: Some(2),
        },
        Structure {
            names: &[ITEM],
            members: &[
                &["pxNext"],
                &["pxPrevious"],
                &["pvOwner"],
                &["pxContainer", "pvContainer"],
                &["xItemValue"],
            ],
            needed: Some(5),
        },
    ];
    if view.variables.has("xQueueGenericSend") {
        all.push(Structure {
            names: &[QUEUE],
            members: &[
                &["pcHead"],
                &["pcWriteTo"],
                &[SEND],
                &[RECEIVE],
                &["uxMessagesWaiting"],
                &["uxLength"],
                &["uxItemSize"],
                &["pcTail", "u.xQueue.pcTail"],
                &["holder", "u.xSemaphore.xMutexHolder", "pcTail"],
            ],
            needed: None,
        });
    }
    if view.variables.has("xEventGroupWaitBits") {
        all.push(Structure {
            names: &[EVENTS, "xEventGroupDefinition"],
            members: &[&["uxEventBits"], &["xTasksWaitingForBits"]],
            needed: None,
        });
    }
    if view.variables.has(TIMERS[0]) {
        all.push(Structure {
            names: &[TIMER],
            members: &[&["pcTimerName"], &["xTimerListItem"], &["xTimerPeriodInTicks"]],
            needed: None,
        });
    }
    all
}

/// All objects that can be found.
pub(super) fn objects(of: &View<'_>, tasks: &[Found], notes: &mut Vec<Note>) -> Vec<Object> {
    let view = View::with(of.dump, of.firmware, of.variables.clone(), &structures(of));
    let finder = Finder { of, view, tasks };
    let mut found: BTreeMap<u64, Object> = BTreeMap::new();
    let mut add = |object: Option<Object>| {
        if let Some(object) = object.filter(|_| found.len() < MAX_OBJECTS) {
            let known = found.entry(object.at).or_insert_with(|| object.clone());
            known.name = known.name.take().or(object.name);
        }
    };
    // The kernel's own names first.
    for (at, name) in finder.registered() {
        add(finder.queue(at, Some(name)));
    }
    for (at, name) in finder.variables() {
        add(finder.queue(at, Some(name.clone())));
        add(finder.event_group(at, Some(name)));
    }
    for list in finder.waited_in() {
        add(finder.around(QUEUE, SEND, list).and_then(|at| finder.queue(at, None)));
        add(finder.around(QUEUE, RECEIVE, list).and_then(|at| finder.queue(at, None)));
        add(finder
            .around(EVENTS, "xTasksWaitingForBits", list)
            .and_then(|at| finder.event_group(at, None)));
    }
    let mut all: Vec<Object> = found.into_values().collect();
    all.extend(finder.timers(notes));
    all
}

struct Finder<'v, 'a> {
    /// The tasks' structures.
    of: &'v View<'a>,
    /// The objects'.
    view: View<'a>,
    tasks: &'v [Found],
}

impl Finder<'_, '_> {
    /// The list that a task's event item is in, and the item.
    fn waits_in(&self, task: u64) -> Option<(u64, u64)> {
        let item = self.of.addr(task, TCB, "xEventListItem")?;
        let list = self.view.value(item, ITEM, "pxContainer").filter(|list| *list != 0)?;
        Some((list, item))
    }

    fn waited_in(&self) -> Vec<u64> {
        self.tasks.iter().filter_map(|task| Some(self.waits_in(task.at)?.0)).collect()
    }

    /// The structure whose member `member` is at `list`.
    fn around(&self, structure: &str, member: &str, list: u64) -> Option<u64> {
        list.checked_sub(self.view.member(structure, member)?.offset)
    }

    /// Whether there is a list at `list`: a ring that is closed, with the number of items that it says.
    fn is_list(&self, list: u64) -> bool {
        let check = || {
            let count = self.view.value(list, LIST, "uxNumberOfItems")?;
            let end = self.view.addr(list, LIST, "xListEnd")?;
            let mut at = end;
            for _ in 0..=count.min(MOST_TASKS as u64) {
                let next = self.view.value(at, ITEM, "pxNext").filter(|next| *next != 0)?;
                let back = self.view.value(next, ITEM, "pxPrevious")?;
                let inside = next == end || self.view.value(next, ITEM, "pxContainer")? == list;
                (back == at && inside).then_some(())?;
                at = next;
            }
            Some(at == end)
        };
        check().unwrap_or(false)
    }

    /// The queue, semaphore or mutex at `at`, if it is one.
    fn queue(&self, at: u64, name: Option<String>) -> Option<Object> {
        let value = |member: &str| self.view.value(at, QUEUE, member);
        let (length, item) = (value("uxLength")?, value("uxItemSize")?);
        let (waiting, head) = (value("uxMessagesWaiting")?, value("pcHead")?);
        let (send, receive) =
            (self.view.addr(at, QUEUE, SEND)?, self.view.addr(at, QUEUE, RECEIVE)?);
        let fits = at.is_multiple_of(self.view.word_len())
            && (1..=MAX_LENGTH).contains(&length)
            && item <= MAX_LENGTH
            && waiting <= length
            && self.is_list(send)
            && self.is_list(receive);
        if !fits {
            return None;
        }
        let kind = match (item, head) {
            (0, 0) if length == 1 => ObjectKind::Mutex,
            (0, head) if head == at => ObjectKind::Semaphore,
            (1.., head) => {
                let end = head.checked_add(length.checked_mul(item)?)?;
                let write = value("pcWriteTo")?;
                let fits =
                    head != 0 && value("pcTail") == Some(end) && (head..end).contains(&write);
                fits.then_some(ObjectKind::Queue)?
            }
            _ => return None,
        };
        let holder = value("holder").filter(|_| kind == ObjectKind::Mutex && waiting == 0);
        let owner = holder.filter(|holder| self.tasks.iter().any(|task| task.at == *holder));
        let state = match kind {
            ObjectKind::Queue => Some(format!("{waiting} of {length} messages")),
            ObjectKind::Semaphore => Some(format!("count {waiting} of {length}")),
            _ if waiting == 1 => Some("free".into()),
            _ => None,
        };
        let wants = |list: u64| match kind {
            ObjectKind::Queue if list == send => Some("to send"),
            ObjectKind::Queue => Some("to receive"),
            _ => None,
        };
        let waiter = |task: &Found| {
            let (list, _) = self.waits_in(task.at)?;
            let wants = wants(list).map(str::to_string);
            (list == send || list == receive).then(|| self.waiter(task, wants))
        };
        let waiters = self.tasks.iter().filter_map(waiter).collect();
        Some(Object { kind, at, name, state, owner, waiters })
    }

    /// The event group at `at`, if somebody waits for it. Without anybody too little speaks for one.
    fn event_group(&self, at: u64, name: Option<String>) -> Option<Object> {
        let bits = self.view.value(at, EVENTS, "uxEventBits")?;
        let list = self.view.addr(at, EVENTS, "xTasksWaitingForBits")?;
        let width = self.view.member(ITEM, "xItemValue")?.len?.checked_mul(8)?;
        let top = width.checked_sub(8)?;
        let low = 1u64.checked_shl(top.try_into().ok()?)?.checked_sub(1)?;
        if bits & !low != 0 || !self.is_list(list) {
            return None;
        }
        let waiter = |task: &Found| {
            let (own, item) = self.waits_in(task.at)?;
            let value = self.view.value(item, ITEM, "xItemValue")?;
            let how = value.checked_shr(top.try_into().ok()?)?;
            (own == list && how & 0x80 != 0).then(|| {
                let all = if how & 4 != 0 { "all of " } else { "" };
                self.waiter(task, Some(format!("for {all}bits {:#x}", value & low)))
            })
        };
        let waiters: Vec<Waiter> = self.tasks.iter().filter_map(waiter).collect();
        let state = Some(format!("bits {bits:#x}"));
        let object = Object { kind: ObjectKind::EventGroup, at, name, state, owner: None, waiters };
        (!object.waiters.is_empty()).then_some(object)
    }

    fn waiter(&self, task: &Found, wants: Option<String>) -> Waiter {
        // Who waits without a limit is in the list of those that were suspended.
        let limited = match task.list {
            Some(SUSPENDED) => Some(false),
            Some("blocked") => Some(true),
            _ => None,
        };
        Waiter { thread: task.at, wants, limited }
    }

    /// What the queue registry names.
    fn registered(&self) -> Vec<(u64, String)> {
        let (word, len) = (self.view.word_len(), self.view.variables.len(REGISTRY));
        let Some(start) = self.view.variables.addr(REGISTRY) else { return Vec::new() };
        let count = len.checked_div(word.saturating_mul(2)).unwrap_or_default();
        let words = self.view.words(start, count.min(MAX_REGISTRY).saturating_mul(2), word);
        let entry = |pair: &[u64]| {
            let [name, at] = pair else { return None };
            Some((*at, name_at(self.view.memory(), Some(*name), LONGEST_NAME)?))
        };
        words.chunks(2).filter(|pair| pair.last() != Some(&0)).filter_map(entry).collect()
    }

    /// Variables that may be an object or point to one, with their names.
    fn variables(&self) -> Vec<(u64, String)> {
        let word = self.view.word_len();
        let mut all = Vec::new();
        for symbol in
            self.view.firmware.symbols().filter(|symbol| symbol.object && symbol.len >= word)
        {
            let name = |offset: u64| {
                let plain = symbol.name.split('.').next().unwrap_or_default();
                if offset == 0 { plain.to_string() } else { format!("{plain}+{offset}") }
            };
            all.push((symbol.addr, name(0)));
            let count = symbol.len.checked_div(word).unwrap_or_default();
            if symbol.len.is_multiple_of(word) && count <= MAX_POINTERS {
                let words = self.view.words(symbol.addr, count, word);
                let offset = |index: usize| word.saturating_mul(index as u64);
                let named = words.iter().enumerate().filter(|(_, at)| **at != 0);
                all.extend(named.map(|(index, at)| (*at, name(offset(index)))));
            }
        }
        all
    }

    /// The timers that run.
    fn timers(&self, notes: &mut Vec<Note>) -> Vec<Object> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let link = |name: &str| self.view.member(ITEM, name).map_or(0, |member| member.offset);
        let links = [link("pxNext"), link("pxPrevious")];
        for name in TIMERS {
            let head = self.view.variables.addr(name);
            let Some(head) = head.and_then(|at| self.view.addr(at, LIST, "xListEnd")) else {
                continue;
            };
            let list = List { name, head, links: &links, of: "timer" };
            let owner = |item: u64| {
                let owner = self.view.value(item, ITEM, "pvOwner").filter(|owner| *owner != 0)?;
                (self.view.addr(owner, TIMER, "xTimerListItem") == Some(item)).then_some(owner)
            };
            for at in list.walk(FreeRtos.name(), notes, |addr| self.view.word(addr), owner) {
                let period = self.view.value(at, TIMER, "xTimerPeriodInTicks");
                let item = self.view.addr(at, TIMER, "xTimerListItem");
                let due = item.and_then(|item| self.view.value(item, ITEM, "xItemValue"));
                let (Some(period), Some(due), true) = (period, due, seen.insert(at)) else {
                    continue;
                };
                all.push(Object {
                    kind: ObjectKind::Timer,
                    at,
                    name: self.view.name(at, TIMER, "pcTimerName", LONGEST_NAME),
                    state: Some(format!("period of {period} ticks, due at tick {due}")),
                    owner: None,
                    waiters: Vec::new(),
                });
            }
        }
        all
    }
}
