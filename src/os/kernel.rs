//! What all kernels have in common: a description of their structures, one view of a dump through
//! it, and one way from there to the dump's threads.
//!
//! A kernel is a [`Kernel`]: which variables it has, which of its structures are read and what their
//! members were called over the years, where its tasks are listed, and what one says of itself.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::read::{Variables, read_sized, read_word, word_len};
use super::task::{self, Task};
use crate::arch::cortex_m;
use crate::debug_info::{Module, Structs, Type};
use crate::dump::{Dump, Note, Object, Stack};
use crate::firmware::Firmware;
use crate::memory::Memory;
use crate::registers::Registers;
use std::sync::Arc;

/// Why a register of a task is not known.
const WHY: &str = "register not saved when it was switched out";

/// A structure of a kernel.
pub(crate) struct Structure {
    /// What it is called, in one version or another.
    pub names: &'static [&'static str],
    /// Its members, each by the paths that versions gave it. The first path is what it is asked by.
    pub members: &'static [&'static [&'static str]],
    /// As many of the first members have to be there, or nothing can be told of the kernel. `None`:
    /// nor has the structure.
    pub needed: Option<usize>,
}

/// A member of a structure in one firmware.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member {
    /// Bytes from the start of the structure.
    pub offset: u64,
    /// Its size in bytes.
    pub len: Option<u64>,
    /// How many elements an array has.
    pub count: Option<u64>,
    pub is_array: bool,
}

/// A structure in one firmware.
struct Shape<'a> {
    names: &'static [&'static str],
    kind: Type<'a>,
    len: Option<u64>,
    members: Vec<(&'static str, Member)>,
}

impl<'a> Shape<'a> {
    fn of(structure: &Structure, kind: Type<'a>) -> Shape<'a> {
        let member = |paths: &&'static [&'static str]| {
            let found = paths.iter().find_map(|path| kind.member(path))?;
            let member = Member {
                offset: found.offset,
                len: found.kind.size(),
                count: found.kind.count(),
                is_array: found.kind.is_array(),
            };
            Some((*paths.first()?, member))
        };
        let members = structure.members.iter().filter_map(member).collect();
        Shape { names: structure.names, len: kind.size(), members, kind }
    }

    fn member(&self, name: &str) -> Option<Member> {
        self.members.iter().find(|(own, _)| *own == name).map(|(_, member)| *member)
    }
}

