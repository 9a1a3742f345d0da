//! Patterns of lines, as their producers' `printf` has them: `"{name}: 0x{hex8}"`.
//!
//! | placeholder          | takes                                                              |
//! | `{hex}`              | hexadecimal digits with or without `0x`; `(nil)` is 0              |
//! | `{hex8}`, `{hexpc8}` | the same, of which the producer always prints so many              |
//! | `{hexfree}`          | the same with any count of digits, also those that no register has |
//! | `{dec}`, `{core}`, `{id}`, `{priority}` | decimal digits                                 |
//! | `{number}`           | a number whose radix other numbers tell                            |
//! | `{name}`             | the name of a register: no blanks in it                            |
//! | `{words}`, `{words8}`| the numbers of a row of memory, up to the end of the line          |
//! | `{text}` and others  | anything up to what follows in the pattern, or the end of the line |
//!
//! `{{` and `}}` are braces. One blank in a pattern stands for any number of them, also none. A pattern may match anywhere in
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
        Some((number(text)?, wanted_digits(key).saturating_sub(digits(text))))
    }

    /// The number for a placeholder; `None` of one that lost digits.
    pub(super) fn whole(&self, key: &str) -> Option<u64> {
        let same = |full: &str| full.trim_end_matches(|c: char| c.is_ascii_digit()) == key;
        let (full, text) = self.0.iter().find(|(full, _)| *full == key || same(full))?;
        let wanted = wanted_digits(full);
        // Of 64 bits there are twice as many.
        let is_whole = |len: usize| wanted != 8 || matches!(len, 8 | 16);
        number(text).filter(|_| digits(text) >= wanted && is_whole(digits(text)))
    }

    /// How many digits the first hexadecimal number has; 0 where their count says nothing.
    pub(super) fn digits(&self) -> usize {
        let hex = self.0.iter().find(|(key, _)| key.starts_with("hex"));
        hex.filter(|(key, _)| *key != "hexfree").map_or(0, |(_, text)| digits(text))
    }

    /// The number of a thread or the address of its control block.
    pub(super) fn id(&self) -> Option<u64> {
        let hex = ["hex", "hex8", "hex16"].iter().find_map(|key| number(self.text(key)?));
        hex.or_else(|| self.number("id"))
    }

    /// The decimal number.
    pub(super) fn dec(&self) -> Option<u64> {
        self.number("dec")
    }

    /// The decimal number for a placeholder.
    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.text(key)?.parse().ok()
    }

    /// The numbers of a row; `None` if one has not as many digits as the pattern says.
    pub(super) fn words(&self) -> Option<Vec<&'a str>> {
        let (key, text) = self.0.iter().find(|(key, _)| key.starts_with("words"))?;
        let width = wanted_digits(key);
        let words: Vec<&str> = text.split_whitespace().collect();
        words.iter().all(|word| width == 0 || digits(word) == width).then_some(words)
    }

    /// Address and bytes of a row of memory. Words have as many digits as the first one, or as the
    /// pattern says; the first that has others ends the row. What is printed as `xxxxxxxx` before
    /// them is unknown.
    pub(super) fn row(&self) -> Option<(u64, Vec<u8>)> {
        let mut addr = self.whole("hexaddr")?;
        let (key, text) = self.0.iter().find(|(key, _)| key.starts_with("words"))?;
        let mut width = Some(wanted_digits(key)).filter(|width| *width > 0);
        let mut bytes = Vec::new();
        for word in text.split_whitespace() {
            let is_unknown = word.bytes().all(|b| b == b'x');
            let len = digits(word);
            if !matches!(len, 2 | 4 | 8 | 16) || *width.get_or_insert(len) != len {
                break;
            }
            let half = len.checked_div(2)?;
            if is_unknown && bytes.is_empty() {
                addr = addr.wrapping_add(half as u64);
                continue;
            }
            let Some(value) = number(word) else { break };
            bytes.extend(value.to_le_bytes().get(..half)?);
        }
        (!bytes.is_empty()).then_some((addr, bytes))
    }
}

