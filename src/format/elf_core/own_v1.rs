//! The first version of the note in our cores: numbers as numbers, enumerations by their place.

use crate::dump::{FirmwareId, Severity, Stack};
use crate::memory::{Access, AddrRange, Origin};
use crate::reason::Signal;
use crate::record::{self, Evidence, Gap, Hex, Note, Reason, Record, Region};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Own {
    format: String,
    arch: String,
    chip: Option<String>,
    features: Vec<String>,
    signal: u8,
    reason: String,
    evidence: Vec<(String, u64, String)>,
    texts: Vec<String>,
    chip_words: Option<String>,
    chip_revision: Option<u16>,
    elf_sha256: Vec<String>,
    build_id: Vec<Vec<u8>>,
    facts: Vec<(String, String)>,
    notes: Vec<(u8, String)>,
    threads: Vec<OwnThread>,
    regions: Vec<OwnRegion>,
    missing: Vec<(u64, u64, String)>,
}

#[derive(Deserialize)]
struct OwnThread {
    id: u64,
    name: Option<String>,
    crashed: bool,
    state: Option<String>,
    priority: Option<i64>,
    core: Option<u32>,
    control_block: Option<u64>,
    stack: Option<(u64, u64)>,
    remarks: Vec<String>,
    /// Hexadecimal digits.
    registers: BTreeMap<String, String>,
    why_missing: Option<String>,
}

#[derive(Deserialize)]
struct OwnRegion {
    start: u64,
    len: u64,
    /// Its place in [`Origin::ALL`].
    origin: u8,
    /// Bit 0 write, bit 1 execute.
    access: u8,
    name: Option<String>,
}

/// What such a note says.
pub(super) fn read(desc: &[u8]) -> Option<Record> {
    let own: Own = serde_json::from_slice(desc).ok()?;
    let hashes = own.elf_sha256.into_iter().map(FirmwareId::ElfSha256);
    let build_ids = own.build_id.into_iter().map(FirmwareId::BuildId);
    let evidence = |(name, value, words)| Evidence { name, value: Hex::from(value), words };
    let signal = Signal::ALL.into_iter().find(|signal| signal.number() == own.signal);
    Some(Record {
        format: own.format,
        arch: own.arch,
        chip: own.chip_words,
        chip_revision: own.chip_revision,
        target: own.chip,
        features: own.features,
        firmware_id: hashes.chain(build_ids).map(|id| id.to_string()).collect(),
        facts: own.facts,
        reason: Reason {
            signal: signal.map(|signal| signal.to_string()),
            words: own.reason,
            evidence: own.evidence.into_iter().map(evidence).collect(),
            pc: None,
        },
        texts: own.texts,
        threads: own.threads.into_iter().map(thread).collect(),
        objects: Vec::new(),
        memory: own.regions.into_iter().filter_map(region).collect(),
        missing: own
            .missing
            .into_iter()
            .map(|(start, len, why)| Gap { start: start.into(), len, why })
            .collect(),
        notes: own.notes.into_iter().map(note).collect(),
    })
}

fn thread(own: OwnThread) -> record::Thread {
    let value = |(name, digits): (String, String)| {
        Some((name, Hex(u128::from_str_radix(&digits, 16).ok()?)))
    };
    record::Thread {
        id: own.id.into(),
        name: own.name,
        crashed: own.crashed,
        first: own.crashed,
        state: own.state,
        priority: own.priority,
        core: own.core,
        control_block: own.control_block.map(Hex::from),
        stack: own.stack.map(|(low, high)| record::Stack {
            low: low.into(),
            high: high.into(),
            size: Stack { low, high }.size(),
            used: None,
            never_used: None,
        }),
        registers: own.registers.into_iter().filter_map(value).collect(),
        registers_missing_because: own.why_missing,
        remarks: own.remarks,
        ..record::Thread::default()
    }
}

fn region(own: OwnRegion) -> Option<Region> {
    let range = AddrRange::of_len(own.start, own.len)?;
    let origin = Origin::ALL.get(usize::from(own.origin)).copied().unwrap_or(Origin::Dump);
    let access = Access { write: own.access & 1 != 0, execute: own.access & 2 != 0 };
    Some(Region {
        start: own.start.into(),
        last: range.last.into(),
        len: own.len,
        origin: origin.to_string(),
        access: access.to_string(),
        name: own.name,
        within: None,
    })
}

fn note((severity, words): (u8, String)) -> Note {
    let severity = match severity {
        0 => Severity::Info,
        1 => Severity::Warning,
        _ => Severity::Doubt,
    };
    Note { severity, code: None, source: None, place: None, words }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_note_of_the_first_version_is_read() {
        let text = r#"{"schema":1,"format":"f","arch":"cortex-m","chip":null,"features":[],
            "signal":11,"reason":"fault","evidence":[["CFSR",33280,"PRECISERR"]],"texts":["t"],
            "chip_words":null,"chip_revision":null,"elf_sha256":[],"build_id":[[1,254]],
            "facts":[["device","x"]],"notes":[[2,"odd"]],"threads":[{"id":1,"name":"main",
            "crashed":true,"state":null,"priority":3,"core":null,"control_block":null,
            "stack":[16,32],"remarks":[],"registers":{"pc":"f6a"},"why_missing":null}],
            "regions":[{"start":536870912,"len":4,"origin":0,"access":1,"name":"ram"}],
            "missing":[[0,4,"cut"]]}"#;
        let record = read(text.as_bytes()).expect("it is whole");
        assert_eq!(record.reason.signal.as_deref(), Some("SIGSEGV"));
        assert_eq!(record.firmware_id, ["build id 01fe"]);
        assert_eq!(record.threads[0].registers["pc"], Hex(0xf6a));
        assert_eq!(
            (record.memory[0].access.as_str(), record.memory[0].origin.as_str()),
            ("rw-", "dump")
        );
        assert_eq!(record.notes[0].severity, Severity::Doubt);
    }
}
