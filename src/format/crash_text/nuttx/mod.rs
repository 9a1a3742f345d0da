//! The crash text of NuttX and of TizenRT, which is made of it.
//!
//! From 10.3 on registers stand behind `up_dump_register:` (10: `arm_registerdump:`), names by
//! architecture, and stacks behind `dump_stack: User Stack:` with `base:` (the low end), `size:`
//! (decimal) and `sp:`. Before, `R0:` begins a row of eight registers, the base is the high end (but
//! for a few releases in between), sizes are hexadecimal, the stacks may come before the registers,
//! and PX4 drops even the names of functions in front. TizenRT prints what lies below sp as `xxxxxxxx`.
//!
//! What failed is said before: `Assertion failed ...`, on RISC-V `EXCEPTION: ... MCAUSE: ...`, on a
//! Cortex-M `PANIC!!! ...` with the fault status as `CFAULTS: ... HFAULTS: ...`, later as `CFSR: ...`.
//! What is printed of tasks comes last, see `tasks.rs`. In Thumb code the frame pointer is r7 and
//! printed as FP; otherwise it is r11.
//!
//! Source: NuttX 4ebc8a7291d (2026-08) and 717bb04cb7c, `sched/misc/assert.c`; 0dccc8ba21e and
//! 4da300158ce, `arch/arm/src/common/arm_registerdump.c`; 05b71d74fc0,
//! `arch/risc-v/src/common/riscv_registerdump.c`; 1ce6d267648,
//! `arch/xtensa/src/common/xtensa_registerdump.c`; aef92e370cd, `arch/arm/src/armv7-m/arm_assert.c`;
//! 0a6131545a4, `arch/arm64/src/common/arm64_registerdump.c`; 02c329a19dc, `arm64_fatal.c` there;
//! TizenRT `os/arch/arm/src/armv8-m/up_assert.c` (798b78219a, and its form of 2022). SPSR.M: Arm ARM
//! for A-profile (DDI 0487J.a), C5.2 "SPSR_EL1".

mod tasks;

use super::pattern::number;
use super::{Address, Crash, Dialect, PLAIN, Rule, Task, Word, is_wide};
use crate::arch;
use crate::dump::{Dump, Note, Stack};
use crate::error::{Fault, Result};
use crate::format::machine::{Family, Machine, machine_of, machine_told, xtensa_by_addresses};
use crate::format::{Context, in_input};
use crate::reason::Signal;

const NAME: &str = "nuttx-log";
const ASSERTION: &str = "Assertion failed";
/// The pc that the line of an exception has in it.
const TOLD_PC: &str = "exception pc";

