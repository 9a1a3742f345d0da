//! What a logger puts before each line: time stamps, hosts, names of ports, quotes of mails.
//!
//! Most lines must begin alike, where runs of digits count as one digit and runs of blanks as
//! one blank; and what they have in common must look like a logger's work: a time, a date, a number in
//! brackets, an arrow. Lines of a crash have no such beginning in common.

use super::rows;

/// Fewer lines prove nothing.
const FEWEST_LINES: usize = 3;
/// As many lines are looked at, spread over the text.
const SAMPLE: usize = 400;
/// Of longer texts a sample is taken without counting the lines.
const SMALL: usize = 128 << 10;
/// So many lines behind one another may be none that counts.
const MOST_SKIPPED: usize = 64;
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

/// What the lines of a text begin with.
pub(super) enum Prefix {
    /// In this shape; the last run of digits has so many, where the line is glued to it.
    Shape(String, Option<usize>),
    /// The number of the line, in this shape.
    Number(String),
    /// To the letter.
    Letters(String),
}

impl Prefix {
    /// The prefix that `lines` have in common, which are some of a text.
    pub(super) fn of_sample(lines: &[&str]) -> Option<Prefix> {
        if lines.len() < FEWEST_LINES {
            return None;
        }
        let sample = || lines.iter().copied();
        let shapes: Vec<Vec<char>> = sample().map(shape).collect();
        let common = common(&shapes);
        // `#CD:`, `** FATAL` and their like are the producers' own marks, which readers look for.
        let marks =
            common.iter().position(|c| matches!(c, '#' | '=' | '*')).unwrap_or(common.len());
        let common = common.get(..marks)?;
        if let Some(number) = line_number(common)
            && is_rising(sample(), &number)
        {
            return Some(Prefix::Number(number));
        }
        let end = common.iter().rposition(|c| ENDS.contains(c));
        let end = end.map_or(0, |at| at.saturating_add(1));
        let end = without_words(common.get(..end)?);
        let prefix: String = common.iter().take(end_of_time(common, end)).collect();
        if !is_loggers(&prefix) {
            return constant(sample()).map(|letters| Prefix::Letters(letters.to_string()));
        }
        // A time may be glued to the line, which may begin with a digit.
        let width = match prefix.ends_with('0') {
            true => sample().filter_map(|line| last_run(line, &prefix)).min(),
            false => None,
        };
        Some(Prefix::Shape(prefix, width))
    }

    /// What follows it in a line; `None` if the line does not begin so.
    pub(super) fn after<'a>(&self, line: &'a str) -> Option<&'a str> {
        match self {
            Prefix::Shape(shape, width) => after(line, shape, *width),
            Prefix::Number(shape) => after(line, shape, None),
            // Of an empty line the blanks at its end may be lost.
            Prefix::Letters(letters) => match line.trim_end() == letters.trim_end() {
                true => Some(""),
                false => line.strip_prefix(letters.as_str()),
            },
        }
    }

    /// Which of `lines` begin with it. Numbers of lines rise: `1:0000` is the end of `A1:0000`.
    pub(super) fn begun(&self, lines: &[&str]) -> Vec<bool> {
        let mut last = 0;
        let begins = |line: &&str| match self {
            _ if self.after(line).is_none() => false,
            Prefix::Number(_) => {
                let number = leading_number(line).filter(|number| *number > last);
                last = number.unwrap_or(last);
                number.is_some()
            }
            _ => true,
        };
        lines.iter().map(begins).collect()
    }
}

