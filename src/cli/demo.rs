//! `coroner demo`: serves a built-in dump of a real crash of our own firmware.

use super::serve::{Guide, ListenArgs, serve};
use super::{Talk, gdb};
use crate::error::Result;
use crate::input::Input;
use crate::open;
use crate::targets::Arch;
use bytes::Bytes;
use clap::Args;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(super) const EXAMPLES: &str = "\
Examples:
  coroner demo                                              says what to type
  coroner demo --listen :0                                  on a free port";

/// Arguments of `coroner demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How to serve it.
    #[command(flatten)]
    pub listen: ListenArgs,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
}

// `scripts/firmware demo tests/data/demo` makes both anew, by crashing the firmware under QEMU.
static DUMP: &[u8] = include_bytes!("../../tests/data/demo/dump.core");
static FIRMWARE: &[u8] = include_bytes!("../../tests/data/demo/firmware.elf");

/// A GDB that starts for the first time on a slow machine may take its time.
const LONGEST_WAIT: Duration = Duration::from_secs(8);

const STORY: &str = "\
A weather station (a Cortex-M4F under QEMU) read its sensor through a pointer that came from a
damaged configuration. coroner-capture, in its fault handler, left a core dump of less than 6 KB
behind. This is that dump, as if the device had been halted at that instant.
";

const TRY: &str = "\
Try there:   bt                    who called whom, with arguments
             info threads          the three tasks
             frame 1               one up: the caller
             p *settings           the damaged configuration
             monitor crash         why the device stopped
             monitor fault         the fault registers, in words
             continue              what a dead device says to that
";

pub(super) fn run(args: &DemoArgs) -> Result<()> {
    let door = args.listen.door()?;
    let dump = Input { name: "demo.core".into(), bytes: Bytes::from_static(DUMP), addr: None };
    let elf = Input {
        name: "/demo/firmware.elf".into(),
        bytes: Bytes::from_static(FIRMWARE),
        addr: None,
    };
    let mut options = open::Options::default();
    options.elves.open.push(elf);
    let opened = open::open_inputs(&[dump], &options)?;
    eprintln!("{STORY}");
    serve(opened, &args.listen, door, &Guide { hints: Some(TRY), then: Some(look) })
}

/// Shows what a GDB of this machine shows, as soon as it has answered; the server does not wait.
fn look(arch: &Arch) {
    let Ok(gdb) = gdb::find(arch) else { return };
    let shown = move || {
        if let Some(frames) = backtrace(&gdb) {
            let name = gdb.file_name().unwrap_or_default().to_string_lossy();
            eprintln!("\n{name}, which is on this machine, shows of it:\n\n{frames}");
        }
    };
    // Without a thread the demo is the same but for this.
    let _ = std::thread::Builder::new().name("gdb".into()).spawn(shown);
}

/// The backtrace that a GDB shows of the demo, over a pipe to a second one of us. `None` if it
/// shows none (it may not know the architecture) or takes too long: then the user has to look.
fn backtrace(gdb: &Path) -> Option<String> {
    let own = std::env::current_exe().ok()?;
    let pipe = format!("target remote | {} demo --stdio 2>/dev/null", gdb::quoted(own.to_str()?));
    let mut child = Command::new(gdb)
        .args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex", &pipe, "-ex", "bt"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let started = Instant::now();
    while child.try_wait().ok()?.is_none() {
        if started.elapsed() > LONGEST_WAIT {
            // It has had its chance; whether it can still be ended changes nothing.
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut shown = String::new();
    child.stdout.take()?.read_to_string(&mut shown).ok()?;
    let frames = shown.lines().filter(|line| line.starts_with('#'));
    let frames: String = frames.map(|line| format!("    {line}\n")).collect();
    (!frames.is_empty()).then_some(frames)
}
