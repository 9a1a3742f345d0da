//! What each line of CmBacktrace's text is, in all its languages, and where one crash ends and
//! the next begins.
//!
//! The lines of numbers are alike in all languages. Titles are English, Chinese (UTF-8 or GB18030)
//! or mere numbers; what the device prints for `%s` and `%08x` stands between two fixed parts.
//!
//! | line                  | English                                   | numbers  |
//! | fault                 | `Fault on thread NAME`                    | `10 NAME` |
//! | fault elsewhere       | `Fault on interrupt or bare metal...`     | `11`     |
//! | assert                | `Assert on thread NAME`                   | `2 NAME` |
//! | assert elsewhere      | `Assert on interrupt or bare metal...`    | `3`      |
//! | stack overflow        | `Error: Thread stack(SP) was overflow`    | `6(SP)`  |
//! | the same, main stack  | `Error: Main stack(SP) was overflow`      | `7(SP)`  |
//!
//! Without an OS an assert has no title: the stack follows the firmware's name at once.
//!
//! Goodix' SDKs for their GR5xx have a descendant with English titles, registers in two columns,
//! and `Call stack info : 00801234<--00804320<--` (or spaces) in place of the command.
//!
//! Source: armink/CmBacktrace 8bbd425 and 328ce32, `cm_backtrace/cm_backtrace.c`,
//! `cm_backtrace/Languages/`; the numbers from a fork's `Languages/_ErrorCode/` that shiyj/CmBacktrace
//! 62843a1 includes; goodix-ble/GR551x.SDK 575cedb and goodix-ble/GR5526-Smart-Watch acc63d4
//! `components/libraries/app_error/cortex_backtrace.c`.

use super::super::fault_text::{hex, pairs};
use crate::carrier::text::Line;
use crate::reason::Signal;
use std::borrow::Cow;

/// What a line is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Name and versions of the firmware, in English.
    Firmware(String),
    /// What happened, and in which thread if it was in one.
    Title { assert: bool, thread: Option<String> },
    /// The stack pointer that is outside of its stack.
    Overflow(u64),
    /// Where the stack pointer really was: RT-Thread's package says so before it moves it.
    StackPointer(u64),
    /// A word of the stack.
    StackRow(u64, [u8; 4]),
    /// r0-r3.
    FirstRow(Vec<(String, u64)>),
    /// r12, lr, pc, xpsr.
    LastRow(Vec<(String, u64)>),
    /// Two of these eight: Goodix' SDKs print them in two columns.
    Pair(Vec<(String, u64)>),
    /// What RT-Thread's package prints on top of that on a Cortex-M33.
    MoreRegisters(Vec<(String, u64)>),
    /// The addresses of calls; empty if none was found.
    Calls(Vec<u64>),
    /// A rule or a heading.
    Rule,
    /// Anything else: sentences on the fault, lines of others.
    Other,
}

/// The parts before and behind a value, in English, Chinese as UTF-8 and Chinese as GB18030.
type Phrase = [(&'static [u8], &'static [u8]); 3];

const FIRMWARE: [&[u8]; 3] =
    [b"Firmware name:", "固件名称：".as_bytes(), b"\xb9\xcc\xbc\xfe\xc3\xfb\xb3\xc6\xa3\xba"];
const FAULT_THREAD: Phrase = [
    (b"Fault on thread ", b""),
    ("在线程(".as_bytes(), ")中发生错误异常".as_bytes()),
    (b"\xd4\xda\xcf\xdf\xb3\xcc(", b")\xd6\xd0\xb7\xa2\xc9\xfa\xb4\xed\xce\xf3\xd2\xec\xb3\xa3"),
];
const ASSERT_THREAD: Phrase = [
    (b"Assert on thread ", b""),
    ("在线程(".as_bytes(), ")中发生断言".as_bytes()),
    (b"\xd4\xda\xcf\xdf\xb3\xcc(", b")\xd6\xd0\xb7\xa2\xc9\xfa\xb6\xcf\xd1\xd4"),
];
const ELSEWHERE: [&[u8]; 3] = [
    b" on interrupt or bare metal",
    "在中断或裸机环境下发生".as_bytes(),
    b"\xd4\xda\xd6\xd0\xb6\xcf\xbb\xf2\xc2\xe3\xbb\xfa\xbb\xb7\xbe\xb3\xcf\xc2\xb7\xa2\xc9\xfa",
];
const ASSERT_WORD: [&[u8]; 3] = [b"Assert on ", "断言".as_bytes(), b"\xb6\xcf\xd1\xd4"];
const THREAD_OVERFLOW: Phrase = [
    (b"Error: Thread stack(", b") was overflow"),
    ("线程栈(".as_bytes(), ")发生溢出".as_bytes()),
    (b"\xcf\xdf\xb3\xcc\xd5\xbb(", b")\xb7\xa2\xc9\xfa\xd2\xe7\xb3\xf6"),
];
const MAIN_OVERFLOW: Phrase = [
    (b"Error: Main stack(", b") was overflow"),
    ("主栈(".as_bytes(), ")发生溢出".as_bytes()),
    (b"\xd6\xf7\xd5\xbb(", b")\xb7\xa2\xc9\xfa\xd2\xe7\xb3\xf6"),
];
const NO_CALLS: [&[u8]; 3] = [
    b"Dump call stack has an error",
    "获取函数调用栈失败".as_bytes(),
    b"\xbb\xf1\xc8\xa1\xba\xaf\xca\xfd\xb5\xf7\xd3\xc3\xd5\xbb\xca\xa7\xb0\xdc",
];

