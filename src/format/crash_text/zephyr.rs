//! Zephyr's fatal errors, as its console prints them, on every architecture.
//!
//! Source: zephyrproject-rtos/zephyr, `kernel/fatal.c` and the `fatal.c` and `fault.c` of each
//! architecture, 1.14 to 4.2. What differs by release: 1.x prints `Current thread ID = ` and
//! `Faulting instruction address = ` and no registers; the titles came without a logger before 2.2;
//! RISC-V prints `xepc` and `xstatus` since it also runs in supervisor mode; the call traces of
//! RISC-V and AArch64 name functions where the symbol table is built in.

use super::{Address, Crash, Dialect, PLAIN, Rule, is_wide};
use crate::dump::Dump;
use crate::format::machine::{Family, set_single_floats};
use crate::format::zephyr::fatal_code;

/// Zephyr's fatal errors.
pub static ZEPHYR_FATAL: Dialect = Dialect {
    name: "zephyr-fatal",
    title: "Zephyr fatal error text",
    sample: "\
E: ***** MPU FAULT *****
E:   Data Access Violation
E:   MMFAR Address: 0x4
E: r0/a1:  0x00000000  r1/a2:  0x20004864  r2/a3:  0x2000454c
E: r3/a4:  0x200023bc r12/ip:  0x200070d4 r14/lr:  0x0001f2a9
E:  xpsr:  0x61000000
E: Faulting instruction address (r15/pc): 0x0001c6b6
E: >>> ZEPHYR FATAL ERROR 19: Unknown error on CPU 0
E: Current thread: 0x20003240 (sampler)
E: Halting system
",
    starts: &[
        "ASSERTION FAIL [",
        "ASSERTION FAIL @",
        "***** {text} FAULT *****",
        "***** {text} ABORT *****",
        "Exception vector: 0x{hex}, cause code:",
        "***** Reserved Exception",
        "***** Spurious interrupt",
        "Spurious interrupt detected! IRQ:",
        "**** Unknown Fatal Error",
        "***** Hardware exception *****",
        "***** Stack Check Fail! *****",
        "***** Kernel OOPS! *****",
        "***** Kernel Panic! *****",
        "Fault! EXC #",
        "mcause: {dec},",
        "Exception cause {text} ({dec})",
        "ELR_ELn: 0x",
        "Page fault at address",
        "***** CPU Page Fault (error code",
        "General protection fault",
        "Divide by zero",
        "Invalid opcode",
        "** FATAL EXCEPTION",
        "Trap tt=0x",
        "tt = 0x",
        "r0/a1: 0x",
        "ZEPHYR FATAL ERROR",
    ],
    // What controllers say before they stop the kernel.
    above: &["MPSL ASSERT: ", "SoftDevice Controller ASSERT: "],
    nested: &["Backtrace:0x ** FATAL EXCEPTION", "Backtrace: ** FATAL EXCEPTION"],
    ends: &["Current thread: {hex}", "Fatal fault in", "Caught system error -- reason {dec}"],
    rules: &[
        Rule::Fact("ASSERTION FAIL [{expression}] @ {text}", "assertion"),
        Rule::Fact("ASSERTION FAIL @ {text}", "assertion"),
        Rule::Title("MPSL ASSERT: "),
        Rule::Title("SoftDevice Controller ASSERT: "),
        Rule::Title("ARCH_EXCEPT with reason"),
        Rule::Skip("***** Hardware exception *****"),
        Rule::Title("Exception vector:"),
        Rule::Title("**** {text}! ****$"),
        Rule::Title("Spurious interrupt detected!"),
        Rule::Title("***** {text} *****"),
        Rule::Skip("Fault escalation (see below)"),
        // Arm: what the bits of the fault status say.
        Rule::Title("Stacking error"),
        Rule::Title("Unstacking error"),
        Rule::Title("Data Access Violation"),
        Rule::Title("Instruction Access Violation"),
        Rule::Title("Floating-point lazy state preservation error"),
        Rule::Title("Precise data bus error"),
        Rule::Title("Imprecise data bus error"),
        Rule::Title("Instruction bus error"),
        Rule::Title("Bus fault on vector table read"),
        Rule::Title("Division by zero"),
        Rule::Title("Unaligned memory access"),
        Rule::Title("Stack overflow (context area not valid)"),
        Rule::Title("No coprocessor instructions"),
        Rule::Title("Illegal load of EXC_RETURN into PC"),
        Rule::Title("Illegal use of the EPSR"),
        Rule::Title("Attempt to execute undefined instruction"),
        Rule::Title("Invalid entry point"),
        Rule::Title("Invalid integrity signature"),
        Rule::Title("Invalid exception return"),
        Rule::Title("Attribution unit violation"),
        Rule::Title("Invalid transition"),
        Rule::Title("Lazy state"),
        Rule::Title("Exception occurred in Secure State"),
        Rule::Title("{text} Fault @ 0x{hex}"),
        Rule::Address("MMFAR Address: 0x{hex}"),
        Rule::Address("BFAR Address: 0x{hex}"),
        Rule::Address("Address: 0x{hex}"),
        Rule::Registers("{name}: 0x{hex}, BFSR:"),
        Rule::Register("Faulting instruction address (r15/pc): 0x{hex8}", "pc"),
        Rule::Register("Faulting instruction address = 0x{hex}", "pc"),
        Rule::Register("EXC_RETURN: 0x{hex8}", "exc_return"),
        Rule::Registers("s[{index}]: 0x{hex8}"),
        // RISC-V
        Rule::Register("mcause: {dec}, {text}", "mcause"),
        // Its form of 1.x.
        Rule::All(&[
            Rule::Register("Exception cause {text} ({dec})", "mcause"),
            Rule::Section("Exception cause {text} ({dec})", "1.x"),
        ]),
        Rule::In("1.x", &[Rule::Registers("{name}: 0x{hexfree}")]),
        Rule::Register("mtval: {hex}", "mtval"),
        Rule::Frame("{dec}: sp: {hexsp} ra: {hexpc} [{function}]", Address::Return),
        Rule::Frame("{dec}: sp: {hexsp} ra: {hexpc}", Address::Return),
        // AArch64
        Rule::Title("EC: 0x{class} ({text})"),
        Rule::Frame("{dec}: fp: {hexfp} lr: {hexpc} [{function}]", Address::Return),
        Rule::Frame("{dec}: fp: {hexfp} lr: {hexpc}", Address::Return),
        Rule::Title("STACK OVERFLOW FROM"),
        // x86
        Rule::Title("Page fault at address"),
        Rule::Title("***** {text} (error code"),
        Rule::Address("thread read address 0x{hex}"),
        Rule::Address("thread wrote address 0x{hex}"),
        Rule::Address("thread executed address 0x{hex}"),
        Rule::Title("Linear address not present in page tables"),
        Rule::Title("Access violation:"),
        Rule::Title("General protection fault"),
        Rule::Title("Divide by zero"),
        Rule::Title("Invalid opcode"),
        Rule::Title("Double fault"),
        Rule::Title("Stack segment fault"),
        Rule::Title("Alignment check"),
        Rule::Frame("{dec}: 0x{hexpc}", Address::Return),
        Rule::Frame("0x{hexpc} (0x{hexargument})", Address::Return),
        // Xtensa
        Rule::Register("EXCCAUSE {dec} ({text})", "exccause"),
        // Up to 1.13 all on one line.
        Rule::All(&[
            Rule::Register("EXCCAUSE {dec} PS", "exccause"),
            Rule::Register("PS 0x{hex8} PC", "ps"),
            Rule::Register("PC 0x{hex8} VADDR", "pc"),
            Rule::Register("VADDR 0x{hex8}", "excvaddr"),
        ]),
        Rule::FramesBehind("Backtrace:", "0x{hexpc}:0x{hexsp}", Address::Instruction),
        Rule::Registers("{name} {hex}"),
        // ARC
        Rule::Address("Address 0x{hex}"),
        Rule::Title("EV_"),
        Rule::Title("Memory read protection violation"),
        Rule::Title("Memory write protection violation"),
        Rule::Title("Memory read-modify-write violation"),
        Rule::Title("Instruction fetch violation"),
        // SPARC: the window of the trap, and the call instructions of those before.
        Rule::Section("INS LOCALS OUTS GLOBALS", WINDOW),
        Rule::In(
            WINDOW,
            &[
                Rule::Row("^0: {words8}", &["i0", "l0", "o0", "g0"]),
                Rule::Row("^1: {words8}", &["i1", "l1", "o1", "g1"]),
                Rule::Row("^2: {words8}", &["i2", "l2", "o2", "g2"]),
                Rule::Row("^3: {words8}", &["i3", "l3", "o3", "g3"]),
                Rule::Row("^4: {words8}", &["i4", "l4", "o4", "g4"]),
                Rule::Row("^5: {words8}", &["i5", "l5", "o5", "g5"]),
                Rule::Row("^6: {words8}", &["i6", "l6", "o6", "g6"]),
                Rule::Row("^7: {words8}", &["i7", "l7", "o7", "g7"]),
            ],
        ),
        Rule::Frame("#{dec} {hexpc8} {hexsp8}", Address::Instruction),
        Rule::Title("tt = 0x{trap}, {text}"),
        Rule::Title("Trap tt="),
        // All
        Rule::Registers("{name} : 0x{hex8}"),
        Rule::Registers("{name} : {hex8}"),
        Rule::Fallback("ZEPHYR FATAL ERROR {text}"),
        Rule::Fact("Fault during interrupt handling", "context"),
        Rule::Thread("Current thread: {hex} ({thread})"),
        Rule::Thread("Current thread ID = {hex}"),
        // The words of the assertion.
        Rule::After("ASSERTION FAIL", &[Rule::Title("{text}")]),
    ],
    names: &[
        ("elr_eln", "pc"),
        ("esr_eln", "ESR_EL1"),
        ("far_eln", "FAR_EL1"),
        ("tpidrro", "TPIDRRO"),
        ("xepc", "mepc"),
        ("xstatus", "mstatus"),
        ("vaddr", "excvaddr"),
        ("cs", "cs"),
        ("cr3", "cr3"),
        ("rflags", "eflags"),
        ("blink", "blink"),
        ("status32", "status32"),
        ("lp_end", "lp_end"),
        ("lp_start", "lp_start"),
        ("lp_count", "lp_count"),
        ("npc", "npc"),
        ("tbr", "tbr"),
        ("wim", "wim"),
        ("y", "y"),
        ("mmfsr", "mmfsr"),
    ],
    is_crash: |_, crash| !crash.titles.is_empty() || crash.fallback.is_some() || crash.has_body(),
    family,
    finish,
    ..PLAIN
};

