//! Backtraces as debuggers print them, taken apart, and compared with ours.

use coroner::debug_info::Modules;
use coroner::dump::Thread;
use coroner::open::Opened;
use coroner::unwind::{Backtrace, End, Found, Unwinder};
use std::fmt;

/// One line of a backtrace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// GDB leaves it out for inlined functions and at the first instruction of a line.
    pub pc: Option<u64>,
    pub function: Option<String>,
    /// File and line.
    pub at: Option<(String, u32)>,
}

impl Line {
    /// Whether GDB unwound once more than there are frames: an address that can be no code.
    pub fn is_past_the_end(&self) -> bool {
        matches!(self.pc, Some(0 | 0x4000_0000)) && self.function.is_none()
    }

    /// Whether `ours` says the same, as far as this line says something.
    pub fn agrees(&self, ours: &Line) -> bool {
        self.agrees_on_place(ours)
            && match (&self.function, &ours.function) {
                (Some(theirs), Some(ours)) => same_function(theirs, ours),
                (theirs, ours) => theirs == ours,
            }
    }

    /// Whether this line has a place in the source, which is that of `ours`.
    fn shows_place_of(&self, ours: &Line) -> bool {
        self.at.is_some() && self.agrees_on_place(ours)
    }

    /// The same without the function's name.
    fn agrees_on_place(&self, ours: &Line) -> bool {
        (self.pc.is_none() || self.pc == ours.pc)
            && match (&self.at, &ours.at) {
                (Some((theirs, line)), Some((ours, own_line))) => {
                    line == own_line && same_file(theirs, ours)
                }
                (theirs, _) => theirs.is_none(),
            }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pc {
            Some(pc) => write!(f, "{pc:#x} {}", self.function.as_deref().unwrap_or("??"))?,
            None => f.write_str(self.function.as_deref().unwrap_or("??"))?,
        }
        match &self.at {
            Some((file, line)) => {
                write!(f, " at {}:{line}", file.rsplit(['/', '\\']).next().unwrap_or(file))
            }
            None => Ok(()),
        }
    }
}

/// Whether two debuggers mean one function. GDB makes names of Rust out of DWARF's scopes
/// (`core::ptr::{impl#3}::read<u8>`), we show the demangled symbol (`<u8 as ..>::read`).
fn same_function(a: &str, b: &str) -> bool {
    let (a, b) = (plain(a), plain(b));
    let last = |name: &str| name.rsplit("::").next().unwrap_or(name).to_string();
    a == b || (last(&a) == last(&b) && (a.contains("::") || b.contains("::")))
}

/// A function's name without its parameters and type arguments, and without numbers of closures.
fn plain(name: &str) -> String {
    let mut out = String::new();
    let mut depth = 0usize;
    for c in name.replace("{{", "{").replace("}}", "}").chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            '(' if depth == 0 && !out.is_empty() => break,
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    let mut parts = out.split('#');
    let mut out = parts.next().unwrap_or_default().to_string();
    parts.for_each(|part| out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit())));
    out.replace("{async_fn}", "{closure}").replace("{async_block}", "{closure}")
}

/// Compilers record paths relative to a folder that is recorded elsewhere; GDB shows the former.
fn same_file(a: &str, b: &str) -> bool {
    let (a, b) = (a.replace('\\', "/"), b.replace('\\', "/"));
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    let short = short.trim_start_matches("./").trim_start_matches("../");
    long.ends_with(short)
}

/// `#3  0x400d66bc in fail_once (unused=97 'a') at /path/test_core_dump.c:14`
pub fn line(text: &str) -> Option<Line> {
    let rest = text.strip_prefix('#')?;
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    let (pc, rest) = match rest.strip_prefix("0x") {
        Some(hex) => {
            let (digits, rest) = hex.split_once(" in ")?;
            (Some(u64::from_str_radix(digits, 16).ok()?), rest)
        }
        None => (None, rest),
    };
    let (name, _) = rest.split_once(" (").unwrap_or((rest, ""));
    let at = rest.rsplit_once(" at ").and_then(|(_, place)| {
        let (file, line) = place.trim().rsplit_once(':')?;
        Some((file.to_string(), line.parse().ok()?))
    });
    let function = Some(name.trim()).filter(|name| *name != "??" && !is_marker(name));
    Some(Line { pc, function: function.map(str::to_string), at })
}

