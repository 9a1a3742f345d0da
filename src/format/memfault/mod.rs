//! Memfault core dumps, as devices save them and as `memfault_gdb.py` writes them.
//!
//! | off | size | field                                                          |
//! |   0 |    4 | `CORE`                                                         |
//! |   4 |    4 | version, LE like all; 1 has no footer: old SDKs, the GDB script |
//! |   8 |    4 | size of everything, header and footer included                 |
//! |  12 |      | blocks: type (1 byte), 3 bytes of nothing, address, length, payload |
//! | -16 |    4 | `DUMP`, version 2 only                                         |
//! | -12 |    4 | flags: bit 0 truncated                                         |
//!
//! `registers.rs` knows the register block of each machine, `chunks.rs` is the carrier for the
//! base64 chunks that devices print.
//!
//! A device with several cores saves a register block of each, in the order of their numbers, also
//! of those it could not ask.
//!
//! Source: memfault-firmware-sdk 1.43.0 (c2ec435) and, for version 1, 005e155,
//! `components/panics/src/memfault_coredump.c`, `scripts/memfault_gdb.py`; reasons: 8cd5dc1,
//! `components/include/memfault/core/reboot_reason_types.h`. Not cross-checked with another reader,
//! there is none.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

pub mod chunks;
mod registers;

use super::fault_text::trap_reason;
use super::machine::{Machine, machine_of};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::carrier::Piece;
use crate::cursor::{Cursor, u32_at};
use crate::dump::{Dump, FirmwareId, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::{AddrRange, Region};
use crate::reason::{FaultWord, Reason, Signal};
use crate::targets::Family;
use bytes::Bytes;
use std::ops::Range;

const NAME: &str = "memfault";
const MAGIC: &[u8] = b"CORE";
const FOOTER_MAGIC: u32 = 0x504d_5544;
const FOOTER_LEN: usize = 16;
const HEADER_LEN: usize = 12;
const BLOCK_HEADER_LEN: usize = 12;
const FLAG_TRUNCATED: u32 = 1;
/// No device saves more.
const LARGEST: u32 = 1 << 30;
/// Exceptions of any kind, on what is no Cortex-M.
const HARD_FAULT: u64 = 0x9400;
/// Where the GDB script puts the time, which is no memory.
const TIME_ADDR: u32 = 0xffff_fffc;

/// Memfault core dumps.
pub struct Memfault;

/// Types of blocks.
mod block {
    pub(super) const REGISTERS: u8 = 0;
    pub(super) const MEMORY: u8 = 1;
    pub(super) const DEVICE_SERIAL: u8 = 2;
    pub(super) const FIRMWARE_VERSION: u8 = 3;
    pub(super) const HARDWARE_VERSION: u8 = 4;
    pub(super) const TRACE_REASON: u8 = 5;
    pub(super) const MACHINE: u8 = 7;
    pub(super) const ESP_IDF: u8 = 8;
    pub(super) const SOFTWARE_VERSION: u8 = 10;
    pub(super) const SOFTWARE_TYPE: u8 = 11;
    pub(super) const BUILD_ID: u8 = 12;
    /// Types above are not in use; bytes that claim one are no block.
    pub(super) const LAST: u8 = 31;
}

struct Block {
    kind: u8,
    addr: u32,
    payload: Bytes,
    offset: u64,
    /// How many bytes are missing at its end.
    cut: u32,
}

impl Format for Memfault {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Memfault core dump (file, flash region, chunks)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        u32_at(&piece.bytes, 8).map(u64::from)
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, MAGIC, is_head)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut notes = piece.notes.clone();
        let (version, blocks) = read_blocks(piece, &mut notes).map_err(in_input)?;
        let machine = blocks.iter().find(|block| block.kind == block::MACHINE);
        let number = machine.and_then(|block| u32_at(&block.payload, 0));
        let Some(family) = registers::family(number) else {
            let offset = machine.map_or(0, |block| block.offset);
            let found = number.unwrap_or_default().to_string();
            let expected = "3, 40, 94, 183 or 243 in the low half";
            return Err(in_input(Fault::new(NAME, "machine type", offset, expected, found)));
        };
        let machine = match registers::chip(number).filter(|_| context.target.is_none()) {
            Some(name) => {
                let chip = context.targets.chip(name)?;
                Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) }
            }
            None => machine_of(context, family)?,
        };
        let mut dump = Dump::new(format!("Memfault core dump, version {version}"), machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        if number.is_none() {
            dump.notes.push(
                Note::warning("there is no machine type: taken for a Cortex-M")
                    .by(NAME)
                    .code("assumed"),
            );
        }
        for block in &blocks {
            read_block(block, &mut dump, piece);
        }
        let registers: Vec<&Block> =
            blocks.iter().filter(|block| block.kind == block::REGISTERS).collect();
        add_cores(&registers, family, &mut dump);
        doubt_chip(&mut dump, context);
        if matches!(family, Family::Xtensa | Family::RiscV32)
            && dump.reason.evidence.first().is_some_and(|word| word.value == HARD_FAULT)
            && let Some(mut trap) = trap_reason(&dump)
        {
            // The SDK calls every exception of these a HardFault.
            let address = trap.evidence.iter().find(|word| word.name == "excvaddr");
            if address.is_some_and(|word| word.value == 0) {
                dump.notes.push(
                    Note::info(
                        "excvaddr is 0: a null pointer, or (Zephyr) an address that was not saved",
                    )
                    .by(NAME)
                    .code("ambiguous-register"),
                );
            }
            trap.evidence.append(&mut dump.reason.evidence);
            dump.reason = trap;
        }
        Ok(dump)
    }
}

