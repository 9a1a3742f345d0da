//! Real dumps with the ELF files of their firmware, and a real GDB beside them.

use super::missing;
use coroner::open::{self, Opened, Options};
use std::path::PathBuf;
use std::process::Stdio;

/// Opens a fixture with the ELF file of its firmware.
pub fn open(inputs: &[PathBuf], elf: Option<PathBuf>) -> Opened {
    let options = Options::default().elf(elf);
    open::open(inputs, &options).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs commands in a batch GDB and returns what it printed; a visible skip where there is none.
pub fn gdb(commands: &[&str]) -> Option<String> {
    if !missing::program("gdb-multiarch") {
        return None;
    }
    let mut command = super::gdb::without_core("timeout");
    command.args(["60", "gdb-multiarch", "-nx", "-batch", "-ex", "set width 0"]);
    command.args(["-ex", "set debuginfod enabled off", "-ex", "set height 0"]);
    for line in commands {
        command.args(["-ex", line]);
    }
    let output = command.stdin(Stdio::null()).output().expect("timeout is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(text + &String::from_utf8_lossy(&output.stderr))
}
