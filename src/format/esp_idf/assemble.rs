//! Makes a [`Dump`] of a body: memory, threads, reason, identity.

use super::body::{Body, Extent, RegisterNote, SKIPPED, TaskRecord};
use super::frame::{EXIT_CRASHED, EXIT_CRASHED_OLD, Frames, SR_EXCCAUSE, SR_EXCVADDR};
use super::frame::{RISCV_FRAME_LEN, RISCV_TRAP_FRAME_LEN};
use super::tcb::{self, Tcb};
use super::{NAME, SharedChip, esp_chip_id};
use crate::arch::{riscv, xtensa};
use crate::carrier::Piece;
use crate::cursor::u32_at;
use crate::dump::{Dump, FirmwareId, Note, Stack, Thread};
use crate::error::Result;
use crate::format::{Context, insert_region};
use crate::memory::{AddrRange, Memory, Region};
use crate::reason::{FaultWord, Reason, Signal};
use crate::registers::Registers;
use crate::targets::{Arch, Family};
use std::sync::Arc;

/// Register set and chip of a dump.
pub(super) struct Machine {
    arch: Arc<Arch>,
    chip: Option<SharedChip>,
    notes: Vec<Note>,
}

impl Machine {
    /// By the user's word, the chip id, or what the ELF core says it is for.
    pub(super) fn choose(
        chip_id: Option<u16>,
        machine: Option<u16>,
        context: &Context<'_>,
    ) -> Result<Machine> {
        let targets = context.targets;
        let mut notes = Vec::new();
        let by_user = context.target.and_then(|name| targets.chip(name).ok());
        let by_id = match chip_id {
            Some(id) => targets.find_chip(|chip| esp_chip_id(chip) == Some(id))?,
            None => None,
        };
        if let Some(id) = chip_id.filter(|_| by_id.is_none()) {
            notes.push(
                Note::warning(format!(
                    "chip id {id} ({id:#06x}) is not in the table; registers are shown as those \
                 of the architecture, and --target names a chip"
                ))
                .by(NAME)
                .code("assumed"),
            );
        }
        if let Some(chip) = by_user.or(by_id) {
            let arch = targets.arch(&chip.arch)?;
            if machine.is_none_or(|machine| machine == arch.elf_machine) {
                return Ok(Machine { arch, chip: Some(chip), notes });
            }
            notes.push(
                Note::doubt(format!(
                    "the header says {}, the ELF core is for machine {}: going by the ELF core",
                    chip.name,
                    machine.unwrap_or_default()
                ))
                .by(NAME)
                .code("conflict"),
            );
        }
        let family = machine.and_then(|machine| Family::of_machine(machine, 32));
        let arch = match (family, context.target) {
            (Some(Family::RiscV32), _) => "riscv32",
            (Some(Family::Xtensa), _) => "xtensa-esp32",
            (_, Some(user)) => user,
            _ => "xtensa-esp32",
        };
        Ok(Machine { arch: targets.arch(arch)?, chip: None, notes })
    }
}

/// A task that could be made sense of.
struct Task<'a> {
    record: &'a TaskRecord,
    tcb: Tcb,
    /// Where its registers were saved, if that can be told.
    frame: Option<u32>,
    /// The device found its stack pointer to be nonsense and saved a stand-in.
    fake: bool,
}

