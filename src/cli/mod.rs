//! The command line: one file per subcommand, and the options that they share.
//!
//! Standard output carries results, standard error everything else. Exit status: 0 done, 1 the
//! input is bad or a resource can't be had, 2 usage.

mod check;
mod completions;
mod convert;
mod demo;
mod gdb;
mod info;
mod needs;
mod progress;
mod report;
mod serve;
pub mod summary;
mod triage;

use crate::display::{self, Lines};
use crate::error::{Error, Result};
use crate::open;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::io::Write as _;
use std::path::PathBuf;
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
  coroner gdb crash.bin --elf build/app.elf    a GDB of the right kind, connected
  coroner needs build/app.elf --partition 64K  how big its dumps get, before any crash
  coroner triage dumps --elf-dir builds        thousands of dumps, grouped by what crashed
  gdb-multiarch -ex 'target remote | coroner serve --stdio crash.bin --elf build/app.elf'

Exit status: 0 done, 1 the input is bad, 2 the command line is.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serves a dump to GDB, LLDB and IDEs (what `coroner INPUT` alone does)
    #[command(after_help = serve::EXAMPLES)]
    Serve(serve::ServeArgs),
    /// Shows what is in a dump: layers, identity, threads, regions, notes
    #[command(after_help = info::EXAMPLES)]
    Info(info::InfoArgs),
    /// Tells the crash: reason, source line, every thread's backtrace with values
    Report(report::ReportArgs),
    /// Starts a GDB of the right kind, connected to the dump: a session, or a batch for CI
    Gdb(gdb::GdbArgs),
    /// Checks dumps against what is expected of them, for CI
    Check(check::CheckArgs),
    /// Groups the dumps of whole folders by what crashed
    Triage(triage::TriageArgs),
    /// Writes a dump as an ELF core that plain GDB opens, as Intel HEX, or as raw files
    Convert(convert::ConvertArgs),
    /// Tells from a firmware's ELF file how big its dumps get and what they hold, before any crash
    Needs(needs::NeedsArgs),
    /// Serves a built-in dump of a real crash, to try things out
    #[command(after_help = demo::EXAMPLES)]
    Demo(demo::DemoArgs),
    /// Prints the completions of a shell, or the manual pages
    Completions(completions::CompletionsArgs),
}

impl Command {
    /// What it opens, for those that open something.
    fn open(&self) -> Option<&OpenArgs> {
        match self {
            Command::Serve(args) => Some(&args.open),
            Command::Info(args) => Some(&args.open),
            Command::Report(args) => Some(&args.open),
            Command::Gdb(args) => Some(&args.open),
            Command::Check(args) => Some(&args.open),
            Command::Triage(args) => Some(&args.open),
            Command::Convert(args) => Some(&args.open),
            Command::Needs(_) | Command::Demo(_) | Command::Completions(_) => None,
        }
    }
}

