//! Writes a dump: plans it, then sends it front to back with block 0 last.

use crate::config::{Config, region_at};
use crate::crash::Crash;
use crate::isa::{Arch, MAX_REGISTERS, Memory, Native};
use crate::layout::{self, flag};
use crate::needs::task_notes;
use crate::notes::{Draft, FLOATS, Known, TABLES};
use crate::out::{Buffer, Out, Outcome, frame};
use crate::plan::{Plan, Segment};
use crate::region::{Area, Pieces};
use crate::sink::{Paced, Sink};
use crate::task::{Task, TaskList, Tasks};

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
    buffer: Buffer,
    /// Registers of a task that is being written.
    registers: [usize; MAX_REGISTERS],
    /// Registers of a caller, when those of the crash are lost.
    recovered: [usize; MAX_REGISTERS],
}

impl Scratch {
    pub(crate) const EMPTY: Scratch = Scratch {
        buffer: Buffer::EMPTY,
        registers: [0; MAX_REGISTERS],
        recovered: [0; MAX_REGISTERS],
    };
}

impl<const SEGMENTS: usize, const TASKS: usize> Workspace<SEGMENTS, TASKS> {
    /// Empty room.
    pub const fn new() -> Self {
        Workspace {
            segments: [Segment::EMPTY; SEGMENTS],
            tasks: [Task::EMPTY; TASKS],
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
        let outcome = write(config, crash, tasks, memory, sink, room);
        sink.finish();
        outcome
    }
}

impl<const SEGMENTS: usize, const TASKS: usize> Default for Workspace<SEGMENTS, TASKS> {
    fn default() -> Self {
        Workspace::new()
    }
}

/// A [`Workspace`] whose sizes are forgotten.
pub(crate) struct Room<'a> {
    pub(crate) segments: &'a mut [Segment],
    pub(crate) tasks: &'a mut [Task],
    pub(crate) scratch: &'a mut Scratch,
}

pub(crate) fn write<A: Arch, M: Memory, T: Tasks<A>>(
    config: &Config<'_>,
    crash: &Crash<'_>,
    tasks: &mut T,
    memory: &mut M,
    sink: &mut impl Sink,
    room: Room<'_>,
) -> Outcome {
    let Room { segments, tasks: task_room, scratch } = room;
    let mut list = TaskList::new(task_room);
    if !crash.retry {
        tasks.list(crash, memory, &mut list);
    }
    let sp = crash.register(A::SP);
    if list.tasks().is_empty() {
        list.push_thread("crashed", Area::EMPTY, sp);
    }
    let (seen, damaged_after) = (list.seen, list.damaged_after);
    let Some((crashed, others)) = list.into_tasks().split_first_mut() else {
        return Outcome::Failed;
    };
    // The one on the processor: it crashed.
    crashed.sp = sp;
    crashed.bits |= layout::task::CRASHED;

    // Sinks take whole blocks.
    let capacity = sink.capacity().min(config.limit) as usize & !31;
    let mut sink = Paced(sink, config.pace);
    let mut writer = Draft {
        out: Out::new(&mut sink, &mut scratch.buffer),
        plan: Plan::new(segments, 0),
        memory,
        tasks,
        crash,
        crashed,
        others,
        stored: 1,
        seen,
        damaged_after,
        detail: if crash.retry { FLOATS } else { TABLES },
        known: Known { registers: crash.registers, known: crash.known, recovered: false },
        registers: &mut scratch.registers,
    };
    if crash.cause.frame_lost {
        let stack = &writer.crashed.stack;
        recover::<A>(&mut writer.known, stack, writer.memory, &mut scratch.recovered);
    }
    writer.write(config, capacity)
}

/// Puts the registers of a caller in place of lost ones, if there is a way to find them.
#[inline(never)]
fn recover<'a, A: Arch>(
    known: &mut Known<'a>,
    stack: &Area,
    memory: &mut impl Memory,
    room: &'a mut [usize; MAX_REGISTERS],
) {
    for (to, from) in room.iter_mut().zip(known.registers) {
        *to = *from;
    }
    let registers = room.get_mut(..A::REGISTERS).unwrap_or(&mut []);
    if let Some(found) = A::recover(registers, stack, memory) {
        *known = Known { registers, known: found, recovered: true };
    }
}

