//! The exception text of the ESP8266's Arduino core.
//!
//! ```text
//! --------------- CUT HERE FOR EXCEPTION DECODER ---------------
//!
//! Exception (28):
//! epc1=0x40201234 epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000000 depc=0x00000000
//!
//! >>>stack>>>
//!
//! ctx: cont
//! sp: 3ffffdc0 end: 3fffffc0 offset: 0190
//! 3ffffe70:  3ffe8514 40203dac 3ffee510 40201a2c <
//! <<<stack<<<
//! ```
//!
//! Instead of the exception it may say `Panic FILE:LINE FUNCTION: ...`, `Abort called`,
//! `Unhandled C++ exception: ...`; these have no address. `Soft WDT reset`, `Stack overflow
//! detected.` and `Stack smashing detected at 0x...` have one in newer releases. The number is EXCCAUSE; the
//! stack is printed from `sp` + `offset` on, which the core's authors found by trial as what the
//! exception handler takes; rows of nothing but guard words are left out. Releases before 3.0 begin
//! without the line to cut at, and up to 2.4 have no space behind the colon of a stack row's
//! address and print `ctx: cont ` and `sp: ...` in one line.
//!
//! * A crash on BearSSL's stack prints that one and the program's, in 3.x the other way round; its
//!   `ctx: bearssl` is where it was.
//! * After a debug, double or kernel exception a line with `excsave1=` comes first, and `epc1=` of
//!   the main line is what helps Arduino's decoder. Where code was fetched that can't be (a null
//!   callback), the decoder gets the return address, and the first line has pc.
//! * A division by zero (6) happens in ROM: up to 3.1.2 `epc1` lies there, after that it is where
//!   the division returns to.
//! * The tool for hardware watchdogs prints each stack as a text of its own, after the reset: all
//!   that was ever used of it.
//!
//! Sources: esp8266/Arduino, `cores/esp8266/core_esp8266_postmortem.cpp` of 2.3 to 3.1.2
//! (01cc4157f51) and of after 3.1.2 (0bc4292f00e), `hwdt_app_entry.cpp` (1bd4e33efb8). No log of
//! somebody's device is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::{add_stack, hex, memory_words, pairs, registers};
use super::{Context, Format, in_input};
use crate::arch::xtensa;
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::reason::{FaultWord, Reason, Signal};

const NAME: &str = "esp8266";
const CHIP: &str = "esp8266";
const BEGIN: &str = ">>>stack>>>";
const END: &str = "<<<stack<<<";
const EXCEPTION: &str = "Exception (";
const HARDWARE_WDT: &str = "Hardware WDT reset";
/// The line of an exception that did not come the usual way.
const UNUSUAL: &str = "excsave1=";
const UNHANDLED: &str = "XTOS Unhandled exception";
/// InstFetchProhibited.
const CAUSE_FETCH: u32 = 20;
/// Where the check was that found it.
const SMASHED: &str = "Stack smashing detected at ";
const FAILED_ALLOCATION: &str = "last failed alloc call";
/// How far behind one stack the next of the same text may begin.
const LINES_BETWEEN: usize = 8;
/// What the device says of itself before the stack where there is no exception.
const REASONS: [&str; 8] = [
    "Soft WDT reset",
    HARDWARE_WDT,
    "Abort called",
    "Unhandled C++ exception",
    "Stack overflow detected",
    "Stack smashing detected",
    "Generic Reset",
    "PANIC: Stack overrun",
];

/// Exception texts of the ESP8266.
pub struct Esp8266;

/// The exception texts in a log.
pub static ESP8266_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[BEGIN], starts: block_starts, is_title };

impl Format for Esp8266 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "ESP8266 Arduino exception text"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let chip = context.targets.chip(CHIP)?;
        let mut dump =
            Dump::new("ESP8266 Arduino exception text", context.targets.arch(&chip.arch)?);
        dump.chip = Some(chip);
        dump.notes = piece.notes.clone();
        let text = Text::read(piece);
        if text.named.is_empty() && text.memory.is_empty() {
            let expected = "epc1=0x... or rows of the stack";
            return Err(in_input(Fault::new(NAME, "exception text", 0, expected, "neither")));
        }
        if !text.ended {
            dump.notes.push(
                Note::warning(format!("the text ends before {END}: it is cut off"))
                    .by(NAME)
                    .code("cut"),
            );
        }
        let mut thread = Thread::new(1, registers(&dump.arch, &text.named));
        thread.crashed = true;
        let value = |all: &[(String, u64)], wanted: &str| {
            all.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value)
        };
        let mut pc = value(&text.named, "epc1").filter(|pc| *pc != 0);
        let null_call = text.unhandled && text.cause == Some(CAUSE_FETCH);
        if let Some(fetched) = value(&text.unusual, "epc1").filter(|_| null_call) {
            pc = Some(fetched);
            if let Some(a0) = value(&text.unusual, "excsave1") {
                thread.registers.set_by_name("a0", a0);
            }
        }
        if let Some(pc) = pc {
            thread.registers.set_by_name("pc", pc);
        }
        let hardware = text.lines.iter().any(|line| line.contains(HARDWARE_WDT));
        let stack = text.crashed_stack(hardware);
        let first_row = text.memory.first().map(|(addr, _)| *addr);
        let sp = stack.and_then(PrintedStack::begin).or(first_row);
        if let Some(sp) = sp {
            thread.registers.set_by_name("a1", sp);
            let last = text.memory.last().map(|(addr, row)| addr.saturating_add(row.len() as u64));
            let end = stack.map(|stack| stack.end).or(last);
            thread.stack = Some(Stack { low: sp, high: end.filter(|end| *end > sp).unwrap_or(sp) });
            let why = match hardware {
                true => "where that stack was never used below: where it was is unknown",
                false => "where the printed stack begins: the device does not print it",
            };
            dump.notes.push(
                Note::info(format!("a1 is assumed to be {sp:#x}, {why}")).by(NAME).code("assumed"),
            );
        }
        if let Some(cause) = text.cause {
            thread.registers.set_by_name("exccause", cause);
            dump.reason = reason(cause, value(&text.named, "excvaddr"), pc);
        }
        if let Some(line) = text.lines.iter().find(|line| is_own(line)) {
            let at = pc.map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
            dump.reason.words = format!("{line}{at}");
            dump.reason.signal = Some(Signal::Abrt);
        }
        dump.texts = text.lines;
        dump.threads.push(thread);
        add_stack(&mut dump, NAME, text.memory);
        Ok(dump)
    }
}

