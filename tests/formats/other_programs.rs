//! No reader may know a sample: the same formats of another program, another fault, another chip,
//! with other addresses, region counts and odd sizes, made here without the readers' layouts.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::open_bytes;

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("other", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed()?.registers.by_name(name)
}

/// r0-r12, sp, lr, pc, xpsr of a Cortex-M7 in its tightly coupled memory.
const M7: [u32; 17] = [
    0xa0,
    0xa1,
    0xa2,
    0xa3,
    0xa4,
    0xa5,
    0xa6,
    0xa7,
    0xa8,
    0xa9,
    0xaa,
    0xab,
    0xac,
    0x2401_fff0,
    0x0800_4321,
    0x0800_1234,
    0x6100_0000,
];

/// Some bytes that differ everywhere.
fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|n| (n as u8).wrapping_mul(31).wrapping_add(seed)).collect()
}

#[track_caller]
fn check_memory(opened: &Opened, addr: u64, wanted: &[u8]) {
    let found = opened.dump.memory.bytes(addr, wanted.len());
    assert_eq!(found.as_deref(), Some(wanted), "at {addr:#x}");
}

#[test]
fn memfault_of_an_old_sdk_has_no_footer_and_its_blocks_are_padded() {
    let block = |kind: u32, addr: u32, payload: &[u8]| {
        [words(&[kind, addr, payload.len() as u32]), payload.to_vec()].concat()
    };
    let (first, second) = (bytes(13, 5), bytes(0x1000, 9));
    let body = [
        block(0, 0, &words(&M7)),
        block(3, 0, b"2.7.1"),
        block(4, 0, b"rev-c"),
        block(2, 0, b"DEVICE7"),
        block(7, 0, &words(&[40])),
        block(5, 0, &words(&[0x9400])),
        block(1, 0x2400_0003, &first),
        block(6, 0, &[0, 0]),
        block(1, 0x2401_f000, &second),
        block(1, 0xe000_ed28, &words(&[0x0200_0000, 0x4000_0000, 0, 0, 0])),
    ]
    .concat();
    let file = [words(&[0x4552_4f43, 1, 12 + body.len() as u32]), body].concat();
    let opened = open(file);
    assert_eq!(opened.dump.format, "Memfault core dump, version 1");
    assert_eq!((register(&opened, "pc"), register(&opened, "r7")), (Some(0x0800_1234), Some(0xa7)));
    check_memory(&opened, 0x2400_0003, &first);
    check_memory(&opened, 0x2401_f000, &second);
    assert!(opened.dump.reason.words.contains("divide by zero"), "{}", opened.dump.reason.words);
}

#[test]
fn crashcatcher_of_another_chip_has_many_regions_of_odd_sizes_in_any_order() {
    for (version, extra) in [(2u32, vec![5u32]), (3, vec![0x2000_0100, 0x2401_fff0, 5])] {
        let mut file = words(&[0x4363 | version << 16, 0]);
        file.extend(words(&M7));
        file.extend(words(&extra));
        let regions: Vec<(u32, Vec<u8>)> = (0..40u32)
            .rev()
            .map(|n| (0x2400_0000 + n * 0x101, bytes((n as usize * 7) % 250 + 1, n as u8)))
            .collect();
        for (start, data) in &regions {
            file.extend(words(&[*start, start + data.len() as u32]));
            file.extend(data);
        }
        let opened = open(file);
        assert_eq!(register(&opened, "sp"), Some(0x2401_fff0), "version {version}");
        for (start, data) in &regions {
            check_memory(&opened, (*start).into(), data);
        }
        assert_eq!(opened.dump.reason.signal, Some(Signal::Bus), "{}", opened.dump.reason.words);
    }
}

#[test]
fn mynewt_of_another_program_has_areas_in_pieces_and_no_hash() {
    let record = |kind: u8, addr: u32, data: &[u8]| {
        let len = (data.len() as u16).to_le_bytes();
        [&[kind, 0, len[0], len[1]][..], &addr.to_le_bytes(), data].concat()
    };
    let (low, high) = (bytes(0xfffc, 1), bytes(0x2345, 2));
    let body = [
        record(3, 0, &words(&M7)),
        record(2, 0x2400_0000, &low),
        record(2, 0x2400_fffc, &high),
        record(2, 0x1000_0000, &bytes(3, 7)),
    ]
    .concat();
    let opened = open([words(&[0x690c_47c3, 8 + body.len() as u32]), body].concat());
    assert_eq!(register(&opened, "lr"), Some(0x0800_4321));
    check_memory(&opened, 0x2400_0000, &[low, high].concat());
    check_memory(&opened, 0x1000_0000, &bytes(3, 7));
    assert!(opened.dump.identity.firmware.is_empty());
}

#[test]
fn mbed_of_a_cortex_m7_tells_a_division_by_zero_and_of_a_cortex_m0_no_status_at_all() {
    let mut text = "++ MbedOS Fault Handler ++\n\nFaultType: UsageFault\n\nContext:".to_string();
    for (n, value) in M7.iter().take(13).enumerate() {
        text += &format!("\nR{n:<4}: {value:08X}");
    }
    text += "\nSP   : 2401FFF0\nLR   : 08004321\nPC   : 08001234\nxPSR : 61000000";
    text += "\nPSP  : 2401FFD0\nMSP  : 20001F00\nCPUID: 411FC271";
    let end = "\nMode : Thread\nPriv : User\nStack: PSP\n\n-- MbedOS Fault Handler --\n";
    let status = "\nHFSR : 00000000\nMMFSR: 00000000\nBFSR : 00000000\nUFSR : 00000200\n\
                  DFSR : 00000000\nAFSR : 00000000";
    let opened = open(format!("{text}{status}{end}").into_bytes());
    assert_eq!(
        (register(&opened, "r12"), register(&opened, "CFSR")),
        (Some(0xac), Some(0x0200_0000))
    );
    assert_eq!(opened.dump.reason.signal, Some(Signal::Fpe), "{}", opened.dump.reason.words);
    let opened = open(format!("{text}{end}").into_bytes());
    assert_eq!((register(&opened, "psp"), register(&opened, "CFSR")), (Some(0x2401_ffd0), None));
}

#[test]
fn cm_backtrace_outside_of_any_thread_and_without_a_stack() {
    let text = "\
Firmware name: pump, hardware version: B, software version: 9.9.9-rc1\r\n\
Fault on interrupt or bare metal(no OS) environment\r\n\
=================== Registers information ====================\r\n\
  R0 : 000000a0  R1 : 000000a1  R2 : 000000a2  R3 : 000000a3\r\n\
  R12: 000000ac  LR : 08004321  PC : 08001234  PSR: 61000003\r\n\
==============================================================\r\n\
Usage fault is caused by attempts to switch to an invalid state (e.g., ARM)\r\n\
Show more call stack info by run: addr2line -e pump.elf -afpiC 08001234 08004320\r\n";
    let opened = open(text.as_bytes().to_vec());
    assert_eq!((register(&opened, "pc"), register(&opened, "r3")), (Some(0x0800_1234), Some(0xa3)));
    assert_eq!((register(&opened, "r4"), register(&opened, "sp")), (None, None));
    assert_eq!(opened.dump.memory.region_count(), 0);
}
