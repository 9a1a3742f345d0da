//! `coroner completions`: for shells, and the manual pages, from the same definitions as the
//! command line.

use super::{Cli, Talk};
use crate::error::{Error, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write as _;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  coroner completions bash > ~/.local/share/bash-completion/completions/coroner
  coroner completions zsh > ~/.zfunc/_coroner
  coroner completions --man ~/.local/share/man/man1";

/// Arguments of `coroner completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, required_unless_present = "man")]
    pub shell: Option<Shell>,

    /// Write the manual pages to this folder: coroner.1, and one for each command
    #[arg(long, value_name = "DIR", conflicts_with = "shell")]
    pub man: Option<PathBuf>,

    /// How much is told.
    #[command(flatten)]
    pub talk: Talk,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<()> {
    let mut command = Cli::command();
    if let Some(folder) = &args.man {
        std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
        return clap_mangen::generate_to(command, folder).map_err(|e| Error::io(folder, e));
    }
    if let Some(shell) = args.shell {
        // Into memory first: the generator panics when a pipe is closed early.
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, "coroner", &mut text);
        let stdout = |e| Error::io("standard output", e);
        std::io::stdout().lock().write_all(&text).map_err(stdout)?;
    }
    Ok(())
}
