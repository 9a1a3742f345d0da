//! CmBacktrace's text: eight registers of a Cortex-M, a window of the stack, a list of calls.
//!
//! The lines of numbers are alike in all languages. Titles are English, Chinese or mere numbers, which
//! count only behind the firmware's name. Goodix' SDKs for their GR5xx have a descendant with registers
//! in two columns, and RT-Thread's package prints more of a Cortex-M33.
//!
//! An assert prints no registers: its stack begins where the hook's stack pointer was, and pc is
//! not known (the first call listed is one that was found above it, by its looks). A stack that
//! overflowed is printed from its lowest address on; then the stack pointer is in the sentence
//! that says so, and only RT-Thread's package prints registers.
//!
//! Where the printed stack begins differs: behind the exception frame; by some ports at the frame
//! (issue 27 shows one); and since the fix of issue 89 behind the word of padding, if there is one
//! (bit 9 of xpsr). A frame ends at a multiple of 8 and the padding is one word, so the address
//! tells.
//!
//! Source: armink/CmBacktrace 8bbd425 and 328ce32, `cm_backtrace/cm_backtrace.c`, `Languages/`; the
//! numbers from a fork's `Languages/_ErrorCode/` that shiyj/CmBacktrace 62843a1 includes; its issues 27,
//! 60, 65, 89; armink-rtt-pkgs/CmBacktrace 15d00d6 `cm_backtrace.c` and 3c39335 `cmb_port.c`;
//! goodix-ble/GR551x.SDK 575cedb and goodix-ble/GR5526-Smart-Watch acc63d4
//! `components/libraries/app_error/cortex_backtrace.c`.

use super::{Address, Crash, Dialect, PLAIN, Rule};
use crate::arch::cortex_m::frame::BASIC_LEN;
use crate::dump::{Dump, Note};
use crate::format::machine::Family;
use crate::memory::Memory;
use crate::reason::{Reason, Signal};

const NAME: &str = "cm-backtrace";
/// RT-Thread's line before an assert.
const ASSERT_LINE: &str = " has assert failed at ";
const FAULT: &str = "fault";
const ASSERT: &str = "assert";
const OVERFLOW: &str = "stack overflow";
/// Bit 9 of the stacked status: the core pushed a word of padding.
const PADDED: u64 = 1 << 9;
/// What an exception stacks, lowest address first.
const FRAME: [&str; 8] = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "psr"];
/// What stands in no text of others.
const OWN: [&str; 12] = [
    "Firmware name:",
    "固件名称：",
    "Fault on thread ",
    "Assert on thread ",
    " on interrupt or bare metal",
    "在线程(",
    "在中断或裸机环境下发生",
    "hread stack information =",
    "ain stack information =",
    " Registers information =",
    "addr2line -e",
    "Call stack info :",
];

/// Titles of the language of numbers.
const NUMBERS: &[Rule] = &[
    Rule::All(&[Rule::Says("^10 {thread}$", FAULT), Rule::Thread("^10 {thread}$")]),
    Rule::Says("^11$", FAULT),
    Rule::All(&[Rule::Says("^2 {thread}$", ASSERT), Rule::Thread("^2 {thread}$")]),
    Rule::Says("^3$", ASSERT),
];

