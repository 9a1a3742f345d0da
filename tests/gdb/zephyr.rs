//! Real GDBs on Zephyr dumps of our own firmware, which crashed under QEMU: the true call chain,
//! all threads, variables and FPU registers, whatever part of the memory was dumped in which form.

use crate::support::gdb;
use crate::support::serve;
use crate::support::zephyr;
use serve::Server;
use std::path::{Path, PathBuf};
use zephyr::{MACHINES, Machine, Stream, console, words};

/// What is dumped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    LinkerRam,
    Threads,
    Minimal,
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("zephyr");
    std::fs::create_dir_all(&folder).expect("room for files");
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("room for files");
    path
}

fn ask(gdb: &PathBuf, dump: &Path, elf: &Path, commands: &[&str]) -> String {
    let [dump, elf] = [dump, elf].map(|path| path.to_str().expect("plain names"));
    let server = Server::start(&[dump, "--elf", elf]);
    let (load, connect) = (format!("file {elf}"), server.target_remote());
    let first = [load.as_str(), connect.as_str()];
    let all: Vec<&str> = first.into_iter().chain(commands.iter().copied()).collect();
    gdb::run(gdb, 60, &all)
}

#[track_caller]
fn assert_chain(text: &str, name: &str, wanted: &[&str]) {
    let chain = gdb::chain(text, name);
    let end = chain.len().min(wanted.len());
    assert_eq!(chain[..end], *wanted, "thread {name}:\n{text}");
}

const CRASH: [&str; 4] = ["crash_here", "decode", "process", "main_entry"];

fn switched<'a>(machine: &Machine, rest: &[&'a str]) -> Vec<&'a str> {
    // On Cortex-M the switch happens in PendSV, so the function that asks for it is still there.
    let first = machine.name.starts_with("cortex-m").then_some("arch_switch");
    first.into_iter().chain(["pend"]).chain(rest.iter().copied()).collect()
}

#[test]
fn every_mode_and_form_shows_the_true_call_chain_on_every_machine() {
    for gdb in gdb::gdbs() {
        for name in MACHINES {
            for mode in [Mode::LinkerRam, Mode::Threads, Mode::Minimal] {
                let machine = Machine::load(name);
                let mut stream = machine.stream(if mode == Mode::Threads { 2 } else { 1 }, 0);
                machine.registers(&mut stream);
                match mode {
                    Mode::LinkerRam => machine.ram(&mut stream),
                    Mode::Threads => machine.all_threads(&mut stream),
                    Mode::Minimal => machine.minimal(&mut stream),
                }
                let (ending, bytes) = match mode {
                    Mode::Threads => ("log", console(&stream.log())),
                    _ => ("bin", stream.flash(16)),
                };
                let dump = file(&format!("{name}-{mode:?}.{ending}"), &bytes);
                look(&gdb, &machine, mode, &dump);
            }
        }
    }
}

fn look(gdb: &PathBuf, machine: &Machine, mode: Mode, dump: &Path) {
    let text = ask(
        gdb,
        dump,
        &machine.elf,
        &[
            "info threads",
            "thread apply all bt",
            "thread 1",
            "frame function process",
            "print local",
            "print count",
            "x/s greeting",
            "print samples",
            "print $pc",
        ],
    );
    let what = format!("{} {mode:?}\n{text}", machine.name);
    assert!(text.contains("\"main\" (crashed"), "{what}");
    assert_chain(&text, "main", &CRASH);
    assert!(text.contains("= {33, 66, 99, 132}"), "{what}");
    match mode {
        Mode::Minimal => {
            assert!(!text.contains("\"sensor\""), "{what}");
            return;
        }
        Mode::LinkerRam => {
            assert!(text.contains("= {11, 22, 33, 44}"), "{what}");
            assert!(text.contains("\"from constants\""), "{what}");
        }
        Mode::Threads => assert!(!text.contains("= {11, 22, 33, 44}"), "{what}"),
    }
    assert_chain(&text, "logging", &switched(machine, &["wait_message", "logging_entry"]));
    assert_chain(&text, "sensor", &switched(machine, &["wait_sample", "sensor_entry"]));
    assert!(text.contains("\"logging\" (pending, priority 14"), "{what}");
    assert!(text.contains("\"sensor\" (pending, priority 5"), "{what}");
}

