//! The report as text for a terminal.

use super::style::{Style, Tone};
use super::{Frame, Report, Stack, Thread, Value};
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
    page.source(report);
    page.reason(report);
    page.logs(report);
    for thread in &report.threads {
        page.thread(thread);
    }
    page.values(report);
    page.memory(report);
    page.out
}

struct Page {
    style: Style,
    out: String,
}

impl Page {
    fn line(&mut self, text: &str, indent: usize) {
        self.out.push_str(&self.style.wrap(text, indent));
        self.out.push('\n');
    }

    fn title(&mut self, text: &str) {
        self.out.push('\n');
        let text = self.style.paint(Tone::Title, text);
        self.line(&text, 0);
    }

    fn fact(&mut self, label: &str, text: &str) {
        let label = self.style.paint(Tone::Quiet, &format!("{label:<LABEL_WIDTH$}"));
        self.line(&format!("  {label} {text}"), LABEL_WIDTH + 3);
    }

    fn head(&mut self, report: &Report) {
        let headline = self.style.paint(Tone::Bad, &report.headline);
        self.line(&headline, 2);
        self.out.push('\n');
        self.fact("input", &format!("{}: {}", report.file, report.layers.join(" > ")));
        let identity = &report.identity;
        if let Some(chip) = &identity.chip {
            self.fact("chip", chip);
        }
        match (&identity.firmware, identity.firmware_matches) {
            (Some(elf), Some(true)) => self.fact("firmware", &format!("{elf} (the dump's own)")),
            (Some(elf), Some(false)) => {
                let text = format!("{elf} (NOT the dump's: what follows may be wrong)");
                let text = self.style.paint(Tone::Doubt, &text);
                self.fact("firmware", &text);
            }
            (Some(elf), None) => self.fact("firmware", &format!("{elf} (can't be checked)")),
            (None, _) => {
                let ids = identity.firmware_ids.join(", ");
                let ids = if ids.is_empty() { String::new() } else { format!(": {ids}") };
                self.fact("firmware", &format!("not given (--elf, --elf-dir){ids}"));
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
                "info" => self.fact("note", &note.words),
                severity => {
                    let text = self.style.paint(Tone::Doubt, &note.words);
                    self.fact(severity, &text);
                }
            }
        }
    }

    fn source(&mut self, report: &Report) {
        let Some(source) = &report.source else { return };
        self.title(&format!("{}:{}", source.found_at, source.line));
        for (number, text) in &source.lines {
            let here = *number == source.line;
            let mark = if here { '>' } else { ' ' };
            let text = format!("{mark} {number:>5}  {text}");
            let tone = if here { Tone::Bad } else { Tone::Quiet };
            let text = self.style.paint(tone, &text);
            self.out.push_str(&text);
            self.out.push('\n');
        }
    }

    fn reason(&mut self, report: &Report) {
        if !report.reason.evidence.is_empty() {
            self.title("Fault registers");
            for word in &report.reason.evidence {
                let name = self.style.paint(Tone::Label, &format!("{:<LABEL_WIDTH$}", word.name));
                self.line(&format!("  {name} {}  {}", word.value, word.words), LABEL_WIDTH + 3);
            }
        }
        if !report.texts.is_empty() {
            self.title("What the device said");
            for line in report.texts.iter().flat_map(|text| text.lines()) {
                self.line(&format!("  {}", line.trim_end()), 4);
            }
        }
    }

