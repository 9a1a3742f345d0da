//! The notes owned by `CAPT`: cause, fault registers, tasks, regions, strings.

use super::NAME;
use crate::arch::{cortex_m, riscv, xtensa};
use crate::carrier::size_words;
use crate::dump::{Dump, FirmwareId, Note, Stack};
use crate::format::elf::CoreFile;
use crate::memory::AddrRange;
use crate::reason::{FaultWord, Reason, Signal};
use crate::targets::Family;
use coroner_capture::layout::{self, Cause, Class, TaskTable, cause, note, region, task};

pub(super) fn read(core: &CoreFile, class: Class, dump: &mut Dump) {
    // First what is known of the registers: the cause is told with it.
    for own in core.notes.iter().filter(|own| own.name == layout::OWNER) {
        match own.kind {
            note::FAULT => read_fault_registers(class, &own.desc, dump),
            note::TASKS => {
                TaskTable::decode(class, &own.desc).inspect(|table| read_tasks(table, dump));
            }
            _ => {}
        }
    }
    let mut told = false;
    for own in &core.notes {
        if own.name == "GNU" && own.kind == note::BUILD_ID {
            dump.identity.firmware.push(FirmwareId::BuildId(own.desc.to_vec()));
        }
        if own.name != layout::OWNER {
            continue;
        }
        let readable = match own.kind {
            note::CAUSE => Cause::decode(class, &own.desc).map(|cause| read_cause(&cause, dump)),
            note::TASKS => TaskTable::decode(class, &own.desc).map(|_| ()),
            note::REGIONS => {
                layout::regions(class, &own.desc).for_each(|entry| read_region(&entry, dump));
                Some(())
            }
            note::INFO => {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let pairs = layout::info(&own.desc).map(|(key, value)| (text(key), text(value)));
                dump.identity.facts.extend(pairs);
                Some(())
            }
            _ => Some(()),
        };
        told |= own.kind == note::CAUSE && readable.is_some();
        if readable.is_none() {
            dump.notes.push(
                Note::warning(format!(
                    "note {:#x} at offset {:#x}: {} bytes that can't be read",
                    own.kind,
                    own.offset,
                    own.desc.len()
                ))
                .by(NAME)
                .code("damaged"),
            );
        }
    }
    // The smallest writer leaves the cause to its registers.
    if !told && let Some(words) = fault_words(None, dump) {
        dump.reason.words = words;
    }
}

fn read_cause(cause: &Cause<'_>, dump: &mut Dump) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    let (message, file) = (text(cause.message), text(cause.file));
    let place = match (file.is_empty(), cause.line) {
        (true, _) => String::new(),
        (false, 0) => format!(" at {file}"),
        (false, line) => format!(" at {file}:{line}"),
    };
    let said = |what: &str| match message.is_empty() {
        true => format!("{what}{place}"),
        false => format!("{what}{place}: {message}"),
    };
    let signal = match cause.signal {
        4 => Signal::Ill,
        7 => Signal::Bus,
        8 => Signal::Fpe,
        11 => Signal::Segv,
        2 | 5 => Signal::Int,
        _ => Signal::Abrt,
    };
    let words = match cause.kind {
        cause::PANIC => said("panic"),
        cause::ABORT => said("abort"),
        cause::WATCHDOG => said("the watchdog was about to reset the device"),
        _ => interrupt_words(cause, dump)
            .or_else(|| fault_words(Some(cause), dump))
            .unwrap_or_else(|| said("fault")),
    };
    if !message.is_empty() {
        dump.texts.push(message);
    }
    dump.reason = Reason::new(signal, words, dump.reason.evidence.clone());
    if cause.last_resort {
        dump.notes.push(Note::warning("the capture faulted twice: this is the record of the last resort, the registers and a piece of the stack").code("device-trouble"));
    }
    if cause.recovered
        && let Some(thread) = dump.threads.iter_mut().find(|thread| thread.crashed)
    {
        thread.remarks.push(
            match cause.at_call {
                true => "pc is inside of the call by which the nearest known caller went on",
                false => "pc is the return address in the nearest known caller",
            }
            .into(),
        );
    }
    if cause.frame_lost {
        dump.notes.push(Note::warning("the processor could not push its frame (a broken stack): r0-r3, r12, lr and pc are unknown").code("unknown-register"));
    }
    if cause.in_interrupt
        && let Some(thread) = dump.threads.iter_mut().find(|thread| thread.crashed)
    {
        thread.remarks.push("crashed in an interrupt handler".into());
    }
    if let Some(thread) = dump.threads.iter_mut().find(|thread| thread.crashed)
        && let (Some(status), Some(enabled)) =
            (thread.registers.by_name("mstatus"), thread.registers.by_name("mie"))
        && enabled != 0
        && status & MSTATUS_MPIE == 0
    {
        // RISC-V has no register that says which interrupt is being handled.
        thread.remarks.push(
            "crashed with interrupts off: in an interrupt handler or in a critical section".into(),
        );
    }
    if let Some(uptime) = cause.uptime_us {
        let seconds = format!("{}.{:06} s", uptime / 1_000_000, uptime % 1_000_000);
        dump.identity.facts.push(("uptime".into(), seconds));
    }
    if let Some(reset) = cause.reset_reason {
        dump.identity.facts.push(("last reset".into(), format!("reason {reset:#x}")));
    }
}

