//! Consoles as they come: what the device prints goes through at once, and below each crash stands what
//! it was.
//!
//! ```text
//!  source (thread) --bytes--> console --unchanged--> standard output
//!     ^                         |  ^
//!   keys                   lines|  |what was found
//!                               v  |
//!                            look (thread)
//! ```
//!
//! `source.rs` reads, and takes up what comes back; `scan.rs` says which lines are worth a look, in bounded
//! memory; `look.rs` asks the engine that reads whole logs and remembers what was told; `keep.rs` writes
//! files. The console never waits for a look for longer than `PATIENCE`, unless what it has to print is
//! the past (a file): then order counts more.

mod keep;
mod look;
mod scan;
mod source;
#[cfg(unix)]
mod terminal;

pub use look::Wishes;
pub use source::{Source, Start};

use crate::display::Lines;
use crate::error::{Error, Result};
use look::{Found, Looker};
use scan::{Due, Scanner};
use source::Back;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel, sync_channel};
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// So long a line waits for the report of the crash above it.
const PATIENCE: Duration = Duration::from_millis(3);
/// More than this at once no device prints: it is a log that is replayed, and order counts.
const REPLAY: usize = 8 << 10;
/// So many chunks wait at most.
const QUEUE: usize = 64;
/// How often the user's Ctrl-C is looked for.
const TICK: Duration = Duration::from_millis(100);
/// With `once`: so long after a crash more of it may come.
const AFTERMATH: Duration = Duration::from_millis(1000);

/// What happens to a source.
#[derive(Debug)]
pub(super) enum Event {
    /// The device printed.
    Bytes(Vec<u8>),
    /// It is not there, and may come (back).
    Gone,
    /// It is there again.
    Back,
    /// Another file has taken its name, or it was emptied.
    Turned,
    /// It can't be read.
    Failed(Error),
    /// There will be no more.
    End,
}

/// Names that are put at the ends of lines.
pub type Decode = Box<dyn Fn(&[u8]) -> Option<String>>;

/// How to watch.
pub struct Options {
    /// What is done with crashes.
    pub wishes: Wishes,
    /// End after the first crash.
    pub once: bool,
    /// Take up again what vanished.
    pub again: bool,
    /// Names addresses in ordinary lines.
    pub decode: Option<Decode>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Without a crash.
    Calm,
    /// After at least one.
    Crashed,
}

/// Watches `source` until it ends, `stop` is set, or with `once` the first crash is told.
///
/// # Errors
/// [`Error::Io`] for a source that can't be read at first, or standard output.
pub fn watch(source: &Source, options: Options, stop: &AtomicBool) -> Result<Ended> {
    let (send, events) = sync_channel(QUEUE);
    let back = Back::default();
    let is_file = source.is_file();
    let ended = Arc::new(AtomicBool::new(false));
    let reader = (source.clone(), send, Arc::clone(&back), Arc::clone(&ended));
    std::thread::spawn(move || {
        let (source, send, back, ended) = reader;
        if source.read(&send, &back, options.again).is_ok() {
            ended.store(true, Ordering::Release);
            // Nobody listens any more: then nobody needs it.
            let _ = send.send(Event::End);
        }
    });
    #[cfg(unix)]
    let _keys = source.takes_keys().then(terminal::Keys::each).flatten();
    if source.takes_keys() {
        std::thread::spawn(move || send_keys(&back));
    }
    let looks = Looks::start(source.name(), options.wishes);
    let mut console = Console {
        name: source.name(),
        out: io::stdout(),
        colours: io::stdout().is_terminal(),
        at_start: true,
        decode: options.decode,
        line: Vec::new(),
        scanner: Scanner::default(),
        looks,
        is_file,
        ended,
        told: None,
        crashed: false,
        arrived: Instant::now(),
    };
    let done = console.run(&events, options.once, stop);
    let crashed = console.crashed;
    console.looks.finish();
    done?;
    Ok(if crashed { Ended::Crashed } else { Ended::Calm })
}

