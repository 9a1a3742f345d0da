//! What the shell prints for `coredump print pretty`: each header in words, and what follows it in
//! digits between markers of its own. The stream is put together again out of both.
//!
//! ```text
//! **** Zephyr Coredump ****
//!         Version 2
//!         Target: ARM Cortex-m
//!         Pointer size: 32
//!         Flag: 0
//!         Reason: 0
//!         Size of the coredump: 1234
//!
//! -> Memory coredump header found
//!         Version 1
//!         Size 64
//!         Starts at 0x20000000 ends at 0x20000040
//! Data:
//! #CD:BEGIN#
//! #CD:0001..
//! #CD:END#
//!
//! Stored coredump printed
//! ```
//!
//! Other headers are `Arch` and `Thread`, without the third line. It knows no more of them: at one
//! that carries the checksum it stops with an error, though nothing of the dump is missing.
//!
//! Source: Zephyr 01b8849, `subsys/debug/coredump/coredump_shell.c` (since 4.2).

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::log::{BEGIN, END, MARKER, Part, hex_part};
use crate::carrier::text::Line;
use crate::dump::Note;

/// The line that begins one.
pub(super) const TITLE: &str = "**** Zephyr Coredump ****";
const PRINTED: &str = "Stored coredump printed";
const FAILED: &str = "Error while retrieving/parsing coredump";
/// What the shell calls the targets, by their numbers.
const TARGETS: [&str; 7] =
    ["Unknown", "x86", "x86_64", "ARM Cortex-m", "Risc V", "Xtensa", "ARM64"];
/// What it calls the headers of blocks.
const BLOCKS: [(&str, u8); 3] = [("Arch", b'A'), ("Thread", b'T'), ("Memory", b'M')];
const FLAG_CRC: u64 = 1;
/// A block with the checksum: id, version, CRC-32.
const CRC_BLOCK_LEN: u64 = 7;

/// A dump that is being printed.
#[derive(Default)]
pub(super) struct Pretty {
    /// What was put together so far.
    pub parts: Vec<Part>,
    /// The shell printed it to its end.
    pub ended: bool,
    pub notes: Vec<Note>,
    version: Option<u64>,
    target: Option<u64>,
    bits: Option<u64>,
    flags: Option<u64>,
    reason: Option<u64>,
    /// The size of the dump as the device has it.
    size: Option<u64>,
    /// The block whose header is being read.
    block: Option<u8>,
    /// Data are to come.
    announced: bool,
}

/// What a line is to a dump.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    /// One of its lines, or something between them.
    Inside,
    /// Its last line.
    Last,
    /// The first line of something else.
    Outside,
}

