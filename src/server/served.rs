//! What all sessions share: the dump, and every reply that can be prepared from it beforehand.

use super::memory_map;
use super::threads;
use crate::description::Layout;
use crate::dump::{Dump, Note, Thread};
use crate::firmware::Firmware;
use crate::registers::Registers;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// A dump made ready to be served: read-only, shared by all sessions.
pub struct Served {
    pub(crate) dump: Dump,
    /// The path of the firmware's ELF file, as a debugger is to see it, and its bytes.
    pub(crate) firmware: Option<(String, Bytes)>,
    /// The same file taken apart, when somebody asks.
    parsed: OnceLock<Option<Firmware>>,
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
    /// Prepares `dump`. `firmware` is the path and the contents of the ELF file that debuggers may
    /// fetch, so that nobody has to tell them which it is.
    ///
    /// No protocol knows a target without threads: a dump without any gets one, all of whose
    /// registers are unknown, and a note that says so.
    pub fn new(mut dump: Dump, firmware: Option<(String, Bytes)>) -> Arc<Self> {
        if dump.threads.is_empty() {
            let mut nobody = Thread::new(1, Registers::unknown(Arc::clone(&dump.arch)));
            nobody.remarks.push("the dump holds no registers".into());
            dump.threads.push(nobody);
            dump.notes.push(Note::warning("the dump holds no registers, only memory"));
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
            firmware,
            parsed: OnceLock::new(),
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

    /// The firmware's ELF file, for those who look names and call frames up here.
    pub(crate) fn firmware_file(&self) -> Option<&Firmware> {
        let parse = || {
            let (path, bytes) = self.firmware.clone()?;
            Firmware::parse(path, bytes).ok()
        };
        self.parsed.get_or_init(parse).as_ref()
    }

    /// The path under which debuggers find the firmware's ELF file.
    pub fn firmware_path(&self) -> Option<&str> {
        self.firmware.as_ref().map(|(path, _)| path.as_str())
    }
}
