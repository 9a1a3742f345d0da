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
//! Saved registers: on Cortex-M see [`super::pushed`], on RISC-V [`riscv`].
//!
//! Source: RT-Thread v3.1.5, v4.1.1, v5.1.0, `include/rtdef.h`, `include/rtsched.h`,
//! `src/object.c`; its 992d3af (v4.0, several cores), 0007a6f (v5.0) and 0729881 (v5.1); of v2.1
//! apinggithub/rt-thread-2.1.0-hal 49025c9; of present
//! releases lscwzd/rt-thread_codex 9fd8b1f.

mod riscv;

use super::pushed;
use super::task::{self, MOST_TASKS, Task, name_at, stack_of};
use super::words::{Variables, read_u32, read_word, value, word_len};
use crate::arch::cortex_m;
use crate::debug_info::{Module, Structs, Type};
use crate::dump::{Dump, Note};
use crate::firmware::Firmware;
use crate::registers::Registers;
use std::collections::HashSet;
use std::sync::Arc;

const CONTAINERS: [&str; 2] = ["_object_container", "rt_object_container"];
const CPUS: [&str; 3] = ["_cpus", "rt_cpus", "_cpu"];
const CURRENT: &str = "rt_current_thread";
const VARIABLES: [&str; 6] = [CONTAINERS[0], CONTAINERS[1], CPUS[0], CPUS[1], CPUS[2], CURRENT];
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
const WHY: &str = "register not saved when the thread was switched out";

/// Whether an ELF file is of a firmware with this kernel.
pub(super) fn is_firmware(firmware: &Firmware) -> bool {
    let variables = Variables::find(firmware, &CONTAINERS);
    CONTAINERS.iter().any(|name| variables.has(name))
}

/// Adds the threads to `dump`, as far as its memory holds them.
pub(super) fn complete(dump: &mut Dump, firmware: &Arc<Firmware>) {
    let variables = Variables::find(firmware, &VARIABLES);
    let Some(container) = CONTAINERS.into_iter().find(|name| variables.has(name)) else { return };
    let addr = variables.addr(container).unwrap_or_default();
    if read_word(&dump.memory, addr, &dump.arch).is_none() {
        return;
    }
    let mut groups: Vec<&[&str]> = vec![&["rt_thread"], &["rt_object_information"], &[CLASSES]];
    if CPUS.iter().any(|name| variables.has(name)) {
        groups.push(&["rt_cpu"]);
    }
    let structs = Structs::find(Module::of(firmware).units(), &groups);
    let thread = structs.as_ref().and_then(|structs| structs.get("rt_thread"));
    let (Some(structs), Some(thread)) = (structs, thread) else {
        dump.notes.push(Note::warning(format!(
            "rt-thread: {} does not describe its structures (no DWARF): the threads are not shown",
            firmware.path
        )));
        return;
    };
    let three_kinds = firmware.symbols().any(|symbol| symbol.function && symbol.name == WITH_KINDS);
    let first = structs.get(CLASSES).and_then(|classes| classes.enumerator(0));
    let class = u32::from(first.as_deref() != Some(CLASS));
    let variables = &variables;
    let kernel =
        Kernel { dump, firmware, variables, structs: &structs, thread, class, three_kinds };
    let mut notes = Vec::new();
    let cpus = kernel.cpus();
    let all = task::with_running(kernel.threads(addr, variables.len(container), &mut notes), &cpus);
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
    /// `struct rt_thread`.
    thread: Type<'a>,
    /// The number of the class of threads.
    class: u32,
    /// The kernel tells three kinds of suspended threads apart.
    three_kinds: bool,
}