/// The text without the prefix that its lines have in common; `None` if there is none.
pub(super) fn strip(text: &str) -> Option<Stripped> {
    let prefix = Prefix::of_sample(&sample(text, |_| true))?;
    let mut stripped = String::with_capacity(text.len());
    let mut example = None;
    for line in rows(text) {
        let rest = prefix.after(line);
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

/// Some of the lines of a text that are not empty, spread evenly over it, of those behind a line that is as
/// wanted, and the first.
pub(super) fn sample(text: &str, behind: impl Fn(&str) -> bool) -> Vec<&str> {
    let wanted =
        |before: Option<&str>, line: &str| before.is_none_or(&behind) && !line.trim().is_empty();
    if text.len() <= SMALL {
        let above = std::iter::once(None).chain(rows(text).map(Some));
        let all = rows(text).zip(above).filter(|(line, before)| wanted(*before, line));
        let all: Vec<&str> = all.map(|(line, _)| line).collect();
        let step = all.len().div_ceil(SAMPLE).max(1);
        return all.into_iter().step_by(step).collect();
    }
    // Without a look at all of them.
    let mut sample: Vec<&str> = Vec::new();
    let mut left = text.len();
    for place in (0..text.len()).step_by(text.len() / SAMPLE) {
        let is_behind = text.len().saturating_sub(place) <= left;
        let Some(rest) = text.get(place..).filter(|_| is_behind) else { continue };
        let mut lines = rows(rest);
        // The first one is cut, and tells whether the next one is wanted.
        let mut before = if place == 0 { None } else { lines.next() };
        for line in lines.by_ref().take(MOST_SKIPPED) {
            if wanted(before.replace(line), line) {
                sample.push(line);
                break;
            }
        }
        left = lines.0.map_or(0, str::len);
    }
    sample
}

/// Where `common` ends without the words at its end, which are the producer's: `09:41:07 Read register `.
fn without_words(common: &[char]) -> usize {
    let is_letter = |c: &&char| c.is_alphabetic();
    let mut end = common.len();
    loop {
        let head = common.get(..end).unwrap_or_default();
        let Some((&' ', words)) = head.split_last() else { return end };
        let letters = words.iter().rev().take_while(is_letter).count();
        let start = words.len().saturating_sub(letters);
        let is_word = letters > 0 && words.get(..start).is_some_and(|w| w.ends_with(&[' ']));
        if !is_word {
            return end;
        }
        end = start;
    }
}

/// The shape of the number of a line, if lines begin with one: `cat -n`, `grep -n`, editors.
fn line_number(common: &[char]) -> Option<String> {
    let mut rest = common.iter().copied().peekable();
    let mut shape: String = rest.next_if_eq(&' ').into_iter().collect();
    shape.push(rest.next_if_eq(&'0')?);
    let sign = rest.next_if(|c| matches!(c, ':' | '.' | ')' | '|'));
    // Without a sign there is a blank; behind one it may be the line's own.
    match sign {
        // More digits behind it: a time, or a fraction.
        Some(_) if rest.peek() == Some(&'0') => return None,
        Some(':') => shape.push(':'),
        Some(sign) => {
            shape.push(sign);
            shape.extend(rest.next_if_eq(&' '));
        }
        None => shape.push(rest.next_if_eq(&' ')?),
    }
    Some(shape)
}

/// Whether the numbers that lines begin with rise from line to line.
fn is_rising<'a>(lines: impl Iterator<Item = &'a str>, shape: &str) -> bool {
    let number = |line: &str| after(line, shape, None).and_then(|_| leading_number(line));
    let numbers: Vec<u64> = lines.filter_map(number).collect();
    let rising = numbers.iter().zip(numbers.iter().skip(1)).filter(|(a, b)| a < b).count();
    numbers.len() >= FEWEST_CONSTANT && rising.saturating_add(1) == numbers.len()
}

fn leading_number(line: &str) -> Option<u64> {
    let digits = line.trim_start();
    digits.get(..digits.find(|c: char| !c.is_ascii_digit())?)?.parse().ok()
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
    let behind = |at: usize| at.saturating_add(1);
    let is_end = |(at, c): &(usize, char)| {
        let next = common.get(behind(*at)..).and_then(|rest| rest.chars().next());
        "|:>])-".contains(*c) && next.is_none_or(char::is_whitespace)
    };
    // Words alone are the producer's own (`Read register `, `** `), but for one letter (pytest's `E`).
    let alone = || {
        let at = common.find(char::is_whitespace)?;
        let word = common.get(..at)?;
        (word.len() == 1 && word != "*").then(|| at.saturating_sub(1))
    };
    let end = common.char_indices().rfind(is_end).map(|(at, _)| at).or_else(alone)?;
    let prefix = common.get(..behind(behind(end))).or(common.get(..behind(end)))?;
    let is_name = prefix.trim_end().ends_with(':') && prefix.contains('_');
    let is_value = prefix.contains("0x") || prefix.contains('=');
    (!prefix.trim().is_empty() && !is_name && !is_value).then_some(prefix)
}

/// A text of few lines without the time that each of them begins with. Fewer lines than prove a prefix
/// have a time, if it has hours, minutes and seconds.
pub(super) fn strip_stamps(text: &str) -> Option<Stripped> {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    if lines().nth(FEWEST_CONSTANT).is_some() {
        return None;
    }
    let ends: Option<Vec<usize>> = lines().map(stamp).collect();
    let first = lines().next()?.get(..*ends?.first()?)?;
    let bare = |line: &str| stamp(line).and_then(|end| line.get(end..)).unwrap_or(line).to_string();
    let stripped: Vec<String> = text.lines().map(bare).collect();
    Some(Stripped { text: stripped.join("\n") + "\n", example: first.to_string() })
}

/// Where the time ends that a line begins with, with what syslog says behind it or the mark of a terminal.
fn stamp(line: &str) -> Option<usize> {
    let is_time = |word: &str| {
        let clock = word
            .trim_start_matches(['[', '('])
            .split(':')
            .filter(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        clock.count() >= 3 && !word.contains("0x")
    };
    let is_part = |c: char| c.is_ascii_digit() || "[]()-/:.,+TZ".contains(c);
    let is_month = |word: &str| {
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            .contains(&word)
    };
    let len = |rest: &str| line.len().saturating_sub(rest.len());
    let (mut rest, mut end) = (line, None);
    // A date, the time, its zone.
    for _ in 0..4 {
        let trimmed = rest.trim_start();
        let (word, behind) = trimmed.split_once(' ').unwrap_or((trimmed, ""));
        // A terminal sets nothing between the time and the line.
        let glued =
            word.rfind(']').filter(|at| word.starts_with('[') && !word.ends_with(']') && *at > 0);
        let (word, behind) =
            match glued.and_then(|at| trimmed.split_at_checked(at.saturating_add(1))) {
                Some(parts) => parts,
                None => (word, behind),
            };
        if !word.chars().all(is_part) && !is_month(word) {
            break;
        }
        if is_time(word) {
            end = Some(len(behind));
        }
        rest = behind;
    }
    let end = end?;
    let rest = line.get(end..)?;
    let mark = ["-> ", "> ", "| "].iter().find_map(|mark| rest.strip_prefix(mark));
    let program = || {
        let (head, behind) = rest.split_once("]: ")?;
        let (host, program) = head.split_once(' ')?;
        let (_, number) = program.split_once('[')?;
        let is_word = !host.is_empty() && !program.contains(' ');
        (is_word && number.bytes().all(|b| b.is_ascii_digit())).then_some(behind)
    };
    Some(mark.or_else(program).map_or(end, len))
}

/// The text without what all of its lines end with, blanks and marks, and that end.
pub(super) fn strip_ends(text: &str) -> Option<(String, String)> {
    let mut lines = rows(text).filter(|line| !line.trim().is_empty());
    let first = lines.next()?;
    let begins_end = |c: char| c.is_whitespace() || c == '|' || c == '"';
    // It only gets shorter: with the first lines most texts are done with.
    let (common, count) = lines.try_fold((first, 1usize), |(common, count), line| {
        if line.ends_with(common) {
            return Some((common, count.saturating_add(1)));
        }
        let pairs = common.char_indices().rev().zip(line.chars().rev());
        let same = pairs.take_while(|((_, a), b)| a == b).last().map(|((at, _), _)| at);
        let common = same.and_then(|at| common.get(at..)).filter(|c| c.contains(begins_end))?;
        Some((common, count.saturating_add(1)))
    })?;
    if count < FEWEST_CONSTANT {
        return None;
    }
    let start = common.find(begins_end)?;
    let end = common.get(start..)?;
    if end.trim().is_empty() {
        return None;
    }
    let mut stripped = String::with_capacity(text.len());
    for line in rows(text) {
        stripped.push_str(line.strip_suffix(end).unwrap_or(line));
        stripped.push('\n');
    }
    Some((stripped, end.trim().to_string()))
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

/// What most shapes begin with, and nearly all of those to the end: a heading above a log or a question
/// below it are without it, and what only many lines have in common is no logger's.
fn common(shapes: &[Vec<char>]) -> Vec<char> {
    let all: Vec<&Vec<char>> = shapes.iter().collect();
    let first = alike(&all, 3, 4);
    let start = first.get(..BEGINNING).unwrap_or(&first);
    let same: Vec<&Vec<char>> = all.into_iter().filter(|shape| shape.starts_with(start)).collect();
    alike(&same, 29, 30)
}

/// Lines that have so much of the beginning in common have the same prefix.
const BEGINNING: usize = 2;

/// What `part` of `whole` shapes begin with. A shape that is nothing but the beginning counts as well.
fn alike(shapes: &[&Vec<char>], part: usize, whole: usize) -> Vec<char> {
    let mut common: Vec<char> = Vec::new();
    let mut alike: Vec<&Vec<char>> = shapes.to_vec();
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
        if left.len().saturating_mul(whole) < shapes.len().saturating_mul(part)
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
            c => {
                let mut chars = rest.chars();
                (chars.next() == Some(c)).then_some(chars.as_str())?
            }
        };
    }
    Some(rest)
}
