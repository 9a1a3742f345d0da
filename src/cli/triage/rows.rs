//! A row for each dump, in files of several forms.

use super::parquet::{Cell, Kind, Writer};
use crate::display;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

/// What is known of one dump.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub file: String,
    /// Of the file, in seconds since 1970.
    pub modified: u64,
    pub signature: Option<String>,
    pub headline: Option<String>,
    pub signal: Option<String>,
    pub thread: Option<String>,
    pub functions: Vec<String>,
    pub format: Option<String>,
    pub chip: Option<String>,
    pub firmware_id: Option<String>,
    pub elf: Option<String>,
    pub warnings: usize,
    pub error: Option<String>,
}

/// The columns, in the order of [`Row`].
const COLUMNS: &[(&str, Kind)] = &[
    ("file", Kind::Text),
    ("modified", Kind::Time),
    ("signature", Kind::Text),
    ("headline", Kind::Text),
    ("signal", Kind::Text),
    ("thread", Kind::Text),
    ("functions", Kind::Texts),
    ("format", Kind::Text),
    ("chip", Kind::Text),
    ("firmware_id", Kind::Text),
    ("elf", Kind::Text),
    ("warnings", Kind::Number),
    ("error", Kind::Text),
];

/// The form of a file, by the ending of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Jsonl,
    Csv,
    Parquet,
}

impl Form {
    fn of(path: &Path) -> Form {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Form::Csv,
            Some("parquet") => Form::Parquet,
            _ => Form::Jsonl,
        }
    }
}

/// The files of rows.
pub(super) struct Rows {
    files: Vec<(PathBuf, Sink)>,
}

enum Sink {
    Jsonl(BufWriter<File>),
    Csv(BufWriter<File>),
    Parquet(Box<Writer<BufWriter<File>>>),
}

/// The files that have a row already, by a hash of their names: a set of millions of names would
/// not fit into flat memory.
#[derive(Default)]
pub(super) struct Known(HashSet<[u8; 16]>);

impl Known {
    fn key(file: &str) -> [u8; 16] {
        let digest = Sha256::digest(file.as_bytes());
        std::array::from_fn(|n| digest[n])
    }

    pub(super) fn has(&self, file: &Path) -> bool {
        !self.0.is_empty() && self.0.contains(&Self::key(&file.display().to_string()))
    }
}

impl Rows {
    /// Begins files anew. With `resume` the one of JSON Lines among them is gone on with, and its
    /// rows are handed to `each` and written to the others.
    pub(super) fn open(
        paths: &[PathBuf],
        resume: bool,
        mut each: impl FnMut(&Row),
    ) -> Result<(Rows, Known)> {
        let journal = paths.iter().find(|path| Form::of(path) == Form::Jsonl).filter(|_| resume);
        if resume && journal.is_none() {
            return Err(Error::Usage(
                "--resume needs a file of rows in JSON Lines (--rows FILE.jsonl)".into(),
            ));
        }
        let mut rows = Rows { files: Vec::new() };
        for path in paths.iter().filter(|path| Some(*path) != journal) {
            rows.files.push((path.clone(), Sink::create(path)?));
        }
        let mut known = Known::default();
        if let Some(path) = journal {
            if path.exists() {
                let whole = read(path, |row| {
                    each(&row);
                    known.0.insert(Known::key(&row.file));
                    rows.write(&row)
                })?;
                // A last line that was cut off is done again.
                let file = OpenOptions::new().write(true).open(path);
                let cut = file.and_then(|file| file.set_len(whole.min(file.metadata()?.len())));
                cut.map_err(|e| Error::io(path, e))?;
            }
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|e| Error::io(path, e))?;
            rows.files.push((path.clone(), Sink::Jsonl(BufWriter::new(file))));
        }
        Ok((rows, known))
    }

    pub(super) fn write(&mut self, row: &Row) -> Result<()> {
        for (path, sink) in &mut self.files {
            sink.write(row).map_err(|e| Error::io(&*path, e))?;
        }
        Ok(())
    }

    pub(super) fn end(self) -> Result<()> {
        for (path, sink) in self.files {
            let ended = match sink {
                Sink::Jsonl(mut out) | Sink::Csv(mut out) => out.flush(),
                Sink::Parquet(writer) => writer.end(),
            };
            ended.map_err(|e| Error::io(&path, e))?;
        }
        Ok(())
    }
}

/// Hands all rows of a file to `each`; returns how many bytes of it are whole rows.
fn read(path: &Path, mut each: impl FnMut(Row) -> Result<()>) -> Result<u64> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut whole = 0;
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|e| Error::io(path, e))?;
        let Ok(row) = serde_json::from_slice::<Row>(&line) else { break };
        whole += line.len() as u64 + 1;
        each(row)?;
    }
    Ok(whole)
}

impl Sink {
    fn create(path: &Path) -> Result<Sink> {
        let io = |e| Error::io(path, e);
        let mut out = BufWriter::new(File::create(path).map_err(io)?);
        Ok(match Form::of(path) {
            Form::Jsonl => Sink::Jsonl(out),
            Form::Csv => {
                let names: Vec<String> =
                    COLUMNS.iter().map(|(name, _)| (*name).to_string()).collect();
                writeln!(out, "{}", csv_line(&names)).map_err(io)?;
                Sink::Csv(out)
            }
            Form::Parquet => Sink::Parquet(Box::new(Writer::new(out, COLUMNS).map_err(io)?)),
        })
    }

    fn write(&mut self, row: &Row) -> std::io::Result<()> {
        match self {
            // Strings and numbers can always be written.
            Sink::Jsonl(out) => {
                writeln!(out, "{}", serde_json::to_string(row).unwrap_or_default())
            }
            Sink::Csv(out) => {
                let text = |cell: Cell| match cell {
                    Cell::Text(text) => display::line(&text.unwrap_or_default()).into_owned(),
                    Cell::Texts(texts) => display::line(&texts.join(" < ")).into_owned(),
                    Cell::Number(number) => number.to_string(),
                };
                let mut cells: Vec<String> = cells(row).into_iter().map(text).collect();
                // A number that people and spreadsheets know, not Parquet's.
                cells[1] = row.modified.to_string();
                writeln!(out, "{}", csv_line(&cells))
            }
            Sink::Parquet(writer) => writer.row(cells(row)),
        }
    }
}

fn cells(row: &Row) -> Vec<Cell> {
    let text = |text: &Option<String>| Cell::Text(text.clone());
    vec![
        Cell::Text(Some(row.file.clone())),
        Cell::Number(i64::try_from(row.modified).map_or(i64::MAX, |s| s.saturating_mul(1000))),
        text(&row.signature),
        text(&row.headline),
        text(&row.signal),
        text(&row.thread),
        Cell::Texts(row.functions.clone()),
        text(&row.format),
        text(&row.chip),
        text(&row.firmware_id),
        text(&row.elf),
        Cell::Number(row.warnings as i64),
        text(&row.error),
    ]
}

/// RFC 4180.
pub(super) fn csv_line(cells: &[String]) -> String {
    let cell = |cell: &String| match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    cells.iter().map(cell).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_as_rfc_4180_says() {
        let cells = ["plain", "with, comma", "with \"quotes\""].map(String::from);
        assert_eq!(csv_line(&cells), "plain,\"with, comma\",\"with \"\"quotes\"\"\"");
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        assert_eq!(cells(&Row::default()).len(), COLUMNS.len());
        let json = serde_json::to_value(Row::default()).expect("it can be written");
        for (name, _) in COLUMNS {
            assert!(json.get(name).is_some(), "{name}");
        }
    }
}
