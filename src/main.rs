//! The `coroner` command: parses the command line and leaves the rest to the library.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    coroner::cli::main(coroner::cli::Cli::parse())
}
