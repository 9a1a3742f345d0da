//! `disassemble`: instructions around an address, with their lines.

use super::memory::address;
use super::session::Request;
use super::view::{Answer, View, arguments};
use crate::diagnosis::listing;
use serde::Deserialize;
use serde_json::{Value, json};

/// As many instructions are sent at once.
const MOST: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    memory_reference: String,
    #[serde(default)]
    offset: i64,
    #[serde(default)]
    instruction_offset: i64,
    instruction_count: usize,
}

impl View<'_> {
    /// Exactly as many as are wanted, as the protocol has it: where there are none, or none are known, the
    /// place is filled with lines that say so.
    pub(super) fn disassemble(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let base = address(&wanted.memory_reference)?;
        let start = base.checked_add_signed(wanted.offset).ok_or("there are no such addresses")?;
        let start = start & !u64::from(self.look.dump.arch.family.is_arm32());
        let count = wanted.instruction_count.min(MOST);
        let before = usize::try_from(-wanted.instruction_offset.min(0)).unwrap_or(MOST).min(MOST);
        let skip = usize::try_from(wanted.instruction_offset.max(0)).unwrap_or(MOST).min(MOST);
        let lines = listing(self.look.dump, self.look.modules, start, before, skip + count);
        let had = lines.iter().position(|line| line.addr >= start).unwrap_or(0);
        let mut shown: Vec<Value> = Vec::new();
        let first = lines.first().map_or(start, |line| line.addr);
        for missing in (1..=before.saturating_sub(had) as u64).rev() {
            shown.push(unknown(first.saturating_sub(2 * missing)));
        }
        for line in lines {
            let text = line.text.as_deref().unwrap_or("no instruction that is known");
            let mut one = json!({
                "address": format!("{:#x}", line.addr),
                "instructionBytes": line.bytes,
                "instruction": match &line.target {
                    Some(target) => format!("{text} <{}>", crate::display::line(target)),
                    None => text.to_string(),
                },
            });
            if line.text.is_none() {
                one["presentationHint"] = "invalid".into();
            }
            if let Some(place) = self.look.modules.places(line.addr).first()
                && let (Some(file), Some(number)) = (&place.file, place.line)
            {
                one["line"] = self.line_number(number).into();
                one["location"] = self.source_of(file, number);
            }
            shown.push(one);
        }
        let mut shown: Vec<Value> = shown.into_iter().skip(skip).take(count).collect();
        let last = shown.last().and_then(|one| address(one["address"].as_str()?).ok());
        let behind = last.unwrap_or(start);
        let missing = count.saturating_sub(shown.len()) as u64;
        shown.extend((1..=missing).map(|more| unknown(behind.saturating_add(2 * more))));
        Ok(json!({ "instructions": shown }))
    }
}

fn unknown(addr: u64) -> Value {
    json!({
        "address": format!("{addr:#x}"),
        "instruction": "not in the dump, or no instruction",
        "presentationHint": "invalid",
    })
}