/// NuttX' text crash log.
pub(super) static NUTTX: Dialect = Dialect {
    name: NAME,
    title: "NuttX crash log",
    sample: "\
arm_hardfault: PANIC!!! Hard fault: 40000000
arm_hardfault: CFAULTS: 00008200 HFAULTS: 40000000 DFAULTS: 00000000 BFAULTADDR: 50000010 AFAULTS: 00000000
up_assert: Assertion failed at file:armv7-m/arm_hardfault.c line: 135 task: blend
up_registerdump: R0: 00000045 00000000 200070a4 00000001 200007ac 00000001 00000001 00000045
up_registerdump: R8: 00000001 00000087 20000cc4 20003458 2000bd3c 2000a058 080238d3 08019aa4
up_registerdump: xPSR: 01000000 BASEPRI: 000000f0 CONTROL: 00000000
up_registerdump: EXC_RETURN: ffffffe9
up_dumpstate: sp:     2000a058
up_dumpstate: User stack:
up_dumpstate:   base: 2000a100
up_dumpstate:   size: 00000400
up_stackdump: 2000a040: 2001f3c0 2001f440 08024ea5 08012c31 000000f0 00000000 00000000 00000000
[BackTrace| 3|0]:  0x8019aa4 0x80238d2
up_taskdump: Idle Task: PID=0 Stack Used=280 of 1000
up_registerdump: R0: 2000fe28 2000a0ac 20001d04 00000001 00000058 200057e0 00000000 00000001
",
    above: &[
        "Hard Fault:",
        "regs: 0x{hex8}",
        "BASEPRI: {hex} PRIMASK: {hex} IPSR:",
        "_assert: Current Version:",
    ],
    starts: &[
        "PANIC!!!",
        "EXCEPTION: {text} MCAUSE:",
        "(IFSC/DFSC)",
        "ESR_ELn: ",
        "CFAULTS: {hex8} HFAULTS:",
        "dump_assert_info: ",
        "_assert: Current Version: ",
        "Assertion failed at file:",
        "Assertion failed {text}: at file:",
    ],
    weak: &[
        "{function}_dump_register: {name}:",
        "{function}_registerdump: {name}:",
        "^R0: {hex8} {hex8} {hex8} {hex8} {hex8} {hex8} {hex8} {hex8}$",
        "BackTrace|{id}|0]:",
        "backtrace|{id}:",
    ],
    ends: &["NuttShell (NSH)"],
    // Stacks may stand before the registers.
    reach: 700,
    rules: &[
        Rule::All(&[
            // Some releases leave out the end of this line.
            Rule::Title("PANIC!!! {text}:arm_hardfault:"),
            Rule::Title("PANIC!!! {text}"),
            Rule::Register("Hard fault: {hex8}", "HFSR"),
            Rule::Register("at instruction : 0x{hex8}", "pc"),
        ]),
        Rule::All(&[
            Rule::Title("EXCEPTION: {text} MCAUSE:"),
            Rule::Register("MCAUSE: {hex}", "mcause"),
            Rule::Register("EPC: {hex}, MTVAL", TOLD_PC),
            Rule::Register("MTVAL: {hex}", "mtval"),
        ]),
        Rule::All(&[
            Rule::Title("User Exception: EXCCAUSE={text}"),
            Rule::Register("EXCCAUSE={hex}", "exccause"),
        ]),
        Rule::All(&[
            Rule::Title(ASSERTION),
            // With several CPUs: `task(CPU1): NAME`.
            Rule::Thread("task(CPU{core}): {thread} "),
            Rule::Thread("task: {thread} "),
        ]),
        Rule::Fact("Current Version: {text}", "version"),
        // What the handler itself runs with.
        Rule::Skip("BASEPRI: {hex} PRIMASK: {hex} IPSR:"),
        Rule::Fact("Assert location (PC) : {text}", "assert location"),
        Rule::Fact("Code asserted in {text}", "context"),
        Rule::Fact("IRQ num: {text}", "interrupt"),
        Rule::Fact("IRQ handler: {text}", "interrupt handler"),
        Rule::Fact("IRQ name: {text}", "interrupt name"),
        Rule::Other("{function}_taskdump: {thread}: PID={id} "),
        Rule::Other("{function}_taskdump: PID: {id} "),
        Rule::Other("^{thread}: PID={id} Stack Used="),
        // `tasks.rs` gives them to their tasks.
        Rule::FramesBehind("BackTrace|", "0x{hexpc}", Address::Instruction),
        Rule::FramesBehind("backtrace|", "0x{hexpc}", Address::Instruction),
        Rule::Frame("[{pid}] [<{hexpc}>]", Address::Instruction),
        Rule::Skip("dump_task: {id} {group} "),
        Rule::Section("IRQ stack:", "irq"),
        Rule::Section("IRQ Stack:", "irq"),
        Rule::Section("Kernel Stack:", "kernel"),
        Rule::Section("User stack:", "user"),
        Rule::Section("User Stack:", "user"),
        Rule::Remark(
            "Stack pointer is not within the stack",
            "the device says that the stack pointer is not within the stack",
        ),
        Rule::Register("SP is {text} SP: {hex8}", "sp"),
        Rule::Cell("base: {number}", "base"),
        // Decimal in `dump_stack` and `dump_stackinfo`, not in `arm_dump_stack`.
        Rule::Cell("dump_stackinfo: size: {number}", "decimal size"),
        Rule::Cell("dump_stack: size: {number}", "decimal size"),
        Rule::Cell("size: {number}", "size"),
        Rule::Cell("sp: {number}", "sp"),
        Rule::Memory("stack_dump: {hexaddr}: {words}"),
        Rule::Memory("{function}_stackdump: {hexaddr}: {words}"),
        Rule::Memory("^{hexaddr8}: {words8}"),
        Rule::Row("R0: {words8}", &["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7"]),
        Rule::Row("R8: {words8}", &["r8", "r9", "r10", "r11", "r12", "sp", "lr", "pc"]),
        // 64-bit ARM fills its numbers up on the right.
        Rule::Registers("{name}: 0x{hexfree}"),
        Rule::Registers("{name}: {hex}"),
        // Zephyr's crash begins with the words behind the function.
        Rule::Skip("arm64_exception_handler: ELR_ELn: 0x{hex}"),
    ],
    names: &[
        ("cfaults", "CFSR"),
        ("hfaults", "HFSR"),
        ("dfaults", "DFSR"),
        ("bfaultaddr", "BFAR"),
        ("afaults", "AFSR"),
        ("esr_eln", "ESR_EL1"),
        ("far_eln", "FAR_EL1"),
        ("spsr", "cpsr"),
        ("elr", "pc"),
        ("sp_el0", "SP_EL0"),
        ("sp_elx", "sp_elx"),
        ("cause", "exccause"),
        ("vaddr", "excvaddr"),
        ("lcnt", "lcount"),
        // LM32 and MIPS have these.
        ("mflo", "mflo"),
        ("t8", "t8"),
    ],
    family,
    machine,
    arrange,
    finish,
    ..PLAIN
};

