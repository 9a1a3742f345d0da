//! `coroner triage`: thousands of dumps, grouped by what crashed.

mod parquet;
mod rows;
mod workers;

use super::progress::{Progress, in_parallel};
use super::{Blame, OpenArgs};
use crate::display;
use crate::dump::Severity;
use crate::error::{Error, Result};
use crate::open::{self, Options};
use crate::output;
use crate::report::{self, AppRules, ReportOptions};
use clap::{Args, ValueEnum};
use rows::{Known, Row, Rows, csv_line, journal};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use workers::Workers;

const EXAMPLES: &str = "\
Examples:
  coroner triage dumps --elf-dir builds                     groups, the largest first
  coroner triage dumps --elf-dir builds --rows all.jsonl    and a row per dump, for DuckDB and others
  coroner triage dumps --elf-dir builds --rows all.jsonl --resume
                                                            only the files that have no row yet
  coroner triage dumps --elf-dir builds --rows all.jsonl --rows all.parquet --resume
  duckdb -c \"select signature, count(*) from 'all.parquet' group by 1 order by 2 desc\"

A file that can't be read is a row with an error, not the end of the work. Ctrl-C finishes the rows
that were begun; --resume goes on.";

/// Folders deeper than this are not searched.
const DEEPEST_FOLDER: usize = 32;

/// So many files are given to a process at a time.
const LARGEST_BATCH: usize = 8;

/// Arguments of `coroner triage`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct TriageArgs {
    /// Write a row for each dump to FILE, format by file extension: .csv, .parquet, otherwise JSON Lines;
    /// several files may be named
    #[arg(long, value_name = "FILE")]
    pub rows: Vec<PathBuf>,

    /// Go on with the file of JSON Lines: read only the dumps that have no row in it. Other files of
    /// rows are written anew, with all rows
    #[arg(long, requires = "rows")]
    pub resume: bool,

    /// How the groups are printed
    #[arg(long, value_enum, default_value_t = Form::Text, value_name = "FORM")]
    pub groups: Form,

    /// Read dumps for another process of this program
    #[arg(long, hide = true, conflicts_with = "rows")]
    pub worker: bool,

    /// Print only the N largest groups
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,

    /// Whom to blame.
    #[command(flatten)]
    pub blame: Blame,

    /// What to open: files, and folders with all that is in them.
    #[command(flatten)]
    pub open: OpenArgs,
}

/// How groups are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people.
    Text,
    /// A JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

/// Dumps of one signature.
#[derive(Debug, Serialize)]
struct Group {
    signature: String,
    count: u64,
    first_seen: u64,
    last_seen: u64,
    headline: String,
    functions: Vec<String>,
    example: String,
}

