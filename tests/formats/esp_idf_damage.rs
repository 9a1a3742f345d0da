//! Every prefix and thousands of bit flips of every sample: no panic, no hang, and an error that
//! says where.

use crate::support;
use coroner::open::Options;
use support::{Numbers, fixture, open_bytes};

const SAMPLES: [&str; 8] = [
    "espressif/esp32/coredump.raw",
    "espressif/esp32/coredump_bin.raw",
    "espressif/esp32/coredump.saved-core.elf",
    "espressif/esp32/coredump_bin.saved-core.elf",
    "espressif/esp32c3/coredump.raw",
    "espressif/esp32c3/coredump_bin.raw",
    "espressif/esp32c6/coredump.raw",
    "espressif/esp32c6/coredump.b64",
];

/// Opens what is left of a sample, both ways, and looks at all of it.
fn survives(bytes: &[u8], what: &str) {
    for force in [false, true] {
        match open_bytes(bytes.to_vec(), &Options::default().force(force)) {
            Ok(opened) => {
                for thread in &opened.dump.threads {
                    assert!(thread.id > 0, "{what}");
                    thread.registers.known().count();
                }
                for region in opened.dump.memory.regions() {
                    let mut buf = vec![0; region.bytes.len()];
                    let read = opened.dump.memory.read(region.start, &mut buf);
                    assert_eq!(read, buf.len(), "{what}");
                }
            }
            Err(error) => {
                let words = error.to_string();
                let says_where = words.contains("offset 0x")
                    || words.contains("it is")
                    || words.contains("it begins");
                assert!(says_where, "{what}: {words}");
            }
        }
    }
}

#[test]
fn every_prefix_of_every_sample_is_survived() {
    for name in SAMPLES {
        let Some(bytes) = fixture(name) else { return };
        for len in 0..bytes.len() {
            survives(&bytes[..len], &format!("{name} cut to {len}"));
        }
    }
}

#[test]
fn thousands_of_flipped_bits_are_survived() {
    for (seed, name) in SAMPLES.iter().enumerate() {
        let Some(bytes) = fixture(name) else { return };
        let mut numbers = Numbers::new(seed as u64 + 1);
        for round in 0..2000 {
            let mut damaged = bytes.clone();
            // The first bytes decide the most, so every other round hits them.
            let end = if round % 2 == 0 { 512.min(damaged.len()) } else { damaged.len() };
            for _ in 0..=numbers.below(4) {
                let at = numbers.below(end);
                damaged[at] ^= 1 << numbers.below(8);
            }
            survives(&damaged, &format!("{name}, round {round}"));
        }
    }
}

#[test]
fn flipped_bits_with_a_right_checksum_are_survived() {
    for (seed, name) in SAMPLES.iter().enumerate().filter(|(_, name)| name.ends_with(".raw")) {
        let Some(bytes) = fixture(name) else { return };
        let mut numbers = Numbers::new(seed as u64 + 100);
        for round in 0..2000 {
            let mut damaged = bytes.clone();
            for _ in 0..=numbers.below(3) {
                let at = 8 + numbers.below(damaged.len().min(1500) - 8);
                damaged[at] ^= 1 << numbers.below(8);
            }
            support::esp::reseal(&mut damaged);
            survives(&damaged, &format!("{name} resealed, round {round}"));
        }
    }
}
