//! The ELF file of the firmware, and of the chip's ROM, beside the dump.
//!
//! What can't have changed while the device ran (code, constants) is served as memory where the
//! dump holds nothing. What could have changed is not: its value in the file is what the device
//! started with, not what it crashed with.

pub(crate) mod bindesc;
mod symbols;

pub use symbols::Symbols;

use crate::dump::FirmwareId;
use crate::error::{Error, Result};
use crate::input::{Input, is_core};
use crate::memory::{Access, AddrRange, Memory, Origin, Region};
use crate::targets::{Chip, Endian, Family, MemoryKind};
use bytes::Bytes;
use goblin::container::{Container, Ctx};
use goblin::elf::program_header::{PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{
    SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR, SHF_WRITE, SHN_ABS, SHN_UNDEF, SHT_NOBITS, SHT_NOTE,
    SHT_SYMTAB, SectionHeader,
};
use goblin::elf::{Elf, header, sym};
use sha2::{Digest, Sha256};
use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The names of all symbols come to at most so many times their table, and some bytes.
const NAMES_PER_TABLE: usize = 4;
const SMALL_TABLE: usize = 1 << 16;
/// `NT_GNU_BUILD_ID`.
const NT_GNU_BUILD_ID: u32 = 3;
/// The bits of a RISC-V ELF's `e_flags` that tell the float ABI (psABI 1.0, section 8.1).
const EF_RISCV_FLOAT_ABI: u32 = 0x6;

/// An ELF file of the firmware or the ROM.
#[derive(Clone, Debug)]
pub struct Firmware {
    /// The file's name as the user gave it or as it was found.
    pub path: String,
    /// The whole file.
    pub bytes: Bytes,
    /// `e_machine`.
    pub machine: u16,
    /// 32 or 64.
    pub class: u8,
    /// The order of bytes.
    pub endian: Endian,
    /// `e_flags`.
    pub flags: u32,
    /// `e_entry`: where the program starts; of Thumb code with bit 0 set.
    pub entry: u64,
    /// `ET_DYN`: it runs wherever it is put.
    pub is_relocatable: bool,
    /// How much higher than the file says everything lies. All addresses here count it in, but
    /// those inside of debugging sections.
    pub slide: u64,
    /// All sections, in the file's order.
    pub sections: Vec<Section>,
    segments: Vec<ProgramHeader>,
    symbols: Option<(SectionHeader, SectionHeader)>,
    ctx: Ctx,
    sha256: OnceLock<String>,
    /// What others made of the contents: the same wherever the file is put.
    /// What its compressed sections may come to, where the user says so.
    most_unpacked: OnceLock<u64>,
    of_contents: Kept,
    /// What others made of the addresses.
    of_addresses: Kept,
}

/// A place for what is made of a file once, when somebody asks, and kept as long as the file.
/// It is filled by rooms above this one, which knows nothing of what they put there.
#[derive(Clone, Default)]
struct Kept(Arc<OnceLock<Box<dyn Any + Send + Sync>>>);

impl Kept {
    fn get_or_make<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        let kept = self.0.get_or_init(|| Box::new(make()));
        kept.downcast_ref().unwrap_or_else(|| unreachable!("a place keeps one kind of thing"))
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.get().is_some() { "Kept(something)" } else { "Kept(nothing)" })
    }
}

/// A section of an ELF file.
#[derive(Clone, Debug)]
pub struct Section {
    /// `.flash.rodata`.
    pub name: String,
    /// The address at run time.
    pub addr: u64,
    /// Where its bytes start in the file.
    pub offset: u64,
    /// Length in bytes, on the device.
    pub len: u64,
    /// It takes room in the device's memory.
    pub alloc: bool,
    /// The firmware may write there.
    pub write: bool,
    /// It holds code.
    pub execute: bool,
    /// The file holds its bytes (it is not `.bss`).
    pub has_bytes: bool,
    /// `SHT_NOTE`.
    pub is_note: bool,
    /// `SHF_COMPRESSED`: what the file holds is not what it stands for.
    pub compressed: bool,
}

/// A symbol of an ELF file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name, mangled.
    pub name: String,
    /// Its value: for code and data an address. Thumb functions have bit 0 set.
    pub addr: u64,
    /// Size in bytes; 0 if nobody said.
    pub len: u64,
    /// It is a function.
    pub function: bool,
    /// It is a variable.
    pub object: bool,
    /// It belongs to no section: the linker was told its address (ROM functions, constants).
    pub absolute: bool,
    /// It takes room on the device. What does not lies in a section for tools (defmt's strings), and its
    /// address is a place in that section.
    pub on_device: bool,
}

