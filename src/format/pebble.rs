//! PebbleOS core dumps: memory and every thread with its registers.
//!
//! | off | size | field                                                            |
//! |   0 |    4 | 0xf00dcafe, LE like all                                          |
//! |   4 |    1 | number of the core                                               |
//! |   5 |    3 | version: 1                                                       |
//! |   8 |    4 | Unix time                                                        |
//! |  12 |   16 | serial number                                                    |
//! |  28 |   64 | build id, as text                                                |
//! |  92 |      | chunks: key, size, payload; until key 0xffffffff                  |
//!
//! Chunks: 1 memory at 0x20000000 (old); 2 a thread (89 bytes: name, id, whether it ran, r0-r12
//! sp lr pc xpsr); 3 msp, psp, primask, basepri, faultmask, control; 4 address and memory. In a
//! flash partition a header of 9 or more bytes comes first; the dump is found behind it. Core 0 is
//! the watch's own; 1 is its Bluetooth controller (a Cortex-M0), whose dumps the watch fetches and
//! stores in the same format with the controller's build id and one thread.
//!
//! The dump is made by the NMI, which firmware pends. So the registers of the running thread are
//! those at the NMI's entry: pc is `NMI_Handler`, lr an EXC_RETURN, sp where the frame of the code
//! that pended it lies. If that code was a handler (a fault's, say), the handler's registers are
//! those of an extra thread called `ISR`, and the running thread has what the core stacked when it
//! was interrupted; its r4-r11, which nobody saved, read 0xa5a5a5a5, and its sp is 72 bytes too low
//! if it had used an FPU.
//!
//! Source: coredevices/PebbleOS eb194795d (2026-08) and 41f5529, `include/pebbleos/core_dump_structs.h`,
//! `src/fw/kernel/core_dump.c` (`prv_thread_info_cb`, `NMI_Handler`, `core_dump_handler_c`); google/pebble
//! 913fa41, the same file and `src/fw/drivers/bluetooth/.../core_dump.c`: version 1 is the only one. The
//! sample was cross-checked with `tools/readcore.py`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::{CORTEX_M, machine_of, set_words};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::carrier::Piece;
use crate::carrier::text::decode_hex;
use crate::cursor::{Cursor, u32_at};
use crate::dump::{Dump, FirmwareId, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, Region, text_until_nul};
use crate::registers::Registers;
use crate::targets::Family;
use bytes::Bytes;
use std::ops::Range;

const NAME: &str = "pebble";
const MAGIC: u32 = 0xf00d_cafe;
const VERSION: u32 = 1;
const OLD_RAM_ADDR: u64 = 0x2000_0000;
const END_KEY: u32 = 0xffff_ffff;
const HEADER_LEN: u64 = 92;
/// What a register holds of which the device could not save a value.
const FILLER: u64 = 0xa5a5_a5a5;
/// The thread that stands for the handler in which the dump was asked for.
const HANDLER_THREAD: &str = "ISR";

/// PebbleOS core dumps.
pub struct Pebble;

impl Format for Pebble {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "PebbleOS core dump"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        cursor.skip("header", HEADER_LEN as usize).ok()?;
        while let Ok((key, size)) = chunk_head(&mut cursor) {
            if key == END_KEY {
                return Some(cursor.offset());
            }
            cursor.skip("chunk", size as usize).ok()?;
        }
        None
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, &MAGIC.to_le_bytes(), is_head)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("PebbleOS core dump, version 1", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
        read_header(&mut cursor, &mut dump).map_err(in_input)?;
        let mut system = None;
        loop {
            let (key, size) = match chunk_head(&mut cursor) {
                Ok((END_KEY, _)) => break,
                Ok(head) => head,
                Err(fault) => {
                    dump.notes.push(
                        Note::warning(format!("{}: the dump is cut off", fault.words()))
                            .by(fault.format)
                            .code("cut"),
                    );
                    break;
                }
            };
            let offset = cursor.offset();
            let payload = cursor.take_up_to(size as usize);
            let cut = u64::from(size).saturating_sub(payload.len() as u64);
            let chunk = Chunk { key, payload, offset, cut };
            match chunk.key {
                3 => system = Some(chunk.payload),
                _ => read_chunk(chunk, &mut dump, piece),
            }
            if cut > 0 {
                dump.notes.push(
                    Note::warning(format!(
                        "the dump is cut off in the chunk at offset {offset:#x}: {cut} bytes \
                     are missing"
                    ))
                    .by(NAME)
                    .code("cut"),
                );
                break;
            }
        }
        finish_threads(&mut dump, system);
        Ok(dump)
    }
}

struct Chunk {
    key: u32,
    payload: Bytes,
    offset: u64,
    cut: u64,
}

fn is_head(bytes: &[u8]) -> bool {
    let version = u32_at(bytes, 4).is_none_or(|word| word >> 8 == VERSION);
    let key = u32_at(bytes, 92).is_none_or(|key| matches!(key, 1..=15 | END_KEY));
    u32_at(bytes, 0) == Some(MAGIC) && version && key
}

