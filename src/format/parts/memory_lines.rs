//! Lines of memory as debuggers and tools print them.
//!
//! | tool             | line                                                    |
//! | GDB `x`          | `0x20000000 <symbol+4>:  0x00000008  0xfffffff7`        |
//! | J-Link `mem`     | `20000000 = 08 00 00 00 ...`; `mem32`: `20000000 = 00000008` |
//! | OpenOCD `mdw`    | `0x20000000: 00000008 fffffff7`                         |
//! | pyOCD `read32`   | `20000000:  00000008 fffffff7    |....|`                |
//! | xxd              | `00000000: 0800 0000 f7ff ffff  ........`: bytes in pairs |
//! | hexdump -C       | `00000000  08 00 00 00  f7 ff ff ff  |........|`        |
//!
//! A number of 2 digits is a byte, a longer one a little-endian word of that width; but what
//! xxd prints in pairs are bytes.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

/// What tools print on one line at most.
const MOST_BYTES: usize = 64;

/// Address and bytes of a line; `None` if it is no line of memory.
pub(in crate::format) fn parse(line: &str) -> Option<(u64, Vec<u8>)> {
    let (prefixed, body) = match line.strip_prefix("0x").or_else(|| line.strip_prefix("0X")) {
        Some(body) => (true, body),
        None => (false, line),
    };
    let digits = body.bytes().take_while(u8::is_ascii_hexdigit).count();
    if !(if prefixed { 4..=16 } else { 8..=16 }).contains(&digits) {
        return None;
    }
    let (addr, rest) = body.split_at_checked(digits)?;
    let addr = u64::from_str_radix(addr, 16).ok()?;
    // GDB's symbol may have brackets in it: `<std::vector<int>::size() const+4>`.
    let rest = match rest.trim_start().starts_with('<') {
        true => rest.get(rest.rfind(">:")?.checked_add(1)?..)?,
        false => rest,
    };
    let (colon, words) = match rest.trim_start() {
        r if r.starts_with(':') => (true, r.get(1..)?),
        r if r.starts_with('=') => (false, r.get(1..)?),
        // hexdump -C has nothing but blanks there; only whole lines of bytes are believed.
        _ if rest.starts_with("  ") && !prefixed => {
            let bytes = words(rest, false)?;
            return (bytes.len() >= 8 && rest.contains('|')).then_some((addr, bytes));
        }
        _ => return None,
    };
    // Program counters with their stack pointers: `0x40081109:0x3ffb4ec0 0x4008a6ed:0x3ffb4ee0`.
    let is_pair = |word: &str| word.starts_with("0x") && word.contains(":0x");
    if colon
        && words.starts_with("0x")
        && words.split(' ').all(|w| w.is_empty() || w.starts_with("0x"))
        && words.split(' ').any(is_pair)
    {
        return None;
    }
    Some((addr, self::words(words, colon && !prefixed)?))
}

/// The bytes that the numbers of `text` stand for, up to the first that is not like the others.
fn words(text: &str, pairs_are_bytes: bool) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut width = None;
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches([' ', ',']);
        // What stands behind a gap is a column of characters, but for hexdump's gap in the middle.
        let gap = rest.len().saturating_sub(trimmed.len()) >= 2
            && width == Some(2)
            && !trimmed.starts_with("0x");
        if gap && bytes.len() != 8 && !bytes.is_empty() {
            break;
        }
        let token = trimmed.split([' ', ',']).next().unwrap_or_default();
        rest = trimmed.get(token.len()..).unwrap_or_default();
        let digits = token.strip_prefix("0x").unwrap_or(token);
        let like_others = width.is_none_or(|width| width == digits.len());
        if !matches!(digits.len(), 2 | 4 | 8 | 16)
            || !like_others
            || !digits.bytes().all(|b| b.is_ascii_hexdigit())
            || bytes.len() >= MOST_BYTES
            || (digits.len() == 2 && bytes.len() >= 16 && !token.starts_with("0x"))
        {
            break;
        }
        width = Some(digits.len());
        let value = u64::from_str_radix(digits, 16).ok()?;
        let in_order = digits.len() == 2 || (pairs_are_bytes && digits.len() == 4);
        let word = if in_order {
            value
                .checked_shl(
                    u32::try_from(64usize.checked_sub(4usize.checked_mul(digits.len())?)?).ok()?,
                )?
                .to_be_bytes()
        } else {
            value.to_le_bytes()
        };
        bytes.extend_from_slice(word.get(..digits.len().checked_div(2)?)?);
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_values_and_pairs_of_xxd_are_bytes() {
        let cases: [(&str, u64, &[u8]); 9] = [
            (
                "0x20000000 <g_point>: 0x00000008 0xfffffff7",
                0x2000_0000,
                b"\x08\0\0\0\xf7\xff\xff\xff",
            ),
            ("0x20000010 <a<b>::c(int)+4>: 0x0102", 0x2000_0010, b"\x02\x01"),
            ("20000000 = 08 00 00 F7  ....", 0x2000_0000, b"\x08\0\0\xf7"),
            ("20000000 = 00000008 FFFFFFF7", 0x2000_0000, b"\x08\0\0\0\xf7\xff\xff\xff"),
            ("0x20000000: 00000008 ", 0x2000_0000, b"\x08\0\0\0"),
            ("00000010: 0800 f7ff  ..", 0x10, b"\x08\0\xf7\xff"),
            (
                "20000000:  00000008 fffffff7    |........|",
                0x2000_0000,
                b"\x08\0\0\0\xf7\xff\xff\xff",
            ),
            (
                "00000000  08 00 00 00 01 02 03 04  f7 |.........|",
                0,
                b"\x08\0\0\0\x01\x02\x03\x04\xf7",
            ),
            ("0x20000000:  0x08  0x00", 0x2000_0000, b"\x08\0"),
        ];
        for (line, addr, bytes) in cases {
            assert_eq!(parse(line), Some((addr, bytes.to_vec())), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_memory() {
        for line in [
            "20:15:01 started",
            "12345678 bytes",
            "0x20: 12",
            "r0 0x20000000 5",
            "deadbeef",
            "",
            "0x40081109:0x3ffb4ec0 0x4008a6ed:0x3ffb4ee0",
        ] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
