//! Which unit, and which function in it, holds the code at an address, and what was inlined there.
//!
//! The tables are made when somebody asks, of the units that matter.
//!
//! Source: DWARF 5, sections 2.17 "Code Addresses", 3.3 "Subroutine Entries", 6.1.2 "Lookup by
//! Address".

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::units::Units;
use super::{Entry, Unit};
use gimli::constants as dw;
use gimli::{DebugInfoOffset, UnitOffset};
use std::collections::HashMap;

/// More ranges than this all of a unit's functions, or all units, do not have.
const MOST_RANGES: usize = 1 << 20;
/// More ranges of one function or unit are not looked at.
const MOST_OF_ONE: usize = 1 << 14;
/// More units that claim one address are not asked.
const MOST_CLAIMS: usize = 64;
/// More calls that were inlined into one another are not told: the outermost are left out.
pub(super) const DEEPEST_INLINING: usize = 64;

/// Ranges that may overlap, each of something.
pub(super) struct Ranges<T> {
    /// First address, address behind the last, the highest end so far; by first address.
    list: Vec<(u64, u64, u64, T)>,
}

impl<T: Copy> Ranges<T> {
    fn of(found: Vec<(u64, u64, T)>) -> Ranges<T> {
        let mut list: Vec<(u64, u64, u64, T)> =
            found.into_iter().map(|(begin, end, what)| (begin, end, end, what)).collect();
        list.sort_by_key(|(begin, _, _, _)| *begin);
        let mut highest = 0;
        for (_, end, so_far, _) in &mut list {
            highest = highest.max(*end);
            *so_far = highest;
        }
        Ranges { list }
    }

    /// Those that hold `addr`, the one that starts last first.
    fn at(&self, addr: u64) -> impl Iterator<Item = T> {
        let end = self.list.partition_point(|(begin, _, _, _)| *begin <= addr);
        let below = self.list.get(..end).unwrap_or_default().iter().rev();
        below
            .take_while(move |(_, _, so_far, _)| addr < *so_far)
            .filter(move |(_, end, _, _)| addr < *end)
            .map(|(_, _, _, what)| *what)
    }
}

/// The functions of a unit that have code, by address, and what was inlined into them.
pub(super) struct Functions {
    bodies: Ranges<UnitOffset<usize>>,
    inlined: Ranges<Inlined>,
    /// There is more than was read.
    cut: bool,
}

/// A call that was inlined.
#[derive(Clone, Copy)]
struct Inlined {
    entry: UnitOffset<usize>,
    /// The function that it was inlined into in the end.
    function: UnitOffset<usize>,
    /// What it stands in directly: the function, or another inlined call.
    parent: UnitOffset<usize>,
}

impl Functions {
    pub(super) fn of_unit(unit: Unit<'_>) -> Functions {
        let (mut bodies, mut inlined) = (Vec::new(), Vec::new());
        let mut cut = false;
        if let Ok(mut entries) = unit.entries_raw(None) {
            let mut entry = Entry::default();
            // Functions and inlined calls that are not closed: depth, entry, function.
            let mut open: Vec<(isize, UnitOffset<usize>, UnitOffset<usize>)> = Vec::new();
            while !entries.is_empty() {
                if bodies.len() >= MOST_RANGES || inlined.len() >= MOST_RANGES {
                    cut = true;
                    break;
                }
                let (offset, depth) = (entries.next_offset(), entries.next_depth());
                let Ok(abbreviation) = entries.read_abbreviation() else { break };
                let Some(abbreviation) = abbreviation else { continue };
                if entries.skip_attributes(abbreviation.attributes()).is_err() {
                    break;
                }
                while open.pop_if(|(of, _, _)| *of >= depth).is_some() {}
                let tag = abbreviation.tag();
                let is_function = tag == dw::DW_TAG_subprogram;
                if !is_function && tag != dw::DW_TAG_inlined_subroutine {
                    continue;
                }
                let within = open.last().copied();
                let function = if is_function { Some(offset) } else { within.map(|(_, _, of)| of) };
                let Some(function) = function else { continue };
                if abbreviation.has_children() {
                    open.push((depth, offset, function));
                }
                let may_have_code = |at| matches!(at, dw::DW_AT_low_pc | dw::DW_AT_ranges);
                let mut attributes = abbreviation.attributes().iter();
                if attributes.any(|spec| may_have_code(spec.name()))
                    && let Ok(mut own) = unit.entries_raw(Some(offset))
                    && own.read_entry(&mut entry).is_ok()
                {
                    let parent = within.map_or(offset, |(_, parent, _)| parent);
                    let mut room = MOST_OF_ONE;
                    unit.each_range(&entry, |begin, end| {
                        match is_function {
                            true => bodies.push((begin, end, offset)),
                            false => {
                                inlined.push((
                                    begin,
                                    end,
                                    Inlined { entry: offset, function, parent },
                                ));
                            }
                        }
                        room = room.saturating_sub(1);
                        room > 0
                    });
                }
            }
        }
        Functions { bodies: Ranges::of(bodies), inlined: Ranges::of(inlined), cut }
    }
}

