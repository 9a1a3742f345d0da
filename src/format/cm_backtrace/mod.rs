//! CmBacktrace's text: eight registers of a Cortex-M, a window of the stack, a list of calls.
//!
//! * a title: what happened, and in which thread (see `lines.rs`);
//! * lines `addr: 20000a10    data: 0800abcd`, rising, from the stack pointer on;
//! * `R0 : 90000000  R1 : ...  R3 : ...` and `R12: ...  LR : ...  PC : ...  PSR: ...`;
//! * sentences on the fault; `... addr2line -e NAME.elf -afpiC 08001234 ...`, before 1.4 `-a -f`;
//! * in Goodix' SDKs two registers a line and `Call stack info : 08001234<--...`;
//! * on a Cortex-M33 with RT-Thread's package: EXC_RETURN, psplim, r4-r11.
//!
//! An assert prints no registers: its stack begins where the hook's stack pointer was, and pc is
//! not known (the first call listed is one that was found above it, by its looks). A stack that
//! overflowed is printed from its lowest address on; then the stack pointer is in the sentence
//! that says so, and only RT-Thread's package prints registers.
//!
//! Where the printed stack begins differs: behind the exception frame; by some ports at the frame
//! (issue 27 shows one); and since the fix of issue 89 behind the word of padding, if there is one
//! (bit 9 of xpsr). A frame ends at a multiple of 8 and the padding is one word, so the address
//! tells.
//!
//! Source: armink/CmBacktrace 8bbd425 and 328ce32, `cm_backtrace/cm_backtrace.c`, `Languages/`;
//! its issues 27, 60, 65, 89; armink-rtt-pkgs/CmBacktrace 15d00d6 `cm_backtrace.c` and 3c39335
//! `cmb_port.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod lines;

use super::fault_text::{add_stack, registers};
use super::machine::machine_of;
use super::{Context, Format, in_input};
use crate::arch::cortex_m::frame::BASIC_LEN;
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::lines as text_lines;
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::Memory;
use crate::reason::{Reason, Signal};
use crate::targets::Family;
use lines::Kind;

const NAME: &str = "cm-backtrace";
/// RT-Thread's line before an assert.
const ASSERT_LINE: &str = " has assert failed at ";
/// What stands in every text: registers, calls, or the rule behind a stack.
const MARKS: &[&str] = &["PSR:", "addr2line", "====================================", "data: "];
/// Bit 9 of the stacked status: the core pushed a word of padding.
const PADDED: u64 = 1 << 9;

/// CmBacktrace's text.
pub struct CmBacktrace;

/// The texts of CmBacktrace in a log.
pub static CM_BACKTRACE_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: MARKS, starts: lines::crash_starts, is_title };

fn is_title(text: &str) -> bool {
    text.contains(ASSERT_LINE)
}

/// What a text says.
#[derive(Default)]
struct Crash {
    assert: bool,
    thread: Option<String>,
    firmware: Option<String>,
    named: Vec<(String, u64)>,
    /// r2 was printed with the value of r1, and is not in `named`.
    r1_for_r2: bool,
    stack: Vec<(u64, Vec<u8>)>,
    /// The stack pointer by the sentence that says that it is outside of its stack.
    overflow: Option<u64>,
    /// The same by RT-Thread's package, whose sentence names another.
    stack_pointer: Option<u64>,
    calls: Option<Vec<u64>>,
    texts: Vec<String>,
}

impl Format for CmBacktrace {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "CmBacktrace text"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let crash = crash(&piece.bytes);
        let has_pc = crash.named.iter().any(|(name, _)| name == "PC");
        if !has_pc && crash.stack.is_empty() && crash.overflow.is_none() && crash.calls.is_none() {
            let wanted = "a row with PC, a stack or a list of calls";
            return Err(in_input(Fault::new(NAME, "registers", 0, wanted, "none")));
        }
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("CmBacktrace text", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        add_stack(&mut dump, NAME, crash.stack.clone());
        let mut registers = registers(&dump.arch, &crash.named);
        if let Some(sp) = stack_pointer(&crash, &dump.memory, registers.by_name("xpsr")) {
            registers.set_by_name("sp", sp);
        }
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        thread.name.clone_from(&crash.thread);
        dump.threads.push(thread);
        dump.reason = reason(&crash);
        for (register, addr) in crash.texts.iter().filter_map(|text| lines::fault_address(text)) {
            if let Some(thread) = dump.threads.first_mut() {
                thread.registers.set_by_name(register, addr);
            }
        }
        add_notes(&mut dump, &crash, has_pc);
        dump.texts = crash.texts;
        dump.identity.facts.extend(crash.firmware.map(|names| ("firmware".to_string(), names)));
        Ok(dump)
    }
}

