//! A Linux kernel's oops on a serial console: Arm, AArch64, RISC-V.
//!
//! Source: Linux `arch/arm/kernel/traps.c` and `process.c`, `arch/arm64/kernel/process.c`,
//! `arch/riscv/kernel/process.c` (4.x to 6.12).

use super::{Address, Crash, Dialect, PLAIN, Rule, is_wide};
use crate::dump::{Dump, Note, PrintedFrame};
use crate::format::machine::Family;
use crate::reason::Signal;

/// What a row of the stack holds on 32-bit Arm, the only one whose kernel prints it.
const ROW_WORDS: usize = 8;
const ROW_LEN: u64 = 32;

/// A Linux kernel's oops.
pub(super) static LINUX: Dialect = Dialect {
    name: "linux-oops",
    title: "Linux kernel oops",
    sample: "\
[ 600.100000] Unable to handle kernel NULL pointer dereference at virtual address 0000002c
[ 600.112000] Internal error: Oops: 817 [#1] ARM
[ 600.118000] CPU: 0 PID: 31 Comm: kworker/0:2 Not tainted 5.10.110 #4
[ 600.136000] pc : [<c041d1a4>]    lr : [<c0419b10>]    psr: 60000193
[ 600.142000] sp : c0a025f8  ip : c0a02608  fp : c0a02604
[ 600.148000] r10: 00002b8e  r9 : c0675c39  r8 : 00000000
",
    starts: &[
        "Unable to handle kernel",
        "Internal error: {text}",
        "kernel BUG at {text}",
        "Oops [#",
        // RISC-V
        "Oops - {text} [#",
    ],
    ends: &["---[ end trace"],
    rules: &[
        Rule::All(&[
            Rule::Title("Unable to handle kernel"),
            Rule::Address("at virtual address {hex}"),
        ]),
        Rule::All(&[Rule::Title("Internal error:"), Rule::Register("Oops: {hex} [#", OOPS_CODE)]),
        Rule::Title("kernel BUG at {text}"),
        Rule::Title("Oops - {text} [#"),
        Rule::Fact("Oops [#{text}]", "oops"),
        Rule::All(&[
            Rule::Core("CPU: {dec}"),
            Rule::Thread("Comm: {thread} Not tainted"),
            Rule::Thread("Comm: {thread} Tainted"),
            Rule::Fact("PID: {text} Comm", "pid"),
            Rule::Fact("Not tainted {text}", "kernel"),
        ]),
        Rule::Fact("Hardware name: {text}", "hardware"),
        Rule::Fact("Workqueue: {text}", "workqueue"),
        Rule::Fact("PC is at {text}", "pc is at"),
        Rule::Fact("LR is at {text}", "lr is at"),
        Rule::Fact("Modules linked in: {text}", "modules"),
        Rule::Fact("Code: {text}", "code"),
        Rule::Fact("Stack: ({text} to", "stack"),
        Rule::Register("ESR = 0x{hex}", "esr"),
        // The status stands without brackets behind addresses that have them.
        Rule::All(&[Rule::Registers("{name} : [<{hex8}>]"), Rule::Registers("{name} : {hex8}")]),
        Rule::Fact("pc : {text}", "pc is at"),
        Rule::Fact("lr : {text}", "lr is at"),
        Rule::Fact("epc : {text} ra :", "pc is at"),
        Rule::Fact("epc : {text}", "pc is at"),
        Rule::Fact("^ra : {text}", "lr is at"),
        // 32-bit Arm names the function itself before the call that it returns to.
        Rule::Frame("from [<{hexpc8}>] ({function}+", Address::Return),
        Rule::Frame("from [<{hexpc8}>]", Address::Return),
        Rule::Frame("[<{hexpc8}>] {function}+0x", Address::Return),
        Rule::Fact("{function}+0x{offset}/0x{size}", CALL_TRACE),
        // Without a table of symbols.
        Rule::Frame("^[<{hexpc8}>]$", Address::Return),
        Rule::Frame("^0x{hexpc16}$", Address::Return),
    ],
    names: &[
        ("fp", "r11"),
        ("psr", "cpsr"),
        ("esr", "ESR_EL1"),
        ("pstate", "cpsr"),
        ("status", "sstatus"),
        ("badaddr", "stval"),
        ("cause", "scause"),
    ],
    family,
    arrange,
    finish,
    ..PLAIN
};

/// The number behind `Oops:`: ESR on AArch64, the fault status on 32-bit Arm.
const OOPS_CODE: &str = "oops code";
const CALL_TRACE: &str = "call trace";

fn family(crash: &Crash<'_>) -> Option<Family> {
    Some(match () {
        () if crash.has("x29") || crash.has("pstate") => Family::Aarch64,
        () if crash.has("epc") && is_wide(crash) => Family::RiscV64,
        () if crash.has("epc") => Family::RiscV32,
        () if ["r0", "r10", "ip"].iter().any(|name| crash.has(name)) => Family::Arm,
        () => return None,
    })
}

/// What only the machine tells the meaning of.
fn arrange(crash: &mut Crash<'_>) {
    if family(crash) == Some(Family::Aarch64) && !crash.has("esr") {
        let code = crash.task.words.iter_mut().find(|word| word.name == OOPS_CODE);
        code.into_iter().for_each(|word| word.name = "esr".into());
    }
    if crash.has("epc") {
        // RISC-V's own register has it.
        crash.address = None;
    }
    stack(crash);
}

/// The words of the stack: rows behind `Stack: (0xLOW to 0xHIGH)`, each with the low half of its
/// address. Words below the stack pointer are blanks in the first row, those above the stack in the
/// last one.
fn stack(crash: &mut Crash<'_>) {
    let bounds = |line: &str| {
        let (_, behind) = line.split_once("Stack: (0x")?;
        let (low, high) = behind.trim_end_matches([')', ' ']).split_once(" to 0x")?;
        let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u64::from);
        Some((number(low)?, number(high)?))
    };
    let Some(at) = crash.lines.iter().position(|line| bounds(line).is_some()) else { return };
    let mut lines = crash.lines.iter().skip(at);
    let Some((low, high)) = lines.next().and_then(|line| bounds(line)) else {
        return;
    };
    let (mut rows, mut row_at) = (Vec::new(), low & !(ROW_LEN - 1));
    let mut taken = Vec::new();
    for line in lines {
        let Some((half, words)) = row(line) else { break };
        // A row that is missing makes the addresses of all behind it doubtful.
        if half != row_at & 0xffff {
            break;
        }
        let first = if row_at < low { low } else { row_at };
        let room = row_at.saturating_add(ROW_LEN).min(high).saturating_sub(first);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        if bytes.len() as u64 != room {
            break;
        }
        rows.push((first, bytes));
        taken.push(*line);
        row_at = row_at.saturating_add(ROW_LEN);
    }
    crash.rows.extend(rows);
    crash.texts.retain(|text| !taken.contains(text));
}

