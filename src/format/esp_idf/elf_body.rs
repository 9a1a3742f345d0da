//! The ELF body (versions 0x0100 to 0x0104), and the bare ELF cores that tools save.
//!
//! Program headers: a note segment with one `NT_PRSTATUS` per task, the crashed one first; then
//! per task its control block and its stack; an interrupted task's stack behind those of the
//! crashed one; memory regions; heap blocks; a note segment with what else is known. Which
//! segment is whose is told by addresses, not by order: since 5.4 a dump of all DRAM has no
//! stack segments of its own, and saved cores are sorted differently.
//!
//! | note                 | type | description                                        |
//! | CORE                 |    1 | registers; see `frame.rs`                          |
//! | ESP_CORE_DUMP_INFO   | 8266 | version word, ELF SHA-256 in hexadecimal           |
//! | ESP_EXTRA_INFO       |  677 | crashed control block, Xtensa special registers    |
//! | ESP_PANIC_DETAILS    |  679 | text without NUL; there can be several             |
//! | TASK_INFO            |  678 | made by esp-coredump from binary dumps             |
//! | ESP_CHIP_REV         | 8266 | made by esp-coredump                               |
//!
//! Source: ESP-IDF v4.1 to v6.0, `components/espcoredump/src/core_dump_elf.c`; esp-coredump
//! 1.16; seen in real dumps of esp32, esp32c3 and esp32c6.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::NAME;
use super::body::{Body, Extent, ExtraInfo, RegisterNote, TaskFlags, TaskRecord};
use crate::carrier::Piece;
use crate::cursor::u32_at;
use crate::dump::Note;
use crate::error::Fault;
use crate::format::elf::{CoreFile, ElfNote, parse_core};
use crate::memory::text_until_nul;
use bytes::Bytes;

const NT_PRSTATUS: u32 = 1;
const NT_EXTRA_INFO: u32 = 677;
const NT_TASK_INFO: u32 = 678;
const NT_PANIC_DETAILS: u32 = 679;
/// `ESP_CORE_DUMP_INFO` and `ESP_CHIP_REV` share a number.
const NT_DUMP_INFO: u32 = 8266;
/// Where a register note has the task's id: `pr_pid`.
const PRSTATUS_PID_OFF: usize = 24;
/// `ESP_EXTRA_INFO` of Xtensa has this many register pairs.
const SPECIAL_PAIRS: usize = 18;

/// Whether an ELF core is one of ESP-IDF's: it has one of its notes.
pub(super) fn is_esp_core(bytes: &Bytes) -> bool {
    parse_core(NAME, bytes).is_ok_and(|core| {
        core.notes.iter().any(|note| {
            matches!(note.kind, NT_EXTRA_INFO | NT_PANIC_DETAILS | NT_DUMP_INFO)
                && (note.name.starts_with("ESP_") || note.name == "EXTRA_INFO")
        })
    })
}

/// Reads the body, which starts at `base` in `piece`.
///
/// # Errors
/// A [`Fault`] if it is no ELF core at all.
pub(super) fn read(bytes: &Bytes, base: u64, piece: &Piece) -> Result<Body, Fault> {
    let core = parse_core(NAME, bytes)?;
    let mut body = Body {
        machine: Some(core.machine),
        extents: extents(&core, base),
        notes: core.problems.clone(),
        ..Body::default()
    };
    for note in &core.notes {
        read_note(note, base, piece, &mut body);
    }
    let pids: Vec<u32> = body.tasks.iter().map(|task| task.tcb_addr).collect();
    for task in &mut body.tasks {
        if let Some(index) = body.extents.iter().position(|extent| extent.addr == task.tcb_addr) {
            task.tcb = body.extents.get(index).cloned().unwrap_or_default();
            // A stack that was saved for this task alone comes right behind the control block.
            task.stack = body
                .extents
                .get(index.saturating_add(1))
                .filter(|extent| !pids.contains(&extent.addr))
                .cloned();
        }
    }
    let of_a_task = |addr: &u32| {
        pids.contains(addr)
            || body.tasks.iter().any(|task| task.stack.as_ref().is_some_and(|s| s.addr == *addr))
    };
    body.segments = body.extents.iter().map(|e| e.addr).filter(|addr| !of_a_task(addr)).collect();
    Ok(body)
}

