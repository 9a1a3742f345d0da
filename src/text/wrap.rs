//! Lines that a terminal cut at its width.
//!
//! A width is believed if no line is longer, and if at a cut a number is whole only when both parts
//! are put together (producers print addresses with a fixed number of digits), or a line begins with
//! the colon behind a name, or only the lines behind full ones lack what a logger put before all others.
//! Of short texts a [`Reader`] is asked, which knows what producers print.

use super::judged::judged;
use super::prefix::{Prefix, sample};
use super::{Reader, rows};
use std::cell::LazyCell;
use std::ops::Deref;

/// Widths that terminals have.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=240;
/// What producers print with leading zeros: 32 and 64 bits.
const DIGITS: [usize; 2] = [8, 16];
/// A reader is asked of texts up to here.
const MOST_JUDGED: usize = 64 << 10;
/// Fewer beginnings of lines tell no prefix.
const FEWEST_BEGINNINGS: usize = 5;

/// The text with its lines whole again, and the width that they were cut at.
pub(super) fn join(text: &str, reader: Option<Reader<'_>>) -> Option<(usize, String)> {
    let Cut { width, columns, pairs } = Cut::of(text)?;
    // Most texts have one line of the width, and nothing behind it that could be its end.
    if pairs.iter().all(|(_, next)| next.trim().is_empty()) {
        return None;
    }
    let is_full = |line: &str| columns(line) == width;
    let beginnings = sample(text, |line| !is_full(line));
    let prefix = Some(&beginnings).filter(|all| all.len() >= FEWEST_BEGINNINGS);
    let prefix = prefix.and_then(|all| Prefix::of_sample(all));
    let begins = |line: &str| {
        line.trim().is_empty() || prefix.as_ref().is_some_and(|p| p.after(line).is_some())
    };
    let is_wide = LazyCell::new(|| {
        let of_row = |row| wide_numbers(row).fold([false; 2], either);
        rows(text).map(of_row).fold([false; 2], either)
    });
    let by_number = |(line, next): (&str, &str)| {
        is_cut(line, next, &is_wide) || begins_with_value(next) || row_goes_on(line, next)
    };
    let by_prefix = LazyCell::new(|| {
        let behind = rows(text).zip(rows(text).skip(1)).filter(|(line, _)| !is_full(line));
        let mut all = rows(text).take(1).chain(behind.map(|(_, next)| next));
        prefix.is_some() && all.all(begins)
    });
    // A number that is whole at the end of a full line belongs to no cut that was seen.
    let mut cuts = pairs.iter().copied().filter(|(_, next)| !begins(next)).peekable();
    let is_proven = cuts.peek().is_some() && (cuts.any(by_number) || *by_prefix);
    let reader = reader.filter(|_| text.len() <= MOST_JUDGED);
    if !is_proven && reader.is_none() {
        return None;
    }
    let lines: Vec<&str> = rows(text).collect();
    let begun = prefix.as_ref().map(|prefix| prefix.begun(&lines)).unwrap_or_default();
    let place = |((line, next), begins): ((&str, &str), &bool)| match is_full(line) {
        _ if *begins || next.trim().is_empty() => Place::Beginning,
        true if is_proven && (*by_prefix || by_number((line, next))) => Place::Cut,
        true if is_proven && !ends_whole(line, next) => Place::LikelyCut,
        _ => Place::End,
    };
    let begun = begun.iter().skip(1).chain(std::iter::repeat(&false));
    let pairs = lines.iter().copied().zip(lines.iter().copied().skip(1));
    let places: Vec<Place> = pairs.zip(begun).map(place).chain([Place::End]).collect();
    let joins = match reader {
        Some(reader) => judged(&lines, &is_full, &places, reader),
        None => places.iter().map(|place| place.is_joined()).collect(),
    };
    joins.contains(&true).then(|| (width, joined(&lines, &joins)))
}

/// What is behind a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its end, as it seems.
    End,
    /// Its end: the next one begins as all do.
    Beginning,
    /// It goes on in the next one, as what is cut there shows.
    Cut,
    /// The same, as others do.
    LikelyCut,
}

impl Place {
    pub(super) fn is_joined(self) -> bool {
        matches!(self, Place::Cut | Place::LikelyCut)
    }
}

/// The text with all lines joined that are as wide as the widest.
pub(super) fn all_full(text: &str) -> Option<(usize, String)> {
    let Cut { width, columns, .. } = Cut::of(text)?;
    let lines: Vec<&str> = rows(text).collect();
    let joins: Vec<bool> = lines.iter().map(|line| columns(line) == width).collect();
    Some((width, joined(&lines, &joins)))
}

/// The width that lines may have been cut at.
struct Cut<'a> {
    width: usize,
    /// How wide a line is.
    columns: fn(&str) -> usize,
    /// The lines of that width, each with the next one.
    pairs: Vec<(&'a str, &'a str)>,
}

