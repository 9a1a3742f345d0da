//! What the user decides, as one constant.

use crate::arch::Arch;
use crate::layout::{self, Class, note_head, pad4};
use crate::region::{Area, Region};

/// The answer of [`Config::pace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Go on.
    Continue,
    /// Time is up: finish with what has been written.
    Stop,
}

/// What goes into a dump.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Memory to take.
    pub regions: &'a [Region],
    /// Memory to take that became known at run time, see [`crate::Registry`].
    pub added: &'a [Region],
    /// Memory never to take, whatever asks for it.
    pub exclude: &'a [Area],
    /// Memory that may be read. Empty: all of it, which is only safe where nothing faults.
    pub memory: &'a [Area],
    /// The contents of `.note.gnu.build-id`.
    pub build_id: Area,
    /// Strings about the device: serial number, firmware version.
    pub info: &'a [(&'a str, &'a str)],
    /// Size that the dump must not exceed, whatever the sink could take.
    pub limit: u32,
    /// Called between blocks: feeds the watchdog and says whether there is time left.
    pub pace: fn() -> Pace,
}

impl Config<'_> {
    /// Takes the registers and the stacks of all tasks, nothing else.
    pub const MINIMAL: Config<'static> = Config {
        regions: &[],
        added: &[],
        exclude: &[],
        memory: &[],
        build_id: Area::EMPTY,
        info: &[],
        limit: u32::MAX,
        pace: || Pace::Continue,
    };
}

/// Bytes that one task adds to the notes.
pub(crate) const fn task_notes(class: Class, registers: usize) -> usize {
    note_head(4) + pad4(class.prstatus_len(registers)) + class.task_len()
}

/// Bytes of all other notes but tables, strings about the device and the build id, for
/// [`crate::Needs`]: the writer itself measures.
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
