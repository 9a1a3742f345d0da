//! What is written: never over what is read, and whole or not at all.

use crate::limits::{Folder, demo, run};
use std::path::Path;
use std::process::Command;

#[test]
fn no_output_takes_the_place_of_an_input() {
    let folder = Folder::new("over-input");
    let before = std::fs::read(demo("dump.core")).expect("it is there");
    let elf = std::fs::read(demo("firmware.elf")).expect("it is there");
    folder.put("d.core", &before);
    folder.put("f.elf", &elf);
    folder.put("e.toml", b"");
    std::fs::create_dir(folder.0.join("all")).expect("room");
    folder.put("all/d.core", &before);
    std::os::unix::fs::symlink("d.core", folder.0.join("link")).expect("links can be made");
    std::fs::hard_link(folder.0.join("d.core"), folder.0.join("hard")).expect("links can be made");
    let report: &[&str] = &["report", "d.core", "--elf", "f.elf"];
    let cases: &[(&[&str], &[&str])] = &[
        (report, &["--html", "d.core"]),
        (report, &["--html", "link"]),
        (report, &["--html", "hard"]),
        (report, &["--html", "./d.core"]),
        (report, &["--html", "f.elf"]),
        (&["convert", "d.core"], &["-o", "link"]),
        (&["convert", "d.core", "--elf", "f.elf", "--to", "ihex"], &["-o", "f.elf"]),
        (&["triage", "d.core"], &["--rows", "d.core"]),
        (&["triage", "d.core"], &["--rows", "link"]),
        (&["triage", "all"], &["--rows", "all/d.core"]),
        (&["check", "d.core", "--expect", "e.toml"], &["--junit", "d.core"]),
        (&["check", "d.core", "--expect", "e.toml"], &["--junit", "e.toml"]),
    ];
    for (words, output) in cases {
        let all = [words, *output, &["--no-cache"]].concat();
        let ran = run(&folder, &all);
        assert!(!ran.output.status.success(), "{all:?}: {}", ran.words());
        let read = |name: &str| std::fs::read(folder.0.join(name)).expect("it is there");
        assert!(read("d.core") == before, "{all:?} wrote over the dump");
        assert!(read("all/d.core") == before, "{all:?} wrote over the dump");
        assert!(read("f.elf") == elf, "{all:?} wrote over the program");
        assert!(read("e.toml").is_empty(), "{all:?} wrote over the expectations");
    }
}

/// As a full disk: a write past 4 KiB fails.
fn on_a_full_disk(folder: &Folder, words: &[&str]) -> Option<i32> {
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_coroner")]).args(words);
    let output = command.current_dir(&folder.0).output().expect("it starts");
    output.status.code()
}

#[test]
fn a_write_that_fails_leaves_the_old_file_or_none() {
    let folder = Folder::new("full");
    let (dump, elf) = (demo("dump.core"), demo("firmware.elf"));
    let (dump, elf) = (dump.to_str().expect("UTF-8"), elf.to_str().expect("UTF-8"));
    for (command, option) in [("convert", "-o"), ("report", "--html")] {
        for old in [None, Some("the old one")] {
            let path = folder.0.join("out");
            let _ = std::fs::remove_file(&path);
            old.iter().for_each(|old| std::fs::write(&path, old).expect("room"));
            let words = [command, dump, "--elf", elf, "--no-cache", option, "out"];
            assert_eq!(on_a_full_disk(&folder, &words), Some(1), "{command}");
            let left = std::fs::read_to_string(&path).ok();
            assert_eq!(left.as_deref(), old, "{command}");
            let parts = std::fs::read_dir(&folder.0).expect("it is there").count();
            assert_eq!(parts, usize::from(old.is_some()), "{command} leaves something behind");
        }
    }
}

#[test]
fn one_file_for_two_outputs_is_refused() {
    let folder = Folder::new("twice");
    folder.put("d.core", &std::fs::read(demo("dump.core")).expect("it is there"));
    let words = ["triage", "d.core", "--no-cache", "--rows", "a.jsonl", "--rows", "./a.jsonl"];
    assert_eq!(run(&folder, &words).output.status.code(), Some(2));
    assert!(!Path::new(&folder.0.join("a.jsonl")).exists());
}
