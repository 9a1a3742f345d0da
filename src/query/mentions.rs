//! Addresses that a line of text mentions: `0x400d1234`, `[<80101234>]`, `pc : 42013c20`,
//! `sensor_read+0x10/0x24`.
//!
//! A number is an address where it is written as one: after `0x`, or with as many digits as a register
//! has. Digits alone are more often a time or a count: they need a letter among them, or a name in
//! front that says it. Which of them are code, the ELF files know.

use super::address::{Kind, Names};

/// An address in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The address.
    pub addr: u64,
    /// What the line says it is.
    pub kind: Kind,
}

/// What registers are called that hold an address of code, and those of them that hold what a call
/// leaves behind.
const COUNTERS: [&str; 8] = ["pc", "epc", "mepc", "sepc", "elr", "epc1", "eip", "rip"];
const RETURNS: [&str; 5] = ["lr", "ra", "blink", "r14_svc", "x30"];

/// The addresses of code in `line`, in their order, each once.
pub fn in_line(line: &[u8], names: &Names) -> Vec<Mention> {
    let mut found: Vec<Mention> = Vec::new();
    let mut words = words(line).peekable();
    let mut before: &[u8] = b"";
    while let Some(word) = words.next() {
        let gap = line.get(..word.start).unwrap_or_default();
        let text = line.get(word.start..word.end).unwrap_or_default();
        let rest = line.get(word.end..).unwrap_or_default();
        // A name and how far into it: what is behind the plus is no address.
        let plus = rest.strip_prefix(b"+").filter(|_| hex_after_0x(text).is_none());
        let mention = match plus {
            Some(behind) => {
                words.next_if(|next| next.start == word.end + 1);
                symbolic(text, behind, names)
            }
            None => number(text, gap, before, names),
        };
        if let Some(mention) = mention.filter(|one| found.iter().all(|two| two.addr != one.addr)) {
            found.push(mention);
        }
        before = text;
    }
    found
}

struct Word {
    start: usize,
    end: usize,
}

fn words(line: &[u8]) -> impl Iterator<Item = Word> {
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + line.get(at..)?.iter().position(|byte| is_of_word(*byte))?;
        let len = line.get(start..)?.iter().position(|byte| !is_of_word(*byte));
        at = len.map_or(line.len(), |len| start + len);
        Some(Word { start, end: at })
    })
}

/// The value of `0x` and digits.
pub fn hex_after_0x(word: &[u8]) -> Option<u64> {
    let digits = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X"))?;
    hex(digits)
}

/// The value of at most sixteen hexadecimal digits.
pub fn hex(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() <= 16)?;
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    u64::from_str_radix(text, 16).ok().filter(|_| is_hex)
}

fn number(text: &[u8], line_before: &[u8], before: &[u8], names: &Names) -> Option<Mention> {
    let name = before.to_ascii_lowercase();
    // A name counts where only blanks and a sign stand between.
    let gap = line_before.get(line_before.len().saturating_sub(6)..).unwrap_or_default();
    let gap = gap.iter().rev().take_while(|byte| !byte.is_ascii_alphanumeric() && **byte != b'_');
    let is_near = gap.clone().all(|byte| b" \t:=(".contains(byte));
    let is_of = |list: &[&str]| is_near && list.iter().any(|one| one.as_bytes() == name);
    let kind = if is_of(&RETURNS) { Kind::Return } else { Kind::Any };
    let addr = match hex_after_0x(text) {
        Some(addr) if text.len() > 5 => addr,
        Some(_) => return None,
        None => {
            let has_letter = text.iter().any(u8::is_ascii_alphabetic);
            let is_said = kind == Kind::Return || is_of(&COUNTERS) || line_before.ends_with(b"[<");
            let addr = hex(text).filter(|_| matches!(text.len(), 8 | 16))?;
            if !has_letter && !is_said {
                return None;
            }
            addr
        }
    };
    names.is_code(addr).then_some(Mention { addr, kind })
}

/// `name+0x10/0x24`: the length has to be that of the function, or it is another build's.
fn symbolic(name: &[u8], behind: &[u8], names: &Names) -> Option<Mention> {
    let name = std::str::from_utf8(name).ok()?;
    let (offset, rest) = number_at(behind)?;
    let len = rest.strip_prefix(b"/").and_then(number_at).map(|(len, _)| len);
    let addr = names.within(name, offset, len)?;
    Some(Mention { addr, kind: Kind::Any })
}

/// The number after `0x` that `text` begins with, and what follows it.
fn number_at(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.strip_prefix(b"0x")?;
    let len = digits.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(digits.len());
    let (number, rest) = digits.split_at_checked(len)?;
    Some((hex(number)?, rest))
}