/// `open` is what the user said of opening, for the processes that read the dumps.
pub(super) fn run(args: &TriageArgs, open: &[OsString]) -> Result<()> {
    if args.worker {
        let options = args.open.options.clone();
        let rules = args.blame.rules()?;
        return workers::work(|file| row(file, &options, &rules));
    }
    // Rules that can't be read are told once, not in each row.
    args.blame.rules()?;
    // A damaged file is a row; a name that was mistyped is a mistake.
    for input in &args.open.inputs {
        std::fs::metadata(input).map_err(|error| Error::io(input, error))?;
    }
    output::refuse_twice(&args.rows)?;
    for rows in &args.rows {
        output::refuse_input(rows, &args.open.files())?;
        refuse_below(rows, &args.open.inputs)?;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    // Where it is not available, Ctrl-C ends us at once, as it does other programs.
    let _ = ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed));
    let mut groups = BTreeMap::new();
    let mut failed = 0u64;
    let (mut rows, known) = Rows::open(&args.rows, args.resume, |row| {
        failed += u64::from(row.error.is_some());
        count(&mut groups, row);
    })?;
    let words = [args.blame.words(), open.to_vec()].concat();
    let workers = Workers::new(&words, args.open.talk.verbose);
    // For the bar alone: counting costs a walk of its own.
    let total = match std::io::stderr().is_terminal() {
        true => files(args, &known).count(),
        false => 0,
    };
    let progress = Progress::new(total);
    let mut trouble = None;
    let mut left = files(args, &known).take_while(|_| !stop.load(Ordering::Relaxed));
    let mut given = 0;
    // Passing a file to another process costs as much as reading a small dump. The first go one by
    // one: where there are only a few, each may keep a process busy.
    let batches = std::iter::from_fn(|| {
        let batch: Vec<PathBuf> =
            left.by_ref().take((given / 64).clamp(1, LARGEST_BATCH)).collect();
        given += batch.len();
        (!batch.is_empty()).then_some(batch)
    });
    in_parallel(
        batches,
        |batch| workers.rows(batch),
        |_, batch| {
            for row in batch {
                progress.step();
                if let Err(error) = rows.write(&row) {
                    trouble.get_or_insert(error);
                }
                failed += u64::from(row.error.is_some());
                count(&mut groups, &row);
            }
        },
    );
    progress.end();
    drop(workers);
    if let Some(error) = trouble {
        return Err(error);
    }
    rows.end()?;
    print(args, groups, failed)?;
    match stop.load(Ordering::Relaxed) {
        false => Ok(()),
        true => Err(Error::Resource(match journal(&args.rows) {
            Some(path) => format!(
                "interrupted: the rows so far are in {}; the same command with --resume goes on",
                path.display()
            ),
            None => {
                "interrupted: not all files were read (--rows FILE.jsonl keeps what is done, and \
                     --resume goes on)"
                    .into()
            }
        })),
    }
}

/// The files that have no row yet: those named, and all below the folders named.
fn files<'f>(args: &'f TriageArgs, known: &'f Known) -> impl Iterator<Item = PathBuf> + Send + 'f {
    let walk = |input: &PathBuf| Walk { open: vec![vec![input.clone()].into_iter()] };
    let own = |file: &Path| {
        args.rows.iter().any(|rows| {
            rows.file_name() == file.file_name()
                && std::fs::canonicalize(rows).ok() == std::fs::canonicalize(file).ok()
        })
    };
    let all = args.open.inputs.iter().flat_map(walk);
    all.filter(move |file| !known.has(file) && !own(file))
}

/// Fails if `rows` would replace a file that is to be read: one below a folder of `inputs` that holds
/// no rows.
fn refuse_below(rows: &Path, inputs: &[PathBuf]) -> Result<()> {
    let Ok(place) = std::fs::canonicalize(rows) else { return Ok(()) };
    let below = |input: &PathBuf| {
        std::fs::canonicalize(input).is_ok_and(|folder| place.starts_with(folder))
    };
    if inputs.iter().any(below) && !rows::holds_rows(rows) {
        return Err(Error::Usage(format!(
            "{}: lies among the dumps that are read, and holds no rows: name another file",
            rows.display()
        )));
    }
    Ok(())
}

/// Walks through folders, one listed at a time: the names of millions of files are never all in
/// memory.
struct Walk {
    /// What is left of each folder, the outermost first.
    open: Vec<std::vec::IntoIter<PathBuf>>,
}

impl Iterator for Walk {
    type Item = PathBuf;

    fn next(&mut self) -> Option<PathBuf> {
        loop {
            let depth = self.open.len();
            let Some(path) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            // A link may lead in circles; the user's own may be followed.
            if path.is_dir() && (depth == 1 || !path.is_symlink()) {
                if depth <= DEEPEST_FOLDER {
                    self.open.push(list(&path).into_iter());
                }
            } else if depth == 1 || path.is_file() {
                return Some(path);
            }
        }
    }
}

/// What is in a folder, by name. What can't be listed holds nothing for us.
fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    paths
}

