//! All variables of static storage duration, source file by source file.

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::globals::{each, full_path, is_address};
use super::value::Value;
use super::{Globals, Unit};
use crate::debug_info::Missing;
use gimli::constants as dw;
use std::collections::HashSet;

/// More variables of one file are not listed.
const MOST: usize = 10_000;

/// A variable of a source file.
pub struct Static<'g> {
    /// Its name, with its namespaces.
    pub name: String,
    /// The expression that finds it again, whatever else has its name: `'main.c'::count`.
    pub expression: String,
    /// Its value, or why there is none.
    pub value: Result<Value<'g>, Missing>,
}

impl<'g> Globals<'g, '_> {
    /// The source files that have variables, in the order of the ELF files; each name once.
    pub fn files(&self) -> Vec<String> {
        let mut seen = HashSet::new();
        let has = |unit: &Unit<'g>| {
            each(*unit, &[dw::DW_TAG_variable], |entry| {
                is_address(entry.attr_value(dw::DW_AT_location)?).then_some(())
            })
            .is_some()
        };
        let units = self.modules.iter().flat_map(|module| module.units().iter());
        let files = units.filter_map(|unit| unit.file().filter(|_| has(&unit)));
        files.filter(|file| seen.insert(file.clone())).collect()
    }

    /// The variables of the source file that the compiler called `file`.
    pub fn of_file(&self, file: &str) -> Vec<Static<'g>> {
        let mut found: Vec<Static<'g>> = Vec::new();
        let mut seen = HashSet::new();
        let base = file.rsplit(['/', '\\']).next().unwrap_or_default();
        for module in self.modules.iter() {
            let of_file = |unit: &Unit<'_>| unit.file().as_deref() == Some(file);
            for unit in module.units().iter().filter(of_file) {
                each(unit, &[dw::DW_TAG_variable], |entry| {
                    let location = entry.attr_value(dw::DW_AT_location)?;
                    if found.len() >= MOST {
                        return Some(());
                    }
                    if !is_address(location) {
                        return None;
                    }
                    let name = unit.described(entry, |unit, entry| {
                        let own = unit.string(entry, dw::DW_AT_name)?;
                        Some(format!("{}::{own}", full_path(unit, entry.offset())))
                    })?;
                    // `::main.c::app::count`: the file is the first scope.
                    let name = name.trim_start_matches("::");
                    let name = name.strip_prefix(base).unwrap_or(name).trim_start_matches("::");
                    let value = self.placed(module, unit, entry);
                    let place = value.as_ref().ok().and_then(Value::address);
                    if seen.insert((name.to_string(), place)) {
                        let expression = format!("'{base}'::{name}");
                        found.push(Static { name: name.to_string(), expression, value });
                    }
                    None::<()>
                });
            }
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        found
    }
}
