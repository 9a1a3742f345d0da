//! Dumps taken inside handlers of traps: a program of our own (`tests/data/traps`) under QEMU, which
//! stops 1 to 8 calls deep in the handler. Memory and registers are what GDB saved there; they are
//! opened as a user's files are. Whatever the depth, the culprit, its registers and the signature
//! are those of the function that trapped.

use crate::support;
use coroner::open::Opened;
use coroner::report::{Report, ReportOptions};
use coroner::unwind::Unwinder;
use std::path::{Path, PathBuf};
use support::machines::{Folder, Machine, build, is_there, stopped};
use support::real;

const DEEPEST: usize = 8;
/// What `middle`, `outer` and `run` were called by, above the culprit.
const OUTER: [&str; 3] = ["middle", "outer", "run"];

struct Board {
    machine: Machine,
    /// Start and length of what is saved.
    ram: (u64, u64),
    nowhere: u64,
    flags: &'static [&'static str],
    /// Further registers that GDB shows by name.
    system: &'static [&'static str],
    /// Words of the System Control Space.
    scs: bool,
}

const RISCV_SYSTEM: [&str; 5] = ["mepc", "mcause", "mtval", "mstatus", "mtvec"];
const AARCH64_SYSTEM: [&str; 4] = ["ELR_EL1", "ESR_EL1", "FAR_EL1", "SPSR_EL1"];

fn riscv(name: &'static str) -> Board {
    let is_64 = name == "riscv64";
    Board {
        machine: Machine {
            name,
            compiler: "riscv64-unknown-elf-gcc",
            flags: match is_64 {
                true => &["-march=rv64imac_zicsr", "-mabi=lp64", "-mcmodel=medany"],
                false => &["-march=rv32imac_zicsr", "-mabi=ilp32", "-mcmodel=medany"],
            },
            origin: Some(&["--defsym=ORIGIN_ADDR=0x80000000", "--defsym=ram_addr=0x80004000"]),
            qemu: match is_64 {
                true => &["qemu-system-riscv64", "-M", "virt", "-bios", "none"],
                false => &["qemu-system-riscv32", "-M", "virt", "-bios", "none"],
            },
            gdb: "gdb-multiarch",
            arch: name,
        },
        ram: (0x8000_4000, 0x4000),
        nowhere: 0x1800_0000,
        flags: &[],
        system: &RISCV_SYSTEM,
        scs: false,
    }
}

fn aarch64() -> Board {
    Board {
        machine: Machine {
            name: "aarch64",
            compiler: "aarch64-linux-gnu-gcc",
            flags: &["-mgeneral-regs-only", "-Wl,--build-id=none", "-mstrict-align", "-fno-pic"],
            origin: Some(&["--defsym=ORIGIN_ADDR=0x40080000", "--defsym=ram_addr=0x40084000"]),
            qemu: &["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-nic", "none"],
            gdb: "gdb-multiarch",
            arch: "aarch64",
        },
        ram: (0x4008_4000, 0x4000),
        nowhere: 0x7000_0000_0000,
        flags: &["-no-pie"],
        system: &AARCH64_SYSTEM,
        scs: false,
    }
}

fn cortex_m(name: &'static str, flags: &'static [&'static str]) -> Board {
    let (machine, origin, ram): (&str, &'static [&'static str], u64) = match name {
        "cortex-m0" => {
            ("microbit", &["--defsym=ORIGIN_ADDR=0", "--defsym=ram_addr=0x20000000"], 0x2000_0000)
        }
        "cortex-m33" => (
            "mps2-an505",
            &["--defsym=ORIGIN_ADDR=0x10000000", "--defsym=ram_addr=0x30000000"],
            0x3000_0000,
        ),
        "cortex-m4f" => {
            ("mps2-an386", &["--defsym=ORIGIN_ADDR=0", "--defsym=ram_addr=0x20000000"], 0x2000_0000)
        }
        _ => {
            ("mps2-an385", &["--defsym=ORIGIN_ADDR=0", "--defsym=ram_addr=0x20000000"], 0x2000_0000)
        }
    };
    let qemu: &'static [&'static str] = match machine {
        "microbit" => &["qemu-system-arm", "-M", "microbit"],
        "mps2-an505" => &["qemu-system-arm", "-M", "mps2-an505"],
        "mps2-an386" => &["qemu-system-arm", "-M", "mps2-an386"],
        _ => &["qemu-system-arm", "-M", "mps2-an385"],
    };
    let cpu: &'static [&'static str] = match name {
        "cortex-m0" => &["-mcpu=cortex-m0", "-mthumb"],
        "cortex-m33" => &["-mcpu=cortex-m33+nodsp+nofp", "-mthumb"],
        "cortex-m4f" => &["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
        _ => &["-mcpu=cortex-m3", "-mthumb"],
    };
    Board {
        machine: Machine {
            name,
            compiler: "arm-none-eabi-gcc",
            flags: cpu,
            origin: Some(origin),
            qemu,
            gdb: "gdb-multiarch",
            arch: "cortex-m",
        },
        ram: (ram, 0x3000),
        nowhere: if name == "cortex-m33" { 0x7000_0000 } else { 0xa000_0000 },
        flags,
        system: &[],
        scs: true,
    }
}

