//! SiFli's dumps as its two writers put them down, block by block, of a firmware that a compiler
//! linked: registers, threads, memory and log of present SDKs and of those before.

use crate::support::formats as support;
use crate::support::stopped;
use coroner::input::Input;
use coroner::open::{Opened, Options, open_inputs};
use coroner::reason::Signal;
use stopped::{CODE, M3, M33F, RAM, Stopped, c_words};

const PC: u64 = CODE as u64 + 0x10;
const LR: u64 = CODE as u64 + 0x21;
const R4_TO_R11: [u64; 8] = [0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b];
/// CFSR, HFSR, MMFAR, BFAR, SHCSR of a read from nowhere.
const STATUS: [u64; 5] = [0x8200, 0x4000_0000, 0x40ff_0004, 0x40ff_0004, 0x0007_0000];

/// How the firmware was built and how it crashed.
#[derive(Clone, Copy)]
struct Crash {
    name: &'static str,
    /// The flag of a build with FPU.
    flag: Option<u64>,
    /// pc and psr as saved.
    saved: [u64; 2],
    /// Words of the exception frame, and how many of them the saved stack pointer is behind.
    frame_words: usize,
    sp_words: u64,
    reason: u32,
    short_enums: bool,
}

/// A fault while the FPU was used.
const FAULT: Crash = Crash {
    name: "fault",
    flag: Some(0xffff_ffed),
    saved: [PC, 0x6100_0000],
    frame_words: 26,
    sp_words: 26,
    reason: 5,
    short_enums: false,
};

impl Crash {
    fn link(self) -> Option<Stopped> {
        let [pc, psr] = self.saved;
        let basic = [0xa0, 0xa1, 0xa2, 0xa3, 0xac, LR, pc, psr];
        let floats = (0..16).map(|n| 0x3f80_0000 + n).chain([0x0300_0000, 0]);
        let frame: Vec<u64> = basic.into_iter().chain(floats).take(self.frame_words).collect();
        let mut saved: Vec<u64> = self.flag.into_iter().collect();
        saved.push(u64::from(RAM));
        saved.extend(R4_TO_R11);
        saved.extend(basic);
        let status = if self.reason == 1 { [0; 5] } else { STATUS };
        let task = [
            self.flag.map_or(&[][..], |_| &[0]),
            &[0][..],
            &R4_TO_R11,
            &[1; 5],
            &[LR, PC, 0x0100_0000],
        ];
        let mut defines = vec![
            "RELEASE=31".to_string(),
            format!("CRASH_FRAME={}", c_words(&frame)),
            format!("SAVED_FRAME={}", c_words(&saved)),
            format!("SAVED_SP_WORDS={}", self.sp_words),
            format!("STATUS={}", c_words(&status)),
            format!("REASON={}", self.reason),
            format!("LCD_FRAME={}", c_words(&task.concat())),
            format!("BLE_FRAME={}", c_words(&task.concat())),
        ];
        if self.short_enums {
            defines.push("SHORT_ENUMS".into());
        }
        let processor = if self.flag.is_some() { M33F } else { M3 };
        Stopped::link(&format!("sifli-{}", self.name), "sifli.c", &processor, &defines)
    }
}

/// A place that dumps are written to, of some size.
struct Place {
    size: usize,
    bytes: Vec<u8>,
}

impl Place {
    fn room(&self) -> usize {
        self.size - self.bytes.len()
    }

    /// A block as present SDKs write it: cut where there is no more room.
    fn block(&mut self, addr: u32, data: &[u8]) {
        if self.room() <= 8 {
            return;
        }
        let len = data.len().min(self.room() - 8);
        self.bytes.extend(addr.to_le_bytes());
        self.bytes.extend((len as u32).to_le_bytes());
        self.bytes.extend(&data[..len]);
    }

    fn variable(&mut self, stopped: &Stopped, name: &str) {
        let (addr, bytes) = stopped.variable(name);
        self.block(addr, bytes);
    }

    /// What a flash chip holds behind what was written.
    fn erased(mut self) -> Vec<u8> {
        self.bytes.resize(self.size, 0xff);
        self.bytes
    }
}

