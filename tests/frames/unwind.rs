//! Backtraces equal those of real debuggers, frame by frame: program counter, function, file and
//! line.
//!
//! Two oracles: the reports that Espressif's own tool and GDB made of the fixtures (with ROM ELF
//! files that are not to be had here), and the GDB of this machine on the same core files.

use crate::support;
use coroner::debug_info::Modules;
use coroner::dump::{Dump, Thread};
use coroner::firmware::Firmware;
use coroner::memory::{Origin, Region};
use coroner::open::{Opened, Options};
use coroner::registers::Registers;
use coroner::targets::Targets;
use coroner::unwind::{Found, Unwinder};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use support::oracle::{self, Ours, Trace, Verdict, compare};
use support::real::{gdb, open};
use support::{fixtures, missing};

/// Compares all threads, prints the table, and returns the verdicts.
fn table(name: &str, opened: &Opened, oracle: &[(u64, Trace)], oracle_name: &str) -> Vec<Verdict> {
    let modules = opened.modules();
    let mut verdicts = Vec::new();
    for thread in &opened.dump.threads {
        let label = thread.label();
        let Some((_, theirs)) = oracle.iter().find(|(id, _)| is(thread, *id)) else {
            // A core file's thread 0 is nobody for GDB.
            assert!(!thread.crashed, "{name}: {oracle_name} has no thread {label}");
            println!("| {name:<20} | {label:<10} | {oracle_name} | has no such thread |");
            continue;
        };
        let mine = Ours::of(opened, &modules, thread);
        let verdict = compare(&mine, theirs, Some(&modules));
        println!(
            "| {name:<20} | {label:<10} | {:>2} | {oracle_name} | {verdict} |",
            mine.lines.len()
        );
        verdicts.push(verdict);
    }
    verdicts
}

/// Whether the oracle means `thread` with `id`; a reader may have had to number threads anew.
fn is(thread: &Thread, id: u64) -> bool {
    let renumbered = format!("number {id} in the core file");
    match thread.remarks.iter().find(|remark| remark.ends_with(" in the core file")) {
        Some(remark) => *remark == renumbered,
        None => thread.id == id,
    }
}

fn assert_none_differs(verdicts: &[Verdict]) {
    let differs = |verdict: &&Verdict| matches!(verdict, Verdict::Differs(_));
    assert_eq!(verdicts.iter().find(differs), None);
}

const REPORTED: [(&str, &str, &str); 5] = [
    ("esp32/coredump.b64", "esp32/esp32.elf", "esp32/expected_output"),
    ("esp32/coredump_bin.b64", "esp32/esp32_bin.elf", "esp32/expected_output_bin"),
    ("esp32c3/coredump.b64", "esp32c3/esp32c3.elf", "esp32c3/expected_output"),
    ("esp32c3/coredump_bin.b64", "esp32c3/esp32c3_bin.elf", "esp32c3/expected_output_bin"),
    ("esp32c6/coredump.b64", "esp32c6/esp32c6.elf", "esp32c6/expected_output"),
];

#[test]
fn frames_equal_those_of_the_vendors_reports() {
    let Some(root) = fixtures() else { return };
    let mut all = Vec::new();
    for (dump, elf, report) in REPORTED {
        let root = root.join("espressif");
        let opened = open(&[root.join(dump)], Some(root.join(elf)));
        let text = std::fs::read_to_string(root.join(report)).expect("the report is there");
        all.extend(table(dump, &opened, &oracle::of_esp_report(&text), "report"));
    }
    assert_none_differs(&all);
    assert!(all.len() >= 19, "{} threads were compared", all.len());
    let equal = all.iter().filter(|verdict| **verdict == Verdict::Equal).count();
    assert!(equal >= 4, "{equal} threads are equal without any but");
}

#[test]
fn frames_equal_those_of_gdb_on_the_same_core() {
    let Some(root) = fixtures() else { return };
    let mut all = Vec::new();
    for (core, elf) in [
        ("esp32c3/coredump.saved-core.elf", "esp32c3/esp32c3.elf"),
        ("esp32c3/coredump_bin.saved-core.elf", "esp32c3/esp32c3_bin.elf"),
        ("esp32c6/coredump.saved-core.elf", "esp32c6/esp32c6.elf"),
    ] {
        let root = root.join("espressif");
        let Some(theirs) = gdb_on(&root.join(core), &root.join(elf)) else { return };
        let opened = open(&[root.join(core)], Some(root.join(elf)));
        all.extend(table(core, &opened, &theirs, "GDB"));
    }
    assert_none_differs(&all);
}

