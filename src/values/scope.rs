//! The arguments and locals that are in scope at an address, and their values.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::object::{self, Store};
use super::value::Value;
use super::{Entry, Offset, Unit};
use crate::debug_info::{Env, Missing, Modules, Next, Place, Slice};
use crate::debug_info::{Type, children};
use crate::dump::Dump;
use crate::unwind::Frame;
use gimli::constants as dw;
use std::collections::HashSet;

/// Deeper nesting of blocks is not followed. Rust opens one for each `let`.
const DEEPEST_BLOCK: usize = 256;
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

/// A variable, and what it is before it is written down.
pub struct InScope<'a> {
    /// Its name in the source.
    pub name: String,
    /// What it is to its function.
    pub role: Role,
    /// Its value, or why there is none.
    pub value: Result<Value<'a>, Missing>,
    /// As in [`Variable`].
    pub at_entry: bool,
    /// The register that it is in, by its number in DWARF, where it is in one.
    pub register: Option<u64>,
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
        let printer = super::Printer::new(self.dump, self.modules);
        let written = |variable: InScope<'_>| {
            let InScope { name, role, value, at_entry, .. } = variable;
            Variable { name, role, value: value.and_then(|value| printer.show(&value)), at_entry }
        };
        self.values(frames, at, places, index).into_iter().map(written).collect()
    }

    /// The same, not written down yet.
    pub fn values(
        &self,
        frames: &[Frame],
        at: usize,
        places: &[Place],
        index: usize,
    ) -> Vec<InScope<'a>> {
        self.read(frames, at, places, index).unwrap_or_default()
    }

    fn read(
        &self,
        frames: &[Frame],
        at: usize,
        places: &[Place],
        index: usize,
    ) -> Option<Vec<InScope<'a>>> {
        let frame = frames.get(at)?;
        let module = self.modules.at(frame.lookup_pc())?;
        let unit = module.unit_at(frame.lookup_pc())?;
        let pc = module.elf().link_addr(frame.lookup_pc());
        let function = places.get(index)?.die?;
        let outermost = places.last()?.die?;

        let memory = &self.dump.memory;
        let at_entry = |expression| self.entry_value(frames, at, expression, 0);
        let mut env = Env {
            memory,
            registers: &frame.registers,
            cfa: frame.cfa,
            frame_base: None,
            unit: Some(unit.plain()),
            slide: module.elf().slide,
            at_entry: Some(&at_entry),
        };
        env.frame_base = frame_base(unit, outermost, &env, pc);
        let (found, whole) = collect(unit, function, pc);
        if !whole {
            module.cut("functions have more variables or deeper blocks than are shown");
        }
        let variable = |(unit, entry): &(Unit<'a>, Entry)| {
            let unit = *unit;
            let name = unit.name_of(entry)?;
            let role = match entry.tag() {
                dw::DW_TAG_formal_parameter => Role::Argument,
                _ => Role::Local,
            };
            let Some(kind) = Type::of(unit, entry) else {
                let value = Err(Missing::Unsupported("a type that is not in the ELF file"));
                return Some(InScope { name, role, value, at_entry: false, register: None });
            };
            let size = kind.size().unwrap_or_default();
            let now = object::locate(unit, entry, &env, pc, size);
            let lost = now.is_err() && role == Role::Argument && index + 1 == places.len();
            let passed = || self.passed(frames, at, unit, function, entry);
            let (store, at_entry) = match lost.then(passed).flatten() {
                Some(value) => (Ok(Store::from(value.to_le_bytes().to_vec())), true),
                None => (now, false),
            };
            let value = store.map(|store| Value::of(kind, store));
            let location = entry.attr_value(dw::DW_AT_location);
            let location = location.and_then(|at| object::expression_at(unit, at, pc).ok()?);
            let register = location.and_then(|at| super::entry::register(at.0.bytes()));
            Some(InScope { name, role, value, at_entry, register })
        };
        let mut variables: Vec<InScope<'a>> = found.iter().filter_map(variable).collect();
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
        unit: Unit<'_>,
        function: Offset,
        entry: &Entry,
    ) -> Option<u64> {
        let start = unit.entry(function).ok()?.attr_value(dw::DW_AT_low_pc)?;
        let start = unit.attr_address(start).ok()??;
        let location = entry.attr_value(dw::DW_AT_location)?;
        let first = object::expression_at(unit, location, start).ok()??;
        super::entry::register(first.0.bytes())?;
        self.entry_value(frames, at, first, 0).ok()
    }
}

/// What `DW_OP_fbreg` counts from in the function at `offset`.
pub(super) fn frame_base(unit: Unit<'_>, offset: Offset, env: &Env<'_>, pc: u64) -> Option<u64> {
    let entry = unit.entry(offset).ok()?;
    let value = entry.attr_value(dw::DW_AT_frame_base)?;
    let expression = object::expression_at(unit, value, pc).ok()??;
    env.compute(expression, unit.encoding(), None).ok()
}

/// The variables of the function at `offset`, and of the blocks in it that hold `pc`; and whether
/// those are all.
fn collect<'t>(unit: Unit<'t>, offset: Offset, pc: u64) -> (Vec<(Unit<'t>, Entry)>, bool) {
    let mut found = Vec::new();
    // What each block completes, the function first, with what of it was met: what the compiler
    // has thrown away is told by the abstract form alone.
    let mut blocks = vec![offset];
    let mut completed: HashSet<(usize, usize)> = HashSet::new();
    let mut cut = false;
    let whole = unit.walk(offset, |entry, depth| {
        completed.extend(unit.reference(entry, dw::DW_AT_abstract_origin).map(place_of));
        if found.len() >= MOST_VARIABLES {
            cut = true;
            return Next::Stop;
        }
        match entry.tag() {
            dw::DW_TAG_lexical_block if unit.covers(entry, pc) => {
                if depth > DEEPEST_BLOCK {
                    cut = true;
                    return Next::Stop;
                }
                blocks.push(entry.offset());
                return Next::Into;
            }
            dw::DW_TAG_formal_parameter | dw::DW_TAG_variable if !is_declared(entry) => {
                found.push((unit, entry.clone()));
            }
            _ => {}
        }
        Next::Over
    });
    for block in blocks {
        let entry = unit.entry(block).ok();
        let origin = entry.and_then(|entry| unit.reference(&entry, dw::DW_AT_abstract_origin));
        let Some((unit, offset)) = origin else { continue };
        for entry in children(unit, offset, &[dw::DW_TAG_formal_parameter, dw::DW_TAG_variable]) {
            let is_known = completed.contains(&place_of((unit, entry.offset())));
            if !is_known && !is_declared(&entry) && found.len() < MOST_VARIABLES {
                found.push((unit, entry));
            }
        }
    }
    (found, whole && !cut)
}

fn is_declared(entry: &Entry) -> bool {
    entry.attr_value(dw::DW_AT_declaration).is_some()
}

/// The offset of an entry in its section.
fn place_of((unit, offset): (Unit<'_>, Offset)) -> (usize, usize) {
    (unit.header.offset().0, offset.0)
}

pub(super) type Expr = gimli::Expression<Slice>;
