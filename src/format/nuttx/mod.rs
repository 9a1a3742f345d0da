//! NuttX: its text crash log, and the carriers that its ELF cores travel in.
//!
//! The cores themselves are read by `../elf_core`. `console.rs` is the carrier for syslog,
//! `lzf.rs` undoes the compression that is on by default there; this file reads the text that is
//! printed when no core dump is configured.
//!
//! The text, in lines with any prefix, of releases from 10.3 on:
//!
//! * `up_dump_register: R0: 00000000 R1: ...` (10: `arm_registerdump:`), names by architecture;
//! * `dump_stack: User Stack:` and lines `base:` (the low end), `size:` (decimal), `sp:`;
//! * `stack_dump: 0x20001f80: ` and eight words, rising.
//!
//! Before (PX4 drops even the names of functions in front):
//!
//! * `up_registerdump: R0: 00000000 ...`, eight words a line, and `R8: ...`;
//! * `up_dumpstate: sp:     20003f90`, `IRQ stack:` or `User stack:`, `base:` (the high end, but for
//!   a few releases in between), `size:` (hexadecimal); without an interrupt stack `stack base:`;
//! * `up_stackdump: 20003f80: ` and eight words; it may come before the registers.
//!
//! What failed is said before: `Assertion failed ...`, on RISC-V `EXCEPTION: ... MCAUSE: ...`, on a
//! Cortex-M `PANIC!!! ...` with the fault status as `CFAULTS: ... HFAULTS: ...`, later as `CFSR: ...`.
//!
//! On 64-bit ARM the rows are `x0:   0x0 ...`, then `SPSR:`, `ELR:`, `SP_EL0:`, `SP_ELX:`; a fault
//! says `ESR_ELn: 0x...` and `FAR_ELn: 0x...` before.
//!
//! In Thumb code the frame pointer is r7 and printed as FP; otherwise it is r11.
//!
//! Source: NuttX 4ebc8a7291d (2026-08) and 717bb04cb7c, `sched/misc/assert.c`; 0dccc8ba21e and
//! 4da300158ce, `arch/arm/src/common/arm_registerdump.c`; 05b71d74fc0,
//! `arch/risc-v/src/common/riscv_registerdump.c`; 1ce6d267648,
//! `arch/xtensa/src/common/xtensa_registerdump.c`; aef92e370cd, `arch/arm/src/armv7-m/arm_assert.c`;
//! 0a6131545a4, `arch/arm64/src/common/arm64_registerdump.c`; 02c329a19dc, `arm64_fatal.c` there.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod arm64;
pub mod console;
pub mod lzf;
mod tasks;

use super::fault_text::{add_stack, hex, memory_words, pairs, registers, trap_reason};
use super::machine::{Machine, machine_of, machine_told, xtensa_by_addresses};
use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::carrier::log_blocks::LogBlocks;
use crate::carrier::text::{Line, lines};
use crate::dump::{Dump, Note, Stack, Thread};
use crate::error::{Fault, Result};
use crate::reason::Signal;
use crate::targets::Family;
use tasks::{BACKTRACE_MARKS, Backtrace, Task, Tasks};

const NAME: &str = "nuttx-log";
/// In front of a line of registers.
const REGISTER_MARKS: [&str; 2] = ["dump_register:", "registerdump:"];
/// In front of a line of stack memory.
const STACK_MARKS: [&str; 2] = ["stack_dump:", "stackdump:"];

/// NuttX' text crash log.
pub struct NuttxLog;

/// The first of old registers, whatever is in front.
const OLD_REGISTERS: &str = "R0: ";
/// How far before its registers a crash may say that it is one, with its stacks in between.
const MOST_STACK_LINES: usize = 600;
/// How fault status words are printed, and what the manual calls them.
const STATUS: [(&str, &str); 13] = [
    ("ESR_ELn", "ESR_EL1"),
    ("FAR_ELn", "FAR_EL1"),
    ("CFAULTS", "CFSR"),
    ("HFAULTS", "HFSR"),
    ("DFAULTS", "DFSR"),
    ("BFAULTADDR", "BFAR"),
    ("AFAULTS", "AFSR"),
    ("CFSR", "CFSR"),
    ("HFSR", "HFSR"),
    ("DFSR", "DFSR"),
    ("BFAR", "BFAR"),
    ("AFSR", "AFSR"),
    ("MMFAR", "MMFAR"),
];

