//! Lines of a log inside of other lines: JSON objects and CSV records, one for each.

use std::collections::BTreeMap;

/// What lay inside.
pub(super) struct Inside {
    pub kind: &'static str,
    pub text: String,
}

/// Keys that loggers give the line itself, likeliest first.
const KEYS: [&str; 12] = [
    "msg", "message", "MESSAGE", "log", "line", "text", "data", "payload", "value", "content",
    "body", "output",
];
/// Keys by which one record alone is known for a line of a log.
const ALONE: [&str; 4] = ["msg", "message", "MESSAGE", "log"];
/// Fewer lines prove nothing.
const FEWEST_LINES: usize = 2;

/// The lines inside of `text`, if nearly every line of it is a record.
pub(super) fn lines_inside(text: &str) -> Option<Inside> {
    let first = text.lines().find(|line| !line.trim().is_empty())?.trim_start();
    if first.starts_with(['{', '[']) {
        return json(text).map(|text| Inside { kind: "JSON lines", text });
    }
    csv(text).map(|text| Inside { kind: "CSV", text })
}

fn is_most(some: usize, all: usize) -> bool {
    some >= FEWEST_LINES && some.saturating_mul(10) >= all.saturating_mul(9)
}

fn json(text: &str) -> Option<String> {
    let records: Vec<serde_json::Value> = match serde_json::from_str(text) {
        Ok(serde_json::Value::Array(records)) => records,
        _ => {
            let lines: Vec<&str> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            let records: Vec<Vec<_>> = lines.iter().filter_map(|line| values(line)).collect();
            if records.len() != lines.len() && !is_most(records.len(), lines.len()) {
                return None;
            }
            records.concat()
        }
    };
    let alone = |record: &serde_json::Value| ALONE.iter().any(|key| record.get(key).is_some());
    if records.is_empty() || (records.len() < FEWEST_LINES && !records.iter().all(alone)) {
        return None;
    }
    if records.iter().all(serde_json::Value::is_string) {
        return Some(join(records.iter().filter_map(|record| record.as_str())));
    }
    let mut lens: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for record in &records {
        for (key, value) in record.as_object()? {
            if let Some(value) = value.as_str() {
                let entry = lens.entry(key).or_default();
                *entry = (entry.0.saturating_add(1), entry.1.saturating_add(value.len()));
            }
        }
    }
    let everywhere = |key: &&str| {
        lens.get(*key).is_some_and(|(n, _)| *n == records.len() || is_most(*n, records.len()))
    };
    let longest =
        || lens.iter().filter(|(key, _)| everywhere(key)).max_by_key(|(_, (_, len))| *len);
    let key = KEYS.into_iter().find(everywhere).or_else(|| longest().map(|(key, _)| *key))?;
    Some(join(records.iter().filter_map(|record| record.get(key)?.as_str())))
}

/// The values of a line: one, or more where lines were joined.
fn values(line: &str) -> Option<Vec<serde_json::Value>> {
    let line = line.trim_end_matches(',');
    serde_json::Deserializer::from_str(line).into_iter().collect::<Result<_, _>>().ok()
}

fn csv(text: &str) -> Option<String> {
    // Without quotes the columns before the line are a prefix like any other.
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let quoted = lines.iter().filter(|line| line.contains('"')).count();
    if !is_most(quoted, lines.len()) {
        return None;
    }
    let records: Vec<Vec<String>> = lines.iter().filter_map(|line| fields(line)).collect();
    let columns = records.iter().map(Vec::len).max().filter(|columns| *columns >= 2)?;
    let whole = records.iter().filter(|record| record.len() == columns);
    if !is_most(whole.clone().count(), lines.len()) {
        return None;
    }
    let len = |column: &usize| -> usize {
        whole.clone().filter_map(|record| record.get(*column)).map(String::len).sum()
    };
    let column = (0..columns).max_by_key(len)?;
    Some(join(whole.clone().filter_map(|record| Some(record.get(column)?.as_str()))))
}

/// The fields of a record (RFC 4180); `None` if its quotes do not match. Separators are commas,
/// semicolons or tabs.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        let field = fields.last_mut()?;
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' | ';' | '\t' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    (!quoted).then_some(fields)
}

fn join<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end_matches(['\n', '\r']));
        text.push('\n');
    }
    text
}
