//! How the writers of ELF cores differ.
//!
//! * NuttX: notes are owned by the *task's name*; NT_PRPSINFO comes before the task's
//!   NT_PRSTATUS; a note of type 0x434f5245 says which release it is. In a 64-bit one user and
//!   group have 16 bits, so the name is 4 bytes earlier than on Linux; `nuttx.rs` finds the task
//!   that ran.
//! * MCoreDump: threads come in the order of the kernel's object list, the crashed one has no
//!   mark; `mcoredump.rs` finds it and mends the registers.
//! * Linux: one NT_PRPSINFO for the process, NT_SIGINFO tells the address that faulted.

use super::super::elf::{CoreFile, ElfNote};
use super::process::{NT_AUXV, NT_FILE};
use super::{NAME, NT_PRPSINFO, NT_PRSTATUS, linux_signal, nuttx};
use crate::cursor::Cursor;
use crate::dump::Dump;
use crate::memory::text_until_nul;
use crate::reason::{FaultWord, Reason, Signal};
use crate::targets::Family;

const NT_SIGINFO: u32 = 0x5349_4749;
const NT_GDB_TDESC: u32 = 0xff00_0000;
/// `ELFOSABI_ARM`. GDB's own cores of ARM have it as well, but also a process info.
const OSABI_ARM: u8 = 97;

/// Who wrote a core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Producer {
    NuttX,
    MCoreDump,
    Linux,
    Gdb,
    Other,
}

impl Producer {
    pub(super) fn of(core: &CoreFile, bytes: &[u8]) -> Producer {
        let has = |kind: u32| core.notes.iter().any(|note| note.kind == kind);
        let foreign_owner =
            |note: &ElfNote| matches!(note.kind, NT_PRSTATUS | NT_PRPSINFO) && note.name != "CORE";
        if has(nuttx::NT_INFO) || core.notes.iter().any(foreign_owner) {
            Producer::NuttX
        } else if Family::of_machine(core.machine, core.class) == Some(Family::Arm)
            && bytes.get(7) == Some(&OSABI_ARM)
            && !has(NT_GDB_TDESC)
            && !has(NT_PRPSINFO)
        {
            Producer::MCoreDump
        } else if has(NT_AUXV) || has(NT_FILE) || has(NT_SIGINFO) {
            Producer::Linux
        } else if has(NT_GDB_TDESC) || has(NT_PRPSINFO) {
            Producer::Gdb
        } else {
            Producer::Other
        }
    }

    pub(super) fn title(self, core: &CoreFile) -> String {
        let by = match self {
            Producer::NuttX => "NuttX ELF core",
            Producer::MCoreDump => "MCoreDump ELF core",
            Producer::Linux => "Linux ELF core",
            Producer::Gdb => "ELF core written by GDB",
            Producer::Other => "ELF core",
        };
        let machine = goblin::elf::header::machine_to_str(core.machine);
        format!("{by}, {}, {} bit", machine.trim_start_matches("EM_").to_lowercase(), core.class)
    }

    /// The process info of the thread whose NT_PRSTATUS is note number `at`.
    pub(super) fn process_info(self, notes: &[ElfNote], at: usize) -> Option<&ElfNote> {
        let is_info = |note: &&ElfNote| note.kind == NT_PRPSINFO;
        match self {
            Producer::NuttX => notes.get(at.checked_sub(1)?).filter(is_info),
            _ => notes.iter().find(is_info),
        }
    }

    /// The name of the thread with the register note `note`.
    pub(super) fn thread_name(
        self,
        note: &ElfNote,
        info: Option<&ElfNote>,
        class: u8,
    ) -> Option<String> {
        let name = match self {
            // Empty if names are configured off.
            Producer::NuttX if !note.name.is_empty() => note.name.clone(),
            Producer::MCoreDump => return None,
            _ => {
                let info = info?;
                let offset = match (self, class, info.desc.len()) {
                    (Producer::NuttX, 64, _) => 36,
                    (_, 64, _) => 40,
                    // 16-bit user and group (ARM, i386) or 32-bit ones (RISC-V, Xtensa).
                    (_, _, ..=124) => 28,
                    _ => 32,
                };
                text_until_nul(info.desc.get(offset..)?.get(..16)?)
            }
        };
        Some(name).filter(|name| !name.is_empty())
    }
}

/// The reason as far as a core tells it: a signal, and the address that faulted.
pub(super) fn set_reason(dump: &mut Dump, number: u16, extras: &[ElfNote], core: &CoreFile) {
    let Some(signal) = linux_signal(number) else { return };
    let words = match signal {
        Signal::Int => "stopped by a debugger".to_string(),
        _ => format!("signal {number} ({signal})"),
    };
    let mut reason = Reason::new(signal, words, Vec::new());
    if let Some(info) = extras.iter().find(|note| note.kind == NT_SIGINFO)
        && matches!(signal, Signal::Segv | Signal::Bus)
    {
        let at = if core.class == 64 { 16 } else { 12 };
        let desc = info.desc.slice(at.min(info.desc.len())..);
        let mut cursor = Cursor::new(NAME, desc, info.offset).with_endian(core.endian);
        if let Ok(value) = cursor.word("si_addr", core.class.into()) {
            reason.words.push_str(&format!(" at address {value:#x}"));
            let words = "address of the access that failed".to_string();
            reason.evidence.push(FaultWord { name: "si_addr".into(), value, words });
        }
    }
    dump.reason = reason;
}