/// CmBacktrace's text.
pub(super) static CM_BACKTRACE: Dialect = Dialect {
    name: NAME,
    title: "CmBacktrace text",
    sample: "\
Firmware name: pump, hardware version: V1.0.0, software version: V0.1.0
Fault on thread motor
===== Thread stack information =====
  addr: 20004020    data: 7a5a4020
  addr: 20004024    data: 7a5a4024
====================================
=================== Registers information ====================
  R0 : 000000a0  R1 : 000000a1  R2 : 000000a2  R3 : 000000a3
  R12: 000000ac  LR : 08004321  PC : 08001234  PSR: 61000000
==============================================================
Bus fault is caused by precise data access violation
The bus fault occurred address is 40ff0000
Show more call stack info by run: addr2line -e pump.axf -afpiC 08001234 08004320
",
    starts: &[
        ASSERT_LINE,
        "Firmware name:",
        "固件名称：",
        "Fault on thread ",
        "Assert on thread ",
        "Fault on interrupt or bare metal",
        "Assert on interrupt or bare metal",
        "在线程({thread})中发生",
        "在中断或裸机环境下发生",
        "Thread stack information =",
        "Main stack information =",
        "Registers information =",
    ],
    rules: &[
        Rule::After("Firmware name:", NUMBERS),
        Rule::After("固件名称：", NUMBERS),
        Rule::Fact("Firmware name: {text}", "firmware"),
        Rule::Fact("固件名称：{text}", "firmware"),
        Rule::Fallback(ASSERT_LINE),
        Rule::All(&[
            Rule::Says("Fault on thread {thread}$", FAULT),
            Rule::Thread("Fault on thread {thread}$"),
        ]),
        Rule::All(&[
            Rule::Says("Assert on thread {thread}$", ASSERT),
            Rule::Thread("Assert on thread {thread}$"),
        ]),
        Rule::Says("Fault on interrupt or bare metal", FAULT),
        Rule::Says("Assert on interrupt or bare metal", ASSERT),
        Rule::All(&[
            Rule::Says("在线程({thread})中发生错误异常", FAULT),
            Rule::Says("在线程({thread})中发生断言", ASSERT),
            Rule::Thread("在线程({thread})中发生"),
        ]),
        Rule::Says("在中断或裸机环境下发生断言", ASSERT),
        Rule::Says("在中断或裸机环境下发生", FAULT),
        // The stack pointer that is outside of its stack.
        Rule::Register("Error: Thread stack({hex8}) was overflow", OVERFLOW),
        Rule::Register("Error: Main stack({hex8}) was overflow", OVERFLOW),
        Rule::Register("线程栈({hex8})发生溢出", OVERFLOW),
        Rule::Register("主栈({hex8})发生溢出", OVERFLOW),
        Rule::Register("^6({hex8})$", OVERFLOW),
        Rule::Register("^7({hex8})$", OVERFLOW),
        Rule::All(&[
            Rule::Register("stack_pointer: 0x{hex8}", "stack pointer"),
            Rule::Thread("stack_start_addr: 0x{hexlow}, stack_end_addr: 0x{hexhigh}"),
        ]),
        Rule::Memory("addr: {hexaddr8} data: {words8}"),
        Rule::FramesBehind("addr2line", "{hexpc8}", Address::Instruction),
        Rule::FramesBehind("Call stack info :", "{hexpc8}", Address::Instruction),
        Rule::Register("memory management fault occurred address is {hex8}", "MMFAR"),
        Rule::Register("bus fault occurred address is {hex8}", "BFAR"),
        Rule::Register("发生存储器管理错误的地址：{hex8}", "MMFAR"),
        Rule::Register("发生总线错误的地址：{hex8}", "BFAR"),
        Rule::Title("Hard fault"),
        Rule::Title("Memory management"),
        Rule::Title("Bus fault"),
        Rule::Title("Usage fault"),
        Rule::Title("Debug fault"),
        Rule::Title("发生硬错误，"),
        Rule::Title("发生存储器管理错误，"),
        Rule::Title("发生总线错误，"),
        Rule::Title("发生用法错误，"),
        Rule::Title("发生调试错误，"),
        Rule::Registers("{name} : {hex8}"),
    ],
    family: |crash| OWN.iter().any(|own| crash.says(own)).then_some(Family::CortexM),
    finish,
    ..PLAIN
};

