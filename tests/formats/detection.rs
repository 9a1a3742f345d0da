//! The detection table: every sample of every format is detected as what it is and as nothing
//! else, as it comes, behind a megabyte of a log, with its tail cut off, and with another dump
//! behind it and before it. `cargo test --test formats detection:: -- --nocapture` prints it.

use crate::support::esp8266_rtos;
use crate::support::formats as support;
use crate::support::made;
use crate::support::px4;
use crate::support::zephyr;
use coroner::error::Error;
use coroner::open::Options;
use std::path::Path;
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

/// The formats that no sample is there of, made by the project.
fn made() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let machine = zephyr::Machine::load("cortex-m4f");
    let stream = machine.usual();
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo/dump.core");
    let demo = std::fs::read(demo).expect("part of the project");
    let mbed_error = made::MBED.find("++ MbedOS Error").map(|at| &made::MBED[at..]);
    let mbed_error = mbed_error.expect("it follows the fault");
    let esp8266_text =
        [esp8266_rtos::task(true), esp8266_rtos::registers(true, 0x4023_1a0f, 0x3ffe_9cc0, 28)];
    let esp8266_text = esp8266_text.concat();
    let px4_context = px4::context(px4::BUILDS[0], false, 64, 64);
    let ram: Vec<u8> = (0..0x2000u32).flat_map(|n| (n / 4 * 7).to_le_bytes()).collect();
    let mut all = vec![
        ("zephyr stream", stream.bytes(), "zephyr"),
        ("zephyr log", zephyr::console(&stream.log()), "zephyr"),
        ("zephyr flash", stream.flash(16), "zephyr"),
        ("zephyr in memory", stream.in_memory(0x10000), "zephyr"),
        ("capture file", demo.clone(), "capture"),
        ("capture lines", made::capture_lines(&demo), "capture"),
        ("hubris area", made::hubris_area(), "hubris-area"),
        ("mongoose json", made::mongoose(&ram).into(), "mongoose-os"),
        ("cm-backtrace text", made::CM_BACKTRACE.into(), "cm-backtrace"),
        ("cm-backtrace assert", made::CM_BACKTRACE_ASSERT.into(), "cm-backtrace"),
        ("sifli core dump", made::sifli_core_dump(&ram), "sifli-coredump"),
        ("mbed text", made::MBED.into(), "mbed-fault"),
        ("mbed error text", mbed_error.into(), "mbed-fault"),
        ("duet report", made::DUET.into(), "duet"),
        ("esp-panic riscv", made::ESP_RISCV.into(), "esp-panic"),
        ("esp-panic xtensa", made::ESP_XTENSA.into(), "esp-panic"),
        ("esp8266 text", made::ESP8266.into(), "esp8266"),
        ("esp8266-rtos text", esp8266_text.into(), "esp8266-rtos"),
        ("px4 context", px4::marked_context(px4::BUILDS[0]), "px4-context"),
        ("px4 stream", px4::stream(&px4_context, None), "px4-context"),
        ("uf2 image", made::uf2(&ram), "UF2"),
        ("ti-txt image", made::ti_txt(&ram).into(), "TI-TXT"),
        ("gdb text", made::GDB_TEXT.into(), "text with"),
        ("j-link text", made::J_LINK_REGISTERS.into(), "text with"),
    ];
    let dialects = coroner::format::crash_text::ALL.iter();
    all.extend(dialects.map(|dialect| (dialect.name, dialect.sample.into(), dialect.name)));
    all
}

/// All samples: name, bytes, and what they are.
fn all() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let mut all = made();
    for (name, format) in SAMPLES {
        let Some(mut bytes) = sample(&format!("{M4}/{name}")) else { break };
        if name.ends_with(".b64") {
            // In a log the device prints a line before them and one behind.
            let (start, end) = ("= CORE DUMP START =\r\n", "\r\n= CORE DUMP END =\r\n");
            bytes = [start.as_bytes(), &bytes, end.as_bytes()].concat();
        }
        all.push((name, bytes, format));
    }
    all
}

/// Whether a format is an image or a text: then the machine must be told.
fn is_part(format: &str) -> bool {
    format.starts_with(char::is_uppercase) || format == "text with"
}

fn options(format: &str) -> Options {
    let target = is_part(format).then(|| "cortex-m".to_string());
    {
        let mut options = Options::default();
        options.place.target = target;
        options
    }
}

/// The formats of all dumps in `bytes`, or what was said of them.
fn detected(bytes: Vec<u8>, format: &str) -> Result<Vec<String>, Error> {
    let opened = open_bytes("sample", bytes, &options(format))?;
    if opened.found == ["sample"] {
        return Ok(vec![opened.dump.format]);
    }
    let last = |found: &String| found.rsplit(" > ").next().unwrap_or_default().to_string();
    Ok(opened.found.iter().map(last).collect())
}

