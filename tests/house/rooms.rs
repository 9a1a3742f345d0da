//! The rooms of `src/`, one for each top-level module, and which of them may know which.
//!
//! `ARCHITECTURE.md` lists them from the top to the bottom. An import points down in that list: so
//! nothing points up, and no circle is possible.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The rooms from the top to the bottom: what stands in backticks at the start of each line of the
/// numbered list.
fn order() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let rooms = text.lines().filter_map(|line| {
        let (number, rest) = line.split_once(". `")?;
        number.trim().parse::<u32>().ok()?;
        Some(rest.split_once('`')?.0.to_string())
    });
    rooms.collect()
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn sources(folder: &Path, to: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, to);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            to.push(path);
        }
    }
}

/// The room of a file: `format` for `src/format/elf.rs`.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).expect("it is in src");
    let first = inside.components().next().expect("it has a name");
    first.as_os_str().to_string_lossy().trim_end_matches(".rs").to_string()
}

/// The code of a file, without comments and its unit tests.
pub(crate) fn code(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    lines
        .map(|line| line.split_once("//").map_or(line, |(code, _)| code))
        .collect::<Vec<_>>()
        .join("\n")
}

/// How deep in the crate a file's module is: 1 for `src/dump.rs` and `src/format/mod.rs`.
fn depth(file: &Path) -> usize {
    let inside = file.strip_prefix(root().join("src")).expect("it is in src");
    inside.components().count() - usize::from(inside.ends_with("mod.rs"))
}

/// The top-level modules that the `code` of a module names that is so `deep`: behind `crate::`, or
/// behind as many `super::` as lead to the crate itself; also in braces.
fn named(code: &str, deep: usize) -> Vec<String> {
    [behind("crate::", code), behind(&"super::".repeat(deep), code)].concat()
}

/// The names that stand behind the path `start` in `code`; also in braces.
pub(crate) fn behind(start: &str, code: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        let before = &code[..at];
        let rest = &code[at + start.len()..];
        if before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let Some(list) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && !c.is_whitespace() => {
                    found.push(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

/// What is wrong with the imports, one sentence each.
fn wrong(order: &[String], imports: &[(String, String, String)]) -> Vec<String> {
    let height: BTreeMap<&str, usize> =
        order.iter().enumerate().map(|(at, room)| (room.as_str(), at)).collect();
    let mut wrong = Vec::new();
    for (file, from, to) in imports {
        let (Some(from_at), Some(to_at)) = (height.get(from.as_str()), height.get(to.as_str()))
        else {
            wrong.push(format!("{file}: {from} or {to} is no room of ARCHITECTURE.md"));
            continue;
        };
        if to_at <= from_at && from != to {
            wrong.push(format!("{file}: {from} must not know {to}, which stands above it"));
        }
    }
    wrong
}

#[test]
fn imports_point_down() {
    let order = order();
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let mut imports = Vec::new();
    for file in files {
        let from = room(&file);
        let text = std::fs::read_to_string(&file).expect("text");
        let name = file.strip_prefix(root()).expect("inside").display().to_string();
        if matches!(from.as_str(), "lib" | "main") {
            continue;
        }
        assert!(order.contains(&from), "{name}: ARCHITECTURE.md lists no room '{from}'");
        for to in named(&code(&text), depth(&file)) {
            // `super` in a module that is written out in a file leads to that file.
            if !order.contains(&to) && !text.contains(&format!("crate::{to}")) {
                continue;
            }
            imports.push((name.clone(), from.clone(), to));
        }
    }
    assert!(imports.len() > 300, "the imports are found: {}", imports.len());
    let wrong = wrong(&order, &imports);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_upward_import_is_seen() {
    let order = ["server", "dump"].map(String::from);
    let code = code("use crate::{a::{b, c}, dump};\nlet x = crate::server::y(); // crate::z\n");
    assert_eq!(named(&code, 1), ["a", "dump", "server"]);
    assert_eq!(named("use super::a;", 1), ["a"], "of src/x.rs");
    let up = "use super::a;\nuse super::super::{b, c::d};\nfn x(y: super::super::e::F) {}";
    assert_eq!(named(up, 2), ["b", "c", "e"], "of src/x/y.rs");
    let up = [("src/dump.rs".to_string(), "dump".to_string(), "server".to_string())];
    assert_eq!(wrong(&order, &up).len(), 1);
    let down = [("src/server.rs".to_string(), "server".to_string(), "dump".to_string())];
    assert!(wrong(&order, &down).is_empty());
}
