//! Patterns of lines, as their producers' `printf` has them: `"{name}: 0x{hex8}"`.
//!
//! | placeholder          | takes                                                              |
//! | `{hex}`              | hexadecimal digits with or without `0x`; `(nil)` is 0              |
//! | `{hex8}`, `{hex16}`  | the same, of which the producer always prints so many              |
//! | `{dec}`              | decimal digits                                                     |
//! | `{number}`           | a number whose radix other numbers tell                            |
//! | `{name}`             | the name of a register: no blanks in it                            |
//! | `{text}` and others  | anything up to what follows in the pattern, or the end of the line |
//!
//! One blank in a pattern stands for any number of them, also none. A pattern may match anywhere in
//! a line, but not inside of a word: loggers put things before it. `^` and `$` are the line's ends.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// What stood where the placeholders are.
#[derive(Clone, Debug, Default)]
pub(super) struct Captures<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Captures<'a> {
    /// The text for a placeholder.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.0.iter().find(|(k, _)| *k == key).map(|(_, text)| text.trim())
    }

    /// The first hexadecimal number, whichever its placeholder is, and how many digits it lacks.
    pub(super) fn hex(&self) -> Option<(u64, usize)> {
        let (key, text) = self.0.iter().find(|(key, _)| key.starts_with("hex"))?;
        let wanted = key.strip_prefix("hex").and_then(|n| n.parse().ok()).unwrap_or(0);
        let digits = text.trim_start_matches("0x").trim_start_matches("0X");
        let missing = usize::saturating_sub(wanted, digits.len());
        Some((number(text)?, missing))
    }

    /// How many digits the first hexadecimal number has.
    pub(super) fn digits(&self) -> usize {
        let hex = self.0.iter().find(|(key, _)| key.starts_with("hex"));
        hex.map_or(0, |(_, text)| text.trim_start_matches("0x").trim_start_matches("0X").len())
    }

    /// The decimal number.
    pub(super) fn dec(&self) -> Option<u64> {
        self.text("dec")?.parse().ok()
    }
}

/// A hexadecimal number with or without `0x`, or `(nil)`.
pub(super) fn number(text: &str) -> Option<u64> {
    if text == "(nil)" {
        return Some(0);
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).ok()
}

/// The radix that `numbers` of one printer have in common: letters, `0x` and leading zeros are of
/// hexadecimal ones, more digits than 32 bits take are of decimal ones. `None` if nothing tells it, or
/// if they contradict each other.
pub(super) fn radix<'a>(numbers: impl Iterator<Item = &'a str>) -> Option<u32> {
    let (mut hex, mut dec) = (false, false);
    for number in numbers {
        hex |= number.bytes().any(|b| b.is_ascii_alphabetic());
        hex |= number.len() > 1 && number.starts_with('0');
        dec |= matches!(number.len(), 9 | 10) && number.bytes().all(|b| b.is_ascii_digit());
    }
    match (hex, dec) {
        (true, false) => Some(16),
        (false, true) => Some(10),
        _ => None,
    }
}

/// Where `pattern` first matches in `line`, and what is behind it.
pub(super) fn find<'a>(pattern: &'static str, line: &'a str) -> Option<(Captures<'a>, &'a str)> {
    find_accepted(pattern, line, &|_| true)
}

/// The same for a match of which `accept` says that the `{name}` in it is one.
fn find_accepted<'a>(
    pattern: &'static str,
    line: &'a str,
    accept: &dyn Fn(&str) -> bool,
) -> Option<(Captures<'a>, &'a str)> {
    let first = pattern.strip_prefix('^');
    let pattern = first.unwrap_or(pattern);
    let literal = pattern.split(['{', '$', ' ']).next().unwrap_or_default();
    let mut before = None;
    for (at, c) in line.char_indices() {
        let inside = before.is_some_and(|b: char| b.is_ascii_alphanumeric() || b == '_')
            && (c.is_ascii_alphanumeric() || c == '_');
        before = Some(c);
        let Some(rest) = line.get(at..) else { continue };
        if inside || c == ' ' || !rest.starts_with(literal) {
            continue;
        }
        let mut captures = Captures::default();
        if let Some(rest) = take(pattern, rest, &mut captures)
            && captures.text("name").is_none_or(accept)
        {
            return Some((captures, rest));
        }
        if first.is_some() {
            return None;
        }
    }
    None
}

