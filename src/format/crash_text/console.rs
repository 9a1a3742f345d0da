//! Console text with decoration: peels it off, see [`crate::text`]. Where lines were cut at a terminal's
//! width the dialects say which way of putting them together they read most of.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::claim::blocks;
use super::{Crash, Dialect, starting};
use crate::carrier::text::{Line, lines};
use crate::carrier::{Carrier, CarrierOptions, Piece};
use crate::error::Fault;
use crate::format::parts::{memory_lines, register_lines};
use crate::text::{self, Told};
use std::collections::BTreeSet;

/// A console log as a logger, a terminal or a web page left it.
pub struct Console;

impl Carrier for Console {
    fn name(&self) -> &'static str {
        "console text"
    }

    fn peel(&self, piece: &Piece, _: &CarrierOptions) -> Option<Result<Vec<Piece>, Fault>> {
        if piece.hint.is_some() || piece.addr.is_some() {
            return None;
        }
        let plain = text::plain(&piece.bytes, Some(&told))?;
        let layer = format!("console text ({})", plain.undone.join(", "));
        Some(Ok(vec![piece.inner(layer, plain.text.into())]))
    }
}

/// What the dialects read in `text`.
fn told(text: &str) -> Told {
    let all: Vec<Line> = lines(text.as_bytes()).collect();
    let mut told = Told::default();
    let mut said: BTreeSet<String> = BTreeSet::new();
    for dialect in starting(text) {
        let (blocks, _) = blocks(dialect, &all, 0);
        dialect.mended(&all, &blocks, &mut |_, block| {
            let crash = &block.crash;
            if (dialect.is_crash)(dialect, crash) {
                add(&mut told, dialect, crash);
                said.extend(crash.said.iter().map(|line| (*line).to_string()));
            }
        });
    }
    if said.is_empty() {
        of_debuggers(&mut told, &mut said, &all);
    }
    let silent = all.into_iter().filter(|line| !said.contains(&*line.text));
    told.silent = silent.map(|line| line.text.into_owned()).collect();
    told
}

fn add(told: &mut Told, dialect: &Dialect, crash: &Crash<'_>) {
    let mut number = |name: &str, value: Option<u64>| {
        told.numbers.extend(value.map(|value| format!("{} {name} {value:x}", dialect.name)));
    };
    for task in crash.all() {
        task.words.iter().for_each(|word| number(&word.name, word.value));
        for frame in &task.frames {
            number("frame", Some(frame.pc));
            number("frame's stack", frame.sp);
        }
        let bounds = task.stack.map_or([None, None], |stack| [Some(stack.low), Some(stack.high)]);
        let core = task.core.map(u64::from);
        for value in bounds.into_iter().chain([task.id, core, task.saved_sp]) {
            number("task", value);
        }
    }
    number("address", crash.address);
    for (addr, bytes) in &crash.rows {
        let bytes: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        told.numbers.push(format!("{addr:x}: {bytes}"));
    }
    told.numbers.extend(crash.cells.iter().map(|cell| format!("{} {}", cell.name, cell.number)));
    let words = crash.titles.iter().chain(&crash.fallback).chain(crash.facts.iter().map(|f| &f.1));
    told.words.extend(words.map(|words| (*words).to_string()));
    for task in crash.all() {
        told.words.extend(task.name.map(str::to_string));
        told.words.extend(task.state.as_deref().map(str::to_string));
    }
}

/// What a text tells that is no producer's own: registers and memory.
fn of_debuggers(told: &mut Told, said: &mut BTreeSet<String>, all: &[Line]) {
    for line in all {
        let before = told.numbers.len();
        match memory_lines::parse(&line.text) {
            Some((addr, bytes)) => told.numbers.push(format!("{addr:x}: {bytes:x?}")),
            None => told.numbers.extend(
                register_lines::parse(&line.text).iter().map(|register| format!("{register:?}")),
            ),
        }
        if told.numbers.len() > before {
            said.insert(line.text.to_string());
        }
    }
}
