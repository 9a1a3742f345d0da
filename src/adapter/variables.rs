//! `variables`: one branch of a tree at a time.

use super::session::Request;
use super::view::{Answer, View, arguments};
use crate::query::{Entry, MOST_ENTRIES, Page};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    variables_reference: i64,
    #[serde(default)]
    filter: Option<String>,
    #[serde(default)]
    start: Option<u64>,
    #[serde(default)]
    count: Option<u64>,
    #[serde(default)]
    format: Option<Format>,
}

/// How the client wants to see numbers.
#[derive(Clone, Copy, Deserialize)]
pub(super) struct Format {
    #[serde(default)]
    hex: bool,
}

impl Format {
    pub(super) fn is_hex(format: Option<Format>) -> bool {
        format.is_some_and(|format| format.hex)
    }
}

impl View<'_> {
    pub(super) fn variables(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let number = wanted.variables_reference;
        let branch = self.branches.thing(number).cloned();
        let branch = branch.ok_or_else(|| format!("there is no branch {number}"))?;
        let count = wanted.count.filter(|count| *count > 0).unwrap_or(MOST_ENTRIES as u64);
        let page = Page {
            start: wanted.start.unwrap_or(0),
            count: count.min(MOST_ENTRIES as u64) as usize,
            hex: Format::is_hex(wanted.format),
        };
        let is_element = |entry: &Entry| entry.name.starts_with('[');
        let entries = self.look.entries(&branch, page).into_iter();
        let wanted = entries.filter(|entry| match wanted.filter.as_deref() {
            Some("named") => !is_element(entry),
            Some("indexed") => is_element(entry),
            _ => true,
        });
        let wanted: Vec<Entry> = wanted.collect();
        let all: Vec<Value> = wanted.into_iter().map(|entry| self.variable(entry)).collect();
        Ok(json!({ "variables": all }))
    }

    /// An entry as the protocol has it.
    pub(super) fn variable(&mut self, entry: Entry) -> Value {
        let below = entry.below.map_or(0, |branch| self.branches.number(branch));
        let mut shown = json!({
            "name": crate::display::line(&entry.name),
            "value": crate::display::line(&entry.text),
            "variablesReference": below,
        });
        if let Some(kind) = entry.kind {
            shown["type"] = crate::display::line(&kind).into();
        }
        if let Some(expression) = entry.expression {
            shown["evaluateName"] = expression.into();
        }
        if let Some(addr) = entry.address {
            shown["memoryReference"] = format!("{addr:#x}").into();
        }
        if entry.named > 0 {
            shown["namedVariables"] = entry.named.into();
        }
        if entry.indexed > 0 {
            shown["indexedVariables"] = entry.indexed.into();
        }
        shown
    }
}