fn row(file: &Path, options: &Options, rules: &AppRules) -> Row {
    let mut row = Row::of(file);
    let report_options = ReportOptions {
        values: false,
        all_threads: false,
        logs: false,
        heaps: false,
        rules: rules.clone(),
        ..ReportOptions::default()
    };
    let opened = open::open(&[file.to_path_buf()], options);
    match opened.and_then(|opened| report::build(&opened, &report_options)) {
        Err(error) => row.error = Some(error.to_string()),
        Ok(report) => {
            row.thread = report.crashed().map(|thread| thread.name.clone());
            row.functions = report.signature.parts.iter().skip(1).cloned().collect();
            row.signature = Some(report.signature.id);
            row.headline = Some(report.headline);
            row.signal = report.reason.signal;
            row.format = Some(report.identity.format);
            row.chip = report.identity.chip;
            row.firmware_id = report.identity.firmware_ids.into_iter().next();
            row.elf = report.identity.firmware;
            row.warnings =
                report.notes.iter().filter(|note| note.severity > Severity::Info).count();
        }
    }
    row
}

/// Goes on with a journal and adds nothing: how many rows it has.
#[cfg(any(fuzzing, test))]
pub(super) fn resume(journal: &Path) -> Result<usize> {
    let (mut number, mut groups) = (0, BTreeMap::new());
    let (rows, _) = Rows::open(&[journal.into()], true, |row| {
        number += 1;
        count(&mut groups, row);
    })?;
    rows.end()?;
    Ok(number)
}

fn count(groups: &mut BTreeMap<String, Group>, row: &Row) {
    let Some(signature) = &row.signature else { return };
    let group = groups.entry(signature.clone()).or_insert_with(|| Group {
        signature: signature.clone(),
        count: 0,
        first_seen: row.modified,
        last_seen: row.modified,
        headline: row.headline.clone().unwrap_or_default(),
        functions: row.functions.clone(),
        example: row.file.clone(),
    });
    group.count += 1;
    group.first_seen = group.first_seen.min(row.modified);
    group.last_seen = group.last_seen.max(row.modified);
    // The order in which files are done is chance; the example is not.
    if row.file < group.example {
        group.example.clone_from(&row.file);
        group.headline = row.headline.clone().unwrap_or_default();
    }
}

fn print(args: &TriageArgs, groups: BTreeMap<String, Group>, failed: u64) -> Result<()> {
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.signature.cmp(&b.signature)));
    let all = groups.len();
    let dumps: u64 = groups.iter().map(|group| group.count).sum();
    groups.truncate(args.top.unwrap_or(usize::MAX));
    let mut out = String::new();
    if args.groups == Form::Csv {
        out.push_str("signature,count,first_seen,last_seen,headline,functions,example\n");
    }
    for group in &groups {
        match args.groups {
            Form::Jsonl => {
                out.push_str(&display::json(&serde_json::to_string(group).unwrap_or_default()));
            }
            Form::Csv => out.push_str(&csv_line(&[
                group.signature.clone(),
                group.count.to_string(),
                group.first_seen.to_string(),
                group.last_seen.to_string(),
                display::line(&group.headline).into_owned(),
                display::line(&group.functions.join(" < ")).into_owned(),
                display::line(&group.example).into_owned(),
            ])),
            Form::Text => out.push_str(&format!(
                "{:>7}  {}  {}\n         {} to {}, {}",
                group.count,
                group.signature,
                display::line(&group.headline),
                date(group.first_seen),
                date(group.last_seen),
                display::line(&group.example)
            )),
        }
        out.push('\n');
    }
    let stdout = |e| Error::io("standard output", e);
    std::io::stdout().lock().write_all(out.as_bytes()).map_err(stdout)?;
    let unread = match failed {
        0 => String::new(),
        _ if args.rows.is_empty() => format!(", unread files: {failed} (--rows FILE says why)"),
        _ => format!(", unread files: {failed}"),
    };
    eprintln!("coroner: dumps: {dumps}, groups: {all}{unread}");
    Ok(())
}

/// `2026-01-31`, of seconds since 1970 (Howard Hinnant's `civil_from_days`).
fn date(seconds: u64) -> String {
    let days = (seconds / 86_400) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As `date -u -d @N +%F` prints them.
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_774_915_200), "2026-03-31");
    }
}
