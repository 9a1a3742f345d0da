//! Files that are no files, files that change, names that are commands.

use crate::limits::{Folder, demo, run};
use crate::support::server::Client;
use coroner::input::Input;
use coroner::memory::{Memory, Region};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

#[test]
fn devices_and_pipes_without_an_end_are_refused_in_words() {
    let folder = Folder::new("devices");
    let made = Command::new("mkfifo").arg(folder.0.join("fifo")).status().expect("mkfifo is there");
    assert!(made.success());
    for (name, words) in
        [("/dev/zero", "device"), ("/dev/random", "device"), ("fifo", "nobody has opened it")]
    {
        for more in [&[][..], &["--no-mmap"]] {
            let ran = run(&folder, &[&["info", name, "--no-cache"], more].concat()).within(name);
            assert_eq!(ran.output.status.code(), Some(1), "{name}: {}", ran.words());
            assert!(ran.words().contains(words), "{name}: {}", ran.words());
            assert!(ran.time < Duration::from_secs(15), "{name}: {:?}", ran.time);
        }
    }
    let elf = ["report", "d.core", "--no-cache", "--elf", "/dev/zero"];
    folder.put("d.core", &std::fs::read(demo("dump.core")).expect("it is there"));
    assert_eq!(run(&folder, &elf).within("--elf").output.status.code(), Some(1));
    let endless = Command::new("sh")
        .args(["-c", "head -c 2000000000 /dev/zero | \"$0\" info - --no-cache"])
        .arg(env!("CARGO_BIN_EXE_coroner"))
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&endless.stderr);
    assert!(told.contains("128 MiB"), "{told}");
    let sparse = std::fs::File::create(folder.0.join("sparse")).expect("room");
    if sparse.set_len(1 << 40).is_ok() {
        let ran = run(&folder, &["info", "sparse", "--no-cache"]).within("sparse");
        assert!(ran.words().contains("64 GiB"), "{}", ran.words());
    }
}

/// Serves a dump of `len` bytes, and gives a client of it after `change` was made to the file.
fn changed(
    len: usize,
    change: impl FnOnce(&std::fs::File),
    options: &[&str],
) -> (Vec<u8>, Vec<u8>) {
    let folder = Folder::new(&format!("served-{len}-{}", options.len()));
    let mut bytes = std::fs::read(demo("dump.core")).expect("it is there");
    bytes.resize(len.max(bytes.len()), 0);
    let path = folder.put("d.core", &bytes);
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["serve", "--listen", "127.0.0.1:0", "--no-cache"])
        .args(options)
        .arg(&path)
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let place = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| Some(line.strip_prefix("listening on ")?.trim().to_string()));
    let stream = TcpStream::connect(place.expect("it listens")).expect("it listens");
    let mut client = Client::over(stream);
    let before = client.ask("m20000000,40");
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it is there");
    // The time of a file has a grain.
    std::thread::sleep(Duration::from_millis(50));
    change(&file);
    let after = client.ask("m20000000,40");
    assert!(child.try_wait().expect("it is ours").is_none(), "the server died");
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
    (before.into(), after.into())
}

#[test]
fn a_file_that_changes_while_it_is_served_shows_the_old_bytes_or_an_error() {
    let large = 40 << 20;
    let cut = |file: &std::fs::File| file.set_len(0).expect("it can be cut");
    let anew = |file: &std::fs::File| {
        use std::os::unix::fs::FileExt;
        file.write_all_at(&vec![0; 1 << 20], 0).expect("room");
    };
    for (len, options) in [(0, &[][..]), (large, &["--no-mmap"][..])] {
        let (before, after) = changed(len, cut, options);
        assert_eq!(before, after);
        let (before, after) = changed(len, anew, options);
        assert_eq!(before, after);
    }
    for (before, after) in [changed(large, cut, &[]), changed(large, anew, &[])] {
        assert!(!before.starts_with(b"E"));
        assert!(after.starts_with(b"E"), "{}", after.escape_ascii());
    }
}

#[test]
fn names_reach_gdb_as_names() {
    let folder = Folder::new("gdb-names");
    let kept = folder.0.join("kept");
    let stand_in = folder.put(
        "stand-in",
        b"#!/bin/sh\nfor a; do printf '%s\\n' \"$a\"; [ -f \"$a\" ] && cat \"$a\"; done > \"$KEPT\"\n",
    );
    std::fs::set_permissions(&stand_in, PermissionsExt::from_mode(0o755)).expect("it is ours");
    let elf = std::fs::read(demo("firmware.elf")).expect("it is there");
    for name in
        ["x\nshell touch PWNED\n.elf", "-x.elf", "a\"b'c\\d.elf", "$(touch PWNED).elf", "|x.elf"]
    {
        let _ = std::fs::remove_dir_all(folder.0.join("e"));
        std::fs::create_dir(folder.0.join("e")).expect("room");
        folder.put(&format!("e/{name}"), &elf);
        for strict in [&["--strict"][..], &[]] {
            let dump = demo("dump.core");
            let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
            command
                .arg("gdb")
                .arg(dump)
                .args(["--no-cache", "--elf-dir", "e", "--gdb"])
                .arg(&stand_in);
            command.args(strict).args(["--", "-batch", "-ex", "bt"]);
            let output =
                command.current_dir(&folder.0).env("KEPT", &kept).output().expect("it starts");
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            let script =
                std::fs::read_to_string(&kept).unwrap_or_else(|_| panic!("{name:?}: {told}"));
            assert!(!script.lines().any(|line| line.starts_with("shell")), "{name:?}: {script}");
            assert!(script.lines().any(|line| line.starts_with("file \"/")), "{name:?}: {script}");
            assert!(script.contains("set auto-load off"), "{script}");
        }
    }
    assert!(!folder.0.join("PWNED").exists());
}

