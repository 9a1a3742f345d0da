//! PX4's hardfault log: a text on the SD card, also inside ULog files.
//!
//! `Begin Fault Log`, type and task, `Processor registers:` as `r0:0x... `, since 2021
//! `Fault status registers:`, the bounds of the stacks, and a window of each stack in lines
//! `0xADDR 0xWORD`, falling. `mmfsr` and `bfsr` are the *address* registers MMFAR and BFAR.
//!
//! Folklore:
//! 1. Printed stack addresses step by 1 instead of 4 in many releases. They count words from
//!    the stack pointer.
//! 2. Some releases print `0x` and then a *decimal* number: all registers, stacks and stacks'
//!    bounds (173e5c75542), but not where the registers were. Bounds are taken as they look.
//! 3. Some print `name:[0x...]` and `0xADDR 0xA -> [0xB]`: the number in brackets counts.
//! 4. An assertion that fails in a task has no registers: the kernel keeps them in interrupts only.
//!    Its stack is printed from the stack pointer on, which is then the one register known.
//!
//! Source: `src/systemcmds/hardfault_log/hardfault_log.c` of PX4-Autopilot 018112025fe (hexadecimal,
//! by 1) and 173e5c75542 (decimal, by 1), and of tiiuae/px4-firmware 67d9085231d (hexadecimal, by 4);
//! when what is saved: PX4-Autopilot 0104bf82ac8, `platforms/nuttx/src/px4/common/board_crashdump.c`.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::fault_text::{add_stack, hex, registers};
use super::machine::machine_of;
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::reason::Signal;
use crate::targets::Family;

const NAME: &str = "px4-hardfault";
const BEGIN: &str = "Begin Fault Log";
const END: &str = "END Fault Log";
const REGISTERS: &str = "Processor registers:";
const FAULT_REGISTERS: &str = "Fault status registers:";

/// PX4's hardfault log.
pub struct Px4Log;

/// The hardfault logs in a log.
pub static PX4_BLOCKS: LogBlocks =
    LogBlocks { format: NAME, marks: &[BEGIN, REGISTERS], starts: block_starts, is_title };

/// A number as it is printed, without its `0x`.
type Digits = String;

#[derive(Default)]
struct Log {
    values: Vec<(String, Digits)>,
    /// Which stack each line of memory is of, its address, its word.
    stack: Vec<(String, Digits, Digits)>,
    /// Bounds as printed, by stack: `user`, `irq`.
    bounds: Vec<(String, String, Digits)>,
    facts: Vec<(String, String)>,
    kind: Option<String>,
    /// File and line that the kernel gave up in.
    place: Option<String>,
    task: Option<String>,
    ended: bool,
}

impl Format for Px4Log {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "PX4 hardfault log"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let log = parse(piece);
        let decimal = log.is_decimal();
        let number = |digits: &str| match decimal {
            true => digits.parse().ok(),
            false => hex(digits),
        };
        let mut named: Vec<(String, u64)> = Vec::new();
        for (name, digits) in &log.values {
            named.extend(number(digits).map(|value| (register_name(name), value)));
        }
        // An assertion that failed in a task: there are no registers but where its stack is.
        let asserted = log.kind.as_deref().is_some_and(|kind| kind.starts_with("Assertion"));
        let sp = log.bound("user", "sp").filter(|_| asserted);
        let has = |wanted: &str| named.iter().any(|(name, _)| name == wanted);
        match sp {
            Some(sp) if !has("pc") && !has("sp") => named.push(("sp".into(), sp)),
            _ if has("pc") => {}
            _ => {
                let found = format!("{} others", named.len());
                let fault = Fault::new(NAME, "registers", 0, "registers with pc", found);
                return Err(in_input(fault));
            }
        }
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("PX4 hardfault log", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        if decimal {
            dump.warn(format!(
                "{NAME}: this release prints decimal numbers after 0x: read as decimal"
            ));
        }
        let memory = log.memory(number, &mut dump.notes);
        add_stack(&mut dump, NAME, memory);
        let mut thread = Thread::new(1, registers(&dump.arch, &named));
        thread.crashed = true;
        thread.name = log.task.clone();
        thread.stack = log.user_stack();
        dump.threads.push(thread);
        if let Some(kind) = &log.kind {
            dump.reason.words = match &log.place {
                Some(place) if asserted => format!("{kind} in {place}"),
                _ => kind.clone(),
            };
            let fault = kind.to_ascii_lowercase().contains("fault");
            dump.reason.signal = Some(if fault { Signal::Segv } else { Signal::Abrt });
        }
        dump.identity.facts = log.facts;
        if dump.crashed().is_none_or(|thread| thread.registers.pc().is_none()) {
            dump.notes.push(Note::info(format!(
                "{NAME}: of an assertion that fails in a task no registers are saved but the stack \
                 pointer"
            )));
        }
        if !log.ended {
            dump.warn(format!("{NAME}: the log ends before its last line: it may be cut"));
        }
        dump.notes.push(Note::info(
            "a hardfault log holds registers and some of the stack: variables are not in it",
        ));
        Ok(dump)
    }
}

