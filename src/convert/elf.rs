//! The ELF core: header, program headers, one note segment, the memory.
//!
//! | at        | what                                                             |
//! | 0         | ELF header, `ET_CORE`                                            |
//! | e_phoff   | program headers: PT_NOTE, then a PT_LOAD per run of memory       |
//! | -         | notes: of each thread, crashed first; the target description; ours |
//! | -         | memory, in the order of the program headers                      |
//!
//! Regions that touch and have the same access become one PT_LOAD: GDB reads a line of 64 bytes
//! of stack at a time, and a seam inside a line costs it the part behind.
//!
//! Source: System V ABI, chapters 4 and 5; GDB 13.1 `gdb/corelow.c`, `gdb/gcore-elf.c`.

use super::notes::{self, NoteWriter};
use super::{Extent, regions};
use crate::description::Layout;
use crate::dump::Dump;
use crate::error::{Error, Result};
use crate::format::elf_core::own::{self, Own};
use crate::memory::Region;
use crate::targets::{Endian, Family};
use goblin::elf::header::{ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG, ET_CORE};
use goblin::elf::program_header::{PF_R, PF_W, PF_X, PT_LOAD, PT_NOTE};

const ELFOSABI_GNU: u8 = 3;
const NT_GDB_TDESC: u32 = 0xff00_0000;
/// `e_phnum` says at most this; more would need a section header to hold the number.
const MOST_HEADERS: usize = 0xfffe;

/// A core file, and what it can't say.
#[derive(Debug)]
pub struct Core {
    /// The file.
    pub bytes: Vec<u8>,
    /// Per thread: its label, and the registers that plain GDB will show as 0 though they are
    /// not known.
    pub unknown: Vec<(String, Vec<String>)>,
}

/// Neighbouring regions of the same access.
struct Run<'d> {
    start: u64,
    len: u64,
    flags: u32,
    parts: Vec<&'d Region>,
}

/// Writes `dump` as an ELF core.
///
/// # Errors
/// [`Error::Usage`] if the register set has no layout in ELF cores, or there are more runs of
/// memory than a core can have.
pub fn to_elf_core(dump: &Dump, extent: Extent) -> Result<Core> {
    let Some(layout) = notes::layout(dump) else {
        let name = &dump.arch.name;
        return Err(Error::Usage(format!("{name}: ELF cores have no register note for this one")));
    };
    let arch = &dump.arch;
    let mut writer = NoteWriter::new(arch.endian);
    let mut unknown = Vec::new();
    // GDB selects the first thread.
    let crashed_first = dump.threads.iter().filter(|t| t.crashed);
    for thread in crashed_first.chain(dump.threads.iter().filter(|t| !t.crashed)) {
        let signal = if thread.crashed { linux_signal(dump) } else { 0 };
        let zeros = notes::write_thread(&mut writer, &layout, thread, signal);
        if !zeros.is_empty() {
            unknown.push((thread.label(), zeros));
        }
    }
    // As Linux's core it must have Linux's registers, too (orig_eax): GDB 13 refuses a description
    // without them. It knows all of these by itself.
    let is_x86 = arch.family.is_x86();
    let told = Layout::of(&notes::expressible(dump, &layout));
    if let Some(xml) = told.xml(arch).filter(|_| !is_x86) {
        let mut text = xml.into_bytes();
        text.push(0);
        writer.note("GDB", NT_GDB_TDESC, &text);
    }
    let mut of_core = dump.clone();
    of_core.memory = crate::memory::Memory::new();
    for region in regions(dump, extent) {
        of_core.memory.insert(region.clone());
    }
    for (range, why) in dump.memory.missing() {
        of_core.memory.mark_missing(range, why);
    }
    writer.note(own::OWNER, own::KIND, &Own::of(&of_core).to_bytes());

    let runs = runs(dump, extent);
    if runs.len() >= MOST_HEADERS {
        return Err(Error::Usage(format!(
            "{} runs of memory: an ELF core holds at most {MOST_HEADERS}",
            runs.len()
        )));
    }
    Ok(Core { bytes: file(dump, &writer.bytes, &runs), unknown })
}

