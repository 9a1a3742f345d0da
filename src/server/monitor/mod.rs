//! `monitor` commands: what a debugger's own commands can't show of a dump.
//!
//! One function each, and one line of [`COMMANDS`]. No word is an error: IDEs send the commands of
//! live probes on their own accord and take an error for the end of the session.

mod crash;
mod frame;
mod heap;
mod memory;
mod objects;
mod threads;
mod why;

use super::client::Client;
use crate::display::Lines;

/// The console takes text in pieces of at most this many bytes.
pub(crate) const PIECE: usize = 2048;

struct Command {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&mut Client, &str) -> Lines,
}

const fn command(
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&mut Client, &str) -> Lines,
) -> Command {
    Command { name, arguments, help, run }
}

static COMMANDS: &[Command] = &[
    command("help", "", "this list", help),
    command("crash", "", "why the device stopped, and what it was", crash::crash),
    command("why", "", "what happened and why, as far as that is certain", why::why),
    command(
        "disassemble",
        "[ADDR] [N]",
        "instructions around an address or the crash",
        why::disassemble,
    ),
    command("fault", "", "the fault registers, in words", crash::fault),
    command("frame", "[THREAD]", "what an exception interrupted", frame::frame),
    command("threads", "", "all threads with state and stack use", threads::threads),
    command("objects", "", "what threads wait for; queues, locks, timers", objects::objects),
    command("regions", "[ADDR]", "the memory that is known, and what is missing", memory::regions),
    command("find", "\"TEXT\"|0xWORD", "where that is in memory", memory::find),
    command("heap", "[ADDR]", "heaps, their damage; what an address points into", heap::heap),
    command("notes", "", "everything odd about this dump", crash::notes),
    command("elf", "", "which firmware belongs to the dump", crash::elf),
    command("revert", "", "drop what this session wrote", memory::revert),
];

/// First words of what IDEs and people send to probes: OpenOCD, J-Link, ST-LINK, pyOCD, Black
/// Magic.
static PROBE_WORDS: &[&str] = &[
    "reset",
    "halt",
    "gdb_sync",
    "swdp_scan",
    "jtag_scan",
    "auto_scan",
    "rtt",
    "swo",
    "exec",
    "mwb",
    "mwh",
    "mww",
    "mdb",
    "mdh",
    "mdw",
    "arm",
    "tpwr",
    "tpiu",
    "itm",
    "semihosting",
    "flash",
    "speed",
    "interface",
    "device",
    "endian",
    "go",
    "resume",
    "step",
    "wait_halt",
    "sleep",
    "init",
    "clrbp",
    "reg",
    "flushreg",
    "poll",
    "targets",
    "adapter",
    "adapter_khz",
    "gdb_breakpoint_override",
    "esp",
    "esp32",
    "traceswo",
    "regs",
    "loadbin",
    "program",
    "connect_srst",
    "heapinfo",
    "si",
];

/// The names of all commands.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}

/// Runs a command line and returns what it has to say.
pub(crate) fn run(client: &mut Client, line: &str) -> Lines {
    let line = line.trim();
    let (word, arguments) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if word.is_empty() {
        return help(client, "");
    }
    if let Some(command) = COMMANDS.iter().find(|command| command.name == word) {
        return (command.run)(client, arguments.trim());
    }
    if PROBE_WORDS.iter().any(|probe| probe.eq_ignore_ascii_case(word)) {
        return format_args!("Nothing to do for '{line}': the device is dead, this is its dump.")
            .into();
    }
    format_args!("'{word}' means nothing to a dump; 'monitor help' lists what does.").into()
}

fn help(_: &mut Client, _: &str) -> Lines {
    let usage = |command: &Command| format!("{} {}", command.name, command.arguments);
    let width = COMMANDS.iter().map(|command| usage(command).len()).max().unwrap_or_default();
    let mut text = Lines::new();
    for command in COMMANDS {
        let _ = writeln!(text, "{:width$}  {}", usage(command), command.help);
    }
    text
}