/// A thread for each core whose registers are there.
fn add_cores(blocks: &[&Block], family: Family, dump: &mut Dump) {
    for (index, block) in blocks.iter().enumerate() {
        if blocks.len() > 1 && registers::is_blank(&block.payload, family) {
            dump.notes.push(
                Note::info(format!("core {index}: the device could not save its registers"))
                    .by(NAME)
                    .code("unknown-register"),
            );
            continue;
        }
        let Some(registers) = registers::read(&block.payload, family, dump.arch.clone()) else {
            let len = block.payload.len();
            let at = block.offset;
            dump.notes.push(
                Note::warning(format!(
                    "registers at offset {at:#x}: {len} bytes are no known layout"
                ))
                .by(NAME)
                .code("unknown-register"),
            );
            continue;
        };
        let mut thread = Thread::new((index as u64).saturating_add(1), registers);
        thread.core = Some(index as u32).filter(|_| blocks.len() > 1);
        dump.threads.push(thread);
    }
    if dump.threads.len() > 1 {
        dump.notes.push(
            Note::doubt(format!(
                "the dump does not say which core crashed: taken for core {}",
                dump.threads.first().and_then(|thread| thread.core).unwrap_or_default()
            ))
            .by(NAME)
            .code("crashed-unknown"),
        );
    }
    if let Some(first) = dump.threads.first_mut() {
        first.crashed = true;
    }
}

/// ESP32 is also what the SDK calls a chip that it does not know: the addresses of its code tell
/// it. A pc that lies nowhere tells nothing, it may be why the device crashed.
fn doubt_chip(dump: &mut Dump, context: &Context<'_>) {
    let Some(chip) = dump.chip.clone().filter(|chip| chip.name == "esp32") else { return };
    let Some(pc) = dump.crashed().and_then(|thread| thread.registers.pc()) else { return };
    let holds = |name: &&str| context.targets.chip(name).is_ok_and(|c| c.memory_at(pc).is_some());
    if chip.memory_at(pc).is_none()
        && context.target.is_none()
        && let Some(other) = ["esp32s2", "esp32s3"].into_iter().find(holds)
    {
        dump.notes.push(
            Note::doubt(format!(
                "the dump is of an esp32, but its code at {pc:#x} is where an {other} has some: \
             --target names the chip"
            ))
            .by(NAME)
            .code("assumed"),
        );
    }
}

