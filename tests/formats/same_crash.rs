//! One real crash in every format: each file opens with nothing but `--elf`, and tells the same
//! as `expected.json`, as far as its format holds it.

use crate::support::formats as support;
use coroner::open::Opened;
use serde_json::Value;
use support::{fixtures, open_files};

const ELF: &str = "qemu-m4-fault/fx.elf";

/// What a format can hold of the crash.
#[derive(Clone, Copy, PartialEq)]
struct Holds {
    /// r4-r11; all formats hold the others.
    all_registers: bool,
    /// s0-s31.
    float: bool,
    /// CFSR, HFSR, BFAR.
    faults: bool,
    /// All of `.data` and `.bss`.
    globals: bool,
    /// The stack from sp on.
    stack: bool,
}

const REGISTERS: Holds =
    Holds { all_registers: true, float: false, faults: false, globals: false, stack: false };
const STACK: Holds = Holds { stack: true, ..REGISTERS };
const MEMORY: Holds = Holds { globals: true, ..STACK };
const FAULTS: Holds = Holds { faults: true, ..MEMORY };
/// Its stack is cut off.
const CUT: Holds = Holds { float: true, globals: true, ..REGISTERS };
const ALL: Holds = Holds { float: true, ..FAULTS };

/// File (or files), what it is detected as, and what it holds.
const SAMPLES: &[(&[&str], &str, Holds)] = &[
    (&["nuttx.core"], "NuttX ELF core", MEMORY),
    (&["mcoredump.elf"], "MCoreDump ELF core", Holds { float: true, ..STACK }),
    (&["crashcatcher-v2.dmp"], "CrashCatcher 2.0", FAULTS),
    (&["crashcatcher-v3-nofpu.dmp"], "CrashCatcher 3.0", FAULTS),
    (&["crashcatcher-v3-fpu.dmp"], "CrashCatcher 3.0", ALL),
    (&["crashcatcher-v3-regs-only.dmp"], "CrashCatcher 3.0", REGISTERS),
    (&["crashcatcher-v3-truncated-region.dmp"], "CrashCatcher 3.0", CUT),
    (&["crashcatcher-v3-stack-overflow.dmp"], "CrashCatcher 3.0", FAULTS),
    (&["crashcatcher-v3-hexdump-clean.txt"], "CrashCatcher 3.0", ALL),
    (&["crashcatcher-v3-console.log"], "CrashCatcher 3.0", ALL),
    (&["crashcatcher-prusa-flash.bin"], "CrashCatcher 3.0", ALL),
    (&["memfault-v2.core"], "Memfault core dump", FAULTS),
    (&["memfault-v2-flash-region.bin"], "Memfault core dump", FAULTS),
    (&["memfault-v2-truncated.core"], "Memfault core dump", Holds { stack: false, ..FAULTS }),
    (&["memfault-chunks.log"], "Memfault core dump", FAULTS),
    (&["nuttx-syslog-hex-lzf.log"], "NuttX ELF core", MEMORY),
    (&["nuttx-syslog-base64-lzf.log"], "NuttX ELF core", MEMORY),
    (&["nuttx-crash-text.log"], "NuttX crash log", STACK),
    (&["px4-hardfault-hex.log"], "PX4 hardfault log", Holds { faults: true, ..STACK }),
    (&["px4-hardfault-decimal-bug.log"], "PX4 hardfault log", Holds { faults: true, ..STACK }),
    (&["mcoredump-serial.log"], "MCoreDump ELF core", Holds { float: true, ..STACK }),
    (&["mcoredump-noinit.bin"], "MCoreDump ELF core", Holds { float: true, ..STACK }),
    (&["sifli-assert.bin"], "SiFli assert context", FAULTS),
    (&["sifli-assert-full-heap.bin"], "SiFli assert context", FAULTS),
    (&["pebble.bin"], "PebbleOS core dump", MEMORY),
    (&["pebble-flash-tail.bin"], "PebbleOS core dump", MEMORY),
    (&["mynewt.core"], "Mynewt core file", MEMORY),
    (&["mynewt-flash-area.bin"], "Mynewt core file", MEMORY),
    (&["gdb-log.txt"], "text with 52 registers", Holds { float: true, ..MEMORY }),
    (&["raw-ram.hex", "raw-regs.txt"], "Intel HEX", MEMORY),
    (&["raw-ram.srec", "raw-regs.txt"], "S-records", MEMORY),
    (&["raw-ram@0x20000000.bin", "raw-regs.txt"], "memory image", MEMORY),
];