impl<'a> Cut<'a> {
    fn of(text: &'a str) -> Option<Cut<'a>> {
        let columns = if text.is_ascii() { str::len } else { |line: &str| line.chars().count() };
        let mut cut = Cut { width: 0, columns, pairs: Vec::new() };
        let mut full = None;
        for line in rows(text) {
            if let Some(before) = full.take() {
                cut.pairs.push((before, line));
            }
            let len = columns(line);
            if len > cut.width {
                (cut.width, cut.pairs) = (len, Vec::new());
            }
            if cut.width > *WIDTHS.end() {
                return None;
            }
            full = (len == cut.width && WIDTHS.contains(&len)).then_some(line);
        }
        WIDTHS.contains(&cut.width).then_some(cut)
    }
}

/// The lines, each put together with the next one where `joins` says so.
pub(super) fn joined(lines: &[&str], joins: &[bool]) -> String {
    let mut joined = String::new();
    for (line, goes_on) in lines.iter().zip(joins) {
        joined.push_str(line);
        if !goes_on {
            joined.push('\n');
        }
    }
    joined
}

/// Whether `line` is the value of a name before it: `: 0x3fc8c000`.
fn begins_with_value(line: &str) -> bool {
    let value = line.trim_start().strip_prefix([':', '=']).map(str::trim_start);
    value.is_some_and(|value| {
        let digits = value.strip_prefix("0x").unwrap_or(value);
        digits.get(..8).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// Whether `line` ends in a whole number, and `next` begins with a word: nothing was cut there.
pub(super) fn ends_whole(line: &str, next: &str) -> bool {
    let word = line.rsplit([' ', '=', ':']).next().unwrap_or_default();
    let digits = word.strip_prefix("0x").unwrap_or(word);
    DIGITS.contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_hexdigit())
        && next.starts_with(char::is_alphanumeric)
}

/// Whether `line` ends in numbers with `0x`, or pairs of such, and `next` is nothing else. A line that
/// begins with them too is a row like the next one, of a memory dump.
fn row_goes_on(line: &str, next: &str) -> bool {
    let is_number = |word: &str| {
        let digits = |part: &str| {
            let digits = part.strip_prefix("0x");
            digits.is_some_and(|d| !d.is_empty() && d.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        word.split(':').all(digits)
    };
    let words = || next.split_whitespace();
    let before = || line.split_whitespace().rev().skip(1).take(2);
    words().next().is_some()
        && words().all(is_number)
        && !line.split_whitespace().next().is_some_and(is_number)
        && before().filter(|w| is_number(w)).count() == 2
}

/// Whether numbers of 16 digits stand in a line: without `0x`, and with it. A hash is one without.
fn wide_numbers(line: &str) -> impl Iterator<Item = [bool; 2]> {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter_map(|word| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        let is_wide = digits.len() == 16 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        is_wide.then_some([digits == word, digits != word])
    })
}

fn either([a, b]: [bool; 2], [c, d]: [bool; 2]) -> [bool; 2] {
    [a || c, b || d]
}

/// Whether a number was cut between `line` and `next`. `is_wide`: the text has numbers of 16 digits
/// without `0x`, and with it.
fn is_cut(line: &str, next: &str, is_wide: &impl Deref<Target = [bool; 2]>) -> bool {
    let head = line.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let tail = next.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    // Words of base64 are set apart by `+` and `/`.
    let before = line.get(..line.len().saturating_sub(head.len())).and_then(|l| l.chars().last());
    let rest = next.get(tail.len()..).unwrap_or_default();
    let is_apart = before.is_some_and(|c| " :=[(,".contains(c))
        && rest.chars().next().is_none_or(|c| " :])|,".contains(c));
    let digits = |word: &str| word.strip_prefix("0x").unwrap_or(word).len();
    let both = format!("{head}{tail}");
    let hex = both.strip_prefix("0x").unwrap_or(&both);
    let has = |is: fn(&u8) -> bool| hex.bytes().any(|b| is(&b));
    // A number is printed in letters of one case.
    let cases = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
    if !is_apart
        || cases
        || head.is_empty()
        || tail.is_empty()
        || !hex.bytes().all(|b| b.is_ascii_hexdigit())
    {
        return false;
    }
    if head == "0x" {
        return true;
    }
    // Where each number of a row has its `0x`, one without goes on with the number before it.
    let in_row = head.starts_with("0x")
        && (rest.trim().is_empty() || rest.trim_start().starts_with("0x"))
        && line.matches(" 0x").count() > 1;
    let [plain, with_0x] = **is_wide;
    let halves = hex.len() == 16 && if head.starts_with("0x") { with_0x } else { plain };
    (DIGITS.contains(&hex.len())
        && (halves || !DIGITS.contains(&digits(head)))
        && (halves || !DIGITS.contains(&tail.len())))
        || (in_row && hex.len() <= 8)
}
