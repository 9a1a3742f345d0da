//! Rows as Apache Parquet, for DuckDB, pandas and others.
//!
//! | at  | what                                                                       |
//! |   0 | "PAR1"                                                                     |
//! |   4 | row groups: of each column one page: header, levels, values                |
//! |   - | the footer: schema, and where each column of each row group is             |
//! | end | length of the footer (u32), "PAR1"                                         |
//!
//! Only what a table of texts and numbers needs is written: plain values, not compressed. The
//! official crate would bring some twenty more for the other nine tenths of the format. Headers and
//! footer are structures of Thrift's compact protocol.
//!
//! Source: apache/parquet-format 2.11, `README.md`, `Encodings.md` and `parquet.thrift`; Thrift
//! 0.21, "Compact protocol".

use std::io::{self, Write};

const MAGIC: &[u8] = b"PAR1";
/// Rows that are kept in memory before they are written.
const GROUP_ROWS: usize = 10_000;

// parquet.thrift: Type, FieldRepetitionType, ConvertedType, Encoding, PageType.
const INT64: i32 = 2;
const BYTE_ARRAY: i32 = 6;
const REQUIRED: i32 = 0;
const OPTIONAL: i32 = 1;
const REPEATED: i32 = 2;
const UTF8: i32 = 0;
const LIST: i32 = 3;
const TIMESTAMP_MILLIS: i32 = 9;
const PLAIN: i32 = 0;
const RLE: i32 = 3;
const DATA_PAGE: i32 = 0;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, or nothing.
    Text,
    /// A list of texts.
    Texts,
    Number,
    /// Milliseconds since 1970.
    Time,
}

/// A value of a row.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Text(Option<String>),
    Texts(Vec<String>),
    /// Numbers and times.
    Number(i64),
}

/// Writes a file, a group of rows at a time.
pub(super) struct Writer<W: Write> {
    out: W,
    offset: u64,
    schema: &'static [(&'static str, Kind)],
    columns: Vec<Column>,
    rows: usize,
    all_rows: u64,
    groups: Vec<Group>,
}

/// The rows of a column that are not written yet.
#[derive(Default)]
struct Column {
    /// Of each entry: 1 if it goes on with the list before.
    repetition: Vec<u8>,
    /// Of each entry: 1 if there is a value.
    definition: Vec<u8>,
    values: Vec<u8>,
}

struct Group {
    rows: u64,
    /// Offset, length and number of entries of each column.
    chunks: Vec<(u64, u64, u64)>,
}

