//! Mbed OS' crash texts written here as `mbed_fault_handler.c` and `mbed_error.c` print them: with
//! stacks and all threads, of errors without a fault, of handlers, behind time stamps.

use crate::support::formats as support;
use coroner::dump::{Stack, Thread};
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use std::fmt::Write as _;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

/// The console of a board.
#[derive(Default)]
struct Console(String);

impl Console {
    fn fault(&mut self, kind: &str, registers: &[u32; 17], more: &[(&str, u32)], mode: [&str; 3]) {
        write!(self.0, "\n++ MbedOS Fault Handler ++\n\nFaultType: {kind}\n\nContext:").unwrap();
        for (n, value) in registers[..13].iter().enumerate() {
            write!(self.0, "\nR{n:<4}: {value:08X}").unwrap();
        }
        let names = ["SP", "LR", "PC", "xPSR"];
        let named = names.into_iter().zip(registers[13..].iter().copied());
        for (name, value) in named.chain(more.iter().copied()) {
            write!(self.0, "\n{name:<5}: {value:08X}").unwrap();
        }
        let [mode, privileges, stack] = mode;
        write!(self.0, "\nMode : {mode}\nPriv : {privileges}\nStack: {stack}").unwrap();
        self.0 += "\n\n-- MbedOS Fault Handler --\n\n";
    }

    fn error(&mut self, status: u32, message: &str, location: u32, file: Option<&str>) {
        let (code, module) = (status & 0xffff, status >> 16 & 0xff);
        write!(self.0, "\n\n++ MbedOS Error Info ++\nError Status: 0x{status:X} Code: {code}")
            .unwrap();
        write!(self.0, " Module: {module}\nError Message: {message}\nLocation: 0x{location:X}")
            .unwrap();
        if let Some(file) = file {
            write!(self.0, "\nFile: {file}").unwrap();
        }
        self.0 += "\nError Value: 0x0";
    }

    fn current(&mut self, name: &str, id: u32, low: u32, size: u32, sp: u32) {
        write!(self.0, "\nCurrent Thread: {name} Id: 0x{id:X} Entry: 0x8001235").unwrap();
        write!(self.0, " StackSize: 0x{size:X} StackMem: 0x{low:X} SP: 0x{sp:X} ").unwrap();
    }

    fn thread(&mut self, name: &str, state: u8, low: u32, size: u32, sp: u32) {
        write!(self.0, "\n{name}  State: 0x{state:X} Entry: 0x08001235 Stack Size: 0x{size:08X}")
            .unwrap();
        write!(self.0, " Mem: 0x{low:08X} SP: 0x{sp:08X}").unwrap();
    }

    /// From `sp` to the last address of the stack, which is one word too many.
    fn stack(&mut self, pointer: &str, sp: u32, words: &[u32]) {
        write!(self.0, "\nStack Dump: {pointer}").unwrap();
        for (row, words) in words.chunks(8).enumerate() {
            write!(self.0, "\n0x{:08X}:", sp + row as u32 * 32).unwrap();
            words.iter().for_each(|word| write!(self.0, "0x{word:08X} ").unwrap());
        }
        self.0 += "\n";
    }

    fn end(mut self) -> String {
        self.0 += "\nFor more info, visit: https://mbed.com/s/error?error=0x80FF013D&osver=61501&core=\
                   0x410FC241&comp=2&ver=90301&tgt=K64F\n-- MbedOS Error Info --\n";
        self.0
    }
}

/// r0-r12, sp, lr, pc, xpsr.
fn registers(sp: u32) -> [u32; 17] {
    let mut all: [u32; 17] = std::array::from_fn(|n| 0x5500_0000 + n as u32);
    all[13..].copy_from_slice(&[sp, 0x0800_4321, 0x0800_2000, 0x6100_0000]);
    all
}

const STATUS: [(&str, u32); 9] = [
    ("PSP", 0x2000_2eb0),
    ("MSP", 0x2002_ff88),
    ("CPUID", 0x410f_c241),
    ("HFSR", 0x4000_0000),
    ("MMFSR", 0),
    ("BFSR", 0x82),
    ("UFSR", 0),
    ("DFSR", 0x10),
    ("AFSR", 0),
];

