//! Variables by name, and what can be reached from them: `queue`, `g_nodes[1].next->id`, `*p`.
//!
//! | expression            | means                                                  |
//! | `name`                | a variable of static storage duration                  |
//! | `.member`, `->member` | a member; both work on structures and pointers to them |
//! | `[index]`             | an element of an array, or behind a pointer            |
//! | `*` before all of it  | what the pointer points to                             |

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::object::Store;
use super::print::{Printer, word};
use super::types::{Type, origin, string};
use super::{Entry, Unit};
use crate::debug_info::{Env, Missing, Module, Modules};
use crate::dump::Dump;
use crate::error::{Error, Result};
use crate::registers::Registers;
use gimli::constants as dw;

/// Longer expressions are refused.
const MOST_STEPS: usize = 64;

/// One step from a variable to a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Index(u64),
    Dereference,
}

/// Finds variables of static storage duration.
pub struct Globals<'g, 'a> {
    dump: &'g Dump,
    modules: &'g Modules<'a>,
}

impl<'g, 'a> Globals<'g, 'a> {
    /// For the memory of `dump`, with the variables that `modules` know.
    pub fn new(dump: &'g Dump, modules: &'g Modules<'a>) -> Self {
        Globals { dump, modules }
    }

    /// The value of `expression`, written down as GDB does.
    ///
    /// # Errors
    /// [`Error::Usage`] if it can't be parsed or names nothing; the inner result tells of a
    /// variable that is there but whose value the dump does not hold.
    pub fn print(&self, expression: &str) -> Result<std::result::Result<String, Missing>> {
        let wrong = |why: &str| Error::Usage(format!("'{expression}': {why}"));
        let (name, steps) = parse(expression).map_err(|why| wrong(&why))?;
        if self.modules.iter().next().is_none() {
            return Err(wrong("variables need the firmware's ELF file (--elf)"));
        }
        for module in self.modules.iter() {
            if let Some(found) = self.in_module(module, &name, &steps) {
                return found.map_err(|why| wrong(&why));
            }
        }
        Err(wrong(&format!("no ELF file describes a variable '{name}'")))
    }

    fn in_module(
        &self,
        module: &Module<'a>,
        name: &str,
        steps: &[Step],
    ) -> Option<std::result::Result<std::result::Result<String, Missing>, String>> {
        let dwarf = module.dwarf();
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            let Ok(unit) = dwarf.unit(header) else { continue };
            let unit = unit.unit_ref(dwarf);
            if let Some(entry) = variable(unit, name) {
                return Some(self.follow(module, unit, &entry, steps));
            }
        }
        None
    }

    fn follow(
        &self,
        module: &Module<'a>,
        unit: Unit<'_, 'a>,
        entry: &Entry<'a>,
        steps: &[Step],
    ) -> std::result::Result<std::result::Result<String, Missing>, String> {
        let described = origin(unit, entry);
        let kind = Type::of(unit, entry).or_else(|| Type::of(unit, described.as_ref()?));
        let Some(mut kind) = kind else { return Ok(Err(Missing::Damaged)) };
        let registers = Registers::unknown(self.dump.arch.clone());
        let env = Env {
            memory: &self.dump.memory,
            registers: &registers,
            cfa: None,
            frame_base: None,
            unit: Some(unit),
            slide: module.elf().slide,
            at_entry: None,
        };
        let located = super::object::locate(unit, entry, &env, 0, kind.size().unwrap_or(0));
        let mut store = match located {
            Ok(store) => store,
            Err(missing) => return Ok(Err(missing)),
        };
        let printer = Printer::new(self.dump, self.modules);
        for step in steps {
            match self.step(&printer, kind, store, step)? {
                Ok(next) => (kind, store) = next,
                Err(missing) => return Ok(Err(missing)),
            }
        }
        Ok(printer.value(&kind, &store))
    }

    /// One step on. The outer error is the user's, the inner one the dump's.
    #[allow(clippy::type_complexity, reason = "two kinds of failure, used once")]
    fn step<'t>(
        &self,
        printer: &Printer<'_, 'a>,
        kind: Type<'t, 'a>,
        store: Store,
        step: &Step,
    ) -> std::result::Result<std::result::Result<(Type<'t, 'a>, Store), Missing>, String> {
        let is_pointer = matches!(
            kind.tag(),
            dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type | dw::DW_TAG_rvalue_reference_type
        );
        let behind = |kind: &Type<'t, 'a>| {
            let size = kind.size().unwrap_or(0) as usize;
            store
                .bytes(&self.dump.memory, size.min(8))
                .map(|bytes| Store::Memory(word(&bytes, false) as u64))
        };
        let target = || kind.target().ok_or("it points to nothing that has a type".to_string());
        match step {
            Step::Dereference if is_pointer => {
                let target = target()?;
                Ok(behind(&kind).map(|store| (target, store)))
            }
            Step::Dereference => Err("only a pointer can be followed".into()),
            Step::Index(index) => {
                let target = target()?;
                let base = if is_pointer { behind(&kind) } else { Ok(store) };
                if let Some(Some(count)) = kind.dimensions().first()
                    && index >= count
                {
                    return Err(format!("there are only {count} elements"));
                }
                let offset = target.size().and_then(|size| size.checked_mul(*index));
                let part = |base: Store| base.part(offset?);
                Ok(base.and_then(|base| Ok((target, part(base).ok_or(Missing::Damaged)?))))
            }
            Step::Member(name) => {
                let (kind, store) = if is_pointer {
                    let target = target()?;
                    match behind(&kind) {
                        Ok(store) => (target, store),
                        Err(missing) => return Ok(Err(missing)),
                    }
                } else {
                    (kind, store)
                };
                let members = match printer.members(&kind, &store) {
                    Ok(members) => members,
                    Err(missing) => return Ok(Err(missing)),
                };
                let named = |m: &super::print::Member<'_, '_>| m.name.as_deref() == Some(name);
                let names = || {
                    let names: Vec<_> = members.iter().filter_map(|m| m.name.clone()).collect();
                    format!("there is no member '{name}', only {}", names.join(", "))
                };
                let at = members.iter().position(named).ok_or_else(names)?;
                let member = members.into_iter().nth(at).ok_or("no such member")?;
                if member.bits.is_some() {
                    return Ok(Err(Missing::Unsupported("a bit field by itself")));
                }
                Ok(Ok((member.kind, member.store)))
            }
        }
    }
}