const OLDEST: &str = "[1] booted\n[2] sensor ok\n";
const NEWEST: &str = "[3] reading\n[4] pump on\n";

fn variables(place: &mut Place, stopped: &Stopped) {
    let all = ["saved_stack_frame", "saved_stack_pointer", "error_reason", "saved_scb_reg"];
    all.into_iter().chain(["coredump_info"]).for_each(|name| place.variable(stopped, name));
}

/// A full dump; without a minidump beside it, it has the head and the variables.
fn core_dump(stopped: &Stopped, head: bool, size: usize) -> Place {
    let mut place = Place { size, bytes: Vec::new() };
    if head {
        place.bytes.extend(b"56X_2026_01_31 23:59:07\0");
        variables(&mut place, stopped);
    }
    let ram = stopped.ram.clone();
    place.block(RAM, &ram);
    place.block(0x2_0000, &[0x77; 100]);
    for stack in ["main_stack", "lcd_stack", "ble_stack"] {
        place.variable(stopped, stack);
    }
    if head {
        place.block(0xefef_efef, NEWEST.as_bytes());
    }
    // The LCD's controller.
    place.block(0x5000_8000, &[0x1c; 0x128]);
    place.block(0x2040_0000, &[0x1b; 999]);
    place.block(0x2006_0000, b"a used item of the heap");
    place.block(0x2006_0100, &[0xee; 16]);
    place.block(0xdfdf_dfdf, OLDEST.as_bytes());
    place
}

fn options(stopped: &Stopped, with_elf: bool) -> Options {
    let elf = if with_elf { vec![stopped.elf.clone()] } else { Vec::new() };
    Options::default().elf(elf)
}

