//! Every sample is detected as what it is and as nothing else: as it comes, behind a megabyte of
//! a log, with its tail cut off, and with another dump behind it.

#[path = "support/formats.rs"]
mod support;

use coroner::open::{Opened, Options};
use support::{assert_helpful, log_noise, open_bytes, sample};

const M4: &str = "qemu-m4-fault/dumps";

/// A sample and its format's name; of an image or register text, what its title begins with.
const SAMPLES: &[(&str, &str)] = &[
    ("crashcatcher-v2.dmp", "crashcatcher"),
    ("crashcatcher-v3-nofpu.dmp", "crashcatcher"),
    ("crashcatcher-v3-fpu.dmp", "crashcatcher"),
    ("crashcatcher-v3-regs-only.dmp", "crashcatcher"),
    ("crashcatcher-v3-truncated-region.dmp", "crashcatcher"),
    ("crashcatcher-v3-stack-overflow.dmp", "crashcatcher"),
    ("crashcatcher-v3-hexdump-clean.txt", "crashcatcher"),
    ("crashcatcher-v3-console.log", "crashcatcher"),
    ("crashcatcher-prusa-flash.bin", "crashcatcher"),
    ("memfault-v2.core", "memfault"),
    ("memfault-v2-flash-region.bin", "memfault"),
    ("memfault-v2-truncated.core", "memfault"),
    ("memfault-chunks.log", "memfault"),
    ("mcoredump.elf", "elf-core"),
    ("mcoredump-serial.log", "elf-core"),
    ("mcoredump-noinit.bin", "elf-core"),
    ("nuttx.core", "elf-core"),
    ("nuttx-syslog-hex-lzf.log", "elf-core"),
    ("nuttx-syslog-base64-lzf.log", "elf-core"),
    ("nuttx-crash-text.log", "nuttx-log"),
    ("../../nuttx/esp32s3-doc-crash.log", "nuttx-log"),
    ("px4-hardfault-hex.log", "px4-hardfault"),
    ("px4-hardfault-decimal-bug.log", "px4-hardfault"),
    ("sifli-assert.bin", "sifli"),
    ("sifli-assert-full-heap.bin", "sifli"),
    ("pebble.bin", "pebble"),
    ("pebble-flash-tail.bin", "pebble"),
    ("mynewt.core", "mynewt"),
    ("mynewt-flash-area.bin", "mynewt"),
    ("gdb-log.txt", "text with"),
    ("raw-regs.txt", "text with"),
    ("raw-ram.hex", "Intel HEX"),
    ("raw-ram.srec", "S-records"),
    ("../../elf-core/gcore-arm-m4f.core", "elf-core"),
    ("../../elf-core/gcore-rv32-short-prstatus.core", "elf-core"),
    ("../../hubris/hubris.core.v6", "hubris"),
    ("../../hubris/hubris.core.new-compiler", "hubris"),
    ("../../hubris/hubris.core.inheritance.0", "hubris"),
    ("../../stackdump/nrf52840.dump", "stackdump"),
    ("../../probe-rs/RP2040_svcall.coredump", "probe-rs"),
    ("../../probe-rs/esp32c3_full_unwind.coredump", "probe-rs"),
    ("../../probe-rs/esp32s3_esp_hal_panic.coredump", "probe-rs"),
    ("../../probe-rs/esp32s3_coredump_elf_coredump.elf", "elf-core"),
    ("../../probe-rs/gpio-hal-blinky.coredump", "probe-rs"),
    ("../../probe-rs/nRF52833_xxAA_hardfault_in_systick.coredump", "probe-rs"),
    ("../../probe-rs/stm32u585_psp_exception.coredump", "probe-rs"),
    ("../../espressif/esp32c6/coredump.b64", "esp-idf"),
    ("../../espressif/esp32/coredump_bin.b64", "esp-idf"),
];

fn options() -> Options {
    // A register text or an image says nothing of its machine.
    Options { elf: Vec::new(), ..Options::default() }
}

fn bytes_of(name: &str) -> Option<Vec<u8>> {
    sample(&format!("{M4}/{name}"))
}

/// The formats of all dumps that were found.
fn formats(opened: &Opened) -> Vec<String> {
    let last = |found: &String| found.rsplit(" > ").next().unwrap_or_default().to_string();
    opened.found.iter().map(last).collect()
}

