//! `evaluate` and `completions`: expressions, and on the console the words of GDB's `monitor`.

use super::session::Request;
use super::variables::Format;
use super::view::{Answer, View, arguments};
use crate::query::At;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    expression: String,
    #[serde(default)]
    frame_id: Option<i64>,
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    format: Option<Format>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Completed {
    text: String,
    #[serde(default)]
    frame_id: Option<i64>,
}

/// As many suggestions are made.
const MOST_SUGGESTED: usize = 200;

impl View<'_> {
    fn frame(&self, number: Option<i64>) -> Result<Option<At>, String> {
        match number {
            Some(number) => self.line_of(number),
            None => Ok(None),
        }
    }

    pub(super) fn evaluate(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let text = wanted.expression.trim();
        let is_console = wanted.context.as_deref() == Some("repl");
        if is_console && let Some(line) = self.console.understands(text) {
            let said = self.console.run(line);
            return Ok(json!({ "result": said.trim_end(), "variablesReference": 0 }));
        }
        let at = self.frame(wanted.frame_id)?;
        let hex = Format::is_hex(wanted.format);
        let entry = self.look.evaluate(text, at, hex)?;
        // A hover shows nothing rather than an error.
        if entry.is_missing && wanted.context.as_deref() == Some("hover") {
            return Err(entry.text);
        }
        let mut shown = self.variable(entry);
        if let Value::Object(shown) = &mut shown {
            let result = shown.remove("value").unwrap_or_default();
            shown.insert("result".into(), result);
            shown.remove("name");
            shown.remove("evaluateName");
        }
        Ok(shown)
    }

    pub(super) fn completions(&mut self, request: &Request) -> Answer {
        let wanted: Completed = arguments(request)?;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | ':');
        let begun = wanted.text.rsplit(|c| !is_part(c)).next().unwrap_or_default().to_string();
        let at = self.frame(wanted.frame_id)?;
        let mut names: Vec<(String, &str)> = Vec::new();
        if begun.len() == wanted.text.trim_start().len() {
            names.extend(self.console.words().map(|word| (word.to_string(), "keyword")));
        }
        if let Some(at) = at {
            names.extend(self.look.in_scope(at).into_iter().map(|one| (one.name, "variable")));
            names
                .extend(self.look.register_values(at).into_iter().map(|(name, _)| (name, "value")));
        }
        let fits = |(name, _): &(String, &str)| name.starts_with(&begun);
        let targets = names.into_iter().filter(fits).take(MOST_SUGGESTED);
        let target = |(name, kind): (String, &str)| json!({ "label": crate::display::line(&name), "type": kind });
        let targets: Vec<Value> = targets.map(target).collect();
        Ok(json!({ "targets": targets }))
    }
}
