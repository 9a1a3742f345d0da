//! CrashCatcher streams in what ArduPilot and Prusa's printers put around them, made here as
//! `crashdump.c`, `CrashDump_SD.cpp` and `dump.cpp` write them: of other programs and faults than
//! the samples.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{open_bytes, try_all_prefixes, try_bit_flips};

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("other", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// How a writer puts words that it reads one by one.
#[derive(Clone, Copy)]
enum Words {
    Right,
    /// The lowest byte of the first one each time.
    FirstByte,
    /// Of the next address.
    OneLate,
}

/// What is in the fault status: BFARVALID and PRECISERR.
const FAULT: [u32; 6] = [0x8200, 0x4000_0000, 9, 0xe000_ed34, 0x6000_0123, 0];
const REGISTERS: [u32; 17] = [
    0x10,
    0x11,
    0x12,
    0x13,
    0x14,
    0x15,
    0x16,
    0x17,
    0x18,
    0x19,
    0x1a,
    0x1b,
    0x1c,
    0x2400_8f30,
    0x0802_0047,
    0x0802_1b3c,
    0x2100_0000,
];

fn memory(addr: u32, len: u32) -> Vec<u8> {
    (addr..addr + len).map(|addr| (addr ^ (addr >> 7) ^ 0x5a) as u8).collect()
}

fn region(addr: u32, bytes: &[u8]) -> Vec<u8> {
    [words(&[addr, addr + bytes.len() as u32]), bytes.to_vec()].concat()
}

fn word_region(how: Words, addr: u32, values: &[u32]) -> Vec<u8> {
    // There is one word more in `values` than in the region.
    let len = values.len() - 1;
    let written = match how {
        Words::Right => values[..len].to_vec(),
        Words::OneLate => values[1..].to_vec(),
        Words::FirstByte => vec![values[0] & 0xff; len],
    };
    region(addr, &words(&written))
}

fn head() -> Vec<u8> {
    let float: Vec<u32> = (0..33).map(|n| 0x3f80_0000 + n).collect();
    [
        b"cC\x03\x00".to_vec(),
        words(&[1]),
        words(&REGISTERS),
        words(&[0x2400_0fd8, 0x2400_8f30]),
        words(&[0x2100_0005]),
        words(&float),
    ]
    .concat()
}

const STACK: (u32, u32) = (0x2400_8a1c, 0x5d5);
const NAME: (u32, u32) = (0x2400_1235, 13);

fn stream(how: Words) -> Vec<u8> {
    [
        head(),
        region(STACK.0, &memory(STACK.0, STACK.1)),
        region(NAME.0, &memory(NAME.0, NAME.1)),
        word_region(how, 0xe000_ed28, &FAULT),
    ]
    .concat()
}

/// What `CrashCatcher_DumpMemoryFlash` and `CrashCatcher_DumpEndFlash` leave in a page.
fn page(stream: &[u8], size: usize) -> Vec<u8> {
    let mut page = vec![0xff; size];
    if stream.len() + 4 >= size {
        page[..size - 4].copy_from_slice(&stream[..size - 4]);
        return page;
    }
    let mut len = stream.len().next_multiple_of(32);
    page[..len].fill(0);
    page[..stream.len()].copy_from_slice(stream);
    if len == size {
        // The last block of the page is not counted.
        len -= 32;
    } else {
        page[size - 32..].fill(0);
    }
    page[size - 4..].copy_from_slice(&(len as u32).to_le_bytes());
    page
}

/// `@SYS/crash_dump.bin`: as many bytes as the last word says, or all.
fn at_sys(page: &[u8]) -> Vec<u8> {
    let len = u32::from_le_bytes(page[page.len() - 4..].try_into().expect("four bytes"));
    page[..(len as usize).min(page.len())].to_vec()
}

fn check(opened: &Opened) {
    let crashed = opened.dump.crashed().expect("one crashed");
    let register = |name: &str| crashed.registers.by_name(name);
    assert_eq!((register("pc"), register("sp")), (Some(0x0802_1b3c), Some(0x2400_8f30)));
    assert_eq!((register("r0"), register("r12")), (Some(0x10), Some(0x1c)));
    assert_eq!((register("lr"), register("xpsr")), (Some(0x0802_0047), Some(0x2100_0000)));
    assert_eq!((register("msp"), register("psp")), (Some(0x2400_0fd8), Some(0x2400_8f30)));
    assert_eq!(register("d0"), Some(0x3f80_0001_3f80_0000));
    assert_eq!(register("fpscr"), Some(0x3f80_0020));
    // With the fault status it is an access to an address that is not there.
    let told = register("CFSR").is_some();
    assert_eq!(opened.dump.reason.signal, Some(if told { Signal::Segv } else { Signal::Bus }));
}

fn check_memory(opened: &Opened, (addr, len): (u32, u32)) {
    let found = opened.dump.memory.bytes(addr.into(), len as usize);
    assert_eq!(found.as_deref(), Some(&memory(addr, len)[..]), "{addr:#x}");
}

fn notes(opened: &Opened) -> String {
    opened.dump.notes.iter().map(|note| format!("{}\n", note.words)).collect()
}

#[test]
fn the_zeros_that_fill_up_a_block_are_no_region() {
    for how in [Words::FirstByte, Words::Right] {
        let stream = stream(how);
        for more in 1..40 {
            // Streams that end anywhere in a block.
            let stream = [stream.clone(), region(0x3000_0000, &memory(0x3000_0000, more))].concat();
            let page = page(&stream, 4096);
            for file in [at_sys(&page), page] {
                let opened = open(file);
                check(&opened);
                check_memory(&opened, STACK);
                check_memory(&opened, NAME);
                check_memory(&opened, (0x3000_0000, more));
                let said = notes(&opened);
                assert!(!said.contains("cut off") && !said.contains("left out"), "{more}: {said}");
                assert_eq!(opened.dump.memory.bytes(0, 1), None);
                let cfsr = opened.dump.crashed().expect("one").registers.by_name("CFSR");
                match how {
                    Words::Right => assert_eq!(cfsr, Some(0x8200)),
                    _ => assert_eq!(cfsr, None),
                }
            }
        }
    }
}

#[test]
fn a_page_that_was_full_ends_with_a_word_that_is_no_memory() {
    let len = 0x800;
    let stream = [stream(Words::Right), region(0x3000_0000, &memory(0x3000_0000, len))].concat();
    let page = page(&stream, 2048 + 1024);
    let opened = open(at_sys(&page));
    check(&opened);
    check_memory(&opened, STACK);
    let missing = (stream.len() - (page.len() - 4)) as u32;
    check_memory(&opened, (0x3000_0000, len - missing));
    let behind = u64::from(0x3000_0000 + len - missing);
    assert_eq!(opened.dump.memory.bytes(behind, 1), None, "it is the mark");
    assert!(notes(&opened).contains(&format!("last {missing} bytes are missing")));
}

#[test]
fn a_page_whose_last_block_holds_the_length_as_well_opens() {
    let stream = stream(Words::FirstByte);
    for rest in 1..28 {
        let padding = 64 - (stream.len() + 8) % 32 + rest;
        let whole =
            [stream.clone(), region(0x3000_0000, &memory(0x3000_0000, padding as u32))].concat();
        let page = page(&whole, whole.len().next_multiple_of(32));
        let opened = open(page);
        check(&opened);
        check_memory(&opened, (0x3000_0000, padding as u32));
        assert!(!notes(&opened).contains("left out"), "{rest}: {}", notes(&opened));
        assert_eq!(opened.dump.memory.bytes(0, 1), None);
    }
}

/// ArduPilot's `crc_crc32` with 0 to begin with.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

fn card(stream: &[u8], file: usize) -> Vec<u8> {
    let mut bytes = vec![0; file];
    let sectors = stream.len().next_multiple_of(512);
    bytes[..sectors].fill(0xff);
    bytes[..stream.len()].copy_from_slice(stream);
    let trailer = |crc: u32| {
        let sizes = [b"APCDUMP\0".to_vec(), vec![1, 0, 32, 0]].concat();
        let rest = words(&[0xb00b_1e55, 0x1234_5678, 1_900_000, crc, stream.len() as u32]);
        [sizes, rest].concat()
    };
    bytes[file - 512..].fill(0xff);
    let sum = crc(&trailer(0));
    bytes[file - 32..].copy_from_slice(&trailer(sum));
    bytes
}

#[test]
fn the_file_of_a_memory_card_ends_where_its_trailer_says() {
    let (low, len) = (0x2000_0000, 0x1_2345);
    let whole = [
        head(),
        region(low, &memory(low, len)),
        region(STACK.0, &memory(STACK.0, STACK.1)),
        word_region(Words::Right, 0xe000_ed28, &FAULT),
    ]
    .concat();
    // A stream may end with its sector: what was on the card before comes right behind it.
    let more = (1024 - (whole.len() + 8) % 512) as u32;
    let full = [whole.clone(), region(0x3000_0000, &memory(0x3000_0000, more))].concat();
    assert_eq!(full.len() % 512, 0);
    for stream in [whole, full] {
        let file = card(&stream, 0x2_0000);
        let opened = open(file);
        check(&opened);
        check_memory(&opened, (low, len));
        check_memory(&opened, STACK);
        let said = notes(&opened);
        assert!(said.contains("commit b00b1e55") && said.contains("0x12345678"), "{said}");
        assert!(!said.contains("cut off") && !said.contains("left out"), "{said}");
        assert_eq!(opened.dump.memory.bytes(0, 1), None);
        let cfsr = opened.dump.crashed().expect("one").registers.by_name("CFSR");
        assert_eq!(cfsr, Some(0x8200));
    }
}

/// `dump_in_xflash`: a header of nine bytes, and each word from the address behind it.
#[test]
fn the_flash_of_a_printer_holds_words_one_address_too_low() {
    let mut system: Vec<u32> = (0..36).map(|n| 0x0700_0000 + n).collect();
    system[0] = 0x410f_c241;
    system[10..16].copy_from_slice(&FAULT);
    let (low, len) = (0x1000_0000, 0x1003);
    let stream = [
        head(),
        word_region(Words::OneLate, 0xe000_ed00, &system),
        region(low, &memory(low, len)),
        region(STACK.0, &memory(STACK.0, STACK.1)),
        word_region(Words::OneLate, 0xe000_ed28, &FAULT),
    ]
    .concat();
    let mut flash = [words(&[0x003d_c53f]), vec![0xfd], words(&[stream.len() as u32])].concat();
    flash.extend_from_slice(&stream);
    flash.resize(flash.len() + 300, 0xff);
    for file in [flash, stream] {
        let opened = open(file);
        check(&opened);
        check_memory(&opened, (low, len));
        check_memory(&opened, STACK);
        let registers = &opened.dump.crashed().expect("one").registers;
        assert_eq!(registers.by_name("CFSR"), Some(0x8200));
        assert_eq!(registers.by_name("BFAR"), Some(0x6000_0123));
        assert_eq!(opened.dump.memory.u32_le(0xe000_ed04), Some(0x0700_0001));
        assert_eq!(opened.dump.memory.u32_le(0xe000_ed00), None, "CPUID is not written");
        assert!(notes(&opened).contains("Prusa"), "{}", notes(&opened));
    }
}

#[test]
fn damaged_files_never_panic() {
    for file in [page(&stream(Words::FirstByte), 4096), card(&stream(Words::Right), 0x1000)] {
        try_all_prefixes("crashcatcher", &file, &Options::default());
        try_bit_flips("crashcatcher", &file, &Options::default());
    }
}
