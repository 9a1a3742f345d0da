//! The `coroner` command: all of it is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    coroner::cli::main()
}
