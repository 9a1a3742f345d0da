//! SiFli SF32LB5x: the assert context that RT-Thread saves in flash.
//!
//! | off | size | field                                                            |
//! |   0 |    2 | 0xaaaa complete; otherwise 0xaa in the high byte, and in the low |
//! |     |      | one what ran out of room (see `cut_words`); LE like all          |
//! |   2 |    2 | how many blocks there are                                        |
//! |   4 |    4 | length of everything                                             |
//! |   8 |      | blocks without padding: address, length, bytes                   |
//!
//! Address 0xffffffff is the text of the log in RAM. Blocks overlap: stacks lie in the heap. Of
//! free heap items only the heads are saved.
//!
//! There are no registers in the file as such. The fault handler left them in variables, so they
//! come with the firmware's ELF file: `saved_stack_frame` (flag in builds with FPU, psplim,
//! r4-r11, then r0-r3 r12 lr pc psr), `saved_stack_pointer` (without the padding that bit 9 of
//! psr tells of), `error_reason`, `saved_scb_reg` (CFSR HFSR MMFAR BFAR SHCSR).
//!
//! Source: OpenSiFli/SiFli-SDK 8f42a69,
//! `rtos/rtthread/components/utilities/ulog/backend/assert_context_be.c`,
//! `libcpu/arm/cortex-m33/cpuport.c`. Written from the producer's source.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::{Family, machine_of};
use super::{Context, Format, Symbols, add_region, in_input};
use crate::arch::cortex_m::{ExcReturn, Frame};
use crate::carrier::Piece;
use crate::cursor::{Cursor, u16_at, u32_at};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, Region};
use crate::reason::{Reason, Signal};
use crate::registers::Registers;
use bytes::Bytes;
use std::ops::Range;

const NAME: &str = "sifli";
const HEADER_LEN: usize = 8;
const BLOCK_HEADER_LEN: usize = 8;
const LOG_ADDR: u32 = 0xffff_ffff;
/// No SF32LB5x has more memory.
const LARGEST: u32 = 64 << 20;
/// What the saved frame holds behind the flag.
const FRAME: [&str; 17] = [
    "psplim", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r0", "r1", "r2", "r3", "r12",
    "lr", "pc", "xpsr",
];
const FAULT_WORDS: [&str; 5] = ["CFSR", "HFSR", "MMFAR", "BFAR", "SHCSR"];
/// Bit 9 of the stacked status: the core pushed a word of padding.
const PADDED: u64 = 1 << 9;

/// SiFli's assert context.
pub struct Sifli;

struct Block {
    addr: u32,
    bytes: Bytes,
    offset: u64,
    cut: u32,
}

impl Format for Sifli {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "SiFli assert context (flash)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        u32_at(&piece.bytes, 4).map(u64::from)
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        let bytes = &piece.bytes;
        let mut found: Vec<Range<usize>> = Vec::new();
        for high in memchr::memchr_iter(0xaa, bytes) {
            let Some(at) = high.checked_sub(1) else { continue };
            // The mark is short: only what is whole to its last block is believed.
            let bytes = bytes.slice(at..);
            let whole = u32_at(&bytes, 4).is_some_and(|len| len as usize <= bytes.len());
            if whole && is_head(&bytes) && found.last().is_none_or(|last| last.end <= at) {
                let len = u32_at(&bytes, 4).unwrap_or_default() as usize;
                found.push(at..at.saturating_add(len));
            }
        }
        found
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        let flag = cursor.u16("flag").map_err(in_input)?;
        if flag == 0xffff {
            let found = "erased flash: no dump was written";
            return Err(in_input(Fault::new(NAME, "flag", 0, "0xaaaa", found)));
        }
        let count = cursor.u16("block count").map_err(in_input)?;
        let total = cursor.u32("length").map_err(in_input)?;
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("SiFli assert context", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        if let Some(words) = cut_words(flag) {
            dump.warn(format!("{NAME}: the partition was full: {words} not complete"));
        }
        if total as usize > piece.bytes.len() {
            dump.warn(format!(
                "{NAME}: the dump is cut off: {total} bytes by its header, {} in the file",
                piece.bytes.len()
            ));
        }
        let (blocks, fault) = blocks(&piece.bytes, total);
        if let Some(fault) = fault {
            dump.warn(format!("{fault}: what follows is left out"));
        } else if blocks.len() != usize::from(count) {
            dump.notes.push(Note::info(format!(
                "{NAME}: {count} blocks by the header, {} in the dump",
                blocks.len()
            )));
        }
        for block in blocks {
            if block.addr == LOG_ADDR {
                dump.texts.push(String::from_utf8_lossy(&block.bytes).into_owned());
                continue;
            }
            let behind = u64::from(block.addr).saturating_add(block.bytes.len() as u64);
            let region = Region::dumped(block.addr.into(), block.bytes);
            add_region(&mut dump, NAME, region, piece, block.offset);
            if let Some(range) = AddrRange::of_len(behind, block.cut.into()) {
                dump.memory.mark_missing(range, "the dump is cut off before it");
            }
        }
        if context.elf.is_none() {
            dump.warn(format!(
                "{NAME}: registers are saved in variables of the firmware: --elf finds them"
            ));
        }
        Ok(dump)
    }

    fn complete(&self, dump: &mut Dump, symbols: &dyn Symbols) {
        match crashed_thread(dump, symbols) {
            Some(thread) => {
                set_reason(dump, symbols);
                dump.threads.insert(0, thread);
            }
            None => dump.warn(format!(
                "{NAME}: the ELF file's saved_stack_frame is not in the dump: no registers"
            )),
        }
    }
}

