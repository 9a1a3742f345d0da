//! Zephyr's register blocks: every layout of every architecture, told by its length; what a device
//! fills with zeros because it did not save it stays unknown.

use crate::support::formats;
use crate::support::zephyr;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use formats::open_bytes;
use zephyr::{Stream, words};

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed().expect("there is a crashed thread").registers.by_name(name)
}

fn notes(opened: &Opened) -> String {
    opened.dump.notes.iter().map(|note| format!("{note}\n")).collect()
}

fn block(target: u16, bits: u32, version: u16, bytes: &[u8]) -> Opened {
    let mut stream = Stream::new(target, bits, version.min(2), 0);
    stream.registers(version, bytes);
    stream.memory(0x1000, &[0; 64]);
    open_bytes("dump", stream.bytes(), &Options::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

/// Words 0x100, 0x101...
fn counted(count: u64, size: usize) -> Vec<u8> {
    words(&(0x100..0x100 + count).collect::<Vec<_>>(), size)
}

#[test]
fn cortex_m_blocks_of_all_versions_are_told_by_their_length() {
    for (version, count) in [(1, 9), (2, 17), (3, 19), (1, 17)] {
        let opened = block(3, 32, version, &counted(count, 4));
        let callee = (count > 9).then_some(0x109);
        assert_eq!((register(&opened, "r0"), register(&opened, "r4")), (Some(0x100), callee));
        assert_eq!((register(&opened, "pc"), register(&opened, "sp")), (Some(0x106), Some(0x108)));
        assert_eq!(notes(&opened).contains("read as version 2"), (version, count) == (1, 17));
    }
    let mut zeros = counted(9, 4);
    zeros.extend([0; 32]);
    assert_eq!(
        register(&block(3, 32, 2, &zeros), "r4"),
        None,
        "eight zeros are nobody's registers"
    );
    zeros.extend(words(&[1, 48], 4));
    assert_eq!(
        register(&block(3, 32, 3, &zeros), "r4"),
        Some(0),
        "the block says that they are real"
    );
}

#[test]
fn a_padded_stack_pointer_is_mended_without_the_frame_too() {
    let mut registers: Vec<u64> = (0x100..0x111).collect();
    (registers[7], registers[8]) = (0x0100_0200, 0x1010);
    let opened = block(3, 32, 2, &words(&registers, 4));
    assert_eq!(register(&opened, "sp"), Some(0x1014));
    assert!(notes(&opened).contains("leaves out a word of padding"), "{}", notes(&opened));
    registers[8] = 0x1014;
    assert_eq!(register(&block(3, 32, 2, &words(&registers, 4)), "sp"), Some(0x1014));
}

#[test]
fn riscv_blocks_of_all_versions_are_told_by_their_length() {
    let pc = |opened: &Opened| register(opened, "pc");
    for (bits, version, count, size) in
        [(32, 1, 18, 4), (32, 1, 19, 4), (64, 2, 18, 8), (64, 2, 19, 8), (32, 2, 18, 4)]
    {
        let opened = block(4, bits, version, &counted(count, size));
        assert_eq!((register(&opened, "ra"), pc(&opened)), (Some(0x100), Some(0x111)));
        assert_eq!(register(&opened, "tp"), None, "a slot that no firmware fills");
        assert_eq!(register(&opened, "t3"), Some(0x10d));
        assert_eq!(register(&opened, "sp"), (count == 19).then_some(0x112), "{version} {count}");
    }
    for (bits, version) in [(32, 3), (64, 4)] {
        let opened = block(4, bits, version, &counted(33, bits as usize / 8));
        assert_eq!((register(&opened, "sp"), pc(&opened)), (Some(0x102), Some(0x120)));
        assert_eq!((register(&opened, "s1"), register(&opened, "s11")), (Some(0x109), Some(0x11b)));
    }
    let mut none: Vec<u64> = (0x100..0x121).collect();
    for x in (9..10).chain(18..28) {
        none[x] = 0;
    }
    let opened = block(4, 32, 3, &words(&none, 4));
    assert_eq!((register(&opened, "s1"), register(&opened, "fp")), (None, Some(0x108)));
    for count in [12, 13] {
        let opened = block(4, 32, 1, &counted(count, 4));
        assert_eq!(opened.dump.arch.name, "riscv32e");
        assert_eq!((register(&opened, "a5"), pc(&opened)), (Some(0x10a), Some(0x10b)));
    }
    let draft = [vec![1, 0], counted(18, 4)].concat();
    assert_eq!(pc(&block(4, 32, 1, &draft)), Some(0x111));
}

#[test]
fn x86_blocks_tell_the_exception() {
    let mut page_fault: Vec<u64> = (0x100..0x10d).collect();
    (page_fault[0], page_fault[1], page_fault[12]) = (14, 2, 0xdead_0008);
    let opened = block(1, 32, 1, &words(&page_fault, 4));
    assert_eq!((register(&opened, "eax"), register(&opened, "eip")), (Some(0x102), Some(0x10a)));
    assert_eq!((register(&opened, "cs"), register(&opened, "ss")), (Some(8), None));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    assert!(opened.dump.reason.words.contains("#PF page fault: write"), "{:?}", opened.dump.reason);
    for count in [17, 22] {
        let opened = block(2, 64, 1, &counted(count, 8));
        assert_eq!(
            (register(&opened, "rax"), register(&opened, "rip")),
            (Some(0x102), Some(0x10c))
        );
        assert_eq!(
            (register(&opened, "rsp"), register(&opened, "rbp")),
            (Some(0x107), Some(0x110))
        );
        assert_eq!(register(&opened, "rbx"), (count == 22).then_some(0x111));
    }
}

#[test]
fn arm64_aarch32_hexagon_and_sparc_blocks_are_told_by_target_and_length() {
    let opened = block(6, 64, 1, &counted(22, 8));
    assert_eq!((register(&opened, "x18"), register(&opened, "pc")), (Some(0x112), Some(0x115)));
    assert_eq!((register(&opened, "cpsr"), register(&opened, "sp")), (Some(0x114), None));
    let opened = block(6, 64, 2, &counted(24, 8));
    assert_eq!((register(&opened, "x29"), register(&opened, "sp")), (Some(0x116), Some(0x117)));

    let opened = block(7, 32, 2, &counted(17, 4));
    assert_eq!(opened.dump.arch.name, "arm");
    assert_eq!((register(&opened, "cpsr"), register(&opened, "r11")), (Some(0x107), Some(0x110)));
    let opened = block(7, 32, 1, &counted(38, 4));
    assert_eq!((&*opened.dump.arch.name, register(&opened, "g0")), ("hexagon", Some(0x122)));
    let big: Vec<u8> = (0x100..0x116u32).flat_map(u32::to_be_bytes).collect();
    let opened = block(8, 32, 1, &big);
    assert_eq!(opened.dump.arch.name, "sparc");
    assert_eq!((register(&opened, "sp"), register(&opened, "pc")), (Some(0x106), Some(0x111)));
}

#[test]
fn xtensa_blocks_of_every_soc_get_their_gdbs_numbers() {
    let cases = [
        (1, 1, 22, "xtensa-sample-controller"),
        (2, 3, 25, "xtensa-esp32"),
        (3, 1, 25, "xtensa-intel-adsp"),
        (3, 2, 25, "xtensa-intel-adsp-xcc"),
        (4, 3, 21, "xtensa-esp32s2"),
        (5, 3, 25, "xtensa-esp32s3"),
        (6, 1, 25, "xtensa-dc233c"),
    ];
    for (soc, toolchain, count, arch) in cases {
        let mut registers: Vec<u64> = (0x100..0x100 + count).collect();
        registers[1] = 28;
        let bytes = [vec![soc, 2, 0, toolchain], words(&registers, 4)].concat();
        let opened = block(5, 32, 1, &bytes);
        assert_eq!(opened.dump.arch.name, arch);
        let first = if count == 21 { 0x105 } else { 0x106 };
        assert_eq!(
            (register(&opened, "ar0"), register(&opened, "ar15")),
            (Some(first), Some(first + 15))
        );
        assert_eq!(
            (register(&opened, "windowbase"), register(&opened, "windowstart")),
            (Some(0), Some(1))
        );
        assert_eq!(register(&opened, "lcount").is_some(), count == 25, "{arch}");
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        assert!(
            opened.dump.reason.words.contains("LoadProhibited"),
            "{}",
            opened.dump.reason.words
        );
    }
    // Version 1 has no toolchain; what was not spilled is unknown.
    let mut registers: Vec<u64> = (0x100..0x116).collect();
    registers[10..22].fill(0);
    let bytes = [vec![1, 1, 0], words(&registers, 4)].concat();
    let opened = block(5, 32, 1, &bytes);
    assert_eq!((register(&opened, "a3"), register(&opened, "a4")), (Some(0x109), None));
}
