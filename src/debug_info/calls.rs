//! Calls in the machine code, as the compiler described them, and what it says of tail calls.
//!
//! A function whose last act is to call another one jumps there: it leaves no frame, and the function
//! that it jumped to returns to its caller. Where the compiler listed all tail calls, the way from
//! a caller to the function that runs can be found again, if there is only one.
//!
//! Sources: DWARF 5, sections 3.3.1.3 and 3.4.1; before it GNU's `DW_TAG_GNU_call_site`, with the
//! same attributes under other numbers. What is shown is what GDB 13 to 18 shows
//! (`call_site_find_chain`): of several ways the part that all begin and end with.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::walk::Next;
use super::{Entry, Module, Modules, Unit};
use gimli::AttributeValue;
use gimli::constants as dw;

/// Tail calls that are followed for one question.
const MOST_STEPS: usize = 256;
/// A way with more tail calls is not looked for.
const LONGEST_WAY: usize = 64;

/// A call.
struct CallSite {
    /// The address behind it.
    behind: Option<u64>,
    /// The function that it goes to; `None` where that is found out at run time alone.
    target: Option<u64>,
    is_tail: bool,
}

/// A function that ends with calls of others.
struct Tail {
    behind: u64,
    target: u64,
}

impl<'a> Module<'a> {
    fn at_run_time(&self, link_addr: u64) -> u64 {
        link_addr.wrapping_add(self.elf().slide)
    }

    /// The function that holds `addr`: where it begins, and its entry.
    fn function_holding(&self, addr: u64) -> Option<(u64, Unit<'a>, Entry)> {
        let unit = self.unit_at(addr)?;
        let function = unit.entry(unit.function_at(self.elf().link_addr(addr))?).ok()?;
        let mut start = None;
        unit.each_range(&function, |begin, _| {
            start = Some(begin);
            false
        });
        Some((self.at_run_time(start?), unit, function))
    }

    fn calls(&self, unit: Unit<'a>, function: &Entry, mut take: impl FnMut(CallSite) -> Next) {
        unit.walk(function.offset(), |entry, _| match entry.tag() {
            dw::DW_TAG_subprogram => Next::Over,
            dw::DW_TAG_call_site | dw::DW_TAG_GNU_call_site => match self.call(unit, entry) {
                Some(call) => take(call),
                None => Next::Over,
            },
            _ => Next::Into,
        });
    }

    fn call(&self, unit: Unit<'a>, entry: &Entry) -> Option<CallSite> {
        let either = |first, second| if entry.has_attr(first) { first } else { second };
        let flag = |at| matches!(entry.attr_value(at), Some(AttributeValue::Flag(true)));
        let address = |at| unit.attr_address(entry.attr_value(at)?).ok()?;
        let origin = either(dw::DW_AT_call_origin, dw::DW_AT_abstract_origin);
        let behind = address(either(dw::DW_AT_call_return_pc, dw::DW_AT_low_pc));
        Some(CallSite {
            behind: behind.map(|addr| self.at_run_time(addr)),
            target: unit.follow(entry, origin).and_then(|(unit, at)| self.target(unit, &at)),
            is_tail: flag(dw::DW_AT_call_tail_call) || flag(dw::DW_AT_GNU_tail_call),
        })
    }

    /// Where the function that a call names begins.
    fn target(&self, unit: Unit<'a>, entry: &Entry) -> Option<u64> {
        let is_declared = entry.has_attr(dw::DW_AT_declaration);
        if !is_declared {
            let mut start = None;
            unit.each_range(entry, |begin, _| {
                start = Some(begin);
                false
            });
            return start.map(|start| self.at_run_time(start));
        }
        let name = unit.described(entry, |unit, entry| {
            let name = |at| unit.string(entry, at);
            name(dw::DW_AT_linkage_name).or_else(|| name(dw::DW_AT_name))
        })?;
        self.symbols().function_called(&name)
    }

