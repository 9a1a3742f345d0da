//! `coroner info`: what is in a dump. Needs no ELF file and no debugger.

use super::{OpenArgs, print, print_json, summary};
use crate::display::Lines;
use crate::dump::Thread;
use crate::error::Result;
use crate::open::Opened;
use crate::record::Record;
use clap::Args;
use serde::Serialize;
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
    /// Print one JSON object, for programs
    #[arg(long)]
    pub json: bool,

    /// What to open.
    #[command(flatten)]
    pub open: OpenArgs,
}

pub(super) fn run(args: &InfoArgs) -> Result<()> {
    let opened = args.open.open()?;
    match args.json {
        true => print_json(&Document::of(&opened).to_json()),
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
        let base = thread.base_priority.map_or(String::new(), |base| format!("/{base}"));
        line.push_str(&base);
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

/// The document of `--json`: versioned, and documented in `docs/info.md`.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Document<'a> {
    schema: u32,
    file: &'a str,
    layers: &'a [String],
    found: &'a [String],
    picked: usize,
    firmware: Option<&'a str>,
    #[serde(flatten)]
    record: Record,
}

impl<'a> Document<'a> {
    fn of(opened: &'a Opened) -> Self {
        Document {
            schema: 1,
            file: &opened.file,
            layers: &opened.layers,
            found: &opened.found,
            picked: opened.picked,
            firmware: opened.firmware.as_ref().map(|elf| elf.path.as_str()),
            record: Record::of(&opened.dump),
        }
    }

    fn to_json(&self) -> String {
        // Strings and numbers can always be written to a string.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;
    use schemars::{JsonSchema, generate::SchemaSettings};
    use std::path::Path;

    /// Compares the schema of a document with the one in `docs/schema`; BLESS=1 writes it there.
    fn check<T: JsonSchema>(name: &str) {
        let settings = SchemaSettings::draft2020_12().for_serialize();
        let schema = settings.into_generator().into_root_schema_for::<T>();
        let now = serde_json::to_string_pretty(&schema).expect("it can be written") + "\n";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema").join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &now).expect("the folder is ours");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(now == kept, "{name} is not the schema of what is written now (BLESS=1 writes it)");
    }

    #[test]
    fn the_documents_have_the_schemas_of_docs_schema() {
        check::<Document<'static>>("info.json");
        check::<Report>("report.json");
    }
}
