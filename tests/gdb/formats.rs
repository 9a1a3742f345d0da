//! A real GDB on one crash in every format, and on the dumps of other projects: the right frames,
//! registers and variables.

use crate::support;
use crate::support::gdb;
use crate::support::serve;
use coroner::open::Options;
use serve::Server;
use support::fixtures;

/// Files of `qemu-m4-fault/dumps`, how many frames of the six can be had, and whether the globals
/// are in it.
const M4: &[(&[&str], usize, bool)] = &[
    (&["crashcatcher-v2.dmp"], 6, true),
    (&["crashcatcher-v3-nofpu.dmp"], 6, true),
    (&["crashcatcher-v3-fpu.dmp"], 6, true),
    (&["crashcatcher-v3-regs-only.dmp"], 1, false),
    (&["crashcatcher-v3-truncated-region.dmp"], 1, true),
    (&["crashcatcher-v3-stack-overflow.dmp"], 6, true),
    (&["crashcatcher-v3-hexdump-clean.txt"], 6, true),
    (&["crashcatcher-v3-console.log"], 6, true),
    (&["crashcatcher-prusa-flash.bin"], 6, true),
    (&["memfault-v2.core"], 6, true),
    (&["memfault-v2-flash-region.bin"], 6, true),
    (&["memfault-v2-truncated.core"], 1, true),
    (&["memfault-chunks.log"], 6, true),
    (&["nuttx.core"], 6, true),
    (&["nuttx-syslog-hex-lzf.log"], 6, true),
    (&["nuttx-syslog-base64-lzf.log"], 6, true),
    (&["nuttx-crash-text.log"], 6, false),
    (&["px4-hardfault-hex.log"], 4, false),
    (&["px4-hardfault-decimal-bug.log"], 4, false),
    (&["mcoredump.elf"], 6, false),
    (&["mcoredump-serial.log"], 6, false),
    (&["mcoredump-noinit.bin"], 6, false),
    (&["sifli-assert.bin"], 6, true),
    (&["sifli-assert-full-heap.bin"], 6, true),
    (&["pebble.bin"], 6, true),
    (&["pebble-flash-tail.bin"], 6, true),
    (&["mynewt.core"], 6, true),
    (&["mynewt-flash-area.bin"], 6, true),
    (&["gdb-log.txt"], 6, true),
    (&["raw-ram.hex", "raw-regs.txt"], 6, true),
    (&["raw-ram.srec", "raw-regs.txt"], 6, true),
    (&["raw-ram@0x20000000.bin", "raw-regs.txt"], 6, true),
];

const FRAMES: [&str; 6] = ["poke", "walk", "walk", "walk", "walk", "main"];

/// Files that hold the FPU's registers: s16 and s31 are 5.
const WITH_FPU: &[&str] = &[
    "crashcatcher-v3-fpu.dmp",
    "crashcatcher-v3-truncated-region.dmp",
    "crashcatcher-v3-hexdump-clean.txt",
    "crashcatcher-v3-console.log",
    "crashcatcher-prusa-flash.bin",
    "mcoredump.elf",
    "mcoredump-serial.log",
    "mcoredump-noinit.bin",
    "gdb-log.txt",
];

/// Files that hold the fault status words.
const WITH_FAULTS: &[&str] = &[
    "crashcatcher-v2.dmp",
    "crashcatcher-v3-nofpu.dmp",
    "crashcatcher-v3-fpu.dmp",
    "crashcatcher-v3-stack-overflow.dmp",
    "crashcatcher-v3-hexdump-clean.txt",
    "crashcatcher-v3-console.log",
    "crashcatcher-prusa-flash.bin",
    "memfault-v2.core",
    "memfault-v2-flash-region.bin",
    "memfault-v2-truncated.core",
    "memfault-chunks.log",
    "px4-hardfault-hex.log",
    "px4-hardfault-decimal-bug.log",
    "sifli-assert.bin",
    "sifli-assert-full-heap.bin",
];

