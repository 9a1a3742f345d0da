//! Panic texts of ESP-IDF and ESP8266_RTOS_SDK, made here as `panic_handler.c`, `panic_arch.c`
//! and `debug_helpers.c` print them: of other programs and faults than the samples.

use crate::support::formats as support;
use coroner::dump::FirmwareId;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

fn open(text: &str) -> Opened {
    open_before(text, "")
}

/// The panic in a log that goes on with `rom`.
fn open_before(text: &str, rom: &str) -> Opened {
    let mut log = log_noise(2000);
    log.extend_from_slice(text.as_bytes());
    log.extend_from_slice(format!("\r\nRebooting...\r\n{rom}\r\n").as_bytes());
    open_bytes("monitor.log", log, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, thread: usize, name: &str) -> Option<u64> {
    opened.dump.threads[thread].registers.by_name(name)
}

/// Four registers a line, each with two blanks behind it, as `panic_print_registers`.
fn rows(named: &[(&str, u32)]) -> String {
    let mut text = String::new();
    for line in named.chunks(4) {
        for (name, value) in line {
            text += &format!("{name:<8}: 0x{value:08x}  ");
        }
        text += "\r\n";
    }
    text
}

const XTENSA: [&str; 24] = [
    "PC", "PS", "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12",
    "A13", "A14", "A15", "SAR", "EXCCAUSE", "EXCVADDR", "LBEG", "LEND", "LCOUNT",
];
const RISCV: [&str; 37] = [
    "MEPC", "RA", "SP", "GP", "TP", "T0", "T1", "T2", "S0/FP", "S1", "A0", "A1", "A2", "A3", "A4",
    "A5", "A6", "A7", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "T3", "T4",
    "T5", "T6", "MSTATUS", "MTVEC", "MCAUSE", "MTVAL", "MHARTID",
];

/// Registers that count up from `base`, but those of `set`.
fn registers(names: &'static [&'static str], base: u32, set: &[(&str, u32)]) -> String {
    let value = |name: &str, n: u32| {
        set.iter().find(|(wanted, _)| *wanted == name).map_or(base + n, |(_, value)| *value)
    };
    let named: Vec<(&str, u32)> =
        (0..).zip(names).map(|(n, name)| (*name, value(name, n))).collect();
    rows(&named)
}

fn xtensa(core: u32, base: u32, pc: u32, sp: u32, cause: u32) -> String {
    let set = [("PC", pc), ("PS", 0x0006_0b30), ("A1", sp), ("EXCCAUSE", cause), ("EXCVADDR", 0)];
    let registers = registers(&XTENSA, base, &set);
    let pc = pc - 3;
    format!(
        "Core  {core} register dump:\r\n{registers}\r\n\r\nBacktrace: 0x{pc:08x}:0x{sp:08x} \
         0x400d2211:0x{:08x}\r\n\r\n",
        sp + 0x20
    )
}

#[test]
fn after_abort_the_first_of_the_backtrace_is_pc_and_stack_pointer() {
    let text = "\r\nabort() was called at PC 0x400d5c3b on core 1\r\n\r\n\r\n\
                Backtrace: 0x40081a96:0x3ffb7c10 0x40085e75:0x3ffb7c30 0x400d5c3b:0x3ffb7ca0\r\n\r\n\
                \r\nELF file SHA256: 5e8c02ab9\r\n";
    let opened = open_before(text, "ets Jul 29 2019 12:21:46");
    assert_eq!(opened.dump.format, "ESP-IDF panic text");
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32"));
    assert_eq!(register(&opened, 0, "pc"), Some(0x4008_1a99), "three behind the call");
    assert_eq!(register(&opened, 0, "ar1"), Some(0x3ffb_7c10));
    assert_eq!(register(&opened, 0, "ar2"), None);
    assert_eq!(opened.dump.threads[0].core, Some(1));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    assert!(opened.dump.reason.words.contains("abort() was called at PC 0x400d5c3b"));
    assert_eq!(opened.dump.identity.firmware, [FirmwareId::ElfSha256("5e8c02ab9".into())]);
    let cut = text.replace(" 0x40085e75:0x3ffb7c30 0x400d5c3b:0x3ffb7ca0", " |<-CORRUPTED");
    assert_eq!(register(&open(&cut), 0, "pc"), Some(0x4008_1a99));
}

/// `putEntry` took nothing off the first program counter, and there was no hash.
#[test]
fn release_3_prints_the_program_counter_of_abort_as_it_is() {
    let text = "abort() was called at PC 0x400d5c3b on core 0\r\n\r\n\
                Backtrace: 0x40081a99:0x3ffb7c10 0x400d5c3b:0x3ffb7ca0\r\n\r\n";
    let opened = open_before(text, "ets Jun  8 2016 00:22:57");
    assert_eq!(register(&opened, 0, "pc"), Some(0x4008_1a99));
    assert_eq!(register(&opened, 0, "ar1"), Some(0x3ffb_7c10));
}