#[test]
fn a_debuginfod_that_is_slow_or_names_anything_costs_only_its_answer() {
    let folder = Folder::new("debuginfod");
    let path = format!("{}:{}", folder.0.display(), std::env::var("PATH").unwrap_or_default());
    for (script, words) in [
        ("exec sleep 100", "took longer"),
        ("echo /dev/zero", "it is no file"),
        ("echo /dev/stdin", "it is no file"),
        ("yes | tr -d '\\n'", "debuginfod"),
        ("echo /etc/passwd", "no program of the dump's build"),
    ] {
        let finder = folder.put("debuginfod-find", format!("#!/bin/sh\n{script}\n").as_bytes());
        std::fs::set_permissions(&finder, PermissionsExt::from_mode(0o755)).expect("it is ours");
        let started = std::time::Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_coroner"))
            .arg("report")
            .arg(demo("dump.core"))
            .args(["--no-cache"])
            .env("DEBUGINFOD_URLS", "http://127.0.0.1:9/")
            .env("PATH", &path)
            .output()
            .expect("it starts");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(
            told.replace('\n', " ").contains(words.split(' ').next().unwrap_or(words)),
            "{script}: {told}"
        );
        assert!(started.elapsed() < Duration::from_secs(40), "{script}: {:?}", started.elapsed());
    }
}

#[test]
fn a_file_that_is_cut_in_the_middle_of_a_read_is_an_error_and_no_death() {
    let folder = Folder::new("cut");
    let len = 40 << 20;
    let path = folder.put("ram.bin", &[]);
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("it is there");
    file.set_len(len).expect("room");
    let input = Input::open(&path, true).expect("it is there");
    let mut memory = Memory::new();
    memory.insert(Region::dumped(0x2000_0000, input.bytes));
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                file.set_len(4096).expect("it can be cut");
                file.set_len(len).expect("room");
            }
        });
        let mut buf = vec![0; 1 << 20];
        for round in 0..400u64 {
            let addr = 0x2000_0000 + ((round % 39) << 20);
            assert!(matches!(memory.read(addr, &mut buf), 0 | 0x10_0000));
            let _ = memory.bytes(addr, 1 << 16);
            let _ = memory.u32_le(addr);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn links_that_lead_nowhere_or_round_and_round_are_errors_in_words() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new("links");
    let at = |name: &str| folder.0.join(name);
    symlink("loop", at("loop")).expect("links can be made");
    symlink("nowhere", at("dangling")).expect("links can be made");
    std::fs::create_dir(at("all")).expect("room");
    symlink("..", at("all/up")).expect("links can be made");
    symlink("/dev/zero", at("all/zero")).expect("links can be made");
    let made = Command::new("mkfifo").arg(at("all/fifo")).status().expect("mkfifo is there");
    assert!(made.success());
    folder.put("all/d.core", &std::fs::read(demo("dump.core")).expect("it is there"));
    symlink("all", at("other")).expect("links can be made");
    for name in ["loop", "dangling", "/dev/fd/99", "/proc/self/mem", "."] {
        let ran = run(&folder, &["info", name, "--no-cache"]).within(name);
        assert_eq!(ran.output.status.code().map(|code| code > 0), Some(true), "{name}");
        assert!(ran.words().starts_with("coroner: "), "{name}: {}", ran.words());
    }
    for name in ["all", "other"] {
        let ran = run(&folder, &["info", name, "--no-cache"]).within(name);
        assert!(ran.output.status.success(), "{name}: {}", ran.words());
        let ran = run(&folder, &["triage", name, "--no-cache"]).within(name);
        assert!(ran.output.status.success(), "{name}: {}", ran.words());
    }
}

#[test]
fn a_long_log_is_read_from_standard_input() {
    let folder = Folder::new("stream");
    let noise = "I (12) wifi: state\n".repeat(2 << 20);
    let crash = include_str!("../cases/esp-panic/riscv/input.txt");
    let path = folder.put("log.txt", [&noise, crash].concat().as_bytes());
    for command in
        ["exec \"$0\" info - --no-cache < \"$1\"", "cat \"$1\" | \"$0\" info - --no-cache"]
    {
        let output = Command::new("sh")
            .args(["-c", command, env!("CARGO_BIN_EXE_coroner")])
            .arg(&path)
            .output()
            .expect("it starts");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(told.contains("ESP-IDF panic text"), "{command}: {told}");
    }
}
