//! A row for each dump, in files of several forms.

use super::parquet::{Cell, Kind, Writer};
use crate::carrier::text::decode_hex;
use crate::display;
use crate::error::{Error, Fault, Result};
use crate::output::Output;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// What is known of one dump.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pub file: String,
    /// The name's bytes in hexadecimal, where they are no UTF-8; `file` spells those as `\xff`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_bytes: Option<String>,
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

impl Row {
    /// The row of a file of which nothing is known yet.
    pub(super) fn of(file: &Path) -> Row {
        let modified = std::fs::metadata(file).and_then(|meta| meta.modified()).ok();
        let modified = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let bytes = file.as_os_str().as_encoded_bytes();
        let mut name = String::new();
        for chunk in bytes.utf8_chunks() {
            name.push_str(chunk.valid());
            chunk.invalid().iter().for_each(|byte| name.push_str(&format!("\\x{byte:02x}")));
        }
        let hex = || bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Row {
            file_bytes: std::str::from_utf8(bytes).is_err().then(hex),
            file: name,
            modified: modified.map_or(0, |since| since.as_secs()),
            ..Row::default()
        }
    }
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
    /// Written in its place: what is done has to be there when the work breaks off.
    Jsonl(BufWriter<File>),
    Csv(BufWriter<Output>),
    Parquet(Box<Writer<BufWriter<Output>>>),
}

/// The files that have a row already, by a hash of their names: a set of millions of names would
/// not fit into flat memory.
#[derive(Default)]
pub(super) struct Known(HashSet<[u8; 16]>);

impl Known {
    fn key(name: &[u8]) -> [u8; 16] {
        let digest = Sha256::digest(name);
        std::array::from_fn(|n| digest[n])
    }

    fn insert(&mut self, row: &Row) {
        let bytes = row.file_bytes.as_deref().and_then(decode_hex);
        self.0.insert(Self::key(bytes.as_deref().unwrap_or(row.file.as_bytes())));
    }

    /// Whether there is a row of `file`, whose name counts byte for byte.
    pub(super) fn has(&self, file: &Path) -> bool {
        !self.0.is_empty() && self.0.contains(&Self::key(file.as_os_str().as_encoded_bytes()))
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
        if resume && journal(paths).is_none() {
            return Err(Error::Usage(
                "--resume needs a file of rows in JSON Lines (--rows FILE.jsonl)".into(),
            ));
        }
        let mut known = Known::default();
        let mut rows = Rows { files: Vec::new() };
        let mut journals = Vec::new();
        for path in paths.iter().filter(|path| Form::of(path) == Form::Jsonl) {
            let goes_on = resume && Some(path.as_path()) == journal(paths);
            journals.push((path, goes_on, Journal::open(path, goes_on)?));
        }
        // Nothing is written before all that is there is known to be what it should.
        for path in paths.iter().filter(|path| Form::of(path) != Form::Jsonl) {
            rows.files.push((path.clone(), Sink::create(path)?));
        }
        for (path, goes_on, journal) in &journals {
            if *goes_on {
                read(path, journal.whole, |row| {
                    each(&row);
                    known.insert(&row);
                    rows.write(&row)
                })?;
            }
        }
        for (path, goes_on, journal) in journals {
            let io = |e| Error::io(path, e);
            // A last line that was cut off is done again.
            journal.file.set_len(if goes_on { journal.whole } else { 0 }).map_err(io)?;
            rows.files.push((path.clone(), Sink::Jsonl(BufWriter::new(journal.file))));
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
            let io = |e| Error::io(&path, e);
            let aside = match sink {
                Sink::Jsonl(mut out) => {
                    out.flush().map_err(io)?;
                    continue;
                }
                Sink::Csv(out) => out,
                Sink::Parquet(writer) => writer.end().map_err(io)?,
            };
            aside.into_inner().map_err(|e| io(e.into_error()))?.finish()?;
        }
        Ok(())
    }
}

/// The file that `--resume` goes on with.
pub(super) fn journal(paths: &[PathBuf]) -> Option<&Path> {
    paths.iter().map(PathBuf::as_path).find(|path| Form::of(path) == Form::Jsonl)
}

