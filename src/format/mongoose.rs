//! Mongoose OS core dumps: JSON on a console, between `--- BEGIN CORE DUMP ---` and
//! `---- END CORE DUMP ----`.
//!
//! `{"arch": "STM32", "REGS": {"addr": N, "data": "base64", "crc32": N}, "NAME": {...}, ...}`:
//! `REGS` are the registers in the order of GDB's `g` packet, every other object with `addr` and
//! `data` is memory. `freertos` has `cur` and `tasks`, each with h (handle), n (name), st, cpri,
//! sb (stack base), sp and maybe `regs`. Lines break anywhere, and a log may put `[...]` in front
//! of each; all blanks are taken out.
//!
//! Registers: Cortex-M r0-r12 sp lr pc xpsr, with an FPU d0-d15 and fpscr, in newer releases msp
//! and psp; ESP32 as its GDB numbers them; ESP8266 a0-a15 pc sar litbase sr176 sr208 ps.
//!
//! Source: cesanta/mongoose-os 2.20, `platforms/common/*core_dump*`, `arm_exc.h`;
//! `tools/serve_core/serve_core.py`. Written from the producer's source.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::machine::{CORTEX_M, Family, Machine, machine_of, machine_told, set_words};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, decode_base64, lines};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::Region;
use crate::registers::Registers;
use serde_json::Value;

const NAME: &str = "mongoose-os";
const BEGIN: &str = "--- BEGIN CORE DUMP ---";
const END: &str = "---- END CORE DUMP ----";
const REGISTERS: &str = "REGS";

/// Mongoose OS core dumps.
pub struct Mongoose;

/// The core dumps in a log.
pub static MONGOOSE_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[BEGIN], starts: block_starts, is_title: |_| false };

/// An object with data.
struct Section {
    name: String,
    addr: u64,
    bytes: Vec<u8>,
    crc: Option<u32>,
    cut: bool,
}

impl Format for Mongoose {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Mongoose OS core dump (JSON on a console)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let (json, ended) = json(piece);
        let sections = sections(&json);
        let value: Option<Value> = serde_json::from_str(&json).ok();
        let arch = text_field(&json, "arch").unwrap_or_default();
        let mut notes = piece.notes.clone();
        let machine = machine(&arch, context, &mut notes)?;
        let mut dump = Dump::new(format!("Mongoose OS core dump, {arch}"), machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        if !ended {
            dump.warn(format!("{NAME}: the log ends before '{END}': the dump is cut off"));
        }
        for key in ["app", "version", "build_id"] {
            dump.identity.facts.extend(text_field(&json, key).map(|text| (key.into(), text)));
        }
        let mut registers = None;
        for section in sections {
            if section.crc.is_some_and(|crc| crc != crc32fast::hash(&section.bytes)) {
                let (name, found) = (&section.name, crc32fast::hash(&section.bytes));
                let wanted = section.crc.unwrap_or_default();
                dump.notes.push(Note::doubt(format!(
                    "{NAME}: CRC-32 of {name}: expected {wanted:08x}, found {found:08x}: lines are \
                     damaged or missing"
                )));
            }
            if section.cut {
                dump.warn(format!("{NAME}: {} is cut off", section.name));
            }
            if section.name == REGISTERS {
                registers = Some(section.bytes);
            } else {
                let region = Region::dumped(section.addr, section.bytes.into());
                for conflict in dump.memory.insert(region.named(section.name)) {
                    let range = conflict.range;
                    dump.warn(format!(
                        "{NAME}: memory at {range} is in the dump twice and differs"
                    ));
                }
            }
        }
        let Some(bytes) = registers else {
            if dump.memory.region_count() == 0 {
                let fault = Fault::new(NAME, "JSON", 0, "REGS and memory", "neither");
                return Err(in_input(fault));
            }
            dump.warn(format!("{NAME}: there is no {REGISTERS}: memory only"));
            return Ok(dump);
        };
        let mut thread = Thread::new(1, read_registers(&bytes, &arch, &dump));
        thread.crashed = true;
        dump.threads.push(thread);
        if let Some(value) = value {
            add_tasks(&value, &arch, &mut dump);
        }
        Ok(dump)
    }
}

fn block_starts(all: &[Line]) -> Vec<usize> {
    let begins = all.iter().enumerate().filter(|(_, line)| line.text.contains(BEGIN));
    begins.map(|(index, _)| index).collect()
}

/// The JSON text without blanks, and whether its end is there.
fn json(piece: &Piece) -> (String, bool) {
    let mut json = String::new();
    for line in lines(&piece.bytes).skip(1) {
        let mut text = line.text.as_str();
        if text.contains(END) {
            return (json, true);
        }
        // `[timestamp] ` in front; JSON of a dump has no array at the start of a line but this.
        if text.starts_with('[')
            && let Some((_, behind)) = text.split_once("] ")
        {
            text = behind;
        }
        json.extend(text.chars().filter(|c| !c.is_whitespace()));
    }
    (json, false)
}

