//! What all sessions share: the dump, and every reply that can be prepared from it beforehand.

use super::memory_map;
use super::threads;
use crate::debug_info::Modules;
use crate::description::Layout;
use crate::dump::{Dump, Note, Thread};
use crate::firmware::Firmware;
use crate::open::Opened;
use crate::registers::Registers;
use bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// A dump made ready to be served: read-only, shared by all sessions.
pub struct Served {
    pub(crate) dump: Dump,
    /// The firmware's ELF file, for debuggers to fetch.
    pub(crate) firmware: Option<Arc<Firmware>>,
    /// The path under which they find it.
    firmware_path: Option<String>,
    /// All ELF files that names and call frames are looked up in here.
    elves: Vec<Arc<Firmware>>,
    pub(crate) layout: Layout,
    /// `None` for architectures whose debuggers take no description.
    pub(crate) target_xml: Option<String>,
    pub(crate) memory_map: String,
    /// Ids on the wire, in the order of the dump's threads.
    pub(crate) wire_ids: Vec<u64>,
    pub(crate) index_of_id: HashMap<u64, usize>,
    /// Index of the thread that crashed; the first if none did.
    pub(crate) crashed: usize,
}

impl Served {
    /// Prepares what was opened, with its ELF files. Debuggers may fetch the firmware's, so that
    /// nobody has to tell them which it is.
    pub fn of(opened: Opened) -> Arc<Self> {
        let Opened { dump, firmware, rom, embedded, .. } = opened;
        Self::with(dump, firmware, rom.into_iter().chain(embedded))
    }

    /// Prepares `dump` alone, with the ELF file of its firmware if there is one.
    ///
    /// No protocol knows a target without threads: a dump without any gets one, all of whose
    /// registers are unknown, and a note that says so.
    pub fn new(dump: Dump, firmware: Option<Arc<Firmware>>) -> Arc<Self> {
        Self::with(dump, firmware, [])
    }

    fn with(
        mut dump: Dump,
        firmware: Option<Arc<Firmware>>,
        more: impl IntoIterator<Item = Arc<Firmware>>,
    ) -> Arc<Self> {
        if dump.threads.is_empty() {
            let mut nobody = Thread::new(1, Registers::unknown(Arc::clone(&dump.arch)));
            nobody.remarks.push("the dump holds no registers".into());
            dump.threads.push(nobody);
            dump.notes.push(
                Note::warning("the dump holds no registers, only memory").code("no-registers"),
            );
        }
        let layout = Layout::of(&dump);
        let wire_ids = threads::wire_ids(&dump.threads);
        Arc::new(Served {
            target_xml: layout.xml(&dump.arch),
            memory_map: memory_map::xml(&dump.memory),
            index_of_id: wire_ids.iter().copied().zip(0..).collect(),
            crashed: dump.threads.iter().position(|thread| thread.crashed).unwrap_or_default(),
            wire_ids,
            layout,
            firmware_path: firmware.as_ref().map(|elf| absolute(&elf.path)),
            elves: firmware.iter().cloned().chain(more).collect(),
            firmware,
            dump,
        })
    }

    /// The dump that is served.
    pub fn dump(&self) -> &Dump {
        &self.dump
    }

    /// The auxiliary vector of a process, if it was saved.
    pub(crate) fn auxv(&self) -> Option<&Bytes> {
        let process = self.dump.process.as_ref()?;
        Some(&process.auxv).filter(|auxv| !auxv.is_empty())
    }

    /// What the ELF files know, for those who look names and call frames up here.
    pub(crate) fn modules(&self) -> Modules<'_> {
        Modules::of(self.elves.iter().map(|elf| &**elf))
    }

    /// The path under which debuggers find the firmware's ELF file.
    pub fn firmware_path(&self) -> Option<&str> {
        self.firmware_path.as_deref()
    }
}

/// `path` as it is found from anywhere: the debugger may run in another folder.
fn absolute(path: &str) -> String {
    let absolute = std::path::absolute(Path::new(path));
    absolute.map_or_else(|_| path.to_string(), |path| path.display().to_string())
}