impl<W: Write> Writer<W> {
    pub(super) fn new(
        mut out: W,
        schema: &'static [(&'static str, Kind)],
    ) -> io::Result<Writer<W>> {
        out.write_all(MAGIC)?;
        let columns = schema.iter().map(|_| Column::default()).collect();
        let offset = MAGIC.len() as u64;
        Ok(Writer { out, offset, schema, columns, rows: 0, all_rows: 0, groups: Vec::new() })
    }

    /// Adds a row: a cell for each column, of its kind.
    pub(super) fn row(&mut self, cells: Vec<Cell>) -> io::Result<()> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        self.rows += 1;
        match self.rows >= GROUP_ROWS {
            true => self.group(),
            false => Ok(()),
        }
    }

    /// Writes the rest and the footer, and gives back what it was written to.
    pub(super) fn end(mut self) -> io::Result<W> {
        self.group()?;
        let footer = self.footer();
        self.out.write_all(&footer)?;
        self.out.write_all(&(footer.len() as u32).to_le_bytes())?;
        self.out.write_all(MAGIC)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn group(&mut self) -> io::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut chunks = Vec::new();
        for (column, (_, kind)) in self.columns.iter_mut().zip(self.schema) {
            let column = std::mem::take(column);
            let entries = column.entries(self.rows);
            let page = column.page(*kind, entries);
            self.out.write_all(&page)?;
            chunks.push((self.offset, page.len() as u64, entries as u64));
            self.offset += page.len() as u64;
        }
        self.groups.push(Group { rows: self.rows as u64, chunks });
        self.all_rows += self.rows as u64;
        self.rows = 0;
        Ok(())
    }

    fn footer(&self) -> Vec<u8> {
        let mut to = Thrift::default();
        to.int(1, 1);
        let elements = self.schema.iter().map(|(_, kind)| if *kind == Kind::Texts { 3 } else { 1 });
        to.list(2, STRUCT, 1 + elements.sum::<usize>());
        to.element(None, None, "schema", Some(self.schema.len()), None);
        for (name, kind) in self.schema {
            match kind {
                Kind::Text => {
                    to.element(Some(BYTE_ARRAY), Some(OPTIONAL), name, None, Some(UTF8));
                }
                Kind::Number => to.element(Some(INT64), Some(REQUIRED), name, None, None),
                Kind::Time => {
                    let time = Some(TIMESTAMP_MILLIS);
                    to.element(Some(INT64), Some(REQUIRED), name, None, time);
                }
                Kind::Texts => {
                    to.element(None, Some(REQUIRED), name, Some(1), Some(LIST));
                    to.element(None, Some(REPEATED), "list", Some(1), None);
                    to.element(Some(BYTE_ARRAY), Some(REQUIRED), "element", None, Some(UTF8));
                }
            }
        }
        to.long(3, self.all_rows as i64);
        to.list(4, STRUCT, self.groups.len());
        for group in &self.groups {
            to.begin();
            to.list(1, STRUCT, group.chunks.len());
            for ((name, kind), (offset, len, entries)) in self.schema.iter().zip(&group.chunks) {
                to.begin();
                to.long(2, *offset as i64);
                to.field(3, STRUCT);
                to.begin();
                to.int(1, kind.physical());
                to.list(2, I32, 2);
                [PLAIN, RLE].iter().for_each(|encoding| to.varint(zigzag((*encoding).into())));
                let path: &[&str] = match kind {
                    Kind::Texts => &[name, "list", "element"],
                    _ => &[name],
                };
                to.list(3, BINARY, path.len());
                path.iter().for_each(|part| to.bytes(part));
                to.int(4, 0);
                to.long(5, *entries as i64);
                to.long(6, *len as i64);
                to.long(7, *len as i64);
                to.long(9, *offset as i64);
                to.stop();
                to.stop();
            }
            let len: u64 = group.chunks.iter().map(|(_, len, _)| len).sum();
            to.long(2, len as i64);
            to.long(3, group.rows as i64);
            to.stop();
        }
        to.field(6, BINARY);
        to.bytes(concat!("coroner ", env!("CARGO_PKG_VERSION")));
        to.stop();
        to.out
    }
}

impl Kind {
    fn physical(self) -> i32 {
        match self {
            Kind::Text | Kind::Texts => BYTE_ARRAY,
            Kind::Number | Kind::Time => INT64,
        }
    }
}

