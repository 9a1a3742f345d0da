//! A frame: its source, what it has to show, and its stack.

use super::layout::safe;
use super::site::Site;
use crate::diagnosis::{Line, listing};
use crate::query::{At, Scope};
use crate::report::{Source, source_excerpt};
use maud::{Markup, html};

/// As many words of a stack are shown.
const STACK_WORDS: u64 = 64;
/// As many instructions before the next one, and behind it.
const BEFORE: usize = 8;
const BEHIND: usize = 6;

impl Site<'_> {
    pub(super) fn frame(&self, at: At) -> Option<String> {
        let trace = self.look.trace(at.thread)?;
        let thread = self.look.thread(at.thread)?;
        let Some(line) = trace.lines.get(at.line) else {
            // A thread without frames still has a page.
            let why = safe(&trace.end.to_string());
            let main = html! { h1 { (safe(&thread.label())) } p { "No frames: " (why) } };
            return (at.line == 0).then(|| self.page(&thread.label(), Some(at), &main));
        };
        let frame = trace.frames.get(line.frame)?;
        let place = line.source();
        let source = place.file.as_deref().zip(place.line);
        let excerpted =
            source.and_then(|(file, line)| source_excerpt(file, line, self.source_dirs));
        let registers = &frame.registers;
        let code = listing(self.look.dump, self.look.modules, frame.pc, BEFORE, BEHIND);
        let main = html! {
            h1 { (self.name_of(line, &trace)) }
            p.quiet {
                (format!("{:#x}", frame.pc)) ", by " (frame.found.to_string())
                @if let Some((file, number)) = source {
                    ", " (safe(file)) ":" (number)
                    @if excerpted.is_none() { " (not on this machine: --source-dir names a folder)" }
                }
            }
            @if let Some(source) = &excerpted { (excerpt(source)) }
            @for Scope { name, branch, is_large } in self.look.scopes(at) {
                @if !is_large {
                    h2 { (safe(&name)) }
                    (self.entries(&branch, 0))
                }
            }
            @if !code.is_empty() {
                h2 { "Instructions" }
                (self.instructions(&code))
            }
            @if let Some(sp) = registers.sp() {
                h2 { "Stack" }
                (self.words(sp, STACK_WORDS))
            }
        };
        let title = line.function.clone().unwrap_or_else(|| format!("{:#x}", frame.pc));
        Some(self.page(&title, Some(at), &main))
    }
}

impl Site<'_> {
    fn instructions(&self, lines: &[Line]) -> Markup {
        html! {
            pre.source {
                @for line in lines {
                    span .here[line.is_asked] {
                        i { (format!("{:#010x}", line.addr)) } " "
                        @match &line.text {
                            Some(text) => (self.linked(&safe(text))),
                            None => span.missing { "no instruction that is known: " (line.bytes) },
                        }
                        @if let Some(target) = &line.target { " " span.fn { "<" (safe(target)) ">" } }
                    }
                }
            }
        }
    }
}

/// Some lines of a source file, the one that matters marked.
pub(super) fn excerpt(source: &Source) -> Markup {
    html! {
        pre.source {
            @for (number, text) in &source.lines {
                span .here[*number == source.line] { i { (number) } (safe(text)) }
            }
        }
    }
}