fn family(crash: &Crash<'_>) -> Option<Family> {
    by_registers(crash).or(Some(Family::CortexM).filter(|_| may_be_cortex_m(crash)))
}

fn by_registers(crash: &Crash<'_>) -> Option<Family> {
    let wide = is_wide(crash);
    crash.all().find_map(|task| family_of(task, wide))
}

fn family_of(task: &Task<'_>, wide: bool) -> Option<Family> {
    let has = |name: &str| task.has(name);
    // LM32 and MIPS, whose registers are others.
    let foreign = ["x0", "mflo", "t8"].iter().any(|name| has(name));
    let (mcause, epc) = (has("mcause"), has("epc") || has(TOLD_PC));
    Some(match () {
        () if has("elr") && has("spsr") => Family::Aarch64,
        () if epc && foreign => return None,
        () if (epc || mcause) && wide => Family::RiscV64,
        () if epc || mcause => Family::RiscV32,
        () if has("ps") && has("pc") => Family::Xtensa,
        () if has("cpsr") => Family::Arm,
        () if has("pc") || ["cfaults", "cfsr", "hfsr"].iter().any(|n| has(n)) => Family::CortexM,
        () => return None,
    })
}

fn machine(
    _: &Dialect,
    crash: &Crash<'_>,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    match by_registers(crash) {
        Some(Family::Xtensa) => {
            let rows = crash.rows.iter().map(|(addr, _)| *addr);
            let addrs: Vec<u64> = rows.chain(crash.word("pc")).collect();
            xtensa_by_addresses(NAME, &addrs, 1, context, notes)
        }
        Some(family) => machine_of(context, family),
        None => {
            if let Some(told) = machine_told(context)? {
                return Ok(told);
            }
            if !may_be_cortex_m(crash) {
                let expected = "registers with PC or EPC; --target names the machine";
                let found = format!("{} others", crash.task.words.len());
                return Err(in_input(Fault::new(NAME, "registers", 0, expected, found)));
            }
            notes.push(
                Note::doubt("the text has no registers and does not name the machine: by its addresses it is \
                     taken for a Cortex-M, --target names another")
                .by(NAME).code("assumed"),
            );
            machine_of(context, Family::CortexM)
        }
    }
}

/// Whether the addresses of a text without registers can be those of a Cortex-M: its code is not in
/// the region of peripherals, and RAM at the end of the first gigabyte is Espressif's.
fn may_be_cortex_m(crash: &Crash<'_>) -> bool {
    let mut code = crash.all().flat_map(|task| &task.frames).map(|frame| frame.pc).peekable();
    let mut rows = crash.rows.iter().map(|(addr, _)| *addr).peekable();
    let some = (code.peek().is_some() || rows.peek().is_some()) && crash.task.words.is_empty();
    some && code.all(|pc| pc < 0x4000_0000 || (0x6000_0000..0xa000_0000).contains(&pc))
        && rows.all(|addr| !(0x3f00_0000..0x4000_0000).contains(&addr) && addr < 0xe000_0000)
}

