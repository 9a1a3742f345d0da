//! `scopes`: what a frame has to show.

use super::session::Request;
use super::variables::Branch;
use super::view::{Answer, View, arguments};
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
        let mut scopes = Vec::new();
        let mut add = |name: &str, hint: Option<&str>, expensive: bool, number: i64| {
            let mut scope =
                json!({ "name": name, "variablesReference": number, "expensive": expensive });
            if let Some(hint) = hint {
                scope["presentationHint"] = hint.into();
            }
            scopes.push(scope);
        };
        let file = self.look.trace(at.thread).and_then(|trace| {
            let line = trace.lines.get(at.line)?;
            let frame = trace.frames.get(line.frame)?;
            self.look.modules.unit_file(frame.lookup_pc())
        });
        add("Arguments", Some("arguments"), false, self.branches.number(Branch::Arguments(at)));
        add("Locals", Some("locals"), false, self.branches.number(Branch::Locals(at)));
        add("Registers", Some("registers"), false, self.branches.number(Branch::Registers(at)));
        if let Some(file) = file {
            let short = file.rsplit(['/', '\\']).next().unwrap_or(&file);
            let name = format!("Globals of {}", crate::display::line(short));
            add(&name, None, false, self.branches.number(Branch::File(file.clone())));
        }
        if self.look.modules.iter().next().is_some() {
            add("All globals", None, true, self.branches.number(Branch::Files));
        }
        add("Crash", None, false, self.branches.number(Branch::Crash));
        let scopes: Vec<Value> = scopes;
        Ok(json!({ "scopes": scopes }))
    }
}
