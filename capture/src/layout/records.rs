//! The contents of the crate's own notes, and their decoders.

use super::{Class, Fields, VERSIONS, pad4};
#[cfg(doc)]
use super::{OWNER, note};

/// [`note::HEAD`]: what the whole file was going to be, for one that was cut short.
///
/// | off | size | field |
/// |   0 |    1 | format version |
/// |   1 |    1 | class: 1 ELF32, 2 ELF64 |
/// |   2 |    2 | `e_machine` |
/// |   4 |    4 | `e_flags` |
/// |   8 |    4 | planned length of the file |
/// |  12 |    2 | planned number of program headers |
/// |  14 |    2 | sequence number |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is a line of the table above")]
pub struct Head {
    pub version: u8,
    pub class: Class,
    pub machine: u16,
    pub flags: u32,
    pub length: u32,
    pub headers: u16,
    pub sequence: u16,
}

impl Head {
    /// Bytes of the note's contents.
    pub const LEN: usize = 16;

    /// From the note's contents.
    pub fn decode(desc: &[u8]) -> Option<Head> {
        let mut fields = Fields::new(Class::Elf32, desc);
        Some(Head {
            version: fields.u8().filter(|version| VERSIONS.contains(version))?,
            class: Class::from_ident(fields.u8()?)?,
            machine: fields.u16()?,
            flags: fields.u32()?,
            length: fields.u32()?,
            headers: fields.u16()?,
            sequence: fields.u16()?,
        })
    }
}

/// [`note::CAUSE`].
///
/// | off    | size | field |
/// |      0 |    1 | kind, see [`cause`] |
/// |      1 |    1 | signal number, as in `NT_PRSTATUS` |
/// |      2 |    1 | bits, see [`cause`] |
/// |      3 |    1 | reserved, 0 |
/// |      4 |    4 | code: exception number (Cortex-M), low half of `mcause` (RISC-V), EXCCAUSE (Xtensa) |
/// |      8 |    4 | why the device had been reset before this run, as the user's value; all ones: unknown |
/// |     12 |    8 | microseconds since the start; all ones: unknown |
/// |     20 |    4 | line of a panic or assertion; 0: none |
/// |     24 |    2 | length of the file name |
/// |     26 |    2 | length of the message |
/// |     28 | word | program counter |
/// | 28 + w | word | faulting address, when the bits say that it is known |
/// | 28+2w  |      | file name, then message (UTF-8, no NUL, padded together to 4) |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause<'a> {
    /// See [`cause`].
    pub kind: u8,
    /// POSIX signal number.
    pub signal: u8,
    /// Crashed inside an interrupt or exception handler.
    pub in_interrupt: bool,
    /// The processor could not push its frame (broken stack): r0-r3, r12, lr, pc, xpsr are unknown.
    pub frame_lost: bool,
    /// What is known instead are pc, sp and frame pointer of the nearest caller.
    pub recovered: bool,
    /// That pc lies inside of the call; otherwise it is the return address.
    pub at_call: bool,
    /// The entry code alone has kept this, after the capture had faulted twice.
    pub last_resort: bool,
    /// See the table.
    pub code: u32,
    /// The user's value; `None`: unknown.
    pub reset_reason: Option<u32>,
    /// `None`: unknown.
    pub uptime_us: Option<u64>,
    /// 0: none.
    pub line: u32,
    /// Program counter at the crash.
    pub pc: u64,
    /// The address whose access failed; `None`: not known.
    pub address: Option<u64>,
    /// Source file of a panic; empty: none.
    pub file: &'a [u8],
    /// Panic message or the user's words; empty: none.
    pub message: &'a [u8],
}

/// Kinds and bits of [`Cause`].
pub mod cause {
    /// The processor reported a fault.
    pub const FAULT: u8 = 0;
    /// The program panicked.
    pub const PANIC: u8 = 1;
    /// An assertion or another call of the program.
    pub const ABORT: u8 = 2;
    /// A watchdog's early warning.
    pub const WATCHDOG: u8 = 3;

    /// Bit: inside an interrupt.
    pub const IN_INTERRUPT: u8 = 1;
    /// Bit: no exception frame.
    pub const FRAME_LOST: u8 = 2;
    /// Bit: the faulting address is known.
    pub const ADDRESS_KNOWN: u8 = 4;
    /// Bit: after a lost frame, pc, sp and frame pointer are those of the nearest caller that the
    /// chain of frame pointers gave; all other registers are unknown.
    pub const RECOVERED: u8 = 8;
    /// Bit: that pc lies inside of the call, before the return address. Without this bit, in dumps of
    /// earlier writers, it is the return address itself.
    pub const AT_CALL: u8 = 16;
    /// Bit: the capture had faulted twice, and the entry code alone has kept registers and a piece of
    /// the stack.
    pub const LAST_RESORT: u8 = 32;
}