fn block_starts(all: &[Line]) -> Vec<usize> {
    let starts_with = |mark: &str| -> Vec<usize> {
        let marked = all.iter().enumerate().filter(|(_, line)| line.text.contains(mark));
        marked.map(|(index, _)| index).collect()
    };
    let begins = starts_with(BEGIN);
    if begins.is_empty() { starts_with(REGISTERS) } else { begins }
}

/// Where the log has lost its first line.
fn is_title(text: &str) -> bool {
    text.contains("System fault Occurred")
}

fn parse(piece: &Piece) -> Log {
    let mut log = Log::default();
    let mut in_registers = false;
    let mut stack = String::new();
    for line in lines(&piece.bytes) {
        let text = line.text.as_str();
        if text.contains(REGISTERS) || text.contains(FAULT_REGISTERS) {
            in_registers = true;
        } else if text.contains("stack:") {
            in_registers = false;
            stack = if text.contains("User") { "user" } else { "irq" }.into();
        } else if text.contains("sp memory region") {
            in_registers = false;
            stack = if text.starts_with("User") { "user" } else { "irq" }.into();
        } else if text.contains(END) {
            log.ended = true;
        } else if let Some((addr, word)) = stack_line(text) {
            log.stack.push((stack.clone(), addr, word));
        } else if in_registers {
            log.values.extend(values(text));
        } else if let Some((key, value)) = text.split_once(':') {
            let value = value.trim();
            match key.trim() {
                key @ ("top" | "sp" | "bottom") => {
                    let digits = value.split(' ').next().and_then(|value| value.strip_prefix("0x"));
                    if let Some(digits) = digits {
                        log.bounds.push((stack.clone(), key.to_string(), digits.to_string()));
                    }
                }
                "Type" => {
                    let (kind, place) = value.split_once(" in file:").unwrap_or((value, ""));
                    log.kind = Some(kind.to_string());
                    log.place = place.split_once(" at line: ").and_then(|(file, line)| {
                        Some(format!("{file}:{}", line.split(' ').next()?))
                    });
                    log.task = text.split_once("running task: ").map(|(_, name)| name.to_string());
                }
                "FW git-hash" => log.facts.push(("version".into(), value.into())),
                "Build datetime" => log.facts.push(("build time".into(), value.into())),
                _ => {}
            }
        }
    }
    log
}

impl Log {
    /// Whether the numbers behind `0x` are decimal: not one has a letter, and one is too long for
    /// a register in hexadecimal.
    fn is_decimal(&self) -> bool {
        let words = self.stack.iter().flat_map(|(_, addr, word)| [addr, word]);
        let mut all = self.values.iter().map(|(_, digits)| digits).chain(words);
        let letter = |digits: &String| digits.bytes().any(|b| !b.is_ascii_digit());
        all.clone().any(|digits| digits.len() > 8) && !all.any(letter)
    }

