//! What is taken: regions of memory by name or range, each with a priority and an element width,
//! and the areas that are never taken.

use crate::arch::address::Address;
use crate::layout::STACK_LINE;

/// A stretch of addresses, `end` exclusive. A `const`, also when both ends are linker symbols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Area {
    start: Address,
    end: Address,
}

impl Area {
    /// No address at all.
    pub const EMPTY: Area = Area::symbols(core::ptr::null(), core::ptr::null());

    /// From `start` up to, not including, `end`.
    ///
    /// # Panics
    /// When `end` lies before `start`; in a `const` that is a compile error.
    pub const fn range(start: usize, end: usize) -> Self {
        assert!(start <= end, "the area ends before it starts");
        Area { start: Address::new(start), end: Address::new(end) }
    }

    /// As [`Area::range`]; nothing at all when `end` lies before `start`.
    pub(crate) const fn between(start: usize, end: usize) -> Self {
        Area { start: Address::new(start), end: Address::new(end) }
    }

    /// Between two linker symbols: `Area::symbols(&raw const _start, &raw const _end)`.
    pub const fn symbols(start: *const u8, end: *const u8) -> Self {
        Area { start: Address::of(start), end: Address::of(end) }
    }

    /// The bytes of a variable.
    pub const fn of<T>(variable: *const T) -> Self {
        let start = variable.cast::<u8>();
        Area::symbols(start, start.wrapping_add(size_of::<T>()))
    }

    /// First address.
    pub fn start(&self) -> usize {
        self.start.get()
    }

    /// One behind the last address; never before the start.
    pub fn end(&self) -> usize {
        self.end.get().max(self.start.get())
    }

    /// Bytes in it.
    pub fn len(&self) -> usize {
        self.end().wrapping_sub(self.start())
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Start and end as they were given: an end before the start means nothing, too.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        (self.start.get(), self.end.get())
    }

    /// Bytes at the near end of a stack that has overflowed, and at its far end: calls that repeat
    /// themselves fill what lies between.
    pub(crate) const OVERFLOWED: (usize, usize) = (8192, 1024);

    /// The part of a stack from its pointer `sp` on, and up to `below` bytes before that; all of it
    /// when `sp` lies outside.
    #[inline(always)]
    pub(crate) fn used(&self, sp: usize, below: usize) -> Area {
        let (start, end) = self.bounds();
        let inside = start <= sp && sp < end;
        let before = below.min(sp.wrapping_sub(start));
        Area::between(if inside { sp.wrapping_sub(before) } else { start }, end)
    }

    /// Bytes that both have.
    #[inline(never)]
    pub(crate) fn overlap(&self, start: usize, end: usize) -> usize {
        self.end.get().min(end).saturating_sub(self.start().max(start))
    }
}

/// What kind of memory a region is. The number goes into the dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Anything else; give it a name with [`Region::named`].
    Custom = 0,
    /// All of the working memory.
    Dram,
    /// Zero-initialised statics.
    Bss,
    /// Initialised statics.
    Data,
    /// What the allocator hands out.
    Heap,
    /// Slow memory that survives deep sleep.
    Rtc,
    /// Fast memory that survives deep sleep.
    RtcFast,
    /// Memory that the start-up code leaves alone.
    NoInit,
    /// A stack: cut at lines of 64 bytes, and from its far end.
    Stack,
    /// Tagged variables.
    Tagged,
    /// Registers of peripherals: only as many as asked for are read, in the given width.
    Mmio,
}

impl Kind {
    /// All kinds, by number.
    pub const ALL: [Kind; 11] = [
        Kind::Custom,
        Kind::Dram,
        Kind::Bss,
        Kind::Data,
        Kind::Heap,
        Kind::Rtc,
        Kind::RtcFast,
        Kind::NoInit,
        Kind::Stack,
        Kind::Tagged,
        Kind::Mmio,
    ];

