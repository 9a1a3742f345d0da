//! `exceptionInfo`, and the scope `Crash`: what happened, and what says so.

use super::session::Request;
use super::variables::Branch;
use super::view::{Answer, View};
use serde_json::{Value, json};

impl View<'_> {
    /// What happened, in one sentence.
    pub(super) fn headline(&self) -> String {
        let dump = self.look.dump;
        let words = match &self.parts.report {
            Some(report) => report.headline.clone(),
            None => dump.reason.words.clone(),
        };
        crate::display::line(&words).into_owned()
    }

    pub(super) fn exception_info(&self, _: &Request) -> Answer {
        let dump = self.look.dump;
        if dump.reason.is_unknown() {
            return Err("the dump does not say why it was taken".into());
        }
        let signal = dump.reason.signal.map_or("crash".to_string(), |signal| signal.to_string());
        let mut more: Vec<String> = dump.texts.clone();
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

    /// Reason, fault registers, texts, facts and notes.
    pub(super) fn crash(&mut self) -> Vec<Value> {
        let dump = self.look.dump;
        let mut shown = vec![leaf("what happened", &self.headline())];
        if let Some(report) = &self.parts.report {
            shown.push(leaf("signature", &report.signature.id));
        }
        let words = dump.reason.evidence.iter();
        let evidence =
            words.map(|word| (word.name.clone(), format!("{:#x} {}", word.value, word.words)));
        let evidence: Vec<_> = evidence.collect();
        let texts = dump.texts.iter().flat_map(|text| crate::display::lines(text));
        let texts: Vec<_> = (1..)
            .zip(texts)
            .map(|(n, line): (usize, _)| (n.to_string(), line.into_owned()))
            .collect();
        let notes = dump.notes.iter().map(|note| (note.severity.to_string(), note.sentence()));
        let notes: Vec<_> = notes.collect();
        let mut facts = vec![("format".to_string(), dump.format.clone())];
        facts.extend(dump.identity.chip.clone().map(|chip| ("chip".to_string(), chip)));
        facts.extend(
            dump.identity.firmware.iter().map(|id| ("firmware".to_string(), id.to_string())),
        );
        facts.extend(dump.identity.facts.clone());
        let groups = [
            ("fault registers", evidence),
            ("what the device said", texts),
            ("facts", facts),
            ("what was odd", notes),
        ];
        for (name, pairs) in groups {
            if pairs.is_empty() {
                continue;
            }
            let mut group = leaf(name, &format!("{}", pairs.len()));
            group["variablesReference"] = self.branches.number(Branch::Below(pairs)).into();
            shown.push(group);
        }
        shown
    }
}

fn leaf(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": crate::display::line(value), "variablesReference": 0 })
}