/// The crash texts in a log.
pub static NUTTX_BLOCKS: LogBlocks = LogBlocks {
    format: NAME,
    marks: &[
        REGISTER_MARKS[0],
        REGISTER_MARKS[1],
        OLD_REGISTERS,
        BACKTRACE_MARKS[0],
        BACKTRACE_MARKS[1],
    ],
    starts: block_starts,
    is_title,
};

impl Format for NuttxLog {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "NuttX crash log (text)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let mut tasks = Tasks::new();
        let mut memory = Vec::new();
        let mut texts = Vec::new();
        let mut stack = StackInfo::default();
        let mut wide = false;
        let mut status = Vec::new();
        for line in lines(&piece.bytes) {
            let text = line.text.as_str();
            if tasks.take(text) {
            } else if let Some(row) = register_row(text) {
                wide |= has_wide_pc(text);
                tasks.add_registers(row);
            } else if let Some(row) = stack_row(text) {
                memory.push(row);
            } else if let Some(value) = stack_value(text) {
                stack.read(text, value);
            } else if is_title(text) {
                let told = pairs(text, ':').into_iter().filter_map(|(name, value)| {
                    let known = STATUS.iter().find(|(printed, _)| *printed == name);
                    let trap = matches!(name.as_str(), "MCAUSE" | "MTVAL" | "EPC").then_some(name);
                    Some((known.map(|(_, name)| (*name).to_string()).or(trap)?, value))
                });
                wide |= has_wide_pc(text);
                status.extend(told);
                texts.push(text.to_string());
            }
        }
        let name = texts.iter().find_map(|text| task_name(text));
        tasks.merge_crashed(name.as_deref());
        let Some((crash, others)) = tasks.all.split_first_mut() else {
            return Err(in_input(Fault::new(NAME, "text", 0, "a crash", "none")));
        };
        // What a title says of registers counts where the text prints none.
        let printed_pc = crash.named.iter().any(|(name, _)| name == "EPC");
        crash.named.extend(status.into_iter().filter(|(name, _)| name != "EPC" || !printed_pc));
        let mut notes = piece.notes.clone();
        let sets = std::iter::once(&*crash).chain(others.iter()).map(|task| &task.named);
        let family = sets.map(|named| family(named, wide)).find(Option::is_some).flatten();
        let backtraces = !crash.printed.is_empty() || others.iter().any(|t| !t.printed.is_empty());
        let machine = match family {
            Some(Family::Xtensa) => {
                let pc = crash.named.iter().find(|(name, _)| name == "PC").map(|(_, value)| *value);
                let addrs: Vec<u64> = memory.iter().map(|(addr, _)| *addr).chain(pc).collect();
                xtensa_by_addresses(NAME, &addrs, 1, context, &mut notes)?
            }
            Some(family) => machine_of(context, family)?,
            None if backtraces => machine_of_backtrace(context, &mut notes)?,
            None => {
                let found = format!("{} others", crash.named.len());
                let expected = "registers with PC or EPC";
                return Err(in_input(Fault::new(NAME, "registers", 0, expected, found)));
            }
        };
        let mut dump = Dump::new("NuttX crash log", machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        add_stack(&mut dump, NAME, memory);
        let highest = others.iter().filter_map(|task| task.pid).max().unwrap_or(0);
        let mut unnumbered = highest.max(crash.pid.unwrap_or(0));
        for task in std::iter::once(&mut *crash).chain(others.iter_mut()) {
            let id = task.pid.filter(|pid| *pid != 0).unwrap_or_else(|| {
                unnumbered = unnumbered.saturating_add(1);
                unnumbered
            });
            add_thread(&mut dump, task, id);
        }
        if let Some(thread) = dump.threads.first_mut() {
            thread.crashed = true;
            thread.stack = stack.bounds();
            thread.name = name.or(thread.name.take());
        }
        if let Some(reason) = trap_reason(&dump) {
            dump.reason = reason;
        } else if let Some(text) =
            texts.iter().find(|text| !is_status(text)).or_else(|| texts.first())
        {
            dump.reason.words = text.trim_end_matches(':').to_string();
            // A fault, which its status words tell more of, and no assertion of the program's.
            if texts.iter().any(|text| text.contains("PANIC!!!")) {
                dump.reason.signal = Some(Signal::Segv);
            }
        }
        dump.texts = texts;
        dump.notes.push(Note::info(
            "a crash log holds registers and some of the stack: variables are not in it",
        ));
        Ok(dump)
    }
}

