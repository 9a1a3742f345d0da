//! Cases with a `case.toml`: what the program prints is kept in `expected.txt` and compared whole.

use super::{asked_for, blessing, diff, execute, side_by_side};
use crate::support;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A file `case.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// What this case is there for.
    #[serde(rename = "why")]
    _why: String,
    /// The command line behind `coroner`; FIXTURES is the folder of fixtures.
    run: Vec<String>,
}

/// Runs all such cases below `tree`.
pub(crate) fn run(tree: &Path) {
    let mut folders = Vec::new();
    find(tree, &mut folders);
    folders.retain(|folder| asked_for(&name(tree, folder)));
    let results = side_by_side(&folders, |folder| one(folder));
    let wrong: Vec<String> = folders
        .iter()
        .zip(results)
        .filter_map(|(folder, result)| Some(format!("{}: {}", name(tree, folder), result.err()?)))
        .collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases are wrong (if what is printed now is right: BLESS=1):\n{}",
        wrong.len(),
        folders.len(),
        wrong.join("\n")
    );
}

fn name(tree: &Path, folder: &Path) -> String {
    folder.strip_prefix(tree).unwrap_or(folder).display().to_string()
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    if folder.join("case.toml").exists() {
        found.push(folder.to_path_buf());
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    for folder in folders {
        find(&folder, found);
    }
}

fn one(folder: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(folder.join("case.toml")).map_err(|e| e.to_string())?;
    let case: Kept = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut command = vec![env!("CARGO_BIN_EXE_coroner").to_string()];
    let mut fixtures = None;
    for word in &case.run {
        if word.contains("FIXTURES") && fixtures.is_none() {
            let Some(folder) = support::fixtures() else { return Ok(()) };
            fixtures = Some(folder.display().to_string());
        }
        let place = fixtures.as_deref().unwrap_or_default();
        command.push(word.replace("FIXTURES", place));
    }
    let done = execute(&command, folder)?;
    let mut printed = format!("$ coroner {}\n{}", case.run.join(" "), done.out);
    if !done.err.is_empty() {
        printed += &format!("\nOn standard error:\n{}", done.err);
    }
    if done.code != Some(0) {
        printed += &format!("\nExit status {}\n", done.code.unwrap_or(-1));
    }
    if let Some(fixtures) = fixtures {
        printed = printed.replace(&fixtures, "FIXTURES");
    }
    // Editors and tools take blanks at the end of a line away.
    let printed: String = printed.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    let path = folder.join("expected.txt");
    if blessing() {
        return std::fs::write(&path, printed).map_err(|error| error.to_string());
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if printed == expected { Ok(()) } else { Err(format!("\n{}", diff::of(&expected, &printed))) }
}
