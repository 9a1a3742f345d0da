//! A Linux kernel's oops on a serial console: Arm, AArch64, RISC-V.
//!
//! Source: Linux `arch/arm/kernel/traps.c` and `process.c`, `arch/arm64/kernel/process.c`,
//! `arch/riscv/kernel/process.c` (4.x to 6.12).

use super::{Address, Dialect, PLAIN, Rule, is_wide};
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
        Rule::Title("Unable to handle kernel"),
        Rule::Title("Internal error:"),
        Rule::Title("kernel BUG at {text}"),
        Rule::Fact("Oops [#{text}", "oops"),
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
        Rule::Registers("{name} : [<{hex8}>]"),
        Rule::Registers("{name} : {hex8}"),
        Rule::Fact("pc : {text}", "pc is at"),
        Rule::Fact("lr : {text}", "lr is at"),
        Rule::Fact("epc : {text} ra :", "pc is at"),
        // 32-bit Arm names the function itself before the call that it returns to.
        Rule::Frame("from [<{hexpc8}>] ({function}+", Address::Return),
        Rule::Frame("from [<{hexpc8}>]", Address::Return),
        Rule::Frame("[<{hexpc8}>] {function}+0x", Address::Return),
        Rule::Fact("{text}+0x{offset}/0x{size}", "call trace"),
        // Without a table of symbols.
        Rule::Frame("^[<{hexpc8}>]$", Address::Return),
        Rule::Frame("^0x{hexpc16}$", Address::Return),
    ],
    names: &[
        ("fp", "r11"),
        ("pstate", "cpsr"),
        ("status", "sstatus"),
        ("badaddr", "stval"),
        ("cause", "scause"),
    ],
    family: |crash| {
        Some(match () {
            () if crash.has("x29") || crash.has("pstate") => Family::Aarch64,
            () if crash.has("epc") && is_wide(crash) => Family::RiscV64,
            () if crash.has("epc") => Family::RiscV32,
            () if crash.has("r0") || crash.has("r10") => Family::Arm,
            () => return None,
        })
    },
    ..PLAIN
};
