//! Crash texts whose lines a table describes: one file a producer.
//!
//! A [`Dialect`] says by which line a crash begins, what its lines look like, and what ends it; the
//! rest is done here, once for all of them. What no rule takes stays in the report as text.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod above;
mod boards;
mod espressif;
mod handlers;
mod linux;
mod pattern;
mod reason;
mod zephyr;

use super::fault_text::add_stack;
use super::machine::{
    Family, Machine, machine_of, machine_told, set_by_any_name, xtensa_by_addresses,
};
use super::parts::register_lines::register_name;
use super::{Context, Format, in_input};
use crate::arch;
use crate::carrier::text::{Line, lines};
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::dump::{Dump, Note, PrintedFrame, Thread};
use crate::error::{Fault, Result};
use crate::registers::Registers;
use memchr::memmem;
use pattern::{Captures, find, find_all, number};

pub(in crate::format) use above::complete;
pub use boards::*;
pub use espressif::*;
pub use handlers::*;
pub use linux::*;
pub use zephyr::ZEPHYR_FATAL;

/// All of them, for tests.
pub static ALL: &[&Dialect] = &[
    &ZEPHYR_FATAL,
    &ESP_HAL,
    &ESPHOME,
    &TASMOTA,
    &U_BOOT,
    &OP_TEE,
    &TF_A,
    &LINUX,
    &RIOT,
    &MYNEWT_TEXT,
    &TOCK,
    &RUSEFI,
    &MICROPYTHON,
    &TEENSY,
    &FLIPPER,
    &MARLIN,
    &ARDUPILOT_WDOG,
    &TIZENRT,
    &PLAYDATE,
    &YIU,
    &STACKED,
    &CH32,
    &JLINK,
    &ARM9,
    &RT_THREAD,
];

