//! The report as text for a terminal.

use super::style::{Line, Style, Tone};
use super::{Frame, Report, Stack, Thread, Value};
use crate::dump::{Severity, priority_words};
use std::fmt::Write;

/// Cells of a bar.
const BAR: u64 = 24;
/// Lines of a log that are shown, the last ones; the other forms have all.
const LOG_LINES: usize = 30;
/// Narrower than this, names in front of texts get a line of their own.
const LABEL_WIDTH: usize = 10;

/// Writes the report for a terminal of that style.
pub fn to_text(report: &Report, style: &Style) -> String {
    let mut page = Page { style: *style, out: String::new() };
    page.head(report);
    page.diagnosis(report);
    page.source(report);
    page.code(report);
    page.reason(report);
    page.logs(report);
    for thread in &report.threads {
        page.thread(thread);
    }
    page.objects(report);
    page.heaps(report);
    page.values(report);
    page.memory(report);
    page.out
}

struct Page {
    style: Style,
    out: String,
}

impl Page {
    fn line(&mut self, line: &Line, indent: usize) {
        self.out.push_str(&self.style.show(line, indent));
        self.out.push('\n');
    }

    /// A line that is not broken, whatever the width.
    fn long_line(&mut self, line: &Line) {
        let style = Style { width: None, ..self.style };
        self.out.push_str(&style.show(line, 0));
        self.out.push('\n');
    }

    fn title(&mut self, text: impl Into<String>) {
        self.out.push('\n');
        self.line(&Line::default().tone(Tone::Title, text), 0);
    }

    fn fact(&mut self, label: &str, text: impl Into<String>) {
        self.tell(label, Line::new(text));
    }

    fn doubt(&mut self, label: &str, text: impl Into<String>) {
        self.tell(label, Line::default().tone(Tone::Doubt, text));
    }

    fn tell(&mut self, label: &str, text: Line) {
        let label = format!("{label:<LABEL_WIDTH$}");
        let line = Line::new("  ").tone(Tone::Quiet, label).and(" ").join(text);
        self.line(&line, LABEL_WIDTH + 3);
    }

    fn head(&mut self, report: &Report) {
        self.line(&Line::default().tone(Tone::Bad, &report.headline), 2);
        self.out.push('\n');
        self.fact("input", format!("{}: {}", report.file, report.layers.join(" > ")));
        let identity = &report.identity;
        if let Some(chip) = &identity.chip {
            self.fact("chip", chip);
        }
        match (&identity.firmware, identity.firmware_matches) {
            (Some(elf), Some(true)) => self.fact("firmware", format!("{elf} (matches the dump)")),
            (Some(elf), Some(false)) => {
                let text = format!("{elf} (NOT the dump's: what follows may be wrong)");
                self.doubt("firmware", text);
            }
            (Some(elf), None) => match identity.firmware_fit.as_ref().map(|fit| &*fit.verdict) {
                Some("fits") => self.fact("firmware", format!("{elf} (fits what the dump holds)")),
                Some(verdict @ ("doubtful" | "does not fit")) => {
                    self.doubt("firmware", format!("{elf} ({verdict}: what follows may be wrong)"));
                }
                _ => self.fact("firmware", format!("{elf} (can't be checked)")),
            },
            (None, _) => {
                let ids = identity.firmware_ids.join(", ");
                let ids = if ids.is_empty() { String::new() } else { format!(": {ids}") };
                self.fact("firmware", format!("not given (--elf, --elf-dir){ids}"));
            }
        }
        for rom in &identity.rom {
            self.fact("rom", rom);
        }
        for (name, value) in &identity.facts {
            self.fact(name, value);
        }
        self.fact("signature", &report.signature.id);
        for note in &report.notes {
            match note.severity {
                Severity::Info => self.fact("note", &note.words),
                severity => self.doubt(severity.code(), &note.words),
            }
        }
    }

    fn diagnosis(&mut self, report: &Report) {
        if report.diagnosis.is_empty() {
            return;
        }
        self.title("Why");
        for sentence in &report.diagnosis {
            self.line(&Line::new(format!("  {}", sentence.words)), 4);
            for evidence in &sentence.evidence {
                self.line(&Line::new("    ").tone(Tone::Quiet, evidence), 6);
            }
        }
    }

    fn code(&mut self, report: &Report) {
        if report.code.is_empty() {
            return;
        }
        self.title("Instructions");
        for one in &report.code {
            let tone = if one.here { Tone::Bad } else { Tone::Quiet };
            self.long_line(&Line::default().tone(tone, one.line()));
        }
    }