/// The functions of a backtrace, outermost last.
fn functions(shown: &str) -> Vec<String> {
    let function = |line: &str| {
        let rest = line.strip_prefix('#')?.split_once(' ')?.1.trim_start();
        let rest = match rest.starts_with("0x") {
            true => rest.split_once(" in ")?.1,
            false => rest,
        };
        Some(rest.split(" (").next()?.trim().to_string())
    };
    shown.lines().filter_map(function).collect()
}

#[test]
fn one_crash_has_the_same_frames_in_gdb_from_every_format() {
    let Some(folder) = fixtures() else { return };
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    let folder = folder.join("qemu-m4-fault");
    let elf = folder.join("fx.elf");
    let elf = elf.to_str().expect("a plain path");
    for (names, frames, globals) in M4 {
        let what = names.join(" + ");
        let mut args: Vec<String> = names
            .iter()
            .map(|name| folder.join("dumps").join(name).to_str().expect("a plain path").to_string())
            .collect();
        args.extend(["--elf".into(), elf.into()]);
        let server = Server::start(&args);
        let file = format!("file {elf}");
        let connect = server.target_remote();
        let commands = [
            &file,
            &connect,
            "bt",
            "p/x $pc",
            "p/x $sp",
            "p/x $lr",
            "p g_point",
            "p/x g_data_word",
            "p $s16",
            "p $s31",
            "p/x $CFSR",
            "p/x $BFAR",
        ];
        let shown = gdb::run(&gdb, 30, &commands);
        let functions = functions(&shown);
        assert!(
            functions.len() >= *frames && functions[..*frames] == FRAMES[..*frames],
            "{what}: {functions:?}\n{shown}"
        );
        for value in ["= 0x72\n", "= 0x20001fa0\n", "= 0xab\n"] {
            assert!(shown.contains(value), "{what}: {value} is not in\n{shown}");
        }
        assert_eq!(shown.contains("= 0x11223344"), *globals, "{what}: globals in\n{shown}");
        let fives = shown.lines().filter(|line| line.ends_with("= 5")).count();
        let wanted = if WITH_FPU.contains(&names[0]) { 2 } else { 0 };
        assert_eq!(fives, wanted, "{what}: s16 and s31 in\n{shown}");
        let faults = shown.contains("= 0x8200\n") && shown.contains("= 0x90000000\n");
        assert_eq!(faults, WITH_FAULTS.contains(&names[0]), "{what}: fault words in\n{shown}");
    }
}

/// The crash of the Memfault sample as Mbed OS prints it if its build prints stacks.
fn as_mbed_text(sample: &[u8]) -> String {
    let opened = support::open_bytes(sample.to_vec(), &Options::default()).expect("a sample");
    let crashed = opened.dump.crashed().expect("it crashed");
    let value = |name: &str| crashed.registers.by_name(name).expect("Memfault saves it");
    let mut text = "++ MbedOS Fault Handler ++\n\nFaultType: HardFault\n\nContext:".to_string();
    let names = (0..13).map(|n| (format!("R{n}"), format!("r{n}")));
    let others = [("SP", "sp"), ("LR", "lr"), ("PC", "pc"), ("xPSR", "xpsr")];
    let others = others.map(|(printed, name)| (printed.to_string(), name.to_string()));
    for (printed, name) in names.chain(others) {
        text += &format!("\n{printed:<5}: {:08X}", value(&name));
    }
    text += "\nMode : Thread\nPriv : Privileged\nStack: MSP\n\n-- MbedOS Fault Handler --\n\n\n";
    text +=
        "++ MbedOS Error Info ++\nError Status: 0x80FF013D Code: 317 Module: 255\nStack Dump: PSP";
    let mut addr = value("sp");
    while opened.dump.memory.u32_le(addr).is_some() {
        text += &format!("\n0x{addr:08X}:");
        let row = (0..8).map_while(|n| opened.dump.memory.u32_le(addr + n * 4));
        row.for_each(|word| text += &format!("0x{word:08X} "));
        addr += 32;
    }
    text + "\n-- MbedOS Error Info --\n"
}

