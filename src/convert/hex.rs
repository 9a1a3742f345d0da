//! Intel HEX, and raw files.
//!
//! A record is `:LLAAAATT<data>CC`: length, the low 16 bits of the address, type, data, and a
//! checksum that makes the sum of all bytes 0. Type 0 is data, 1 the end, 4 the upper 16 bits of
//! the addresses that follow.
//!
//! Source: Intel, "Hexadecimal Object File Format Specification", revision A, 1988.

use super::{Extent, regions};
use crate::dump::Dump;
use crate::error::{Error, Result};
use crate::memory::Region;
use std::fmt::Write;

const DATA: u8 = 0;
const END: u8 = 1;
const UPPER: u8 = 4;
/// Bytes of a data record, and what their addresses are aligned to.
const LINE: u64 = 16;

/// The memory of `dump` as Intel HEX.
///
/// # Errors
/// [`Error::Usage`] if a region lies beyond the 32 bits that the format can say.
pub fn to_intel_hex(dump: &Dump, extent: Extent) -> Result<String> {
    let mut out = String::new();
    let mut upper = None;
    for region in regions(dump, extent) {
        let Some(range) = region.range() else { continue };
        if range.last > u64::from(u32::MAX) {
            return Err(Error::Usage(format!(
                "Intel HEX has 32-bit addresses: the region {range} does not fit"
            )));
        }
        let mut at = range.start;
        let mut rest: &[u8] = &region.bytes;
        while !rest.is_empty() {
            if upper != Some(at >> 16) {
                upper = Some(at >> 16);
                let high = ((at >> 16) as u16).to_be_bytes();
                record(&mut out, 0, UPPER, &high);
            }
            let room = LINE - at % LINE;
            let (line, behind) = rest.split_at(rest.len().min(room as usize));
            record(&mut out, at as u16, DATA, line);
            at += line.len() as u64;
            rest = behind;
        }
    }
    record(&mut out, 0, END, &[]);
    Ok(out)
}

fn record(out: &mut String, addr: u16, kind: u8, data: &[u8]) {
    let [high, low] = addr.to_be_bytes();
    let head = [data.len() as u8, high, low, kind];
    let all = || head.iter().chain(data);
    let sum = all().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    out.push(':');
    for byte in all() {
        // Writing to a string can't fail.
        let _ = write!(out, "{byte:02X}");
    }
    let _ = writeln!(out, "{:02X}", sum.wrapping_neg());
}

/// The name of a region's raw file: its address, and what it is called.
pub fn raw_name(region: &Region) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    match region.name.as_deref().map(|name| name.chars().take(40).map(safe).collect::<String>()) {
        Some(name) if !name.is_empty() => format!("{:#010x}-{name}.bin", region.start),
        _ => format!("{:#010x}.bin", region.start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_checksum_of_the_specification() {
        let mut out = String::new();
        record(&mut out, 0x0100, DATA, &[0x21, 0x46, 0x01, 0x36, 0x01, 0x21, 0x47]);
        record(&mut out, 0, END, &[]);
        assert_eq!(out, ":0701000021460136012147F1\n:00000001FF\n");
    }
}