/// The entry of the variable `name` in a unit: one with a place, not a mere declaration.
fn variable<'a>(unit: Unit<'_, 'a>, name: &str) -> Option<Entry<'a>> {
    let mut entries = unit.entries_raw(None).ok()?;
    let last = name.rsplit("::").next().unwrap_or(name);
    while !entries.is_empty() {
        let offset = entries.next_offset();
        let Some(abbreviation) = entries.read_abbreviation().ok()? else { continue };
        if abbreviation.tag() != dw::DW_TAG_variable
            || !abbreviation.attributes().iter().any(|a| a.name() == dw::DW_AT_location)
        {
            entries.skip_attributes(abbreviation.attributes()).ok()?;
            continue;
        }
        entries.skip_attributes(abbreviation.attributes()).ok()?;
        let entry = unit.entry(offset).ok()?;
        let own = string(unit, &entry, dw::DW_AT_name);
        let own = own.or_else(|| string(unit, &origin(unit, &entry)?, dw::DW_AT_name));
        // Locals have a place that depends on the frame; a variable's is one address.
        let fixed = matches!(
            entry.attr_value(dw::DW_AT_location),
            Some(gimli::AttributeValue::Exprloc(e)) if is_address(e.0.slice())
        );
        if fixed && own.as_deref() == Some(last) {
            return Some(entry);
        }
    }
    None
}

/// Whether an expression starts with a fixed address: `DW_OP_addr` or `DW_OP_addrx`.
fn is_address(expression: &[u8]) -> bool {
    matches!(expression.first(), Some(0x03 | 0xa1))
}

/// Name and steps of an expression.
fn parse(text: &str) -> std::result::Result<(String, Vec<Step>), String> {
    let text = text.trim();
    let stars = text.bytes().take_while(|b| *b == b'*').count();
    let mut rest = text.get(stars..).unwrap_or_default();
    let name_len = |text: &str| {
        text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '$')))
            .unwrap_or(text.len())
    };
    let (name, tail) = rest.split_at(name_len(rest));
    if name.is_empty() {
        return Err("it should begin with the name of a variable".into());
    }
    rest = tail;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() >= MOST_STEPS {
            return Err(format!("more than {MOST_STEPS} steps"));
        }
        if let Some(after) = rest.strip_prefix("->").or_else(|| rest.strip_prefix('.')) {
            let (member, tail) = after.split_at(name_len(after));
            if member.is_empty() {
                return Err(format!("a member's name is missing before '{after}'"));
            }
            steps.push(Step::Member(member.to_string()));
            rest = tail;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (index, tail) = after.split_once(']').ok_or("a ']' is missing")?;
            let index = index_number(index.trim()).ok_or("an index is a number")?;
            steps.push(Step::Index(index));
            rest = tail;
        } else {
            return Err(format!("'{rest}' is not understood; known are .member ->member [index]"));
        }
    }
    steps.extend(std::iter::repeat_n(Step::Dereference, stars));
    Ok((name.to_string(), steps))
}

fn index_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_taken_apart() {
        let member = |name: &str| Step::Member(name.into());
        let (name, steps) = parse(" *g_nodes[0x1].next->id").expect("it is right");
        assert_eq!(name, "g_nodes");
        assert_eq!(steps, [Step::Index(1), member("next"), member("id"), Step::Dereference]);
        for wrong in ["", "*", "a b", "a[", "a[x]", "a.", "3 + 4"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
