//! stackdump streams written here as the crate's iterators give them byte after byte: registers with the
//! floats of a Cortex-M7, a stack and the two sections of variables, in any order behind the core's.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use support::{open_bytes, try_all_prefixes, try_bit_flips};

/// The number of the first register, how many, the values.
fn registers(first: u16, values: &[u32]) -> impl Iterator<Item = u8> + use<> {
    let values = values.to_vec();
    let head = [first.to_le_bytes(), (values.len() as u16).to_le_bytes()].concat();
    let body = values.into_iter().flat_map(u32::to_le_bytes);
    std::iter::once(2).chain(head).chain(body)
}

/// The address, how many bytes, the bytes.
fn memory(start: u64, bytes: &[u8]) -> impl Iterator<Item = u8> + use<> {
    let head = [start.to_le_bytes(), (bytes.len() as u64).to_le_bytes()].concat();
    std::iter::once(1).chain(head).chain(bytes.to_vec())
}

const STACK: u64 = 0x2407_f000;

fn core() -> Vec<u32> {
    (0..16).map(|n| if n == 13 { STACK as u32 + 8 } else { 0x0800_0000 + n * 0x11 }).collect()
}

fn floats() -> Vec<u32> {
    (0..32u32).map(|n| (n as f32 * 1.5).to_bits()).collect()
}

fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(29).wrapping_add(seed)).collect()
}

fn stream() -> Vec<u8> {
    registers(0, &core())
        .chain(registers(256, &floats()))
        .chain(memory(STACK, &bytes(0xfff, 3)))
        .chain(memory(0x2400_0000, &bytes(257, 5)))
        .chain(memory(0x2400_4000, &[]))
        .chain(memory(0x2000_0000, &bytes(1, 9)))
        .collect()
}

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("crash.dump", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_stream_gives_registers_floats_and_all_memory() {
    let opened = open(stream());
    assert_eq!(opened.dump.format, "stackdump stream");
    let thread = opened.dump.crashed().expect("it has registers");
    let register = |name: &str| thread.registers.by_name(name);
    for n in 0..=12 {
        assert_eq!(register(&format!("r{n}")), Some(0x0800_0000 + n * 0x11));
    }
    assert_eq!((register("sp"), register("pc")), (Some(STACK + 8), Some(0x0800_00ff)));
    assert_eq!((register("lr"), register("xpsr")), (Some(0x0800_00ee), None));
    let single = |n: u8| u64::from((f32::from(n) * 1.5).to_bits());
    for n in 0..16 {
        assert_eq!(register(&format!("d{n}")), Some(single(2 * n + 1) << 32 | single(2 * n)));
    }
    for (start, len, seed) in [(STACK, 0xfff, 3), (0x2400_0000, 257, 5), (0x2000_0000, 1, 9)] {
        assert_eq!(opened.dump.memory.bytes(start, len), Some(bytes(len, seed).into()));
        assert_eq!(opened.dump.memory.bytes(start + len as u64, 1), None);
    }
    let remark = "registers of the function that took the dump".to_string();
    assert_eq!(thread.remarks, [remark]);
}

#[test]
fn a_core_without_floats_has_none() {
    let opened = open(registers(0, &core()).chain(memory(STACK, &bytes(64, 1))).collect());
    let thread = opened.dump.crashed().expect("it has registers");
    assert_eq!((thread.registers.by_name("d0"), thread.registers.sp()), (None, Some(STACK + 8)));
}

#[test]
fn damaged_streams_are_refused_or_read_never_more() {
    try_all_prefixes("crash.dump", &stream(), &Options::default());
    try_bit_flips("crash.dump", &stream(), &Options::default());
}
