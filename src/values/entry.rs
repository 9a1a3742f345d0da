//! What a register held when a function was entered: the caller's call site tells.
//!
//! A compiler that needs an argument's register for something else says that the argument is
//! "what the register was at entry". The caller's DWARF has an entry for each call with how it
//! computed the arguments; where that uses only what calls preserve, it can be computed again.
//!
//! Source: DWARF 5, sections 2.5.1.7 and 3.4 (and the GNU forms before it).

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::scope::{Expr, Scopes, frame_base};
use super::{Entry, Offset, Unit};
use crate::debug_info::children;
use crate::debug_info::{Env, Missing, Next};
use crate::unwind::{Found, Frame};
use gimli::AttributeValue;
use gimli::constants as dw;

/// A value that was passed on by more callers is not followed.
const MOST_CALLERS: usize = 32;

const CALL_SITES: [gimli::DwTag; 2] = [dw::DW_TAG_call_site, dw::DW_TAG_GNU_call_site];
const BLOCKS: [gimli::DwTag; 2] = [dw::DW_TAG_lexical_block, dw::DW_TAG_inlined_subroutine];
const PARAMETERS: [gimli::DwTag; 2] =
    [dw::DW_TAG_call_site_parameter, dw::DW_TAG_GNU_call_site_parameter];

impl<'a> Scopes<'_, 'a> {
    /// What `wanted`, a register's location, held when the function of `frames[at]` was entered.
    pub(super) fn entry_value(
        &self,
        frames: &[Frame],
        at: usize,
        wanted: Expr,
        depth: usize,
    ) -> Result<u64, Missing> {
        let lost = Missing::OptimizedOut;
        if depth > MOST_CALLERS {
            return Err(lost);
        }
        let caller = frames.get(at + 1).ok_or(lost.clone())?;
        // A guessed frame may be several calls away.
        if !matches!(caller.found, Found::CallFrameInfo | Found::Window) {
            return Err(lost);
        }
        let pc = caller.lookup_pc();
        let module = self.modules.at(pc).ok_or(lost.clone())?;
        let unit = module.unit_at(pc).ok_or(lost.clone())?;
        let link = |addr| module.elf().link_addr(addr);
        let function = module.places(pc).last().and_then(|place| place.die).ok_or(lost.clone())?;
        let site = call_site(unit, function, link(caller.pc)).ok_or(lost.clone())?;
        // What the caller passed may be what it was passed itself.
        let before = |expression| self.entry_value(frames, at + 1, expression, depth + 1);
        let mut env = Env {
            memory: &self.dump.memory,
            registers: &caller.registers,
            cfa: caller.cfa,
            frame_base: None,
            unit: Some(unit.plain()),
            slide: module.elf().slide,
            at_entry: Some(&before),
        };
        env.frame_base = frame_base(unit, function, &env, link(pc));
        for parameter in children(unit, site, &PARAMETERS) {
            let Some(AttributeValue::Exprloc(location)) = parameter.attr_value(dw::DW_AT_location)
            else {
                continue;
            };
            if is_same(location.0.bytes(), wanted.0.bytes()) {
                let value = parameter
                    .attr_value(dw::DW_AT_call_value)
                    .or_else(|| parameter.attr_value(dw::DW_AT_GNU_call_site_value));
                let Some(AttributeValue::Exprloc(value)) = value else { return Err(lost) };
                return env.compute(value, unit.encoding(), None);
            }
        }
        Err(lost)
    }
}

/// Whether two expressions mean one place. A register may be told with the type of what is in it.
fn is_same(a: &[u8], b: &[u8]) -> bool {
    a == b || register(a).is_some_and(|a| Some(a) == register(b))
}

/// The register that an expression is of, if it is of one.
pub(super) fn register(expression: &[u8]) -> Option<u64> {
    match expression {
        [op @ 0x50..=0x6f] => Some(u64::from(op - 0x50)),
        // DW_OP_regx; DW_OP_regval_type, and what GNU had before it: the type follows.
        [0x90, number @ 0..=0x7f] | [0xa5 | 0xf5, number @ 0..=0x7f, ..] => Some((*number).into()),
        [0x90, low, high @ 0..=0x7f] | [0xa5 | 0xf5, low, high @ 0..=0x7f, ..] => {
            Some(u64::from(low & 0x7f) | u64::from(*high) << 7)
        }
        _ => None,
    }
}

/// The call below the entry at `offset` that returns to `return_pc`.
fn call_site(unit: Unit<'_>, offset: Offset, return_pc: u64) -> Option<Offset> {
    let returns_to = |entry: &Entry| {
        let value = entry
            .attr_value(dw::DW_AT_call_return_pc)
            .or_else(|| entry.attr_value(dw::DW_AT_low_pc));
        match value {
            Some(AttributeValue::Addr(addr)) => addr == return_pc,
            Some(AttributeValue::DebugAddrIndex(index)) => unit.address(index) == Ok(return_pc),
            _ => false,
        }
    };
    let mut found = None;
    unit.walk(offset, |entry, _| {
        if CALL_SITES.contains(&entry.tag()) && returns_to(entry) {
            found = Some(entry.offset());
            return Next::Stop;
        }
        if BLOCKS.contains(&entry.tag()) { Next::Into } else { Next::Over }
    });
    found
}
