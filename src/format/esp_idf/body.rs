//! What both kinds of body come down to, before it is understood.

use crate::dump::Note;
use bytes::Bytes;

/// A stretch of the device's memory.
#[derive(Clone, Debug, Default)]
pub(super) struct Extent {
    /// The address of the first byte.
    pub addr: u32,
    /// The bytes that are there.
    pub bytes: Bytes,
    /// Where they start in the piece.
    pub offset: u64,
    /// How many bytes behind them the dump should hold and does not.
    pub cut: u64,
}

/// A task as the dump lists it.
#[derive(Clone, Debug)]
pub(super) struct TaskRecord {
    /// The address of its control block.
    pub tcb_addr: u32,
    /// The control block, as far as it is there.
    pub tcb: Extent,
    /// The part of its stack that was saved for it alone, from the saved frame up. `None` where
    /// it is part of a larger extent (all of DRAM, the heap).
    pub stack: Option<Extent>,
    /// ELF body: its register note.
    pub prstatus: Option<RegisterNote>,
}

/// The description of an `NT_PRSTATUS` note, and where it starts in the piece.
#[derive(Clone, Debug)]
pub(super) struct RegisterNote {
    pub desc: Bytes,
    pub offset: u64,
}

/// `ESP_EXTRA_INFO`.
#[derive(Clone, Debug, Default)]
pub(super) struct ExtraInfo {
    /// The control block of the crashed task, or [`SKIPPED`].
    pub crashed_tcb: u32,
    /// Whether the crash was in an interrupt; `None` before 5.1.3.
    pub in_interrupt: Option<bool>,
    /// Xtensa: special registers by number.
    pub special: Vec<(u32, u32)>,
}

/// `crashed_tcb` when the crashed task could not be dumped.
pub(super) const SKIPPED: u32 = 0xdead_beef;

/// Flags of a host-made `TASK_INFO` note.
#[derive(Clone, Debug)]
pub(super) struct TaskFlags {
    pub tcb_addr: u32,
    pub tcb_corrupted: bool,
    pub stack_corrupted: bool,
}

/// A body, taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Body {
    /// ELF body: `e_machine`.
    pub machine: Option<u16>,
    /// In the order of the dump.
    pub tasks: Vec<TaskRecord>,
    /// All saved memory, control blocks and stacks included, in the order of the dump.
    pub extents: Vec<Extent>,
    /// The addresses of those extents that belong to no task.
    pub segments: Vec<u32>,
    pub extra: Option<ExtraInfo>,
    /// The version word that the body repeats.
    pub version: Option<u32>,
    /// The first hexadecimal digits of the SHA-256 of the application's ELF file.
    pub app_sha256: Option<String>,
    pub panic_details: Vec<String>,
    pub chip_revision: Option<u16>,
    pub task_flags: Vec<TaskFlags>,
    pub notes: Vec<Note>,
}
