//! NuttX: its text crash log, and the carriers that its ELF cores travel in.
//!
//! The cores themselves are read by `../elf_core`. `console.rs` is the carrier for syslog,
//! `lzf.rs` undoes the compression that is on by default there; this file reads the text that is
//! printed when no core dump is configured.
//!
//! The text, in lines with any prefix:
//!
//! * `up_dump_register: R0: 00000000 R1: ...` (older: `arm_registerdump: R0: 00000000 ...` of
//!   eight bare words), names by architecture;
//! * `dump_stackinfo: User Stack:` and lines `base:`, `size:` (decimal), `sp:`;
//! * `stack_dump: 0x20001f80: ` and eight words, rising.
//!
//! In Thumb code the frame pointer is r7 and printed as FP; otherwise it is r11.
//!
//! Source: NuttX 4ebc8a7291d (2026-08), `sched/misc/assert.c`, `arch/*/src/common/*_registerdump.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod console;
pub mod lzf;

use super::fault_text::{add_stack, memory_words, pairs, registers, trap_reason};
use super::machine::{Family, machine_of, xtensa_by_addresses};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Stack, Thread};
use crate::error::{Fault, Result};

const NAME: &str = "nuttx-log";
/// In front of a line of registers.
const REGISTER_MARKS: [&str; 2] = ["dump_register:", "registerdump:"];
/// In front of a line of stack memory.
const STACK_MARKS: [&str; 2] = ["stack_dump:", "stackdump:"];

/// NuttX' text crash log.
pub struct NuttxLog;

/// The crash texts in a log.
pub static NUTTX_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &REGISTER_MARKS, starts: block_starts, is_title };

impl Format for NuttxLog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "NuttX crash log (text)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut named: Vec<(String, u64)> = Vec::new();
        let mut memory = Vec::new();
        let mut texts = Vec::new();
        let mut stack = StackInfo::default();
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if let Some(behind) = behind(text, &REGISTER_MARKS) {
                named.extend(pairs(behind, ':'));
            } else if let Some(behind) = behind(text, &STACK_MARKS) {
                memory.extend(memory_words(behind));
            } else if text.contains("dump_stack") {
                stack.read(text);
            } else if is_title(text) {
                texts.push(text.to_string());
            }
        }
        let family = family(&named).ok_or_else(|| {
            let expected = "registers with PC or EPC";
            in_input(Fault::new(NAME, "registers", 0, expected, format!("{} others", named.len())))
        })?;
        rename(&mut named, family);
        let mut notes = piece.notes.clone();
        let machine = match family {
            Family::Xtensa => {
                let pc = named.iter().find(|(name, _)| name == "PC").map(|(_, value)| *value);
                let addrs: Vec<u64> = memory.iter().map(|(addr, _)| *addr).chain(pc).collect();
                xtensa_by_addresses(NAME, &addrs, context, &mut notes)?
            }
            family => machine_of(context, family)?,
        };
        let mut dump = Dump::new("NuttX crash log", machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        add_stack(&mut dump, NAME, memory);
        let mut thread = Thread::new(1, registers(&dump.arch, &named));
        thread.crashed = true;
        thread.stack = stack.bounds();
        thread.name = texts.iter().find_map(|text| task_name(text));
        dump.threads.push(thread);
        if let Some(reason) = trap_reason(&dump) {
            dump.reason = reason;
        } else if let Some(text) = texts.first() {
            dump.reason.words.clone_from(text);
        }
        dump.texts = texts;
        dump.notes.push(crate::dump::Note::info(
            "a crash log holds registers and some of the stack: variables are not in it",
        ));
        Ok(dump)
    }
}

/// A block starts at a register line that follows anything but register lines, once a stack or
/// other lines have been seen.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut in_registers = false;
    for (index, line) in all.iter().enumerate() {
        let is_register =
            behind(&line.text, &REGISTER_MARKS).is_some_and(|text| !pairs(text, ':').is_empty());
        if is_register && !in_registers {
            starts.push(index);
        }
        // Lines of other tasks may come between those of a block.
        let ends = behind(&line.text, &STACK_MARKS).is_some() || line.text.contains("dump_task");
        in_registers = is_register || (in_registers && !ends);
    }
    starts
}

fn is_title(text: &str) -> bool {
    text.to_ascii_lowercase().contains("assert") || text.contains("panic")
}

fn behind<'a>(text: &'a str, marks: &[&str]) -> Option<&'a str> {
    marks.iter().find_map(|mark| text.split_once(mark)).map(|(_, behind)| behind)
}

fn family(named: &[(String, u64)]) -> Option<Family> {
    let has = |name: &str| named.iter().any(|(n, _)| n == name);
    Some(match () {
        () if has("EPC") => Family::RiscV32,
        () if has("PS") && has("PC") => Family::Xtensa,
        () if has("CPSR") => Family::Arm,
        () if has("PC") => Family::CortexM,
        () => return None,
    })
}

/// ARM's frame pointer is the register that is not printed by its own name.
fn rename(named: &mut [(String, u64)], family: Family) {
    if !matches!(family, Family::CortexM | Family::Arm) {
        return;
    }
    let thumb = !named.iter().any(|(name, _)| name == "R7");
    for (name, _) in named.iter_mut().filter(|(name, _)| name == "FP") {
        *name = if thumb { "r7" } else { "r11" }.into();
    }
}

fn task_name(text: &str) -> Option<String> {
    let name = text.split_once("task: ")?.1.split(' ').next()?;
    Some(name.trim_matches(',').to_string()).filter(|name| !name.is_empty())
}

#[derive(Default)]
struct StackInfo {
    in_user: bool,
    base: Option<u64>,
    size: Option<u64>,
}

impl StackInfo {
    fn read(&mut self, text: &str) {
        if text.contains("Stack:") {
            self.in_user = text.contains("User Stack:");
        }
        if !self.in_user {
            return;
        }
        let value = |key: &str| text.split_once(key).map(|(_, value)| value.trim().to_string());
        if let Some(base) = value("base:") {
            self.base = super::fault_text::hex(&base);
        } else if let Some(size) = value("size:") {
            self.size = size.parse().ok();
        }
    }

    fn bounds(&self) -> Option<Stack> {
        let (low, size) = (self.base?, self.size?);
        Some(Stack { low, high: low.checked_add(size)? })
    }
}
