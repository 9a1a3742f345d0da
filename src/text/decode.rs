//! Characters: encodings, and what web pages and terminals write in their place.

/// Shares of bytes from which on the zero halves of UTF-16 are believed, of 8.
const MOST_OF_EIGHT: usize = 7;
/// What is looked at to tell the encoding.
const SAMPLE: usize = 4096;

/// The characters of `bytes`; `None` if they are no text. UTF-16 is told by its byte order mark, or by
/// the zero bytes that it has in every second place of a Western text.
pub(super) fn characters(bytes: &[u8], undone: &mut Vec<String>) -> Option<String> {
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
        return Some(text);
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
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if let Some(text) = chinese(bytes) {
        undone.push("GB18030".into());
        return Some(text);
    }
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// Chinese text in the encoding that the tools of Chinese vendors write. Of its characters the usual
/// ones are two bytes from 0xa1 on each: a text in which nothing else is above ASCII and that is no
/// UTF-8 is taken for such. A single byte of noise, or a Latin degree sign, rules it out.
fn chinese(bytes: &[u8]) -> Option<String> {
    let has_more = bytes.iter().any(|byte| !byte.is_ascii());
    if !has_more || std::str::from_utf8(bytes).is_ok() {
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

fn utf16(bytes: &[u8]) -> Option<(bool, &[u8])> {
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
pub(super) fn escapes(text: String, undone: &mut Vec<String>) -> String {
    let mut text = text;
    if SPELLED.iter().any(|spelled| text.contains(spelled)) && is_spelled(&text) {
        for spelled in SPELLED {
            text = text.replace(spelled, "");
        }
        undone.push("spelled control characters".into());
    }
    if let Some(decoded) = html(&text) {
        text = decoded;
        undone.push("HTML escapes".into());
    }
    let odd = |c: char| matches!(c, '\u{a0}' | '\u{202f}' | '\u{2007}' | '\u{3000}');
    let none = |c: char| matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}');
    if text.contains(|c| odd(c) || none(c)) {
        let chars = text.chars().filter(|c| !none(*c));
        text = chars.map(|c| if odd(c) { ' ' } else { c }).collect();
        undone.push("no-break spaces".into());
    }
    text
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
