//! Memfault's dumps and chunks written here as its SDK's C code writes them: chunks of both
//! protocol settings, every machine type, devices with two cores.

use crate::support::formats as support;
use base64::Engine as _;
use coroner::open::{Opened, Options};
use support::{open_bytes, try_all_prefixes, try_bit_flips};

const CORTEX_M: u32 = 40;
const XTENSA: u32 = 94;
const RISCV: u32 = 243;

/// A core dump under way, as `memfault_coredump.c` fills its storage.
struct Storage(Vec<u8>);

impl Storage {
    fn new(machine: u32) -> Storage {
        let mut storage = Storage(Vec::new());
        [0x4552_4f43, 2, 0].into_iter().for_each(|word| storage.u32(word));
        storage.block(7, 0, &machine.to_le_bytes());
        storage
    }

    fn u32(&mut self, value: u32) {
        self.0.extend(value.to_le_bytes());
    }

    fn block(&mut self, kind: u8, addr: u32, payload: &[u8]) {
        self.0.extend([kind, 0, 0, 0]);
        self.u32(addr);
        self.u32(payload.len() as u32);
        self.0.extend(payload);
    }

    fn registers(&mut self, words: &[u32]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.block(0, 0, &bytes);
    }

    fn reason(&mut self, number: u32) {
        self.block(5, 0, &number.to_le_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        [0x504d_5544, 0, 0, 0].into_iter().for_each(|word| self.u32(word));
        let total = self.0.len() as u32;
        self.0[8..12].copy_from_slice(&total.to_le_bytes());
        self.0
    }
}

/// CRC-16 by long division of the message's bits, with 16 zeros behind.
fn crc(message: &[u8]) -> u16 {
    let bits =
        message.iter().chain(&[0, 0]).flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1));
    let mut rest = 0u32;
    for bit in bits {
        rest = rest << 1 | u32::from(bit);
        if rest & 0x1_0000 != 0 {
            rest ^= 0x1_1021;
        }
    }
    rest as u16
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 127 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Where the SDK writes a message's CRC.
#[derive(Clone, Copy, PartialEq)]
enum Crc {
    First,
    Last,
}

/// `memfault_chunk_transport_get_next_chunk()` until there is no more.
fn chunks(message: &[u8], largest: usize, place: Crc) -> Vec<Vec<u8>> {
    let sum = crc(message).to_le_bytes();
    let setting = if place == Crc::Last { 8 } else { 0 };
    if message.len() + 3 <= largest {
        let parts = if place == Crc::Last { [message, &sum] } else { [&sum, message] };
        return vec![[&[setting][..], parts[0], parts[1]].concat()];
    }
    let mut first = [&[0x40 | setting][..], &varint(message.len())].concat();
    if place == Crc::First {
        first.extend(sum);
    }
    let mut done = (largest - first.len()).min(message.len());
    first.extend(&message[..done]);
    let mut all = vec![first];
    loop {
        let mut chunk = [&[0x80][..], &varint(done)].concat();
        let room = largest - chunk.len();
        let len = room.min(message.len() - done);
        chunk.extend(&message[done..done + len]);
        done += len;
        let last = done == message.len() && (place == Crc::First || room - len >= 2);
        if last && place == Crc::Last {
            chunk.extend(sum);
        }
        chunk[0] |= if last { 0 } else { 0x40 };
        all.push(chunk);
        if last {
            return all;
        }
    }
}

fn log(chunks: &[Vec<u8>]) -> Vec<u8> {
    let line = |chunk: &Vec<u8>| {
        let text = base64::engine::general_purpose::STANDARD.encode(chunk);
        format!("[00:01:02.003] <inf> mflt: MC:{text}:\r\n")
    };
    let lines: String = chunks.iter().map(line).collect();
    format!("boot\r\n{lines}uart:~$ \r\n").into_bytes()
}

