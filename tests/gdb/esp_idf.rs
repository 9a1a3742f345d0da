//! Real GDBs on the ESP-IDF fixtures: the same tasks and frames as in each fixture's
//! `expected_output`, up to the first frame in ROM on RISC-V (where no GDB can go on without the
//! ROM's ELF file), all of them on Xtensa.

use crate::support;
use crate::support::gdb;
use crate::support::missing;
use crate::support::serve;
use serve::Server;
use std::path::PathBuf;
use support::fixtures;

struct Case {
    folder: &'static str,
    dump: &'static str,
    elf: &'static str,
    expected: &'static str,
    rom: std::ops::Range<u64>,
}

const fn case(folder: &'static str, names: [&'static str; 3], rom: std::ops::Range<u64>) -> Case {
    let [dump, elf, expected] = names;
    Case { folder, dump, elf, expected, rom }
}

const RISCV: [Case; 3] = [
    case("esp32c3", ["coredump.b64", "esp32c3.elf", "expected_output"], 0x4000_0000..0x4006_0000),
    case(
        "esp32c3",
        ["coredump_bin.b64", "esp32c3_bin.elf", "expected_output_bin"],
        0x4000_0000..0x4006_0000,
    ),
    case("esp32c6", ["coredump.b64", "esp32c6.elf", "expected_output"], 0x4000_0000..0x4005_0000),
];

const XTENSA: [Case; 2] = [
    case("esp32", ["coredump.b64", "esp32.elf", "expected_output"], 0x4000_0000..0x4007_0000),
    case(
        "esp32",
        ["coredump_bin.b64", "esp32_bin.elf", "expected_output_bin"],
        0x4000_0000..0x4007_0000,
    ),
];

