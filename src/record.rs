//! A dump as a document: all that a [`Dump`] says but the bytes of its memory.
//!
//! One form for all: `info --json`, the note in our ELF cores, and, for what it shares with them,
//! `report --json`. `docs/info.md` documents it. A field may come to it without a new version; one
//! that a reader does not find has its default, and unknown ones are skipped.
//!
//! Addresses, ids and register values are strings such as `0x3ffb4ec0`, as JSON's numbers lose bits
//! above 2^53. What is not known is `null` or left out, never 0.

mod objects;

pub use objects::{Object, Waiter};

use crate::dump::{self, Dump, FirmwareId, Severity};
use crate::memory::{self, Access, AddrRange, Memory, Origin};
use crate::reason::{self, Signal};
use crate::registers::Registers;
use crate::targets::Chip;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;

/// A number that is written as `0x..`: an address, a register, an id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(with = "String", extend("pattern" = "^0x[0-9a-f]+$")))]
pub struct Hex(pub u128);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl From<u64> for Hex {
    fn from(value: u64) -> Self {
        Hex(value.into())
    }
}

impl Hex {
    /// Its lower 64 bits.
    pub fn low(self) -> u64 {
        self.0 as u64
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        u128::from_str_radix(digits, 16).map(Hex).map_err(serde::de::Error::custom)
    }
}

/// All that a dump says but the bytes of its memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Record {
    /// The format and its version.
    pub format: String,
    /// The register set.
    pub arch: String,
    /// The chip in the producer's words.
    pub chip: Option<String>,
    /// Espressif: wafer major x 100 + minor.
    pub chip_revision: Option<u16>,
    /// The chip's file in `targets/chip`, where it has one.
    pub target: Option<String>,
    /// Optional features of the register set that the device has for certain.
    pub features: Vec<String>,
    /// What the ELF file of the firmware must be.
    pub firmware_id: Vec<String>,
    /// Further facts by name, in the order found.
    #[serde(with = "by_name")]
    #[cfg_attr(test, schemars(with = "BTreeMap<String, String>"))]
    pub facts: Vec<(String, String)>,
    /// Why the device stopped.
    pub reason: Reason,
    /// What the device said of the crash.
    pub texts: Vec<String>,
    /// The crashed one first.
    pub threads: Vec<Thread>,
    /// What they wait for and share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<Object>,
    /// All memory that somebody holds, by address.
    pub memory: Vec<Region>,
    /// Memory that is known to be missing.
    pub missing: Vec<Gap>,
    /// What was odd.
    pub notes: Vec<Note>,
}

/// Why the device stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reason {
    /// `SIGSEGV`; `None` where nothing tells one.
    pub signal: Option<String>,
    /// One line.
    pub words: String,
    /// The registers that say so.
    pub evidence: Vec<Evidence>,
    /// The program counter that they belong to, where that is not the crashed thread's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pc: Option<Hex>,
}

/// A fault register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Evidence {
    /// The manual's name for it.
    pub name: String,
    /// Its value.
    pub value: Hex,
    /// The value in words.
    pub words: String,
}

/// A thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Thread {
    /// Its id.
    pub id: Hex,
    /// Its name.
    pub name: Option<String>,
    /// It is the one that crashed: never so of a dump that gives no reason.
    pub crashed: bool,
    /// It is the one to look at first: the one that crashed, or was running.
    pub first: bool,
    /// In the kernel's words.
    pub state: Option<String>,
    /// In the kernel's numbers.
    pub priority: Option<i64>,
    /// Its priority without what it inherits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_priority: Option<i64>,
    /// The core it ran on or is bound to.
    pub core: Option<u32>,
    /// The address of its control block.
    pub control_block: Option<Hex>,
    /// Its stack.
    pub stack: Option<Stack>,
    /// The stack pointer that its kernel kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_sp: Option<Hex>,
    /// Its known registers by name.
    pub registers: BTreeMap<String, Hex>,
    /// Why others are unknown.
    pub registers_missing_because: Option<String>,
    /// The frames that the device itself printed, innermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub printed: Vec<PrintedFrame>,
    /// What else there is to say.
    pub remarks: Vec<String>,
}

/// A frame of a backtrace that the device printed itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PrintedFrame {
    /// The address of the code.
    pub pc: Hex,
    /// `pc` is where the call returns to, not the call itself.
    pub returns: bool,
    /// The stack pointer, where it was printed.
    pub sp: Option<Hex>,
    /// The function, in the words of the device.
    pub function: Option<String>,
}

