//! What NuttX' cores have of their own: the note about the system, and which task ran.
//!
//! Notes and stacks come in the order of its table of tasks (2aaf6641a2d, 13dd25ec243: the idle task
//! first), later with the task that ran first (4ebc8a7291d). Of the one that ran the whole stack was
//! saved, of the others what lies from their stack pointer on, rounded down to 64 (all:
//! `sched/misc/coredump.c`).

use super::super::elf::{CoreFile, ElfNote, Segment};
use crate::dump::{Dump, Thread};
use crate::memory::text_until_nul;

/// The note about the system: "CORE" as a number.
pub(super) const NT_INFO: u32 = 0x434f_5245;
/// Stack pointers are rounded down to this.
const ALIGNMENT: u64 = 64;

/// Puts the task that ran first.
pub(super) fn put_crashed_first(dump: &mut Dump, core: &CoreFile) {
    let Some(index) = runner(dump, core) else { return };
    dump.threads.iter_mut().for_each(|thread| thread.crashed = false);
    let mut thread = dump.threads.remove(index);
    thread.crashed = true;
    dump.threads.insert(0, thread);
}

/// The thread that ran, if the first one did certainly not: all others' stacks begin
/// at their stack pointers.
fn runner(dump: &Dump, core: &CoreFile) -> Option<usize> {
    let switched_out = |(thread, segment): (&Thread, &Segment)| {
        let sp = thread.registers.sp()?;
        let held = sp.checked_sub(segment.addr)? < segment.file_len;
        held.then(|| {
            sp.checked_rem(ALIGNMENT).and_then(|odd| sp.checked_sub(odd)) == Some(segment.addr)
        })
    };
    let all: Vec<bool> =
        dump.threads.iter().zip(&core.segments).map(switched_out).collect::<Option<_>>()?;
    let mut ran = all.iter().enumerate().filter(|(_, out)| !**out).map(|(index, _)| index);
    let index = ran.next().filter(|_| all.len() == dump.threads.len())?;
    (all.first() == Some(&true) && ran.next().is_none()).then_some(index)
}

/// Reads the note about the system: `struct utsname`, then the time of the dump.
///
/// | off | size | field                    |
/// |   0 |   21 | sysname                  |
/// |  21 |   32 | nodename                 |
/// |  53 |   21 | release                  |
/// |  74 |   51 | version: hash and date   |
/// | 125 |   21 | machine                  |
pub(super) fn read_info(note: &ElfNote, dump: &mut Dump) {
    if note.kind != NT_INFO {
        return;
    }
    let text = |from: usize, len: usize| {
        let field = note.desc.get(from..)?.get(..len)?;
        Some(text_until_nul(field).trim().to_string()).filter(|text| !text.is_empty())
    };
    let facts = [("system", text(0, 21)), ("host", text(21, 32)), ("release", text(53, 21))];
    let more = [("version", text(74, 51)), ("machine", text(125, 21))];
    for (name, value) in facts.into_iter().chain(more) {
        if let Some(value) = value {
            dump.identity.facts.push((name.to_string(), value));
        }
    }
}