/// What every command that opens a dump takes.
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    /// The dump: raw image, console log, flash image, ELF core, also compressed; a folder or an
    /// archive (zip, tar) with its files, the ELF file among them; `-` is standard input
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,

    /// The firmware's ELF file; of several, the one that matches the dump is used. FILE@OFFSET is a
    /// program that ran OFFSET above the addresses it was linked for (U-Boot after relocation)
    #[arg(long, value_name = "FILE")]
    pub elf: Vec<PathBuf>,

    /// A folder to look for the matching ELF file in
    #[arg(long, value_name = "DIR")]
    pub elf_dir: Vec<PathBuf>,

    /// An ELF file of the chip's ROM
    #[arg(long, value_name = "FILE")]
    pub rom_elf: Vec<PathBuf>,

    /// A folder of ROM ELF files, from which the one for the chip is taken
    #[arg(long, value_name = "DIR", env = "ESP_ROM_ELF_DIR")]
    pub rom_elf_dir: Option<PathBuf>,

    /// Do not remember on disk which ELF file of a folder is of which build (kept below
    /// $XDG_CACHE_HOME/coroner or ~/.cache/coroner)
    #[arg(long)]
    pub no_cache: bool,

    /// Use the ELF file though the dump says that it is of another build
    #[arg(long)]
    pub any_elf: bool,

    /// Serve what is whole of a cut or damaged dump, and mark the rest
    #[arg(long)]
    pub force: bool,

    /// Which of several dumps to take, counted from 1; the last whole one if not given
    #[arg(long, value_name = "N")]
    pub pick: Option<usize>,

    /// Where in the input the dump, or the partition table that leads to it, starts
    #[arg(long, value_name = "ADDR", value_parser = parse_number)]
    pub offset: Option<u64>,

    /// The address of a raw memory image; FILE@ADDR says it of one of several files
    #[arg(long, value_name = "ADDR", value_parser = parse_number)]
    pub base: Option<u64>,

    /// Take the crashed thread's registers from the Cortex-M exception frame at this address
    #[arg(long, value_name = "ADDR", value_parser = parse_number)]
    pub frame: Option<u64>,

    /// Take the input for this format
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,

    /// The chip or register set, where the dump does not tell
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// A description of a chip or register set of your own (see targets/README.md)
    #[arg(long, value_name = "FILE")]
    pub target_file: Vec<PathBuf>,

    /// Show variables that the dump lacks with their values from before the start, marked
    #[arg(long)]
    pub initial_data: bool,

    /// Read files into memory instead of mapping them
    #[arg(long)]
    pub no_mmap: bool,

    /// How much memory opening may take: 512M, 2G. By default 256M, and more for inputs of more than
    /// 10 MiB. What is packed to be larger is refused
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,

    /// Tell more of what happens, on standard error; twice for every packet
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// The form of what is told on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORM")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl OpenArgs {
    /// The options for the library.
    pub fn options(&self) -> open::Options {
        open::Options {
            format: self.format.clone(),
            target: self.target.clone(),
            target_files: self.target_file.clone(),
            pick: self.pick,
            force: self.force,
            offset: self.offset,
            base: self.base,
            frame: self.frame,
            no_mmap: self.no_mmap,
            max_memory: self.max_memory,
            elf: self.elf.clone(),
            elf_open: Vec::new(),
            elf_beside: Vec::new(),
            elf_dir: self.elf_dir.clone(),
            rom_elf: self.rom_elf.clone(),
            rom_elf_dir: self.rom_elf_dir.clone(),
            any_elf: self.any_elf,
            initial_data: self.initial_data,
            cache_dir: cache_dir().filter(|_| !self.no_cache),
            elf_cache: std::sync::Arc::default(),
        }
    }

    /// Opens the dump and tells its notes to the log.
    ///
    /// # Errors
    /// As [`open::open`].
    pub fn open(&self) -> Result<open::Opened> {
        let opened = open::open(&self.inputs, &self.options())?;
        for note in &opened.dump.notes {
            tracing::debug!("{note}");
        }
        Ok(opened)
    }

    fn start_log(&self) {
        let level = match self.verbose {
            0 => tracing::Level::WARN,
            1 => tracing::Level::DEBUG,
            _ => tracing::Level::TRACE,
        };
        let json = self.log_format == LogFormat::Json;
        let log = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || LogWriter { json })
            .with_target(false);
        // A second start, as tests do, keeps the first one's log.
        let _ = match self.log_format {
            LogFormat::Text => log.without_time().try_init(),
            LogFormat::Json => log.json().try_init(),
        };
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

/// Standard error for log lines: what they quote is harmless, and they hold no colours.
struct LogWriter {
    json: bool,
}

impl std::io::Write for LogWriter {
    /// One event, with its line feed.
    fn write(&mut self, event: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let line = if self.json { display::json(line) } else { display::line(line) };
        writeln!(std::io::stderr().lock(), "{line}")?;
        Ok(event.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Where the index of ELF files is kept: as the XDG base directory specification 0.8 says, where
/// relative paths don't count.
fn cache_dir() -> Option<PathBuf> {
    let from = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = from("XDG_CACHE_HOME").or_else(|| Some(from("HOME")?.join(".cache")))?;
    Some(base.join("coroner/elf-index"))
}

fn parse_number(text: &str) -> std::result::Result<u64, String> {
    let text = text.replace('_', "");
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "expected a number such as 0x110000 or 65536".to_string())
}

/// A number of bytes: as [`parse_number`], or with K, M or G behind it.
fn parse_size(text: &str) -> std::result::Result<u64, String> {
    let (digits, shift) = match text.strip_suffix(['K', 'k']) {
        Some(digits) => (digits, 10),
        None => match text.strip_suffix(['G', 'g']) {
            Some(digits) => (digits, 30),
            None => text.strip_suffix(['M', 'm']).map_or((text, 0), |digits| (digits, 20)),
        },
    };
    let number = parse_number(digits).ok().and_then(|number| number.checked_mul(1 << shift));
    number
        .ok_or_else(|| "expected a number of bytes such as 4096, 0x1000, 64K, 1M or 1G".to_string())
}

/// Runs what the user asked for and returns the exit status.
pub fn main(cli: Cli) -> ExitCode {
    let alone = Command::Serve(cli.serve);
    let command = cli.command.as_ref().unwrap_or(&alone);
    if let Some(open) = command.open() {
        open.start_log();
    }
    let ok = |()| ExitCode::SUCCESS;
    let done = match command {
        Command::Serve(args) => serve::run(args).map(ok),
        Command::Info(args) => info::run(args).map(ok),
        Command::Report(args) => report::run(args).map(ok),
        Command::Gdb(args) => gdb::run(args),
        Command::Check(args) => check::run(args),
        Command::Triage(args) => triage::run(args).map(ok),
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
        Err(error) => {
            eprint!("{}", told(&error));
            match error {
                Error::Usage(_) | Error::Choice { .. } => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
