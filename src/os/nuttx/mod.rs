//! NuttX: tasks out of the table that leads from process numbers to control blocks.
//!
//! `g_pidhash` is a pointer to `g_npidhash` pointers (since 10.1), or an array of {control block,
//! process number}. Who runs is in `g_running_tasks`, one for each CPU (since 7.25), or heads the list
//! `g_readytorun`; with several CPUs the lists `g_assignedtasks`. `registers.rs` reads what was saved
//! of the others. What the states are called depends on the configuration: the enumeration
//! `tstate_e` tells.
//!
//! Source: NuttX 7.31 to 12.9, `include/nuttx/sched.h`, `sched/sched/sched.h`.

mod objects;
mod registers;

use super::kernel::{Found, Kernel, Structure, Told, View};
use super::read::{Variables, read_sized};
use super::task::{MOST_TASKS, stack_of};
use crate::dump::{Note, Object, Stack};
use crate::registers::Registers;
use std::collections::HashSet;

const TABLE: &str = "g_pidhash";
const TABLE_LEN: &str = "g_npidhash";
const INFO: &str = "g_tcbinfo";
const MOST_CPUS: u64 = 32;
/// Longer names are not believed; the usual room is 32.
const LONGEST_NAME: u64 = 256;

const TCB: &str = "tcb_s";
const ENTRY: &str = "pidhash_s";
const STATES: &str = "tstate_e";
const STRUCTURES: [Structure; 4] = [
    Structure {
        names: &[TCB],
        members: &[
            &["pid"],
            &["name"],
            &["task_state"],
            &["sched_priority"],
            &["adj_stack_size"],
            &["adj_stack_ptr"],
            &["stack_base_ptr", "stack_alloc_ptr"],
            &["xcp.regs"],
        ],
        needed: Some(1),
    },
    Structure { names: &[STATES], members: &[], needed: None },
    Structure { names: &[ENTRY], members: &[&["tcb"]], needed: None },
    Structure { names: &[registers::INFO], members: &registers::INFO_MEMBERS, needed: None },
];

/// NuttX.
pub(super) struct NuttX;

impl Kernel for NuttX {
    fn name(&self) -> &'static str {
        "nuttx"
    }

    fn cpu(&self) -> &'static str {
        "CPU"
    }

    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&[TABLE]]
    }

    fn variables(&self) -> &'static [&'static str] {
        &[TABLE_LEN, "g_running_tasks", "g_readytorun", "g_assignedtasks", INFO]
    }

    fn structures(&self) -> &'static [Structure] {
        &STRUCTURES
    }

    fn wants(&self, structure: &str, variables: &Variables) -> bool {
        match structure {
            ENTRY => !variables.has(TABLE_LEN),
            registers::INFO => variables.has(INFO),
            _ => true,
        }
    }

    fn is_there(&self, view: &View<'_>) -> bool {
        view.variables.addr(TABLE).is_some_and(|table| view.word(table).is_some())
    }

    fn running(&self, view: &View<'_>) -> Vec<u64> {
        let many = |name: &'static str, step: u64| {
            let addr = view.variables.addr(name)?;
            let count = view.variables.len(name).checked_div(step).unwrap_or_default();
            let all = view.words(addr, count.clamp(1, MOST_CPUS), step);
            all.iter().any(|at| *at != 0).then_some(all)
        };
        // A queue is {head, tail}.
        let queue = view.word_len().saturating_mul(2);
        many("g_running_tasks", view.word_len())
            .or_else(|| many("g_assignedtasks", queue))
            .or_else(|| many("g_readytorun", queue))
            .unwrap_or_default()
    }

    /// By process number.
    fn tasks(&self, view: &View<'_>, _: &[u64], notes: &mut Vec<Note>) -> Vec<Found> {
        let Some((addr, count, step)) = table(view) else { return Vec::new() };
        let mut warn = |words: String| {
            notes.push(Note::warning(words).by(self.name()).code("list-damaged"));
        };
        if count > MOST_TASKS as u64 {
            warn(format!("the table of tasks says that it has {count} entries: it is damaged"));
            return Vec::new();
        }
        let entries = view.words(addr, count, step);
        if (entries.len() as u64) < count {
            warn(format!(
                "of the table of tasks at {addr:#x} only {} of {count} entries are in the dump",
                entries.len()
            ));
        }
        let mut seen = HashSet::new();
        let used: Vec<u64> = entries.into_iter().filter(|at| *at != 0).collect();
        let is_task = |at: &u64| seen.insert(*at) && view.value(*at, TCB, "pid").is_some();
        let all: Vec<Found> = used.iter().copied().filter(is_task).map(Found::from).collect();
        let strange = used.len().saturating_sub(all.len());
        if strange > 0 {
            warn(format!(
                "{strange} entries of the table of tasks at {addr:#x} are no tasks of this dump"
            ));
        }
        all
    }

    fn describe(&self, view: &View<'_>, found: &Found) -> Told {
        let value = |member: &str| view.value(found.at, TCB, member);
        let sp = registers::place(view, found.at);
        let mut remarks: Vec<String> = Vec::new();
        remarks.extend(value("pid").map(|pid| format!("pid {pid}")));
        Told {
            name: view.name(found.at, TCB, "name", LONGEST_NAME),
            state: value("task_state").and_then(|state| state_words(view, state)),
            priority: value("sched_priority").and_then(|priority| priority.try_into().ok()),
            stack: stack(view, found.at),
            sp,
            saved_elsewhere: true,
            remarks,
            ..Told::default()
        }
    }

    fn objects(&self, view: &View<'_>, tasks: &[Found], _: &mut Vec<Note>) -> Vec<Object> {
        objects::objects(view, tasks)
    }

    fn restore(&self, view: &View<'_>, sp: u64, registers: &mut Registers) -> Option<()> {
        registers::restore(view, sp, registers)
    }
}

