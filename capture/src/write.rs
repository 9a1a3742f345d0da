//! Writes a dump: plans it, then sends it front to back with block 0 last.

use crate::arch::{Arch, MAX_REGISTERS, Memory, Native};
use crate::config::{self, Config, FixedNotes};
use crate::crash::Crash;
use crate::layout::{self, STACK_LINE, flag, note_head, pad4};
use crate::notes::{Facts, Known, info_len, region_at, regions_len};
use crate::out::{BLOCK, Layout, Out};
use crate::plan::{Limits, Plan, Segment};
use crate::region::{Access, Area};
use crate::sink::Sink;
use crate::task::{State, Task, TaskList, Tasks};

/// Room that the writer needs, reserved by the user: 12 bytes a segment, 48 bytes a task on a
/// 32-bit machine, and about 240 bytes for all of them.
#[derive(Debug)]
pub struct Workspace<const SEGMENTS: usize, const TASKS: usize> {
    segments: [Segment; SEGMENTS],
    tasks: [Task; TASKS],
    scratch: Scratch,
}

/// What would otherwise lie on the stack of the capture.
#[derive(Debug)]
pub(crate) struct Scratch {
    block: [u8; BLOCK],
    /// Registers of a task that is being written.
    registers: [usize; MAX_REGISTERS],
    /// Registers of a caller, when those of the crash are lost.
    recovered: [usize; MAX_REGISTERS],
}

impl Scratch {
    pub(crate) const EMPTY: Scratch =
        Scratch { block: [0; BLOCK], registers: [0; MAX_REGISTERS], recovered: [0; MAX_REGISTERS] };
}

impl<const SEGMENTS: usize, const TASKS: usize> Workspace<SEGMENTS, TASKS> {
    /// Empty room.
    pub const fn new() -> Self {
        Workspace {
            segments: [Segment::EMPTY; SEGMENTS],
            tasks: [Task::new(0, ""); TASKS],
            scratch: Scratch::EMPTY,
        }
    }

    /// Writes the dump of `crash` into `sink`.
    pub fn write<M: Memory>(
        &mut self,
        config: &Config<'_>,
        crash: &Crash<'_>,
        tasks: &mut impl Tasks<Native>,
        memory: &mut M,
        sink: &mut impl Sink,
    ) -> Outcome {
        self.write_as::<Native, M>(config, crash, tasks, memory, sink)
    }

    /// The same for another architecture than the one that runs: for tests and tools.
    pub fn write_as<A: Arch, M: Memory>(
        &mut self,
        config: &Config<'_>,
        crash: &Crash<'_>,
        tasks: &mut impl Tasks<A>,
        memory: &mut M,
        sink: &mut impl Sink,
    ) -> Outcome {
        let room = Room {
            segments: &mut self.segments,
            tasks: &mut self.tasks,
            scratch: &mut self.scratch,
        };
        let outcome = write::<A, M>(config, crash, tasks, memory, sink, room);
        sink.finish();
        outcome
    }
}

impl<const SEGMENTS: usize, const TASKS: usize> Default for Workspace<SEGMENTS, TASKS> {
    fn default() -> Self {
        Workspace::new()
    }
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The dump holds all that was asked for.
    Complete,
    /// The dump is whole, and says what it had no room for.
    Truncated,
    /// Writing stopped early; what was written until then is a whole dump.
    Stopped,
    /// There is no dump: no room for the smallest one, or the sink failed.
    Failed,
}

pub(crate) fn write<A: Arch, M: Memory>(
    config: &Config<'_>,
    crash: &Crash<'_>,
    tasks: &mut impl Tasks<A>,
    memory: &mut M,
    sink: &mut impl Sink,
    room: Room<'_>,
) -> Outcome {
    let class = A::CLASS;
    let Room { segments, tasks: task_room, scratch } = room;
    let mut list = TaskList::new(task_room);
    if !crash.retry {
        tasks.list(crash, memory, &mut list);
    }
    mark_crashed::<A>(crash, &mut list);
    let known = recover::<A, M>(crash, &list, memory, &mut scratch.recovered);

    // Sinks take whole blocks.
    let capacity = sink.capacity().min(config.limit) as usize & !31;
    let build_id = readable(memory, &config.build_id);
    let fixed = fixed_notes::<A>(config, crash, build_id.len());
    let sha256 = if cfg!(feature = "sha256") { layout::SHA256_LEN as usize } else { 0 };
    let smallest = (class.phoff() as usize) + class.phdr_len() + fixed.vital + sha256;
    let Some(mut room) = capacity.checked_sub(smallest) else { return Outcome::Failed };
    let tables = !crash.retry && room >= fixed.tables;
    if tables {
        room -= fixed.tables;
    }

    let limits = Limits { memory: config.memory, exclude: config.exclude };
    let mut plan = Plan::new(limits, segments, room, class.phdr_len() + 4);
    plan.truncated = !tables && !crash.retry;
    choose::<A>(config, crash, &mut plan, &mut list);

    let stored = list.tasks().iter().filter(|task| task.stored).count();
    let notes_len = fixed.vital
        + if tables { fixed.tables } else { 0 }
        + stored.saturating_sub(1) * config::task_notes(class, A::REGISTERS);
    let mut out = Out::<A, _>::new(sink, &mut scratch.block, config.pace);
    let mut layout = Layout { notes_len, stored, tables, build_id, length: 0 };
    let facts = Facts { crash, known, scratch: &mut scratch.registers };
    let mut flags = if plan.truncated { flag::TRUNCATED } else { 0 };
    if crash.retry {
        flags |= flag::MINIMAL;
    }
    layout.length = out.program_headers(&layout, plan.segments());
    out.notes(config, facts, tasks, memory, &list, &plan, &layout);
    if out.stopped {
        return Outcome::Failed;
    }
    out.segments(memory, plan.segments());
    let stopped = out.stopped;
    if stopped {
        flags |= flag::STOPPED;
    } else if cfg!(feature = "sha256") {
        flags |= flag::SHA256;
    }
    match out.commit(&layout, plan.segments(), flags) {
        false => Outcome::Failed,
        true if stopped => Outcome::Stopped,
        true if plan.truncated => Outcome::Truncated,
        true => Outcome::Complete,
    }
}

