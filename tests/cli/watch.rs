//! `coroner watch`: consoles as they come.

use crate::support::fixtures;
use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PANIC: &str = "Guru Meditation Error: Core  0 panic'ed (Load access fault). Exception was unhandled.\r\n\
    \r\n\
    Core  0 register dump:\r\n\
    MEPC    : 0x42013c20  RA      : 0x42009354  SP      : 0x3fc9a6f0  GP      : 0x3fc8c000  \r\n\
    TP      : 0x3fc9a8f0  T0      : 0x3d4b3e22  T1      : 0x000000cb  T2      : 0x00000001  \r\n\
    S0/FP   : 0x3fc9a750  S1      : 0x0000832c  A0      : 0x000096c1  A1      : 0x00000002  \r\n\
    A2      : 0x00000000  A3      : 0x00000001  A4      : 0x3fc90000  A5      : 0x00000000  \r\n\
    MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x00000005  MTVAL   : 0x00000002  \r\n\
    \r\n";
const BOOT: &str = "ESP-ROM:esp32c3-api1-20210207\r\nI (30) boot: ESP-IDF v5.1\r\n";
/// Nothing takes longer, on a machine with much to do.
const LIMIT: Duration = Duration::from_secs(60);

/// A folder of its own for each test.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> Room {
        let folder =
            std::env::temp_dir().join(format!("coroner-watch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("room for a folder");
        Room(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The logs that were kept.
    fn kept(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.path("crashes")).into_iter().flatten().flatten();
        let mut all: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        all.sort();
        all
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn command(room: &Room, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
    command.arg("watch").args(args).current_dir(&room.0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it on a log that is there already.
fn run(room: &Room, args: &[&str], log: &[u8]) -> Output {
    let path = room.path("input");
    std::fs::write(&path, log).expect("room");
    let log = std::fs::File::open(&path).expect("it is there");
    command(room, args).stdin(log).output().expect("our own program starts")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What is ours of an output, and what is the device's.
fn parts(shown: &str) -> (String, String) {
    let (mut ours, mut theirs) = (String::new(), String::new());
    for line in shown.split_inclusive('\n') {
        if line.starts_with("---") { &mut ours } else { &mut theirs }.push_str(line);
    }
    (ours, theirs)
}

/// One that runs on, and what it has shown so far.
struct Watching {
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl Watching {
    fn start(room: &Room, args: &[&str]) -> Watching {
        let mut child = command(room, args).spawn().expect("our own program starts");
        let mut stdout = child.stdout.take().expect("it is piped");
        let shown = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&shown);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(len @ 1..) = stdout.read(&mut bytes) {
                to.lock().expect("no panic").extend_from_slice(&bytes[..len]);
            }
        });
        Watching { child, shown }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().expect("no panic")).into_owned()
    }

    fn wait_for(&self, words: &str, count: usize) {
        let started = Instant::now();
        while self.shown().matches(words).count() < count {
            assert!(started.elapsed() < LIMIT, "no {count} times {words:?} in {}", self.shown());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_console_passes_unchanged_and_the_report_stands_below_the_crash() {
    let room = Room::new("unchanged");
    let log = format!("\x1b[32mI (1) ok\x1b[0m\r\n\x07\u{202e}bytes \r{PANIC}{BOOT}prompt> ");
    let output = run(&room, &["-"], log.as_bytes());
    assert_eq!(output.status.code(), Some(3));
    let shown = text(&output);
    let (ours, theirs) = parts(&shown);
    assert_eq!(theirs, log);
    assert!(shown.find("--- coroner: ") < shown.find("ESP-ROM"), "{shown}");
    assert!(ours.contains("#0  0x42013c20 ??"), "{ours}");
    let kept = room.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let kept_log = std::fs::read_to_string(&kept[0]).expect("it is there");
    assert!(log.starts_with(&kept_log) && kept_log.contains("MCAUSE"), "{kept_log}");
    let name = kept[0].display().to_string();
    assert!(ours.contains(&format!("kept as {}", &name[name.len() - 38..])), "{ours} {name}");
}

#[test]
fn a_boot_loop_is_told_once_and_counted() {
    let room = Room::new("loop");
    let output = run(&room, &["-"], format!("{PANIC}{BOOT}").repeat(20).as_bytes());
    let (ours, theirs) = parts(&text(&output));
    assert_eq!(theirs, format!("{PANIC}{BOOT}").repeat(20));
    assert_eq!(ours.matches("kept as").count(), 1, "{ours}");
    assert_eq!(ours.matches(": seen ").count(), 19, "{ours}");
    assert!(ours.contains(": seen 20 times, signature "), "{ours}");
    assert_eq!(room.kept().len(), 1);
}

#[test]
fn a_log_without_a_crash_ends_with_0_and_keeps_nothing() {
    let room = Room::new("calm");
    let output = run(&room, &["-", "--once"], format!("{BOOT}Guru of the day\r\n").as_bytes());
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output), format!("{BOOT}Guru of the day\r\n"));
    assert!(!room.path("crashes").exists());
    assert_eq!(run(&room, &["no/such/folder/log"], b"").status.code(), Some(1));
    assert_eq!(run(&room, &["-", "--decode"], b"").status.code(), Some(2));
    assert_eq!(run(&room, &["-", "--no-keep", "--", "true"], b"").status.code(), Some(2));
}

#[test]
fn a_dump_in_base64_is_opened_with_the_text_above_it() {
    let Some(fixtures) = fixtures() else { return };
    let folder = fixtures.join("espressif/esp32c3");
    let dump = std::fs::read_to_string(folder.join("coredump.b64")).expect("a fixture");
    let log = format!(
        "I (1) app: on\r\nabort() was called at PC 0x42009351 on core 0\r\n\
         ================= CORE DUMP START =================\r\n{}\
         ================= CORE DUMP END =================\r\n{BOOT}",
        dump.replace('\n', "\r\n")
    );
    let room = Room::new("base64");
    let elf = folder.join("esp32c3.elf").display().to_string();
    let output = run(&room, &["-", "--elf", &elf], log.as_bytes());
    let (ours, theirs) = parts(&text(&output));
    assert_eq!(theirs, log);
    assert!(ours.contains("abort() was called at PC 0x42009351 on core 0"), "{ours}");
    assert!(ours.contains("#3  0x42009354 fail_once at "), "{ours}");
    // What is kept opens as it is.
    let kept = room.kept().remove(0);
    let info = Command::new(env!("CARGO_BIN_EXE_coroner")).arg("info").arg(&kept).output();
    let info = text(&info.expect("our own program starts"));
    assert!(info.contains("ESP-IDF ELF core") && info.contains("Threads:"), "{info}");
}

#[test]
fn names_stand_at_the_ends_of_ordinary_lines() {
    let Some(fixtures) = fixtures() else { return };
    let elf = fixtures.join("espressif/esp32c3/esp32c3.elf").display().to_string();
    let room = Room::new("decode");
    let log = b"I (1) app: from 0x42009354\r\nno address\r\n0x42009354";
    let shown = text(&run(&room, &["-", "--decode", "--elf", &elf], log));
    let lines: Vec<&str> = shown.split('\n').collect();
    assert!(lines[0].starts_with("I (1) app: from 0x42009354  <- app_main at "), "{shown}");
    assert!(lines[0].ends_with('\r'), "{shown}");
    assert_eq!(&lines[1..], ["no address\r", "0x42009354"]);
}

#[cfg(unix)]
#[test]
fn a_command_gets_the_kept_log_and_no_shell_sees_it() {
    let room = Room::new("command");
    let out = room.path("seen").display().to_string();
    let script = "printf '%s\\n' \"$1\" \"$2\" > \"$0\"";
    let args = ["-", "--", "sh", "-c", script, &out, "a b;c"];
    let output = run(&room, &args, format!("{PANIC}{BOOT}{PANIC}{BOOT}").as_bytes());
    assert_eq!(output.status.code(), Some(3));
    let seen = std::fs::read_to_string(&out).expect("it ran");
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[0], "a b;c");
    assert!(lines[1].starts_with("crashes/") && lines[1].ends_with(".log"), "{seen}");
}

#[test]
fn a_socket_that_vanishes_is_taken_up_again_and_keys_go_back() {
    let room = Room::new("socket");
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("it has one").to_string();
    let mut watching = Watching::start(&room, &[&address]);
    let (mut device, _) = server.accept().expect("it connects");
    device.write_all(b"first\r\n> ").expect("it reads");
    watching.wait_for("first\r\n> ", 1);
    let mut keys = watching.child.stdin.take().expect("it is piped");
    keys.write_all(b"help\n").expect("it reads");
    let mut got = [0; 5];
    device.read_exact(&mut got).expect("keys come");
    assert_eq!(&got, b"help\n");
    device.write_all(PANIC.as_bytes()).expect("it reads");
    // No banner, no end: only the silence says that it is over.
    watching.wait_for("kept as crashes/", 1);
    drop(device);
    watching.wait_for("not there; waiting for it", 1);
    let (mut device, _) = server.accept().expect("it connects again");
    watching.wait_for(": there", 1);
    device.write_all(format!("{BOOT}{PANIC}{BOOT}").as_bytes()).expect("it reads");
    watching.wait_for(": seen 2 times", 1);
    keys.write_all(b"x").expect("it reads");
    device.read_exact(&mut got[..1]).expect("keys come");
    assert_eq!(room.kept().len(), 1);
}

#[test]
fn more_of_a_crash_is_looked_at_again() {
    let Some(fixtures) = fixtures() else { return };
    let dump = std::fs::read_to_string(fixtures.join("espressif/esp32c3/coredump.b64"));
    let dump = dump.expect("a fixture").replace('\n', "\r\n");
    let room = Room::new("more");
    let server = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = server.local_addr().expect("it has one").to_string();
    let watching = Watching::start(&room, &[&address]);
    let (mut device, _) = server.accept().expect("it connects");
    device.write_all(PANIC.as_bytes()).expect("it reads");
    watching.wait_for("kept as crashes/", 1);
    device.write_all(b"================= CORE DUMP START =================\r\n").expect("it reads");
    device.write_all(dump.as_bytes()).expect("it reads");
    device.write_all(b"================= CORE DUMP END =================\r\n").expect("it reads");
    watching.wait_for("more of the crash above", 1);
    watching.wait_for("kept as crashes/", 2);
    let kept = room.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert!(std::fs::read_to_string(&kept[0]).expect("it is there").contains("DUMP END"));
}

#[test]
fn a_log_that_grows_is_followed_through_its_rotation() {
    let room = Room::new("rotate");
    let log = room.path("bench.log");
    let append = |path: &Path, text: &str| {
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("room");
        file.write_all(text.as_bytes()).expect("room");
    };
    append(&log, "old line\n");
    let watching = Watching::start(&room, &["bench.log", "--no-keep"]);
    watching.wait_for("old line", 1);
    append(&log, &format!("new line\r\n{PANIC}"));
    watching.wait_for("signature ", 1);
    std::fs::rename(&log, room.path("bench.log.1")).expect("it is there");
    append(&room.path("bench.log.1"), "last words\n");
    watching.wait_for("last words", 1);
    append(&log, "after rotation\n");
    watching.wait_for("after rotation", 1);
    std::fs::write(&log, "cut\n").expect("room");
    watching.wait_for("cut\n", 1);
    let new = Watching::start(&room, &["bench.log", "--new", "--no-keep"]);
    std::thread::sleep(Duration::from_millis(300));
    append(&log, "only this\n");
    new.wait_for("only this", 1);
    assert_eq!(new.shown(), "only this\n");
}

#[test]
fn a_file_that_is_not_there_yet_is_waited_for_and_once_ends_it() {
    let room = Room::new("once");
    let mut watching = Watching::start(&room, &["later.log", "--once", "--no-keep"]);
    watching.wait_for("later.log: not there; waiting for it", 1);
    std::fs::write(room.path("later.log"), format!("{BOOT}{PANIC}")).expect("room");
    let status = watching.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(3));
    watching.wait_for("signature ", 1);
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_read_by_one_writer_after_the_other() {
    let room = Room::new("pipe");
    let pipe = room.path("console");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("a usual tool").success());
    let watching = Watching::start(&room, &["console", "--no-keep"]);
    for count in 1..=2 {
        let mut device = OpenOptions::new().write(true).open(&pipe).expect("it is read");
        device.write_all(format!("writer\r\n{PANIC}").as_bytes()).expect("it is read");
        drop(device);
        watching.wait_for("signature ", count);
    }
    watching.wait_for(": seen 2 times", 1);
}

#[test]
fn what_a_crash_says_never_steers_the_terminal_in_our_lines() {
    let room = Room::new("hostile");
    let evil = PANIC.replace("Load access fault", "Load \x1b]0;x\x07\x1b[2J\u{202e}fault");
    let output = run(&room, &["-", "--no-keep"], format!("{evil}{BOOT}").as_bytes());
    let (ours, theirs) = parts(&text(&output));
    assert_eq!(theirs, format!("{evil}{BOOT}"));
    assert!(!ours.is_empty() && !ours.contains(['\x1b', '\x07', '\u{202e}']), "{ours:?}");
}

/// Days of log through a window that does not grow.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_over_long_logs() {
    let room = Room::new("flat");
    let mut child = command(&room, &["-"]).spawn().expect("our own program starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let mut stdout = child.stdout.take().expect("it is piped");
    let reader = std::thread::spawn(move || {
        let mut sink = std::io::sink();
        std::io::copy(&mut stdout, &mut sink)
    });
    let status = format!("/proc/{}/status", child.id());
    let peak = || {
        let text = std::fs::read_to_string(&status).expect("it runs");
        let line = text.lines().find(|line| line.starts_with("VmHWM:")).expect("Linux says it");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number")
    };
    let hour = "I (123456) sensor: reading 17 ok, heap 0x3ffb1234, next in 500 ms\r\n".repeat(3600);
    let crash = format!("{PANIC}{BOOT}");
    for _ in 0..4 {
        stdin.write_all(hour.as_bytes()).expect("it reads");
        stdin.write_all(crash.as_bytes()).expect("it reads");
    }
    let early = peak();
    for _ in 0..40 {
        stdin.write_all(hour.as_bytes()).expect("it reads");
        stdin.write_all(crash.as_bytes()).expect("it reads");
    }
    let late = peak();
    drop(stdin);
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    reader.join().expect("no panic").expect("it is read");
    assert!(late < early + (16 << 10), "{early} KiB, then {late} KiB");
}
