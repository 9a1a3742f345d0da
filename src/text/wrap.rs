//! Lines that a terminal cut at its width.
//!
//! A width is believed if no line is longer, and if at a cut a number is whole only when both parts
//! are put together (producers print addresses with a fixed number of digits), or a line begins with
//! the colon behind a name.

/// Widths that terminals have.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=240;
/// What producers print with leading zeros: 32 and 64 bits.
const DIGITS: [usize; 2] = [8, 16];

/// The text with its lines whole again, and the width that they were cut at.
pub(super) fn join(text: &str) -> Option<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let len = |line: &&str| line.chars().count();
    let width = lines.iter().map(len).max().filter(|width| WIDTHS.contains(width))?;
    let is_full = |line: &&str| len(line) == width;
    let pairs = || lines.iter().zip(lines.iter().skip(1));
    let proven = pairs().any(|(line, next)| {
        is_full(line) && (is_cut(line, next) || next.trim_start().starts_with([':', '=']))
    });
    // A number that is whole at the end of a full line belongs to no cut that was seen.
    if !proven {
        return None;
    }
    let mut joined = String::with_capacity(text.len());
    for line in &lines {
        joined.push_str(line);
        if !is_full(line) {
            joined.push('\n');
        }
    }
    Some((width, joined))
}

/// Whether a number was cut between `line` and `next`.
fn is_cut(line: &str, next: &str) -> bool {
    let head = line.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let tail = next.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let digits = |word: &str| word.strip_prefix("0x").unwrap_or(word).len();
    let both = format!("{head}{tail}");
    let hex = both.strip_prefix("0x").unwrap_or(&both);
    !head.is_empty()
        && !tail.is_empty()
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && DIGITS.contains(&hex.len())
        && !DIGITS.contains(&digits(head))
        && !DIGITS.contains(&tail.len())
}
