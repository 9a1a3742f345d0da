//! Runs the program under limits, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// What an input below 10 MiB may take (resident, in KiB).
const MOST_KIB: u64 = 256 << 10;
/// Address space is no memory, but what asks for much more is ended by this.
const ADDRESS_SPACE_KIB: u64 = 4 << 20;
/// A debug build on a busy machine is some times slower than what users run.
const CPU_SECONDS: u64 = 20;
/// A line for each thing in the input; what is shown of it is not more than the input.
const MOST_OUTPUT: usize = 4 << 20;

/// A folder that goes with the test.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("coroner-hostile-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("room for a folder");
        Folder(path)
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).expect("room");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The demo's dump or program.
pub(crate) fn demo(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo").join(name)
}

/// The program with limits on it, in `folder`.
pub(crate) fn program(folder: &Folder, words: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let limits = format!("ulimit -v {ADDRESS_SPACE_KIB}; ulimit -t {CPU_SECONDS}; exec \"$@\"");
    command.args(["-c", &limits, "sh", env!("CARGO_BIN_EXE_coroner")]).args(words);
    command.current_dir(&folder.0).env("HOME", &folder.0).env_remove("XDG_CACHE_HOME");
    command.env_remove("DEBUGINFOD_URLS").stdin(Stdio::null());
    command
}

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) output: Output,
    pub(crate) peak_kib: u64,
    pub(crate) time: Duration,
    /// Of the processor, in hundredths of a second.
    pub(crate) ticks: u64,
}

impl Ran {
    pub(crate) fn words(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        text(&self.output.stdout) + &text(&self.output.stderr)
    }

    /// Fails if a limit was passed.
    #[track_caller]
    pub(crate) fn within(self, what: &str) -> Ran {
        let status = self.output.status;
        assert!(status.code().is_some(), "{what}: {status}: {}", self.words());
        assert_ne!(status.code(), Some(101), "{what} panicked: {}", self.words());
        assert!(self.peak_kib <= MOST_KIB, "{what}: {} MiB", self.peak_kib >> 10);
        let len = self.output.stdout.len() + self.output.stderr.len();
        assert!(len <= MOST_OUTPUT, "{what}: {len} bytes of output");
        self
    }
}

/// Runs the program to its end, and looks at its memory meanwhile.
pub(crate) fn run(folder: &Folder, words: &[&str]) -> Ran {
    let started = Instant::now();
    let mut command = program(folder, words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let folder = format!("/proc/{}", child.id());
    let watch = std::thread::spawn(move || {
        let (mut peak, mut ticks) = (0, 0);
        let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).ok();
        while let Some(now) = read("status").and_then(|text| high_water(&text)) {
            peak = peak.max(now);
            ticks = read("stat").and_then(|text| cpu_ticks(&text)).unwrap_or(ticks);
            std::thread::sleep(Duration::from_millis(2));
        }
        (peak, ticks)
    });
    let output = child.wait_with_output().expect("it ends");
    let (peak_kib, ticks) = watch.join().expect("it ends with the process");
    Ran { output, peak_kib, time: started.elapsed(), ticks }
}

/// Time in the program and in the system for it: fields 14 and 15, behind the name in parentheses.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
