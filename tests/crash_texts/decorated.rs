//! What loggers put before each line is never part of what the crash says.

use crate::compare::{Tolerance, all_right, differences, outcome};
use crate::loggers::{LINES, Logger, WHOLE};
use crate::samples;

/// Of other samples than ours every so many decorations.
const PART: usize = 4;

fn try_all(test: &str, loggers: &[Logger]) {
    let (mut tried, mut wrong) = (0, Vec::new());
    let only = std::env::var("LOGGER").unwrap_or_default();
    for sample in samples::all() {
        let tolerance = if sample.has_few_lines() { Tolerance::Any } else { Tolerance::None };
        let step = if sample.is_ours { 1 } else { PART };
        let part = loggers
            .iter()
            .skip(if sample.is_ours { 0 } else { sample.turn() % PART })
            .step_by(step);
        for logger in part.filter(|logger| logger.name.contains(&only)) {
            tried += 1;
            let after = outcome(&(logger.apply)(&sample.text));
            let differences = differences(&sample, &after, tolerance);
            if !differences.is_empty() {
                wrong.push((format!("{}, {}", sample.name, logger.name), differences));
            }
        }
    }
    all_right(test, tried, &wrong);
}

#[test]
fn what_loggers_put_before_lines_changes_nothing() {
    try_all("loggers", LINES);
}

#[test]
fn encodings_and_escapes_change_nothing() {
    try_all("encodings", WHOLE);
}