fn expected() -> Option<Value> {
    let path = fixtures()?.join("qemu-m4-fault/dumps/expected.json");
    let text = std::fs::read_to_string(path).expect("it lies beside the dumps");
    Some(serde_json::from_str(&text).expect("it is JSON"))
}

fn number(value: &Value) -> u64 {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x")).expect("a hex number");
    u64::from_str_radix(digits, 16).expect("a hex number")
}

fn check(opened: &Opened, expected: &Value, holds: Holds, what: &str) {
    let thread = opened.dump.crashed().unwrap_or_else(|| panic!("{what}: no crashed thread"));
    assert_eq!(opened.dump.threads[0].id, thread.id, "{what}: the crashed thread comes first");
    let register = |name: &str| thread.registers.by_name(name);
    for (name, value) in expected["registers"].as_object().expect("an object") {
        let callee_saved = ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"];
        if holds.all_registers || !callee_saved.contains(&name.as_str()) {
            assert_eq!(register(name), Some(number(value)), "{what}: {name}");
        } else {
            assert_eq!(register(name), None, "{what}: {name} is not in it");
        }
    }
    let singles: Vec<u64> = expected["s"].as_array().expect("a list").iter().map(number).collect();
    for (n, pair) in singles.chunks(2).enumerate() {
        let wanted = holds.float.then(|| pair[0] | pair[1] << 32);
        assert_eq!(register(&format!("d{n}")), wanted, "{what}: d{n}");
    }
    for (name, key) in [("CFSR", "cfsr"), ("HFSR", "hfsr"), ("BFAR", "bfar")] {
        let wanted = holds.faults.then(|| number(&expected[key]));
        assert_eq!(register(name), wanted, "{what}: {name}");
    }
    if holds.faults {
        let words = &opened.dump.reason.words;
        assert!(words.contains("0x90000000"), "{what}: the reason is {words}");
    }
    let memory = &opened.dump.memory;
    let data = memory.u32_le(0x2000_000c);
    assert_eq!(data, holds.globals.then_some(0x1122_3344), "{what}: g_data_word");
    let return_addr = memory.u32_le(0x2000_1fbc);
    assert_eq!(return_addr, holds.stack.then_some(0x99), "{what}: stacked lr");
    assert!(memory.u32_le(0x72 & !3).is_some(), "{what}: code comes from the ELF file");
}

#[test]
fn one_crash_opens_the_same_from_every_format() {
    let Some(expected) = expected() else { return };
    for (names, title, holds) in SAMPLES {
        let paths: Vec<String> =
            names.iter().map(|name| format!("qemu-m4-fault/dumps/{name}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let what = names.join(" + ");
        let opened = open_files(&paths, Some(ELF)).expect("the folder is there");
        let opened = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(opened.dump.format.starts_with(title), "{what}: is {}", opened.dump.format);
        check(&opened, &expected, *holds, &what);
    }
}

/// One crash has one signature in whatever format it came, and after it was converted.
#[test]
fn one_crash_has_one_signature() {
    use coroner::convert::{Extent, to_elf_core};
    use coroner::report::{ReportOptions, build};
    let signature = |opened: &Opened, what: &str| {
        let report = build(opened, &ReportOptions::default());
        report.unwrap_or_else(|error| panic!("{what}: {error}")).signature
    };
    let mut of_all = std::collections::BTreeMap::<Vec<String>, Vec<&str>>::new();
    for (names, _, holds) in SAMPLES {
        let paths: Vec<String> =
            names.iter().map(|name| format!("qemu-m4-fault/dumps/{name}")).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let Some(opened) = open_files(&paths, Some(ELF)) else { return };
        let opened = opened.unwrap_or_else(|error| panic!("{names:?}: {error}"));
        let own = signature(&opened, names[0]);
        let core = to_elf_core(&opened.dump, Extent::DumpOnly).expect("Cortex-M has a layout");
        let mut options = coroner::open::Options::default();
        options.elves.elf = opened.firmware.iter().map(|elf| elf.path.clone().into()).collect();
        let again = support::open_bytes("core.elf", core.bytes, &options).expect("it is ours");
        assert_eq!(signature(&again, names[0]), own, "{names:?}, converted");
        // Where the stack is missing or cut (PX4) there are fewer frames to make one of.
        if holds.stack && holds.faults && holds.globals {
            of_all.entry(own.parts).or_default().push(names[0]);
        }
    }
    assert_eq!(of_all.len(), 1, "{of_all:#?}");
}
