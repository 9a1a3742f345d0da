//! What all pages share: head, threads and frames on the side, and how texts of a dump get into HTML.

use super::site::Site;
use crate::query::At;
use maud::{DOCTYPE, Markup, html};

/// Text of a dump, made harmless; maud escapes what means something to a browser.
pub(super) fn safe(text: &str) -> String {
    crate::display::line(text).into_owned()
}

impl Site<'_> {
    /// A whole page. `at` is the line of a backtrace that it shows, if it shows one.
    pub(super) fn page(&self, title: &str, at: Option<At>, main: &Markup) -> String {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (safe(title)) " \u{2013} coroner" }
                    link rel="stylesheet" href=(self.link("view.css"));
                    script src=(self.link("view.js")) defer {}
                }
                body {
                    header {
                        a.home href=(self.link("")) { (safe(&self.look.headline)) }
                        nav {
                            a href=(self.link("globals")) { "globals" }
                            a href=(self.link("map")) { "memory" }
                            a href=(self.link("logs")) { "logs" }
                            form action=(self.link("search")) {
                                input #find name="q" type="search" placeholder="expression, name or 0xaddress"
                                    aria-label="expression, name or address" autocomplete="off";
                            }
                        }
                    }
                    div.columns {
                        aside { (self.threads(at)) }
                        main { (main) }
                    }
                }
            }
        };
        page.into_string()
    }

    /// All threads, and the frames of the one that is shown.
    fn threads(&self, at: Option<At>) -> Markup {
        let order = self.look.order();
        let shown = at.map(|at| at.thread).or_else(|| order.first().copied());
        html! {
            @for index in order {
                @if let Some(thread) = self.look.thread(index) {
                    section.thread {
                        h3 .crashed[thread.crashed && !self.look.dump.reason.is_unknown()] {
                            a href=(self.link(&format!("frame/{index}/0"))) { (safe(&thread.label())) }
                            @if let Some(state) = &thread.state { " " span.quiet { (safe(state)) } }
                        }
                        @if shown == Some(index) { (self.frames(index, at)) }
                    }
                }
            }
        }
    }

    fn frames(&self, thread: usize, at: Option<At>) -> Markup {
        let Some(trace) = self.look.trace(thread) else { return html! {} };
        html! {
            ol.frames {
                @for (line, shown) in trace.lines.iter().enumerate() {
                    @if let Some(exception) = &shown.exception { li.exception { (safe(exception)) } }
                    @let here = at == Some(At { thread, line });
                    li .here[here] .culprit[line == trace.culprit] {
                        a href=(self.link(&format!("frame/{thread}/{line}"))) { (self.name_of(shown, &trace)) }
                        @let place = shown.source();
                        @if let (Some(file), Some(number)) = (&place.file, place.line) {
                            " " span.quiet { (safe(short(file))) ":" (number) }
                        }
                    }
                }
                li.end.quiet { (safe(&trace.end.to_string())) }
            }
        }
    }
}

/// The name of a file without its folders.
pub(super) fn short(file: &str) -> &str {
    file.rsplit(['/', '\\']).next().unwrap_or(file)
}
