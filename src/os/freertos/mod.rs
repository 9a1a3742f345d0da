//! FreeRTOS: tasks out of the scheduler's lists.
//!
//! A task's state is the list that it is in: `pxReadyTasksLists`, one for each priority;
//! `xDelayedTaskList1` and `2`, which swap roles when the tick counter overflows;
//! `xPendingReadyList`, `xSuspendedTaskList` (also of those that wait without a limit),
//! `xTasksWaitingTermination`. They are rings of items, each owned by a task, closed by an item of
//! the list's own. `pxCurrentTCB` is who runs; with several cores it is an array, also called
//! `pxCurrentTCBs`. `port.rs` reads the registers that a port saved, `objects.rs` queues and locks.
//!
//! Folklore: the structure is called `tskTaskControlBlock` and its type `tskTCB` "to prevent
//! breaking kernel aware debuggers", as the source says; we are one of those.
//!
//! Source: FreeRTOS V9.0.0 to V11.2.0 and ESP-IDF v4.1 to v6.0, `tasks.c` and `include/list.h`.

mod objects;
mod port;

use super::kernel::{Found, Kernel, Structure, Told, View};
use super::list::List;
use super::task::{self, stack_of};
use crate::dump::{Note, Object, Stack};
use crate::registers::Registers;
use std::collections::HashSet;

const CURRENT: [&str; 2] = ["pxCurrentTCBs", "pxCurrentTCB"];
const READY: &str = "pxReadyTasksLists";
/// The other lists, and the state of who is in them in the words of the kernel's `eTaskState`.
const LISTS: [(&str, &str); 5] = [
    ("xPendingReadyList", "ready"),
    ("xDelayedTaskList1", "blocked"),
    ("xDelayedTaskList2", "blocked"),
    ("xSuspendedTaskList", SUSPENDED),
    ("xTasksWaitingTermination", DELETED),
];
const SUSPENDED: &str = "suspended";
const DELETED: &str = "deleted";
/// Tasks that are known without a list.
const HANDLES: [&str; 3] = ["xIdleTaskHandle", "xIdleTaskHandles", "xTimerTaskHandle"];
/// More cores than this no port has.
const MOST_CPUS: u64 = 16;
/// More priorities than this no firmware has.
const MOST_PRIORITIES: u64 = 256;
/// Longer names are not believed; the usual room is 16.
const LONGEST_NAME: u64 = 256;

const TCB: &str = "tskTaskControlBlock";
const ITEM: &str = "xLIST_ITEM";
const LIST: &str = "xLIST";
const STRUCTURES: [Structure; 3] = [
    Structure {
        names: &[TCB],
        members: &[
            &["pxTopOfStack"],
            // Called xGenericListItem before V9.
            &["xStateListItem", "xGenericListItem"],
            &["xEventListItem"],
            &["uxPriority"],
            &["pxStack"],
            &["pxEndOfStack"],
            &["pcTaskName"],
            // An array since V10.4.0, one byte before.
            &["ucNotifyState", "eNotifyState"],
            &["uxBasePriority"],
        ],
        needed: Some(2),
    },
    Structure {
        names: &[ITEM],
        // The last was called pvContainer before V10.2.
        members: &[&["pxNext"], &["pxPrevious"], &["pvOwner"], &["pxContainer", "pvContainer"]],
        needed: Some(4),
    },
    Structure { names: &[LIST], members: &[&["xListEnd"]], needed: Some(1) },
];

/// FreeRTOS.
pub(super) struct FreeRtos;

impl Kernel for FreeRtos {
    fn name(&self) -> &'static str {
        "freertos"
    }

    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&CURRENT, &[READY]]
    }

    fn variables(&self) -> &'static [&'static str] {
        const ALL: [&str; 18] = [
            LISTS[0].0,
            LISTS[1].0,
            LISTS[2].0,
            LISTS[3].0,
            LISTS[4].0,
            HANDLES[0],
            HANDLES[1],
            HANDLES[2],
            "uxCurrentNumberOfTasks",
            "xSchedulerRunning",
            port::NESTING,
            port::ORIGINAL,
            port::ESP_IDF,
            objects::VARIABLES[0],
            objects::VARIABLES[1],
            objects::VARIABLES[2],
            objects::VARIABLES[3],
            objects::VARIABLES[4],
        ];
        &ALL
    }

    fn structures(&self) -> &'static [Structure] {
        &STRUCTURES
    }

    /// Before it has created a task there is nothing to tell.
    fn is_there(&self, view: &View<'_>) -> bool {
        current(view).and_then(|addr| view.word(addr)).is_some_and(|tcb| tcb != 0)
    }

    /// Before the start of the scheduler nobody runs but the code that starts it.
    fn running(&self, view: &View<'_>) -> Vec<u64> {
        if view.number("xSchedulerRunning") == Some(0) {
            return Vec::new();
        }
        let len = CURRENT.iter().map(|name| view.variables.len(name)).max().unwrap_or_default();
        let count = len.checked_div(view.word_len()).unwrap_or_default().clamp(1, MOST_CPUS);
        current(view).map(|addr| view.words(addr, count, view.word_len())).unwrap_or_default()
    }

    fn tasks(&self, view: &View<'_>, running: &[u64], notes: &mut Vec<Note>) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        let mut seen = HashSet::new();
        for (name, at, state) in lists(view) {
            for at in owners(self, view, &name, at, notes) {
                if seen.insert(at) && found.len() < task::MOST_TASKS {
                    found.push(Found { at, list: Some(state) });
                }
            }
        }
        // A damaged list may lack those that are known from elsewhere.
        let handles = HANDLES.iter().filter_map(|name| view.word(view.variables.addr(name)?));
        let known = running.iter().copied().chain(handles);
        found.extend(known.filter(|at| *at != 0 && seen.insert(*at)).map(Found::from));
        if let Some(count) = view.number("uxCurrentNumberOfTasks") {
            let alive = found.iter().filter(|task| task.list != Some(DELETED)).count() as u64;
            if count > alive && count <= task::MOST_TASKS as u64 {
                let words = format!("the kernel counts {count} tasks, {alive} were found");
                notes.push(Note::warning(words).by(self.name()).code("tasks-missing"));
            }
        }
        found
    }

    fn describe(&self, view: &View<'_>, found: &Found) -> Told {
        let value = |member: &str| view.value(found.at, TCB, member);
        let top = value("pxTopOfStack").filter(|top| *top != 0);
        Told {
            name: view.name(found.at, TCB, "pcTaskName", LONGEST_NAME),
            state: Some(match found.list {
                None => "in no list".into(),
                // Who waits without a limit is in the same list as who was suspended.
                Some(SUSPENDED) if waits(view, found.at) => "blocked".into(),
                Some(state) => state.into(),
            }),
            priority: value("uxPriority").and_then(|priority| priority.try_into().ok()),
            base_priority: value("uxBasePriority").and_then(|base| base.try_into().ok()),
            stack: stack(view, found.at, top),
            low: value("pxStack"),
            sp: top,
            ..Told::default()
        }
    }

    fn objects(&self, view: &View<'_>, tasks: &[Found], notes: &mut Vec<Note>) -> Vec<Object> {
        objects::objects(view, tasks, notes)
    }

    fn restore(&self, view: &View<'_>, sp: u64, registers: &mut Registers) -> Option<()> {
        port::restore(view, sp, registers)
    }
}

