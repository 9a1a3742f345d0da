//! The notes: what is known beside the bytes of memory.

use crate::config::{Config, region_at};
use crate::crash::Crash;
use crate::isa::{Arch, MAX_REGISTERS, Memory};
use crate::layout::{self, note, pad4};
use crate::out::{Out, record};
use crate::plan::Plan;
use crate::region::{Access, Area, Region};
use crate::sink::Sink;
use crate::task::{Task, Tasks};

/// Bytes of `area` that lie in any of `areas`.
fn overlap(areas: &[Area], area: &Area) -> usize {
    let mut sum: usize = 0;
    for other in areas {
        sum = sum.saturating_add(other.overlap(area.start(), area.end()));
    }
    sum
}

/// As much of a string as a length of one byte can tell.
fn short(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    bytes.get(..255).unwrap_or(bytes)
}

/// The header of a note, as words: lengths of owner and contents, type, owner.
fn header(owner_len: u32, owner: &[u8; 8], kind: u32, len: usize) -> [usize; 5] {
    let [a, b, c, d, e, f, g, h] = *owner;
    let owner = [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])];
    [owner_len as usize, len, kind as usize, owner[0] as usize, owner[1] as usize]
}

impl<A: Arch, S: Sink> Out<'_, A, S> {
    /// The header of a note of our own.
    #[inline(never)]
    pub(crate) fn own_note(&mut self, kind: u32, len: usize) {
        self.u32s(&header(5, b"CAPT\0\0\0\0", kind, len));
    }

    /// The note HEAD.
    pub(crate) fn head(&mut self, length: usize, segments: usize) {
        self.own_note(note::HEAD, layout::Head::LEN);
        let version = usize::from(layout::VERSION) | usize::from(A::CLASS.ident()) << 8;
        let machine = usize::from(A::MACHINE) << 16;
        let headers = segments.wrapping_add(1);
        let sequence = usize::from(self.sink.sequence()) << 16;
        self.u32s(&[version | machine, A::FLAGS as usize, length, headers | sequence]);
    }

    /// The note CAUSE up to its strings, of which it tells the lengths.
    pub(crate) fn cause(
        &mut self,
        crash: &Crash<'_>,
        pc: usize,
        recovered: bool,
        line: u32,
        [file, message]: [usize; 2],
    ) {
        let cause = &crash.cause;
        let strings = pad4(file + message);
        self.own_note(note::CAUSE, A::CLASS.cause_len() + strings);
        let bit = |holds: bool, bit: u8| if holds { usize::from(bit) << 16 } else { 0 };
        let bits = bit(cause.in_interrupt, layout::cause::IN_INTERRUPT)
            | bit(cause.frame_lost, layout::cause::FRAME_LOST)
            | bit(cause.address.is_some(), layout::cause::ADDRESS_KNOWN)
            | bit(recovered, layout::cause::RECOVERED | layout::cause::AT_CALL)
            | bit(cause.last_resort, layout::cause::LAST_RESORT);
        let uptime = cause.uptime_us.unwrap_or(u64::MAX);
        record!(self; u32s [
            cause.kind as usize | usize::from(cause.signal) << 8 | bits,
            cause.code as usize,
            cause.reset_reason.unwrap_or(u32::MAX) as usize,
            uptime as u32 as usize,
            (uptime >> 32) as usize,
            line as usize,
            file & 0xffff | message << 16,
        ] words [pc, cause.address.unwrap_or(0)]);
    }

    /// The note FAULT.
    pub(crate) fn faults(&mut self, faults: &[(u32, usize)]) {
        self.own_note(note::FAULT, faults.len() * (4 + A::CLASS.word()));
        for &(id, value) in faults {
            record!(self; u32s [id as usize] words [value]);
        }
    }

    /// One entry of the note TASKS.
    fn task(&mut self, task: &Task, known: u64) {
        let damaged = if known == 0 { layout::task::DAMAGED } else { 0 };
        let bits =
            u32::from_le_bytes([task.state as u8, task.priority, task.bits | damaged, task.core]);
        let (tcb, stack) = (&task.tcb, &task.stack);
        record!(self;
            u32s [task.id as usize, bits as usize]
            words [tcb.start(), tcb.len(), stack.start(), stack.end(), task.sp]
            u32s [known as u32 as usize, (known >> 32) as usize]);
        self.bytes(&task.name);
    }

    /// `NT_PRSTATUS`.
    pub(crate) fn status(&mut self, id: u32, signal: u8, registers: &[usize]) {
        let class = A::CLASS;
        let len = class.prstatus_len(A::REGISTERS);
        let [a, b, c, d, e] = header(5, b"CORE\0\0\0\0", note::PRSTATUS, len);
        let (id, signal) = (id as usize, usize::from(signal));
        record!(self;
            u32s [a, b, c, d, e]
            // si_signo, si_code, si_errno, pr_cursig.
            u32s [signal, 0, 0, signal]
            // Pending and held signals.
            words [0, 0]
            u32s [id]);
        // Other processes and times.
        self.zeros(class.prstatus_head() - class.prstatus_pid() - 4);
        self.words(registers);
        self.zeros(class.word());
    }

    /// Floating point registers, if they were in use.
    fn floats(&mut self, crash: &Crash<'_>) {
        if crash.floats.is_empty() {
            return;
        }
        let note = &A::FLOATS;
        let len = note.len + note.status_len;
        self.u32s(&header(note.owner_len, note.owner, note.kind, len));
        self.bytes(crash.floats);
        self.zeros(note.len.saturating_sub(crash.floats.len()));
        self.u32s(&[crash.float_status as usize]);
        if note.status_len == 8 {
            self.u32s(&[0]);
        }
        if note.hwcap != 0 {
            const AT_HWCAP: usize = 16;
            self.u32s(&header(5, b"CORE\0\0\0\0", note::AUXV, 16));
            self.u32s(&[AT_HWCAP, note.hwcap as usize, 0, 0]);
        }
    }
}