impl Firmware {
    /// Opens an ELF file. `FILE@OFFSET` is a program that ran so much higher than it was linked;
    /// a sign before the offset is allowed.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be read, [`Error::Usage`] if it is no ELF file that can be run.
    pub fn open(path: &Path, map: bool) -> Result<Firmware> {
        if let Some((file, slide)) = with_offset(path) {
            return Ok(Self::open(&file, map)?.slid(slide));
        }
        let input = Input::open(path, map)?;
        Self::parse(input.name, input.bytes)
    }

    /// Takes the bytes of an ELF file apart. `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Usage`] if it is no ELF file that can be run.
    pub fn parse(path: String, bytes: Bytes) -> Result<Firmware> {
        let bad = |why: &str| Error::Usage(format!("{path}: {why}"));
        if !bytes.starts_with(header::ELFMAG) {
            return Err(bad("is not an ELF file; --elf takes the firmware with its symbols"));
        }
        if is_core(&bytes) {
            return Err(bad(
                "is a core dump, not the firmware; --elf takes the firmware's ELF file",
            ));
        }
        let damaged = |e: goblin::error::Error| bad(&format!("is a damaged ELF file: {e}"));
        let header = Elf::parse_header(&bytes).map_err(damaged)?;
        let container = header.container().unwrap_or(Container::Little);
        let byte_order = header.endianness().unwrap_or(goblin::container::Endian::Little);
        let ctx = Ctx::new(container, byte_order);
        let headers =
            SectionHeader::parse(&bytes, header.e_shoff as usize, usize::from(header.e_shnum), ctx)
                .map_err(damaged)?;
        let segments =
            ProgramHeader::parse(&bytes, header.e_phoff as usize, usize::from(header.e_phnum), ctx)
                .map_err(damaged)?;
        let names = headers.get(usize::from(header.e_shstrndx));
        let sections = headers.iter().map(|sh| section(&bytes, sh, names)).collect();
        let table = headers.iter().find(|sh| sh.sh_type == SHT_SYMTAB);
        let symbols = table
            .and_then(|table| Some((table.clone(), headers.get(table.sh_link as usize)?.clone())));
        Ok(Firmware {
            machine: header.e_machine,
            class: if container == Container::Big { 64 } else { 32 },
            endian: match byte_order {
                goblin::container::Endian::Little => Endian::Little,
                goblin::container::Endian::Big => Endian::Big,
            },
            flags: header.e_flags,
            entry: header.e_entry,
            is_relocatable: header.e_type == header::ET_DYN,
            slide: 0,
            sections,
            segments,
            symbols,
            ctx,
            sha256: OnceLock::new(),
            most_unpacked: OnceLock::new(),
            of_contents: Kept::default(),
            of_addresses: Kept::default(),
            path,
            bytes,
        })
    }

    /// The same file where everything lies `slide` bytes higher than it says.
    #[must_use]
    pub fn slid(&self, slide: u64) -> Firmware {
        let mut slid = self.clone();
        slid.of_addresses = Kept::default();
        slid.slide = slid.slide.wrapping_add(slide);
        slid.entry = slid.entry.wrapping_add(slide);
        for section in slid.sections.iter_mut().filter(|section| section.alloc) {
            section.addr = section.addr.wrapping_add(slide);
        }
        for ph in &mut slid.segments {
            ph.p_vaddr = ph.p_vaddr.wrapping_add(slide);
            ph.p_paddr = ph.p_paddr.wrapping_add(slide);
        }
        slid
    }

    /// The same file without what was made of it, for those who keep many.
    pub(crate) fn unread(&self) -> Firmware {
        Firmware { of_contents: Kept::default(), of_addresses: Kept::default(), ..self.clone() }
    }

    /// Lets its compressed sections come to half of `memory` bytes, if nothing was unpacked yet: the
    /// other half is for what is made of them.
    pub(crate) fn limit_unpacking(&self, memory: u64) {
        self.most_unpacked.get_or_init(|| memory / 2);
    }

    /// The limit that the user set for its compressed sections, in bytes.
    pub(crate) fn most_unpacked(&self) -> Option<u64> {
        self.most_unpacked.get().copied()
    }

