//! Opens a dump and prints the backtrace of each thread.
//!
//! ```text
//! cargo run --example backtrace -- tests/data/demo/dump.core tests/data/demo/firmware.elf
//! ```

use coroner::open::{Options, open};
use coroner::unwind::Unwinder;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let dump = arguments.next().ok_or("usage: backtrace DUMP [ELF..]")?;
    let options = Options::default().elf(arguments);
    let opened = open(&[dump], &options)?;

    println!("{}: {}", opened.dump.format, opened.dump.reason.words);
    let modules = opened.modules();
    let unwinder = Unwinder::new(&opened.dump, &modules);
    for thread in &opened.dump.threads {
        println!("\n{}{}", thread.label(), if thread.crashed { ", crashed" } else { "" });
        let backtrace = unwinder.backtrace(thread);
        for frame in &backtrace.frames {
            let at = frame.lookup_pc();
            let symbol = modules.symbol(at).filter(|symbol| symbol.covers);
            let name = symbol.map(|symbol| symbol.name).or(frame.said.clone());
            let name = name.unwrap_or_else(|| "??".to_string());
            let doubt = if frame.found.is_guess() { "  (a guess)" } else { "" };
            println!("  {:#010x} {name}{doubt}", frame.pc);
        }
        println!("  ends here: {}", backtrace.end);
    }
    // What was odd belongs to every answer.
    for note in &opened.dump.notes {
        println!("note: {}", note.sentence());
    }
    Ok(())
}
