//! A-profile firmware and kernels: U-Boot, Linux, TF-A, OP-TEE.
//!
//! Sources: U-Boot `arch/arm/lib/interrupts.c`, `interrupts_64.c`, `arch/riscv/lib/interrupts.c`
//! (6073c36b2c8; far since 2023, relocated addresses in all); Linux `arch/arm/kernel/traps.c` and
//! `process.c`, `arch/arm64/kernel/process.c`, `arch/riscv/kernel/process.c` (4.x to 6.12); OP-TEE
//! `core/arch/arm/kernel/abort.c` (d5001fe0a, and its form of 2016); TF-A `bl31/aarch64/
//! crash_reporting.S` (v1.5 to v2.15).

use super::{Address, Crash, Dialect, PLAIN, Rule, is_wide};
use crate::arch::aarch64;
use crate::dump::{Dump, Note};
use crate::format::machine::Family;
use crate::reason::{FaultWord, Signal};

/// U-Boot's exceptions.
pub static U_BOOT: Dialect = Dialect {
    name: "u-boot",
    title: "U-Boot exception text",
    sample: "\
\"Synchronous Abort\" handler, esr 0x96000004, far 0x18
elr: 0000000041df5110 lr : 0000000041dfacc4 (reloc)
elr: 000000004ff2e110 lr : 000000004ff33cc4
x0 : 0000000000000001 x1 : 0000000000000000
x2 : 000000004faf0bfa x3 : 0000000000000001

Code: f9400021 b40000a1 52800000 b9400422 (b9000c22)
Resetting CPU ...
",
    starts: &[
        "\"Synchronous Abort\" handler, esr 0x",
        "\"Error\" handler, esr 0x",
        "\"Irq\" handler, esr 0x",
        "\"Fiq\" handler, esr 0x",
        "Unhandled exception: {text}",
        "Unhandled exception code: {text}",
        "^data abort$",
        "^prefetch abort$",
        "^undefined instruction$",
        "^software interrupt$",
    ],
    ends: &["Resetting CPU ...", "^resetting ..."],
    rules: &[
        Rule::All(&[
            Rule::Title("\"{text}\" handler, esr"),
            Rule::Register("handler, esr 0x{hex}", "ESR_EL1"),
            Rule::Register("far 0x{hex}", "FAR_EL1"),
        ]),
        Rule::Title("Unhandled exception: {text}"),
        Rule::Title("Unhandled exception code: {text}"),
        Rule::Title("^data abort$"),
        Rule::Title("^prefetch abort$"),
        Rule::Title("^undefined instruction$"),
        Rule::Title("^software interrupt$"),
        Rule::Register("elr: {hex16} lr : {hexlr} (reloc)", "linked pc"),
        Rule::Register("reloc pc : [<{hex8}>]", "linked pc"),
        Rule::Register("EPC: {hex8} RA: {hexra} reloc adjusted", "linked pc"),
        Rule::Frame("{dec}: FP: {hexsp} RA: {hexpc}", Address::Return),
        Rule::Fact("Flags: {text}", "flags"),
        Rule::Fact("Code: {text}", "code"),
        Rule::Registers("{name} : [<{hex8}>]"),
        Rule::Registers("x {index}: {hex16}"),
        Rule::Registers("{name} : {hex8}"),
    ],
    names: &[("elr", "pc"), ("tval", "mtval"), ("fp", "r11")],
    family: |crash| {
        Some(match () {
            () if crash.has("x0") || crash.has("elr") => Family::Aarch64,
            () if crash.has("epc") && is_wide(crash) => Family::RiscV64,
            () if crash.has("epc") => Family::RiscV32,
            () if crash.has("pc") => Family::Arm,
            () => return None,
        })
    },
    finish: |dump, crash| {
        let pc = dump.crashed().and_then(|thread| thread.registers.pc());
        if let (Some(pc), Some(linked)) = (pc, crash.word("linked pc"))
            && pc != linked
        {
            dump.process.get_or_insert_default().slide = pc.wrapping_sub(linked);
        }
        if dump.reason.words == "Error" {
            dump.reason.signal = Some(Signal::Bus);
        }
    },
    ..PLAIN
};