pub(super) fn dump(title: String, body: Body, machine: Machine, piece: &Piece) -> Dump {
    let title = match &machine.chip {
        Some(chip) => format!("{title}, {}", chip.name),
        None => title,
    };
    let mut dump = Dump::new(title, machine.arch);
    dump.chip = machine.chip;
    dump.notes.extend(piece.notes.iter().cloned());
    dump.notes.extend(machine.notes);
    dump.notes.extend(body.notes.iter().cloned());

    let tasks: Vec<Task<'_>> = body.tasks.iter().map(|record| task(record, &body, piece)).collect();
    dump.memory = memory(&body, &tasks, piece, &dump.chip.clone(), &mut dump.notes);
    let crashed = find_crashed(&body, &tasks, &dump.memory, &mut dump.notes);

    for (index, task) in tasks.iter().enumerate() {
        let is_crashed = crashed == Some(index);
        let thread = thread(&dump, &body, task, is_crashed, piece);
        dump.threads.push(thread);
    }
    if let Some(index) = crashed {
        if let Some(interrupted) = interrupted(&dump, &body, tasks.get(index)) {
            let thread = &mut dump.threads[index];
            thread.state = Some("in an interrupt".into());
            thread.remarks.push("these are the registers of the interrupt handler".into());
            dump.threads.insert(index + 1, interrupted);
        }
        let first = dump.threads.remove(index);
        dump.threads.insert(0, first);
    }
    let cores = dump.chip.as_ref().map_or(1, |chip| chip.cores);
    if cores > 1 {
        dump.notes.push(Note::info("ESP-IDF saves the registers of the core that panicked: the task that ran on the other \
             core is shown as it was when it was last switched out").by(NAME).code("partial"));
    }
    dump.reason = reason(&dump, &body);
    dump.texts = body.panic_details;
    dump.identity.firmware.extend(body.app_sha256.map(FirmwareId::ElfSha256));
    dump.identity.chip_revision = body.chip_revision;
    dump.identity.chip = dump.chip.as_ref().map(|chip| match body.chip_revision {
        Some(revision) => format!("{} v{}.{}", chip.name, revision / 100, revision % 100),
        None => chip.name.clone(),
    });
    dump
}

/// Where the device puts stand-ins for stacks that it can't believe: 0x20000000, since 6.1 on
/// RISC-V 0x70000000, since an ESP32-S31 has RAM at the former. No other chip has memory there.
fn is_fake_stack(addr: u32) -> bool {
    matches!(addr >> 28, 0x2 | 0x7)
}

fn task<'a>(record: &'a TaskRecord, body: &Body, piece: &Piece) -> Task<'a> {
    let flagged = |f: &&super::body::TaskFlags| f.tcb_addr == record.tcb_addr;
    let flags = body.task_flags.iter().find(flagged);
    let lost = |at: usize, len: usize| {
        piece.is_lost(record.tcb.offset.saturating_add(at as u64), len as u64)
    };
    let top = u32_at(&record.tcb.bytes, 0).filter(|_| !lost(0, 4));
    let own_stack = record.stack.as_ref().filter(|stack| owns_stack(record, stack, top));
    let fake = flags.is_some_and(|flags| flags.stack_corrupted || flags.tcb_corrupted)
        || own_stack.is_some_and(|stack| is_fake_stack(stack.addr) && Some(stack.addr) != top);
    let saved_end = own_stack
        .filter(|_| !fake)
        .and_then(|stack| stack.addr.checked_add(stack.bytes.len() as u32));
    let tcb = tcb::read(&record.tcb.bytes, saved_end, lost);
    let frame = own_stack.map(|stack| stack.addr).or(tcb.top_of_stack).filter(|_| !fake);
    Task { record, tcb, frame, fake }
}

/// Whether the extent behind a control block is the task's stack: it starts at the frame that the
/// control block names, or holds the stack pointer of the register note, or is a stand-in. In a
/// binary body each task has its stack with it.
fn owns_stack(record: &TaskRecord, stack: &Extent, top: Option<u32>) -> bool {
    let Some(note) = &record.prstatus else { return true };
    let sp = match note.desc.len() {
        588.. => u32_at(&note.desc, 332),
        _ => u32_at(&note.desc, 80),
    };
    let end = u64::from(stack.addr) + stack.bytes.len() as u64 + stack.cut;
    let holds_sp = sp.is_some_and(|sp| (u64::from(stack.addr)..=end).contains(&sp.into()));
    top == Some(stack.addr) || holds_sp || is_fake_stack(stack.addr)
}

