//! Chips: memory map, options, and the numbers that dumps know them by.

use serde::Deserialize;

/// One chip, or a family whose members differ in nothing that matters after a crash.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chip {
    /// The name in lower case, as the vendor's tools spell it: `esp32c6`.
    pub name: String,
    /// The register set: the stem of a file in `targets/arch`.
    pub arch: String,
    /// Where the facts come from: manual, section, revision.
    pub source: String,
    /// How many application cores it has.
    #[serde(default = "one")]
    pub cores: u32,
    /// The optional features of the register set that this chip has.
    #[serde(default)]
    pub features: Vec<String>,
    /// The instruction set, as the manual writes it. For people.
    pub isa: Option<String>,
    /// What ESP-IDF's core dumps and tools know about it.
    pub esp_idf: Option<EspIdf>,
    /// The memory map.
    #[serde(default)]
    pub memory: Vec<ChipMemory>,
}

fn one() -> u32 {
    1
}

/// What ESP-IDF's core dumps and tools know about a chip.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EspIdf {
    /// The upper half of the version word of a core dump.
    pub chip_id: u16,
    /// The file name of the ROM's ELF file; `{}` stands for the revision.
    pub rom_elf: Option<String>,
    /// The chip revisions (major x 100 + minor) that have a ROM ELF of their own, rising.
    #[serde(default)]
    pub rom_revisions: Vec<u16>,
    /// Xtensa: whether the core has zero-overhead loops, and so its exception frame has
    /// `lbeg`, `lend` and `lcount`.
    #[serde(default)]
    pub loops: bool,
}

/// A range of a chip's memory map.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipMemory {
    /// The manual's name for it.
    pub name: String,
    /// First address, and the address behind the last.
    pub range: [u64; 2],
    /// What it is made of.
    pub kind: MemoryKind,
    /// The address at which the same memory is seen a second time.
    pub alias_of: Option<u64>,
}

/// What a range of memory is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// Read-write memory.
    Ram,
    /// Mask ROM.
    Rom,
    /// Flash, mapped.
    Flash,
    /// Read-write memory that a reset, and maybe sleep, leaves alone.
    Rtc,
    /// Peripheral registers.
    Mmio,
}

impl Chip {
    pub(super) fn parse(text: &str) -> Result<Chip, String> {
        let chip: Chip = toml::from_str(text).map_err(|e| e.to_string())?;
        for memory in &chip.memory {
            let [start, end] = memory.range;
            if start >= end {
                return Err(format!("memory {}: range ends before it starts", memory.name));
            }
        }
        Ok(chip)
    }

    /// The range of the memory map that holds `addr`.
    pub fn memory_at(&self, addr: u64) -> Option<&ChipMemory> {
        self.memory.iter().find(|memory| (memory.range[0]..memory.range[1]).contains(&addr))
    }
}
