//! The options that commands share, each defined once, in groups that travel whole.
//!
//! | group        | what it says                                             |
//! | [`Where`]    | where in the input the dump is, and what it is            |
//! | [`ElfFiles`] | where the ELF files are                                   |
//! | [`Trust`]    | what is taken though it is damaged, of another build, old |
//! | [`Talk`]     | how much is told, and how it looks                        |
//!
//! [`OpenArgs`] is what every command takes that opens a dump. [`words`] writes it down as a command
//! line again, out of clap's own definition, for the server that GDB starts.

use crate::display::{self, Lines};
use crate::error::Result;
use crate::open;
use clap::{ArgAction, ArgMatches, Args, Command, ValueEnum, parser::ValueSource};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What every command that opens a dump takes.
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    /// The dump: raw image, console log, flash image, ELF core, also compressed; a folder or an
    /// archive (zip, tar) with its files, the ELF file among them; `-` is standard input
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,

    /// Where the dump is, and what it is.
    #[command(flatten)]
    pub place: Where,

    /// Where the ELF files are.
    #[command(flatten)]
    pub elves: ElfFiles,

    /// What is taken though it may be wrong.
    #[command(flatten)]
    pub trust: Trust,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
}

/// Where in the input the dump is, and what it is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "The dump")]
pub struct Where {
    /// Which of several dumps to take, counted from 1; the last whole one if not given
    #[arg(long, value_name = "N")]
    pub pick: Option<usize>,

    /// Where in the input the dump, or the partition table that leads to it, starts
    #[arg(long, value_name = "ADDR", value_parser = parse_number)]
    pub offset: Option<u64>,

    /// The address of a raw memory image; for one of several files write FILE@ADDR
    #[arg(long, value_name = "ADDR", value_parser = parse_number)]
    pub base: Option<u64>,

    /// Read the crashed thread's registers from the Cortex-M exception frame at this address
    #[arg(long, value_name = "ADDR", value_parser = parse_number)]
    pub frame: Option<u64>,

    /// Treat the input as this format (skips detection)
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,

    /// The chip or register set, where the dump does not tell
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// A description of a chip or register set of your own (see targets/README.md)
    #[arg(long, value_name = "FILE")]
    pub target_file: Vec<PathBuf>,

    /// Read files into memory instead of mapping them
    #[arg(long)]
    pub no_mmap: bool,

    /// How much memory opening may take: 512M, 2G. By default 256M, and more for inputs of more than
    /// 10 MiB. What is packed to be larger is refused
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub max_memory: Option<u64>,
}

/// Where the ELF files are.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "ELF files")]
pub struct ElfFiles {
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

    /// Do not cache build ids of the files in --elf-dir (the cache is in
    /// $XDG_CACHE_HOME/coroner or ~/.cache/coroner)
    #[arg(long)]
    pub no_cache: bool,
}

/// What is taken though it may be wrong, and marked.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Trust")]
pub struct Trust {
    /// Use the ELF file even if its build id does not match
    #[arg(long)]
    pub any_elf: bool,

    /// Serve what is whole of a cut or damaged dump, and mark the rest
    #[arg(long)]
    pub force: bool,

    /// Show variables that the dump lacks with their values from before the start, marked
    #[arg(long)]
    pub initial_data: bool,
}

/// How much is told, and how it looks.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Messages")]
pub struct Talk {
    /// Log more to standard error (-vv: every packet)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Log format on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text, value_name = "FORM")]
    pub log_format: LogFormat,