fn gdb_on(core: &Path, elf: &Path) -> Option<Vec<(u64, Trace)>> {
    let text = gdb(&[
        &format!("file {}", elf.display()),
        &format!("core-file {}", core.display()),
        "set backtrace past-main on",
        "thread apply all bt",
    ])?;
    Some(oracle::of_gdb(&text))
}

#[test]
fn the_windows_of_xtensa_need_no_elf_file() {
    let Some(root) = fixtures() else { return };
    let root = root.join("espressif/esp32");
    let with = open(&[root.join("coredump.b64")], Some(root.join("esp32.elf")));
    let without = open(&[root.join("coredump.b64")], None);
    let pcs = |opened: &Opened| -> Vec<Vec<u64>> {
        let modules = opened.modules();
        let unwinder = Unwinder::new(&opened.dump, &modules);
        let pcs = |thread: &Thread| {
            unwinder.backtrace(thread).frames.iter().map(|frame| frame.pc).collect()
        };
        opened.dump.threads.iter().map(pcs).collect()
    };
    assert_eq!(pcs(&with), pcs(&without));
    assert_eq!(pcs(&with)[0].len(), 9);
}

#[test]
fn frames_on_cortex_m_and_bare_risc_v_equal_those_of_gdb() {
    let Some(root) = fixtures() else { return };
    let cases = [
        ("elf-core/gcore-arm-m4f.core", "elf-core/gcore-arm-m4f.elf"),
        ("qemu-m4-fault/dumps/nuttx.core", "qemu-m4-fault/fx.elf"),
        ("qemu-m4-fault/dumps/mcoredump.elf", "qemu-m4-fault/fx.elf"),
    ];
    let mut all = Vec::new();
    for (core, elf) in cases {
        let (core_path, elf) = (root.join(core), root.join(elf));
        let Some(theirs) = gdb_on(&core_path, &elf) else { return };
        let opened = open(&[core_path], Some(elf));
        all.extend(table(core, &opened, &theirs, "GDB"));
    }
    assert_none_differs(&all);
}

/// The handler pushed r4-r11 in assembly, without call frame information: where the exception
/// frame starts has to be found.
#[test]
fn the_walk_goes_from_a_fault_handler_to_what_it_interrupted() {
    let Some(root) = fixtures() else { return };
    let root = root.join("qemu-m4-fault");
    let elf = Arc::new(Firmware::open(&root.join("fx.elf"), true).expect("an ELF file"));
    let arch = Targets::built_in().arch("cortex-m").expect("a built-in set");
    let mut dump = Dump::new("raw", arch.clone());
    let ram = std::fs::read(root.join("ram.bin")).expect("the fixture is there");
    dump.memory.insert(Region::dumped(0x2000_0000, ram.into()));
    elf.add_constants(&mut dump.memory, Origin::Elf, None);
    let modules = Modules::of([&*elf]);
    // live.txt: what GDB showed when it was halted in the handler; lr as c_fault was entered with.
    let mut registers = Registers::unknown(arch);
    for (name, value) in
        [("pc", 0x1b6u32), ("sp", 0x2000_1f10), ("r7", 0x2000_1f10), ("lr", 0xffff_ffe9)]
    {
        registers.set_by_name(name, value);
    }
    let trace = Unwinder::new(&dump, &modules).walk(registers, None);
    let names: Vec<_> = trace
        .frames
        .iter()
        .filter_map(|frame| Some((modules.symbol(frame.lookup_pc())?.name, frame.found)))
        .collect();
    println!("{names:?} {}", trace.end);
    let poke = names.iter().position(|(name, _)| name == "poke").expect("the fault was in poke");
    assert_eq!(names[poke].1, Found::Exception);
    let outer: Vec<&str> = names[poke + 1..].iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(outer[..5], ["walk", "walk", "walk", "walk", "main"]);
    assert_eq!(trace.frames[poke].pc, 0x72);
}

/// GDB refuses this core, which it wrote itself: its register note is too short.
#[test]
fn a_core_that_gdb_can_not_read_is_unwound_all_the_same() {
    let Some(root) = fixtures() else { return };
    let root = root.join("elf-core");
    let core = root.join("gcore-rv32-short-prstatus.core");
    let opened = open(&[core], Some(root.join("gcore-rv32-short-prstatus.elf")));
    let modules = opened.modules();
    let thread = opened.dump.crashed().expect("one crashed");
    let lines = Ours::of(&opened, &modules, thread).lines;
    let names: Vec<_> = lines.into_iter().filter_map(|(line, _)| line.function).collect();
    println!("{names:?}");
    assert!(names.len() >= 4, "{names:?}");
}