fn arrange(crash: &mut Crash<'_>) {
    tasks::arrange(crash);
    for task in std::iter::once(&mut crash.task).chain(&mut crash.others) {
        // ARM's frame pointer is the register that is not printed by its own name.
        let frame_pointer = if task.has("r7") { "r11" } else { "r7" };
        if task.has("r0") {
            for word in task.words.iter_mut().filter(|word| word.name == "fp") {
                word.name = frame_pointer.into();
            }
        }
        // SPSR.M: everything but the level 0 and those with a `t` use the level's own stack pointer.
        let own = task.word("spsr").is_none_or(|spsr| spsr & 1 != 0);
        let sp = task.word("sp_elx").filter(|_| own).or(task.word("sp_el0"));
        if let Some(value) = sp {
            task.words.push(Word { name: "sp".into(), value: Some(value), ..Word::default() });
        }
    }
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let said = crash.titles.iter().find(|title| !title.starts_with(ASSERTION));
    let words = said.or(crash.titles.first()).map(|words| words.trim_end_matches(':'));
    if let Some(words) = words {
        dump.reason.words = words.to_string();
        dump.reason.signal = Some(if said.is_some() { Signal::Segv } else { Signal::Abrt });
    }
    dump.identity.facts.retain(|(name, _)| name != TOLD_PC);
    tasks::finish(dump, crash);
    if let Some(thread) = dump.threads.first_mut() {
        let registers = &mut thread.registers;
        if let (None, Some(pc)) = (registers.pc(), crash.word(TOLD_PC)) {
            registers.set_pc(pc);
        }
        let stack = UserStack::of(crash);
        thread.stack = stack.bounds();
        if let (None, None, Some(sp)) = (registers.sp(), registers.pc(), stack.sp) {
            registers.set_sp(sp);
        }
    }
    // Xtensa's cause stands in every dump of registers, and after an assertion it is of an earlier
    // exception, or nothing at all.
    let is_assertion = said.is_none() && !crash.titles.is_empty() && !crash.says("failed panic");
    let is_xtensa = dump.arch.family == Family::Xtensa;
    let trap = dump.crashed().and_then(|thread| arch::trap_reason(&thread.registers));
    if let Some(trap) = trap.filter(|_| !(is_assertion && is_xtensa)) {
        dump.reason = trap;
    }
    dump.notes.push(
        Note::info("a crash log holds registers and some of the stack: variables are not in it")
            .code("partial"),
    );
}

/// The bounds of the user's stack.
#[derive(Default)]
struct UserStack {
    base: Option<u64>,
    size: Option<u64>,
    /// The last that was printed; up to 9 it stands before the base.
    sp: Option<u64>,
}

impl UserStack {
    fn of(crash: &Crash<'_>) -> Self {
        let mut stack = UserStack::default();
        let mut irq_base = None;
        for cell in &crash.cells {
            let elsewhere = matches!(cell.section, "irq" | "kernel");
            match cell.name {
                "sp" if !elsewhere || stack.base.is_none() => {
                    stack.sp = number(cell.number).or(stack.sp);
                }
                // The stack pointer before was that of interrupts.
                "base" if cell.section == "irq" => irq_base = number(cell.number),
                "size" | "decimal size" if cell.section == "irq" => {
                    let size = match cell.name {
                        "size" => number(cell.number),
                        _ => cell.number.parse().ok(),
                    };
                    let bounds = irq_base
                        .zip(size)
                        .map(|(base, size)| base.saturating_sub(size)..=base.saturating_add(size));
                    stack.sp = stack.sp.filter(|sp| bounds.is_none_or(|all| !all.contains(sp)));
                }
                "base" if !elsewhere => stack.base = number(cell.number),
                "decimal size" if !elsewhere => stack.size = cell.number.parse().ok(),
                "size" if !elsewhere => stack.size = number(cell.number),
                _ => {}
            }
        }
        stack
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
