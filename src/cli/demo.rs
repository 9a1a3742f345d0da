//! `coroner demo`: serves a built-in dump of a real crash of our own firmware.

use super::serve::{ListenArgs, serve};
use crate::error::Result;
use crate::input::Input;
use crate::open;
use bytes::Bytes;
use clap::Args;

/// Arguments of `coroner demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How to serve it.
    #[command(flatten)]
    pub listen: ListenArgs,
}

// `scripts/firmware demo tests/data/demo` makes both anew, by crashing the firmware under QEMU.
static DUMP: &[u8] = include_bytes!("../../tests/data/demo/dump.core");
static FIRMWARE: &[u8] = include_bytes!("../../tests/data/demo/firmware.elf");

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
    let options = open::Options { elf_open: vec![elf], ..open::Options::default() };
    let opened = open::open_inputs(&[dump], &options)?;
    eprintln!("{STORY}");
    serve(opened, &args.listen, door, Some(TRY))
}
