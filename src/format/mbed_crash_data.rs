//! Mbed OS' crash data: what a device keeps in RAM through its reset, saved from there with a debugger
//! or by the firmware itself (`__CRASH_DATA_RAM_START__`, 256 bytes).
//!
//! | word | field, LE                                                                  |
//! |    0 | r0-r12, SP, LR, PC, xPSR, PSP, MSP, EXC_RETURN, CONTROL of the last fault    |
//! |   32 | error status, below zero: 0x80 (0xa0 of the firmware's own), module, code   |
//! |   33 | location; since late 2019, of a fault its PC                               |
//! |   34 | value                                                                      |
//! |   35 | thread, its entry, stack's size, stack's address, stack pointer            |
//! |   40 | if the build keeps it: file name (16 bytes unless configured), line        |
//! |  +0  | how often it was reset for an error in a row                               |
//! |  +1  | whether the firmware has seen this error                                   |
//! |  +2  | CRC-32 (0x04c11db7, start 0, not reflected) of all words from 32 on        |
//!
//! There is no magic number: the status and the CRC are what the firmware itself believes. The words
//! in front are of an older fault, or nothing, if the error is no fault.
//!
//! Source: ARMmbed/mbed-os b6fb68e, `platform/source/mbed_error.c` (`mbed_error_initialize`) and
//! 20f81e1, `platform/source/mbed_crash_data_offsets.h`; 00e3b67, `platform/mbed_error.h`. No crash data
//! of somebody's device is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::{CORTEX_M, machine_of, set_words};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::cursor::u32_at;
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::reason::Signal;
use crate::registers::Registers;
use crate::targets::Family;

const NAME: &str = "mbed-crash-data";
const ERROR: usize = 128;
/// Where the CRC is without a file name, and where it could be at most, in words behind `ERROR`.
const CRC_WORDS: std::ops::RangeInclusive<usize> = 10..=31;
const FILE_WORD: usize = 8;
/// File name and line; reboots, "seen", CRC.
const LINE_BACK: usize = 3;
const SEEN_BACK: usize = 1;
const REBOOTS_BACK: usize = 2;
/// More than this is an image of RAM, which has more to tell.
const LARGEST: usize = 512;
const SYSTEM_ERROR: u32 = 0x80;
const MORE: [&str; 4] = ["psp", "msp", "exc_return", "control"];

/// Mbed OS' crash data.
pub struct MbedCrashData;

impl Format for MbedCrashData {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Mbed OS crash data (256 bytes of RAM)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
            || (piece.bytes.len() <= LARGEST && crc_word(&piece.bytes).is_some())
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let bytes = &piece.bytes;
        let Some(crc) = crc_word(bytes) else {
            let expected = "a status below zero, and a CRC-32 after it";
            return Err(in_input(Fault::new(NAME, "error", ERROR as u64, expected, "neither")));
        };
        let error = |n: usize| error_word(bytes, n).unwrap_or_default();
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("Mbed OS crash data", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let code = error(0) & 0xffff;
        let fault = fault_name(code).filter(|_| error(0) >> 24 == SYSTEM_ERROR);
        let mut registers = Registers::unknown(dump.arch.clone());
        if fault.is_some() {
            registers.set_why_missing("register not in the crash data");
            let names = [&CORTEX_M[..], &MORE[..]].concat();
            let (words, _) = bytes.as_chunks::<4>();
            set_words(&mut registers, &names, words.iter().map(|w| u32::from_le_bytes(*w).into()));
        } else {
            registers.set_why_missing("an error without a fault has no registers");
            registers.set_pc(error(1) & !1);
            dump.notes.push(
                Note::doubt(
                    "the error is no fault: pc is where the call of mbed_error() would have \
                 returned to",
                )
                .by(NAME)
                .code("reconstructed"),
            );
        }
        dump.reason.words = fault.map_or_else(|| format!("error {code}"), str::to_string);
        dump.reason.signal = Some(if fault.is_some() { Signal::Segv } else { Signal::Abrt });
        let id = u64::from(error(3));
        let mut thread = Thread::new(id.max(1), registers);
        thread.crashed = true;
        thread.control_block = Some(id).filter(|id| *id != 0);
        let (low, size) = (u64::from(error(6)), u64::from(error(5)));
        // In a handler, the stack is another one.
        let in_handler = thread.registers.by_name("xpsr").is_some_and(|xpsr| xpsr & 0x1ff != 0);
        if size != 0 && !in_handler {
            thread.stack = low.checked_add(size).map(|high| Stack { low, high });
        }
        dump.threads.push(thread);
        let back = |n: usize| error(crc.saturating_sub(n));
        let mut fact = |name: &str, value: String| dump.identity.facts.push((name.into(), value));
        fact("error status", format!("{:#x}", error(0)));
        fact("location", format!("{:#x}", error(1)));
        if let Some(file) = file_name(bytes, crc) {
            fact("file", format!("{file}+{}", back(LINE_BACK)));
        }
        fact("resets in a row", back(REBOOTS_BACK).to_string());
        fact("seen by the firmware", if back(SEEN_BACK) == 0 { "no" } else { "yes" }.into());
        dump.notes.push(
            Note::info("registers alone: no memory, no fault status").by(NAME).code("partial"),
        );
        Ok(dump)
    }
}

fn error_word(bytes: &[u8], n: usize) -> Option<u32> {
    u32_at(bytes, n.checked_mul(4)?.checked_add(ERROR)?)
}

/// The word of the error that is the CRC of those before it.
fn crc_word(bytes: &[u8]) -> Option<usize> {
    error_word(bytes, 0).filter(|status| *status >> 31 != 0)?;
    let error = bytes.get(ERROR..)?;
    CRC_WORDS.into_iter().find(|n| {
        let before = n.checked_mul(4).and_then(|len| error.get(..len));
        before.is_some_and(|before| error_word(bytes, *n) == Some(crc32(before)))
    })
}

fn file_name(bytes: &[u8], crc: usize) -> Option<String> {
    let start = FILE_WORD.checked_mul(4)?.checked_add(ERROR)?;
    let end = crc.checked_sub(LINE_BACK)?.checked_mul(4)?.checked_add(ERROR)?;
    let name = bytes.get(start..end)?.split(|byte| *byte == 0).next()?;
    Some(String::from_utf8_lossy(name).into_owned()).filter(|name| !name.is_empty())
}

/// The codes of `mbed_error.h` that are faults of the processor.
fn fault_name(code: u32) -> Option<&'static str> {
    Some(match code {
        317 => "HardFault",
        318 => "MemManageFault",
        319 => "BusFault",
        320 => "UsageFault",
        _ => return None,
    })
}

fn crc32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc & 1 << 31 != 0 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}