fn open(text: &str) -> Opened {
    open_bytes("console.log", text.as_bytes().to_vec(), &Options::default())
        .unwrap_or_else(|error| panic!("{error}"))
}

fn crashed(opened: &Opened) -> &Thread {
    opened.dump.crashed().expect("somebody crashed")
}

#[track_caller]
fn says(opened: &Opened, words: &str) {
    let notes = &opened.dump.notes;
    assert!(notes.iter().any(|note| note.words.contains(words)), "{words}: {notes:?}");
}

/// A fault of `main`, with its stack and three more threads.
fn fault_with_stacks() -> String {
    let mut console = Console::default();
    let mut status = STATUS.to_vec();
    status.push(("BFAR", 0xdead_dead));
    console.fault("HardFault", &registers(0x2000_2ed0), &status, ["Thread", "Privileged", "PSP"]);
    console.error(0x80ff_013d, "Fault exception", 0x0800_2000, None);
    console.current("main ", 0x2000_0e90, 0x2000_2000, 0x1000, 0x2000_2ed0);
    let stack: Vec<u32> = (0..77).map(|n| 0x7700_0000 + n).collect();
    console.stack("PSP", 0x2000_2ed0, &stack);
    console.0 += "\nNext:";
    console.thread("main", 2, 0x2000_2000, 0x1000, 0x2000_2e00);
    console.stack("PSP", 0x2000_2ed0, &stack[..8]);
    console.0 += "\nReady:";
    console.thread("rtx_idle", 1, 0x2000_4000, 0x200, 0x2000_41c0);
    console.stack("PSP", 0x2000_41c0, &context(false));
    console.0 += "\nWait:";
    console.thread("shed & co: Id", 0x83, 0x2000_6000, 0x400, 0x2000_6300);
    console.stack("PSP", 0x2000_6300, &context(true));
    console.0 += "\nDelay:";
    console.thread("<unnamed>", 0x13, 0x2000_8000, 0x400, 0x2000_8300);
    console.end()
}

/// What RTX saved of a thread that does not run.
fn context(floats: bool) -> Vec<u32> {
    let singles = if floats { (16..32).map(|n| 0xf000_0000 + n).collect() } else { Vec::new() };
    let general = (4..12).map(|n| 0x4400_0000 + n).collect();
    let frame = vec![1, 2, 3, 4, 12, 0x0800_7777, 0x0800_6666, 0x2100_0200];
    let more: Vec<u32> = (0..17).map(|n| 0xf000_0000 + n).collect();
    [singles, general, frame, if floats { more } else { vec![0; 4] }].concat()
}

#[test]
fn stacks_and_threads_are_read_where_they_are_printed() {
    let opened = open(&fault_with_stacks());
    let thread = crashed(&opened);
    assert_eq!((thread.id, thread.name.as_deref()), (0x2000_0e90, Some("main")));
    assert_eq!(thread.stack, Some(Stack { low: 0x2000_2000, high: 0x2000_3000 }));
    assert_eq!(
        (thread.registers.pc(), thread.registers.sp()),
        (Some(0x0800_2000), Some(0x2000_2ed0))
    );
    assert_eq!(thread.registers.by_name("CFSR"), Some(0x8200));
    assert_eq!(opened.dump.memory.u32_le(0x2000_2ed0), Some(0x7700_0000));
    assert_eq!(opened.dump.memory.u32_le(0x2000_3000), Some(0x7700_004c));
    assert!(!opened.dump.notes.iter().any(|note| note.words.contains("no memory")));
    assert!(opened.dump.reason.words.ends_with("0xdeaddead"), "{}", opened.dump.reason.words);

    let others: Vec<&Thread> = opened.dump.threads.iter().filter(|t| !t.crashed).collect();
    let told: Vec<_> = others.iter().map(|t| (t.name.as_deref(), t.state.as_deref())).collect();
    let wanted = [
        (Some("rtx_idle"), Some("ready")),
        (Some("shed & co: Id"), Some("waiting for a message")),
        (None, Some("waiting for a delay")),
    ];
    assert_eq!(told, wanted);
    let value = |n: usize, name: &str| others[n].registers.by_name(name);
    for n in [0, 1] {
        assert_eq!((value(n, "r4"), value(n, "r11")), (Some(0x4400_0004), Some(0x4400_000b)));
        assert_eq!((value(n, "pc"), value(n, "lr")), (Some(0x0800_6666), Some(0x0800_7777)));
    }
    // Bit 9 of xpsr: a word of padding.
    assert_eq!(value(0, "sp"), Some(0x2000_41c0 + 64 + 4));
    assert_eq!(value(1, "sp"), Some(0x2000_6300 + 64 + 64 + 72 + 4));
    assert_eq!((value(0, "d8"), value(1, "d8")), (None, Some(0xf000_0011_f000_0010)));
    assert_eq!(value(1, "d0"), Some(0xf000_0001_f000_0000));
    assert_eq!((value(2, "pc"), value(2, "sp")), (None, None), "its stack is not printed");

    let facts = &opened.dump.identity.facts;
    assert!(facts.contains(&("board".into(), "K64F".into())), "{facts:?}");
    assert!(facts.contains(&("Mbed OS".into(), "6.15.1".into())), "{facts:?}");
}

