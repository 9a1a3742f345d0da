//! Lines of a log inside of other lines: JSON objects and CSV records, one for each.
//!
//! Records are read twice, first to find the field that holds the lines, and none is kept: a text may
//! have millions of them.

use super::rows;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

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
/// No logger's record has more fields.
const MOST_FIELDS: usize = 64;

/// The lines inside of `text`, if nearly every line of it is a record.
pub(super) fn lines_inside(text: &str) -> Option<Inside> {
    let first = rows(text).find(|line| !line.trim().is_empty())?.trim_start();
    if first.starts_with(['{', '[']) {
        return json(text).map(|text| Inside { kind: "JSON lines", text });
    }
    csv(text).map(|text| Inside { kind: "CSV", text })
}

fn is_most(some: usize, all: usize) -> bool {
    some >= FEWEST_LINES && some.saturating_mul(10) >= all.saturating_mul(9)
}

fn filled(text: &str) -> impl Iterator<Item = &str> {
    rows(text).filter(|line| !line.trim().is_empty())
}

/// A value of JSON, as far as lines of logs are in it.
enum Record {
    Text(String),
    /// The fields that are texts.
    Object(BTreeMap<String, String>),
    Other,
}

impl Record {
    fn field(&self, key: &str) -> Option<&String> {
        match self {
            Record::Object(fields) => fields.get(key),
            _ => None,
        }
    }
}

/// What all records together are like.
#[derive(Default)]
struct Seen {
    records: usize,
    texts: usize,
    objects: usize,
    /// Records that one alone is enough of.
    alone: usize,
    /// How many records have a field, and how much text is in it.
    fields: BTreeMap<String, (usize, usize)>,
}

impl Seen {
    fn add(&mut self, record: Record) {
        self.records = self.records.saturating_add(1);
        match record {
            Record::Text(_) => self.texts = self.texts.saturating_add(1),
            Record::Object(fields) => {
                self.objects = self.objects.saturating_add(1);
                let alone = ALONE.iter().any(|key| fields.contains_key(*key));
                self.alone = self.alone.saturating_add(usize::from(alone));
                for (key, value) in fields {
                    if self.fields.len() >= MOST_FIELDS && !self.fields.contains_key(&key) {
                        continue;
                    }
                    let (count, len) = self.fields.entry(key).or_default();
                    *count = count.saturating_add(1);
                    *len = len.saturating_add(value.len());
                }
            }
            Record::Other => {}
        }
    }

    /// The field that holds the lines.
    fn key(&self) -> Option<&str> {
        let everywhere = |key: &&str| {
            let count = self.fields.get(*key).map(|(count, _)| *count);
            count.is_some_and(|n| n == self.records || is_most(n, self.records))
        };
        let all = self.fields.iter().filter(|(key, _)| everywhere(&key.as_str()));
        let longest = || all.max_by_key(|(_, (_, len))| *len).map(|(key, _)| key.as_str());
        KEYS.into_iter().find(everywhere).or_else(longest)
    }
}

fn json(text: &str) -> Option<String> {
    let mut seen = Seen::default();
    each_record(text, &mut |record| seen.add(record))?;
    if seen.records == 0 || (seen.records < FEWEST_LINES && seen.alone < seen.records) {
        return None;
    }
    let mut lines = String::new();
    if seen.texts == seen.records {
        each_record(text, &mut |record| {
            if let Record::Text(line) = record {
                push(&mut lines, &line);
            }
        });
        return Some(lines);
    }
    let key = seen.key().filter(|_| seen.objects == seen.records)?;
    each_record(text, &mut |record| {
        record.field(key).into_iter().for_each(|l| push(&mut lines, l))
    });
    Some(lines)
}

/// Gives the records of an array, or of lines of which nearly each is one; `None` if it is neither.
fn each_record(text: &str, take: &mut dyn FnMut(Record)) -> Option<()> {
    if text.trim_start().starts_with('[') && Array::is(text) {
        let mut from = serde_json::Deserializer::from_str(text);
        return from.deserialize_seq(Array(take)).ok();
    }
    let (mut good, mut all) = (0usize, 0usize);
    let most = memchr::memchr_iter(b'\n', text.as_bytes()).count().saturating_add(1);
    let records = |line: &str| -> Option<Vec<Record>> {
        let line = line.trim().trim_end_matches(',');
        serde_json::Deserializer::from_str(line).into_iter().collect::<Result<_, _>>().ok()
    };
    // So many bad lines are too many, whatever the others are.
    let bad = most.div_ceil(10);
    for line in filled(text) {
        all = all.saturating_add(1);
        match records(line) {
            Some(_) => good = good.saturating_add(1),
            None if all.saturating_sub(good) > bad => return None,
            None => {}
        }
    }
    if good != all && !is_most(good, all) {
        return None;
    }
    filled(text).filter_map(records).flatten().for_each(take);
    Some(())
}