/// Where the first control block's address lies in the table, how many entries there are, and how
/// far apart.
fn table(view: &View<'_>) -> Option<(u64, u64, u64)> {
    let table = view.variables.addr(TABLE)?;
    match view.variables.addr(TABLE_LEN) {
        Some(count) => {
            let count = read_sized(view.memory(), count, 4, &view.dump.arch)?;
            let addr = view.word(table).filter(|addr| *addr != 0)?;
            Some((addr, count, view.word_len()))
        }
        None => {
            let step = view.size(ENTRY).unwrap_or(view.word_len());
            let count = view.variables.len(TABLE).checked_div(step)?;
            let first = view.member(ENTRY, "tcb").map_or(0, |tcb| tcb.offset);
            Some((table.checked_add(first)?, count, step))
        }
    }
}

/// Up to 10.0 the control block has the address that the stack grows from, later the one that
/// it must not grow below.
fn stack(view: &View<'_>, at: u64) -> Option<Stack> {
    let value = |member: &str| view.value(at, TCB, member);
    let size = value("adj_stack_size")?;
    let low = match value("adj_stack_ptr") {
        Some(high) => high.checked_sub(size)?,
        None => value("stack_base_ptr")?,
    };
    stack_of(low, size)
}

/// `TSTATE_WAIT_SEM` is `waiting for a semaphore`.
fn state_words(view: &View<'_>, value: u64) -> Option<String> {
    let names = view.kind(STATES);
    let Some(name) = names.and_then(|names| names.enumerator(value)) else {
        return Some(format!("state {value}"));
    };
    Some(match name.as_str() {
        "TSTATE_TASK_PENDING" => "ready, held back by a lock".into(),
        "TSTATE_TASK_READYTORUN" => "ready".into(),
        "TSTATE_TASK_ASSIGNED" => "ready, assigned to a CPU".into(),
        "TSTATE_TASK_RUNNING" => "running".into(),
        "TSTATE_TASK_INACTIVE" => "not started".into(),
        "TSTATE_WAIT_SEM" => "waiting for a semaphore".into(),
        "TSTATE_WAIT_SIG" => "waiting for a signal".into(),
        "TSTATE_WAIT_MQNOTEMPTY" => "waiting for a message".into(),
        "TSTATE_WAIT_MQNOTFULL" => "waiting for room for a message".into(),
        "TSTATE_WAIT_EVENT" => "waiting for an event".into(),
        "TSTATE_WAIT_PAGEFILL" => "waiting for a page".into(),
        "TSTATE_TASK_STOPPED" => "stopped".into(),
        other => other.trim_start_matches("TSTATE_").to_ascii_lowercase().replace('_', " "),
    })
}
