//! Nothing that lies beside a program or in it is run by the GDB that `coroner gdb` starts, not even
//! where the user's own settings allow it.

use crate::support;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{gdb, missing};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The demo, with a script in each place where GDB looks for one.
fn trapped(name: &str) -> Folder {
    let folder = std::env::temp_dir().join(format!("coroner-auto-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("home")).expect("room for a folder");
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).expect("room");
    put("d.core", &std::fs::read(demo.join("dump.core")).expect("it is there"));
    let touch = |mark: &str| format!("shell touch '{}'\n", folder.join(mark).display());
    put(".gdbinit", touch("ran-gdbinit").as_bytes());
    put("f.elf-gdb.gdb", touch("ran-beside").as_bytes());
    let python = format!("open({:?}, 'w')\n", folder.join("ran-python").display().to_string());
    put("f.elf-gdb.py", python.as_bytes());
    // GDB manual, "Auto-loading extensions": 4 is an inlined script of Python, a name and its lines.
    let inlined =
        format!("\x04trap\nopen({:?}, 'w')\n\0", folder.join("ran-section").display().to_string());
    put("section", inlined.as_bytes());
    // What people write who are tired of GDB's warnings.
    put("home/.gdbinit", b"set auto-load safe-path /\nset auto-load local-gdbinit on\n");
    let objcopy = Command::new("arm-none-eabi-objcopy")
        .arg("--add-section")
        .arg(format!(".debug_gdb_scripts={}", folder.join("section").display()))
        .args([demo.join("firmware.elf"), folder.join("f.elf")])
        .status();
    assert!(objcopy.expect("the cross tools are there").success());
    Folder(folder)
}

/// The marks that scripts left.
fn marks(folder: &Folder) -> Vec<String> {
    let all = std::fs::read_dir(&folder.0).expect("it is there").flatten();
    let names = all.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut marks: Vec<String> = names.filter(|name| name.starts_with("ran-")).collect();
    marks.sort();
    marks
}

fn run(folder: &Folder, mut command: Command) -> String {
    command.current_dir(&folder.0).env("HOME", folder.0.join("home"));
    command.env_remove("XDG_CONFIG_HOME").env_remove("DEBUGINFOD_URLS").stdin(Stdio::null());
    let output = command.output().expect("it starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn scripts_of_strangers_are_not_run() {
    if !missing::program("gdb-multiarch") || !missing::program("arm-none-eabi-objcopy") {
        return;
    }
    // Without us they are run, or the test would show nothing.
    let folder = trapped("plain");
    let mut plain = gdb::without_core("timeout");
    plain.args(["60", "gdb-multiarch", "-q", "-batch", "-ex", "file f.elf"]);
    let told = run(&folder, plain);
    assert!(marks(&folder).len() >= 3, "{:?}: {told}", marks(&folder));
    for strict in [&["--strict"][..], &[]] {
        let folder = trapped("ours");
        let mut ours = gdb::without_core("timeout");
        ours.args(["100", env!("CARGO_BIN_EXE_coroner"), "gdb", "d.core", "--elf", "f.elf"]);
        ours.args(["--any-elf", "--no-cache", "--gdb", "gdb-multiarch"]).args(strict);
        ours.args(["--", "-batch", "-ex", "info threads"]);
        let told = run(&folder, ours);
        assert!(told.contains("sensor"), "{told}");
        assert_eq!(marks(&folder), [""; 0], "{told}");
    }
}
