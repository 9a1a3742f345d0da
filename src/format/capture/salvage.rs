//! Dumps whose block 0 was never written: everything else may be there.

use super::NAME;
use crate::error::Fault;
use bytes::Bytes;
use coroner_capture::layout::{self, Class, Head, note};

/// `PT_NOTE`.
const PT_NOTE: u32 = 4;

/// A dump put together again.
pub(super) struct Torn {
    pub class: Class,
    /// The dump with an ELF header made from what its first note says.
    pub core: Bytes,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Whether `bytes` are a dump whose block 0 was never, or only partly, written.
pub(super) fn is_torn(bytes: &[u8]) -> bool {
    head(bytes).is_some()
}

/// The first note of a torn dump: what it was going to be.
fn head(bytes: &[u8]) -> Option<Head> {
    [Class::Elf32, Class::Elf64].into_iter().find_map(|class| {
        let first = bytes.get(class.phoff() as usize..)?.get(..class.phdr_len())?;
        let word = |at: usize| {
            let field = first.get(at..)?.get(..class.word())?;
            let mut bytes = [0; 8];
            bytes.get_mut(..field.len())?.copy_from_slice(field);
            usize::try_from(u64::from_le_bytes(bytes)).ok()
        };
        let (offset_at, size_at) = match class {
            Class::Elf32 => (4, 16),
            Class::Elf64 => (8, 32),
        };
        if crate::cursor::u32_at(first, 0)? != PT_NOTE {
            return None;
        }
        let (offset, len) = (word(offset_at)?, word(size_at)?);
        let rest = bytes.get(offset..)?;
        let notes = rest.get(..len.min(rest.len()))?;
        let own = layout::notes(notes).next()?;
        let is_ours = own.owner == layout::OWNER.as_bytes() && own.kind == note::HEAD;
        is_ours.then(|| Head::decode(own.desc))?.filter(|head| head.class == class)
    })
}

/// Puts the ELF header in front that the device did not come to write.
pub(super) fn rebuild(bytes: &Bytes) -> Result<Torn, Fault> {
    let Some(head) = head(bytes) else {
        let expected = "block 0 of a dump, or the first note of a torn one";
        return Err(Fault::new(NAME, "block 0", 0, expected, "neither"));
    };
    let there = bytes.len().min(head.length as usize);
    let mut core = bytes.slice(..there).to_vec();
    let class = head.class;
    let mut header = vec![0u8; class.block0_len()];
    let mut put = |at: usize, field: &[u8]| {
        if let Some(slot) = header.get_mut(at..at + field.len()) {
            slot.copy_from_slice(field);
        }
    };
    put(0, b"\x7fELF");
    put(4, &[class.ident(), 1, 1]);
    put(16, &4u16.to_le_bytes());
    put(18, &head.machine.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    let (phoff_at, flags_at) = match class {
        Class::Elf32 => (28, 36),
        Class::Elf64 => (32, 48),
    };
    put(phoff_at, &class.phoff().to_le_bytes());
    put(flags_at, &head.flags.to_le_bytes());
    put(flags_at + 4, &(class.ehdr_len() as u16).to_le_bytes());
    put(flags_at + 6, &(class.phdr_len() as u16).to_le_bytes());
    put(flags_at + 8, &head.headers.to_le_bytes());
    if let Some(block) = core.get_mut(..header.len()) {
        block.copy_from_slice(&header);
    }
    let found = format!(
        "none: the device was interrupted while it wrote; {there} of {} bytes may be good",
        head.length
    );
    let fault = Fault::new(NAME, "block 0", 0, "the mark of a whole dump", found).forceable();
    Ok(Torn { class, core: core.into(), fault })
}
