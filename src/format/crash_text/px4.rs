//! PX4's hardfault log: a text on the SD card, also inside ULog files.
//!
//! `mmfsr` and `bfsr` are the *address* registers MMFAR and BFAR. Folklore:
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

use super::{Cell, Crash, Dialect, PLAIN, Printer, Radix, Rule, cortex_m};
use crate::dump::{Dump, Note, Stack};
use crate::format::fault_text::add_stack;
use crate::reason::Signal;

const NAME: &str = "px4-hardfault";
const END: &str = "END Fault Log";
/// The sections that are memory and bounds of stacks.
const STACKS: [&str; 2] = ["irq", "user"];

/// PX4's hardfault log.
pub(super) static PX4_LOG: Dialect = Dialect {
    name: NAME,
    title: "PX4 hardfault log",
    sample: "\
[hardfault_log] -- 2024-05-06-07:08:09 Begin Fault Log --
System fault Occurred on: 2024-05-06-07:08:09
 Type:Hard Fault in file:armv7-m/up_hardfault.c at line: 175 running task: wq:rate_ctrl
 FW git-hash: 1234567
 Processor registers: from 0x20020c14
 r0:0x00000000 r1:0x200233e0 r2:0x00000010 r3:0x00000000 r4:0x2002d0a0 r5:0x00000001 r6:0x00000000 r7:0x20021a80
 r8:0x00000000 r9:0x00000000 r10:0x00000000 r11:0x00000000 r12:0x00000000 sp:0x20021a80 lr:0x0801a4a5 pc:0x0803c4cc
 xpsr:0x61000000 basepri:0x00000000 control:0x00000004
 exe return:0xffffffe9
 Fault status registers: from NVIC
 cfsr:0x00008200 hfsr:0x40000000 dfsr:0x00000000 mmfsr:0x50000000 bfsr:0x50000000 afsr:0x00000000
 User stack:
  top:    0x20021b00
  sp:     0x20021a80 Valid
  bottom: 0x20021300
User sp memory region, stack pointer lies within stack
0x20021a84 0x0801a4a5
0x20021a80 0x00000000<-- User sp
[hardfault_log] -- 2024-05-06-07:08:09 END Fault Log --
",
    starts: &["Begin Fault Log", "System fault Occurred on", "Processor registers:"],
    ends: &[END],
    // Thousands of lines of stacks may stand before the registers.
    reach: usize::MAX,
    rules: &[
        Rule::All(&[
            Rule::Title("Type:{text} in file:"),
            Rule::Fact("in file:{text} running task:", "place"),
            Rule::Thread("running task: {thread}$"),
        ]),
        Rule::Title("Type:{text}"),
        Rule::Fact("System fault Occurred on: {text}", "time"),
        Rule::Fact("FW git-hash: {text}", "version"),
        Rule::Fact("Build datetime: {text}", "build time"),
        Rule::Section("IRQ stack:", "irq"),
        Rule::Section("Interrupt sp memory region", "irq"),
        Rule::Section("User stack:", "user"),
        Rule::Section("User sp memory region", "user"),
        Rule::Cell("^top: 0x{number}", "top"),
        Rule::Cell("^sp: 0x{number}", "sp"),
        Rule::Cell("^bottom: 0x{number}", "bottom"),
        Rule::Cell("^0x{at} 0x{was} -> [0x{number}", "word"),
        Rule::Cell("^0x{at} 0x{number}", "word"),
        Rule::Register("exe return:[0x{number}", "exc_return"),
        Rule::Register("exe return:0x{number}", "exc_return"),
        Rule::Registers("{name}:[0x{number}"),
        Rule::Registers("{name}:0x{number}"),
    ],
    names: &[("mmfsr", "MMFAR"), ("bfsr", "BFAR"), ("abfsr", "ABFSR")],
    printer: Printer::Filled,
    family: cortex_m,
    finish,
    ..PLAIN
};

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let (words, bounds): (Vec<&Cell<'_>>, Vec<&Cell<'_>>) =
        crash.cells.iter().partition(|cell| cell.name == "word");
    // Addresses of RAM have nine digits in decimal and eight in hexadecimal.
    let radix_of_bounds = Radix::of(bounds.iter().map(|cell| cell.number), Printer::Filled);
    let bound = |section: &str, name: &str| {
        let cell = bounds.iter().find(|cell| (cell.section, cell.name) == (section, name))?;
        radix_of_bounds.read(cell.number)
    };
    let registers = crash.task.words.iter().filter_map(|word| word.printed);
    let numbers = words.iter().flat_map(|cell| [cell.at, Some(cell.number)]).flatten();
    let radix = Radix::of(registers.chain(numbers), Printer::Filled);
    if radix == Radix::Decimal {
        dump.notes.push(
            Note::warning("this release prints decimal numbers after 0x: read as decimal")
                .by(NAME)
                .code("assumed"),
        );
    }
    for stack in STACKS {
        let of = |cell: &&Cell<'_>| {
            let word = u32::try_from(radix.read(cell.number)?).ok()?;
            Some((radix.read(cell.at?)?, word)).filter(|_| cell.section == stack)
        };
        let rows = words.iter().filter_map(of).collect();
        let memory = stack_memory(rows, stack, bound(stack, "sp"), &mut dump.notes);
        add_stack(dump, NAME, memory);
    }
    let Some(thread) = dump.threads.first_mut() else { return };
    if let (Some(low), Some(high)) = (bound("user", "bottom"), bound("user", "top")) {
        thread.stack = Some(Stack { low, high }).filter(|stack| stack.low < stack.high);
    }
    let kind = crash.titles.first().copied().unwrap_or_default();
    let asserted = kind.starts_with("Assertion");
    if asserted && thread.registers.pc().is_none() {
        if let Some(sp) = bound("user", "sp").filter(|_| thread.registers.sp().is_none()) {
            thread.registers.set_sp(sp);
        }
        dump.notes.push(
            Note::info(
                "of an assertion that fails in a task no registers are saved but the stack \
             pointer",
            )
            .by(NAME)
            .code("partial"),
        );
    }
    let place = crash.facts.iter().find(|(name, _)| *name == "place");
    if let Some((file, line)) = place.and_then(|(_, place)| place.split_once(" at line: "))
        && asserted
    {
        dump.reason.words = format!("{kind} in {file}:{line}");
    }
    dump.reason.signal = dump.reason.signal.or((!kind.is_empty()).then_some(Signal::Abrt));
    if !crash.says(END) {
        dump.notes.push(
            Note::warning("the log ends before its last line: it may be cut").by(NAME).code("cut"),
        );
    }
    dump.notes.push(
        Note::info(
            "a hardfault log holds registers and some of the stack: variables are not in it",
        )
        .code("partial"),
    );
}

