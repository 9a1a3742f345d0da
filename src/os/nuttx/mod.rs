//! NuttX: tasks out of the table that leads from process numbers to control blocks.
//!
//! `g_pidhash` is a pointer to `g_npidhash` pointers (since 10.1), or an array of {control block,
//! process number}. Who runs is in `g_running_tasks`, one for each CPU (since 7.25), or heads the list
//! `g_readytorun`; with several CPUs the lists `g_assignedtasks`. `registers.rs` reads what was saved
//! of the others. What the states are called depends on the configuration: the enumeration
//! `tstate_e` tells.
//!
//! Source: NuttX 7.31 to 12.9, `include/nuttx/sched.h`, `sched/sched/sched.h`.

mod registers;

use super::task::{self, MOST_TASKS, Task, name_at, stack_of};
use super::words::{Variables, read_sized, read_word, value, word_len};
use crate::debug_info::{Module, Structs, Type};
use crate::dump::{Dump, Note, Stack};
use crate::firmware::Firmware;
use std::collections::HashSet;
use std::sync::Arc;

const TABLE: &str = "g_pidhash";
const VARIABLES: [&str; 6] =
    [TABLE, "g_npidhash", "g_running_tasks", "g_readytorun", "g_assignedtasks", "g_tcbinfo"];
const MOST_CPUS: u64 = 32;
/// Longer names are not believed; the usual room is 32.
const LONGEST_NAME: u64 = 256;

/// Whether an ELF file is of a firmware with this kernel.
pub(super) fn is_firmware(firmware: &Firmware) -> bool {
    Variables::find(firmware, &[TABLE]).has(TABLE)
}

/// Adds the tasks to `dump`, as far as its memory holds them.
pub(super) fn complete(dump: &mut Dump, firmware: &Arc<Firmware>) {
    let variables = Variables::find(firmware, &VARIABLES);
    let Some(table) = variables.addr(TABLE) else { return };
    if read_word(&dump.memory, table, &dump.arch).is_none() {
        return;
    }
    let mut groups: Vec<&[&str]> = vec![&["tcb_s"], &["tstate_e"]];
    if !variables.has("g_npidhash") {
        groups.push(&["pidhash_s"]);
    }
    if variables.has("g_tcbinfo") {
        groups.push(&["tcbinfo_s"]);
    }
    let structs = Structs::find(Module::of(firmware).units(), &groups);
    let tcb = structs.as_ref().and_then(|structs| structs.get("tcb_s"));
    let (Some(structs), Some(tcb)) = (structs, tcb) else {
        dump.notes.push(Note::warning(format!(
            "nuttx: {} does not describe its structures (no DWARF): the tasks are not shown",
            firmware.path
        )));
        return;
    };
    let kernel = Kernel { dump, firmware, variables: &variables, structs: &structs, tcb };
    let mut notes = Vec::new();
    let cpus = kernel.cpus();
    let all = task::with_running(kernel.tasks(table, &mut notes), &cpus);
    let tasks: Vec<Task> = all.iter().map(|at| kernel.task(*at, &cpus)).collect();
    dump.notes.extend(notes);
    task::merge(dump, tasks, cpus.len());
}

/// What the kernel is read with.
struct Kernel<'a> {
    dump: &'a Dump,
    firmware: &'a Firmware,
    variables: &'a Variables,
    structs: &'a Structs<'a>,
    /// `struct tcb_s`.
    tcb: Type<'a>,
}