fn is_head(bytes: &[u8]) -> bool {
    let word = |at: usize| u32_at(bytes, at);
    let total = word(8).is_none_or(|total| (HEADER_LEN as u32..=LARGEST).contains(&total));
    let first = bytes.get(HEADER_LEN).is_none_or(|kind| *kind <= block::LAST);
    let fits = word(20).is_none_or(|len| word(8).is_some_and(|total| len <= total));
    bytes.starts_with(MAGIC) && matches!(word(4), Some(1 | 2)) && total && first && fits
}

/// The version, and the blocks that are there.
fn read_blocks(piece: &Piece, notes: &mut Vec<Note>) -> Result<(u32, Vec<Block>), Fault> {
    let mut cursor = Cursor::new(NAME, piece.bytes.clone(), 0);
    cursor.skip("signature", 4)?;
    let version = cursor.u32("version")?;
    let total = cursor.u32("total size")? as usize;
    let footer_len = if version >= 2 { FOOTER_LEN } else { 0 };
    if total < HEADER_LEN.saturating_add(footer_len) {
        let expected = format!("at least {}", HEADER_LEN.saturating_add(footer_len));
        return Err(Fault::new(NAME, "total size", 8, expected, total.to_string()));
    }
    let there = piece.bytes.len();
    if total > there {
        notes.push(
            Note::warning(format!(
                "the dump is cut off: {total} bytes by its header, {there} in the file"
            ))
            .by(NAME)
            .code("cut"),
        );
    }
    let end = total.saturating_sub(footer_len);
    if let Some(footer) = piece.bytes.get(end..total).filter(|_| footer_len > 0) {
        if u32_at(footer, 0) != Some(FOOTER_MAGIC) {
            notes.push(
                Note::doubt(format!(
                    "footer at offset {end:#x}: expected DUMP, found other bytes: the dump was \
                 overwritten or is not whole"
                ))
                .by(NAME)
                .code("checksum"),
            );
        } else if u32_at(footer, 4).is_some_and(|flags| flags & FLAG_TRUNCATED != 0) {
            notes.push(
                Note::warning("the device ran out of space: the dump is not complete")
                    .by(NAME)
                    .code("cut"),
            );
        }
    }
    let mut blocks = Vec::new();
    let mut cursor = Cursor::new(NAME, piece.bytes.slice(..end.min(there)), 0);
    cursor.skip("header", HEADER_LEN)?;
    while cursor.left() >= BLOCK_HEADER_LEN {
        let at = cursor.offset();
        let kind = cursor.u8("block type")?;
        cursor.skip("block type", 3)?;
        let addr = cursor.u32("block address")?;
        let len = cursor.u32("block length")?;
        if kind > block::LAST {
            notes.push(
                Note::warning(format!(
                    "block at offset {at:#x}: expected a type up to {}, found {kind}: what \
                 follows is left out",
                    block::LAST
                ))
                .by(NAME)
                .code("left-out"),
            );
            break;
        }
        let offset = cursor.offset();
        let payload = cursor.take_up_to(len as usize);
        let cut = len.saturating_sub(payload.len() as u32);
        if cut > 0 && total <= there {
            notes.push(
                Note::warning(format!(
                    "block at offset {at:#x} is {len} bytes long, only {} are there",
                    payload.len()
                ))
                .by(NAME)
                .code("cut"),
            );
        }
        blocks.push(Block { kind, addr, payload, offset, cut });
    }
    Ok((version, blocks))
}

