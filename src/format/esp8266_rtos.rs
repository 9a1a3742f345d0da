//! The crash texts of ESP8266_RTOS_SDK up to 3.2.
//!
//! ```text
//! Task stack [main] stack from [0x3fff1a00] to [0x3fff1c00], total [512] size
//!
//!                0        4        8  ...
//!
//! 3fff1a00  0xa5a5a5a5 0xa5a5a5a5 ...
//!
//!         PC: 0x40223c5e        PS: 0x00000030        A0: 0x40223c40        A1: 0x3fff1b20
//! ```
//!
//! All of the stack is printed, sixteen words a row; the registers are PC PS A0-A15 SAR EXCCAUSE.
//! Instead of the task it may say `Core 0 was running in ISR context:` (or NMI) before the stack of
//! interrupts, or `No task`, with `Task watchdog got triggered.` before it. The first releases of
//! 2018 say `ISR:` and `Watch dog triggle:`, and print words without `0x`. Newer releases print
//! ESP-IDF's text.
//!
//! Source: espressif/ESP8266_RTOS_SDK `components/freertos/port/esp8266/panic.c` (050fb6a63fb) and
//! its forms of 2018 to 2019 in other copies. No log of somebody's device is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::{add_stack, hex, pairs, registers, trap_reason};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::reason::Signal;

const NAME: &str = "esp8266-rtos";
const TITLE: &str = "ESP8266_RTOS_SDK crash text";
const CHIP: &str = "esp8266";
const TASK: &str = "Task stack [";
const WATCHDOGS: [&str; 2] = ["Task watchdog got triggered", "Watch dog triggle"];
/// What the device says before the stack and the registers.
const TITLES: [&str; 3] =
    ["Core 0 was running in ", "ESP_ERROR_CHECK failed", "abort() was called"];

/// How far behind the stack the registers may begin.
const LINES_BETWEEN: usize = 8;

/// Crash texts of ESP8266_RTOS_SDK.
pub struct Esp8266Rtos;

/// The crash texts in a log.
pub static ESP8266_RTOS_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &["A1: 0x"], starts: block_starts, is_title };

impl Format for Esp8266Rtos {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        TITLE
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let chip = context.targets.chip(CHIP)?;
        let mut dump = Dump::new(TITLE, context.targets.arch(&chip.arch)?);
        dump.chip = Some(chip);
        dump.notes = piece.notes.clone();
        let mut named: Vec<(String, u64)> = Vec::new();
        let mut memory = Vec::new();
        let (mut name, mut stack) = (None, None);
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if let Some((task, range)) = task_stack(text) {
                (name, stack) = (Some(task), range);
                dump.texts.push(text.to_string());
            } else if is_title(text) {
                dump.texts.push(text.to_string());
            } else if let Some(row) = stack_row(text).filter(|_| named.is_empty()) {
                memory.push(row);
            } else if named.len() < 20 {
                named.extend(pairs(text, ':').into_iter().filter(|(name, _)| is_register(name)));
            }
        }
        let mut thread = Thread::new(1, registers(&dump.arch, &named));
        if thread.registers.pc().is_none() {
            let expected = "rows with PC and A1";
            return Err(in_input(Fault::new(NAME, "registers", 0, expected, "none")));
        }
        if named.len() < 20 {
            dump.notes.push(
                Note::warning("the text ends before EXCCAUSE: it is cut off").by(NAME).code("cut"),
            );
        }
        thread.crashed = true;
        thread.name = name;
        thread.stack = stack;
        dump.threads.push(thread);
        if let Some(reason) = trap_reason(&dump) {
            dump.reason = reason;
        }
        // An interrupt led to the panic then, and no instruction.
        let watchdog = |line: &&String| WATCHDOGS.iter().any(|words| line.contains(words));
        if let Some(line) = dump.texts.iter().find(watchdog) {
            dump.reason.words.clone_from(line);
            dump.reason.signal = Some(Signal::Abrt);
            dump.reason.evidence.clear();
        }
        add_stack(&mut dump, NAME, memory);
        Ok(dump)
    }
}

/// The first line of the stack before the registers, or the registers.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    // Where a stack begins, and its last row yet.
    let (mut stack, mut last) = (None, 0);
    for (index, line) in all.iter().enumerate() {
        let text = line.text.as_str();
        if index.saturating_sub(last) > LINES_BETWEEN {
            // Those were other numbers.
            stack = None;
        }
        if text.contains(TASK) {
            (stack, last) = (Some(index), index);
        } else if stack_row(text).is_some() {
            (stack, last) = (stack.or(Some(index)), index);
        } else if is_first_row(text) {
            starts.push(stack.take().unwrap_or(index));
        }
    }
    starts
}

/// The row of PC, PS, A0 and A1, with the names right before their colons: others (ESP-IDF) fill
/// names up with blanks.
fn is_first_row(text: &str) -> bool {
    let (mut rest, names) = (text, ["PC: 0x", "PS: 0x", "A0: 0x", "A1: 0x"]);
    names.iter().all(|name| match rest.split_once(name) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

fn is_title(text: &str) -> bool {
    TITLES.iter().chain(&WATCHDOGS).any(|title| text.contains(title))
}

fn is_register(name: &str) -> bool {
    let number = name.strip_prefix('A').and_then(|number| number.parse::<u8>().ok());
    matches!(name, "PC" | "PS" | "SAR" | "EXCCAUSE") || number.is_some_and(|number| number < 16)
}

/// `Task stack [NAME] stack from [0x3fff1a00] to [0x3fff1c00], total [512] size`.
fn task_stack(text: &str) -> Option<(String, Option<Stack>)> {
    let (name, range) = text.split_once(TASK)?.1.split_once("] stack from [")?;
    let bounds = range.split_once("] to [").and_then(|(low, rest)| {
        let high = rest.split(']').next()?;
        Some(Stack { low: hex(low)?, high: hex(high)? })
    });
    Some((name.to_string(), bounds.filter(|stack| stack.low < stack.high)))
}

/// `3fff1a00  0xa5a5a5a5 0x00000001 ...`, or the words without `0x`.
fn stack_row(text: &str) -> Option<(u64, Vec<u8>)> {
    let mut parts = text.split_whitespace();
    let word = |text: &str| {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        u32::from_str_radix(digits, 16).ok().filter(|_| digits.len() == 8)
    };
    let addr = word(parts.next()?)?;
    let words: Option<Vec<[u8; 4]>> = parts.map(|text| Some(word(text)?.to_le_bytes())).collect();
    let words = words.filter(|words| (1..=16).contains(&words.len()))?;
    Some((addr.into(), words.concat()))
}
