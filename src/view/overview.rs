//! The first page: what happened, what says so, and what it was.

use super::layout::safe;
use super::site::Site;
use crate::query::{Branch, Page};
use maud::{Markup, html};

impl Site<'_> {
    pub(super) fn overview(&self) -> String {
        let dump = self.look.dump;
        let texts: Vec<&str> = dump.texts.iter().flat_map(|text| text.lines()).collect();
        let main = html! {
            h1 .crashed[!dump.reason.is_unknown()] { (safe(&self.look.headline)) }
            @if let Some(report) = self.report {
                @if let Some(blamed) = &report.blamed {
                    p { "To blame: " b.fn { (safe(blamed)) }
                        @if let Some(within) = &report.within { ", within " span.fn { (safe(within)) } } }
                }
                @for sentence in &report.diagnosis {
                    p.why { (safe(&sentence.words)) "."
                        @for evidence in &sentence.evidence { br; span.quiet { (safe(evidence)) } } }
                }
                @if let Some(source) = &report.source { (super::frame::excerpt(source)) }
            }
            @if !texts.is_empty() {
                h2 { "What the device said" }
                pre { @for line in texts { (safe(line)) "\n" } }
            }
            (self.part("Fault registers", "fault registers"))
            (self.part("Facts", "facts"))
            (self.part("What was odd", "what was odd"))
        };
        self.page(&self.look.headline, None, &main)
    }

    fn part(&self, title: &str, part: &str) -> Markup {
        let entries = self.look.entries(&Branch::CrashPart(part.to_string()), Page::default());
        html! {
            @if !entries.is_empty() {
                h2 { (title) }
                dl { @for entry in entries { dt { (safe(&entry.name)) } dd { (safe(&entry.text)) } } }
            }
        }
    }

    pub(super) fn logs(&self) -> String {
        let logs = crate::logs::find(self.look.dump, self.look.modules);
        let main = html! {
            h2 { "Logs in memory" }
            @if logs.is_empty() { p.quiet { "None was found." } }
            @for log in logs {
                h3 { (safe(&log.what)) @if log.guess { " " span.doubt { "looks like a log" } } }
                p.quiet {
                    a href=(self.link(&format!("memory/{:#x}", log.addr))) { (format!("{:#x}", log.addr)) }
                    ", " (log.len) " bytes" @if let Some(remark) = &log.remark { ", " (safe(remark)) }
                }
                @if let Some(text) = &log.text {
                    pre.log { @for line in text.lines() { (safe(line)) "\n" } }
                }
            }
        };
        self.page("logs", None, &main)
    }
}
