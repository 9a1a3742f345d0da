//! The arguments and locals that are in scope at an address, and their values.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::object::{self, Store};
use super::types::{Type, children, origin, reference, string};
use super::{Entry, Offset, Unit};
use crate::debug_info::{Env, Missing, Modules, Place, Slice};
use crate::dump::Dump;
use crate::unwind::Frame;
use gimli::constants as dw;

/// Deeper nesting of blocks is not followed.
const DEEPEST_BLOCK: usize = 32;
/// More variables of one function are not shown.
const MOST_VARIABLES: usize = 200;

/// What a variable is to its function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The caller passed it.
    Argument,
    /// The function declared it.
    Local,
}

/// A variable and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name in the source.
    pub name: String,
    /// What it is to its function.
    pub role: Role,
    /// Its value as GDB would write it, or why there is none.
    pub value: Result<String, Missing>,
    /// The value is the one that the caller passed: what became of it is not known.
    pub at_entry: bool,
}

/// Reads the variables of frames.
pub struct Scopes<'s, 'a> {
    /// The dump that the frames are of.
    pub dump: &'s Dump,
    /// What the ELF files know.
    pub modules: &'s Modules<'a>,
}

impl<'a> Scopes<'_, 'a> {
    /// The variables of the function of `places[index]`, where `places` are those of
    /// `frames[at]`. Arguments come first, in their order.
    pub fn variables(
        &self,
        frames: &[Frame],
        at: usize,
        places: &[Place],
        index: usize,
    ) -> Vec<Variable> {
        self.read(frames, at, places, index).unwrap_or_default()
    }

    fn read(
        &self,
        frames: &[Frame],
        at: usize,
        places: &[Place],
        index: usize,
    ) -> Option<Vec<Variable>> {
        let frame = frames.get(at)?;
        let module = self.modules.at(frame.lookup_pc())?;
        let pc = module.elf().link_addr(frame.lookup_pc());
        let unit = module.context()?.find_dwarf_and_unit(pc).skip_all_loads()?;
        let function = places.get(index)?.die?;
        let outermost = places.last()?.die?;

        let memory = &self.dump.memory;
        let at_entry = |expression| self.entry_value(frames, at, expression);
        let mut env = Env {
            memory,
            registers: &frame.registers,
            cfa: frame.cfa,
            frame_base: None,
            unit: Some(unit),
            slide: module.elf().slide,
            at_entry: Some(&at_entry),
        };
        env.frame_base = frame_base(unit, outermost, &env, pc);
        let mut found = Vec::new();
        collect(unit, function, pc, 0, &mut found);
        let printer = super::Printer::new(self.dump, self.modules);
        let variable = |entry: &Entry<'a>| {
            let described = origin(unit, entry);
            let of_both = |read: &dyn Fn(&Entry<'a>) -> Option<String>| {
                read(entry).or_else(|| read(described.as_ref()?))
            };
            let name = of_both(&|entry| string(unit, entry, dw::DW_AT_name))?;
            let role = match entry.tag() {
                dw::DW_TAG_formal_parameter => Role::Argument,
                _ => Role::Local,
            };
            let offset = reference(entry, dw::DW_AT_type)
                .or_else(|| reference(described.as_ref()?, dw::DW_AT_type));
            let Some(kind) = offset.and_then(|offset| Type::at(unit, offset)) else {
                let value = Err(Missing::Unsupported("a type in another unit"));
                return Some(Variable { name, role, value, at_entry: false });
            };
            let size = kind.size().unwrap_or_default();
            let now = object::locate(unit, entry, &env, pc, size);
            let lost = now.is_err() && role == Role::Argument && index + 1 == places.len();
            let passed = || self.passed(frames, at, unit, function, entry);
            let (store, at_entry) = match lost.then(passed).flatten() {
                Some(value) => (Ok(Store::Bytes(value.to_le_bytes().to_vec())), true),
                None => (now, false),
            };
            let value = store.and_then(|store: Store| printer.value(&kind, &store));
            Some(Variable { name, role, value, at_entry })
        };
        let mut variables: Vec<Variable> = found.iter().filter_map(variable).collect();
        variables.sort_by_key(|variable| variable.role == Role::Local);
        Some(variables)
    }
}

impl<'a> Scopes<'_, 'a> {
    /// What the caller passed for the argument that `entry` describes, if the argument came in
    /// a register.
    fn passed(
        &self,
        frames: &[Frame],
        at: usize,
        unit: Unit<'_, 'a>,
        function: Offset,
        entry: &Entry<'a>,
    ) -> Option<u64> {
        let start = unit.entry(function).ok()?.attr_value(dw::DW_AT_low_pc)?;
        let start = unit.attr_address(start).ok()??;
        let location = entry.attr_value(dw::DW_AT_location)?;
        let first = object::expression_at(unit, location, start).ok()??;
        // DW_OP_reg0 to DW_OP_reg31, and nothing else.
        match first.0.slice() {
            [0x50..=0x6f] => self.entry_value(frames, at, first).ok(),
            _ => None,
        }
    }
}

/// What `DW_OP_fbreg` counts from in the function at `offset`.
pub(super) fn frame_base<'a>(
    unit: Unit<'_, 'a>,
    offset: Offset,
    env: &Env<'_, 'a>,
    pc: u64,
) -> Option<u64> {
    let entry = unit.entry(offset).ok()?;
    let value = entry.attr_value(dw::DW_AT_frame_base)?;
    let expression = object::expression_at(unit, value, pc).ok()??;
    env.compute(expression, unit.encoding(), None).ok()
}

/// The variables of the function or block at `offset`, and of the blocks in it that hold `pc`.
fn collect<'a>(
    unit: Unit<'_, 'a>,
    offset: Offset,
    pc: u64,
    depth: usize,
    found: &mut Vec<Entry<'a>>,
) {
    const TAGS: [gimli::DwTag; 3] =
        [dw::DW_TAG_formal_parameter, dw::DW_TAG_variable, dw::DW_TAG_lexical_block];
    if depth > DEEPEST_BLOCK {
        return;
    }
    for entry in children(unit, offset, &TAGS) {
        if found.len() >= MOST_VARIABLES {
            return;
        }
        if entry.tag() == dw::DW_TAG_lexical_block {
            if holds(unit, &entry, pc) {
                collect(unit, entry.offset(), pc, depth + 1, found);
            }
        } else if entry.attr_value(dw::DW_AT_declaration).is_none() {
            found.push(entry);
        }
    }
}

fn holds<'a>(unit: Unit<'_, 'a>, entry: &Entry<'a>, pc: u64) -> bool {
    let Ok(mut ranges) = unit.die_ranges(entry) else { return false };
    while let Ok(Some(range)) = ranges.next() {
        if (range.begin..range.end).contains(&pc) {
            return true;
        }
    }
    false
}

pub(super) type Expr<'a> = gimli::Expression<Slice<'a>>;
