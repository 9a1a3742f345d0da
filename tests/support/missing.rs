//! What a test needs and may not find: fixtures, debuggers, compilers. It is skipped then, visibly;
//! where `CI` is set it fails. Every test asks here.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of fixtures of other projects.
pub fn fixtures() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures");
    folder.is_dir().then_some(folder).or_else(|| nothing("the folder ../shared/fixtures"))
}

/// The bytes of a fixture.
pub fn fixture(name: &str) -> Option<Vec<u8>> {
    let path = fixtures()?.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display())))
}

/// Whether a program can be run; `scripts/tool NAME` installs it.
pub fn program(name: &str) -> bool {
    let mut version = Command::new(name);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let there = version.status().is_ok_and(|status| status.success());
    if !there {
        nothing::<()>(&format!("{name} (scripts/tool {name})"));
    }
    there
}

/// The program that a variable names; `tool` is what `scripts/tool` calls it.
pub fn named_by(variable: &str, tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    path.or_else(|| nothing(&format!("{variable} (scripts/tool {tool})")))
}

/// Says what is missing; where `CI` is set that is a failure.
pub fn nothing<T>(what: &str) -> Option<T> {
    assert!(!in_ci(), "in CI there must be {what}");
    skip(&format!("this machine lacks {what}"));
    None
}

/// Says that something is left out, and why. Standard error itself: what tests print by macros is
/// shown only of those that fail.
pub fn skip(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    // Where standard error is closed nobody reads it.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !["", "0", "false"].contains(&value.as_str()))
}
