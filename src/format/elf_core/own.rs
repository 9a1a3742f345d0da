//! The note that `coroner convert` leaves in its cores: what an ELF core has no place for.
//!
//! Owner `coroner`, type "CORO", a JSON object. It holds the names of threads, which registers are
//! known (NT_PRSTATUS can only hold numbers), what each region is and who held it, the reason,
//! the identity. A reader that does not know it loses nothing that an ELF core can say.

use super::super::elf::CoreFile;
use crate::dump::{Dump, FirmwareId, Stack, Thread};
use crate::memory::{Access, AddrRange, Memory, Origin, Region};
use crate::reason::{FaultWord, Reason, Signal};
use crate::registers::Registers;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who wrote the note.
pub const OWNER: &str = "coroner";
/// Its type: "CORO". Readers that go by the type alone must not take it for one of theirs.
pub const KIND: u32 = 0x434f_524f;
/// The only version of it.
const SCHEMA: u32 = 1;

/// What the note holds. Numbers are decimal, for 64-bit ones are exact in Rust.
#[derive(Debug, Serialize, Deserialize)]
pub struct Own {
    schema: u32,
    format: String,
    /// Register set, and chip where known.
    pub(super) arch: String,
    pub(super) chip: Option<String>,
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

#[derive(Debug, Serialize, Deserialize)]
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
    registers: BTreeMap<String, String>,
    why_missing: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct OwnRegion {
    start: u64,
    len: u64,
    /// 0 dump, 1 ELF, 2 ROM ELF, 3 ELF's initial values.
    origin: u8,
    /// Bit 0 write, bit 1 execute.
    access: u8,
    name: Option<String>,
}

const SIGNALS: [Signal; 6] =
    [Signal::Int, Signal::Ill, Signal::Abrt, Signal::Fpe, Signal::Bus, Signal::Segv];
/// By their numbers in the file.
const ORIGINS: [Origin; 5] = Origin::ALL;

impl Own {
    /// What there is to say of `dump` beside its registers and bytes.
    pub fn of(dump: &Dump) -> Own {
        let identity = &dump.identity;
        let evidence = |w: &FaultWord| (w.name.clone(), w.value, w.words.clone());
        Own {
            schema: SCHEMA,
            format: dump.format.clone(),
            arch: dump.arch.name.clone(),
            chip: dump.chip.as_ref().map(|chip| chip.name.clone()),
            features: dump.features.clone(),
            signal: dump.reason.signal_number(),
            reason: dump.reason.words.clone(),
            evidence: dump.reason.evidence.iter().map(evidence).collect(),
            texts: dump.texts.clone(),
            chip_words: identity.chip.clone(),
            chip_revision: identity.chip_revision,
            elf_sha256: identity
                .firmware
                .iter()
                .filter_map(|id| match id {
                    FirmwareId::ElfSha256(prefix) => Some(prefix.clone()),
                    _ => None,
                })
                .collect(),
            build_id: identity
                .firmware
                .iter()
                .filter_map(|id| match id {
                    FirmwareId::BuildId(id) => Some(id.clone()),
                    _ => None,
                })
                .collect(),
            facts: identity.facts.clone(),
            notes: dump.notes.iter().map(|n| (n.severity as u8, n.sentence())).collect(),
            threads: dump.threads.iter().map(OwnThread::of).collect(),
            regions: dump.memory.regions().map(OwnRegion::of).collect(),
            missing: dump
                .memory
                .missing()
                .map(|(range, why)| (range.start, range.len(), why.to_string()))
                .collect(),
        }
    }

    /// The note's contents.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The note of a core, if it has one of a known version.
    pub(super) fn of_core(core: &CoreFile) -> Option<Own> {
        let is_own = |note: &&super::ElfNote| note.name == OWNER && note.kind == KIND;
        let note = core.notes.iter().find(is_own)?;
        let own: Own = serde_json::from_slice(&note.desc).ok()?;
        (own.schema == SCHEMA).then_some(own)
    }

