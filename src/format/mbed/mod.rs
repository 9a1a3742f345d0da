//! Mbed OS' crash texts: of a fault all registers of a Cortex-M and its fault status, of an error
//! (an assertion that failed, say) where it was found; stacks if the build prints them.
//!
//! A fault prints from `++ MbedOS Fault Handler ++` to `-- MbedOS Fault Handler --`: `FaultType:
//! HardFault`, then a line `NAME : HEX` for R0-R12, SP, LR, PC, xPSR, PSP, MSP, CPUID, HFSR, MMFSR,
//! BFSR, UFSR, DFSR, AFSR, maybe SHCSR, and, where valid, MMFAR and BFAR. CFSR is UFSR << 16 | BFSR <<
//! 8 | MMFSR. SP is that of the code that faulted, PSP and MSP are those of the handler. The FPU is not
//! printed.
//!
//! Behind it, and alone where there was no fault, `++ MbedOS Error Info ++`: status, message,
//! location, maybe file, value, the current thread. The location of an error is where `mbed_error()`
//! would have returned to, and the thread's SP is one of the error handler's own variables.
//!
//! With `platform.stack-dump-enabled` (since pull request 11332, late in 2019) a stack follows the
//! thread that it is of: `Stack Dump: PSP`, rows `0xADDR:0xWORD 0xWORD ` of eight words; one word may
//! be behind the stack. With `platform.error-all-threads-info` the other threads are listed: `NAME
//! State: 0x53 Entry: 0x.. Stack Size: 0x.. Mem: 0x.. SP: 0x..`. RTX saves, from that SP on, s16-s31 if
//! the FPU was in use, r4-r11, and the exception frame; which of both it is, is told by the frame's
//! words.
//!
//! Source: ARMmbed/mbed-os, `platform/source/TARGET_CORTEX_M/mbed_fault_handler.c` and
//! `TOOLCHAIN_GCC/except.S` 03ce919, `platform/source/mbed_error.c` b6fb68e and 0da589e (which prints
//! stacks), the same of mbed-ce 7d17b79, and those of before 5.9; RTX's `irq_cm4f.S` and `rtx_os.h`.
//! Published reports of K64F, LPC1768 and nRF52840 boards, all without stacks, agree with it.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod crash_data;
mod report;

use super::fault_text::{add_stack, registers};
use super::machine::{Machine, machine_of, machine_told};
use super::{Context, Format, in_input};
use crate::arch::cortex_m::Frame;
use crate::arch::cortex_m::frame::words;
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::Line;
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::format::machine::set_single_floats;
use crate::memory::Memory;
use crate::reason::Signal;
use crate::registers::Registers;
use crate::targets::Family;
use report::{ERROR_BEGIN, FAULT_BEGIN, Listed, Report};

const NAME: &str = "mbed-fault";
/// Between a fault's text and its error info no more lines of others than this are expected.
const LONGEST_FAULT: usize = 64;
const FAULT_TITLE: &str = "Mbed OS fault text";
const ERROR_TITLE: &str = "Mbed OS error text";
/// What RTX saves below an exception frame.
const SAVED_LEN: u64 = 32;
const SAVED_FLOATS_LEN: u64 = 64;
/// The exception number in xpsr.
const IN_HANDLER: u32 = 0x1ff;

/// Mbed OS' crash texts.
pub struct MbedFault;

/// The crash texts in a log.
pub static MBED_BLOCKS: LogBlocks = LogBlocks {
    format: NAME,
    marks: &[FAULT_BEGIN, ERROR_BEGIN],
    starts: block_starts,
    is_title: |_| false,
};

impl Format for MbedFault {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Mbed OS fault or error text"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut report = Report::of(&piece.bytes);
        if report.is_fault && report.value("PC").is_none() {
            let found = format!("{} others", report.named.len());
            return Err(in_input(Fault::new(NAME, "registers", 0, "a line PC", found)));
        }
        if !report.is_fault && report.location.is_none() {
            return Err(in_input(Fault::new(NAME, "error info", 0, "a line Location", "none")));
        }
        let machine = machine(&report, context)?;
        let title = if report.is_fault { FAULT_TITLE } else { ERROR_TITLE };
        let mut dump = Dump::new(title, machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let rows = std::mem::take(&mut report.rows);
        let first_row = rows.first().map(|(addr, _)| *addr);
        add_stack(&mut dump, NAME, rows);
        if report.is_fault {
            if dump.memory.region_count() == 0 {
                let words =
                    "an Mbed OS fault text without stacks holds registers and no memory at all";
                dump.notes.push(Note::info(words));
            }
        } else {
            let stack = first_row.map_or(String::new(), |addr| {
                format!("; the stack is printed from {addr:#x} on, where the error handler was")
            });
            dump.notes.push(Note::doubt(format!(
                "{NAME}: the error text holds no registers: pc is where the call of mbed_error() would \
                 have returned to{stack}"
            )));
        }
        let crashed = crashed_thread(&report, &mut dump);
        dump.threads.push(crashed);
        for listed in &report.others {
            let thread = other_thread(listed, &dump);
            dump.threads.push(thread);
        }
        if let Some(words) = report.kind.or(report.message) {
            dump.reason.words = words;
            dump.reason.signal = Some(if report.is_fault { Signal::Segv } else { Signal::Abrt });
        }
        dump.texts = report.texts;
        dump.identity.facts = report.facts;
        Ok(dump)
    }
}

