//! `coroner gdb`: a GDB of the right kind, connected to the dump, in one command.
//!
//! GDB starts our server itself (`target remote | coroner serve --stdio ...`), so there is no
//! port to choose and nothing left over when it ends.

use super::OpenArgs;
use crate::error::{Error, Result};
use crate::open::Opened;
use crate::targets::{Arch, Family};
use clap::Args;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const EXAMPLES: &str = "\
Examples:
  coroner gdb crash.bin --elf app.elf                          a session
  coroner gdb crash.bin --elf app.elf -- -batch -ex bt         one command
  coroner gdb crash.bin --elf app.elf --strict -- -batch -x checks.gdb
                                                               a CI job that fails on an error

The exit status is GDB's. In a batch, GDB's own tells of its last command only; --strict stops
at the first command that fails and makes it 1.";

/// Commands for GDB's users: `crash`, `regions`, `tasks` and others.
const GDBINIT: &str = include_str!("../../gdbinit");

/// Arguments of `coroner gdb`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct GdbArgs {
    /// The GDB to run; found by the dump's architecture if not given
    #[arg(long, value_name = "PATH", env = "CORONER_GDB")]
    pub gdb: Option<PathBuf>,

    /// Stop at the first command that fails, with exit status 1; needs -batch
    #[arg(long)]
    pub strict: bool,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,

    /// Arguments for GDB
    #[arg(last = true, help_heading = None::<&str>, value_name = "GDB ARGUMENT")]
    pub arguments: Vec<OsString>,
}

