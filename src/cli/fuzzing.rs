//! What fuzz targets reach of commands, without files and standard output.

use super::{Cli, Command, check, needs, triage};
use crate::error::Result;
use crate::firmware::Firmware;
use crate::open::Opened;
use bytes::Bytes;
use clap::Parser;
use std::path::Path;

/// `coroner needs` of an ELF file, as text and as JSON: how long they are.
pub fn needs(elf: Bytes) -> usize {
    let Ok(firmware) = Firmware::parse("fuzz.elf".into(), elf) else { return 0 };
    let told = |more: &[&str]| {
        let words = ["coroner", "needs", "fuzz.elf"].iter().chain(more);
        match Cli::try_parse_from(words).map(|cli| cli.command) {
            Ok(Some(Command::Needs(args))) => needs::tell(&args, &firmware),
            _ => unreachable!("it is a command line"),
        }
    };
    let both = [told(&[]), told(&["--json", "--regions", "all", "--partition", "4K"])];
    both.into_iter()
        .map(|told| told.map_or_else(|e| e.to_string().len(), |(text, _)| text.len()))
        .sum()
}

/// `coroner check` of a dump: how long its results are.
pub fn check(opened: &Opened, expected: &str) -> usize {
    check::results(opened, expected).map_or_else(|error| error.to_string().len(), |text| text.len())
}

/// Goes on with the journal of a triage and adds nothing: how many rows it has.
///
/// # Errors
/// As `coroner triage --resume`.
pub fn resume(journal: &Path) -> Result<usize> {
    triage::resume(journal)
}
