//! `readMemory`: what is there, and how much of the rest is not.

use super::session::Request;
use super::view::{Answer, View, arguments};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

/// More is not sent at once.
const MOST: u64 = 1 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    memory_reference: String,
    #[serde(default)]
    offset: i64,
    count: u64,
}

/// An address as [`super`] writes them, and as people do.
pub(super) fn address(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| format!("'{text}' is no address"))
}

impl View<'_> {
    pub(super) fn read_memory(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let base = address(&wanted.memory_reference)?;
        let mask = self.look.dump.arch.address_mask();
        let addr = base
            .checked_add_signed(wanted.offset)
            .filter(|addr| *addr <= mask)
            .ok_or("there are no such addresses")?;
        let count = wanted.count.min(MOST);
        let mut bytes = vec![0; count as usize];
        let got = self.look.dump.memory.read(addr, &mut bytes);
        bytes.truncate(got);
        // Editors ask for the next byte behind what is missing: the nearest one that is there.
        let missing = (count as usize).saturating_sub(got) as u64;
        let hole = self.look.dump.memory.regions().map(|region| region.start);
        let behind = addr.saturating_add(got as u64);
        let next = hole.filter(|start| *start > behind).min();
        let missing = next.map_or(missing, |next| missing.min(next.saturating_sub(behind)));
        let mut answer = json!({ "address": format!("{addr:#x}") });
        if got > 0 {
            answer["data"] = STANDARD.encode(&bytes).into();
        }
        if missing > 0 {
            answer["unreadableBytes"] = missing.into();
        }
        Ok(answer)
    }
}
