//! What belongs to one connection: who the client is, what it selected, what it wrote.

use super::scratch::Scratch;
use super::served::Served;
use crate::dump::Thread;
use crate::registers::Registers;
use std::sync::Arc;

/// One client's view of the dump.
pub(crate) struct Client {
    pub(super) served: Arc<Served>,
    pub(super) scratch: Scratch,
    /// After a detach or kill no threads exist on this connection until an attach.
    pub(super) attached: bool,
    /// Index of the thread that `g`, `p` and the like are about.
    pub(super) selected: usize,
    pub(super) offers: Offers,
    /// Whether the console was told what this is all about.
    pub(super) greeted: bool,
    /// Whether it asked for a single register before.
    pub(super) asked_register: bool,
    /// Memory on its way out; kept, so that a read takes no new memory.
    pub(super) buffer: Vec<u8>,
    /// The same for the body of a reply.
    pub(super) body: Vec<u8>,
}

/// What the client said of itself in `qSupported`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    /// Thread ids with a process.
    pub(crate) multiprocess: bool,
    /// Takes error texts as the reply to any packet.
    pub(crate) error_message: bool,
    /// Reads memory with `x`.
    pub(crate) binary_upload: bool,
    /// It is LLDB, which takes for an end what GDB takes for an error text.
    pub(crate) lldb: bool,
}

impl Offers {
    /// Reads the list behind `qSupported:`.
    pub(crate) fn parse(list: &[u8]) -> Self {
        let mut offers = Offers::default();
        for feature in list.split(|byte| *byte == b';') {
            match feature {
                b"multiprocess+" => offers.multiprocess = true,
                // GDB learnt this and `x` in the same version, 16, and never offers `x` by name: it
                // waits for the server to. Older ones warn of a word that they don't know.
                b"error-message+" => (offers.error_message, offers.binary_upload) = (true, true),
                b"binary-upload+" => offers.binary_upload = true,
                // GDB names the one architecture that it wants this for, LLDB several.
                _ if feature.starts_with(b"xmlRegisters=") => {
                    offers.lldb = feature.contains(&b',');
                }
                _ => {}
            }
        }
        offers
    }
}

impl Client {
    /// A client that has said nothing yet.
    pub(crate) fn new(served: Arc<Served>) -> Self {
        Client {
            selected: served.crashed,
            served,
            scratch: Scratch::default(),
            attached: true,
            offers: Offers::default(),
            greeted: false,
            asked_register: false,
            buffer: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The threads that exist for this client, by index.
    pub(super) fn threads(&self) -> &[Thread] {
        match self.attached {
            true => &self.served.dump.threads,
            false => &[],
        }
    }

    /// The registers of a thread as the client sees them.
    pub(super) fn registers(&self, thread: usize) -> Option<&Registers> {
        let dumped = &self.threads().get(thread)?.registers;
        Some(self.scratch.registers(thread, dumped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_apart_by_what_they_offer() {
        let gdb = Offers::parse(b"multiprocess+;swbreak+;xmlRegisters=i386;error-message+");
        assert!(gdb.multiprocess && gdb.error_message && gdb.binary_upload && !gdb.lldb);
        let lldb = Offers::parse(b"xmlRegisters=i386,arm,mips,arc;multiprocess+;fork-events+");
        assert!(lldb.lldb && lldb.multiprocess);
        let older = Offers::parse(b"multiprocess+;swbreak+;xmlRegisters=i386;memory-tagging+");
        assert!(!older.error_message && !older.binary_upload && !older.lldb);
        assert_eq!(Offers::parse(b"multiprocess-;binary-upload"), Offers::default());
    }
}
