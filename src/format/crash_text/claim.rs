//! Where the crashes of a dialect are in a log: from its first line, and what says shortly before it what
//! happened, up to its end, a boot banner, or the next one.

use super::Dialect;
use super::crash::Crash;
use super::pattern::{Captures, find, find_all, fixed, literal};
use super::places::Places;
use super::starting;
use crate::budget::MOST_PIECES;
use crate::carrier::text::Line;
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;
use std::cell::LazyCell;

/// What devices print when they start: no line after it is of the crash.
const BANNERS: &[&str] = &[
    "*** Booting ",
    "***** Booting ",
    "ESP-ROM:",
    "Saved PC:",
    "rst:0x",
    "ets Jan",
    "ets Jun",
    "ets Jul",
    "U-Boot 20",
    "U-Boot SPL",
];
/// Whether a crash may begin with this line, by some dialect's table.
pub fn begins(line: &[u8]) -> bool {
    let marked = super::several::marked(line, std::slice::from_ref(&(0..line.len())));
    if marked.is_empty() {
        return false;
    }
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    marked.iter().any(|dialect| dialect.start(line).is_some() || dialect.is_weak_start(line))
}

/// Whether a device prints this line when it starts.
pub fn is_banner(line: &str) -> bool {
    BANNERS.iter().any(|banner| line.contains(banner))
}

/// How far before the first line of a crash its title may stand.
const LINES_BEFORE: usize = 12;
/// How far behind the end of a crash what goes on with it may stand.
const LINES_BETWEEN: usize = 8;
/// A crash of which no line was for so long is over.
const LINES_OF_OTHERS: usize = 400;
/// Of more crashes the first ones are forgotten on the way: nobody looks at them.
const MOST_BLOCKS: usize = 2 * MOST_PIECES + 1;
/// The same line so soon is not the next crash.
const NEAR: usize = 3;

/// By this name a piece has the chip that the log names outside of the crash.
pub(super) const CHIP: &str = "chip";

/// The lines of one crash.
pub(super) struct Block<'a> {
    first: usize,
    /// Behind the last line that said something.
    end: usize,
    /// Its last line ends it.
    ended: bool,
    /// Which of the starts were seen in it, and where first.
    seen: Vec<(usize, usize)>,
    pub crash: Crash<'a>,
}

/// The crashes that begin in the lines of a log from the line `from` on, and whether the last one may go
/// on behind them.
pub(super) fn blocks<'a>(
    dialect: &Dialect,
    all: &'a [Line<'_>],
    from: usize,
) -> (Vec<Block<'a>>, bool) {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    let mut open = false;
    // Where the last one ended, as long as it may go on.
    let mut ended: Option<usize> = None;
    for (index, line) in all.iter().enumerate().skip(from) {
        let text = &*line.text;
        let start = dialect.start(text);
        let last = blocks.last();
        if last.is_some_and(|last| index.saturating_sub(last.end) > LINES_OF_OTHERS) {
            open = false;
        }
        ended = ended.filter(|ended| index.saturating_sub(*ended) <= LINES_BETWEEN);
        let goes_on = !open && ended.is_some() && any(dialect.goes_on, text);
        let begins = match last.filter(|_| open) {
            None => (start.is_some() || dialect.is_weak_start(text)) && !goes_on,
            Some(last) => last.is_over_at(dialect, index, start, text),
        };
        if begins {
            let free = last.map_or(0, |last| last.end);
            let above = index.saturating_sub(LINES_BEFORE).max(free);
            let titled = (above..index)
                .find(|at| all.get(*at).is_some_and(|line| any(dialect.above, &line.text)));
            let first = titled.unwrap_or(index);
            let mut crash = Crash::default();
            for line in all.get(first..index).unwrap_or_default() {
                crash.take(dialect, &line.text);
            }
            if blocks.len() > MOST_BLOCKS {
                blocks.drain(..MOST_PIECES);
            }
            blocks.push(Block { first, end: index, ended: false, seen: Vec::new(), crash });
            open = true;
        }
        let Some(block) = blocks.last_mut().filter(|_| open || goes_on) else {
            if any(dialect.above, text) {
                ended = None;
            }
            continue;
        };
        open |= goes_on && start.is_some();
        if let Some(kind) = start.filter(|kind| block.seen.iter().all(|(k, _)| k != kind)) {
            block.seen.push((kind, index));
        }
        let end = any(dialect.ends, text);
        let is_weak = block.seen.is_empty();
        let is_next = !begins && is_weak && block.is_left_at(index) && any(dialect.above, text);
        if is_next || (!end && !begins && starts_another(dialect, text)) {
            open = false;
            continue;
        }
        if block.crash.take(dialect, text) || end {
            block.end = index.saturating_add(1);
            block.ended = end;
        }
        if end || is_banner(text) {
            open = false;
            ended = Some(index);
        }
    }
    for block in &mut blocks {
        let lines = all.get(block.first..block.end).unwrap_or_default();
        let texts = lines.iter().map(|line| &*line.text).collect();
        block.crash.finish(dialect, texts, block.ended);
    }
    let is_near = |line: &usize| all.len().saturating_sub(*line) <= LINES_BETWEEN;
    (blocks, open || ended.as_ref().is_some_and(is_near))
}