impl Kernel<'_> {
    fn word(&self, addr: u64) -> Option<u64> {
        read_word(&self.dump.memory, addr, &self.dump.arch)
    }

    fn word_len(&self) -> u64 {
        word_len(&self.dump.arch)
    }

    /// The value of the first of `paths` that a control block has, of whatever size.
    fn value(&self, at: u64, paths: &[&str]) -> Option<u64> {
        value(self.dump, &self.tcb, at, paths)
    }

    /// `count` words from `addr` on, as far as they can be read.
    fn words(&self, addr: u64, count: u64, step: u64) -> impl Iterator<Item = u64> + '_ {
        let word = move |n: u64| self.word(addr.checked_add(n.checked_mul(step)?)?);
        (0..count).map_while(word)
    }

    /// The control blocks of the tasks that run, by CPU.
    fn cpus(&self) -> Vec<u64> {
        let many = |name: &'static str, step: u64| {
            let addr = self.variables.addr(name)?;
            let count = self.variables.len(name).checked_div(step).unwrap_or_default();
            let all: Vec<u64> = self.words(addr, count.clamp(1, MOST_CPUS), step).collect();
            all.iter().any(|at| *at != 0).then_some(all)
        };
        // A queue is {head, tail}.
        let queue = self.word_len().saturating_mul(2);
        many("g_running_tasks", self.word_len())
            .or_else(|| many("g_assignedtasks", queue))
            .or_else(|| many("g_readytorun", queue))
            .unwrap_or_default()
    }

    /// The control blocks of all tasks, by process number.
    fn tasks(&self, table: u64, notes: &mut Vec<Note>) -> Vec<u64> {
        let (addr, count, step, tcb_off) = match self.variables.addr("g_npidhash") {
            Some(count) => {
                let count = read_sized(&self.dump.memory, count, 4, &self.dump.arch);
                (self.word(table), count, self.word_len(), 0)
            }
            None => {
                let entry = self.structs.get("pidhash_s");
                let len = entry.as_ref().and_then(|entry| entry.size()).filter(|len| *len > 0);
                let tcb = entry.and_then(|entry| entry.member("tcb"));
                let step = len.unwrap_or(self.word_len());
                let count = self.variables.len(TABLE).checked_div(step);
                (Some(table), count, step, tcb.map_or(0, |tcb| tcb.offset))
            }
        };
        let (Some(addr), Some(count)) = (addr.filter(|addr| *addr != 0), count) else {
            return Vec::new();
        };
        if count > MOST_TASKS as u64 {
            notes.push(Note::warning(format!(
                "nuttx: the table of tasks says that it has {count} entries: it is damaged"
            )));
            return Vec::new();
        }
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut strange = 0u32;
        let entries: Vec<u64> = self.words(addr.saturating_add(tcb_off), count, step).collect();
        if (entries.len() as u64) < count {
            notes.push(Note::warning(format!(
                "nuttx: of the table of tasks at {addr:#x} only {} of {count} entries are in the dump",
                entries.len()
            )));
        }
        for at in entries.into_iter().filter(|at| *at != 0) {
            if !seen.insert(at) || self.value(at, &["pid"]).is_none() {
                strange = strange.saturating_add(1);
                continue;
            }
            all.push(at);
        }
        if strange > 0 {
            notes.push(Note::warning(format!(
                "nuttx: {strange} entries of the table of tasks at {addr:#x} are no tasks of this dump"
            )));
        }
        all
    }

    fn task(&self, at: u64, cpus: &[u64]) -> Task {
        let cpu = cpus.iter().position(|current| *current == at).map(|cpu| cpu as u32);
        let mut remarks = Vec::new();
        let name = self.tcb.member("name");
        let room = name.as_ref().and_then(|name| name.kind.count()).unwrap_or_default();
        let pid = self.value(at, &["pid"]);
        remarks.extend(pid.map(|pid| format!("pid {pid}")));
        let saved = registers::saved(self, at, cpu.is_some(), &mut remarks);
        let state = self.value(at, &["task_state"]);
        Task {
            at,
            name: name
                .and_then(|name| at.checked_add(name.offset))
                .and_then(|addr| name_at(&self.dump.memory, Some(addr), room.min(LONGEST_NAME))),
            state: match cpu {
                Some(cpu) if cpus.len() > 1 => Some(format!("running on CPU {cpu}")),
                Some(_) => Some("running".into()),
                None => state.and_then(|state| self.state(state)),
            },
            priority: self.value(at, &["sched_priority"]).and_then(|p| i64::try_from(p).ok()),
            stack: self.stack(at),
            cpu,
            saved,
            remarks,
        }
    }

    /// Up to 10.0 the control block has the address that the stack grows from, later the one that
    /// it must not grow below.
    fn stack(&self, at: u64) -> Option<Stack> {
        let size = self.value(at, &["adj_stack_size"])?;
        let low = match self.value(at, &["adj_stack_ptr"]) {
            Some(high) => high.checked_sub(size)?,
            None => self.value(at, &["stack_base_ptr", "stack_alloc_ptr"])?,
        };
        stack_of(low, size)
    }

    /// `TSTATE_WAIT_SEM` is `waiting for a semaphore`.
    fn state(&self, value: u64) -> Option<String> {
        let names = self.structs.get("tstate_e");
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
}
