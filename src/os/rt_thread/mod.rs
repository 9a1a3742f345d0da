//! RT-Thread: threads out of the object container.
//!
//! `_object_container` (before v4.1 `rt_object_container`) is an array of {class, list of all
//! objects of it, their size}. Threads are class 1, in v2 and early v3 class 0, which their enumeration
//! tells. Their control blocks begin with an object: up to v4.1 its members stand in
//! `struct rt_thread` itself, later it is the member `parent`. State and priority moved into
//! `sched_thread_ctx` with v5.1. Who runs is `rt_current_thread`, which in present releases
//! is a member of `_cpu`; with several cores it is the first member of each of `_cpus`
//! (before v5.0 `rt_cpus`).
//!
//! `objects.rs` reads what threads wait for. Saved registers: on Cortex-M see [`super::cortex_m_switch`], on RISC-V [`riscv`].
//!
//! Source: RT-Thread v3.1.5, v4.1.1, v5.1.0, `include/rtdef.h`, `include/rtsched.h`,
//! `src/object.c`; its 992d3af (v4.0, several cores), 0007a6f (v5.0) and 0729881 (v5.1); of v2.1
//! apinggithub/rt-thread-2.1.0-hal 49025c9; of present
//! releases lscwzd/rt-thread_codex 9fd8b1f.

mod objects;
mod riscv;

use super::kernel::{Found, Kernel, Structure, Told, View};
use super::list::List;
use super::read::{Variables, read_u32};
use super::task::stack_of;
use crate::dump::{Note, Object};
use crate::registers::Registers;

const CONTAINERS: [&str; 2] = ["_object_container", "rt_object_container"];
const CPUS: [&str; 3] = ["_cpus", "rt_cpus", "_cpu"];
const CURRENT: &str = "rt_current_thread";
/// The function that came with the states of v5.0; every wait of a thread goes through it.
const WITH_KINDS: &str = "rt_thread_suspend_with_flag";
/// What threads are called among the classes of objects. Their number is 1, or 0 in v2 and early v3;
/// objects that were not allocated have the highest bit set as well.
const CLASS: &str = "RT_Object_Class_Thread";
const CLASSES: &str = "rt_object_class_type";
/// More classes of objects than this there are not.
const MOST_CLASSES: u64 = 64;
const MOST_CPUS: u64 = 16;
/// Longer names are not believed.
const LONGEST_NAME: u64 = 64;

const THREAD: &str = "rt_thread";
const INFORMATION: &str = "rt_object_information";
const CPU: &str = "rt_cpu";
const STRUCTURES: [Structure; 4] = [
    Structure {
        names: &[THREAD],
        members: &[
            &["parent.list", "list"],
            &["parent.type", "type"],
            &["sp"],
            &["parent.name", "name"],
            &["stat", "sched_thread_ctx.stat"],
            &["current_priority", "sched_thread_ctx.sched_thread_priv.current_priority"],
            &["stack_addr"],
            &["stack_size"],
        ],
        needed: Some(3),
    },
    Structure { names: &[INFORMATION], members: &[&["type"], &["object_list"]], needed: Some(2) },
    Structure { names: &[CLASSES], members: &[], needed: None },
    Structure { names: &[CPU], members: &[&["current_thread"]], needed: None },
];

/// RT-Thread.
pub(super) struct RtThread;