fn i386() -> Board {
    Board {
        machine: Machine {
            name: "i386",
            compiler: "gcc",
            flags: &["-m32", "-no-pie", "-fno-pic", "-fcf-protection=none", "-mgeneral-regs-only"],
            origin: Some(&["--defsym=ORIGIN_ADDR=0x100000", "--defsym=ram_addr=0x104000"]),
            qemu: &["qemu-system-i386", "-M", "pc", "-display", "none"],
            gdb: "gdb-multiarch",
            arch: "i386",
        },
        ram: (0x10_4000, 0x3000),
        nowhere: 0x7000_0000,
        flags: &["-Wl,--build-id=none"],
        system: &[],
        scs: false,
    }
}

fn x86_64() -> Board {
    Board {
        machine: Machine {
            name: "x86-64",
            compiler: "gcc",
            flags: &[
                "-m64",
                "-no-pie",
                "-fno-pic",
                "-fcf-protection=none",
                "-mgeneral-regs-only",
                "-mno-red-zone",
            ],
            origin: Some(&["--defsym=ORIGIN_ADDR=0x100000", "--defsym=ram_addr=0x104000"]),
            qemu: &["qemu-system-x86_64", "-M", "pc", "-display", "none"],
            gdb: "gdb-multiarch",
            arch: "x86-64",
        },
        ram: (0x10_4000, 0x3000),
        nowhere: 0x7000_0000,
        flags: &["-Wl,--build-id=none"],
        system: &["cr2"],
        scs: false,
    }
}

/// What the program left at each depth, and the ELF file.
struct Stops {
    folder: Folder,
    elf: PathBuf,
    inputs: Vec<Vec<PathBuf>>,
}

