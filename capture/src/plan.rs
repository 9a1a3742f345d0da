//! Decides in one pass, before the first byte is written, which bytes the dump will hold.
//!
//! Candidates come in order of priority. Each is clipped to the memory map, cut around exclusions
//! and around what an earlier candidate took, and taken as far as there is room.

use crate::region::{Access, Area, Region, align_down, align_up};

/// One PT_LOAD of the dump to be.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub(crate) start: usize,
    pub(crate) len: usize,
    pub(crate) access: Access,
}

impl Segment {
    /// Room for one.
    pub const EMPTY: Segment = Segment { start: 0, len: 0, access: Access::Byte };

    pub(crate) const fn end(&self) -> usize {
        self.start.saturating_add(self.len)
    }
}

/// What a candidate is cut around.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    pub(crate) memory: &'a [Area],
    pub(crate) exclude: &'a [Area],
}

pub(crate) struct Plan<'a> {
    limits: Limits<'a>,
    segments: &'a mut [Segment],
    count: usize,
    /// Bytes of the file that are not spoken for yet.
    pub(crate) room: usize,
    /// Bytes that a segment costs beside its contents: program header and CRC.
    overhead: usize,
    pub(crate) truncated: bool,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        limits: Limits<'a>,
        segments: &'a mut [Segment],
        room: usize,
        overhead: usize,
    ) -> Self {
        Plan { limits, segments, count: 0, room, overhead, truncated: false }
    }

    pub(crate) fn segments(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or(&[])
    }

    pub(crate) fn add_region(&mut self, region: &Region) {
        self.add(region.area.start(), region.area.end(), region.step(), region.access);
    }

    /// Takes as much of `start..end` as is allowed, missing and fits, in multiples of `step`.
    pub(crate) fn add(&mut self, start: usize, end: usize, step: usize, access: Access) {
        // A stack begins at the line of its pointer, a register at the first whole one.
        let line = step > access.width();
        let mut at = if line { align_down(start, step) } else { align_up(start, step) };
        let end = if line { align_up(end, step) } else { align_down(end, step) };
        while let Some((from, to)) = self.piece(at, end, step) {
            if !self.take(from, to, access) {
                self.truncated = true;
                return;
            }
            at = to;
        }
    }

    /// The first stretch of `at..end` that may be read and is not in the plan yet.
    fn piece(&self, mut at: usize, end: usize, step: usize) -> Option<(usize, usize)> {
        'again: while at < end {
            let mut stop = end;
            if !self.limits.memory.is_empty() {
                let ahead = self.limits.memory.iter().filter(|area| area.end() > at);
                let area = ahead.min_by_key(|area| area.start())?;
                if area.start() > at {
                    at = align_up(area.start(), step);
                    continue 'again;
                }
                stop = stop.min(align_down(area.end(), step));
                if stop <= at {
                    at = align_up(area.end(), step);
                    continue 'again;
                }
            }
            let excluded = self.limits.exclude.iter().map(|area| (area.start(), area.end()));
            let taken = self.segments().iter().map(|taken| (taken.start, taken.end()));
            for (from, to) in excluded.chain(taken) {
                if from < to && to > at && from < stop {
                    let cut = align_down(from, step);
                    if cut <= at {
                        at = align_up(to, step);
                        continue 'again;
                    }
                    stop = cut;
                }
            }
            return Some((at, stop));
        }
        None
    }

    /// Takes `from..to`, or as many whole lines of it as there is room for.
    fn take(&mut self, from: usize, to: usize, access: Access) -> bool {
        let available = align_down(self.room.saturating_sub(self.overhead), 4);
        let cut = align_down(from.saturating_add(available), crate::layout::STACK_LINE);
        let whole = to.wrapping_sub(from) <= available;
        let len = if whole { to } else { cut }.saturating_sub(from);
        let Some(slot) = self.segments.get_mut(self.count) else { return false };
        if len == 0 {
            return false;
        }
        *slot = Segment { start: from, len, access };
        self.count = self.count.wrapping_add(1);
        let cost = self.overhead.wrapping_add(crate::layout::pad4(len));
        self.room = self.room.saturating_sub(cost);
        whole
    }

    /// Bytes of `area` that the plan holds.
    pub(crate) fn stored(&self, area: &Area) -> usize {
        let parts = self.segments().iter().map(|taken| area.overlap(taken.start, taken.end()));
        parts.fold(0, usize::wrapping_add)
    }
}