/// OP-TEE's aborts.
pub static OP_TEE: Dialect = Dialect {
    name: "op-tee",
    title: "OP-TEE abort text",
    sample: "\
E/TC:0 Core data-abort at address 0x28 (translation fault)
E/TC:0  esr 0x96000006  ttbr0 0x0e17a000   ttbr1 0x00000000   cidr 0x0
E/TC:0  cpu #0          cpsr 0x80000104
E/TC:0  x0  0000000000000001 x1  000000000e1767d9
E/TC:0  x30 000000000e1153dc elr 000000000e110610
E/TC:0  sp_el0 000000000e17e9cf
E/TC:0 Call stack:
E/TC:0  0x000000000e110610
E/TC:0  0x000000000e1153dc
",
    starts: &[
        "data-abort at address 0x",
        "prefetch-abort at address 0x",
        "undef-abort at address 0x",
    ],
    rules: &[
        Rule::All(&[
            Rule::Title("Core {text}$"),
            Rule::Title("core {text}$"),
            Rule::Title("User mode {text}$"),
            Rule::Title("User TA {text}$"),
            Rule::Title("user TA {text}$"),
            Rule::Address("abort at address 0x{hex}"),
        ]),
        Rule::Register("fsr 0x{hex8}", "fsr"),
        Rule::Register("esr 0x{hex8}", "ESR_EL1"),
        Rule::All(&[Rule::Core("cpu #{dec}"), Rule::Register("cpsr 0x{hex8}", "cpsr")]),
        Rule::Registers("{name} 0x{hex8}"),
        Rule::Registers("{name} {hex16}"),
        Rule::Fact("TEE load address @ {text}", "TEE load address"),
        Rule::Fact("Status of TA {text}", "TA"),
        Rule::Frame("0x{hexpc}$", Address::Return),
    ],
    names: &[("elr", "pc"), ("sp_el0", "SP_EL0")],
    family: |crash| {
        let named = crash.has("r0") || crash.has("x0");
        named.then_some(if crash.has("x0") { Family::Aarch64 } else { Family::Arm })
    },
    finish: |dump, crash| {
        let (address, prefetch) = (crash.address, crash.says("prefetch-abort"));
        let Some(thread) = dump.threads.first_mut() else { return };
        if let Some(fsr) = crash.word("fsr") {
            thread.registers.set_by_name(if prefetch { "IFSR" } else { "DFSR" }, fsr);
        }
        let registers = match (crash.has("x0"), prefetch) {
            (true, _) => "FAR_EL1",
            (false, true) => "IFAR",
            (false, false) => "DFAR",
        };
        if let Some(address) = address {
            thread.registers.set_by_name(registers, address);
        }
        dump.reason.signal = dump.reason.signal.or(Some(Signal::Segv));
    },
    ..PLAIN
};

/// TF-A's crash reports.
pub static TF_A: Dialect = Dialect {
    name: "tf-a",
    title: "Trusted Firmware-A crash report",
    sample: "\
Unhandled Exception in EL3.
x30            = 0x000000000001a5f8
x0             = 0x0000000000000001
x29            = 0x000000000003f015
scr_el3        = 0x0000000000000238
spsr_el3       = 0x00000000800002cd
elr_el3        = 0x000000000001a52c
esr_el3        = 0x0000000096000010
far_el3        = 0x00000000fe2b0014
",
    starts: &[
        "Unhandled Exception in EL3.",
        "Unhandled Interrupt Exception in EL3.",
        "PANIC in EL3.",
        "Unhandled External Abort received",
    ],
    rules: &[
        Rule::Title("Unhandled Exception in EL3"),
        Rule::Title("Unhandled Interrupt Exception in EL3"),
        Rule::Title("PANIC in EL3"),
        Rule::Title("Unhandled External Abort received"),
        Rule::Registers("{name} = 0x{hex16}"),
    ],
    names: &[("elr_el3", "pc"), ("spsr_el3", "cpsr"), ("sp_el0", "SP_EL0")],
    any_name: true,
    family: |_| Some(Family::Aarch64),
    finish: tf_a,
    ..PLAIN
};

fn tf_a(dump: &mut Dump, crash: &Crash<'_>) {
    let place = |name: &str| crash.task.words.iter().position(|word| word.name == name);
    if let (Some(elr), Some(scr)) = (place("elr_el3"), place("scr_el3"))
        && elr < scr
    {
        // Since a73e8c703 (2026-06) the list of names has tcr_el3 where the values have daif.
        let words = "TF-A of 2026 prints the values behind tcr_el3 under the names before them: \
                     spsr_el3 and far_el3 are not taken";
        dump.notes.push(Note::doubt(words).by("tf-a"));
        if let Some(thread) = dump.threads.first_mut() {
            thread.registers.forget("cpsr");
        }
        return;
    }
    if crash.says("PANIC in EL3") {
        // Of the exception before: a panic is a call.
        if let Some(thread) = dump.threads.first_mut() {
            thread.registers.forget("pc");
        }
        dump.reason.signal = Some(Signal::Abrt);
        return;
    }
    let Some(esr) = crash.word("esr_el3") else { return };
    let told = aarch64::syndrome_words(esr);
    let far = crash.word("far_el3").filter(|_| aarch64::syndrome_has_address(esr));
    let address = far.map_or(String::new(), |far| format!(": {far:#x}"));
    dump.reason.words = format!("{}: {told}{address}", dump.reason.words);
    dump.reason.signal = Some(aarch64::syndrome_signal(esr));
    dump.reason.evidence.push(FaultWord { name: "ESR_EL3".into(), value: esr, words: told });
    dump.reason.evidence.extend(far.map(|value| FaultWord {
        name: "FAR_EL3".into(),
        value,
        words: "the address that could not be used".into(),
    }));
}

/// A Linux kernel's oops.
pub static LINUX: Dialect = Dialect {
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
