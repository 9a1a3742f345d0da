//! Mbed OS' crash texts: of a fault all registers of a Cortex-M and its fault status, of an error
//! (an assertion that failed, say) where it was found; stacks if the build prints them.
//!
//! CFSR is UFSR << 16 | BFSR << 8 | MMFSR. SP is that of the code that faulted, PSP and MSP are those
//! of the handler. The FPU is not printed. The location of an error is where `mbed_error()` would have
//! returned to, and the thread's SP is one of the error handler's own variables.
//!
//! With `platform.stack-dump-enabled` (since pull request 11332, late in 2019) a stack follows the
//! thread that it is of; one word may be behind the stack. With `platform.error-all-threads-info` the
//! other threads are listed. RTX saves, from their SP on, s16-s31 if the FPU was in use, r4-r11, and
//! the exception frame; which of both it is, is told by the frame's words.
//!
//! Source: ARMmbed/mbed-os, `platform/source/TARGET_CORTEX_M/mbed_fault_handler.c` and
//! `TOOLCHAIN_GCC/except.S` 03ce919, `platform/source/mbed_error.c` b6fb68e and 0da589e (which prints
//! stacks), the same of mbed-ce 7d17b79, and those of before 5.9; RTX's `irq_cm4f.S` and `rtx_os.h`.
//! Published reports of K64F, LPC1768 and nRF52840 boards, all without stacks, agree with it.

use super::{Crash, Dialect, PLAIN, Rule, Task, cortex_m};
use crate::arch::cortex_m::Frame;
use crate::arch::cortex_m::frame::words;
use crate::dump::{Dump, Note, Thread};
use crate::format::machine::{Family, machine_of, machine_told, set_single_floats};
use crate::memory::Memory;
use crate::reason::Signal;

const NAME: &str = "mbed-fault";
const FAULT_BEGIN: &str = "++ MbedOS Fault Handler ++";
const ERROR_BEGIN: &str = "++ MbedOS Error Info ++";
/// Behind the name of a thread in whose time an exception handler crashed.
const HANDLER: &str = "<handler>";
const UNNAMED: &str = "<unnamed>";
/// What the text prints that is no register of its own.
const PARTS: [&str; 4] = ["mmfsr", "bfsr", "ufsr", "location"];
/// osRtxThreadRunning.
const RUNNING: u64 = 2;
/// What RTX saves below an exception frame.
const SAVED_LEN: u64 = 32;
const SAVED_FLOATS_LEN: u64 = 64;
/// The exception number in xpsr.
const IN_HANDLER: u32 = 0x1ff;

/// Mbed OS' crash texts.
pub(super) static MBED: Dialect = Dialect {
    name: NAME,
    title: "Mbed OS fault or error text",
    sample: "\
++ MbedOS Fault Handler ++

FaultType: HardFault

Context:
R0   : 00000000
R1   : 2000A0F8
SP   : 20002ED0
LR   : 08004321
PC   : 08002000
xPSR : 61000000
PSP  : 20002EB0
MSP  : 2002FF88
HFSR : 40000000
MMFSR: 00000000
BFSR : 00000082
UFSR : 00000000
BFAR : DEADDEAD
Mode : Thread
-- MbedOS Fault Handler --

++ MbedOS Error Info ++
Error Status: 0x80FF013D Code: 317 Module: 255
Error Message: Fault exception
Location: 0x8002000
Error Value: 0x20001234
Current Thread: main Id: 0x20000E90 Entry: 0x8001235 StackSize: 0x1000 StackMem: 0x20002000 SP: 0x20002ED0
rtx_idle  State: 0x1 Entry: 0x08001235 Stack Size: 0x00000200 Mem: 0x20004000 SP: 0x200041C0
For more info, visit: https://mbed.com/s/error?error=0x80FF013D&osver=61501&core=0x410FC241&comp=2&ver=90301&tgt=K64F
-- MbedOS Error Info --
",
    starts: &[FAULT_BEGIN, ERROR_BEGIN],
    ends: &["-- MbedOS Error Info -"],
    // Between a fault's text and its error info no more lines of others than this are expected.
    reach: 64,
    rules: &[
        Rule::Title("FaultType: {text}"),
        Rule::Fallback("^Error Message: {text}"),
        Rule::Register("^Location: 0x{hex}", "location"),
        Rule::Register("^Error Location: 0x{hex}", "location"),
        Rule::Fact("^Error Status: {text}", "error status"),
        Rule::Fact("^Error Value: {text}", "error value"),
        Rule::Fact("^File: {text}", "file"),
        Rule::Fact("^Mode : {text}", "mode"),
        Rule::Fact("^Priv : {text}", "privilege"),
        Rule::Fact("^Stack: {text}", "stack in use"),
        Rule::Thread(
            "^Current Thread: {thread} Id: 0x{hex} Entry: 0x{entry} StackSize: 0x{hexsize} \
             StackMem: 0x{hexlow} SP: 0x{sp}",
        ),
        Rule::Thread("^Current Thread: {thread} Id: 0x{hex} "),
        Rule::Other(
            "^{thread} State: {state} {entry} Stack Size: {hexsize} Mem: {hexlow} SP: {hexsaved}",
        ),
        Rule::All(&[Rule::Fact("&osver={text}&", "Mbed OS"), Rule::Fact("&tgt={text}", "board")]),
        Rule::Memory("^0x{hexaddr}: {words}"),
        Rule::Registers("{name} : {hex8}"),
    ],
    names: &[
        ("mmfsr", "mmfsr"),
        ("bfsr", "bfsr"),
        ("ufsr", "ufsr"),
        ("cpuid", "CPUID"),
    ],
    family: cortex_m,
    // Only Cortex-M have the fault handler; errors are reported on all that Mbed OS ran on.
    machine: |_, crash, context, _| match machine_told(context)? {
        Some(told) if !crash.says(FAULT_BEGIN) => Ok(told),
        _ => machine_of(context, Family::CortexM),
    },
    arrange,
    finish,
    ..PLAIN
};