impl Pretty {
    pub(super) fn line(&mut self, line: &Line<'_>) -> Is {
        let text = &*line.text;
        if text.contains(PRINTED) {
            self.ended = true;
            self.check_size();
            return Is::Last;
        }
        if text.contains(FAILED) {
            // The checksum is what the shell does not know.
            self.ended = self.has_checksum();
            self.check_size();
            return Is::Last;
        }
        if let Some(name) = text.split("-> ").nth(1).and_then(|rest| {
            let (name, rest) = rest.split_once(' ')?;
            rest.starts_with("coredump header found").then_some(name)
        }) {
            let known = BLOCKS.iter().find(|(own, _)| *own == name);
            (self.block, self.version) = (known.map(|(_, id)| *id), None);
            self.announced = true;
        } else if let Some((_, digits)) = text.split_once(MARKER) {
            let digits = digits.trim_start();
            if digits.starts_with(BEGIN) {
                // The shell says whose data they are before: this is another dump.
                if !std::mem::take(&mut self.announced) {
                    return Is::Outside;
                }
            } else if !digits.starts_with(END) {
                let (bytes, damaged) = hex_part(digits);
                if damaged || !bytes.is_empty() {
                    self.parts.push(Part { line: line.number, bytes, damaged, gap_before: false });
                }
            }
        } else if text.trim_end().ends_with("Data:") {
            self.announced = true;
        } else if let Some(version) = number(text, "Version ") {
            self.version = Some(version);
        } else if let Some(name) = field(text, "Target: ") {
            let found = TARGETS.iter().position(|own| name.trim_end() == *own);
            self.target = found.map(|code| code as u64);
        } else if let Some(bits) = number(text, "Pointer size: ") {
            self.bits = Some(u64::from(bits.max(1).trailing_zeros()));
        } else if let Some(flags) = number(text, "Flag: ") {
            self.flags = Some(flags);
        } else if let Some(reason) = number(text, "Reason: ") {
            self.reason = Some(reason);
        } else if let Some(size) = number(text, "Size of the coredump: ") {
            self.size = Some(size);
            self.header(line.number);
        } else if let Some(size) = number(text, "Size ") {
            if let Some(id @ (b'A' | b'T')) = self.block {
                self.block_header(line.number, id, &[(size, 2)]);
            }
        } else if let Some(range) = field(text, "Starts at ") {
            let mut ends = range.split(" ends at ").map(address);
            if let (Some(b'M'), Some(Some(start)), Some(Some(end))) =
                (self.block, ends.next(), ends.next())
            {
                let len = if self.bits == Some(6) { 8 } else { 4 };
                self.block_header(line.number, b'M', &[(start, len), (end, len)]);
            }
        }
        Is::Inside
    }

    fn has_checksum(&self) -> bool {
        self.flags.is_some_and(|flags| flags & FLAG_CRC != 0)
    }

    /// The stream's header, once all of it was printed. Nothing is guessed of what is missing.
    fn header(&mut self, line: usize) {
        let (Some(version), Some(target), Some(bits), Some(flags), Some(reason)) =
            (self.version, self.target, self.bits, self.flags, self.reason)
        else {
            return;
        };
        let mut bytes = b"ZE".to_vec();
        // The block that bit 0 promises is never printed.
        for (value, len) in
            [(version, 2), (target, 2), (bits, 1), (flags & !FLAG_CRC, 1), (reason, 4)]
        {
            put(&mut bytes, value, len);
        }
        self.parts.push(Part { line, bytes, damaged: false, gap_before: false });
        if self.has_checksum() {
            let words = "the shell leaves out the checksum of the dump: it can't be checked";
            self.notes.push(Note::warning(words).code("checksum"));
        }
    }

    fn block_header(&mut self, line: usize, id: u8, fields: &[(u64, usize)]) {
        let Some(version) = self.version else { return };
        let mut bytes = vec![id];
        put(&mut bytes, version, 2);
        fields.iter().for_each(|(value, len)| put(&mut bytes, *value, *len));
        self.parts.push(Part { line, bytes, damaged: false, gap_before: false });
        self.block = None;
    }

    fn check_size(&mut self) {
        let known: u64 = self.parts.iter().map(|part| part.bytes.len() as u64).sum();
        let unprinted = if self.has_checksum() { CRC_BLOCK_LEN } else { 0 };
        if let Some(size) = self.size.map(|size| size.saturating_sub(unprinted))
            && size != known
        {
            let words = format!("the dump has {size} bytes, {known} of them are in the log");
            self.notes.push(Note::warning(words).code("cut"));
        }
    }
}

fn put(bytes: &mut Vec<u8>, value: u64, len: usize) {
    bytes.extend(value.to_le_bytes().iter().take(len));
}

/// What stands behind `key`, which is a word of its own.
fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    let (before, rest) = text.split_once(key)?;
    (before.is_empty() || before.ends_with(char::is_whitespace)).then_some(rest)
}

fn number(text: &str, key: &str) -> Option<u64> {
    let rest = field(text, key)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn address(text: &str) -> Option<u64> {
    let digits = text.trim().trim_start_matches("0x");
    u64::from_str_radix(digits.split(char::is_whitespace).next()?, 16).ok()
}