/// SPARC's registers, as its console prints them.
const WINDOW: &str = "window";

fn family(crash: &Crash<'_>) -> Option<Family> {
    let wide = is_wide(crash);
    Some(if crash.has("exccause") {
        Family::Xtensa
    } else if crash.has("blink") || crash.says("Exception vector:") {
        Family::Arc
    } else if crash.has("elr_eln") || (crash.has("x0") && wide) {
        Family::Aarch64
    } else if crash.has("rip") || crash.has("rax") {
        Family::X86_64
    } else if crash.has("eip") || crash.has("eax") {
        Family::X86
    } else if crash.has("mcause") || crash.has("mepc") || crash.has("xepc") {
        if wide { Family::RiscV64 } else { Family::RiscV32 }
    } else if crash.has("npc") || crash.has("tbr") {
        Family::Sparc
    } else if crash.says("ABORT *****") {
        Family::Arm
    } else if crash.has("r0/a1") || crash.says("FAULT *****") || crash.says("(r15/pc)") {
        Family::CortexM
    } else {
        return None;
    })
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let arch = dump.arch.clone();
    let Some(thread) = dump.threads.first_mut() else { return };
    let registers = &mut thread.registers;
    if arch.register("ar1").is_some()
        && let Some(sp) = crash.word("sp")
    {
        registers.set_by_name("ar1", sp);
    }
    if arch.register("xpsr").is_some() {
        let floats: Vec<u32> =
            (0..32).map_while(|n| Some(crash.word(&format!("s{n}"))? as u32)).collect();
        set_single_floats(registers, 0, &floats);
        sp_before_the_fault(dump, crash);
    }
    if let Some((at, _)) =
        crash.facts.iter().position(|(label, _)| *label == "assertion").zip(Some(()))
    {
        let place = crash.facts.get(at).map_or("", |(_, place)| place);
        let line = crash.lines.iter().position(|line| line.contains("ASSERTION FAIL")).unwrap_or(0);
        let expression = crash.lines.get(line).and_then(|line| {
            line.split_once('[').and_then(|(_, rest)| rest.rsplit_once("] @")).map(|(e, _)| e)
        });
        let message = crash.lines.get(line.saturating_add(1)).filter(|line| !line.contains(": "));
        let mut words = format!("assertion failed: {}", expression.unwrap_or("(not printed)"));
        words.push_str(&format!(" at {place}"));
        if let Some(message) = message {
            words.push_str(&format!(": {message}"));
        }
        dump.reason.words = words;
        dump.reason.signal = Some(crate::reason::Signal::Abrt);
    } else if crash.titles.is_empty()
        && let Some((code, _)) = crash.fallback.and_then(|text| text.split_once(':'))
        && let Ok(code) = code.trim().parse()
    {
        let (words, signal) = fatal_code(code, arch.family.is_arm32());
        dump.reason.words = words;
        dump.reason.signal = signal;
    }
}

/// With `EXTRA_EXCEPTION_INFO` psp is printed, where the exception frame is, and EXC_RETURN: the
/// stack pointer before is above that frame.
fn sp_before_the_fault(dump: &mut Dump, crash: &Crash<'_>) {
    let Some(thread) = dump.threads.first_mut() else { return };
    let (Some(psp), Some(exc_return)) = (crash.word("psp"), crash.word("exc_return")) else {
        return;
    };
    let xpsr = thread.registers.by_name("xpsr").unwrap_or(0);
    if exc_return & 4 == 0 || thread.registers.sp().is_some() {
        return;
    }
    let frame = if exc_return & 0x10 == 0 { 0x68 } else { 0x20 };
    let sp = psp.wrapping_add(frame).wrapping_add(if xpsr & 1 << 9 != 0 { 4 } else { 0 });
    thread.registers.set_sp(sp);
    dump.notes.push(
        crate::dump::Note::info("sp is derived: psp, and above it the exception frame")
            .by("zephyr-fatal")
            .code("reconstructed"),
    );
}
