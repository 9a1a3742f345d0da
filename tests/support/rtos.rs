//! Firmware with a kernel, built here, run under QEMU until it has crashed, and its RAM taken out of
//! the emulator as somebody with a debug probe would. `tests/data/rtos/src` is its source; FreeRTOS
//! itself comes from crates.io. What is not installed is skipped, visibly; in CI it must be there.

use super::missing;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A machine to build for and run on.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    pub name: &'static str,
    compiler: &'static str,
    flags: &'static [&'static str],
    code: u32,
    pub ram: u32,
    emulator: &'static [&'static str],
    /// FreeRTOS' port: its folder and sources.
    port: (&'static str, &'static [&'static str]),
}

const RAM_LEN: u32 = 0x4000;
const ARM: &str = "arm-none-eabi-gcc";
const RISCV: &str = "riscv64-unknown-elf-gcc";
const CLINT: &str = "RISC-V/chip_specific_extensions/RISCV_MTIME_CLINT_no_extensions";

pub(crate) const MACHINES: [Machine; 6] = [
    Machine {
        name: "cortex-m0",
        compiler: ARM,
        flags: &["-mthumb", "-mcpu=cortex-m0"],
        code: 0,
        ram: 0x2000_0000,
        // Its code runs on a Cortex-M3 as well; the Cortex-M0 that QEMU has comes without a tick.
        emulator: &["qemu-system-arm", "-M", "mps2-an385"],
        port: ("ARM_CM0", &["port.c", "portasm.c"]),
    },
    Machine {
        name: "cortex-m3",
        compiler: ARM,
        flags: &["-mthumb", "-mcpu=cortex-m3"],
        code: 0,
        ram: 0x2000_0000,
        emulator: &["qemu-system-arm", "-M", "mps2-an385"],
        port: ("ARM_CM3", &["port.c"]),
    },
    Machine {
        name: "cortex-m4f",
        compiler: ARM,
        // The kernel's structures as another configuration has them.
        flags: &[
            "-mthumb",
            "-mcpu=cortex-m4",
            "-mfloat-abi=hard",
            "-mfpu=fpv4-sp-d16",
            "-DWITH_FLOAT",
            "-DCONFIG_VARIANT",
        ],
        code: 0,
        ram: 0x2000_0000,
        emulator: &["qemu-system-arm", "-M", "mps2-an386"],
        port: ("ARM_CM4F", &["port.c"]),
    },
    Machine {
        name: "cortex-m33",
        compiler: ARM,
        flags: &[
            "-mthumb",
            "-mcpu=cortex-m33",
            "-mfloat-abi=hard",
            "-mfpu=fpv5-sp-d16",
            "-DWITH_FLOAT",
        ],
        code: 0x1000_0000,
        ram: 0x3800_0000,
        emulator: &["qemu-system-arm", "-M", "mps2-an505"],
        port: ("ARM_CM33_NTZ/non_secure", &["port.c", "portasm.c"]),
    },
    Machine {
        name: "riscv32",
        compiler: RISCV,
        flags: &["-march=rv32imac_zicsr", "-mabi=ilp32", "-mcmodel=medany", "-DCONFIG_VARIANT"],
        code: 0x8000_0000,
        ram: 0x8004_0000,
        emulator: &["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
        port: ("RISC-V", &["port.c", "portASM.S"]),
    },
    Machine {
        name: "riscv64",
        compiler: RISCV,
        flags: &["-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany"],
        code: 0x8000_0000,
        ram: 0x8004_0000,
        emulator: &["qemu-system-riscv64", "-M", "virt", "-bios", "none"],
        port: ("RISC-V", &["port.c", "portASM.S"]),
    },
];

impl Machine {
    pub(crate) fn is_arm(&self) -> bool {
        self.compiler == ARM
    }

    pub(crate) fn word_len(&self) -> usize {
        if self.name == "riscv64" { 8 } else { 4 }
    }
}

/// What a crashed device left behind: its ELF file, its RAM, and the registers of the crashed
/// context as a text.
#[derive(Clone)]
pub(crate) struct Crash {
    pub elf: PathBuf,
    pub ram: PathBuf,
    pub registers: PathBuf,
}

/// The folder of FreeRTOS' sources, which the crate `freertos-next` brings.
fn freertos() -> Option<PathBuf> {
    let manifest =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("capture/firmware/freertos/Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(manifest)
        .output()
        .ok()?;
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    let packages = json["packages"].as_array()?;
    let package = packages.iter().find(|package| package["name"] == "freertos-next")?;
    let folder = Path::new(package["manifest_path"].as_str()?).parent()?.join("FreeRTOS-Kernel");
    folder.is_dir().then_some(folder)
}

/// Builds for `machine` with the kernel `kernel`, and lets it crash; once, however many tests ask.
pub(crate) fn crash(kernel: &str, machine: &Machine) -> Option<Crash> {
    static ALL: Mutex<BTreeMap<String, Option<Crash>>> = Mutex::new(BTreeMap::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let name = format!("{kernel}-{}", machine.name);
    all.entry(name.clone()).or_insert_with(|| make(kernel, machine, &name, &[])).clone()
}

/// The same with a crash in the handler of the tick.
pub(crate) fn crash_in_interrupt(kernel: &str, machine: &Machine) -> Option<Crash> {
    let name = format!("{kernel}-{}-interrupt", machine.name);
    make(kernel, machine, &name, &["-DCRASH_IN_INTERRUPT"])
}

fn make(kernel: &str, machine: &Machine, name: &str, flags: &[&str]) -> Option<Crash> {
    if ![machine.compiler, machine.emulator[0]].into_iter().all(missing::program) {
        return None;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("room for files");
    let elf = folder.join("firmware.elf");
    build(kernel, machine, &elf, flags)?;
    let ram = run(machine, &elf, &folder);
    let registers = folder.join("registers.txt");
    let text = register_text(machine, &elf, &std::fs::read(&ram).expect("just written"));
    std::fs::write(&registers, text).expect("room for files");
    Some(Crash { elf, ram, registers })
}

/// The ELF file of the same firmware with its debugging information in another form.
pub(crate) fn described(kernel: &str, machine: &Machine, flags: &[&str]) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let elf = folder.join(format!("{kernel}-{}{}.elf", machine.name, flags.concat()));
    build(kernel, machine, &elf, flags)?;
    Some(elf)
}

/// The source of what runs on a kernel: one for all of `freertos-heap-1` to `5`, one for all C
/// libraries.
fn program(kernel: &str) -> String {
    if kernel.starts_with("libc-heap") {
        return "libc_heap".into();
    }
    kernel.trim_end_matches(|c: char| c == '-' || c.is_ascii_digit()).replace('-', "_")
}

fn build(kernel: &str, machine: &Machine, elf: &Path, flags: &[&str]) -> Option<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rtos/src");
    let mut command = Command::new(machine.compiler);
    command.args(machine.flags).args(["-Og", "-g", "-Wall", "-ffreestanding", "-fno-common"]);
    command.args(flags);
    command.arg(format!("-ffile-prefix-map={}=.", source.display()));
    command.arg("-I").arg(&source).arg("-T").arg(source.join("firmware.ld"));
    match kernel.strip_prefix("libc-heap-") {
        Some("picolibc") => command.args(["--specs=picolibc.specs", "-nostartfiles"]),
        Some("nano") => {
            command.args(["--specs=nano.specs", "--specs=nosys.specs", "-nostartfiles"])
        }
        Some(_) => command.args(["--specs=nosys.specs", "-nostartfiles"]),
        None => {
            let headers = source.join("libc");
            command.args(["-nostdlib", "-nostartfiles", "-ffreestanding", "-I"]).arg(headers)
        }
    };
    let places = format!(
        "-Wl,--defsym=code_start={:#x},--defsym=ram_start={:#x},--defsym=ram_len={RAM_LEN:#x}",
        machine.code, machine.ram
    );
    command.arg(places).arg(format!("-DKERNEL_{}", kernel.to_uppercase().replace('-', "_")));
    let start = if machine.is_arm() { "cortex_m.c" } else { "riscv.S" };
    command.args(["app.c", start, &format!("{}.c", program(kernel))].map(|f| source.join(f)));
    if kernel.starts_with("freertos") {
        let Some(freertos) = freertos() else {
            missing::nothing::<()>("the sources of FreeRTOS (crates.io)");
            return None;
        };
        let (port, files) = (freertos.join("portable/GCC").join(machine.port.0), machine.port.1);
        command.arg("-I").arg(freertos.join("include")).arg("-I").arg(&port);
        command.arg("-I").arg(freertos.join("portable/GCC").join(CLINT));
        command.arg("-DKERNEL_TRAP=freertos_risc_v_trap_handler");
        command.args(files.iter().map(|file| port.join(file)));
        let heap = kernel.strip_prefix("freertos-heap-").unwrap_or("4");
        let heap = format!("portable/MemMang/heap_{heap}.c");
        let parts = ["tasks.c", "list.c", "queue.c", "timers.c", "event_groups.c", &heap];
        command.args(parts.map(|file| freertos.join(file)));
    } else if !machine.is_arm() {
        command.arg("-DKERNEL_TRAP=kernel_trap");
    }
    command.arg("-lgcc").arg("-o").arg(elf);
    let output = command.output().expect("it is there");
    if kernel == "libc-heap-picolibc" && !output.status.success() {
        missing::nothing::<()>("picolibc for Arm");
        return None;
    }
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{kernel} for {}:\n{words}", machine.name);
    Some(())
}

/// The address of a symbol.
pub(crate) fn symbol(elf: &Path, name: &str) -> u64 {
    let elf = coroner::firmware::Firmware::open(elf, true).expect("just built");
    elf.symbol(name).unwrap_or_else(|| panic!("there is no {name}")).addr
}

/// Runs until the firmware says that it has crashed, and returns the file with its RAM.
fn run(machine: &Machine, elf: &Path, folder: &Path) -> PathBuf {
    use std::io::Write;
    let ram = folder.join(format!("ram_{:08x}.bin", machine.ram));
    let crashed = (symbol(elf, "crashed") - u64::from(machine.ram)) as usize;
    let (program, arguments) = machine.emulator.split_first().expect("an emulator");
    #[allow(clippy::zombie_processes, reason = "where it is not waited for the test has failed")]
    let mut emulator = Command::new("timeout")
        .args(["--kill-after=5", "60", program])
        .args(arguments)
        .args(["-display", "none", "-serial", "none", "-monitor", "stdio", "-kernel"])
        .arg(elf)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("timeout is there");
    let mut monitor = emulator.stdin.take().expect("a pipe");
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(200));
        let _ = std::fs::remove_file(&ram);
        let command = format!("memsave {:#x} {RAM_LEN:#x} \"{}\"\n", machine.ram, ram.display());
        monitor.write_all(command.as_bytes()).expect("QEMU listens");
        std::thread::sleep(Duration::from_millis(200));
        let taken = std::fs::read(&ram).unwrap_or_default();
        if taken.len() == RAM_LEN as usize && taken[crashed] == 1 {
            monitor.write_all(b"quit\n").expect("QEMU listens");
            emulator.wait().expect("QEMU ends");
            return ram;
        }
    }
    panic!("{}: it has not crashed", machine.name);
}

/// The crashed context, as the fault handler kept it, in lines of `name = value`.
fn register_text(machine: &Machine, elf: &Path, ram: &[u8]) -> String {
    let len = machine.word_len();
    let word = |addr: u64| {
        let at = (addr - u64::from(machine.ram)) as usize;
        let mut bytes = [0; 8];
        bytes[..len].copy_from_slice(&ram[at..at + len]);
        u64::from_le_bytes(bytes)
    };
    let crash = symbol(elf, "crash");
    let kept = |index: usize| word(crash + (index * len) as u64);
    let mut lines = Vec::new();
    if !machine.is_arm() {
        lines.extend((1..32).map(|n| format!("x{n} = {:#x}", kept(n))));
        lines.push(format!("pc = {:#x}", kept(32)));
        return lines.join("\n");
    }
    let (frame, exc_return) = (kept(8), kept(9));
    for (n, name) in ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"].iter().enumerate() {
        lines.push(format!("{name} = {:#x}", word(frame + 4 * n as u64)));
    }
    lines.extend((4..12).map(|n| format!("r{n} = {:#x}", kept(n - 4))));
    let extended = if exc_return & 0x10 == 0 { 72 } else { 0 };
    let padding = if word(frame + 28) & 1 << 9 != 0 { 4 } else { 0 };
    lines.push(format!("sp = {:#x}", frame + 32 + extended + padding));
    lines.push(format!("psp = {:#x}", kept(10)));
    lines.join("\n")
}
