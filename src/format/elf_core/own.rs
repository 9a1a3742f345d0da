//! The note that `coroner convert` leaves in its cores: what an ELF core has no place for.
//!
//! Owner `coroner`, type "CORO": the dump's [`Record`] as JSON with a number of the version. It
//! holds the names of threads, which registers are known (NT_PRSTATUS can only hold numbers), what
//! each region is and who held it, the reason, the identity. A reader that does not know it loses
//! nothing that an ELF core can say. Version 1 had a form of its own, which `own_v1.rs` reads.

use super::super::elf::CoreFile;
use super::own_v1;
use crate::dump::Dump;
use crate::record::Record;
use serde::{Deserialize, Serialize};

/// Who wrote the note.
pub const OWNER: &str = "coroner";
/// Its type: "CORO". Readers that go by the type alone must not take it for one of theirs.
pub const KIND: u32 = 0x434f_524f;
/// The version that is written.
const SCHEMA: u32 = 2;

/// What the note holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Own {
    schema: u32,
    /// The dump, but for the bytes of its memory.
    #[serde(flatten)]
    pub record: Record,
}

impl Own {
    /// What there is to say of `dump` beside its registers and bytes.
    pub fn of(dump: &Dump) -> Own {
        Own { schema: SCHEMA, record: Record::of(dump) }
    }

    /// The note's contents.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The record in a core's note, if it has one of a known version.
    pub(super) fn of_core(core: &CoreFile) -> Option<Record> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let is_own = |note: &&super::ElfNote| note.name == OWNER && note.kind == KIND;
        let note = core.notes.iter().find(is_own)?;
        match serde_json::from_slice::<Version>(&note.desc).ok()?.schema {
            1 => own_v1::read(&note.desc),
            SCHEMA => Some(serde_json::from_slice::<Own>(&note.desc).ok()?.record),
            _ => None,
        }
    }
}
