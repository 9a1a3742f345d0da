//! Characters: encodings, and what web pages and terminals write in their place.

use std::borrow::Cow;

/// Shares of bytes from which on the zero halves of UTF-16 are believed, of 8.
const MOST_OF_EIGHT: usize = 7;
/// What is looked at to tell the encoding.
const SAMPLE: usize = 4096;

/// The characters of `bytes`; `None` if they are no text. UTF-16 is told by its byte order mark, or by
/// the zero bytes that it has in every second place of a Western text.
pub(super) fn characters<'a>(bytes: &'a [u8], undone: &mut Vec<String>) -> Option<Cow<'a, str>> {
    if let Some((big_endian, body)) = utf16(bytes) {
        undone.push("UTF-16".into());
        let (pairs, _) = body.as_chunks::<2>();
        let unit = |pair: &[u8; 2]| match big_endian {
            true => u16::from_be_bytes(*pair),
            false => u16::from_le_bytes(*pair),
        };
        let units = pairs.iter().map(unit);
        let text: String =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        return Some(text.into());
    }
    // A binary dump may have been appended to a log: that is no text, and nothing may touch it.
    if memchr::memchr(0, bytes).is_some() {
        return None;
    }
    let sample = bytes.get(..SAMPLE).unwrap_or(bytes);
    let odd = sample.iter().filter(|b| b.is_ascii_control() && !b"\n\r\t\x1b".contains(b)).count();
    if odd > sample.len() / 64 {
        return None;
    }
    let marked = bytes.strip_prefix(b"\xef\xbb\xbf");
    if marked.is_some() {
        undone.push("byte order mark".into());
    }
    let bytes = marked.unwrap_or(bytes);
    if let Some(text) = chinese(bytes) {
        undone.push("GB18030".into());
        return Some(text.into());
    }
    Some(String::from_utf8_lossy(bytes))
}

/// Chinese text in the encoding that the tools of Chinese vendors write. Of its characters the usual
/// ones are two bytes from 0xa1 on each: a text in which nothing else is above ASCII and that is no
/// UTF-8 is taken for such. A single byte of noise, or a Latin degree sign, rules it out.
fn chinese(bytes: &[u8]) -> Option<String> {
    if std::str::from_utf8(bytes).is_ok() {
        return None;
    }
    let mut rest = bytes.iter().copied();
    while let Some(first) = rest.next() {
        let second = if first.is_ascii() { continue } else { rest.next()? };
        if !(0xa1..=0xf7).contains(&first) || !(0xa1..=0xfe).contains(&second) {
            return None;
        }
    }
    let text = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes)?;
    Some(text.into_owned())
}

/// Whether it is UTF-16 with the high byte first, and the text behind the byte order mark.
pub(super) fn utf16(bytes: &[u8]) -> Option<(bool, &[u8])> {
    if let Some(body) = bytes.strip_prefix(b"\xff\xfe") {
        return Some((false, body));
    }
    if let Some(body) = bytes.strip_prefix(b"\xfe\xff") {
        return Some((true, body));
    }
    let (pairs, _) = bytes.get(..SAMPLE).unwrap_or(bytes).as_chunks::<2>();
    let text = |byte: u8| byte.is_ascii_graphic() || b" \t\r\n\x1b".contains(&byte);
    let little = pairs.iter().filter(|[low, high]| *high == 0 && text(*low)).count();
    let big = pairs.iter().filter(|[high, low]| *high == 0 && text(*low)).count();
    let enough = |count: usize| {
        pairs.len() >= 16 && count.saturating_mul(8) >= pairs.len().saturating_mul(MOST_OF_EIGHT)
    };
    match (enough(little), enough(big)) {
        (true, _) => Some((false, bytes)),
        (_, true) => Some((true, bytes)),
        _ => None,
    }
}

