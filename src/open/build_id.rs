//! ELF files by build id: in folders laid out for it, and from debuginfod servers.
//!
//! A folder for debuggers has them as `.build-id/<first byte>/<the others>.debug` (GDB manual,
//! "Separate Debug Files"). debuginfod servers are asked through `debuginfod-find`, the client of
//! elfutils, which knows `DEBUGINFOD_URLS`, speaks TLS and keeps what it got in its own cache.

use crate::dump::FirmwareId;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Hexadecimal digits of the build id among `ids`.
fn digits(ids: &[FirmwareId]) -> Option<String> {
    ids.iter().find_map(|id| match id {
        FirmwareId::BuildId(bytes) if bytes.len() > 1 => {
            Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        _ => None,
    })
}

/// Where a folder for debuggers would have the file.
pub(super) fn paths(folder: &Path, ids: &[FirmwareId]) -> Vec<PathBuf> {
    let Some(digits) = digits(ids) else { return Vec::new() };
    let (first, rest) = digits.split_at(2);
    let base = folder.join(".build-id").join(first);
    vec![base.join(format!("{rest}.debug")), base.join(rest)]
}

/// Asks the debuginfod servers of `DEBUGINFOD_URLS`. `None` if there are none; an error in words
/// if they have nothing or can't be asked.
pub(super) fn from_servers(ids: &[FirmwareId]) -> Option<Result<PathBuf, String>> {
    let urls = std::env::var("DEBUGINFOD_URLS").ok().filter(|urls| !urls.trim().is_empty())?;
    let digits = digits(ids)?;
    let until = Instant::now() + PATIENCE;
    let find = |kind: &str| {
        let mut command = Command::new("debuginfod-find");
        command.args([kind, &digits]).stdin(Stdio::null()).stderr(Stdio::null());
        // Its own limits, in seconds; ours ends it if it does not keep to them.
        command.env("DEBUGINFOD_TIMEOUT", "10");
        output_within(command, until)
    };
    // An ELF file with code and names in one is both; a stripped one is of no use here.
    for kind in ["debuginfo", "executable"] {
        match find(kind) {
            Err(e) if e.kind() == io::ErrorKind::TimedOut => {
                let why = format!("the debuginfod servers ({urls}) took longer than {PATIENCE:?}");
                return Some(Err(why));
            }
            Err(_) => {
                let why = "debuginfod-find is not installed (package debuginfod)";
                return Some(Err(format!("DEBUGINFOD_URLS is set, but {why}")));
            }
            Ok(Some(path)) => return Some(is_fetched(&path).map(|()| path)),
            Ok(None) => {}
        }
    }
    Some(Err(format!("the debuginfod servers ({urls}) have nothing of build id {digits}")))
}

/// Both questions together; a program with all its debug information comes within that, or the
/// report has to do without.
const PATIENCE: Duration = Duration::from_secs(15);
/// The largest file that is taken from a server.
const LARGEST: u64 = 512 << 20;
/// Longer paths are no answer.
const LONGEST_PATH: u64 = 4096;

/// What `command` prints: a path, or nothing if it fails. It is ended when the time is over.
fn output_within(mut command: Command, until: Instant) -> io::Result<Option<PathBuf>> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let Some(stdout) = child.stdout.take() else { return Ok(None) };
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("debuginfod".into()).spawn(move || {
        let mut text = Vec::new();
        let read = stdout.take(LONGEST_PATH).read_to_end(&mut text);
        // Nobody listens any more once the time is over.
        let _ = send.send(read.map(|_| text));
    })?;
    let text = receive.recv_timeout(until.saturating_duration_since(Instant::now()));
    let status = loop {
        match child.try_wait()? {
            Some(status) => break status,
            None if text.is_ok() && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(20));
            }
            None => {
                // It may have ended just now; either way nothing is left of it.
                let _ = child.kill();
                let _ = child.wait();
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    };
    let text = text.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let path = String::from_utf8_lossy(&text).trim().to_string();
    Ok((status.success() && !path.is_empty()).then(|| path.into()))
}

/// Whether what the client names is a file that may be opened, in words if not.
fn is_fetched(path: &Path) -> Result<(), String> {
    let bad = |why: String| Err(format!("debuginfod-find named {}: {why}", path.display()));
    match std::fs::metadata(path) {
        Err(e) => bad(e.to_string()),
        Ok(meta) if !meta.is_file() => bad("it is no file".into()),
        Ok(meta) if meta.len() > LARGEST => bad(format!("it has {} MiB", meta.len() >> 20)),
        Ok(_) => Ok(()),
    }
}
