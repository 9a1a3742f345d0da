//! Backtraces as debuggers print them, taken apart.

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
        (self.pc.is_none() || self.pc == ours.pc)
            && self.function.as_deref().map(plain) == ours.function.as_deref().map(plain)
            && match (&self.at, &ours.at) {
                (Some((theirs, line)), Some((ours, own_line))) => {
                    line == own_line && same_file(theirs, ours)
                }
                (theirs, _) => theirs.is_none(),
            }
    }
}

/// A function's name without its parameters, which GDB leaves out.
fn plain(name: &str) -> &str {
    name.split('(').next().unwrap_or(name)
}

/// Compilers record paths relative to a folder that is recorded elsewhere; GDB shows the former.
fn same_file(a: &str, b: &str) -> bool {
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
    let function = Some(name.trim()).filter(|name| *name != "??" && !name.starts_with('<'));
    Some(Line { pc, function: function.map(str::to_string), at })
}

/// The threads of a report of esp-coredump, by the address of their control blocks.
pub fn of_esp_report(text: &str) -> Vec<(u64, Vec<Line>)> {
    sections(text, |head| {
        let (_, rest) = head.split_once(" THREAD ")?.1.split_once("(TCB: 0x")?;
        u64::from_str_radix(rest.split(',').next()?, 16).ok()
    })
}

/// The threads of GDB's `thread apply all bt` on a core file or a server.
pub fn of_gdb(text: &str) -> Vec<(u64, Vec<Line>)> {
    sections(text, |head| {
        let rest = head.strip_prefix("Thread ")?;
        let (_, id) = rest.split_once("(LWP ").or_else(|| rest.split_once("(Thread "))?;
        let id = id.split([' ', ')', '.']).next()?;
        id.parse().ok()
    })
}

fn sections(text: &str, head: impl Fn(&str) -> Option<u64>) -> Vec<(u64, Vec<Line>)> {
    let mut threads: Vec<(u64, Vec<Line>)> = Vec::new();
    for text in text.lines() {
        if let Some(id) = head(text) {
            threads.push((id, Vec::new()));
        } else if text.starts_with("=====") {
            // The end of the threads in a report.
            if !threads.is_empty() && !text.contains("THREAD") {
                break;
            }
        } else if let (Some((_, lines)), Some(line)) = (threads.last_mut(), line(text)) {
            lines.push(line);
        }
    }
    threads
}