/// Whether a format is an image or a text: then the machine must be told.
fn is_part(format: &str) -> bool {
    format.starts_with(char::is_uppercase) || format == "text with"
}

/// Opens `bytes` and checks what was found, all of it.
fn check(what: &str, bytes: Vec<u8>, wanted: &[&str]) {
    let needs_machine = wanted.iter().any(|name| is_part(name));
    let target = needs_machine.then(|| "cortex-m".to_string());
    let opened = match open_bytes("sample", bytes, &Options { target, ..options() }) {
        Ok(opened) => opened,
        Err(error) => panic!("{what}: {error}"),
    };
    if needs_machine {
        let format = &opened.dump.format;
        assert!(wanted.iter().any(|name| format.starts_with(name)), "{what}: is {format}");
        return;
    }
    assert_eq!(formats(&opened), wanted, "{what}");
}

#[test]
fn a_sample_is_what_it_is_and_nothing_else() {
    for (name, format) in SAMPLES {
        let Some(bytes) = bytes_of(name) else { return };
        check(name, bytes, &[format]);
    }
}

#[test]
fn a_sample_is_found_behind_a_megabyte_of_a_log() {
    let noise = log_noise(1 << 20);
    for (name, format) in SAMPLES {
        let Some(mut bytes) = bytes_of(name) else { return };
        if name.ends_with(".b64") {
            // In a log the device prints a line before them and one behind.
            let (start, end) = ("= CORE DUMP START =\r\n", "\r\n= CORE DUMP END =\r\n");
            bytes = [start.as_bytes(), &bytes, end.as_bytes()].concat();
        }
        check(&format!("{name} behind a log"), [&noise[..], &bytes].concat(), &[format]);
    }
}

#[test]
fn a_sample_without_its_tail_is_still_what_it_is() {
    for (name, format) in SAMPLES {
        let Some(mut bytes) = bytes_of(name) else { return };
        // What is cut off here is cut off in a register block: then nothing is left to serve.
        if *name == "crashcatcher-v3-regs-only.dmp" || *name == "raw-regs.txt" {
            continue;
        }
        bytes.truncate(bytes.len() - bytes.len() / 8);
        let what = format!("{name} without its tail");
        // A format that refuses a cut dump refuses it as itself.
        let target = is_part(format).then(|| "cortex-m".to_string());
        match open_bytes("sample", bytes.clone(), &Options { target, ..options() }) {
            Ok(_) => check(&what, bytes, &[format]),
            Err(error) => {
                assert_helpful(&error, &what);
                assert!(error.to_string().contains(format), "{what}: {error}");
            }
        }
    }
}

/// Binary dumps whose format tells where they end, behind one another.
#[test]
fn of_two_dumps_in_one_file_both_are_found() {
    let pairs = [
        ("memfault-v2.core", "pebble.bin"),
        ("pebble.bin", "mynewt.core"),
        ("mynewt.core", "memfault-v2.core"),
        ("nuttx.core", "crashcatcher-v3-fpu.dmp"),
        ("mcoredump.elf", "memfault-v2.core"),
        ("sifli-assert-full-heap.bin", "mynewt.core"),
        ("crashcatcher-v3-fpu.dmp", "memfault-v2.core"),
        ("../../probe-rs/RP2040_svcall.coredump", "pebble.bin"),
        ("../../stackdump/nrf52840.dump", "memfault-v2.core"),
        ("../../hubris/hubris.core.v6", "nuttx.core"),
        ("px4-hardfault-hex.log", "px4-hardfault-decimal-bug.log"),
        ("nuttx-crash-text.log", "../../nuttx/esp32s3-doc-crash.log"),
        ("memfault-chunks.log", "memfault-chunks.log"),
        ("crashcatcher-v3-console.log", "crashcatcher-v3-console.log"),
        ("nuttx-syslog-hex-lzf.log", "nuttx-syslog-base64-lzf.log"),
    ];
    let format = |name: &str| SAMPLES.iter().find(|(sample, _)| *sample == name).expect("listed").1;
    for (first, second) in pairs {
        let (Some(a), Some(b)) = (bytes_of(first), bytes_of(second)) else { return };
        let what = format!("{first} + {second}");
        check(&what, [a, b].concat(), &[format(first), format(second)]);
    }
}
