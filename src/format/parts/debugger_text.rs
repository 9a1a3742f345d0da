//! What a debugger's console holds: registers, lines of memory, or both.
//!
//! A register set is believed if it has a program counter and some others; a second program
//! counter starts a second set (another core, another halt). Lines of memory are believed from
//! two on.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::{NamedRegisters, Part, PartContents, Runs, memory_lines, register_lines};
use crate::carrier::Piece;
use crate::carrier::text::{lines, looks_like_text};
use crate::error::Fault;

const NAME: &str = "debugger-text";
const FEWEST_REGISTERS: usize = 4;
const FEWEST_MEMORY_LINES: usize = 2;
const PROGRAM_COUNTERS: [&str; 5] = ["pc", "mepc", "epc", "rip", "eip"];

/// A debugger's console.
pub(super) struct DebuggerText;

impl Part for DebuggerText {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "registers and memory as GDB, J-Link, OpenOCD, pyOCD and others print them"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        looks_like_text(&piece.bytes) && {
            let (runs, sets, memory) = collect(piece);
            !sets.is_empty() || (memory >= FEWEST_MEMORY_LINES && runs.byte_len() > 0)
        }
    }

    fn read(&self, piece: &Piece) -> Result<PartContents, Fault> {
        let (runs, registers, memory) = collect(piece);
        if registers.is_empty() && memory == 0 {
            let expected = "registers with a program counter, or lines of memory";
            return Err(Fault::new(NAME, "text", 0, expected, "none"));
        }
        let count: usize = registers.iter().map(NamedRegisters::len).sum();
        let title = format!("text with {count} registers and {memory} lines of memory");
        let extents = runs.into_extents();
        Ok(PartContents { title, extents, registers, ..PartContents::default() })
    }
}

fn collect(piece: &Piece) -> (Runs, Vec<NamedRegisters>, usize) {
    let mut runs = Runs::default();
    let mut sets = vec![NamedRegisters::new()];
    let mut memory = 0usize;
    for line in lines(&piece.bytes) {
        if let Some((addr, bytes)) = memory_lines::parse(&line.text) {
            runs.add(addr, &bytes);
            memory = memory.saturating_add(1);
            continue;
        }
        for (name, value) in register_lines::parse(&line.text) {
            let again = PROGRAM_COUNTERS.contains(&name.as_str())
                && sets.last().is_some_and(|set| set.contains_key(&name));
            if again {
                sets.push(NamedRegisters::new());
            }
            if let Some(set) = sets.last_mut() {
                set.entry(name).or_insert(value);
            }
        }
    }
    sets.retain(|set| {
        set.len() >= FEWEST_REGISTERS && PROGRAM_COUNTERS.iter().any(|pc| set.contains_key(*pc))
    });
    (runs, sets, memory)
}