/// Runs the program of one case and saves what is there at each stop.
fn run(board: &Board, case: &str) -> Option<Stops> {
    let Board { machine, ram, nowhere, flags, system, scs } = board;
    let there = [machine.compiler, machine.gdb, machine.qemu[0]];
    if !there.iter().all(|program| is_there(program)) {
        return None;
    }
    let folder = Folder::new(&format!("traps-{}-{case}", machine.name));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traps/traps.c");
    let case_flag = format!("-DCASE={case}");
    let nowhere = format!("-DNOWHERE_ADDR={nowhere:#x}");
    let all: Vec<&str> = ["-O2", "-fno-optimize-sibling-calls", &case_flag, &nowhere]
        .into_iter()
        .chain(flags.iter().copied())
        .collect();
    let elf = build(machine, machine.compiler, &all, &[source], &folder.0, "traps.elf");
    let mut commands = Vec::new();
    let mut inputs = Vec::new();
    for depth in 1..=DEEPEST {
        let (start, len) = ram;
        let memory = folder.0.join(format!("ram{depth}@{start:#x}.bin"));
        commands.push(format!(
            "dump binary memory {} {start:#x} {:#x}",
            memory.display(),
            start + len
        ));
        let mut files = vec![memory];
        if *scs {
            let words = folder.0.join(format!("scs{depth}@0xe000ed00.bin"));
            commands.push(format!("dump binary memory {} 0xe000ed00 0xe000ed40", words.display()));
            files.push(words);
        }
        commands.push(format!("echo STOP {depth}\\n"));
        commands.push("info registers".into());
        commands.extend(system.iter().map(|name| format!("info registers {name}")));
        if *scs {
            commands.push("printf \"psp 0x%x\\n\", psp_now".into());
        }
        commands.push("echo END\\n".into());
        files.push(folder.0.join(format!("regs{depth}.txt")));
        inputs.push(files);
        if depth < DEEPEST {
            commands.push("continue".into());
        }
    }
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let (_, text) = stopped(machine, &elf, &folder.0, "stopped", &commands);
    for (depth, files) in (1..).zip(&inputs) {
        let begin = format!("STOP {depth}\n");
        let (_, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{begin}{text}"));
        let (registers, _) = rest.split_once("END").expect("it was printed");
        std::fs::write(files.last().expect("registers"), registers).expect("room");
    }
    Some(Stops { folder, elf, inputs })
}

impl Stops {
    fn open(&self, depth: usize, without: &[&str]) -> (Opened, Report) {
        let mut files = self.inputs[depth - 1].clone();
        if !without.is_empty() {
            let last = files.pop().expect("registers");
            let text = std::fs::read_to_string(&last).expect("it is ours");
            let kept =
                text.lines().filter(|line| without.iter().all(|name| !line.starts_with(name)));
            let path = self.folder.0.join(format!("less{depth}.txt"));
            std::fs::write(&path, kept.collect::<Vec<_>>().join("\n")).expect("room");
            files.push(path);
        }
        let opened = real::open(&files, Some(self.elf.clone()));
        let options = ReportOptions { all_threads: true, ..ReportOptions::default() };
        let report = coroner::report::build(&opened, &options).expect("a report");
        (opened, report)
    }
}

/// What must be the same at every depth.
#[derive(Debug, PartialEq)]
struct Told {
    signature: String,
    words: String,
    culprit: String,
}

fn functions(report: &Report) -> Vec<String> {
    report.threads[0].frames.iter().filter_map(|frame| frame.function.clone()).collect()
}

/// Checks a dump of each depth: `interrupted` is the innermost function that the trap interrupted.
fn check(
    name: &str,
    stops: &Stops,
    interrupted: &[&str],
    is_fault: bool,
    reason: Option<&str>,
    without: &[&str],
) {
    let mut first: Option<Told> = None;
    for depth in 1..=DEEPEST {
        let (_, report) = stops.open(depth, without);
        let what = format!("{name}, {depth} deep");
        let names = functions(&report);
        let thread = &report.threads[0];
        let shown = names.join(" ");
        let handlers = names.iter().filter(|name| *name == "deeper").count();
        assert_eq!(handlers, depth, "{what}: {shown} ({})", thread.end);
        let at = thread.frames.iter().position(|frame| frame.exception.is_some());
        let at = at.unwrap_or_else(|| panic!("{what}: no exception in {shown} ({})", thread.end));
        let wanted: Vec<&str> = interrupted.iter().chain(&OUTER).copied().collect();
        let below: Vec<&str> = thread.frames[at..]
            .iter()
            .map(|frame| frame.function.as_deref().unwrap_or("??"))
            .collect();
        assert_eq!(
            below[..wanted.len().min(below.len())],
            wanted,
            "{what}: {shown} ({})",
            thread.end
        );
        assert!(thread.complete, "{what}: {shown} ({})", thread.end);
        assert_eq!(thread.culprit, if is_fault { at } else { 0 }, "{what}: {shown}");
        if let Some(words) = reason {
            assert!(report.reason.words.contains(words), "{what}: {}", report.reason.words);
        } else {
            assert_eq!(report.reason.signal, None, "{what}: {}", report.reason.words);
        }
        let told = Told {
            signature: format!("{:?}", report.signature),
            words: report.reason.words.clone(),
            culprit: thread.frames[thread.culprit].function.clone().unwrap_or_default(),
        };
        match &first {
            None => first = Some(told),
            Some(first) if is_fault => assert_eq!(&told, first, "{what}"),
            Some(_) => {}
        }
    }
}

fn faults(boards: &[Board], cases: &[&str]) {
    for board in boards {
        for case in cases {
            let Some(stops) = run(board, case) else { return };
            let name = format!("{} {case}", board.machine.name);
            let words = match board.machine.arch {
                "aarch64" => "data abort, read",
                "cortex-m" if board.machine.name == "cortex-m0" => "",
                "cortex-m" => "bus fault: precise data access",
                "i386" => "#UD invalid opcode",
                "x86-64" => "#PF page fault: 0x70000000",
                _ => "load access fault",
            };
            check(&name, &stops, &["poke"], true, Some(words), &[]);
        }
    }
}

#[test]
fn a_fault_on_risc_v_is_of_the_function_that_trapped() {
    faults(&[riscv("riscv32"), riscv("riscv64")], &["FAULT", "SWITCHED", "TAIL", "COMPILED"]);
}

#[test]
fn a_fault_on_aarch64_is_of_the_function_that_trapped() {
    faults(&[aarch64()], &["FAULT", "SWITCHED"]);
}

#[test]
fn an_exception_on_x86_is_of_the_function_that_trapped() {
    faults(&[i386(), x86_64()], &["FAULT"]);
}

#[test]
fn a_fault_on_cortex_m_is_of_the_function_that_trapped() {
    const PSP: &[&str] = &["-DUSE_PSP=1"];
    const FPU: &[&str] = &["-DUSE_FPU=1"];
    const BOTH: &[&str] = &["-DUSE_PSP=1", "-DUSE_FPU=1"];
    let boards = [
        cortex_m("cortex-m0", &[]),
        cortex_m("cortex-m0", PSP),
        cortex_m("cortex-m3", &[]),
        cortex_m("cortex-m3", PSP),
        cortex_m("cortex-m4f", FPU),
        cortex_m("cortex-m4f", BOTH),
        cortex_m("cortex-m33", &[]),
        cortex_m("cortex-m33", PSP),
    ];
    faults(&boards, &["FAULT"]);
}

#[test]
fn a_fault_in_the_handler_of_an_interrupt_is_of_that_handler() {
    let boards = [
        riscv("riscv32"),
        riscv("riscv64"),
        aarch64(),
        i386(),
        x86_64(),
        cortex_m("cortex-m3", &[]),
        cortex_m("cortex-m4f", &["-DUSE_PSP=1", "-DUSE_FPU=1"]),
        cortex_m("cortex-m33", &[]),
    ];
    for board in &boards {
        let Some(stops) = run(board, "NESTED") else { return };
        for depth in 1..=DEEPEST {
            let (_, report) = stops.open(depth, &[]);
            let thread = &report.threads[0];
            let shown = functions(&report).join(" ");
            let what = format!("{} {depth} deep: {shown} ({})", board.machine.name, thread.end);
            let exceptions: Vec<usize> = (0..thread.frames.len())
                .filter(|at| thread.frames[*at].exception.is_some())
                .collect();
            assert_eq!(exceptions.len(), 2, "{what}");
            assert_eq!(thread.culprit, exceptions[0], "{what}");
            assert_eq!(thread.frames[thread.culprit].function.as_deref(), Some("poke"), "{what}");
            assert!(shown.ends_with("raise waited middle outer run _start"), "{what}");
            assert!(thread.complete, "{what}");
            println!("{what} {:?} {}", thread.frames[exceptions[1]].exception, report.reason.words);
        }
    }
}

/// Boards with every kind of stack and frame.
fn cortex_m_boards() -> [Board; 5] {
    [
        cortex_m("cortex-m0", &[]),
        cortex_m("cortex-m3", &["-DUSE_PSP=1"]),
        cortex_m("cortex-m4f", &["-DUSE_FPU=1"]),
        cortex_m("cortex-m4f", &["-DUSE_PSP=1", "-DUSE_FPU=1"]),
        cortex_m("cortex-m33", &["-DUSE_PSP=1"]),
    ]
}

/// Handlers upon handlers and after handlers: which exceptions, innermost first, and what each came upon.
#[test]
fn chained_and_nested_exceptions_of_cortex_m_are_told_apart() {
    /// An exception, and the function that it came upon.
    type Upon = (&'static str, &'static str);
    const CASES: [(&str, bool, &[Upon]); 4] = [
        ("CHAINED", false, &[("PendSV", "raise")]),
        ("CHAINED_FAULT", true, &[("HardFault", "poke"), ("PendSV", "raise")]),
        ("DEEP", false, &[("interrupt 0", "Svc"), ("SVCall", "raise")]),
        ("DEEP_FAULT", true, &[("HardFault", "poke"), ("interrupt 0", "Svc"), ("SVCall", "raise")]),
    ];
    for board in cortex_m_boards() {
        for (case, is_fault, wanted) in CASES {
            let Some(stops) = run(&board, case) else { return };
            let mut signatures = Vec::new();
            for depth in 1..=DEEPEST {
                let (_, report) = stops.open(depth, &[]);
                let thread = &report.threads[0];
                let shown = functions(&report).join(" ");
                let what = format!("{} {case} {depth} deep: {shown}", board.machine.name);
                let exceptions: Vec<(&str, &str)> = (thread.frames.iter())
                    .filter_map(|frame| {
                        Some((frame.exception.as_deref()?, frame.function.as_deref()?))
                    })
                    .collect();
                assert_eq!(exceptions, wanted, "{what} ({})", thread.end);
                let end = " raise waited middle outer run _start";
                assert!(shown.ends_with(end), "{what} ({})", thread.end);
                assert!(thread.complete, "{what} ({})", thread.end);
                assert_eq!(thread.culprit, if is_fault { depth_of(thread) } else { 0 }, "{what}");
                signatures.push(format!("{:?}", report.signature));
            }
            signatures.dedup();
            assert!(!is_fault || signatures.len() == 1, "{case}: {signatures:?}");
        }
    }
}

/// The first frame that an exception interrupted.
fn depth_of(thread: &coroner::report::Thread) -> usize {
    thread.frames.iter().position(|frame| frame.exception.is_some()).expect("there is one")
}

#[test]
fn what_an_interrupt_interrupted_did_nothing_wrong() {
    let boards = [
        riscv("riscv32"),
        riscv("riscv64"),
        aarch64(),
        i386(),
        x86_64(),
        cortex_m("cortex-m3", &[]),
        cortex_m("cortex-m33", &[]),
    ];
    for board in &boards {
        let Some(stops) = run(board, "INTERRUPT") else { return };
        check(board.machine.name, &stops, &["raise", "waited"], false, None, &[]);
    }
}

#[test]
fn a_call_of_nowhere_is_of_its_caller() {
    for board in [riscv("riscv32"), riscv("riscv64"), aarch64(), cortex_m("cortex-m3", &[])] {
        let Some(stops) = run(&board, "NOWHERE") else { return };
        check(board.machine.name, &stops, &["??", "call"], true, Some(""), &[]);
    }
}

#[test]
fn without_the_trap_registers_the_saved_ones_tell() {
    for name in ["riscv32", "riscv64"] {
        let Some(stops) = run(&riscv(name), "FAULT") else { return };
        check(name, &stops, &["poke"], true, Some("load access fault"), &RISCV_SYSTEM);
    }
}

/// What a kernel keeps of a thread that it switched out on the way out of an interrupt: a program
/// counter in the entry code, and a stack pointer. What goes on later is what was interrupted.
#[test]
fn a_thread_that_was_switched_out_in_entry_code_goes_on_where_it_was_interrupted() {
    let boards = [(riscv("riscv32"), "FAULT"), (riscv("riscv64"), "TAIL"), (aarch64(), "FAULT")];
    for (board, case) in &boards {
        let Some(stops) = run(board, case) else { return };
        let (opened, _) = stops.open(3, &[]);
        let modules = opened.modules();
        let unwinder = Unwinder::new(&opened.dump, &modules);
        let frames = unwinder.backtrace(&opened.dump.threads[0]).frames;
        let at = frames.iter().position(|frame| frame.exception.is_some()).expect("it trapped");
        let found = unwinder.interrupted_in(&frames[at - 1].registers).expect("it goes on");
        assert_eq!(found.pc(), Some(frames[at].pc), "{}", board.machine.name);
        assert_eq!(found.sp(), frames[at].registers.sp(), "{}", board.machine.name);
        assert!(unwinder.interrupted_in(&frames[at].registers).is_none(), "no entry code");
    }
}