    /// When to use colours
    #[arg(long, value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
    pub color: Colour,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl OpenArgs {
    /// The options for the library.
    pub fn options(&self) -> open::Options {
        // Taken apart by name: an option that is forgotten here does not compile.
        let Where { pick, offset, base, frame, format, target, target_file, no_mmap, max_memory } =
            &self.place;
        let ElfFiles { elf, elf_dir, rom_elf, rom_elf_dir, no_cache } = &self.elves;
        let Trust { any_elf, force, initial_data } = &self.trust;
        open::Options {
            format: format.clone(),
            target: target.clone(),
            target_files: target_file.clone(),
            pick: *pick,
            force: *force,
            offset: *offset,
            base: *base,
            frame: *frame,
            no_mmap: *no_mmap,
            max_memory: *max_memory,
            elf: elf.clone(),
            elf_open: Vec::new(),
            elf_beside: Vec::new(),
            elf_dir: elf_dir.clone(),
            rom_elf: rom_elf.clone(),
            rom_elf_dir: rom_elf_dir.clone(),
            any_elf: *any_elf,
            initial_data: *initial_data,
            cache_dir: cache_dir().filter(|_| !no_cache),
            elf_cache: std::sync::Arc::default(),
        }
    }

    /// The files that are read: no output may take the place of one.
    pub(super) fn files(&self) -> Vec<&Path> {
        let more = self.elves.elf.iter().chain(&self.elves.rom_elf).chain(&self.place.target_file);
        let all = self.inputs.iter().chain(more);
        all.map(PathBuf::as_path).collect()
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
}

/// The arguments that say once more what the user said of opening, inputs last: those of
/// [`OpenArgs`] in `matches` but [`Talk`]'s. Environment variables speak for themselves.
pub(super) fn words(matches: &ArgMatches) -> Vec<OsString> {
    let own = OpenArgs::augment_args(Command::new(""));
    let talk = Talk::augment_args(Command::new(""));
    let (mut options, mut inputs) = (Vec::new(), Vec::new());
    for arg in own.get_arguments() {
        let id = arg.get_id().as_str();
        let said = matches.value_source(id) == Some(ValueSource::CommandLine);
        if !said || talk.get_arguments().any(|other| other.get_id() == id) {
            continue;
        }
        let values = || matches.get_raw(id).into_iter().flatten();
        match arg.get_long() {
            Some(name) if arg.get_action().takes_values() => {
                // In one word: a value may begin with a dash.
                options.extend(values().map(|value| {
                    let mut word = OsString::from(format!("--{name}="));
                    word.push(value);
                    word
                }));
            }
            Some(name) => options.push(format!("--{name}").into()),
            None => inputs.extend(values().map(OsString::from)),
        }
    }
    options.push("--".into());
    options.extend(inputs);
    options
}

impl Talk {
    /// Starts the log, on standard error.
    pub(super) fn start_log(&self) {
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

    /// Whether standard output gets colours: what the user says, or else as [`anstream`] finds it
    /// (a terminal, and what `NO_COLOR`, `CLICOLOR` and `TERM` say).
    pub(super) fn colours(&self) -> bool {
        match self.color {
            Colour::Auto => {
                let choice = anstream::AutoStream::choice(&std::io::stdout());
                choice != anstream::ColorChoice::Never
            }
            Colour::Always => true,
            Colour::Never => false,
        }
    }

    /// Lines for standard output.
    pub(super) fn lines(&self) -> Lines {
        Lines::with_colours(self.colours())
    }
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

pub(super) fn parse_number(text: &str) -> std::result::Result<u64, String> {
    let text = text.replace('_', "");
    let parsed = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    parsed.map_err(|_| "expected a number such as 0x110000 or 65536".to_string())
}

/// A number of bytes: as [`parse_number`], or with K, M or G behind it.
pub(super) fn parse_size(text: &str) -> std::result::Result<u64, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A value for an option, whatever it takes.
    fn value_of(name: &str) -> &'static str {
        match name {
            "pick" => "2",
            "offset" | "base" | "frame" | "max-memory" => "0x10",
            _ => "-x y",
        }
    }

    #[test]
    fn every_option_of_opening_is_said_again() {
        let command = || OpenArgs::augment_args(Command::new("coroner"));
        let talk = Talk::augment_args(Command::new(""));
        let mut line: Vec<OsString> = vec!["coroner".into()];
        for arg in command().get_arguments() {
            let Some(name) = arg.get_long() else { continue };
            if talk.get_arguments().any(|other| other.get_id() == arg.get_id()) {
                continue;
            }
            let word = match arg.get_action().takes_values() {
                true => format!("--{name}={}", value_of(name)),
                false => format!("--{name}"),
            };
            line.push(word.into());
        }
        line.extend(["--".into(), "-a.bin".into(), "b.bin".into()]);
        let matches = command().try_get_matches_from(&line).expect("it is right");
        let mut again = vec![OsString::from("coroner")];
        again.extend(words(&matches));
        assert_eq!(again, line);
    }
}
