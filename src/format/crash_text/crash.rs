//! What the lines of a crash say, taken line by line as the rules of a dialect have it.

use super::pattern::{Captures, find, find_all, number};
use super::radix::Radix;
use super::{Address, Dialect, Rule};
use crate::dump::{PrintedFrame, Stack};
use crate::format::parts::register_lines::register_name;
use std::borrow::Cow;

/// A value by its name.
#[derive(Clone, Debug, Default)]
pub struct Word<'a> {
    /// As the producer prints it, in lower case.
    pub name: String,
    /// The value; `None` of one that lost digits or whose radix is not known.
    pub value: Option<u64>,
    /// How many hexadecimal digits stand there.
    pub digits: usize,
    /// Why there is no value.
    pub(super) why: &'static str,
    /// The number as printed, where only all of them together tell its radix.
    pub(super) printed: Option<&'a str>,
}

impl Word<'_> {
    /// Whether its value lost digits.
    fn is_cut(&self) -> bool {
        self.value.is_none() && self.printed.is_none()
    }
}

/// A context that the text has registers or a backtrace of: the one that crashed, another core,
/// another task.
#[derive(Clone, Debug, Default)]
pub struct Task<'a> {
    /// Registers and other words, in the order of the text.
    pub words: Vec<Word<'a>>,
    /// The printed backtrace.
    pub frames: Vec<PrintedFrame>,
    /// Its number or the address of its control block.
    pub id: Option<u64>,
    /// Its name.
    pub name: Option<&'a str>,
    /// The core.
    pub core: Option<u32>,
    /// Its state, in the words of the text.
    pub state: Option<Cow<'a, str>>,
    /// Its priority.
    pub priority: Option<i64>,
    /// The bounds of its stack.
    pub stack: Option<Stack>,
    /// The stack pointer that its kernel kept.
    pub saved_sp: Option<u64>,
    /// What else there is to say of it.
    pub remarks: Vec<String>,
}

impl Task<'_> {
    /// The first value of that name.
    pub fn word(&self, name: &str) -> Option<u64> {
        self.words.iter().find(|word| word.name == name)?.value
    }

    /// Whether a value of that name stands there.
    pub fn has(&self, name: &str) -> bool {
        self.words.iter().any(|word| word.name == name)
    }

    /// Whether nothing is known of it.
    pub fn is_empty(&self) -> bool {
        let unknown = self.id.is_none() && self.name.is_none() && self.stack.is_none();
        unknown && self.words.is_empty() && self.frames.is_empty()
    }
}

/// A number that only the dialect itself can place.
#[derive(Clone, Copy, Debug)]
pub struct Cell<'a> {
    /// The part of the text that it stands in.
    pub section: &'static str,
    /// What it is.
    pub name: &'static str,
    /// A number before it, as printed: an address.
    pub at: Option<&'a str>,
    /// The number, as printed.
    pub number: &'a str,
}

/// What the lines of a crash said.
#[derive(Default)]
pub struct Crash<'a> {
    /// All lines, the last one the last that said something.
    pub lines: Vec<&'a str>,
    /// Those that are not shown as memory.
    pub texts: Vec<&'a str>,
    /// What crashed.
    pub task: Task<'a>,
    /// Other tasks and cores, in the order of the text.
    pub others: Vec<Task<'a>>,
    /// The chip, where the text tells it.
    pub chip: Option<String>,
    /// What happened.
    pub titles: Vec<&'a str>,
    /// What happened, where nothing else says it.
    pub fallback: Option<&'a str>,
    /// The address that could not be used.
    pub address: Option<u64>,
    /// Memory that the text shows, mostly words of the stack.
    pub rows: Vec<(u64, Vec<u8>)>,
    /// Other facts, by what they are.
    pub facts: Vec<(&'a str, &'a str)>,
    /// Numbers that the dialect places.
    pub cells: Vec<Cell<'a>>,
    section: &'static str,
    /// What follows comes of a fault in the handler that printed this.
    pub(super) handler_faulted: bool,
    /// The line before the one that is taken.
    before: Option<&'a str>,
    /// How many of the texts there were when a line said something.
    texts_said: usize,
    /// The lines that said something.
    pub(super) said: Vec<&'a str>,
}

impl<'a> Crash<'a> {
    /// The first value of that name of what crashed.
    pub fn word(&self, name: &str) -> Option<u64> {
        self.task.word(name)
    }