/// A kernel as it is read.
pub(super) trait Kernel {
    /// What notes call it.
    fn name(&self) -> &'static str;
    /// What it runs: a `task`.
    fn of(&self) -> &'static str {
        "task"
    }
    /// What it calls the processors.
    fn cpu(&self) -> &'static str {
        "core"
    }
    /// A firmware with this kernel has a variable of each group.
    fn marks(&self) -> &'static [&'static [&'static str]];
    /// The other variables that are read.
    fn variables(&self) -> &'static [&'static str];
    /// The structures that are read.
    fn structures(&self) -> &'static [Structure];
    /// Whether a structure that need not be there is worth looking for.
    fn wants(&self, _structure: &str, _variables: &Variables) -> bool {
        true
    }
    /// Whether the dump holds what all begins with.
    fn is_there(&self, view: &View<'_>) -> bool;
    /// The control blocks of the tasks that ran, by core; 0 for a core without one.
    fn running(&self, view: &View<'_>) -> Vec<u64>;
    /// All tasks that its lists hold.
    fn tasks(&self, view: &View<'_>, running: &[u64], notes: &mut Vec<Note>) -> Vec<Found>;
    /// What tasks wait for and share.
    fn objects(&self, _: &View<'_>, _: &[Found], _: &mut Vec<Note>) -> Vec<Object> {
        Vec::new()
    }
    /// What a task says of itself.
    fn describe(&self, view: &View<'_>, found: &Found) -> Told;
    /// The registers that were saved at `sp`; `None` if those are no registers.
    fn restore(&self, view: &View<'_>, sp: u64, registers: &mut Registers) -> Option<()>;
}

/// A task and the list that it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The address of its control block.
    pub at: u64,
    /// The list's name, where that tells something.
    pub list: Option<&'static str>,
}

impl From<u64> for Found {
    fn from(at: u64) -> Found {
        Found { at, list: None }
    }
}

/// What a task says of itself.
#[derive(Default)]
pub(super) struct Told {
    pub name: Option<String>,
    /// In the kernel's words, if it does not run.
    pub state: Option<String>,
    pub priority: Option<i64>,
    pub base_priority: Option<i64>,
    pub stack: Option<Stack>,
    /// The lowest address of its stack, also where its end is not known.
    pub low: Option<u64>,
    /// Where its registers were saved when it was switched out.
    pub sp: Option<u64>,
    /// They are not on its stack.
    pub saved_elsewhere: bool,
    pub remarks: Vec<String>,
}

/// What a kernel is read with, and what else describes its structures in the same way.
pub(crate) struct View<'a> {
    pub dump: &'a Dump,
    pub firmware: &'a Firmware,
    pub variables: Variables,
    shapes: Vec<Shape<'a>>,
}

impl<'a> View<'a> {
    pub(crate) fn memory(&self) -> &'a Memory {
        &self.dump.memory
    }

    pub(crate) fn word(&self, addr: u64) -> Option<u64> {
        read_word(&self.dump.memory, addr, &self.dump.arch)
    }

    /// The number of `len` bytes, at most eight, at `addr`.
    pub(crate) fn sized(&self, addr: u64, len: u64) -> Option<u64> {
        read_sized(&self.dump.memory, addr, len, &self.dump.arch)
    }

    pub(crate) fn word_len(&self) -> u64 {
        word_len(&self.dump.arch)
    }

    /// `count` words from `addr` on, `step` bytes apart, as far as they can be read.
    pub(crate) fn words(&self, addr: u64, count: u64, step: u64) -> Vec<u64> {
        let word = |n: u64| self.word(addr.checked_add(n.checked_mul(step)?)?);
        (0..count).map_while(word).collect()
    }

    /// The number that a variable holds.
    pub(crate) fn number(&self, variable: &str) -> Option<u64> {
        let len = Some(self.variables.len(variable)).filter(|len| (1..=8).contains(len));
        let len = len.unwrap_or(self.word_len());
        read_sized(&self.dump.memory, self.variables.addr(variable)?, len, &self.dump.arch)
    }

    fn shape(&self, structure: &str) -> Option<&Shape<'a>> {
        self.shapes.iter().find(|shape| shape.names.contains(&structure))
    }

    /// The type of a structure or enumeration.
    pub(crate) fn kind(&self, structure: &str) -> Option<&Type<'a>> {
        self.shape(structure).map(|shape| &shape.kind)
    }

    /// The size of a structure, if it has one.
    pub(crate) fn size(&self, structure: &str) -> Option<u64> {
        self.shape(structure)?.len.filter(|len| *len > 0)
    }

    /// A member of a structure, by its first name.
    pub(crate) fn member(&self, structure: &str, member: &str) -> Option<Member> {
        self.shape(structure)?.member(member)
    }

    /// Where a member lies in the structure at `at`.
    pub(crate) fn addr(&self, at: u64, structure: &str, member: &str) -> Option<u64> {
        at.checked_add(self.member(structure, member)?.offset)
    }

    /// The value of a member of the structure at `at`, of whatever size.
    pub(crate) fn value(&self, at: u64, structure: &str, member: &str) -> Option<u64> {
        let member = self.member(structure, member)?;
        let len = member.len.unwrap_or_else(|| self.word_len());
        read_sized(&self.dump.memory, at.checked_add(member.offset)?, len, &self.dump.arch)
    }

    /// The name in a member that is a text, or points to one; of at most `longest` bytes.
    pub(crate) fn name(
        &self,
        at: u64,
        structure: &str,
        member: &str,
        longest: u64,
    ) -> Option<String> {
        let found = self.member(structure, member)?;
        let addr = at.checked_add(found.offset)?;
        match found.is_array {
            true => task::name_at(self.memory(), Some(addr), found.count?.min(longest)),
            false => task::name_at(self.memory(), self.word(addr), longest),
        }
    }

    /// Whether code of the firmware is at `addr`.
    pub(crate) fn is_code(&self, addr: u64) -> bool {
        self.firmware.holds_code(addr)
    }

    /// The registers that a port for Cortex-M pushed at `sp`; `None` on other processors as well.
    pub(super) fn cortex_m_switch(&self, sp: u64, registers: &mut Registers) -> Option<()> {
        cortex_m::is_m_profile(&self.dump.arch).then_some(())?;
        let is_code = |addr: u64| self.is_code(addr);
        super::cortex_m_switch::restore(registers, self.memory(), sp, &is_code)
    }
}