#[test]
fn the_thread_has_its_name_in_every_release() {
    // Older releases print two blanks, or no name at all, later ones one blank.
    for (printed, name) in [("main ", Some("main")), ("main", Some("main")), ("<unnamed>", None)] {
        let mut console = Console::default();
        console.fault("UsageFault", &registers(0x2000_2ed0), &STATUS, ["Thread", "User", "PSP"]);
        console.error(0x80ff_0140, "Fault exception", 0x0800_2000, None);
        console.current(printed, 0x2000_0e90, 0x2000_2000, 0x1000, 0x2000_2ed0);
        assert_eq!(crashed(&open(&console.end())).name.as_deref(), name);
    }
    let text = fault_with_stacks().replace("Current Thread: main ", "Current Thread:");
    assert_eq!(crashed(&open(&text)).name, None);
}

#[test]
fn a_handler_that_crashed_is_not_its_thread() {
    for (mode, name) in [("Handler", "main"), ("Thread", "main <handler>")] {
        let mut console = Console::default();
        console.fault("HardFault", &registers(0x2002_ffa8), &STATUS, [mode, "Privileged", "MSP"]);
        console.error(0x80ff_013d, "Fault exception", 0x0800_2000, None);
        console.current(name, 0x2000_0e90, 0x2000_2000, 0x1000, 0x2000_2eb0);
        console.stack("MSP", 0x2002_ff88, &[0x1234; 31]);
        console.stack("PSP", 0x2000_2eb0, &[0x5678; 9]);
        let opened = open(&console.end());
        let thread = crashed(&opened);
        assert_eq!((thread.name.as_deref(), thread.stack), (Some("main"), None), "{mode}");
        assert!(thread.remarks.iter().any(|remark| remark.contains("handler")));
        assert_eq!(opened.dump.memory.u32_le(0x2002_ffa8), Some(0x1234));
        assert_eq!(opened.dump.memory.u32_le(0x2000_2ed0), Some(0x5678));
    }
}

fn assertion() -> Console {
    let mut console = Console::default();
    let message = "Assertion failed: level <= FULL";
    console.error(0x80ff_0144, message, 0x0801_5d0d, Some("../tank.cpp+110"));
    console.current("pump", 0x2000_a434, 0x2000_2410, 0x8000, 0x2000_a354);
    console
}

