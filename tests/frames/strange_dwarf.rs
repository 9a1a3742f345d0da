//! Debugging information as no compiler writes it: put into the demo's program, whose code and build
//! id stay, so that it is believed. A report ends, in bounded time and length, and says what it left
//! out; a thread of a test has 2 MiB of stack.

use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use coroner::report::{self, Report, ReportOptions, Style};
use std::path::Path;
use std::time::{Duration, Instant};

/// A function over all of the demo's code.
const LOW: u32 = 0x400;
const LEN: u32 = 0x3000;
/// DW_OP_addr: RAM that the dump has.
const PLACE: &[u8] = &[3, 0, 0, 0, 0x20];
const FRAME: &[u8] = &[0x5d];

/// A form, and what to write in it.
enum Value<'v> {
    Word(u32),
    Byte(u8),
    Text(&'v [u8]),
    Block(&'v [u8]),
}
use Value::{Block, Byte, Text, Word};

const UNIT: u8 = 1;
const FUNCTION: u8 = 2;
const VARIABLE: u8 = 3;
const ARRAY: u8 = 4;
const RANGE: u8 = 5;
const SCOPE: u8 = 6;
const NUMBER: u8 = 7;
const INLINED: u8 = 8;
const TYPEDEF: u8 = 9;
const ENUMERATION: u8 = 10;
const STRUCTURE: u8 = 11;
const ANONYMOUS: u8 = 12;
const ORIGIN: u8 = 13;

/// Tag, whether it has children, attributes with their forms.
type Kind = (u8, u8, &'static [(u8, u8)]);
const KINDS: [Kind; 13] = [
    (0x11, 1, &[(0x11, 1), (0x12, 6), (0x13, 0x0b)]),
    (0x2e, 1, &[(3, 8), (0x11, 1), (0x12, 6), (0x40, 0x18)]),
    (0x34, 0, &[(3, 8), (0x49, 0x13), (2, 0x18)]),
    (1, 1, &[(0x49, 0x13)]),
    (0x21, 0, &[(0x2f, 6)]),
    (0x0b, 1, &[(0x11, 1), (0x12, 6)]),
    (0x24, 0, &[(3, 8), (0x0b, 0x0b), (0x3e, 0x0b)]),
    (0x1d, 1, &[(0x31, 0x13), (0x11, 1), (0x12, 6)]),
    (0x16, 0, &[(3, 8), (0x49, 0x13)]),
    (4, 0, &[(3, 8), (0x49, 0x13)]),
    (0x13, 1, &[(3, 8), (0x0b, 0x0b)]),
    (0x0d, 0, &[(0x49, 0x13), (0x38, 0x0b)]),
    (0x2e, 0, &[(0x31, 0x13)]),
];

struct Unit(Vec<u8>);

impl Unit {
    fn new() -> Unit {
        let mut unit = Unit(vec![0; 11]);
        unit.add(UNIT, &[Word(LOW), Word(LEN), Byte(0x0c)]);
        unit
    }

    /// Gives the offset of the entry, for references.
    fn add(&mut self, kind: u8, values: &[Value<'_>]) -> u32 {
        let at = self.next();
        self.0.push(kind);
        for value in values {
            match value {
                Word(word) => self.0.extend(word.to_le_bytes()),
                Byte(byte) => self.0.push(*byte),
                Text(text) => {
                    self.0.extend_from_slice(text);
                    self.0.push(0);
                }
                Block(block) => {
                    self.0.push(block.len() as u8);
                    self.0.extend_from_slice(block);
                }
            }
        }
        at
    }

    fn next(&self) -> u32 {
        self.0.len() as u32
    }

    fn end(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    fn int(&mut self) -> u32 {
        self.add(NUMBER, &[Text(b"int"), Byte(4), Byte(5)])
    }

    fn function(&mut self) -> u32 {
        self.add(FUNCTION, &[Text(b"evil"), Word(LOW), Word(LEN), Block(FRAME)])
    }

    fn variable(&mut self, name: &[u8], kind: u32) {
        self.add(VARIABLE, &[Text(name), Word(kind), Block(PLACE)]);
    }

    /// The function with a variable of type `kind`.
    fn with_local(mut self, kind: u32) -> Unit {
        self.function();
        self.variable(b"v", kind);
        self.end(1);
        self
    }

    /// `depth` entries in one another, a variable in the innermost.
    fn nested(kind: u8, depth: usize) -> Unit {
        let mut unit = Unit::new();
        let number = unit.int();
        let function = unit.function();
        for _ in 0..depth {
            match kind {
                INLINED => unit.add(kind, &[Word(function), Word(LOW), Word(LEN)]),
                _ => unit.add(kind, &[Word(LOW), Word(LEN)]),
            };
        }
        unit.variable(b"v", number);
        unit.end(depth + 1);
        unit
    }
}

fn abbreviations() -> Vec<u8> {
    let mut out = Vec::new();
    for (code, (tag, children, attributes)) in (1..).zip(KINDS) {
        out.extend([code, tag, children]);
        out.extend(attributes.iter().flat_map(|(name, form)| [*name, *form]));
        out.extend([0, 0]);
    }
    out.push(0);
    out
}

/// The demo's program with `unit` for all of its debugging information.
fn program(mut unit: Unit) -> Vec<u8> {
    unit.end(1);
    let mut info = unit.0;
    let len = (info.len() - 4) as u32;
    info[..4].copy_from_slice(&len.to_le_bytes());
    info[4] = 4;
    info[10] = 4;
    let mut elf = demo("firmware.elf");
    let parsed = goblin::elf::Elf::parse(&elf).expect("the demo");
    let names = parsed
        .section_headers
        .iter()
        .map(|section| parsed.shdr_strtab.get_at(section.sh_name).unwrap_or_default().to_string());
    let (names, table) = (names.collect::<Vec<_>>(), parsed.header.e_shoff as usize);
    for (index, name) in names.iter().enumerate() {
        let contents = match name.as_str() {
            ".debug_info" => info.clone(),
            ".debug_abbrev" => abbreviations(),
            ".debug_aranges" | ".debug_ranges" | ".debug_loc" | ".debug_line" => Vec::new(),
            _ => continue,
        };
        // sh_flags, then sh_offset and sh_size.
        let header = table + 40 * index;
        let (offset, size) = (elf.len() as u32, contents.len() as u32);
        elf[header + 8..header + 12].fill(0);
        elf[header + 16..header + 20].copy_from_slice(&offset.to_le_bytes());
        elf[header + 20..header + 24].copy_from_slice(&size.to_le_bytes());
        elf.extend(contents);
    }
    elf
}

fn demo(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    std::fs::read(folder.join(name)).expect("the demo")
}

/// The report of the demo's dump with `unit`, in time and of readable length.
fn reported(what: &str, unit: Unit) -> Report {
    let input =
        |name: &str, bytes: Vec<u8>| Input { name: name.into(), bytes: bytes.into(), addr: None };
    let elf_open = vec![input("firmware.elf", program(unit))];
    let start = Instant::now();
    let mut options = Options::default();
    options.elves.open = elf_open;

    let opened = open_inputs(&[input("dump.core", demo("dump.core"))], &options);
    let opened = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    let report = report::build(&opened, &ReportOptions::default()).expect("a report");
    let text = report::to_text(&report, &Style::PLAIN);
    // Unoptimised, and beside other tests: what this guards against takes minutes.
    assert!(start.elapsed() < Duration::from_secs(50), "{what}: {:?}", start.elapsed());
    assert!(text.len() < 64 * 1024, "{what}: {} bytes", text.len());
    assert!(report.threads.iter().any(|thread| !thread.frames.is_empty()), "{what}:\n{text}");
    report
}

/// Value of the only variable, or why there is none.
fn shown(report: &Report) -> String {
    let mut frames = report.threads.iter().flat_map(|thread| &thread.frames);
    let variable = frames.find_map(|frame| frame.locals.first()).expect("a variable");
    variable.value.clone().or(variable.missing.clone()).expect("a value or a reason")
}

#[test]
fn types_of_themselves_have_a_reason_instead_of_a_value() {
    let mut unit = Unit::new();
    let at = unit.next();
    unit.add(ARRAY, &[Word(at)]);
    unit.add(RANGE, &[Word(3)]);
    unit.end(1);
    assert!(shown(&reported("array", unit.with_local(at))).contains("damaged"));

    let mut unit = Unit::new();
    let at = unit.next();
    unit.add(TYPEDEF, &[Text(b"t"), Word(at)]);
    shown(&reported("typedef", unit.with_local(at)));

    let mut unit = Unit::new();
    let at = unit.next();
    unit.add(ENUMERATION, &[Text(b"e"), Word(at)]);
    shown(&reported("enumeration", unit.with_local(at)));

    let mut unit = Unit::new();
    let at = unit.add(STRUCTURE, &[Text(b"s"), Byte(4)]);
    for _ in 0..20 {
        unit.add(ANONYMOUS, &[Word(at), Byte(0)]);
    }
    unit.end(1);
    assert!(shown(&reported("structure", unit.with_local(at))).ends_with("..."));

    let mut unit = Unit::new();
    let at = unit.next();
    unit.add(ORIGIN, &[Word(at)]);
    unit.add(INLINED, &[Word(at), Word(LOW), Word(LEN)]);
    unit.end(1);
    reported("function", unit);
}

#[test]
fn arrays_of_arrays_cost_no_more_than_is_shown_of_them() {
    let mut unit = Unit::new();
    let mut kind = unit.int();
    for _ in 0..8 {
        let of = kind;
        kind = unit.add(ARRAY, &[Word(of)]);
        unit.add(RANGE, &[Word(200)]);
        unit.end(1);
    }
    shown(&reported("eight dimensions", unit.with_local(kind)));
    let mut unit = Unit::new();
    let mut kind = unit.int();
    for _ in 0..100_000 {
        let of = kind;
        kind = unit.add(ARRAY, &[Word(of)]);
        unit.add(RANGE, &[Word(1)]);
        unit.end(1);
    }
    shown(&reported("100000 dimensions", unit.with_local(kind)));
    let mut unit = Unit::new();
    let int = unit.int();
    let kind = unit.add(ARRAY, &[Word(int)]);
    for _ in 0..100_000 {
        unit.add(RANGE, &[Word(1)]);
    }
    unit.end(1);
    shown(&reported("100000 dimensions of one", unit.with_local(kind)));
}

#[test]
fn inlined_calls_by_the_thousand_are_cut_with_a_note() {
    let report = reported("inlined", Unit::nested(INLINED, 20_000));
    assert!(report.notes.iter().any(|note| note.code.as_deref() == Some("debug-info-cut")));
    let frames = &report.threads[0].frames;
    assert!(frames[0].inlined && frames.iter().any(|frame| !frame.inlined));
}

#[test]
fn blocks_by_the_hundred_thousand_are_passed() {
    let cut = |report: &Report| {
        report.notes.iter().any(|note| note.code.as_deref() == Some("debug-info-cut"))
    };
    assert!(cut(&reported("blocks", Unit::nested(SCOPE, 200_000))));
    let some = reported("some blocks", Unit::nested(SCOPE, 100));
    assert!(!cut(&some) && !shown(&some).is_empty());
}

#[test]
fn names_of_megabytes_are_cut() {
    let mut unit = Unit::new();
    let int = unit.int();
    unit.function();
    unit.variable(&vec![b'N'; 6_000_000], int);
    unit.end(1);
    reported("variable", unit);
    let mut unit = Unit::new();
    let long = vec![b'F'; 6_000_000];
    unit.add(FUNCTION, &[Text(&long), Word(LOW), Word(LEN), Block(FRAME)]);
    unit.end(1);
    reported("function", unit);
}
