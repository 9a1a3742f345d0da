//! Processes that read dumps for us, so that a file that ends one of them costs its own row only.
//!
//! A worker is this program again with `--worker`. It takes paths on standard input (length in four
//! bytes, little-endian, then the bytes of the path), a few at a time, and answers each with a row, a
//! line of JSON, on standard output. It lives for thousands of dumps; one that dies or takes too long
//! is replaced.

use super::rows::Row;
use crate::error::{Error, Result};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// No dump takes so long that is worth it.
const PATIENCE: Duration = Duration::from_secs(120);
/// A row is some lines of text.
const LONGEST_ROW: u64 = 16 << 20;
const LONGEST_PATH: u32 = 1 << 20;

/// Workers that wait for something to do.
pub(super) struct Workers {
    words: Vec<OsString>,
    verbose: u8,
    idle: Mutex<Vec<Worker>>,
}

struct Worker {
    child: Child,
    orders: Option<ChildStdin>,
    answers: Receiver<std::io::Result<Vec<u8>>>,
}

impl Workers {
    /// Workers that open dumps as `words` say (options, `--`, inputs).
    pub(super) fn new(words: &[OsString], verbose: u8) -> Workers {
        let options = words.iter().take_while(|word| *word != "--").cloned().collect();
        Workers { words: options, verbose, idle: Mutex::default() }
    }

    /// The rows of `files`, in their order; of one that a worker did not survive, what became of it.
    pub(super) fn rows(&self, files: &[PathBuf]) -> Vec<Row> {
        let mut rows = Vec::with_capacity(files.len());
        while let Some(left) = files.get(rows.len()..).filter(|left| !left.is_empty()) {
            let first = left.first().map_or_else(Row::default, |file| Row::of(file));
            let waiting = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            match waiting.map_or_else(|| self.start(), Ok) {
                Err(e) => {
                    let why = format!("can't start a process to read it: {e}");
                    rows.push(Row { error: Some(why), ..first });
                }
                Ok(mut worker) => match worker.ask(left, &mut rows) {
                    Ok(()) => {
                        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
                    }
                    // The one that it was at; another worker gets the others.
                    Err(why) => {
                        let at = files.get(rows.len()).map_or(first, |file| Row::of(file));
                        rows.push(Row { error: Some(why), ..at });
                    }
                },
            }
        }
        rows
    }

    fn start(&self) -> std::io::Result<Worker> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("triage").args(&self.words).arg("--worker");
        command.args((0..self.verbose).map(|_| "-v"));
        command.args(["--", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        // What it says when it dies is for nobody, and may hold anything.
        command.stderr(if self.verbose > 0 { Stdio::inherit() } else { Stdio::null() });
        // Ctrl-C is for us: a row that was begun is finished.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (orders, out) = (child.stdin.take(), child.stdout.take());
        let (send, answers) = channel();
        let listen = move || {
            let mut out = BufReader::new(
                out.into_iter()
                    .fold(Box::new(std::io::empty()) as Box<dyn Read + Send>, |_, out| {
                        Box::new(out)
                    }),
            );
            loop {
                let mut line = Vec::new();
                let read = (&mut out).take(LONGEST_ROW).read_until(b'\n', &mut line);
                let end = !matches!(read, Ok(n) if n > 0 && line.ends_with(b"\n"));
                if send.send(read.map(|_| line)).is_err() || end {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("answers".into()).spawn(listen)?;
        Ok(Worker { child, orders, answers })
    }
}

impl Worker {
    /// Adds the rows of `files`, up to the first that it does not survive.
    fn ask(&mut self, files: &[PathBuf], rows: &mut Vec<Row>) -> std::result::Result<(), String> {
        let mut orders = Vec::new();
        for file in files {
            let name = file.as_os_str().as_encoded_bytes();
            let len = u32::try_from(name.len()).unwrap_or(u32::MAX);
            orders.extend_from_slice(&len.to_le_bytes());
            orders.extend_from_slice(name);
        }
        // If it can't be written it has died, which its answer tells.
        let _ = self.orders.as_mut().map(|out| out.write_all(&orders));
        for _ in files {
            rows.push(self.answer()?);
        }
        Ok(())
    }

    fn answer(&mut self) -> std::result::Result<Row, String> {
        match self.answers.recv_timeout(PATIENCE) {
            Ok(Ok(line)) if line.ends_with(b"\n") => serde_json::from_slice(&line)
                .map_err(|e| format!("the process that read it answered nonsense: {e}")),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("reading it took longer than {} s and was ended", PATIENCE.as_secs()))
            }
            _ => Err(match self.child.wait() {
                Ok(status) => format!("the process that read it died ({})", ended(status)),
                Err(e) => format!("the process that read it is lost: {e}"),
            }),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that waits for orders ends when there are no more; one that hangs has to be ended.
        drop(self.orders.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ended(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("signal {signal}");
    }
    status.code().map_or("no status".into(), |code| format!("status {code}"))
}

/// A worker's life: paths in, rows out.
pub(super) fn work(row: impl Fn(&Path) -> Row) -> Result<()> {
    // Several orders come at a time; each answer goes out at once, so that it is there if the next
    // file is the end of us.
    let mut orders = BufReader::new(std::io::stdin().lock());
    let mut answers = std::io::stdout().lock();
    let stdin = |e| Error::io("standard input", e);
    loop {
        let mut len = [0; 4];
        match orders.read_exact(&mut len) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            read => read.map_err(stdin)?,
        }
        let len = u32::from_le_bytes(len).min(LONGEST_PATH);
        let mut name = vec![0; len as usize];
        orders.read_exact(&mut name).map_err(stdin)?;
        let row = row(&path_of(name));
        let line = serde_json::to_string(&row).unwrap_or_default() + "\n";
        let sent = answers.write_all(line.as_bytes()).and_then(|()| answers.flush());
        sent.map_err(|e| Error::io("standard output", e))?;
    }
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    <OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes).into()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&bytes).into_owned().into()
}
