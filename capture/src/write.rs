//! Writes a dump: plans it, then sends it front to back with block 0 last.

use core::marker::PhantomData;

use crate::arch::{Arch, Memory, Native};
use crate::config::{self, Config, FixedNotes, Pace};
use crate::crash::{Cause, Crash};
use crate::crc::Crc;
use crate::layout::{self, Class, STACK_LINE, flag, note, note_head, pad4};
use crate::plan::{Limits, Plan, Segment};
use crate::region::{Access, Area, Region, align_up};
use crate::sink::Sink;
use crate::task::{State, Task, TaskList, Tasks};

/// Room that the writer needs, reserved by the user: 12 bytes a segment, 60 bytes a task on a
/// 32-bit machine.
#[derive(Debug)]
pub struct Workspace<const SEGMENTS: usize, const TASKS: usize> {
    segments: [Segment; SEGMENTS],
    tasks: [Task; TASKS],
}

impl<const SEGMENTS: usize, const TASKS: usize> Workspace<SEGMENTS, TASKS> {
    /// Empty room.
    pub const fn new() -> Self {
        Workspace { segments: [Segment::EMPTY; SEGMENTS], tasks: [Task::new(0, ""); TASKS] }
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
        let outcome =
            write::<A, M>(config, crash, tasks, memory, sink, &mut self.segments, &mut self.tasks);
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
    segments: &mut [Segment],
    task_room: &mut [Task],
) -> Outcome {
    let class = A::CLASS;
    let mut list = TaskList::new(task_room);
    if !crash.retry {
        tasks.list(crash, memory, &mut list);
    }
    mark_crashed::<A>(crash, &mut list);
    let mut registers = A::ZERO;
    let recovered = recover::<A, M>(crash, &list, memory, registers.as_mut());
    let crash = recovered.as_ref().unwrap_or(crash);

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
    let mut out = Out::<A, _>::new(sink, config.pace);
    let mut layout = Layout { notes_len, stored, tables, build_id, length: 0 };
    let mut flags = if plan.truncated { flag::TRUNCATED } else { 0 };
    if crash.retry {
        flags |= flag::MINIMAL;
    }
    layout.length = out.program_headers(&layout, plan.segments());
    out.notes(config, crash, tasks, memory, &list, &plan, &layout);
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
    if list.tasks().is_empty() {
        list.push(Task { state: State::Running, ..Task::new(1, "crashed") });
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

/// The crash with the registers of a caller, when its own are lost.
fn recover<'a, A: Arch, M: Memory>(
    crash: &Crash<'a>,
    list: &TaskList<'_>,
    memory: &mut M,
    registers: &'a mut [usize],
) -> Option<Crash<'a>> {
    let stack = list.tasks().first().filter(|_| crash.cause.frame_lost)?.stack;
    registers.get_mut(..crash.registers.len())?.copy_from_slice(crash.registers);
    let known = A::recover(registers, &stack, memory)?;
    let cause = Cause { recovered: true, ..crash.cause };
    Some(Crash { cause, registers, known, ..*crash })
}

fn fixed_notes<A: Arch>(config: &Config<'_>, crash: &Crash<'_>, build_id: usize) -> FixedNotes {
    let strings = crash.cause.place.map_or(0, |(file, _)| file.len()) + crash.cause.message.len();
    let regions = config.regions.iter().chain(config.added);
    let region_bytes = regions.fold(0, |sum: usize, region| {
        sum + A::CLASS.region_len() + pad4(region.name_bytes().len())
    });
    let info = config.info.iter().fold(0, |sum, (key, value)| sum + 2 + key.len() + value.len());
    FixedNotes {
        vital: config::vital_notes::<A>(strings, crash.faults.len(), crash.floats.len()),
        tables: note_head(4) + region_bytes + note_head(4) + pad4(info) + pad4(build_id),
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
        let (start, end) = crashed.used_stack();
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
        let regions = config.regions.iter().chain(config.added);
        for region in regions.filter(|region| region.priority == level) {
            plan.add_region(region);
        }
        for task in list.tasks_mut().iter_mut().skip(1).filter(|task| task.rank == level) {
            let Some(room) = plan.room.checked_sub(task_cost) else {
                plan.truncated = true;
                continue;
            };
            plan.room = room;
            task.stored = true;
            let (start, end) = task.used_stack();
            plan.add(start, end, STACK_LINE, Access::Byte);
            plan.add(task.tcb.start(), task.tcb.end(), 1, Access::Byte);
        }
    }
}

struct Layout {
    notes_len: usize,
    stored: usize,
    tables: bool,
    build_id: Area,
    length: u32,
}

/// Bytes that are collected before the sink gets them: a multiple of 32, and no less than block 0.
const BLOCK: usize = 96;

/// The file under way.
struct Out<'s, A, S> {
    sink: &'s mut S,
    pace: fn() -> Pace,
    block: [u8; BLOCK],
    /// Bytes in `block`.
    fill: usize,
    /// File offset of `block`: everything before has got through.
    at: u32,
    /// Of everything before `block`.
    crc: Crc,
    #[cfg(feature = "sha256")]
    sha256: crate::sha256::Sha256,
    stopped: bool,
    arch: PhantomData<A>,
}

