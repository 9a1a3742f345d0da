//! Lines as they come out of terminals and logs, and the digits in them.

use super::Piece;
use memchr::memchr2;
use std::borrow::Cow;
use std::cell::LazyCell;
use std::ops::Range;

/// One line of a log, cleaned of what terminals add.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Counted from 1.
    pub number: usize,
    /// Where it begins in the log.
    pub at: usize,
    /// Without escape sequences, other control characters, and blanks at both ends.
    pub text: Cow<'a, str>,
}

/// The lines of `bytes`. They end at LF, CR LF or CR. Escape sequences (ECMA-48: CSI, OSC and
/// the two-character ones) are taken out wherever they stand; empty lines are left out.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Line<'_>> {
    lines_of(bytes, 0..bytes.len(), 0)
}

/// The same of a part of `bytes` that `number` lines are before.
pub(crate) fn lines_of(
    bytes: &[u8],
    part: Range<usize>,
    mut number: usize,
) -> impl Iterator<Item = Line<'_>> {
    let mut at = part.start;
    let bytes = bytes.get(..part.end).unwrap_or(bytes);
    std::iter::from_fn(move || {
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            number += 1;
            let start = at;
            let len = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
            let (line, behind) = rest.split_at(len);
            at += len + if behind.starts_with(b"\r\n") { 2 } else { 1 };
            let text = clean(line);
            if !text.is_empty() {
                return Some(Line { number, at: start, text });
            }
        }
        None
    })
}

/// The lines behind the first `count`, ends of lines being counted alone.
pub(crate) fn lines_behind(bytes: &[u8], count: usize) -> impl Iterator<Item = Line<'_>> {
    let last = count.checked_sub(1);
    let end = last.map(|last| ends_of_lines(bytes).nth(last).map_or(bytes.len(), |at| at + 1));
    lines_of(bytes, end.unwrap_or(0)..bytes.len(), count)
}

/// Whether a line may begin with `first`, and behind it digits, so many hexadecimal ones: of a log whose
/// lines begin with other characters that costs no look at each of them.
pub(crate) fn may_begin(bytes: &[u8], first: u8, digits: usize) -> bool {
    // The beginning of a line may stand behind a sequence for the terminal.
    let has_sequences = LazyCell::new(|| memchr::memchr(0x1b, bytes).is_some());
    memchr::memchr_iter(first, bytes).any(|at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let behind = bytes.get(at + 1..).and_then(|behind| behind.get(..digits));
        behind.is_some_and(|behind| behind.iter().all(u8::is_ascii_hexdigit))
            && before.is_none_or(|byte| !byte.is_ascii_graphic() || *has_sequences)
    })
}

/// Logs up to here are taken whole.
const SMALL_LOG: usize = 2 << 20;
/// What belongs to a crash stands so near to the words by which it is known.
const BEFORE_MARK: usize = 64 << 10;
const BEHIND_MARK: usize = 1 << 20;
/// Of more lines the last ones are taken: each costs some sixty bytes, however short it is.
const MAX_LINES: usize = 1 << 20;

impl Piece {
    /// All lines; of a long log those that are near one of `marks`, as it may be larger than memory.
    pub(crate) fn lines_near<'m>(&self, marks: impl Iterator<Item = &'m str>) -> Vec<Line<'_>> {
        let bytes = &self.bytes;
        if bytes.len() <= SMALL_LOG {
            return lines(bytes).collect();
        }
        let mut places: Vec<usize> = Vec::new();
        for mark in marks {
            let mut free = 0;
            for at in memchr::memmem::find_iter(bytes, mark) {
                // One of thousands says as much as all of them.
                if at >= free {
                    places.push(at);
                    free = at.saturating_add(BEFORE_MARK / 2);
                }
            }
        }
        places.sort_unstable();
        let mut kept: Vec<Line<'_>> = Vec::new();
        let (mut done, mut number) = (0, 0);
        for at in places {
            let end_of_line = |from: usize| {
                let behind = bytes.get(from..).unwrap_or_default();
                memchr::memchr(b'\n', behind).map_or(bytes.len(), |len| from + len + 1)
            };
            let start = at.saturating_sub(BEFORE_MARK).max(done);
            let start = if start > done { end_of_line(start).min(at) } else { done };
            let end = end_of_line(at.saturating_add(BEHIND_MARK).min(bytes.len())).max(start);
            number += count_lines(bytes.get(done..start).unwrap_or_default());
            let window = bytes.get(start..end).unwrap_or_default();
            kept.extend(lines_of(bytes, start..end, number));
            number += count_lines(window);
            done = end;
            if let Some(over) = kept.len().checked_sub(MAX_LINES).filter(|over| *over > 0) {
                kept.drain(..over);
                self.budget.ran_out(format!("of a very long log only the last {MAX_LINES} lines"));
            }
        }
        kept
    }
}

