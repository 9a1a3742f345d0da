//! A whole report of a dump, side by side with GDB's `thread apply all bt` on the same dump.
//!
//! `cargo bench --bench report`. Prints the median of several runs of the real programs, start-up
//! included. Needs ../shared/fixtures; GDB for Xtensa is taken from `CORONER_XTENSA_GDB`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 15;

fn median(mut run: impl FnMut()) -> Duration {
    run();
    let mut times: Vec<Duration> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/espressif");
    if !root.is_dir() {
        println!("SKIPPED: ../shared/fixtures is absent");
        return;
    }
    let xtensa = std::env::var_os("CORONER_XTENSA_GDB").map(PathBuf::from);
    let cases = [
        ("esp32", "coredump.raw", "esp32.elf", xtensa),
        ("esp32c3", "coredump.saved-core.elf", "esp32c3.elf", Some("gdb-multiarch".into())),
        ("esp32c6", "coredump.saved-core.elf", "esp32c6.elf", Some("gdb-multiarch".into())),
    ];
    println!("| dump    | ELF    | coroner report | GDB, thread apply all bt |");
    for (chip, core, elf, gdb) in cases {
        let (core, elf) = (root.join(chip).join(core), root.join(chip).join(elf));
        let size = std::fs::metadata(&elf).map_or(0, |meta| meta.len());
        let ours = median(|| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_coroner"));
            let status = quiet(command.arg("report").arg(&core).arg("--elf").arg(&elf)).status();
            assert!(status.is_ok_and(|status| status.success()), "{chip}");
        });
        // The Xtensa GDB can't unwind a core file: it is served, which costs it a connection.
        let theirs = gdb.map(|gdb| {
            median(|| {
                let mut command = Command::new(&gdb);
                command.args(["-nx", "-batch", "-iex", "set debuginfod enabled off", "-ex"]);
                command.arg(format!("file {}", elf.display())).arg("-ex");
                command.arg(match chip {
                    "esp32" => format!(
                        "target remote | {} serve --stdio {}",
                        env!("CARGO_BIN_EXE_coroner"),
                        core.display()
                    ),
                    _ => format!("core-file {}", core.display()),
                });
                let _ = quiet(command.args(["-ex", "thread apply all bt"])).status();
            })
        });
        let theirs = theirs.map_or("no GDB for Xtensa".into(), |time| format!("{time:.1?}"));
        println!("| {chip:<7} | {:>3.1} MB | {ours:>14.1?} | {theirs} |", size as f64 / 1e6);
    }
}