fn crash(bytes: &[u8]) -> Crash {
    let mut crash = Crash::default();
    let mut titled = false;
    // Sentences come behind the stack or the registers and before the list of calls.
    let mut sentences = false;
    for line in text_lines(bytes) {
        let text = line.text.as_str();
        let kind = lines::kind(text, titled);
        titled = matches!(kind, Kind::Firmware(_));
        match kind {
            Kind::Firmware(names) => crash.firmware = Some(names),
            Kind::Title { assert, thread } => {
                (crash.assert, crash.thread) = (assert, thread);
            }
            Kind::Overflow(sp) => {
                crash.overflow = Some(sp);
                crash.texts.push(text.to_string());
                sentences = true;
            }
            Kind::StackPointer(sp) => crash.stack_pointer = Some(sp),
            Kind::StackRow(addr, word) => {
                crash.stack.push((addr, word.to_vec()));
                sentences = true;
            }
            Kind::FirstRow(named) | Kind::LastRow(named) => {
                crash.named.extend(named);
                sentences = true;
            }
            Kind::Pair(named) => {
                // Some releases print r1 for r2, by mistake.
                let r1 = crash.named.iter().find(|(name, _)| name == "R1").map(|(_, value)| *value);
                let wrong = |(name, value): &(String, u64)| name == "R2" && Some(*value) == r1;
                crash.r1_for_r2 |= named.iter().any(wrong);
                crash.named.extend(named.into_iter().filter(|pair| !wrong(pair)));
                sentences = true;
            }
            Kind::MoreRegisters(named) => crash.named.extend(named),
            // Behind it may come the calls of other threads.
            Kind::Calls(calls) if crash.calls.is_none() => {
                crash.calls = Some(calls);
                crash.texts.push(text.to_string());
                sentences = false;
            }
            Kind::Other if sentences || text.contains(ASSERT_LINE) => {
                crash.assert |= text.contains(ASSERT_LINE);
                crash.texts.push(text.to_string());
            }
            Kind::Calls(_) | Kind::Rule | Kind::Other => {}
        }
    }
    // Without an OS an assert has no title of its own.
    crash.assert |= crash.named.is_empty() && crash.overflow.is_none();
    crash
}

/// The stack pointer of the crashed code.
fn stack_pointer(crash: &Crash, memory: &Memory, xpsr: Option<u64>) -> Option<u64> {
    let printed = crash.stack_pointer.or(crash.overflow);
    let first = printed.or_else(|| crash.stack.first().map(|(addr, _)| *addr))?;
    if crash.assert {
        return Some(first);
    }
    let behind = if printed.is_none() && is_frame(crash, memory, first) {
        first.checked_add(BASIC_LEN.into())?
    } else {
        first
    };
    let padding = xpsr.is_some_and(|xpsr| xpsr & PADDED != 0) && behind.is_multiple_of(8);
    behind.checked_add(if padding { 4 } else { 0 })
}

/// Whether the words at `addr` are the registers that were printed: the exception frame.
fn is_frame(crash: &Crash, memory: &Memory, addr: u64) -> bool {
    const FRAME: [&str; 8] = ["R0", "R1", "R2", "R3", "R12", "LR", "PC", "PSR"];
    (addr..).step_by(4).zip(FRAME).all(|(at, name)| {
        let printed = crash.named.iter().find(|(printed, _)| printed == name);
        printed.is_some_and(|(_, value)| memory.u32_le(at).map(u64::from) == Some(*value))
    })
}

fn reason(crash: &Crash) -> Reason {
    let of = |words: String, signal| Reason::new(signal, words, Vec::new());
    if crash.assert {
        let told = crash.texts.iter().find(|text| text.contains(ASSERT_LINE));
        let words = told.cloned().unwrap_or_else(|| "assert".to_string());
        return of(words, Signal::Abrt);
    }
    let told = crash.texts.iter().find_map(|text| Some((text, lines::fault(text)?)));
    match told {
        // Chinese in GB18030 is not read; our words say the same.
        Some((text, (words, signal))) if text.contains(char::REPLACEMENT_CHARACTER) => {
            of(words.to_string(), signal)
        }
        Some((text, (_, signal))) => of(text.clone(), signal),
        None if crash.overflow.is_some() => of("stack overflow".to_string(), Signal::Segv),
        None => of("fault".to_string(), Signal::Segv),
    }
}

fn add_notes(dump: &mut Dump, crash: &Crash, has_pc: bool) {
    let calls = crash.calls.as_deref().unwrap_or_default();
    if has_pc {
        let saved =
            if crash.named.iter().any(|(name, _)| name == "R4") { "" } else { "r4-r11 and " };
        dump.notes.push(Note::info(format!(
            "CmBacktrace prints some registers and some of the stack: {saved}variables are not in it"
        )));
    } else {
        let sp = if crash.overflow.is_some() {
            "sp is the one that was outside of its stack"
        } else {
            "sp is where the printed stack begins"
        };
        let sp = if crash.stack.is_empty() && crash.overflow.is_none() { "nor sp" } else { sp };
        let what = if crash.assert { "an assert" } else { "this crash" };
        dump.warn(format!(
            "{NAME}: the device prints no registers of {what}: pc and lr are not known, {sp}"
        ));
    }
    if crash.r1_for_r2 {
        dump.warn(format!("{NAME}: some releases print r1 in the place of r2: r2 is not known"));
    }
    if let (false, [_, ..]) = (has_pc, calls) {
        let list = calls.iter().map(|addr| format!("{addr:#x}")).collect::<Vec<_>>().join(" ");
        dump.notes.push(Note::info(format!(
            "{NAME}: calls that the device took for such in the stack, the latest first: {list}"
        )));
    }
}