const GOODIX_CALLS: &str = "Call stack info : ";

/// What of a sentence tells what kind of fault it is on, in the three forms, and our words and
/// signal for it. The particular ones come first.
const FAULTS: [([&[u8]; 3], &str, Signal); 11] = [
    (
        [b"divide by zero", "除 0".as_bytes(), b"\xb3\xfd 0"],
        "usage fault: divide by zero",
        Signal::Fpe,
    ),
    (
        [b"unaligned access", "非对齐".as_bytes(), b"\xb7\xc7\xb6\xd4\xc6\xeb"],
        "usage fault: unaligned access",
        Signal::Bus,
    ),
    (
        [
            b"undefined instruction",
            "未定义指令".as_bytes(),
            b"\xce\xb4\xb6\xa8\xd2\xe5\xd6\xb8\xc1\xee",
        ],
        "usage fault: undefined instruction",
        Signal::Ill,
    ),
    (
        [b"invalid state", "ARM 状态".as_bytes(), b"ARM \xd7\xb4\xcc\xac"],
        "usage fault: not in Thumb state",
        Signal::Ill,
    ),
    (
        [b"EXC_RETURN", "异常返回码".as_bytes(), b"\xd2\xec\xb3\xa3\xb7\xb5\xbb\xd8\xc2\xeb"],
        "usage fault: illegal EXC_RETURN",
        Signal::Ill,
    ),
    (
        [b"coprocessor", "协处理器".as_bytes(), b"\xd0\xad\xb4\xa6\xc0\xed\xc6\xf7"],
        "usage fault: coprocessor or FPU switched off",
        Signal::Ill,
    ),
    (
        [b"Usage fault", "用法错误".as_bytes(), b"\xd3\xc3\xb7\xa8\xb4\xed\xce\xf3"],
        "usage fault",
        Signal::Segv,
    ),
    (
        [b"Bus fault", "总线错误".as_bytes(), b"\xd7\xdc\xcf\xdf\xb4\xed\xce\xf3"],
        "bus fault",
        Signal::Segv,
    ),
    (
        [
            b"Memory management",
            "存储器管理错误".as_bytes(),
            b"\xb4\xe6\xb4\xa2\xc6\xf7\xb9\xdc\xc0\xed\xb4\xed\xce\xf3",
        ],
        "memory management fault",
        Signal::Segv,
    ),
    (
        [b"Debug fault", "调试错误".as_bytes(), b"\xb5\xf7\xca\xd4\xb4\xed\xce\xf3"],
        "debug event",
        Signal::Abrt,
    ),
    ([b"Hard fault", "硬错误".as_bytes(), b"\xd3\xb2\xb4\xed\xce\xf3"], "hard fault", Signal::Segv),
];
/// What stands before the address that failed: MMFAR's, then BFAR's.
const ADDRESSES: [([&[u8]; 3], &str); 2] = [
    (
        [
            b"memory management fault occurred address is",
            "发生存储器管理错误的地址：".as_bytes(),
            b"\xb4\xe6\xb4\xa2\xc6\xf7\xb9\xdc\xc0\xed\xb4\xed\xce\xf3\xb5\xc4\xb5\xd8\xd6\xb7\xa3\xba",
        ],
        "MMFAR",
    ),
    (
        [
            b"bus fault occurred address is",
            "发生总线错误的地址：".as_bytes(),
            b"\xd7\xdc\xcf\xdf\xb4\xed\xce\xf3\xb5\xc4\xb5\xd8\xd6\xb7\xa3\xba",
        ],
        "BFAR",
    ),
];