    /// Whether a value of that name stands there, of what crashed.
    pub fn has(&self, name: &str) -> bool {
        self.task.has(name)
    }

    /// Whether `pattern` matches in some line.
    pub(super) fn has_line(&self, pattern: &'static str) -> bool {
        self.lines.iter().any(|line| find(pattern, line).is_some())
    }

    /// Whether some line has `words` in it.
    pub fn says(&self, words: &str) -> bool {
        self.lines.iter().any(|line| line.contains(words))
    }

    /// What crashed, and the others.
    pub fn all(&self) -> impl Iterator<Item = &Task<'a>> {
        std::iter::once(&self.task).chain(&self.others)
    }

    /// Whether it has registers or a backtrace.
    pub(super) fn has_body(&self) -> bool {
        self.all().any(|task| !task.words.is_empty() || !task.frames.is_empty())
    }

    /// Whether it says more than what happened, in one word.
    pub(super) fn says_enough(&self) -> bool {
        self.has_body() || !self.rows.is_empty() || self.task.id.is_some() || self.titles.len() > 1
    }

    /// Whether it has the registers of that core.
    pub(super) fn has_registers_of(&self, core: u64) -> bool {
        self.all().any(|task| task.core.map(u64::from) == Some(core) && !task.words.is_empty())
    }

    /// Takes what a line says, and returns whether it said something.
    pub(super) fn take(&mut self, dialect: &Dialect, text: &'a str) -> bool {
        self.handler_faulted |= dialect.nested.iter().any(|nested| find(nested, text).is_some());
        if self.handler_faulted {
            self.texts.push(text);
            self.texts_said = self.texts.len();
            return true;
        }
        let (rows, cells) = (self.rows.len(), self.cells.len());
        let words = self.current_words().len();
        let rule = dialect.rules.iter().find(|rule| self.apply(dialect, rule, text));
        let mut cells = self.cells.iter().skip(cells);
        let is_memory = self.rows.len() > rows || cells.any(|cell| cell.at.is_some());
        let is_whole = || self.current_words().iter().skip(words).all(|word| !word.is_cut());
        // A number without a name that is known is shown with its line.
        let taken = self.current_words().len().saturating_sub(words);
        let is_all = || text.split(|c: char| !c.is_alphanumeric()).filter(is_word).count() <= taken;
        let is_registers = rule.is_some_and(Rule::is_of_registers) && is_whole() && is_all();
        if !is_memory && !is_registers {
            self.texts.push(text);
        }
        self.before = Some(text);
        if rule.is_some() {
            self.texts_said = self.texts.len();
            self.said.push(text);
        }
        rule.is_some()
    }

    /// Ends it: these were its lines, and the last one that was taken said something.
    pub(super) fn finish(&mut self, dialect: &Dialect, lines: Vec<&'a str>, at_end: bool) {
        self.lines = lines;
        if !at_end {
            self.texts.truncate(self.texts_said);
        }
        self.decide_radix(dialect);
    }

    fn current_words(&self) -> &[Word<'a>] {
        &self.others.last().unwrap_or(&self.task).words
    }

    /// The task that the lines are of.
    fn current(&mut self) -> &mut Task<'a> {
        self.others.last_mut().unwrap_or(&mut self.task)
    }

    fn apply(&mut self, dialect: &Dialect, rule: &Rule, text: &'a str) -> bool {
        let one = |pattern| find(pattern, text).map(|(captures, _)| captures);
        let words = |captures: &Captures<'a>| captures.text("text").unwrap_or(text.trim());
        match rule {
            Rule::Registers(pattern) => {
                let is_name = |name: &str| dialect.is_name(name);
                let (all, rest) = find_all(pattern, text, &is_name);
                if let Some(name) = name_without_value(pattern, rest).filter(|name| is_name(name)) {
                    self.add_value(name, None, 0);
                }
                for found in &all {
                    if let Some(name) = found.text("name") {
                        self.add_word(name, found);
                    } else if let Some(index) = found.text("index") {
                        let stem = pattern.split(['[', ' ']).next().unwrap_or_default();
                        self.add_word(&format!("{stem}{index}"), found);
                    }
                }
                return !all.is_empty();
            }
            Rule::Register(pattern, name) => {
                let Some(found) = one(pattern) else { return false };
                if !self.add_word(name, &found) {
                    return false;
                }
                self.titles.extend(found.text("text").filter(|text| !text.is_empty()));
            }
            Rule::Title(pattern) => {
                let Some(found) = one(pattern) else { return false };
                self.titles.push(match pattern.contains('{') {
                    true => words(&found),
                    false => text.get(text.find(pattern).unwrap_or(0)..).unwrap_or(text).trim(),
                });
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
                self.current().describe(&found);
            }
            Rule::Other(pattern) => {
                let Some(found) = one(pattern) else { return false };
                if !self.current().is_empty() {
                    self.others.push(Task::default());
                }
                self.current().describe(&found);
            }
            Rule::Core(pattern) => {
                let Some(found) = one(pattern) else { return false };
                self.current().core = found.dec().and_then(|core| u32::try_from(core).ok());
            }
            Rule::Frame(pattern, address) => {
                let (all, _) = find_all(pattern, text, &|_| true);
                return self.add_frames(&all, *address);
            }
            Rule::FramesBehind(before, pattern, address) => {
                let Some((_, behind)) = text.split_once(before) else { return false };
                if !self.current().frames.is_empty() {
                    // A second list is of another thread.
                    return true;
                }
                let (all, _) = find_all(pattern, behind, &|_| true);
                self.add_frames(&all, *address);
                return !all.is_empty();
            }
            Rule::Backtrace(before, pattern, address) => {
                let Some((_, behind)) = text.split_once(before) else { return false };
                let (all, _) = find_all(pattern, behind, &|_| true);
                if !all.is_empty() && !self.current().frames.is_empty() {
                    self.others.push(Task::default());
                }
                self.add_frames(&all, *address);
                return !all.is_empty();
            }
            Rule::Chip(pattern, chip) => {
                if one(pattern).is_none() {
                    return false;
                }
                self.chip = Some((*chip).to_string());
            }
            Rule::Memory(pattern) => {
                let Some(found) = one(pattern) else { return false };
                let Some(row) = found.row() else { return false };
                self.rows.push(row);
            }
            Rule::Fact(pattern, label) => {
                let fact = one(pattern).map(|found| words(&found)).filter(|fact| !fact.is_empty());
                let Some(fact) = fact else { return false };
                self.facts.push((label, fact));
            }
            Rule::Field(pattern) => {
                let Some(found) = one(pattern) else { return false };
                let Some(label) = found.text("label") else { return false };
                self.facts.push((label, words(&found)));
            }
            Rule::Says(pattern, words) => {
                if one(pattern).is_none() {
                    return false;
                }
                self.titles.push(words);
            }
            Rule::Remark(pattern, words) => {
                if one(pattern).is_none() {
                    return false;
                }
                self.current().remarks.push((*words).to_string());
            }
            Rule::Row(pattern, names) => {
                let Some(found) = one(pattern) else { return false };
                let words = found.words().unwrap_or_default();
                let values: Option<Vec<u64>> = words.into_iter().map(number).collect();
                let Some(values) = values else {
                    return false;
                };
                if values.len() != names.len() {
                    return false;
                }
                for (name, value) in names.iter().zip(values) {
                    self.add_value(name, Some(value), 0);
                }
            }
            Rule::All(rules) => {
                // All of them, not up to the first.
                return rules.iter().filter(|rule| self.apply(dialect, rule, text)).count() > 0;
            }
            Rule::After(before, rules) => {
                let line = self.before.filter(|line| find(before, line).is_some());
                return line.is_some() && rules.iter().any(|rule| self.apply(dialect, rule, text));
            }
            Rule::In(section, rules) => {
                let here = self.section == *section;
                return here && rules.iter().any(|rule| self.apply(dialect, rule, text));
            }
            Rule::Section(pattern, name) => {
                if one(pattern).is_none() {
                    return false;
                }
                self.section = name;
            }
            Rule::Cell(pattern, name) => {
                let Some(found) = one(pattern) else { return false };
                let Some(number) = found.text("number") else { return false };
                let at = found.text("at");
                self.cells.push(Cell { section: self.section, name, at, number });
            }
            Rule::Skip(pattern) => return one(pattern).is_some(),
        }
        true
    }

    /// The numbers in the radix that all of them together show. Where nothing shows it, those are
    /// known that are the same in both.
    fn decide_radix(&mut self, dialect: &Dialect) {
        let tasks = || std::iter::once(&self.task).chain(&self.others);
        let printed = tasks().flat_map(|task| &task.words).filter_map(|word| word.printed);
        let radix = Radix::of(printed, dialect.printer);
        let all = std::iter::once(&mut self.task).chain(&mut self.others);
        for word in all.flat_map(|task| &mut task.words) {
            if let Some(digits) = word.printed {
                word.value = radix.read(digits);
            }
        }
    }

    /// Adds the frames that a pattern found; returns whether one is whole.
    fn add_frames(&mut self, all: &[Captures<'_>], address: Address) -> bool {
        let frame = |found: &Captures<'_>| {
            Some(PrintedFrame {
                pc: found.whole("hexpc")?,
                returns: address == Address::Return,
                sp: found.whole("hexsp"),
                function: found.text("function").map(str::to_string),
            })
        };
        let frames: Vec<PrintedFrame> = all.iter().filter_map(frame).collect();
        let some = !frames.is_empty();
        self.current().frames.extend(frames);
        some
    }

    /// Adds the number that a pattern found; returns whether there is one.
    fn add_word(&mut self, name: &str, found: &Captures<'a>) -> bool {
        match (found.hex(), found.dec(), found.text("number")) {
            (Some((value, missing)), ..) => {
                let digits = found.digits();
                // A segment has 16 bits, and no register prints 9 to 15 digits.
                let is_segment = name.eq_ignore_ascii_case("cs");
                let whole = (missing == 0 || is_segment) && !(9..16).contains(&digits);
                self.add_value(name, Some(value).filter(|_| whole), digits);
            }
            (None, Some(value), _) => self.add_value(name, Some(value), 0),
            (None, None, Some(digits)) => {
                let why = "nothing tells whether its digits are hexadecimal or decimal";
                let (name, printed) = (name.to_ascii_lowercase(), Some(digits));
                self.current().words.push(Word { name, printed, why, ..Word::default() });
            }
            _ => return false,
        }
        true
    }

    /// Adds a value, or a name whose value lost digits.
    fn add_value(&mut self, name: &str, value: Option<u64>, digits: usize) {
        let (name, why) = (name.to_ascii_lowercase(), "digits are missing at the end");
        self.current().words.push(Word { name, value, digits, why, printed: None });
    }
}