    /// Makes `dump`, as read from the rest of the core, what it was when it was converted.
    pub(super) fn restore(self, dump: &mut Dump) {
        dump.format = format!("{}, converted to an ELF core", self.format);
        let bytes = std::mem::take(&mut dump.memory);
        dump.memory = memory(&bytes, &self.regions);
        for (start, len, why) in self.missing {
            if let Some(range) = AddrRange::of_len(start, len) {
                dump.memory.mark_missing(range, why);
            }
        }
        let arch = dump.arch.clone();
        if arch.name == self.arch {
            let thread = |own: OwnThread| own.restore(Registers::unknown(arch.clone()));
            dump.threads = self.threads.into_iter().map(thread).collect();
        }
        dump.features = self.features;
        dump.texts = self.texts;
        let signal = SIGNALS.into_iter().find(|signal| signal.number() == self.signal);
        dump.reason = Reason::new(
            signal,
            self.reason,
            self.evidence
                .into_iter()
                .map(|(name, value, words)| FaultWord { name, value, words })
                .collect(),
        );
        dump.identity.chip = self.chip_words;
        dump.identity.chip_revision = self.chip_revision;
        let hashes = self.elf_sha256.into_iter().map(FirmwareId::ElfSha256);
        let build_ids = self.build_id.into_iter().map(FirmwareId::BuildId);
        dump.identity.firmware = hashes.chain(build_ids).collect();
        dump.identity.facts = self.facts;
        for (severity, words) in self.notes {
            dump.notes.push(match severity {
                0 => crate::dump::Note::info(words),
                1 => crate::dump::Note::warning(words),
                _ => crate::dump::Note::doubt(words),
            });
        }
    }
}

impl OwnThread {
    fn of(thread: &Thread) -> OwnThread {
        let arch = thread.registers.arch();
        let named = |(index, value): (usize, u128)| {
            Some((arch.registers.get(index)?.name.clone(), format!("{value:x}")))
        };
        OwnThread {
            id: thread.id,
            name: thread.name.clone(),
            crashed: thread.crashed,
            state: thread.state.clone(),
            priority: thread.priority,
            core: thread.core,
            control_block: thread.control_block,
            stack: thread.stack.map(|stack| (stack.low, stack.high)),
            remarks: thread.remarks.clone(),
            registers: thread.registers.known().filter_map(named).collect(),
            why_missing: thread.registers.why_missing().map(str::to_string),
        }
    }

    fn restore(self, mut registers: Registers) -> Thread {
        for (name, digits) in &self.registers {
            if let Ok(value) = u128::from_str_radix(digits, 16) {
                registers.set_by_name(name, value);
            }
        }
        if let Some(why) = self.why_missing {
            registers.set_why_missing(why);
        }
        Thread {
            name: self.name,
            crashed: self.crashed,
            state: self.state,
            priority: self.priority,
            core: self.core,
            control_block: self.control_block,
            stack: self.stack.map(|(low, high)| Stack { low, high }),
            remarks: self.remarks,
            ..Thread::new(self.id, registers)
        }
    }
}

impl OwnRegion {
    fn of(region: &Region) -> OwnRegion {
        OwnRegion {
            start: region.start,
            len: region.bytes.len() as u64,
            origin: ORIGINS.iter().position(|o| *o == region.origin).unwrap_or(0) as u8,
            access: u8::from(region.access.write) | u8::from(region.access.execute) << 1,
            name: region.name.as_deref().map(str::to_string),
        }
    }
}

fn free_parts(memory: &Memory, region: &Region) -> Vec<Region> {
    let covered = region.range().is_none_or(|range| memory.readable_len(range) == range.len());
    if covered { Vec::new() } else { vec![region.clone()] }
}

/// The bytes of `held` cut into `regions`; what none of them names stays as it is.
fn memory(held: &Memory, regions: &[OwnRegion]) -> Memory {
    let mut memory = Memory::new();
    for own in regions {
        let Some(range) = AddrRange::of_len(own.start, own.len) else { continue };
        let there = held.readable_len(range) as usize;
        let Some(bytes) = held.bytes(own.start, there).filter(|bytes| !bytes.is_empty()) else {
            continue;
        };
        let access = Access { write: own.access & 1 != 0, execute: own.access & 2 != 0 };
        let origin = ORIGINS.get(usize::from(own.origin)).copied().unwrap_or(Origin::Dump);
        let name = own.name.as_deref().map(Into::into);
        memory.insert(Region { start: own.start, bytes, origin, access, name });
    }
    // A region of the same origin would be compared with what is there already.
    for region in held.regions() {
        for part in free_parts(&memory, region) {
            memory.insert(part);
        }
    }
    memory
}