fn linux_signal(dump: &Dump) -> u16 {
    use crate::reason::Signal;
    match dump.reason.signal {
        None => 0,
        Some(Signal::Int) => 2,
        Some(Signal::Ill) => 4,
        Some(Signal::Abrt) => 6,
        Some(Signal::Bus) => 7,
        Some(Signal::Fpe) => 8,
        Some(Signal::Segv) => 11,
    }
}

fn runs(dump: &Dump, extent: Extent) -> Vec<Run<'_>> {
    let mut runs: Vec<Run<'_>> = Vec::new();
    for region in regions(dump, extent) {
        let mut flags = PF_R;
        flags |= if region.access.write { PF_W } else { 0 };
        flags |= if region.access.execute { PF_X } else { 0 };
        let len = region.bytes.len() as u64;
        match runs.last_mut() {
            Some(run)
                if run.flags == flags && run.start.checked_add(run.len) == Some(region.start) =>
            {
                run.len += len;
                run.parts.push(region);
            }
            _ => runs.push(Run { start: region.start, len, flags, parts: vec![region] }),
        }
    }
    runs
}

/// GDB reads cores of x86 only as those of an operating system, and knows no bare machine among
/// them; of the others it reads what has no system.
fn osabi(family: Family) -> u8 {
    if family.is_x86() { ELFOSABI_GNU } else { 0 }
}

/// Numbers of the file's class and byte order.
struct Words {
    bytes: Vec<u8>,
    wide: bool,
    big: bool,
}

impl Words {
    fn half(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    fn word(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    /// An address or offset: as wide as the class.
    fn addr(&mut self, value: u64) {
        match self.wide {
            true => self.put(&value.to_le_bytes()),
            false => self.put(&(value as u32).to_le_bytes()),
        }
    }

    fn put(&mut self, little: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(little);
        if self.big {
            self.bytes[start..].reverse();
        }
    }
}

fn file(dump: &Dump, notes: &[u8], runs: &[Run<'_>]) -> Vec<u8> {
    let wide = dump.arch.elf_class == 64;
    let big = dump.arch.endian == Endian::Big;
    let (header_len, entry_len) = if wide { (64u64, 56u64) } else { (52, 32) };
    let notes_off = header_len + entry_len * (1 + runs.len() as u64);
    let mut out = Words { bytes: Vec::new(), wide, big };

    out.bytes.extend_from_slice(ELFMAG);
    out.bytes.push(if wide { ELFCLASS64 } else { ELFCLASS32 });
    out.bytes.push(if big { ELFDATA2MSB } else { ELFDATA2LSB });
    out.bytes.push(1);
    out.bytes.push(osabi(dump.arch.family));
    out.bytes.resize(16, 0);
    out.half(ET_CORE);
    out.half(dump.arch.elf_machine);
    out.word(1);
    out.addr(0);
    out.addr(header_len);
    out.addr(0);
    out.word(0);
    for half in [header_len, entry_len, 1 + runs.len() as u64, 0, 0, 0] {
        out.half(half as u16);
    }

    let mut offset = notes_off + notes.len() as u64;
    out.header(PT_NOTE, 0, notes_off, 0, notes.len() as u64);
    for run in runs {
        out.header(PT_LOAD, run.flags, offset, run.start, run.len);
        offset += run.len;
    }
    out.bytes.extend_from_slice(notes);
    for part in runs.iter().flat_map(|run| &run.parts) {
        out.bytes.extend_from_slice(&part.bytes);
    }
    out.bytes
}

impl Words {
    fn header(&mut self, kind: u32, flags: u32, offset: u64, addr: u64, len: u64) {
        let in_memory = if kind == PT_LOAD { len } else { 0 };
        self.word(kind);
        if self.wide {
            self.word(flags);
        }
        self.addr(offset);
        self.addr(addr);
        self.addr(if kind == PT_LOAD { addr } else { 0 });
        self.addr(len);
        self.addr(in_memory);
        if !self.wide {
            self.word(flags);
        }
        self.addr(if kind == PT_NOTE { 4 } else { 1 });
    }
}
