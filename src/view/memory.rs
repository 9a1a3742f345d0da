//! Memory: the map, bytes as people read them, and words whose pointers can be followed.

use super::http::Request;
use super::layout::safe;
use super::site::Site;
use crate::targets::Endian;
use maud::{Markup, html};

/// Bytes on a line, and on a page.
const LINE: u64 = 16;
const PAGE: u64 = 512;

impl Site<'_> {
    pub(super) fn map(&self) -> String {
        let memory = &self.look.dump.memory;
        let main = html! {
            h2 { "Memory that somebody holds" }
            table {
                @for region in memory.regions() {
                    tr {
                        td.mono { a href=(self.link(&format!("memory/{:#x}", region.start))) { (format!("{:#x}", region.start)) } }
                        td.num { (region.bytes.len()) }
                        td { (region.access.to_string()) }
                        td { (region.origin.to_string()) }
                        td { (safe(region.name.as_deref().unwrap_or_default())) }
                    }
                }
            }
            @if memory.missing().next().is_some() {
                h2 { "Known to be missing" }
                table { @for (range, why) in memory.missing() { tr { td.mono { (range.to_string()) } td { (safe(why)) } } } }
            }
        };
        self.page("memory", None, &main)
    }

    /// The bytes from an address on, and the words that they make.
    pub(super) fn memory(&self, addr: &str, request: &Request) -> Option<String> {
        let digits = addr.strip_prefix("0x").unwrap_or(addr);
        let addr = u64::from_str_radix(digits, 16).ok()?;
        let start = addr & !(LINE - 1);
        let as_words = request.get("as") == Some("words");
        let here = format!("memory/{addr:#x}");
        let region = self.look.dump.memory.region_at(addr);
        let main = html! {
            h1.mono { (format!("{addr:#x}")) @if let Some(name) = self.look.symbol_at(addr.into()) { " " span.fn { (safe(&name)) } } }
            p.quiet {
                @match region {
                    Some(region) => {
                        (region.origin.to_string()) ", " (region.access.to_string())
                        @if let Some(name) = region.name.as_deref() { ", " (safe(name)) }
                    },
                    None => @match self.look.dump.memory.why_missing(addr) {
                        Some(why) => { "missing: " (safe(why)) },
                        None => "neither in the dump nor in an ELF file",
                    },
                }
            }
            p {
                a rel="prev" href=(self.link(&format!("memory/{:#x}", start.saturating_sub(PAGE)))) { "before" } " "
                a rel="next" href=(self.link(&format!("memory/{:#x}", start.saturating_add(PAGE)))) { "behind" } " "
                @if as_words { a href=(self.link(&here)) { "as bytes" } }
                @else { a href=(self.link(&format!("{here}?as=words"))) { "as words" } }
            }
            @if as_words { (self.words(start, PAGE / self.word_len())) } @else { (self.bytes(start, addr)) }
        };
        Some(self.page(&format!("{addr:#x}"), None, &main))
    }

    fn word_len(&self) -> u64 {
        u64::from(self.look.dump.arch.word_bits / 8).clamp(1, 8)
    }

    fn bytes(&self, start: u64, marked: u64) -> Markup {
        let memory = &self.look.dump.memory;
        html! {
            pre.hex {
                @for line in (0..PAGE / LINE).map_while(|line| start.checked_add(line * LINE)) {
                    @let bytes: Vec<Option<u8>> = (0..LINE).map(|at| {
                        let mut byte = [0];
                        let addr = line.checked_add(at)?;
                        (memory.read(addr, &mut byte) == 1).then_some(byte[0])
                    }).collect();
                    i { (format!("{line:#010x}")) }
                    @for (at, byte) in bytes.iter().enumerate() {
                        @let here = line.checked_add(at as u64) == Some(marked);
                        " " span .here[here] .missing[byte.is_none()] {
                            @match byte { Some(byte) => (format!("{byte:02x}")), None => "--" }
                        }
                    }
                    "  "
                    @for byte in &bytes { (byte.filter(|byte| (0x20..0x7f).contains(byte)).map_or('.', char::from)) }
                    "\n"
                }
            }
        }
    }

    /// `count` words from `start` on, with what each may point to.
    pub(super) fn words(&self, start: u64, count: u64) -> Markup {
        let memory = &self.look.dump.memory;
        let len = self.word_len();
        let digits = (len * 2 + 2) as usize;
        html! {
            table.words {
                @for addr in (0..count).map_while(|index| start.checked_add(index * len)) {
                    @let mut buf = [0u8; 8];
                    @let wanted = &mut buf[..len as usize];
                    @let whole = memory.read(addr, wanted) as u64 == len;
                    @let () = if self.look.dump.arch.endian == Endian::Big { wanted.reverse() };
                    @let word = u64::from_le_bytes(buf);
                    tr {
                        td.mono.quiet { (format!("{addr:#010x}")) }
                        td.mono {
                            @if whole { (self.linked(&format!("{word:#0digits$x}"))) } @else { span.missing { "not in the dump" } }
                        }
                        td {
                            @if let Some(name) = self.look.symbol_at(word.into()).filter(|_| whole) { span.fn { (safe(&name)) } }
                        }
                    }
                }
            }
        }
    }
}