/// A file of JSON Lines that is ours alone.
struct Journal {
    file: File,
    /// How many bytes of it are whole rows.
    whole: u64,
}

impl Journal {
    /// Opens the file at `path`, which holds rows or nothing. Nothing in it is changed.
    fn open(path: &Path, goes_on: bool) -> Result<Journal> {
        let io = |e| Error::io(path, e);
        let mut options = OpenOptions::new();
        let file = options.create(true).read(true).append(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Resource(format!(
                    "{}: another triage writes to it: wait for its end, or name another file",
                    path.display()
                )));
            }
            // Some file systems have no locks; one run at a time does not need any.
            Err(TryLockError::Error(e)) => tracing::debug!("{}: no lock: {e}", path.display()),
        }
        // Not every journal is a plain file (`/dev/stdout`); nothing can be lost in the others.
        let whole = match file.metadata().map_err(io)?.is_file() {
            true => whole_rows(path, if goes_on { usize::MAX } else { 1 })?,
            false => 0,
        };
        Ok(Journal { file, whole })
    }
}

/// How many bytes of the file are rows; only the first `most` lines are looked at.
///
/// # Errors
/// [`Error::Input`] of a line that is no row. Only what a run left unfinished may be at the end: the
/// beginning of a row, without a line feed.
fn whole_rows(path: &Path, most: usize) -> Result<u64> {
    let io = |e| Error::io(path, e);
    let mut lines = BufReader::new(File::open(path).map_err(io)?);
    let mut whole = 0u64;
    let mut line = Vec::new();
    for number in 1..=most {
        line.clear();
        let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(io)?;
        if read == 0 {
            break;
        }
        let is_row = match line.ends_with(b"\n") {
            true => serde_json::from_slice::<Row>(&line).is_ok(),
            // Also one that holds a row lacks its end: it is done again.
            false if begins_like_row(&line) => break,
            false => false,
        };
        if !is_row {
            let field = format!("line {number}");
            let fault =
                Fault::new("rows", field, whole, "a row", "something else: nothing is changed");
            return Err(Error::Input { file: path.display().to_string(), fault: Box::new(fault) });
        }
        whole += read as u64;
    }
    Ok(whole)
}

/// Longer lines are no rows.
const LONGEST_LINE: u64 = 16 << 20;
/// What every row begins with.
const ROW_HEAD: &[u8] = b"{\"file\":\"";

fn begins_like_row(line: &[u8]) -> bool {
    line.starts_with(ROW_HEAD) || ROW_HEAD.starts_with(line)
}

/// Whether a file holds rows of an earlier run, in the form that its name says, or nothing.
pub(super) fn holds_rows(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut head));
    let mark: &[u8] = match Form::of(path) {
        Form::Jsonl => ROW_HEAD,
        Form::Csv => b"file,modified,signature",
        Form::Parquet => b"PAR1",
    };
    read.is_ok_and(|read| read == 0 || head.starts_with(mark))
}

/// Hands all rows in the first `whole` bytes of a file to `each`.
fn read(path: &Path, whole: u64, mut each: impl FnMut(Row) -> Result<()>) -> Result<()> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    for line in BufReader::new(file.take(whole)).split(b'\n') {
        let line = line.map_err(|e| Error::io(path, e))?;
        // They were looked at before; nobody else writes here.
        if let Ok(row) = serde_json::from_slice::<Row>(&line) {
            each(row)?;
        }
    }
    Ok(())
}