fn memory(
    body: &Body,
    tasks: &[Task<'_>],
    piece: &Piece,
    chip: &Option<SharedChip>,
    notes: &mut Vec<Note>,
) -> Memory {
    let mut memory = Memory::new();
    let fake: Vec<u32> = tasks
        .iter()
        .filter(|task| task.fake)
        .filter_map(|task| task.record.stack.as_ref())
        .map(|stack| stack.addr)
        .filter(|addr| is_fake_stack(*addr))
        .collect();
    for extent in body.extents.iter().filter(|extent| !fake.contains(&extent.addr)) {
        let mut region = Region::dumped(extent.addr.into(), extent.bytes.clone());
        region.name = name_of(extent, tasks, chip).map(Into::into);
        let conflicts = insert_region(&mut memory, region, piece, extent.offset);
        notes.extend(
            conflicts.into_iter().map(|words| Note::warning(words).by(NAME).code("conflict")),
        );
        let behind = u64::from(extent.addr) + extent.bytes.len() as u64;
        if let Some(range) = AddrRange::of_len(behind, extent.cut) {
            memory.mark_missing(range, "the dump is cut off before it");
        }
    }
    memory
}

fn name_of(extent: &Extent, tasks: &[Task<'_>], chip: &Option<SharedChip>) -> Option<String> {
    let label = |task: &Task<'_>| {
        task.tcb.name.clone().unwrap_or_else(|| format!("task {:#x}", task.record.tcb_addr))
    };
    for task in tasks {
        if task.record.tcb_addr == extent.addr {
            return Some(format!("TCB of {}", label(task)));
        }
        if task.frame == Some(extent.addr) {
            return Some(format!("stack of {}", label(task)));
        }
        if task.tcb.top_of_stack == Some(extent.addr) {
            return Some(format!("interrupted stack of {}", label(task)));
        }
    }
    let memory = chip.as_ref()?.memory_at(extent.addr.into())?;
    Some(memory.name.clone())
}

/// The index of the crashed task.
fn find_crashed(
    body: &Body,
    tasks: &[Task<'_>],
    memory: &Memory,
    notes: &mut Vec<Note>,
) -> Option<usize> {
    if let Some(extra) = &body.extra {
        if extra.crashed_tcb == SKIPPED {
            let words = "the device could not dump the task that crashed";
            notes.push(Note::warning(words).by(NAME).code("crashed-unknown"));
            return None;
        }
        let at = tasks.iter().position(|task| task.record.tcb_addr == extra.crashed_tcb);
        if at.is_none() && !tasks.is_empty() {
            notes.push(
                Note::warning(format!(
                    "the crashed task {:#x} is not among the dumped ones",
                    extra.crashed_tcb
                ))
                .by(NAME)
                .code("crashed-unknown"),
            );
        }
        return at;
    }
    if body.machine.is_some() {
        // An ELF body lists the crashed task first.
        return (!tasks.is_empty()).then_some(0);
    }
    // A binary body lists it first since 4.1, unless it could not be dumped. Its frame is not
    // the one that the scheduler left.
    let exit = |task: &Task<'_>| task.frame.and_then(|frame| memory.u32_le(frame.into()));
    let marked = |task: &Task<'_>| matches!(exit(task), Some(EXIT_CRASHED | EXIT_CRASHED_OLD));
    let elsewhere = |task: &Task<'_>| !task.fake && task.frame != task.tcb.top_of_stack;
    let found = tasks.iter().position(marked).or_else(|| tasks.iter().position(elsewhere));
    if found.is_none() && !tasks.is_empty() {
        notes.push(
            Note::warning("no dumped task is marked as the crashed one")
                .by(NAME)
                .code("crashed-unknown"),
        );
    }
    found
}

fn thread(dump: &Dump, body: &Body, task: &Task<'_>, crashed: bool, piece: &Piece) -> Thread {
    let frames = Frames { arch: &dump.arch, chip: dump.chip.as_deref(), memory: &dump.memory };
    let Task { record, tcb, frame, fake } = task;
    let mut registers = if *fake {
        Registers::unknown(dump.arch.clone())
    } else {
        match &record.prstatus {
            Some(note) => {
                let frame = frame_of_note(&frames, dump, record, tcb, *frame, note, crashed);
                frames.of_note(piece, note, frame, crashed)
            }
            None => frames.at(frame.unwrap_or_default(), crashed),
        }
    };
    let mut remarks = Vec::new();
    if *fake {
        registers.set_why_missing("the task's stack pointer was corrupt");
        let top = tcb.top_of_stack.map_or(String::new(), |top| format!(" ({top:#x})"));
        remarks.push(format!("corrupted: its saved stack pointer{top} is not in its stack"));
    }
    if crashed && frames.is_xtensa() {
        for (number, value) in body.extra.iter().flat_map(|extra| &extra.special) {
            if let Some(index) = dump.arch.register_by_number(*number) {
                registers.set(index, (*value).into());
            }
        }
    }
    if !crashed && !frames.is_xtensa() && !*fake && registers.sp() == Some(0) {
        // A task that never ran: its first frame was made by hand, without a stack pointer.
        registers.forget_sp();
        if let Some(frame) = frame {
            registers.set_sp(frame.saturating_add(RISCV_FRAME_LEN));
        }
        remarks.push("never ran".into());
    }
    let stack = match (tcb.stack_low, tcb.stack_end) {
        (Some(low), Some(end)) if low < end => Some(Stack { low: low.into(), high: end.into() }),
        _ => None,
    };
    let mut thread = Thread::new(record.tcb_addr.into(), registers);
    if let (Some(sp), Some(stack)) = (thread.registers.sp(), stack)
        && !(stack.low..=stack.high + 16).contains(&sp)
        && !in_interrupt(body, dump, task, crashed)
    {
        remarks.push(format!(
            "stack pointer {sp:#x} is outside its stack {:#x}..{:#x}",
            stack.low, stack.high
        ));
    }
    thread.name = tcb.name.clone();
    thread.crashed = crashed;
    thread.priority = tcb.priority.map(i64::from);
    thread.core = tcb.core;
    thread.control_block = Some(record.tcb_addr.into());
    thread.stack = stack;
    if !crashed {
        thread.saved_sp = frame.filter(|frame| tcb.top_of_stack == Some(*frame)).map(u64::from);
    }
    thread.remarks = remarks;
    thread
}

/// Where the registers of a note lie in memory: at the start of the task's saved stack; or where
/// the scheduler left them; or, of a crashed task whose stack is part of a larger extent, below
/// its stack pointer.
fn frame_of_note(
    frames: &Frames<'_>,
    dump: &Dump,
    record: &TaskRecord,
    tcb: &Tcb,
    frame: Option<u32>,
    note: &RegisterNote,
    crashed: bool,
) -> Option<u32> {
    let own = frame.filter(|frame| !crashed || Some(*frame) != tcb.top_of_stack);
    if own.is_some() || !crashed || frames.is_xtensa() {
        return own;
    }
    let sp = u32_at(&note.desc, 80)?;
    let below = sp.checked_sub(RISCV_TRAP_FRAME_LEN)?;
    let there = dump.memory.region_at(below.into()).is_some();
    there.then_some(below).or(record.stack.as_ref().map(|stack| stack.addr))
}

fn in_interrupt(body: &Body, dump: &Dump, task: &Task<'_>, crashed: bool) -> bool {
    if !crashed {
        return false;
    }
    if let Some(told) = body.extra.as_ref().and_then(|extra| extra.in_interrupt) {
        return told;
    }
    // Not told (binary bodies, before 5.1.3): the crashed frame is outside the task's stack, and
    // the stack of the interrupted task was saved beside it.
    let (Some(frame), Some(top)) = (task.frame, task.tcb.top_of_stack) else { return false };
    let (Some(low), Some(end)) = (task.tcb.stack_low, task.tcb.stack_end) else { return false };
    !(low..=end).contains(&frame)
        && body.segments.contains(&top)
        && dump.memory.region_at(top.into()).is_some()
}

/// The context that the crashing interrupt interrupted, as a thread of its own.
fn interrupted(dump: &Dump, body: &Body, task: Option<&Task<'_>>) -> Option<Thread> {
    let task = task.filter(|task| in_interrupt(body, dump, task, true))?;
    let top = task.tcb.top_of_stack?;
    dump.memory.region_at(top.into())?;
    let frames = Frames { arch: &dump.arch, chip: dump.chip.as_deref(), memory: &dump.memory };
    let crashed = dump.threads.iter().find(|thread| thread.crashed)?;
    let mut thread = Thread {
        // Control blocks are aligned, so this number is free as a rule.
        id: crashed.id.saturating_add(1),
        crashed: false,
        state: Some("interrupted".into()),
        remarks: vec!["the task's own context when the interrupt came".into()],
        registers: frames.at(top, false),
        ..crashed.clone()
    };
    if thread.registers.sp() == Some(0) {
        thread.registers.forget_sp();
    }
    Some(thread)
}

fn reason(dump: &Dump, body: &Body) -> Reason {
    let registers = dump.crashed().map(|thread| &thread.registers);
    let by_name = |name: &str| registers.and_then(|r| r.by_name(name));
    let mut evidence = Vec::new();
    let mut add = |name: &str, value: u64, words: String| {
        evidence.push(FaultWord { name: name.into(), value, words });
    };
    let mut signal = Signal::Abrt;
    let mut words = None;
    let at =
        registers.and_then(Registers::pc).map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
    if dump.arch.family == Family::Xtensa {
        let special = |number, name: &str| {
            let told = body.extra.iter().flat_map(|e| &e.special).find(|(n, _)| *n == number);
            told.map(|(_, value)| *value).or_else(|| by_name(name).map(|v| v as u32))
        };
        let known = |cause: &u32| *cause != xtensa::CAUSE_UNKNOWN;
        if let Some(cause) = special(SR_EXCCAUSE, "exccause").filter(known) {
            signal = xtensa::cause_signal(cause);
            let told = xtensa::cause_words(cause);
            let address = special(SR_EXCVADDR, "excvaddr");
            let address = address.filter(|_| xtensa::cause_has_address(cause));
            words = Some(match address {
                Some(address) => format!("{told}: {address:#x}{at}"),
                None => format!("{told}{at}"),
            });
            add("exccause", cause.into(), told);
            if let Some(address) = address {
                add("excvaddr", address.into(), "the address that could not be used".into());
            }
        }
    } else if let Some(cause) = by_name("mcause") {
        signal = riscv::cause_signal(cause);
        let told = riscv::cause_words(cause, dump.arch.word_bits);
        add("mcause", cause, told.clone());
        let value = by_name("mtval");
        words = Some(match value.filter(|_| riscv::cause_has_address(cause)) {
            Some(address) => format!("{told}: {address:#x}{at}"),
            None => format!("{told}{at}"),
        });
        if let Some(value) = value {
            let meaning = match cause {
                2 => "the instruction, or 0",
                _ if riscv::cause_has_address(cause) => "the address that could not be used",
                _ => "no meaning with this cause",
            };
            add("mtval", value, meaning.into());
        }
    }
    // What the device says of itself counts more than the trap that its panic handler used.
    if let Some(text) = body.panic_details.first() {
        words = text.lines().map(str::trim).find(|line| !line.is_empty()).map(str::to_string);
        signal = Signal::Abrt;
    }
    let words = words.unwrap_or_else(|| format!("the dump does not say why{at}"));
    Reason::new(signal, words, evidence)
}