impl<'a> Cause<'a> {
    /// From the note's contents.
    pub fn decode(class: Class, desc: &'a [u8]) -> Option<Cause<'a>> {
        let mut fields = Fields::new(class, desc);
        let (kind, signal, bits, _) = (fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?);
        let code = fields.u32()?;
        let reset_reason = fields.u32()?;
        let uptime = fields.u64()?;
        let line = fields.u32()?;
        let (file_len, message_len) = (fields.u16()?, fields.u16()?);
        let (pc, address) = (fields.word()?, fields.word()?);
        Some(Cause {
            kind,
            signal,
            in_interrupt: bits & cause::IN_INTERRUPT != 0,
            frame_lost: bits & cause::FRAME_LOST != 0,
            recovered: bits & cause::RECOVERED != 0,
            at_call: bits & cause::AT_CALL != 0,
            last_resort: bits & cause::LAST_RESORT != 0,
            code,
            reset_reason: (reset_reason != u32::MAX).then_some(reset_reason),
            uptime_us: (uptime != u64::MAX).then_some(uptime),
            line,
            pc,
            address: (bits & cause::ADDRESS_KNOWN != 0).then_some(address),
            file: fields.take(file_len.into())?,
            message: fields.take(message_len.into())?,
        })
    }
}

/// [`note::FAULT`]: pairs of u32 id and word. On Cortex-M an id is the address of a memory-mapped
/// register, or below 0x100 the number of a special register in MRS, or [`EXC_RETURN`]; on
/// RISC-V the CSR number; on Xtensa the special register's number.
pub fn fault_registers(class: Class, desc: &[u8]) -> impl Iterator<Item = (u32, u64)> + '_ {
    let mut fields = Fields::new(class, desc);
    core::iter::from_fn(move || Some((fields.u32()?, fields.word()?)))
}

/// Id of the link register's value on entry of a Cortex-M exception, in [`note::FAULT`].
pub const EXC_RETURN: u32 = 0x100;
/// Id of the secure state's main stack pointer, where the non-secure state of a Cortex-M crashed: the
/// special registers are those of that state then.
pub const MSP_S: u32 = 0x101;
/// Id of the secure state's process stack pointer, likewise.
pub const PSP_S: u32 = 0x102;

/// [`note::TASKS`]: an 8-byte head, then the tasks in the order of their `NT_PRSTATUS`.
///
/// | off | size | field |
/// |   0 |    2 | tasks seen |
/// |   2 |    2 | tasks stored, each with its NT_PRSTATUS |
/// |   4 |    2 | the list was damaged after so many tasks; FFFF: it was not |
/// |   6 |    2 | reserved, 0 |
#[derive(Clone, Copy, Debug)]
pub struct TaskTable<'a> {
    /// Tasks that the device had, as far as they could be counted.
    pub seen: u16,
    /// Tasks in the dump.
    pub stored: u16,
    /// A broken link was met after so many tasks.
    pub damaged_after: Option<u16>,
    entries: Fields<'a>,
}

/// One task of [`TaskTable`].
///
/// | off    | size | field |
/// |      0 |    4 | id, also the pid of its NT_PRSTATUS; never 0 |
/// |      4 |    1 | state, see [`task`] |
/// |      5 |    1 | priority as the system counts it |
/// |      6 |    1 | bits, see [`task`] |
/// |      7 |    1 | processor core |
/// |      8 | word | address of the control block; 0: none |
/// |  8 + w | word | its length |
/// |  8+2w  | word | lowest address of the stack; 0: unknown |
/// |  8+3w  | word | end of the stack, exclusive; 0: unknown |
/// |  8+4w  | word | stack pointer |
/// |  8+5w  |    8 | bit n: word n of the registers in NT_PRSTATUS is known; on Xtensa, bit 8 + n: ar n is |
/// | 16+5w  |   16 | name, padded with NUL |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is a line of the table above")]
pub struct TaskEntry<'a> {
    pub id: u32,
    pub state: u8,
    pub priority: u8,
    pub crashed: bool,
    pub damaged: bool,
    pub core: u8,
    pub tcb: u64,
    pub tcb_len: u64,
    pub stack_start: u64,
    pub stack_end: u64,
    pub sp: u64,
    pub known: u64,
    pub name: &'a [u8],
}

/// States and bits of [`TaskEntry`].
pub mod task {
    /// On the processor when it stopped.
    pub const RUNNING: u8 = 0;
    /// Could run.
    pub const READY: u8 = 1;
    /// Waits for something.
    pub const BLOCKED: u8 = 2;
    /// Put aside until somebody resumes it.
    pub const SUSPENDED: u8 = 3;
    /// Ended, not yet cleaned up.
    pub const DELETED: u8 = 4;
    /// An interrupt or exception handler.
    pub const INTERRUPT: u8 = 5;
    /// Not told.
    pub const UNKNOWN: u8 = 255;