/// How many digits a placeholder wants: those at the end of its name.
fn wanted_digits(key: &str) -> usize {
    let stem = key.trim_end_matches(|c: char| c.is_ascii_digit());
    key.get(stem.len()..).and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// How many digits a number has.
fn digits(text: &str) -> usize {
    text.trim_start_matches("0x").trim_start_matches("0X").len()
}

/// The longest part of a pattern without placeholders and blanks: where it is not, nothing matches.
pub(super) fn literal(pattern: &'static str) -> &'static str {
    let mut longest = "";
    let mut rest = pattern;
    while !rest.is_empty() {
        let end = rest.find(['{', '}', ' ', '^', '$']).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(end);
        if part.len() > longest.len() {
            longest = part;
        }
        let is_key = behind.starts_with('{') && !behind.starts_with("{{");
        let skip = if is_key { behind.find('}').unwrap_or(0) } else { 0 };
        let braces = if behind.starts_with("{{") { 2 } else { skip.saturating_add(1) };
        rest = behind.get(braces..).unwrap_or_default();
    }
    longest
}

/// How many characters of a pattern stand there as they are.
pub(super) fn fixed(pattern: &'static str) -> usize {
    let mut inside = false;
    let is_fixed = |c: &char| {
        inside = (inside || *c == '{') && *c != '}';
        !inside && !"} ^$".contains(*c)
    };
    pattern.chars().filter(is_fixed).count()
}

/// A hexadecimal number with or without `0x`, or `(nil)`.
pub(super) fn number(text: &str) -> Option<u64> {
    if text == "(nil)" {
        return Some(0);
    }
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    u64::from_str_radix(digits, 16).ok()
}

/// Where `pattern` first matches in `line`, and what is behind it.
pub(super) fn find<'a>(pattern: &'static str, line: &'a str) -> Option<(Captures<'a>, &'a str)> {
    find_accepted(pattern, line, &|_| true)
}

/// No producer prints longer lines; of longer ones the beginning counts, up to a blank. Without a limit
/// a line that begins a pattern again and again would cost the square of its length.
const MAX_LINE: usize = 4096;

/// The beginning of a line that is not longer than [`MAX_LINE`].
fn beginning(line: &str) -> &str {
    if line.len() <= MAX_LINE {
        return line;
    }
    let Some(short) = (0..=MAX_LINE).rev().find_map(|end| line.get(..end)) else { return line };
    short.rfind(' ').and_then(|at| short.get(..at)).unwrap_or(short)
}

/// The same for a match of which `accept` says that the `{name}` in it is one.
fn find_accepted<'a>(
    pattern: &'static str,
    line: &'a str,
    accept: &dyn Fn(&str) -> bool,
) -> Option<(Captures<'a>, &'a str)> {
    let line = beginning(line);
    let first = pattern.strip_prefix('^');
    let pattern = first.unwrap_or(pattern);
    let bytes = line.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let at = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let inside = before.is_some_and(is_word) && bytes.get(at).is_some_and(is_word);
        let rest = line.get(at..).filter(|rest| !inside && !rest.starts_with(' '))?;
        let mut captures = Captures::default();
        let rest = take(pattern, rest, &mut captures)?;
        captures.text("name").is_none_or(accept).then_some((captures, rest))
    };
    let words = pattern.split(['{', '}', '$', ' ']).next().unwrap_or_default();
    match words.as_bytes().first() {
        _ if first.is_some() => at(0),
        // Most lines hold nothing of most patterns: that is to cost little.
        Some(byte) => {
            let mut places = memchr::memchr_iter(*byte, bytes);
            places.find_map(|place| {
                let is_here = bytes.get(place..)?.starts_with(words.as_bytes());
                is_here.then(|| at(place)).flatten()
            })
        }
        None => {
            let needed = literal(pattern).as_bytes();
            if !needed.is_empty() && memchr::memmem::find(bytes, needed).is_none() {
                return None;
            }
            line.char_indices().find_map(|(place, _)| at(place))
        }
    }
}