    /// What `make` makes of the file's contents, made once for all copies of the file. One caller
    /// uses it, [`crate::debug_info`].
    pub(crate) fn keep_of_contents<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        self.of_contents.get_or_make(make)
    }

    /// The same of what depends on where the file is put.
    pub(crate) fn keep_of_addresses<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> &T {
        self.of_addresses.get_or_make(make)
    }

    /// The address that debugging information has for `addr`.
    pub(crate) fn link_addr(&self, addr: u64) -> u64 {
        addr.wrapping_sub(self.slide)
    }

    /// Where the file says that its byte number `offset` is put.
    pub(crate) fn addr_of_offset(&self, offset: u64) -> Option<u64> {
        let loaded = self.segments.iter().filter(|ph| ph.p_type == PT_LOAD);
        let mut addrs = loaded.filter_map(|ph| {
            // Loaders map whole pages: an offset in front of the segment's belongs to it as well.
            let page = ph.p_offset & !0xfff;
            let inside =
                offset.checked_sub(page)? < ph.p_filesz.checked_add(ph.p_offset & 0xfff)?;
            inside.then(|| ph.p_vaddr.wrapping_sub(ph.p_offset).wrapping_add(offset))
        });
        addrs.next()
    }

    /// The bytes of a section; empty if the file does not hold them.
    pub fn section_bytes(&self, section: &Section) -> Bytes {
        let all = self.bytes.len() as u64;
        if !section.has_bytes {
            return Bytes::new();
        }
        let start = section.offset.min(all);
        let end = section.offset.saturating_add(section.len).min(all);
        self.bytes.slice(start as usize..end as usize)
    }

    /// The section called `name`.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The SHA-256 of the whole file in lower-case hexadecimal. Reads the file the first time.
    pub fn sha256(&self) -> &str {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.sha256.get_or_init(|| hex(&Sha256::digest(&self.bytes)))
    }

    /// The GNU build id.
    pub fn build_id(&self) -> Option<Bytes> {
        self.sections.iter().filter(|section| section.is_note).find_map(|section| {
            let note = self.section_bytes(section);
            let word = |at| crate::cursor::u32_at(&note, at);
            let (name_len, desc_len, kind) = (word(0)?, word(4)?, word(8)?);
            let start = 12usize.checked_add((name_len as usize).checked_next_multiple_of(4)?)?;
            let end = start.checked_add(desc_len as usize)?;
            let gnu = note.get(12..)?.starts_with(b"GNU\0");
            (kind == NT_GNU_BUILD_ID && gnu && end <= note.len()).then(|| note.slice(start..end))
        })
    }

    /// Whether a section with code covers `addr`.
    pub fn holds_code(&self, addr: u64) -> bool {
        let holds = |s: &Section| {
            s.alloc && s.execute && addr.checked_sub(s.addr).is_some_and(|offset| offset < s.len)
        };
        self.sections.iter().any(holds)
    }

    /// The `len` bytes that the file holds for the device's address `addr`.
    pub fn read(&self, addr: u64, len: u64) -> Option<Bytes> {
        let holds = |section: &&Section| {
            section.alloc
                && section.has_bytes
                && addr.checked_sub(section.addr).and_then(|off| off.checked_add(len))
                    <= Some(section.len)
                && addr >= section.addr
        };
        let section = self.sections.iter().find(holds)?;
        let bytes = self.section_bytes(section);
        let start = (addr - section.addr) as usize;
        let end = start.checked_add(len as usize)?;
        (end <= bytes.len()).then(|| bytes.slice(start..end))
    }

    /// The build id that Spotflow's tool put in, if it did.
    pub fn spotflow_id(&self) -> Option<Vec<u8>> {
        let symbol = self.symbol("bindesc_entry_spotflow_build_id");
        let entry = symbol.and_then(|symbol| self.read(symbol.addr, 24));
        let own =
            entry.and_then(|entry| bindesc::spotflow(entry.strip_prefix(&bindesc::SPOTFLOW_HEAD)?));
        own.or_else(|| self.descriptors()?.spotflow)
    }

    /// What Zephyr's binary descriptors say of the build.
    pub fn zephyr_build(&self) -> Option<String> {
        self.descriptors()?.build()
    }

    fn descriptors(&self) -> Option<bindesc::Descriptors> {
        let constant = self.sections.iter().filter(|section| section.alloc && section.has_bytes);
        constant.map(|section| self.section_bytes(section)).find_map(|bytes| bindesc::find(&bytes))
    }

    /// Whether this is the file that `id` tells of.
    pub fn is(&self, id: &FirmwareId) -> bool {
        match id {
            FirmwareId::ElfSha256(prefix) => self.sha256().starts_with(prefix.as_str()),
            FirmwareId::BuildId(wanted) => self.build_id().is_some_and(|own| own == wanted),
            FirmwareId::Spotflow(wanted) => self.spotflow_id().as_ref() == Some(wanted),
            FirmwareId::ZephyrBuild(wanted) => self.zephyr_build().as_ref() == Some(wanted),
        }
    }

    /// What `id` would have to say for this file.
    pub fn own_id(&self, like: &FirmwareId) -> String {
        match like {
            FirmwareId::ElfSha256(prefix) => {
                let digits = self.sha256().get(..prefix.len()).unwrap_or_default();
                FirmwareId::ElfSha256(digits.to_string()).to_string()
            }
            FirmwareId::BuildId(_) => match self.build_id() {
                Some(id) => FirmwareId::BuildId(id.to_vec()).to_string(),
                None => "without a build id".to_string(),
            },
            FirmwareId::Spotflow(_) => match self.spotflow_id() {
                Some(id) => FirmwareId::Spotflow(id).to_string(),
                None => "without a Spotflow build id".to_string(),
            },
            FirmwareId::ZephyrBuild(_) => match self.zephyr_build() {
                Some(build) => FirmwareId::ZephyrBuild(build).to_string(),
                None => "without binary descriptors of its build".to_string(),
            },
        }
    }

    /// Whether a RISC-V ELF passes floats in FPU registers. GDB then refuses a target without.
    pub fn uses_float_registers(&self) -> bool {
        self.float_register_len().is_some()
    }

    /// The architecture that it is for; of ARM it does not tell whether it is a Cortex-M.
    pub fn family(&self) -> Option<Family> {
        Family::of_machine(self.machine, self.class)
    }

    /// How many bytes a floating point register has by the float ABI of a RISC-V firmware; `None`
    /// if it passes no floats in registers.
    pub fn float_register_len(&self) -> Option<u64> {
        if !self.family().is_some_and(Family::is_riscv) {
            return None;
        }
        match self.flags & EF_RISCV_FLOAT_ABI {
            2 => Some(4),
            4 => Some(8),
            6 => Some(16),
            _ => None,
        }
    }

    /// Adds what the device could not change to `memory`, where nobody holds it yet: sections
    /// that are not writable, those that the linker marked as writable but put into flash or ROM
    /// of `chip`, and the initial values of variables where they lie in flash.
    pub fn add_constants(&self, memory: &mut Memory, origin: Origin, chip: Option<&Chip>) {
        let fixed = |addr: u64| {
            chip.and_then(|chip| chip.memory_at(addr))
                .is_some_and(|m| matches!(m.kind, MemoryKind::Flash | MemoryKind::Rom))
        };
        for section in self.sections.iter().filter(|s| s.alloc && s.has_bytes) {
            // Chips of Espressif map flash and RAM into one window; the linker's name tells.
            let mapped = chip.is_some_and(|chip| chip.esp_idf.is_some());
            let mapped = mapped && section.name.starts_with(".flash.");
            if !section.write || mapped || fixed(section.addr) {
                let mut region = self.region(section, origin);
                region.access.write = false;
                memory.insert(region);
            }
        }
        let written = |range: AddrRange| {
            let hit = |s: &&Section| {
                AddrRange::of_len(s.addr, s.len).is_some_and(|s| s.overlap(&range).is_some())
            };
            self.sections.iter().filter(|s| s.alloc && s.write).any(|s| hit(&s))
        };
        for ph in self.segments.iter().filter(|ph| ph.p_type == PT_LOAD) {
            let Some(range) = AddrRange::of_len(ph.p_paddr, ph.p_filesz) else { continue };
            if ph.p_paddr == ph.p_vaddr || (written(range) && !fixed(ph.p_paddr)) {
                continue;
            }
            let start = (ph.p_offset as usize).min(self.bytes.len());
            let end = start.saturating_add(ph.p_filesz as usize).min(self.bytes.len());
            let access = Access::R;
            let name = Some("load image".into());
            let bytes = self.bytes.slice(start..end);
            memory.insert(Region { start: ph.p_paddr, bytes, origin, access, name });
        }
    }

    /// Adds the initial values of writable sections, marked as such.
    pub fn add_initial_values(&self, memory: &mut Memory) {
        for section in self.sections.iter().filter(|s| s.alloc && s.write && s.has_bytes) {
            memory.insert(self.region(section, Origin::ElfInitial));
        }
    }

    fn region(&self, section: &Section, origin: Origin) -> Region {
        Region {
            start: section.addr,
            bytes: self.section_bytes(section),
            origin,
            access: Access { write: section.write, execute: section.execute },
            name: Some(section.name.as_str().into()),
        }
    }

    /// All symbols with a name, in the file's order, one at a time.
    pub fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        let (table, names, names_len) = match &self.symbols {
            Some((table, names)) => (Some(table), names.sh_offset as usize, names.sh_size),
            None => (None, 0, 0),
        };
        // Linkers let a name be the end of another one, and no more: a table in which thousands of
        // symbols have the same name of megabytes is cut.
        let mut room = usize::try_from(names_len).unwrap_or(0).min(self.bytes.len());
        room = room.saturating_mul(NAMES_PER_TABLE).saturating_add(SMALL_TABLE);
        let symtab = table.and_then(|table| {
            let entry = sym::Sym::size(self.ctx.container) as u64;
            let count = table.sh_size.checked_div(entry)? as usize;
            sym::Symtab::parse(&self.bytes, table.sh_offset as usize, count, self.ctx).ok()
        });
        let symbol = move |symbol: sym::Sym| {
            let at = names.checked_add(symbol.st_name)?;
            let rest = self.bytes.get(at..)?;
            let rest = rest.get(..room).unwrap_or(rest);
            let len = memchr::memchr(0, rest).unwrap_or(rest.len());
            let name = rest.get(..len)?;
            room = room.saturating_sub(len);
            // What is defined elsewhere has no address here; the others are no things at all.
            let nothing = matches!(symbol.st_type(), sym::STT_FILE | sym::STT_SECTION);
            if name.is_empty() || nothing || symbol.st_shndx == SHN_UNDEF as usize {
                return None;
            }
            Some(Symbol {
                name: String::from_utf8_lossy(name).into_owned(),
                addr: match symbol.st_shndx == SHN_ABS as usize {
                    true => symbol.st_value,
                    false => symbol.st_value.wrapping_add(self.slide),
                },
                len: symbol.st_size,
                function: symbol.is_function(),
                object: symbol.st_type() == sym::STT_OBJECT,
                absolute: symbol.st_shndx == SHN_ABS as usize,
                on_device: self.sections.get(symbol.st_shndx).is_none_or(|section| section.alloc),
            })
        };
        let all: Vec<sym::Sym> = symtab.map(|table| table.iter().collect()).unwrap_or_default();
        all.into_iter().filter_map(symbol)
    }

    /// The symbol called `name`, looked up without making a list.
    pub fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols().find(|symbol| symbol.name == name)
    }
}

