//! The line table of a unit: which code is of which line of which file.
//!
//! Source: DWARF 5, section 6.2 "Line Number Information".

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::Unit;
use gimli::{ColumnType, LineProgramHeader};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// More rows than this no unit has.
const MOST_ROWS: usize = 1 << 20;
/// More files neither.
const MOST_FILES: u64 = 1 << 16;
/// Longer paths are cut.
const LONGEST_PATH: usize = 4096;

/// A file and a place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Location {
    pub file: Option<String>,
    pub line: Option<u32>,
    pub column: Option<u32>,
}

struct Row {
    addr: u64,
    file: u64,
    line: u32,
    column: u32,
}

/// Rows that follow each other in memory, and the address behind them.
struct Sequence {
    start: u64,
    end: u64,
    rows: Vec<Row>,
}

/// The line table of a unit.
#[derive(Default)]
pub(super) struct Lines {
    sequences: Vec<Sequence>,
    header: Option<LineProgramHeader<super::Slice>>,
    /// Paths of files that were asked for.
    paths: Mutex<HashMap<u64, Option<String>>>,
}

impl Lines {
    pub(super) fn of(unit: Unit<'_>) -> Lines {
        let Some(program) = unit.line_program.clone() else { return Lines::default() };
        let mut sequences = Vec::new();
        let mut current: Vec<Row> = Vec::new();
        let mut count = 0usize;
        let mut rows = program.rows();
        // A damaged program tells nothing behind the damage.
        while let Ok(Some((_, row))) = rows.next_row() {
            if row.end_sequence() {
                let (rows, end) = (std::mem::take(&mut current), row.address());
                if let Some(start) = rows.first().map(|row| row.addr).filter(|start| *start < end) {
                    sequences.push(Sequence { start, end, rows });
                }
                continue;
            }
            count = count.saturating_add(1);
            if count > MOST_ROWS {
                break;
            }
            let row = Row {
                addr: row.address(),
                file: row.file_index(),
                line: row.line().map_or(0, |line| u32::try_from(line.get()).unwrap_or(0)),
                column: match row.column() {
                    ColumnType::LeftEdge => 0,
                    ColumnType::Column(column) => u32::try_from(column.get()).unwrap_or(0),
                },
            };
            // Of several rows for one address the last counts.
            match current.last_mut().filter(|last| last.addr == row.addr) {
                Some(last) => *last = row,
                None => current.push(row),
            }
        }
        let header = Some(rows.header().clone());
        sequences.sort_by_key(|sequence| sequence.start);
        Lines { sequences, header, paths: Mutex::default() }
    }

    /// The addresses that it tells of.
    pub(super) fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.sequences.iter().map(|sequence| (sequence.start, sequence.end))
    }

    /// The line of the code at `addr`.
    pub(super) fn at(&self, unit: Unit<'_>, addr: u64) -> Option<Location> {
        let below = self.sequences.partition_point(|sequence| sequence.start <= addr);
        let sequence = self.sequences.get(below.checked_sub(1)?)?;
        if addr >= sequence.end {
            return None;
        }
        let below = sequence.rows.partition_point(|row| row.addr <= addr);
        let row = sequence.rows.get(below.checked_sub(1)?)?;
        let known = |number: u32| Some(number).filter(|_| row.line > 0);
        Some(Location {
            file: self.file(unit, row.file),
            line: known(row.line),
            column: known(row.column),
        })
    }

    /// The path of a file by its number in the table, as the compiler recorded it.
    pub(super) fn file(&self, unit: Unit<'_>, number: u64) -> Option<String> {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.entry(number).or_insert_with(|| self.read_file(unit, number)).clone()
    }

    fn read_file(&self, unit: Unit<'_>, number: u64) -> Option<String> {
        let header = self.header.as_ref()?;
        let file = header.file(number).filter(|_| number < MOST_FILES)?;
        let text = |value| {
            let text = unit.attr_string(value).ok()?;
            let bytes = text.bytes();
            let shown = bytes.get(..bytes.len().min(LONGEST_PATH)).unwrap_or_default();
            Some(String::from_utf8_lossy(shown).into_owned())
        };
        let mut path = unit.comp_dir.as_ref().map_or_else(String::new, |dir| {
            let bytes = dir.bytes();
            let shown = bytes.get(..bytes.len().min(LONGEST_PATH)).unwrap_or_default();
            String::from_utf8_lossy(shown).into_owned()
        });
        // Number 0 is the folder of the compilation itself.
        if let Some(folder) = file.directory(header).filter(|_| file.directory_index() != 0) {
            push(&mut path, &text(folder)?);
        }
        push(&mut path, &text(file.path_name())?);
        Some(path)
    }
}

/// Appends to a path, in the manner of the system that it is of.
fn push(path: &mut String, part: &str) {
    let of_unix = |p: &str| p.starts_with('/') || p.get(1..3) == Some(":/");
    let of_windows = |p: &str| p.starts_with('\\') || p.get(1..3) == Some(":\\");
    if of_unix(part) || of_windows(part) {
        *path = part.to_string();
        return;
    }
    let separator = if of_windows(path) { '\\' } else { '/' };
    if !path.is_empty() && !path.ends_with(separator) {
        path.push(separator);
    }
    path.push_str(part);
}

#[cfg(test)]
mod tests {
    use super::push;

    #[test]
    fn paths_grow_in_the_manner_of_their_system() {
        for (path, part, whole) in [
            ("/build", "src", "/build/src"),
            ("/build/", "src", "/build/src"),
            ("/build", "/usr/include", "/usr/include"),
            ("C:\\build", "src", "C:\\build\\src"),
            ("C:\\build", "D:/x", "D:/x"),
            ("", "main.c", "main.c"),
        ] {
            let mut grown = path.to_string();
            push(&mut grown, part);
            assert_eq!(grown, whole);
        }
    }
}