impl<'s, A: Arch, S: Sink> Out<'s, A, S> {
    fn new(sink: &'s mut S, pace: fn() -> Pace) -> Self {
        Out {
            sink,
            pace,
            block: [0xff; BLOCK],
            fill: 0,
            at: A::CLASS.phoff(),
            crc: Crc::new(),
            #[cfg(feature = "sha256")]
            sha256: crate::sha256::Sha256::new(),
            stopped: false,
            arch: PhantomData,
        }
    }

    /// The CRC of all bytes so far.
    fn crc(&self) -> Crc {
        let mut crc = self.crc;
        crc.update(self.block.get(..self.fill).unwrap_or(&[]));
        crc
    }

    /// Sends what has been collected, filled up with FF to a multiple of 32.
    fn flush(&mut self) {
        if self.stopped || self.fill == 0 {
            return;
        }
        let end = align_up(self.fill, layout::MARK_LEN as usize);
        if let Some(rest) = self.block.get_mut(self.fill..end) {
            rest.fill(0xff);
        }
        let bytes = self.block.get(..end).unwrap_or(&[]);
        // Block 0 is sent whatever the clock says: it makes a dump of all the rest.
        let stop = self.at != 0 && (self.pace)() == Pace::Stop;
        if stop || self.sink.put(self.at, bytes).is_err() {
            self.stopped = true;
            return;
        }
        self.crc = self.crc();
        #[cfg(feature = "sha256")]
        self.sha256.update(self.block.get(..self.fill).unwrap_or(&[]));
        self.at = self.at.wrapping_add(self.fill as u32);
        self.fill = 0;
    }

    fn bytes(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.stopped {
            let room = self.block.get_mut(self.fill..).unwrap_or(&mut []);
            let len = room.len().min(bytes.len());
            let (now, later) = bytes.split_at_checked(len).unwrap_or((bytes, &[]));
            if let Some(room) = room.get_mut(..len) {
                room.copy_from_slice(now);
            }
            self.advance(len);
            bytes = later;
        }
    }

