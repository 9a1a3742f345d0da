//! Where in a console that never ends the next crash may be, in bounded memory.
//!
//! The scanner keeps the last lines and says when they are worth a look by the engine that reads whole
//! logs. It decides nothing: a look finds a crash or not. A line opens a crash where a crash text or a
//! dump may begin; it is complete at
//!
//! * the end mark of a dump,
//! * the banner of the next start,
//! * a time without a byte,
//! * [`CALM`] lines without the numbers that crashes are full of,
//! * the end of the source.
//!
//! Of a crash that was told more may come (the other core, the dump behind the text): the lines stay for
//! a second look until the device starts again or [`OVER`] lines came.

use crate::format::crash_text;
use crate::open::CARRIERS;
use crate::text::is_busy;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;
use std::time::Duration;

/// What stands above a crash is kept with it, up to this.
const ABOVE: usize = 64 << 10;
/// No crash is longer, with its dump.
const LONGEST: usize = 32 << 20;
/// A line without an end is cut.
const LONGEST_LINE: usize = 64 << 10;
/// So many lines without numbers end a crash.
const CALM: usize = 20;
/// After so many lines nothing more belongs to a crash that was told.
const OVER: usize = 400;
/// So many lines that look like a crash are looked at even though there are more.
const ENOUGH: usize = 2000;
/// A device that says nothing for so long has said all.
const QUIET: Duration = Duration::from_millis(150);
/// In the middle of a dump it may be erasing flash.
const QUIET_IN_DUMP: Duration = Duration::from_secs(2);

/// The lines that may hold the next crash.
#[derive(Default)]
pub(super) struct Scanner {
    window: Vec<u8>,
    /// The line that has no end yet.
    partial: Vec<u8>,
    /// A crash may have begun in the window.
    open: bool,
    /// It holds what no look has seen.
    news: bool,
    /// A dump has begun and not ended.
    in_dump: bool,
    /// A crash in the window was told.
    told: bool,
    /// The window was begun anew since the last look.
    fresh: bool,
    /// How often it was.
    number: u64,
    /// Lines without numbers since the last one with some.
    calm: usize,
    /// Lines since the last look, or since the crash began.
    lines: usize,
}

/// What a line makes of the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing to do.
    Nothing,
    /// The window is worth a look, before the line is taken.
    Before,
    /// And after it.
    After,
}

impl Scanner {
    /// Takes bytes up to the end of the first line in them, or all. How many it took, and whether a look
    /// is due: before this line, whose bytes are then not taken yet, or after it.
    pub(super) fn take(&mut self, bytes: &[u8]) -> (usize, Due) {
        let room = LONGEST_LINE.saturating_sub(self.partial.len()).max(1);
        let end = memchr::memchr(b'\n', bytes).map(|at| at + 1);
        let len = end.unwrap_or(bytes.len()).min(room);
        let piece = bytes.get(..len).unwrap_or_default();
        if end != Some(len) && self.partial.len() + len < LONGEST_LINE {
            self.partial.extend_from_slice(piece);
            return (len, Due::Nothing);
        }
        let mut line = std::mem::take(&mut self.partial);
        let before = line.len();
        line.extend_from_slice(piece);
        let is_banner = (self.open || self.told) && is_banner(&line);
        if is_banner && self.open && self.news {
            line.truncate(before);
            self.partial = line;
            return (0, Due::Before);
        }
        if is_banner {
            self.begin_anew();
        }
        let due = self.add(&line);
        line.clear();
        self.partial = line;
        (len, due)
    }

