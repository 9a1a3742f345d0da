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
    let proven = pairs()
        .any(|(line, next)| is_full(line) && (is_cut(line, next) || begins_with_value(next)));
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

/// Whether `line` is the value of a name before it: `: 0x3fc8c000`.
fn begins_with_value(line: &str) -> bool {
    let value = line.trim_start().strip_prefix([':', '=']).map(str::trim_start);
    value.is_some_and(|value| {
        let digits = value.strip_prefix("0x").unwrap_or(value);
        digits.get(..8).is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
    })
}

/// Whether a number was cut between `line` and `next`.
fn is_cut(line: &str, next: &str) -> bool {
    let head = line.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let tail = next.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    // Words of base64 are set apart by `+` and `/`.
    let before = line.get(..line.len().saturating_sub(head.len())).and_then(|l| l.chars().last());
    let behind = next.get(tail.len()..).and_then(|rest| rest.chars().next());
    let is_apart =
        before.is_some_and(|c| " :=[(,".contains(c)) && behind.is_none_or(|c| " :])|,".contains(c));
    let digits = |word: &str| word.strip_prefix("0x").unwrap_or(word).len();
    let both = format!("{head}{tail}");
    let hex = both.strip_prefix("0x").unwrap_or(&both);
    is_apart
        && !head.is_empty()
        && !tail.is_empty()
        && hex.bytes().all(|b| b.is_ascii_hexdigit())
        && DIGITS.contains(&hex.len())
        && !DIGITS.contains(&digits(head))
        && !DIGITS.contains(&tail.len())
}