/// `text` without what terminals are told by it (ECMA-48: CSI, OSC and the sequences of two
/// characters), and with the ends of lines as LF or CR LF. Colours at both ends of a line are no
/// decoration worth a word.
pub(super) fn controls<'a>(text: Cow<'a, str>, undone: &mut Vec<String>) -> Cow<'a, str> {
    let mut text = text;
    if memchr::memchr(0x1b, text.as_bytes()).is_some() {
        let is_inside = |line: &str| plain_ends(line).contains('\x1b');
        if text.lines().any(is_inside) {
            undone.push("terminal colours".into());
        }
        text = without_sequences(&text).into();
    }
    if has_lone_returns(text.as_bytes()) {
        let (feeds, all) = (text.matches('\n').count(), text.matches('\r').count());
        if all > feeds {
            undone.push("ends of lines in CR".into());
        }
        text = text.replace("\r\r\n", "\n").replace("\r\n", "\n").replace('\r', "\n").into();
    }
    text
}

/// Whether a CR stands before anything but LF.
fn has_lone_returns(text: &[u8]) -> bool {
    let mut returns = memchr::memchr_iter(b'\r', text);
    returns.any(|at| text.get(at.saturating_add(1)) != Some(&b'\n'))
}

/// A line without the sequences at its ends.
fn plain_ends(line: &str) -> &str {
    let mut line = line.trim();
    while let Some(rest) = line.strip_prefix('\x1b').and_then(|rest| rest.get(sequence(rest)..)) {
        line = rest;
    }
    while let Some((head, tail)) = line.rsplit_once('\x1b')
        && sequence(tail) == tail.len()
    {
        line = head;
    }
    line
}

/// The length of a control sequence behind its ESC.
pub(crate) fn sequence(text: &str) -> usize {
    let bytes = text.as_bytes();
    let behind = |at: Option<usize>| at.map_or(bytes.len(), |at| at.saturating_add(1));
    match bytes.first() {
        // Parameters and intermediates, then one final byte.
        Some(b'[') => {
            let is_final = |b: &u8| (0x40..=0x7e).contains(b);
            behind(bytes.iter().skip(1).position(is_final).map(|at| at.saturating_add(1)))
        }
        // Up to BEL or the string terminator.
        Some(b']') => {
            let bell = bytes.iter().position(|b| *b == 7);
            let end = memchr::memmem::find(bytes, b"\x1b\\").map(|at| at.saturating_add(1));
            behind(match (bell, end) {
                (Some(bell), Some(end)) => Some(bell.min(end)),
                (bell, end) => bell.or(end),
            })
        }
        Some(_) => text.chars().next().map_or(0, char::len_utf8),
        None => 0,
    }
}

