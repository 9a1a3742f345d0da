//! Cases with an `expected.json`: claims about what comes out.

use super::case::{Case, Kind};
use super::compare::{self, Held, fails_if, has, lacks};
use super::report::{Report, list, text};
use super::{Done, asked_for, blessing, execute, short, side_by_side};
use crate::support::machines::{Folder, is_there};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A case with its folder and the others of its kind.
struct Todo<'a> {
    name: String,
    folder: &'a Path,
    case: &'a Case,
    all: &'a [Case],
}

/// The name of each case below `tree` that was run, and what is wrong with it.
fn results(tree: &Path) -> Vec<(String, Held)> {
    let mut kinds = Vec::new();
    find(tree, &mut kinds);
    let kinds: Vec<(PathBuf, String, Kind)> = kinds
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("it was just found");
            let kind = serde_json::from_str(&text);
            let kind = kind.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let folder = path.parent().expect("it has a folder").to_path_buf();
            let name = folder.strip_prefix(tree).unwrap_or(&folder).display().to_string();
            (folder, name, kind)
        })
        .collect();
    let todo: Vec<Todo<'_>> = kinds
        .iter()
        .flat_map(|(folder, kind, cases)| {
            let named = move |case| format!("{kind}/{}", Case::name(case));
            let all = cases.cases.as_slice();
            all.iter().map(move |case| Todo { name: named(case), folder, case, all })
        })
        .filter(|todo| asked_for(&todo.name))
        .collect();
    let held = side_by_side(&todo, |todo| todo.judge(&todo.case.right));
    todo.iter().map(|todo| todo.name.clone()).zip(held).collect()
}

/// Runs all cases below `tree`; a line for each that is wrong.
pub(crate) fn run(tree: &Path) -> Vec<String> {
    let all = results(tree);
    let wrong = all.into_iter().filter_map(|(name, held)| Some((name, held.err()?)));
    wrong.map(|(name, words)| format!("{name}: {words}")).collect()
}

/// Runs all cases below `tree`. Those that the file `open` lists must still be wrong, all others
/// right. Blessing takes cases that became right from the list; it adds none.
pub(crate) fn run_with_open(tree: &Path, open: &Path) {
    let all = results(tree);
    let kept = std::fs::read_to_string(open).unwrap_or_default();
    let listed: BTreeSet<&str> =
        kept.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let right = all.iter().filter(|(_, held)| held.is_ok()).count();
    println!("right {right} of {}", all.len());
    let mut broken = Vec::new();
    let mut mended = BTreeSet::new();
    for (name, held) in &all {
        match held {
            Err(words) if !listed.contains(name.as_str()) => {
                broken.push(format!("{name}: {words}"))
            }
            Ok(()) if listed.contains(name.as_str()) => drop(mended.insert(name.as_str())),
            _ => (),
        }
    }
    let gone = listed.iter().filter(|line| asked_for(line) && !all.iter().any(|(n, _)| n == *line));
    let gone: Vec<&str> = gone.copied().collect();
    if blessing() {
        let stays = |line: &&str| !mended.contains(line) && !gone.contains(line);
        let text: String = kept.lines().filter(stays).map(|line| format!("{line}\n")).collect();
        std::fs::write(open, text).expect("the list can be written");
    } else {
        broken.extend(mended.iter().map(|name| {
            format!("{name}: is right now: take it from {} (BLESS=1 does)", open.display())
        }));
        broken.extend(
            gone.iter().map(|name| format!("{name}: is listed, but there is no such case")),
        );
    }
    assert!(broken.is_empty(), "{} cases:\n{}", broken.len(), broken.join("\n"));
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find(&path, found);
        } else if path.file_name().is_some_and(|name| name == "expected.json") {
            found.push(path);
        }
    }
}