#[test]
fn the_same_crash_has_its_frames_from_an_mbed_text_with_its_stack() {
    let Some(folder) = fixtures() else { return };
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    let folder = folder.join("qemu-m4-fault");
    let sample = std::fs::read(folder.join("dumps/memfault-v2.core")).expect("a sample");
    let log = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("mbed-with-stack.log");
    std::fs::write(&log, as_mbed_text(&sample)).expect("a place for temporary files");
    let elf = folder.join("fx.elf");
    let paths = [log.to_str(), Some("--elf"), elf.to_str()].map(|path| path.expect("a plain path"));
    let server = Server::start(&paths);
    let file = format!("file {}", elf.display());
    let shown = gdb::run(&gdb, 30, &[&file, &server.target_remote(), "bt", "p/x $sp"]);
    assert_eq!(functions(&shown)[..6], FRAMES, "{shown}");
    assert!(shown.contains("= 0x20001fa0\n"), "{shown}");
}

/// A dump, its ELF file, and its functions from the innermost on (the ends of their names).
struct Other {
    dump: &'static str,
    elf: &'static str,
    frames: &'static [&'static str],
}

const fn other(dump: &'static str, elf: &'static str, frames: &'static [&'static str]) -> Other {
    Other { dump, elf, frames }
}

const SIGNAL: &str = "<signal handler called>";

/// What the producers' own tools and the sources of the programs say of these crashes.
const OTHERS: &[Other] = &[
    other(
        "elf-core/gcore-arm-m4f.core",
        "elf-core/gcore-arm-m4f.elf",
        &["deep", "deep", "deep", "deep", "deep", "deep", "main"],
    ),
    other(
        "elf-core/gcore-rv32-short-prstatus.core",
        "elf-core/gcore-rv32-short-prstatus.elf",
        &["deep", "deep", "deep", "deep", "deep", "deep", "main"],
    ),
    other(
        "stackdump/nrf52840.dump",
        "stackdump/nrf52840.elf",
        &["capture_core_registers", "capture<4096>", "{closure#1}", "", "__cortex_m_rt_TIMER0"],
    ),
    other(
        "probe-rs/RP2040_svcall.coredump",
        "probe-rs/RP2040_svcall.elf",
        &[
            "software_breakpoint",
            "__cortex_m_rt_SVCall",
            "__cortex_m_rt_SVCall_trampoline",
            SIGNAL,
            "trigger_supervisor_call",
            "__cortex_m_rt_main",
        ],
    ),
    other(
        "probe-rs/atsamd51p19a.coredump",
        "probe-rs/atsamd51p19a.elf",
        &["print_const_pointers", "print_pointers", "main"],
    ),
    other(
        "probe-rs/esp32c3_full_unwind.coredump",
        "probe-rs/esp32c3_full_unwind.elf",
        &[
            "test_deep_stack",
            "test_deep_stack",
            "test_deep_stack",
            "test_deep_stack",
            "test_deep_stack",
            "test_deep_stack",
            "setup_data_types",
            "main",
        ],
    ),
    other(
        "probe-rs/gpio-hal-blinky.coredump",
        "probe-rs/gpio-hal-blinky.elf",
        &["", "", "", "", "", "", "", "__cortex_m_rt_main", "__cortex_m_rt_main_trampoline"],
    ),
    other(
        "probe-rs/nRF52833_xxAA_full_unwind.coredump",
        "probe-rs/nRF52833_xxAA_full_unwind.elf",
        &["test_deep_stack", "", "", "", "", "test_deep_stack", "setup_data_types"],
    ),
    other(
        "probe-rs/nRF52833_xxAA_hardfault_from_busfault.coredump",
        "probe-rs/nRF52833_xxAA_hardfault_from_busfault.elf",
        &[
            "software_breakpoint",
            "__cortex_m_rt_HardFault",
            SIGNAL,
            "",
            "trigger_hardfault_from_busfault",
            "__cortex_m_rt_main",
        ],
    ),
    other(
        "probe-rs/nRF52833_xxAA_hardfault_in_systick.coredump",
        "probe-rs/nRF52833_xxAA_hardfault_in_systick.elf",
        &[
            "software_breakpoint",
            "__cortex_m_rt_HardFault",
            SIGNAL,
            "",
            "trigger_hardfault_from_busfault",
            "__cortex_m_rt_SysTick",
            "__cortex_m_rt_SysTick_trampoline",
            SIGNAL,
        ],
    ),
    other(
        "probe-rs/stm32u585_hardfault_fp.coredump",
        "probe-rs/stm32u585_hardfault_fp.elf",
        &[
            "nop",
            "__cortex_m_rt_HardFault",
            "__cortex_m_rt_HardFault_trampoline",
            SIGNAL,
            "write_volatile<u32>",
            "fp_level_b",
            "fp_level_a",
            "__cortex_m_rt_main",
        ],
    ),
    other(
        "probe-rs/stm32u585_psp_exception.coredump",
        "probe-rs/stm32u585_psp_exception.elf",
        &["", "", "nop", "psp_handler_inner", "", "", SIGNAL, "", "psp_b", "psp_a"],
    ),
];