    fn bound(&self, stack: &str, key: &str) -> Option<u64> {
        let found = self.bounds.iter().find(|(s, k, _)| s == stack && k == key)?;
        match self.bounds_are_decimal() {
            true => found.2.parse().ok(),
            false => hex(&found.2),
        }
    }

    /// Addresses of RAM have nine digits in decimal and eight in hexadecimal.
    fn bounds_are_decimal(&self) -> bool {
        let mut all = self.bounds.iter().map(|(_, _, digits)| digits);
        all.clone().any(|digits| digits.len() > 8)
            && all.all(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
    }

    fn user_stack(&self) -> Option<Stack> {
        let (low, high) = (self.bound("user", "bottom")?, self.bound("user", "top")?);
        (low < high).then_some(Stack { low, high })
    }

    /// The lines of memory, rising, at their real addresses.
    fn memory(
        &self,
        number: impl Fn(&str) -> Option<u64>,
        notes: &mut Vec<Note>,
    ) -> Vec<(u64, Vec<u8>)> {
        let mut all = Vec::new();
        for stack in ["irq", "user"] {
            let of = |(s, addr, word): &(String, Digits, Digits)| {
                (s == stack).then(|| Some((number(addr)?, number(word)? as u32)))?
            };
            let mut lines: Vec<(u64, u32)> = self.stack.iter().filter_map(of).collect();
            lines.sort_unstable_by_key(|(addr, _)| *addr);
            let by_one = lines.windows(2).any(|pair| match pair {
                [(a, _), (b, _)] => b.checked_sub(*a) == Some(1),
                _ => false,
            });
            if by_one {
                let Some(sp) = self.bound(stack, "sp") else {
                    notes.push(Note::warning(format!(
                        "{NAME}: the {stack} stack's addresses count words from a stack pointer \
                         that the log does not tell: left out"
                    )));
                    continue;
                };
                notes.push(Note::info(format!(
                    "{NAME}: the {stack} stack's addresses step by 1 in this release: taken as \
                     words from the stack pointer {sp:#x}"
                )));
                for (addr, _) in &mut lines {
                    let words = addr.wrapping_sub(sp);
                    *addr = sp.wrapping_add(words.wrapping_mul(4)) & u64::from(u32::MAX);
                }
            }
            all.extend(lines.into_iter().map(|(addr, word)| (addr, word.to_le_bytes().to_vec())));
        }
        all
    }
}

/// `0x20001fac 0x00000000<-- User sp`, `0x20001fac 0x1 -> [0x2]`.
fn stack_line(text: &str) -> Option<(Digits, Digits)> {
    let (addr, rest) = text.strip_prefix("0x")?.split_once(' ')?;
    let word = match rest.split_once("[0x") {
        Some((_, word)) => word,
        None => rest.trim_start().strip_prefix("0x")?,
    };
    let end = word.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(word.len());
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let word = word.get(..end)?;
    (is_number(addr) && is_number(word)).then(|| (addr.to_string(), word.to_string()))
}

/// `r0:0x90000000`, `exe return:0xffffffe9`, `r0:[0x90000000]`.
fn values(text: &str) -> Vec<(String, Digits)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(':') {
        rest = behind;
        let behind = behind.trim_start().trim_start_matches('[');
        let Some(digits) = behind.strip_prefix("0x") else { continue };
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        let name = before.trim().rsplit(' ').next().unwrap_or_default();
        if let Some(digits) = digits.get(..end).filter(|digits| !digits.is_empty()) {
            found.push((name.to_string(), digits.to_string()));
        }
    }
    found
}

fn register_name(printed: &str) -> String {
    match printed {
        "return" => "exc_return".into(),
        "mmfsr" => "MMFAR".into(),
        "bfsr" => "BFAR".into(),
        "cfsr" | "hfsr" | "dfsr" | "afsr" => printed.to_ascii_uppercase(),
        other => other.to_string(),
    }
}
