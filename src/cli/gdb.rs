//! `coroner gdb`: a GDB of the right kind, connected to the dump, in one command.
//!
//! GDB starts our server itself (`target remote | coroner serve --stdio ...`), so there is no
//! port to choose and nothing left over when it ends.

use super::OpenArgs;
use crate::error::{Error, Result};
use crate::open::Opened;
use crate::targets::{Arch, Family};
use clap::Args;
use std::ffi::{OsStr, OsString};
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

/// What shows a dump on a machine that has no GDB for its architecture.
pub(super) const WITHOUT_GDB: &str = "Without a GDB: `coroner report` and `coroner view` show the \
    crash, and editors attach with `coroner dap`";

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
    // Held until GDB has ended.
    let own = Private::new()?;
    let commands = connect(open, &opened, &own)?;
    let mut command = Command::new(&gdb);
    command.arg("-q");
    // Scripts that an ELF file names or that lie beside it are strangers', also for people whose
    // GDB runs them elsewhere.
    command.arg("-iex").arg("set auto-load off");
    let init = own.write("init.gdb", GDBINIT.as_bytes())?;
    command.arg("-ex").arg(format!("source {}", init.display()));
    if args.strict {
        let (rest, text) = strict_script(&commands, &args.arguments)?;
        let file = own.write("batch.gdb", text.as_bytes())?;
        command.args(rest).arg("-x").arg(&file);
    } else {
        for line in &commands {
            command.arg("-ex").arg(line);
        }
        command.args(&args.arguments);
    }
    // Ctrl-C is for GDB; we wait for its end.
    let _ = ctrlc::set_handler(|| {});
    let status = command.status().map_err(|e| Error::io(&gdb, e))?;
    drop(own);
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

/// The commands that load the firmware and connect.
fn connect(open: &[OsString], opened: &Opened, private: &Private) -> Result<Vec<String>> {
    let own = std::env::current_exe()
        .map_err(|e| Error::Resource(format!("the path of coroner itself is not known: {e}")))?;
    let mut words: Vec<OsString> = vec![own.into(), "serve".into(), "--stdio".into()];
    words.extend(open.iter().cloned());
    let pipe = match words.iter().map(|word| harmless(word)).collect::<Option<Vec<_>>>() {
        Some(words) => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
        // A newline would end GDB's command and begin another one.
        None => format!("sh {}", quoted(&private.write_shell(&words)?.display().to_string())),
    };
    let mut commands = vec!["set confirm off".to_string()];
    if let Some(elf) = &opened.firmware
        && let Ok(path) = std::path::absolute(&elf.path)
        && path.is_file()
    {
        // Absolute: GDB would take a dash in front for an option.
        let path = match harmless(path.as_os_str()) {
            Some(path) => path.to_string(),
            None => private.link("firmware.elf", &path)?.display().to_string(),
        };
        commands.push(format!("file \"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    commands.push(format!("target remote | {pipe}"));
    Ok(commands)
}

/// A word as text, if it can stand in a command of GDB: no control characters, which could end the
/// command, and nothing that is no UTF-8, which would come out as another name.
fn harmless(word: &OsStr) -> Option<&str> {
    word.to_str().filter(|word| !word.chars().any(char::is_control))
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
    Err(Error::Resource(format!(
        "no GDB for {} in PATH (looked for {all}): --gdb PATH names one. {WITHOUT_GDB}",
        arch.name
    )))
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
        if value.contains(['\n', '\r']) {
            return Err(Error::Usage(format!("{text}: with --strict, one line each")));
        }
        if is_file {
            script.push_str("source ");
        }
        script.push_str(&value);
        script.push('\n');
    }
    match batch {
        true => Ok((rest, script)),
        false => Err(Error::Usage("--strict is for batches: add -batch after --".into())),
    }
}

/// A folder of our own for what GDB reads, which nobody else can write to; it lives as long as GDB.
struct Private {
    folder: PathBuf,
}

impl Private {
    fn new() -> Result<Private> {
        let base = std::env::temp_dir();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = now.map_or(0, |now| now.subsec_nanos());
        let builder = private_folder();
        let mut last = None;
        for number in 0..100 {
            let name = format!("coroner-{}-{now}-{number}", std::process::id());
            let folder = base.join(name);
            // A name that somebody has taken, be it with a link, is an error here.
            match builder.create(&folder) {
                Ok(()) => return Ok(Private { folder }),
                Err(e) => last = Some(e),
            }
        }
        Err(Error::io(base, last.unwrap_or_else(|| std::io::ErrorKind::AlreadyExists.into())))
    }

    fn write(&self, name: &str, text: &[u8]) -> Result<PathBuf> {
        let path = self.folder.join(name);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = file.map_err(|e| Error::io(&path, e))?;
        file.write_all(text).map_err(|e| Error::io(&path, e))?;
        Ok(path)
    }

    /// A shell script that becomes the command of `words`, byte for byte.
    fn write_shell(&self, words: &[OsString]) -> Result<PathBuf> {
        let mut text = b"exec".to_vec();
        for word in words {
            text.extend_from_slice(b" '");
            for byte in word.as_encoded_bytes() {
                match byte {
                    b'\'' => text.extend_from_slice(b"'\\''"),
                    byte => text.push(*byte),
                }
            }
            text.push(b'\'');
        }
        text.push(b'\n');
        self.write("serve.sh", &text)
    }

    /// A link to `path` under a name that is harmless.
    fn link(&self, name: &str, path: &Path) -> Result<PathBuf> {
        let link = self.folder.join(name);
        #[cfg(unix)]
        std::os::unix::fs::symlink(path, &link).map_err(|e| Error::io(&link, e))?;
        #[cfg(not(unix))]
        std::fs::copy(path, &link).map_err(|e| Error::io(&link, e))?;
        Ok(link)
    }
}

/// Makes folders that are the user's alone.
#[cfg(unix)]
fn private_folder() -> std::fs::DirBuilder {
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Makes folders; the user's temporary folder is the user's alone already.
#[cfg(not(unix))]
fn private_folder() -> std::fs::DirBuilder {
    std::fs::DirBuilder::new()
}

impl Drop for Private {
    fn drop(&mut self) {
        // What is left in the temporary folder does no harm.
        let _ = std::fs::remove_dir_all(&self.folder);
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

    #[cfg(unix)]
    #[test]
    fn a_name_with_a_newline_never_stands_in_a_command() {
        assert_eq!(harmless(OsStr::new("a b'c")), Some("a b'c"));
        assert_eq!(harmless(OsStr::new("x\nshell id")), None);
        assert_eq!(harmless(OsStr::new("x\u{85}y")), None);
        let own = Private::new().expect("room");
        let words = ["printf", "%s", "a'b\n$(id) \\"].map(OsString::from);
        let script = own.write_shell(&words).expect("room");
        let output = Command::new("sh").arg(&script).output().expect("a shell");
        assert_eq!(output.stdout, b"a'b\n$(id) \\");
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&own.folder).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let folder = own.folder.clone();
        drop(own);
        assert!(!folder.exists());
    }

    #[test]
    fn two_lines_are_no_command_of_a_strict_batch() {
        let arguments = ["-batch", "-x", "a\nshell id"].map(OsString::from);
        assert!(strict_script(&[], &arguments).is_err());
    }
}