    fn add(&mut self, line: &[u8]) -> Due {
        self.window.extend_from_slice(line);
        let marks = marks_in(line);
        let begins = marks.begin || marks.row || (!marks.end && may_begin(line));
        if begins {
            self.open = true;
            self.in_dump |= marks.begin;
        }
        if !self.open {
            self.forget_old();
            return Due::Nothing;
        }
        self.lines += 1;
        if begins || is_busy(line) || marks.end {
            (self.news, self.calm) = (true, 0);
        } else {
            self.calm += 1;
        }
        if marks.end && self.in_dump {
            self.in_dump = false;
            return Due::After;
        }
        // Its end was lost, or it was none.
        self.in_dump &= self.calm < OVER;
        if self.window.len() > LONGEST {
            self.begin_anew();
            return Due::Nothing;
        }
        if self.told && self.lines > OVER && (!self.news || self.lines >= ENOUGH) {
            self.begin_anew();
            return Due::Nothing;
        }
        let enough = self.calm >= CALM || self.lines >= ENOUGH;
        if self.news && !self.in_dump && enough { Due::After } else { Due::Nothing }
    }

    /// How long a silence makes a look due.
    pub(super) fn patience(&self) -> Option<Duration> {
        let quiet = if self.in_dump { QUIET_IN_DUMP } else { QUIET };
        (self.open && self.news).then_some(quiet)
    }

    /// Whether a look is due if nothing more comes.
    pub(super) fn is_due_at_end(&self) -> bool {
        (self.open && self.news) || may_begin(&self.partial)
    }

    /// What to look at, and whether none of it was in the look before.
    pub(super) fn text(&mut self) -> (Vec<u8>, bool) {
        let text = [self.window.as_slice(), &self.partial].concat();
        (self.news, self.in_dump) = (false, false);
        (self.lines, self.calm) = (0, 0);
        (text, std::mem::replace(&mut self.fresh, false))
    }

    /// A look at the window of this [`Scanner::number`] has an answer: whether there was a crash.
    pub(super) fn looked(&mut self, number: u64, found: bool) {
        if number != self.number {
            return;
        }
        self.told |= found;
        // What came while it was looked at may be the beginning of one.
        self.open = self.told || self.news;
    }

    /// Which window this is.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The device starts again, or the crash is over: nothing of before belongs to what follows.
    pub(super) fn begin_anew(&mut self) {
        self.window = Vec::new();
        (self.open, self.news, self.in_dump, self.told) = (false, false, false, false);
        (self.lines, self.calm) = (0, 0);
        self.fresh = true;
        self.number += 1;
    }

    /// Keeps the last lines only.
    fn forget_old(&mut self) {
        if self.window.len() < 2 * ABOVE {
            return;
        }
        let from = self.window.len() - ABOVE;
        let end = memchr::memchr(b'\n', self.window.get(from..).unwrap_or_default());
        self.window.drain(..from + end.map_or(0, |at| at + 1));
        // A window that once held a dump of megabytes gives them back.
        self.window.shrink_to(4 * ABOVE);
    }

    /// How many bytes it holds.
    #[cfg(test)]
    fn held(&self) -> usize {
        self.window.capacity() + self.partial.capacity()
    }
}

/// Whether a crash text may begin with this line.
fn may_begin(line: &[u8]) -> bool {
    crash_text::begins(line)
}

fn is_banner(line: &[u8]) -> bool {
    crash_text::is_banner(&String::from_utf8_lossy(line))
}

/// Which words of dumps a line has in it.
#[derive(Default)]
struct Seen {
    /// One comes, and its end will be said.
    begin: bool,
    /// A row of one of which nothing says the end.
    row: bool,
    /// One has ended.
    end: bool,
}

#[derive(Clone, Copy)]
enum Mark {
    Begin,
    Row,
    End,
}

/// One automaton for the words between which dumps stand on consoles, and what each means.
static MARKS: LazyLock<Option<(AhoCorasick, Vec<Mark>)>> = LazyLock::new(|| {
    let all = CARRIERS.iter().filter_map(|carrier| carrier.marks());
    let words = all.flat_map(|marks| {
        let begin = if marks.end.is_empty() { Mark::Row } else { Mark::Begin };
        let begins = marks.begin.iter().map(move |word| (begin, *word));
        begins.chain(marks.end.iter().map(|word| (Mark::End, *word)))
    });
    let (kinds, words): (Vec<Mark>, Vec<&str>) = words.unzip();
    Some((AhoCorasick::new(words).ok()?, kinds))
});

