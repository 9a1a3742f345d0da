//! FreeRTOS' task control block in ESP-IDF's port.
//!
//! | off | size | field                                                        |
//! |   0 |    4 | pxTopOfStack: the frame of the last switch                   |
//! |   4 |   20 | xStateListItem                                               |
//! |  24 |   20 | xEventListItem                                               |
//! |  44 |    4 | uxPriority                                                   |
//! |  48 |    4 | pxStack: lowest address of the stack                         |
//! |  52 |   16 | pcTaskName (configMAX_TASK_NAME_LEN)                         |
//! |   - |    4 | xCoreID: 0, 1, 0x7fffffff; absent in newer single-core builds|
//! |   - |    4 | pxEndOfStack                                                 |
//!
//! Where pxEndOfStack is differs by build; it is found by its value.
//!
//! Source: ESP-IDF v4.1 to v6.0, `FreeRTOS-Kernel/tasks.c`; seen on esp32, esp32c3 and esp32c6.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::cursor::u32_at;
use crate::memory::text_until_nul;

const TOP_OFF: usize = 0;
const PRIORITY_OFF: usize = 44;
const STACK_OFF: usize = 48;
const NAME_OFF: usize = 52;
const USUAL_NAME_LEN: usize = 16;
/// Names longer than this have not been seen; the search for the stack's end stops there.
const LONGEST_NAME: usize = 64;
/// `pvOwner` of xStateListItem: the control block's own address.
pub(super) const OWNER_OFF: usize = 16;
/// `tskNO_AFFINITY`.
const NO_AFFINITY: u32 = 0x7fff_ffff;
/// Larger stacks are not believed.
const LARGEST_STACK: u32 = 16 << 20;

/// The fields that a debugger's user wants to see. `None` for what is not in the dump.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tcb {
    pub top_of_stack: Option<u32>,
    pub priority: Option<u32>,
    /// Lowest address of the stack.
    pub stack_low: Option<u32>,
    /// The last address of the stack that may be used, aligned down to 16.
    pub stack_end: Option<u32>,
    pub name: Option<String>,
    /// The core that the task is bound to; `None` if to none.
    pub core: Option<u32>,
}

/// Reads a control block. `saved_end` is the end of the task's saved stack, if it was saved;
/// `lost` tells which offsets were lost on the way.
pub(super) fn read(
    bytes: &[u8],
    saved_end: Option<u32>,
    lost: impl Fn(usize, usize) -> bool,
) -> Tcb {
    let u32_at = |bytes: &[u8], at: usize| u32_at(bytes, at).filter(|_| !lost(at, 4));
    let stack_low = u32_at(bytes, STACK_OFF);
    let end_off = stack_low.and_then(|low| end_of_stack_off(bytes, low, saved_end));
    let name_len = match end_off {
        Some(off) if off == NAME_OFF.saturating_add(USUAL_NAME_LEN) => USUAL_NAME_LEN,
        Some(off) => off.saturating_sub(NAME_OFF).saturating_sub(4),
        None => USUAL_NAME_LEN,
    };
    let core_off = end_off.map(|off| off.saturating_sub(4));
    let has_core = name_len.saturating_add(NAME_OFF) != end_off.unwrap_or_default();
    let name = bytes.get(NAME_OFF..NAME_OFF.saturating_add(name_len)).map(text_until_nul);
    let name = name.filter(|_| !lost(NAME_OFF, name_len));
    Tcb {
        top_of_stack: u32_at(bytes, TOP_OFF),
        priority: u32_at(bytes, PRIORITY_OFF),
        stack_low,
        stack_end: end_off.and_then(|off| u32_at(bytes, off)),
        name: name.filter(|name| !name.is_empty() && !name.contains(char::is_control)),
        core: core_off
            .filter(|_| has_core)
            .and_then(|off| u32_at(bytes, off))
            .filter(|core| *core != NO_AFFINITY && *core < 64),
    }
}

/// Finds pxEndOfStack: the word that is the end of the saved stack; or, where none was saved, the
/// first one behind the name that makes sense as one.
fn end_of_stack_off(bytes: &[u8], low: u32, saved_end: Option<u32>) -> Option<usize> {
    let last = NAME_OFF.saturating_add(LONGEST_NAME);
    let usual = NAME_OFF.saturating_add(USUAL_NAME_LEN);
    let word = |off: &usize| u32_at(bytes, *off);
    let mut offs = (NAME_OFF.saturating_add(8)..=last).step_by(4);
    if let Some(end) = saved_end
        && let Some(off) = offs.find(|off| word(off) == Some(end))
    {
        return Some(off);
    }
    let sensible =
        |end: u32| end.is_multiple_of(4) && end > low && end.abs_diff(low) <= LARGEST_STACK;
    (usual..=last).step_by(4).find(|off| word(off).is_some_and(sensible))
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "test data is ours")]
mod tests {
    use super::*;

    fn tcb(name_len: usize, core: Option<u32>, end: u32) -> Vec<u8> {
        let mut bytes = vec![0; NAME_OFF];
        bytes[STACK_OFF..STACK_OFF + 4].copy_from_slice(&0x3fc9_0000u32.to_le_bytes());
        bytes.extend_from_slice(b"sensor");
        bytes.resize(NAME_OFF + name_len, 0);
        core.iter().for_each(|core| bytes.extend_from_slice(&core.to_le_bytes()));
        bytes.extend_from_slice(&end.to_le_bytes());
        bytes.resize(340, 0);
        bytes
    }

    #[test]
    fn the_layouts_with_and_without_a_core_id_and_with_long_names_are_told_apart() {
        for (name_len, core) in [(16, Some(1)), (16, None), (32, Some(0)), (16, Some(NO_AFFINITY))]
        {
            let read = read(&tcb(name_len, core, 0x3fc9_1000), Some(0x3fc9_1000), |_, _| false);
            assert_eq!(read.name.as_deref(), Some("sensor"), "{name_len} {core:?}");
            assert_eq!(read.core, core.filter(|c| *c != NO_AFFINITY), "{name_len} {core:?}");
            assert_eq!(read.stack_end, Some(0x3fc9_1000));
        }
        let unsaved = read(&tcb(16, Some(1), 0x3fc9_0ff0), None, |_, _| false);
        assert_eq!((unsaved.core, unsaved.stack_end), (Some(1), Some(0x3fc9_0ff0)));
    }
}
