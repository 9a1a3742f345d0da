//! Damaged dumps of every format: no panic, no hang, and an error that names an offset.

use crate::support::formats as support;
use coroner::open::Options;
use support::{fixtures, sample, try_all_prefixes, try_bit_flips};

/// One sample of each way that bytes take through the readers.
const SAMPLES: &[&str] = &[
    "elf-core/gcore-arm-m4f.core",
    "elf-core/gcore-rv32-short-prstatus.core",
    "probe-rs/esp32s3_coredump_elf_coredump.elf",
    "qemu-m4-fault/dumps/nuttx.core",
    "qemu-m4-fault/dumps/mcoredump.elf",
    "qemu-m4-fault/dumps/crashcatcher-v3-fpu.dmp",
    "qemu-m4-fault/dumps/crashcatcher-v3-console.log",
    "qemu-m4-fault/dumps/crashcatcher-prusa-flash.bin",
    "qemu-m4-fault/dumps/memfault-v2-flash-region.bin",
    "qemu-m4-fault/dumps/memfault-chunks.log",
    "qemu-m4-fault/dumps/nuttx-syslog-hex-lzf.log",
    "qemu-m4-fault/dumps/nuttx-syslog-base64-lzf.log",
    "qemu-m4-fault/dumps/nuttx-crash-text.log",
    "nuttx/esp32s3-doc-crash.log",
    "qemu-m4-fault/dumps/px4-hardfault-hex.log",
    "qemu-m4-fault/dumps/px4-hardfault-decimal-bug.log",
    "qemu-m4-fault/dumps/mcoredump-serial.log",
    "qemu-m4-fault/dumps/mcoredump-noinit.bin",
    "qemu-m4-fault/dumps/sifli-assert.bin",
    "qemu-m4-fault/dumps/pebble-flash-tail.bin",
    "qemu-m4-fault/dumps/mynewt-flash-area.bin",
    "hubris/hubris.core.inheritance.0",
    "stackdump/nrf52840.dump",
    "probe-rs/RP2040_svcall.coredump",
    "probe-rs/esp32c3_full_unwind.coredump",
    "qemu-m4-fault/dumps/gdb-log.txt",
    "qemu-m4-fault/dumps/raw-ram.hex",
    "qemu-m4-fault/dumps/raw-ram.srec",
];

fn options() -> Options {
    let elf = fixtures().map(|folder| folder.join("qemu-m4-fault/fx.elf"));
    Options::default().elf(elf)
}

#[test]
fn every_prefix_of_every_sample_is_a_dump_or_a_clear_error() {
    for name in SAMPLES {
        let Some(bytes) = sample(name) else { return };
        try_all_prefixes(name, &bytes, &Options::default());
    }
}

#[test]
fn flipped_bits_make_a_dump_or_a_clear_error() {
    for name in SAMPLES {
        let Some(bytes) = sample(name) else { return };
        try_bit_flips(name, &bytes, &options());
    }
}
