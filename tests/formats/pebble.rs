//! PebbleOS dumps written here as the watch's NMI handler writes them (`core_dump.c`), of a program of
//! our own: dumps asked for by a task, by a fault's handler, and those of the Bluetooth controller.

use crate::support::formats as support;
use coroner::dump::FirmwareId;
use coroner::open::{Opened, Options};
use support::{open_bytes, try_all_prefixes, try_bit_flips};

const RAM: u32 = 0x2000_0000;
const NMI_HANDLER: u32 = 0x0802_4440;
const NEVER_SAVED: u32 = 0xa5a5_a5a5;

/// What the device writes into flash, byte after byte.
#[derive(Default)]
struct Flash(Vec<u8>);

impl Flash {
    fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    fn u32(&mut self, value: u32) {
        self.0.extend([value as u8, (value >> 8) as u8, (value >> 16) as u8, (value >> 24) as u8]);
    }

    fn text(&mut self, text: &str, width: usize) {
        // strncpy: zeros up to the width, no zero where the text fills it.
        (0..width).for_each(|n| self.u8(text.as_bytes().get(n).copied().unwrap_or(0)));
    }

    fn image_header(&mut self, core: u8, build: &str) {
        self.u32(0xf00d_cafe);
        self.u8(core);
        [1, 0, 0].into_iter().for_each(|byte| self.u8(byte));
        self.u32(1_754_000_000);
        self.text("Q402445E08XY", 16);
        self.text(build, 64);
    }

    fn memory(&mut self, start: u32, words: &[u32]) {
        self.u32(4);
        self.u32(words.len() as u32 * 4 + 4);
        self.u32(start);
        words.iter().for_each(|word| self.u32(*word));
    }

    fn special(&mut self, msp: u32, psp: u32, control: u8) {
        self.u32(3);
        self.u32(12);
        self.u32(msp);
        self.u32(psp);
        [0, 0x80, 1, control].into_iter().for_each(|byte| self.u8(byte));
    }

    fn thread(&mut self, name: &str, id: u32, running: bool, registers: &[u32; 17]) {
        self.u32(2);
        self.u32(89);
        self.text(name, 16);
        self.u32(id);
        self.u8(running.into());
        registers.iter().for_each(|word| self.u32(*word));
    }

    fn end(mut self) -> Vec<u8> {
        self.u32(u32::MAX);
        self.u32(0);
        self.0
    }
}

/// The RAM of the program: each word tells its place; the two stacks hold exception frames.
fn ram() -> Vec<u32> {
    (0..0x800u32).map(|n| n << 8 | 0x5a).collect()
}

const TASK: [u32; 17] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0x2000_1200, 0x0800_1001, 0x0800_2000, 0x0100_0000];

