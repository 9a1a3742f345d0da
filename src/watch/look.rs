//! A look at some lines of a console: the engine that reads whole logs, and what was told before.

use super::keep;
use crate::display::Lines;
use crate::error::{Error, Result};
use crate::input::Input;
use crate::open::{Opened, Options, open_inputs};
use crate::output;
use crate::report::{self, ReportOptions, Style};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What was read of ELF files is good for so long: who watches a console builds anew meanwhile.
const ELF_FILES_KEPT: Duration = Duration::from_secs(5);
/// So many kinds of crashes are told apart.
const MOST_KINDS: usize = 4096;
/// Of so many crashes in one look each is told; of more it is said how many.
const MOST_AT_ONCE: usize = 16;
/// So many commands for crashes run at a time.
const MOST_COMMANDS: usize = 4;

/// What the user wants done with crashes.
#[derive(Clone, Debug)]
pub struct Wishes {
    /// How dumps are opened, and where ELF files are.
    pub open: Options,
    /// How crashes are told.
    pub report: ReportOptions,
    /// How they look.
    pub style: Style,
    /// Where they are kept.
    pub keep: Option<PathBuf>,
    /// What runs for each new one; the kept log comes as its last argument.
    pub command: Vec<OsString>,
}

/// Looks at lines, and remembers what it found.
pub(super) struct Looker {
    wishes: Wishes,
    /// Since when the ELF files are remembered.
    elves_since: Instant,
    /// The source's name, for reports.
    name: String,
    /// How often each signature was seen.
    kinds: HashMap<String, u64>,
    /// Crashes of the window that were told, and what is known of the last of them.
    told: usize,
    last: Option<Last>,
    running: Arc<AtomicUsize>,
    commands: Vec<JoinHandle<()>>,
    could_not_keep: bool,
}

struct Last {
    signature: String,
    /// The way to it, which tells a dump from the text above it.
    trail: String,
    /// Its file.
    kept: Option<PathBuf>,
}

/// What a look came to.
#[derive(Default)]
pub(super) struct Found {
    /// Lines for the user; none if nothing is new.
    pub text: String,
    /// Whether there is a crash in the lines.
    pub is_crash: bool,
}

impl Looker {
    pub(super) fn new(name: String, wishes: Wishes) -> Looker {
        Looker {
            wishes,
            elves_since: Instant::now(),
            name,
            kinds: HashMap::new(),
            told: 0,
            last: None,
            running: Arc::default(),
            commands: Vec::new(),
            could_not_keep: false,
        }
    }

    /// Looks at `log`; `is_fresh` says that nothing of it was in the look before.
    pub(super) fn look(&mut self, log: &[u8], is_fresh: bool) -> Found {
        if is_fresh {
            (self.told, self.last) = (0, None);
        }
        if self.elves_since.elapsed() > ELF_FILES_KEPT {
            self.wishes.open.elves.cache = Arc::default();
            self.elves_since = Instant::now();
        }
        let mut found = Found::default();
        let first = match self.open(log, None) {
            Ok(opened) => opened,
            Err(Error::Input { fault, .. }) => {
                found.is_crash = true;
                let words = format!("a dump that can't be read: {fault}");
                if self.last.as_ref().is_none_or(|last| last.trail != words) {
                    found.text = frame(&[Lines::from(format_args!("{words}")).as_str()]);
                    self.last = Some(Last { signature: String::new(), trail: words, kept: None });
                }
                return found;
            }
            Err(_) => return found,
        };
        found.is_crash = true;
        let count = first.found.len();
        if count <= self.told {
            let again = self.tell(&first, log, true);
            found.text.push_str(&again);
            return found;
        }
        let from = self.told.max(count.saturating_sub(MOST_AT_ONCE));
        if from > self.told {
            let words = format!("{} crashes at once: the last {MOST_AT_ONCE}", count - self.told);
            found.text = frame(&[Lines::from(format_args!("{words}")).as_str()]);
        }
        for number in from + 1..=count {
            let text = match number == first.picked {
                true => self.tell(&first, log, false),
                false => match self.open(log, Some(number)) {
                    Ok(opened) => self.tell(&opened, log, false),
                    Err(error) => frame(&[Lines::from(format_args!("{error}")).as_str()]),
                },
            };
            found.text.push_str(&text);
        }
        self.told = count;
        found
    }

    fn open(&self, log: &[u8], pick: Option<usize>) -> Result<Opened> {
        let mut options = self.wishes.open.clone();
        options.place.pick = pick;
        let bytes = log.to_vec().into();
        open_inputs(&[Input { name: self.name.clone(), bytes, addr: None }], &options)
    }

