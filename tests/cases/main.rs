//! Cases as folders: an input, options, and what must come out of the program. README.md has their
//! form. `CASES=esp_panic` runs those with this in their name, `BLESS=1` writes down what came out.

mod runner;

use runner::{claims, kept};
use std::path::{Path, PathBuf};

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Our own cases whose whole report is kept.
#[test]
fn reports_are_as_kept() {
    kept::run(&own());
}

/// Our own cases of which `expected.json` claims something.
#[test]
fn claims_hold() {
    let wrong = claims::run(&own());
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The inputs from the field: none that was right turns wrong, and the list of open ones only
/// shrinks.
#[test]
fn field_cases_hold() {
    let Some(folder) = support::fixtures() else { return };
    claims::run_with_open(&folder.join("field"), &own().join("field-open.txt"));
}

#[path = "../support/mod.rs"]
mod support;