    fn source(&mut self, report: &Report) {
        let Some(source) = &report.source else { return };
        self.title(format!("{}:{}", source.found_at, source.line));
        for (number, text) in &source.lines {
            let here = *number == source.line;
            let mark = if here { '>' } else { ' ' };
            let tone = if here { Tone::Bad } else { Tone::Quiet };
            self.long_line(&Line::default().tone(tone, format!("{mark} {number:>5}  {text}")));
        }
    }

    fn reason(&mut self, report: &Report) {
        if !report.reason.evidence.is_empty() {
            self.title("Fault registers");
            for word in &report.reason.evidence {
                let name = format!("{:<LABEL_WIDTH$}", word.name);
                let value = format!(" {}  {}", word.value, word.words);
                let line = Line::new("  ").tone(Tone::Label, name).and(value);
                self.line(&line, LABEL_WIDTH + 3);
            }
        }
        if !report.texts.is_empty() {
            self.title("What the device said");
            for line in report.texts.iter().flat_map(|text| text.lines()) {
                self.line(&Line::new(format!("  {}", line.trim_end())), 4);
            }
        }
    }

    fn logs(&mut self, report: &Report) {
        for log in &report.logs {
            self.title(format!(
                "Log in memory: {} at {}, {} bytes",
                log.what, log.address, log.len
            ));
            if let Some(remark) = &log.remark {
                let tone = if log.guess { Tone::Doubt } else { Tone::Quiet };
                let guess = if log.guess { "a guess: " } else { "" };
                self.line(&Line::new("  ").tone(tone, format!("{guess}{remark}")), 4);
            }
            let lines: Vec<&str> = log.text.iter().flat_map(|text| text.lines()).collect();
            let passed = lines.len().saturating_sub(LOG_LINES);
            if passed > 0 {
                let text = format!("  .. {passed} lines before (--json and --html have all)");
                self.line(&Line::default().tone(Tone::Quiet, text), 4);
            }
            for line in lines.iter().skip(passed) {
                self.line(&Line::new(format!("  {}", line.trim_end())), 4);
            }
        }
    }

