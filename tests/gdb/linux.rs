//! Real cores of Linux: a program that crashes in its fifth call, with a second thread, built
//! here for every machine that there is a compiler and an emulator for. QEMU's user mode writes
//! the cores of the others, GDB that of this machine. What is not installed is skipped, visibly.

use crate::support::gdb;
use crate::support::missing;
use crate::support::serve;
use coroner::open::{Options, open};
use coroner::report::{self, ReportOptions, Style};
use serve::Server;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Runs the program in `folder` until it has left a core there.
fn core_of(folder: &Path, emulator: Option<&str>, gdb: &PathBuf) -> Option<PathBuf> {
    let program = folder.join("program");
    match emulator {
        Some(emulator) => {
            let libraries = match emulator {
                "qemu-aarch64" => "/usr/aarch64-linux-gnu",
                "qemu-arm" => "/usr/arm-linux-gnueabihf",
                _ => "/usr/i686-linux-gnu",
            };
            let script =
                format!("ulimit -c unlimited; timeout 30 {emulator} -L {libraries} ./program");
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

/// What the linker makes: a program at the addresses that it names, or one that runs anywhere,
/// with its libraries in it or beside it.
const FIXED: &[&str] = &["-no-pie", "-static"];
const ANYWHERE: [&[&str]; 2] = [&["-static-pie", "-fPIE"], &["-pie", "-fPIE"]];

/// Builds the program and lets it crash; the program and its core. Skipped, visibly, where that
/// can't be done.
fn crash(
    compiler: &str,
    emulator: Option<&str>,
    kind: &[&str],
    gdb: &PathBuf,
) -> Option<(PathBuf, PathBuf)> {
    if ![Some(compiler), emulator].into_iter().flatten().all(missing::program) {
        return None;
    }
    let name = format!("{compiler}{}", kind[0]);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linux").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("room for files");
    std::fs::write(folder.join("program.c"), PROGRAM).expect("written");
    let built = Command::new(compiler)
        .args(["-g", "-O0", "program.c", "-o", "program", "-lpthread"])
        .args(kind)
        .current_dir(&folder)
        .output();
    if !built.is_ok_and(|built| built.status.success()) {
        assert_eq!(kind[0], "-static-pie", "{compiler} builds a small program");
        missing::skip(&format!("the C library of {compiler} has no start for -static-pie"));
        return None;
    }
    let Some(core) = core_of(&folder, emulator, gdb) else {
        missing::skip(&format!("{compiler}: no core was written (may a process be traced here?)"));
        return None;
    };
    Some((folder.join("program"), core))
}

/// The five calls, the second thread and the variables, with the ELF file from the user and from
/// the server alone.
fn look(gdb: &PathBuf, program: &Path, core: &Path, what: &str) {
    let path = |path: &Path| path.to_str().expect("a plain path").to_string();
    let elf = path(program);
    let server = Server::start(&[path(core), "--elf".into(), elf.clone()]);
    let (file, connect) = (format!("file {elf}"), server.target_remote());
    let looks = ["bt", "info threads", "p answer", "p half"];
    for first in [vec![file.as_str(), connect.as_str()], vec![connect.as_str()]] {
        let commands: Vec<&str> = first.into_iter().chain(looks).collect();
        let shown = gdb::run(gdb, 60, &commands);
        let frames: Vec<&str> = shown.lines().filter(|line| line.starts_with('#')).collect();
        for (n, frame) in frames.iter().enumerate().take(5) {
            assert!(frame.contains(&format!("walk (n={n})")), "{what}:\n{shown}");
        }
        assert!(frames.get(5).is_some_and(|frame| frame.contains("main")), "{what}:\n{shown}");
        for part in ["$1 = 42", "$2 = 0.5", "  2    Thread"] {
            assert!(shown.contains(part), "{what}: no '{part}' in\n{shown}");
        }
    }
    assert!(server.said.contains("SIGSEGV"), "{what}: {}", server.said);
}

#[test]
fn a_linux_program_shows_its_frames_threads_and_variables() {
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    for (compiler, emulator) in MACHINES {
        if let Some((program, core)) = crash(compiler, *emulator, FIXED, &gdb) {
            look(&gdb, &program, &core, compiler);
        }
    }
}

#[test]
fn a_position_independent_program_is_shown_where_it_ran() {
    let gdbs = gdb::gdbs();
    let Some(first) = gdbs.first() else { return };
    for (compiler, emulator) in MACHINES {
        for kind in ANYWHERE {
            let Some((program, core)) = crash(compiler, *emulator, kind, first) else { continue };
            let what = format!("{compiler} {}", kind[0]);
            gdbs.iter().for_each(|gdb| look(gdb, &program, &core, &what));
            // And without a debugger.
            let options = Options::default().elf([program]);
            let opened = open(&[core], &options).unwrap_or_else(|e| panic!("{what}: {e}"));
            let slide = opened.firmware.as_ref().expect("it was named").slide;
            assert_ne!(slide, 0, "{what}");
            let report = report::build(&opened, &ReportOptions::default()).expect("it can be told");
            let report = report::to_text(&report, &Style::PLAIN);
            for part in ["walk", "main", "program.c:9", "n=0", "here"] {
                assert!(report.contains(part), "{what}: no '{part}' in\n{report}");
            }
        }
    }
}