/// Only Cortex-M have the fault handler; errors are reported on all that Mbed OS ran on.
fn machine(report: &Report, context: &Context<'_>) -> Result<Machine> {
    match machine_told(context)? {
        Some(told) if !report.is_fault => Ok(told),
        _ => machine_of(context, Family::CortexM),
    }
}

fn crashed_thread(report: &Report, dump: &mut Dump) -> Thread {
    let mut named = report.named.clone();
    let parts = ["MMFSR", "BFSR", "UFSR"].map(|name| report.value(name));
    if let [Some(memory), Some(bus), Some(usage)] = parts {
        named.push(("CFSR".into(), usage << 16 | bus << 8 | memory));
    }
    if let Some(location) = report.location.filter(|_| !report.is_fault) {
        // A return address: bit 0 is the Thumb state.
        named.push(("PC".into(), location & !1));
    }
    let current = report.current.as_ref();
    let id = current.and_then(|current| current.id).filter(|id| *id != 0);
    let mut thread = Thread::new(id.unwrap_or(1), registers(&dump.arch, &named));
    for (name, value) in &named {
        thread.registers.set_by_name(name, *value);
    }
    thread.crashed = true;
    thread.control_block = id;
    if let Some(current) = current {
        thread.name.clone_from(&current.name);
        thread.stack = current.stack();
    }
    if report.in_handler {
        // The registers are the handler's, and so is the stack.
        thread.stack = None;
        thread.remarks.push("an exception handler crashed, which interrupted this thread".into());
    }
    thread
}

fn other_thread(listed: &Listed, dump: &Dump) -> Thread {
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("the text prints only this thread's stack pointer");
    let id = listed.low.unwrap_or_default();
    let context = listed.sp.and_then(|sp| saved_context(&dump.memory, sp));
    let mut thread = Thread::new(id, registers);
    if let Some((frame, floats)) = context {
        frame.restore(&mut thread.registers);
        if let Some(floats) = floats {
            set_single_floats(&mut thread.registers, 16, &floats);
        }
    }
    thread.name.clone_from(&listed.name);
    thread.state = listed.state.map(report::state_words);
    thread.stack = listed.stack();
    thread
}

/// What RTX saved of a thread from its `sp` on: the frame with r4-r11 below it, and s16-s31. A
/// frame with floats is 64 bytes further up than one without; where both could be frames, it
/// can't be told.
fn saved_context(memory: &Memory, sp: u64) -> Option<(Frame, Option<[u32; 16]>)> {
    let plain = context_at(memory, sp, false);
    let above = sp.checked_add(SAVED_FLOATS_LEN)?;
    let with_floats = context_at(memory, above, true);
    match (plain, with_floats) {
        (Some(frame), None) => Some((frame, None)),
        (None, Some(frame)) => Some((frame, words(memory, sp))),
        _ => None,
    }
}

/// r4-r11 at `addr`, and a frame behind them that a thread can have left.
fn context_at(memory: &Memory, addr: u64, extended: bool) -> Option<Frame> {
    // A switch that found FPU registers in use saved s16-s31 as well.
    let frame = Frame::at(memory, addr.checked_add(SAVED_LEN)?, extended)?.with_floats(memory);
    let from_a_thread = frame.xpsr() & IN_HANDLER == 0 && frame.pc() != 0;
    let saved = Some(words(memory, addr)?);
    (frame.is_plausible() && from_a_thread).then_some(Frame { saved, ..frame })
}

/// A fault's text with its error info is one crash, an error info alone is one as well.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut fault = None;
    for (index, line) in all.iter().enumerate() {
        if line.text.contains(FAULT_BEGIN) {
            fault = Some(index);
            starts.push(index);
        } else if line.text.contains(ERROR_BEGIN) {
            let near = |start: usize| index.saturating_sub(start) <= LONGEST_FAULT;
            if !fault.take().is_some_and(near) {
                starts.push(index);
            }
        }
    }
    starts
}
