//! Long texts, cut into pieces that are looked at one after the other: a log of a gigabyte takes no
//! more memory than one of some megabytes.
//!
//! A piece ends where no crash is being told: in the longest run of lines without the numbers that
//! crashes are full of. The last piece comes first, as the last crash is the one that is wanted.

use std::ops::Range;

/// Longer texts are cut.
pub const LONG: usize = 16 << 20;
/// What one piece has at least, but for the first of the text.
const PIECE: usize = 8 << 20;
/// So much is looked at for a place to cut at.
const SEARCH: usize = 1 << 20;
/// So many lines without numbers tell that no crash is going on.
const QUIET: usize = 20;
/// What has no quiet place for so long is cut anywhere: a dump printed in digits may be long.
const MOST: usize = 64 << 20;
/// No word of a log is longer; lines of base64 and of digits are.
const LONGEST_WORD: usize = 40;
/// What is looked at to tell the encoding.
const SAMPLE: usize = 4096;

/// The pieces of a text, the last one first.
pub fn windows(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let is_wide = super::decode::utf16(text.get(..SAMPLE).unwrap_or(text)).is_some();
    let mut end = text.len();
    std::iter::from_fn(move || {
        let piece = match end {
            0 => return None,
            end if end <= PIECE.saturating_add(PIECE / 2) => 0..end,
            end => start_before(text, end, is_wide)..end,
        };
        end = piece.start;
        Some(piece)
    })
}

/// Where a piece that ends at `end` begins.
fn start_before(text: &[u8], end: usize, is_wide: bool) -> usize {
    let mut best = (0, 0);
    let mut upper = end.saturating_sub(PIECE);
    while upper > 0 && end.saturating_sub(upper) < MOST {
        let lower = upper.saturating_sub(SEARCH);
        let place = quiet_place(text.get(lower..upper).unwrap_or_default(), is_wide);
        if let Some((at, lines)) = place.filter(|(_, lines)| *lines > best.1) {
            best = (lower.saturating_add(at), lines);
        }
        if best.1 >= QUIET {
            break;
        }
        upper = lower;
    }
    match best {
        (at, 1..) => at,
        _ => end_of_line(text, end.saturating_sub(PIECE), is_wide).unwrap_or(0),
    }
}

/// The middle of the longest run of lines without numbers, and how many lines it has.
fn quiet_place(text: &[u8], is_wide: bool) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    // Beginnings of the lines of the run that goes on.
    let mut run: Vec<usize> = Vec::new();
    // The first line is cut.
    let mut at = end_of_line(text, 0, is_wide)?;
    while let Some(next) = end_of_line(text, at, is_wide) {
        match is_busy(text.get(at..next).unwrap_or_default()) {
            true => run.clear(),
            false => run.push(at),
        }
        if best.is_none_or(|(_, lines)| lines < run.len()) {
            best = run.get(run.len() / 2).map(|middle| (*middle, run.len()));
        }
        at = next;
    }
    best
}

/// Behind the end of the line that `from` is in.
fn end_of_line(text: &[u8], from: usize, is_wide: bool) -> Option<usize> {
    let end = memchr::memchr(b'\n', text.get(from..)?)?.saturating_add(from).saturating_add(1);
    // Either byte of UTF-16's line feed may be the zero.
    let end = if is_wide { end.next_multiple_of(2) } else { end };
    (end <= text.len()).then_some(end)
}

/// Whether a line has two numbers of an address' length, or a word that is too long for one: what crashes
/// and dumps are made of.
pub fn is_busy(line: &[u8]) -> bool {
    let (mut numbers, mut word, mut digits) = (0usize, 0usize, 0usize);
    for byte in line.iter().copied().filter(|byte| *byte != 0).chain([b'\n']) {
        if byte.is_ascii_alphanumeric() || b"+/".contains(&byte) {
            word = word.saturating_add(1);
            digits = digits.saturating_add(usize::from(byte.is_ascii_hexdigit()));
            continue;
        }
        let is_number = word >= 8 && digits.saturating_add(1) >= word;
        numbers = numbers.saturating_add(usize::from(is_number));
        if word >= LONGEST_WORD || numbers >= 2 {
            return true;
        }
        (word, digits) = (0, 0);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(crash_at: usize, len: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < crash_at {
            text.extend_from_slice(b"I (1234) sensor: reading 17 ok, heap 0x3ffb1234\n");
        }
        for _ in 0..2000 {
            text.extend_from_slice(b"A0 : 0x3ffb1234  A1 : 0x3ffb1238  A2 : 0x00000000\n");
        }
        while text.len() < len {
            text.extend_from_slice(b"I (1234) sensor: reading 17 ok, heap 0x3ffb1234\n");
        }
        text
    }

    #[test]
    fn the_pieces_are_the_text_and_none_is_cut_in_a_crash() {
        let text = log(LONG + (30 << 10), 2 * LONG + SEARCH);
        let mut end = text.len();
        for piece in windows(&text) {
            assert_eq!(piece.end, end);
            end = piece.start;
            if end > 0 {
                let before = text.get(end.saturating_sub(60)..end).unwrap();
                assert_eq!(before.last(), Some(&b'\n'));
                assert!(!before.windows(4).any(|word| word == b"A0 :"));
            }
        }
        assert_eq!(end, 0);
    }

    #[test]
    fn wide_characters_stay_whole() {
        let text: Vec<u8> = log(0, LONG).iter().flat_map(|byte| [*byte, 0]).collect();
        assert!(windows(&text).all(|piece| piece.start % 2 == 0 && piece.len() % 2 == 0));
        assert!(windows(&text).count() > 2);
    }
}