fn open(bytes: Vec<u8>) -> Opened {
    open_bytes("watch.bin", bytes, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, thread: usize, name: &str) -> Option<u64> {
    opened.dump.threads[thread].registers.by_name(name)
}

/// A task found something wrong and asked for the dump itself.
fn asked_for_by_a_task() -> Vec<u8> {
    let mut flash = Flash::default();
    flash.image_header(0, "8d1f4a5c2b3e6f708192a3b4c5d6e7f801122334");
    flash.memory(RAM, &ram());
    flash.memory(0xe000_e100, &[3, 4, 5, 6]);
    flash.special(0x2000_1ff0, 0x2000_1180, 2);
    flash.thread("KernelMain", 0x2000_0400, false, &TASK);
    let mut running = TASK;
    running[13] = 0x2000_1180;
    running[14] = 0xffff_fffd;
    running[15] = NMI_HANDLER;
    running[16] = 2;
    flash.thread("App <WatchFace!>", 0x2000_0500, true, &running);
    flash.end()
}

/// A task ran into a fault, and the fault's handler asked for the dump.
fn asked_for_by_a_handler() -> Vec<u8> {
    let mut flash = Flash::default();
    flash.image_header(0, "8d1f4a5c2b3e6f708192a3b4c5d6e7f801122334");
    flash.memory(RAM, &ram());
    flash.special(0x2000_1fc0, 0x2000_1180, 2);
    let mut running = [NEVER_SAVED; 17];
    for (index, value) in [(0, 0x11), (1, 0x22), (2, 0x33), (3, 0x44), (12, 0xcc)] {
        running[index] = value;
    }
    running[13] = 0x2000_1180 + 9 * 4;
    running[14] = 0x0800_7001;
    running[15] = 0x0800_7abc;
    running[16] = 0x6100_0200;
    flash.thread("App", 0x2000_0500, true, &running);
    flash.thread("KernelMain", 0x2000_0400, false, &TASK);
    let mut handler = TASK;
    handler[13] = 0x2000_1fc0;
    handler[14] = 0xffff_fff1;
    handler[15] = NMI_HANDLER;
    flash.thread("ISR", 1, false, &handler);
    flash.end()
}

#[test]
fn a_dump_that_a_task_asked_for_has_the_registers_of_the_nmi() {
    let opened = open(asked_for_by_a_task());
    assert_eq!(opened.dump.format, "PebbleOS core dump, version 1");
    assert_eq!(opened.dump.threads.len(), 2);
    let thread = opened.dump.crashed().expect("one ran");
    assert_eq!((thread.id, thread.name.as_deref()), (0x2000_0500, Some("App <WatchFace!>")));
    assert_eq!(register(&opened, 0, "pc"), Some(NMI_HANDLER.into()));
    assert_eq!(register(&opened, 0, "sp"), Some(0x2000_1180));
    assert_eq!(register(&opened, 0, "lr"), Some(0xffff_fffd));
    assert_eq!((register(&opened, 0, "r4"), register(&opened, 0, "r11")), (Some(5), Some(12)));
    assert_eq!(
        (register(&opened, 0, "msp"), register(&opened, 0, "psp")),
        (Some(0x2000_1ff0), Some(0x2000_1180))
    );
    assert_eq!(register(&opened, 0, "basepri"), Some(0x80));
    assert_eq!(
        (register(&opened, 0, "faultmask"), register(&opened, 0, "control")),
        (Some(1), Some(2))
    );
    assert_eq!(register(&opened, 1, "pc"), Some(TASK[15].into()));
    for (n, word) in (0..).zip(ram()) {
        assert_eq!(opened.dump.memory.u32_le(u64::from(RAM) + 4 * n), Some(word));
    }
    assert_eq!(opened.dump.memory.u32_le(0xe000_e10c), Some(6));
    let id: Vec<u8> = vec![
        0x8d, 0x1f, 0x4a, 0x5c, 0x2b, 0x3e, 0x6f, 0x70, 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7,
        0xf8, 0x01, 0x12, 0x23, 0x34,
    ];
    assert_eq!(opened.dump.identity.firmware, [FirmwareId::BuildId(id)]);
}

#[test]
fn what_nobody_saved_of_an_interrupted_thread_is_unknown() {
    let opened = open(asked_for_by_a_handler());
    let thread = opened.dump.crashed().expect("one ran");
    assert_eq!(thread.name.as_deref(), Some("App"));
    assert_eq!(register(&opened, 0, "pc"), Some(0x0800_7abc));
    assert_eq!(register(&opened, 0, "sp"), Some(0x2000_11a4));
    assert_eq!((register(&opened, 0, "r3"), register(&opened, 0, "r12")), (Some(0x44), Some(0xcc)));
    for name in ["r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11"] {
        assert_eq!(register(&opened, 0, name), None, "{name} is a filler in the dump");
    }
    let handler = opened.dump.threads.iter().position(|t| t.name.as_deref() == Some("ISR"));
    let handler = handler.expect("the handler is there");
    assert_eq!(register(&opened, handler, "pc"), Some(NMI_HANDLER.into()));
    assert_eq!(register(&opened, handler, "r4"), Some(5));
    let notes = &opened.dump.notes;
    assert!(notes.iter().any(|note| note.words.contains("\"ISR\"")), "{notes:?}");
}

#[test]
fn the_bluetooth_controller_has_dumps_of_its_own() {
    let mut flash = Flash::default();
    flash.image_header(1, "0102030405060708090a0b0c0d0e0f1011121314");
    flash.memory(0x07fc_0000, &ram());
    flash.thread("idle", 0x07fc_0100, true, &TASK);
    flash.special(0x07fc_1f00, 0x07fc_1200, 0);
    let opened = open(flash.end());
    let core = ("core".to_string(), "1, the Bluetooth controller".to_string());
    assert!(opened.dump.identity.facts.contains(&core), "{:?}", opened.dump.identity.facts);
    assert_eq!(
        (register(&opened, 0, "pc"), register(&opened, 0, "msp")),
        (Some(TASK[15].into()), Some(0x07fc_1f00))
    );
    assert_eq!(opened.dump.memory.u32_le(0x07fc_0004), Some(0x15a));
}

#[test]
fn the_dumps_of_a_flash_partition_are_found_behind_their_headers() {
    let sector = |dump: Vec<u8>, used: u32| {
        let mut flash = Flash::default();
        flash.u32(0x464c_5300);
        flash.u32(used);
        flash.u8(1);
        flash.0.extend(dump);
        flash.0.resize(0x4000, 0xff);
        flash.0
    };
    let mut partition = Flash::default();
    partition.u32(0x464c_5300);
    partition.u32(0xffff_fffc);
    partition.0.resize(0x1000, 0xff);
    partition.0.extend(sector(asked_for_by_a_task(), 1));
    partition.0.extend(sector(asked_for_by_a_handler(), 2));
    let opened = open(partition.0);
    assert_eq!((opened.found.len(), opened.picked), (2, 2));
    assert_eq!(register(&opened, 0, "pc"), Some(0x0800_7abc));
}

#[test]
fn damaged_dumps_are_refused_or_read_never_more() {
    for dump in [asked_for_by_a_task(), asked_for_by_a_handler()] {
        try_all_prefixes("watch.bin", &dump, &Options::default());
        try_bit_flips("watch.bin", &dump, &Options::default());
    }
}
