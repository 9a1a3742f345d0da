//! The machine's own memory.

use crate::config::Config;
use crate::isa::Memory;
use crate::region::{Access, Area};

/// All of the machine's memory, for a machine on which no read faults.
#[derive(Clone, Copy, Debug)]
pub struct Bare(());

impl Bare {
    /// Memory without a map.
    ///
    /// # Safety
    /// Every address that a region, a stack or a task's provider names can be read without a fault,
    /// and reading has no side effect that matters.
    pub const unsafe fn new() -> Self {
        Bare(())
    }
}

impl Memory for Bare {
    fn read(&mut self, at: usize, bytes: &mut [u8], access: Access) -> bool {
        // Bytewise where whole elements would reach too far.
        let whole = (at | bytes.len()).is_multiple_of(access.width());
        let access = if whole { access } else { Access::Byte };
        let mut from = at;
        for part in bytes.chunks_mut(access.width()) {
            let element = load(from, access).to_le_bytes();
            for (to, byte) in part.iter_mut().zip(element) {
                *to = byte;
            }
            from = from.wrapping_add(access.width());
        }
        true
    }

    fn element(&mut self, at: usize, access: Access) -> Option<u32> {
        Some(load(at, access))
    }
}

/// Only for addresses that a [`Memory`] of this module was promised to hold.
fn load(at: usize, access: Access) -> u32 {
    let source = core::ptr::with_exposed_provenance::<u8>(at);
    // SAFETY: whoever made the memory vouched for the address, which is a multiple of the width.
    // Volatile, since the program's own view of this memory stopped at the crash.
    unsafe {
        match access {
            Access::Byte => source.read_volatile().into(),
            Access::Half => source.cast::<u16>().read_volatile().into(),
            Access::Word => source.cast::<u32>().read_volatile(),
        }
    }
}

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

impl Live<'_> {
    fn holds(&self, at: usize, len: usize) -> bool {
        let end = at.saturating_add(len);
        let inside = |area: &Area| area.start() <= at && end <= area.end();
        self.map.is_empty() || self.map.iter().any(inside) || inside(&self.build_id)
    }
}

// What lies in the map, its creator vouched for.
impl Memory for Live<'_> {
    fn read(&mut self, at: usize, bytes: &mut [u8], access: Access) -> bool {
        self.holds(at, bytes.len()) && Bare(()).read(at, bytes, access)
    }

    fn element(&mut self, at: usize, access: Access) -> Option<u32> {
        self.holds(at, access.width()).then(|| load(at, access))
    }
}