fn add_thread(dump: &mut Dump, task: &mut Task, id: u64) {
    let family = dump.arch.family;
    rename(&mut task.named, family);
    let registers = registers(&dump.arch, &task.named);
    let mut thread = Thread::new(id, registers);
    thread.name = task.name.take();
    thread.printed = tasks::frames(&task.printed, family, thread.registers.pc());
    let used = task.stack_used.take();
    thread.remarks.extend(used.map(|used| format!("stack used: {used} bytes")));
    dump.threads.push(thread);
}

/// The machine of a text that has addresses alone.
fn machine_of_backtrace(context: &Context<'_>, notes: &mut Vec<Note>) -> Result<Machine> {
    if let Some(told) = machine_told(context)? {
        return Ok(told);
    }
    notes.push(
        Note::doubt(
            "the text has a backtrace and no registers, and does not name the machine: it is taken \
             for a Cortex-M, --target names another",
        )
        .by(NAME),
    );
    machine_of(context, Family::CortexM)
}

/// A block starts at a register line that follows anything but register lines, once a stack or
/// other lines have been seen; or at the line that says what failed, if stacks or a backtrace come
/// first, or no registers at all. Registers and backtraces of tasks start none.
fn block_starts(all: &[Line]) -> Vec<usize> {
    let mut starts: Vec<usize> = Vec::new();
    let mut in_registers = false;
    let mut in_tasks = false;
    let mut failed_at: Option<usize> = None;
    let mut backtrace: Option<(usize, u64)> = None;
    for (index, line) in all.iter().enumerate() {
        let text = line.text.as_str();
        let near = |first: &usize| index.saturating_sub(*first) <= MOST_STACK_LINES;
        if tasks::is_task(text) {
            // The crash before it printed no registers.
            let first = backtrace.take().map(|(first, _)| first);
            starts.extend(failed_at.take().filter(near).or(first));
            in_tasks = true;
            in_registers = false;
            continue;
        }
        if let Some(row) = Backtrace::of_line(text) {
            let again = backtrace.is_some_and(|(_, pid)| pid == row.pid && row.line == Some(0));
            if let (true, Some((first, _))) = (again, backtrace) {
                starts.push(failed_at.take().filter(near).unwrap_or(first));
                backtrace = Some((index, row.pid));
            }
            let is_new = failed_at.is_some() || starts.is_empty();
            if is_new && !in_tasks && backtrace.is_none() {
                backtrace = Some((index, row.pid));
            }
            continue;
        }
        let is_register = register_row(text).is_some_and(|row| !row.is_empty());
        let is_stack = stack_row(text).is_some() || stack_value(text).is_some();
        if is_register && !in_registers && !in_tasks && !is_status_alone(text) {
            let first = backtrace.map_or(index, |(first, _)| first);
            starts.push(failed_at.filter(near).unwrap_or(first));
            (failed_at, backtrace) = (None, None);
        }
        // Lines of other tasks may come between those of a block.
        let ends = is_stack || text.contains("dump_task");
        let continues = is_register && (in_registers || !is_status_alone(text));
        in_registers = !in_tasks && (continues || (in_registers && !ends));
        if text.contains("Assertion failed") {
            // The stacks of this crash come before its registers, or it has none.
            if let Some((first, _)) = backtrace.take() {
                starts.push(failed_at.filter(near).unwrap_or(first));
            }
            failed_at = Some(index);
            in_tasks = false;
        } else if is_register && !in_tasks && !is_status_alone(text) {
            failed_at = None;
        }
    }
    if let Some((first, _)) = backtrace {
        starts.push(failed_at.unwrap_or(first));
    }
    starts
}

/// Whether it is a row that others print as well: one register, without the name of a function.
fn is_status_alone(text: &str) -> bool {
    behind(text, &REGISTER_MARKS).is_none() && !is_row(text)
}

/// Whether it is a row of eight registers behind the name of the first.
fn is_row(text: &str) -> bool {
    text.split_once(": ").is_some_and(|(_, words)| eight_words(words).is_some())
}

/// Whether a line holds fault status words, which are put into words elsewhere.
fn is_status(text: &str) -> bool {
    let is_word = |(name, _): (String, u64)| STATUS.iter().any(|(printed, _)| *printed == name);
    pairs(text, ':').into_iter().any(is_word)
}

