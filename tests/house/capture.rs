//! The modules of `capture/src`, which of them know which, and that no circle is among them.

use crate::rooms::{behind, code, root, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type Imports = BTreeMap<String, BTreeSet<String>>;

/// Folders whose files are told apart: a file may know the folder's own, and what it may know besides
/// differs.
const FOLDERS: [&str; 2] = ["arch", "sink"];
/// The entry code of a processor and the last resort under it: one thing in several files.
const ENTRY: [&str; 3] = ["cortex_m", "riscv", "last"];

/// The module that a path leads to, of which `names` are the first two.
fn module(names: [&str; 2]) -> String {
    match names {
        ["arch", name] if ENTRY.contains(&name) => "arch::entry".into(),
        // What a folder's own file defines.
        [folder, name] if name.is_empty() || name == "mod" => folder.into(),
        [folder, name] if name.starts_with(|c: char| c.is_ascii_uppercase()) => folder.into(),
        [folder, name] if FOLDERS.contains(&folder) => format!("{folder}::{name}"),
        [name, _] => name.into(),
    }
}

/// The module of a file of `capture/src`.
fn module_of(inside: &Path) -> String {
    let path = inside.with_extension("").display().to_string();
    let mut names = path.split('/').chain([""]);
    module([names.next().expect("its first name"), names.next().expect("one more")])
}

/// What the `code` of a module imports, as modules of the crate.
fn imported(from: &str, code: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for folder in FOLDERS {
        let own = from.starts_with(&format!("{folder}::")).then(|| behind("super::", code));
        let others = behind(&format!("crate::{folder}::"), code);
        let names = own.into_iter().flatten().chain(others);
        all.extend(names.map(|name| module([folder, &name])));
    }
    let rest = behind("crate::", code).into_iter().filter(|name| !FOLDERS.contains(&&**name));
    all.extend(rest.map(|name| module([&name, ""])));
    all.remove(from);
    all
}

/// What is left when modules that import nothing of what is left are taken away again and again: the
/// circles, and what leads to them.
fn circles(mut imports: Imports) -> Imports {
    loop {
        let names: BTreeSet<String> = imports.keys().cloned().collect();
        for to in imports.values_mut() {
            to.retain(|name| names.contains(name));
        }
        let before = imports.len();
        imports.retain(|_, to| !to.is_empty());
        if imports.len() == before {
            return imports;
        }
    }
}

#[test]
fn the_modules_of_the_capture_have_an_order() {
    let source = root().join("capture/src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut imports = Imports::new();
    for file in files {
        let module = module_of(file.strip_prefix(&source).expect("inside"));
        // The crate's own page names everything.
        if module != "lib" {
            let text = std::fs::read_to_string(&file).expect("text");
            let to = imported(&module, &code(&text));
            imports.entry(module).or_default().extend(to);
        }
    }
    let knows = |from: &str, to: &str| imports.get(from).is_some_and(|names| names.contains(to));
    let steps = ["write", "notes", "out", "plan", "region", "layout"];
    for pair in steps.windows(2) {
        assert!(knows(pair[0], pair[1]), "{} does not know {}", pair[0], pair[1]);
    }
    assert!(knows("sink::retained", "arch::kept"), "modules of arch are told apart");
    assert_eq!(circles(imports), Imports::new());
}

#[test]
fn a_circle_is_seen() {
    let import = |from: &str, code: &str| (from.to_string(), imported(from, code));
    let plan = import("plan", "use crate::region::Area;\nuse crate::config::{Config};");
    let region = import("region", "use crate::arch::address::Address;");
    let address = import("arch::address", "use super::live::Live;\nuse crate::Memory;");
    let whole = Imports::from([plan.clone(), region, address]);
    assert_eq!(circles(whole.clone()), Imports::new());
    let region = import("region", "use crate::plan::Pieces;");
    let left = circles(whole.into_iter().chain([region]).collect());
    assert_eq!(left.into_keys().collect::<Vec<_>>(), ["plan", "region"]);
}
