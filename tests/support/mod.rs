//! What tests share: where fixtures and debuggers are.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of it")]

pub mod oracle;

use coroner::open::{self, Opened, Options};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The folder of real dumps beside the project, or a visible skip.
pub fn fixtures() -> Option<PathBuf> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/fixtures"));
    if path.is_dir() {
        return Some(path);
    }
    eprintln!("SKIPPED: there are no fixtures at {}", path.display());
    None
}

/// Opens a fixture with the ELF file of its firmware.
pub fn open(inputs: &[PathBuf], elf: Option<PathBuf>) -> Opened {
    let options = Options { elf: elf.into_iter().collect(), ..Options::default() };
    open::open(inputs, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs commands in a batch GDB and returns what it printed; a visible skip where there is none.
pub fn gdb(commands: &[&str]) -> Option<String> {
    let mut command = Command::new("timeout");
    command.args(["60", "gdb-multiarch", "-nx", "-batch", "-ex", "set width 0"]);
    command.args(["-ex", "set debuginfod enabled off", "-ex", "set height 0"]);
    for line in commands {
        command.args(["-ex", line]);
    }
    let output =
        command.stdin(Stdio::null()).output().ok().filter(|o| o.status.code() != Some(127));
    match output {
        Some(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Some(text + &String::from_utf8_lossy(&output.stderr))
        }
        None if std::env::var_os("CI").is_some() => panic!("gdb-multiarch is not installed"),
        None => {
            eprintln!("SKIPPED: gdb-multiarch is not installed");
            None
        }
    }
}
