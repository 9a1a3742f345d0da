//! Backtraces as people read them: a line for each function, those that were inlined among them.

use crate::debug_info::{Modules, Place};
use crate::dump::Thread;
use crate::unwind::{End, Frame, Unwinder};
use std::sync::Arc;

/// A function that was running, or had called the one before.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its frame, as an index into [`Trace::frames`]: inlined functions share one.
    pub frame: usize,
    /// The functions of that frame, the innermost inlined one first.
    pub places: Arc<[Place]>,
    /// Which of them this is.
    pub place: usize,
    /// Its name; `None` if nobody knows.
    pub function: Option<String>,
    /// For a name that is only the nearest symbol below: how many bytes below.
    pub near: Option<u64>,
    /// The exception that interrupted it, where the lines before it are its handler's.
    pub exception: Option<String>,
}

impl Line {
    /// Where it is in the source.
    pub fn source(&self) -> Place {
        self.places.get(self.place).cloned().unwrap_or_default()
    }

    /// Whether it was inlined into the next line.
    pub fn is_inlined(&self) -> bool {
        self.places.get(self.place).is_some_and(|place| place.inlined)
    }
}

/// The backtrace of a thread.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The frames, innermost first.
    pub frames: Vec<Frame>,
    /// The functions, innermost first.
    pub lines: Vec<Line>,
    /// Which line the crash happened in: the first, or the one that a fault interrupted.
    pub culprit: usize,
    /// Why there are no more.
    pub end: End,
}

impl Trace {
    /// The backtrace of `thread`.
    pub fn of(thread: &Thread, unwinder: &Unwinder<'_, '_>, modules: &Modules<'_>) -> Trace {
        let trace = unwinder.backtrace(thread);
        let mut lines = Vec::new();
        let mut culprit = 0;
        for (at, frame) in trace.frames.iter().enumerate() {
            if at == trace.culprit {
                culprit = lines.len();
            }
            push_lines(modules, frame, at, &mut lines);
        }
        Trace { frames: trace.frames, lines, culprit, end: trace.end }
    }
}

/// Adds what the frame numbered `at` shows: a line for each function inlined there, and its own.
fn push_lines(modules: &Modules<'_>, frame: &Frame, at: usize, lines: &mut Vec<Line>) {
    let places: Arc<[Place]> = modules.places(frame.lookup_pc()).into();
    let mut exception = frame.exception.as_ref().map(|exception| exception.name.clone());
    let line = |place: usize| Line {
        frame: at,
        places: Arc::clone(&places),
        place,
        function: None,
        near: None,
        exception: None,
    };
    if places.iter().all(|place| place.function.is_none()) {
        let symbol = modules.symbol(frame.lookup_pc());
        let near = symbol.as_ref().filter(|s| !s.covers).map(|s| s.offset);
        let function = symbol.map(|symbol| symbol.name);
        // What the device said is better than a symbol somewhere below.
        let said = frame.said.as_ref().filter(|_| near.is_some() || function.is_none());
        let (function, near) = match said {
            Some(said) => (Some(said.clone()), None),
            None => (function, near),
        };
        lines.push(Line { function, near, exception, ..line(0) });
        return;
    }
    for (index, place) in places.iter().enumerate() {
        let function = place.function.clone();
        lines.push(Line { function, exception: exception.take(), ..line(index) });
    }
}