/// The running thread is printed as `Next` as well, and old releases print only that.
fn arrange(crash: &mut Crash<'_>) {
    let others = std::mem::take(&mut crash.others);
    let running = others.iter().find(|task| task.state.as_deref().and_then(state) == Some(RUNNING));
    if let Some(running) = running.filter(|_| crash.task.stack.is_none()) {
        crash.task.name = running.name;
        crash.task.stack = running.stack;
    }
    let mut seen = vec![crash.task.stack];
    for task in others {
        if task.stack.is_none() || !seen.contains(&task.stack) {
            seen.push(task.stack);
            crash.others.push(task);
        }
    }
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let is_fault = crash.says(FAULT_BEGIN);
    dump.format = if is_fault { "Mbed OS fault text" } else { "Mbed OS error text" }.into();
    dump.reason.signal = Some(if is_fault { Signal::Segv } else { Signal::Abrt })
        .filter(|_| !dump.reason.words.is_empty());
    let facts = std::mem::take(&mut dump.identity.facts);
    dump.identity.facts = facts.into_iter().filter_map(fact).collect();
    if !is_fault {
        let first_row = crash.rows.first().map(|(addr, _)| *addr);
        let stack = first_row.map_or(String::new(), |addr| {
            format!("; the stack is printed from {addr:#x} on, where the error handler was")
        });
        dump.notes.push(Note::doubt(format!(
            "the error text holds no registers: pc is where the call of mbed_error() would have \
             returned to{stack}"
        )).by(NAME).code("reconstructed"));
    } else if dump.memory.region_count() == 0 {
        let words = "an Mbed OS fault text without stacks holds registers and no memory at all";
        dump.notes.push(Note::info(words).by(NAME).code("partial"));
    }
    let Dump { memory, threads, .. } = dump;
    let Some((crashed, others)) = threads.split_first_mut() else { return };
    finish_crashed(crashed, &crash.task, crash, is_fault);
    for thread in others {
        thread.state = thread.state.as_deref().map(state_words);
        thread.registers.set_why_missing("the text prints only this thread's stack pointer");
        let context = thread.saved_sp.and_then(|sp| saved_context(memory, sp));
        if let Some((frame, floats)) = context {
            frame.restore(&mut thread.registers);
            if let Some(floats) = floats {
                set_single_floats(&mut thread.registers, 16, &floats);
            }
        }
        thread.name = thread.name.take().filter(|name| name != UNNAMED);
    }
}

fn finish_crashed(thread: &mut Thread, task: &Task<'_>, crash: &Crash<'_>, is_fault: bool) {
    let parts = ["mmfsr", "bfsr", "ufsr"].map(|name| task.word(name));
    if let [Some(memory), Some(bus), Some(usage)] = parts {
        thread.registers.set_by_name("CFSR", usage << 16 | bus << 8 | memory);
    }
    if let Some(location) = task.word("location").filter(|_| !is_fault) {
        // A return address: bit 0 is the Thumb state.
        thread.registers.set_pc(location & !1);
    }
    let name = thread.name.take().unwrap_or_default();
    let in_handler = name.contains(HANDLER) || crash.has_line("^Mode : Handler");
    let name = name.replace(HANDLER, "").trim().to_string();
    thread.name = Some(name).filter(|name| !name.is_empty() && name != UNNAMED);
    if in_handler {
        // The registers are the handler's, and so is the stack.
        thread.stack = None;
        thread.remarks.push("an exception handler crashed, which interrupted this thread".into());
    }
}

/// A fact as people read it: `osver=51400` is 5.14.0, and 999999 the development version.
fn fact((name, text): (String, String)) -> Option<(String, String)> {
    let text = match name.as_str() {
        "Mbed OS" => match text.parse::<u32>().ok()? {
            n if n < 999_999 => format!("{}.{}.{}", n / 10_000, n / 100 % 100, n % 100),
            _ => return None,
        },
        "board" => text.split(['&', ' ']).next()?.to_string(),
        name if PARTS.contains(&name) => return None,
        _ => text,
    };
    Some((name, text)).filter(|(_, text)| !text.is_empty())
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

/// The number of a thread's state.
fn state(printed: &str) -> Option<u64> {
    u64::from_str_radix(printed.trim_start_matches("0x"), 16).ok()
}

/// A state of RTX's threads; what a blocked one waits for is in the upper half.
fn state_words(printed: &str) -> String {
    let words = match state(printed) {
        Some(0) => "inactive",
        Some(1) => "ready",
        Some(RUNNING) => "running",
        Some(3) => "blocked",
        Some(4) => "terminated",
        Some(0x13) => "waiting for a delay",
        Some(0x23) => "waiting for a thread's end",
        Some(0x33) => "waiting for thread flags",
        Some(0x43) => "waiting for event flags",
        Some(0x53) => "waiting for a mutex",
        Some(0x63) => "waiting for a semaphore",
        Some(0x73) => "waiting for a memory pool",
        Some(0x83) => "waiting for a message",
        Some(0x93) => "waiting for a full message queue",
        _ => return format!("state {printed}"),
    };
    words.to_string()
}
