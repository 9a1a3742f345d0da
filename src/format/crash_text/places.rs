//! Where in a log the crashes of a dialect are looked for: near the words that they begin with.
//!
//! A log may be as large as memory, and a crash is some lines of it. What is far from such a word is not
//! even cut into lines: a log that has none of them costs one search for each.

use crate::carrier::text::{Line, count_lines, lines_of};
use memchr::memmem::Finder;
use memchr::{memchr2, memrchr2, memrchr2_iter};

/// So many lines before such a word may belong to its crash; more than count, as empty ones are among them.
const LINES_BEFORE: usize = 40;
/// And no more bytes than that: an image of memory has no lines.
const BYTES_BEFORE: usize = 16 << 10;
/// What is looked at behind such a word at first.
const WINDOW: usize = 32 << 10;
/// So many times as much is looked at where the crash goes on.
const GROWTH: usize = 4;
/// A line that is longer is cut: it is no line.
const LONGEST_LINE: usize = 64 << 10;
/// No crash has so many lines, and each costs some forty bytes.
const MAX_LINES: usize = 1 << 19;

/// The places in `bytes`, from the first on.
pub(super) struct Places<'a> {
    bytes: &'a [u8],
    is_wanted: &'a dyn Fn(&str) -> bool,
    /// Words, and where each is next.
    words: Vec<(Finder<'a>, Option<usize>)>,
    /// What is before it is done with.
    at: usize,
    /// What is before it belongs to a crash already.
    free: usize,
    /// So many lines are before this place.
    counted: (usize, usize),
}

/// A part of the log: from shortly before a word on.
pub(super) struct Window {
    start: usize,
    word: usize,
    end: usize,
    lines_before: usize,
}

impl<'a> Places<'a> {
    /// The lines with one of `words` in them that `is_wanted`.
    pub(super) fn of(
        bytes: &'a [u8],
        words: impl Iterator<Item = &'a str>,
        is_wanted: &'a dyn Fn(&str) -> bool,
    ) -> Places<'a> {
        let first = |word: &'a str| {
            let finder = Finder::new(word);
            let next = finder.find(bytes);
            (finder, next)
        };
        let words = words.map(first).collect();
        Places { bytes, is_wanted, words, at: 0, free: 0, counted: (0, 0) }
    }

    /// Where one of the words is next.
    fn next_word(&mut self) -> Option<usize> {
        for (finder, next) in &mut self.words {
            let passed = next.is_some_and(|next| next < self.at);
            if passed {
                let found = self.bytes.get(self.at..).and_then(|rest| finder.find(rest));
                *next = found.map(|found| found.saturating_add(self.at));
            }
        }
        self.words.iter().filter_map(|(_, next)| *next).min().filter(|at| *at < self.bytes.len())
    }

    /// The lines around the next word.
    pub(super) fn next(&mut self) -> Option<Window> {
        let (word, ..) = self.next_line()?;
        let start = self.lines_before(word);
        let (counted, lines) = self.counted;
        let between = self.bytes.get(counted..start).unwrap_or_default();
        let lines_before = lines.saturating_add(count_lines(between));
        self.counted = (start.max(counted), lines_before);
        Some(Window { start, word, end: end_of_line(self.bytes, word, WINDOW), lines_before })
    }

    /// The next word, and the line that it is in.
    pub(super) fn next_line(&mut self) -> Option<(usize, Line<'a>)> {
        while let Some(word) = self.next_word() {
            let first = word.saturating_sub(LONGEST_LINE);
            let before = self.bytes.get(first..word).unwrap_or_default();
            let start = memrchr2(b'\n', b'\r', before).map_or(0, |end| end.saturating_add(1));
            let end = end_of_line(self.bytes, word, 0);
            self.at = end;
            let mut lines = lines_of(self.bytes, first.saturating_add(start)..end, 0);
            if let Some(line) = lines.next().filter(|line| (self.is_wanted)(&line.text)) {
                return Some((word, line));
            }
        }
        None
    }

    /// The beginning of the last lines before `word` that nobody has taken.
    fn lines_before(&self, word: usize) -> usize {
        let first = self.free.max(self.counted.0).max(word.saturating_sub(BYTES_BEFORE));
        let before = self.bytes.get(first..word).unwrap_or_default();
        let is_end = |at: &usize| before.get(*at..).is_some_and(|rest| !rest.starts_with(b"\r\n"));
        match memrchr2_iter(b'\n', b'\r', before).filter(is_end).nth(LINES_BEFORE) {
            Some(end) => first.saturating_add(end).saturating_add(1),
            None => first,
        }
    }

    /// Goes on behind `window`, whose last crash ends at `free`.
    pub(super) fn go_on_behind(&mut self, window: &Window, free: Option<usize>) {
        self.at = window.end;
        self.free = free.unwrap_or(self.free);
    }
}