/// A dump under way.
///
/// The configuration is not kept in here but passed along: where it is a constant, the compiler
/// sees it in each function, and drops what it does not ask for.
pub(crate) struct Draft<'a, A, M, S, T> {
    pub(crate) out: Out<'a, A, S>,
    pub(crate) plan: Plan<'a, A>,
    pub(crate) memory: &'a mut M,
    pub(crate) tasks: &'a mut T,
    pub(crate) crash: &'a Crash<'a>,
    pub(crate) crashed: &'a Task,
    pub(crate) others: &'a mut [Task],
    /// How many tasks the dump holds, and how many there were.
    pub(crate) stored: usize,
    pub(crate) seen: u16,
    pub(crate) damaged_after: u16,
    /// How much the notes tell: [`TABLES`], [`FLOATS`], or 0 for the threads alone.
    pub(crate) detail: usize,
    pub(crate) known: Known<'a>,
    /// Registers of a task that is being written.
    pub(crate) registers: &'a mut [usize; MAX_REGISTERS],
}

/// The registers of the crash, and which of them are known.
#[derive(Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) registers: &'a [usize],
    pub(crate) known: u64,
    /// They are those of a caller, since those of the crash are lost.
    pub(crate) recovered: bool,
}

/// The notes tell everything: also the tables of regions and strings.
pub(crate) const TABLES: usize = 2;
/// The notes tell of the threads, and the floating point registers of the crashed one.
pub(crate) const FLOATS: usize = 1;