/// Reads a value without keeping what no line of a log is in.
struct Value {
    /// Whether fields count.
    fields: bool,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Record, D::Error> {
        from.deserialize_any(Value { fields: true })
    }
}

/// The value of a field.
struct Field(Option<String>);

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Field, D::Error> {
        Ok(Field(match from.deserialize_any(Value { fields: false })? {
            Record::Text(text) => Some(text),
            _ => None,
        }))
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Record, E> {
        Ok(Record::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Record, E> {
        Ok(Record::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Record, E> {
        Ok(Record::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Record, E> {
        Ok(Record::Other)
    }

    fn visit_unit<E>(self) -> Result<Record, E> {
        Ok(Record::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Record, E> {
        Ok(Record::Text(text.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Record, A::Error> {
        while all.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Record::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Record, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = all.next_key::<String>()? {
            if !self.fields || fields.len() >= MOST_FIELDS {
                all.next_value::<IgnoredAny>()?;
            } else if let Field(Some(text)) = all.next_value()? {
                fields.insert(key, text);
            }
        }
        Ok(Record::Object(fields))
    }
}

/// An array whose records are given away one by one.
struct Array<'t>(&'t mut dyn FnMut(Record));

impl Array<'_> {
    /// Whether the whole of `text` is one.
    fn is(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }
}

impl<'de> Visitor<'de> for Array<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<(), A::Error> {
        while let Some(record) = all.next_element()? {
            (self.0)(record);
        }
        Ok(())
    }
}

fn csv(text: &str) -> Option<String> {
    // Without quotes the columns before the line are a prefix like any other.
    memchr::memchr(b'"', text.as_bytes())?;
    let (mut quoted, mut all) = (0usize, 0usize);
    for line in filled(text) {
        all = all.saturating_add(1);
        quoted = quoted.saturating_add(usize::from(line.contains('"')));
    }
    if !is_most(quoted, all) {
        return None;
    }
    // By the count of columns: how many records have it, and how much text is in each column.
    let mut seen: BTreeMap<usize, (usize, Vec<usize>)> = BTreeMap::new();
    for record in filled(text).filter_map(fields) {
        let (count, lens) = seen.entry(record.len()).or_default();
        *count = count.saturating_add(1);
        lens.resize(record.len(), 0);
        for (len, field) in lens.iter_mut().zip(&record) {
            *len = len.saturating_add(field.len());
        }
    }
    let (columns, (count, lens)) = seen.pop_last().filter(|(columns, _)| *columns >= 2)?;
    if !is_most(count, all) {
        return None;
    }
    let column = (0..columns).max_by_key(|column| lens.get(*column))?;
    let mut lines = String::new();
    for record in filled(text).filter_map(fields).filter(|record| record.len() == columns) {
        record.get(column).into_iter().for_each(|line| push(&mut lines, line));
    }
    Some(lines)
}

/// The fields of a record (RFC 4180); `None` if its quotes do not match. Separators are commas,
/// semicolons or tabs.
fn fields(line: &str) -> Option<Vec<String>> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    let mut chars = line.trim_end().chars().peekable();
    while let Some(c) = chars.next() {
        let count = fields.len();
        let field = fields.last_mut()?;
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' | ';' | '\t' if !quoted && count >= MOST_FIELDS => return None,
            ',' | ';' | '\t' if !quoted => fields.push(String::new()),
            c => field.push(c),
        }
    }
    (!quoted).then_some(fields)
}

fn push(lines: &mut String, line: &str) {
    lines.push_str(line.trim_end_matches(['\n', '\r']));
    lines.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(text: &str) -> Option<String> {
        lines_inside(text).map(|inside| inside.text)
    }

    #[test]
    fn the_field_with_the_lines_is_found() {
        let two = Some("a\nb\n".to_string());
        assert_eq!(inside("{\"t\":1,\"msg\":\"a\"}\n\n{\"msg\":\"b\\n\",\"x\":[1,{}]},\n"), two);
        assert_eq!(inside("[{\"k\":\"a\"},{\"k\":\"b\",\"n\":null}]"), two);
        assert_eq!(inside("[\"a\",\n\"b\"]"), two);
        assert_eq!(inside("{\"log\":\"a\"}"), Some("a\n".into()));
        assert_eq!(inside("1,\"a\"\n2,\"b\"\n"), two);
    }

    #[test]
    fn other_texts_are_no_records() {
        for text in [
            "{\"a\":\"b\"}",
            "[1,2,3]",
            "[1] up\n[2] up\n",
            "{}\n{}\n",
            "[[\"a\"],[\"b\"]]",
            "\"a\"\nb",
        ] {
            assert_eq!(inside(text), None, "{text}");
        }
    }
}