    fn thread(&mut self, thread: &Thread) {
        let mut title = format!("Thread {}", thread.name);
        if thread.name != thread.id.to_string() {
            let _ = write!(title, " ({})", thread.id);
        }
        if thread.crashed {
            title.push_str(", crashed");
        }
        if let Some(state) = &thread.state {
            let _ = write!(title, ", {state}");
        }
        if let Some(priority) = priority_words(thread.priority, thread.base_priority) {
            let _ = write!(title, ", {priority}");
        }
        if let Some(core) = thread.core {
            let _ = write!(title, ", core {core}");
        }
        self.title(title);
        for remark in &thread.remarks {
            self.line(&Line::new("  ").tone(Tone::Doubt, remark), 4);
        }
        if let Some(stack) = &thread.stack {
            let words = stack_words(stack);
            self.line(&Line::new(format!("  stack {} {words}", bar(stack))), 8);
        }
        for frame in &thread.frames {
            self.frame(frame);
        }
        if !thread.complete {
            let end = format!("ends here: {}", thread.end);
            self.line(&Line::new("  ").tone(Tone::Doubt, end), 4);
        }
        if thread.first {
            self.registers(thread);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        if let Some(exception) = &frame.exception {
            let mark = format!("<{exception} handler called>");
            self.line(&Line::new("       ").tone(Tone::Quiet, mark), 9);
        }
        let mut line = Line::new(format!("  #{:<3} ", frame.index))
            .tone(Tone::Quiet, format!("{:#010x}", frame.pc.0))
            .and(" ");
        line = match (&frame.function, frame.near) {
            (Some(name), None) => {
                line = line.tone(Tone::Name, name).and(" (");
                for (index, argument) in frame.arguments.iter().enumerate() {
                    line = line.and(if index > 0 { ", " } else { "" }).join(value(argument, "="));
                }
                line.and(")")
            }
            (Some(name), Some(bytes)) => {
                line.and(format!("?? ({name}, {bytes} bytes before, is nearest)"))
            }
            (None, _) => line.and("??"),
        };
        if let (Some(file), Some(number)) = (&frame.file, frame.line) {
            line = line.tone(Tone::Quiet, format!(" at {file}:{number}"));
        }
        line = match (frame.inlined, frame.guess) {
            (true, _) => line.tone(Tone::Quiet, " [inlined]"),
            (_, true) => line.tone(Tone::Doubt, format!(" [{}]", frame.doubt())),
            _ if frame.found == "printed" => line.tone(Tone::Quiet, " [printed by the device]"),
            _ => line,
        };
        self.line(&line, 9);
        for local in &frame.locals {
            self.line(&Line::new("           ").join(value(local, "=")), 15);
        }
    }

    fn registers(&mut self, thread: &Thread) {
        if thread.registers.is_empty() {
            return;
        }
        self.out.push('\n');
        let longest = thread.registers.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let cell = longest + 13;
        let columns = (self.style.width.unwrap_or(100).saturating_sub(2) / cell).clamp(1, 8);
        for row in thread.registers.chunks(columns) {
            let mut line = Line::default();
            for (index, (name, value)) in row.iter().enumerate() {
                let value = value.to_string();
                let value = if index + 1 < row.len() {
                    format!(" {value:<10}")
                } else {
                    format!(" {value}")
                };
                line = line.and("  ").tone(Tone::Label, format!("{name:<longest$}")).and(value);
            }
            self.long_line(&line);
        }
        if let Some(why) = &thread.registers_missing_because {
            self.line(&Line::new("  ").tone(Tone::Quiet, format!("others: {why}")), 4);
        }
    }

    fn objects(&mut self, report: &Report) {
        if !report.waits.is_empty() {
            self.title("Waiting");
        }
        for wait in &report.waits {
            let line = match wait.deadlock.is_empty() {
                true => Line::new("  ").and(&wait.words),
                false => Line::new("  ").tone(Tone::Bad, &wait.words),
            };
            self.line(&line, 4);
        }
        if report.list_objects && !report.objects.is_empty() {
            self.title("Kernel objects");
            for words in &report.object_lines {
                self.line(&Line::new(format!("  {words}")), 4);
            }
        }
    }

    fn heaps(&mut self, report: &Report) {
        if report.heaps.is_empty() {
            return;
        }
        self.title("Heap");
        for heap in &report.heaps {
            self.line(&Line::new(format!("  {}", heap.words())), 4);
            for words in heap.damage.iter().map(|damage| &damage.words).chain(&heap.incomplete) {
                self.line(&Line::new("    ").tone(Tone::Doubt, words), 6);
            }
            for block in &heap.listed {
                let holds = block.holds.as_deref().unwrap_or_default();
                let start = block.start.to_string();
                let text =
                    format!("    {start:<18} {:>9}  {:<5} {holds}", block.bytes, block.state);
                self.line(&Line::new(text.trim_end()), 6);
            }
        }
    }

    fn values(&mut self, report: &Report) {
        if report.values.is_empty() {
            return;
        }
        self.title("Values");
        for one in &report.values {
            self.line(&Line::new("  ").join(value(one, " = ")), 6);
        }
    }

    fn memory(&mut self, report: &Report) {
        self.title("Memory");
        for region in &report.memory {
            let name = region.name.as_deref().unwrap_or("");
            let within = region.within.as_deref().filter(|within| *within != name);
            let within = within.map_or(String::new(), |within| format!(" in {within}"));
            let range = format!("{}..{}", region.start, region.last);
            let text = format!(
                "  {range:<22} {:>9}  {}  {:<7} {name}{within}",
                region.len, region.access, region.origin
            );
            self.line(&Line::new(text.trim_end()), 24);
        }
        for gap in &report.missing {
            let text = format!("  {} {} bytes missing: {}", gap.start, gap.len, gap.why);
            self.line(&Line::default().tone(Tone::Doubt, text), 4);
        }
    }
}

fn value(value: &Value, equals: &str) -> Line {
    let name = Line::default().tone(Tone::Label, &value.name);
    let name = if value.at_entry { name.and("@entry") } else { name };
    match (&value.value, &value.missing) {
        (Some(text), _) => name.and(equals).and(text),
        (None, Some(why)) => name.and(equals).tone(Tone::Quiet, format!("<{why}>")),
        (None, None) => name,
    }
}

pub(super) fn stack_words(stack: &Stack) -> String {
    let mut words = match stack.used {
        Some(used) => format!("{used} of {} bytes in use", stack.size),
        None => format!("{} bytes, use unknown", stack.size),
    };
    if let Some(never) = stack.never_used {
        let _ = write!(words, ", {never} never used");
    }
    words
}

/// `[#####.......]`: what is in use now, and, where known, what was at some time.
fn bar(stack: &Stack) -> String {
    let cells = |bytes: u64| (bytes * BAR).div_ceil(stack.size.max(1)).min(BAR) as usize;
    let Some(used) = stack.used else { return format!("[{}]", "?".repeat(BAR as usize)) };
    let now = cells(used);
    let ever = stack.never_used.map_or(now, |never| cells(stack.size.saturating_sub(never)));
    let ever = ever.max(now);
    let rest = BAR as usize - ever;
    format!("[{}{}{}]", "#".repeat(now), "-".repeat(ever - now), ".".repeat(rest))
}
