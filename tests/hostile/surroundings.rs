//! Files that are no files, files that change, names that are commands.

use crate::limits::{Folder, demo, run};
use crate::support::server::Client;
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
        .args(["-c", "yes | head -c 2000000000 | \"$0\" info - --no-cache"])
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
