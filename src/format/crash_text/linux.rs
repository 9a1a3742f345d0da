//! A Linux kernel's oops on a serial console: Arm, AArch64, RISC-V.
//!
//! Source: Linux `arch/arm/kernel/traps.c` and `process.c`, `arch/arm64/kernel/process.c`,
//! `arch/riscv/kernel/process.c` (4.x to 6.12).

use super::{Address, Crash, Dialect, PLAIN, Rule, is_wide};
use crate::dump::{Dump, Note};
use crate::format::machine::Family;

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
    ],
    ends: &["---[ end trace"],
    rules: &[
        Rule::All(&[
            Rule::Title("Unable to handle kernel"),
            Rule::Address("at virtual address {hex}"),
        ]),
        Rule::All(&[Rule::Title("Internal error:"), Rule::Register("Oops: {hex} [#", OOPS_CODE)]),
        Rule::Title("kernel BUG at {text}"),
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
    let family = family(crash);
    if family == Some(Family::Aarch64) && !crash.has("esr") {
        let code = crash.task.words.iter_mut().find(|word| word.name == OOPS_CODE);
        code.into_iter().for_each(|word| word.name = "esr".into());
    }
    if crash.has("epc") {
        // RISC-V's own register has it.
        crash.address = None;
    }
    if family == Some(Family::Arm)
        && let Some(sp) = crash.word("sp")
    {
        let rows = crash.texts.iter().filter_map(|line| stack_row(line, sp));
        let rows: Vec<_> = rows.collect();
        crash.rows.extend(rows);
    }
}

/// A row of the stack of 32-bit Arm: of its address the last 16 bits are printed, and the words
/// below the stack pointer are left blank.
fn stack_row(line: &str, sp: u64) -> Option<(u64, Vec<u8>)> {
    let (addr, words) = line.trim().split_once(": ")?;
    let addr = Some(addr).filter(|addr| addr.len() == 4)?;
    let low = u64::from_str_radix(addr, 16).ok().filter(|low| low.is_multiple_of(32))?;
    let mut bytes = Vec::new();
    for word in words.split_whitespace() {
        let word = Some(word).filter(|word| word.len() == 8)?;
        bytes.extend(u32::from_str_radix(word, 16).ok()?.to_le_bytes());
    }
    // A stack has no more than some 16 KiB: it may reach over such a border once.
    let addr = (sp & !0xffff) | low;
    let addr = if addr.wrapping_add(32) <= sp { addr.checked_add(0x1_0000)? } else { addr };
    // The first row ends where a whole one does.
    let is_first = addr < sp;
    let is_whole = !is_first || addr.wrapping_add(32).wrapping_sub(sp) == bytes.len() as u64;
    (is_whole && !bytes.is_empty() && bytes.len() <= 32).then_some((addr.max(sp), bytes))
}

/// Says what is not there. Since 4.14 AArch64 prints functions only: what was loaded where is a secret.
fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let at_sp = crash.word("sp").is_some_and(|sp| crash.rows.iter().any(|(addr, _)| *addr == sp));
    if crash.says("Stack: (0x") && !at_sp {
        let words = "the first row of the stack is missing or not whole: it is unknown";
        dump.notes.push(Note::warning(words).by("linux-oops").code("cut"));
    }
    if crash.task.frames.is_empty() && crash.facts.iter().any(|(label, _)| *label == CALL_TRACE) {
        let words = "the call trace names functions without addresses: it is shown as text";
        dump.notes.push(Note::info(words).by("linux-oops").code("call-trace"));
    }
}
