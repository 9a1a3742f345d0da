//! Mongoose OS core dumps: JSON on a console, between `--- BEGIN CORE DUMP ---` and
//! `---- END CORE DUMP ----`.
//!
//! `{"arch": "STM32", "REGS": {"addr": N, "data": "base64", "crc32": N}, "NAME": {...}, ...}`:
//! `REGS` are the registers in the order of GDB's `g` packet, every other object with `addr` and
//! `data` is memory. `freertos` has `cur` and `tasks`, each with h (handle), n (name), st, cpri,
//! sb (stack base), sp and, but for the one that ran, `regs`, whose address is of the device's own
//! buffer and no memory of the crash. Lines break anywhere, and a log may put `[...]` in front
//! of each; all blanks are taken out but those in tasks' names.
//!
//! Registers:
//!
//! * Cortex-M: r0-r12 sp lr pc xpsr, with an FPU d0-d15 and fpscr, since 2.9 msp and psp; before, the
//!   words of an FPU are there (zeros) if there is none;
//! * ESP32: pc ar0-ar63 lbeg lend lcount sar windowbase windowstart configid0 configid1 ps, then what
//!   its coprocessors have. Windows are spilled: of ar16 and up there are fillers, 0xdeadbeef or 0, as
//!   for all that was not saved, which is next to everything of a task that waited on its own
//!   account. Up to IDF 3 the word of expstate has EXCCAUSE;
//! * ESP32-C3: x0-x31 pc; ESP8266: a0-a15 pc sar litbase sr176 sr208 ps.
//!
//! Source: cesanta/mongoose-os 2.20 (`mgos_core_dump.c`, `mgos_freertos.c`, `arm_exc.{c,h}`,
//! `esp_exc.{c,h}`, `esp_coredump.c`), its ESP-IDF (`core_dump_uart.c`, `gdbstub.c`,
//! `esp_gdbstub/src/xtensa/gdbstub_xtensa.c`) and its reader, 75b05d8b519,
//! `tools/serve_core/serve_core.py`. No real dump was seen.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::trap_reason;
use super::machine::{CORTEX_M, Machine, machine_of, machine_told, set_words};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, decode_base64, lines};
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::Region;
use crate::registers::Registers;
use crate::targets::Family;
use serde_json::Value;
use std::ops::Range;

const NAME: &str = "mongoose-os";
const BEGIN: &str = "--- BEGIN CORE DUMP ---";
const END: &str = "---- END CORE DUMP ----";
const REGISTERS: &str = "REGS";
/// Registers of a task, in its own object.
const TASK_REGISTERS: &str = "regs";
/// What the ESP32's code puts where it knows no value.
const FILLER: u32 = 0xdead_beef;

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
        let notes = piece.notes.clone();
        let machine = machine(&arch, context)?;
        let mut dump = Dump::new(format!("Mongoose OS core dump, {arch}"), machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        if !ended {
            dump.notes.push(
                Note::warning(format!("the log ends before '{END}': the dump is cut off"))
                    .by(NAME)
                    .code("cut"),
            );
        }
        let facts = ["app", "version", "build_id"].map(|key| (key, key));
        for (key, name) in facts.into_iter().chain([("build_ts", "build time")]) {
            dump.identity.facts.extend(text_field(&json, key).map(|text| (name.into(), text)));
        }
        let mut registers = None;
        for section in sections {
            if section.crc.is_some_and(|crc| crc != crc32fast::hash(&section.bytes)) {
                let (name, found) = (&section.name, crc32fast::hash(&section.bytes));
                let wanted = section.crc.unwrap_or_default();
                dump.notes.push(
                    Note::doubt(format!(
                        "CRC-32 of {name}: expected {wanted:08x}, found {found:08x}: lines are \
                     damaged or missing"
                    ))
                    .by(NAME)
                    .code("checksum"),
                );
            }
            if section.cut {
                dump.notes.push(
                    Note::warning(format!("{} is cut off", section.name)).by(NAME).code("cut"),
                );
            }
            if section.name == REGISTERS {
                registers = Some(section.bytes);
            } else if section.name != TASK_REGISTERS {
                let region = Region::dumped(section.addr, section.bytes.into());
                for conflict in dump.memory.insert(region.named(section.name)) {
                    let range = conflict.range;
                    dump.notes.push(
                        Note::warning(format!(
                            "memory at {range} is in the dump twice and differs"
                        ))
                        .by(NAME)
                        .code("conflict"),
                    );
                }
            }
        }
        let Some(bytes) = registers else {
            if dump.memory.region_count() == 0 {
                let fault = Fault::new(NAME, "JSON", 0, "REGS and memory", "neither");
                return Err(in_input(fault));
            }
            dump.notes.push(
                Note::warning(format!("there is no {REGISTERS}: memory only"))
                    .by(NAME)
                    .code("no-registers"),
            );
            return Ok(dump);
        };
        let mut thread = Thread::new(1, read_registers(&bytes, &arch, &dump, false));
        thread.crashed = true;
        if let Some(cause) = number_field(&json, "cause") {
            // Beyond the manual's numbers are the device's own, for its watchdogs.
            if cause < 64 {
                thread.registers.set_by_name("exccause", cause);
            }
        }
        dump.threads.push(thread);
        if let Some(reason) = trap_reason(&dump) {
            dump.reason = reason;
        }
        if let Some(value) = value {
            add_tasks(&value, &arch, &mut dump);
        }
        Ok(dump)
    }
}

