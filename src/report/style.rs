//! Colours and width of the text form.

use crate::display;
use anstyle::{AnsiColor, Style as Colours};

/// How the text form is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colours (ANSI SGR sequences).
    pub colour: bool,
    /// Columns to fill; `None` for lines as long as they are.
    pub width: Option<usize>,
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// The headline, and what is wrong.
    Bad,
    /// Titles.
    Title,
    /// Names of functions.
    Name,
    /// Files, addresses: there, but not in the way.
    Quiet,
    /// Guesses and warnings.
    Doubt,
    /// Names of variables and registers.
    Label,
}

impl Tone {
    fn colours(self) -> Colours {
        match self {
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Title => Colours::new().bold(),
            Tone::Name => AnsiColor::Cyan.on_default(),
            Tone::Quiet => Colours::new().dimmed(),
            Tone::Doubt => AnsiColor::Yellow.on_default(),
            Tone::Label => AnsiColor::Blue.on_default(),
        }
    }
}

/// A line in pieces, each with its colour.
///
/// Colours come to it when it is shown, and then only the values are made harmless: what a value
/// holds can't be taken for a colour of ours.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pieces: Vec<(Option<Tone>, String)>,
}

impl Line {
    /// A line that begins without a colour.
    pub(super) fn new(text: impl Into<String>) -> Line {
        Line::default().and(text)
    }

    /// The same line, with more text behind it.
    #[must_use]
    pub(super) fn and(mut self, text: impl Into<String>) -> Line {
        self.pieces.push((None, text.into()));
        self
    }

    /// The same line, with more text of one tone behind it.
    #[must_use]
    pub(super) fn tone(mut self, tone: Tone, text: impl Into<String>) -> Line {
        self.pieces.push((Some(tone), text.into()));
        self
    }

    /// The same line, with another behind it.
    #[must_use]
    pub(super) fn join(mut self, other: Line) -> Line {
        self.pieces.extend(other.pieces);
        self
    }
}

impl Style {
    /// The columns of standard output, where that is a terminal.
    #[cfg(feature = "cli")]
    pub fn width_of_stdout() -> Option<usize> {
        use std::io::IsTerminal as _;
        let size = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        size.filter(|_| std::io::stdout().is_terminal())
    }

    /// Lines as long as they are, without colours.
    pub const PLAIN: Style = Style { colour: false, width: None };

    /// A line as it goes out, without a line feed at its end: harmless, in its colours, broken at
    /// blanks, the following lines indented by `indent`.
    pub(super) fn show(&self, line: &Line, indent: usize) -> String {
        let pieces: Vec<_> =
            line.pieces.iter().map(|(tone, text)| (*tone, display::line(text))).collect();
        let mut left = match self.width {
            Some(width) => {
                let plain: String = pieces.iter().map(|(_, text)| text.as_ref()).collect();
                breaks(&plain, width.max(indent + 20), indent)
            }
            None => Vec::new(),
        }
        .into_iter()
        .peekable();
        let mut out = String::new();
        let mut at = 0;
        for (tone, text) in &pieces {
            let colours = tone.filter(|_| self.colour && !text.is_empty()).map(Tone::colours);
            if let Some(colours) = colours {
                out.push_str(&colours.render().to_string());
            }
            let mut from = 0;
            while let Some(blank) = left.next_if(|blank| *blank < at + text.len()) {
                out.push_str(text.get(from..blank - at).unwrap_or_default());
                out.push('\n');
                out.push_str(&" ".repeat(indent));
                from = blank - at + 1;
            }
            out.push_str(text.get(from..).unwrap_or_default());
            if let Some(colours) = colours {
                out.push_str(&colours.render_reset().to_string());
            }
            at += text.len();
        }
        out
    }
}

/// The blanks of `line` that become line feeds.
fn breaks(line: &str, width: usize, indent: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let lead = line.len() - line.trim_start_matches(' ').len();
    let mut column = lead;
    let mut at = lead;
    for (index, word) in line[lead..].split(' ').enumerate() {
        let len = word.chars().count();
        if index > 0 {
            if column + 1 + len > width && column > indent {
                found.push(at);
                column = indent;
            } else {
                column += 1;
            }
            at += 1;
        }
        column += len;
        at += word.len();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_at_blanks_and_colours_take_no_room() {
        let line =
            Line::new("    ").tone(Tone::Name, "aaaaaaaaaa").and(" bbbbbbbbbb cccccccccc dd");
        let shown = Style { colour: true, width: Some(30) }.show(&line, 6);
        let plain = Style { colour: false, width: Some(30) }.show(&line, 6);
        assert_eq!(plain, "    aaaaaaaaaa bbbbbbbbbb\n      cccccccccc dd");
        assert_eq!(anstream::adapter::strip_str(&shown).to_string(), plain);
        assert_eq!(Style::PLAIN.show(&line, 6), "    aaaaaaaaaa bbbbbbbbbb cccccccccc dd");
    }

    #[test]
    fn a_value_brings_no_colour_of_its_own() {
        let line = Line::new("name ").tone(Tone::Bad, "a\x1b[32mb").and("\x1b[0m\nc");
        let shown = Style { colour: true, width: None }.show(&line, 0);
        assert_eq!(shown, "name \x1b[1m\x1b[31ma\\x1b[32mb\x1b[0m\\x1b[0m\\nc");
    }
}