/// The ROM's ELF file is not to be had, so one is made with functions and calls where the vendor's
/// report shows them. Then nothing is missing between it and ours.
#[test]
fn the_walk_goes_through_rom_with_an_elf_file_of_it() {
    let Some(root) = fixtures() else { return };
    if !missing::program("riscv64-unknown-elf-gcc") {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/unwind/rom.s");
    let rom = std::env::temp_dir().join(format!("coroner-rom-{}.elf", std::process::id()));
    let built = Command::new("riscv64-unknown-elf-gcc")
        .args([
            "-march=rv32imac",
            "-mabi=ilp32",
            "-nostdlib",
            "-Wl,--section-start=.table=0x40000040",
        ])
        .args(["-Wl,--section-start=.code=0x40048400", "-Wl,-e,0", "-o"])
        .args([&rom, &source])
        .output();
    let built = built.expect("the compiler runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let root = root.join("espressif/esp32c3");
    let mut options = Options::default().elf([root.join("esp32c3.elf")]);
    options.elves.rom_elf = vec![rom.clone()];

    let opened = coroner::open::open(&[root.join("coredump.b64")], &options);
    std::fs::remove_file(&rom).expect("it is ours");
    let opened = opened.expect("the fixture opens");
    let text = std::fs::read_to_string(root.join("expected_output")).expect("it is there");
    let verdicts = table("esp32c3 with ROM", &opened, &oracle::of_esp_report(&text), "report");
    assert_eq!(verdicts[0], Verdict::Equal);
}

/// Real probes halted these Cortex-M inside nested handlers, on either stack. GDB's frames differ
/// in one thing: it names functions that the linker threw away, where flash starts at 0.
#[test]
fn nested_handlers_on_both_stacks_are_walked_through() {
    let Some(root) = fixtures() else { return };
    let root = root.join("probe-rs");
    for (name, exceptions, functions) in [
        (
            "nRF52833_xxAA_hardfault_in_systick",
            2,
            &[
                ("nRF52833_xxAA::__cortex_m_rt_HardFault", 93),
                ("core::ptr::read_volatile", 1678),
                ("nRF52833_xxAA::trigger_hardfault_from_busfault", 49),
                ("nRF52833_xxAA::__cortex_m_rt_SysTick", 83),
                ("nRF52833_xxAA::__cortex_m_rt_SysTick_trampoline", 80),
                ("cortex_m::asm::delay", 29),
                ("nRF52833_xxAA::enable_systick", 76),
                ("nRF52833_xxAA::__cortex_m_rt_main", 26),
                ("nRF52833_xxAA::__cortex_m_rt_main_trampoline", 18),
            ][..],
        ),
        (
            "stm32u585_psp_exception",
            1,
            &[
                ("psp_exception::psp_handler_inner", 59),
                ("psp_exception::__cortex_m_rt_SVCall_trampoline", 48),
                ("psp_exception::psp_b", 45),
                ("psp_exception::psp_a", 36),
            ][..],
        ),
        (
            "RP2040_svcall",
            1,
            &[
                ("RP2040::__cortex_m_rt_SVCall_trampoline", 114),
                ("RP2040::trigger_supervisor_call", 80),
                ("RP2040::__cortex_m_rt_main_trampoline", 21),
            ][..],
        ),
    ] {
        let dump = root.join(format!("{name}.coredump"));
        let opened = open(&[dump], Some(root.join(format!("{name}.elf"))));
        let modules = opened.modules();
        let thread = opened.dump.crashed().expect("one crashed");
        let trace = Unwinder::new(&opened.dump, &modules).backtrace(thread);
        let found = trace.frames.iter().filter(|frame| frame.found == Found::Exception).count();
        assert_eq!(found, exceptions, "{name}");
        let lines = Ours::of(&opened, &modules, thread).lines;
        let mut rest =
            lines.iter().filter_map(|(line, _)| Some((line.function.clone()?, line.at.clone()?.1)));
        for (function, line) in functions {
            let there = rest.any(|(own, at)| own == *function && at == *line);
            assert!(there, "{name}: {function}:{line} in {lines:#?}");
        }
    }
}