#[test]
fn release_4_prints_the_hash_before_and_no_blank_in_its_backtrace() {
    let text = "***ERROR*** A stack overflow in task mqtt_rx has been detected.\r\n\r\n\
                ELF file SHA256: 0000000000000000\r\n\r\n\
                Backtrace:0x40371f2e:0x3fca10400x40377191:0x3fca1060\r\n\r\n";
    let text = text.replace("0x3fca10400x", "0x3fca1040 0x");
    let opened = open_before(&text, "ESP-ROM:esp32s3-20210327");
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32s3"));
    assert_eq!(register(&opened, 0, "pc"), Some(0x4037_1f31));
    assert_eq!(register(&opened, 0, "ar1"), Some(0x3fca_1040));
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("mqtt_rx"));
    assert!(opened.dump.identity.firmware.is_empty());
}

/// With unwind tables a RISC-V chip prints a backtrace too, of the addresses as they are.
#[test]
fn the_rom_tells_the_backtrace_of_a_riscv_chip() {
    let text = "abort() was called at PC 0x42007d1a on core 0\r\n\r\n\
                Backtrace: 0x403806c4:0x3fc92e60 0x42007d1a:0x3fc92e80\r\n";
    let opened = open_before(text, "ESP-ROM:esp32c3-api1-20210207");
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32c3"));
    assert_eq!(register(&opened, 0, "pc"), Some(0x4038_06c4));
    assert_eq!(register(&opened, 0, "sp"), Some(0x3fc9_2e60));
}

/// Such a line is what people post most. It does not say what happened.
#[test]
fn a_backtrace_alone_has_frames_and_no_reason() {
    let text = "somewhere in a log\r\nBacktrace:0x400d1234:0x3ffb1f90 0x400d1300:0x3ffb1fb0\r\n";
    let opened = open_bytes("other.log", text.into(), &Options::default()).unwrap();
    assert!(opened.dump.reason.is_unknown());
    assert_eq!(opened.dump.arch.name, "xtensa-esp32", "the S2 has memory there as well");
    let printed = &opened.dump.threads[0].printed;
    assert_eq!(
        printed.iter().map(|frame| frame.pc).collect::<Vec<_>>(),
        [0x400d_1234, 0x400d_1300]
    );
}

#[test]
fn each_panic_of_a_log_is_a_dump() {
    let abort = "assert failed: xQueueSemaphoreTake queue.c:1709 (( pxQueue ))\r\n\r\n\r\n\
                 Backtrace: 0x40081a96:0x3ffb7c10 0x400d5c3b:0x3ffb7ca0\r\n";
    let fault = "Guru Meditation Error: Core  0 panic'ed (StoreProhibited). Exception was \
                 unhandled.\r\n\r\n";
    let text = format!(
        "{abort}\r\n\r\nRebooting...\r\nI (31) boot: again\r\n{fault}{}\r\n{abort}",
        xtensa(0, 0x100, 0x400d_4321, 0x3ffb_9000, 29)
    );
    let opened = open(&text);
    assert_eq!(opened.found.len(), 3, "{:?}", opened.found);
    assert!(opened.dump.reason.words.starts_with("assert failed: xQueueSemaphoreTake"));
}

/// EXCCAUSE is then a number of ESP-IDF's: 6 is no division by zero.
#[test]
fn a_watchdog_of_a_core_is_told_in_words_and_both_cores_are_there() {
    let text = format!(
        "Guru Meditation Error: Core  1 panic'ed (Interrupt wdt timeout on CPU1). \r\n\r\n{}{}",
        xtensa(1, 0x100, 0x400d_2a17, 0x3ffb_b4c0, 6),
        xtensa(0, 0x200, 0x4008_3bcd, 0x3ffb_5e20, 6)
    );
    let opened = open(&text);
    assert_eq!(opened.found.len(), 1);
    let cores: Vec<_> = opened.dump.threads.iter().map(|thread| thread.core).collect();
    assert_eq!(cores, [Some(1), Some(0)]);
    assert_eq!(opened.dump.reason.words, "Interrupt wdt timeout on CPU1 at pc 0x400d2a17");
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    assert_eq!(register(&opened, 0, "ar5"), Some(0x107));
    assert_eq!(register(&opened, 1, "ar15"), Some(0x211));
    assert_eq!(register(&opened, 1, "pc"), Some(0x4008_3bcd), "not that of the backtrace");
    assert_eq!(register(&opened, 1, "lcount"), Some(0x217));
    let cache = "Cache disabled but cached memory region accessed";
    let opened = open(&text.replace("Interrupt wdt timeout on CPU1", cache));
    assert_eq!(opened.dump.reason.words, format!("{cache} at pc 0x400d2a17"));
    let debug = "Debug exception reason: Stack canary watchpoint triggered (uart_task) \r\n";
    let text = text
        .replace(
            "Interrupt wdt timeout on CPU1). \r\n",
            &format!("Unhandled debug exception). \r\n{debug}"),
        )
        .replace("0x00000006", "0x00000001");
    let opened = open(&text);
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("uart_task"));
    assert_eq!(
        opened.dump.reason.words,
        "Unhandled debug exception: Stack canary watchpoint triggered (uart_task) at pc 0x400d2a17"
    );
}