    /// What is to be said of a crash. `is_same` says that it was told before, perhaps by less.
    fn tell(&mut self, opened: &Opened, log: &[u8], is_same: bool) -> String {
        let report = match report::build(opened, &self.wishes.report) {
            Ok(report) => report,
            Err(error) => return frame(&[Lines::from(format_args!("{error}")).as_str()]),
        };
        let signature = report.signature.id.clone();
        let trail = opened.trail();
        let last = self.last.take();
        let is_more = is_same && last.is_some();
        if let Some(last) = &last
            && is_same
            && last.signature == signature
            && kind_of(&last.trail) == kind_of(&trail)
        {
            // The same again: lines that came since may still be of it.
            let kept = last.kept.clone();
            if let Some(path) = &kept {
                // What was kept before is still there if this fails.
                let _ = output::write(path, log, &[]);
            }
            self.last = Some(Last { signature, trail, kept });
            return String::new();
        }
        if self.kinds.len() >= MOST_KINDS {
            self.kinds.clear();
        }
        let seen = self.kinds.entry(signature.clone()).or_insert(0);
        let is_known_kind = *seen > 0;
        if !is_more || !is_known_kind {
            *seen += 1;
        }
        let count = *seen;
        if is_known_kind && !is_more {
            self.last = Some(Last { signature: signature.clone(), trail, kept: None });
            let words = format!("{}: seen {count} times, signature {signature}", report.headline);
            return frame(&[Lines::from(format_args!("{words}")).as_str()]);
        }
        let before = last.and_then(|last| last.kept).filter(|_| is_more);
        let (kept, remark) = self.keep(&signature, log, before);
        let mut end = Lines::new();
        // Writing lines can't fail.
        let _ = match &kept {
            Some(path) => writeln!(end, "signature {signature}, kept as {}", path.display()),
            None => writeln!(end, "signature {signature}{remark}"),
        };
        let more = if is_more { "more of the crash above:\n" } else { "" };
        let text = frame(&[more, &report::to_paragraph(&report, &self.wishes.style), end.as_str()]);
        if let Some(path) = kept.as_ref().filter(|_| !is_more) {
            self.run(path);
        }
        self.last = Some(Last { signature, trail, kept });
        text
    }

    /// Keeps a crash. Where it can't, that is said once.
    fn keep(
        &mut self,
        signature: &str,
        log: &[u8],
        before: Option<PathBuf>,
    ) -> (Option<PathBuf>, String) {
        let Some(folder) = &self.wishes.keep else { return (None, String::new()) };
        let kept = match before {
            Some(path) => output::write(&path, log, &[]).map(|()| path),
            None => keep::keep(folder, signature, log),
        };
        match kept {
            Ok(path) => (Some(path), String::new()),
            Err(error) => {
                let once = !std::mem::replace(&mut self.could_not_keep, true);
                (None, if once { format!(", not kept: {error}") } else { String::new() })
            }
        }
    }

    /// Starts the user's command for the crash kept at `path`; nothing of it passes a shell.
    fn run(&mut self, path: &Path) {
        let Some((program, arguments)) = self.wishes.command.split_first() else { return };
        self.commands.retain(|command| !command.is_finished());
        if self.running.load(Ordering::Acquire) >= MOST_COMMANDS {
            tracing::warn!("{MOST_COMMANDS} commands are still running: not run for this crash");
            return;
        }
        let mut command = Command::new(program);
        command.args(arguments).arg(path).stdin(Stdio::null());
        let (running, program) = (Arc::clone(&self.running), program.clone());
        running.fetch_add(1, Ordering::AcqRel);
        self.commands.push(std::thread::spawn(move || {
            match command.status() {
                Ok(status) if !status.success() => {
                    tracing::warn!("{}: {status}", program.display());
                }
                Ok(_) => {}
                Err(error) => tracing::warn!("{}: {error}", program.display()),
            }
            running.fetch_sub(1, Ordering::AcqRel);
        }));
    }

    /// Waits for the user's commands.
    pub(super) fn finish(self) {
        for command in self.commands {
            // A thread that panicked has told so.
            let _ = command.join();
        }
    }
}

/// What a way to a dump says of its kind: without the numbers of lines, which grow.
fn kind_of(trail: &str) -> String {
    trail.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// Lines that are told from those of the console.
fn frame(parts: &[&str]) -> String {
    let mut text = String::new();
    for (index, line) in parts.iter().flat_map(|part| part.lines()).enumerate() {
        text.push_str(if index == 0 { "--- coroner: " } else { "---   " });
        text.push_str(line);
        text.push('\n');
    }
    text
}
