//! All dumps with the ELF files of their firmware, for tests that look at each of them: those of
//! other projects, the demo, and our Zephyr firmware on every machine.

use super::fixtures;
use super::zephyr::{MACHINES, Machine};
use coroner::open::{self, Opened, Options};
use std::path::{Path, PathBuf};

/// A dump, and what is needed to open it.
#[derive(Clone)]
pub struct Case {
    /// The fixture's path, or what it is.
    pub name: String,
    pub inputs: Vec<PathBuf>,
    pub elf: Option<PathBuf>,
    /// It is broken, and opened all the same.
    pub force: bool,
    /// A file beside the dump with the backtraces that the vendor's tool printed.
    pub report: Option<PathBuf>,
}

impl Case {
    pub fn opened(&self) -> Opened {
        let options = Options::default().elf(self.elf.clone()).force(self.force);
        let opened = open::open(&self.inputs, &options);
        opened.unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The arguments of any command that opens it.
    pub fn arguments(&self) -> Vec<String> {
        let text = |path: &PathBuf| path.display().to_string();
        let mut all: Vec<String> = self.inputs.iter().map(text).collect();
        if let Some(elf) = &self.elf {
            all.extend(["--elf".into(), text(elf)]);
        }
        if self.force {
            all.push("--force".into());
        }
        all
    }
}

/// Dumps of `qemu-m4-fault/dumps` that need no file beside them.
const ONE_CRASH: [&str; 25] = [
    "crashcatcher-v2.dmp",
    "crashcatcher-v3-nofpu.dmp",
    "crashcatcher-v3-fpu.dmp",
    "crashcatcher-v3-regs-only.dmp",
    "crashcatcher-v3-truncated-region.dmp",
    "crashcatcher-v3-stack-overflow.dmp",
    "crashcatcher-v3-console.log",
    "crashcatcher-prusa-flash.bin",
    "memfault-v2.core",
    "memfault-v2-flash-region.bin",
    "memfault-v2-truncated.core",
    "memfault-chunks.log",
    "nuttx.core",
    "nuttx-syslog-hex-lzf.log",
    "nuttx-crash-text.log",
    "px4-hardfault-hex.log",
    "mcoredump.elf",
    "mcoredump-serial.log",
    "mcoredump-noinit.bin",
    "sifli-assert.bin",
    "sifli-assert-full-heap.bin",
    "pebble.bin",
    "mynewt.core",
    "mynewt-flash-area.bin",
    "gdb-log.txt",
];

const ESPRESSIF: [(&str, &str, &str); 5] = [
    ("esp32/coredump.b64", "esp32/esp32.elf", "esp32/expected_output"),
    ("esp32/coredump_bin.b64", "esp32/esp32_bin.elf", "esp32/expected_output_bin"),
    ("esp32c3/coredump.b64", "esp32c3/esp32c3.elf", "esp32c3/expected_output"),
    ("esp32c3/coredump_bin.b64", "esp32c3/esp32c3_bin.elf", "esp32c3/expected_output_bin"),
    ("esp32c6/coredump.b64", "esp32c6/esp32c6.elf", "esp32c6/expected_output"),
];

/// Dump and ELF file, or `None` for one that brings its own or has none.
const OTHERS: [(&str, Option<&str>); 17] = [
    ("elf-core/gcore-arm-m4f.core", Some("elf-core/gcore-arm-m4f.elf")),
    ("elf-core/gcore-rv32-short-prstatus.core", Some("elf-core/gcore-rv32-short-prstatus.elf")),
    ("stackdump/nrf52840.dump", Some("stackdump/nrf52840.elf")),
    ("probe-rs/RP2040_svcall.coredump", Some("probe-rs/RP2040_svcall.elf")),
    ("probe-rs/atsamd51p19a.coredump", Some("probe-rs/atsamd51p19a.elf")),
    ("probe-rs/esp32c3_full_unwind.coredump", Some("probe-rs/esp32c3_full_unwind.elf")),
    ("probe-rs/esp32s3_esp_hal_panic.coredump", None),
    ("probe-rs/esp32s3_coredump_elf_coredump.elf", Some("probe-rs/esp32s3_coredump_elf.elf")),
    ("probe-rs/gpio-hal-blinky.coredump", Some("probe-rs/gpio-hal-blinky.elf")),
    ("probe-rs/nRF52833_xxAA_full_unwind.coredump", Some("probe-rs/nRF52833_xxAA_full_unwind.elf")),
    (
        "probe-rs/nRF52833_xxAA_hardfault_from_busfault.coredump",
        Some("probe-rs/nRF52833_xxAA_hardfault_from_busfault.elf"),
    ),
    (
        "probe-rs/nRF52833_xxAA_hardfault_in_systick.coredump",
        Some("probe-rs/nRF52833_xxAA_hardfault_in_systick.elf"),
    ),
    ("probe-rs/stm32u585_hardfault_fp.coredump", Some("probe-rs/stm32u585_hardfault_fp.elf")),
    ("probe-rs/stm32u585_psp_exception.coredump", Some("probe-rs/stm32u585_psp_exception.elf")),
    ("hubris/hubris.core.v6", None),
    ("hubris/hubris.core.new-compiler", None),
    ("hubris/hubris.core.inheritance.0", None),
];

/// All of them; those of other projects only where they are there. Dumps that are made anew are
/// written to `scratch`.
pub fn all(scratch: &Path) -> Vec<Case> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let case = |name: &str, inputs, elf| {
        let name = name.to_string();
        Case { name, inputs, elf, force: false, report: None }
    };
    let demo = own.join("demo");
    let mut all = vec![case("demo", vec![demo.join("dump.core")], Some(demo.join("firmware.elf")))];
    for name in MACHINES {
        let machine = Machine::load(name);
        let path = scratch.join(format!("zephyr-{name}.bin"));
        std::fs::write(&path, machine.usual().bytes()).expect("room for files");
        all.push(case(&format!("zephyr {name}"), vec![path], Some(machine.elf)));
    }
    let Some(root) = fixtures() else { return all };
    for (dump, elf, report) in ESPRESSIF {
        let folder = root.join("espressif");
        all.push(Case {
            report: Some(folder.join(report)),
            ..case(dump, vec![folder.join(dump)], Some(folder.join(elf)))
        });
    }
    for (dump, elf) in OTHERS {
        all.push(case(dump, vec![root.join(dump)], elf.map(|elf| root.join(elf))));
    }
    let folder = root.join("qemu-m4-fault");
    for dump in ONE_CRASH {
        let inputs = vec![folder.join("dumps").join(dump)];
        let force = dump.contains("truncated");
        all.push(Case { force, ..case(dump, inputs, Some(folder.join("fx.elf"))) });
    }
    let parts = ["raw-ram.hex", "raw-regs.txt"].map(|part| folder.join("dumps").join(part));
    all.push(case("raw-ram.hex raw-regs.txt", parts.to_vec(), Some(folder.join("fx.elf"))));
    let log = root.join("nuttx/esp32s3-doc-crash.log");
    all.push(case("nuttx/esp32s3-doc-crash.log", vec![log], None));
    all
}
