//! The machine's own memory.

use super::Memory;
use crate::config::Config;
use crate::region::{Access, Area};

/// Reads the machine's memory, inside of a map.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    map: &'a [Area],
    build_id: Area,
}

impl<'a> Live<'a> {
    /// Memory that may be read: `config.memory`, or everything if that is empty, and the build id.
    ///
    /// # Safety
    /// Every address in `config.memory` can be read without a fault, and reading has no side effect
    /// that matters (a register that is cleared by reading does not belong in it).
    pub const unsafe fn new(config: &Config<'a>) -> Self {
        Live { map: config.memory, build_id: config.build_id }
    }
}

impl Memory for Live<'_> {
    fn read(&mut self, at: usize, bytes: &mut [u8], access: Access) -> bool {
        let end = at.saturating_add(bytes.len());
        let inside = |area: &Area| area.start() <= at && end <= area.end();
        if !self.map.is_empty() && !self.map.iter().any(inside) && !inside(&self.build_id) {
            return false;
        }
        let mut from = at;
        for part in bytes.chunks_mut(access.width()) {
            // SAFETY: the address lies in the map, which the creator vouched for. Volatile, since
            // the program's own view of this memory stopped at the crash. A word at an address
            // that is no multiple of its width is read bytewise below.
            unsafe {
                let source = core::ptr::with_exposed_provenance::<u8>(from);
                match (&mut *part, from & access.width().wrapping_sub(1)) {
                    ([a, b, c, d], 0) => {
                        let word = source.cast::<u32>().read_volatile();
                        [*a, *b, *c, *d] = word.to_le_bytes();
                    }
                    ([a, b], 0) => {
                        [*a, *b] = source.cast::<u16>().read_volatile().to_le_bytes();
                    }
                    (part, _) => {
                        for (index, byte) in part.iter_mut().enumerate() {
                            *byte = source.wrapping_add(index).read_volatile();
                        }
                    }
                }
            }
            from = from.wrapping_add(access.width());
        }
        true
    }
}
