//! `stackTrace`: frames a few at a time, exceptions marked between them.

use super::session::Request;
use super::view::{Answer, Row, View, arguments};
use crate::query::{At, Line, Trace};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    thread_id: i64,
    #[serde(default)]
    start_frame: Option<usize>,
    #[serde(default)]
    levels: Option<usize>,
}

impl View<'_> {
    pub(super) fn stack_trace(&mut self, request: &Request) -> Answer {
        let wanted: Wanted = arguments(request)?;
        let thread = self.thread_index(wanted.thread_id)?;
        let Some(trace) = self.look.trace(thread) else {
            return Err("there is no such thread".into());
        };
        let mut rows = Vec::new();
        for (line, shown) in trace.lines.iter().enumerate() {
            let at = At { thread, line };
            if shown.exception.is_some() {
                rows.push(Row::Exception(at));
            }
            rows.push(Row::Line(at));
        }
        let levels = wanted.levels.filter(|levels| *levels > 0).unwrap_or(usize::MAX);
        let chosen = rows.iter().skip(wanted.start_frame.unwrap_or(0)).take(levels);
        let frames: Vec<Value> = chosen.filter_map(|row| self.row(*row, &trace)).collect();
        Ok(json!({ "stackFrames": frames, "totalFrames": rows.len() }))
    }

    fn row(&mut self, row: Row, trace: &Trace) -> Option<Value> {
        let id = self.rows.number(row);
        let (Row::Line(at) | Row::Exception(at)) = row;
        let line = trace.lines.get(at.line)?;
        if let Row::Exception(_) = row {
            let name = format!("<{}>", line.exception.as_deref().unwrap_or("exception"));
            let name = crate::display::line(&name).into_owned();
            return Some(json!({
                "id": id, "name": name, "line": 0, "column": 0, "presentationHint": "label",
            }));
        }
        let frame = trace.frames.get(line.frame)?;
        let place = line.source();
        let mut shown = json!({
            "id": id,
            "name": name(line, frame),
            "line": place.line.map_or(0, |line| self.line_number(line)),
            "column": place.column.map_or(0, |column| self.column_number(column)),
            "instructionPointerReference": format!("{:#x}", frame.pc),
        });
        if let Some(file) = &place.file {
            let mut source = self.source_of(file, place.line.unwrap_or(0));
            let rules = &self.parts.rules;
            if rules.is_foreign_place(line.function.as_deref(), Some(file)) {
                // Editors then show the first frame of the user's own code.
                source["presentationHint"] = "deemphasize".into();
                shown["presentationHint"] = "subtle".into();
            }
            shown["source"] = source;
        }
        Some(shown)
    }

    /// A line's number as the client counts; DWARF counts from 1.
    pub(super) fn line_number(&self, line: u32) -> u32 {
        line.saturating_sub(1).saturating_add(self.client.first_line)
    }

    fn column_number(&self, column: u32) -> u32 {
        column.saturating_sub(1).saturating_add(self.client.first_column)
    }

    /// The line of a backtrace that a frame's number stands for.
    pub(super) fn line_of(&self, frame: i64) -> Result<Option<At>, String> {
        match self.rows.thing(frame) {
            Some(Row::Line(at)) => Ok(Some(*at)),
            Some(Row::Exception(_)) => Ok(None),
            None => Err(format!("there is no frame {frame}")),
        }
    }
}

/// The function, or what is known instead, and what is doubtful about it.
fn name(line: &Line, frame: &crate::unwind::Frame) -> String {
    let mut name = match (&line.function, line.near) {
        (Some(function), None) => function.clone(),
        (Some(function), Some(offset)) => {
            format!("{:#x} ({offset} bytes behind {function})", frame.pc)
        }
        (None, _) => format!("{:#x}", frame.pc),
    };
    if line.is_inlined() {
        name.push_str(" [inlined]");
    }
    if frame.is_guess() {
        name.push_str(" [may be wrong: ");
        name.push_str(match frame.found.is_guess() {
            true => frame.found.word(),
            false => "above a guess",
        });
        name.push(']');
    } else if frame.found == crate::unwind::Found::Printed {
        name.push_str(" [printed by the device]");
    }
    crate::display::line(&name).into_owned()
}
