//! `scopes`: what a frame has to show.

use super::session::Request;
use super::view::{Answer, View, arguments};
use crate::query::{Branch, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    frame_id: i64,
}

impl View<'_> {
    pub(super) fn scopes(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let Some(at) = self.line_of(wanted.frame_id)? else { return Ok(json!({ "scopes": [] })) };
        let mut scopes: Vec<Value> = Vec::new();
        for Scope { name, branch, is_large } in self.look.scopes(at) {
            let hint = match branch {
                Branch::Arguments(_) => Some("arguments"),
                Branch::Locals(_) => Some("locals"),
                Branch::Registers(_) => Some("registers"),
                _ => None,
            };
            let mut scope = json!({
                "name": crate::display::line(&name),
                "variablesReference": self.branches.number(branch),
                "expensive": is_large,
            });
            if let Some(hint) = hint {
                scope["presentationHint"] = hint.into();
            }
            scopes.push(scope);
        }
        Ok(json!({ "scopes": scopes }))
    }
}
