//! `coroner serve`: a dump for any debugger, until Ctrl-C.

use super::options::listen_addresses;
use super::{OpenArgs, gdb, summary};
use crate::display::Lines;
use crate::error::{Error, Result};
use crate::open::Opened;
use crate::server::{self, Address, Listener, Served};
use crate::targets::Arch;
use clap::Args;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where GDB's manual and everybody's launch.json look for a stub.
const USUAL_PORT: u16 = 3333;

pub(super) const EXAMPLES: &str = "\
Examples:
  coroner serve crash.bin --elf app.elf                     then, in GDB: target remote :3333
  coroner serve crash.bin --elf-dir build --listen :0       a free port, which it prints
  coroner serve crash.bin --elf app.elf --listen unix:/tmp/crash.socket
  coroner serve crash.bin --elf app.elf --once              ends when the debugger has gone
  gdb-multiarch -ex 'target remote | coroner serve --stdio crash.bin --elf app.elf'
  lldb -o 'gdb-remote 3333'";

/// Arguments of `coroner serve`, and of `coroner` alone.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// How to serve it.
    #[command(flatten)]
    pub listen: ListenArgs,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
}

/// Where and how to serve.
#[derive(Clone, Debug, Default, Args)]
pub struct ListenArgs {
    /// Where to listen: HOST:PORT, :PORT, or unix:PATH; port 0 takes a free one
    /// [default: 127.0.0.1:3333 and [::1]:3333]
    #[arg(long, value_name = "ADDR", conflicts_with = "stdio")]
    pub listen: Vec<String>,

    /// Speak on standard input and output, for `target remote | coroner serve --stdio ...`
    #[arg(long)]
    pub stdio: bool,

    /// End when the last client has gone
    #[arg(long)]
    pub once: bool,
}

pub(super) fn run(args: &ServeArgs) -> Result<()> {
    // Listening comes first: a port that is taken should not be found out after the parsing.
    let door = args.listen.door()?;
    let opened = args.open.open()?;
    serve(opened, &args.listen, door, &Guide::default())
}

/// What a command says of its own once the server listens.
#[derive(Default)]
pub(super) struct Guide {
    /// What to type there, in place of the usual hints.
    pub(super) hints: Option<&'static str>,
    /// Started when all is said.
    pub(super) then: Option<fn(&Arch)>,
}

impl ListenArgs {
    /// The sockets, unless it is standard input and output.
    pub(super) fn door(&self) -> Result<Option<Listener>> {
        if self.stdio {
            return Ok(None);
        }
        let mut addresses = listen_addresses(&self.listen)?;
        if addresses.is_empty() {
            addresses.extend(Address::local(USUAL_PORT));
        }
        Listener::bind(&addresses).map(Some)
    }
}

/// Serves until Ctrl-C, or with `--once` until the last client has gone.
pub(super) fn serve(
    opened: Opened,
    listen: &ListenArgs,
    door: Option<Listener>,
    guide: &Guide,
) -> Result<()> {
    let stop = stop_on_ctrl_c()?;
    let mut text = Lines::new();
    // Writing lines can't fail.
    let _ = summary::write(&opened, &mut text);
    let Some(door) = door else {
        eprint!("{text}");
        return server::serve_stdio(&Served::of(opened), &stop);
    };
    let addresses = door.addresses();
    let _ = write_how_to(&opened, &addresses, guide.hints, &mut text);
    eprint!("{text}");
    if let Some(then) = guide.then {
        then(&opened.dump.arch);
    }
    let options = server::Options { once: listen.once, ..server::Options::default() };
    door.serve(&Served::of(opened), &options, &stop)?;
    eprintln!("coroner: done");
    Ok(())
}

pub(super) fn stop_on_ctrl_c() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|e| Error::Resource(format!("can't listen for Ctrl-C: {e}")))?;
    Ok(stop)
}

fn absolute(path: &str) -> String {
    let absolute = std::path::absolute(Path::new(path));
    absolute.map_or_else(|_| path.to_string(), |path| path.display().to_string())
}

/// What to type in another terminal.
fn write_how_to(
    opened: &Opened,
    addresses: &[Address],
    hints: Option<&'static str>,
    out: &mut Lines,
) -> std::fmt::Result {
    let places: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    out.blank();
    writeln!(out, "listening on {}", places.join(" and "))?;
    let Some(first) = addresses.first() else { return Ok(()) };
    let target = match first {
        Address::Tcp { host, port } if host == "127.0.0.1" => format!(":{port}"),
        Address::Tcp { .. } => first.to_string(),
        Address::Unix(path) => path.display().to_string(),
    };
    let found = gdb::find(&opened.dump.arch).ok();
    let name = found.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy());
    let usual = || opened.dump.arch.gdb_hint.as_deref().unwrap_or("gdb-multiarch").into();
    let gdb = name.unwrap_or_else(usual);
    // Without a target description GDB needs the ELF to know the architecture.
    let elf = opened.firmware.as_ref().filter(|_| !opened.dump.arch.description);
    let elf = elf.map_or(String::new(), |elf| format!(" {}", elf.path));
    out.say("In another terminal:\n\n");
    writeln!(out, "    {gdb}{elf} -ex 'target remote {target}'")?;
    if found.is_none() {
        out.blank();
        writeln!(out, "(It is not in PATH. {}.)", gdb::WITHOUT_GDB)?;
    }
    if opened.firmware.is_none() {
        out.say("\nFor names and lines pass the firmware: --elf FILE, or --elf-dir DIR.\n");
    }
    for rom in &opened.rom {
        out.blank();
        writeln!(out, "For names in ROM, in GDB: add-symbol-file {}", absolute(&rom.path))?;
    }
    out.blank();
    match hints {
        Some(hints) => {
            out.say(hints);
            out.say("\nCtrl-C here ends it.\n");
        }
        None => out.say(
            "Then: bt, info threads, thread apply all bt, monitor help. Ctrl-C here ends it.\n",
        ),
    }
    Ok(())
}
