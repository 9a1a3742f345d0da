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
//! Instead of the exception it may say `Soft WDT reset`, `Panic FILE:LINE FUNCTION: ...`, `Abort
//! called`, `Unhandled C++ exception: ...`, `Stack overflow detected.`; these have no address.
//! The number is EXCCAUSE; the stack is printed from `sp` + `offset` on, which the core's authors
//! found by trial as what the exception handler takes. Releases before 3.0 begin without the line
//! to cut at, and up to 2.4 have no space behind the colon of a stack row's address and print
//! `ctx: cont ` and `sp: ...` in one line.
//!
//! Source: esp8266/Arduino 2.3 to 3.1.2, `cores/esp8266/core_esp8266_postmortem.cpp`. No log of
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
/// What the device says of itself before the stack where there is no exception.
const REASONS: [&str; 6] = [
    "Soft WDT reset",
    "Abort called",
    "Unhandled C++ exception",
    "Stack overflow detected",
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
        let mut named = Vec::new();
        let mut memory: Vec<(u64, Vec<u8>)> = Vec::new();
        let (mut cause, mut stack_end, mut ended) = (None, None, false);
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if ended {
                break;
            } else if let Some((_, number)) = text.split_once(EXCEPTION) {
                let digits = number.split(')').next().unwrap_or_default();
                cause = digits.parse::<u32>().ok();
                dump.texts.push(text.to_string());
            } else if text.contains("epc1=") {
                named.extend(pairs(text, '='));
                dump.texts.push(text.to_string());
            } else if is_title(text) || text.contains("last failed alloc") {
                dump.texts.push(text.to_string());
            } else if let Some((_, end)) = text.split_once("end:") {
                stack_end = end.split_whitespace().next().and_then(hex).or(stack_end);
            } else if text.contains(END) {
                ended = true;
            } else if let Some(row) = memory_words(text.trim_end_matches(['<', ' '])) {
                memory.push(row);
            }
        }
        if named.is_empty() && memory.is_empty() {
            let expected = "epc1=0x... or rows of the stack";
            return Err(in_input(Fault::new(NAME, "exception text", 0, expected, "neither")));
        }
        if !ended {
            dump.warn(format!("{NAME}: the text ends before {END}: it is cut off"));
        }
        let mut thread = Thread::new(1, registers(&dump.arch, &named));
        thread.crashed = true;
        let pc = named.iter().find(|(name, _)| name == "epc1").map(|(_, pc)| *pc);
        if let Some(pc) = pc.filter(|pc| *pc != 0) {
            thread.registers.set_by_name("pc", pc);
        }
        // With a second stack (BearSSL's) its rows come first; the program's own are the last run.
        if let Some(sp) = memory.first().map(|(addr, _)| *addr) {
            thread.registers.set_by_name("a1", sp);
            let last = memory.last().map(|(addr, row)| addr.saturating_add(row.len() as u64));
            let high = stack_end.filter(|end| *end > sp).or(last).unwrap_or(sp);
            thread.stack = Some(Stack { low: sp, high });
            dump.notes.push(Note::info(format!(
                "{NAME}: a1 is taken to be {sp:#x}, where the printed stack begins: the device \
                 does not print it"
            )));
        }
        if let Some(cause) = cause {
            thread.registers.set_by_name("exccause", cause);
            dump.reason = reason(cause, &named);
        }
        if let Some(text) = dump.texts.iter().find(|text| is_own(text)) {
            dump.reason.words.clone_from(text);
            dump.reason.signal = Signal::Abrt;
        }
        dump.threads.push(thread);
        add_stack(&mut dump, NAME, memory);
        Ok(dump)
    }
}

/// The cause in the words of the manual, with the addresses that belong to it.
fn reason(cause: u32, named: &[(String, u64)]) -> Reason {
    let value = |wanted: &str| named.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
    let told = xtensa::cause_words(cause);
    let address = value("excvaddr").filter(|_| xtensa::cause_has_address(cause));
    let mut words = told.clone();
    let mut evidence =
        vec![FaultWord { name: "exccause".into(), value: cause.into(), words: told }];
    if let Some(value) = address {
        words.push_str(&format!(": {value:#x}"));
        let told = "the address that could not be used".to_string();
        evidence.push(FaultWord { name: "excvaddr".into(), value, words: told });
    }
    if let Some(pc) = value("epc1") {
        words.push_str(&format!(" at pc {pc:#x}"));
    }
    Reason { signal: xtensa::cause_signal(cause), words, evidence }
}

/// The line where the stack begins: what is before it belongs to it as far as it is a title.
fn block_starts(all: &[Line]) -> Vec<usize> {
    (0..).zip(all).filter(|(_, line)| line.text.contains(BEGIN)).map(|(index, _)| index).collect()
}

fn is_title(text: &str) -> bool {
    text.contains(EXCEPTION) || text.contains("epc1=") || is_own(text)
}

/// Whether the device says more than that there was an exception.
fn is_own(text: &str) -> bool {
    REASONS.iter().any(|reason| text.contains(reason)) || text.trim_start().starts_with("Panic ")
}
