//! Numbers, characters and texts as GDB writes them.
//!
//! Source: GDB 13.1, seen with `set print null-stop on`; the manual's "Print Settings".

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use std::fmt::Write;

/// More equal characters or elements in a row are counted instead of shown (`set print repeats`).
pub(super) const REPEATS: u64 = 10;

/// The number of up to 16 little-endian bytes.
pub(super) fn word(bytes: &[u8], signed: bool) -> i128 {
    let mut buf = [0u8; 16];
    let len = bytes.len().min(16);
    if let (Some(to), Some(from)) = (buf.get_mut(..len), bytes.get(..len)) {
        to.copy_from_slice(from);
    }
    let unused = 128 - 8 * len.max(1) as u32;
    match signed {
        true => (i128::from_le_bytes(buf) << unused) >> unused,
        false => i128::from_le_bytes(buf),
    }
}

/// An unsigned number of 16 bytes does not fit into an `i128`.
pub(super) fn decimal(number: i128, signed: bool) -> String {
    match signed {
        true => number.to_string(),
        false => (number as u128).to_string(),
    }
}

/// A float of 4 or 8 little-endian bytes, with as many digits as tell it from its neighbours.
pub(super) fn float(bytes: &[u8]) -> Option<String> {
    match bytes {
        [a, b, c, d] => {
            let bits = u32::from_le_bytes([*a, *b, *c, *d]);
            Some(general(f32::from_bits(bits).into(), 9, u64::from(bits & 0x007f_ffff)))
        }
        [a, b, c, d, e, f, g, h] => {
            let bits = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            Some(general(f64::from_bits(bits), 17, bits & 0x000f_ffff_ffff_ffff))
        }
        _ => None,
    }
}

/// C's `%.<digits>g`.
fn general(value: f64, digits: usize, mantissa: u64) -> String {
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_nan() {
        return format!("{sign}nan({mantissa:#x})");
    }
    if value.is_infinite() {
        return format!("{sign}inf");
    }
    let scientific = format!("{:.*e}", digits.saturating_sub(1), value);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let short = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if exponent < -4 || exponent >= digits as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", short(mantissa), exponent.abs());
    }
    let places = (digits as i32 - 1 - exponent).max(0) as usize;
    short(&format!("{value:.places$}"))
}

/// A byte as C writes it between quotes.
pub(super) fn escaped(byte: u8, quote: char) -> String {
    match byte {
        b'\n' => "\\n".into(),
        b'\r' => "\\r".into(),
        b'\t' => "\\t".into(),
        7 => "\\a".into(),
        8 => "\\b".into(),
        11 => "\\v".into(),
        12 => "\\f".into(),
        b'\\' => "\\\\".into(),
        b if char::from(b) == quote => format!("\\{quote}"),
        0x20..=0x7e => char::from(byte).to_string(),
        _ => format!("\\{byte:03o}"),
    }
}

/// A character as Rust writes it between quotes.
pub(super) fn rust_char(c: char) -> String {
    match c {
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        '\0' => "\\0".into(),
        '\'' => "\\'".into(),
        '\\' => "\\\\".into(),
        // GDB 18 shows what can be shown; 13.1 writes all but ASCII as \u{01f4a9}.
        _ if !c.is_control() => c.to_string(),
        _ => format!("\\x{:02x}", u32::from(c)),
    }
}

/// A text between quotes; where one character comes many times, it is counted:
/// `"ab", 'c' <repeats 20 times>`.
pub(super) fn quoted(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.is_ascii()
        && text.chars().all(|c| !c.is_control() && !matches!(c, '"' | '\\'))
    {
        return format!("\"{text}\"");
    }
    let mut parts: Vec<String> = Vec::new();
    let mut plain = String::new();
    for run in bytes.chunk_by(|a, b| a == b) {
        let Some(byte) = run.first() else { continue };
        if run.len() as u64 > REPEATS {
            if !plain.is_empty() {
                parts.push(format!("\"{}\"", std::mem::take(&mut plain)));
            }
            parts.push(format!("'{}' <repeats {} times>", escaped(*byte, '\''), run.len()));
        } else {
            run.iter().for_each(|byte| plain.push_str(&escaped(*byte, '"')));
        }
    }
    if !plain.is_empty() || parts.is_empty() {
        parts.push(format!("\"{plain}\""));
    }
    parts.join(", ")
}

/// The value of an enumeration: a name, flags (`(A | B)`), or the number.
pub(super) fn enumerator(all: &[(String, i128)], number: i128, scope: &str) -> String {
    let named = |name: &str| match scope {
        "" => name.to_string(),
        scope => format!("{scope}::{name}"),
    };
    if let Some((name, _)) = all.iter().find(|(_, value)| *value == number) {
        return named(name);
    }
    // Flags are values whose bits don't overlap.
    let mut seen = 0i128;
    let disjoint = all.iter().all(|(_, value)| {
        let free = *value >= 0 && seen & value == 0;
        seen |= value;
        free
    });
    if !disjoint || all.is_empty() || number <= 0 {
        return number.to_string();
    }
    let mut rest = number;
    let mut text = String::new();
    for (name, value) in all.iter().filter(|(_, value)| *value != 0) {
        if number & value == *value {
            let _ = write!(text, "{}{}", if text.is_empty() { "" } else { " | " }, named(name));
            rest &= !value;
        }
    }
    if rest != 0 {
        let _ = write!(text, "{}unknown: {rest:#x}", if text.is_empty() { "" } else { " | " });
    }
    format!("({text})")
}

#[cfg(test)]
mod tests {
    use super::*;

    // As GDB 13.1 prints them.
    #[test]
    fn floats_have_the_digits_of_gdb() {
        let single = |value: f32| float(&value.to_le_bytes()).expect("four bytes");
        let double = |value: f64| float(&value.to_le_bytes()).expect("eight bytes");
        assert_eq!(single(0.1), "0.100000001");
        assert_eq!(single(2.5), "2.5");
        assert_eq!(double(0.1), "0.10000000000000001");
        assert_eq!(double(1e300), "1.0000000000000001e+300");
        assert_eq!(double(-2e-7), "-1.9999999999999999e-07");
        assert_eq!(double(100.0), "100");
        assert_eq!(single(f32::NAN), "nan(0x400000)");
        assert_eq!(double(f64::NEG_INFINITY), "-inf");
    }

    #[test]
    fn texts_are_quoted_as_c_does() {
        assert_eq!(quoted(b"it's \"x\"\n\x01"), "\"it's \\\"x\\\"\\n\\001\"");
        assert_eq!(quoted(b"ab\xff\xff"), "\"ab\\377\\377\"");
        assert_eq!(quoted(b"aaaaaaaaaaaaaaaaaaaabc"), "'a' <repeats 20 times>, \"bc\"");
        assert_eq!(quoted("grün".as_bytes()), "\"grün\"");
        assert_eq!(quoted(b""), "\"\"");
    }

    #[test]
    fn enumerations_may_be_flags() {
        let list = |all: &[(&str, i128)]| {
            all.iter().map(|(name, value)| ((*name).to_string(), *value)).collect::<Vec<_>>()
        };
        let flags = list(&[("A", 1), ("B", 2), ("C", 4)]);
        assert_eq!(enumerator(&flags, 2, ""), "B");
        assert_eq!(enumerator(&flags, 5, ""), "(A | C)");
        assert_eq!(enumerator(&flags, 9, "ns"), "(ns::A | unknown: 0x8)");
        assert_eq!(enumerator(&flags, 0, ""), "0");
        assert_eq!(enumerator(&list(&[("A", 1), ("B", 3)]), 2, ""), "2");
    }
}