/// The lines of memory, rising, at their real addresses.
fn stack_memory(
    mut rows: Vec<(u64, u32)>,
    stack: &str,
    sp: Option<u64>,
    notes: &mut Vec<Note>,
) -> Vec<(u64, Vec<u8>)> {
    rows.sort_unstable_by_key(|(addr, _)| *addr);
    let by_one = rows.windows(2).any(|pair| match pair {
        [(a, _), (b, _)] => b.checked_sub(*a) == Some(1),
        _ => false,
    });
    if let ([(addr, _)], Some(sp)) = (rows.as_slice(), sp)
        && *addr != sp
    {
        // One alone does not tell whether this release counts words.
        notes.push(
            Note::warning(format!(
                "of the {stack} stack there is one word, whose address may count words: left out"
            ))
            .by(NAME)
            .code("left-out"),
        );
        return Vec::new();
    }
    if by_one {
        let Some(sp) = sp else {
            notes.push(
                Note::warning(format!(
                    "the {stack} stack's addresses count words from a stack pointer that the log \
                 does not tell: left out"
                ))
                .by(NAME)
                .code("left-out"),
            );
            return Vec::new();
        };
        notes.push(
            Note::info(format!(
                "the {stack} stack's addresses step by 1 in this release: taken as words from the \
             stack pointer {sp:#x}"
            ))
            .by(NAME)
            .code("assumed"),
        );
        for (addr, _) in &mut rows {
            let words = addr.wrapping_sub(sp);
            *addr = sp.wrapping_add(words.wrapping_mul(4)) & u64::from(u32::MAX);
        }
    }
    rows.into_iter().map(|(addr, word)| (addr, word.to_le_bytes().to_vec())).collect()
}
