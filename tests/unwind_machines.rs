//! Backtraces on every architecture equal those of GDB on the live machine: one program, compiled
//! for each, stopped five calls deep under QEMU (or natively), its registers and stack saved.
//!
//! Then the same without call frame information: what the fallbacks find is the same functions.

mod support;

use coroner::debug_info::Images;
use coroner::dump::Dump;
use coroner::firmware::Firmware;
use coroner::memory::{Origin, Region};
use coroner::registers::Registers;
use coroner::targets::Targets;
use coroner::unwind::{Backtrace, Found, Unwinder};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use support::oracle::{self, Line};

struct Machine {
    name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    /// Where the program lies, and its data if elsewhere; `None` for a process of this machine.
    origin: Option<&'static [&'static str]>,
    qemu: &'static [&'static str],
    gdb: &'static str,
    arch: &'static str,
}

const MACHINES: [Machine; 6] = [
    Machine {
        name: "cortex-m3",
        compiler: "arm-none-eabi-gcc",
        flags: &["-mcpu=cortex-m3", "-mthumb"],
        origin: Some(&["--defsym=ORIGIN_ADDR=0", "--defsym=ram_addr=0x20000000"]),
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
        qemu: &["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"],
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
struct Seen {
    dump: Dump,
    lines: Vec<Line>,
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_there(program: &str) -> bool {
    let mut version = Command::new(program);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let there = version.status().is_ok_and(|status| status.success());
    if !there {
        assert!(std::env::var_os("CI").is_none(), "CI has to have {program}");
        eprintln!("SKIPPED: {program} is not installed");
    }
    there
}

fn compile(machine: &Machine, extra: &[&str], folder: &Path, name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/unwind");
    let elf = folder.join(name);
    let mut gcc = Command::new(machine.compiler);
    gcc.args(["-O2", "-g", "-ffreestanding", "-nostdlib", "-static", "-fno-stack-protector"]);
    gcc.args(machine.flags).args(extra);
    if let Some(symbols) = machine.origin {
        gcc.arg("-Wl,--no-warn-rwx-segments");
        gcc.arg(format!("-Wl,-T,{}", data.join("nest.ld").display()));
        gcc.args(symbols.iter().map(|symbol| format!("-Wl,{symbol}")));
    }
    gcc.arg(data.join("nest.c")).arg("-o").arg(&elf);
    let output = gcc.output().expect("the compiler is there");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", machine.name);
    elf
}

/// Stops the program in `crash` and saves what GDB sees.
fn look(machine: &Machine, elf: &Path, folder: &Path) -> Option<Seen> {
    let stack = folder.join("stack.bin");
    let mut commands = vec![format!("file {}", elf.display())];
    let mut running = None;
    if machine.qemu.is_empty() {
        commands.extend(["break crash".into(), "run".into()]);
    } else {
        if !is_there(machine.qemu[0]) {
            return None;
        }
        let socket = folder.join("gdb.socket");
        let mut qemu = Command::new("timeout");
        qemu.arg("30").args(machine.qemu).args(["-nographic", "-S", "-kernel"]).arg(elf);
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
        commands.push(format!("target remote {}", socket.display()));
        commands.extend(["break crash".into(), "continue".into()]);
    }
    commands.extend(["set backtrace past-main on".into(), "echo REGISTERS\\n".into()]);
    commands.extend(["info registers".into(), "echo FRAMES\\n".into(), "bt".into()]);
    commands.push(format!("dump binary memory {} $sp $sp+0x200", stack.display()));
    commands.push("kill".into());
    let mut gdb = Command::new("timeout");
    gdb.args(["20", machine.gdb, "-nx", "-batch", "-ex", "set width 0", "-ex", "set confirm off"]);
    gdb.args(["-iex", "set debuginfod enabled off"]);
    gdb.args(commands.iter().flat_map(|line| ["-ex", line.as_str()]));
    let output = gdb.stdin(Stdio::null()).output().expect("timeout is there");
    drop(running);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let (_, rest) = text.split_once("REGISTERS\n").unwrap_or_else(|| {
        panic!("{}: {text}{}", machine.name, String::from_utf8_lossy(&output.stderr))
    });
    let (shown, frames) = rest.split_once("FRAMES\n").expect("both were printed");

    let arch = Targets::built_in().arch(machine.arch).expect("a built-in set");
    let mut registers = Registers::unknown(arch.clone());
    for line in shown.lines() {
        let mut words = line.split_whitespace();
        if let (Some(name), Some(value)) = (words.next(), words.next())
            && let Some(value) = value.strip_prefix("0x")
            && let Ok(value) = u64::from_str_radix(value, 16)
        {
            registers.set_by_name(name, value);
        }
    }
    let mut dump = Dump::new("test", arch);
    let bytes = std::fs::read(&stack).expect("GDB saved the stack");
    let sp = registers.sp().expect("GDB showed it");
    dump.memory.insert(Region::dumped(sp, bytes.into()));
    dump.threads.push(coroner::dump::Thread::new(1, registers));
    Some(Seen { dump, lines: frames.lines().filter_map(oracle::line).collect() })
}

fn unwind(seen: &Seen, elf: &Path) -> (Backtrace, Vec<Vec<Line>>) {
    let elf = Arc::new(Firmware::open(elf, true).expect("an ELF file"));
    let mut dump = seen.dump.clone();
    elf.add_constants(&mut dump.memory, Origin::Elf, None);
    let images = Images::new([elf]);
    let modules = images.modules();
    let trace = Unwinder::new(&dump, &modules).backtrace(&dump.threads[0]);
    let lines = trace.frames.iter().map(|frame| {
        let places = modules.places(frame.lookup_pc());
        let symbol = modules.symbol(frame.lookup_pc()).map(|symbol| symbol.name);
        let line = |function, at| Line { pc: Some(frame.pc), function, at };
        match places.iter().any(|place| place.function.is_some()) {
            true => places.into_iter().map(|p| line(p.function, p.file.zip(p.line))).collect(),
            false => vec![line(symbol, None)],
        }
    });
    let lines = lines.collect();
    (trace, lines)
}

/// GDB's lines by frame: a line without an address belongs to the one before, into which it was
/// not inlined but the other way round.
fn by_frame(lines: &[Line]) -> Vec<Vec<Line>> {
    let mut frames: Vec<Vec<Line>> = Vec::new();
    for line in lines {
        match frames.last_mut() {
            Some(frame) if line.pc.is_none() => frame.push(line.clone()),
            _ => frames.push(vec![line.clone()]),
        }
    }
    frames
}

#[test]
fn frames_equal_those_of_gdb_on_the_live_machine() {
    for machine in &MACHINES {
        if !is_there(machine.compiler) || !is_there(machine.gdb) {
            continue;
        }
        let name = format!("coroner-{}-{}", std::process::id(), machine.name);
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).expect("the temporary folder can be written");
        let elf = compile(machine, &[], &folder.0, "nest.elf");
        let Some(seen) = look(machine, &elf, &folder.0) else { continue };
        let theirs = by_frame(&seen.lines);
        assert!(theirs.len() >= 7, "{}: {:?}", machine.name, seen.lines);

        let (trace, ours) = unwind(&seen, &elf);
        let found: Vec<&str> = trace.frames.iter().map(|frame| frame.found.word()).collect();
        println!(
            "| {:<9} | {} frames | {} | {}",
            machine.name,
            ours.len(),
            found.join(" "),
            trace.end
        );
        assert_eq!(ours.len(), theirs.len(), "{}: {ours:#?} {theirs:#?}", machine.name);
        for (ours, theirs) in ours.iter().zip(&theirs) {
            // GDB 13 has no lines for a section that the assembler opened in between.
            if theirs.iter().all(|line| line.at.is_some()) {
                assert_eq!(ours.len(), theirs.len(), "{}: {ours:?} {theirs:?}", machine.name);
                let same = ours.iter().zip(theirs).all(|(own, their)| their.agrees(own));
                assert!(same, "{}: {ours:?} {theirs:?}", machine.name);
            }
            let last = |frame: &[Line]| frame.last().and_then(|line| line.function.clone());
            assert_eq!(last(ours), last(theirs), "{}", machine.name);
            assert!(theirs[0].pc.is_none_or(|pc| Some(pc) == ours[0].pc), "{}", machine.name);
        }
    }
}

#[test]
fn without_call_frame_information_the_same_functions_are_found() {
    for machine in &MACHINES {
        if !is_there(machine.compiler) || !is_there(machine.gdb) {
            continue;
        }
        let name = format!("coroner-{}-{}-bare", std::process::id(), machine.name);
        let folder = Folder(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).expect("the temporary folder can be written");
        let elf = compile(machine, &[], &folder.0, "nest.elf");
        let Some(seen) = look(machine, &elf, &folder.0) else { continue };
        let bare = without_cfi(&elf);
        let (trace, ours) = unwind(&seen, &bare);
        let found: Vec<&str> = trace.frames.iter().map(|frame| frame.found.word()).collect();
        println!(
            "| {:<9} | {} frames | {} | {}",
            machine.name,
            ours.len(),
            found.join(" "),
            trace.end
        );
        let names = |frames: &[Vec<Line>]| -> Vec<String> {
            let last = |frame: &Vec<Line>| frame.last()?.function.clone();
            frames.iter().filter_map(last).collect()
        };
        let theirs = names(&by_frame(&seen.lines));
        assert_eq!(names(&ours), theirs, "{}: {:?}", machine.name, trace.end);
        assert!(trace.frames[1..].iter().all(|frame| {
            matches!(
                frame.found,
                Found::Scan | Found::Guess | Found::LinkRegister | Found::FramePointer
            )
        }));
    }
}

/// The ELF file with the names of its sections of call frame information changed.
fn without_cfi(elf: &Path) -> PathBuf {
    let mut bytes = std::fs::read(elf).expect("it is there");
    for name in [&b".debug_frame\0"[..], b".eh_frame\0"] {
        let mut from = 0;
        while let Some(at) = bytes[from..].windows(name.len()).position(|part| part == name) {
            bytes[from + at + 1] = b'x';
            from += at + name.len();
        }
    }
    let path = elf.with_extension("bare.elf");
    std::fs::write(&path, bytes).expect("it is ours");
    path
}
