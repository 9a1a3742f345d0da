//! What was opened, in a few lines: the head of `info`, and what `serve` says first.

use crate::carrier::size_words;
use crate::display::Lines;
use crate::dump::{Dump, Thread};
use crate::memory::Origin;
use crate::open::Opened;
use std::fmt;

/// Writes the lines that any user wants to see first.
///
/// # Errors
/// None: see [`Lines::write_fmt`].
pub fn write(opened: &Opened, out: &mut Lines) -> fmt::Result {
    let dump = &opened.dump;
    writeln!(out, "{}: {}", opened.file, opened.trail())?;
    if let Some(chip) = &dump.identity.chip {
        writeln!(out, "  chip      {chip}")?;
    }
    let expected = dump.identity.firmware.first();
    match (&opened.firmware, expected) {
        (Some(elf), Some(id)) if elf.is(id) => {
            writeln!(out, "  ELF       {} (matches the dump's {id})", elf.path)?;
        }
        (Some(elf), Some(id)) => {
            writeln!(out, "  ELF       {} (NOT the dump's build: {id})", elf.path)?;
        }
        (Some(elf), None) => writeln!(out, "  ELF       {} (not checked)", elf.path)?,
        (None, Some(id)) => writeln!(out, "  ELF       not given; {id}")?,
        (None, None) => {}
    }
    for rom in &opened.rom {
        writeln!(out, "  rom       {}", rom.path)?;
    }
    for (name, value) in &dump.identity.facts {
        writeln!(out, "  {name:<9} {value}")?;
    }
    writeln!(out, "  reason    {}", dump.reason)?;
    writeln!(out, "  threads   {}", threads(dump))?;
    writeln!(out, "  memory    {}", memory(opened))?;
    for note in &dump.notes {
        writeln!(out, "  {note}")?;
    }
    Ok(())
}

fn threads(dump: &Dump) -> String {
    const MOST: usize = 12;
    let threads = &dump.threads;
    if threads.is_empty() {
        return "none: the dump holds no registers".into();
    }
    let label = |thread: &Thread| match thread.crashed && !dump.reason.is_unknown() {
        true => format!("{} (crashed)", thread.label()),
        false => thread.label(),
    };
    let mut words = threads.iter().take(MOST).map(label).collect::<Vec<_>>().join(", ");
    if threads.len() > MOST {
        words.push_str(&format!(" and {} more", threads.len() - MOST));
    }
    words
}

fn memory(opened: &Opened) -> String {
    let mut parts = Vec::new();
    for origin in Origin::ALL {
        let of = || opened.dump.memory.regions().filter(|region| region.origin == origin);
        let count = of().count();
        if count > 0 {
            let bytes: u64 = of().map(|region| region.bytes.len() as u64).sum();
            let regions = if count == 1 { "region" } else { "regions" };
            parts.push(format!("{} in {count} {regions} of the {origin}", size_words(bytes)));
        }
    }
    if parts.is_empty() { "none".into() } else { parts.join(", ") }
}