/// What of a sentence tells the signal, the particular ones first.
const SIGNALS: [(&str, Signal); 14] = [
    ("divide by zero", Signal::Fpe),
    ("除 0", Signal::Fpe),
    ("unaligned access", Signal::Bus),
    ("非对齐", Signal::Bus),
    ("undefined instruction", Signal::Ill),
    ("未定义指令", Signal::Ill),
    ("invalid state", Signal::Ill),
    ("ARM 状态", Signal::Ill),
    ("EXC_RETURN", Signal::Ill),
    ("异常返回码", Signal::Ill),
    ("coprocessor", Signal::Ill),
    ("协处理器", Signal::Ill),
    ("Debug fault", Signal::Abrt),
    ("调试错误", Signal::Abrt),
];

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let has_pc = crash.has("pc");
    let assert = crash.titles.contains(&ASSERT)
        || crash.says(ASSERT_LINE)
        // Without an OS an assert has no title of its own.
        || (!crash.titles.contains(&FAULT) && !crash.has("r0") && !crash.has(OVERFLOW));
    dump.reason = reason(crash, assert);
    for (name, names) in &mut dump.identity.facts {
        if name == "firmware" {
            *names = names.replace("，硬件版本号：", ", hardware version: ");
            *names = names.replace("，软件版本号：", ", software version: ");
        }
    }
    let Some(thread) = dump.threads.first_mut() else { return };
    thread.name = thread.name.take().filter(|name| name != "NO_NAME");
    let xpsr = thread.registers.by_name("xpsr");
    let sp = stack_pointer(crash, assert, &dump.memory, xpsr);
    if let Some(sp) = sp {
        thread.registers.set_sp(sp);
    }
    let two_columns = crash.has_line("R2 : {hex8} R3 :") && !crash.has_line("R1 : {hex8} R2 :");
    if two_columns && crash.has("r2") && crash.word("r1") == crash.word("r2") {
        thread.registers.forget("r2");
        dump.notes.push(
            Note::warning("some releases print r1 in the place of r2: r2 is not known")
                .by(NAME)
                .code("unknown-register"),
        );
    }
    if has_pc {
        let saved = if crash.has("r4") { "" } else { "r4-r11 and " };
        dump.notes.push(Note::info(format!(
            "CmBacktrace prints some registers and some of the stack: {saved}variables are not in it"
        )).code("partial"));
        return;
    }
    let what = if assert { "an assert" } else { "this crash" };
    let sp = match sp {
        None => "nor sp",
        Some(_) if crash.has(OVERFLOW) => "sp is the one that was outside of its stack",
        Some(_) => "sp is where the printed stack begins",
    };
    dump.notes.push(Note::warning(format!(
        "the device prints no registers of {what}: pc and lr are not known, {sp}; the calls that it \
         lists were found in the stack by their looks"
    )).by(NAME).code("partial"));
}

/// The stack pointer of the crashed code.
fn stack_pointer(
    crash: &Crash<'_>,
    assert: bool,
    memory: &Memory,
    xpsr: Option<u64>,
) -> Option<u64> {
    let printed = crash.word("stack pointer").or(crash.word(OVERFLOW));
    let first = printed.or_else(|| crash.rows.first().map(|(addr, _)| *addr))?;
    if assert {
        return Some(first);
    }
    let is_frame = (first..).step_by(4).zip(FRAME).all(|(at, name)| {
        let value = crash.word(name);
        value.is_some() && memory.u32_le(at).map(u64::from) == value
    });
    let behind =
        if printed.is_none() && is_frame { first.checked_add(BASIC_LEN.into())? } else { first };
    let padding = xpsr.is_some_and(|xpsr| xpsr & PADDED != 0) && behind.is_multiple_of(8);
    behind.checked_add(if padding { 4 } else { 0 })
}

fn reason(crash: &Crash<'_>, assert: bool) -> Reason {
    if assert {
        let told = crash.lines.iter().find(|line| line.contains(ASSERT_LINE)).unwrap_or(&ASSERT);
        return Reason::new(Some(Signal::Abrt), *told, Vec::new());
    }
    let sentence = crash.titles.iter().find(|title| ![FAULT, ASSERT].contains(title));
    let overflow = Some(&OVERFLOW).filter(|_| crash.has(OVERFLOW));
    let words = *sentence.or(overflow).unwrap_or(&FAULT);
    let known = SIGNALS.iter().find(|(part, _)| words.contains(part));
    let signal = known.map_or(Signal::Segv, |(_, signal)| *signal);
    Reason::new(Some(signal), words, Vec::new())
}
