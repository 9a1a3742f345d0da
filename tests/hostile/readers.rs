//! What every reader costs as its input grows: dumps behind one another, and one with more lines. Time
//! of the processor, so that a busy machine measures the same.

use crate::limits::{Folder, run};
use crate::support::{fixtures, open_bytes};
use coroner::format::{FORMATS, crash_text};
use coroner::open::Options;
use std::collections::BTreeSet;
use std::path::Path;

/// Nanoseconds that no growth is seen in: one page fault more, a table that is built once.
const FIXED: u64 = 60_000_000;
/// Four times as much may take so many times as long; the square of it is 16.
const MOST: u64 = 9;
/// Files above this take too long in a debug build.
const LARGEST: u64 = 64 << 10;
/// Formats of which there is no sample here: dumps of theirs are made in `tests/formats`. The list
/// can only get shorter.
const ELSEWHERE: &[&str] = &[
    "hubris",
    "hubris-area",
    "hubris-dry",
    "memfault",
    "mbed-crash-data",
    "mongoose-os",
    "mynewt",
    "pebble",
    "px4-context",
    "sifli",
    "sifli-coredump",
];

/// Time that this thread was running, in nanoseconds.
fn running() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has it");
    stat.split(' ').next().and_then(|word| word.parse().ok()).expect("its first number")
}

fn cost(bytes: Vec<u8>) -> u64 {
    let before = running();
    // Whether it opens is of no matter here.
    let _ = open_bytes(bytes, &Options::default());
    running() - before
}

#[track_caller]
fn grows(name: &str, count: usize, make: impl Fn(usize) -> Vec<u8>) {
    let (one, four) = (cost(make(count)), cost(make(4 * count)));
    let most = one * MOST + FIXED;
    assert!(four <= most, "{name}: {one} ns for {count}, {four} ns for four times as many");
}

#[test]
fn crash_texts_behind_one_another_and_with_many_lines() {
    for dialect in crash_text::ALL {
        let sample = dialect.sample;
        grows(dialect.name, 60, |count| sample.repeat(count).into_bytes());
        // Each line of it many times: registers, rows of the stack, frames.
        let lines = |count: usize| -> Vec<u8> {
            sample.lines().flat_map(|line| format!("{line}\n").repeat(count).into_bytes()).collect()
        };
        grows(&format!("{}, lines", dialect.name), 60, lines);
    }
}

#[test]
fn dumps_of_every_format_behind_one_another() {
    let mut seen: BTreeSet<String> = crash_text::ALL.iter().map(|d| d.name.to_string()).collect();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let Some(fixtures) = fixtures() else { return };
    for folder in [data, cases, fixtures] {
        files(&folder, &mut |path| {
            let Ok(bytes) = std::fs::read(path) else { return };
            let Ok(opened) = open_bytes(bytes.clone(), &Options::default()) else { return };
            let name = opened.found[0].rsplit(" > ").next().unwrap_or_default().to_string();
            if seen.insert(name.clone()) {
                grows(&format!("{name}, {}", path.display()), 4, |count| bytes.repeat(count));
            }
        });
    }
    let all = FORMATS.iter().map(|format| format.name());
    let missing: Vec<&str> =
        all.filter(|name| !seen.contains(*name) && !ELSEWHERE.contains(name)).collect();
    assert!(missing.is_empty(), "nothing was measured of {missing:?}");
}

fn files(folder: &Path, each: &mut dyn FnMut(&Path)) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(|entry| entry.path());
    for path in entries.into_iter().map(|entry| entry.path()) {
        if path.is_dir() {
            files(&path, each);
        } else if path.metadata().is_ok_and(|meta| (1..=LARGEST).contains(&meta.len())) {
            each(&path);
        }
    }
}

/// What one more byte of input may take, besides itself: a line of a crash costs some forty bytes and more.
const MOST_PER_BYTE: u64 = 16;

#[test]
fn texts_of_short_lines_take_some_bytes_for_each_of_theirs() {
    let folder = Folder::new("short-lines");
    let peak = |text: &[u8], len: usize| {
        folder.put("x.txt", &text.repeat(len / text.len()));
        run(&folder, &["info", "x.txt", "--no-cache"]).within(&text.escape_ascii().to_string())
    };
    let (few, many) = (1 << 18, 5 << 18);
    for text in [
        "a\n",
        "\r",
        "[1]\n",
        "{\"msg\":\"\"}\n",
        "\"\",a\n",
        "&lt;\n",
        "r0=1 pc=2\n",
        "0x1000: 00\n",
        "panic'ed\n",
        "#CD:BEGIN#\n",
    ] {
        let (one, five) = (peak(text.as_bytes(), few), peak(text.as_bytes(), many));
        let more = (five.peak_kib.saturating_sub(one.peak_kib)) << 10;
        let most = MOST_PER_BYTE * (many - few) as u64;
        assert!(more <= most, "{text:?}: {more} bytes more for {} more", many - few);
    }
}