/// What one kind of line says.
pub enum Rule {
    /// Registers by the names that stand there: `{name}` and `{hex}`, as often as they are there.
    Registers(&'static str),
    /// Registers whose numbers are in hexadecimal or in decimal, all of them alike: `{name}` and
    /// `{number}`. Rust's `{:?}` and `{:x?}` print neither `0x` nor a fixed count of digits.
    Numbers(&'static str),
    /// The register of this name, or a word of that name that the register set lacks.
    Register(&'static str, &'static str),
    /// What happened, or more of it: `{text}`, or the line without what a logger put before it.
    Title(&'static str),
    /// What happened, where nothing else says it: `{text}`, or the line.
    Fallback(&'static str),
    /// The address that could not be used: `{hex}`.
    Address(&'static str),
    /// Thread or task: `{hex}`, its id, and `{thread}`, its name.
    Thread(&'static str),
    /// The core: `{dec}`.
    Core(&'static str),
    /// A frame of the printed backtrace: `{hexpc}`, `{hexsp}`, `{function}`. The address is where a
    /// call returns to, or not.
    Frame(&'static str, Address),
    /// The same, each of them on the line behind these words.
    FramesBehind(&'static str, &'static str, Address),
    /// The chip, which only it prints like this.
    Chip(&'static str, &'static str),
    /// Words of a stack: `{hexaddr}` and `{words}`.
    Stack(&'static str),
    /// Something else worth a line: `{text}`.
    Fact(&'static str, &'static str),
    /// What happened, in these words.
    Says(&'static str, &'static str),
    /// Registers of which the line names the first only: `{words}`.
    Row(&'static str, &'static [&'static str]),
    /// Each of these, on the same line.
    All(&'static [Rule]),
    /// A line that says nothing.
    Skip(&'static str),
}

/// What the address of a printed frame is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// Of the instruction.
    Instruction,
    /// Where a call returns to.
    Return,
}

/// The crash text of one producer.
pub struct Dialect {
    /// Its name, as `--format` takes it.
    pub name: &'static str,
    /// What it is, in a line for people.
    pub title: &'static str,
    /// One crash as the producer prints it; it is a test as well.
    pub sample: &'static str,
    /// Lines that begin a crash.
    pub starts: &'static [&'static str],
    /// Lines that end it; nothing behind them counts.
    pub ends: &'static [&'static str],
    /// What its lines say; the first rule that matches takes the line.
    pub rules: &'static [Rule],
    /// Names that the producer gives registers, where they are not the usual ones.
    pub names: &'static [(&'static str, &'static str)],
    /// Whether any name before a value counts, and not only those of registers.
    pub any_name: bool,
    /// The machine.
    pub family: fn(&Crash<'_>) -> Option<Family>,
    /// What is particular.
    pub finish: fn(&mut Dump, &Crash<'_>),
}

/// A value by its name.
#[derive(Clone, Debug)]
pub struct Word {
    /// As the producer prints it, in lower case.
    pub name: String,
    /// The value; `None` of one that lost digits or whose radix is not known.
    pub value: Option<u64>,
    /// How many hexadecimal digits stand there.
    pub digits: usize,
    /// Why there is no value.
    why: &'static str,
}

/// What the lines of a crash said.
#[derive(Default)]
pub struct Crash<'a> {
    /// All lines, the last one the last that said something.
    pub lines: Vec<&'a str>,
    /// Registers and other words, in the order of the text.
    pub words: Vec<Word>,
    /// Numbers by name, the radix of which all of them together tell.
    numbers: Vec<(&'a str, &'a str)>,
    /// The chip, where the form tells it.
    pub chip: Option<&'static str>,
    /// What happened.
    pub titles: Vec<&'a str>,
    /// What happened, where nothing else says it.
    pub fallback: Option<&'a str>,
    /// The address that could not be used.
    pub address: Option<u64>,
    /// The thread's id and name.
    pub thread: (Option<u64>, Option<&'a str>),
    /// The core.
    pub core: Option<u32>,
    /// The printed backtrace.
    pub frames: Vec<PrintedFrame>,
    /// Words of the stack.
    pub rows: Vec<(u64, Vec<u8>)>,
    /// Other facts.
    pub facts: Vec<(&'static str, &'a str)>,
}

/// Nothing is particular.
fn nothing(_: &mut Dump, _: &Crash<'_>) {}

impl<'a> Crash<'a> {
    /// The first value of that name.
    pub fn word(&self, name: &str) -> Option<u64> {
        self.words.iter().find(|word| word.name == name)?.value
    }

    /// Whether a value of that name stands there.
    pub fn has(&self, name: &str) -> bool {
        self.words.iter().any(|word| word.name == name)
    }

    /// Whether some line has `words` in it.
    pub fn says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }

    fn read(dialect: &Dialect, lines: &'a [Line]) -> Self {
        let mut crash = Crash::default();
        let (mut all, mut last) = (Vec::new(), 0);
        for line in lines {
            let text = line.text.as_str();
            all.push(text);
            if crash.take(dialect, text) {
                last = all.len();
            }
            if dialect.ends.iter().any(|end| find(end, text).is_some()) {
                last = all.len();
                break;
            }
            if BANNERS.iter().any(|banner| text.contains(banner)) && !crash.words.is_empty() {
                break;
            }
        }
        all.truncate(last);
        crash.lines = all;
        crash.decide_numbers();
        crash
    }

    /// Takes what a line says, and returns whether it said something.
    fn take(&mut self, dialect: &Dialect, text: &'a str) -> bool {
        dialect.rules.iter().any(|rule| self.apply(dialect, rule, text))
    }

    fn apply(&mut self, dialect: &Dialect, rule: &Rule, text: &'a str) -> bool {
        let one = |pattern| find(pattern, text).map(|(captures, _)| captures);
        let words = |captures: &Captures<'a>| captures.text("text").unwrap_or(text.trim());
        let literal = |pattern: &'static str, captures: &Captures<'a>| match pattern.contains('{') {
            true => words(captures),
            false => text.get(text.find(pattern).unwrap_or(0)..).unwrap_or(text).trim(),
        };
        match rule {
            Rule::Registers(pattern) => {
                let all = find_all(pattern, text, &|name| dialect.is_name(name));
                for found in &all {
                    let Some(value) = found.hex() else { continue };
                    if let Some(name) = found.text("name") {
                        self.add_word(name, value, found);
                    } else if let Some(index) = found.text("index") {
                        let stem = pattern.split(['[', ' ']).next().unwrap_or_default();
                        self.add_word(&format!("{stem}{index}"), value, found);
                    }
                }
                return !all.is_empty();
            }
            Rule::Numbers(pattern) => {
                let all = find_all(pattern, text, &|name| dialect.is_name(name));
                let pair =
                    |found: &Captures<'a>| Some((found.text("name")?, found.text("number")?));
                self.numbers.extend(all.iter().filter_map(pair));
                return !all.is_empty();
            }
            Rule::Register(pattern, name) => {
                let Some(found) = one(pattern) else { return false };
                match (found.hex(), found.dec()) {
                    (Some(value), _) => self.add_word(name, value, &found),
                    (None, Some(value)) => self.add_word(name, (value, 0), &found),
                    _ => return false,
                }
                self.titles.extend(found.text("text").filter(|text| !text.is_empty()));
            }
            Rule::Title(pattern) => {
                let Some(found) = one(pattern) else { return false };
                self.titles.push(literal(pattern, &found));
            }
            Rule::Fallback(pattern) => {
                let Some(found) = one(pattern) else { return false };
                self.fallback = self.fallback.or(Some(words(&found)));
            }
            Rule::Address(pattern) => {
                let Some(found) = one(pattern) else { return false };
                self.address = self.address.or_else(|| found.hex().map(|(value, _)| value));
            }
            Rule::Thread(pattern) => {
                let Some(found) = one(pattern) else { return false };
                let id = found.hex().map(|(value, _)| value);
                self.thread.0 = self.thread.0.or(id);
                let name = found.text("thread").filter(|name| !name.is_empty());
                self.thread.1 = self.thread.1.or(name.filter(|name| *name != "unknown"));
            }
            Rule::Core(pattern) => {
                let Some(found) = one(pattern) else { return false };
                self.core = found.dec().and_then(|core| u32::try_from(core).ok());
            }
            Rule::Frame(pattern, address) => {
                let all = find_all(pattern, text, &|_| true);
                self.add_frames(&all, *address);
                return !all.is_empty();
            }
            Rule::FramesBehind(before, pattern, address) => {
                let Some((_, behind)) = text.split_once(before) else { return false };
                let all = find_all(pattern, behind, &|_| true);
                self.add_frames(&all, *address);
                return !all.is_empty();
            }
            Rule::Chip(pattern, chip) => {
                if one(pattern).is_none() {
                    return false;
                }
                self.chip = Some(chip);
            }
            Rule::Stack(pattern) => {
                let Some(found) = one(pattern) else { return false };
                let addr = found.text("hexaddr").and_then(number);
                let row = found.text("words").map(row_words);
                let (Some(addr), Some((unknown, row))) = (addr, row) else { return false };
                if row.is_empty() {
                    return false;
                }
                self.rows.push((addr.wrapping_add(unknown), row));
            }
            Rule::Fact(pattern, label) => {
                let Some(found) = one(pattern) else { return false };
                self.facts.push((label, words(&found)));
            }
            Rule::Says(pattern, words) => {
                if one(pattern).is_none() {
                    return false;
                }
                self.titles.push(words);
            }
            Rule::Row(pattern, names) => {
                let Some(found) = one(pattern) else { return false };
                let words = found.text("words").unwrap_or_default().split_whitespace();
                for (name, word) in names.iter().zip(words) {
                    let Some(value) = number(word) else { break };
                    let missing = usize::saturating_sub(8, word.len());
                    self.add_word(name, (value, missing), &Captures::default());
                }
            }
            Rule::All(rules) => {
                // All of them, not up to the first.
                return rules.iter().filter(|rule| self.apply(dialect, rule, text)).count() > 0;
            }
            Rule::Skip(pattern) => return one(pattern).is_some(),
        }
        true
    }

    /// The numbers as the radix has them that all of them together show. Where nothing shows it, the
    /// digits are known that are the same in both.
    fn decide_numbers(&mut self) {
        let radix = pattern::radix(self.numbers.iter().map(|(_, number)| *number));
        for (name, text) in std::mem::take(&mut self.numbers) {
            let digits = text.trim_start_matches("0x");
            let value = match radix {
                Some(radix) => u64::from_str_radix(digits, radix).ok(),
                None => text.parse().ok().filter(|value| *value < 10),
            };
            let why = "whether its digits are hexadecimal or decimal is unknown";
            self.words.push(Word { name: name.to_ascii_lowercase(), value, digits: 0, why });
        }
    }

    fn add_frames(&mut self, all: &[Captures<'_>], address: Address) {
        let frame = |found: &Captures<'_>| {
            Some(PrintedFrame {
                pc: number(found.text("hexpc")?)?,
                returns: address == Address::Return,
                sp: found.text("hexsp").and_then(number),
                function: found.text("function").map(str::to_string),
            })
        };
        self.frames.extend(all.iter().filter_map(frame));
    }

    fn add_word(&mut self, name: &str, (value, missing): (u64, usize), found: &Captures<'_>) {
        let name = name.to_ascii_lowercase();
        let digits = found.digits();
        // A segment has 16 bits, and no register prints 9 to 15 digits.
        let whole = (missing == 0 || name == "cs") && !(9..16).contains(&digits);
        let value = whole.then_some(value);
        self.words.push(Word { name, value, digits, why: "digits are missing at the end" });
    }
}

/// What devices print when they start: no line behind is of the crash.
const BANNERS: &[&str] =
    &["*** Booting ", "***** Booting ", "rst:0x", "ets Jun", "ets Jul", "U-Boot 20", "U-Boot SPL"];

/// The words of a row, and how many bytes before them are printed as unknown (`xxxxxxxx`).
fn row_words(text: &str) -> (u64, Vec<u8>) {
    let parse = |word: &str| Some(u32::try_from(number(word)?).ok()?.to_le_bytes());
    let unknown = |word: &&str| !word.is_empty() && word.bytes().all(|b| b == b'x');
    let before = text.split_whitespace().take_while(unknown).count();
    let words: Vec<[u8; 4]> = text.split_whitespace().skip(before).map_while(parse).collect();
    ((before as u64).saturating_mul(4), words.concat())
}

/// A dialect as carrier (it cuts the crashes out of a log) and format.
impl Carrier for Dialect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        let marked = self
            .starts
            .iter()
            .any(|start| memmem::find(&piece.bytes, longest_literal(start).as_bytes()).is_some());
        if piece.hint.is_some() || !marked {
            return None;
        }
        let all: Vec<Line> = lines(&piece.bytes).collect();
        let starts = |text: &str| self.starts.iter().position(|start| find(start, text).is_some());
        let ends = |text: &str| self.ends.iter().any(|end| find(end, text).is_some());
        let mut blocks: Vec<(usize, usize)> = Vec::new();
        let mut open = false;
        let mut kind = None;
        for (index, line) in all.iter().enumerate() {
            let start = starts(&line.text);
            let near = blocks.last().is_some_and(|(first, _)| index.saturating_sub(*first) < 3);
            if start.is_some() && (!open || (start == kind && !near)) {
                kind = start;
                if let Some(block) = blocks.last_mut() {
                    block.1 = index;
                }
                blocks.push((index, all.len()));
                open = true;
            }
            let far = blocks.last().is_some_and(|(first, _)| index.saturating_sub(*first) > 400);
            if ends(&line.text) || far || BANNERS.iter().any(|b| line.text.contains(b)) {
                open = false;
            }
        }
        let mut read: Vec<(&[Line], Crash<'_>)> = Vec::new();
        for (first, end) in blocks {
            let Some(block) = all.get(first..end) else { continue };
            let crash = Crash::read(self, block);
            let told = (self.family)(&crash).is_some() || !crash.titles.is_empty();
            if told && !(crash.words.is_empty() && crash.titles.is_empty()) {
                read.push((block, crash));
            }
        }
        // A word of it that is repeated behind a whole report is not a crash of its own.
        if read.iter().any(|(_, crash)| !crash.words.is_empty()) {
            read.retain(|(_, c)| !c.words.is_empty() || c.thread.0.is_some() || c.titles.len() > 1);
        }
        let mut pieces = Vec::new();
        for (block, crash) in read {
            let used = block.get(..crash.lines.len()).unwrap_or(block);
            let (Some(head), Some(tail)) = (used.first(), used.last()) else { continue };
            let layer = format!("log, lines {}-{}", head.number, tail.number);
            let texts: Vec<&str> = used.iter().map(|line| line.text.as_str()).collect();
            pieces.push(piece.inner(layer, texts.join("\n").into()).hinted(self.name));
        }
        (!pieces.is_empty()).then_some(Ok(pieces))
    }
}

/// The longest part of a pattern without placeholders and blanks.
fn longest_literal(pattern: &'static str) -> &'static str {
    let parts = pattern.split(['{', '}', ' ', '^', '$']);
    let even = parts.filter(|part| !part.is_empty() && !PLACEHOLDERS.contains(part));
    even.max_by_key(|part| part.len()).unwrap_or(pattern)
}

const PLACEHOLDERS: &[&str] =
    &["text", "hex", "hex8", "hex16", "name", "dec", "number", "thread", "words"];

impl Format for Dialect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn title(&self) -> &'static str {
        self.title
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(self.name)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let all: Vec<Line> = lines(&piece.bytes).collect();
        let crash = Crash::read(self, &all);
        let family = (self.family)(&crash);
        let mut notes = piece.notes.clone();
        let chip = crash.chip.filter(|_| context.target.is_none());
        let machine = match family {
            _ if let Some(chip) = chip => {
                let chip = context.targets.chip(chip)?;
                Machine { arch: context.targets.arch(&chip.arch)?, chip: Some(chip) }
            }
            Some(Family::Xtensa) => {
                let addrs: Vec<u64> =
                    ["pc", "sp", "a1"].iter().filter_map(|n| crash.word(n)).collect();
                xtensa_by_addresses(self.name, &addrs, 1, context, &mut notes)?
            }
            Some(family) => machine_of(context, family)?,
            None => machine_told(context)?.ok_or_else(|| {
                let expected = "registers or words that tell the machine; --target names it";
                in_input(Fault::new(self.name, "machine", 0, expected, "none"))
            })?,
        };
        let mut dump = Dump::new(self.title, machine.arch);
        dump.chip = machine.chip;
        dump.notes = notes;
        let thread = self.thread(&crash, &mut dump);
        dump.threads.push(thread);
        let trap = dump.crashed().and_then(|thread| arch::trap_reason(&thread.registers));
        dump.reason = reason::of(&crash, trap);
        dump.texts.push(crash.lines.join("\n"));
        add_stack(&mut dump, self.name, crash.rows.clone());
        let facts =
            crash.facts.iter().map(|(label, text)| ((*label).to_string(), (*text).to_string()));
        dump.identity.facts.extend(facts);
        (self.finish)(&mut dump, &crash);
        Ok(dump)
    }
}

impl Dialect {
    /// Whether the producer prints a register of that name.
    fn is_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.any_name
            || self.names.iter().any(|(printed, _)| *printed == name)
            || register_name(name.split('/').next().unwrap_or_default()).is_some()
    }

    fn thread(&self, crash: &Crash<'_>, dump: &mut Dump) -> Thread {
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not printed by the device");
        let mut seen: Vec<&str> = Vec::new();
        for word in &crash.words {
            let usual = self.names.iter().find(|(printed, _)| *printed == word.name);
            let name = usual.map_or(word.name.as_str(), |(_, usual)| usual);
            let mut name = name.split('/').next().unwrap_or(name);
            if name == "lr" && word.value.is_some_and(|value| value >> 8 == 0x00ff_ffff) {
                // What lr holds in an exception handler: the handler's own.
                name = "exc_return";
            }
            if name.is_empty() || seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let Some(value) = word.value else {
                dump.notes.push(
                    Note::warning(format!("{name}: {}: it is unknown", word.why))
                        .by(self.name)
                        .code("cut-value"),
                );
                continue;
            };
            if !set_by_any_name(&mut registers, name, value) {
                dump.identity.facts.push((word.name.clone(), format!("{value:#x}")));
            }
        }
        if registers.by_name("ar1").is_some() && registers.by_name("windowbase").is_none() {
            // The text shows one window, and calls its first register a0.
            registers.set_by_name("windowbase", 0u32);
            registers.set_by_name("windowstart", 1u32);
        }
        let id = crash.thread.0.filter(|id| *id != 0);
        let mut thread = Thread::new(id.unwrap_or(1), registers);
        thread.control_block = id;
        thread.name = crash.thread.1.map(str::to_string);
        thread.crashed = true;
        thread.core = crash.core;
        thread.printed.clone_from(&crash.frames);
        thread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sample_is_read_by_its_own_table_whole() {
        for dialect in ALL {
            let all: Vec<Line> = lines(dialect.sample.as_bytes()).collect();
            let crash = Crash::read(dialect, &all);
            let name = dialect.name;
            assert!(crash.words.len() + crash.titles.len() >= 2, "{name}: {:?}", crash.words);
            assert!(crash.words.iter().all(|word| word.value.is_some()), "{name}");
            assert!((dialect.family)(&crash).is_some(), "{name}: no machine");
            assert!(!dialect.starts.is_empty(), "{name}");
            let first = all.iter().position(|line| {
                dialect.starts.iter().any(|start| find(start, &line.text).is_some())
            });
            assert_eq!(first, Some(0), "{name}: begins with its first line");
        }
    }

    #[test]
    fn a_value_that_lost_digits_is_unknown() {
        let text = "***** BUS FAULT *****\nr0/a1:  0x00000001  r1/a2:  0x2000\n";
        let all: Vec<Line> = lines(text.as_bytes()).collect();
        let crash = Crash::read(&ZEPHYR_FATAL, &all);
        assert_eq!(crash.word("r0/a1"), Some(1));
        assert!(crash.has("r1/a2") && crash.word("r1/a2").is_none());
    }

    #[test]
    fn numbers_of_rust_are_known_where_their_radix_is() {
        let read = |text: &str| {
            let all: Vec<Line> = lines(text.as_bytes()).collect();
            let crash = Crash::read(&ESP_HAL, &all);
            (crash.word("mepc"), crash.word("ra"), crash.word("t0"), crash.word("t5"))
        };
        let title = "Exception 'Load access fault' mepc=420fa1c6, mtval=ffd00013\n";
        assert_eq!(
            read(&format!("{title}TrapFrame {{ ra: 1108290118, t0: 2, t5: 10000001 }}'")),
            (Some(0x420f_a1c6), Some(0x420f_2a46), Some(2), Some(10_000_001))
        );
        assert_eq!(
            read(&format!("{title}TrapFrame {{ ra: 420f2a46, t0: 2, t5: 10000001 }}'")),
            (Some(0x420f_a1c6), Some(0x420f_2a46), Some(2), Some(0x1000_0001))
        );
        assert_eq!(
            read(&format!("{title}TrapFrame {{ ra: 42002046, t0: 2, t5: 10000001 }}'")),
            (Some(0x420f_a1c6), None, Some(2), None)
        );
    }
}