/// `open` is what the user said of opening, for the server.
pub(super) fn run(args: &GdbArgs, open: &[OsString]) -> Result<ExitCode> {
    if args.open.inputs.iter().any(|input| input == Path::new("-")) {
        let why = "GDB needs standard input for itself: name the dump's file";
        return Err(Error::Usage(why.into()));
    }
    // What can't be opened is told here rather than by a GDB that loses its connection.
    let opened = args.open.open()?;
    let gdb = match &args.gdb {
        Some(gdb) => gdb.clone(),
        None => find(&opened.dump.arch)?,
    };
    let commands = connect(open, &opened)?;
    let mut command = Command::new(&gdb);
    command.arg("-q");
    // Held until GDB has ended.
    let init = Script::write("init", GDBINIT)?;
    let mut script = None;
    command.arg("-ex").arg(format!("source {}", init.path.display()));
    if args.strict {
        let (rest, text) = strict_script(&commands, &args.arguments)?;
        let file = Script::write("batch", &text)?;
        command.args(rest).arg("-x").arg(&file.path);
        script = Some(file);
    } else {
        for line in &commands {
            command.arg("-ex").arg(line);
        }
        command.args(&args.arguments);
    }
    // Ctrl-C is for GDB; we wait for its end.
    let _ = ctrlc::set_handler(|| {});
    let status = command.status().map_err(|e| Error::io(&gdb, e))?;
    drop((init, script));
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

/// The commands that load the firmware and connect.
fn connect(open: &[OsString], opened: &Opened) -> Result<Vec<String>> {
    let own = std::env::current_exe()
        .map_err(|e| Error::Resource(format!("the path of coroner itself is not known: {e}")))?;
    let mut parts = vec![quoted(&own.display().to_string()), "serve".into(), "--stdio".into()];
    parts.extend(open.iter().map(|arg| quoted(&arg.to_string_lossy())));
    let mut commands = vec!["set confirm off".to_string()];
    if let Some(elf) = &opened.firmware
        && Path::new(&elf.path).is_file()
    {
        commands.push(format!("file \"{}\"", elf.path.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    commands.push(format!("target remote | {}", parts.join(" ")));
    Ok(commands)
}

/// A word for the shell that GDB starts the pipe with.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:,@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_string(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// GDBs that know an architecture, the most capable first.
fn names(arch: &Arch) -> Vec<String> {
    let own: &[&str] = match arch.family {
        Family::CortexM | Family::Arm => {
            &["gdb-multiarch", "arm-none-eabi-gdb", "arm-zephyr-eabi-gdb"]
        }
        Family::Aarch64 => &["gdb-multiarch", "aarch64-none-elf-gdb", "aarch64-zephyr-elf-gdb"],
        Family::RiscV32 | Family::RiscV64 => &[
            "gdb-multiarch",
            "riscv32-esp-elf-gdb",
            "riscv64-zephyr-elf-gdb",
            "riscv-none-elf-gdb",
            "riscv64-unknown-elf-gdb",
            "riscv32-unknown-elf-gdb",
        ],
        Family::X86 | Family::X86_64 => &["gdb", "gdb-multiarch"],
        Family::Xtensa => &[],
        _ => &["gdb-multiarch", "gdb"],
    };
    let hint = arch.gdb_hint.iter().cloned();
    hint.chain(own.iter().map(|name| (*name).to_string())).collect()
}

pub(super) fn find(arch: &Arch) -> Result<PathBuf> {
    let names = names(arch);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    for name in &names {
        let found = std::env::split_paths(&folders).map(|folder| folder.join(name));
        if let Some(path) = found.into_iter().find(|path| path.is_file()) {
            return Ok(path);
        }
    }
    let all = names.join(", ");
    Err(Error::Resource(format!("no GDB for {} in PATH (looked for {all}): --gdb", arch.name)))
}

/// GDB's arguments without its commands, and a script of ours and those commands. GDB ends a
/// script at the first error, and a batch's exit status tells of its last command: the script.
fn strict_script(ours: &[String], arguments: &[OsString]) -> Result<(Vec<OsString>, String)> {
    let mut script = ours.join("\n") + "\n";
    let mut rest = Vec::new();
    let mut batch = false;
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy().into_owned();
        let dashes = text.trim_start_matches('-');
        let is_option = dashes.len() < text.len();
        let (name, inline) = match dashes.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (dashes, None),
        };
        let is_command = is_option && matches!(name, "ex" | "eval-command");
        let is_file = is_option && matches!(name, "x" | "command");
        if !is_command && !is_file {
            batch |= is_option && matches!(name, "batch" | "batch-silent");
            rest.push(argument.clone());
            continue;
        }
        let value = match inline {
            Some(value) => value,
            None => match arguments.next() {
                Some(value) => value.to_string_lossy().into_owned(),
                None => return Err(Error::Usage(format!("{text}: its value is missing"))),
            },
        };
        if is_file {
            script.push_str("source ");
        }
        script.push_str(&value);
        script.push('\n');
    }
    match batch {
        true => Ok((rest, script)),
        false => Err(Error::Usage("--strict is for batches: add -batch behind --".into())),
    }
}

/// A file that lives as long as GDB needs it.
struct Script {
    path: PathBuf,
}

impl Script {
    fn write(what: &str, text: &str) -> Result<Script> {
        let name = format!("coroner-{}-{what}.gdb", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).open(&path);
        let mut file = file.map_err(|e| Error::io(&path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| Error::io(&path, e))?;
        Ok(Script { path })
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // What is left in the temporary folder does no harm.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        assert_eq!(quoted("a/b-c_1.elf"), "a/b-c_1.elf");
        assert_eq!(quoted("it's here"), "'it'\\''s here'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
    }

    #[test]
    fn a_strict_batch_is_one_script() {
        let arguments = ["-batch", "-ex", "bt", "--command=a b.gdb", "-nx", "-x", "c"];
        let arguments = arguments.map(OsString::from);
        let (rest, script) = strict_script(&["connect".into()], &arguments).expect("it is right");
        assert_eq!(rest, ["-batch", "-nx"].map(OsString::from));
        assert_eq!(script, "connect\nbt\nsource a b.gdb\nsource c\n");
        assert!(strict_script(&[], &["-ex".into(), "bt".into()]).is_err());
    }
}
