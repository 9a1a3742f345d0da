//! One look at a dump: what was found out stays known.

use super::frames::Trace;
use crate::debug_info::Modules;
use crate::dump::{Dump, Thread};
use crate::unwind::Unwinder;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// As many backtraces are remembered: a dump may have a hundred thousand threads.
const MOST_TRACES: usize = 256;

/// A dump that is being looked at.
pub struct Look<'q, 'a> {
    /// The dump.
    pub dump: &'q Dump,
    /// What its ELF files know.
    pub modules: &'q Modules<'a>,
    /// What happened, in one sentence: the reason's words, unless somebody knows better.
    pub headline: String,
    /// What tells this crash from others, where somebody made that out.
    pub signature: Option<String>,
    unwinder: Unwinder<'q, 'a>,
    traces: RefCell<HashMap<usize, Rc<Trace>>>,
}

impl<'q, 'a> Look<'q, 'a> {
    /// At `dump`, with what the ELF files know.
    pub fn new(dump: &'q Dump, modules: &'q Modules<'a>) -> Self {
        Look {
            dump,
            modules,
            headline: dump.reason.words.clone(),
            signature: None,
            unwinder: Unwinder::new(dump, modules),
            traces: RefCell::default(),
        }
    }

    /// The thread with this index.
    pub fn thread(&self, index: usize) -> Option<&'q Thread> {
        self.dump.threads.get(index)
    }

    /// Its backtrace.
    pub fn trace(&self, index: usize) -> Option<Rc<Trace>> {
        if let Some(known) = self.traces.borrow().get(&index) {
            return Some(Rc::clone(known));
        }
        let trace = Rc::new(Trace::of(self.thread(index)?, &self.unwinder, self.modules));
        let mut traces = self.traces.borrow_mut();
        if traces.len() >= MOST_TRACES {
            traces.clear();
        }
        traces.insert(index, Rc::clone(&trace));
        Some(trace)
    }

    /// The indices of all threads: the one that crashed first, or the one that was running.
    pub fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.dump.threads.len()).collect();
        order.sort_by_key(|index| !self.dump.threads.get(*index).is_some_and(|t| t.crashed));
        order
    }
}
