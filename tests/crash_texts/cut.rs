//! Texts that end early.

use crate::compare::{Tolerance, all_right, differences, outcome};
use crate::samples;

#[test]
fn a_text_that_ends_early_says_less_and_nothing_else() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for sample in samples::all() {
        let ends = sample.text.match_indices('\n').map(|(at, _)| at + 1);
        let step = if sample.is_ours { 1 } else { 3 };
        for (number, end) in ends.enumerate().step_by(step) {
            let Some(text) = sample.text.get(..end) else { continue };
            tried += 1;
            let differences = differences(&sample, &outcome(text.as_bytes()), Tolerance::Any);
            if !differences.is_empty() {
                wrong.push((format!("{}, {} lines", sample.name, number + 1), differences));
            }
        }
    }
    all_right("cuts", tried, &wrong);
}
