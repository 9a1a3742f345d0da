//! Branches as HTML: what can be opened opens in place where our script runs, and on a page of its own elsewhere.

use super::http::encoded;
use super::layout::safe;
use super::site::Site;
use crate::query::{Branch, Entry, Page};
use maud::{Markup, html};

/// As many entries stand on one page.
const MOST: usize = 200;

impl Site<'_> {
    /// What is on a branch from number `start` on.
    pub(super) fn entries(&self, branch: &Branch, start: u64) -> Markup {
        let page = Page { start, count: MOST + 1, hex: false };
        let mut entries = self.look.entries(branch, page);
        let more = entries.len() > MOST;
        entries.truncate(MOST);
        let next = start.saturating_add(MOST as u64);
        html! {
            ul.tree {
                @if entries.is_empty() { li.quiet { "nothing" } }
                @for entry in entries { li { (self.node(&entry)) } }
                @if more { li { a.more href=(self.branch_link(branch, next)) { "more" } } }
            }
        }
    }

    fn branch_link(&self, branch: &Branch, from: u64) -> String {
        let text = serde_json::to_string(branch).unwrap_or_default();
        let from = if from > 0 { format!("&from={from}") } else { String::new() };
        self.link(&format!("branch?b={}{from}", encoded(&text)))
    }

    /// A name, its value, and what is below it.
    pub(super) fn node(&self, entry: &Entry) -> Markup {
        let line = html! {
            span.var title=[entry.expression.as_deref().map(safe)] { (safe(&entry.name)) }
            @if !entry.text.is_empty() {
                " = "
                span.value .missing[entry.is_missing] { (self.linked(&safe(&entry.text))) }
            }
            @if let Some(kind) = &entry.kind { " " span.type { (safe(kind)) } }
            @if let Some(addr) = entry.address.filter(|addr| !begins_with(&entry.text, *addr)) {
                " " a.at href=(self.link(&format!("memory/{addr:#x}"))) { (format!("{addr:#x}")) }
            }
        };
        html! {
            @match &entry.below {
                Some(branch) => details data-branch=(self.branch_link(branch, 0)) {
                    summary { (line) }
                    a href=(self.branch_link(branch, 0)) { "open" }
                },
                None => div { (line) },
            }
        }
    }

    /// Text whose addresses of dumped memory can be followed.
    pub(super) fn linked(&self, text: &str) -> Markup {
        let mut rest = text;
        let mut pieces = Vec::new();
        while let Some(start) = rest.find("0x") {
            let (before, found) = rest.split_at(start);
            let digits = found.get(2..).unwrap_or_default();
            let len = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
            let (number, behind) = found.split_at(len.saturating_add(2));
            let addr = u64::from_str_radix(digits.get(..len).unwrap_or_default(), 16).ok();
            let held = addr.filter(|addr| self.look.dump.memory.region_at(*addr).is_some());
            pieces.push((before, number, held.filter(|addr| *addr > 0xff)));
            rest = behind;
        }
        html! {
            @for (before, number, addr) in pieces {
                (before)
                @match addr {
                    Some(addr) => a.to href=(self.link(&format!("memory/{addr:#x}"))) { (number) },
                    None => (number),
                }
            }
            (rest)
        }
    }

    pub(super) fn globals(&self) -> String {
        let main = html! { h2 { "Globals, by source file" } (self.entries(&Branch::Files, 0)) };
        self.page("globals", None, &main)
    }
}

/// Whether a text begins with this address, as a register's does: it is a link already.
fn begins_with(text: &str, addr: u64) -> bool {
    let digits = text.strip_prefix("0x").unwrap_or_default();
    let len = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    let number = digits.get(..len).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    number == Some(addr)
}
