//! Backtraces equal those of real debuggers, frame by frame: program counter, function, file and
//! line.
//!
//! Two oracles: the reports that Espressif's own tool and GDB made of the fixtures (with ROM ELF
//! files that are not to be had here), and the GDB of this machine on the same core files.

mod support;

use coroner::debug_info::{Images, Modules};
use coroner::dump::Thread;
use coroner::open::Opened;
use coroner::unwind::{Found, Unwinder};
use std::fmt;
use std::path::Path;
use support::fixtures;
use support::oracle::{self, Line};
use support::real::{gdb, open};

/// How our backtrace of a thread compares with the oracle's.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Equal,
    /// Equal but for what is told here; each is a case that was looked into.
    EqualBut(Vec<&'static str>),
    Differs(String),
}

const PAST_THE_END: &str = "GDB adds a frame for the return address 0";
const ROM_NAME: &str = "ROM function: its name needs the ROM ELF";
const ROM_FRAME: &str = "a frame inside ROM needs the ROM ELF";
const GDB_STOPS: &str = "GDB stops in ROM; we go on by the stack";

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Equal => f.write_str("equal"),
            Verdict::EqualBut(why) => write!(f, "equal, but: {}", why.join("; ")),
            Verdict::Differs(how) => write!(f, "DIFFERS: {how}"),
        }
    }
}

/// One line per function, inlined ones too, as GDB lists them.
fn ours(opened: &Opened, modules: &Modules<'_>, thread: &Thread) -> Vec<(Line, Found)> {
    let mut lines = Vec::new();
    for frame in Unwinder::new(&opened.dump, modules).backtrace(thread).frames {
        let places = modules.places(frame.lookup_pc());
        if places.is_empty() {
            let function = modules.symbol(frame.lookup_pc()).map(|symbol| symbol.name);
            let line = Line { pc: Some(frame.pc), function, at: None };
            lines.push((line, frame.found));
        }
        for place in places {
            let at = place.file.zip(place.line);
            let line = Line { pc: Some(frame.pc), function: place.function, at };
            lines.push((line, frame.found));
        }
    }
    lines
}

fn compare(ours: &[(Line, Found)], theirs: &[Line], code: &dyn Fn(u64) -> bool) -> Verdict {
    let mut why: Vec<&'static str> = Vec::new();
    let mut note = |words| {
        if !why.contains(&words) {
            why.push(words);
        }
    };
    let mut mine = ours.iter().peekable();
    for (index, their) in theirs.iter().enumerate() {
        let in_rom = their.pc.is_some_and(|pc| !code(pc)) && their.at.is_none();
        let Some((line, _)) = mine.peek() else {
            if their.is_past_the_end() && index + 1 == theirs.len() {
                note(PAST_THE_END);
                break;
            }
            return Verdict::Differs(format!("their frame {index} is missing: {their:?}"));
        };
        if their.pc.is_some() && their.pc != line.pc && in_rom {
            note(ROM_FRAME);
            continue;
        }
        if in_rom && their.pc == line.pc {
            if their.function.is_some() && their.function != line.function {
                note(ROM_NAME);
            }
        } else if !their.agrees(line) {
            return Verdict::Differs(format!("frame {index}: {line:?}, theirs {their:?}"));
        }
        mine.next();
    }
    if let Some((line, found)) = mine.next() {
        let last_in_rom = theirs.last().and_then(|last| last.pc).is_some_and(|pc| !code(pc));
        if !(last_in_rom && found.is_guess()) {
            return Verdict::Differs(format!("we have more frames, first {line:?}"));
        }
        note(GDB_STOPS);
    }
    if why.is_empty() { Verdict::Equal } else { Verdict::EqualBut(why) }
}

