//! CmBacktrace's text: eight registers of a Cortex-M, a window of the stack, a list of calls.
//!
//! * `Fault on thread NAME` or `Fault on interrupt or bare metal(no OS) environment`;
//! * lines `addr: 20000a10    data: 0800abcd`, rising, from the stack pointer on;
//! * `R0 : 90000000  R1 : ...  R3 : ...` and `R12: ...  LR : ...  PC : ...  PSR: ...`;
//! * sentences on the fault; `... addr2line -e NAME.elf -afpiC 08001234 ...`.
//!
//! Titles and sentences are English or Chinese (UTF-8 or GBK); the lines of numbers are the same
//! in all, so a text is known by those.
//!
//! Source: armink/CmBacktrace 1.4.1, `cm_backtrace/cm_backtrace.c`, `Languages/`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::{add_stack, hex, pairs, registers};
use super::machine::{Family, machine_of};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::reason::Signal;

const NAME: &str = "cm-backtrace";
const LAST_ROW: &str = "PSR:";

/// CmBacktrace's text.
pub struct CmBacktrace;

/// The texts of CmBacktrace in a log.
pub static CM_BACKTRACE_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[LAST_ROW], starts: block_starts, is_title };

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
        let mut named = Vec::new();
        let mut memory = Vec::new();
        let mut texts = Vec::new();
        let mut name = None;
        let mut facts = Vec::new();
        let mut behind_registers = false;
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if let Some(words) = stack_row(text) {
                memory.push(words);
            } else if is_first_row(text) || is_last_row(text) {
                behind_registers = is_last_row(text);
                named.extend(pairs(text, ':'));
            } else if let Some((_, thread)) = text.split_once("Fault on thread ") {
                name = Some(thread.trim().to_string());
            } else if let Some((_, version)) = text.split_once("Firmware name:") {
                facts.push(("firmware".to_string(), version.trim().to_string()));
            } else if behind_registers && !text.starts_with("===") {
                behind_registers = !text.contains("addr2line");
                texts.push(text.to_string());
            }
        }
        let Some((sp, _)) = memory
            .first()
            .cloned()
            .or_else(|| named.iter().any(|(name, _)| name == "PC").then_some((0, Vec::new())))
        else {
            let fault = Fault::new(NAME, "registers", 0, "a row with PC", "none");
            return Err(in_input(fault));
        };
        if !memory.is_empty() {
            named.push(("sp".into(), sp));
        }
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("CmBacktrace text", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        add_stack(&mut dump, NAME, memory);
        let mut thread = Thread::new(1, registers(&dump.arch, &named));
        thread.crashed = true;
        thread.name = name;
        dump.threads.push(thread);
        if let Some(words) = texts.first().filter(|text| text.is_ascii()) {
            dump.reason.words.clone_from(words);
            dump.reason.signal = Signal::Segv;
        }
        dump.texts = texts;
        dump.identity.facts = facts;
        dump.notes.push(Note::info(
            "CmBacktrace prints r0-r3, r12, lr, pc, xpsr and some of the stack: r4-r11 and \
             variables are not in it",
        ));
        Ok(dump)
    }
}

/// A block starts at its first line of stack, or at its registers if it has none.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    for (index, line) in all.iter().enumerate() {
        let next = all.get(index.saturating_add(1));
        if !is_first_row(&line.text) || !next.is_some_and(|line| is_last_row(&line.text)) {
            continue;
        }
        let before = all.get(..index).unwrap_or_default();
        // Titles may stand between stack and registers.
        let title = before.iter().rev().take_while(|line| stack_row(&line.text).is_none()).count();
        let stack = before.iter().rev().skip(title);
        let stack = stack.take_while(|line| stack_row(&line.text).is_some()).count();
        let start = index.saturating_sub(title.saturating_add(stack));
        let near = title <= 4 && stack > 0;
        starts.push(if near { start } else { index });
    }
    starts
}

fn is_title(text: &str) -> bool {
    text.contains("Fault on thread ") || text.contains("Firmware name:")
}

fn is_first_row(text: &str) -> bool {
    names(text) == ["R0", "R1", "R2", "R3"]
}

fn is_last_row(text: &str) -> bool {
    names(text) == ["R12", "LR", "PC", "PSR"]
}

fn names(text: &str) -> Vec<String> {
    pairs(text, ':').into_iter().map(|(name, _)| name).collect()
}

/// `addr: 20000a10    data: 0800abcd`.
fn stack_row(text: &str) -> Option<(u64, Vec<u8>)> {
    let (_, behind) = text.split_once("addr: ")?;
    let (addr, word) = behind.split_once("data: ")?;
    let word = u32::try_from(hex(word.split(' ').next()?)?).ok()?;
    Some((hex(addr.trim())?, word.to_le_bytes().to_vec()))
}