#[test]
fn fpu_registers_of_a_thread_that_was_switched_out_are_its_own() {
    let machine = Machine::load("cortex-m4f");
    let dump = file("fpu.bin", &machine.usual().bytes());
    for gdb in gdb::gdbs() {
        let text = ask(
            &gdb,
            &dump,
            &machine.elf,
            &[
                "thread find sensor",
                "thread 2",
                "frame function wait_sample",
                "print held",
                "print $s16",
                "info registers fpscr",
                "thread 1",
                "print $d0",
            ],
        );
        assert!(text.contains("$1 = 1.5\n"), "held is in an FPU register:\n{text}");
        assert!(text.contains("$2 = 1.5\n"), "{text}");
        assert!(text.contains("fpscr          0x0"), "{text}");
        assert!(text.contains("$3 = <unavailable>"), "lazy stacking left no room for it:\n{text}");
    }
}

#[test]
fn a_cortex_m_stack_pointer_is_mended_whatever_the_firmware_made_of_it() {
    for gdb in gdb::gdbs() {
        for name in ["cortex-m4f", "cortex-m4"] {
            let machine = Machine::load(name);
            let frame = machine.words[8];
            // Its length is that of an extended frame, or of a basic one with a word of padding.
            let (len, padding) = if name == "cortex-m4f" { (104, 0) } else { (32, 4) };
            let truth = frame + len + padding;
            for (what, sp) in [
                ("the frame", frame),
                ("none", 0),
                ("without padding", frame + len),
                ("true", truth),
                ("nowhere", 0x6000_0000),
            ] {
                let mut registers = machine.words[..17].to_vec();
                registers[8] = sp;
                let mut stream = machine.stream(1, 3);
                stream.registers(2, &words(&registers, 4));
                machine.ram(&mut stream);
                let dump = file("sp.bin", &stream.bytes());
                let commands = ["thread apply 1 bt", "print $sp", "print $pc"];
                let text = ask(&gdb, &dump, &machine.elf, &commands);
                assert_chain(&text, "main", &CRASH);
                assert!(text.contains(&format!("{truth:#x}")), "{name}, {what}:\n{text}");
            }
        }
    }
}

#[test]
fn riscv_dumps_without_a_stack_pointer_or_cut_to_32_bits_are_mended_from_the_frame() {
    for gdb in gdb::gdbs() {
        for (name, size) in [("riscv32", 4), ("riscv64", 8), ("riscv64", 4)] {
            let machine = Machine::load(name);
            let x = &machine.words;
            // ra tp t0-t2 a0-a7 t3-t6 pc
            let mut old = vec![x[1], 0, x[5], x[6], x[7]];
            old.extend(&x[10..18]);
            old.extend(&x[28..33]);
            let mut stream = machine.stream(1, 0);
            stream.registers(if size == 8 { 2 } else { 1 }, &words(&old, size));
            machine.ram(&mut stream);
            let dump = file("old-riscv.bin", &stream.bytes());
            let commands = ["thread apply 1 bt", "print $sp", "print/x $a0", "print/x $mstatus"];
            let text = ask(&gdb, &dump, &machine.elf, &commands);
            assert_chain(&text, "main", &CRASH);
            assert!(text.contains(&format!("{:#x}", x[2])), "{name} {size}:\n{text}");
            assert!(text.contains(&format!("$2 = {:#x}\n", x[10])), "{name} {size}:\n{text}");
            assert!(!text.contains("$3 = <unavailable>"), "mstatus is in the frame:\n{text}");
        }
    }
}

#[test]
fn arm64_dumps_without_a_stack_pointer_are_mended_from_the_frame() {
    let machine = Machine::load("aarch64");
    let mut stream = machine.stream(1, 0);
    stream.registers(1, &words(&machine.words[..22], 8));
    machine.ram(&mut stream);
    let dump = file("old-arm64.bin", &stream.bytes());
    for gdb in gdb::gdbs() {
        let text = ask(&gdb, &dump, &machine.elf, &["thread apply 1 bt", "print $sp"]);
        // The frame is longer than the 22 words of the block, by two that nobody told of.
        assert_eq!(
            gdb::chain(&text, "main").first().map(String::as_str),
            Some("crash_here"),
            "{text}"
        );
        let sp = machine.words[23] - 16;
        assert!(text.contains(&format!("{sp:#x}")), "{text}");
    }
}

