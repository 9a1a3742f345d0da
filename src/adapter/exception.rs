//! `exceptionInfo`: what happened, and what says so.

use super::session::Request;
use super::view::{Answer, View};
use serde_json::json;

impl View<'_> {
    /// What happened, in one sentence.
    pub(super) fn headline(&self) -> String {
        crate::display::line(&self.look.headline).into_owned()
    }

    pub(super) fn exception_info(&self, _: &Request) -> Answer {
        let dump = self.look.dump;
        if dump.reason.is_unknown() {
            return Err("the dump does not say why it was taken".into());
        }
        let signal = dump.reason.signal.map_or("crash".to_string(), |signal| signal.to_string());
        // Why first, then what it rests on.
        let known = self.parts.report.iter().flat_map(|report| &report.diagnosis);
        let mut more: Vec<String> = known.map(|one| format!("{}.", one.words)).collect();
        more.extend(dump.texts.iter().cloned());
        more.extend(
            dump.reason
                .evidence
                .iter()
                .map(|word| format!("{} = {:#x}: {}", word.name, word.value, word.words)),
        );
        let more: Vec<String> =
            more.iter().flat_map(|text| crate::display::lines(text)).map(Into::into).collect();
        Ok(json!({
            "exceptionId": signal,
            "description": self.headline(),
            "breakMode": "always",
            "details": { "message": self.headline(), "stackTrace": more.join("\n") },
        }))
    }
}