/// `9d60: cd009d6c c01f32a0`.
fn row(line: &str) -> Option<(u64, Vec<u32>)> {
    let (half, words) = line.trim_start().split_once(':')?;
    let half = u16::from_str_radix(half, 16).ok().filter(|_| half.len() == 4)?;
    let word = |word: &str| u32::from_str_radix(word, 16).ok().filter(|_| word.len() == 8);
    let words: Vec<u32> = words.split_whitespace().map(word).collect::<Option<_>>()?;
    (1..=ROW_WORDS).contains(&words.len()).then_some((half.into(), words))
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    if crash.says("Stack: (0x") && crash.rows.is_empty() {
        let words = "the rows of the stack are missing or not whole: the stack is unknown";
        dump.notes.push(Note::warning(words).by("linux-oops").code("cut"));
    }
    if crash.task.frames.is_empty() && crash.facts.iter().any(|(label, _)| *label == CALL_TRACE) {
        // Since 4.14 AArch64 prints functions only.
        let words = "the call trace names functions without addresses: it is shown as text";
        dump.notes.push(Note::info(words).by("linux-oops").code("partial"));
    }
    if crash.says("Unable to handle kernel") {
        dump.reason.signal = Some(Signal::Segv);
    }
    let Some(thread) = dump.threads.first_mut() else { return };
    let function = crash.facts.iter().find(|(name, _)| *name == "pc is at");
    let function = function.and_then(|(_, words)| words.split_once('+')).map(|(name, _)| name);
    if let (Some(function), None) = (function, thread.registers.pc()) {
        // Newer kernels print no address.
        dump.reason.words = format!("{}, in {function}", dump.reason.words);
    }
    if let (Some(function), Some(pc)) = (function, thread.registers.pc()) {
        let frame = PrintedFrame {
            pc,
            returns: false,
            sp: thread.registers.sp(),
            function: Some(function.to_string()),
        };
        thread.printed.insert(0, frame);
    }
}