impl Sink {
    fn create(path: &Path) -> Result<Sink> {
        let io = |e| Error::io(path, e);
        let mut out = BufWriter::new(Output::create(path, &[])?);
        Ok(match Form::of(path) {
            Form::Csv => {
                let names: Vec<String> =
                    COLUMNS.iter().map(|(name, _)| (*name).to_string()).collect();
                writeln!(out, "{}", csv_line(&names)).map_err(io)?;
                Sink::Csv(out)
            }
            Form::Jsonl | Form::Parquet => {
                Sink::Parquet(Box::new(Writer::new(out, COLUMNS).map_err(io)?))
            }
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

/// What spreadsheets take for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// RFC 4180. A cell that a spreadsheet would run gets a quote in front, which makes it a text.
pub(super) fn csv_line(cells: &[String]) -> String {
    let cell = |cell: &String| {
        let mut cell = cell.clone();
        if cell.starts_with(FORMULA) {
            cell.insert(0, '\'');
        }
        match cell.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell,
        }
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
    fn no_cell_is_a_formula() {
        let cells = ["=1+1", "@sum", "-2", "a=b", "+,1"].map(String::from);
        assert_eq!(csv_line(&cells), "'=1+1,'@sum,'-2,a=b,\"'+,1\"");
    }

    #[test]
    fn only_an_unfinished_row_at_the_end_may_be_cut() {
        let path = std::env::temp_dir().join(format!("coroner-rows-{}.jsonl", std::process::id()));
        let row = serde_json::to_string(&Row { file: "a".into(), ..Row::default() });
        let row = row.expect("it can be written") + "\n";
        let whole = row.len() as u64;
        let cases: [(String, Option<u64>); 7] = [
            (String::new(), Some(0)),
            (row.clone(), Some(whole)),
            (format!("{row}{}", &row[..20]), Some(whole)),
            (format!("{row}{}", row.trim_end()), Some(whole)),
            ("notes\n".into(), None),
            ("notes".into(), None),
            (format!("{row}{{}}\n{row}"), None),
        ];
        for (text, wanted) in cases {
            std::fs::write(&path, &text).expect("room");
            assert_eq!(whole_rows(&path, usize::MAX).ok(), wanted, "{text}");
            assert_eq!(std::fs::read_to_string(&path).expect("it is there"), text);
        }
        let _ = std::fs::remove_file(path);
    }

    #[cfg(unix)]
    #[test]
    fn a_journal_that_is_damaged_anywhere_is_refused_or_keeps_its_rows() {
        use std::os::unix::ffi::OsStrExt;
        let path =
            std::env::temp_dir().join(format!("coroner-damage-{}.jsonl", std::process::id()));
        let name = |bytes: &'static [u8]| Row::of(Path::new(std::ffi::OsStr::from_bytes(bytes)));
        let line = |row: &Row| serde_json::to_string(row).expect("it can be written") + "\n";
        let rows =
            [name(b"a\xff"), name(b"b"), name(b"\xe4\xb8\xad \x1b[2J")].map(|row| line(&row));
        let whole = rows.concat().into_bytes();
        let resumed = |bytes: &[u8]| {
            std::fs::write(&path, bytes).expect("room");
            let resumed = super::super::resume(&path);
            let after = std::fs::read(&path).expect("it is there");
            (resumed.is_ok(), after)
        };
        // Cut at every byte: what is whole stays, and nothing else of it.
        for end in 0..=whole.len() {
            let cut = &whole[..end];
            let kept = cut.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let (ok, after) = resumed(cut);
            assert!(ok && after == cut[..kept], "cut at {end}: {ok}");
        }
        // A bit changed at every byte: refused and left alone, or nothing is lost.
        for at in 0..whole.len() {
            for bit in [1, 4, 7] {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let (ok, after) = resumed(&bytes);
                let kept = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                assert!(after == bytes || (ok && after == bytes[..kept]), "bit {bit} of byte {at}");
            }
        }
        // Another file's first line, between the rows or before them.
        for foreign in ["file,modified\n", "PAR1\n", "{\"file\":1}\n", "\n"] {
            for bytes in [[foreign, &rows[0]].concat(), [&rows[0], foreign, &rows[1]].concat()] {
                let (ok, after) = resumed(bytes.as_bytes());
                assert!(!ok && after == bytes.as_bytes(), "{foreign:?}");
            }
        }
        let _ = std::fs::remove_file(path);
    }

    #[cfg(unix)]
    #[test]
    fn names_that_are_no_utf8_stay_distinct() {
        use std::os::unix::ffi::OsStrExt;
        let path = |bytes: &'static [u8]| Path::new(std::ffi::OsStr::from_bytes(bytes));
        let mut known = Known::default();
        known.insert(&Row::of(path(b"a\xff")));
        assert!(known.has(path(b"a\xff")) && !known.has(path(b"a\xfe")));
        assert!(!known.has(path(b"a\\xff")), "its spelling is another name");
        assert_eq!(Row::of(path(b"a\xff")).file, "a\\xff");
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
