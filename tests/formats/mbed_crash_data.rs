//! Mbed OS' crash data written here as `mbed_fault_handler()` and `mbed_error()` keep it in RAM.

use crate::support::formats as support;
use coroner::dump::Stack;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{open_bytes, try_all_prefixes, try_bit_flips};

/// The remainder of the division by the polynomial, bit after bit.
fn crc(words: &[u32]) -> u32 {
    let bytes = words.iter().flat_map(|word| word.to_le_bytes()).chain([0; 4]);
    let mut rest = 0u64;
    for byte in bytes {
        for n in (0..8).rev() {
            rest = rest << 1 | u64::from(byte >> n & 1);
            if rest >> 32 != 0 {
                rest ^= 0x1_04c1_1db7;
            }
        }
    }
    rest as u32
}

/// 256 bytes: the context of a fault, then the error.
fn ram(status: u32, location: u32, file: Option<(&str, u32)>) -> Vec<u8> {
    let mut context: Vec<u32> = (0..13).map(|n| 0x1100_0000 + n).collect();
    context.extend([0x2000_2f18, 0x0800_1893, 0x0800_1874, 0x6107_0000]);
    context.extend([0x2000_2eb0, 0x2002_ffc0, 0xffff_ffed, 6]);
    context.resize(32, 0xffff_ffff);
    let mut error = vec![status, location, 0x2000_0140];
    error.extend([0x2000_1e80, 0x0800_5d05, 0x1000, 0x2000_2000, 0x2000_2f18]);
    if let Some((name, line)) = file {
        let mut bytes = name.as_bytes().to_vec();
        bytes.resize(16, 0);
        error.extend(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
        error.push(line);
    }
    error.extend([3, 0]);
    error.push(crc(&error));
    error.resize(32, 0xaaaa_aaaa);
    [context, error].concat().iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("crash.bin", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn fact(opened: &Opened, name: &str) -> Option<String> {
    let facts = &opened.dump.identity.facts;
    facts.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

#[test]
fn a_fault_has_all_its_registers() {
    let opened = open(ram(0x80ff_013d, 0x0800_1874, None));
    assert_eq!(opened.dump.format, "Mbed OS crash data");
    let thread = opened.dump.crashed().expect("somebody crashed");
    let value = |name: &str| thread.registers.by_name(name);
    assert_eq!(
        (value("pc"), value("sp"), value("r12")),
        (Some(0x0800_1874), Some(0x2000_2f18), Some(0x1100_000c))
    );
    assert_eq!((value("psp"), value("msp")), (Some(0x2000_2eb0), Some(0x2002_ffc0)));
    assert_eq!((value("exc_return"), value("control")), (Some(0xffff_ffed), Some(6)));
    assert_eq!(thread.control_block, Some(0x2000_1e80));
    assert_eq!(thread.stack, Some(Stack { low: 0x2000_2000, high: 0x2000_3000 }));
    assert_eq!(opened.dump.reason.words, "HardFault");
    assert_eq!(fact(&opened, "resets in a row").as_deref(), Some("3"));
    assert_eq!(fact(&opened, "seen by the firmware").as_deref(), Some("no"));
}

#[test]
fn an_error_is_no_fault_and_may_have_a_file_name() {
    let opened = open(ram(0x8001_0130, 0x0800_4353, Some(("PinNames_at_the_end", 91))));
    let thread = opened.dump.crashed().expect("somebody failed");
    assert_eq!((thread.registers.pc(), thread.registers.sp()), (Some(0x0800_4352), None));
    assert_eq!(opened.dump.reason.words, "error 304");
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    assert_eq!(fact(&opened, "file").as_deref(), Some("PinNames_at_the_+91"));
    // An error of the firmware's own, with the number of a HardFault.
    let own = open(ram(0xa0ff_013d, 0x0800_4353, None));
    assert_eq!(own.dump.reason.words, "error 317");
}

#[test]
fn without_its_checksum_it_is_nothing() {
    let mut bytes = ram(0x80ff_013d, 0x0800_1874, None);
    bytes[133] ^= 1;
    assert!(open_bytes("crash.bin", bytes, &Options::default()).is_err());
    let mut image = ram(0x80ff_013d, 0x0800_1874, None);
    image.resize(0x4000, 0);
    let opened = open_bytes("ram.bin", image, &Options::default());
    let format = opened.map(|opened| opened.dump.format.clone()).unwrap_or_default();
    assert_ne!(format, "Mbed OS crash data", "an image of RAM has more to tell");
}

#[test]
fn damaged_crash_data_is_refused_or_read_never_more() {
    for bytes in [ram(0x80ff_0140, 0x0800_1874, None), ram(0x8001_0130, 1, Some(("a", 1)))] {
        try_all_prefixes("crash.bin", &bytes, &Options::default());
        try_bit_flips("crash.bin", &bytes, &Options::default());
    }
}