/// Hands on what is typed. Where nobody listens, it is lost, as on a line that is not connected.
fn send_keys(back: &Back) {
    let mut keys = [0; 1024];
    loop {
        let len = match io::stdin().lock().read(&mut keys) {
            Ok(0) | Err(_) => return,
            Ok(len) => len,
        };
        let mut back = back.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = back.as_mut() {
            let keys = keys.get(..len).unwrap_or_default();
            if way.write_all(keys).and_then(|()| way.flush()).is_err() {
                *back = None;
            }
        }
    }
}

/// The thread that looks.
struct Looks {
    ask: Option<Sender<(Vec<u8>, bool)>>,
    answers: Receiver<Found>,
    thread: Option<JoinHandle<()>>,
    pending: usize,
    /// Which window was looked at last.
    window: u64,
}

impl Looks {
    fn start(name: String, wishes: Wishes) -> Looks {
        let (ask, asked) = channel::<(Vec<u8>, bool)>();
        let (answer, answers) = channel();
        let thread = std::thread::spawn(move || {
            let mut looker = Looker::new(name, wishes);
            for (log, is_fresh) in asked {
                if answer.send(looker.look(&log, is_fresh)).is_err() {
                    break;
                }
            }
            looker.finish();
        });
        Looks { ask: Some(ask), answers, thread: Some(thread), pending: 0, window: 0 }
    }

    /// Waits for the user's commands.
    fn finish(mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has told so.
            let _ = thread.join();
        }
    }
}

/// What goes to the user.
struct Console<W: Write> {
    name: String,
    out: W,
    colours: bool,
    /// The last byte ended a line.
    at_start: bool,
    decode: Option<Decode>,
    /// The line so far, where names are put at its end.
    line: Vec<u8>,
    scanner: Scanner,
    looks: Looks,
    is_file: bool,
    /// All that there will be was read.
    ended: Arc<AtomicBool>,
    /// When the last crash was told.
    told: Option<Instant>,
    crashed: bool,
    /// When the device last printed.
    arrived: Instant,
}

/// Longer lines get no names.
const LONGEST_NAMED: usize = 4096;

