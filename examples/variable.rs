//! Opens a dump and reads a variable of the firmware, or an expression over its variables.
//!
//! ```text
//! cargo run --example variable -- tests/data/demo/dump.core tests/data/demo/firmware.elf SETTINGS
//! ```

use coroner::open::{Options, open};
use coroner::report::{self, ReportOptions};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dump, elf, expressions @ ..] = arguments.as_slice() else {
        return Err("usage: variable DUMP ELF EXPRESSION..".into());
    };
    let options = Options::default().elf([elf]);
    let opened = open(&[dump.into()], &options)?;
    let wanted = ReportOptions { print: expressions.to_vec(), ..ReportOptions::default() };
    for value in report::build(&opened, &wanted)?.values {
        match (value.value, value.missing) {
            (Some(text), _) => println!("{} = {text}", value.name),
            (None, why) => println!("{}: unknown: {}", value.name, why.unwrap_or_default()),
        }
    }
    Ok(())
}