/// `ctx: cont`, `sp: 3ffffdc0 end: 3fffffc0 offset: 0190`.
struct PrintedStack {
    bearssl: bool,
    sp: u64,
    end: u64,
    offset: u64,
}

impl PrintedStack {
    fn begin(&self) -> Option<u64> {
        self.sp.checked_add(self.offset).filter(|begin| *begin <= self.end)
    }
}

/// What the lines of an exception text say.
#[derive(Default)]
struct Text {
    named: Vec<(String, u64)>,
    unusual: Vec<(String, u64)>,
    unhandled: bool,
    cause: Option<u32>,
    memory: Vec<(u64, Vec<u8>)>,
    stacks: Vec<PrintedStack>,
    lines: Vec<String>,
    ended: bool,
}

impl Text {
    fn read(piece: &Piece) -> Text {
        let mut read = Text::default();
        let (mut bearssl, mut behind) = (false, 0usize);
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if text.contains(FAILED_ALLOCATION) {
                read.lines.push(text.to_string());
            } else if read.ended {
                behind = behind.saturating_add(1);
                if text.contains(BEGIN) {
                    (read.ended, behind) = (false, 0);
                } else if behind > LINES_BETWEEN {
                    break;
                }
            } else if let Some((_, number)) = text.split_once(EXCEPTION) {
                let digits = number.split(')').next().unwrap_or_default();
                read.cause = digits.parse::<u32>().ok();
                read.lines.push(text.to_string());
            } else if text.contains(UNUSUAL) {
                read.unusual = pairs(text, '=');
                read.unhandled = text.contains(UNHANDLED);
                read.lines.push(text.to_string());
            } else if text.contains("epc1=") {
                read.named.extend(pairs(text, '='));
                read.lines.push(text.to_string());
            } else if is_title(text) {
                if let Some((_, addr)) = text.split_once(SMASHED) {
                    read.named.extend(hex(addr.trim()).map(|addr| ("epc1".into(), addr)));
                }
                read.lines.push(text.to_string());
            } else if text.contains("ctx:") || text.contains("end:") {
                if text.contains("ctx:") {
                    bearssl = text.contains("bearssl");
                }
                let found = pairs(text, ':');
                let value = |wanted: &str| found.iter().find(|(name, _)| name == wanted);
                if let (Some((_, sp)), Some((_, end))) = (value("sp"), value("end")) {
                    let offset = value("offset").map_or(0, |(_, offset)| *offset);
                    read.stacks.push(PrintedStack { bearssl, sp: *sp, end: *end, offset });
                }
            } else if text.contains(END) {
                read.ended = true;
            } else if let Some(row) = memory_words(text.trim_end_matches(['<', ' '])) {
                read.memory.push(row);
            }
        }
        read
    }

    /// The stack that the crashed code ran on.
    fn crashed_stack(&self, hardware: bool) -> Option<&PrintedStack> {
        match hardware {
            // BearSSL's and the system's come first, whether they were in use or not.
            true => self.stacks.last(),
            false => self.stacks.iter().find(|stack| stack.bearssl).or(self.stacks.first()),
        }
    }
}

/// The cause in the words of the manual, with the addresses that belong to it.
fn reason(cause: u32, excvaddr: Option<u64>, pc: Option<u64>) -> Reason {
    let told = xtensa::cause_words(cause);
    let address = excvaddr.filter(|_| xtensa::cause_has_address(cause));
    let mut words = told.clone();
    let mut evidence =
        vec![FaultWord { name: "exccause".into(), value: cause.into(), words: told }];
    if let Some(value) = address {
        words.push_str(&format!(": {value:#x}"));
        let told = "the address that could not be used".to_string();
        evidence.push(FaultWord { name: "excvaddr".into(), value, words: told });
    }
    if let Some(pc) = pc {
        words.push_str(&format!(" at pc {pc:#x}"));
    }
    Reason::new(xtensa::cause_signal(cause), words, evidence)
}

/// The lines where a text's first stack begins: what is before it belongs to it as far as it is a
/// title.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    // How many lines ago a stack ended, if no text began since.
    let mut since = None;
    for (index, line) in all.iter().enumerate() {
        if line.text.contains(BEGIN) {
            if since.is_none_or(|since| since > LINES_BETWEEN) {
                starts.push(index);
            }
            since = None;
        } else if line.text.contains(END) {
            since = Some(0);
        } else if is_title(&line.text) {
            since = None;
        } else {
            since = since.map(|since: usize| since.saturating_add(1));
        }
    }
    starts
}

fn is_title(text: &str) -> bool {
    text.contains(EXCEPTION) || text.contains("epc1=") || is_own(text)
}

/// Whether the device says more than that there was an exception.
fn is_own(text: &str) -> bool {
    REASONS.iter().any(|reason| text.contains(reason)) || text.trim_start().starts_with("Panic ")
}