impl Block<'_> {
    /// Whether it has registers or a backtrace, and lines of others stand behind it: what begins a crash
    /// now is not of it.
    fn is_left_at(&self, index: usize) -> bool {
        self.crash.has_body() && index.saturating_sub(self.end) > NEAR
    }

    /// Whether the next crash begins, before this one has ended.
    fn is_over_at(
        &self,
        dialect: &Dialect,
        index: usize,
        start: Option<usize>,
        text: &str,
    ) -> bool {
        if self.crash.handler_faulted || any(dialect.nested, text) {
            return index.saturating_sub(self.first) > dialect.reach && start.is_some();
        }
        if dialect.again.is_empty() {
            let is_far = index.saturating_sub(self.first) > dialect.reach;
            let Some(kind) = start else {
                let crash = &self.crash;
                let had_memory = self.seen.is_empty() && !crash.rows.is_empty();
                let over = is_far || (had_memory && crash.others.is_empty());
                return over && dialect.is_weak_start(text);
            };
            let is_again =
                |(k, at): &(usize, usize)| *k == kind && index.saturating_sub(*at) >= NEAR;
            return is_far || self.is_left_at(index) || self.seen.iter().any(is_again);
        }
        let mut found = dialect.again.iter().filter_map(|pattern| find(pattern, text));
        found.next().is_some_and(|(found, _)| match found.number("core") {
            // Of each core there is one set of registers.
            Some(core) => self.crash.has_registers_of(core),
            None => self.crash.has_body(),
        })
    }
}

/// Whether a line begins another dialect's crash, in words of which this one's patterns know fewer.
fn starts_another(dialect: &Dialect, text: &str) -> bool {
    let named = |found: &Captures<'_>| found.text("name").map_or(0, str::len);
    let known = |pattern: &'static str| {
        let (all, _) = find_all(pattern, text, &|name| dialect.is_name(name));
        all.iter().map(|found| fixed(pattern).saturating_add(named(found))).max().unwrap_or(0)
    };
    let own = || dialect.rules.iter().map(|rule| rule.most(&known)).max().unwrap_or(0);
    let mut others = starting(text).into_iter().filter(|other| other.name != dialect.name);
    let start = |other: &Dialect| {
        let start = other.start(text).and_then(|start| other.starts.get(start));
        start.map(|start| fixed(start))
    };
    let begins_own = || any(dialect.starts, text) || any(dialect.goes_on, text);
    others.any(|other| start(other).is_some_and(|start| start > own()) && !begins_own())
}

fn any(patterns: &'static [&'static str], text: &str) -> bool {
    patterns.iter().any(|pattern| find(pattern, text).is_some())
}

impl Dialect {
    /// Which of the starts a line is. The image of a firmware holds the same words with what `printf`
    /// replaces in them.
    fn start(&self, text: &str) -> Option<usize> {
        let start = self.starts.iter().position(|start| find(start, text).is_some())?;
        (!is_template(text)).then_some(start)
    }

    fn is_weak_start(&self, text: &str) -> bool {
        any(self.weak, text) && !is_template(text)
    }
}

/// Whether a text has conversions of `printf` in it: `%s`, `%08lx`.
fn is_template(text: &str) -> bool {
    text.split('%').skip(1).any(|behind| {
        let kind = behind.trim_start_matches(|c: char| c.is_ascii_digit() || "lzh-.#".contains(c));
        kind.starts_with(['s', 'd', 'u', 'x', 'X', 'p', 'c'])
    })
}

