//! `coroner report`: the crash for a person or a program.

use super::{Blame, OpenArgs, print, print_json};
use crate::display;
use crate::error::{Error, Result};
use crate::output;
use crate::report::{self, ReportOptions, Style};
use clap::Args;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  coroner report crash.bin --elf app.elf                    the crash, in a terminal
  coroner report monitor.log --elf-dir build --json | jq .headline
  coroner report crash.bin --elf app.elf --html crash.html  one page for a bug report
  coroner report crash.bin --elf app.elf --print 'g_state.queue[2]'
  coroner report crash.bin --elf app.elf --sections heap,objects   blocks, queues, locks
  coroner report crash.bin --elf app.elf --print '*(struct node *)0x20001000'";

/// Arguments of `coroner report`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    /// Print one JSON object, for programs (docs/report.md)
    #[arg(long)]
    pub json: bool,

    /// Write a self-contained HTML page to FILE; `-` is standard output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Show the value of an expression: a global variable (`ns::name`, `'file.c'::name`), `.member`,
    /// `->member`, `[index]`, `*`, `&`, a cast `(type *)`, a number
    #[arg(long, value_name = "EXPR")]
    pub print: Vec<String>,

    /// Tell these at length
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub sections: Vec<report::Section>,

    /// Where source files are, beside where the compiler had them
    #[arg(long, value_name = "DIR")]
    pub source_dir: Vec<PathBuf>,

    /// Whom to blame.
    #[command(flatten)]
    pub blame: Blame,

    /// Only the thread that crashed
    #[arg(long)]
    pub crashed: bool,

    /// Leave out the values of arguments and locals
    #[arg(long)]
    pub no_values: bool,

    /// Columns to fill; those of the terminal if not given, unlimited when piped
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<usize>,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
}

pub(super) fn run(args: &ReportArgs) -> Result<()> {
    if args.json && args.html.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        let why = "--json and --html - both want standard output: name a file for the page";
        return Err(Error::Usage(why.into()));
    }
    if let Some(path) = &args.html {
        output::refuse_input(path, &args.open.files())?;
    }
    let opened = args.open.open()?;
    let options = ReportOptions {
        values: !args.no_values,
        all_threads: !args.crashed,
        logs: true,
        heaps: true,
        sections: args.sections.clone(),
        print: args.print.clone(),
        source_dirs: args.source_dir.clone(),
        rules: args.blame.rules()?,
    };
    let report = report::build(&opened, &options)?;
    if let Some(path) = &args.html {
        let page = report::to_html(&report);
        if path.as_os_str() == "-" {
            return print(&page);
        }
        let mut inputs = args.open.files();
        inputs.extend(opened.firmware.as_ref().map(|elf| Path::new(&elf.path)));
        output::write(path, page.as_bytes(), &inputs)?;
        eprintln!("coroner: wrote {}", display::line(&path.display().to_string()));
        if !args.json {
            return Ok(());
        }
    }
    if args.json {
        return print_json(&report.to_json());
    }
    let style = Style {
        colour: args.open.talk.colours(),
        width: args.width.or_else(Style::width_of_stdout),
    };
    print(&report::to_text(&report, &style))
}
