//! The smallest writer: one thread with its stack, and regions by priority, in 1.5 KB of code and 300
//! bytes of stack on a Cortex-M3.
//!
//! It writes the same file as [`crate::Workspace`], with the same CRCs, cut the same way where there
//! is no room, block 0 last. What it does not have: other tasks, exclusions, a memory map, a limit of
//! time, the cause in words (the fault registers tell it), tables of regions and strings, the build
//! id, floating point registers, and the search for a caller when registers are lost.

use crate::crash::Crash;
use crate::isa::{Arch, Memory, Native};
use crate::layout::{self, flag, note, note_head};
use crate::needs::task_notes;
use crate::out::{Buffer, Out, Outcome, frame, record};
use crate::plan::{Plan, Segment};
use crate::region::{Area, Pieces, Region};
use crate::sink::Sink;
use crate::write::{PRIORITIES, RETRY_STACK};

/// Room that the smallest writer needs, reserved by the user: 12 bytes a segment on a 32-bit
/// machine, and 96 bytes.
#[derive(Debug)]
pub struct Lean<const SEGMENTS: usize> {
    segments: [Segment; SEGMENTS],
    buffer: Buffer,
}

impl<const SEGMENTS: usize> Lean<SEGMENTS> {
    /// Empty room.
    pub const fn new() -> Self {
        Lean { segments: [Segment::EMPTY; SEGMENTS], buffer: Buffer::EMPTY }
    }

    /// Writes the dump of `crash`, whose stack has the bounds `stack`, into `sink`. Regions with a
    /// higher priority are taken first; nothing keeps secrets out that lie in one of them.
    pub fn write(
        &mut self,
        regions: &[Region],
        crash: &Crash<'_>,
        stack: &Area,
        memory: &mut impl Memory,
        sink: &mut impl Sink,
    ) -> Outcome {
        self.write_as::<Native>(regions, crash, stack, memory, sink)
    }

    /// The same for another architecture than the one that runs: for tests and tools.
    pub fn write_as<A: Arch>(
        &mut self,
        regions: &[Region],
        crash: &Crash<'_>,
        stack: &Area,
        memory: &mut impl Memory,
        sink: &mut impl Sink,
    ) -> Outcome {
        let notes_len = notes_len::<A>(crash.faults.len());
        // Sinks take whole blocks.
        let capacity = sink.capacity() as usize & !31;
        let least = frame::<A>() + notes_len;
        let Some(room) = capacity.checked_sub(least) else { return Outcome::Failed };

        let mut plan = Plan::<A>::new(&mut self.segments, room);
        let sp = crash.register(A::SP);
        let (low, high) = stack.bounds();
        let (start, end, levels) = match crash.retry {
            true => (sp, sp.wrapping_add(RETRY_STACK), 0),
            false => (stack.used(sp, A::BELOW_SP).start(), high, PRIORITIES),
        };
        plan.add(start, end, Pieces::Lines);
        for level in (0..levels).rev() {
            for region in regions {
                if usize::from(region.priority) == level {
                    let (start, end) = region.area.bounds();
                    plan.add(start, end, region.pieces());
                }
            }
        }

        const THREAD: u32 = 1;
        let mut out = Out::<A, _>::new(sink, &mut self.buffer);
        let length = out.program_headers(notes_len, plan.segments());
        out.head(length, plan.segments().len());
        out.faults(crash.faults);
        out.own_note(note::TASKS, layout::TaskTable::HEAD_LEN + A::CLASS.task_len());
        // One task seen and stored, the list not damaged; running, without control block and name.
        let state = usize::from(layout::task::CRASHED) << 16;
        record!(out;
            u32s [1 | 1 << 16, 0xffff, THREAD as usize, state]
            words [0, 0, low, high, sp]
            u32s [crash.known as u32 as usize, (crash.known >> 32) as usize, 0, 0, 0, 0]);
        out.status(THREAD, crash.cause.signal, crash.registers);
        out.own_note(note::END, 4);
        out.end_of_notes();
        out.segments(memory, plan.segments());
        let minimal = usize::from(flag::MINIMAL) * usize::from(crash.retry);
        let outcome = out.commit(plan.flags | minimal);
        sink.finish();
        outcome
    }
}

/// Bytes of the notes HEAD, FAULT, TASKS and END and of `NT_PRSTATUS`.
const fn notes_len<A: Arch>(faults: usize) -> usize {
    let class = A::CLASS;
    let contents = layout::Head::LEN + layout::TaskTable::HEAD_LEN + 4;
    4 * note_head(4) + contents + faults * (4 + class.word()) + task_notes(class, A::REGISTERS)
}

impl<const SEGMENTS: usize> Default for Lean<SEGMENTS> {
    fn default() -> Self {
        Lean::new()
    }
}
