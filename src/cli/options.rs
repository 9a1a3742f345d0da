//! The options that commands share, each defined once.
//!
//! [`OpenArgs`] is what every command takes that opens a dump: the library's own [`Options`] in
//! their groups, and [`Talk`]: how much is told, and how it looks. [`words`] writes it down as a
//! command line again, out of clap's own definition, for the server that GDB starts.

use crate::display::{self, Lines};
use crate::error::Result;
use crate::open::{self, Opened, Options};
use crate::report::AppRules;
use crate::server::Address;
use clap::{ArgAction, ArgMatches, Args, Command, ValueEnum, parser::ValueSource};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What every command that opens a dump takes.
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    /// The dump: raw image, console log, flash image, ELF core, also compressed; a folder or an
    /// archive (zip, tar) with its files, the ELF file among them; `-` is standard input
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<PathBuf>,

    /// What the library is told.
    #[command(flatten)]
    pub options: Options,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
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
    #[arg(long, alias = "colour", value_enum, default_value_t = Colour::Auto, value_name = "WHEN")]
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
    /// The files that are read: no output may take the place of one.
    pub(super) fn files(&self) -> Vec<&Path> {
        let Options { place, elves, .. } = &self.options;
        let more = elves.elf.iter().chain(&elves.rom_elf).chain(&place.target_file);
        let all = self.inputs.iter().chain(more);
        all.map(PathBuf::as_path).collect()
    }

    /// Opens the dump and tells its notes to the log.
    ///
    /// # Errors
    /// As [`open::open`].
    pub fn open(&self) -> Result<Opened> {
        let mut options = self.options.clone();
        options.elves = options.elves.or_of_this_project();
        let opened = open::open(&self.inputs, &options)?;
        for note in &opened.dump.notes {
            tracing::debug!("{note}");
        }
        Ok(opened)
    }
}

/// Whom to blame for a crash: which code is the user's own.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Blame")]
pub struct Blame {
    /// Functions that are not your own code: not to blame, but who called them. `*` is any text
    #[arg(long, value_name = "PATTERN")]
    pub skip: Vec<String>,

    /// A file of such rules (docs/report.md), beside the built-in ones
    #[arg(long, value_name = "FILE")]
    pub app_rules: Vec<PathBuf>,
}

impl Blame {
    /// The rules in force.
    ///
    /// # Errors
    /// As [`AppRules::with`].
    pub fn rules(&self) -> Result<AppRules> {
        AppRules::with(&self.app_rules, &self.skip)
    }

    /// The arguments that say the same once more.
    pub(super) fn words(&self) -> Vec<OsString> {
        let word = |name: &str, value: &OsStr| {
            let mut word = OsString::from(format!("--{name}="));
            word.push(value);
            word
        };
        let skip = self.skip.iter().map(|pattern| word("skip", OsStr::new(pattern)));
        skip.chain(self.app_rules.iter().map(|path| word("app-rules", path.as_os_str()))).collect()
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

/// What `--listen` says, with a warning where other machines can come in.
pub(super) fn listen_addresses(texts: &[String]) -> Result<Vec<Address>> {
    let address = |text: &String| {
        let address: Address = text.parse()?;
        if !address.is_local() {
            eprintln!(
                "coroner: warning: {text} can be reached from other machines, and a dump holds \
                 whatever the device knew: keys, passwords, people's data"
            );
        }
        Ok(address)
    };
    texts.iter().map(address).collect()
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
        // gdbstub tells every packet a second time, and calls what no stub needs to know unknown.
        let ours = Targets::new().with_default(level).with_target("gdbstub", tracing::Level::WARN);
        let log = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || LogWriter { json })
            .with_target(false);
        // A second start, as tests do, keeps the first one's log.
        let _ = match self.log_format {
            LogFormat::Text => log.without_time().finish().with(ours).try_init(),
            LogFormat::Json => log.json().finish().with(ours).try_init(),
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
