//! Text on its way to a person: the one place where it is made harmless.
//!
//! Names, panic texts, log lines and file names come from devices and strangers. A terminal obeys
//! some characters (escape sequences, carriage returns, the C1 controls), others reorder what is
//! around them (bidirectional overrides: "Trojan Source", CVE-2021-42574), and a line feed begins a
//! line that looks like one of ours. Here all of them become their spelling: `\x1b`, `\n`, `\u{202e}`.
//!
//! [`Lines`] is what text for people is written to: a line feed in a value never ends a line there.
//! JSON and XML have escapes of their own and keep what the dump says.

use anstyle::Style;
use std::borrow::Cow;
use std::fmt::{self, Write};

/// Whether a terminal, or an eye, would be misled by it. The tab is harmless.
fn is_harmful(c: char) -> bool {
    match c {
        '\t' => false,
        // Line and paragraph separator; embeddings, overrides, isolates and marks of direction
        // (Unicode Standard Annex 9).
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        '\u{200e}' | '\u{200f}' | '\u{61c}' => true,
        // C0, DEL and C1.
        c => c.is_control(),
    }
}

/// `text` as it may stand within one line of a terminal.
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c if is_harmful(c) && u32::from(c) < 0x100 => {
                // Writing to a string can't fail.
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c if is_harmful(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The lines of a text that may have several, each harmless.
pub fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(|one| line(one.trim_end()))
}

/// A JSON document as it may go to a terminal: what JSON lets stand raw in a string though a
/// terminal obeys it (DEL, C1, directions of writing) becomes an escape, which means the same.
pub fn json(document: &str) -> Cow<'_, str> {
    let harmful = |c: char| c != '\n' && is_harmful(c);
    if !document.chars().any(harmful) {
        return Cow::Borrowed(document);
    }
    let mut out = String::with_capacity(document.len() + 64);
    for c in document.chars() {
        match harmful(c) {
            // All of them are below U+10000.
            true => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text for a person, line by line.
///
/// `writeln!(lines, ..)` adds one line, whatever is in the values.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    text: String,
    colours: bool,
}

impl Lines {
    /// No line yet.
    pub fn new() -> Lines {
        Lines::default()
    }

    /// No line yet; titles will have colours or not.
    pub fn with_colours(colours: bool) -> Lines {
        Lines { colours, ..Lines::default() }
    }

    /// Adds an empty line and a title of our own.
    pub fn title(&mut self, ours: &'static str) {
        let style = if self.colours { Style::new().bold() } else { Style::new() };
        // Writing to a string can't fail.
        let _ = writeln!(self.text, "\n{style}{ours}{style:#}");
    }

    /// What [`writeln!`] calls: all of `args` is one line. Never fails.
    ///
    /// # Errors
    /// None; the type is what the macro's users expect.
    pub fn write_fmt(&mut self, args: fmt::Arguments<'_>) -> fmt::Result {
        let mut text = args.to_string();
        if text.ends_with('\n') {
            text.pop();
        }
        self.text.push_str(&line(&text));
        self.text.push('\n');
        Ok(())
    }

    /// Adds words of our own, line feeds and all.
    pub fn say(&mut self, ours: &'static str) {
        self.text.push_str(ours);
    }

    /// Adds an empty line.
    pub fn blank(&mut self) {
        self.text.push('\n');
    }

    /// Adds the lines of `other`.
    pub fn append(&mut self, other: &Lines) {
        self.text.push_str(&other.text);
    }

    /// Whether there is no line yet.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// All lines.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl From<&'static str> for Lines {
    /// Words of our own.
    fn from(ours: &'static str) -> Lines {
        Lines { text: ours.to_string(), colours: false }
    }
}

impl From<fmt::Arguments<'_>> for Lines {
    /// One line.
    fn from(args: fmt::Arguments<'_>) -> Lines {
        let mut lines = Lines::new();
        let _ = lines.write_fmt(args);
        lines
    }
}

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_spelled_out() {
        assert_eq!(line("a\x1b[31m\u{9b}2J\u{7f}\rb"), "a\\x1b[31m\\x9b2J\\x7f\\rb");
        assert_eq!(
            line("\u{202e}fdp.exe \u{2066}x\u{2069}"),
            "\\u{202e}fdp.exe \\u{2066}x\\u{2069}"
        );
        assert_eq!(line("näme\t→ 温度"), "näme\t→ 温度");
    }

    #[test]
    fn json_means_the_same_and_is_harmless() {
        let text = "\u{7f}\u{9b}31m\u{202e}\x1b\n";
        let document = serde_json::to_string_pretty(&[text]).expect("text");
        let safe = json(&document);
        assert!(safe.chars().all(|c| c == '\n' || !is_harmful(c)), "{safe}");
        let back: Vec<String> = serde_json::from_str(&safe).expect("JSON");
        assert_eq!(back, [text]);
    }

    #[test]
    fn a_value_begins_no_line() {
        let (inside, at_end) = ("a\nFORGED", "b\n");
        let mut out = Lines::new();
        let _ = writeln!(out, "name: {inside}");
        let _ = writeln!(out, "{at_end}");
        assert_eq!(out.as_str(), "name: a\\nFORGED\nb\\n\n");
        assert_eq!(lines("one\r\ntwo\x08\n").collect::<Vec<_>>(), ["one", "two\\x08"]);
    }
}
