//! The source file of a frame on this machine.

use super::Source;
use crate::query;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

/// Lines shown before and behind the one that matters.
const AROUND: u32 = 4;
/// Longer lines are cut.
const LONGEST_LINE: usize = 200;

/// The lines around `line` of `file`, which a compiler somewhere recorded. It is looked for as it
/// is, and by its last parts below each of `folders`. `None` if it is not to be had.
pub fn source_excerpt(file: &str, line: u32, folders: &[PathBuf]) -> Option<Source> {
    let path = query::find_source(file, folders)?;
    let reader = BufReader::new(std::fs::File::open(&path).ok()?);
    let first = line.saturating_sub(AROUND).max(1);
    let lines: Vec<(u32, String)> = (1u32..)
        .zip(reader.lines())
        .take_while(|(number, text)| *number <= line.saturating_add(AROUND) && text.is_ok())
        .filter(|(number, _)| *number >= first)
        .filter_map(|(number, text)| Some((number, cut(&text.ok()?))))
        .collect();
    // A shorter file is another version.
    lines.iter().any(|(number, _)| *number == line).then(|| Source {
        file: file.to_string(),
        found_at: path.display().to_string(),
        line,
        lines,
    })
}

fn cut(text: &str) -> String {
    text.replace('\t', "    ").chars().take(LONGEST_LINE).collect()
}