fn read_header(cursor: &mut Cursor, dump: &mut Dump) -> Result<(), Fault> {
    cursor.skip("magic", 4)?;
    let word = cursor.u32("version")?;
    let (core, version) = (word & 0xff, word >> 8);
    if version != VERSION {
        return Err(Fault::new(NAME, "version", 5, "1", version.to_string()));
    }
    let time = cursor.u32("time")?;
    let serial = text_until_nul(&cursor.take("serial number", 16)?);
    let build = text_until_nul(&cursor.take("build id", 64)?);
    dump.identity.facts.push(("time".into(), format!("{time} (Unix time)")));
    match core {
        0 => {}
        1 => dump.identity.facts.push(("core".into(), "1, the Bluetooth controller".into())),
        _ => dump.identity.facts.push(("core".into(), core.to_string())),
    }
    if !serial.is_empty() {
        dump.identity.facts.push(("serial".into(), serial));
    }
    match decode_hex(&build).filter(|id| id.len() >= 8) {
        Some(id) => dump.identity.firmware.push(FirmwareId::BuildId(id)),
        None if !build.is_empty() => dump.identity.facts.push(("build id".into(), build)),
        None => {}
    }
    Ok(())
}

/// Key and size of the next chunk. Erased flash behind the last one reads as its end.
fn chunk_head(cursor: &mut Cursor) -> Result<(u32, u32), Fault> {
    let key = cursor.u32("chunk key")?;
    if key == END_KEY {
        cursor.take_up_to(4);
        return Ok((key, 0));
    }
    Ok((key, cursor.u32("chunk size")?))
}

fn read_chunk(chunk: Chunk, dump: &mut Dump, piece: &Piece) {
    match chunk.key {
        1 => add_memory(OLD_RAM_ADDR, chunk.payload, chunk.offset, chunk.cut, dump, piece),
        2 => match thread(&chunk.payload, dump) {
            Some(thread) => dump.threads.push(thread),
            None => dump.notes.push(
                Note::warning(format!(
                    "thread at offset {:#x}: expected 89 bytes, found {}",
                    chunk.offset,
                    chunk.payload.len()
                ))
                .by(NAME)
                .code("damaged"),
            ),
        },
        4 => {
            if let Some(addr) = u32_at(&chunk.payload, 0) {
                let bytes = chunk.payload.slice(4..);
                let offset = chunk.offset.saturating_add(4);
                add_memory(addr.into(), bytes, offset, chunk.cut, dump, piece);
            }
        }
        key => dump.notes.push(
            Note::info(format!(
                "the chunk at offset {:#x} is of the unknown kind {key}: left out",
                chunk.offset
            ))
            .by(NAME)
            .code("left-out"),
        ),
    }
}

fn add_memory(addr: u64, bytes: Bytes, offset: u64, cut: u64, dump: &mut Dump, piece: &Piece) {
    let behind = addr.saturating_add(bytes.len() as u64);
    add_region(dump, NAME, Region::dumped(addr, bytes), piece, offset);
    if let Some(range) = AddrRange::of_len(behind, cut) {
        dump.memory.mark_missing(range, "the dump is cut off before it");
    }
}

fn thread(payload: &[u8], dump: &Dump) -> Option<Thread> {
    let id = u32_at(payload, 16)?;
    let ran = *payload.get(20)?;
    let words = payload.get(21..)?.as_chunks::<4>().0.get(..17)?;
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not in the dump");
    set_words(&mut registers, &CORTEX_M, words.iter().map(|w| u32::from_le_bytes(*w).into()));
    let mut thread = Thread::new(id.into(), registers);
    thread.name = Some(text_until_nul(payload.get(..16)?)).filter(|name| !name.is_empty());
    thread.crashed = ran != 0;
    thread.state = (ran != 0).then(|| "running".into());
    Some(thread)
}

/// The running thread first, with the special registers; ids above zero and unique.
fn finish_threads(dump: &mut Dump, system: Option<Bytes>) {
    let mut ids: Vec<u64> = dump.threads.iter().map(|thread| thread.id).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() != dump.threads.len() || ids.first() == Some(&0) {
        for (id, thread) in (1..).zip(&mut dump.threads) {
            thread.id = id;
        }
    }
    let running = dump.threads.iter().position(|thread| thread.crashed);
    if running.is_none() && !dump.threads.is_empty() {
        dump.notes.push(
            Note::warning("no thread is marked as running: the first one is shown first")
                .by(NAME)
                .code("crashed-unknown"),
        );
    }
    let index = running.unwrap_or_default();
    if index >= dump.threads.len() {
        dump.notes
            .push(Note::warning("there is no thread in the dump").by(NAME).code("no-registers"));
        return;
    }
    for thread in &mut dump.threads {
        thread.crashed = false;
    }
    let mut first = dump.threads.remove(index);
    first.crashed = true;
    let in_handler =
        dump.threads.iter().any(|thread| thread.name.as_deref() == Some(HANDLER_THREAD));
    let lost = (4..=11).map(|n| format!("r{n}"));
    if lost.clone().all(|name| first.registers.by_name(&name) == Some(FILLER)) {
        lost.for_each(|name| first.registers.forget(&name));
    }
    if in_handler {
        dump.notes.push(Note::info(format!(
            "the dump was asked for in an exception handler: the thread \"{HANDLER_THREAD}\" \
             has its registers, the running thread those that the exception stacked (r4-r11 were not \
             saved; sp is 72 bytes too low if the thread had used the FPU)"
        )).by(NAME).code("reconstructed"));
    }
    if let Some(system) = system {
        for (name, at) in [("msp", 0), ("psp", 4)] {
            if let Some(value) = u32_at(&system, at) {
                first.registers.set_by_name(name, value);
            }
        }
        for (name, at) in [("primask", 8), ("basepri", 9), ("faultmask", 10), ("control", 11)] {
            if let Some(value) = system.get(at) {
                first.registers.set_by_name(name, *value);
            }
        }
    }
    dump.threads.insert(0, first);
}