    fn advance(&mut self, len: usize) {
        self.fill = self.fill.wrapping_add(len);
        if self.fill >= self.block.len() {
            self.flush();
        }
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u16s(&mut self, low: u16, high: u16) {
        self.u32(u32::from(low) | (u32::from(high) << 16));
    }

    fn u8s(&mut self, values: [u8; 4]) {
        self.bytes(&values);
    }

    fn word(&mut self, value: usize) {
        match A::CLASS {
            Class::Elf32 => self.u32(value as u32),
            Class::Elf64 => self.bytes(&(value as u64).to_le_bytes()),
        }
    }

    fn zeros(&mut self, len: usize) {
        for _ in 0..len / 4 {
            self.u32(0);
        }
    }

    /// Fills up to a multiple of 4.
    fn pad(&mut self) {
        while self.fill & 3 != 0 && !self.stopped {
            self.bytes(&[0]);
        }
    }

    fn note(&mut self, owner: &[u8; 8], owner_len: u32, kind: u32, len: usize) {
        self.u32(owner_len);
        self.u32(len as u32);
        self.u32(kind);
        self.bytes(owner);
    }

    fn own_note(&mut self, kind: u32, len: usize) {
        self.note(b"CAPT\0\0\0\0", 5, kind, len);
    }

    /// Writes the program headers; answers the length of the whole file.
    fn program_headers(&mut self, layout: &Layout, segments: &[Segment]) -> u32 {
        let headers = (segments.len() + 1) * A::CLASS.phdr_len();
        let mut at = A::CLASS.phoff() as usize + headers;
        self.program_header(4, at, 0, layout.notes_len);
        at += layout.notes_len;
        for segment in segments {
            self.program_header(1, at, segment.start, segment.len);
            at += pad4(segment.len) + 4;
        }
        if cfg!(feature = "sha256") {
            at += layout::SHA256_LEN as usize;
        }
        at as u32
    }

    fn program_header(&mut self, kind: u32, offset: usize, address: usize, len: usize) {
        const READ_WRITE: u32 = 6;
        self.u32(kind);
        if A::CLASS == Class::Elf64 {
            self.u32(READ_WRITE);
        }
        for value in [offset, address, address, len, len] {
            self.word(value);
        }
        if A::CLASS == Class::Elf32 {
            self.u32(READ_WRITE);
        }
        self.word(1);
    }

    #[allow(clippy::too_many_arguments, reason = "one call; a struct would only rename them")]
    fn notes<M: Memory>(
        &mut self,
        config: &Config<'_>,
        crash: &Crash<'_>,
        tasks: &mut impl Tasks<A>,
        memory: &mut M,
        list: &TaskList<'_>,
        plan: &Plan<'_>,
        layout: &Layout,
    ) {
        let headers = plan.segments().len() as u16 + 1;
        self.own_note(note::HEAD, layout::Head::LEN);
        self.u8s([layout::VERSION, A::CLASS.ident(), A::MACHINE as u8, (A::MACHINE >> 8) as u8]);
        self.u32(A::FLAGS);
        self.u32(layout.length);
        let sequence = self.sink.sequence();
        self.u16s(headers, sequence);
        self.cause(crash);
        self.own_note(note::FAULT, crash.faults.len() * (4 + A::CLASS.word()));
        for &(id, value) in crash.faults {
            self.u32(id);
            self.word(value);
        }
        self.tasks(crash, tasks, memory, list, layout.stored);
        if layout.tables {
            self.regions(config, plan);
            let info = config.info.iter();
            let len = info.fold(0, |sum, (key, value)| sum + 2 + key.len() + value.len());
            self.own_note(note::INFO, pad4(len));
            for (key, value) in config.info {
                self.bytes(&[key.len() as u8, value.len() as u8]);
                self.bytes(key.as_bytes());
                self.bytes(value.as_bytes());
            }
            self.pad();
            self.memory(memory, layout.build_id.start(), layout.build_id.len(), Access::Byte);
            self.pad();
        }
        self.own_note(note::END, 4);
        let crc = self.crc();
        self.u32(crc.value());
    }

    fn cause(&mut self, crash: &Crash<'_>) {
        let cause = &crash.cause;
        let (file, line) = cause.place.unwrap_or(("", 0));
        let strings = pad4(file.len() + cause.message.len());
        self.own_note(note::CAUSE, A::CLASS.cause_len() + strings);
        let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let bits = bit(cause.in_interrupt, layout::cause::IN_INTERRUPT)
            | bit(cause.frame_lost, layout::cause::FRAME_LOST)
            | bit(cause.address.is_some(), layout::cause::ADDRESS_KNOWN)
            | bit(cause.recovered, layout::cause::RECOVERED);
        self.u8s([cause.kind as u8, cause.signal, bits, 0]);
        self.u32(cause.code);
        self.u32(cause.reset_reason.unwrap_or(u32::MAX));
        let uptime = cause.uptime_us.unwrap_or(u64::MAX);
        self.u32(uptime as u32);
        self.u32((uptime >> 32) as u32);
        self.u32(line);
        self.u16s(file.len() as u16, cause.message.len() as u16);
        self.word(crash.registers.get(A::PC).copied().unwrap_or(0));
        self.word(cause.address.unwrap_or(0));
        self.bytes(file.as_bytes());
        self.bytes(cause.message.as_bytes());
        self.pad();
    }

    fn regions(&mut self, config: &Config<'_>, plan: &Plan<'_>) {
        let regions = || config.regions.iter().chain(config.added);
        let len = regions()
            .fold(0, |sum, region| sum + A::CLASS.region_len() + pad4(region.name_bytes().len()));
        self.own_note(note::REGIONS, len);
        for region in regions() {
            let stored = plan.stored(&region.area);
            let missing = self.why_missing(config, region, stored);
            let name = region.name_bytes();
            let access = region.access as u8 | (missing << 4);
            self.u8s([region.kind as u8, region.priority, access, name.len() as u8]);
            self.word(region.area.start());
            self.word(region.area.len());
            self.word(stored);
            self.bytes(name);
            self.pad();
        }
    }

    fn why_missing(&self, config: &Config<'_>, region: &Region, stored: usize) -> u8 {
        let (start, end) = (region.area.start(), region.area.end());
        let sum = |areas: &[Area]| {
            areas.iter().fold(0, |sum: usize, area| sum.saturating_add(area.overlap(start, end)))
        };
        let excluded = sum(config.exclude);
        let mapped = if config.memory.is_empty() { region.area.len() } else { sum(config.memory) };
        let mut why = 0;
        if excluded > 0 {
            why |= layout::region::EXCLUDED;
        }
        if mapped < region.area.len() {
            why |= layout::region::UNMAPPED;
        }
        if stored.saturating_add(excluded) < mapped {
            why |= layout::region::NO_ROOM;
        }
        if stored < region.area.len() { why } else { 0 }
    }

    fn tasks<M: Memory>(
        &mut self,
        crash: &Crash<'_>,
        tasks: &mut impl Tasks<A>,
        memory: &mut M,
        list: &TaskList<'_>,
        stored: usize,
    ) {
        self.own_note(note::TASKS, layout::TaskTable::HEAD_LEN + stored * A::CLASS.task_len());
        self.u16s(list.seen, stored as u16);
        self.u16s(list.damaged_after, 0);
        let mut registers = A::ZERO;
        let registers = registers.as_mut();
        for task in list.tasks().iter().filter(|task| task.stored) {
            let known =
                if task.crashed() { crash.known } else { tasks.registers(task, memory, registers) };
            self.u32(task.id);
            self.u8s([task.state as u8, task.priority, task.bits, task.core]);
            for word in [task.tcb.start(), task.tcb.len(), task.stack.start(), task.stack.end()] {
                self.word(word);
            }
            self.word(task.sp);
            self.bytes(&known.to_le_bytes());
            self.bytes(&task.name);
        }
        for task in list.tasks().iter().filter(|task| task.stored) {
            if task.crashed() {
                self.status(task.id, crash.cause.signal, crash.registers);
                self.floats(crash);
            } else {
                registers.fill(0);
                tasks.registers(task, memory, registers);
                self.status(task.id, 0, registers);
            }
        }
    }

    /// `NT_PRSTATUS`.
    fn status(&mut self, id: u32, signal: u8, registers: &[usize]) {
        let class = A::CLASS;
        self.note(b"CORE\0\0\0\0", 5, note::PRSTATUS, class.prstatus_len(A::REGISTERS));
        let signal = u32::from(signal);
        for value in [signal, 0, 0, signal] {
            self.u32(value);
        }
        self.zeros(class.prstatus_pid() - 16);
        self.u32(id);
        self.zeros(class.prstatus_head() - class.prstatus_pid() - 4);
        for &register in registers {
            self.word(register);
        }
        self.word(0);
    }

    fn floats(&mut self, crash: &Crash<'_>) {
        if crash.floats.is_empty() {
            return;
        }
        let note = &A::FLOATS;
        self.note(note.owner, note.owner_len, note.kind, note.len + note.status_len);
        self.bytes(crash.floats);
        self.zeros(note.len.saturating_sub(crash.floats.len()));
        self.u32(crash.float_status);
        self.zeros(note.status_len.saturating_sub(4));
        if note.hwcap != 0 {
            const AT_HWCAP: u32 = 16;
            self.note(b"CORE\0\0\0\0", 5, note::AUXV, 16);
            for value in [AT_HWCAP, note.hwcap, 0, 0] {
                self.u32(value);
            }
        }
    }

    /// Copies memory into the file, bytes that can't be read as FF; answers the bytes' CRC.
    fn memory<M: Memory>(&mut self, memory: &mut M, at: usize, len: usize, access: Access) -> u32 {
        let mut crc = Crc::new();
        let mut done = 0;
        while done < len && !self.stopped {
            let room = self.block.get_mut(self.fill..).unwrap_or(&mut []);
            let part = room.len().min(len.wrapping_sub(done));
            if let Some(room) = room.get_mut(..part) {
                if !memory.read(at.wrapping_add(done), room, access) {
                    room.fill(0xff);
                }
                crc.update(room);
            }
            done = done.wrapping_add(part);
            self.advance(part);
        }
        crc.value()
    }

    fn segments<M: Memory>(&mut self, memory: &mut M, segments: &[Segment]) {
        for segment in segments {
            let crc = self.memory(memory, segment.start, segment.len, segment.access);
            self.pad();
            self.u32(crc);
        }
        #[cfg(feature = "sha256")]
        {
            let mut sha256 = self.sha256.clone();
            sha256.update(self.block.get(..self.fill).unwrap_or(&[]));
            self.bytes(&sha256.finish());
        }
        self.flush();
    }

    /// Writes block 0, with the program headers of those segments that got through as a whole.
    /// From here on it is a dump.
    fn commit(&mut self, layout: &Layout, segments: &[Segment], flags: u8) -> bool {
        let class = A::CLASS;
        let length = self.at;
        let headers = (segments.len() + 1) * class.phdr_len();
        let mut end = class.phoff() as usize + headers + layout.notes_len;
        if (length as usize) < end {
            return false;
        }
        let mut whole = 1;
        for segment in segments {
            end += pad4(segment.len) + 4;
            whole += u16::from(end <= length as usize);
        }
        (self.at, self.fill, self.stopped) = (0, 0, false);
        self.bytes(b"\x7fELF");
        self.u8s([class.ident(), 1, 1, 0]);
        self.bytes(&[0]);
        self.bytes(layout::IDENT);
        self.u16s(4, A::MACHINE);
        self.u32(1);
        self.word(0);
        self.word(class.phoff() as usize);
        self.word(0);
        self.u32(A::FLAGS);
        self.u16s(class.ehdr_len() as u16, class.phdr_len() as u16);
        self.u16s(whole, 0);
        self.u32(0);
        self.zeros(class.block0_len() - class.ehdr_len() - layout::TRAILER_LEN);
        let sequence = self.sink.sequence();
        self.u16s(u16::from(layout::VERSION) | (u16::from(flags) << 8), sequence);
        self.u32(length);
        let crc = self.crc();
        self.u32(crc.value());
        self.flush();
        !self.stopped
    }
}