    fn logs(&mut self, report: &Report) {
        for log in &report.logs {
            self.title(&format!(
                "Log in memory: {} at {}, {} bytes",
                log.what, log.address, log.len
            ));
            if let Some(remark) = &log.remark {
                let tone = if log.guess { Tone::Doubt } else { Tone::Quiet };
                let guess = if log.guess { "a guess: " } else { "" };
                let remark = self.style.paint(tone, &format!("{guess}{remark}"));
                self.line(&format!("  {remark}"), 4);
            }
            let lines: Vec<&str> = log.text.iter().flat_map(|text| text.lines()).collect();
            let passed = lines.len().saturating_sub(LOG_LINES);
            if passed > 0 {
                let text = format!("  .. {passed} lines before (--json and --html have all)");
                let text = self.style.paint(Tone::Quiet, &text);
                self.line(&text, 4);
            }
            for line in lines.iter().skip(passed) {
                self.line(&format!("  {}", line.trim_end()), 4);
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
        if let Some(priority) = thread.priority {
            let _ = write!(title, ", priority {priority}");
        }
        if let Some(core) = thread.core {
            let _ = write!(title, ", core {core}");
        }
        self.title(&title);
        for remark in &thread.remarks {
            let remark = self.style.paint(Tone::Doubt, remark);
            self.line(&format!("  {remark}"), 4);
        }
        if let Some(stack) = &thread.stack {
            let words = stack_words(stack);
            let bar = bar(stack);
            self.line(&format!("  stack {bar} {words}"), 8);
        }
        for frame in &thread.frames {
            self.frame(frame);
        }
        if !thread.complete {
            let end = self.style.paint(Tone::Doubt, &format!("ends here: {}", thread.end));
            self.line(&format!("  {end}"), 4);
        }
        if thread.first {
            self.registers(thread);
        }
    }

    fn frame(&mut self, frame: &Frame) {
        let style = self.style;
        if let Some(exception) = &frame.exception {
            let mark = style.paint(Tone::Quiet, &format!("<{exception} handler called>"));
            self.line(&format!("       {mark}"), 9);
        }
        let name = match (&frame.function, frame.near) {
            (Some(name), None) => style.paint(Tone::Name, name),
            (Some(name), Some(bytes)) => format!("?? ({name}, {bytes} bytes before, is nearest)"),
            (None, _) => "??".to_string(),
        };
        let arguments: Vec<String> = frame.arguments.iter().map(|v| self.value(v)).collect();
        let arguments = match (&frame.function, frame.near) {
            (Some(_), None) => format!(" ({})", arguments.join(", ")),
            _ => String::new(),
        };
        let place = match (&frame.file, frame.line) {
            (Some(file), Some(line)) => format!(" at {file}:{line}"),
            _ => String::new(),
        };
        let pc = style.paint(Tone::Quiet, &format!("{:#010x}", frame.pc.0));
        let kind = match (frame.inlined, frame.guess) {
            (true, _) => style.paint(Tone::Quiet, " [inlined]"),
            (_, true) => style.paint(Tone::Doubt, &format!(" [by {}]", frame.found)),
            _ if frame.found == "printed" => style.paint(Tone::Quiet, " [printed by the device]"),
            _ => String::new(),
        };
        let head = format!("  #{:<3} {pc} {name}{arguments}", frame.index);
        let place = style.paint(Tone::Quiet, &place);
        self.line(&format!("{head}{place}{kind}"), 9);
        for local in &frame.locals {
            let text = self.value(local);
            self.line(&format!("           {text}"), 15);
        }
    }

    fn value(&self, value: &Value) -> String {
        let name = self.style.paint(Tone::Label, &value.name);
        let name = if value.at_entry { name + "@entry" } else { name };
        match (&value.value, &value.missing) {
            (Some(text), _) => format!("{name}={text}"),
            (None, Some(why)) => {
                format!("{name}={}", self.style.paint(Tone::Quiet, &format!("<{why}>")))
            }
            (None, None) => name,
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
            let mut text = String::new();
            for (name, value) in row {
                let label = self.style.paint(Tone::Label, &format!("{name:<longest$}"));
                let _ = write!(text, "  {label} {:<10}", format!("{value}"));
            }
            self.out.push_str(text.trim_end());
            self.out.push('\n');
        }
        if let Some(why) = &thread.registers_missing_because {
            let why = self.style.paint(Tone::Quiet, &format!("others: {why}"));
            self.line(&format!("  {why}"), 4);
        }
    }

    fn values(&mut self, report: &Report) {
        if report.values.is_empty() {
            return;
        }
        self.title("Values");
        for value in &report.values {
            let text = self.value(value).replacen('=', " = ", 1);
            self.line(&format!("  {text}"), 6);
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
            self.line(text.trim_end(), 24);
        }
        for gap in &report.missing {
            let text = format!("  {} {} bytes missing: {}", gap.start, gap.len, gap.why);
            let text = self.style.paint(Tone::Doubt, &text);
            self.line(&text, 4);
        }
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