/// Whether an ELF file is of a firmware with this kernel.
pub(super) fn is_firmware(kernel: &dyn Kernel, firmware: &Firmware) -> bool {
    let variables = Variables::find(firmware, &kernel.marks().concat());
    kernel.marks().iter().all(|group| group.iter().any(|name| variables.has(name)))
}

/// Adds the kernel's tasks to `dump`, as far as its memory holds them.
pub(super) fn complete(kernel: &dyn Kernel, dump: &mut Dump, firmware: &Arc<Firmware>) {
    let view = View::of(kernel, dump, firmware);
    if !kernel.is_there(&view) {
        return;
    }
    let view = match view.described(kernel) {
        Ok(view) => view,
        Err(note) => return dump.notes.push(note),
    };
    let mut notes = Vec::new();
    let running = kernel.running(&view);
    let mut found = kernel.tasks(&view, &running, &mut notes);
    // A damaged list may lack those that run.
    for at in running.iter().copied().filter(|at| *at != 0) {
        if found.iter().all(|task| task.at != at) {
            found.push(at.into());
        }
    }
    let tasks: Vec<Task> = found.iter().map(|found| task(kernel, &view, found, &running)).collect();
    let objects = kernel.objects(&view, &found, &mut notes);
    dump.notes.extend(notes);
    dump.objects.extend(objects);
    task::merge(dump, tasks, running.len());
}

/// Adds to the threads that a format brought what it does not tell of them and the kernel does.
pub(super) fn supplement(kernel: &dyn Kernel, dump: &mut Dump, firmware: &Arc<Firmware>) {
    let Ok(view) = View::of(kernel, dump, firmware).described(kernel) else { return };
    let blocks = dump.threads.iter().map(|thread| thread.control_block);
    let told: Vec<Option<i64>> = blocks
        .map(|at| kernel.describe(&view, &Found::from(at.filter(|at| *at != 0)?)).base_priority)
        .collect();
    let mut objects = Vec::new();
    if kernel.is_there(&view) {
        // What is odd about the lists tells nothing of the threads, which the format brought.
        let found = kernel.tasks(&view, &kernel.running(&view), &mut Vec::new());
        objects = kernel.objects(&view, &found, &mut Vec::new());
    }
    dump.objects.extend(objects);
    for (thread, base) in dump.threads.iter_mut().zip(told) {
        thread.base_priority = thread.base_priority.or(base);
    }
}