/// Bit 7 of mstatus: whether interrupts were on before the trap.
const MSTATUS_MPIE: u64 = 1 << 7;

/// The exception that led to the capture, where that was no fault. What the fault registers hold then
/// is older.
fn interrupt_words(cause: &Cause<'_>, dump: &Dump) -> Option<String> {
    let entered = cause.code != 0 && !cortex_m::is_fault(cause.code);
    (cortex_m::is_m_profile(&dump.arch) && entered)
        .then(|| format!("{} led to the capture", cortex_m::exception_name(cause.code)))
}

/// What the fault registers of the crashed thread say, with the words that say so as evidence.
fn fault_words(cause: Option<&Cause<'_>>, dump: &mut Dump) -> Option<String> {
    let address = cause.and_then(|cause| cause.address);
    let registers = &dump.crashed()?.registers;
    // What a caller was about to return to is not where it happened.
    let pc = registers.pc().filter(|_| !cause.is_some_and(|cause| cause.recovered));
    let at = pc.map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
    if cortex_m::is_m_profile(&dump.arch) {
        let told = cortex_m::FaultStatus::of_registers(registers).cause()?;
        return Some(format!("{}{at}", told.words));
    }
    if dump.arch.family == Family::Xtensa {
        let code = match cause {
            Some(cause) => cause.code,
            None => u32::try_from(registers.by_name("exccause")?).ok()?,
        };
        let code = FaultWord {
            name: "EXCCAUSE".into(),
            value: code.into(),
            words: xtensa::cause_words(code),
        };
        let words = match address {
            Some(address) => format!("{}: {address:#x}{at}", code.words),
            None => format!("{}{at}", code.words),
        };
        dump.reason.evidence.push(code);
        return Some(words);
    }
    let mcause = registers.by_name("mcause")?;
    let words = riscv::cause_words(mcause, dump.arch.word_bits);
    let mcause = FaultWord { name: "mcause".into(), value: mcause, words: words.clone() };
    let mtval = registers.by_name("mtval").map(|value| FaultWord {
        name: "mtval".into(),
        value,
        words: if address.is_some() { "the address that could not be used" } else { "" }
            .to_string(),
    });
    let words = match address {
        Some(address) => format!("{words}: {address:#x}{at}"),
        None => format!("{words}{at}"),
    };
    dump.reason.evidence.push(mcause);
    dump.reason.evidence.extend(mtval);
    Some(words)
}

