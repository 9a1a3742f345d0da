//! Runs cases: finds them, runs the program over each, and compares.

pub(crate) mod case;
pub(crate) mod claims;
mod compare;
mod console;
mod diff;
pub(crate) mod kept;
mod report;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// No case takes longer.
const SECONDS: u32 = 30;

/// What a program did.
pub(crate) struct Done {
    /// `None`: a signal ended it.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command; `Err` if it died or took too long.
pub(crate) fn execute(command: &[String], folder: &Path) -> Result<Done, String> {
    let output = Command::new("timeout")
        .arg("--kill-after=5")
        .arg(SECONDS.to_string())
        .args(command)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .env_remove("DEBUGINFOD_URLS")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("timeout: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let done =
        Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
    match done.code {
        Some(124) => Err(format!("not done after {SECONDS} s")),
        Some(code) if code < 128 && !done.err.contains("panicked at") => Ok(done),
        _ => Err(format!("died: {}", short(&done.err))),
    }
}

/// Runs `one` over all of `todo`, as many at a time as there are processors; results in order.
pub(crate) fn side_by_side<T: Sync, R: Send>(todo: &[T], one: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = todo.get(at) else { break };
                    let result = one(item);
                    results.lock().expect("no worker panicked").push((at, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panicked");
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Whether `CASES` asks for a case.
pub(crate) fn asked_for(name: &str) -> bool {
    std::env::var("CASES").map_or(true, |part| name.contains(&part))
}

/// Whether what comes out is to be written down.
pub(crate) fn blessing() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The beginning of a text in one line.
pub(crate) fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace("coroner: ", "");
    match line.char_indices().nth(150) {
        Some((at, _)) => format!("{}..", &line[..at]),
        None => line,
    }
}