/// All places where `pattern` matches in `line`, from left to right, and what is behind the last one.
pub(super) fn find_all<'a>(
    pattern: &'static str,
    line: &'a str,
    accept: &dyn Fn(&str) -> bool,
) -> (Vec<Captures<'a>>, &'a str) {
    let mut all = Vec::new();
    let mut rest = beginning(line);
    while let Some((captures, behind)) = find_accepted(pattern, rest, accept) {
        all.push(captures);
        if behind.len() == rest.len() {
            break;
        }
        rest = behind;
    }
    (all, rest)
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
    if let Some(rest) = pattern.strip_prefix("{{").or_else(|| pattern.strip_prefix("}}")) {
        return take(rest, text.strip_prefix(c)?, out);
    }
    if c != '{' {
        let rest = pattern.get(c.len_utf8()..)?;
        return take(rest, text.strip_prefix(c)?, out);
    }
    let (key, rest) = pattern.get(1..)?.split_once('}')?;
    let length = match key {
        _ if key.starts_with("hex") => hex_len(text)?,
        "dec" | "core" | "id" | "priority" => dec_len(text, rest)?,
        "number" => run(text, |c| c.is_ascii_alphanumeric())?,
        "name" => run(text, |c| c.is_ascii_alphanumeric() || "_/.[]".contains(c))?,
        _ => {
            let brace =
                ["{{", "}}"].iter().find_map(|brace| rest.strip_prefix(brace).and(rest.get(..1)));
            let next = brace.unwrap_or_else(|| rest.split(['{', '}']).next().unwrap_or_default());
            let next = if next.trim().is_empty() { next } else { next.trim() };
            let next = next.strip_suffix('$').filter(|next| !next.is_empty()).unwrap_or(next);
            match next {
                "" | "$" => text.len(),
                " " => text.find(' ').unwrap_or(text.len()),
                next => find_words(text, next)?,
            }
        }
    };
    let (taken, behind) = text.split_at_checked(length)?;
    out.0.push((key, taken));
    take(rest, behind, out)
}

/// Where `words` are in `text`, with any blanks between them.
fn find_words(text: &str, words: &str) -> Option<usize> {
    let mut parts = words.split(' ').filter(|part| !part.is_empty());
    let first = parts.next()?;
    text.match_indices(first).map(|(at, _)| at).find(|at| {
        let behind = at.checked_add(first.len()).and_then(|end| text.get(end..));
        let rest = parts.clone().try_fold(behind.unwrap_or_default(), |rest, part| {
            rest.trim_start_matches([' ', '\t']).strip_prefix(part)
        });
        rest.is_some()
    })
}

fn run(text: &str, is: impl Fn(char) -> bool) -> Option<usize> {
    let length = text.find(|c| !is(c)).unwrap_or(text.len());
    (length > 0).then_some(length)
}

