//! Colours and width of the text form.

use std::io::IsTerminal;

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

impl Style {
    /// As fits standard output: colours and width of a terminal, neither when piped.
    pub fn of_stdout() -> Style {
        let terminal = std::io::stdout().is_terminal();
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let size = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Style { colour: terminal && !plain, width: size.filter(|_| terminal) }
    }

    /// Lines as long as they are, without colours.
    pub const PLAIN: Style = Style { colour: false, width: None };

    /// `text` in its colour.
    pub(super) fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.colour || text.is_empty() {
            return text.to_string();
        }
        let code = match tone {
            Tone::Bad => "1;31",
            Tone::Title => "1",
            Tone::Name => "36",
            Tone::Quiet => "2",
            Tone::Doubt => "33",
            Tone::Label => "34",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// Breaks a line that may hold colours at blanks, the following lines indented by `indent`.
    pub(super) fn wrap(&self, line: &str, indent: usize) -> String {
        let Some(width) = self.width.map(|width| width.max(indent + 20)) else {
            return line.to_string();
        };
        let mut out = String::new();
        let mut column = 0;
        let (lead, words) = line.split_at(line.len() - line.trim_start().len());
        out.push_str(lead);
        column += lead.len();
        for (index, word) in words.split(' ').enumerate() {
            let len = visible_len(word);
            if index > 0 {
                if column + 1 + len > width && column > indent {
                    out.push('\n');
                    out.push_str(&" ".repeat(indent));
                    column = indent;
                } else {
                    out.push(' ');
                    column += 1;
                }
            }
            out.push_str(word);
            column += len;
        }
        out
    }
}

/// How many columns a text with colours takes.
fn visible_len(text: &str) -> usize {
    let mut len = 0;
    let mut escape = false;
    for c in text.chars() {
        match (escape, c) {
            (false, '\x1b') => escape = true,
            (false, _) => len += 1,
            (true, 'm') => escape = false,
            (true, _) => {}
        }
    }
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_at_blanks_and_colours_take_no_room() {
        let style = Style { colour: true, width: Some(30) };
        let line =
            format!("    {} bbbbbbbbbb cccccccccc dd", style.paint(Tone::Name, "aaaaaaaaaa"));
        let wrapped = style.wrap(&line, 6);
        let lines: Vec<usize> = wrapped.lines().map(visible_len).collect();
        assert_eq!(lines, [25, 19]);
        assert!(wrapped.lines().nth(1).is_some_and(|line| line.starts_with("      c")));
        assert_eq!(Style::PLAIN.wrap(&line, 6), line);
    }
}