fn open(file: Vec<u8>) -> Opened {
    open_bytes("dump.bin", file, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn says(opened: &Opened, words: &str) {
    let notes = &opened.dump.notes;
    assert!(notes.iter().any(|note| note.words.contains(words)), "{words}: {notes:?}");
}

fn value(opened: &Opened, thread: usize, name: &str) -> Option<u64> {
    opened.dump.threads[thread].registers.by_name(name)
}

fn cortex_m() -> Vec<u8> {
    let mut storage = Storage::new(CORTEX_M);
    let registers: Vec<u32> = (0..19).map(|n| 0x0a00_0000 + n * 0x11).collect();
    storage.registers(&registers);
    storage.reason(0x9403);
    storage.block(9, 0, &[0x5a; 36]);
    storage.block(1, 0x2000_0400, &(0..=255).collect::<Vec<u8>>());
    storage.finish()
}

#[test]
fn chunks_of_the_first_sdks_have_their_crc_in_front() {
    let message = [vec![1], cortex_m()].concat();
    for place in [Crc::First, Crc::Last] {
        // 80 leaves room for the CRC; with the others, it takes a chunk of its own or part of one.
        for largest in [11, 60, 61, 62, 63, 80, 4096] {
            let opened = open(log(&chunks(&message, largest, place)));
            assert_eq!(value(&opened, 0, "pc"), Some(0x0a00_00ff), "chunks of {largest}");
            assert_eq!(opened.dump.reason.words, "parity error");
            let memory = opened.dump.memory.bytes(0x2000_0400, 256);
            assert_eq!(memory.as_deref(), Some(&(0..=255).collect::<Vec<u8>>()[..]));
            let notes = &opened.dump.notes;
            assert!(!notes.iter().any(|note| note.words.contains("CRC")), "{largest}: {notes:?}");
        }
    }
}

#[test]
fn a_damaged_chunk_is_told_by_the_crc_wherever_it_stands() {
    let message = [vec![1], cortex_m()].concat();
    for place in [Crc::First, Crc::Last] {
        for largest in [70, 4096] {
            let mut all = chunks(&message, largest, place);
            let last = all.last_mut().unwrap();
            let middle = last.len() / 2;
            last[middle] ^= 0x10;
            says(&open(log(&all)), "the CRC-16 of the chunks is wrong");
        }
        let mut all = chunks(&message, 70, place);
        all.remove(2);
        says(&open(log(&all)), "chunks are missing");
        all.pop();
        says(&open(log(&all)), "chunks are missing");
    }
}

fn xtensa_block(layout: u32, pc: u32) -> Vec<u32> {
    let mut words = vec![layout, pc, 0x6_0820];
    words.extend((0..16).map(|n| 0x3ffb_0000 + n * 16));
    // sar, lbeg, lend, lcount, exccause, excvaddr
    words.extend([3, 0x4000_c2e0, 0x4000_c2f6, 7, 28, 0x14]);
    words
}

#[test]
fn each_xtensa_chip_is_told_by_the_machine_type() {
    let chips = [(0, 1, "esp32"), (2, 1, "esp32s2"), (3, 1, "esp32s3"), (1, 2, "esp8266")];
    for (variant, layout, name) in chips {
        let mut storage = Storage::new(XTENSA | variant << 16);
        let mut words = xtensa_block(layout, 0x400d_1234);
        if layout == 2 {
            words[20..23].fill(0);
            words[24] = 0;
        }
        storage.registers(&words);
        storage.reason(0x9400);
        let opened = open(storage.finish());
        assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some(name));
        assert_eq!(value(&opened, 0, "pc"), Some(0x400d_1234), "{name}");
        assert_eq!(value(&opened, 0, "a1"), Some(0x3ffb_0010), "{name}");
        assert_eq!(value(&opened, 0, "a15"), Some(0x3ffb_00f0), "{name}");
        assert_eq!(value(&opened, 0, "exccause"), Some(28), "{name}");
        let loops = ["esp32", "esp32s3"].contains(&name).then_some(7);
        assert_eq!(value(&opened, 0, "lcount"), loops, "{name}");
        let address = (name != "esp8266").then_some(0x14);
        assert_eq!(value(&opened, 0, "excvaddr"), address, "{name}: nobody saves it there");
        let reason = &opened.dump.reason;
        assert!(reason.evidence.iter().any(|word| word.name == "trace" && word.value == 0x9400));
        assert!(reason.evidence.iter().any(|word| word.name == "exccause"), "{name}: {reason:?}");
    }
}

#[test]
fn the_user_s_chip_goes_before_the_dump_s() {
    let mut storage = Storage::new(XTENSA);
    storage.registers(&xtensa_block(1, 0x4200_1234));
    let file = storage.finish();
    says(&open(file.clone()), "its code at 0x42001234 is where an esp32s3 has some");
    let options = Options::default().target("esp32s3");
    let opened = open_bytes("dump.bin", file, &options).unwrap();
    assert!(opened.dump.notes.is_empty(), "{:?}", opened.dump.notes);
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp32s3"));
}

#[test]
fn a_core_that_was_not_saved_is_no_thread() {
    let mut storage = Storage::new(XTENSA);
    let mut blank = vec![0; 25];
    blank[0] = 1;
    storage.registers(&blank);
    storage.registers(&xtensa_block(1, 0x400d_5678));
    storage.reason(0x8001);
    let opened = open(storage.finish());
    assert_eq!(opened.dump.threads.len(), 1);
    let thread = opened.dump.crashed().unwrap();
    assert_eq!((thread.core, thread.registers.pc()), (Some(1), Some(0x400d_5678)));
    says(&opened, "core 0: the device could not save its registers");
    assert_eq!(opened.dump.reason.words, "assert", "a HardFault alone is told by the cause");
}

#[test]
fn of_two_cores_nobody_says_which_crashed() {
    let mut storage = Storage::new(XTENSA | 3 << 16);
    storage.registers(&xtensa_block(1, 0x4200_0010));
    storage.registers(&xtensa_block(1, 0x4200_0020));
    storage.reason(0x9400);
    let opened = open(storage.finish());
    let cores: Vec<_> = opened.dump.threads.iter().map(|thread| thread.core).collect();
    assert_eq!(cores, [Some(0), Some(1)]);
    says(&opened, "does not say which core crashed");
}

#[test]
fn excvaddr_of_zero_may_be_zephyr_s() {
    let mut storage = Storage::new(XTENSA);
    let mut words = xtensa_block(1, 0x400d_1234);
    words[24] = 0;
    storage.registers(&words);
    storage.reason(0x9400);
    says(&open(storage.finish()), "excvaddr is 0");
}

#[test]
fn risc_v_tells_its_cause_and_a_real_time_arm_its_cpsr() {
    let mut storage = Storage::new(RISCV);
    let mut words: Vec<u32> = (0..32).map(|n| 0x3fc8_0000 + n).collect();
    // mstatus, mtvec, mcause, mtval, mhartid
    words.extend([0x1881, 0x4038_0001, 5, 0x10, 0]);
    storage.registers(&words);
    storage.reason(0x9400);
    let opened = open(storage.finish());
    let order = [("pc", 0), ("ra", 1), ("sp", 2), ("t0", 5), ("fp", 12), ("s11", 23), ("a7", 31)];
    for (name, n) in order {
        assert_eq!(value(&opened, 0, name), Some(0x3fc8_0000 + n), "{name}");
    }
    assert_eq!(value(&opened, 0, "mtval"), Some(0x10));
    assert!(opened.dump.reason.evidence.iter().any(|word| word.name == "mcause"));

    let mut storage = Storage::new(CORTEX_M | 1 << 16);
    let words: Vec<u32> = (0..16).map(|n| 0x7000_0000 + n).chain([0x6000_01df]).collect();
    storage.registers(&words);
    let opened = open(storage.finish());
    assert_eq!(value(&opened, 0, "lr"), Some(0x7000_000e));
    assert_eq!(value(&opened, 0, "cpsr"), Some(0x6000_01df));
}

#[test]
fn reasons_have_the_sdk_s_names() {
    let names = [
        (0x0003, "firmware update"),
        (0x1005, "an expected reset with a name of the firmware's"),
        (0x8002, "watchdog"),
        (0x8008, "kernel panic"),
        (0x9402, "security violation"),
        (0xa001, "a crash with a name of the firmware's"),
        (0xb000, "a reason that is not in the table"),
    ];
    for (number, words) in names {
        let mut storage = Storage::new(CORTEX_M);
        storage.registers(&[0; 19]);
        storage.reason(number);
        assert_eq!(open(storage.finish()).dump.reason.words, words, "{number:#x}");
    }
}

#[test]
fn damaged_dumps_and_chunks_are_refused_or_read_never_more() {
    let message = [vec![1], cortex_m()].concat();
    let mut xtensa = Storage::new(XTENSA);
    xtensa.registers(&[0; 25]);
    xtensa.registers(&xtensa_block(1, 0x400d_1234));
    let files = [
        log(&chunks(&message, 50, Crc::First)),
        log(&chunks(&message, 50, Crc::Last)),
        xtensa.finish(),
    ];
    for file in files {
        try_all_prefixes("dump.bin", &file, &Options::default());
        try_bit_flips("dump.bin", &file, &Options::default());
    }
}