fn read_fault_registers(class: Class, desc: &[u8], dump: &mut Dump) {
    let arch = dump.arch.clone();
    let Some(thread) = dump.threads.iter_mut().find(|thread| thread.crashed) else { return };
    for (id, value) in layout::fault_registers(class, desc) {
        let index = match id {
            layout::EXC_RETURN => arch.register("exc_return"),
            id => arch.register_by_number(id).or_else(|| special_register(id, &arch)),
        };
        if let Some(index) = index
            && thread.registers.get(index).is_none()
        {
            thread.registers.set(index, value.into());
        }
    }
}

/// Cortex-M special registers by their number in MRS (ARMv7-M manual, B5.2.2).
fn special_register(number: u32, arch: &crate::targets::Arch) -> Option<usize> {
    let name = match number {
        8 => "msp",
        9 => "psp",
        10 => "msplim",
        11 => "psplim",
        16 => "primask",
        17 => "basepri",
        19 => "faultmask",
        20 => "control",
        0x88 => "msp_ns",
        0x89 => "psp_ns",
        layout::MSP_S => "msp_s",
        layout::PSP_S => "psp_s",
        _ => return None,
    };
    arch.register(name)
}

fn read_tasks(table: &TaskTable<'_>, dump: &mut Dump) {
    for entry in table.tasks() {
        let Some(thread) = dump.threads.iter_mut().find(|t| t.id == u64::from(entry.id)) else {
            continue;
        };
        let name = String::from_utf8_lossy(entry.name).into_owned();
        thread.name = Some(name).filter(|name| !name.is_empty()).or(thread.name.take());
        thread.crashed = entry.crashed;
        thread.priority = Some(entry.priority.into());
        thread.core = Some(entry.core.into());
        thread.control_block = (entry.tcb != 0).then_some(entry.tcb);
        thread.state = state(entry.state).map(Into::into);
        if entry.stack_start != 0 && entry.stack_start < entry.stack_end {
            thread.stack = Some(Stack { low: entry.stack_start, high: entry.stack_end });
        }
        // Of a task that runs, the registers are in no control block.
        let elsewhere = entry.damaged && entry.state == task::RUNNING && !entry.crashed;
        let secure = entry.crashed && is_out_of_reach(thread);
        if secure {
            thread
                .remarks
                .push("crashed in secure code, of which a non-secure handler sees nothing".into());
        } else if entry.damaged && !elsewhere {
            thread.remarks.push("its control block or stack pointer made no sense".into());
        }
        forget_unknown(thread, entry.known);
        if entry.crashed {
            settle_stack_pointers(&mut thread.registers);
        }
        thread.registers.set_why_missing(match (elsewhere, secure) {
            (true, _) => format!("it was running on core {}, which did not stop", entry.core),
            (_, true) => "secure code crashed, and the handler was not secure".into(),
            _ => "register not saved when the task was switched out".into(),
        });
    }
    let crashed = dump.threads.iter().position(|thread| thread.crashed);
    if let Some(index) = crashed {
        let first = dump.threads.remove(index);
        dump.threads.insert(0, first);
    }
    if let Some(after) = table.damaged_after {
        dump.notes.push(
            Note::warning(format!("the device's list of tasks was damaged after {after} of them"))
                .code("damaged"),
        );
    }
    if table.stored < table.seen {
        let (stored, seen) = (table.stored, table.seen);
        dump.notes.push(
            Note::warning(format!(
                "{stored} of {seen} tasks are in the dump: there was no room for more"
            ))
            .code("cut"),
        );
    }
}

/// What the device noted of the stack pointers is from behind the exception's entry. Makes the one
/// that was in use the same as sp again: GDB takes a frame whose sp is neither for one on msp.
fn settle_stack_pointers(registers: &mut crate::registers::Registers) {
    let exc_return = registers.by_name("exc_return").map(|value| cortex_m::ExcReturn(value as u32));
    let (Some(value), Some(sp)) = (exc_return.filter(|value| value.is_valid()), registers.sp())
    else {
        return;
    };
    // The handler's bit tells of the handler's own security state.
    let process = match value.frame_is_secure() == value.handler_is_secure() {
        true => value.on_process_stack(),
        false => {
            let selected = registers.by_name("control").is_some_and(|control| control & 2 != 0);
            value.to_thread_mode() && selected
        }
    };
    registers.set_by_name(if process { "psp" } else { "msp" }, sp);
}

