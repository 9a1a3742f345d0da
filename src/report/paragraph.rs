//! The report in a few lines, for consoles that go on.

use super::style::{Line, Style, Tone};
use super::{Frame, Report};
use crate::dump::Severity;

/// So many functions are shown.
const FRAMES: usize = 8;
/// So many doubts.
const NOTES: usize = 3;

/// The crash in a few lines: what happened, where, who called, and what is doubtful.
pub fn to_paragraph(report: &Report, style: &Style) -> String {
    let mut lines = vec![Line::default().tone(Tone::Bad, &report.headline)];
    let identity = &report.identity;
    if let Some(thread) = report.crashed() {
        let frames = thread.from_culprit();
        lines.extend(frames.iter().take(FRAMES).map(frame));
        if let Some(more) = frames.len().checked_sub(FRAMES).filter(|more| *more > 0) {
            lines.push(Line::default().tone(Tone::Quiet, format!("and {more} more")));
        }
    }
    let verdict = identity.firmware_fit.as_ref().map(|fit| fit.verdict.as_str());
    match (&identity.firmware, identity.firmware_matches, verdict) {
        (None, _, _) => {
            let ids = identity.firmware_ids.first().map_or(String::new(), |id| format!(": {id}"));
            lines.push(Line::default().tone(Tone::Quiet, format!("no ELF file (--elf){ids}")));
        }
        (Some(elf), Some(false), _) | (Some(elf), None, Some("doubtful" | "does not fit")) => {
            let words = format!("{elf} is hardly of this build: names and lines may be wrong");
            lines.push(Line::default().tone(Tone::Doubt, words));
        }
        _ => {}
    }
    let doubts = report.notes.iter().filter(|note| note.severity != Severity::Info);
    lines.extend(doubts.take(NOTES).map(|note| Line::default().tone(Tone::Doubt, &note.words)));
    lines.iter().map(|line| style.show(line, 0) + "\n").collect()
}

/// `#0  0x42009354 fail_once at main.c:14`.
fn frame(frame: &Frame) -> Line {
    let head = Line::new(format!("#{:<2} ", frame.index))
        .tone(Tone::Quiet, format!("{:#010x}", frame.pc.0))
        .and(" ");
    let line = match (&frame.function, frame.near) {
        (Some(name), None) => head.tone(Tone::Name, name),
        (Some(name), Some(bytes)) => {
            head.and(format!("?? ({name}, {bytes} bytes before, is nearest)"))
        }
        (None, _) => head.and("??"),
    };
    let line = match (&frame.file, frame.line) {
        (Some(file), Some(number)) => line.tone(Tone::Quiet, format!(" at {file}:{number}")),
        _ => line,
    };
    match (frame.inlined, frame.guess) {
        (true, _) => line.tone(Tone::Quiet, " [inlined]"),
        (_, true) => line.tone(Tone::Doubt, format!(" [{}]", frame.doubt())),
        _ => line,
    }
}