/// Whether it is a number as wide as registers are.
fn is_word(text: &&str) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    matches!(digits.len(), 8 | 16) && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The name at the end of a line whose value is missing: `GP      : 0x`. The line was cut there.
fn name_without_value<'a>(pattern: &str, rest: &'a str) -> Option<&'a str> {
    let separator = pattern.strip_prefix("{name}")?.trim_start().chars().next()?;
    let rest = rest.trim_end();
    let before = rest.strip_suffix("0x").unwrap_or(rest).trim_end().strip_suffix(separator)?;
    let name = before.trim_end();
    (separator != '{').then(|| name.rsplit(' ').next())?
}

impl<'a> Task<'a> {
    /// Takes what a line says of a task. What an earlier line said stays.
    fn describe(&mut self, found: &Captures<'a>) {
        let name = found.text("thread").filter(|name| !name.is_empty() && *name != "unknown");
        let core = found.text("core").and_then(|core| core.parse().ok());
        self.id = self.id.or_else(|| found.id());
        self.name = self.name.or(name);
        self.core = self.core.or(core);
        self.state = self.state.take().or(found.text("state").map(Cow::Borrowed));
        self.priority = self.priority.or(found.text("priority").and_then(|text| text.parse().ok()));
        self.saved_sp = self.saved_sp.or(found.whole("hexsaved"));
        let low = found.whole("hexlow");
        let of_size = || low?.checked_add(found.whole("hexsize")?);
        if let (Some(low), Some(high)) = (low, found.whole("hexhigh").or_else(of_size)) {
            self.stack = self.stack.or(Some(Stack { low, high }).filter(|stack| low < stack.high));
        }
    }
}

impl Dialect {
    /// Whether the producer prints a register of that name.
    pub(super) fn is_name(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.any_name
            || self.names.iter().any(|(printed, _)| *printed == name)
            || register_name(name.split('/').next().unwrap_or_default()).is_some()
    }
}
