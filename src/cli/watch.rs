//! `coroner watch`: a console as it comes, and below each crash what it was.

use super::{Blame, Talk, addresses};
use crate::error::{Error, Result};
use crate::open;
use crate::query::{Kind, Names};
use crate::report::{ReportOptions, Style};
use crate::watch::{self, Ended, Source, Start, Wishes};
use clap::Args;
use std::cell::RefCell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

const EXAMPLES: &str = "\
Examples:
  coroner watch /dev/ttyUSB0 --elf build/app.elf            a serial port, keys go to the device
  coroner watch localhost:9090 --elf-dir build              RTT from OpenOCD, J-Link, probe-rs; a console of QEMU
  idf.py monitor | coroner watch - --elf build/app.elf      a pipe
  coroner watch /var/log/bench.log --new                    a log that grows, also when it is rotated
  coroner watch /dev/ttyACM0 --elf app.elf --decode         names at the ends of lines with addresses
  coroner watch - --once --elf app.elf < run.log            CI: exit status 3 if there is a crash
  coroner watch /dev/ttyUSB0 -- sh report.sh                runs `sh report.sh crashes/TIME-SIGNATURE.log`

Exit status: 0 no crash, 3 at least one, 1 the source can't be read, 2 usage error.";

/// The exit status that tells of a crash.
const CRASHED: u8 = 3;

/// How often it is looked whether the ELF files are new ones.
const BUILDS_LOOKED_FOR: Duration = Duration::from_secs(1);

/// Arguments of `coroner watch`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WatchArgs {
    /// A serial port, HOST:PORT, unix:PATH, a named pipe, a file that grows, or `-`: standard input
    #[arg(value_name = "SOURCE")]
    pub source: String,

    /// Speed of a serial port
    #[arg(long, value_name = "BAUD", default_value_t = 115_200)]
    pub baud: u32,

    /// Of a file: only what comes from now on
    #[arg(long)]
    pub new: bool,

    /// End after the first crash
    #[arg(long)]
    pub once: bool,

    /// End when the source goes away, instead of waiting for it
    #[arg(long)]
    pub no_wait: bool,

    /// Put names at the ends of lines that mention addresses of code of --elf
    #[arg(long)]
    pub decode: bool,

    /// Where the log of each crash is kept
    #[arg(long, value_name = "DIR", default_value = "crashes", conflicts_with = "no_keep")]
    pub keep: PathBuf,

    /// Keep no logs of crashes
    #[arg(long)]
    pub no_keep: bool,

    /// Whom to blame.
    #[command(flatten)]
    pub blame: Blame,

    /// What the library is told.
    #[command(flatten)]
    pub options: open::Options,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,

    /// A command for each new crash; the kept log is its last argument
    #[arg(last = true, help_heading = None::<&str>, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

pub(super) fn run(args: &WatchArgs) -> Result<ExitCode> {
    if args.no_keep && !args.command.is_empty() {
        let why = "the command gets the kept log: leave out --no-keep";
        return Err(Error::Usage(why.into()));
    }
    let start = if args.new { Start::End } else { Start::Beginning };
    let source = Source::named(&args.source, args.baud, start)?;
    let decode = match args.decode {
        true if args.options.elves.elf.is_empty() => {
            return Err(Error::Usage("--decode needs the firmware: --elf FILE".into()));
        }
        true => {
            let names = RefCell::new(Fresh::open(&args.options.elves.elf)?);
            let tail = move |line: &[u8]| addresses::tail(line, names.borrow_mut().names(), false);
            Some(Box::new(tail) as watch::Decode)
        }
        false => None,
    };
    let mut open = args.options.clone();
    open.elves = open.elves.or_of_this_project();
    let options = watch::Options {
        wishes: Wishes {
            open,
            report: ReportOptions {
                values: false,
                all_threads: false,
                logs: false,
                rules: args.blame.rules()?,
                ..ReportOptions::default()
            },
            style: Style { colour: args.talk.colours(), width: None },
            keep: (!args.no_keep).then(|| args.keep.clone()),
            command: args.command.clone(),
        },
        once: args.once,
        again: !args.no_wait,
        decode,
    };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|e| Error::Resource(format!("can't listen for Ctrl-C: {e}")))?;
    Ok(match watch::watch(&source, options, &stop)? {
        Ended::Calm => ExitCode::SUCCESS,
        Ended::Crashed => ExitCode::from(CRASHED),
    })
}

/// Names of ELF files that are built anew while the console is watched.
struct Fresh {
    paths: Vec<PathBuf>,
    names: Names,
    /// When they were last changed, as far as is known, and when that was looked up.
    changed: Vec<Option<SystemTime>>,
    looked: Instant,
}

impl Fresh {
    fn open(paths: &[PathBuf]) -> Result<Fresh> {
        let (paths, changed) = (paths.to_vec(), changed(paths));
        let names = addresses::open(&paths)?;
        // The first look at an ELF file takes longest.
        let _ = names.at(names.elves().next().map_or(0, |elf| elf.entry), Kind::Any);
        Ok(Fresh { paths, names, changed, looked: Instant::now() })
    }

    /// The names; of a file that a linker is writing just now, those of before.
    fn names(&mut self) -> &Names {
        if self.looked.elapsed() > BUILDS_LOOKED_FOR {
            self.looked = Instant::now();
            if changed(&self.paths) != self.changed
                && let Ok(fresh) = Fresh::open(&self.paths)
            {
                *self = fresh;
            }
        }
        &self.names
    }
}

fn changed(paths: &[PathBuf]) -> Vec<Option<SystemTime>> {
    let time = |path: &PathBuf| std::fs::metadata(path).ok()?.modified().ok();
    paths.iter().map(time).collect()
}