fn without_sequences(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\x1b') {
        out.push_str(before);
        rest = behind.get(sequence(behind)..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Elements of HTML that stand around lines of text.
const ELEMENTS: [&str; 12] =
    ["br", "p", "div", "pre", "code", "span", "td", "tr", "li", "font", "b", "tt"];

/// `text` without the elements around its lines, if most lines have some.
fn elements(text: &str) -> Option<String> {
    let tags = memchr::memchr_iter(b'<', text.as_bytes()).count();
    let rows = memchr::memchr_iter(b'\n', text.as_bytes()).count();
    // Some rows may be empty, but not most of them.
    if tags == 0 || tags.saturating_mul(8) < rows {
        return None;
    }
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let has = lines().filter(|line| tag(line).is_some()).count();
    if has.saturating_mul(2) <= lines().count() {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut rest = line;
        while let Some((at, len)) = tag(rest) {
            out.push_str(rest.get(..at).unwrap_or_default());
            rest = rest.get(at.saturating_add(len)..).unwrap_or_default();
        }
        out.push_str(rest);
        out.push('\n');
    }
    Some(out)
}

/// Where the first tag of one of [`ELEMENTS`] is, and its length.
fn tag(line: &str) -> Option<(usize, usize)> {
    let mut from = 0usize;
    loop {
        let at = line.get(from..)?.find('<')?.saturating_add(from);
        let inside = line.get(at..)?;
        let len = inside.find('>')?.saturating_add(1);
        let name = inside.get(1..len)?.trim_start_matches('/');
        let end = name.find(|c: char| !c.is_ascii_alphanumeric())?;
        let known = name.get(..end).is_some_and(|n| ELEMENTS.contains(&n.to_lowercase().as_str()));
        // Attributes have a sign of equality; other words in angle brackets are the text's own.
        let plain = matches!(name.get(end..), Some(">" | "/>" | " />"));
        if known && (plain || name.contains("=\"")) {
            return Some((at, len));
        }
        from = at.saturating_add(1);
    }
}

/// Names that HTML has for characters which crash texts hold.
const ENTITIES: [(&str, char); 9] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("plus", '+'),
    ("equals", '='),
    ("sol", '/'),
];
/// How terminals that show control characters spell the ends of lines.
const SPELLED: [&str; 8] =
    ["<\\r>", "<\\n>", "<CR>", "<LF>", "<0d>", "<0a>", "\u{240d}", "\u{240a}"];

/// `text` with the characters that escapes stand for. Blanks that are no ASCII blanks become such;
/// characters of no width go.
pub(super) fn escapes<'a>(text: Cow<'a, str>, undone: &mut Vec<String>) -> Cow<'a, str> {
    let text = without_spelled_colours(text, undone);
    if text.is_ascii() && memchr::memchr2(b'<', b'&', text.as_bytes()).is_none() {
        return text;
    }
    let mut text = text;
    if SPELLED.iter().any(|spelled| text.contains(spelled)) && is_spelled(&text) {
        for spelled in SPELLED {
            text = text.replace(spelled, "").into();
        }
        undone.push("spelled control characters".into());
    }
    if let Some(plain) = elements(&text) {
        text = plain.into();
        undone.push("HTML elements".into());
    }
    if let Some(decoded) = html(&text) {
        text = decoded.into();
        undone.push("HTML escapes".into());
    }
    let odd = |c: char| matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{3000}');
    let none = |c: char| matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}');
    if !text.is_ascii() && text.contains(|c| odd(c) || none(c)) {
        let chars = text.chars().filter(|c| !none(*c));
        text = chars.map(|c| if odd(c) { ' ' } else { c }).collect::<String>().into();
        undone.push("no-break spaces".into());
    }
    text
}

/// `text` without colours whose ESC a tool has spelled: `ESC[0;33m`.
fn without_spelled_colours<'a>(text: Cow<'a, str>, undone: &mut Vec<String>) -> Cow<'a, str> {
    let mut plain = String::new();
    let mut rest = &*text;
    while let Some((before, behind)) = rest.split_once("ESC[") {
        let end = behind.find(|c: char| !(c.is_ascii_digit() || c == ';'));
        let end = end.filter(|end| behind.get(*end..).is_some_and(|rest| rest.starts_with('m')));
        plain.push_str(before);
        rest = match end {
            Some(end) => behind.get(end.saturating_add(1)..).unwrap_or_default(),
            None => {
                plain.push_str("ESC[");
                behind
            }
        };
    }
    plain.push_str(rest);
    if plain.len() == text.len() {
        return text;
    }
    undone.push("spelled colours".into());
    plain.into()
}

/// Whether most lines end so: a single one may be what the device printed.
fn is_spelled(text: &str) -> bool {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let (mut all, mut spelled) = (0usize, 0usize);
    for line in lines {
        all = all.saturating_add(1);
        let line = line.trim_end();
        spelled = spelled.saturating_add(usize::from(SPELLED.iter().any(|s| line.ends_with(s))));
    }
    spelled.saturating_mul(2) > all
}

fn html(text: &str) -> Option<String> {
    memchr::memchr(b'&', text.as_bytes())?;
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let end = behind.char_indices().take(10).find(|(_, c)| *c == ';').map(|(at, _)| at);
        let decoded =
            end.and_then(|end| entity(behind.get(..end)?).zip(behind.get(end..)?.get(1..)));
        match decoded {
            Some((c, after)) => {
                out.push(c);
                rest = after;
            }
            None => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    (out.len() != text.len()).then_some(out)
}

fn entity(name: &str) -> Option<char> {
    let number = match name.strip_prefix('#') {
        Some(digits) => match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        },
        None => return ENTITIES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c),
    };
    let c = char::from_u32(number?)?;
    Some(if c == '\u{a0}' { ' ' } else { c }).filter(|c| !c.is_control() || *c == '\n')
}