    /// The priority of a region that is given none.
    pub const fn usual_priority(self) -> u8 {
        match self {
            Kind::Tagged => 240,
            Kind::Mmio => 230,
            Kind::Stack => 220,
            Kind::Rtc | Kind::RtcFast | Kind::NoInit => 160,
            Kind::Custom => 140,
            Kind::Data => 128,
            Kind::Bss => 96,
            Kind::Heap => 64,
            Kind::Dram => 32,
        }
    }
}

/// How memory is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Access {
    /// One byte at a time.
    Byte = 1,
    /// Two bytes at a time, at even addresses.
    Half = 2,
    /// Four bytes at a time, at multiples of four.
    Word = 4,
}

impl Access {
    /// Bytes of one access.
    pub const fn width(self) -> usize {
        self as usize
    }
}

/// Memory that a dump should hold.
#[derive(Clone, Copy, Debug)]
pub struct Region {
    pub(crate) kind: Kind,
    pub(crate) area: Area,
    pub(crate) priority: u8,
    pub(crate) access: Access,
    /// Nobody has asked for a width: words will do as well.
    any_width: bool,
    pub(crate) name: &'static str,
}

impl Region {
    /// A region with its kind's usual priority. [`Kind::Mmio`] is read by words, everything else by
    /// words where they are whole ones, and else bytewise.
    pub const fn new(kind: Kind, area: Area) -> Self {
        let priority = kind.usual_priority();
        let access = if matches!(kind, Kind::Mmio) { Access::Word } else { Access::Byte };
        let any_width = !matches!(kind, Kind::Mmio);
        Region { kind, area, priority, access, any_width, name: "" }
    }

    /// The same with another priority: 255 is written first, 0 last.
    pub const fn priority(self, priority: u8) -> Self {
        Region { priority, ..self }
    }

    /// The same, read in another width.
    pub const fn access(self, access: Access) -> Self {
        Region { access, any_width: false, ..self }
    }

    /// The same with a name of its own; its first 255 bytes are kept.
    pub const fn named(self, name: &'static str) -> Self {
        Region { name, ..self }
    }

    pub(crate) fn name_bytes(&self) -> &'static [u8] {
        let name = self.name.as_bytes();
        name.get(..255).unwrap_or(name)
    }

    pub(crate) fn pieces(&self) -> Pieces {
        match self.kind {
            Kind::Stack => Pieces::Lines,
            _ if self.any_width => Pieces::Bytes,
            _ => Pieces::Of(self.access),
        }
    }
}

/// In what pieces memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// Whole elements inside of the area.
    Of(Access),
    /// Any bytes of ordinary memory, read by words where they are whole ones.
    Bytes,
    /// Of a stack: whole lines, also those that the area only touches.
    Lines,
}

impl Pieces {
    /// The length of a piece, and the bounds of all pieces that may be taken for `start..end`: of a
    /// stack also the rest of the lines that it touches.
    pub(crate) const fn touched(self, start: usize, end: usize) -> (usize, usize, usize) {
        match self {
            Pieces::Of(access) => (access.width(), start, end),
            Pieces::Bytes => (1, start, end),
            Pieces::Lines => {
                // What is more than whole lines at the end is cut off later.
                let end = end.saturating_add(STACK_LINE - 1);
                (STACK_LINE, align_down(start, STACK_LINE), end)
            }
        }
    }
}

/// `at` rounded down to a multiple of `step`, a power of two.
pub(crate) const fn align_down(at: usize, step: usize) -> usize {
    at & !(step.wrapping_sub(1))
}

/// `at` rounded up to a multiple of `step`, a power of two; at the end of memory rounded down.
pub(crate) const fn align_up(at: usize, step: usize) -> usize {
    align_down(at.wrapping_add(step.wrapping_sub(1)), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_by_their_numbers_and_named() {
        for (number, kind) in Kind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
        assert_eq!(Kind::ALL.len(), crate::layout::region::NAMES.len());
    }
}