/// A dialect as carrier: it cuts the crashes out of a log.
impl Carrier for Dialect {
    fn name(&self) -> &'static str {
        self.name
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        if piece.hint.is_some() {
            return None;
        }
        let mut read = self.crashes(piece);
        // A word of it that is repeated behind a whole report is not a crash of its own.
        if self.again.is_empty() && read.iter().any(|crash| crash.has_words) {
            read.retain(|crash| crash.says_enough);
        }
        if !read.iter().any(|crash| crash.is_sure) {
            return None;
        }
        let chips = self.chips(&piece.bytes);
        let mut pieces = Vec::new();
        for Found { text, lines, end, .. } in piece.budget.last_of(read) {
            let mut inner = piece.crash_text(text, lines, self.name);
            // What the chip calls itself stands where it starts: before the crash, or after it.
            let at = chips.partition_point(|(at, _)| *at < end);
            let chip = at.checked_sub(1).and_then(|before| chips.get(before)).or(chips.get(at));
            inner.facts.extend(chip.map(|(_, chip)| (CHIP.to_string(), chip.clone())));
            pieces.push(inner);
        }
        Some(Ok(pieces))
    }
}

/// A crash that was found.
struct Found {
    text: String,
    /// The numbers of its first and of its last line.
    lines: (usize, usize),
    /// Where its last line begins.
    end: usize,
    has_words: bool,
    says_enough: bool,
    is_sure: bool,
}

impl Dialect {
    /// The crashes in a log.
    fn crashes(&self, piece: &Piece) -> Vec<Found> {
        let bytes = &piece.bytes;
        let mut found = Vec::new();
        let words = self.starts.iter().chain(self.weak).map(|start| literal(start));
        let begins = |text: &str| self.start(text).is_some() || self.is_weak_start(text);
        let mut places = Places::of(bytes, words, &begins);
        // An image of memory holds the words of a crash as well, and says more.
        let is_text = LazyCell::new(|| memchr::memchr(0, bytes).is_none());
        while let Some(mut window) = places.next() {
            loop {
                let (all, from) = window.lines(bytes);
                let (blocks, goes_on) = blocks(self, &all, from);
                if goes_on && window.grow(bytes, all.len()) {
                    continue;
                }
                let behind = |block: &Block<'_>| all.get(block.end).map(|line| line.at);
                places.go_on_behind(&window, blocks.last().and_then(behind));
                let mut take = |lines: &[Line<'_>], block: &Block<'_>| {
                    let Block { first, end, crash, .. } = block;
                    let says = crash.has_body() || !crash.rows.is_empty();
                    if (self.is_crash)(self, crash) && (says || *is_text) {
                        found
                            .extend(self.found(lines.get(*first..*end).unwrap_or_default(), crash));
                    }
                };
                self.mended(&all, &blocks, &mut take);
                break;
            }
            if found.len() > MOST_BLOCKS {
                found = piece.budget.last_of(found);
            }
        }
        found
    }

    /// Each of the crashes as it should have been printed, where tools break lines.
    pub(super) fn mended(
        &self,
        all: &[Line<'_>],
        blocks: &[Block<'_>],
        take: &mut dyn FnMut(&[Line<'_>], &Block<'_>),
    ) {
        let Some(mend) = self.mend else {
            return blocks.iter().for_each(|block| take(all, block));
        };
        let firsts = blocks.iter().map(|block| block.first);
        let ends = firsts.clone().skip(1).chain([all.len()]);
        for part in firsts.zip(ends).filter_map(|(from, to)| all.get(from..to)) {
            let mended = mend(part);
            let (blocks, _) = self::blocks(self, &mended, 0);
            blocks.iter().for_each(|block| take(&mended, block));
        }
    }

    fn found(&self, lines: &[Line<'_>], crash: &Crash<'_>) -> Option<Found> {
        let (first, last) = (lines.first()?, lines.last()?);
        Some(Found {
            text: lines.iter().map(|line| &*line.text).collect::<Vec<_>>().join("\n"),
            lines: (first.number, last.number),
            end: last.at,
            has_words: !crash.task.words.is_empty(),
            says_enough: crash.says_enough(),
            is_sure: (self.is_sure)(crash),
        })
    }

    /// What lines of a log say of the chip, and where.
    fn chips(&self, bytes: &[u8]) -> Vec<(usize, String)> {
        let Some((words, chip_in)) = self.chip_in else { return Vec::new() };
        let mut chips = Vec::new();
        let mut places = Places::of(bytes, words.iter().copied(), &|_| true);
        while let Some((_, line)) = places.next_line() {
            chips.extend(chip_in(&line.text).map(|chip| (line.at, chip)));
        }
        chips
    }
}
