//! One case of an `expected.json`: what it holds, and the command line that it stands for.

use super::console;
use crate::support::machines::Folder;
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A file `expected.json`: cases of one kind.
#[derive(Deserialize)]
pub(crate) struct Kind {
    #[serde(default)]
    pub cases: Vec<Case>,
}

/// An input with what must come out. Fields as in `fixtures/field/README.md`.
#[derive(Deserialize, Clone)]
pub(crate) struct Case {
    pub name: String,
    inputs: Vec<String>,
    #[serde(default)]
    options: Vec<String>,
    #[serde(default)]
    through: Vec<String>,
    #[serde(default)]
    patch: Vec<Patch>,
    before: Option<Before>,
    #[serde(default)]
    joined: bool,
    pub argv: Option<Vec<String>>,
    pub gdb: Option<String>,
    pub right: Value,
}

#[derive(Deserialize, Clone)]
struct Patch {
    input: usize,
    at: usize,
    hex: String,
}

#[derive(Deserialize, Clone)]
struct Before {
    hex: String,
    times: usize,
}

impl Case {
    /// The command line of `verb`; what has to be written for it goes to `work`.
    pub(crate) fn command(
        &self,
        folder: &Path,
        work: &Folder,
        verb: &str,
    ) -> Result<Vec<String>, String> {
        let inputs = if self.joined {
            vec![self.join_inputs(folder, work)?]
        } else {
            let inputs = self.inputs.iter().enumerate();
            inputs.map(|(n, name)| self.input(folder, work, n, name)).collect::<Result<_, _>>()?
        };
        let program = env!("CARGO_BIN_EXE_coroner").to_string();
        if let Some(argv) = &self.argv {
            let first = inputs.first().map_or("", String::as_str);
            let word = |word: &String| match word {
                word if word.contains("INPUT") => word.replace("INPUT", first),
                word if word.starts_with("../../") => place(folder, word),
                word => word.clone(),
            };
            return Ok(std::iter::once(program).chain(argv.iter().map(word)).collect());
        }
        let mut command = vec![program, verb.to_string()];
        command.extend(inputs);
        let mut names_a_file = false;
        for option in &self.options {
            command.push(if names_a_file { place(folder, option) } else { option.clone() });
            names_a_file = ["--elf", "--elf-dir", "--target-file"].contains(&option.as_str());
        }
        if verb == "report" {
            command.push("--json".to_string());
        }
        Ok(command)
    }

    /// The path of an input, or of what becomes of it.
    fn input(&self, folder: &Path, work: &Folder, n: usize, name: &str) -> Result<String, String> {
        let path = place(folder, name);
        let patches = || self.patch.iter().filter(|patch| patch.input == n);
        if self.through.is_empty() && self.before.is_none() && patches().next().is_none() {
            return Ok(path);
        }
        let mut bytes = read(&path)?;
        for Patch { at, hex, .. } in patches() {
            let new = from_hex(hex)?;
            let end = at + new.len();
            bytes
                .get_mut(*at..end)
                .ok_or("the patch lies outside the input")?
                .copy_from_slice(&new);
        }
        if let Some(before) = &self.before {
            bytes = [from_hex(&before.hex)?.repeat(before.times), bytes].concat();
        }
        for kind in &self.through {
            bytes = console::through(kind, &bytes)?;
        }
        write(work, Path::new(name).file_name().map_or("input".as_ref(), Path::new), &bytes)
    }

    /// All inputs in one log, each between the lines that ESP-IDF prints around a core dump.
    fn join_inputs(&self, folder: &Path, work: &Folder) -> Result<String, String> {
        let rule = "=".repeat(16);
        let mut joined = Vec::new();
        for name in &self.inputs {
            joined.extend(format!("{rule} CORE DUMP START {rule}\n").bytes());
            joined.extend(read(&place(folder, name))?.trim_ascii());
            joined.extend(format!("\n{rule} CORE DUMP END {rule}\n").bytes());
        }
        write(work, Path::new("joined.log"), &joined)
    }
}

/// A path from a case's folder. `../../NAME` is a fixture wherever the folder lies; `@0x..` stays.
fn place(folder: &Path, path: &str) -> String {
    let (at, address) = match path.split_once("@0x") {
        Some((at, address)) if !folder.join(path).exists() => (at, format!("@0x{address}")),
        _ => (path, String::new()),
    };
    let mut found = folder.join(at);
    if let Some(rest) = at.strip_prefix("../../").filter(|_| !found.exists()) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        found = root.join("../shared/fixtures").join(rest);
    }
    format!("{}{address}", found.display())
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("the case itself: {path}: {error}"))
}

fn write(work: &Folder, name: &Path, bytes: &[u8]) -> Result<String, String> {
    let path: PathBuf = work.0.join(name);
    std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path.display().to_string())
}

fn from_hex(hex: &str) -> Result<Vec<u8>, String> {
    let digits = |at| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..hex.len()).step_by(2).map(digits).collect();
    bytes.ok_or_else(|| format!("the case itself: '{hex}' is not hexadecimal"))
}
