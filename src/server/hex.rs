//! Hexadecimal digits, the protocol's way to write numbers and most data.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Both digits of every byte: one lookup a byte where memory is served in text.
static PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 0xf]];
        byte += 1;
    }
    pairs
};

/// Writes two digits for each of `bytes` to the end of `out`.
pub(crate) fn push(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    let (pairs, _) = out[start..].as_chunks_mut();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = PAIRS[usize::from(*byte)];
    }
}

/// Two digits for each of `bytes`.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| PAIRS[usize::from(*byte)]).map(char::from).collect()
}

/// The value of one digit.
pub(crate) fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The number that all of `digits` write; `None` if there are none, if one is no digit, or if the
/// number needs more than 64 bits.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |number, next| {
        let shifted = number.checked_mul(16)?;
        Some(shifted | u64::from(digit(*next)?))
    })
}

/// The bytes that pairs of `digits` write; `None` if one is no digit or one is left over.
pub(crate) fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// Two numbers with a comma between them: `addr,len`.
pub(crate) fn pair(text: &[u8]) -> Option<(u64, u64)> {
    let (first, second) = split(text, b',')?;
    Some((number(first)?, number(second)?))
}

/// What is before and behind the first `separator`.
pub(crate) fn split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(separator, text)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_to_sixteen_significant_digits() {
        assert_eq!(number(b"0"), Some(0));
        assert_eq!(number(b"fFfFfFfFfFfFfFfF"), Some(u64::MAX));
        assert_eq!(number(b"000000000000000000000001"), Some(1));
        assert_eq!(number(b"10000000000000000"), None);
        assert_eq!(number(b""), None);
        assert_eq!(number(b"-1"), None);
    }

    #[test]
    fn bytes_come_in_pairs_of_digits() {
        assert_eq!(bytes(b"00fFa5").as_deref(), Some(&[0, 0xff, 0xa5][..]));
        assert_eq!(bytes(b"").as_deref(), Some(&[][..]));
        assert_eq!(bytes(b"123"), None);
        assert_eq!(bytes(b"xx"), None);
        assert_eq!(text(&[0, 0xff, 0xa5]), "00ffa5");
    }

    #[test]
    fn a_pair_has_exactly_one_comma() {
        assert_eq!(pair(b"20000000,4"), Some((0x2000_0000, 4)));
        assert_eq!(pair(b"20000000"), None);
        assert_eq!(pair(b"1,2,3"), None);
    }
}