/// Whether exactly the `wanted` formats are in `found`.
fn is_all(found: &[String], wanted: &[&str]) -> bool {
    found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(found, wanted)| match is_part(wanted) {
            true => found.starts_with(wanted),
            false => found == wanted,
        })
}

/// Binary forms that do not tell where they end: all that follows is theirs.
const NO_END: [&str; 6] = [
    "zephyr stream",
    "zephyr flash",
    "zephyr in memory",
    "crashcatcher-v3-truncated-region.dmp",
    "mcoredump-noinit.bin",
    "px4 context",
];

/// Whether a sample is what a device printed.
fn is_log(name: &str, bytes: &[u8]) -> bool {
    !NO_END.contains(&name) && bytes.iter().take(200).all(|byte| *byte >= 9)
}

/// One row of the table: what came out of each way to find the sample.
fn row(name: &str, bytes: &[u8], format: &'static str, noise: &[u8]) -> [String; 6] {
    let told = |what: &str, result: Result<Vec<String>, Error>, wanted: &[&str]| match result {
        Ok(found) if is_all(&found, wanted) => "as itself".to_string(),
        Ok(found) => format!("WRONG: {found:?}"),
        // A cut dump may be refused, but as what it is.
        Err(error) if what == "cut" => {
            assert_helpful(&error, name);
            match error.to_string().contains(format) || is_part(format) {
                true => "refused as itself".into(),
                false => format!("WRONG: {error}"),
            }
        }
        Err(error) => format!("WRONG: {error}"),
    };
    let cut = bytes[..bytes.len() - bytes.len() / 8].to_vec();
    // An image or a register text beside a whole dump is a part of it.
    let mynewt = mynewt();
    let (behind, both): (&[u8], &[&str]) = match () {
        () if is_part(format) => (&mynewt, &["mynewt"]),
        () if NO_END.contains(&name) => (&mynewt, &[format]),
        () => (&mynewt, &[format, "mynewt"]),
    };
    let twice = match is_log(name, bytes) && !is_part(format) {
        true => told("twice", detected([bytes, b"\n", bytes].concat(), format), &[format, format]),
        false => "no log".to_string(),
    };
    let turned: &[&str] = if is_part(format) { &["mynewt"] } else { &["mynewt", format] };
    [
        told("whole", detected(bytes.to_vec(), format), &[format]),
        told("noise", detected([noise, bytes].concat(), format), &[format]),
        told("cut", detected(cut, format), &[format]),
        told("before", detected([bytes, b"\n", behind].concat(), format), both),
        told("behind", detected([&mynewt[..], bytes].concat(), format), turned),
        twice,
    ]
}

/// A core file of Mynewt: a head with its length, one register block, one piece of memory.
fn mynewt() -> Vec<u8> {
    let word = |words: &[u32]| words.iter().flat_map(|w| w.to_le_bytes()).collect::<Vec<u8>>();
    let registers =
        word(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x2000_0f00, 0x101, 0x200, 1 << 24]);
    let memory = [0x5a; 256];
    let mut body = Vec::new();
    body.extend(word(&[3 | (registers.len() as u32) << 16, 0]));
    body.extend(&registers);
    body.extend(word(&[1 | (memory.len() as u32) << 16, 0x2000_0f00]));
    body.extend(memory);
    let mut file = word(&[0x690c_47c3, 8 + body.len() as u32]);
    file.extend(body);
    file
}

#[test]
fn every_sample_of_every_format_is_detected_as_itself_and_nothing_else() {
    let noise = log_noise(1 << 20);
    let heads = [
        "as it is",
        "behind 1 MiB of log",
        "without its tail",
        "before another",
        "behind another",
        "twice in a log",
    ];
    println!("| sample | format | {} |", heads.join(" | "));
    let mut wrong = Vec::new();
    for (name, bytes, format) in all() {
        let cells = row(name, &bytes, format, &noise);
        let name = name.rsplit('/').next().unwrap_or(name);
        println!("| {name} | {format} | {} |", cells.join(" | "));
        if cells.iter().any(|cell| cell.starts_with("WRONG")) {
            wrong.push(format!("{name}: {cells:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Files that are a dump only if they are whole and alone, so there is no row of them.
const ALONE: [&str; 2] = ["hubris-dry", "mbed-crash-data"];

#[test]
fn no_format_is_without_a_row() {
    let rows: Vec<&str> = all().into_iter().map(|(_, _, format)| format).collect();
    if support::fixtures().is_none() {
        return;
    }
    for format in coroner::format::FORMATS.iter().map(|format| format.name()) {
        assert_ne!(rows.contains(&format), ALONE.contains(&format), "{format}");
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
        let path = |name: &str| sample(&format!("{M4}/{name}"));
        let (Some(a), Some(b)) = (path(first), path(second)) else { return };
        let found =
            detected([a, b].concat(), "").unwrap_or_else(|error| panic!("{first}: {error}"));
        assert_eq!(found, [format(first), format(second)], "{first} + {second}");
    }
}