/// Whether secure code of a Cortex-M crashed, and a handler of the non-secure state captured it.
fn is_out_of_reach(thread: &crate::dump::Thread) -> bool {
    let exc_return = thread.registers.by_name("exc_return");
    exc_return.map(|value| cortex_m::ExcReturn(value as u32)).is_some_and(|value| {
        value.is_valid() && value.frame_is_secure() && !value.handler_is_secure()
    })
}

const XTENSA_WINDOW: [&str; 16] = [
    "ar0", "ar1", "ar2", "ar3", "ar4", "ar5", "ar6", "ar7", "ar8", "ar9", "ar10", "ar11", "ar12",
    "ar13", "ar14", "ar15",
];

/// NT_PRSTATUS has no way to say that a register is unknown; the task table has.
fn forget_unknown(thread: &mut crate::dump::Thread, known: u64) {
    use crate::format::elf_core::prstatus::{X86_64, XTENSA};
    use crate::format::machine::{CORTEX_M, RISCV_X};
    let arch = thread.registers.arch().clone();
    let names: Vec<&str> = match arch.family {
        Family::CortexM | Family::Arm => CORTEX_M.to_vec(),
        Family::RiscV32 | Family::RiscV64 => {
            std::iter::once("pc").chain(RISCV_X.iter().skip(1).copied()).collect()
        }
        // The words from 8 on are reserved, and their bits stand for a0-a15.
        Family::Xtensa => {
            thread.registers.forget("threadptr");
            XTENSA.iter().take(8).chain(&XTENSA_WINDOW).copied().collect()
        }
        Family::X86_64 => X86_64.to_vec(),
        _ => return,
    };
    for (bit, name) in names.iter().enumerate() {
        if known & (1 << bit) == 0 {
            thread.registers.forget(name);
        }
    }
}

fn state(state: u8) -> Option<&'static str> {
    Some(match state {
        task::RUNNING => "running",
        task::READY => "ready",
        task::BLOCKED => "blocked",
        task::SUSPENDED => "suspended",
        task::DELETED => "deleted",
        task::INTERRUPT => "interrupt handler",
        _ => return None,
    })
}

fn read_region(entry: &layout::RegionEntry<'_>, dump: &mut Dump) {
    let kind = region::NAMES.get(usize::from(entry.kind)).copied().unwrap_or("unknown kind");
    let name = String::from_utf8_lossy(entry.name);
    let label = if name.is_empty() { kind.to_string() } else { format!("{kind} {name}") };
    let Some(range) = AddrRange::of_len(entry.start, entry.wanted) else { return };
    dump.memory.name_regions(range, &label);
    if entry.stored >= entry.wanted {
        return;
    }
    let mut why = Vec::new();
    let reasons = [
        (region::EXCLUDED, "left out by the configuration"),
        (region::UNMAPPED, "outside of the memory map"),
        (region::NO_ROOM, "no room left"),
    ];
    why.extend(reasons.iter().filter(|(bit, _)| entry.missing & bit != 0).map(|(_, words)| *words));
    let why = if why.is_empty() { "not captured".to_string() } else { why.join(", ") };
    for gap in dump.memory.gaps(range) {
        dump.memory.mark_missing(gap, format!("{label}: {why}"));
    }
    // What was left out on purpose is no loss.
    let note = format!(
        "{label} at {range}: {} of {} stored: {why}",
        size_words(entry.stored),
        size_words(entry.wanted)
    );
    dump.notes.push(match entry.missing & !region::EXCLUDED {
        0 => Note::info(note).code("partial"),
        _ => Note::warning(note).code("partial"),
    });
}