/// The length of a decimal number at the start of `text`. It ends there, unless the pattern goes on with
/// a letter: `41c9` is no 41.
fn dec_len(text: &str, pattern: &str) -> Option<usize> {
    let length = run(text, |c| c.is_ascii_digit())?;
    let is_word = |text: &str| text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (is_word(pattern) || !text.get(length..).is_some_and(is_word)).then_some(length)
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
    if digits > 1 && next == Some('x') && text.get(..length)?.ends_with('0') {
        // The 0 of the next number's 0x: some producers set nothing between them.
        return length.checked_sub(1);
    }
    (!next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_end_of_the_line_ends_a_text() {
        let (found, _) = find("at {file}:{line}:$", "at src/main.rs:12:").unwrap();
        assert_eq!((found.text("file"), found.text("line")), (Some("src/main.rs"), Some("12")));
        assert!(find("at {file}:$", "at a: b").is_none());
    }

    #[test]
    fn braces_are_doubled() {
        let (found, _) = find("TrapFrame {{ ra: {hex} }}", "TrapFrame { ra: 42 }").unwrap();
        assert_eq!(found.hex(), Some((0x42, 0)));
        let (found, _) = find("{{{text}}}", "x {a b} c").unwrap();
        assert_eq!(found.text("text"), Some("a b"));
        assert_eq!(literal("{{\"Exception\":{dec},\"EPC\""), "\"Exception\":");
        assert_eq!(literal("mcause: {dec},"), "mcause:");
    }

    #[test]
    fn rows_of_memory_end_at_a_word_of_another_width() {
        let row = |pattern, line| find(pattern, line).and_then(|(found, _)| found.row());
        let words = "{hexaddr8}: {words8}";
        assert_eq!(row(words, "3fff0000: 00000001 0002").unwrap(), (0x3fff_0000, vec![1, 0, 0, 0]));
        assert_eq!(row(words, "3fff00: 00000001"), None);
        let line = "20001fa0: xxxxxxxx 0e0062a5 up";
        assert_eq!(
            row("{hexaddr}: {words}", line).unwrap(),
            (0x2000_1fa4, vec![0xa5, 0x62, 0, 0xe])
        );
        assert_eq!(row("@ {hexaddr} = {words}", "@ 0x10 = 0xBF00").unwrap(), (16, vec![0, 0xbf]));
    }

    #[test]
    fn numbers_may_be_glued() {
        let (all, _) = find_all(
            "0x{hexpc8}:0x{hexsp8}",
            "0x40084127:0x3ffb2a900x4008c9d1:0x3ffb2ab0",
            &|_| true,
        );
        let pcs: Vec<_> = all.iter().map(|found| found.whole("hexpc")).collect();
        assert_eq!(pcs, [Some(0x4008_4127), Some(0x4008_c9d1)]);
    }

    #[test]
    fn a_pattern_finds_its_values_behind_what_a_logger_wrote() {
        let line = "[00:00:01.250,000] <err> os: r0/a1:  0x00000001  r1/a2:  0x20004444";
        let (found, _) = find_all("{name}: 0x{hex8}", line, &|name| name != "os");
        let all: Vec<_> =
            found.iter().map(|c| (c.text("name").unwrap(), c.hex().unwrap())).collect();
        assert_eq!(all, [("r0/a1", (1, 0)), ("r1/a2", (0x2000_4444, 0))]);
        let (captures, _) =
            find("Current thread: {hex} ({thread})", "E: Current thread: 0x20003200 (net mgmt)")
                .unwrap();
        assert_eq!(captures.text("thread"), Some("net mgmt"));
        assert_eq!(captures.hex(), Some((0x2000_3200, 0)));
        assert!(find("sp: 0x{hex}", "wasp: 0x12").is_none());
        assert!(find("^sp: 0x{hex}", "lr: 0x10 sp: 0x12").is_none());
        assert_eq!(find("pc {hex8}", "pc 801").unwrap().0.hex(), Some((0x801, 5)));
        let (bare, _) =
            find_all("{name}: {hex8}", "os: a0: 8000401c  t0: 000000f1", &|name| name != "os");
        assert_eq!(
            bare.iter().map(|c| c.hex().unwrap().0).collect::<Vec<_>>(),
            [0x8000_401c, 0xf1]
        );
        assert_eq!(find("A4 {hex}", " **  A4 (nil)  A5 0x1").unwrap().0.hex(), Some((0, 0)));
    }

    #[test]
    fn of_a_very_long_line_whole_words_of_the_beginning_count() {
        let line = format!("stack: {}", "0x20001234 ".repeat(1000));
        let (found, _) = find("stack: {words}", &line).unwrap();
        let words: Vec<&str> = found.text("words").unwrap().split(' ').collect();
        assert!(words.len() > 300 && words.iter().all(|word| word.len() == 10));
        let again = "ASSERTION FAIL [".repeat(200_000);
        assert!(find("ASSERTION FAIL [{text}] @ {file}:{dec}", &again).is_none());
    }
}
