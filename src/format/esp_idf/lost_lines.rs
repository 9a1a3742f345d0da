//! Where lines that a log lost belong.
//!
//! The header says how long the image is, so one sees that lines are missing, not which. But the
//! image has a structure: task records and segments have lengths, control blocks have names and
//! stacks. A gap is tried at each line; where most of the structure is right it may have been.
//! All that lies between the first and the last such place may be moved, and counts as lost;
//! what is behind keeps its place.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::body::TaskRecord;
use super::image::{self, Layout};
use super::{binary_body, elf_body, tcb};
use crate::carrier::Piece;
use crate::cursor::u32_at;
use bytes::Bytes;
use std::ops::Range;

/// A task takes more of an image than this: its record and control block.
const SMALLEST_TASK: usize = 128;
/// More places than this are not tried one by one: a dump of megabytes is looked at in steps.
const MOST_PLACES: usize = 1500;

/// An image with a gap where lines were lost.
pub(super) struct Mended {
    /// As long as the header says, with zeros in the gap.
    pub bytes: Vec<u8>,
    /// What is lost, or may be moved.
    pub lost: Range<u64>,
    /// Between which of the lines the gap is: the last one in front of it, the first one behind.
    pub between: (usize, usize),
}

/// Puts a gap into `lines` so that the image gets `len` bytes. `None` if nothing tells where.
pub(super) fn mend(lines: &[&[u8]], len: usize) -> Option<Mended> {
    let have: usize = lines.iter().map(|line| line.len()).sum();
    let gap = len.checked_sub(have).filter(|gap| *gap > 0)?;
    let step = lines.len().checked_div(MOST_PLACES)?.saturating_add(1);
    let offset = |index: usize| lines.iter().take(index).map(|line| line.len()).sum::<usize>();
    let places = (1..=lines.len()).step_by(step);
    let scored = places.filter_map(|index| {
        let at = offset(index);
        let bytes = with_gap(lines, index, gap);
        let lost = at as u64..at.saturating_add(gap) as u64;
        Some((structure(&bytes.into(), &lost)?, index))
    });
    let scored: Vec<(Structure, usize)> = scored.collect();
    let best = scored.iter().map(|(structure, _)| structure.faults()).min()?;
    let as_good = || scored.iter().filter(|(structure, _)| structure.faults() == best);
    // A task whose number lies in the gap is not among the tasks.
    let most = as_good().map(|(structure, _)| structure.tasks).max()?;
    let fewest = most.saturating_sub(1).saturating_sub(gap / SMALLEST_TASK).max(1);
    let mut good = as_good().filter(|(structure, _)| structure.tasks >= fewest).map(|(_, i)| *i);
    let first = good.next()?;
    // Between two places that were tried there are others.
    let reach = step.saturating_sub(1);
    let last = good.next_back().unwrap_or(first).saturating_add(reach).min(lines.len());
    let first = first.saturating_sub(reach).max(1);
    let end = match best {
        (false, 0) => offset(last).saturating_add(gap),
        // Lines were lost in several places: no one gap makes the rest right.
        _ => len,
    };
    Some(Mended {
        bytes: with_gap(lines, first, gap),
        lost: offset(first) as u64..end as u64,
        between: (first.saturating_sub(1), last.min(lines.len().saturating_sub(1))),
    })
}

fn with_gap(lines: &[&[u8]], index: usize, gap: usize) -> Vec<u8> {
    let (before, behind) = lines.split_at_checked(index).unwrap_or((lines, &[]));
    let mut bytes = before.concat();
    bytes.resize(bytes.len().saturating_add(gap), 0);
    bytes.extend(behind.iter().copied().flatten());
    bytes
}

/// How much of an image's structure is right.
#[derive(Clone, Copy)]
struct Structure {
    /// The records end where they must.
    ends: bool,
    /// Tasks whose control block is there and no control block.
    wrong: usize,
    /// How many tasks there are.
    tasks: usize,
}

impl Structure {
    /// The fewer the better.
    fn faults(self) -> (bool, usize) {
        (!self.ends, self.wrong)
    }
}

fn structure(bytes: &Bytes, lost: &Range<u64>) -> Option<Structure> {
    let (header, body, offset) = image::parts(bytes)?;
    let mut piece = Piece::outermost(bytes.clone());
    piece.lost = vec![lost.clone()];
    let (tasks, ends) = match header.layout {
        Layout::Binary => {
            let ends = binary_body::ends_at(bytes, &header);
            let padded =
                |end: u64| u64::from(header.tot_len).checked_sub(end).is_some_and(|n| n < 64);
            let body = binary_body::read_parts(&header, body, offset, &piece);
            (body.tasks, ends.is_some_and(padded))
        }
        Layout::Elf => {
            let body = elf_body::read(&body, offset, &piece).ok()?;
            (body.tasks, true)
        }
    };
    let wrong = tasks.iter().filter(|task| is_wrong(task, &piece)).count();
    Some(Structure { ends, wrong, tasks: tasks.len() })
}

/// Whether the control block of a task is there and not in its place: its list item names it.
fn is_wrong(task: &TaskRecord, piece: &Piece) -> bool {
    let owner_at = task.tcb.offset.saturating_add(tcb::OWNER_OFF as u64);
    !piece.is_lost(owner_at, 4) && u32_at(&task.tcb.bytes, tcb::OWNER_OFF) != Some(task.tcb_addr)
}