impl<A: Arch, M: Memory, S: Sink, T: Tasks<A>> Draft<'_, A, M, S, T> {
    /// All notes, for a file that is going to be `length` bytes long. Written more than once: first
    /// to see how long they are.
    ///
    /// The parts are functions of their own, so that only one of them is on the stack at a time.
    pub(crate) fn notes(&mut self, config: &Config<'_>, length: usize) {
        self.facts(length);
        self.threads();
        if self.detail >= TABLES {
            self.regions(config);
            self.info(config);
        }
        self.build_id(&config.build_id);
        self.out.own_note(note::END, 4);
        self.out.end_of_notes();
    }

    /// The dump and the crash.
    #[inline(never)]
    fn facts(&mut self, length: usize) {
        self.out.head(length, self.plan.segments().len());
        let cause = &self.crash.cause;
        let (file, line) = cause.place.unwrap_or(("", 0));
        let pc = self.known.registers.get(A::PC).copied().unwrap_or(0);
        let lens = [file.len(), cause.message.len()];
        self.out.cause(self.crash, pc, self.known.recovered, line, lens);
        self.out.bytes(file.as_bytes());
        self.out.bytes(cause.message.as_bytes());
        self.out.pad();
        self.out.faults(self.crash.faults);
    }

    /// The tasks and their registers.
    #[inline(never)]
    fn threads(&mut self) {
        let len = layout::TaskTable::HEAD_LEN + self.stored * A::CLASS.task_len();
        self.out.own_note(note::TASKS, len);
        self.out.u32s(&[usize::from(self.seen) | self.stored << 16, self.damaged_after.into()]);
        self.out.task(self.crashed, self.known.known);
        self.others(|out, task, known, _| out.task(task, known));
        self.out.status(self.crashed.id, self.crash.cause.signal, self.known.registers);
        if self.detail >= FLOATS {
            self.out.floats(self.crash);
        }
        self.others(|out, task, _, registers| out.status(task.id, 0, registers));
    }

    /// Hands the other tasks that are stored to `each`, with their registers.
    fn others(&mut self, each: impl Fn(&mut Out<'_, A, S>, &Task, u64, &[usize])) {
        if !T::SEVERAL {
            return;
        }
        let registers = self.registers.get_mut(..A::REGISTERS).unwrap_or(&mut []);
        for task in self.others.iter().filter(|task| task.stored) {
            for register in &mut *registers {
                *register = 0;
            }
            let known = self.tasks.registers(task, self.memory, registers);
            each(&mut self.out, task, known, registers);
        }
    }

    /// The note REGIONS.
    #[inline(never)]
    fn regions(&mut self, config: &Config<'_>) {
        let (mut index, mut len) = (0, 0);
        while let Some(region) = region_at(config, index) {
            index += 1;
            len += A::CLASS.region_len() + pad4(region.name_bytes().len());
        }
        self.out.own_note(note::REGIONS, len);
        index = 0;
        while let Some(region) = region_at(config, index) {
            index += 1;
            let stored = self.plan.stored(&region.area);
            let room = self.plan.flags == 0;
            let missing = why_missing(config, region, stored, room);
            let name = region.name_bytes();
            let access = region.access as u8 | (missing << 4);
            let bits = [region.kind as u8, region.priority, access, name.len() as u8];
            record!(self.out;
                u32s [u32::from_le_bytes(bits) as usize]
                words [region.area.start(), region.area.len(), stored]);
            self.out.bytes(name);
            self.out.pad();
        }
    }

    /// The note INFO.
    #[inline(never)]
    fn info(&mut self, config: &Config<'_>) {
        let mut len = 0;
        for (key, value) in config.info {
            len += 2 + short(key).len() + short(value).len();
        }
        self.out.own_note(note::INFO, pad4(len));
        for (key, value) in config.info {
            let (key, value) = (short(key), short(value));
            self.out.bytes(&[key.len() as u8, value.len() as u8]);
            self.out.bytes(key);
            self.out.bytes(value);
        }
        self.out.pad();
    }

    /// The program's own note, if its first word can be read. Not by [`Out::memory`], which stops
    /// when there is no more than counting to do.
    fn build_id(&mut self, note: &Area) {
        if note.len() > 4 && self.memory.element(note.start(), Access::Word).is_some() {
            for at in note.start()..note.end() {
                let byte = self.memory.element(at, Access::Byte).unwrap_or(0xff);
                self.out.bytes(&[byte as u8]);
            }
            self.out.pad();
        }
    }
}

/// Bits of [`layout::region`]; `room`: there was enough for everything.
fn why_missing(config: &Config<'_>, region: &Region, stored: usize, room: bool) -> u8 {
    let wanted = region.area.len();
    let excluded = overlap(config.exclude, &region.area);
    let mapped = match config.memory.is_empty() {
        true => wanted,
        false => overlap(config.memory, &region.area),
    };
    let mut why = 0;
    if excluded > 0 {
        why |= layout::region::EXCLUDED;
    }
    if mapped < wanted {
        why |= layout::region::UNMAPPED;
    }
    if !room && stored.saturating_add(excluded) < mapped {
        why |= layout::region::NO_ROOM;
    }
    if stored < wanted { why } else { 0 }
}
