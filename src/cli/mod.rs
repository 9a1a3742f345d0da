//! The command line: one file per subcommand, and the options that they share.
//!
//! Standard output carries results, standard error everything else. Exit status: 0 done, 1 the
//! input is bad or a resource is not available, 2 usage.

mod addresses;
mod check;
mod completions;
mod convert;
mod dap;
mod demo;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gdb;
mod info;
mod needs;
mod options;
mod position;
mod progress;
mod report;
mod serve;
pub mod summary;
mod triage;
mod view;
mod watch;

use crate::display::{self, Lines};
use crate::error::{Error, Result};
use crate::open::{parse_number, parse_size};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
pub use options::{Blame, Colour, LogFormat, OpenArgs, Talk};
use std::io::Write as _;
use std::process::ExitCode;

/// Opens the memory that a device left behind when it crashed, and lets any debugger walk
/// through it as if the device had been halted at that instant.
#[derive(Debug, Parser)]
#[command(
    name = "coroner",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    arg_required_else_help = true,
    after_help = EXAMPLES
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// `coroner INPUT...` is the same as `coroner serve INPUT...`.
    #[command(flatten)]
    pub serve: serve::ServeArgs,
}

const EXAMPLES: &str = "\
Examples:
  coroner crash.bin --elf build/app.elf        serve it; in GDB: target remote :3333
  coroner monitor.log --elf-dir build          the log of a serial console, the ELF that fits
  coroner flash-4MiB.bin --pick 1              a flash image, the first of several dumps
  coroner info crash.bin                       what is in it, without ELF and debugger
  coroner info crash.bin --json                the same for a program
  coroner report crash.bin --elf build/app.elf  the crash: reason, backtraces, values
  coroner watch /dev/ttyUSB0 --elf build/app.elf  a console, with the report below each crash
  coroner where 0x42013c20 --elf build/app.elf  functions, lines, inlined calls of addresses
  coroner gdb crash.bin --elf build/app.elf    a GDB of the right kind, connected
  coroner needs build/app.elf --partition 64K  how big its dumps get, before any crash
  coroner triage dumps --elf-dir builds        thousands of dumps, grouped by what crashed
  gdb-multiarch -ex 'target remote | coroner serve --stdio crash.bin --elf build/app.elf'

Exit status: 0 success, 1 bad input, 2 usage error.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves a dump to GDB, LLDB and IDEs (what `coroner INPUT` alone does)
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeArgs),
    /// Shows what is in a dump: layers, identity, threads, regions, notes
    #[command(after_help = info::EXAMPLES)]
    Info(info::InfoArgs),
    /// Reports the crash: reason, source line, every thread's backtrace with values
    Report(report::ReportArgs),
    /// Watches a console: passes it through, and tells below each crash what it was
    Watch(watch::WatchArgs),
    /// Finds functions, lines and inlined calls of addresses, also in a log
    Where(addresses::WhereArgs),
    /// Starts a GDB of the right kind, connected to the dump: a session, or a batch for CI
    Gdb(gdb::GdbArgs),
    /// A debug adapter: editors look at a dump without a debugger in between
    #[command(after_help = dap::EXAMPLES)]
    Dap(dap::DapArgs),
    /// Shows a dump in the browser: threads, frames, values, memory
    #[command(after_help = view::EXAMPLES)]
    View(view::ViewArgs),
    /// Checks dumps against what is expected of them, for CI
    Check(check::CheckArgs),
    /// Groups the dumps of whole folders by what crashed
    Triage(triage::TriageArgs),
    /// Writes a dump as an ELF core that plain GDB opens, as Intel HEX, or as raw files
    Convert(convert::ConvertArgs),
    /// Estimates from a firmware's ELF file how big its dumps get and what they hold, before any crash
    Needs(needs::NeedsArgs),
    /// Serves a built-in dump of a real crash, to try things out
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArgs),
    /// Prints the completions of a shell, or the manual pages
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// How much it is to tell.
    fn talk(&self) -> &Talk {
        match self {
            Command::Serve(args) => &args.open.talk,
            Command::Info(args) => &args.open.talk,
            Command::Report(args) => &args.open.talk,
            Command::Watch(args) => &args.talk,
            Command::Where(args) => &args.talk,
            Command::Gdb(args) => &args.open.talk,
            Command::Dap(args) => &args.talk,
            Command::View(args) => &args.open.talk,
            Command::Check(args) => &args.open.talk,
            Command::Triage(args) => &args.open.talk,
            Command::Convert(args) => &args.open.talk,
            Command::Needs(args) => &args.talk,
            Command::Demo(args) => &args.talk,
            Command::Completions(args) => &args.talk,
        }
    }
}

/// An error in lines for a person.
fn told(error: &Error) -> Lines {
    let (words, list) = match error {
        Error::Choice { words, of } => (format!("{words}:"), of.as_slice()),
        other => (other.to_string(), [].as_slice()),
    };
    let mut lines = Lines::from(format_args!("coroner: {words}"));
    for (index, one) in list.iter().enumerate() {
        // Writing lines can't fail.
        let _ = writeln!(lines, "  {}  {one}", index + 1);
    }
    lines
}

/// Prints a document for programs.
fn print_json(document: &str) -> Result<()> {
    print(&display::json(document))
}

/// Prints text that is harmless by now.
fn print(text: &str) -> Result<()> {
    let stdout = |e| Error::io("standard output", e);
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(stdout)
}

/// Runs what the command line asks for and returns the exit status.
pub fn main() -> ExitCode {
    let words = match position::arrange(std::env::args_os().skip(1).collect()) {
        Ok(words) => words,
        Err(error) => return failed(&error),
    };
    let line = std::iter::once("coroner".into()).chain(words);
    let matches = Cli::command().get_matches_from(line);
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let alone = Command::Serve(cli.serve);
    let command = cli.command.as_ref().unwrap_or(&alone);
    command.talk().start_log();
    let ok = |()| ExitCode::SUCCESS;
    let done = match command {
        Command::Serve(args) => serve::run(args).map(ok),
        Command::Info(args) => info::run(args).map(ok),
        Command::Report(args) => report::run(args).map(ok),
        Command::Watch(args) => watch::run(args),
        Command::Where(args) => addresses::run(args).map(ok),
        Command::Gdb(args) => {
            let own = matches.subcommand().map_or(&matches, |(_, own)| own);
            gdb::run(args, &options::words(own))
        }
        Command::Dap(args) => {
            let own = matches.subcommand().map_or(&matches, |(_, own)| own);
            dap::run(args, &options::words(own)).map(ok)
        }
        Command::View(args) => view::run(args).map(ok),
        Command::Check(args) => check::run(args),
        Command::Triage(args) => {
            let own = matches.subcommand().map_or(&matches, |(_, own)| own);
            triage::run(args, &options::words(own)).map(ok)
        }
        Command::Convert(args) => convert::run(args).map(ok),
        Command::Needs(args) => needs::run(args),
        Command::Demo(args) => demo::run(args).map(ok),
        Command::Completions(args) => completions::run(args).map(ok),
    };
    match done {
        Ok(status) => status,
        // `coroner info x | head` is no reason to complain.
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => failed(&error),
    }
}

fn failed(error: &Error) -> ExitCode {
    eprint!("{}", told(error));
    match error {
        Error::Usage(_) | Error::Choice { .. } => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}