/// The bounds of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Stack {
    /// Lowest address.
    pub low: Hex,
    /// Behind the highest address.
    pub high: Hex,
    /// Bytes in all.
    pub size: u64,
    /// Bytes from the stack pointer to the base.
    pub used: Option<u64>,
    /// Bytes never written, by the fill pattern, where the unused part is in the dump.
    pub never_used: Option<u64>,
}

/// Memory that somebody holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Region {
    /// First address.
    pub start: Hex,
    /// Last address, inclusive.
    pub last: Hex,
    /// Bytes.
    pub len: u64,
    /// `dump`, `elf`, `rom elf`, `elf (initial values)`, `reconstructed`.
    pub origin: String,
    /// `rw-`.
    pub access: String,
    /// What it is.
    pub name: Option<String>,
    /// The chip's name for the memory that it lies in.
    pub within: Option<String>,
}

/// Memory that is known to be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Gap {
    /// First address.
    pub start: Hex,
    /// Bytes.
    pub len: u64,
    /// Why.
    pub why: String,
}

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Note {
    /// `info`, `warning`, `doubt`.
    pub severity: Severity,
    /// Which kind of note it is.
    pub code: Option<String>,
    /// Who says it: the name of a format, of a kernel.
    pub source: Option<String>,
    /// Where it was met.
    pub place: Option<String>,
    /// One sentence, with source and place.
    pub words: String,
}

impl Record {
    /// What there is to say of `dump`.
    pub fn of(dump: &Dump) -> Record {
        let identity = &dump.identity;
        let has_reason = !dump.reason.is_unknown();
        Record {
            format: dump.format.clone(),
            arch: dump.arch.name.clone(),
            chip: identity.chip.clone(),
            chip_revision: identity.chip_revision,
            target: dump.chip.as_ref().map(|chip| chip.name.clone()),
            features: dump.features.clone(),
            firmware_id: identity.firmware.iter().map(ToString::to_string).collect(),
            facts: identity.facts.clone(),
            reason: Reason::of(&dump.reason),
            texts: dump.texts.clone(),
            threads: dump.threads.iter().map(|thread| Thread::of(thread, has_reason)).collect(),
            objects: dump.objects.iter().map(Object::of).collect(),
            memory: Region::all_of(&dump.memory, dump.chip.as_deref()),
            missing: Gap::all_of(&dump.memory),
            notes: dump.notes.iter().map(Note::of).collect(),
        }
    }

    /// Gives `dump` what the record holds. Its memory keeps its bytes and gets the record's names;
    /// threads come back if the register set is the record's.
    pub fn restore(self, dump: &mut Dump) {
        let bytes = std::mem::take(&mut dump.memory);
        dump.memory = restore_memory(&bytes, &self.memory);
        for Gap { start, len, why } in self.missing {
            if let Some(range) = AddrRange::of_len(start.low(), len) {
                dump.memory.mark_missing(range, why);
            }
        }
        let arch = dump.arch.clone();
        if arch.name == self.arch {
            let thread = |own: Thread| own.restore(Registers::unknown(arch.clone()));
            dump.threads = self.threads.into_iter().map(thread).collect();
        }
        dump.objects = self.objects.into_iter().filter_map(Object::restore).collect();
        dump.format = self.format;
        dump.features = self.features;
        dump.texts = self.texts;
        dump.reason = self.reason.restore();
        dump.identity.chip = self.chip;
        dump.identity.chip_revision = self.chip_revision;
        let ids = self.firmware_id.iter().filter_map(|id| id.parse::<FirmwareId>().ok());
        dump.identity.firmware = ids.collect();
        dump.identity.facts = self.facts;
        dump.notes.extend(self.notes.into_iter().map(Note::restore));
    }
}

impl Reason {
    /// The reason of a dump.
    pub fn of(reason: &reason::Reason) -> Reason {
        let evidence = |word: &reason::FaultWord| Evidence {
            name: word.name.clone(),
            value: word.value.into(),
            words: word.words.clone(),
        };
        Reason {
            signal: reason.signal.map(|signal| signal.to_string()),
            words: reason.words.clone(),
            evidence: reason.evidence.iter().map(evidence).collect(),
            pc: reason.pc.map(Hex::from),
        }
    }