fn open(name: &str, bytes: Vec<u8>, options: &Options) -> Opened {
    let input = Input { name: name.into(), bytes: bytes.into(), addr: None };
    open_inputs(&[input], options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed()?.registers.by_name(name)
}

#[track_caller]
fn check_registers(opened: &Opened, stopped: &Stopped, crash: &Crash, sp_words: u64) {
    let what = crash.name;
    let words = [("r0", 0xa0), ("r3", 0xa3), ("r12", 0xac), ("lr", LR), ("pc", PC)];
    for (name, value) in words.into_iter().chain([("r4", 0x44), ("r11", 0x4b)]) {
        assert_eq!(register(opened, name), Some(value), "{what}: {name}");
    }
    assert_eq!(register(opened, "xpsr"), Some(crash.saved[1]), "{what}");
    let stack = u64::from(stopped.symbol("main_stack").0);
    assert_eq!(register(opened, "sp"), Some(stack + (40 + sp_words) * 4), "{what}");
    // Whether the core wrote s0-s15 into the room that it left for them, nothing in the dump says.
    assert_eq!(register(opened, "d0"), None, "{what}");
    let asserted = crash.reason == 1;
    assert_eq!(register(opened, "BFAR"), (!asserted).then_some(0x40ff_0004), "{what}");
    let signal = opened.dump.reason.signal;
    assert_eq!(signal, Some(if asserted { Signal::Abrt } else { Signal::Segv }), "{what}");
}

#[track_caller]
fn check_memory(opened: &Opened, stopped: &Stopped) {
    let data = stopped.symbol("some_data").0;
    assert_eq!(opened.dump.memory.u32_le(data.into()), Some(0x5f1f_11aa));
    assert_eq!(opened.dump.memory.bytes(0x2006_0000, 6).as_deref(), Some(&b"a used"[..]));
    assert_eq!(opened.dump.memory.u32_le(0x2006_0017), None, "between two items of the heap");
    assert_eq!(opened.dump.memory.u32_le(0x5000_8000), Some(0x1c1c_1c1c));
}

#[track_caller]
fn check_waiting(opened: &Opened) {
    let mut threads = opened.dump.threads.iter();
    let lcd = threads.find(|thread| thread.name.as_deref() == Some("lcd")).expect("it is listed");
    assert_eq!(lcd.registers.pc(), Some(PC), "{:?}", lcd.remarks);
}

#[track_caller]
fn check_threads(opened: &Opened) {
    let threads = opened.dump.threads.iter();
    let names: Vec<&str> = threads.filter_map(|thread| thread.name.as_deref()).collect();
    assert_eq!(names, ["main", "lcd", "ble"], "{:?}", opened.dump.notes);
    let crashed = opened.dump.crashed().expect("it has one");
    assert_eq!(
        (crashed.name.as_deref(), crashed.state.as_deref()),
        (Some("main"), Some("running"))
    );
    check_waiting(opened);
}

/// Crashes of present SDKs, with how many words from the frame's start the stack pointer was.
fn present() -> [(Crash, u64); 6] {
    [
        (FAULT, 26),
        // The handler itself counts the padding.
        (Crash { name: "padded", saved: [PC, 0x6100_0200], sp_words: 27, ..FAULT }, 27),
        (Crash { name: "basic", flag: Some(0xffff_fffd), frame_words: 8, sp_words: 8, ..FAULT }, 8),
        (Crash { name: "soft", flag: None, frame_words: 8, sp_words: 8, reason: 3, ..FAULT }, 8),
        // pc is the caller's address, with the Thumb bit, and MRS reads that of psr as 0.
        (
            Crash {
                name: "assert",
                flag: Some(LR),
                saved: [PC | 1, 0x6000_0000],
                frame_words: 8,
                sp_words: 9,
                reason: 1,
                short_enums: true,
            },
            9,
        ),
        (
            Crash {
                name: "soft-short",
                flag: None,
                frame_words: 8,
                sp_words: 8,
                short_enums: true,
                ..FAULT
            },
            8,
        ),
    ]
}

#[test]
fn a_present_dump_has_registers_without_the_elf_file_and_threads_with_it() {
    for (crash, sp_words) in present() {
        let Some(stopped) = crash.link() else { return };
        let bytes = core_dump(&stopped, true, 0x4000).erased();
        for with_elf in [false, true] {
            let opened = open("coredump.bin", bytes.clone(), &options(&stopped, with_elf));
            assert_eq!(opened.dump.format, "SiFli core dump", "{}", crash.name);
            check_registers(&opened, &stopped, &crash, sp_words);
            check_memory(&opened, &stopped);
            if with_elf {
                check_threads(&opened);
            }
            let identity = &opened.dump.identity;
            assert_eq!(identity.chip.as_deref(), Some("SF32LB56x"));
            let fact = |name: &str| {
                let mut facts = identity.facts.iter();
                facts.find(|(fact, _)| fact == name).map(|(_, value)| value.as_str())
            };
            assert!(fact("time").is_some_and(|time| time.starts_with("2026-01-31 23:59:07")));
            assert_eq!((fact("interrupt nesting"), fact("timer")), (Some("2"), Some("123456")));
            assert_eq!(opened.dump.texts, [format!("{OLDEST}{NEWEST}")]);
            let odd = |words: &str| opened.dump.notes.iter().any(|note| note.words.contains(words));
            assert!(!odd("cut") && !odd("differs") && !odd("no block"), "{:?}", opened.dump.notes);
        }
    }
}

#[test]
fn a_minidump_is_read_and_the_full_dump_beside_it_needs_the_elf_file() {
    let Some(stopped) = FAULT.link() else { return };
    let mut mini = Place { size: 0x1000, bytes: b"52X_1900_01_00 00:00:00\0".to_vec() };
    variables(&mut mini, &stopped);
    mini.block(0x2000_5000, &[0xab; 256]);
    mini.block(0xefef_efef, NEWEST.as_bytes());
    mini.variable(&stopped, "main_stack");
    let left = mini.room() as u32 - 8;
    mini.bytes.extend(0xf1ef_efef_u32.to_le_bytes());
    mini.bytes.extend(left.to_le_bytes());
    let opened = open("minidump.bin", mini.erased(), &options(&stopped, false));
    check_registers(&opened, &stopped, &FAULT, 26);
    assert_eq!((opened.found.len(), opened.dump.texts.len()), (1, 1));

    let full = core_dump(&stopped, false, 0x4000);
    for bytes in [full.bytes.clone(), full.erased()] {
        let opened = open("coredump.bin", bytes.clone(), &options(&stopped, true));
        check_registers(&opened, &stopped, &FAULT, 26);
        check_memory(&opened, &stopped);
        check_threads(&opened);
        let opened = open("coredump.bin", bytes, &options(&stopped, false));
        assert!(opened.dump.threads.is_empty());
        let told = opened.dump.notes.iter().any(|note| note.words.contains("--elf"));
        assert!(told, "{:?}", opened.dump.notes);
    }
}

#[test]
fn a_full_partition_a_page_of_remains_and_the_rest_of_a_flash_change_nothing() {
    let Some(stopped) = FAULT.link() else { return };
    // The partition ends in the heap's first item.
    let whole = core_dump(&stopped, true, 0x4000).bytes;
    let item = whole.windows(6).position(|bytes| bytes == b"a used").expect("it is in it");
    let full = core_dump(&stopped, true, item + 10).erased();
    let opened = open("coredump.bin", full, &options(&stopped, true));
    check_registers(&opened, &stopped, &FAULT, 26);
    assert_eq!(opened.dump.memory.bytes(0x2006_0000, 10).as_deref(), Some(&b"a used ite"[..]));
    assert_eq!(opened.dump.memory.bytes(0x2006_0000, 11), None);

    // NAND: the last page is filled with what the buffer held.
    let mut nand = whole.clone();
    nand.extend((0..700u32).flat_map(|n| (0xbad0_0000 | n).to_le_bytes()));
    nand.resize(0x4000, 0xff);
    let opened = open("coredump.bin", nand, &options(&stopped, true));
    check_registers(&opened, &stopped, &FAULT, 26);
    check_memory(&opened, &stopped);

    let flash = [vec![0x5a; 0x1234], whole, vec![0xff; 0x100], b"other data".repeat(20)].concat();
    let opened = open("flash.bin", flash, &options(&stopped, true));
    check_registers(&opened, &stopped, &FAULT, 26);
    check_memory(&opened, &stopped);
}

/// The assert context of the SDKs before: a head that counts, no registers.
fn assert_context(stopped: &Stopped, flag: u16) -> Vec<u8> {
    let mut place = Place { size: 0x4000, bytes: vec![0; 8] };
    let kvdb = 0x80;
    let (low, high) = stopped.ram.split_at(kvdb);
    place.block(RAM, low);
    // Behind the section that is left out comes the same block twice.
    place.block(RAM + kvdb as u32, high);
    place.block(RAM + kvdb as u32, high);
    for stack in ["main_stack", "lcd_stack", "ble_stack"] {
        place.variable(stopped, stack);
    }
    place.block(0xffff_ffff, format!("{OLDEST}{NEWEST}").as_bytes());
    place.block(0x6000_0000, &[0x66; 1024]);
    place.block(0x5000_8000, &[0x1c; 0x128]);
    place.block(0x2006_0000, b"a used item of the heap");
    place.block(0x2006_0100, &[0xee; 16]);
    let total = place.bytes.len() as u32;
    let head = [&flag.to_le_bytes()[..], &11u16.to_le_bytes(), &total.to_le_bytes()].concat();
    place.bytes[..8].copy_from_slice(&head);
    place.erased()
}

#[test]
fn an_assert_context_has_its_registers_in_the_elf_files_variables() {
    let old = [
        (FAULT, 26),
        // The handler leaves the padding out; then it is counted here.
        (Crash { name: "old-padded", saved: [PC, 0x6100_0200], ..FAULT }, 27),
        (
            Crash {
                name: "old-soft-padded",
                flag: None,
                saved: [PC, 0x6100_0200],
                frame_words: 8,
                sp_words: 8,
                ..FAULT
            },
            9,
        ),
        // pc is in the handler then.
        (
            Crash {
                name: "old-assert",
                flag: Some(LR),
                saved: [PC, 0x6000_0000],
                frame_words: 8,
                sp_words: 9,
                reason: 1,
                short_enums: false,
            },
            9,
        ),
    ];
    for (crash, sp_words) in old {
        let Some(stopped) = crash.link() else { return };
        for (flag, words) in [(0xaaaa, None), (0xaa66, Some("the heap is not complete"))] {
            let bytes = assert_context(&stopped, flag);
            let opened = open("log.txt", bytes.clone(), &options(&stopped, true));
            assert_eq!(opened.dump.format, "SiFli assert context", "{}", crash.name);
            check_registers(&opened, &stopped, &crash, sp_words);
            check_memory(&opened, &stopped);
            check_threads(&opened);
            assert_eq!(opened.dump.texts, [format!("{OLDEST}{NEWEST}")]);
            let told = |words: &str| opened.dump.notes.iter().any(|n| n.words.contains(words));
            assert_eq!(told("not complete"), words.is_some_and(told), "{}", crash.name);
            let opened = open("log.txt", bytes, &options(&stopped, false));
            assert!(opened.dump.threads.is_empty(), "{}", crash.name);
        }
    }
}

/// What the J-Link script of a 55x leaves: images under SiFli's names and a log with the registers of
/// both halted cores.
#[test]
fn a_folder_of_images_shows_the_crash_and_not_where_the_handler_waits() {
    let Some(stopped) = FAULT.link() else { return };
    let mut ram = stopped.ram.clone();
    ram.resize(1 << 20, 0);
    let input =
        |name: &str, bytes: Vec<u8>| Input { name: name.into(), bytes: bytes.into(), addr: None };
    let core = |pc: u32| {
        let zeros: String = (0..13)
            .map(|n| format!("R{n} = 00000000{}", if n % 4 == 3 { "\n" } else { ", " }))
            .collect();
        format!(
            "PC = {pc:08X}, CycleCnt = 00000000\n{zeros}\nSP(R13)= 20005F00, MSP= 20005F00, PSP= 20000130, R14(LR) = 12000031\nXPSR = 01000003: APSR = nzcvq, EPSR = 01000000, IPSR = 003 (HardFault)\n"
        )
    };
    let inputs = [
        input("crash/hcpu_ram.bin", ram.clone()),
        input("crash/lcpu_dtcm.bin", vec![0xdc; 0x4000]),
        input("crash/lcdc_reg.bin", vec![0x1c; 0xe0]),
        input("crash/log.txt", format!("{}{}", core(0x2010_0040), core(CODE + 0x80)).into_bytes()),
    ];
    let opened = open_inputs(&inputs, &options(&stopped, true)).expect("a crash");
    check_registers(&opened, &stopped, &FAULT, 26);
    assert_eq!(opened.dump.memory.u32_le(0x2b0f_c000), Some(0xdcdc_dcdc));
    assert_eq!(opened.dump.memory.u32_le(0x4000_8000), Some(0x1c1c_1c1c));
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("main"));
    let crashed: Vec<u64> =
        opened.dump.threads.iter().filter(|t| t.crashed).map(|t| t.id).collect();
    assert_eq!(crashed, [opened.dump.threads[0].id]);
    check_waiting(&opened);
    let halted = |pc: u32| opened.dump.threads.iter().any(|t| t.registers.pc() == Some(pc.into()));
    assert!(halted(CODE + 0x80) && halted(0x2010_0040));

    // No crash: the variables are as the linker left them.
    let no_crash = Crash { name: "none", reason: 0, ..FAULT };
    let Some(stopped) = no_crash.link() else { return };
    let inputs = [input("hcpu_ram.bin", stopped.ram.clone()), inputs[3].clone()];
    let opened = open_inputs(&inputs, &options(&stopped, true)).expect("images");
    assert_eq!(register(&opened, "pc"), Some(0x2010_0040));
}

#[test]
fn a_dump_cut_anywhere_is_read_or_refused_with_words() {
    let Some(stopped) = FAULT.link() else { return };
    for head in [true, false] {
        let bytes = core_dump(&stopped, head, 0x4000).bytes;
        support::try_all_prefixes("coredump.bin", &bytes, &options(&stopped, true));
    }
    let opened = open(
        "coredump.bin",
        core_dump(&stopped, true, 0x4000).bytes[..0x300].to_vec(),
        &options(&stopped, true),
    );
    check_registers(&opened, &stopped, &FAULT, 26);
    assert!(opened.dump.notes.iter().any(|note| note.words.contains("cut off")));
}
