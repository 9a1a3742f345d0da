//! Notes and their codes: `docs/notes.md` lists the codes, and every note of the program has one.

use crate::rooms::{code, root, sources};
use std::collections::BTreeSet;

/// The codes of the table in `docs/notes.md`, in its order.
fn listed() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/notes.md")).expect("it is there");
    let row = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_string());
    text.lines().filter_map(row).collect()
}

/// Where the parenthesis closes that `text` begins with: what stands behind it.
fn behind(text: &str) -> &str {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            '(' if !in_string => depth += 1,
            ')' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return &text[at + 1..];
                }
            }
            _ => {}
        }
    }
    ""
}

/// The codes of the notes that `code` makes; `None` for a note without one.
fn codes(code: &str) -> Vec<Option<String>> {
    let mut all = Vec::new();
    for start in ["Note::info(", "Note::warning(", "Note::doubt("] {
        for (at, _) in code.match_indices(start) {
            let mut rest = behind(&code[at + start.len() - 1..]).trim_start();
            let mut own = None;
            while let Some(name) = ["by", "at", "code"].iter().find(|name| {
                rest.strip_prefix('.')
                    .and_then(|rest| rest.strip_prefix(**name))
                    .is_some_and(|r| r.starts_with('('))
            }) {
                let arguments = &rest[1 + name.len()..];
                if *name == "code" {
                    own = arguments.strip_prefix("(\"").and_then(|rest| rest.split('"').next());
                }
                rest = behind(arguments).trim_start();
            }
            all.push(own.map(str::to_string));
        }
    }
    all
}

#[test]
fn every_note_has_a_code_that_is_listed() {
    let listed = listed();
    let unique: BTreeSet<&String> = listed.iter().collect();
    assert_eq!(unique.len(), listed.len(), "a code is listed twice");
    assert!(listed.is_sorted(), "the list is in the order of the alphabet");
    let mut files = Vec::new();
    sources(&root().join("src"), &mut files);
    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    for file in files {
        let name = file.strip_prefix(root().join("src")).expect("inside").display().to_string();
        let text = code(&std::fs::read_to_string(&file).expect("text"));
        for code in codes(&text) {
            match code {
                Some(code) if unique.contains(&code) => {
                    used.insert(code);
                }
                Some(code) => wrong.push(format!("{name}: {code} is not listed")),
                None => wrong.push(format!("{name}: a note without a code")),
            }
        }
    }
    let unused = listed.iter().filter(|code| !used.contains(*code));
    wrong.extend(unused.map(|code| format!("docs/notes.md: {code} is in no note")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_note_without_a_code_is_seen() {
    let text = r#"Note::info("a) \" b").by(NAME).code("x"), Note::info(f(")")).at(y), Note::doubt(z)
        .code("q")"#;
    assert_eq!(codes(text), [Some("x".into()), None, Some("q".into())]);
}
