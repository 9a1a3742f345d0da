//! Console text as loggers, terminals and mail leave it: decoded, unwrapped and freed of what stands
//! before each line, once for the whole text, before any reader looks at it.
//!
//! ```text
//! bytes -> decode (UTF-16, HTML, spelled control characters) -> envelope (JSON lines, CSV)
//!       -> wrap (lines cut at a terminal's width) -> prefix (time stamps, hosts, quotes) -> plain text
//! ```
//!
//! Every step acts on evidence of the whole text and says what it undid. A step that is not certain
//! leaves the text alone.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod decode;
mod envelope;
mod fence;
mod judged;
mod paragraph;
mod prefix;
mod windows;
mod wrap;

use std::borrow::Cow;

pub use windows::{LONG, is_busy, windows};

/// Larger texts are taken as they are: the steps hold the text in memory. Long logs come in [`windows`].
const MAX_TEXT: usize = 64 << 20;

/// A text without its decoration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// The text, UTF-8 as far as it was any.
    pub text: Vec<u8>,
    /// What was undone, outermost first: `UTF-16`, `JSON lines`.
    pub undone: Vec<String>,
}

/// The lines of a text without their ends, as [`str::lines`] has them, but for many passes over long texts.
#[derive(Clone)]
struct Rows<'a>(Option<&'a str>);

fn rows(text: &str) -> Rows<'_> {
    Rows(Some(text))
}

impl<'a> Iterator for Rows<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0?;
        match memchr::memchr(b'\n', text.as_bytes()) {
            Some(end) => {
                self.0 = text.get(end.saturating_add(1)..);
                let row = text.get(..end)?;
                Some(row.strip_suffix('\r').unwrap_or(row))
            }
            None => {
                self.0 = None;
                (!text.is_empty()).then_some(text)
            }
        }
    }
}

/// How often prefixes are taken off: a quoted mail of a log with two time stamps has three.
const MAX_PREFIXES: usize = 4;

/// Whether `bytes` begin like text, in whichever encoding.
pub fn is_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..4096).unwrap_or(bytes);
    !head.is_empty() && decode::characters(head, &mut Vec::new()).is_some()
}

/// Whether `bytes` begin like UTF-16.
pub fn is_wide(bytes: &[u8]) -> bool {
    decode::utf16(bytes).is_some()
}

/// What somebody who knows crashes reads in a text.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Values, each with its name.
    pub numbers: Vec<String>,
    /// Titles, names and their like.
    pub words: Vec<String>,
    /// The lines that say nothing.
    pub silent: Vec<String>,
}

/// Reads a text without decoration.
pub type Reader<'a> = &'a dyn Fn(&str) -> Told;

/// `bytes` without decoration; `None` if there is none, or if it is no text. Which lines a terminal cut
/// is a question to `reader` where digits do not prove it.
pub fn plain(bytes: &[u8], reader: Option<Reader<'_>>) -> Option<Plain> {
    if bytes.is_empty() || bytes.len() > MAX_TEXT {
        return None;
    }
    let mut undone = Vec::new();
    let text = decode::characters(bytes, &mut undone)?;
    let mut text = decode::controls(text, &mut undone);
    let has_quotes = text.lines().next().is_some_and(|line| line.contains('"'));
    let cut = || envelope::lines_inside(&wrap::all_full(&text).filter(|_| has_quotes)?.1);
    if let Some(inner) = envelope::lines_inside(&text).or_else(cut) {
        undone.push(inner.kind.to_string());
        text = inner.text.into();
    }
    text = decode::escapes(text, &mut undone);
    if let Some(apart) = paragraph::apart(&text) {
        undone.push("lines run together".into());
        text = apart.into();
    }
    let alone = |text: &str| {
        // What was spelled may have been cut as well.
        let mut undone = Vec::new();
        let text = decode::escapes(text.into(), &mut undone);
        parts_alone(text, &mut undone).into_owned()
    };
    let tell = reader.map(|reader| move |text: &str| reader(&alone(text)));
    if let Some((width, joined)) = wrap::join(&text, tell.as_ref().map(|tell| tell as Reader<'_>)) {
        undone.push(format!("lines wrapped at {width} columns"));
        text = decode::escapes(joined.into(), &mut undone);
    }
    let text = parts_alone(text, &mut undone);
    (!undone.is_empty()).then(|| Plain { text: text.into_owned().into_bytes(), undone })
}

/// `text` without fences, and what is between them without what stands before and behind each line.
fn parts_alone<'a>(text: Cow<'a, str>, undone: &mut Vec<String>) -> Cow<'a, str> {
    let Some(parts) = fence::parts(&text) else { return lines_alone(text, undone) };
    undone.push("markdown fence".into());
    let (mut inside, mut all) = (false, String::new());
    for part in parts {
        all.push_str(&match inside {
            true => lines_alone(part.into(), undone),
            false => part.into(),
        });
        inside = !inside;
    }
    all.into()
}