/// All places where `pattern` matches in `line`, from left to right.
pub(super) fn find_all<'a>(
    pattern: &'static str,
    line: &'a str,
    accept: &dyn Fn(&str) -> bool,
) -> Vec<Captures<'a>> {
    let mut all = Vec::new();
    let mut rest = line;
    while let Some((captures, behind)) = find_accepted(pattern, rest, accept) {
        all.push(captures);
        if behind.len() == rest.len() {
            break;
        }
        rest = behind;
    }
    all
}

fn take<'a>(pattern: &'static str, text: &'a str, out: &mut Captures<'a>) -> Option<&'a str> {
    let Some(c) = pattern.chars().next() else { return Some(text) };
    if pattern == "$" {
        return text.trim().is_empty().then_some(text);
    }
    if c == ' ' {
        let trimmed = text.trim_start_matches([' ', '\t']);
        return take(pattern.trim_start_matches(' '), trimmed, out);
    }
    if c != '{' {
        let rest = pattern.get(c.len_utf8()..)?;
        return take(rest, text.strip_prefix(c)?, out);
    }
    let (key, rest) = pattern.get(1..)?.split_once('}')?;
    let length = match key {
        _ if key.starts_with("hex") => hex_len(text)?,
        "dec" => run(text, |c| c.is_ascii_digit())?,
        "number" => run(text, |c| c.is_ascii_alphanumeric())?,
        "name" => run(text, |c| c.is_ascii_alphanumeric() || "_/.[]".contains(c))?,
        _ => {
            let next = rest.split('{').next().unwrap_or_default();
            let next = if next.trim().is_empty() { next } else { next.trim() };
            match next {
                "" | "$" => text.len(),
                " " => text.find(' ').unwrap_or(text.len()),
                next => text.find(next)?,
            }
        }
    };
    let (taken, behind) = text.split_at_checked(length)?;
    out.0.push((key, taken));
    take(rest, behind, out)
}

fn run(text: &str, is: impl Fn(char) -> bool) -> Option<usize> {
    let length = text.find(|c| !is(c)).unwrap_or(text.len());
    (length > 0).then_some(length)
}

/// The length of a hexadecimal number at the start of `text`, which must end there.
fn hex_len(text: &str) -> Option<usize> {
    if text.starts_with("(nil)") {
        return Some(5);
    }
    let prefix = if text.starts_with("0x") || text.starts_with("0X") { 2 } else { 0 };
    let digits = run(text.get(prefix..)?, |c| c.is_ascii_hexdigit())?;
    let length = prefix.checked_add(digits)?;
    let next = text.get(length..)?.chars().next();
    (!next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_radix_is_of_all_numbers_together() {
        let told = |text: &'static str| radix(text.split(' '));
        assert_eq!(told("1108290118 2 10000001"), Some(10));
        assert_eq!(told("400f4a25 2 10000001"), Some(16));
        assert_eq!(told("00000002 10000001"), Some(16));
        assert_eq!(told("2 10000001"), None);
        assert_eq!(told("1108290118 400f4a25"), None);
    }

    #[test]
    fn a_pattern_finds_its_values_behind_what_a_logger_wrote() {
        let line = "[00:00:01.250,000] <err> os: r0/a1:  0x00000001  r1/a2:  0x20004444";
        let found = find_all("{name}: 0x{hex8}", line, &|name| name != "os");
        let all: Vec<_> =
            found.iter().map(|c| (c.text("name").unwrap(), c.hex().unwrap())).collect();
        assert_eq!(all, [("r0/a1", (1, 0)), ("r1/a2", (0x2000_4444, 0))]);
        let (captures, _) =
            find("Current thread: {hex} ({thread})", "E: Current thread: 0x20003200 (net mgmt)")
                .unwrap();
        assert_eq!(captures.text("thread"), Some("net mgmt"));
        assert_eq!(captures.hex(), Some((0x2000_3200, 0)));
        assert!(find("sp: 0x{hex}", "wasp: 0x12").is_none());
        assert_eq!(find("pc {hex8}", "pc 801").unwrap().0.hex(), Some((0x801, 5)));
        let bare =
            find_all("{name}: {hex8}", "os: a0: 8000401c  t0: 000000f1", &|name| name != "os");
        assert_eq!(
            bare.iter().map(|c| c.hex().unwrap().0).collect::<Vec<_>>(),
            [0x8000_401c, 0xf1]
        );
        assert_eq!(find("A4 {hex}", " **  A4 (nil)  A5 0x1").unwrap().0.hex(), Some((0, 0)));
    }
}