impl Window {
    /// The lines, and which of them the word is in.
    pub(super) fn lines<'a>(&self, bytes: &'a [u8]) -> (Vec<Line<'a>>, usize) {
        // Room for all of them at once: growing takes twice as much.
        let count = count_lines(bytes.get(self.start..self.end).unwrap_or_default());
        let mut lines: Vec<Line<'a>> = Vec::with_capacity(count.saturating_add(1).min(MAX_LINES));
        lines.extend(lines_of(bytes, self.start..self.end, self.lines_before).take(MAX_LINES));
        let first = lines.partition_point(|line| line.at <= self.word).saturating_sub(1);
        (lines, first)
    }

    /// Makes it larger; false if it is as large as it can be. `lines`: how many it has.
    pub(super) fn grow(&mut self, bytes: &[u8], lines: usize) -> bool {
        if self.end >= bytes.len() || lines >= MAX_LINES {
            return false;
        }
        let len = self.end.saturating_sub(self.word).saturating_mul(GROWTH);
        self.end = end_of_line(bytes, self.word, len);
        true
    }
}

/// Behind the line that is `len` bytes behind `from`.
fn end_of_line(bytes: &[u8], from: usize, len: usize) -> usize {
    let at = from.saturating_add(len).min(bytes.len());
    let rest = bytes.get(at..).unwrap_or_default();
    let rest = rest.get(..LONGEST_LINE).unwrap_or(rest);
    let end = memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
    let behind = rest.get(end..).unwrap_or_default();
    let mark = if behind.starts_with(b"\r\n") { 2 } else { behind.len().min(1) };
    at.saturating_add(end).saturating_add(mark)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "test data is ours")]
mod tests {
    use super::*;

    #[test]
    fn lines_around_each_word_are_looked_at_and_numbered_as_in_the_log() {
        let filler = "noise\r\n".repeat(20_000);
        let log = format!("{filler}one PANIC\n{filler}\n\ntwo PANIC\nlast");
        let bytes = log.as_bytes();
        let mut places =
            Places::of(bytes, ["PANIC", "OOPS", "last"].into_iter(), &|text| text != "last");
        let mut seen = Vec::new();
        while let Some(window) = places.next() {
            let (lines, first) = window.lines(bytes);
            seen.push((lines[first].number, lines[first].text.to_string()));
            assert!(lines[0].number + 42 > lines[first].number, "{}", lines[0].number);
            assert!(lines.len() < 5000, "{}", lines.len());
            places.go_on_behind(&window, None);
        }
        let wanted = [(20_001, "one PANIC"), (40_004, "two PANIC")];
        assert_eq!(seen, wanted.map(|(number, text)| (number, text.to_string())));
    }

    #[test]
    fn a_window_grows_up_to_the_end() {
        let log = format!("PANIC\n{}", "row\n".repeat(100_000));
        let bytes = log.as_bytes();
        let mut window = Places::of(bytes, ["PANIC"].into_iter(), &|_| true).next().unwrap();
        assert!(window.grow(bytes, 10) && window.grow(bytes, 10));
        assert_eq!(window.lines(bytes).0.len(), 100_001);
        assert!(!window.grow(bytes, 10));
    }
}