impl Kernel for RtThread {
    fn name(&self) -> &'static str {
        "rt-thread"
    }

    fn of(&self) -> &'static str {
        "thread"
    }

    fn marks(&self) -> &'static [&'static [&'static str]] {
        &[&CONTAINERS]
    }

    fn variables(&self) -> &'static [&'static str] {
        const ALL: [&str; 5] = [CPUS[0], CPUS[1], CPUS[2], CURRENT, WITH_KINDS];
        &ALL
    }

    fn structures(&self) -> &'static [Structure] {
        &STRUCTURES
    }

    fn wants(&self, structure: &str, variables: &Variables) -> bool {
        structure != CPU || CPUS.iter().any(|name| variables.has(name))
    }

    fn is_there(&self, view: &View<'_>) -> bool {
        container(view).is_some_and(|(addr, _)| view.word(addr).is_some())
    }

    fn running(&self, view: &View<'_>) -> Vec<u64> {
        let array = CPUS.iter().find(|name| view.variables.has(name));
        if let Some(name) = array
            && let Some(len) = view.size(CPU)
            && let Some(current) = view.member(CPU, "current_thread")
            && let Some(addr) = view.variables.addr(name)
        {
            let count = view.variables.len(name).checked_div(len).unwrap_or_default();
            let first = addr.saturating_add(current.offset);
            let all = view.words(first, count.clamp(1, MOST_CPUS), len);
            // Before the scheduler starts nobody runs.
            return if all.iter().all(|at| *at == 0) { Vec::new() } else { all };
        }
        let current = view.variables.addr(CURRENT).and_then(|addr| view.word(addr));
        current.filter(|at| *at != 0).into_iter().collect()
    }

    fn tasks(&self, view: &View<'_>, _: &[u64], notes: &mut Vec<Note>) -> Vec<Found> {
        let Some(head) = list_head(view) else { return Vec::new() };
        let Some(node) = view.member(THREAD, "parent.list") else { return Vec::new() };
        // rt_list_t: next, then previous.
        let links = [0, view.word_len()];
        let list = List { name: "of threads", head, links: &links, of: self.of() };
        let class = class_of_threads(view);
        let is_thread =
            |at: &u64| view.value(*at, THREAD, "parent.type").map(|own| own & 0x7f) == Some(class);
        let thread = |at: u64| at.checked_sub(node.offset).filter(is_thread);
        let all = list.walk(self.name(), notes, |addr| view.word(addr), thread);
        all.into_iter().map(Found::from).collect()
    }

    fn describe(&self, view: &View<'_>, found: &Found) -> Told {
        let value = |member: &str| view.value(found.at, THREAD, member);
        let three_kinds = view.variables.has(WITH_KINDS);
        Told {
            name: view.name(found.at, THREAD, "parent.name", LONGEST_NAME),
            state: value("stat").map(|stat| state_words(stat, three_kinds).into()),
            priority: value("current_priority").and_then(|priority| priority.try_into().ok()),
            stack: value("stack_addr").zip(value("stack_size")).and_then(|(l, s)| stack_of(l, s)),
            sp: value("sp"),
            ..Told::default()
        }
    }

    fn objects(&self, view: &View<'_>, tasks: &[Found], notes: &mut Vec<Note>) -> Vec<Object> {
        objects::objects(view, tasks, notes)
    }

    fn restore(&self, view: &View<'_>, sp: u64, registers: &mut Registers) -> Option<()> {
        if !view.dump.arch.family.is_riscv() {
            return view.cortex_m_switch(sp, registers);
        }
        let float_len = view.firmware.float_register_len().unwrap_or_default();
        riscv::restore(registers, view.memory(), sp, float_len, &|addr| view.is_code(addr))
    }
}

/// Address and length of the container.
fn container(view: &View<'_>) -> Option<(u64, u64)> {
    let name = CONTAINERS.into_iter().find(|name| view.variables.has(name))?;
    Some((view.variables.addr(name)?, view.variables.len(name)))
}

/// The number of the class of threads.
fn class_of_threads(view: &View<'_>) -> u64 {
    let first = view.kind(CLASSES).and_then(|classes| classes.enumerator(0));
    u64::from(first.as_deref() != Some(CLASS))
}

/// Where the list of threads begins.
fn list_head(view: &View<'_>) -> Option<u64> {
    let (container, len) = container(view)?;
    let size = view.size(INFORMATION)?;
    let count = len.checked_div(size)?.clamp(1, MOST_CLASSES);
    let wanted = class_of_threads(view);
    let is_threads = |at: &u64| {
        let class = view.addr(*at, INFORMATION, "type");
        let class = class.and_then(|at| read_u32(view.memory(), at, &view.dump.arch));
        // The enumeration takes one byte with -fshort-enums.
        class.is_some_and(|class| u64::from(class & 0xff) == wanted)
    };
    let mut entries = (0..count).filter_map(|n| container.checked_add(n.checked_mul(size)?));
    view.addr(entries.find(is_threads)?, INFORMATION, "object_list")
}

/// The low bits of the state. v5.0, which knows three kinds of being suspended, renumbered them.
fn state_words(stat: u64, three_kinds: bool) -> &'static str {
    match (stat & 0x7, three_kinds) {
        (0, _) => "init",
        (1, false) | (2, true) => "ready",
        (3, _) => "running",
        (2, false) | (4.., true) => "suspended",
        _ => "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_those_of_their_version() {
        assert_eq!((state_words(2, false), state_words(2, true)), ("suspended", "ready"));
        assert_eq!((state_words(0x0e, true), state_words(0x0c, true)), ("suspended", "suspended"));
        assert_eq!((state_words(4, false), state_words(1, true)), ("closed", "closed"));
    }
}