impl Column {
    fn push(&mut self, cell: Cell) {
        match cell {
            Cell::Number(number) => self.values.extend(number.to_le_bytes()),
            Cell::Text(text) => {
                self.definition.push(text.is_some().into());
                text.iter().for_each(|text| self.text(text));
            }
            Cell::Texts(texts) => {
                // An empty list is an entry without a value.
                self.repetition.push(0);
                self.definition.push((!texts.is_empty()).into());
                for (index, text) in texts.iter().enumerate() {
                    if index > 0 {
                        self.repetition.push(1);
                        self.definition.push(1);
                    }
                    self.text(text);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        self.values.extend((text.len() as u32).to_le_bytes());
        self.values.extend(text.as_bytes());
    }

    fn entries(&self, rows: usize) -> usize {
        if self.definition.is_empty() { rows } else { self.definition.len() }
    }

    fn page(&self, kind: Kind, entries: usize) -> Vec<u8> {
        let mut body = Vec::new();
        if kind == Kind::Texts {
            levels(&self.repetition, &mut body);
        }
        if matches!(kind, Kind::Text | Kind::Texts) {
            levels(&self.definition, &mut body);
        }
        body.extend(&self.values);
        let mut to = Thrift::default();
        to.int(1, DATA_PAGE);
        to.int(2, body.len() as i32);
        to.int(3, body.len() as i32);
        to.field(5, STRUCT);
        to.begin();
        to.int(1, entries as i32);
        to.int(2, PLAIN);
        to.int(3, RLE);
        to.int(4, RLE);
        to.stop();
        to.stop();
        to.out.extend(body);
        to.out
    }
}

/// Levels of one bit as runs: twice the length as a varint, then the level; their length before.
fn levels(levels: &[u8], to: &mut Vec<u8>) {
    let mut runs = Thrift::default();
    for run in levels.chunk_by(|a, b| a == b) {
        runs.varint((run.len() as u64) << 1);
        runs.out.extend(run.first());
    }
    to.extend((runs.out.len() as u32).to_le_bytes());
    to.extend(runs.out);
}

// Types of Thrift's compact protocol.
const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST_TYPE: u8 = 9;
const STRUCT: u8 = 12;

/// Writes structures of Thrift's compact protocol. It begins inside of one.
struct Thrift {
    out: Vec<u8>,
    /// Number of the last field, of each structure that is not ended yet.
    last: Vec<u8>,
}

impl Default for Thrift {
    fn default() -> Self {
        Thrift { out: Vec::new(), last: vec![0] }
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

impl Thrift {
    fn varint(&mut self, mut number: u64) {
        while number > 0x7f {
            self.out.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.out.push(number as u8);
    }

    fn field(&mut self, number: u8, kind: u8) {
        // Fields are written in their order, and never 15 numbers apart.
        if let Some(last) = self.last.last_mut() {
            self.out.push((number - *last) << 4 | kind);
            *last = number;
        }
    }

    fn int(&mut self, number: u8, value: i32) {
        self.field(number, I32);
        self.varint(zigzag(value.into()));
    }

    fn long(&mut self, number: u8, value: i64) {
        self.field(number, I64);
        self.varint(zigzag(value));
    }

    fn bytes(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.out.extend(text.as_bytes());
    }

    fn list(&mut self, number: u8, of: u8, len: usize) {
        self.field(number, LIST_TYPE);
        if len < 15 {
            self.out.push((len as u8) << 4 | of);
        } else {
            self.out.push(0xf0 | of);
            self.varint(len as u64);
        }
    }

    fn begin(&mut self) {
        self.last.push(0);
    }

    fn stop(&mut self) {
        self.out.push(0);
        self.last.pop();
    }

    /// A `SchemaElement`.
    fn element(
        &mut self,
        kind: Option<i32>,
        repetition: Option<i32>,
        name: &str,
        children: Option<usize>,
        converted: Option<i32>,
    ) {
        self.begin();
        kind.into_iter().for_each(|kind| self.int(1, kind));
        repetition.into_iter().for_each(|repetition| self.int(3, repetition));
        self.field(4, BINARY);
        self.bytes(name);
        children.into_iter().for_each(|children| self.int(5, children as i32));
        converted.into_iter().for_each(|converted| self.int(6, converted));
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thrift_is_written_as_its_specification_says() {
        let mut to = Thrift::default();
        to.int(1, 1);
        to.long(3, -2);
        to.list(4, STRUCT, 16);
        to.stop();
        assert_eq!(to.out, [0x15, 2, 0x26, 3, 0x19, 0xfc, 16, 0]);
    }

    #[test]
    fn levels_are_runs() {
        let mut out = Vec::new();
        levels(&[1, 1, 1, 0], &mut out);
        assert_eq!(out, [4, 0, 0, 0, 6, 1, 2, 0]);
    }
}
