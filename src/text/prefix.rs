//! What a logger puts before each line: time stamps, hosts, names of ports, quotes of mails.
//!
//! Nearly all lines must begin alike, where runs of digits count as one digit and runs of blanks as
//! one blank; and what they have in common must look like a logger's work: a time, a date, a number in
//! brackets, an arrow. Lines of a crash have no such beginning in common.

/// Fewer lines prove nothing.
const FEWEST_LINES: usize = 3;
/// As many lines are looked at, spread over the text.
const SAMPLE: usize = 400;
/// No logger's prefix is longer.
const MAX_LEN: usize = 160;
/// What a prefix ends with.
const ENDS: [char; 9] = [' ', '>', ']', ')', '|', ':', ',', ';', '}'];

/// A text whose lines lost their prefix.
pub(super) struct Stripped {
    pub text: String,
    /// The prefix of one line.
    pub example: String,
}

/// The text without the prefix that its lines have in common; `None` if there is none.
pub(super) fn strip(text: &str) -> Option<Stripped> {
    let filled = || text.lines().filter(|line| !line.trim().is_empty());
    let count = filled().count();
    if count < FEWEST_LINES {
        return None;
    }
    let step = count.div_ceil(SAMPLE).max(1);
    let shapes: Vec<Vec<char>> = filled().step_by(step).map(shape).collect();
    let common = common(&shapes);
    // `#CD:` and its like are the producers' own marks, which readers look for.
    let marks = common.iter().position(|c| matches!(c, '#' | '=')).unwrap_or(common.len());
    let common = common.get(..marks)?;
    let end = common.iter().rposition(|c| ENDS.contains(c)).map_or(0, |at| at.saturating_add(1));
    let prefix: String = common.iter().take(end_of_time(common, end)).collect();
    let sample = || filled().step_by(step);
    if !is_loggers(&prefix) && !counts_lines(sample(), &prefix) {
        let constant = constant(sample())?;
        let blank = |line: &str| (line.trim_end() == constant.trim_end()).then_some("");
        let rest = |line: &'_ str| line.strip_prefix(constant).or(blank(line)).map(str::len);
        let after = |line: &'_ str| rest(line).map(|len| line.len().saturating_sub(len));
        return Some(cut(text, |line| line.get(after(line)?..), constant));
    }
    // A time may be glued to the line, which may begin with a digit.
    let width = match prefix.ends_with('0') {
        true => filled().step_by(step).filter_map(|line| last_run(line, &prefix)).min(),
        false => None,
    };
    let mut stripped = String::with_capacity(text.len());
    let mut example = None;
    for line in text.lines() {
        let rest = after(line, &prefix, width);
        if let Some(rest) = rest
            && example.is_none()
            && !rest.is_empty()
        {
            example = line.get(..line.len().saturating_sub(rest.len())).map(str::to_string);
        }
        stripped.push_str(rest.unwrap_or(line));
        stripped.push('\n');
    }
    Some(Stripped { text: stripped, example: example? })
}

/// A text of which `rest` takes the prefix of each line off.
fn cut<'a>(text: &'a str, rest: impl Fn(&'a str) -> Option<&'a str>, example: &str) -> Stripped {
    let mut stripped = String::with_capacity(text.len());
    for line in text.lines() {
        stripped.push_str(rest(line).unwrap_or(line));
        stripped.push('\n');
    }
    Stripped { text: stripped, example: example.to_string() }
}

/// Whether `prefix` is the number of each line.
fn counts_lines<'a>(lines: impl Iterator<Item = &'a str>, prefix: &str) -> bool {
    if !["0", "0:", "0.", "0)", "0|"].contains(&prefix.trim()) {
        return false;
    }
    let number = |line: &str| -> Option<u64> {
        let digits = line.trim_start();
        let end = digits.find(|c: char| !c.is_ascii_digit())?;
        digits.get(..end)?.parse().ok()
    };
    let numbers: Vec<u64> = lines.filter_map(number).collect();
    let rising = numbers.iter().zip(numbers.iter().skip(1)).filter(|(a, b)| a < b).count();
    numbers.len() >= FEWEST_CONSTANT && rising.saturating_add(1) == numbers.len()
}

/// Fewer lines may begin alike by chance.
const FEWEST_CONSTANT: usize = 5;

/// What all lines begin with to the letter: the words of a test runner, marks of a quotation. Names that
/// a producer puts before its own lines stay: `up_registerdump: `.
fn constant<'a>(lines: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lines: Vec<&str> = lines.collect();
    let first = *lines.iter().max_by_key(|line| line.len())?;
    if lines.len() < FEWEST_CONSTANT {
        return None;
    }
    // A line that is nothing but the prefix may have lost the blank at its end.
    let common = lines.iter().fold(first, |common, line| {
        let same = common.char_indices().zip(line.chars()).find(|((_, a), b)| a != b);
        let end = same.map_or(common.len().min(line.len()), |((at, _), _)| at);
        match line.len() < common.len() && common.trim_end() == line.trim_end() {
            true => common,
            false => common.get(..end).unwrap_or_default(),
        }
    });
    let end =
        common.rfind(|c: char| c.is_whitespace() || c == '>').map(|at| at.saturating_add(1))?;
    let prefix = common.get(..end)?;
    let is_name = prefix.trim_end().ends_with(':') && prefix.contains('_');
    let is_value = prefix.contains("0x") || prefix.contains('=');
    (!prefix.trim().is_empty() && !is_name && !is_value).then_some(prefix)
}

