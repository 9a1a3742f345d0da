//! Decides in one pass, before the first byte is written, which bytes the dump will hold.
//!
//! Candidates come in order of priority. Each is clipped to the memory map, cut around exclusions
//! and around what an earlier candidate took, and taken as far as there is room.

use core::marker::PhantomData;

use crate::config::Config;
use crate::isa::Arch;
use crate::layout::{STACK_LINE, flag, pad4};
use crate::region::{Access, Area, Pieces, align_down, align_up};

/// One PT_LOAD of the dump to be.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pieces: Pieces,
}

impl Segment {
    /// Room for one: all zero, so that statics made of it cost no flash.
    pub const EMPTY: Segment = Segment { start: 0, end: 0, pieces: Pieces::Lines };

    pub(crate) const fn len(&self) -> usize {
        self.end.wrapping_sub(self.start)
    }

    pub(crate) const fn access(&self, words: bool) -> Access {
        match self.pieces {
            Pieces::Of(access) => access,
            _ if words && (self.start | self.end) & 3 == 0 => Access::Word,
            _ => Access::Byte,
        }
    }
}

pub(crate) struct Plan<'a, A> {
    segments: &'a mut [Segment],
    count: usize,
    /// Bytes of the file that are not spoken for yet.
    pub(crate) room: usize,
    /// What the trailer will say: [`flag::TRUNCATED`] once something did not fit.
    pub(crate) flags: usize,
    arch: PhantomData<A>,
}

impl<'a, A: Arch> Plan<'a, A> {
    /// Bytes that a segment costs beside its contents: program header and CRC.
    const OVERHEAD: usize = A::CLASS.phdr_len() + 4;

    pub(crate) fn new(segments: &'a mut [Segment], room: usize) -> Self {
        Plan { segments, count: 0, room, flags: 0, arch: PhantomData }
    }

    #[inline(never)]
    pub(crate) fn segments(&self) -> &[Segment] {
        self.segments.get(..self.count).unwrap_or(&[])
    }

    /// Takes as much of `wanted` as may be read, is not excluded, missing and fits.
    #[inline(never)]
    pub(crate) fn add_mapped(&mut self, config: &Config<'_>, wanted: &Area, pieces: Pieces) {
        let (step, start, end) = pieces.touched(wanted.start(), wanted.end());
        if config.memory.is_empty() {
            return self.add_inside(config.exclude, start, end, step, pieces);
        }
        for area in config.memory {
            let (start, end) = (start.max(area.start()), end.min(area.end()));
            self.add_inside(config.exclude, start, end, step, pieces);
        }
    }

    /// Takes as much of `start..end` as is missing and fits.
    #[inline(never)]
    pub(crate) fn add(&mut self, start: usize, end: usize, pieces: Pieces) {
        let (step, start, end) = pieces.touched(start, end);
        self.add_inside(&[], start, end, step, pieces);
    }

    /// Takes whole pieces of `step` bytes inside of `start..end`: what is not excluded, missing and
    /// fits.
    fn add_inside(
        &mut self,
        exclude: &[Area],
        start: usize,
        end: usize,
        step: usize,
        pieces: Pieces,
    ) {
        let end = align_down(end, step);
        let mut at = start;
        loop {
            // Not beyond the end, which is a multiple: nothing overflows.
            at = align_up(at.min(end), step);
            // Up to the first part that is excluded or in the plan already, then behind it.
            let (mut stop, mut next) = (end, end);
            for area in exclude {
                if area.overlap(at, stop) > 0 {
                    (stop, next) = (area.start(), area.end());
                }
            }
            for taken in self.segments() {
                if taken.end > at && taken.start < stop {
                    (stop, next) = (taken.start, taken.end);
                }
            }
            let stop = align_down(stop, step);
            if at < stop && !self.take(at, stop, pieces) {
                self.flags = flag::TRUNCATED as usize;
                return;
            }
            if at >= end {
                return;
            }
            at = next;
        }
    }

    /// Takes `from..to`, or as many whole lines of it as there is room for.
    fn take(&mut self, from: usize, to: usize, pieces: Pieces) -> bool {
        // All of these are multiples of 4.
        let available = self.room.saturating_sub(Self::OVERHEAD);
        let whole = to.wrapping_sub(from) <= available;
        let end = if whole { to } else { align_down(from.wrapping_add(available), STACK_LINE) };
        let Some(slot) = self.segments.get_mut(self.count) else { return false };
        if end <= from {
            return false;
        }
        *slot = Segment { start: from, end, pieces };
        self.count = self.count.wrapping_add(1);
        let cost = Self::OVERHEAD.wrapping_add(pad4(end.wrapping_sub(from)));
        self.room = self.room.wrapping_sub(cost);
        whole
    }

    /// Bytes of `area` that the plan holds.
    pub(crate) fn stored(&self, area: &Area) -> usize {
        let parts = self.segments().iter().map(|taken| area.overlap(taken.start, taken.end));
        parts.fold(0, usize::wrapping_add)
    }
}