/// Puts the crashed context first, with a task of its own if no provider names one.
fn mark_crashed<A: Arch>(crash: &Crash<'_>, list: &mut TaskList<'_>) {
    const UNNAMED: Task = Task { state: State::Running, ..Task::new(1, "crashed") };
    if list.tasks().is_empty() {
        list.push(UNNAMED);
    }
    if let Some(first) = list.tasks_mut().first_mut() {
        first.sp = crash.registers.get(A::SP).copied().unwrap_or(0);
        first.bits |= layout::task::CRASHED;
        first.stored = true;
    }
}

/// The area, if its first word can be read, and nothing otherwise.
fn readable<M: Memory>(memory: &mut M, area: &Area) -> Area {
    let mut word = [0; 4];
    let whole = area.len() > word.len() && memory.read(area.start(), &mut word, Access::Word);
    if whole { *area } else { Area::EMPTY }
}

fn recover<'a, A: Arch, M: Memory>(
    crash: &Crash<'a>,
    list: &TaskList<'_>,
    memory: &mut M,
    room: &'a mut [usize; MAX_REGISTERS],
) -> Known<'a> {
    let own = Known { registers: crash.registers, known: crash.known, recovered: false };
    let (true, Some(task)) = (crash.cause.frame_lost, list.tasks().first()) else { return own };
    for (to, from) in room.iter_mut().zip(crash.registers) {
        *to = *from;
    }
    let registers = room.get_mut(..A::REGISTERS).unwrap_or(&mut []);
    match A::recover(registers, &task.stack, memory) {
        Some(known) => Known { registers, known, recovered: true },
        None => own,
    }
}

/// A [`Workspace`] whose sizes are forgotten.
pub(crate) struct Room<'a> {
    pub(crate) segments: &'a mut [Segment],
    pub(crate) tasks: &'a mut [Task],
    pub(crate) scratch: &'a mut Scratch,
}

fn fixed_notes<A: Arch>(config: &Config<'_>, crash: &Crash<'_>, build_id: usize) -> FixedNotes {
    let strings = crash.cause.place.map_or(0, |(file, _)| file.len()) + crash.cause.message.len();
    FixedNotes {
        vital: config::vital_notes::<A>(strings, crash.faults.len(), crash.floats.len())
            + pad4(build_id),
        tables: 2 * note_head(4) + regions_len(A::CLASS, config) + info_len(config),
    }
}

/// Bytes of stack in the smaller record of a second attempt.
const RETRY_STACK: usize = 512;

/// Hands the candidates to the plan, most valuable first.
fn choose<A: Arch>(
    config: &Config<'_>,
    crash: &Crash<'_>,
    plan: &mut Plan<'_>,
    list: &mut TaskList<'_>,
) {
    let task_cost = config::task_notes(A::CLASS, A::REGISTERS);
    if let Some(crashed) = list.tasks_mut().first() {
        let (start, end) = crashed.used_stack(A::BELOW_SP);
        plan.add(start, end, STACK_LINE, Access::Byte);
        plan.add(crashed.tcb.start(), crashed.tcb.end(), 1, Access::Byte);
    }
    if crash.retry {
        // No list of tasks was asked for, so no bounds are known: a little from the pointer on.
        let sp = crash.registers.get(A::SP).copied().unwrap_or(0);
        plan.add(sp, sp.saturating_add(RETRY_STACK), STACK_LINE, Access::Byte);
        return;
    }
    for level in (0..=u8::MAX).rev() {
        let mut index = 0;
        while let Some(region) = region_at(config, index) {
            if region.priority == level {
                plan.add_region(region);
            }
            index += 1;
        }
        for task in list.tasks_mut() {
            if task.rank != level || task.stored {
                continue;
            }
            let Some(room) = plan.room.checked_sub(task_cost) else {
                plan.truncated = true;
                continue;
            };
            plan.room = room;
            task.stored = true;
            let (start, end) = task.used_stack(A::BELOW_SP);
            plan.add(start, end, STACK_LINE, Access::Byte);
            plan.add(task.tcb.start(), task.tcb.end(), 1, Access::Byte);
        }
    }
}
