//! Mbed OS' fault text: all registers of a Cortex-M and its fault status, no memory.
//!
//! From `++ MbedOS Fault Handler ++` to `-- MbedOS Fault Handler --`: `FaultType: HardFault`,
//! then a line `NAME : HEX` for R0-R12, SP, LR, PC, xPSR, PSP, MSP, CPUID, HFSR, MMFSR, BFSR,
//! UFSR, DFSR, AFSR, SHCSR, and, where valid, MMFAR and BFAR. CFSR is UFSR << 16 | BFSR << 8 |
//! MMFSR. Behind it an `Error Info` block with message, location and current thread.
//!
//! Source: mbed-os 6.17 and 03ce919, `platform/source/TARGET_CORTEX_M/mbed_fault_handler.c`,
//! `platform/source/mbed_error.c`. No real log is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::{hex, pairs, registers};
use super::machine::{Family, machine_of};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::reason::Signal;

const NAME: &str = "mbed-fault";
const BEGIN: &str = "++ MbedOS Fault Handler ++";

/// Mbed OS' fault text.
pub struct MbedFault;

/// The fault texts in a log.
pub static MBED_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[BEGIN], starts: block_starts, is_title: |_| false };

impl Format for MbedFault {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Mbed OS fault text"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut named: Vec<(String, u64)> = Vec::new();
        let mut texts = Vec::new();
        let (mut kind, mut name, mut stack) = (None, None, None);
        for line in lines(&piece.bytes).skip_while(|line| !line.text.contains(BEGIN)) {
            let text = line.text.as_str();
            if let Some((_, value)) = text.split_once("FaultType:") {
                kind = Some(value.trim().to_string());
            } else if let Some((_, value)) = text.split_once("Current Thread:") {
                name = value.trim().split(" Id:").next().map(|name| name.trim().to_string());
                stack = stack_bounds(value);
            } else if text.starts_with("Error ") || text.starts_with("Location:") {
                texts.push(text.to_string());
            } else if let Some((before, value)) = text.split_once(':')
                && let Some(value) = hex(value.trim()).filter(|_| value.trim().len() == 8)
            {
                // Older releases print the first register behind "Context:".
                let name = before.trim().rsplit(' ').next().unwrap_or_default();
                named.push((name.to_ascii_uppercase(), value));
            }
        }
        if !named.iter().any(|(name, _)| name == "PC") {
            let found = format!("{} others", named.len());
            return Err(in_input(Fault::new(NAME, "registers", 0, "a line PC", found)));
        }
        let value = |wanted: &str| named.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
        let parts = [value("MMFSR"), value("BFSR"), value("UFSR")];
        if let [Some(memory), Some(bus), Some(usage)] = parts {
            named.push(("CFSR".into(), usage << 16 | bus << 8 | memory));
        }
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("Mbed OS fault text", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let mut thread = Thread::new(1, registers(&dump.arch, &named));
        for (name, value) in &named {
            thread.registers.set_by_name(name, *value);
        }
        thread.crashed = true;
        thread.name = name.filter(|name| !name.is_empty());
        thread.stack = stack;
        dump.threads.push(thread);
        if let Some(kind) = kind {
            dump.reason.words = kind;
            dump.reason.signal = Signal::Segv;
        }
        dump.texts = texts;
        dump.notes.push(Note::info("an Mbed OS fault text holds registers and no memory at all"));
        Ok(dump)
    }
}

fn block_starts(all: &[Line]) -> Vec<usize> {
    let begins = all.iter().enumerate().filter(|(_, line)| line.text.contains(BEGIN));
    begins.map(|(index, _)| index).collect()
}

/// `... StackSize: 0x1000 StackMem: 0x20001c00 SP: ...`.
fn stack_bounds(text: &str) -> Option<Stack> {
    let all = pairs(text, ':');
    let value = |wanted: &str| all.iter().find(|(name, _)| name == wanted).map(|(_, v)| *v);
    let (low, size) = (value("StackMem")?, value("StackSize")?);
    Some(Stack { low, high: low.checked_add(size)? })
}
