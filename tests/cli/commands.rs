//! The command line as a user meets it: what is printed where, exit status, signals, ports.

use crate::support;
use crate::support::gdb;
use crate::support::serve;
use serve::Server;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;
use support::fixtures;

fn coroner(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    command.args(args).stdin(Stdio::null()).output().expect("our own program starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn demo_dump() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/demo/dump.core").to_string()
}

#[test]
fn the_exit_status_is_0_for_done_1_for_bad_input_2_for_usage() {
    assert_eq!(coroner(&["info", &demo_dump()]).status.code(), Some(0));
    let missing = coroner(&["info", "no-such-file"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).starts_with("coroner: no-such-file: "), "{}", stderr(&missing));
    assert!(stdout(&missing).is_empty());
    assert_eq!(coroner(&["info", "Cargo.toml"]).status.code(), Some(1));
    assert_eq!(coroner(&["info", &demo_dump(), "--pick", "7"]).status.code(), Some(2));
    assert_eq!(coroner(&["info", &demo_dump(), "--target", "z80"]).status.code(), Some(2));
    assert_eq!(coroner(&["--no-such-option"]).status.code(), Some(2));
    assert_eq!(coroner(&[]).status.code(), Some(2));
    assert_eq!(coroner(&["--help"]).status.code(), Some(0));
}

#[test]
fn results_go_to_standard_output_and_all_else_to_standard_error() {
    let text = coroner(&["info", &demo_dump()]);
    assert!(stdout(&text).contains("sensor (crashed)"), "{}", stdout(&text));
    assert!(stderr(&text).is_empty(), "{}", stderr(&text));
    let json = coroner(&["info", "--json", &demo_dump()]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["threads"][0]["name"], "sensor");
    assert_eq!(json["threads"][0]["crashed"], true);
    assert_eq!(json["reason"]["signal"], "SIGSEGV");
}

#[test]
fn a_dump_comes_in_through_standard_input_too() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["info", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let dump = std::fs::read(demo_dump()).unwrap();
    child.stdin.take().unwrap().write_all(&dump).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(stdout(&output).starts_with("standard input: "), "{}", stdout(&output));
}

#[test]
fn a_reader_that_goes_away_early_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["info", "--json", &demo_dump()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(stderr(&output).is_empty(), "{}", stderr(&output));
}

#[test]
fn a_taken_port_a_bad_address_and_a_missing_permission_get_one_clear_sentence() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let dump = demo_dump();
    let sentence = |listen: &str| {
        let output = coroner(&["serve", &dump, "--listen", listen]);
        let said = stderr(&output);
        assert_eq!(said.lines().filter(|l| !l.contains("warning")).count(), 1, "{said}");
        (output.status.code(), said)
    };
    let (status, said) = sentence(&format!("127.0.0.1:{port}"));
    assert_eq!(status, Some(1));
    assert!(said.contains(&port.to_string()) && said.contains("taken"), "{said}");
    assert_eq!(sentence("nonsense").0, Some(2));
    assert_eq!(sentence("127.0.0.1:99999").0, Some(2));
    let (status, said) = sentence("192.0.2.1:3333");
    assert_eq!(status, Some(1));
    assert!(said.contains("192.0.2.1"), "{said}");
    let (status, said) = sentence("unix:/no-such-folder/socket");
    assert_eq!(status, Some(1));
    assert!(said.contains("/no-such-folder/socket"), "{said}");
}

#[test]
fn an_address_that_others_can_reach_is_warned_about() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["serve", &demo_dump(), "--listen", "0.0.0.0:0"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = vec![0; 120];
    child.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(said.contains("can be reached from other machines"), "{said}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_server_cleanly_even_with_a_client() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["serve", &demo_dump(), "--listen", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut said = String::new();
    let mut byte = [0];
    while !said.contains("ends it") {
        assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{said}");
        said.push(byte[0] as char);
    }
    let port = said.split("127.0.0.1:").nth(1).unwrap();
    let port: String = port.chars().take_while(char::is_ascii_digit).collect();
    let client = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let id = child.id().to_string();
    Command::new("sh").args(["-c", &format!("kill -INT {id}")]).status().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    drop(client);
}

#[test]
fn with_once_the_server_ends_when_its_client_has_gone() {
    for gdb in gdb::gdbs() {
        let dump = demo_dump();
        let mut server = Server::start(&["--once", &dump]);
        gdb::run(&gdb, 20, &[&server.target_remote(), "bt 1", "detach"]);
        let ended = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            !server.runs()
        });
        assert!(ended, "it still runs");
    }
}

#[test]
fn the_demo_shows_what_it_says_it_shows() {
    for gdb in gdb::gdbs() {
        let pipe =
            format!("target remote | {} demo --stdio 2>/dev/null", env!("CARGO_BIN_EXE_coroner"));
        let commands = [
            &pipe,
            "bt",
            "info threads",
            "frame 1",
            "p *settings",
            "monitor crash",
            "monitor fault",
            "continue",
        ];
        let shown = gdb::run(&gdb, 20, &commands);
        let wanted = [
            "#0  demo::read_offset (calibration=0xdeadbee0) at cortex-m/src/bin/demo.rs:",
            "in demo::calibrate (",
            "in demo::measure (",
            "in demo::sensor_task (",
            "\"radio\" (ready",
            "\"watch\" (ready",
            "calibration: 0xdeadbee0",
            "bus fault: precise data access: 0xdeadbee0",
            "BFARVALID",
            "The device is dead",
        ];
        for wanted in wanted {
            assert!(shown.contains(wanted), "no '{wanted}' in\n{shown}");
        }
    }
}