/// All `"NAME":{"addr":N,"data":"...","crc32":N}`; the last one may be cut off.
fn sections(json: &str) -> Vec<Section> {
    let mut all = Vec::new();
    let mut rest = json;
    while let Some((before, behind)) = rest.split_once("\":{\"addr\":") {
        let name = before.rsplit('"').next().unwrap_or_default().to_string();
        let digits = behind.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        let Some((_, data)) = behind.split_once("\"data\":\"") else { break };
        let (text, tail) = data.split_once('"').map_or((data, None), |(a, b)| (a, Some(b)));
        let whole = text.len().checked_rem(4).map_or(0, |odd| text.len().saturating_sub(odd));
        let bytes = text.get(..whole).and_then(decode_base64).unwrap_or_default();
        let crc = tail.and_then(|tail| tail.strip_prefix(",\"crc32\":"));
        let crc = crc.and_then(|crc| crc.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        let addr = digits.parse().unwrap_or_default();
        all.push(Section { name, addr, bytes, crc, cut: tail.is_none() });
        rest = tail.unwrap_or_default();
    }
    all
}

fn text_field(json: &str, key: &str) -> Option<String> {
    let (_, behind) = json.split_once(&format!("\"{key}\":\""))?;
    Some(behind.split('"').next()?.to_string())
}

fn machine(arch: &str, context: &Context<'_>, notes: &mut Vec<Note>) -> Result<Machine> {
    match arch.to_ascii_uppercase().as_str() {
        "ESP32" => machine_of(context, Family::Xtensa),
        "ESP8266" => {
            notes.push(Note::doubt(format!(
                "{NAME}: there is no register set of the ESP8266 here: its registers are shown with \
                 the names of the ESP32's, and no GDB but Espressif's for the ESP8266 can unwind them"
            )));
            machine_of(context, Family::Xtensa)
        }
        _ => match machine_told(context)? {
            Some(told) => Ok(told),
            None => machine_of(context, Family::CortexM),
        },
    }
}

fn read_registers(bytes: &[u8], arch: &str, dump: &Dump) -> Registers {
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not in the dump");
    let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect();
    let values = |from: usize| words.iter().skip(from).map(|word| u64::from(*word));
    if dump.arch.register("xpsr").is_some() {
        set_words(&mut registers, &CORTEX_M, values(0));
        // With an FPU: sixteen doubles and fpscr.
        let behind = if words.len() >= 50 { 50 } else { 17 };
        for (n, pair) in words.get(17..49).unwrap_or_default().as_chunks::<2>().0.iter().enumerate()
        {
            let [low, high] = *pair;
            registers.set_by_name(&format!("d{n}"), u64::from(low) | u64::from(high) << 32);
        }
        if let Some(fpscr) = words.get(49) {
            registers.set_by_name("fpscr", *fpscr);
        }
        set_words(&mut registers, &["msp", "psp"], values(behind));
    } else if arch.eq_ignore_ascii_case("ESP8266") {
        let mut names: Vec<String> = (0..16).map(|n| format!("ar{n}")).collect();
        names.extend(["pc", "sar", "", "", "", "ps"].map(String::from));
        for (name, word) in names.iter().zip(&words) {
            registers.set_by_name(name, *word);
        }
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
    } else {
        let count = dump.arch.g_registers.unwrap_or(u32::MAX);
        for (regnum, word) in (0..count).zip(&words) {
            if let Some(index) = dump.arch.register_by_regnum(regnum) {
                registers.set(index, (*word).into());
            }
        }
    }
    registers
}

/// The tasks of FreeRTOS; the one that ran is the crashed one.
fn add_tasks(json: &Value, arch: &str, dump: &mut Dump) {
    let Some(freertos) = json.get("freertos") else { return };
    let current = freertos.get("cur").and_then(Value::as_u64);
    let tasks = freertos.get("tasks").and_then(Value::as_array);
    for task in tasks.into_iter().flatten() {
        let Some(handle) = task.get("h").and_then(Value::as_u64).filter(|handle| *handle > 1)
        else {
            continue;
        };
        let text = |key: &str| task.get(key).and_then(Value::as_str).map(str::to_string);
        let number = |key: &str| task.get(key).and_then(Value::as_u64);
        if current == Some(handle) {
            if let Some(thread) = dump.threads.first_mut() {
                thread.id = handle;
                thread.name = text("n");
                thread.control_block = Some(handle);
                thread.priority = number("cpri").and_then(|n| i64::try_from(n).ok());
            }
            continue;
        }
        let data = task.get("regs").and_then(|regs| regs.get("data")).and_then(Value::as_str);
        let mut registers = match data.and_then(decode_base64) {
            Some(bytes) => read_registers(&bytes, arch, dump),
            None => Registers::unknown(dump.arch.clone()),
        };
        if registers.sp().is_none()
            && let Some(sp) = number("sp")
        {
            let name = dump.arch.registers.get(dump.arch.sp).map_or("sp", |r| r.name.as_str());
            registers.set_by_name(name, sp);
        }
        if dump.threads.iter().any(|thread| thread.id == handle) {
            continue;
        }
        let mut thread = Thread::new(handle, registers);
        thread.name = text("n");
        thread.control_block = Some(handle);
        thread.priority = number("cpri").and_then(|n| i64::try_from(n).ok());
        dump.threads.push(thread);
    }
}