/// The ELF file without its DWARF: only the table for debuggers is left.
fn without_dwarf(machine: &Machine) -> PathBuf {
    let mut elf = std::fs::read(&machine.elf).expect("part of the project");
    let name = b".debug_info\0";
    let at = elf.windows(name.len()).position(|bytes| bytes == name).expect("it has DWARF");
    elf[at + 1] = b'x';
    file(&format!("{}-table.elf", machine.name), &elf)
}

#[test]
fn the_offsets_table_is_enough_to_find_all_threads() {
    for name in ["cortex-m4f", "riscv32", "aarch64", "x86"] {
        let machine = Machine::load(name);
        let elf = without_dwarf(&machine);
        let dump = file(&format!("{name}-table.bin"), &machine.usual().bytes());
        let output = info(&dump, &elf);
        let threads: Vec<&str> = output["threads"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["name"].as_str().unwrap())
            .collect();
        assert_eq!(threads, ["main", "sensor", "logging"], "{name}");
    }
}

fn info(dump: &Path, elf: &Path) -> serde_json::Value {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args([
            "info".as_ref(),
            dump.as_os_str(),
            "--json".as_ref(),
            "--elf".as_ref(),
            elf.as_os_str(),
        ])
        .output()
        .expect("our own program starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn a_thread_that_ran_on_another_cpu_shows_the_registers_of_its_snapshot() {
    let machine = Machine::load("riscv64");
    let [main, sensor] = [machine.threads[0].0, machine.threads[1].0];
    let mut snapshot = machine.words[..33].to_vec();
    snapshot[32] = machine.words[1];
    let mut stream: Stream = machine.stream(2, 4);
    machine.registers(&mut stream);
    stream.cpu(0, main, &[]);
    stream.cpu(1, sensor, &words(&snapshot, 8));
    machine.ram(&mut stream);
    let shown = info(&file("smp.bin", &stream.bytes()), &machine.elf);
    let threads = shown["threads"].as_array().unwrap();
    let thread = |name: &str| threads.iter().find(|t| t["name"] == name).expect("it is listed");
    assert_eq!(threads.len(), 3);
    assert_eq!((&thread("main")["crashed"], &thread("main")["core"]), (&true.into(), &0.into()));
    assert_eq!(thread("sensor")["core"], 1);
    let pc = &thread("sensor")["registers"]["pc"];
    assert_eq!(pc, &format!("{:#x}", machine.words[1]));
    assert_eq!(shown["reason"]["words"], "kernel panic");
}

#[test]
fn what_the_fault_registers_say_is_shown_and_used() {
    let machine = Machine::load("cortex-m4f");
    let mut stream = machine.stream(2, 0);
    machine.registers(&mut stream);
    machine.ram(&mut stream);
    machine.more.iter().for_each(|(addr, bytes)| stream.memory(*addr, bytes));
    let dump = file("scb.bin", &stream.bytes());
    let shown = info(&dump, &machine.elf);
    assert_eq!(shown["reason"]["signal"], "SIGSEGV");
    let words = shown["reason"]["words"].as_str().unwrap();
    assert_eq!(words, "CPU exception; bus fault: precise data access: 0xc0000000");
    for gdb in gdb::gdbs() {
        let text = ask(&gdb, &dump, &machine.elf, &["print/x $CFSR", "print/x $BFAR"]);
        assert!(text.contains("$1 = 0x8200\n$2 = 0xc0000000"), "{text}");
    }
}

#[test]
fn opening_takes_far_less_than_half_a_second() {
    let machine = Machine::load("cortex-m4f");
    let dump = file("fast.log", &console(&machine.usual().log()));
    for gdb in gdb::gdbs() {
        let started = std::time::Instant::now();
        let text = ask(&gdb, &dump, &machine.elf, &["bt", "info threads"]);
        let took = started.elapsed();
        assert!(text.contains("main_entry"), "{text}");
        // GDB's own start is in it, and this is a build without optimisation on a busy machine.
        assert!(took.as_millis() < 5000, "{took:?}");
        eprintln!("start, bt and info threads: {took:?}");
    }
}
