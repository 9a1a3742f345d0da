//! One box for everything: an expression, a name, an address.

use super::http::{Request, Response};
use super::layout::safe;
use super::site::Site;
use crate::query::{At, Branch, Page};
use maud::html;

/// As many names are listed.
const MOST: usize = 200;

impl Site<'_> {
    pub(super) fn search(&self, request: &Request) -> Response {
        let text = request.get("q").unwrap_or_default().trim();
        if let Some(digits) = text.strip_prefix("0x")
            && u64::from_str_radix(digits, 16).is_ok()
            && let Some(page) = self.memory(text, request)
        {
            return Response::page(page);
        }
        let order = self.look.order();
        let at = order.first().map(|thread| At { thread: *thread, line: self.culprit(*thread) });
        let value = self.look.evaluate(text, at, false);
        let wanted = text.to_lowercase();
        let mut found = Vec::new();
        if wanted.len() > 1 {
            for file in self.look.entries(&Branch::Files, Page::default()) {
                let Some(branch) = &file.below else { continue };
                let variables = self.look.entries(branch, Page::default());
                let named =
                    variables.into_iter().filter(|one| one.name.to_lowercase().contains(&wanted));
                found.extend(named.take(MOST.saturating_sub(found.len())));
                if found.len() >= MOST {
                    break;
                }
            }
        }
        let main = html! {
            h1 { (safe(text)) }
            @match &value {
                Ok(entry) => div.tree { (self.node(entry)) },
                Err(why) => p.quiet { (safe(why)) },
            }
            @if !found.is_empty() {
                h2 { "Variables with this in their name" }
                ul.tree { @for entry in &found { li { (self.node(entry)) } } }
            }
        };
        Response::page(self.page(text, at, &main))
    }

    fn culprit(&self, thread: usize) -> usize {
        self.look.trace(thread).map_or(0, |trace| trace.culprit)
    }
}