/// `text` without what stands before and behind each of its lines.
fn lines_alone<'a>(text: Cow<'a, str>, undone: &mut Vec<String>) -> Cow<'a, str> {
    let mut text = text;
    for _ in 0..MAX_PREFIXES {
        let Some(stripped) = prefix::strip(&text).or_else(|| prefix::strip_stamps(&text)) else {
            break;
        };
        undone.push(format!("prefix like \"{}\"", stripped.example));
        text = stripped.text.into();
    }
    if let Some((stripped, end)) = prefix::strip_ends(&text) {
        undone.push(format!("lines that end in \"{end}\""));
        text = stripped.into();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANIC: &str = "Guru Meditation Error: Core  0 panic'ed (Load access fault). \n\
                         Core  0 register dump:\n\
                         MEPC    : 0x42013c20  RA      : 0x42013bd4  SP      : 0x3fc9a6f0  GP      : 0x3fc8c000  \n\
                         TP      : 0x3fc9a8f0  T0      : 0x3d4b3e22  T1      : 0x000000cb  T2      : 0x00000001  \n\
                         S0/FP   : 0x3fc9a750  S1      : 0x0000832c  A0      : 0x000096c1  A1      : 0x00000002  \n\
                         \n\
                         Stack memory:\n\
                         3fc9a6f0: 0x00000000 0x42013c20 0x00000001\n\
                         3fc9a700: 0x00000007 0x12013c20 0x00000002\n";

    fn words(text: &[u8]) -> Vec<String> {
        String::from_utf8_lossy(text)
            .lines()
            .map(|l| l.trim().to_string())
            .filter(|l| !l.is_empty())
            .collect()
    }

    fn undo(text: &[u8]) -> Vec<String> {
        words(&plain(text, None).map_or_else(|| text.to_vec(), |plain| plain.text))
    }

    fn each(before: impl Fn(usize) -> String, after: &str) -> String {
        PANIC.lines().enumerate().map(|(i, line)| format!("{}{line}{after}\n", before(i))).collect()
    }

    #[test]
    fn a_text_without_decoration_is_left_alone() {
        assert_eq!(plain(PANIC.as_bytes(), None), None);
        assert_eq!(plain(b"\x7fELF\x01\x01\0\0\0\0", None), None);
    }

    #[test]
    fn what_loggers_put_before_each_line_is_taken_off() {
        let decorated = [
            each(|i| format!("2026-03-14 09:41:{:02} ", 7 + i), ""),
            each(|i| format!("09:41:07.{} -> ", 311 + 11 * i), ""),
            each(|i| format!("Mar 14 09:41:{:02} bench7 serlog[391]: ", 7 + i), ""),
            each(|i| format!("[09:41:{:02}]", 7 + i), ""),
            each(|i| format!("11-02 09:12:33.{}", 100 + 7 * i), ""),
            each(|i| format!("09:12:{:02}", 11 + i), ""),
            each(|_| "DEBUG   - DEVICE: ".into(), ""),
            each(|_| "# ".into(), ""),
            each(|_| "[RX] - ".into(), ""),
            each(|i| format!("{:4}\t", i + 8), ""),
            each(|_| String::new(), " (uart0)"),
            each(|_| "00> ".into(), ""),
            each(|_| "> ".into(), ""),
            each(|i| format!("> [{}.{:03}] ttyUSB0 | ", 17 + i, 7 * i), ""),
            each(|i| format!("{{\"ts\": {}, \"msg\": \"", 1_773_477_667 + i), "\"}"),
            each(|i| format!("09:41:07.{},uart0,\"", 311 + i), "\""),
        ];
        for text in decorated {
            assert_eq!(undo(text.as_bytes()), words(PANIC.as_bytes()), "{text}");
        }
    }

    #[test]
    fn wrapped_lines_are_joined_where_digits_prove_it() {
        for width in [40, 72, 80] {
            let text: String = PANIC
                .lines()
                .flat_map(|line| {
                    let pieces: Vec<String> = line
                        .as_bytes()
                        .chunks(width)
                        .map(|piece| String::from_utf8_lossy(piece).into_owned() + "\n")
                        .collect();
                    if pieces.is_empty() { vec!["\n".to_string()] } else { pieces }
                })
                .collect();
            assert_eq!(undo(text.as_bytes()), words(PANIC.as_bytes()), "{width}");
        }
    }

    #[test]
    fn a_hash_of_16_digits_makes_no_cut_between_rows_of_memory() {
        let row = |addr: u32| format!("{addr:08x}: {}\n", ["0x00000000"; 8].join(" "));
        let rows: String = (0..5).map(|n| row(0x4085_36d0 + 32 * n)).collect();
        let text = format!("Stack memory:\n{rows}\nELF file SHA256: 6b6b0f19d4c1a2e7\n");
        assert_eq!(plain(text.as_bytes(), None), None);
    }

    #[test]
    fn where_digits_prove_nothing_a_reader_says_which_lines_belong_together() {
        let numbers = |text: &str| {
            let words = text.split_whitespace().filter(|word| word.starts_with("lr="));
            words.map(str::to_string).collect::<Vec<_>>()
        };
        let tell = |text: &str| Told { numbers: numbers(text), ..Told::default() };
        let text = format!("{} lr=\n0x1234 ok\n", "watchdog: task main, line 12, pass 3, mode");
        let joined = |text: &str, reader: Reader<'_>| {
            plain(text.as_bytes(), Some(reader)).map(|plain| words(&plain.text))
        };
        // Both have one; only together they are fewer lines that say nothing.
        let said = |text: &str| {
            let silent = text.lines().filter(|line| numbers(line).is_empty());
            Told { silent: silent.map(str::to_string).collect(), ..tell(text) }
        };
        assert_eq!(joined(&text, &said).unwrap().len(), 1);
        assert_eq!(joined(&text, &|_| Told::default()), None);
    }

    #[test]
    fn chinese_of_vendors_tools_is_read_and_single_odd_bytes_are_not_taken_for_it() {
        let text = b"\xd4\xda\xcf\xdf\xb3\xcc(motor)\xd6\xd0\n";
        let plain = plain(text, None).unwrap();
        assert_eq!(plain.text, "在线程(motor)中\n".as_bytes());
        assert_eq!(plain.undone, ["GB18030"]);
        for odd in [&b"25 \xb0C\n"[..], b"\xe4\xb8\xad \xe4\n", "线程\n".as_bytes()] {
            assert_eq!(super::plain(odd, None), None);
        }
    }

    #[test]
    fn encodings_and_escapes_are_undone() {
        let utf16 = |big: bool| -> Vec<u8> {
            PANIC
                .encode_utf16()
                .flat_map(|u| if big { u.to_be_bytes() } else { u.to_le_bytes() })
                .collect()
        };
        for text in [
            utf16(false),
            utf16(true),
            [vec![0xff, 0xfe], utf16(false)].concat(),
            PANIC.replace('\'', "&#39;").into_bytes(),
            PANIC.replace(' ', "\u{a0}").into_bytes(),
            PANIC.replace('\n', "<\\r><\\n>\n").into_bytes(),
        ] {
            assert_eq!(undo(&text), words(PANIC.as_bytes()));
        }
    }
}
