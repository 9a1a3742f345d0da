//! `coroner check`: whether dumps are as they should be. For CI, without GDB scripting.

mod expect;
mod junit;

use super::progress::{Progress, in_parallel};
use super::{Blame, OpenArgs, print, print_json};
use crate::display::Lines;
use crate::error::Result;
use crate::open::{self, Opened};
use crate::output;
use crate::report::{self, AppRules, Report, ReportOptions};
use clap::Args;
use expect::{Expected, Verdict};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  coroner check dumps/*.bin --elf app.elf --expect crash.toml
  coroner check crash.bin --elf app.elf --expect crash.toml --junit check.xml

A file of expectations (TOML; every key may be left out):
  reason = \"bus fault\"               a part of the reason
  signal = \"SIGSEGV\"
  function = \"read_sensor\"           the function to blame
  crashed_thread = \"sensor\"
  threads = [\"sensor\", \"idle\"]       all of these are there
  frames = [\"read_sensor\", \"main\"]   in this order, others may lie between
  signature = \"3cb911419e\"
  elf_matches = true                 the ELF file is the dump's
  complete = true                    nothing is cut off, missing or doubtful
  [values]                           of variables, as `coroner report --print` shows them
  \"g_state.mode\" = \"MODE_IDLE\"
  [facts]
  device = \"weather-station\"

Exit status: 0 all as expected, 1 not, or a dump can't be read, 2 the command line is wrong.";

/// Arguments of `coroner check`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CheckArgs {
    /// What is expected of each dump
    #[arg(long, value_name = "FILE", required = true)]
    pub expect: Vec<PathBuf>,

    /// Write the results as JUnit XML, as CI services read it
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Print the results as JSON Lines, one object a dump
    #[arg(long)]
    pub json: bool,

    /// Whom to blame.
    #[command(flatten)]
    pub blame: Blame,

    /// What to open: each input is a dump of its own.
    #[command(flatten)]
    pub open: OpenArgs,
}

/// The results for one dump.
struct Checked {
    file: String,
    verdicts: Vec<Verdict>,
}

impl Checked {
    fn failed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| verdict.problem.is_some()).count()
    }
}

pub(super) fn run(args: &CheckArgs) -> Result<ExitCode> {
    let expected = args.expect.iter().map(|path| Expected::load(path));
    let expected: Vec<Expected> = expected.collect::<Result<_>>()?;
    let mut inputs = args.open.files();
    inputs.extend(args.expect.iter().map(PathBuf::as_path));
    if let Some(path) = &args.junit {
        output::refuse_input(path, &inputs)?;
    }
    let options = args.open.options.clone();
    let rules = args.blame.rules()?;
    let progress = Progress::new(args.open.inputs.len());
    let mut all = Vec::new();
    in_parallel(
        args.open.inputs.iter(),
        |input| check(input, &options, &rules, &expected),
        |_, checked| {
            progress.step();
            all.push(checked);
        },
    );
    progress.end();
    all.sort_by(|a, b| a.file.cmp(&b.file));

    match args.json {
        true => print_json(&all.iter().map(json_line).collect::<String>())?,
        false => {
            let mut out = Lines::new();
            all.iter().for_each(|checked| write_text(checked, &mut out));
            print(out.as_str())?;
        }
    }
    if let Some(path) = &args.junit {
        output::write(path, junit::to_xml(&all).as_bytes(), &inputs)?;
    }
    let failed = all.iter().any(|checked| checked.failed() > 0);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn check(
    input: &Path,
    options: &open::Options,
    rules: &AppRules,
    expected: &[Expected],
) -> Checked {
    let file = input.display().to_string();
    let opened = match open::open(&[input.to_path_buf()], options) {
        Ok(opened) => opened,
        Err(error) => {
            return Checked { file, verdicts: vec![Verdict::wrong("opens", error.to_string())] };
        }
    };
    Checked { verdicts: expected.iter().flat_map(|e| verdicts(&opened, rules, e)).collect(), file }
}

/// What a file of expectations comes to for a dump, as text and XML.
#[cfg(fuzzing)]
pub(super) fn results(opened: &Opened, expected: &str) -> Result<String> {
    let expected = Expected::parse(Path::new("fuzz.toml"), expected)?;
    let checked = Checked {
        file: opened.file.clone(),
        verdicts: verdicts(opened, &AppRules::default(), &expected),
    };
    let mut out = Lines::new();
    write_text(&checked, &mut out);
    Ok(out.to_string() + &json_line(&checked) + &junit::to_xml(&[checked]))
}

fn verdicts(opened: &Opened, rules: &AppRules, expected: &Expected) -> Vec<Verdict> {
    let reported = |print: Vec<String>, values: bool| -> Result<Report> {
        let rules = rules.clone();
        let options =
            ReportOptions { print, values, all_threads: values, rules, ..ReportOptions::default() };
        report::build(opened, &options)
    };
    // One expression that makes no sense must not hide the others.
    match reported(Vec::new(), true) {
        Err(error) => vec![Verdict::wrong("opens", error.to_string())],
        Ok(report) => expected.verdicts(&report, &|expression| {
            let report = reported(vec![expression.to_string()], false);
            report.map(|report| report.values).map_err(|error| error.to_string())
        }),
    }
}

fn write_text(checked: &Checked, out: &mut Lines) {
    let all = checked.verdicts.len();
    let failed = checked.failed();
    // Writing lines can't fail.
    let _ = match failed {
        0 => writeln!(out, "ok    {}: {all} as expected", checked.file),
        _ => writeln!(out, "FAIL  {}: {failed} of {all}", checked.file),
    };
    for verdict in &checked.verdicts {
        if let Some(problem) = &verdict.problem {
            let _ = writeln!(out, "      {}: {problem}", verdict.name);
        }
    }
}

fn json_line(checked: &Checked) -> String {
    let verdicts: Vec<_> = checked
        .verdicts
        .iter()
        .map(|verdict| json!({ "name": verdict.name, "problem": verdict.problem }))
        .collect();
    let passed = checked.failed() == 0;
    json!({ "schema": 1, "file": checked.file, "passed": passed, "checks": verdicts }).to_string()
        + "\n"
}