/// Compares all threads, prints the table, and returns the verdicts.
fn table(
    name: &str,
    opened: &Opened,
    oracle: &[(u64, Vec<Line>)],
    oracle_name: &str,
) -> Vec<Verdict> {
    let images = Images::of(opened);
    let modules = images.modules();
    assert_eq!(opened.dump.threads.len(), oracle.len(), "{name}: threads of {oracle_name}");
    let mut verdicts = Vec::new();
    for thread in &opened.dump.threads {
        let found = oracle.iter().find(|(id, _)| *id == thread.id);
        let (_, theirs) = found.unwrap_or_else(|| panic!("{name}: no thread {:#x}", thread.id));
        let mine = ours(opened, &modules, thread);
        let verdict = compare(&mine, theirs, &|pc| modules.is_code(pc));
        let label = thread.label();
        println!("| {name:<20} | {label:<10} | {:>2} | {oracle_name} | {verdict} |", mine.len());
        verdicts.push(verdict);
    }
    verdicts
}

fn assert_none_differs(verdicts: &[Verdict]) {
    let differs = |verdict: &&Verdict| matches!(verdict, Verdict::Differs(_));
    assert_eq!(verdicts.iter().find(differs), None);
}

const REPORTED: [(&str, &str, &str); 5] = [
    ("esp32/coredump.b64", "esp32/esp32.elf", "esp32/expected_output"),
    ("esp32/coredump_bin.b64", "esp32/esp32_bin.elf", "esp32/expected_output_bin"),
    ("esp32c3/coredump.b64", "esp32c3/esp32c3.elf", "esp32c3/expected_output"),
    ("esp32c3/coredump_bin.b64", "esp32c3/esp32c3_bin.elf", "esp32c3/expected_output_bin"),
    ("esp32c6/coredump.b64", "esp32c6/esp32c6.elf", "esp32c6/expected_output"),
];

#[test]
fn frames_equal_those_of_the_vendors_reports() {
    let Some(root) = fixtures() else { return };
    let mut all = Vec::new();
    for (dump, elf, report) in REPORTED {
        let root = root.join("espressif");
        let opened = open(&[root.join(dump)], Some(root.join(elf)));
        let text = std::fs::read_to_string(root.join(report)).expect("the report is there");
        all.extend(table(dump, &opened, &oracle::of_esp_report(&text), "report"));
    }
    assert_none_differs(&all);
    assert!(all.len() >= 19, "{} threads were compared", all.len());
    let equal = all.iter().filter(|verdict| **verdict == Verdict::Equal).count();
    assert!(equal >= 4, "{equal} threads are equal without any but");
}

#[test]
fn frames_equal_those_of_gdb_on_the_same_core() {
    let Some(root) = fixtures() else { return };
    let mut all = Vec::new();
    for (core, elf) in [
        ("esp32c3/coredump.saved-core.elf", "esp32c3/esp32c3.elf"),
        ("esp32c3/coredump_bin.saved-core.elf", "esp32c3/esp32c3_bin.elf"),
        ("esp32c6/coredump.saved-core.elf", "esp32c6/esp32c6.elf"),
    ] {
        let root = root.join("espressif");
        let Some(theirs) = gdb_on(&root.join(core), &root.join(elf)) else { return };
        let opened = open(&[root.join(core)], Some(root.join(elf)));
        all.extend(table(core, &opened, &theirs, "GDB"));
    }
    assert_none_differs(&all);
}

fn gdb_on(core: &Path, elf: &Path) -> Option<Vec<(u64, Vec<Line>)>> {
    let text = gdb(&[
        &format!("file {}", elf.display()),
        &format!("core-file {}", core.display()),
        "thread apply all bt",
    ])?;
    Some(oracle::of_gdb(&text))
}

#[test]
fn the_windows_of_xtensa_need_no_elf_file() {
    let Some(root) = fixtures() else { return };
    let root = root.join("espressif/esp32");
    let with = open(&[root.join("coredump.b64")], Some(root.join("esp32.elf")));
    let without = open(&[root.join("coredump.b64")], None);
    let pcs = |opened: &Opened| -> Vec<Vec<u64>> {
        let images = Images::of(opened);
        let modules = images.modules();
        let unwinder = Unwinder::new(&opened.dump, &modules);
        let pcs = |thread: &Thread| {
            unwinder.backtrace(thread).frames.iter().map(|frame| frame.pc).collect()
        };
        opened.dump.threads.iter().map(pcs).collect()
    };
    assert_eq!(pcs(&with), pcs(&without));
    assert_eq!(pcs(&with)[0].len(), 9);
}