fn current(view: &View<'_>) -> Option<u64> {
    CURRENT.iter().find_map(|name| view.variables.addr(name))
}

/// All lists: name, address, state of who is in it.
fn lists(view: &View<'_>) -> Vec<(String, u64, &'static str)> {
    let mut lists = Vec::new();
    if let (Some(addr), Some(len)) = (view.variables.addr(READY), view.size(LIST)) {
        let count = view.variables.len(READY).checked_div(len).unwrap_or_default();
        // The highest priority first, as the scheduler looks.
        for priority in (0..count.clamp(1, MOST_PRIORITIES)).rev() {
            let at = priority.checked_mul(len).and_then(|offset| addr.checked_add(offset));
            lists.extend(at.map(|at| (format!("{READY}[{priority}]"), at, "ready")));
        }
    }
    let others = LISTS
        .iter()
        .filter_map(|(name, state)| Some((name.to_string(), view.variables.addr(name)?, *state)));
    lists.extend(others);
    lists
}

/// The owners of the items of one list.
fn owners(
    kernel: &FreeRtos,
    view: &View<'_>,
    name: &str,
    at: u64,
    notes: &mut Vec<Note>,
) -> Vec<u64> {
    let link = |name: &str| view.member(ITEM, name).map_or(0, |member| member.offset);
    let links = [link("pxNext"), link("pxPrevious")];
    let Some(head) = view.addr(at, LIST, "xListEnd") else { return Vec::new() };
    // An item is one of the two that its owner has.
    let owner = |item: u64| {
        let owner = view.value(item, ITEM, "pvOwner").filter(|owner| *owner != 0)?;
        let own = ["xStateListItem", "xEventListItem"];
        own.iter().any(|name| view.addr(owner, TCB, name) == Some(item)).then_some(owner)
    };
    let list = List { name, head, links: &links, of: kernel.of() };
    list.walk(kernel.name(), notes, |addr| view.word(addr), owner)
}

/// Whether a task waits for an event or a notification.
fn waits(view: &View<'_>, at: u64) -> bool {
    let item = view.addr(at, TCB, "xEventListItem");
    if item.and_then(|item| view.value(item, ITEM, "pxContainer")).is_some_and(|list| list != 0) {
        return true;
    }
    // taskWAITING_NOTIFICATION
    let Some(states) = view.member(TCB, "ucNotifyState") else { return false };
    let count = states.count.unwrap_or(1).min(64);
    let addr = at.checked_add(states.offset);
    let states = addr.and_then(|addr| view.memory().bytes(addr, usize::try_from(count).ok()?));
    states.is_some_and(|states| states.contains(&1))
}

/// Where the stack begins says the control block. Where it ends it says if the firmware was
/// configured to; else nobody does but the memory: heaps put the length in front of a block.
fn stack(view: &View<'_>, at: u64, top: Option<u64>) -> Option<Stack> {
    let low = view.value(at, TCB, "pxStack")?;
    let end = view.value(at, TCB, "pxEndOfStack").and_then(|end| end.checked_add(view.word_len()));
    let high = end.or_else(|| {
        // heap_4 and heap_5: {next free block, length with the highest bit set}, padded to 8.
        let length = view.word(low.checked_sub(view.word_len())?)?;
        let taken = 1u64.checked_shl(view.dump.arch.word_bits.saturating_sub(1))?;
        let length = (length & taken != 0).then_some(length & !taken)?;
        let header = view.word_len().checked_mul(2)?;
        let high = low.checked_add(length.checked_sub(header)?)?;
        top.is_some_and(|top| (low..=high).contains(&top)).then_some(high)
    })?;
    stack_of(low, high.checked_sub(low)?)
}
