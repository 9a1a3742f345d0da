//! What the readers of crash texts share: memory of stacks, and the reason that trap registers tell.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::arch;
use crate::dump::{Dump, Note};
use crate::memory::Region;
use crate::reason::Reason;

/// Adds the memory of stacks, printed line by line.
pub(super) fn add_stack(dump: &mut Dump, format: &str, lines: Vec<(u64, Vec<u8>)>) {
    let mut runs: Vec<(u64, Vec<u8>)> = Vec::new();
    for (addr, bytes) in lines {
        match runs.last_mut() {
            Some((start, run)) if start.checked_add(run.len() as u64) == Some(addr) => {
                run.extend_from_slice(&bytes);
            }
            _ => runs.push((addr, bytes)),
        }
    }
    for (addr, bytes) in runs {
        for conflict in dump.memory.insert(Region::dumped(addr, bytes.into()).named("stack")) {
            dump.notes.push(
                Note::warning(format!(
                    "the text prints memory at {} twice and not the same: the first is shown",
                    conflict.range
                ))
                .by(format.to_string())
                .code("conflict"),
            );
        }
    }
}

/// What the trap registers of the crashed thread say.
pub(super) fn trap_reason(dump: &Dump) -> Option<Reason> {
    arch::trap_reason(&dump.crashed()?.registers)
}
