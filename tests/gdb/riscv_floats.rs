//! Floating point registers of double precision on RISC-V, 32 and 64 bit: a real GDB halts a
//! program under QEMU and saves a core; served from there, every GDB shows the values that the
//! first one saw. A GDB refuses a target whose FPU is narrower than its ELF file's float ABI.

use crate::support::gdb;
use crate::support::missing;
use crate::support::serve;
use serve::Server;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const PROGRAM: &str = r#"
volatile double seen;
__attribute__((noinline)) void stop_here(double a, double b) { seen = a + b; for (;;) {} }
__attribute__((noinline)) void scale(double factor)
{
    register double kept __asm("fs3") = factor * 3;
    __asm volatile("" : "+f"(kept));
    stop_here(kept, 0.1);
    seen = kept;
}
__attribute__((naked, section(".start"))) void _start(void)
{
    __asm("li t0, 0x6000\n csrs mstatus, t0\n la sp, _estack\n j run");
}
void run(void) { scale(1.0 / 7); for (;;) {} }
"#;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rtos/src/firmware.ld");

const MACHINES: [(&str, &str, &str); 2] =
    [("qemu-system-riscv32", "rv32gc", "ilp32d"), ("qemu-system-riscv64", "rv64gc", "lp64d")];

/// What is asked, and what must be the same.
const QUESTIONS: [&str; 5] = ["p $fa0", "p/x $fa1", "p $fs3", "bt", "info registers ft0"];

struct Emulator(Child);

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn build(folder: &Path, march: &str, abi: &str) -> Option<PathBuf> {
    if !missing::program("riscv64-unknown-elf-gcc") {
        return None;
    }
    std::fs::create_dir_all(folder).expect("room for files");
    std::fs::write(folder.join("program.c"), PROGRAM).expect("room for files");
    let built = Command::new("riscv64-unknown-elf-gcc")
        .args([&format!("-march={march}"), &format!("-mabi={abi}"), "-mcmodel=medany"])
        .args(["-g", "-O1", "-ffreestanding", "-nostdlib", "-nostartfiles"])
        .args(["-Wl,--no-relax,--defsym=ram_start=0x80040000,--defsym=ram_len=0x1000"])
        .args(["-Wl,--defsym=code_start=0x80000000", "-T", SCRIPT])
        .args(["program.c", "-o", "program.elf"])
        .current_dir(folder)
        .output();
    let built = built.expect("it was just there");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    Some(folder.join("program.elf"))
}

/// The answers in what GDB printed.
fn answers(text: &str) -> Vec<String> {
    let is_answer = |line: &&str| line.starts_with(['$', '#']) || line.starts_with("ft0");
    text.lines().filter(is_answer).map(str::to_string).collect()
}

#[test]
fn double_precision_registers_are_shown_as_the_live_target_had_them() {
    let gdbs = gdb::gdbs();
    for (emulator, march, abi) in MACHINES {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("floats-{march}"));
        let Some(elf) = build(&folder, march, abi) else { return };
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr());
        let place = free.expect("a free port").to_string();
        let child = Command::new(emulator)
            .args(["-M", "virt", "-bios", "none", "-display", "none", "-S"])
            .args(["-serial", "none", "-monitor", "none", "-gdb", &format!("tcp:{place}")])
            .arg("-kernel")
            .arg(&elf)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            missing::nothing::<()>(emulator);
            continue;
        };
        let emulator = Emulator(child);
        // It listens before it looks at its image; a busy machine may take its time for both.
        std::thread::sleep(std::time::Duration::from_secs(3));
        let file = format!("file {}", elf.display());
        let connect = format!("target remote {place}");
        for (n, gdb) in gdbs.iter().enumerate() {
            let core = folder.join(format!("{n}.core"));
            let _ = std::fs::remove_file(&core);
            let save = format!("gcore {}", core.display());
            let stop = if n == 0 { vec!["break stop_here", "continue"] } else { Vec::new() };
            let first = [file.as_str(), connect.as_str()];
            let last = [save.as_str(), "disconnect"];
            let live: Vec<&str> =
                first.into_iter().chain(stop).chain(QUESTIONS).chain(last).collect();
            let live = gdb::run(gdb, 60, &live);
            assert!(live.contains("0.42857142857142855"), "{march}:\n{live}");
            if !core.exists() {
                // GDB 13.1 can't save cores of a 64-bit target whose CSRs it can't all read.
                missing::skip(&format!("this GDB does not save a core of {march}"));
                continue;
            }
            let paths = [&core, &elf].map(|path| path.to_str().expect("plain names").to_string());
            let server = Server::start(&[&paths[0], "--elf", &paths[1]]);
            for gdb in &gdbs {
                let connect = server.target_remote();
                let first = [file.as_str(), connect.as_str()];
                let commands: Vec<&str> = first.into_iter().chain(QUESTIONS).collect();
                let shown = gdb::run(gdb, 60, &commands);
                let (live, shown_answers) = (answers(&live), answers(&shown));
                assert_eq!(
                    shown_answers,
                    live[live.len() - shown_answers.len()..],
                    "{march}:\n{shown}"
                );
                assert!(shown_answers.len() >= 6, "{march}:\n{shown}");
            }
        }
        drop(emulator);
    }
}