    /// Bit: this one crashed.
    pub const CRASHED: u8 = 1;
    /// Bit: none of its registers could be found: its control block or stack is damaged.
    pub const DAMAGED: u8 = 2;
    /// Length of a name.
    pub const NAME_LEN: usize = 16;
}

impl<'a> TaskTable<'a> {
    /// Bytes before the first task.
    pub const HEAD_LEN: usize = 8;

    /// From the note's contents.
    pub fn decode(class: Class, desc: &'a [u8]) -> Option<TaskTable<'a>> {
        let mut fields = Fields::new(class, desc);
        let (seen, stored, damaged, _) =
            (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        let damaged_after = (damaged != u16::MAX).then_some(damaged);
        Some(TaskTable { seen, stored, damaged_after, entries: fields })
    }

    /// The tasks, as many as there are whole entries.
    pub fn tasks(&self) -> impl Iterator<Item = TaskEntry<'a>> + 'a {
        let mut fields = self.entries;
        core::iter::from_fn(move || {
            let id = fields.u32()?;
            let (state, priority) = (fields.u8()?, fields.u8()?);
            let (bits, core) = (fields.u8()?, fields.u8()?);
            Some(TaskEntry {
                id,
                state,
                priority,
                crashed: bits & task::CRASHED != 0,
                damaged: bits & task::DAMAGED != 0,
                core,
                tcb: fields.word()?,
                tcb_len: fields.word()?,
                stack_start: fields.word()?,
                stack_end: fields.word()?,
                sp: fields.word()?,
                known: fields.u64()?,
                name: trim_nul(fields.take(task::NAME_LEN)?),
            })
        })
    }
}

fn trim_nul(name: &[u8]) -> &[u8] {
    name.split(|&byte| byte == 0).next().unwrap_or(name)
}

/// One region of [`note::REGIONS`], in the order of the configuration.
///
/// | off    | size | field |
/// |      0 |    1 | kind, see [`region`] |
/// |      1 |    1 | priority; 255 is written first |
/// |      2 |    1 | low half: bytes of one access (1, 2, 4); high half: why bytes are missing |
/// |      3 |    1 | length of the name |
/// |      4 | word | start |
/// |  4 + w | word | bytes asked for |
/// |  4+2w  | word | bytes stored, those that a segment of higher priority holds included |
/// |  4+3w  |      | name, padded to 4 |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is a line of the table above")]
pub struct RegionEntry<'a> {
    pub kind: u8,
    pub priority: u8,
    pub access: u8,
    /// See [`region`]: `EXCLUDED`, `UNMAPPED`, `NO_ROOM`.
    pub missing: u8,
    pub start: u64,
    pub wanted: u64,
    pub stored: u64,
    pub name: &'a [u8],
}

/// Kinds of [`RegionEntry`], and why bytes are missing.
pub mod region {
    /// Names of the kinds, by number.
    pub const NAMES: [&str; 11] = [
        "custom", "dram", "bss", "data", "heap", "rtc", "rtc_fast", "noinit", "stack", "tagged",
        "mmio",
    ];
    /// A part is excluded by the configuration.
    pub const EXCLUDED: u8 = 1;
    /// A part lies outside of the memory map.
    pub const UNMAPPED: u8 = 2;
    /// A part did not fit.
    pub const NO_ROOM: u8 = 4;
}

/// The regions in [`note::REGIONS`], as many as there are whole entries.
pub fn regions(class: Class, desc: &[u8]) -> impl Iterator<Item = RegionEntry<'_>> {
    let mut fields = Fields::new(class, desc);
    core::iter::from_fn(move || {
        let (kind, priority, bits, name_len) =
            (fields.u8()?, fields.u8()?, fields.u8()?, usize::from(fields.u8()?));
        Some(RegionEntry {
            kind,
            priority,
            access: bits & 15,
            missing: bits >> 4,
            start: fields.word()?,
            wanted: fields.word()?,
            stored: fields.word()?,
            name: fields.take(pad4(name_len))?.get(..name_len)?,
        })
    })
}

/// [`note::INFO`]: pairs of key and value, each pair u8 key length, u8 value length, key, value
/// (UTF-8). A key length of 0 ends the list.
pub fn info(desc: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut fields = Fields::new(Class::Elf32, desc);
    core::iter::from_fn(move || {
        let (key_len, value_len) = (fields.u8().filter(|&len| len > 0)?, fields.u8()?);
        Some((fields.take(key_len.into())?, fields.take(value_len.into())?))
    })
}