/// The threads of a backtrace, each with its name and its lines `#0 ...`.
fn threads(text: &str) -> Vec<(String, Vec<String>)> {
    let mut threads: Vec<(String, Vec<String>)> = Vec::new();
    let mut seen_all = false;
    for line in text.lines() {
        if line.starts_with("==================== THREAD ") {
            let name = line.split("name: '").nth(1).and_then(|rest| rest.split('\'').next());
            threads.push((name.unwrap_or_default().to_string(), Vec::new()));
        } else if line.starts_with("Thread ") && line.contains('"') && line.ends_with(':') {
            threads.push((line.split('"').nth(1).unwrap_or_default().to_string(), Vec::new()));
        } else if line.contains("ALL MEMORY REGIONS") {
            seen_all = true;
        } else if line.starts_with('#')
            && !seen_all
            && let Some((_, frames)) = threads.last_mut()
        {
            frames.push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    threads.sort();
    threads
}

fn address(frame: &str) -> Option<u64> {
    let hex = frame.split_whitespace().nth(1)?.strip_prefix("0x")?;
    u64::from_str_radix(hex, 16).ok()
}

fn compare(case: &Case, shown: &str, stop_at_rom: bool) -> usize {
    let folder = fixtures().expect("asked before").join("espressif").join(case.folder);
    let expected = std::fs::read_to_string(folder.join(case.expected)).expect("a fixture");
    let (expected, shown_threads) = (threads(&expected), threads(shown));
    let names = |threads: &[(String, Vec<String>)]| -> Vec<String> {
        threads.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&shown_threads), names(&expected), "{shown}");
    let mut compared = 0;
    for ((name, expected), (_, shown)) in expected.iter().zip(&shown_threads) {
        for (number, expected) in expected.iter().enumerate() {
            let in_rom = address(expected).is_some_and(|addr| case.rom.contains(&addr));
            let there = shown.get(number).map(String::as_str).unwrap_or("(no frame)");
            if in_rom {
                // The ROM's names need its ELF file; its addresses do not.
                assert_eq!(address(there), address(expected), "{name}: {there}");
                compared += 1;
                if stop_at_rom {
                    break;
                }
                continue;
            }
            assert_eq!(there, expected, "{}/{}: {name}", case.folder, case.dump);
            compared += 1;
        }
    }
    compared
}

fn files(case: &Case) -> Option<(PathBuf, PathBuf)> {
    let folder = fixtures()?.join("espressif").join(case.folder);
    Some((folder.join(case.dump), folder.join(case.elf)))
}

#[test]
fn every_riscv_fixture_shows_the_expected_frames_in_gdb() {
    for gdb in gdb::gdbs() {
        for case in &RISCV {
            let Some((dump, elf)) = files(case) else { return };
            let mut server = Server::start(&[dump.as_os_str(), "--elf".as_ref(), elf.as_os_str()]);
            let commands = [
                &server.target_remote(),
                "info threads",
                "thread apply all bt",
                "thread 1",
                "info registers",
                "info registers mcause mtval mstatus mtvec mhartid",
                "x/8i $pc",
                "frame 0",
                "p details",
                "p/x *(unsigned *)$sp",
            ];
            let shown = gdb::run(&gdb, 30, &commands);
            let frames = compare(case, &shown, true);
            assert!(frames > 5, "{frames} frames compared:\n{shown}");
            for wanted in ["mcause ", "mtval ", "=> 0x", "panic_abort", "\"abort() was called"] {
                assert!(shown.contains(wanted), "no {wanted} in\n{shown}");
            }
            assert!(!shown.contains("warning: Architecture rejected"), "{shown}");
            assert!(server.runs());
            println!("{}: {}/{}: {frames} frames", gdb.display(), case.folder, case.dump);
        }
    }
}

#[test]
fn both_esp32_fixtures_show_the_expected_frames_in_their_own_gdb() {
    let Some(gdb) = missing::named_by("CORONER_XTENSA_GDB", "xtensa-gdb-esp32") else { return };
    for case in &XTENSA {
        let Some((dump, elf)) = files(case) else { return };
        let server = Server::start(&[dump.as_os_str(), "--elf".as_ref(), elf.as_os_str()]);
        let file = format!("file {}", elf.display());
        let commands = [
            &file,
            &server.target_remote(),
            "info threads",
            "thread apply all bt",
            "thread 1",
            "info registers",
            "info registers exccause excvaddr",
            "x/3i $pc",
        ];
        let shown = gdb::run(&gdb, 30, &commands);
        let frames = compare(case, &shown, false);
        assert!(frames > 20, "{frames} frames compared:\n{shown}");
        for wanted in ["exccause       0x", "threadptr      <unavailable>", "=> 0x"] {
            assert!(shown.contains(wanted), "no '{wanted}' in\n{shown}");
        }
        println!("{}: {}/{}: {frames} frames", gdb.display(), case.folder, case.dump);
    }
}

#[test]
fn gdb_talks_to_a_server_on_a_pipe_and_leaves_in_peace() {
    for gdb in gdb::gdbs() {
        let Some((dump, elf)) = files(&RISCV[2]) else { return };
        let pipe = format!(
            "target remote | {} serve --stdio {} --elf {} 2>/dev/null",
            env!("CARGO_BIN_EXE_coroner"),
            dump.display(),
            elf.display()
        );
        let shown = gdb::run(&gdb, 30, &[&pipe, "bt 1", "stepi", "continue", "kill"]);
        assert!(shown.contains("#0  panic_abort"), "{shown}");
        assert!(shown.contains("SIGABRT"), "{shown}");
    }
}

#[test]
fn nothing_that_a_user_tries_hangs_or_ends_the_server() {
    for gdb in gdb::gdbs() {
        let Some((dump, elf)) = files(&RISCV[0]) else { return };
        let mut server = Server::start(&[dump.as_os_str(), "--elf".as_ref(), elf.as_os_str()]);
        let target = server.target_remote();
        let extended = target.replace("remote", "extended-remote");
        let wrong_keys = [
            "continue",
            "step",
            "next",
            "stepi",
            "nexti",
            "finish",
            "until",
            "break main",
            "tbreak 1",
            "watch *(int*)0x3fc8ec30",
            "set var *(int*)0x3fc8ec30 = 1",
            "p $pc = 0",
            "jump main",
            "load",
            "monitor reset halt",
            "monitor nonsense",
            "info mem",
            "call abort()",
            "detach",
        ];
        for key in wrong_keys {
            let shown = gdb::run(&gdb, 30, &[&target, key, "bt 1"]);
            assert!(!shown.contains("Remote connection closed"), "{key}:\n{shown}");
            assert!(server.runs(), "{key}:\n{shown}");
        }
        for key in ["kill", "run", "attach 1", "start"] {
            gdb::run(&gdb, 30, &[&extended, key, "info threads"]);
            assert!(server.runs(), "{key}");
        }
        let after = gdb::run(&gdb, 30, &[&target, "p *(unsigned*)0x3fc8ec30", "bt 1"]);
        assert!(after.contains("#0  panic_abort"), "{after}");
        assert!(!after.contains("= 1\n"), "another client's write is not to be seen:\n{after}");
    }
}