    fn restore(self) -> reason::Reason {
        let named = |signal: &Signal| Some(signal.to_string()) == self.signal;
        let evidence = |Evidence { name, value, words }| reason::FaultWord {
            name,
            value: Hex::low(value),
            words,
        };
        reason::Reason {
            signal: Signal::ALL.into_iter().find(named),
            words: self.words,
            evidence: self.evidence.into_iter().map(evidence).collect(),
            pc: self.pc.map(Hex::low),
        }
    }
}

impl Thread {
    fn of(thread: &dump::Thread, has_reason: bool) -> Thread {
        let arch = thread.registers.arch();
        let named = |(index, value): (usize, u128)| {
            Some((arch.registers.get(index)?.name.clone(), Hex(value)))
        };
        let printed = |frame: &dump::PrintedFrame| PrintedFrame {
            pc: frame.pc.into(),
            returns: frame.returns,
            sp: frame.sp.map(Hex::from),
            function: frame.function.clone(),
        };
        Thread {
            id: thread.id.into(),
            name: thread.name.clone(),
            crashed: thread.crashed && has_reason,
            first: thread.crashed,
            state: thread.state.clone(),
            priority: thread.priority,
            base_priority: thread.base_priority,
            core: thread.core,
            control_block: thread.control_block.map(Hex::from),
            stack: Stack::of(thread),
            saved_sp: thread.saved_sp.map(Hex::from),
            registers: thread.registers.known().filter_map(named).collect(),
            registers_missing_because: thread.registers.why_missing().map(str::to_string),
            printed: thread.printed.iter().map(printed).collect(),
            remarks: thread.remarks.clone(),
        }
    }

    fn restore(self, mut registers: Registers) -> dump::Thread {
        for (name, value) in &self.registers {
            registers.set_by_name(name, value.0);
        }
        if let Some(why) = self.registers_missing_because {
            registers.set_why_missing(why);
        }
        let printed = |frame: PrintedFrame| dump::PrintedFrame {
            pc: frame.pc.low(),
            returns: frame.returns,
            sp: frame.sp.map(Hex::low),
            function: frame.function,
        };
        dump::Thread {
            name: self.name,
            crashed: self.first,
            state: self.state,
            priority: self.priority,
            base_priority: self.base_priority,
            core: self.core,
            control_block: self.control_block.map(Hex::low),
            stack: self.stack.map(|s| dump::Stack { low: s.low.low(), high: s.high.low() }),
            saved_sp: self.saved_sp.map(Hex::low),
            printed: self.printed.into_iter().map(printed).collect(),
            remarks: self.remarks,
            ..dump::Thread::new(self.id.low(), registers)
        }
    }
}

impl Stack {
    /// The stack of a thread, as far as the dump alone tells.
    pub fn of(thread: &dump::Thread) -> Option<Stack> {
        let stack = thread.stack?;
        Some(Stack {
            low: stack.low.into(),
            high: stack.high.into(),
            size: stack.size(),
            used: thread.stack_used(),
            never_used: None,
        })
    }
}

impl Region {
    /// All regions of a memory, by address.
    pub fn all_of(memory: &Memory, chip: Option<&Chip>) -> Vec<Region> {
        let region = |region: &memory::Region| {
            let range = region.range()?;
            let within = chip.and_then(|chip| chip.memory_at(range.start));
            Some(Region {
                start: range.start.into(),
                last: range.last.into(),
                len: range.len(),
                origin: region.origin.to_string(),
                access: region.access.to_string(),
                name: region.name.as_deref().map(str::to_string),
                within: within.map(|memory| memory.name.clone()),
            })
        };
        memory.regions().filter_map(region).collect()
    }
}

impl Gap {
    /// All known absences of a memory, by address.
    pub fn all_of(memory: &Memory) -> Vec<Gap> {
        let gap = |(range, why): (AddrRange, &str)| Gap {
            start: range.start.into(),
            len: range.len(),
            why: why.to_string(),
        };
        memory.missing().map(gap).collect()
    }
}

impl Note {
    /// A note of a dump.
    pub fn of(note: &dump::Note) -> Note {
        Note {
            severity: note.severity,
            code: note.code.as_deref().map(str::to_string),
            source: note.source.as_deref().map(str::to_string),
            place: note.place.clone(),
            words: note.sentence(),
        }
    }

    fn restore(self) -> dump::Note {
        let mut words = self.words.as_str();
        for part in self.source.iter().chain(&self.place) {
            words = words
                .strip_prefix(part.as_str())
                .and_then(|w| w.strip_prefix(": "))
                .unwrap_or(words);
        }
        dump::Note {
            severity: self.severity,
            code: self.code.map(Into::into),
            words: words.to_string(),
            source: self.source.map(Into::into),
            place: self.place,
        }
    }
}