impl Kernel<'_> {
    fn word(&self, addr: u64) -> Option<u64> {
        read_word(&self.dump.memory, addr, &self.dump.arch)
    }

    fn word_len(&self) -> u64 {
        word_len(&self.dump.arch)
    }

    /// The offset of the first of `paths` that a thread has.
    fn offset(&self, paths: &[&str]) -> Option<u64> {
        let offset = |path: &&str| self.thread.member(path).map(|m| m.offset);
        paths.iter().find_map(offset)
    }

    /// The value of the first of `paths` that a thread has, of whatever size.
    fn value(&self, at: u64, paths: &[&str]) -> Option<u64> {
        value(self.dump, &self.thread, at, paths)
    }

    /// The control blocks of the threads that run, by core.
    fn cpus(&self) -> Vec<u64> {
        let array = CPUS.iter().find(|name| self.variables.has(name));
        if let Some(name) = array
            && let Some(cpu) = self.structs.get("rt_cpu")
            && let Some(len) = cpu.size().filter(|len| *len > 0)
            && let Some(current) = cpu.member("current_thread")
            && let Some(addr) = self.variables.addr(name)
        {
            let count = self.variables.len(name).checked_div(len).unwrap_or_default();
            let of_cpu = |cpu: u64| {
                let at = addr.checked_add(cpu.checked_mul(len)?)?;
                self.word(at.checked_add(current.offset)?)
            };
            let all: Vec<u64> = (0..count.clamp(1, MOST_CPUS)).map_while(of_cpu).collect();
            // Before the scheduler starts nobody runs.
            return if all.iter().all(|at| *at == 0) { Vec::new() } else { all };
        }
        let current = self.variables.addr(CURRENT).and_then(|addr| self.word(addr));
        current.filter(|at| *at != 0).into_iter().collect()
    }

    /// The control blocks of all threads, in the order of the container's list.
    fn threads(&self, container: u64, len: u64, notes: &mut Vec<Note>) -> Vec<u64> {
        let mut all = Vec::new();
        let Some(head) = self.list_head(container, len) else { return all };
        let Some(node) = self.offset(&["parent.list", "list"]) else { return all };
        let mut seen = HashSet::new();
        let mut broken = None;
        // rt_list_t: next, then previous.
        for step in [0, self.word_len()] {
            let mut from = head;
            let why = loop {
                let next = from.checked_add(step).and_then(|addr| self.word(addr));
                let Some(next) = next else {
                    break (from != head).then(|| format!("{from:#x} is not in the dump"));
                };
                if next == head || (next == 0 && from == head) {
                    break None;
                }
                if !seen.insert(next) {
                    break Some(format!("it comes back to {next:#x}"));
                }
                if all.len() >= MOST_TASKS {
                    break Some(format!("it has more than {MOST_TASKS} threads"));
                }
                let at = next.checked_sub(node);
                match at.filter(|at| self.is_thread(*at)) {
                    Some(at) => all.push(at),
                    None => break Some(format!("the node {next:#x} is no thread's")),
                }
                from = next;
            };
            match (why, broken.is_some()) {
                (None, false) => break,
                (Some(why), false) => broken = Some(why),
                _ => {}
            }
        }
        if let Some(why) = broken {
            notes.push(Note::warning(format!(
                "rt-thread: the list of threads at {head:#x} is damaged: {why}; {} were found",
                all.len()
            )));
        }
        all
    }

    /// Where the list of threads begins.
    fn list_head(&self, container: u64, len: u64) -> Option<u64> {
        let information = self.structs.get("rt_object_information")?;
        let size = information.size().filter(|size| *size > 0)?;
        let offset = |name: &str| information.member(name).map(|m| m.offset);
        let (class, list) = (offset("type")?, offset("object_list")?);
        let count = len.checked_div(size)?.clamp(1, MOST_CLASSES);
        let entries = (0..count).filter_map(|n| container.checked_add(n.checked_mul(size)?));
        let is_threads = |at: &u64| {
            let class = at.checked_add(class);
            let class = class.and_then(|at| read_u32(&self.dump.memory, at, &self.dump.arch));
            // The enumeration takes one byte with -fshort-enums.
            class.is_some_and(|class| class & 0xff == self.class)
        };
        entries.into_iter().find(is_threads)?.checked_add(list)
    }

    /// Whether the object at `at` says that it is a thread.
    fn is_thread(&self, at: u64) -> bool {
        let class = self.value(at, &["parent.type", "type"]);
        class.is_some_and(|class| class & 0x7f == u64::from(self.class))
    }

    fn task(&self, at: u64, cpus: &[u64]) -> Task {
        let cpu = cpus.iter().position(|current| *current == at).map(|cpu| cpu as u32);
        let low = self.value(at, &["stack_addr"]);
        let stack = low.zip(self.value(at, &["stack_size"])).and_then(|(l, s)| stack_of(l, s));
        let mut remarks = Vec::new();
        let mut saved = Registers::unknown(self.dump.arch.clone());
        saved.set_why_missing(WHY);
        let stat = self.value(at, &["stat", "sched_thread_ctx.stat"]);
        if let (None, Some(sp)) = (cpu, self.value(at, &["sp"])) {
            if stack.is_some_and(|s| !(s.low..=s.high).contains(&sp)) {
                let words =
                    format!("corrupted: its saved stack pointer {sp:#x} is not in its stack");
                remarks.push(words);
            } else if self.restore(sp, &mut saved).is_none() {
                remarks.push(match self.dump.memory.region_at(sp) {
                    None => "its stack is not in the dump".into(),
                    Some(_) => format!("what was saved at {sp:#x} is no frame of a known port"),
                });
            }
        }
        let priority = ["current_priority", "sched_thread_ctx.sched_thread_priv.current_priority"];
        Task {
            at,
            name: self.name(at),
            state: match cpu {
                Some(cpu) if cpus.len() > 1 => Some(format!("running on core {cpu}")),
                Some(_) => Some("running".into()),
                None => stat.map(|stat| state_words(stat, self.three_kinds).into()),
            },
            priority: self.value(at, &priority).and_then(|priority| i64::try_from(priority).ok()),
            stack,
            cpu,
            saved,
            remarks,
        }
    }

    /// The name: text in the object, or since v5.1, if configured so, elsewhere.
    fn name(&self, at: u64) -> Option<String> {
        let paths = ["parent.name", "name"];
        let member = paths.iter().find_map(|path| self.thread.member(path))?;
        let addr = at.checked_add(member.offset)?;
        if member.kind.is_array() {
            let room = member.kind.count()?.min(LONGEST_NAME);
            return name_at(&self.dump.memory, Some(addr), room);
        }
        name_at(&self.dump.memory, self.word(addr), LONGEST_NAME)
    }

    fn restore(&self, sp: u64, registers: &mut Registers) -> Option<()> {
        let is_code = |addr: u64| self.firmware.holds_code(addr);
        if cortex_m::is_m_profile(&self.dump.arch) {
            return pushed::restore(registers, &self.dump.memory, sp, &is_code);
        }
        if !self.dump.arch.family.is_riscv() {
            return None;
        }
        let float_len = self.firmware.float_register_len().unwrap_or_default();
        riscv::restore(registers, &self.dump.memory, sp, float_len, &is_code)
    }
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