/// `esp_backtrace_print` and the task watchdog have no trap: they print fillers.
#[test]
fn a_riscv_chip_that_did_not_trap_has_no_trap_registers() {
    let filler = 0xdead_c0de;
    let set = [
        ("MEPC", 0x4200_9d3e),
        ("SP", 0x3fc9_1f40),
        ("MSTATUS", filler),
        ("MTVEC", filler),
        ("MCAUSE", filler),
        ("MTVAL", filler),
        ("MHARTID", 0),
    ];
    let mut text =
        "E (10303) task_wdt: Task watchdog got triggered. The following tasks/users did \
                    not reset the watchdog in time:\r\nE (10303) task_wdt:  - IDLE (CPU 0)\r\n\
                    E (10303) task_wdt: Tasks currently running:\r\n\
                    E (10303) task_wdt: CPU 0: blink\r\n\
                    E (10303) task_wdt: Print CPU 0 (current core) registers\r\n\
                    Core  0 register dump:\r\n"
            .to_string();
    text += &registers(&RISCV, 0x40, &set);
    text += "\r\n\r\nStack memory:\r\n";
    for row in 0..4u32 {
        let addr = 0x3fc9_1f40 + 32 * row;
        text += &format!("{addr:08x}:");
        for word in 0..8u32 {
            text += &format!(" 0x{:08x}", addr ^ (word * 0x0101_0101));
        }
        text += "\r\n";
    }
    let opened = open(&text);
    assert_eq!(register(&opened, 0, "pc"), Some(0x4200_9d3e));
    assert_eq!(register(&opened, 0, "sp"), Some(0x3fc9_1f40));
    assert_eq!(register(&opened, 0, "s11"), Some(0x40 + 27));
    assert_eq!(register(&opened, 0, "mcause"), None);
    assert_eq!(register(&opened, 0, "mtval"), None);
    assert_eq!(opened.dump.memory.u32_le(0x3fc9_1f64), Some(0x3fc9_1f60 ^ 0x0101_0101));
    assert!(opened.dump.reason.words.contains("Task watchdog got triggered"));
    assert!(opened.dump.reason.evidence.is_empty(), "{:?}", opened.dump.reason.evidence);
}

#[test]
fn the_low_power_core_has_one_blank_and_no_hash() {
    let set = [("MEPC", 0x5000_0a2c), ("SP", 0x5000_3e90), ("MCAUSE", 5), ("MTVAL", 0x1c)];
    let text = format!(
        "Guru Meditation Error: LP Core panic'ed (Load access fault)\r\n\r\n\
         Core 0 register dump:\r\n{}\r\nELF file SHA256: No SHA256 Embedded\r\n",
        registers(&RISCV, 0x80, &set)
    );
    let opened = open(&text);
    assert_eq!(register(&opened, 0, "pc"), Some(0x5000_0a2c));
    assert_eq!(register(&opened, 0, "mtval"), Some(0x1c));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    assert!(opened.dump.identity.firmware.is_empty(), "{:?}", opened.dump.identity.firmware);
}

#[test]
fn esp8266_rtos_sdk_prints_an_esp8266() {
    let set = [("PC", 0x4022_3c5e), ("PS", 0x30), ("A0", 0x4022_3c40), ("A1", 0x3fff_1b20)];
    let set = [&set[..], &[("EXCCAUSE", 0x1d)]].concat();
    let text = format!(
        "Guru Meditation Error: Core  0 panic'ed (StoreProhibited). Exception was unhandled.\r\n\
         Core 0 register dump:\r\n{}\r\n\
         Backtrace: 0x40223c5e:0x3fff1b20 0x40223c40:0x3fff1b30 \r\n",
        registers(&XTENSA[..20], 0x300, &set)
    );
    let opened = open(&text);
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp8266"));
    assert_eq!(register(&opened, 0, "pc"), Some(0x4022_3c5e));
    assert_eq!(register(&opened, 0, "a0"), Some(0x4022_3c40));
    assert_eq!(register(&opened, 0, "a1"), Some(0x3fff_1b20));
    assert_eq!(register(&opened, 0, "a15"), Some(0x311));
    assert_eq!(register(&opened, 0, "exccause"), Some(0x1d));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    assert!(opened.dump.reason.words.contains("StoreProhibited"), "{}", opened.dump.reason.words);
}

#[test]
fn damaged_texts_never_panic() {
    let abort = "abort() was called at PC 0x400d5c3b on core 1\n\n\
                 Backtrace: 0x40081a96:0x3ffb7c10 0x40085e75:0x3ffb7c30\n";
    let text = format!("{abort}\n{}", xtensa(0, 0x100, 0x400d_4321, 0x3ffb_9000, 29));
    try_all_prefixes("esp", text.as_bytes(), &Options::default());
    try_bit_flips("esp", text.as_bytes(), &Options::default());
}
