//! Hubris' dump of one crashed task as the management gateway reads it: `hubris.dry.N`, which
//! `humility hydrate` makes a core file of.
//!
//! A zip with `dump.json` (format 1, `task_index`, `crash_time`, `board_name`, `git_commit`,
//! `archive_id`, maybe `fw_version`) and a file `0xADDRESS.bin` for each piece of memory: the task's,
//! and its entry in the kernel's table. The ELF files are not in it, so the table's place is not
//! known; but the entry begins with the saved state, whose psp is in the task's memory and whose
//! exc_return has a form of its own.
//!
//! Source: oxidecomputer/humility d27a127, `cmd/hydrate/src/lib.rs`, and management-gateway-service
//! e8d72c0, `gateway-sp-comms/src/single_sp.rs` (`task_dump_read`: pieces that follow each other become
//! one). No such dump is among the samples.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::super::machine::machine_of;
use super::super::{Context, Format, add_region, in_input};
use super::saved;
use crate::arch::cortex_m::ExcReturn;
use crate::archive::zip::Zip;
use crate::carrier::Piece;
use crate::dump::{Dump, Kernel, Note};
use crate::error::{Fault, Result};
use crate::memory::Region;
use crate::targets::Family;
use bytes::Bytes;
use serde_json::Value;

const NAME: &str = "hubris-dry";
const ZIP: &[u8] = b"PK\x03\x04";
const INFO: &str = "dump.json";
const KNOWN_FORMAT: u64 = 1;
/// An entry of the kernel's table: no shorter than r4-r11, psp, exc_return; none is this long.
const SHORTEST_ENTRY: u64 = 40;
const LONGEST_ENTRY: u64 = 1024;
/// The facts that the JSON text tells, and what they are called here.
const FACTS: [(&str, &str); 4] = [
    ("board_name", "board"),
    ("git_commit", "git"),
    ("archive_id", "image id"),
    ("fw_version", "version"),
];

/// Hubris' dumps of one task, without the build archive.
pub struct HubrisDry;

impl Format for HubrisDry {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Hubris task dump of the gateway (zip)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME)
            || (piece.bytes.starts_with(ZIP) && Zip::open(piece.bytes.clone()).is_ok_and(is_dump))
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let machine = machine_of(context, Family::CortexM)?;
        let mut dump = Dump::new("Hubris task dump", machine.arch);
        dump.chip = machine.chip;
        dump.notes = piece.notes.clone();
        let mut zip = Zip::open(piece.bytes.clone()).map_err(in_input)?;
        for (index, name) in zip.files() {
            let addr = address(&name);
            if addr.is_none() && name != INFO {
                continue;
            }
            let bytes = match zip.unpack(index, &piece.budget) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    dump.notes.push(Note::warning(fault.to_string()).by(NAME).code("damaged"));
                    continue;
                }
            };
            match addr {
                Some(addr) => {
                    let region = Region::dumped(addr.into(), bytes);
                    add_region(&mut dump, NAME, region, piece, u64::MAX);
                }
                None => read_info(&bytes, &mut dump),
            }
        }
        if dump.memory.region_count() == 0 {
            return Err(in_input(Fault::new(NAME, "memory", 0, "files 0xADDRESS.bin", "none")));
        }
        dump.kernel = Some(Kernel::Hubris { only: None });
        add_task(&mut dump);
        Ok(dump)
    }
}

/// Whether a zip has the two kinds of files that such a dump consists of, and no others.
fn is_dump(zip: Zip) -> bool {
    let files = zip.files();
    let known = |name: &str| name == INFO || address(name).is_some();
    files.iter().any(|(_, name)| name == INFO) && files.iter().all(|(_, name)| known(name))
}

/// The address in a name like `0x24000490.bin`.
fn address(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("0x")?.strip_suffix(".bin")?;
    u32::from_str_radix(digits, 16).ok()
}

fn read_info(text: &Bytes, dump: &mut Dump) {
    let info: Value = match serde_json::from_slice(text) {
        Ok(info) => info,
        Err(error) => {
            dump.notes.push(
                Note::warning(format!("{INFO} can't be read: {error}")).by(NAME).code("damaged"),
            );
            return;
        }
    };
    let number = |name: &str| info.get(name).and_then(Value::as_u64);
    if number("format") != Some(KNOWN_FORMAT) {
        let found = info.get("format").map_or("nothing".into(), Value::to_string);
        dump.notes.push(
            Note::doubt(format!("{INFO}: format: expected {KNOWN_FORMAT}, found {found}"))
                .by(NAME)
                .code("new-version"),
        );
    }
    if let (Some(task), Some(time)) = (number("task_index"), number("crash_time")) {
        dump.identity.facts.push(("task".into(), format!("{task}, dumped at {time}")));
    }
    for (key, name) in FACTS {
        if let Some(text) = info.get(key).and_then(Value::as_str) {
            dump.identity.facts.push((name.into(), text.into()));
        }
    }
}

/// The task's registers, if exactly one piece of memory is what an entry of the table looks like.
fn add_task(dump: &mut Dump) {
    let entries: Vec<u64> = dump.memory.regions().map(|region| region.start).collect();
    let mut found = entries.into_iter().filter(|addr| is_entry(dump, *addr));
    match (found.next(), found.next()) {
        (Some(addr), None) => {
            let thread = saved::task(dump, addr);
            dump.threads.extend(thread.map(|mut thread| {
                thread.crashed = true;
                thread
            }));
        }
        _ => dump.notes.push(
            Note::warning("no piece of memory is what the kernel keeps of a task: memory only")
                .by(NAME)
                .code("no-registers"),
        ),
    }
}

fn is_entry(dump: &Dump, addr: u64) -> bool {
    let memory = &dump.memory;
    let word = |n: u64| memory.u32_le(addr.checked_add(n)?);
    let (Some(psp), Some(exc_return)) = (word(32), word(36)) else { return false };
    let len = memory.region_at(addr).map_or(0, |region| region.bytes.len() as u64);
    let elsewhere = memory.region_at(psp.into()).is_some_and(|region| region.start != addr);
    (SHORTEST_ENTRY..=LONGEST_ENTRY).contains(&len) && ExcReturn(exc_return).is_valid() && elsewhere
}