/// The last byte of each line that ends in `bytes`.
fn ends_of_lines(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let ends = memchr::memchr2_iter(b'\n', b'\r', bytes);
    ends.filter(|at| !bytes.get(*at..).is_some_and(|rest| rest.starts_with(b"\r\n")))
}

/// How many lines end in `bytes`.
pub(crate) fn count_lines(bytes: &[u8]) -> usize {
    match memchr::memchr(b'\r', bytes) {
        Some(_) => ends_of_lines(bytes).count(),
        None => memchr::memchr_iter(b'\n', bytes).count(),
    }
}

fn clean(line: &[u8]) -> Cow<'_, str> {
    if !line.iter().any(u8::is_ascii_control) {
        return match String::from_utf8_lossy(line) {
            Cow::Borrowed(text) => text.trim().into(),
            Cow::Owned(text) => text.trim().to_string().into(),
        };
    }
    let mut text = Vec::with_capacity(line.len());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b => match bytes.next() {
                // CSI: parameters and intermediates, then one final byte.
                Some(b'[') => while bytes.next().is_some_and(|b| !(0x40..=0x7e).contains(&b)) {},
                // OSC: up to BEL or the string terminator.
                Some(b']') => {
                    while let Some(b) = bytes.next() {
                        if b == 0x07 || (b == 0x1b && bytes.next_if_eq(&b'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            b'\t' => text.push(b' '),
            _ if byte.is_ascii_control() => {}
            _ => text.push(byte),
        }
    }
    String::from_utf8_lossy(&text).trim().to_string().into()
}

/// Whether `bytes` begin like text: the first 4 KiB hold next to no control characters.
pub fn looks_like_text(bytes: &[u8]) -> bool {
    let head = bytes.get(..4096).unwrap_or(bytes);
    let odd = head.iter().filter(|b| b.is_ascii_control() && !b"\n\r\t\x1b".contains(b)).count();
    !head.is_empty() && odd <= head.len() / 64
}

/// What people read, or a device prints, is not in fewer characters behind one another.
const SHORTEST_TEXT: usize = 24;
/// Before and behind such characters there may be some in other letters.
const AROUND_TEXT: usize = 256;

/// The parts of `bytes` that hold text, all of them where they are one: of an image of memory next to
/// none, found without a look at each byte.
pub fn texts_in(bytes: &[u8]) -> Vec<Range<usize>> {
    if memchr::memchr(0, bytes).is_none() && looks_like_text(bytes) {
        return std::iter::once(0..bytes.len()).collect();
    }
    let is_text = |byte: &u8| byte.is_ascii_graphic() || b" \t\r\n\x1b".contains(byte);
    let mut parts: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let Some((before, behind)) = bytes.split_at_checked(at) {
        let len_behind = behind.iter().take_while(|byte| is_text(byte)).count();
        if len_behind > 0 {
            let len_before = before.iter().rev().take_while(|byte| is_text(byte)).count();
            if len_before + len_behind >= SHORTEST_TEXT {
                let start = at.saturating_sub(len_before + AROUND_TEXT);
                let end = (at + len_behind + AROUND_TEXT).min(bytes.len());
                match parts.last_mut().filter(|last| last.end >= start) {
                    Some(last) => last.end = end,
                    None => parts.push(start..end),
                }
            }
        }
        at += len_behind + SHORTEST_TEXT;
    }
    parts
}

/// What stands in front of each line of a log: a time stamp, the name of a port. Runs of digits
/// and runs of blanks are alike whatever their length, all else must be the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// The prefix of which `text` is one example.
    pub fn like(text: &str) -> Prefix {
        Prefix(text.to_string())
    }

    /// What follows the prefix in `line`; `None` if the line does not begin with it.
    pub fn strip<'a>(&self, line: &'a str) -> Option<&'a str> {
        let mut rest = line;
        let mut pattern = self.0.as_str();
        while let Some(c) = pattern.chars().next() {
            let same: fn(char) -> bool = match c {
                _ if c.is_ascii_digit() => |c| c.is_ascii_digit(),
                _ if c.is_whitespace() => char::is_whitespace,
                _ => {
                    rest = rest.strip_prefix(c)?;
                    pattern = &pattern[c.len_utf8()..];
                    continue;
                }
            };
            let trimmed = rest.trim_start_matches(same);
            if trimmed.len() == rest.len() && !trimmed.is_empty() {
                return None;
            }
            rest = trimmed;
            pattern = pattern.trim_start_matches(same);
        }
        Some(rest)
    }
}