/// The text without what all of its lines end with, blanks and marks, and that end.
pub(super) fn strip_ends(text: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let first = *lines.first()?;
    if lines.len() < FEWEST_CONSTANT {
        return None;
    }
    let common = lines.iter().fold(first, |common, line| {
        let pairs = common.char_indices().rev().zip(line.chars().rev());
        let same = pairs.take_while(|((_, a), b)| a == b).last().map(|((at, _), _)| at);
        same.and_then(|at| common.get(at..)).unwrap_or_default()
    });
    let start = common.find(|c: char| c.is_whitespace() || c == '|' || c == '"')?;
    let end = common.get(start..)?;
    if end.trim().is_empty() {
        return None;
    }
    let stripped = cut(text, |line| line.strip_suffix(end), end);
    Some((stripped.text, end.trim().to_string()))
}

/// Where the time ends whose beginning ends at `end`: behind its seconds, and their fraction.
fn end_of_time(common: &[char], end: usize) -> usize {
    let is = |at: usize, wanted: &[char]| common.get(at).is_some_and(|c| wanted.contains(c));
    if !end.checked_sub(1).is_some_and(|at| is(at, &[':', '.', ','])) || !is(end, &['0']) {
        return end;
    }
    let seconds = end.saturating_add(1);
    match is(seconds, &['.']) && is(seconds.saturating_add(1), &['0']) {
        true => seconds.saturating_add(2),
        false => seconds,
    }
}

/// How many digits the last run of digits of the prefix has in `line`.
fn last_run(line: &str, prefix: &str) -> Option<usize> {
    let rest = after(line, prefix.get(..prefix.len().saturating_sub(1))?, None)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    (end > 0).then_some(end)
}

/// The beginning of a line, runs of digits as `0` and runs of blanks as one.
fn shape(line: &str) -> Vec<char> {
    let mut shape: Vec<char> = Vec::new();
    for c in line.chars().take(MAX_LEN) {
        let c = if c.is_ascii_digit() { '0' } else { c };
        let c = if c.is_whitespace() { ' ' } else { c };
        if (c == '0' || c == ' ') && shape.last() == Some(&c) {
            continue;
        }
        shape.push(c);
    }
    shape
}

/// What nine of ten shapes begin with. A shape that is nothing but the beginning counts as well.
fn common(shapes: &[Vec<char>]) -> Vec<char> {
    let mut common: Vec<char> = Vec::new();
    let mut alike: Vec<&Vec<char>> = shapes.iter().collect();
    loop {
        let at = common.len();
        let mut counts: std::collections::BTreeMap<char, usize> = std::collections::BTreeMap::new();
        for c in alike.iter().filter_map(|shape| shape.get(at)) {
            let count = counts.entry(*c).or_default();
            *count = count.saturating_add(1);
        }
        let Some((c, _)) = counts.into_iter().max_by_key(|(_, count)| *count) else {
            return common;
        };
        let ended = |shape: &Vec<char>| shape.len() <= at && at > 1;
        let left: Vec<&Vec<char>> =
            alike.iter().copied().filter(|s| s.get(at) == Some(&c) || ended(s)).collect();
        if left.len().saturating_mul(10) < shapes.len().saturating_mul(9)
            || left.iter().all(|shape| shape.len() <= at)
        {
            return common;
        }
        common.push(c);
        alike = left;
    }
}

/// Whether a prefix is a logger's: it tells a time, a date or a number set apart, or quotes.
fn is_loggers(prefix: &str) -> bool {
    let trimmed = prefix.trim();
    let times = ["0:0", "0.0", "0-0", "0/0", "[0]", "(0)", "0T0"];
    let quotes = [">", "0>", "|", "0|", "->"];
    let letters = trimmed.chars().filter(|c| c.is_alphabetic()).count();
    quotes.contains(&trimmed)
        // Values of registers have such shapes, but a name and a sign of their own before them.
        || (times.iter().any(|time| trimmed.contains(time)) && !trimmed.contains("0x") && letters < 60)
}

/// What follows `prefix` in a line; `None` if the line does not begin so. A line may end in the blanks
/// of the prefix. `width`: digits of the run that the prefix ends with.
fn after<'a>(line: &'a str, prefix: &str, width: Option<usize>) -> Option<&'a str> {
    let mut rest = line;
    let mut wanted = prefix.chars().peekable();
    while let Some(c) = wanted.next() {
        let is_last = wanted.peek().is_none();
        rest = match c {
            '0' if is_last && width.is_some() => {
                let (digits, rest) = rest.split_at_checked(width?)?;
                digits.bytes().all(|b| b.is_ascii_digit()).then_some(rest)?
            }
            '0' => {
                let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                (trimmed.len() < rest.len()).then_some(trimmed)?
            }
            ' ' if rest.is_empty() => return wanted.next().is_none().then_some(rest),
            // The blanks behind the prefix may be the line's own.
            ' ' if is_last => rest.strip_prefix(char::is_whitespace)?,
            ' ' => {
                let trimmed = rest.trim_start();
                (trimmed.len() < rest.len()).then_some(trimmed)?
            }
            c => rest.strip_prefix(c)?,
        };
    }
    Some(rest)
}