impl Case {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Todo<'_> {
    fn judge(&self, right: &Value) -> Held {
        let right = right.as_object().ok_or("the case itself: 'right' is not an object")?;
        if let Some(options) = right.get("any_of") {
            let each: Vec<_> = list(options).iter().map(|option| self.judge(option)).collect();
            let wrong: Vec<String> = each.iter().filter_map(|held| held.clone().err()).collect();
            return fails_if(wrong.len() == each.len(), || wrong.join(" / "));
        }
        if self.case.argv.is_some() {
            return self.command_line(right);
        }
        if let Some(command) = &self.case.gdb {
            return self.in_gdb(command, right);
        }
        if right.get("refused") == Some(&Value::Bool(true)) {
            return self.refused(right);
        }
        let report = self.report(self.case)?;
        compare::check(&report, right)?;
        let other = |name: &Value| {
            let found = self.all.iter().find(|case| *name == case.name);
            self.report(found.ok_or_else(|| format!("the case itself: no case {name}"))?)
        };
        if let Some(name) = right.get("like") {
            compare::like(&report, &other(name)?)?;
        }
        if let Some(name) = right.get("like_or_unknown") {
            compare::like_or_unknown(&report, &other(name)?)?;
        }
        let signature = |report: &Report| text(report.at("/signature/id")).to_string();
        for (claim, same) in [("signature_same_as", true), ("signature_differs_from", false)] {
            for name in right.get(claim).map_or(&[][..], list) {
                let (ours, theirs) = (signature(&report), signature(&other(name)?));
                let wrong = (ours == theirs) != same;
                fails_if(wrong, || format!("signature {ours}, that of {name} is {theirs}"))?;
            }
        }
        Ok(())
    }

    fn run(&self, case: &Case, verb: &str) -> Result<Done, String> {
        let work = Folder::new("case");
        execute(&case.command(self.folder, &work, verb)?, self.folder)
    }

    fn report(&self, case: &Case) -> Result<Report, String> {
        let done = self.run(case, "report")?;
        fails_if(done.code != Some(0), || format!("refused: {}", short(&done.err)))?;
        serde_json::from_str(&done.out).map(Report).map_err(|error| format!("not JSON: {error}"))
    }

    fn command_line(&self, right: &Map<String, Value>) -> Held {
        let done = self.run(self.case, "")?;
        let status = right.get("status").and_then(Value::as_i64).unwrap_or(0);
        fails_if(done.code.map(i64::from) != Some(status), || {
            format!("exit status {:?}, right {status}: {}", done.code, short(&done.err))
        })?;
        has("output", &done.out, right.get("prints").unwrap_or(&Value::Null))?;
        has("message", &done.err, right.get("message_has").unwrap_or(&Value::Null))
    }

    fn refused(&self, right: &Map<String, Value>) -> Held {
        let done = self.run(self.case, "report")?;
        fails_if(done.code == Some(0), || "opened, right: refused".to_string())?;
        has("message", &done.err, right.get("message_has").unwrap_or(&Value::Null))?;
        lacks("message", &done.err, right.get("message_lacks").unwrap_or(&Value::Null))
    }

    /// What GDB prints over `serve --stdio`: each of `prints`, in this order.
    fn in_gdb(&self, command: &str, right: &Map<String, Value>) -> Held {
        if !is_there("gdb-multiarch") {
            return Ok(());
        }
        let work = Folder::new("case");
        let serve = self.case.command(self.folder, &work, "serve")?;
        let elf = serve.iter().skip_while(|word| *word != "--elf").nth(1).cloned();
        let target = format!("target remote | {} --stdio", serve.join(" "));
        let mut gdb: Vec<String> = ["gdb-multiarch", "-nx", "-batch", "-ex", "set confirm off"]
            .into_iter()
            .chain(["-ex", &target, "-ex", command])
            .map(String::from)
            .collect();
        gdb.extend(elf);
        let done = execute(&gdb, self.folder)?;
        let shown = done.out + &done.err;
        let mut rest = shown.as_str();
        for words in right.get("prints").map_or(&[][..], list).iter().map(text) {
            let at = rest
                .find(words)
                .ok_or_else(|| format!("GDB prints no '{words}' (in this order)"))?;
            rest = &rest[at + words.len()..];
        }
        Ok(())
    }
}
