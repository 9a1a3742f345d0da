//! The exception text of the ESP8266's Arduino core.
//!
//! Instead of the exception it may say `Panic FILE:LINE FUNCTION: ...`, `Abort called`,
//! `Unhandled C++ exception: ...`; these have no address. `Soft WDT reset`, `Stack overflow
//! detected.` and `Stack smashing detected at 0x...` have one in newer releases. The number is EXCCAUSE; the
//! stack is printed from `sp` + `offset` on, which the core's authors found by trial as what the
//! exception handler takes; rows of nothing but guard words are left out. Releases before 3.0 begin
//! without the line to cut at, and up to 2.4 have no space behind the colon of a stack row's
//! address and print `ctx: cont ` and `sp: ...` in one line.
//!
//! * A crash on BearSSL's stack prints that one and the program's, in 3.x the other way round; its
//!   `ctx: bearssl` is where it was.
//! * After a debug, double or kernel exception a line with `excsave1=` comes first, and `epc1=` of
//!   the main line is what helps Arduino's decoder. Where code was fetched that can't be (a null
//!   callback), the decoder gets the return address, and the first line has pc.
//! * A division by zero (6) happens in ROM: up to 3.1.2 `epc1` lies there, after that it is where
//!   the division returns to.
//! * The tool for hardware watchdogs prints each stack as a text of its own, after the reset: all
//!   that was ever used of it.
//!
//! Sources: esp8266/Arduino, `cores/esp8266/core_esp8266_postmortem.cpp` of 2.3 to 3.1.2
//! (01cc4157f51) and of after 3.1.2 (0bc4292f00e), `hwdt_app_entry.cpp` (1bd4e33efb8). No log of
//! somebody's device is among the samples.

use super::pattern::find;
use super::{Crash, Dialect, PLAIN, Rule};
use crate::arch;
use crate::dump::{Dump, Note, Stack};
use crate::error::Result;
use crate::format::Context;
use crate::format::machine::Machine;
use crate::reason::{Reason, Signal};

const NAME: &str = "esp8266";
const BEGIN: &str = ">>>stack>>>";
const END: &str = "<<<stack<<<";
/// Without Arduino's handler: the NONOS SDK's own, and that of esp-open-rtos. They print no stack.
const NONOS: &str = "Fatal exception ({dec})";
/// Since 2.0 the SDK's names the cause.
const NONOS_2: &str = "Fatal exception {dec}({name}):";
const HARDWARE_WDT: &str = "Hardware WDT reset";
const FAILED_ALLOCATION: &str = "last failed alloc call{text}";
/// InstFetchProhibited.
const CAUSE_FETCH: u64 = 20;

/// Exception texts of the ESP8266.
pub(super) static ESP8266: Dialect = Dialect {
    name: NAME,
    title: "ESP8266 Arduino exception text",
    sample: "\
Exception (28):
epc1=0x40201234 epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000000 depc=0x00000000

>>>stack>>>

ctx: cont
sp: 3ffffdc0 end: 3fffffc0 offset: 0190
3fffff50:  3ffe8514 40203dac 3ffee510 40201a2c <
<<<stack<<<
",
    starts: &[BEGIN, NONOS, NONOS_2],
    above: ABOVE,
    ends: &[END],
    goes_on: &[BEGIN, FAILED_ALLOCATION],
    rules: &[
        Rule::Fact(FAILED_ALLOCATION, "last failed allocation"),
        Rule::Register(NONOS, "exccause"),
        Rule::Register(NONOS_2, "exccause"),
        Rule::Register("Exception ({dec})", "exccause"),
        Rule::All(&[
            Rule::Register("excsave1=0x{hex8}", "unusual excsave1"),
            Rule::Register("excsave2={other} epc1=0x{hex8}", "unusual epc1"),
        ]),
        Rule::All(&[
            Rule::Title("Stack smashing detected"),
            Rule::Register("Stack smashing detected at 0x{hex8}", "epc1"),
        ]),
        Rule::Title("Soft WDT reset"),
        Rule::Title(HARDWARE_WDT),
        Rule::Title("Abort called"),
        Rule::Title("Unhandled C++ exception"),
        Rule::Title("Stack overflow detected"),
        Rule::Title("Generic Reset"),
        Rule::Title("PANIC: Stack overrun"),
        Rule::Title("^Panic "),
        Rule::Registers("{name}=0x{hex8}"),
        Rule::Memory("^{hexaddr8}: {words8}"),
        Rule::Skip("ctx: "),
        Rule::Skip("end: "),
        Rule::Skip(BEGIN),
    ],
    names: &[
        ("epc1", "epc1"),
        ("epc2", "epc2"),
        ("epc3", "epc3"),
        ("depc", "depc"),
        ("unusual epc1", ""),
        ("unusual excsave1", ""),
    ],
    is_crash: |_, crash| {
        let begins = crash.says(BEGIN) || is_nonos(crash);
        begins && (crash.has("epc1") || !crash.rows.is_empty())
    },
    machine: |_, _, context, _| machine(context),
    finish,
    ..PLAIN
};