/// The arguments in a line of a backtrace: `f (a=1, b=b@entry=0x20 "x, y", c=<..>) at ..`.
pub fn arguments(line: &str) -> Vec<(String, String)> {
    // A function's name may hold blanks, brackets and arguments of types.
    let Some((_, rest)) = line.split_once(" (") else { return Vec::new() };
    let mut depth = 0;
    let mut quoted = None;
    let mut escaped = false;
    let mut parts = vec![String::new()];
    for c in rest.chars() {
        match (quoted, c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(quote), c) if c == quote => quoted = None,
            (None, '"' | '\'') => quoted = Some(c),
            (None, '(' | '{' | '[') => depth += 1,
            (None, ')') if depth == 0 => break,
            (None, ')' | '}' | ']') => depth -= 1,
            _ => {}
        }
        if c == ',' && quoted.is_none() && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    let pair = |part: &String| {
        let (name, value) = part.trim().split_once('=')?;
        let value = value.strip_prefix(&format!("{name}@entry=")).unwrap_or(value);
        Some((name.trim_end_matches("@entry").to_string(), value.to_string()))
    };
    parts.iter().filter_map(pair).collect()
}

/// `<signal handler called>`: a line of GDB that is no frame. `<T as U>::f` is one.
fn is_marker(name: &str) -> bool {
    name.starts_with('<') && name.ends_with('>')
}

/// The backtrace of one thread.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    pub lines: Vec<Line>,
    /// Why it ended, if the debugger said: `Backtrace stopped: ...`.
    pub stopped: Option<String>,
}

/// The threads of a report of esp-coredump, by the address of their control blocks.
pub fn of_esp_report(text: &str) -> Vec<(u64, Trace)> {
    sections(text, |head| {
        let (_, rest) = head.split_once(" THREAD ")?.1.split_once("(TCB: 0x")?;
        u64::from_str_radix(rest.split(',').next()?, 16).ok()
    })
}

/// The threads of GDB's `thread apply all bt` on a core file, by their ids.
pub fn of_gdb(text: &str) -> Vec<(u64, Trace)> {
    sections(text, |head| {
        let rest = head.strip_prefix("Thread ")?;
        let (_, id) = rest.split_once("(LWP ").or_else(|| rest.split_once("(Thread "))?;
        let id = id.split([' ', ')', '.']).next()?;
        id.parse().ok()
    })
}

/// The same by GDB's own numbers, which are the order of the dump's threads.
pub fn by_number(text: &str) -> Vec<(u64, Trace)> {
    sections(text, |head| {
        let (number, rest) = head.strip_prefix("Thread ")?.split_once(' ')?;
        rest.starts_with('(').then(|| number.parse().ok())?
    })
}

fn sections(text: &str, head: impl Fn(&str) -> Option<u64>) -> Vec<(u64, Trace)> {
    let mut threads: Vec<(u64, Trace)> = Vec::new();
    for text in text.lines() {
        if let Some(id) = head(text) {
            threads.push((id, Trace::default()));
        } else if text.starts_with("=====") {
            // The end of the threads in a report.
            if !threads.is_empty() && !text.contains("THREAD") {
                break;
            }
        } else if let Some((_, trace)) = threads.last_mut() {
            if let Some(why) = text.strip_prefix("Backtrace stopped: ") {
                trace.stopped = Some(why.trim().to_string());
            } else if let Some(line) = line(text)
                && !text.contains("<signal handler called>")
            {
                trace.lines.push(line);
            } else if trace.lines.is_empty() && !text.is_empty() && !text.starts_with('[') {
                trace.stopped = Some(text.to_string());
            }
        }
    }
    threads
}

/// One line per function of ours, inlined ones too, as GDB lists them.
pub struct Ours {
    pub lines: Vec<(Line, Found)>,
    pub end: End,
}

impl Ours {
    pub fn of(opened: &Opened, modules: &Modules<'_>, thread: &Thread) -> Ours {
        Ours::of_trace(modules, &Unwinder::new(&opened.dump, modules).backtrace(thread))
    }

    pub fn of_trace(modules: &Modules<'_>, trace: &Backtrace) -> Ours {
        let mut lines = Vec::new();
        for frame in &trace.frames {
            let places = modules.places(frame.lookup_pc());
            if places.iter().all(|place| place.function.is_none()) {
                let function = modules.symbol(frame.lookup_pc()).map(|symbol| symbol.name);
                let at = places.into_iter().next().and_then(|place| place.file.zip(place.line));
                lines.push((Line { pc: Some(frame.pc), function, at }, frame.found));
                continue;
            }
            for place in places {
                let at = place.file.zip(place.line);
                let line = Line { pc: Some(frame.pc), function: place.function, at };
                lines.push((line, frame.found));
            }
        }
        Ours { lines, end: trace.end }
    }
}

/// How our backtrace of a thread compares with an oracle's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Equal,
    /// Equal but for what is told here; each is a case that was looked into.
    EqualBut(Vec<String>),
    Differs(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Equal => f.write_str("equal"),
            Verdict::EqualBut(why) => write!(f, "equal, but: {}", why.join("; ")),
            Verdict::Differs(how) => write!(f, "DIFFERS: {how}"),
        }
    }
}

