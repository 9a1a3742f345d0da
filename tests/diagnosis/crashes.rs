//! One program, a crash for each case, for Cortex-M4F, RV32, RV64 and AArch64.

use crate::support::machines::{Folder, Machine, build, is_there, stopped};
use crate::support::real;
use coroner::report::{ReportOptions, Sentence};
use std::path::Path;

struct Board {
    machine: Machine,
    ram: u64,
    /// Registers with the place, the cause and the address of a trap; none on Cortex-M.
    trap: &'static [&'static str],
    /// Nothing is there.
    bad: u64,
    /// Nothing is there either, and no code may be.
    bad_code: u64,
}

const RISCV: &[&str] = &["mepc", "mcause", "mtval", "mstatus"];

fn cortex_m4f() -> Board {
    Board {
        machine: Machine {
            name: "cortex-m4f",
            compiler: "arm-none-eabi-gcc",
            flags: &["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
            origin: Some(&["--defsym=ORIGIN_ADDR=0", "--defsym=ram_addr=0x20000000"]),
            qemu: &["qemu-system-arm", "-M", "mps2-an386"],
            gdb: "gdb-multiarch",
            arch: "cortex-m",
        },
        ram: 0x2000_0000,
        trap: &[],
        bad: 0xa000_0000,
        bad_code: 0xa000_0001,
    }
}

fn riscv(is_64: bool) -> Board {
    Board {
        machine: Machine {
            name: if is_64 { "riscv64" } else { "riscv32" },
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
            arch: if is_64 { "riscv64" } else { "riscv32" },
        },
        ram: 0x8000_4000,
        trap: RISCV,
        bad: 0x1800_0000,
        bad_code: 0x1800_0000,
    }
}

fn aarch64() -> Board {
    Board {
        machine: Machine {
            name: "aarch64",
            compiler: "aarch64-linux-gnu-gcc",
            flags: &[
                "-mgeneral-regs-only",
                "-Wl,--build-id=none",
                "-mstrict-align",
                "-fno-pic",
                "-no-pie",
            ],
            origin: Some(&["--defsym=ORIGIN_ADDR=0x40080000", "--defsym=ram_addr=0x40084000"]),
            qemu: &["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53", "-nic", "none"],
            gdb: "gdb-multiarch",
            arch: "aarch64",
        },
        ram: 0x4008_4000,
        trap: &["ELR_EL1", "ESR_EL1", "FAR_EL1", "SPSR_EL1"],
        bad: 0x7000_0000_0000,
        bad_code: 0x7000_0000_0000,
    }
}

/// The sentences that are said of a crash; `None` where a tool is missing.
fn said(board: &Board, case: u32, level: &str) -> Option<Vec<Sentence>> {
    let Board { machine, ram, trap, bad, bad_code } = board;
    let there = [machine.compiler, machine.gdb, machine.qemu[0]];
    there.iter().all(|program| is_there(program)).then_some(())?;
    let folder = Folder::new(&format!("diagnosis-{}-{case}", machine.name));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/diagnosis/crashes.c");
    let flags = [
        format!("-DCASE={case}"),
        format!("-DBAD_ADDR={bad:#x}"),
        format!("-DBAD_CODE={bad_code:#x}"),
        "-DTEXT_ADDR=0x64636261".into(),
        level.into(),
        "-fno-optimize-sibling-calls".into(),
        "-fno-delete-null-pointer-checks".into(),
    ];
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let elf = build(machine, machine.compiler, &flags, &[source], &folder.0, "crashes.elf");
    let memory = folder.0.join(format!("ram@{ram:#x}.bin"));
    let mut commands =
        vec![format!("dump binary memory {} {ram:#x} {:#x}", memory.display(), ram + 0x3000)];
    let mut files = vec![memory];
    if trap.is_empty() {
        let words = folder.0.join("scs@0xe000ed00.bin");
        commands.push(format!("dump binary memory {} 0xe000ed00 0xe000ed90", words.display()));
        files.push(words);
    }
    commands.push("echo FROM\\n".into());
    commands.push("info registers".into());
    commands.extend(trap.iter().map(|name| format!("info registers {name}")));
    commands.push("echo END\\n".into());
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    let (_, text) = stopped(machine, &elf, &folder.0, "stopped", &commands);
    let (_, rest) = text.split_once("FROM\n").expect("it was printed");
    let (registers, _) = rest.split_once("END").expect("it was printed");
    let path = folder.0.join("regs.txt");
    std::fs::write(&path, at_the_trap(registers, trap)).expect("room");
    files.push(path);
    let opened = real::open(&files, Some(elf));
    let report = coroner::report::build(&opened, &ReportOptions::default()).expect("a report");
    Some(report.diagnosis)
}

/// The handler changed no register but the program counter: that of the trap is in another one.
fn at_the_trap(registers: &str, trap: &[&str]) -> String {
    let Some(place) = trap.first() else { return registers.to_string() };
    let pc = registers.lines().find_map(|line| line.strip_prefix(place)).expect("it was printed");
    let lines = registers.lines().map(|line| match line.split_whitespace().next() {
        Some("pc") => format!("pc {}", pc.trim()),
        _ => line.to_string(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Checks that exactly these sentences are said. `*` at an end stands for anything.
fn check(board: &Board, case: u32, level: &str, expected: &[&str]) {
    let Some(said) = said(board, case, level) else { return };
    let shown: Vec<&str> = said.iter().map(|sentence| sentence.words.as_str()).collect();
    let what = format!("{} case {case} {level}: {said:#?}", board.machine.name);
    assert_eq!(shown.len(), expected.len(), "{what}");
    for (shown, expected) in shown.iter().zip(expected) {
        match expected.strip_suffix('*') {
            Some(start) => assert!(shown.starts_with(start), "{what}"),
            None => assert_eq!(shown, expected, "{what}"),
        }
    }
}

const NOTHING_THERE: &str = "points to no memory that the dump or the ELF file knows of";

#[test]
fn accesses_of_cortex_m() {
    let board = cortex_m4f();
    let nothing = |who: &str| format!("{who} = 0xa0000000 {NOTHING_THERE}");
    for level in ["-Og", "-O0"] {
        check(
            &board,
            1,
            level,
            &[
                "store of 4 bytes to m->state (offset 4 of struct motor) at 0xa0000004 failed",
                &nothing("m"),
            ],
        );
        check(
            &board,
            2,
            level,
            &[
                "load of 2 bytes from m->gears[1].worn (offset 14 of struct motor) at 0xa000000e failed",
                &nothing("m"),
            ],
        );
        check(
            &board,
            4,
            level,
            &[
                "load of 4 bytes from kept->id (offset 0 of struct motor) at 0xa0000000 failed",
                &nothing("kept"),
            ],
        );
    }
    check(
        &board,
        3,
        "-Og",
        &[
            "load of 1 byte from third->flags (offset 16 of struct motor) at 0xa0000010 failed",
            &nothing("third"),
            "0xa0000000 was read from motors+12 at 0x2000000c, which holds it still",
        ],
    );
    check(
        &board,
        5,
        "-Og",
        &["load of 4 bytes from *numbers at 0x64636261 failed: the address is not a multiple of 4"],
    );
    check(
        &board,
        11,
        "-Og",
        &[
            "load of 4 bytes from 0x20000011, through at, failed: the address is not a multiple of 4",
        ],
    );
    check(
        &board,
        16,
        "-Og",
        &[
            "load of 4 bytes from *numbers at 0x60000028 failed",
            "numbers = 0x60000028 points to no memory that is known, and differs in one bit (30) from 0x20000028, the address of sink",
        ],
    );
}

#[test]
fn jumps_of_cortex_m() {
    let board = cortex_m4f();
    check(&board, 7, "-Og", &["the code jumped to address 0, called through a pointer in call+6"]);
    check(
        &board,
        8,
        "-Og",
        &[
            "the code jumped to 0xa0000000, which is no code of the ELF file, called through a pointer in call+6",
        ],
    );
    check(
        &board,
        9,
        "-O2",
        &[
            "the code jumped to 0x5c (double_it) without the Thumb bit: the address must be odd, called through a pointer in call+6",
        ],
    );
    check(
        &board,
        13,
        "-Og",
        &[
            "the code jumped to 0x41414140, which is no code of the ELF file, 0x41414141 (the text \"AAAA\"), which fills the stack above as well",
        ],
    );
}

#[test]
fn instructions_of_cortex_m() {
    let board = cortex_m4f();
    check(&board, 10, "-Og", &["division by r1, which is 0"]);
    check(&board, 12, "-Og", &["`udf #255` is there to fail: the code gave up here by itself"]);
    check(&board, 17, "-Og", &["`vldr s15, [r3]` needs the FPU, which is switched off"]);
    check(
        &board,
        14,
        "-Og",
        &[
            "load of 4 bytes from *numbers at 0xa0000000 failed",
            &format!("numbers = 0xa0000000 {NOTHING_THERE}"),
            "nested called itself: 41 calls of it are not finished",
        ],
    );
}

#[test]
fn a_handler_of_an_interrupt_is_named() {
    check(
        &cortex_m4f(),
        18,
        "-Og",
        &[
            "store of 4 bytes to m->state (offset 4 of struct motor) at 0xa0000004 failed",
            &format!("m = 0xa0000000 {NOTHING_THERE}"),
            "it happened in radio, the handler of interrupt 3",
        ],
    );
}

#[test]
fn accesses_and_jumps_of_risc_v() {
    for board in [riscv(false), riscv(true)] {
        for level in ["-Og", "-O0"] {
            check(
                &board,
                1,
                level,
                &[
                    "store of 4 bytes to m->state (offset 4 of struct motor) at 0x18000004 failed",
                    &format!("m = 0x18000000 {NOTHING_THERE}"),
                ],
            );
            check(
                &board,
                15,
                level,
                &[
                    "store of 4 bytes to m->state (offset 4 of struct motor) at 0x4 failed",
                    "m is NULL",
                ],
            );
        }
        check(
            &board,
            7,
            "-Og",
            &["the code jumped to address 0, called through a pointer in call+*"],
        );
    }
    check(
        &riscv(false),
        3,
        "-Og",
        &[
            "load of 1 byte from third->flags (offset 16 of struct motor) at 0x18000010 failed",
            &format!("third = 0x18000000 {NOTHING_THERE}"),
            "0x18000000 was read from motors+12 at 0x8000400c, which holds it still",
        ],
    );
}

#[test]
fn accesses_and_jumps_of_aarch64() {
    let board = aarch64();
    for level in ["-Og", "-O0"] {
        check(
            &board,
            1,
            level,
            &[
                "store of 4 bytes to m->state (offset 4 of struct motor) at 0x700000000004 failed",
                &format!("m = 0x700000000000 {NOTHING_THERE}"),
            ],
        );
    }
    check(
        &board,
        8,
        "-Og",
        &[
            "the code jumped to 0x700000000000, which is no code of the ELF file, called through a pointer in call+*",
        ],
    );
}
