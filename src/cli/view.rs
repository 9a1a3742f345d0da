//! `coroner view`: a dump in the browser.

use super::options::listen_addresses;
use super::serve::stop_on_ctrl_c;
use super::{Blame, OpenArgs};
use crate::error::Result;
use crate::server::Address;
use crate::view::{Door, View};
use clap::Args;
use std::path::PathBuf;

pub(super) const EXAMPLES: &str = "\
Examples:
  coroner view crash.bin --elf-dir build       prints an address for the browser
  coroner view crash.log --elf app.elf --source-dir . --listen :8080

Pages are for this machine alone, and for those who have the whole address.
Keys: j and k go through the frames, / finds, h goes to the first page.";

/// Arguments of `coroner view`.
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Where to listen: HOST:PORT or :PORT, on this machine alone; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: Vec<String>,

    /// Where source files are, beside where the compiler had them
    #[arg(long, value_name = "DIR")]
    pub source_dir: Vec<PathBuf>,

    /// Whom to blame.
    #[command(flatten)]
    pub blame: Blame,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
}

pub(super) fn run(args: &ViewArgs) -> Result<()> {
    let addresses: Vec<Address> = listen_addresses(&args.listen)?;
    let door = Door::bind(&addresses)?;
    let view = View {
        opened: args.open.open()?,
        source_dirs: args.source_dir.clone(),
        rules: args.blame.rules()?,
    };
    let stop = stop_on_ctrl_c()?;
    if let Some(link) = door.link() {
        eprintln!("coroner: in the browser: {link}\nCtrl-C here ends it.");
    }
    door.serve(&view, &stop)
}