impl<W: Write> Console<W> {
    fn run(&mut self, events: &Receiver<Event>, once: bool, stop: &AtomicBool) -> Result<()> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.take_answers(Some(Duration::ZERO))?;
            if once && self.is_over() {
                return Ok(());
            }
            let quiet =
                self.scanner.patience().map(|quiet| quiet.saturating_sub(self.arrived.elapsed()));
            let wait = if self.looks.pending > 0 { PATIENCE } else { TICK };
            match events.recv_timeout(quiet.unwrap_or(TICK).min(wait)) {
                Ok(Event::Bytes(bytes)) => {
                    self.arrived = Instant::now();
                    self.print(&bytes)?;
                }
                Ok(Event::Gone) => {
                    self.end_of_part()?;
                    let name = &self.name;
                    self.say(&Lines::from(format_args!("{name}: not there; waiting for it")))?;
                }
                Ok(Event::Back) => {
                    let name = &self.name;
                    self.say(&Lines::from(format_args!("{name}: there")))?;
                }
                Ok(Event::Turned) => self.end_of_part()?,
                Ok(Event::Failed(error)) => return Err(error),
                Ok(Event::End) | Err(RecvTimeoutError::Disconnected) => return self.end_of_part(),
                Err(RecvTimeoutError::Timeout) => {
                    let is_quiet =
                        self.scanner.patience().is_some_and(|q| self.arrived.elapsed() >= q);
                    if is_quiet && self.looks.pending == 0 {
                        self.look(PATIENCE)?;
                    }
                }
            }
        }
    }

    /// Whether the first crash is told, and nothing more of it comes.
    fn is_over(&self) -> bool {
        let is_late = self.told.is_some_and(|told| told.elapsed() >= AFTERMATH);
        is_late && self.looks.pending == 0 && self.scanner.patience().is_none()
    }

    /// What was printed so far is all of its part: the source ended or vanished.
    fn end_of_part(&mut self) -> Result<()> {
        if self.scanner.is_due_at_end() {
            self.look(Duration::MAX)?;
        }
        self.take_answers(None)?;
        self.scanner.begin_anew();
        Ok(())
    }

    /// Prints bytes as they are, and looks where a crash is complete.
    fn print(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let mut at = 0;
            let mut due = Due::Nothing;
            while at < bytes.len() && due == Due::Nothing {
                let (len, next) = self.scanner.take(bytes.get(at..).unwrap_or_default());
                (at, due) = (at + len, next);
            }
            let (now, rest) = bytes.split_at(at);
            self.write(now)?;
            bytes = rest;
            if due != Due::Nothing {
                let is_replay = self.is_file || bytes.len() > REPLAY;
                self.look(if is_replay { Duration::MAX } else { PATIENCE })?;
                if self.ended.load(Ordering::Acquire) {
                    self.take_answers(None)?;
                }
            }
            if due == Due::Before {
                self.scanner.begin_anew();
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let Some(last) = bytes.last() else { return Ok(()) };
        self.at_start = *last == b'\n';
        let done = match &self.decode {
            None => self.out.write_all(bytes),
            Some(decode) => write_named(&mut self.out, &mut self.line, bytes, decode),
        };
        done.and_then(|()| self.out.flush()).map_err(|e| Error::io("standard output", e))
    }

    /// Has the window looked at, and waits so long for the answer. One look at a time: the next needs
    /// to know what the one before found.
    fn look(&mut self, patience: Duration) -> Result<()> {
        self.take_answers(None)?;
        self.looks.window = self.scanner.number();
        let request = self.scanner.text();
        let asked = self.looks.ask.as_ref().is_some_and(|ask| ask.send(request).is_ok());
        if asked {
            self.looks.pending += 1;
            self.take_answers((patience != Duration::MAX).then_some(patience))?;
        }
        Ok(())
    }

    /// Prints what looks have found, waiting for at most so long; without a limit, for all of it.
    fn take_answers(&mut self, patience: Option<Duration>) -> Result<()> {
        while self.looks.pending > 0 {
            let found = match patience {
                None => self.looks.answers.recv().map_err(|_| TryRecvError::Disconnected),
                Some(Duration::ZERO) => self.looks.answers.try_recv(),
                Some(patience) => self.looks.answers.recv_timeout(patience).map_err(|e| match e {
                    RecvTimeoutError::Timeout => TryRecvError::Empty,
                    RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
                }),
            };
            match found {
                Ok(found) => {
                    self.looks.pending -= 1;
                    self.scanner.looked(self.looks.window, found.is_crash);
                    if found.is_crash {
                        self.crashed = true;
                        self.told = Some(Instant::now());
                    }
                    self.tell(&found.text)?;
                }
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => self.looks.pending = 0,
            }
        }
        Ok(())
    }

    /// A line of ours.
    fn say(&mut self, lines: &Lines) -> Result<()> {
        self.tell(&format!("--- coroner: {lines}"))
    }

    /// Lines of ours, which begin at the beginning of a line.
    fn tell(&mut self, text: &str) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let start = if self.at_start { "" } else { "\n" };
        let reset = if self.colours { "\x1b[0m" } else { "" };
        self.at_start = true;
        self.line.clear();
        let done = write!(self.out, "{start}{reset}{text}").and_then(|()| self.out.flush());
        done.map_err(|e| Error::io("standard output", e))
    }
}

/// Writes bytes as they are, with names before the ends of lines.
fn write_named(
    out: &mut impl Write,
    line: &mut Vec<u8>,
    bytes: &[u8],
    decode: &Decode,
) -> io::Result<()> {
    for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_whole = piece.ends_with(b"\n");
        let end = if is_whole { piece.len() - 1 } else { piece.len() };
        let end = if is_whole && piece.get(..end).is_some_and(|text| text.ends_with(b"\r")) {
            end - 1
        } else {
            end
        };
        let (text, ending) = piece.split_at(end);
        if line.len() < LONGEST_NAMED {
            line.extend_from_slice(text);
        }
        out.write_all(text)?;
        if is_whole {
            if line.len() < LONGEST_NAMED
                && let Some(names) = decode(line)
            {
                out.write_all(names.as_bytes())?;
            }
            line.clear();
        }
        out.write_all(ending)?;
    }
    Ok(())
}
