//! What stands before and behind a crash.

use crate::compare::{Outcome, Tolerance, all_right, differences, outcome, outcome_of};
use crate::samples::{self, turn};
use crate::support::formats::log_noise;

#[test]
fn a_mebibyte_of_other_lines_before_changes_nothing() {
    let noise = log_noise(1 << 20);
    let small = log_noise(1 << 12);
    let (mut tried, mut wrong) = (0, Vec::new());
    for sample in &samples::all() {
        let before = if sample.turn() % 12 == 0 { &noise } else { &small };
        let text = [before, sample.text.as_bytes()].concat();
        tried += 1;
        let differences = differences(sample, &outcome(&text), Tolerance::None);
        if !differences.is_empty() {
            wrong.push((sample.name.clone(), differences));
        }
    }
    all_right("noise", tried, &wrong);
}

#[test]
fn the_crash_behind_another_is_taken_and_nothing_of_the_first_gets_into_it() {
    let samples: Vec<_> = samples::all().into_iter().filter(|s| s.is_dialects()).collect();
    let (mut tried, mut wrong) = (0, Vec::new());
    for first in &samples {
        for key in ["a", "b"] {
            let others = samples.iter().filter(|other| other.name != first.name);
            let second =
                others.min_by_key(|other| turn(&format!("{key} {} {}", first.name, other.name)));
            let Some(second) = second else { continue };
            let between = String::from_utf8(log_noise(300)).expect("it is ASCII");
            let text = format!("{}\n{between}{}", first.text, second.text);
            tried += 1;
            let after = outcome(text.as_bytes());
            let found = match &after {
                Outcome::Opened(told) => told.found,
                Outcome::Refused(_) => 0,
            };
            let mut all = differences(second, &after, Tolerance::Noted);
            if let Some(before) = (found > 1).then(|| outcome_of(text.as_bytes(), Some(1))) {
                let of_first = differences(first, &before, Tolerance::Noted);
                all.extend(of_first.into_iter().map(|line| format!("the first: {line}")));
            } else {
                all.push("only one dump was found".into());
            }
            if !all.is_empty() {
                wrong.push((format!("{} behind {}", second.name, first.name), all));
            }
        }
    }
    all_right("neighbours", tried, &wrong);
}