/// A stack pointer farther below its stack than this leads somewhere else.
const MAX_OVERFLOW: usize = 64 << 10;

/// How many priorities there are, from 0 on.
pub(crate) const PRIORITIES: usize = 256;

/// Bytes of stack in the smaller record of a second attempt.
pub(crate) const RETRY_STACK: usize = 512;

impl<A: Arch, M: Memory, S: Sink, T: Tasks<A>> Draft<'_, A, M, S, T> {
    fn write(&mut self, config: &Config<'_>, capacity: usize) -> Outcome {
        let Some(capacity) = capacity.checked_sub(frame::<A>()) else { return Outcome::Failed };
        self.plan.room = loop {
            if let Some(room) = capacity.checked_sub(self.notes_len(config)) {
                break room;
            }
            let Some(less) = self.detail.checked_sub(1) else { return Outcome::Failed };
            self.detail = less;
            self.plan.flags = flag::TRUNCATED.into();
        };
        self.choose(config);

        let notes_len = self.notes_len(config);
        let length = self.out.program_headers(notes_len, self.plan.segments());
        self.notes(config, length);
        self.out.segments(self.memory, self.plan.segments());
        let minimal = usize::from(flag::MINIMAL) * usize::from(self.crash.retry);
        let overflowed =
            usize::from(flag::OVERFLOWED) * usize::from(self.crash.handler_overflowed());
        self.out.commit(self.plan.flags | minimal | overflowed)
    }

    /// The length of the notes: writes them without an effect, so that it can't differ from what is
    /// written later.
    fn notes_len(&mut self, config: &Config<'_>) -> usize {
        let at = self.out.at;
        self.out.stopped = true;
        self.notes(config, 0);
        let len = self.out.at.wrapping_sub(at);
        (self.out.at, self.out.stopped, self.out.whole) = (at, false, 0);
        len
    }

    /// Hands the candidates to the plan, most valuable first.
    #[inline(never)]
    fn choose(&mut self, config: &Config<'_>) {
        let plan = &mut self.plan;
        if self.crash.retry {
            // What can be had without asking anybody: a little from the stack pointer on.
            let sp = self.crashed.sp;
            let stack = Area::between(sp, sp.wrapping_add(RETRY_STACK));
            return plan.add_mapped(config, &stack, Pieces::Lines);
        }
        add_task(plan, config, self.crashed);
        for level in (0..PRIORITIES).rev() {
            let mut index = 0;
            while let Some(region) = region_at(config, index) {
                if usize::from(region.priority) == level {
                    plan.add_mapped(config, &region.area, region.pieces());
                }
                index += 1;
            }
            let others: &mut [Task] = if T::SEVERAL { self.others } else { &mut [] };
            for task in others.iter_mut().filter(|task| usize::from(task.rank) == level) {
                match plan.room.checked_sub(task_notes(A::CLASS, A::REGISTERS)) {
                    None => plan.flags |= usize::from(flag::TRUNCATED),
                    Some(room) => {
                        plan.room = room;
                        task.stored = true;
                        self.stored += 1;
                        add_task(plan, config, task);
                    }
                }
            }
        }
    }
}

fn add_task<A: Arch>(plan: &mut Plan<'_, A>, config: &Config<'_>, task: &Task) {
    let (start, end) = task.stack.bounds();
    let (near, far) = Area::OVERFLOWED;
    // What lies between the pointer and the stack was overwritten by it, and belongs to it now.
    let below = start.wrapping_sub(task.sp);
    let used = match below {
        1..MAX_OVERFLOW if start != 0 => Area::between(task.sp, end),
        _ => task.used_stack(A::BELOW_SP),
    };
    let outside = !(start..end).contains(&task.sp);
    if outside && used.len() > near + far {
        let first = used.start();
        plan.add_mapped(config, &Area::between(first, first.wrapping_add(near)), Pieces::Lines);
        plan.add_mapped(config, &Area::between(end.wrapping_sub(far), end), Pieces::Lines);
        plan.flags |= usize::from(flag::TRUNCATED);
    } else {
        plan.add_mapped(config, &used, Pieces::Lines);
    }
    plan.add_mapped(config, &task.tcb, Pieces::Bytes);
}