impl<'a> View<'a> {
    /// A view of `dump` that knows where the kernel's variables are.
    fn of(kernel: &dyn Kernel, dump: &'a Dump, firmware: &'a Firmware) -> View<'a> {
        let names = [&kernel.marks().concat(), kernel.variables()].concat();
        let variables = Variables::find(firmware, &names);
        View { dump, firmware, variables, shapes: Vec::new() }
    }

    /// A view for those who know the variables already and read other structures than a kernel's.
    /// What the firmware does not describe has no members.
    pub(crate) fn with(
        dump: &'a Dump,
        firmware: &'a Firmware,
        variables: Variables,
        structures: &[Structure],
    ) -> View<'a> {
        let structures: Vec<&Structure> = structures.iter().collect();
        let shapes = match structures.is_empty() {
            true => Vec::new(),
            false => shapes(&structures, firmware).unwrap_or_default(),
        };
        View { dump, firmware, variables, shapes }
    }

    /// The same with the kernel's structures; a note if the firmware does not describe them.
    fn described(mut self, kernel: &dyn Kernel) -> Result<View<'a>, Note> {
        let wanted = |structure: &&Structure| {
            structure.needed.is_some()
                || structure.names.iter().any(|name| kernel.wants(name, &self.variables))
        };
        let wanted: Vec<&Structure> = kernel.structures().iter().filter(wanted).collect();
        let Some(shapes) = shapes(&wanted, self.firmware) else {
            let words = format!(
                "does not describe its structures (no DWARF): the {}s are not shown",
                kernel.of()
            );
            let place = self.firmware.path.clone();
            return Err(Note::warning(words).by(kernel.name()).at(place).code("no-debug-info"));
        };
        self.shapes = shapes;
        Ok(self)
    }
}

/// The structures as the firmware has them, if those are there that have to be.
fn shapes<'a>(structures: &[&Structure], firmware: &'a Firmware) -> Option<Vec<Shape<'a>>> {
    let groups: Vec<&[&'static str]> = structures.iter().map(|s| s.names).collect();
    let structs = Structs::find(Module::of(firmware).units(), &groups)?;
    let mut shapes = Vec::new();
    for structure in structures {
        let kind = structure.names.iter().find_map(|name| structs.get(name));
        let shape = kind.map(|kind| Shape::of(structure, kind));
        if let Some(count) = structure.needed {
            let shape = shape.as_ref()?;
            let mut first = structure.members.iter().take(count).filter_map(|paths| paths.first());
            if !first.all(|name| shape.member(name).is_some()) {
                return None;
            }
        }
        shapes.extend(shape);
    }
    Some(shapes)
}

fn task(kernel: &dyn Kernel, view: &View<'_>, found: &Found, running: &[u64]) -> Task {
    let told = kernel.describe(view, found);
    let cpu = running.iter().position(|at| *at == found.at).and_then(|cpu| cpu.try_into().ok());
    let mut saved = Registers::unknown(view.dump.arch.clone());
    saved.set_why_missing(WHY);
    let mut remarks = told.remarks;
    let mut saved_sp = None;
    if cpu.is_none() && told.sp.is_none() && told.saved_elsewhere {
        remarks.push("its saved registers are not in the dump".into());
    }
    if let (None, Some(sp)) = (cpu, told.sp) {
        let low = told.low.or(told.stack.map(|stack| stack.low));
        let outside =
            low.is_some_and(|low| sp < low) || told.stack.is_some_and(|stack| sp > stack.high);
        if outside && !told.saved_elsewhere {
            let words = format!("corrupted: its saved stack pointer {sp:#x} is not in its stack");
            remarks.push(words);
        } else if kernel.restore(view, sp, &mut saved).is_some() {
            // What the switch pushed is in use as well, where it lies on the task's stack.
            let on_stack = |stack: Stack| (stack.low..=stack.high).contains(&sp);
            saved_sp = Some(sp).filter(|_| told.stack.is_some_and(on_stack));
        } else {
            remarks.push(match view.memory().region_at(sp) {
                None => "its stack is not in the dump".into(),
                Some(_) => format!("what was saved at {sp:#x} is no frame of a known port"),
            });
        }
    }
    let state: Option<String> = match cpu {
        Some(cpu) if running.len() > 1 => Some(format!("running on {} {cpu}", kernel.cpu())),
        Some(_) => Some("running".into()),
        None => told.state,
    };
    Task {
        at: found.at,
        name: told.name,
        state,
        priority: told.priority,
        base_priority: told.base_priority,
        stack: told.stack,
        cpu,
        saved,
        saved_sp,
        remarks,
    }
}