/// The function that was really called, of those in a frame.
fn outermost(lines: &[(Line, Found)], pc: u64) -> Option<&String> {
    lines.iter().rev().find(|(line, _)| line.pc == Some(pc))?.0.function.as_ref()
}

/// Whether theirs is the path of a Rust function, and ours the plain symbol that it is exported as.
fn is_exported(theirs: &Line, ours: &Line) -> bool {
    let has_path = |line: &Line| line.function.as_ref().map(|name| name.contains("::"));
    theirs.at.is_some() && has_path(theirs) == Some(true) && has_path(ours) == Some(false)
}

const MADE_UP: &str =
    "GDB adds a frame for what a thread was given to return to, the beginning of a function";
const PAST_THE_END: &str = "GDB adds a frame for the return address 0";
const ROM_NAME: &str = "ROM function: its name needs the ROM ELF";
const INTO_TAIL_CALL: &str =
    "of a tail call in an inlined function GDB leaves out the function that it was inlined into";
const ROM_FRAME: &str = "a frame inside ROM needs the ROM ELF";

/// Compares our frames with an oracle's, line by line. The ELF files tell what is code, and what
/// the symbol tables say where both differ.
pub fn compare(ours: &Ours, theirs: &Trace, modules: Option<&Modules<'_>>) -> Verdict {
    let code = |pc| modules.is_none_or(|modules| modules.is_code(pc));
    let symbol = |pc: u64| modules?.symbol(pc.saturating_sub(1)).filter(|symbol| symbol.covers);
    let mut why: Vec<String> = Vec::new();
    let mut note = |words: &str| {
        if !why.iter().any(|known| known == words) {
            why.push(words.to_string());
        }
    };
    let mut mine = ours.lines.iter().peekable();
    let last = theirs.lines.len().saturating_sub(1);
    let mut before = None;
    for (index, their) in theirs.lines.iter().enumerate() {
        let is_left_out = |(line, found): &(Line, Found)| {
            *found == Found::TailCall
                && before == line.pc
                && their.pc.is_some_and(|pc| before != Some(pc))
        };
        while mine.next_if(|own| is_left_out(own)).is_some() {
            note(INTO_TAIL_CALL);
        }
        before = their.pc.or(before);
        let in_rom = their.pc.is_some_and(|pc| !code(pc)) && their.at.is_none();
        let Some((line, _)) = mine.peek() else {
            if index == last && their.is_past_the_end() {
                note(PAST_THE_END);
                break;
            }
            let starts =
                |pc: u64| modules?.symbol(pc).filter(|symbol| symbol.covers && symbol.offset == 0);
            if index == last && ours.end == End::Outermost && their.pc.and_then(starts).is_some() {
                note(MADE_UP);
                break;
            }
            if in_rom && index == last {
                note(&format!(
                    "GDB adds a frame at {their}, which no ELF file holds; {}",
                    ours.end
                ));
                break;
            }
            return Verdict::Differs(format!(
                "their frame {index}, {their}, is missing: {}",
                ours.end
            ));
        };
        if their.pc.is_some() && their.pc != line.pc && in_rom {
            note(ROM_FRAME);
            continue;
        }
        if in_rom && their.pc == line.pc {
            if their.function.is_some() && their.function != line.function {
                note(ROM_NAME);
            }
        } else if their.function.is_none() && their.agrees_on_place(line) {
            note("GDB has no name for a function");
        } else if is_exported(their, line) && their.agrees_on_place(line) {
            note(
                "functions that are exported under another name: GDB shows the source's, we the symbol's",
            );
        } else if let Some(pc) =
            their.pc.filter(|pc| line.pc == Some(*pc) && !their.shows_place_of(line))
            && let Some(symbol) = symbol(pc)
            && let Some(name) = &their.function
            && !same_function(name, &symbol.name)
            && outermost(&ours.lines, pc).is_some_and(|own| same_function(own, &symbol.name))
        {
            note(
                "GDB names a function that the linker threw away; the symbol table agrees with us",
            );
            while mine.peek().is_some_and(|(line, _)| line.pc == Some(pc)) {
                mine.next();
            }
            continue;
        } else if !their.agrees(line) {
            return Verdict::Differs(format!("frame {index}: {line}, theirs {their}"));
        }
        mine.next();
    }
    if let Some((line, found)) = mine.next() {
        let stop = match &theirs.stopped {
            Some(words) => format!("GDB stops ({words})"),
            None => "GDB stops".to_string(),
        };
        let rest = mine.count() + 1;
        note(&format!("{stop}, we go on by {found}: {rest} more, first {line}"));
    }
    if why.is_empty() { Verdict::Equal } else { Verdict::EqualBut(why) }
}