fn read_block(block: &Block, dump: &mut Dump, piece: &Piece) {
    let text = || String::from_utf8_lossy(&block.payload).trim_end_matches('\0').to_string();
    let mut fact = |name: &str| dump.identity.facts.push((name.to_string(), text()));
    match block.kind {
        block::MEMORY if block.addr == TIME_ADDR => {
            if let Some(time) = u32_at(&block.payload, 0) {
                dump.identity.facts.push(("time".into(), format!("{time} (Unix time)")));
            }
        }
        block::MEMORY => {
            let region = Region::dumped(block.addr.into(), block.payload.clone());
            add_region(dump, NAME, region, piece, block.offset);
            let behind = u64::from(block.addr).saturating_add(block.payload.len() as u64);
            if let Some(range) = AddrRange::of_len(behind, block.cut.into()) {
                dump.memory.mark_missing(range, "the dump is cut off before it");
            }
        }
        block::DEVICE_SERIAL => fact("serial"),
        block::FIRMWARE_VERSION | block::SOFTWARE_VERSION => fact("version"),
        block::SOFTWARE_TYPE => fact("software"),
        block::HARDWARE_VERSION => fact("hardware"),
        block::BUILD_ID if !block.payload.is_empty() => {
            dump.identity.firmware.push(FirmwareId::BuildId(block.payload.to_vec()));
        }
        block::TRACE_REASON => {
            if let Some(reason) = u32_at(&block.payload, 0) {
                dump.reason = trace_reason(reason);
            }
        }
        block::ESP_IDF => dump.notes.push(
            Note::warning(format!(
                "block at offset {:#x} holds an ESP-IDF core dump: --offset {:#x} --format \
             esp-idf opens it",
                block.offset, block.offset
            ))
            .by(NAME)
            .code("embedded-dump"),
        ),
        _ => {}
    }
}

/// `eMemfaultRebootReason`.
fn trace_reason(number: u32) -> Reason {
    let (words, signal) = match number {
        0x0001 => ("shut down by the user", Signal::Abrt),
        0x0002 => ("reset by the user", Signal::Abrt),
        0x0003 => ("firmware update", Signal::Abrt),
        0x0004 => ("low power", Signal::Abrt),
        0x0005 => ("halted by a debugger", Signal::Int),
        0x0006 => ("reset by a button", Signal::Abrt),
        0x0007 => ("power-on reset", Signal::Abrt),
        0x0008 => ("software reset", Signal::Abrt),
        0x0009 => ("deep sleep", Signal::Abrt),
        0x000a => ("reset by a pin", Signal::Abrt),
        0x000b => ("self test", Signal::Abrt),
        0x1000..=0x10ff => ("an expected reset with a name of the firmware's", Signal::Abrt),
        0x8000 => ("unknown error", Signal::Abrt),
        0x8001 => ("assert", Signal::Abrt),
        0x8002 => ("watchdog", Signal::Abrt),
        0x8003 => ("brown-out reset", Signal::Abrt),
        0x8004 => ("NMI", Signal::Abrt),
        0x8005 => ("hardware watchdog", Signal::Abrt),
        0x8006 => ("software watchdog", Signal::Abrt),
        0x8007 => ("clock failure", Signal::Abrt),
        0x8008 => ("kernel panic", Signal::Abrt),
        0x8009 => ("failed firmware update", Signal::Abrt),
        0x800a => ("out of memory", Signal::Abrt),
        0x800b => ("stack overflow", Signal::Segv),
        0x800c => ("task watchdog", Signal::Abrt),
        0x9100 => ("BusFault", Signal::Bus),
        0x9200 => ("MemManage", Signal::Segv),
        0x9300 => ("UsageFault", Signal::Ill),
        0x9400 => ("HardFault", Signal::Segv),
        0x9401 => ("lockup", Signal::Segv),
        0x9402 => ("security violation", Signal::Segv),
        0x9403 => ("parity error", Signal::Bus),
        0x9404 => ("temperature", Signal::Abrt),
        0x9405 => ("hardware error", Signal::Abrt),
        0xa000..=0xa0ff => ("a crash with a name of the firmware's", Signal::Abrt),
        0x0000..=0x7fff => ("an expected reset", Signal::Abrt),
        _ => ("a reason that is not in the table", Signal::Abrt),
    };
    let evidence = vec![FaultWord {
        name: "trace".into(),
        value: number.into(),
        words: format!("{words} (Memfault's reboot reason)"),
    }];
    Reason::new(signal, words, evidence)
}
