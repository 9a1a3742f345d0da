//! The notes: what is known beside the bytes of memory.

use crate::arch::{Arch, MAX_REGISTERS, Memory};
use crate::config::Config;
use crate::crash::Crash;
use crate::layout::{self, Class, note, pad4};
use crate::out::{Layout, Out};
use crate::plan::Plan;
use crate::region::{Access, Area, Region};
use crate::sink::Sink;
use crate::task::{TaskList, Tasks};

/// The registers of the crash, and which of them are known: its own, or those of a caller when its
/// own are lost.
pub(crate) struct Known<'a> {
    pub(crate) registers: &'a [usize],
    pub(crate) known: u64,
    pub(crate) recovered: bool,
}

/// What the notes are about.
pub(crate) struct Facts<'a> {
    pub(crate) crash: &'a Crash<'a>,
    pub(crate) known: Known<'a>,
    pub(crate) scratch: &'a mut [usize; MAX_REGISTERS],
}

/// The configured regions, then those added at run time.
#[inline(never)]
pub(crate) fn region_at<'a>(config: &Config<'a>, index: usize) -> Option<&'a Region> {
    let late = index.wrapping_sub(config.regions.len());
    config.regions.get(index).or_else(|| config.added.get(late))
}

/// Bytes of `area` that lie in any of `areas`.
#[inline(never)]
pub(crate) fn overlap(areas: &[Area], area: &Area) -> usize {
    let mut sum: usize = 0;
    for other in areas {
        sum = sum.saturating_add(other.overlap(area.start(), area.end()));
    }
    sum
}

/// Bytes of the table of regions.
#[inline(never)]
pub(crate) fn regions_len(class: Class, config: &Config<'_>) -> usize {
    let (mut len, mut index) = (0, 0);
    while let Some(region) = region_at(config, index) {
        len += class.region_len() + pad4(region.name_bytes().len());
        index += 1;
    }
    len
}

/// As much of a string as a length of one byte can tell.
fn short(text: &str) -> &[u8] {
    let bytes = text.as_bytes();
    bytes.get(..255).unwrap_or(bytes)
}

/// Bytes of the strings about the device.
#[inline(never)]
pub(crate) fn info_len(config: &Config<'_>) -> usize {
    let mut len = 0;
    for (key, value) in config.info {
        len += 2 + short(key).len() + short(value).len();
    }
    pad4(len)
}

