//! Lines that a terminal cut at its width: each value is whole, or unknown.

use crate::compare::{Tolerance, all_right, differences, outcome};
use crate::loggers::LINES;
use crate::samples;

/// The widths that are tried of one sample: another choice for each.
const WIDTHS_OF_ONE: usize = 9;
const WIDTHS_OF_OTHERS: usize = 3;

fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let chars: Vec<char> = line.chars().collect();
        for piece in chars.chunks(width) {
            out.extend(piece);
            out.push('\n');
        }
        if chars.is_empty() {
            out.push('\n');
        }
    }
    out
}

#[test]
fn no_wrapped_line_gives_another_value() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for sample in samples::all().iter() {
        let few = sample.has_few_lines();
        let widths = (0..if sample.is_ours { WIDTHS_OF_ONE } else { WIDTHS_OF_OTHERS })
            .map(|step| 40 + (sample.turn() + step * 9) % 81);
        for width in widths.chain([80]) {
            let logger = &LINES[(sample.turn() + width) % LINES.len()];
            // Where each line has something behind it, a cut one has not; and terminals do not count
            // what tells them colours.
            if logger.name == "port behind each line" || logger.name.contains("colours") {
                continue;
            }
            let stamped = (logger.apply)(&sample.text);
            let stamped = String::from_utf8(stamped).expect("it was UTF-8");
            for (text, what) in [(&sample.text, "plain"), (&stamped, logger.name)] {
                let text = wrap(text, width);
                tried += 1;
                let after = outcome(text.as_bytes());
                let tolerance = match few && what != "plain" {
                    true => Tolerance::Any,
                    false => Tolerance::Noted,
                };
                let differences = differences(sample, &after, tolerance);
                if !differences.is_empty() {
                    wrong.push((format!("{}, {what}, {width} columns", sample.name), differences));
                }
            }
        }
    }
    all_right("wraps", tried, &wrong);
}