fn marks_in(line: &[u8]) -> Seen {
    let mut seen = Seen::default();
    let Some((automaton, kinds)) = &*MARKS else { return seen };
    for found in automaton.find_overlapping_iter(line) {
        match kinds.get(found.pattern().as_usize()) {
            Some(Mark::Begin) => seen.begin = true,
            Some(Mark::Row) => seen.row = true,
            Some(Mark::End) => seen.end = true,
            None => {}
        }
    }
    seen.begin &= !seen.end;
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds a text; what was in the window at each look. A look finds what has `found` in it.
    fn looks(scanner: &mut Scanner, text: &[u8], found: &str) -> Vec<String> {
        let mut at = 0;
        let mut all = Vec::new();
        while at < text.len() {
            let (len, due) = scanner.take(&text[at..]);
            at += len;
            if due != Due::Nothing {
                let (seen, _) = scanner.text();
                let seen = String::from_utf8_lossy(&seen).into_owned();
                scanner.looked(scanner.number(), seen.contains(found));
                all.push(seen);
                if due == Due::Before {
                    scanner.begin_anew();
                }
            }
        }
        all
    }

    const PANIC: &str = "Guru Meditation Error: Core  0 panic'ed (Load access fault). \r\n\
        Core  0 register dump:\r\n\
        MEPC    : 0x42013c20  RA      : 0x42013bd4  SP      : 0x3fc9a6f0  GP      : 0x3fc8c000  \r\n";

    #[test]
    fn a_crash_is_looked_at_when_the_device_starts_again() {
        let text = format!("I (1) app: on\r\n{PANIC}\r\nESP-ROM:esp32c3-api1-20210207\r\nnext\r\n");
        let mut scanner = Scanner::default();
        let seen = looks(&mut scanner, text.as_bytes(), "Guru");
        assert_eq!(seen, [format!("I (1) app: on\r\n{PANIC}\r\n")]);
        assert!(!scanner.is_due_at_end());
        assert_eq!(scanner.text().0, b"ESP-ROM:esp32c3-api1-20210207\r\nnext\r\n");
    }

    #[test]
    fn a_crash_is_looked_at_after_quiet_lines_and_again_when_more_comes() {
        let quiet = "I (2) app: nothing to say\r\n".repeat(CALM);
        let text = format!("{PANIC}{quiet}");
        let mut scanner = Scanner::default();
        assert_eq!(looks(&mut scanner, text.as_bytes(), "Guru").len(), 1);
        assert_eq!(scanner.patience(), None);
        let more = format!("A0 : 0x3ffb1234  A1 : 0x3ffb1238\r\n{quiet}");
        let seen = looks(&mut scanner, more.as_bytes(), "Guru");
        assert!(seen.len() == 1 && seen[0].starts_with(PANIC), "{seen:?}");
        let long = "I (2) app: nothing to say\r\n".repeat(OVER + 1);
        assert!(looks(&mut scanner, long.as_bytes(), "Guru").is_empty());
        assert!(!scanner.told && scanner.window.len() < long.len());
    }

    #[test]
    fn in_a_dump_nobody_looks_before_its_end() {
        let rows =
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n".repeat(3000);
        let text = format!(
            "================= CORE DUMP START =================\r\n{rows}\
             ================= CORE DUMP END =================\r\n"
        );
        let mut scanner = Scanner::default();
        assert_eq!(looks(&mut scanner, text.as_bytes(), "CORE"), [text]);
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let mut scanner = Scanner::default();
        for piece in [
            &b"I (1234) sensor: reading 17 ok, heap 0x3ffb1234\n"[..],
            b"Guru Meditation Error: Core  0 panic'ed (x)\n",
            b"no line feed at all ",
            b"================= CORE DUMP START =================\n",
            b"\n",
        ] {
            for _ in 0..(3 << 20) / piece.len() {
                let _ = looks(&mut scanner, piece, "nothing");
            }
            assert!(scanner.held() <= 2 * LONGEST, "{}", scanner.held());
        }
        scanner.begin_anew();
        assert!(scanner.held() < 1 << 20);
    }
}