/// A pattern as it looks in a line, where bytes that are no UTF-8 were replaced. `None` if the
/// line can't have it, which is quicker to tell.
fn as_in(text: &str, form: usize, pattern: &'static [u8]) -> Option<Cow<'static, str>> {
    let possible = match form {
        0 => true,
        1 => !text.is_ascii(),
        _ => text.contains(char::REPLACEMENT_CHARACTER),
    };
    possible.then(|| String::from_utf8_lossy(pattern))
}

fn behind<'a>(text: &'a str, patterns: &[&'static [u8]; 3]) -> Option<&'a str> {
    patterns.iter().enumerate().find_map(|(form, pattern)| {
        let pattern = as_in(text, form, pattern)?;
        text.split_once(pattern.as_ref()).map(|(_, behind)| behind.trim())
    })
}

fn value<'a>(text: &'a str, phrase: &Phrase) -> Option<&'a str> {
    phrase.iter().enumerate().find_map(|(form, (before, after))| {
        let (_, rest) = text.split_once(as_in(text, form, before)?.as_ref())?;
        rest.strip_suffix(as_in(text, form, after)?.as_ref()).map(str::trim)
    })
}

/// What kind of fault a sentence is on: the words for it, and the signal.
pub(super) fn fault(text: &str) -> Option<(&'static str, Signal)> {
    let known = FAULTS.iter().find(|(patterns, _, _)| behind(text, patterns).is_some());
    known.map(|(_, words, signal)| (*words, *signal))
}

/// The address that failed, and the register that holds it.
pub(super) fn fault_address(text: &str) -> Option<(&'static str, u64)> {
    ADDRESSES.iter().find_map(|(patterns, register)| {
        let digits = behind(text, patterns)?;
        Some((*register, hex(digits.split(' ').next()?)?))
    })
}

/// What `text` is. `titled` says that the line before it names the firmware: only there a bare
/// number is a title.
pub(super) fn kind(text: &str, titled: bool) -> Kind {
    if let Some(row) = stack_row(text) {
        return row;
    }
    let named = pairs(text, ':');
    // A time stamp before the row looks like a register called `12`.
    let has = |names: &[&str]| {
        let at = named.len().checked_sub(names.len());
        at.and_then(|at| named.get(at..)).is_some_and(|tail| {
            tail.iter().map(|(name, _)| name.as_str()).eq(names.iter().copied())
        })
    };
    let last = |count: usize| named.iter().rev().take(count).rev().cloned().collect();
    if has(&["R0", "R1", "R2", "R3"]) {
        return Kind::FirstRow(last(4));
    }
    if has(&["R12", "LR", "PC", "PSR"]) {
        return Kind::LastRow(last(4));
    }
    if has(&["R4", "R5", "R6", "R7"]) || has(&["R8", "R9", "R10", "R11"]) {
        return Kind::MoreRegisters(last(4));
    }
    if [["R0", "R1"], ["R2", "R3"], ["R12", "LR"], ["PC", "PSR"]].iter().any(|pair| has(pair)) {
        return Kind::Pair(last(2));
    }
    if has(&["EXC_RETURN"]) || has(&["psplim"]) {
        return Kind::MoreRegisters(last(1));
    }
    if has(&["stack_pointer", "stack_start_addr", "stack_end_addr"]) {
        let at = named.iter().find(|(name, _)| name == "stack_pointer");
        return Kind::StackPointer(at.map_or(0, |(_, value)| *value));
    }
    if let Some((_, behind)) = text.split_once("addr2line") {
        return Kind::Calls(calls(behind));
    }
    if let Some((_, behind)) = text.split_once(GOODIX_CALLS) {
        return Kind::Calls(calls(&behind.replace("<--", " ")));
    }
    if behind(text, &NO_CALLS).is_some() || (titled && text == "9") {
        return Kind::Calls(Vec::new());
    }
    if let Some(names) = behind(text, &FIRMWARE) {
        return Kind::Firmware(in_english(names));
    }
    if let Some(sp) = overflow(text) {
        return Kind::Overflow(sp);
    }
    if let Some(title) = title(text, titled) {
        return title;
    }
    if text.contains("=====") { Kind::Rule } else { Kind::Other }
}

fn title(text: &str, titled: bool) -> Option<Kind> {
    let on_thread = |assert: bool, name: &str| {
        let name = Some(name).filter(|name| !name.is_empty() && *name != "NO_NAME");
        Kind::Title { assert, thread: name.map(str::to_string) }
    };
    if behind(text, &ELSEWHERE).is_some() {
        let assert = behind(text, &ASSERT_WORD).is_some();
        return Some(Kind::Title { assert, thread: None });
    }
    if let Some(name) = value(text, &ASSERT_THREAD) {
        return Some(on_thread(true, name));
    }
    if let Some(name) = value(text, &FAULT_THREAD) {
        return Some(on_thread(false, name));
    }
    let (number, name) = text.split_once(' ').unwrap_or((text, ""));
    match number {
        "2" | "3" if titled => Some(on_thread(true, name)),
        "10" | "11" if titled => Some(on_thread(false, name)),
        _ => None,
    }
}