#[test]
fn an_error_without_a_fault_has_its_place_and_no_registers() {
    let opened = open(&assertion().end());
    assert_eq!(opened.dump.format, "Mbed OS error text");
    let thread = crashed(&opened);
    assert_eq!((thread.registers.pc(), thread.registers.sp()), (Some(0x0801_5d0c), None));
    assert_eq!(thread.name.as_deref(), Some("pump"));
    assert_eq!(opened.dump.reason.words, "Assertion failed: level <= FULL");
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    assert!(opened.dump.texts.iter().any(|text| text.contains("tank.cpp+110")));
    says(&opened, "pc is where the call of mbed_error() would have returned to");

    let first_release = assertion().end().replace("Location:", "Error Location:");
    assert_eq!(crashed(&open(&first_release)).registers.pc(), Some(0x0801_5d0c));

    let mut console = assertion();
    console.stack("PSP", 0x2000_a354, &(0..48).collect::<Vec<u32>>());
    let opened = open(&console.end());
    says(&opened, "the stack is printed from 0x2000a354 on");
    assert_eq!(opened.dump.memory.u32_le(0x2000_a364), Some(4));
}

#[test]
fn a_fault_and_its_error_are_one_crash_and_others_are_more() {
    let log = format!("{}boot\n{}", fault_with_stacks(), assertion().end());
    let noisy = [log_noise(10_000), log.into_bytes(), log_noise(3000)].concat();
    let first = Options::default().pick(1);
    let opened = open_bytes("console.log", noisy.clone(), &first).expect("the fault");
    assert_eq!(opened.dump.format, "Mbed OS fault text");
    let second = Options::default().pick(2);
    let opened = open_bytes("console.log", noisy.clone(), &second).expect("the assertion");
    assert_eq!(opened.dump.format, "Mbed OS error text");
    let third = Options::default().pick(3);
    assert!(open_bytes("console.log", noisy, &third).is_err(), "there are two");
}

#[test]
fn time_stamps_in_front_are_no_part_of_the_lines() {
    let mut n = 0;
    let text: String = fault_with_stacks()
        .lines()
        .map(|line| {
            n += 17;
            format!("[2019-09-04 17:37:{:02}.{:03}] {line}\r\n", n / 1000 % 60, n % 1000)
        })
        .collect();
    let (stamped, plain) = (open(&text), open(&fault_with_stacks()));
    assert_eq!(stamped.dump.threads.len(), plain.dump.threads.len());
    for (a, b) in stamped.dump.threads.iter().zip(&plain.dump.threads) {
        assert_eq!(a.name, b.name);
        assert!(a.registers.known().eq(b.registers.known()));
    }
    assert_eq!(stamped.dump.memory.u32_le(0x2000_3000), Some(0x7700_004c));
}

#[test]
fn the_first_release_lists_threads_in_the_fault_text() {
    let mut console = Console::default();
    let mut status = STATUS.to_vec();
    status.push(("SHCSR", 0));
    console.fault("HardFault", &registers(0x2000_2e98), &status, ["Thread", "Privileged", "PSP"]);
    let line = |state: u32, low: u32, size: u32, sp: u32| {
        let entry = 0x2595;
        format!(
            "State: {state:08X} EntryFn: {entry:08X} Stack Size: {size:08X} Mem: {low:08X} SP: {sp:08X}\n"
        )
    };
    let running = line(2, 0x2000_1ea0, 0x1000, 0x2000_2e60);
    let waiting = line(0x83, 0x2000_0e18, 0x300, 0x2000_10b0);
    let idle = line(1, 0x2000_1118, 0x200, 0x2000_12d8);
    let threads = format!(
        "Thread Info:\nCurrent:\n{running}Next:\n{running}Wait Threads:\n{waiting}Delay Threads:\nIdle \
         Thread:\n{idle}\n-- MbedOS Fault Handler --\n"
    );
    let modes = console.0.find("Mode :").unwrap();
    console.0.truncate(modes);
    let opened = open(&format!("{}{threads}", console.0));
    let stacks: Vec<_> = opened.dump.threads.iter().map(|t| t.stack.unwrap().low).collect();
    assert_eq!(stacks, [0x2000_1ea0, 0x2000_0e18, 0x2000_1118]);
    assert_eq!(crashed(&opened).registers.sp(), Some(0x2000_2e98));
}

#[test]
fn damaged_texts_are_refused_or_read_never_more() {
    for text in [fault_with_stacks(), assertion().end()] {
        try_all_prefixes("console.log", text.as_bytes(), &Options::default());
        try_bit_flips("console.log", text.as_bytes(), &Options::default());
    }
}