#[test]
fn the_dumps_of_other_projects_have_their_frames_in_gdb() {
    let Some(folder) = fixtures() else { return };
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    for Other { dump, elf, frames } in OTHERS {
        let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_string();
        let elf = path(elf);
        let server = Server::start(&[path(dump), "--elf".into(), elf.clone()]);
        let (file, connect) = (format!("file {elf}"), server.target_remote());
        let shown = gdb::run(&gdb, 60, &[&file, &connect, "bt 30"]);
        let functions = functions(&shown);
        let same = functions.len() >= frames.len()
            && functions.iter().zip(*frames).all(|(shown, wanted)| shown.ends_with(wanted));
        assert!(same, "{dump}: {functions:#?}\n{shown}");
    }
}

/// Nothing is given but the dump: its ELF file travels in it, and GDB fetches it from the server.
#[test]
fn a_hubris_dump_needs_nothing_beside_it() {
    let Some(folder) = fixtures() else { return };
    let Some(gdb) = gdb::gdbs().into_iter().next() else { return };
    let dumps = [
        ("hubris.core.v6", &["jefe", "sys", "usart_driver"][..]),
        ("hubris.core.new-compiler", &["jefe", "sys", "user_leds", "pong"]),
        ("hubris.core.inheritance.0", &["jefe"]),
    ];
    for (name, tasks) in dumps {
        let path = folder.join("hubris").join(name);
        let server = Server::start(&[path.to_str().expect("a plain path")]);
        let shown = gdb::run(&gdb, 60, &[&server.target_remote(), "bt", "info threads"]);
        let functions = functions(&shown);
        assert_eq!(
            functions.last().map(String::as_str),
            Some("task_idle::main"),
            "{name}\n{shown}"
        );
        for task in std::iter::once(&"idle").chain(tasks) {
            assert!(shown.contains(&format!("\"{task}\"")), "{name}: no {task} in\n{shown}");
        }
    }
}

/// The core that esp-rs' reader wrote does not name its chip: its addresses do. Xtensa's GDBs
/// differ by chip, so this is also a test that the right register numbers were chosen.
#[test]
fn an_elf_core_of_an_esp32s3_has_its_frames_in_that_chips_gdb() {
    let Some(folder) = fixtures() else { return };
    let Some(gdb) = support::missing::named_by("CORONER_XTENSA_S3_GDB", "xtensa-gdb-esp32s3")
    else {
        return;
    };
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_string();
    let elf = path("probe-rs/esp32s3_coredump_elf.elf");
    let dump = path("probe-rs/esp32s3_coredump_elf_coredump.elf");
    let server = Server::start(&[dump, "--elf".into(), elf.clone()]);
    let (file, connect) = (format!("file {elf}"), server.target_remote());
    let shown = gdb::run(&gdb, 60, &[&file, &connect, "bt 30"]);
    let functions = functions(&shown);
    let wanted = ["panic_handler", "panic_fmt", "do_loop"];
    let same = functions.iter().zip(wanted).all(|(shown, wanted)| shown.ends_with(wanted));
    assert!(same && functions.len() > 10, "{functions:#?}\n{shown}");
    let last = functions.last().map(String::as_str).unwrap_or_default();
    assert!(last.ends_with("__xtensa_lx_rt_main_trampoline"), "{shown}");
}