/// The bytes of `held` cut into `regions`; what none of them names stays as it is.
fn restore_memory(held: &Memory, regions: &[Region]) -> Memory {
    let mut memory = Memory::new();
    for own in regions {
        let start = own.start.low();
        let Some(range) = AddrRange::of_len(start, own.len) else { continue };
        let Some(there) = AddrRange::of_len(start, held.readable_len(range)) else { continue };
        let access = Access { write: own.access.contains('w'), execute: own.access.contains('x') };
        let named = |origin: &Origin| origin.to_string() == own.origin;
        let origin = Origin::ALL.into_iter().find(named).unwrap_or(Origin::Dump);
        let name: Option<std::sync::Arc<str>> = own.name.as_deref().map(Into::into);
        // Only what is not there yet is taken: thousands of regions may claim the same bytes.
        for AddrRange { start, last } in memory.gaps(there) {
            let bytes = held.bytes(start, (last - start) as usize + 1).unwrap_or_default();
            memory.insert(memory::Region { start, bytes, origin, access, name: name.clone() });
        }
    }
    for region in held.regions() {
        // A region of the same origin would be compared with what is there already.
        let covered = region.range().is_none_or(|range| memory.readable_len(range) == range.len());
        if !covered {
            memory.insert(region.clone());
        }
    }
    memory
}

/// Pairs as an object whose names keep their order.
mod by_name {
    use serde::de::{Deserializer, MapAccess, Visitor};
    use serde::ser::{SerializeMap, Serializer};

    pub(super) fn serialize<S: Serializer>(
        pairs: &[(String, String)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(pairs.len()))?;
        for (name, value) in pairs {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(String, String)>, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(String, String)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        from.deserialize_map(Pairs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::targets::Targets;
    use bytes::Bytes;

    #[test]
    fn a_dump_comes_back_from_its_record() {
        let arch = Targets::built_in().arch("cortex-m").expect("built in");
        let mut dump = Dump::new("made-up 1", arch.clone());
        dump.reason = reason::Reason::new(Signal::Bus, "bus fault", Vec::new());
        dump.reason.pc = Some(0x100);
        dump.identity.facts = vec![("b".into(), "1".into()), ("a".into(), "2".into())];
        dump.identity.firmware = vec![
            FirmwareId::ElfSha256("0badc0de".into()),
            FirmwareId::BuildId(vec![1, 0xfe]),
            FirmwareId::Spotflow(vec![2; 20]),
            FirmwareId::ZephyrBuild("1.2 of today".into()),
        ];
        let mut registers = Registers::unknown(arch.clone());
        registers.set_pc(0xffff_fffeu32);
        registers.set_why_missing("cut off");
        let mut thread = dump::Thread::new(7, registers);
        thread.crashed = true;
        thread.stack = Some(dump::Stack { low: 0x2000_0000, high: 0x2000_0400 });
        thread.printed.push(dump::PrintedFrame { pc: 2, returns: true, ..Default::default() });
        dump.threads.push(thread);
        dump.objects.push(dump::Object {
            kind: dump::ObjectKind::EventGroup,
            at: 0x2000_0004,
            name: Some("doors".into()),
            state: Some("bits 0x1".into()),
            owner: Some(7),
            waiters: vec![dump::Waiter { thread: 8, wants: None, limited: Some(true) }],
        });
        let region = memory::Region::dumped(0x2000_0000, Bytes::from_static(&[1; 8]));
        dump.memory.insert(region.named("stack of main"));
        dump.notes.push(dump::Note::doubt("odd").by("made-up").at("line 3").code("guess"));

        let record = Record::of(&dump);
        let text = serde_json::to_string(&record).expect("it can be written");
        let read: Record = serde_json::from_str(&text).expect("it can be read");
        assert_eq!(read, record);
        let mut again = Dump::new("", arch);
        let bytes = memory::Region::dumped(0x2000_0000, Bytes::from_static(&[1; 8]));
        again.memory.insert(bytes);
        read.restore(&mut again);
        assert_eq!(again.notes, dump.notes);
        assert_eq!(again.objects, dump.objects);
        assert_eq!(again.reason, dump.reason);
        assert_eq!(again.identity.firmware, dump.identity.firmware);
        assert_eq!(again.identity.facts, dump.identity.facts);
        assert_eq!(Record::of(&again), record);
    }
}
