//! What a register held when a function was entered: the caller's call site tells.
//!
//! A compiler that needs an argument's register for something else says that the argument is
//! "what the register was at entry". The caller's DWARF has an entry for each call with how it
//! computed the arguments; where that uses only what calls preserve, it can be computed again.
//!
//! Source: DWARF 5, sections 2.5.1.7 and 3.4 (and the GNU forms before it).

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::scope::{Expr, Scopes, frame_base};
use super::types::children;
use super::{Entry, Offset, Unit};
use crate::debug_info::{Env, Missing};
use crate::unwind::{Found, Frame};
use gimli::AttributeValue;
use gimli::constants as dw;

/// Deeper nesting of blocks is not searched for a call.
const DEEPEST: usize = 32;

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
        wanted: Expr<'a>,
    ) -> Result<u64, Missing> {
        let lost = Missing::OptimizedOut;
        let caller = frames.get(at + 1).ok_or(lost.clone())?;
        // A guessed frame may be several calls away.
        if !matches!(caller.found, Found::CallFrameInfo | Found::Window) {
            return Err(lost);
        }
        let pc = caller.lookup_pc();
        let module = self.modules.at(pc).ok_or(lost.clone())?;
        let context = module.context().ok_or(lost.clone())?;
        let link = |addr| module.elf().link_addr(addr);
        let unit = context.find_dwarf_and_unit(link(pc)).skip_all_loads().ok_or(lost.clone())?;
        let function = module.places(pc).last().and_then(|place| place.die).ok_or(lost.clone())?;
        let site = call_site(unit, function, link(caller.pc), 0).ok_or(lost.clone())?;
        let mut env = Env {
            memory: &self.dump.memory,
            registers: &caller.registers,
            cfa: caller.cfa,
            frame_base: None,
            unit: Some(unit),
            slide: module.elf().slide,
            at_entry: None,
        };
        env.frame_base = frame_base(unit, function, &env, link(pc));
        for parameter in children(unit, site, &PARAMETERS) {
            let Some(AttributeValue::Exprloc(location)) = parameter.attr_value(dw::DW_AT_location)
            else {
                continue;
            };
            if location.0.slice() == wanted.0.slice() {
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

/// The call below the entry at `offset` that returns to `return_pc`.
fn call_site(unit: Unit<'_, '_>, offset: Offset, return_pc: u64, depth: usize) -> Option<Offset> {
    if depth > DEEPEST {
        return None;
    }
    let returns_to = |entry: &Entry<'_>| {
        let value = entry
            .attr_value(dw::DW_AT_call_return_pc)
            .or_else(|| entry.attr_value(dw::DW_AT_low_pc));
        match value {
            Some(AttributeValue::Addr(addr)) => addr == return_pc,
            Some(AttributeValue::DebugAddrIndex(index)) => unit.address(index) == Ok(return_pc),
            _ => false,
        }
    };
    let sites = children(unit, offset, &CALL_SITES);
    if let Some(site) = sites.iter().find(|site| returns_to(site)) {
        return Some(site.offset());
    }
    let blocks = children(unit, offset, &BLOCKS);
    blocks.iter().find_map(|block| call_site(unit, block.offset(), return_pc, depth + 1))
}