fn is_title(text: &str) -> bool {
    let marks = [
        "panic",
        "PANIC!!!",
        "EXCEPTION: ",
        "CFAULTS: ",
        "CFSR: ",
        "(IFSC/DFSC)",
        "ESR_ELn: ",
        "FAR_ELn: ",
    ];
    text.to_ascii_lowercase().contains("assert") || marks.iter().any(|mark| text.contains(mark))
}

/// The registers of a line; empty if it is of some other line of theirs.
fn register_row(text: &str) -> Option<Vec<(String, u64)>> {
    let (marked, row) = match behind(text, &REGISTER_MARKS) {
        Some(behind) => (true, behind.trim()),
        None => (false, text),
    };
    // Old: eight registers behind the name of the first.
    if let Some((first, words)) = row.split_once(": ")
        && let Some(first) = first.strip_prefix('R').and_then(|n| n.parse::<u64>().ok())
        && let Some(words) = eight_words(words)
    {
        let named = (first..).zip(words).map(|(n, word)| (format!("R{n}"), word));
        return Some(named.collect());
    }
    let old_status = row.starts_with("xPSR: ") || row.starts_with("EXC_RETURN: ");
    (marked || old_status).then(|| pairs(row, ':'))
}

/// Eight words of eight digits and nothing else.
fn eight_words(text: &str) -> Option<Vec<u64>> {
    let word = |word: &str| hex(word).filter(|_| word.len() == 8);
    let words: Vec<u64> = text.split_whitespace().map(word).collect::<Option<_>>()?;
    (words.len() == 8).then_some(words)
}

fn stack_row(text: &str) -> Option<(u64, Vec<u8>)> {
    if let Some(behind) = behind(text, &STACK_MARKS) {
        return memory_words(behind);
    }
    let (addr, words) = text.split_once(": ")?;
    (addr.len() == 8 && hex(addr).is_some() && eight_words(words).is_some())
        .then(|| memory_words(text))?
}

/// What a line says of a stack's bounds: `dump_stack: ...`, `up_dumpstate: ...`, or without them.
fn stack_value(text: &str) -> Option<&str> {
    let value = match ["dump_stackinfo: ", "dump_stack: ", "dumpstate: "]
        .iter()
        .find_map(|mark| text.split_once(mark))
    {
        Some((_, value)) => value.trim(),
        None => text,
    };
    let keys = ["sp:", "base:", "size:", "stack base:", "stack size:"];
    let titles = ["IRQ stack:", "User stack:", "IRQ Stack:", "User Stack:", "Kernel Stack:"];
    (keys.iter().any(|key| value.starts_with(key)) || titles.contains(&value)).then_some(value)
}

/// Whether the program counter is printed with more than 32 bits.
fn has_wide_pc(text: &str) -> bool {
    let digits = text.split_once("EPC:").map(|(_, value)| value.trim());
    digits.is_some_and(|digits| digits.bytes().take_while(u8::is_ascii_hexdigit).count() > 8)
}

fn behind<'a>(text: &'a str, marks: &[&str]) -> Option<&'a str> {
    marks.iter().find_map(|mark| text.split_once(mark)).map(|(_, behind)| behind)
}

fn family(named: &[(String, u64)], wide: bool) -> Option<Family> {
    let has = |name: &str| named.iter().any(|(n, _)| n == name);
    // LM32 and MIPS, whose registers are others.
    let foreign = ["X0", "MFLO", "T8"].iter().any(|name| has(name));
    Some(match () {
        () if has("ELR") && has("SPSR") => Family::Aarch64,
        () if has("EPC") && foreign => return None,
        () if has("EPC") && wide => Family::RiscV64,
        () if has("EPC") => Family::RiscV32,
        () if has("PS") && has("PC") => Family::Xtensa,
        () if has("CPSR") => Family::Arm,
        () if has("PC") || has("R15") || has("CFSR") => Family::CortexM,
        () if has("MCAUSE") && wide => Family::RiscV64,
        () if has("MCAUSE") => Family::RiscV32,
        () => return None,
    })
}