/// Which units have code where.
pub(super) struct Owners(Ranges<usize>);

impl Owners {
    pub(super) fn of(units: &Units) -> Owners {
        let listed = listed(units);
        let mut found: Vec<(u64, u64, usize)> = Vec::new();
        for index in (0..units.count()).filter(|index| units.may_hold_code(*index)) {
            let Some(unit) = units.get(index) else { continue };
            let Ok(root) = unit.entry(unit.header.root_offset()) else { continue };
            let before = found.len();
            let offset = unit.header.debug_info_offset();
            // A unit's own list is the most reliable, then the table, then its bounds, which may
            // hold code of others.
            let of_table = offset.and_then(|offset| listed.get(&offset));
            match of_table.filter(|_| !root.has_attr(dw::DW_AT_ranges)) {
                Some(ranges) => {
                    found.extend(ranges.iter().map(|(begin, end)| (*begin, *end, index)));
                }
                None => {
                    let mut room = MOST_OF_ONE;
                    unit.each_range(&root, |begin, end| {
                        found.push((begin, end, index));
                        room = room.saturating_sub(1);
                        room > 0
                    });
                }
            }
            if found.len() == before {
                let of_lines = unit.lines().ranges().take(MOST_OF_ONE);
                found.extend(of_lines.map(|(begin, end)| (begin, end, index)));
            }
            if found.len() > MOST_RANGES {
                break;
            }
        }
        Owners(Ranges::of(found))
    }

    /// The units that may have code at `addr`.
    pub(super) fn at<'t>(&self, units: &'t Units, addr: u64) -> impl Iterator<Item = Unit<'t>> {
        self.0.at(addr).take(MOST_CLAIMS).filter_map(|index| units.get(index))
    }
}

/// The units that `.debug_aranges` lists, by address: found without reading a unit.
pub(super) struct Listed(Ranges<DebugInfoOffset<usize>>);

impl Listed {
    pub(super) fn of(units: &Units) -> Listed {
        let all = listed(units).into_iter().flat_map(|(unit, ranges)| {
            ranges.into_iter().map(move |(begin, end)| (begin, end, unit))
        });
        Listed(Ranges::of(all.collect()))
    }

    /// The units that are listed with code at `addr`.
    pub(super) fn at<'t>(&self, units: &'t Units, addr: u64) -> impl Iterator<Item = Unit<'t>> {
        let found = self.0.at(addr).take(MOST_CLAIMS);
        found.filter_map(|offset| units.around(offset))
    }
}

/// What `.debug_aranges` tells.
fn listed(units: &Units) -> HashMap<DebugInfoOffset<usize>, Vec<(u64, u64)>> {
    let mut all: HashMap<_, Vec<(u64, u64)>> = HashMap::new();
    let mut room = MOST_RANGES;
    let mut headers = units.dwarf().debug_aranges.headers();
    while let Ok(Some(header)) = headers.next() {
        let own = all.entry(header.debug_info_offset()).or_default();
        let mut entries = header.entries();
        while let Some(entry) = entries.next().transpose() {
            let Some(left) = room.checked_sub(1) else { return all };
            room = left;
            let Ok(entry) = entry else { continue };
            let range = entry.range();
            if range.begin < range.end {
                own.push((range.begin, range.end));
            }
        }
    }
    all.retain(|_, ranges| !ranges.is_empty());
    all
}

impl<'t> Unit<'t> {
    /// The function with the code at `addr`.
    pub(super) fn function_at(&self, addr: u64) -> Option<UnitOffset<usize>> {
        self.functions().bodies.at(addr).next()
    }

    /// The calls inlined at `addr` into the function at `function`, outermost first, and whether
    /// there are more.
    pub(super) fn inlined_at(&self, function: UnitOffset<usize>, addr: u64) -> (Vec<Entry>, bool) {
        let functions = self.functions();
        let here = functions.inlined.at(addr).filter(|call| call.function == function);
        // The innermost ones come first.
        let mut calls: Vec<Inlined> = here.take(MOST_OF_ONE).collect();
        // What stands in another entry comes after it.
        calls.sort_by_key(|call| call.entry.0);
        let outermost = calls.first().filter(|_| calls.len() >= MOST_OF_ONE);
        let mut chain = vec![outermost.map_or(function, |call| call.parent)];
        for call in calls {
            if chain.last() == Some(&call.parent) {
                chain.push(call.entry);
            }
        }
        let all = chain.len().saturating_sub(1);
        let innermost = chain.iter().skip(1).skip(all.saturating_sub(DEEPEST_INLINING));
        let entries: Vec<Entry> = innermost.filter_map(|at| self.entry(*at).ok()).collect();
        let cut = functions.cut || all > entries.len();
        (entries, cut)
    }
}
