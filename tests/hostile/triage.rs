//! Many dumps at a time: one that harms costs its own row, and the journal keeps what it has.

use crate::limits::{Folder, demo, program, run};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;
use std::time::{Duration, Instant};

fn dump() -> Vec<u8> {
    std::fs::read(demo("dump.core")).expect("it is there")
}

fn lines(folder: &Folder, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.0.join(name)).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

#[test]
fn a_reader_that_dies_is_a_row_and_the_others_are_read() {
    let folder = Folder::new("dies");
    std::fs::create_dir(folder.0.join("d")).expect("room");
    (0..20).for_each(|n| _ = folder.put(&format!("d/{n:02}.core"), &dump()));
    let words = ["triage", "d", "--no-cache", "--rows", "rows.jsonl"];
    let mut command = program(&folder, &words);
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    // Nothing in the readers is known that ends them: their end is brought about.
    let mut killed = HashSet::new();
    let until = Instant::now() + Duration::from_secs(20);
    while killed.is_empty() && Instant::now() < until {
        for worker in children(child.id()) {
            let status = std::process::Command::new("kill").args(["-9", &worker]).status();
            if status.is_ok_and(|status| status.success()) {
                killed.insert(worker);
            }
        }
    }
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let rows = lines(&folder, "rows.jsonl");
    assert_eq!(rows.len(), 20);
    let died = rows.iter().filter(|row| row.contains("died (signal 9)")).count();
    assert!((1..=killed.len()).contains(&died), "{died} rows of {} readers", killed.len());
    assert!(rows.iter().filter(|row| row.contains("\"error\":null")).count() >= 20 - died);
}

/// Children of a process that are workers.
fn children(parent: u32) -> Vec<String> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let mut all = std::fs::read_to_string(path).unwrap_or_default();
    let tasks = std::fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    tasks.for_each(|task| {
        all += &std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        all.push(' ');
    });
    all.split_whitespace().map(str::to_string).collect()
}

#[test]
fn names_count_byte_for_byte() {
    let folder = Folder::new("names");
    std::fs::create_dir(folder.0.join("d")).expect("room");
    let names: [&[u8]; 5] = [b"a\xff1", b"a\xfe1", b"a\\xff1", b"new\nline", b"-dash"];
    for (n, name) in names.iter().enumerate() {
        std::fs::write(folder.0.join("d").join(OsStr::from_bytes(name)), dump()).expect("room");
        for _ in 0..2 {
            let ran = run(&folder, &["triage", "d", "--no-cache", "--rows", "r.jsonl", "--resume"]);
            assert!(ran.output.status.success(), "{}", ran.words());
            assert_eq!(lines(&folder, "r.jsonl").len(), n + 1, "{}", name.escape_ascii());
        }
    }
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let folder = Folder::new("journal");
    folder.put("d.core", &dump());
    let ran = run(&folder, &["triage", "d.core", "--no-cache", "--rows", "r.jsonl"]);
    assert!(ran.output.status.success(), "{}", ran.words());
    let row = std::fs::read_to_string(folder.0.join("r.jsonl")).expect("it was written");
    let damaged = format!("{row}{}\n{row}", &row[..30]);
    let binary = String::from_utf8_lossy(&dump()).into_owned();
    for text in ["notes\nmore\n", "notes", "{}\n", "[1]\n", &damaged, &binary] {
        for more in [&["--resume"][..], &[]] {
            folder.put("x.jsonl", text.as_bytes());
            let words = [&["triage", "d.core", "--no-cache", "--rows", "x.jsonl"], more].concat();
            let ran = run(&folder, &words);
            if more.is_empty() && text == damaged {
                // Begun anew on purpose, and it holds rows.
                continue;
            }
            assert!(!ran.output.status.success(), "{text:.20}: {}", ran.words());
            let after = std::fs::read(folder.0.join("x.jsonl")).expect("it is there");
            assert_eq!(after, text.as_bytes(), "{text:.20}");
        }
    }
    // What a run left unfinished is done again.
    folder.put("x.jsonl", &row.as_bytes()[..row.len() - 9]);
    let ran = run(&folder, &["triage", "d.core", "--no-cache", "--rows", "x.jsonl", "--resume"]);
    assert!(ran.output.status.success(), "{}", ran.words());
    assert_eq!(lines(&folder, "x.jsonl").len(), 1);
}

#[test]
fn control_c_finishes_the_row_and_says_how_to_go_on() {
    let folder = Folder::new("interrupt");
    std::fs::create_dir(folder.0.join("d")).expect("room");
    (0..400).for_each(|n| _ = folder.put(&format!("d/{n:03}.core"), &dump()));
    let words = ["triage", "d", "--no-cache", "--rows", "r.jsonl"];
    let mut command = program(&folder, &words);
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let until = Instant::now() + Duration::from_secs(20);
    while children(child.id()).is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill").args(["-INT", &pid]).status();
    assert!(sent.expect("kill is there").success());
    let output = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("--resume goes on"), "{told}");
    let rows = lines(&folder, "r.jsonl");
    assert!(rows.len() < 400, "it went on to the end");
    assert!(rows.iter().all(|row| row.ends_with('}') && row.contains("\"error\":null")));
}