#[test]
fn what_info_says_names_file_layers_reason_and_every_thread() {
    let Some(folder) = fixtures() else { return };
    let dump: PathBuf = folder.join("espressif/esp32c3/coredump.b64");
    let output = coroner(&["info", dump.to_str().unwrap(), "-v"]);
    let said = stdout(&output);
    for wanted in [
        "base64 lines > ESP-IDF ELF core 0x0102, CRC-32 ok, esp32c3",
        "abort() was called at PC 0x42009351 on core 0 (SIGABRT)",
        "mcause     0x00000007  store access fault",
        "main (crashed), IDLE, esp_timer",
        "stack of main",
        "TCB of IDLE",
        "never ran",
    ] {
        assert!(said.contains(wanted), "no '{wanted}' in\n{said}");
    }
}

/// What `info --json` says of registers and threads is what GDB shows: both know only the dump.
#[test]
fn info_and_the_server_show_the_same_facts() {
    let mut cases = vec![(
        demo_dump(),
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/demo/firmware.elf").to_string(),
    )];
    if let Some(folder) = fixtures() {
        let path = |name: &str| folder.join("espressif/esp32c6").join(name).display().to_string();
        cases.push((path("coredump.b64"), path("esp32c6.elf")));
    }
    for gdb in gdb::gdbs() {
        for (dump, elf) in &cases {
            let json = coroner(&["info", "--json", dump, "--elf", elf]);
            let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
            let server = Server::start(&[dump, "--elf", elf]);
            let mut commands =
                vec!["set language c".into(), server.target_remote(), "info threads".to_string()];
            let mut wanted = Vec::new();
            for (index, thread) in json["threads"].as_array().unwrap().iter().enumerate() {
                wanted.push(format!("\"{}\"", thread["name"].as_str().unwrap()));
                commands.push(format!("thread {}", index + 1));
                for (name, value) in thread["registers"].as_object().unwrap() {
                    let value = value.as_str().unwrap();
                    // msp and psp are described only where all threads hold them: GDB can't unwind
                    // a thread whose msp is unknown. Doubles are no unsigned numbers.
                    let shown = !matches!(name.as_str(), "msp" | "psp") && !name.starts_with('d');
                    if value.len() <= 10 && shown {
                        commands
                            .push(format!("printf \"{index} {name} %#x\\n\", (unsigned)${name}"));
                        // C prints zero without 0x.
                        let value = if value == "0x0" { "0" } else { value };
                        wanted.push(format!("{index} {name} {value}\n"));
                    }
                }
            }
            let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
            let shown = gdb::run(&gdb, 30, &commands);
            assert!(wanted.len() > 40, "{} facts", wanted.len());
            for wanted in wanted {
                assert!(shown.contains(&wanted), "no '{wanted}' in\n{shown}");
            }
        }
    }
}

#[test]
fn a_taken_port_offers_the_next_free_one() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("it has one").port();
    let output = coroner(&["serve", &demo_dump(), "--listen", &format!("127.0.0.1:{port}")]);
    assert_eq!(output.status.code(), Some(1));
    let words = stderr(&output);
    let offered = words.trim_end().rsplit_once("--listen :").expect(&words).1;
    let offered: u16 = offered.parse().expect(&words);
    assert!(offered > port && TcpListener::bind(("127.0.0.1", offered)).is_ok(), "{words}");
}

/// A folder with a program of the name, as the only one in `PATH`.
#[cfg(unix)]
fn path_with(name: &str, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let folder = std::env::temp_dir().join(format!("coroner-path-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("room for files");
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("room for files");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("it is ours");
    folder
}

#[cfg(unix)]
#[test]
fn the_demo_listens_before_a_gdb_has_answered() {
    use std::io::BufRead;

    let path = path_with("gdb-multiarch", "/bin/sleep 0.3; echo '#0  where_it_was ()'");
    let mut demo = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["demo", "--listen", ":0"])
        .env("PATH", &path)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("our own program starts");
    let lines = std::io::BufReader::new(demo.stderr.take().expect("it is piped")).lines();
    let mut seen = Vec::new();
    for line in lines {
        seen.push(line.expect("text"));
        if seen.last().is_some_and(|line| line.contains("where_it_was")) {
            break;
        }
    }
    let place = |words: &str| seen.iter().position(|line| line.contains(words));
    assert!(place("listening on").is_some(), "{seen:?}");
    assert!(place("listening on") < place("where_it_was"), "{seen:?}");
    demo.kill().expect("it runs");
    demo.wait().expect("it was ours");
    std::fs::remove_dir_all(path).expect("it is ours");
}

#[cfg(unix)]
#[test]
fn without_a_gdb_it_is_said_what_shows_the_dump_instead() {
    let path = path_with("no-gdb", "");
    let output = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["gdb", &demo_dump()])
        .env("PATH", &path)
        .output()
        .expect("our own program starts");
    assert_eq!(output.status.code(), Some(1));
    let words = stderr(&output);
    assert!(words.contains("no GDB for cortex-m") && words.contains("coroner report"), "{words}");
    std::fs::remove_dir_all(path).expect("it is ours");
}