fn extents(core: &CoreFile, base: u64) -> Vec<Extent> {
    core.segments
        .iter()
        .map(|segment| Extent {
            addr: segment.addr as u32,
            bytes: segment.bytes.clone(),
            offset: base.saturating_add(segment.offset),
            cut: segment.file_len.saturating_sub(segment.bytes.len() as u64),
        })
        .collect()
}

fn read_note(note: &ElfNote, base: u64, piece: &Piece, body: &mut Body) {
    let desc = &note.desc;
    let offset = base.saturating_add(note.offset);
    if note.kind != NT_PRSTATUS && piece.is_lost(offset, desc.len() as u64) {
        body.notes.push(
            Note::warning(format!(
                "note {} at offset {offset:#x} is damaged: it is left out",
                note.name
            ))
            .by(NAME)
            .code("damaged"),
        );
        return;
    }
    match (note.kind, note.name.as_str()) {
        (NT_PRSTATUS, _) => match u32_at(desc, PRSTATUS_PID_OFF) {
            Some(tcb_addr) if !piece.is_lost(offset.saturating_add(PRSTATUS_PID_OFF as u64), 4) => {
                let prstatus = Some(RegisterNote { desc: desc.clone(), offset });
                let tcb = Extent::default();
                body.tasks.push(TaskRecord { tcb_addr, tcb, stack: None, prstatus });
            }
            found => body.notes.push(
                Note::warning(format!(
                    "register note at offset {offset:#x}: expected the task's id, found {}: a \
                 task is not shown",
                    found.map_or("the end of the note", |_| "a damaged line")
                ))
                .by(NAME)
                .code("no-registers"),
            ),
        },
        (NT_DUMP_INFO, "ESP_CHIP_REV") => {
            body.chip_revision = u32_at(desc, 0).map(|revision| revision as u16);
        }
        (NT_DUMP_INFO, _) => {
            body.version = u32_at(desc, 0);
            let sha = desc.get(4..).map(text_until_nul).unwrap_or_default();
            let digits = !sha.is_empty() && sha.bytes().all(|b| b.is_ascii_hexdigit());
            body.app_sha256 = digits.then(|| sha.to_ascii_lowercase());
        }
        (NT_EXTRA_INFO, _) => body.extra = extra_info(desc, note.name.starts_with("ESP_")),
        (NT_PANIC_DETAILS, _) => {
            let text = text_until_nul(desc);
            if !text.trim().is_empty() {
                body.panic_details.push(text.trim().to_string());
            }
        }
        (NT_TASK_INFO, _) => {
            if let (Some(flags), Some(tcb_addr)) = (u32_at(desc, 4), u32_at(desc, 8)) {
                body.task_flags.push(TaskFlags {
                    tcb_addr,
                    tcb_corrupted: flags & 1 != 0,
                    stack_corrupted: flags & 2 != 0,
                });
            }
        }
        _ => {}
    }
}

/// RISC-V: crashed control block and, since 5.1.3, whether in an interrupt. Xtensa has register
/// pairs between the two. Host-made notes number EXCCAUSE 0 and EXCVADDR 1.
fn extra_info(desc: &[u8], from_device: bool) -> Option<ExtraInfo> {
    let word = |n: usize| u32_at(desc, n.checked_mul(4)?);
    let mut extra = ExtraInfo { crashed_tcb: word(0)?, ..ExtraInfo::default() };
    let words = desc.len() / 4;
    if words <= 2 {
        extra.in_interrupt = word(1).map(|flag| flag != 0);
        return Some(extra);
    }
    let (pairs, flag) = match from_device {
        true => (SPECIAL_PAIRS, word(SPECIAL_PAIRS.saturating_mul(2).saturating_add(1))),
        false => (words.saturating_sub(1) / 2, None),
    };
    extra.in_interrupt = flag.map(|flag| flag != 0);
    for pair in 0..pairs {
        let at = pair.saturating_mul(2).saturating_add(1);
        let (Some(number), Some(value)) = (word(at), word(at.saturating_add(1))) else { break };
        let number = match (number, from_device) {
            (0, true) => continue,
            (0, false) if pair == 0 => super::frame::SR_EXCCAUSE,
            (1, false) => super::frame::SR_EXCVADDR,
            (0, false) => continue,
            (number, _) => number,
        };
        extra.special.push((number, value));
    }
    Some(extra)
}
