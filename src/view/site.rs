//! Which page a request is for.

use super::http::{Request, Response};
use crate::query::{At, Branch, Line, Look, Trace};
use crate::report::{AppRules, Report};
use maud::{Markup, html};
use std::path::PathBuf;

/// A dump as pages.
pub(super) struct Site<'s> {
    pub(super) look: Look<'s, 's>,
    pub(super) report: Option<&'s Report>,
    pub(super) rules: &'s AppRules,
    pub(super) source_dirs: &'s [PathBuf],
    /// The first piece of every path: who does not know it sees nothing.
    pub(super) token: String,
}

impl Site<'_> {
    /// A link to a page.
    pub(super) fn link(&self, page: &str) -> String {
        format!("/{}/{page}", self.token)
    }

    /// The answer to a request.
    pub(super) fn answer(&self, request: &Request) -> Response {
        let Some((token, path)) = request.path.split_first() else {
            return Response::error(404, "the address that coroner printed has more to it");
        };
        if !same(token, &self.token) || request.is_foreign {
            return Response::error(403, "this is not the address that coroner printed");
        }
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let page = match path.as_slice() {
            ["view.css"] => return asset("text/css", include_str!("view.css")),
            ["view.js"] => return asset("text/javascript", include_str!("view.js")),
            [] => Some(self.overview()),
            ["frame", thread, line] => at(thread, line).and_then(|at| self.frame(at)),
            ["branch"] => return self.branch(request),
            ["memory", addr] => self.memory(addr, request),
            ["map"] => Some(self.map()),
            ["globals"] => Some(self.globals()),
            ["logs"] => Some(self.logs()),
            ["search"] => return self.search(request),
            _ => None,
        };
        match page {
            Some(page) => Response::page(page),
            None => Response::error(404, "there is no such page"),
        }
    }

    /// A branch: alone, for our script, or as a page.
    fn branch(&self, request: &Request) -> Response {
        let read = |text| serde_json::from_str::<Branch>(text).ok();
        let Some(branch) = request.get("b").and_then(read) else {
            return Response::error(404, "there is no such branch");
        };
        let start = request.get("from").and_then(|text| text.parse().ok()).unwrap_or(0);
        let entries = self.entries(&branch, start);
        if request.get("alone").is_some() {
            return Response::page(entries.into_string());
        }
        let at = match &branch {
            Branch::Arguments(at) | Branch::Locals(at) | Branch::Registers(at) => Some(*at),
            Branch::Group(at, _) => Some(*at),
            _ => None,
        };
        Response::page(self.page("values", at, &html! { h2 { "Values" } (entries) }))
    }

    /// A function, or what is known instead, and what is doubtful about it.
    pub(super) fn name_of(&self, line: &Line, trace: &Trace) -> Markup {
        use super::layout::safe;
        let Some(frame) = trace.frames.get(line.frame) else { return html! {} };
        let place = line.source();
        let foreign = self.rules.is_foreign_place(line.function.as_deref(), place.file.as_deref());
        html! {
            span.fn .foreign[foreign] {
                @match (&line.function, line.near) {
                    (Some(function), None) => (safe(function)),
                    (Some(function), Some(offset)) => {
                        (format!("{:#x}", frame.pc)) " (" (offset) " bytes behind " (safe(function)) ")"
                    },
                    (None, _) => (format!("{:#x}", frame.pc)),
                }
            }
            @if line.is_inlined() { " " span.quiet { "inlined" } }
            @if frame.is_guess() {
                " " span.doubt { "may be wrong: " (frame.found.word()) }
            } @else if frame.found == crate::unwind::Found::Printed {
                " " span.quiet { "printed by the device" }
            }
        }
    }
}

fn asset(kind: &'static str, body: &str) -> Response {
    Response { status: 200, kind, body: body.to_string() }
}

fn at(thread: &str, line: &str) -> Option<At> {
    Some(At { thread: thread.parse().ok()?, line: line.parse().ok()? })
}

/// Compared in a time that does not tell how much of it is right.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}