/// The bytes that a run of hexadecimal digits stands for; `None` if it has another character in
/// it or an odd number of digits.
pub fn decode_hex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |b: u8| char::from(b).to_digit(16);
    let (pairs, odd) = digits.as_bytes().as_chunks::<2>();
    if !odd.is_empty() {
        return None;
    }
    pairs.iter().map(|[a, b]| Some((nibble(*a)? << 4 | nibble(*b)?) as u8)).collect()
}

/// Whether every character belongs to the base64 alphabet (RFC 4648), with at most two `=` at
/// the end.
pub fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len() - body.len() <= 2
        && !body.is_empty()
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// The bytes that one base64 line with its own padding stands for.
pub fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(bytes: &[u8]) -> Vec<(usize, String)> {
        lines(bytes).map(|line| (line.number, line.text.into_owned())).collect()
    }

    #[test]
    fn lines_end_at_lf_cr_lf_and_cr_and_lose_their_escape_sequences() {
        let log = b"\x1b[0;31mfirst\x1b[0m\r\n\r\ntwo \rthree\x1b]0;title\x07\nfo\x00ur";
        let wanted = [(1, "first"), (3, "two"), (4, "three"), (5, "four")];
        assert_eq!(texts(log), wanted.map(|(n, t)| (n, t.to_string())));
    }

    #[test]
    fn of_a_long_log_the_lines_near_a_mark_are_taken() {
        let filler = |count: usize| "x\r\n".repeat(count);
        let log = format!("{}PANIC 1\nr0=1\n{}PANIC 2\n", filler(1 << 20), filler(1 << 20));
        let piece = Piece::outermost(log.clone().into_bytes().into());
        let near = piece.lines_near(["PANIC", "OOPS"].into_iter());
        let wanted = [(1 << 20, "PANIC 1"), ((1 << 20) + 1, "r0=1"), ((2 << 20) + 2, "PANIC 2")];
        for (number, text) in wanted {
            let is = |line: &&Line<'_>| line.number == number + 1 && line.text == text;
            assert!(near.iter().any(|line| is(&line)), "{text}");
        }
        assert!(near.len() < 600_000 && near.is_sorted_by(|a, b| a.number < b.number));
        assert!(piece.lines_near(["OOPS"].into_iter()).is_empty());
        let dense = Piece::outermost("a\n".repeat(2 << 20).into_bytes().into());
        let last = dense.lines_near(["a"].into_iter());
        assert_eq!((last.len(), last[MAX_LINES - 1].number), (MAX_LINES, 2 << 20));
        assert!(dense.budget.shortage().is_some());
    }

    #[test]
    fn texts_are_found_in_other_bytes() {
        let noise: Vec<u8> = (0..4096u32).map(|n| if n % 7 == 0 { 0 } else { 200 }).collect();
        assert!(texts_in(&noise).is_empty());
        let text = b"Guru Meditation Error: Core 0 panic'ed\r\n";
        for at in 0..64 {
            let bytes = [&noise[..1000 + at], text, &noise].concat();
            let wanted = 744 + at..1256 + at + text.len();
            assert_eq!((texts_in(&bytes).len(), texts_in(&bytes).first()), (1, Some(&wanted)));
        }
        assert_eq!(texts_in(text).first(), Some(&(0..text.len())));
    }

    #[test]
    fn a_prefix_matches_whatever_its_numbers_are() {
        let prefix = Prefix::like("[12:00:09.5] (98) ");
        assert_eq!(prefix.strip("[12:00:10.25] (101) AAAA"), Some("AAAA"));
        assert_eq!(prefix.strip("(101) AAAA"), None);
        assert_eq!(Prefix::like("").strip("AAAA"), Some("AAAA"));
    }

    #[test]
    fn hexadecimal_digits_must_come_in_pairs() {
        assert_eq!(decode_hex("00fF"), Some(vec![0, 255]));
        assert_eq!(decode_hex("00f"), None);
        assert_eq!(decode_hex("0g"), None);
    }
}