impl<A: Arch, S: Sink> Out<'_, A, S> {
    #[allow(clippy::too_many_arguments, reason = "one call; a struct would only rename them")]
    pub(crate) fn notes<M: Memory>(
        &mut self,
        config: &Config<'_>,
        facts: Facts<'_>,
        tasks: &mut impl Tasks<A>,
        memory: &mut M,
        list: &TaskList<'_>,
        plan: &Plan<'_>,
        layout: &Layout,
    ) {
        let crash = facts.crash;
        let headers = plan.segments().len() as u16 + 1;
        self.own_note(note::HEAD, layout::Head::LEN);
        self.u8s([layout::VERSION, A::CLASS.ident(), A::MACHINE as u8, (A::MACHINE >> 8) as u8]);
        self.u32(A::FLAGS);
        self.u32(layout.length);
        let sequence = self.sink.sequence();
        self.u16s(headers, sequence);
        self.cause(crash, &facts.known);
        self.own_note(note::FAULT, crash.faults.len() * (4 + A::CLASS.word()));
        for &(id, value) in crash.faults {
            self.u32(id);
            self.word(value);
        }
        self.tasks(facts, tasks, memory, list, layout.stored);
        if layout.tables {
            self.regions(config, plan);
            self.own_note(note::INFO, info_len(config));
            for (key, value) in config.info {
                let (key, value) = (short(key), short(value));
                self.bytes(&[key.len() as u8, value.len() as u8]);
                self.bytes(key);
                self.bytes(value);
            }
            self.pad();
        }
        self.memory(memory, layout.build_id.start(), layout.build_id.len(), Access::Byte);
        self.pad();
        self.own_note(note::END, 4);
        let crc = self.crc();
        self.u32(crc.value());
    }

    pub(crate) fn cause(&mut self, crash: &Crash<'_>, known: &Known<'_>) {
        let cause = &crash.cause;
        let (file, line) = cause.place.unwrap_or(("", 0));
        let strings = pad4(file.len() + cause.message.len());
        self.own_note(note::CAUSE, A::CLASS.cause_len() + strings);
        let bit = |holds: bool, bit: u8| if holds { bit } else { 0 };
        let bits = bit(cause.in_interrupt, layout::cause::IN_INTERRUPT)
            | bit(cause.frame_lost, layout::cause::FRAME_LOST)
            | bit(cause.address.is_some(), layout::cause::ADDRESS_KNOWN)
            | bit(known.recovered, layout::cause::RECOVERED);
        self.u8s([cause.kind as u8, cause.signal, bits, 0]);
        self.u32(cause.code);
        self.u32(cause.reset_reason.unwrap_or(u32::MAX));
        let uptime = cause.uptime_us.unwrap_or(u64::MAX);
        self.u32(uptime as u32);
        self.u32((uptime >> 32) as u32);
        self.u32(line);
        self.u16s(file.len() as u16, cause.message.len() as u16);
        self.word(known.registers.get(A::PC).copied().unwrap_or(0));
        self.word(cause.address.unwrap_or(0));
        self.bytes(file.as_bytes());
        self.bytes(cause.message.as_bytes());
        self.pad();
    }

    pub(crate) fn regions(&mut self, config: &Config<'_>, plan: &Plan<'_>) {
        let regions = || config.regions.iter().chain(config.added);
        let len = regions()
            .fold(0, |sum, region| sum + A::CLASS.region_len() + pad4(region.name_bytes().len()));
        self.own_note(note::REGIONS, len);
        for region in regions() {
            let stored = plan.stored(&region.area);
            let said = if plan.truncated { u8::MAX } else { !layout::region::NO_ROOM };
            let missing = self.why_missing(config, region, stored) & said;
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

    pub(crate) fn why_missing(&self, config: &Config<'_>, region: &Region, stored: usize) -> u8 {
        let excluded = overlap(config.exclude, &region.area);
        let mapped = if config.memory.is_empty() {
            region.area.len()
        } else {
            overlap(config.memory, &region.area)
        };
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

    pub(crate) fn tasks<M: Memory>(
        &mut self,
        facts: Facts<'_>,
        tasks: &mut impl Tasks<A>,
        memory: &mut M,
        list: &TaskList<'_>,
        stored: usize,
    ) {
        let Facts { crash, known: own, scratch } = facts;
        self.own_note(note::TASKS, layout::TaskTable::HEAD_LEN + stored * A::CLASS.task_len());
        self.u16s(list.seen, stored as u16);
        self.u16s(list.damaged_after, 0);
        let registers = scratch.get_mut(..A::REGISTERS).unwrap_or(&mut []);
        for task in list.tasks().iter().filter(|task| task.stored) {
            let known =
                if task.crashed() { own.known } else { tasks.registers(task, memory, registers) };
            self.u32(task.id);
            let damaged = if known == 0 { layout::task::DAMAGED } else { 0 };
            self.u8s([task.state as u8, task.priority, task.bits | damaged, task.core]);
            self.word(task.tcb.start());
            self.word(task.tcb.len());
            self.word(task.stack.start());
            self.word(task.stack.end());
            self.word(task.sp);
            self.bytes(&known.to_le_bytes());
            self.bytes(&task.name);
        }
        for task in list.tasks().iter().filter(|task| task.stored) {
            if task.crashed() {
                self.status(task.id, crash.cause.signal, own.registers);
                self.floats(crash);
            } else {
                registers.fill(0);
                tasks.registers(task, memory, registers);
                self.status(task.id, 0, registers);
            }
        }
    }

    /// `NT_PRSTATUS`.
    pub(crate) fn status(&mut self, id: u32, signal: u8, registers: &[usize]) {
        let class = A::CLASS;
        self.note(b"CORE\0\0\0\0", 5, note::PRSTATUS, class.prstatus_len(A::REGISTERS));
        let signal = u32::from(signal);
        self.u32(signal);
        self.zeros(8);
        self.u32(signal);
        self.zeros(class.prstatus_pid() - 16);
        self.u32(id);
        self.zeros(class.prstatus_head() - class.prstatus_pid() - 4);
        for &register in registers {
            self.word(register);
        }
        self.word(0);
    }

    pub(crate) fn floats(&mut self, crash: &Crash<'_>) {
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
}
