//! Where things are in FreeRTOS' structures: a firmware's configuration decides.
//!
//! Folklore: the structure is called `tskTaskControlBlock` and its type `tskTCB` "to prevent
//! breaking kernel aware debuggers", as the source says; we are one of those.

use crate::debug_info::{Module, Structs};

/// Longer names are not believed; the usual room is 16.
const LONGEST_NAME: u64 = 256;

/// Offsets in bytes.
pub(super) struct Layout {
    pub tcb: Tcb,
    pub item: Item,
    pub list: List,
}

/// Of a task's control block; `None` where the configuration leaves it out.
pub(super) struct Tcb {
    pub top: u64,
    /// Of the list item that a task's state hangs from.
    pub state_item: u64,
    /// Of the one that hangs from what it waits for.
    pub event_item: Option<u64>,
    pub priority: Option<u64>,
    pub stack: Option<u64>,
    pub end_of_stack: Option<u64>,
    pub name: Option<u64>,
    pub name_len: u64,
    /// Of the states of its notifications, one byte each, and how many there are.
    pub notify_states: Option<(u64, u64)>,
}

/// Of an item in a list.
pub(super) struct Item {
    pub next: u64,
    pub previous: u64,
    pub owner: u64,
    pub container: u64,
}

/// Of a list.
pub(super) struct List {
    pub len: u64,
    /// Of the item that ends it.
    pub end: u64,
}

impl Layout {
    pub(super) fn of(module: &Module<'_>) -> Option<Layout> {
        let wanted: [&[&str]; 3] = [&["tskTaskControlBlock"], &["xLIST_ITEM"], &["xLIST"]];
        let structs = Structs::find(module.units(), &wanted)?;
        let (task, item, list) = (
            structs.get("tskTaskControlBlock")?,
            structs.get("xLIST_ITEM")?,
            structs.get("xLIST")?,
        );
        let member = |path: &str| task.member(path);
        let offset = |path: &str| member(path).map(|member| member.offset);
        let of_item = |path: &str| item.member(path).map(|member| member.offset);
        let name = member("pcTaskName");
        let room = name.as_ref().and_then(|name| name.kind.count()).unwrap_or(16);
        // An array since V10.4.0, one byte before.
        let notify = member("ucNotifyState").or_else(|| member("eNotifyState"));
        let notify = notify.map(|m| (m.offset, m.kind.count().unwrap_or(1).min(64)));
        Some(Layout {
            tcb: Tcb {
                top: offset("pxTopOfStack")?,
                // Called xGenericListItem before V9.
                state_item: offset("xStateListItem").or_else(|| offset("xGenericListItem"))?,
                event_item: offset("xEventListItem"),
                priority: offset("uxPriority"),
                stack: offset("pxStack"),
                end_of_stack: offset("pxEndOfStack"),
                name: name.map(|name| name.offset),
                name_len: room.min(LONGEST_NAME),
                notify_states: notify,
            },
            item: Item {
                next: of_item("pxNext")?,
                previous: of_item("pxPrevious")?,
                owner: of_item("pvOwner")?,
                // Called pvContainer before V10.2.
                container: of_item("pxContainer").or_else(|| of_item("pvContainer"))?,
            },
            list: List {
                len: list.size().filter(|len| *len > 0)?,
                end: list.member("xListEnd")?.offset,
            },
        })
    }
}