fn is_head(bytes: &Bytes) -> bool {
    let flag = u16_at(bytes, 0).is_some_and(|flag| flag == 0xaaaa || cut_words(flag).is_some());
    let Some(total) = u32_at(bytes, 4) else { return false };
    let fits = (HEADER_LEN.saturating_add(BLOCK_HEADER_LEN) as u32..=LARGEST).contains(&total);
    if !flag || !fits {
        return false;
    }
    let (blocks, fault) = blocks(bytes, total);
    fault.is_none() && !blocks.is_empty()
}

/// What a flag says ran out of room; `None` if it says that nothing did, or is none.
fn cut_words(flag: u16) -> Option<&'static str> {
    if flag >> 8 != 0xaa {
        return None;
    }
    Some(match flag & 0xff {
        0x00 => "static data is",
        0x11 => "thread stacks are",
        0x21 => "PSRAM is",
        0x22 => "the log is",
        0x33 => "peripheral registers are",
        0x44 => "LCPU SRAM is",
        0x55 => "LCPU DTCM is",
        0x66 => "the heap is",
        _ => return None,
    })
}

/// The blocks up to the dump's end, and what is wrong with the first that can't be one.
fn blocks(bytes: &Bytes, total: u32) -> (Vec<Block>, Option<Fault>) {
    let end = bytes.len().min(total as usize);
    let mut cursor = Cursor::new(NAME, bytes.slice(..end), 0);
    let mut all = Vec::new();
    cursor.take_up_to(HEADER_LEN);
    while cursor.left() >= BLOCK_HEADER_LEN {
        let (Ok(addr), Ok(len)) = (cursor.u32("block address"), cursor.u32("block length")) else {
            break;
        };
        let offset = cursor.offset();
        let room = u64::from(total).saturating_sub(offset);
        if u64::from(len) > room {
            // The last block of a full partition may be cut; any other is no block.
            let fault = cursor.fault("block length", format!("at most {room}"), len.to_string());
            return (all, Some(fault));
        }
        let bytes = cursor.take_up_to(len as usize);
        let cut = len.saturating_sub(bytes.len() as u32);
        all.push(Block { addr, bytes, offset, cut });
    }
    (all, None)
}

/// The registers that the fault handler left in variables.
fn crashed_thread(dump: &Dump, symbols: &dyn Symbols) -> Option<Thread> {
    let word = |addr: u64| dump.memory.u32_le(addr).map(u64::from);
    let variable = |name: &str| word(symbols.symbol(name)?.0);
    let (frame, len) = symbols.symbol("saved_stack_frame")?;
    let with_flag = len != (FRAME.len() as u64).saturating_mul(4);
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not saved by the fault handler");
    let first = frame.checked_add(if with_flag { 4 } else { 0 })?;
    for (offset, name) in (0..).step_by(4).zip(FRAME) {
        registers.set_by_name(name, word(first.checked_add(offset)?)?);
    }
    let exc_return = with_flag.then(|| word(frame)).flatten().and_then(|w| u32::try_from(w).ok());
    let exc_return = exc_return.map(ExcReturn).filter(|value| value.is_valid());
    if let Some(sp) = variable("saved_stack_pointer") {
        // An assert calls the handler, a fault is taken by it: only then is there padding.
        let padded = exc_return.is_some() && registers.by_name("xpsr")? & PADDED != 0;
        registers.set_by_name("sp", sp.saturating_add(if padded { 4 } else { 0 }));
        if let Some(exc_return) = exc_return {
            registers.set_by_name("exc_return", exc_return.0);
            set_floats(&mut registers, dump, sp, exc_return);
        }
    }
    if let Some((status, _)) = symbols.symbol("saved_scb_reg") {
        for (offset, name) in (0..).step_by(4).zip(FAULT_WORDS) {
            if let Some(value) = status.checked_add(offset).and_then(word) {
                registers.set_by_name(name, value);
            }
        }
    }
    let mut thread = Thread::new(1, registers);
    thread.crashed = true;
    Some(thread)
}

/// s0-s15 and fpscr lie in the exception frame, if the stack was saved. It is believed if it
/// holds the same pc as the variable.
fn set_floats(registers: &mut Registers, dump: &Dump, sp: u64, exc_return: ExcReturn) {
    const EXTENDED_LEN: u64 = 26 * 4;
    if !exc_return.is_extended() {
        return;
    }
    let frame = sp.checked_sub(EXTENDED_LEN).and_then(|at| Frame::at(&dump.memory, at, true));
    if let Some(frame) = frame.filter(|frame| Some(frame.pc().into()) == registers.pc()) {
        let before = registers.sp();
        frame.restore(registers);
        if let Some(sp) = before {
            registers.set_by_name("sp", sp);
        }
    }
}

fn set_reason(dump: &mut Dump, symbols: &dyn Symbols) {
    let word = |addr: u64| dump.memory.u32_le(addr);
    let variable = |name: &str| word(symbols.symbol(name)?.0);
    let (words, signal) = match variable("error_reason") {
        Some(1) => ("assert", Signal::Abrt),
        Some(2) => ("HardFault", Signal::Segv),
        Some(3) => ("BusFault", Signal::Bus),
        Some(4) => ("MemManage", Signal::Segv),
        Some(5) => ("hardware exception", Signal::Segv),
        _ => return,
    };
    dump.reason = Reason { signal, words: words.into(), evidence: Vec::new() };
}