/// What the device says of itself before the stack.
const ABOVE: &[&str] = &[
    "Exception ({dec})",
    "epc1=0x",
    "Stack smashing detected",
    "Soft WDT reset",
    HARDWARE_WDT,
    "Abort called",
    "Unhandled C++ exception",
    "Stack overflow detected",
    "Generic Reset",
    "PANIC: Stack overrun",
    "^Panic ",
];

fn is_nonos(crash: &Crash<'_>) -> bool {
    crash.has_line(NONOS) || crash.has_line(NONOS_2)
}

/// The one chip of its kind.
pub(super) fn machine(context: &Context<'_>) -> Result<Machine> {
    let chip = context.targets.chip("esp8266")?;
    Ok(Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) })
}

/// A printed stack: `ctx: cont`, `sp: 3ffffdc0 end: 3fffffc0 offset: 0190`.
struct PrintedStack {
    bearssl: bool,
    /// Where the printed part begins.
    begin: Option<u64>,
    end: u64,
}

fn stacks(crash: &Crash<'_>) -> Vec<PrintedStack> {
    let (mut all, mut bearssl) = (Vec::new(), false);
    for line in &crash.lines {
        if let Some((_, context)) = line.split_once("ctx:") {
            bearssl = context.contains("bearssl");
        }
        let Some((found, _)) = find("sp: {hexsp} end: {hexend}", line) else { continue };
        let (Some(sp), Some(end)) = (found.whole("hexsp"), found.whole("hexend")) else { continue };
        let offset = find("offset: {hexoffset}", line).and_then(|(f, _)| f.whole("hexoffset"));
        let begin = sp.checked_add(offset.unwrap_or(0)).filter(|begin| *begin <= end);
        all.push(PrintedStack { bearssl, begin, end });
    }
    all
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    if is_nonos(crash) {
        dump.format = "ESP8266 fatal exception text".into();
    } else if !crash.says(END) {
        let words = format!("the text ends before {END}: it is cut off");
        dump.notes.push(Note::warning(words).by(NAME).code("cut"));
    }
    let mut pc = crash.word("epc1").filter(|pc| *pc != 0);
    let unhandled = crash.says("XTOS Unhandled exception");
    let Some(thread) = dump.threads.first_mut() else { return };
    if unhandled
        && crash.word("exccause") == Some(CAUSE_FETCH)
        && let Some(fetched) = crash.word("unusual epc1")
    {
        pc = Some(fetched);
        if let Some(a0) = crash.word("unusual excsave1") {
            thread.registers.set_by_name("a0", a0);
        }
    }
    if let Some(pc) = pc {
        thread.registers.set_pc(pc);
    }
    let hardware = crash.says(HARDWARE_WDT);
    let stacks = stacks(crash);
    let stack = match hardware {
        // BearSSL's and the system's come first, whether they were in use or not.
        true => stacks.last(),
        false => stacks.iter().find(|stack| stack.bearssl).or(stacks.first()),
    };
    let first_row = crash.rows.first().map(|(addr, _)| *addr);
    if let Some(sp) = stack.and_then(|stack| stack.begin).or(first_row) {
        thread.registers.set_by_name("a1", sp);
        let last = crash.rows.last().map(|(addr, row)| addr.saturating_add(row.len() as u64));
        let end = stack.map(|stack| stack.end).or(last);
        thread.stack = Some(Stack { low: sp, high: end.filter(|end| *end > sp).unwrap_or(sp) });
        let why = match hardware {
            true => "where that stack was never used below: where it was is unknown",
            false => "where the printed stack begins: the device does not print it",
        };
        let words = format!("a1 is assumed to be {sp:#x}, {why}");
        dump.notes.push(Note::info(words).by(NAME).code("assumed"));
    }
    let trap = arch::trap_reason(&thread.registers);
    dump.reason = match crash.titles.first() {
        Some(title) => {
            let at = pc.map_or(String::new(), |pc| format!(" at pc {pc:#x}"));
            let evidence = trap.map(|trap| trap.evidence).unwrap_or_default();
            Reason::new(Signal::Abrt, format!("{title}{at}"), evidence)
        }
        None => trap.unwrap_or_default(),
    };
}