fn overflow(text: &str) -> Option<u64> {
    let digits =
        value(text, &THREAD_OVERFLOW).or_else(|| value(text, &MAIN_OVERFLOW)).or_else(|| {
            let number = text.strip_prefix("6(").or_else(|| text.strip_prefix("7("))?;
            number.strip_suffix(')').filter(|digits| digits.len() == 8)
        })?;
    hex(digits)
}

/// `addr: 20000a10    data: 0800abcd`.
fn stack_row(text: &str) -> Option<Kind> {
    let (_, behind) = text.split_once("addr: ")?;
    let (addr, word) = behind.split_once("data: ")?;
    let word = u32::try_from(hex(word.split(' ').next()?)?).ok()?;
    Some(Kind::StackRow(hex(addr.trim())?, word.to_le_bytes()))
}

/// The addresses at the end of the command line: eight digits each.
fn calls(command: &str) -> Vec<u64> {
    let words = command.split_whitespace().filter(|word| word.len() == 8);
    words.filter_map(hex).collect()
}

/// `NAME, hardware version: A, software version: B` of either language.
fn in_english(names: &str) -> String {
    let names = names.replace("，硬件版本号：", ", hardware version: ");
    let names = names.replace("，软件版本号：", ", software version: ");
    let form = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let hardware = form(b"\xa3\xac\xd3\xb2\xbc\xfe\xb0\xe6\xb1\xbe\xba\xc5\xa3\xba");
    let software = form(b"\xa3\xac\xc8\xed\xbc\xfe\xb0\xe6\xb1\xbe\xba\xc5\xa3\xba");
    names.replace(&hardware, ", hardware version: ").replace(&software, ", software version: ")
}

/// Other lines than this between two of CmBacktrace's: they are not of one crash.
const MOST_BETWEEN: usize = 40;
/// The same between the firmware's name, which is printed at the start as well, and a title.
const MOST_BEFORE_TITLE: usize = 3;

/// How far a crash has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Nothing,
    Firmware,
    Title,
    Overflow,
    Stack,
    FirstRow,
    Registers,
    Ended,
}

/// The lines that begin a crash: the lines of one come in a fixed order.
pub(super) fn crash_starts(all: &[Line]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut crash = Crash { stage: Stage::Nothing, start: 0, last: 0, whole: false };
    let mut firmware_at = None;
    for (index, line) in all.iter().enumerate() {
        let titled = firmware_at == index.checked_sub(1) && firmware_at.is_some();
        let stage = match kind(&line.text, titled) {
            Kind::Firmware(_) => Stage::Firmware,
            Kind::Title { .. } => Stage::Title,
            Kind::Overflow(_) | Kind::StackPointer(_) => Stage::Overflow,
            Kind::StackRow(..) => Stage::Stack,
            Kind::FirstRow(_) => Stage::FirstRow,
            Kind::LastRow(_) => Stage::Registers,
            // Others print such rows as well: only those behind a title are a crash's.
            Kind::Pair(named) => match named.first().map(|(name, _)| name.as_str()) {
                Some("R0") if (Stage::Title..Stage::FirstRow).contains(&crash.stage) => {
                    Stage::FirstRow
                }
                Some("PC") if crash.stage == Stage::FirstRow => Stage::Registers,
                _ => continue,
            },
            Kind::Calls(_) => Stage::Ended,
            Kind::MoreRegisters(_) | Kind::Rule | Kind::Other => continue,
        };
        if stage == Stage::Firmware {
            firmware_at = Some(index);
        }
        let repeats = matches!(stage, Stage::Stack | Stage::Overflow);
        let goes_on = stage > crash.stage || (repeats && stage == crash.stage);
        let between = index.saturating_sub(crash.last).saturating_sub(1);
        let most = if crash.stage == Stage::Firmware { MOST_BEFORE_TITLE } else { MOST_BETWEEN };
        // Lists of other threads' calls follow some crashes: they begin nothing.
        let alone = stage == Stage::Ended && crash.stage == Stage::Ended;
        if alone {
            continue;
        }
        if !goes_on || between > most || crash.stage == Stage::Nothing {
            starts.extend(crash.whole.then_some(crash.start));
            crash = Crash { stage: Stage::Nothing, start: index, last: index, whole: false };
        }
        crash.whole |= crash.is_whole_with(stage);
        (crash.stage, crash.last) = (stage, index);
    }
    starts.extend(crash.whole.then_some(crash.start));
    starts
}

struct Crash {
    stage: Stage,
    start: usize,
    last: usize,
    whole: bool,
}

impl Crash {
    /// Whether a line of `stage` makes this certainly a crash: registers do, and of a title, an
    /// overflow, a stack and a list of calls any two.
    fn is_whole_with(&self, stage: Stage) -> bool {
        match stage {
            Stage::Registers => self.stage == Stage::FirstRow,
            Stage::Overflow | Stage::Stack => self.stage == Stage::Title,
            Stage::Ended => self.stage != Stage::Nothing,
            _ => false,
        }
    }
}
