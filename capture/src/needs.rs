//! How big a dump gets: at compile time, or on the host.

use crate::isa::Arch;
use crate::layout::{self, Class, SHA256_LEN, note_head, pad4};

/// What goes into a dump, in numbers.
///
/// ```
/// use coroner_capture::{Needs, arch::Arm};
/// const NEEDS: Needs = Needs { regions: 3, bytes: 6000, tasks: 5, stack: 512, ..Needs::NOTHING };
/// const _: () = assert!(NEEDS.size::<Arm>() <= 16 * 1024, "the partition is too small");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Needs {
    /// Regions that are configured, each in one piece.
    pub regions: usize,
    /// Letters of the regions' names.
    pub names: usize,
    /// Bytes of the regions' contents.
    pub bytes: usize,
    /// Further pieces that exclusions and overlapping regions cut the regions into.
    pub pieces: usize,
    /// Tasks, the crashed one included.
    pub tasks: usize,
    /// Bytes of stack in use per task.
    pub stack: usize,
    /// Bytes of control block per task.
    pub tcb: usize,
    /// Letters of panic message and file name.
    pub words: usize,
    /// Whether the crashed task used floating point registers.
    pub floats: bool,
    /// Letters of keys and values in [`crate::Config::info`], and 2 for each pair.
    pub info: usize,
}

impl Needs {
    /// One task without a stack.
    pub const NOTHING: Needs = Needs {
        regions: 0,
        names: 0,
        bytes: 0,
        pieces: 0,
        tasks: 1,
        stack: 0,
        tcb: 0,
        words: 0,
        floats: false,
        info: 0,
    };

    /// The size of the file, at most.
    pub const fn size<A: Arch>(&self) -> usize {
        const FAULT_REGISTERS: usize = 24;
        const BUILD_ID: usize = 36;
        const STACK_LINES: usize = 128;
        let class = A::CLASS;
        let segment = class.phdr_len() + 4;
        let others = self.tasks.saturating_sub(1);
        let tables = note_head(4)
            + self.regions * (class.region_len() + 3)
            + self.names
            + note_head(4)
            + pad4(self.info)
            + BUILD_ID;
        let per_task = 2 * segment + STACK_LINES + pad4(self.stack) + pad4(self.tcb);
        let sha256 = if cfg!(feature = "sha256") { SHA256_LEN as usize } else { 0 };
        class.phoff() as usize + class.phdr_len()
            + vital_notes::<A>(self.words, FAULT_REGISTERS, self.floats as usize)
            + tables
            + others * task_notes(class, A::REGISTERS)
            + self.tasks * per_task
            + (self.regions + self.pieces) * (segment + 3) + self.bytes
            + sha256
            // Sinks take whole blocks of 32.
            + 31
    }
}

/// Bytes that one task adds to the notes.
pub(crate) const fn task_notes(class: Class, registers: usize) -> usize {
    note_head(4) + pad4(class.prstatus_len(registers)) + class.task_len()
}

/// Bytes of all other notes but tables, strings about the device and the build id, for
/// [`Needs`]: the writer itself measures.
pub(crate) const fn vital_notes<A: Arch>(strings: usize, faults: usize, floats: usize) -> usize {
    let class = A::CLASS;
    let auxv = if A::FLOATS.hwcap == 0 { 0 } else { note_head(4) + 16 };
    let float_note =
        if floats == 0 { 0 } else { note_head(5) + A::FLOATS.len + A::FLOATS.status_len + auxv };
    note_head(4)
        + layout::Head::LEN
        + note_head(4)
        + class.cause_len()
        + pad4(strings)
        + note_head(4)
        + faults * (4 + class.word())
        + note_head(4)
        + layout::TaskTable::HEAD_LEN
        + task_notes(class, A::REGISTERS)
        + float_note
        + note_head(4)
        + 4
}
