//! `regions`, `find` and `revert`: memory as a whole.

use crate::display::Lines;
use crate::memory::{AddrRange, Region};
use crate::server::client::Client;
use crate::targets::Endian;

/// How many places `find` shows.
const MOST_FOUND: usize = 32;

pub(super) fn regions(client: &mut Client, argument: &str) -> Lines {
    let memory = &client.served.dump.memory;
    if !argument.is_empty() {
        let Some(addr) = number(argument) else {
            return format_args!("'{argument}' is no address: expected 0x20000000 or the like.")
                .into();
        };
        let hole = || match memory.why_missing(addr) {
            Some(why) => format!("{addr:#x} is missing: {why}"),
            None => format!("Nobody holds {addr:#x}."),
        };
        return format_args!("{}", memory.region_at(addr).map_or_else(hole, line)).into();
    }
    let mut text = Lines::new();
    for region in memory.regions() {
        let _ = writeln!(text, "{}", line(region));
    }
    for (range, why) in memory.missing() {
        let _ = writeln!(text, "{range}  missing: {why}");
    }
    match text.is_empty() {
        true => "The dump holds no memory.\n".into(),
        false => text,
    }
}

fn line(region: &Region) -> String {
    let Some(range) = region.range() else { return String::new() };
    let name = region.name.as_deref().unwrap_or_default();
    let Region { access, origin, .. } = region;
    let line = format!("{range}  {:>9}  {access}  {origin:8}  {name}", region.bytes.len());
    line.trim_end().to_string()
}

pub(super) fn find(client: &mut Client, argument: &str) -> Lines {
    let Some(pattern) = pattern(client, argument) else {
        return "What is to be found? monitor find \"TEXT\", or monitor find 0xWORD.\n".into();
    };
    let mut text = Lines::new();
    let mut range = AddrRange { start: 0, last: u64::MAX };
    for _ in 0..MOST_FOUND {
        let Some(at) = client.find(range, &pattern) else { break };
        let region = client.served.dump.memory.region_at(at);
        let _ = match region.and_then(|region| region.name.as_deref()) {
            Some(name) => writeln!(text, "{at:#x}  {name}"),
            None => writeln!(text, "{at:#x}"),
        };
        let Some(next) = at.checked_add(1) else { return text };
        range.start = next;
    }
    if text.is_empty() {
        return "Found nowhere.\n".into();
    }
    if client.find(range, &pattern).is_some() {
        let _ = writeln!(text, "... and more; GDB's find command goes on from any address.");
    }
    text
}

/// The bytes to look for: those of a text in quotes, or of a word in the target's byte order.
fn pattern(client: &Client, argument: &str) -> Option<Vec<u8>> {
    if let Some(text) = argument.strip_prefix('"') {
        let text = text.strip_suffix('"').unwrap_or(text);
        return (!text.is_empty()).then(|| text.as_bytes().to_vec());
    }
    let word = number(argument)?;
    let arch = &client.served.dump.arch;
    let len = arch.word_bits.div_ceil(8).min(8) as usize;
    let mut bytes = word.to_le_bytes()[..len].to_vec();
    if word.to_le_bytes()[len..].iter().any(|byte| *byte != 0) {
        return None;
    }
    if arch.endian == Endian::Big {
        bytes.reverse();
    }
    Some(bytes)
}

/// A number as people write it: hexadecimal behind `0x`, else decimal.
pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

pub(super) fn revert(client: &mut Client, _: &str) -> Lines {
    let reverted = client.scratch.revert();
    let (bytes, registers) = (reverted.bytes, reverted.registers);
    if (bytes, registers) == (0, 0) {
        return "This session wrote nothing.\n".into();
    }
    let mut text = Lines::from(format_args!(
        "Dropped {bytes} bytes of memory and {registers} registers that this session wrote."
    ));
    if !client.offers.lldb {
        text.say(
            "GDB still shows what it remembers: type 'maintenance flush register-cache' and \
             'maintenance flush dcache'.\n",
        );
    }
    text
}