    /// The tail calls of the function that begins at `start`; `None` if not all of them are known.
    fn tails(&self, start: u64) -> Option<Vec<Tail>> {
        const LISTS_ALL: [gimli::DwAt; 4] = [
            dw::DW_AT_call_all_calls,
            dw::DW_AT_call_all_tail_calls,
            dw::DW_AT_GNU_all_call_sites,
            dw::DW_AT_GNU_all_tail_call_sites,
        ];
        let (begin, unit, function) = self.function_holding(start)?;
        (begin == start).then_some(())?;
        let flag = |at: &gimli::DwAt| function.attr_value(*at) == Some(AttributeValue::Flag(true));
        if !LISTS_ALL.iter().any(flag) {
            // Compiled without optimisation: it makes no tail calls.
            return Some(Vec::new());
        }
        let mut tails = Some(Vec::new());
        self.calls(unit, &function, |call| {
            if call.is_tail {
                let tail = call.behind.zip(call.target);
                let tail = tail.map(|(behind, target)| Tail { behind, target });
                match (&mut tails, tail) {
                    (Some(all), Some(tail)) => all.push(tail),
                    _ => tails = None,
                }
            }
            Next::Over
        });
        tails
    }
}

/// What all ways so far have in common.
struct Common {
    way: Vec<u64>,
    /// So many of its beginning.
    first: usize,
    /// So many of its end.
    last: usize,
}

impl Common {
    /// Takes `way` in as well; `None` if nothing is common any more.
    fn with(self, way: &[u64]) -> Option<Common> {
        let same = |(a, b): &(&u64, &u64)| a == b;
        let first = self.way.iter().zip(way).take(self.first).take_while(same).count();
        let last = self.way.iter().rev().zip(way.iter().rev());
        let last = last.take(self.last).take_while(same).count();
        (first > 0 || last > 0).then_some(Common { first, last, ..self })
    }

    fn into_calls(self) -> Vec<u64> {
        if self.first == self.way.len() {
            return self.way;
        }
        let end = self.way.len().saturating_sub(self.last);
        let mut calls: Vec<u64> = self.way.iter().copied().take(self.first).collect();
        calls.extend(self.way.get(end..).unwrap_or_default());
        calls
    }
}

impl Modules<'_> {
    /// The tail calls by which a call in front of `caller_pc` led to the function with the code at
    /// `callee_pc`: the addresses behind them, outermost first. Empty if there are none, or nobody
    /// can tell.
    pub(crate) fn tail_calls(&self, caller_pc: u64, callee_pc: u64) -> Vec<u64> {
        self.way(caller_pc, callee_pc).map(Common::into_calls).unwrap_or_default()
    }

    fn way(&self, caller_pc: u64, callee_pc: u64) -> Option<Common> {
        let called_at = caller_pc.checked_sub(1)?;
        let module = self.at(called_at)?;
        let (callee, _, _) = self.at(callee_pc)?.function_holding(callee_pc)?;
        let (_, unit, function) = module.function_holding(called_at)?;
        let mut target = None;
        module.calls(unit, &function, |call| {
            if call.behind != Some(caller_pc) {
                return Next::Over;
            }
            target = call.target;
            Next::Stop
        });
        let target = target.filter(|target| *target != callee)?;
        // Calls that are still to be tried, by how many lead there.
        let mut open: Vec<(usize, Tail)> = Vec::new();
        let mut way: Vec<u64> = Vec::new();
        let mut common: Option<Common> = None;
        let tails = |target| self.at(target)?.tails(target);
        open.extend(tails(target)?.into_iter().map(|tail| (0, tail)));
        let mut steps = 0usize;
        while let Some((depth, tail)) = open.pop() {
            steps = steps.saturating_add(1);
            (steps < MOST_STEPS && depth < LONGEST_WAY).then_some(())?;
            way.truncate(depth);
            if way.contains(&tail.behind) {
                continue;
            }
            way.push(tail.behind);
            if tail.target == callee {
                common = Some(match common {
                    None => Common { first: way.len(), last: way.len(), way: way.clone() },
                    Some(common) => common.with(&way)?,
                });
                continue;
            }
            open.extend(tails(tail.target)?.into_iter().map(|next| (way.len(), next)));
        }
        common
    }
}