fn block_starts(all: &[Line<'_>]) -> Vec<usize> {
    let begins = all.iter().enumerate().filter(|(_, line)| line.text.contains(BEGIN));
    begins.map(|(index, _)| index).collect()
}

/// The JSON text without blanks, and whether its end is there.
fn json(piece: &Piece) -> (String, bool) {
    let mut json = String::new();
    for line in lines(&piece.bytes).skip(1) {
        let mut text = &*line.text;
        if text.contains(END) {
            return (json, true);
        }
        // `[timestamp] ` in front; JSON of a dump has no array at the start of a line but this.
        if text.starts_with('[')
            && let Some((_, behind)) = text.split_once(']')
        {
            text = behind;
        }
        // A task is on one line, and its name may have blanks in it.
        let mut in_name = false;
        let has_name = text.contains("\"n\":\"");
        for c in text.chars() {
            in_name &= c != '"';
            if in_name || !c.is_whitespace() {
                json.push(c);
            }
            in_name |= has_name && c == '"' && json.ends_with("\"n\":\"");
        }
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

fn number_field(json: &str, key: &str) -> Option<u32> {
    let (_, behind) = json.split_once(&format!("\"{key}\":"))?;
    behind.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// `arch` is the name of the platform that the firmware was built for.
fn machine(arch: &str, context: &Context<'_>) -> Result<Machine> {
    match arch.to_ascii_lowercase().as_str() {
        name @ ("esp32" | "esp32c3" | "esp8266") if context.target.is_none() => {
            let chip = context.targets.chip(name)?;
            Ok(Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) })
        }
        "esp32" => machine_of(context, Family::Xtensa),
        "esp32c3" => machine_of(context, Family::RiscV32),
        _ => match machine_told(context)? {
            Some(told) => Ok(told),
            None => machine_of(context, Family::CortexM),
        },
    }
}

fn read_registers(bytes: &[u8], arch: &str, dump: &Dump, task: bool) -> Registers {
    let mut registers = Registers::unknown(dump.arch.clone());
    registers.set_why_missing("register not in the dump");
    let words: Vec<u32> = bytes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect();
    if dump.arch.register("xpsr").is_some() {
        cortex_m(&words, arch, task, &mut registers);
    } else if dump.arch.register("windowbase").is_some() {
        windowed(&words, &mut registers);
    } else if dump.arch.family == Family::Xtensa {
        let mut names: Vec<String> = (0..16).map(|n| format!("a{n}")).collect();
        // sr176 and sr208 are not read by the device.
        names.extend(["pc", "sar", "litbase", "", "", "ps"].map(String::from));
        for (name, word) in names.iter().zip(&words) {
            registers.set_by_name(name, *word);
        }
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

fn cortex_m(words: &[u32], arch: &str, task: bool, registers: &mut Registers) {
    let values = |from: usize| words.iter().skip(from).map(|word| u64::from(*word));
    set_words(registers, &CORTEX_M, values(0));
    // A task's stack pointer leaves out the word that the core may have padded its frame with.
    let padded = registers.by_name("xpsr").is_some_and(|xpsr| xpsr & 1 << 9 != 0);
    let padding = if padded { 4 } else { 0 };
    if let Some(sp) = registers.sp().filter(|_| task) {
        registers.set_sp(sp.saturating_add(padding));
    }
    // With an FPU: sixteen doubles and fpscr. CC3200 and CC3220 have none and the words all the same;
    // of a task that never used it all are zeros.
    let floats = words.get(17..50).unwrap_or_default();
    let none = arch.to_ascii_lowercase().starts_with("cc32");
    let behind = if floats.is_empty() { 17 } else { 50 };
    if let Some((fpscr, doubles)) = floats.split_last()
        && !none
        && !(task && floats.iter().all(|word| *word == 0))
    {
        for (n, pair) in doubles.as_chunks::<2>().0.iter().enumerate() {
            let [low, high] = *pair;
            registers.set_by_name(&format!("d{n}"), u64::from(low) | u64::from(high) << 32);
        }
        registers.set_by_name("fpscr", *fpscr);
    }
    match registers.sp().filter(|_| task) {
        // There is no msp of a task.
        Some(sp) => {
            registers.set_by_name("psp", sp);
        }
        None => set_words(registers, &["msp", "psp"], values(behind)),
    }
}

fn windowed(words: &[u32], registers: &mut Registers) {
    let arch = registers.arch().clone();
    let group = |range: Range<usize>| words.get(range).unwrap_or_default();
    let is_filler = |words: &[u32]| words.iter().all(|word| matches!(*word, 0 | FILLER));
    // A task that waited on its own account has a0-a3 alone, and no loop.
    let solicited = is_filler(group(5..17));
    let loops = !solicited || !is_filler(group(65..69));
    let coprocessors = !is_filler(group(74..83));
    let floats = !is_filler(group(84..105));
    let count = arch.g_registers.unwrap_or(u32::MAX);
    for (regnum, word) in (0..count).zip(words) {
        let known = match regnum {
            0..=4 | 69 | 70 | 73 => *word != FILLER,
            5..=16 => !solicited && *word != FILLER,
            65..=68 => loops && *word != FILLER,
            74..=82 => coprocessors && *word != FILLER,
            84.. => floats,
            // ar16 and up are spilled, the configuration is not read or no register of the crash.
            _ => false,
        };
        if let Some(index) = arch.register_by_regnum(regnum).filter(|_| known) {
            registers.set(index, (*word).into());
        }
    }
    if let Some(cause) = words.get(83).filter(|cause| (1..64).contains(*cause)) {
        registers.set_by_name("exccause", *cause);
    }
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
            Some(bytes) => read_registers(&bytes, arch, dump, true),
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