/// ARM's frame pointer is the register that is not printed by its own name.
fn rename(named: &mut Vec<(String, u64)>, family: Family) {
    if family == Family::Aarch64 {
        return arm64::rename(named);
    }
    if !matches!(family, Family::CortexM | Family::Arm) {
        return;
    }
    let thumb = !named.iter().any(|(name, _)| name == "R7");
    for (name, _) in named.iter_mut().filter(|(name, _)| name == "FP") {
        *name = if thumb { "r7" } else { "r11" }.into();
    }
}

fn task_name(text: &str) -> Option<String> {
    // With several CPUs: `task(CPU1): NAME`.
    let behind = match text.split_once("task(CPU") {
        Some((_, behind)) => behind.split_once("): ")?.1,
        None => text.split_once("task: ")?.1,
    };
    let name = behind.split(' ').next()?;
    Some(name.trim_matches(',').to_string()).filter(|name| !name.is_empty())
}

/// The bounds of the user's stack.
#[derive(Default)]
struct StackInfo {
    /// Of the interrupt's stack the bounds don't count.
    elsewhere: bool,
    base: Option<u64>,
    size: Option<u64>,
    /// The last that was printed; up to 9 it stands before the base.
    sp: Option<u64>,
}

impl StackInfo {
    fn read(&mut self, line: &str, text: &str) {
        let (key, value) = text.rsplit_once(':').unwrap_or((text, ""));
        let value = value.trim();
        match key.trim() {
            "sp" if !self.elsewhere || self.base.is_none() => self.sp = hex(value).or(self.sp),
            "base" | "stack base" if !self.elsewhere => self.base = hex(value),
            // Decimal in `dump_stack` and `dump_stackinfo`, not in `arm_dump_stack`.
            "size" if line.contains("dump_stack") && !line.contains("_dump_stack") => {
                self.size = value.parse().ok().filter(|_| !self.elsewhere).or(self.size);
            }
            "size" | "stack size" if !self.elsewhere => self.size = hex(value),
            key if key.to_ascii_lowercase().ends_with(" stack") => {
                self.elsewhere = !key.starts_with("User");
            }
            _ => {}
        }
    }

    /// Whether the base is the stack's low end says the stack pointer, which lies in it.
    fn bounds(&self) -> Option<Stack> {
        let (base, size) = (self.base?, self.size?);
        let up = Stack { low: base, high: base.checked_add(size)? };
        let Some(sp) = self.sp else { return Some(up) };
        let down = Stack { low: base.checked_sub(size)?, high: base };
        let holds = |stack: &Stack| stack.low <= sp && sp <= stack.high;
        [up, down].into_iter().find(holds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(text: &str) -> Vec<usize> {
        let all: Vec<Line> = lines(text.as_bytes()).collect();
        block_starts(&all)
    }

    const ROW: &str = "up_registerdump: R0: 00000001 00000002 00000003 00000004 00000005 00000006 \
                       00000007 00000008\n";

    #[test]
    fn registers_of_tasks_begin_no_crash_but_those_of_the_next_crash_do() {
        let crash = format!(
            "up_assert: Assertion failed at file:a.c line: 1 task: a\n{ROW}\
             up_stackdump: 20000000: 00000000\nup_taskdump: a: PID=1 Stack Used=1 of 2\n{ROW}"
        );
        assert_eq!(starts(&crash), [0]);
        assert_eq!(starts(&crash.repeat(2)), [0, 5]);
    }

    #[test]
    fn a_crash_may_have_a_backtrace_and_no_registers() {
        let crash = "up_assert: Assertion failed at file:a.c line: 1 task: a\n\
                     [BackTrace|17|0]: 0x10\n[BackTrace|17|1]: 0x20\n";
        assert_eq!(starts(crash), [0]);
        assert_eq!(starts(&crash.repeat(2)), [0, 3]);
        let tasks = format!("{crash}up_taskdump: b: PID=1 Stack Used=1 of 2\n{ROW}");
        assert_eq!(starts(&tasks), [0]);
        assert_eq!(starts(&format!("{crash}{ROW}")), [0]);
        let alone = "[BackTrace|17|0]: 0x10\n[BackTrace|17|1]: 0x20\n";
        assert_eq!(starts(alone), [0]);
        assert_eq!(starts(&alone.repeat(2)), [0, 2]);
    }

    #[test]
    fn one_register_a_line_is_not_what_nuttx_prints() {
        let plain = "R0: 0x1\nR1: 0x2\nLR: 0x3\nPC: 0x4\nxPSR: 0x1000000\n";
        assert!(starts(plain).is_empty());
    }
}
