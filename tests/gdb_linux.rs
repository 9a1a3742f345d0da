//! Real cores of Linux: a program that crashes in its fifth call, with a second thread, built
//! here for every machine that there is a compiler and an emulator for. QEMU's user mode writes
//! the cores of the others, GDB that of this machine. What is not installed is skipped, visibly.

#[path = "support/gdb.rs"]
mod gdb;
#[path = "support/serve.rs"]
mod serve;

use serve::Server;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROGRAM: &str = "\
#include <pthread.h>
#include <unistd.h>
int answer = 42;
double half = 0.5;
int walk(int n)
{
    volatile int here = n;
    if (n == 0) return *(volatile int *)0x10;
    return walk(n - 1) + here;
}
void *wait_for_ever(void *unused) { pause(); return unused; }
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, wait_for_ever, 0);
    usleep(50000);
    return walk(4);
}
";

/// A compiler, and the emulator that runs what it makes; `None` for this machine's own.
const MACHINES: &[(&str, Option<&str>)] = &[
    ("cc", None),
    ("aarch64-linux-gnu-gcc", Some("qemu-aarch64")),
    ("arm-linux-gnueabihf-gcc", Some("qemu-arm")),
    ("i686-linux-gnu-gcc", Some("qemu-i386")),
];

fn is_there(program: &str) -> bool {
    let mut command = Command::new(program);
    let run = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}

/// Runs the program in `folder` until it has left a core there.
fn core_of(folder: &Path, emulator: Option<&str>, gdb: &PathBuf) -> Option<PathBuf> {
    let program = folder.join("program");
    match emulator {
        Some(emulator) => {
            let script = format!("ulimit -c unlimited; timeout 30 {emulator} ./program");
            let run = Command::new("bash").args(["-c", &script]).current_dir(folder).output();
            run.expect("bash is there");
        }
        None => {
            let core = folder.join("qemu_own.core");
            let save = format!("gcore {}", core.display());
            let file = format!("file {}", program.display());
            gdb::run(gdb, 30, &[&file, "run", &save, "kill"]);
        }
    }
    let entries = std::fs::read_dir(folder).expect("our folder");
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| path.extension().is_some_and(|extension| extension == "core"))
}

#[test]
fn a_linux_program_shows_its_frames_threads_and_variables() {
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    for (compiler, emulator) in MACHINES {
        let missing = [Some(*compiler), *emulator].into_iter().flatten().find(|p| !is_there(p));
        if let Some(missing) = missing {
            eprintln!("SKIPPED: there is no {missing} on this machine");
            continue;
        }
        let folder =
            std::env::temp_dir().join(format!("coroner-{compiler}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        std::fs::write(folder.join("program.c"), PROGRAM).expect("written");
        let built = Command::new(compiler)
            .args(["-g", "-O0", "-no-pie", "-static", "program.c", "-o", "program", "-lpthread"])
            .current_dir(&folder)
            .status();
        assert!(built.is_ok_and(|status| status.success()), "{compiler} builds a small program");
        let Some(core) = core_of(&folder, *emulator, &gdb) else {
            eprintln!("SKIPPED: {compiler}: no core was written (may a process be traced here?)");
            let _ = std::fs::remove_dir_all(&folder);
            continue;
        };
        let path = |path: &Path| path.to_str().expect("a plain path").to_string();
        let elf = path(&folder.join("program"));
        let server = Server::start(&[path(&core), "--elf".into(), elf.clone()]);
        let (file, connect) = (format!("file {elf}"), server.target_remote());
        let commands = [&file, &connect, "bt", "info threads", "p answer", "p half"];
        let shown = gdb::run(&gdb, 60, &commands);
        let frames: Vec<&str> = shown.lines().filter(|line| line.starts_with('#')).collect();
        for (n, frame) in frames.iter().enumerate().take(5) {
            assert!(frame.contains(&format!("walk (n={n})")), "{compiler}:\n{shown}");
        }
        assert!(frames.get(5).is_some_and(|frame| frame.contains("main")), "{compiler}:\n{shown}");
        assert!(server.said.contains("SIGSEGV"), "{compiler}: {}", server.said);
        for part in ["$1 = 42", "$2 = 0.5", "  2    Thread"] {
            assert!(shown.contains(part), "{compiler}: no '{part}' in\n{shown}");
        }
        drop(server);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
