//! Real machines that stop five calls deep: one program, compiled for each architecture, under
//! QEMU or natively, and what the GDB that stopped it saw.

use super::oracle::{self, Ours, Trace};
use coroner::debug_info::Modules;
use coroner::dump::Dump;
use coroner::firmware::Firmware;
use coroner::memory::{Origin, Region};
use coroner::open::Opened;
use coroner::registers::Registers;
use coroner::targets::Targets;
use coroner::unwind::{Backtrace, Unwinder};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A kind of machine, and how one is had.
pub struct Machine {
    pub name: &'static str,
    pub compiler: &'static str,
    pub flags: &'static [&'static str],
    /// Where the program lies, and its data if elsewhere; `None` for a process of this machine.
    pub origin: Option<&'static [&'static str]>,
    pub qemu: &'static [&'static str],
    pub gdb: &'static str,
    pub arch: &'static str,
}

pub const MACHINES: [Machine; 6] = [
    Machine {
        name: "cortex-m3",
        compiler: "arm-none-eabi-gcc",
        flags: &["-mcpu=cortex-m3", "-mthumb"],
        origin: Some(&["--defsym=ORIGIN_ADDR=0"]),
        qemu: &["qemu-system-arm", "-M", "mps2-an385"],
        gdb: "gdb-multiarch",
        arch: "cortex-m",
    },
    Machine {
        name: "riscv32",
        compiler: "riscv64-unknown-elf-gcc",
        flags: &["-march=rv32imac", "-mabi=ilp32"],
        origin: Some(&["--defsym=ORIGIN_ADDR=0x80000000"]),
        qemu: &["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
        gdb: "gdb-multiarch",
        arch: "riscv32",
    },
    Machine {
        name: "riscv64",
        compiler: "riscv64-unknown-elf-gcc",
        flags: &["-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
        origin: Some(&["--defsym=ORIGIN_ADDR=0x80000000"]),
        qemu: &["qemu-system-riscv64", "-M", "virt", "-bios", "none"],
        gdb: "gdb-multiarch",
        arch: "riscv64",
    },
    Machine {
        name: "aarch64",
        compiler: "aarch64-linux-gnu-gcc",
        flags: &["-mgeneral-regs-only", "-Wl,--build-id=none"],
        origin: Some(&["--defsym=ORIGIN_ADDR=0x40080000"]),
        // Its network card would want a ROM file of a further package.
        qemu: &["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-nic", "none"],
        gdb: "gdb-multiarch",
        arch: "aarch64",
    },
    Machine {
        name: "x86-64",
        compiler: "gcc",
        flags: &["-no-pie", "-m64"],
        origin: None,
        qemu: &[],
        gdb: "gdb-multiarch",
        arch: "x86-64",
    },
    Machine {
        name: "i386",
        compiler: "gcc",
        flags: &["-no-pie", "-m32"],
        origin: None,
        qemu: &[],
        gdb: "gdb-multiarch",
        arch: "i386",
    },
];

/// What GDB on the live machine saw.
pub struct Seen {
    pub dump: Dump,
    /// Its backtrace.
    pub theirs: Trace,
}

/// A folder that is gone when the test is over.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        // Tests run side by side.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("coroner-{}-{number}-{name}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).expect("the temporary folder can be written");
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::env::var_os("CORONER_KEEP").is_none() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Killed, `timeout` would leave the emulator alone.
        let _ = Command::new("kill").arg(self.0.id().to_string()).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

pub use super::missing::program as is_there;

/// Compiles `tests/data/unwind/nest.c`.
pub fn compile(machine: &Machine, extra: &[&str], folder: &Path, name: &str) -> PathBuf {
    let source = data().join("unwind/nest.c");
    build(machine, machine.compiler, &[&["-O2"], extra].concat(), &[source], folder, name)
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// Compiles a program for a machine.
pub fn build(
    machine: &Machine,
    compiler: &str,
    flags: &[&str],
    sources: &[PathBuf],
    folder: &Path,
    name: &str,
) -> PathBuf {
    let elf = folder.join(name);
    let mut gcc = Command::new(compiler);
    gcc.args(["-g", "-ffreestanding", "-nostdlib", "-static", "-fno-stack-protector"]);
    gcc.args(machine.flags).args(flags);
    if let Some(symbols) = machine.origin {
        gcc.arg("-Wl,--no-warn-rwx-segments");
        // Before the script, which asks whether they are there.
        gcc.args(symbols.iter().map(|symbol| format!("-Wl,{symbol}")));
        gcc.arg(format!("-Wl,-T,{}", data().join("unwind/nest.ld").display()));
    }
    gcc.args(sources).arg("-o").arg(&elf);
    let output = gcc.output().expect("the compiler is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", machine.name);
    elf
}

/// Stops the program in the function `place`, runs GDB's `commands`, and returns the registers and
/// what GDB printed over the commands.
pub fn stopped(
    machine: &Machine,
    elf: &Path,
    folder: &Path,
    place: &str,
    commands: &[&str],
) -> (Registers, String) {
    let mut before = vec![format!("file {}", elf.display())];
    let mut running = None;
    if machine.qemu.is_empty() {
        before.extend([format!("break {place}"), "run".into()]);
    } else {
        let socket = folder.join("gdb.socket");
        let mut qemu = Command::new("timeout");
        qemu.arg("60").args(machine.qemu);
        qemu.args(["-nographic", "-nic", "none", "-S", "-kernel"]).arg(elf);
        qemu.args([
            "-chardev",
            &format!("socket,path={},server=on,wait=off,id=g", socket.display()),
        ]);
        qemu.args(["-gdb", "chardev:g"]).stdin(Stdio::null()).stdout(Stdio::null());
        running = Some(Running(qemu.spawn().expect("timeout is there")));
        for _ in 0..200 {
            if socket.exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        before.push(format!("target remote {}", socket.display()));
        before.extend([format!("break {place}"), "continue".into()]);
    }
    before.extend(["echo REGISTERS\\n".into(), "info registers".into()]);
    before.push("echo COMMANDS\\n".into());
    let mut gdb = Command::new("timeout");
    gdb.args(["50", machine.gdb, "-nx", "-batch", "-ex", "set width 0", "-ex", "set confirm off"]);
    gdb.args(["-iex", "set debuginfod enabled off"]);
    let all = before.iter().map(String::as_str).chain(commands.iter().copied()).chain(["kill"]);
    gdb.args(all.flat_map(|line| ["-ex", line]));
    let output = gdb.stdin(Stdio::null()).output().expect("timeout is there");
    drop(running);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("REGISTERS\n").unwrap_or_else(|| {
        panic!("{}: {text}{}", machine.name, String::from_utf8_lossy(&output.stderr))
    });
    let (shown, rest) = rest.split_once("COMMANDS\n").expect("both were printed");
    let arch = Targets::built_in().arch(machine.arch).expect("a built-in set");
    let mut registers = Registers::unknown(arch);
    for line in shown.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(value)) = (words.next(), words.next())
            && let Some(value) = value.strip_prefix("0x")
            && let Ok(value) = u64::from_str_radix(value, 16)
        {
            registers.set_by_name(name, value);
        }
    }
    (registers, rest.to_string())
}

/// Stops the program in `crash` and saves its stack and backtrace.
pub fn look(machine: &Machine, elf: &Path, folder: &Path) -> Option<Seen> {
    if machine.qemu.first().is_some_and(|qemu| !is_there(qemu)) {
        return None;
    }
    let stack = folder.join("stack.bin");
    let save = format!("dump binary memory {} $sp $sp+0x200", stack.display());
    let commands = [save.as_str(), "set backtrace past-main on", "bt"];
    let (registers, frames) = stopped(machine, elf, folder, "crash", &commands);
    let mut dump = Dump::new("test", registers.arch().clone());
    let bytes = std::fs::read(&stack).expect("GDB saved the stack");
    let sp = registers.sp().expect("GDB showed it");
    dump.memory.insert(Region::dumped(sp, bytes.into()));
    dump.threads.push(coroner::dump::Thread::new(1, registers));
    let lines = frames.lines().filter_map(oracle::line).collect();
    Some(Seen { dump, theirs: Trace { lines, stopped: None } })
}

impl Seen {
    /// Our backtrace of it, with an ELF file of the program.
    pub fn unwind(&self, elf: &Path) -> (Backtrace, Ours) {
        let elf = Arc::new(Firmware::open(elf, true).expect("an ELF file"));
        let mut dump = self.dump.clone();
        elf.add_constants(&mut dump.memory, Origin::Elf, None);
        let modules = Modules::of([&*elf]);
        let trace = Unwinder::new(&dump, &modules).backtrace(&dump.threads[0]);
        let ours = Ours::of_trace(&modules, &trace);
        (trace, ours)
    }
}

/// Builds a program for the Cortex-M3, stops it in `crash`, runs GDB's `commands`, and opens the
/// memory that it left. `None` where a tool is missing.
pub fn opened(
    name: &str,
    compiler: &str,
    flags: &[&str],
    sources: &[PathBuf],
    commands: &[&str],
) -> Option<(Opened, String)> {
    let machine = &MACHINES[0];
    if !is_there(compiler) || !is_there(machine.gdb) || !is_there(machine.qemu[0]) {
        return None;
    }
    let folder = Folder::new(name);
    let elf = build(machine, compiler, flags, sources, &folder.0, "program.elf");
    let ram = folder.0.join("ram.bin");
    let save = format!("dump binary memory {} 0 0x8000", ram.display());
    let all = [&[save.as_str()], commands].concat();
    let (registers, text) = stopped(machine, &elf, &folder.0, "crash", &all);
    let mut dump = Dump::new("test", registers.arch().clone());
    let bytes = std::fs::read(&ram).expect("GDB saved it");
    dump.memory.insert(Region::dumped(0, bytes.into()));
    let mut thread = coroner::dump::Thread::new(1, registers);
    thread.crashed = true;
    dump.threads.push(thread);
    // Not mapped: the file goes with the folder.
    let elf = Arc::new(Firmware::open(&elf, false).expect("an ELF file"));
    elf.add_constants(&mut dump.memory, Origin::Elf, None);
    let opened = Opened {
        file: "test".into(),
        layers: Vec::new(),
        found: Vec::new(),
        picked: 1,
        dump,
        firmware: Some(elf),
        rom: Vec::new(),
        embedded: Vec::new(),
    };
    Some((opened, text))
}
