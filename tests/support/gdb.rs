//! Runs a real GDB over a list of commands.

use super::missing;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The GDBs that the tests are run with: `gdb-multiarch`, and every one in `CORONER_TEST_GDBS`
/// (separated as in `PATH`).
pub(crate) fn gdbs() -> Vec<PathBuf> {
    let more = std::env::var_os("CORONER_TEST_GDBS").unwrap_or_default();
    let all = std::iter::once(PathBuf::from("gdb-multiarch")).chain(std::env::split_paths(&more));
    let runs = |gdb: &PathBuf| {
        let version = Command::new(gdb).arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    };
    let found: Vec<PathBuf> = all.filter(|gdb| !gdb.as_os_str().is_empty()).filter(runs).collect();
    if found.is_empty() {
        missing::nothing::<()>("gdb-multiarch (scripts/tool gdb-multiarch)");
    }
    found
}

/// A command that leaves no memory image in the tree where it crashes; debuggers do.
pub(crate) fn without_core(program: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -c 0; exec \"$@\"", "sh", program]);
    command
}

/// What `gdb` prints, on either stream, over `commands`, or a panic if it takes more than
/// `seconds`.
pub(crate) fn run(gdb: &PathBuf, seconds: u32, commands: &[&str]) -> String {
    let mut command = without_core("timeout");
    command.arg("--kill-after=5").arg(seconds.to_string()).arg(gdb).args(["-nx", "-batch"]);
    command.args(["-iex", "set debuginfod enabled off", "-ex", "set pagination off"]);
    for line in commands {
        command.args(["-ex", line]);
    }
    let output = command.stdin(Stdio::null()).output().expect("timeout is there");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert_ne!(output.status.code(), Some(124), "GDB took more than {seconds} s:\n{text}");
    text
}

/// The functions of the backtrace of the thread called `name`.
pub(crate) fn chain(text: &str, name: &str) -> Vec<String> {
    let title = format!("\"{name}\"");
    let lines = text.lines().skip_while(|l| !(l.starts_with("Thread ") && l.contains(&title)));
    let frames = lines.skip(1).take_while(|line| !line.starts_with("Thread "));
    let function = |line: &str| {
        let rest = line.strip_prefix('#')?.split_once(' ')?.1.trim();
        let rest = rest.split_once(" in ").map_or(rest, |(_, rest)| rest);
        rest.split_whitespace().next().map(str::to_string)
    };
    frames.filter_map(function).collect()
}
