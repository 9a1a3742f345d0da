//! `coroner info`: what is in a dump. Needs no ELF file and no debugger.

use super::{OpenArgs, print, print_json, summary};
use crate::display::Lines;
use crate::dump::{Severity, Thread};
use crate::error::Result;
use crate::open::Opened;
use clap::Args;
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(super) const EXAMPLES: &str = "\
Examples:
  coroner info crash.bin                                    layers, chip, reason, threads, memory
  coroner info flash-4MiB.bin --pick 1                      the first of several dumps
  coroner info monitor.log --json | jq -r .firmware_id      which ELF file it needs
  ssh device cat /dev/coredump | coroner info -             from standard input";

/// Arguments of `coroner info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// For programs: one JSON object
    #[arg(long)]
    pub json: bool,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
}

pub(super) fn run(args: &InfoArgs) -> Result<()> {
    let opened = args.open.open()?;
    match args.json {
        true => print_json(&format!("{:#}\n", json(&opened))),
        false => print(to_text(&opened, args.open.talk.lines()).as_str()),
    }
}

fn to_text(opened: &Opened, mut out: Lines) -> Lines {
    // Writing lines can't fail.
    let _ = write_text(opened, &mut out);
    out
}

fn write_text(opened: &Opened, out: &mut Lines) -> std::fmt::Result {
    let dump = &opened.dump;
    summary::write(opened, out)?;
    if opened.found.len() > 1 {
        out.title("Dumps in the input (--pick N):");
        for (index, found) in opened.found.iter().enumerate() {
            let mark = if index + 1 == opened.picked { '*' } else { ' ' };
            writeln!(out, "{mark} {}  {found}", index + 1)?;
        }
    }
    if !dump.texts.is_empty() {
        out.title("What the device said:");
        for line in dump.texts.iter().flat_map(|text| text.lines()) {
            writeln!(out, "  {}", line.trim_end())?;
        }
    }
    if !dump.reason.evidence.is_empty() {
        out.title("Fault registers:");
        for word in &dump.reason.evidence {
            writeln!(out, "  {:<10} {:#010x}  {}", word.name, word.value, word.words)?;
        }
    }
    if !dump.threads.is_empty() {
        out.title("Threads:");
    }
    for thread in &dump.threads {
        writeln!(out, "{}", thread_line(thread))?;
        for remark in &thread.remarks {
            writeln!(out, "      {remark}")?;
        }
    }
    if let Some(thread) = dump.threads.first() {
        out.blank();
        writeln!(out, "Registers of {}:", thread.label())?;
        let known = thread.registers.known().filter_map(|(index, value)| {
            let name = &dump.arch.registers.get(index)?.name;
            Some(format!("{name:<12} {value:#x}"))
        });
        for row in known.collect::<Vec<_>>().chunks(4) {
            let row: String = row.iter().map(|cell| format!("  {cell:<24}")).collect();
            writeln!(out, "{}", row.trim_end())?;
        }
        if let Some(why) = thread.registers.why_missing() {
            writeln!(out, "  others: {why}")?;
        }
    }
    out.title("Memory:");
    for region in dump.memory.regions() {
        if let Some(range) = region.range() {
            let name = region.name.as_deref().unwrap_or("");
            let (len, access, origin) = (range.len(), region.access, region.origin);
            let range = range.to_string();
            let row = format!("  {range:<22}  {len:>9}  {access}  {origin:<8} {name}");
            writeln!(out, "{}", row.trim_end())?;
        }
    }
    for (range, why) in dump.memory.missing() {
        let (len, range) = (range.len(), range.to_string());
        writeln!(out, "  {range:<22}  {len:>9}  missing: {why}")?;
    }
    Ok(())
}

fn thread_line(thread: &Thread) -> String {
    let mark = if thread.crashed { '*' } else { ' ' };
    let hex = |value: Option<u64>| value.map_or("unknown".to_string(), |v| format!("{v:#x}"));
    let mut line = format!("{mark} {:#010x}  {:<16}", thread.id, thread.label());
    // Writing to a string can't fail.
    let _ = write!(line, "  pc {:<10}", hex(thread.registers.pc()));
    let _ = write!(line, "  sp {:<10}", hex(thread.registers.sp()));
    if let Some(priority) = thread.priority {
        let _ = write!(line, "  prio {priority}");
    }
    if let Some(core) = thread.core {
        let _ = write!(line, "  core {core}");
    }
    if let Some(stack) = thread.stack {
        match thread.stack_used() {
            Some(used) => {
                let _ = write!(line, "  stack {used} of {} bytes", stack.size());
            }
            None => {
                let _ = write!(line, "  stack of {} bytes", stack.size());
            }
        }
    }
    if let Some(state) = &thread.state {
        let _ = write!(line, "  {state}");
    }
    line
}

/// The schema is versioned and documented in `docs/info.md`; a field may come to it without a new
/// version.
fn json(opened: &Opened) -> Value {
    let dump = &opened.dump;
    let hex = |value: u64| format!("{value:#x}");
    let threads = dump.threads.iter().map(|thread| {
        let registers: serde_json::Map<String, Value> = thread
            .registers
            .known()
            .filter_map(|(index, value)| {
                let name = dump.arch.registers.get(index)?.name.clone();
                Some((name, format!("{value:#x}").into()))
            })
            .collect();
        json!({
            "id": hex(thread.id),
            "name": thread.name,
            "crashed": thread.crashed && !dump.reason.is_unknown(),
            "state": thread.state,
            "priority": thread.priority,
            "core": thread.core,
            "control_block": thread.control_block.map(hex),
            "stack": thread.stack.map(|stack| json!({
                "low": hex(stack.low),
                "high": hex(stack.high),
                "used": thread.stack_used(),
            })),
            "registers": registers,
            "registers_missing_because": thread.registers.why_missing(),
            "remarks": thread.remarks,
        })
    });
    let regions = dump.memory.regions().map(|region| {
        json!({
            "start": hex(region.start),
            "len": region.bytes.len(),
            "origin": region.origin.to_string(),
            "access": region.access.to_string(),
            "name": region.name.as_deref(),
        })
    });
    let missing = dump
        .memory
        .missing()
        .map(|(range, why)| json!({ "start": hex(range.start), "len": range.len(), "why": why }));
    let notes = dump.notes.iter().map(|note| {
        let severity = match note.severity {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Doubt => "doubt",
        };
        json!({ "severity": severity, "words": note.sentence() })
    });
    let evidence =
        dump.reason.evidence.iter().map(
            |word| json!({ "name": word.name, "value": hex(word.value), "words": word.words }),
        );
    json!({
        "schema": 1,
        "file": opened.file,
        "layers": opened.layers,
        "found": opened.found,
        "picked": opened.picked,
        "format": dump.format,
        "arch": dump.arch.name,
        "chip": dump.identity.chip,
        "chip_revision": dump.identity.chip_revision,
        "firmware_id": dump.identity.firmware.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "firmware": opened.firmware.as_ref().map(|elf| elf.path.clone()),
        "facts": dump.identity.facts.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "reason": {
            "signal": dump.reason.signal.map(|signal| signal.to_string()),
            "words": dump.reason.words,
            "evidence": evidence.collect::<Vec<_>>(),
        },
        "texts": dump.texts,
        "threads": threads.collect::<Vec<_>>(),
        "memory": regions.collect::<Vec<_>>(),
        "missing": missing.collect::<Vec<_>>(),
        "notes": notes.collect::<Vec<_>>(),
    })
}
