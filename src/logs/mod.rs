//! Log text that the firmware left in its memory: what it said before it crashed, though nobody
//! listened.
//!
//! `rtt.rs` and `ring.rs` read buffers whose layout is known. `guess.rs` takes what looks like a
//! log by its symbol or its contents; such a [`Log`] says that it is a guess.

mod guess;
mod ring;
mod rtt;

use crate::debug_info::Modules;
use crate::dump::Dump;
use crate::memory::AddrRange;

/// More of a buffer is not shown; what is older is left out.
const MOST_TEXT: usize = 64 << 10;
/// Bytes of a text that may be no characters, in a hundred.
const MOST_ODD: usize = 10;

/// A buffer with log text, or with log records that only another tool can decode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `SEGGER RTT up-buffer 0 "Terminal"`.
    pub what: String,
    /// Where the buffer starts.
    pub addr: u64,
    /// The buffer's size in bytes.
    pub len: u64,
    /// The text, oldest first; `None` for what is no text.
    pub text: Option<String>,
    /// What else there is to say.
    pub remark: Option<String>,
    /// It only looks like a log.
    pub guess: bool,
}

/// All that is found.
pub fn find(dump: &Dump, modules: &Modules<'_>) -> Vec<Log> {
    let mut logs = rtt::find(dump, modules);
    logs.extend(ring::find(dump, modules));
    let guesses = guess::find(dump, modules, &logs);
    logs.extend(guesses);
    logs
}

impl Log {
    fn range(&self) -> Option<AddrRange> {
        AddrRange::of_len(self.addr, self.len)
    }
}

/// The bytes as text, if that is what they are: without escape sequences of terminals, and without
/// the empty part of a buffer.
fn text_of(bytes: &[u8]) -> Option<String> {
    let bytes = bytes.get(bytes.len().saturating_sub(MOST_TEXT)..).unwrap_or_default();
    let first = bytes.iter().position(|byte| *byte != 0)?;
    let last = bytes.iter().rposition(|byte| *byte != 0)?;
    let bytes = bytes.get(first..=last)?;
    let odd = bytes.iter().filter(|byte| !is_text(**byte)).count();
    if odd * 100 > bytes.len() * MOST_ODD {
        return None;
    }
    let text = without_escapes(&String::from_utf8_lossy(bytes));
    let plain = |c: char| if c.is_control() && !matches!(c, '\n' | '\t') { '\u{fffd}' } else { c };
    Some(text.replace("\r\n", "\n").replace('\r', "\n").chars().map(plain).collect())
}

fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | 0x20..=0x7e | 0x80..=0xf4)
}

/// Text without ECMA-48 control sequences (`ESC [ .. letter`).
fn without_escapes(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let end = part.find(|c: char| ('@'..='~').contains(&c));
        out.push_str(end.and_then(|end| part.get(end + 1..)).unwrap_or(part));
    }
    out
}

/// A ring's contents, oldest first, where the next byte would be written at `next`.
fn unrolled(bytes: &[u8], next: usize) -> Vec<u8> {
    let (new, old) = bytes.split_at(next.min(bytes.len()));
    // A ring that has not been full yet, or whose memory held something else before.
    match text_of(old) {
        Some(_) if old.iter().all(|byte| *byte != 0) => [old, new].concat(),
        _ => new.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_are_unrolled_from_the_oldest_byte_on() {
        assert_eq!(unrolled(b"new\nold\n", 4), b"old\nnew\n");
        assert_eq!(unrolled(b"new\n\0\0\0\0", 4), b"new\n");
        assert_eq!(unrolled(b"new\n\x01\x02\x03\x04", 4), b"new\n");
    }

    #[test]
    fn text_is_told_from_other_bytes() {
        assert_eq!(text_of(b"\0\0a\x1b[1;31mb\x1b[0m\r\nc\0"), Some("ab\nc".into()));
        assert_eq!(text_of(&[1, 2, 3, b'a', b'b']), None);
        assert_eq!(text_of(&[0; 8]), None);
    }
}