impl Symbols for Firmware {
    fn symbol(&self, name: &str) -> Option<(u64, u64)> {
        Firmware::symbol(self, name).map(|symbol| (symbol.addr, symbol.len))
    }
}

/// Splits `FILE@0x7e1f000` and `FILE@-0x50000000`, unless a file of the whole name is there.
fn with_offset(path: &Path) -> Option<(PathBuf, u64)> {
    let (file, offset) = path.to_str()?.rsplit_once('@')?;
    let down = offset.strip_prefix('-');
    let digits = down.unwrap_or(offset).strip_prefix("0x")?;
    let offset = u64::from_str_radix(digits, 16).ok()?;
    let slide = if down.is_some() { offset.wrapping_neg() } else { offset };
    (!file.is_empty() && !path.exists()).then(|| (file.into(), slide))
}

fn section(bytes: &Bytes, sh: &SectionHeader, names: Option<&SectionHeader>) -> Section {
    let name = names
        .and_then(|names| (names.sh_offset as usize).checked_add(sh.sh_name))
        .and_then(|at| bytes.get(at..)?.split(|b| *b == 0).next())
        .map(|name| String::from_utf8_lossy(name).into_owned());
    let flag = |flag: u32| sh.sh_flags & u64::from(flag) != 0;
    Section {
        name: name.unwrap_or_default(),
        addr: sh.sh_addr,
        offset: sh.sh_offset,
        len: sh.sh_size,
        alloc: flag(SHF_ALLOC),
        write: flag(SHF_WRITE),
        execute: flag(SHF_EXECINSTR),
        has_bytes: sh.sh_type != SHT_NOBITS,
        is_note: sh.sh_type == SHT_NOTE,
        compressed: flag(SHF_COMPRESSED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_behind_the_name_is_how_far_the_program_had_moved() {
        let split = |text: &str| with_offset(Path::new(text));
        assert_eq!(split("u-boot@0xe139000"), Some(("u-boot".into(), 0xe13_9000)));
        let down = (0x5000_0000_u64).wrapping_neg();
        assert_eq!(split("app.elf@-0x50000000"), Some(("app.elf".into(), down)));
        assert_eq!(split("app@home.elf"), None);
        assert_eq!(split("@0x1000"), None);
    }
}
