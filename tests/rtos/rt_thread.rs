//! RT-Thread's threads in the structures of all its versions, and with what each of its ports saves
//! of a thread: linked by a compiler from the kernel's own declarations, never run.

use crate::support::stopped;
use coroner::dump::Thread;
use coroner::input::Input;
use coroner::open::{Opened, Options, open_inputs};
use stopped::{CODE, M3, M33F, Processor, RAM, RV32, RV64, Stopped, c_words};

const PC: u64 = CODE as u64 + 0x10;
const LR: u64 = CODE as u64 + 0x21;
const R4_TO_R11: [u64; 8] = [0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b];
/// r0-r3, r12, lr, pc, xpsr.
const FRAME: [u64; 8] = [0xa0, 0xa1, 0xa2, 0xa3, 0xac, LR, PC, 0x0100_0000];
/// The same of a thread whose stack was not at a multiple of 8.
const PADDED: [u64; 8] = [0xb0, 0xb1, 0xb2, 0xb3, 0xbc, LR, PC, 0x0100_0200];

fn threads(stopped: &Stopped) -> Opened {
    let ram =
        Input { name: "ram".into(), bytes: stopped.ram.clone().into(), addr: Some(RAM.into()) };
    let options = Options::default().elf([stopped.elf.clone()]);
    open_inputs(&[ram], &options).unwrap_or_else(|error| panic!("{error}"))
}

fn link(
    name: &str,
    processor: &Processor,
    lcd: &[u64],
    ble: &[u64],
    more: &[&str],
) -> Option<Stopped> {
    let mut defines =
        vec![format!("LCD_FRAME={}", c_words(lcd)), format!("BLE_FRAME={}", c_words(ble))];
    defines.extend(more.iter().map(|define| (*define).to_string()));
    Stopped::link(name, "threads.c", processor, &defines)
}

fn thread<'a>(opened: &'a Opened, name: &str) -> &'a Thread {
    let mut threads = opened.dump.threads.iter();
    threads.find(|thread| thread.name.as_deref() == Some(name)).unwrap_or_else(|| {
        panic!("{name} is not among {:?}; {:?}", opened.dump.threads, opened.dump.notes)
    })
}

/// The address of word `index` of a stack, where the saved stack pointer is word 24.
fn in_stack(stopped: &Stopped, stack: &str, index: u64, word_len: u64) -> Option<u64> {
    Some(u64::from(stopped.symbol(stack).0) + (24 + index) * word_len)
}

#[test]
fn all_versions_tell_names_states_priorities_stacks_and_who_runs() {
    let lcd = [&R4_TO_R11[..], &FRAME].concat();
    let ble = [&R4_TO_R11[..], &PADDED].concat();
    let versions: [&[&str]; 12] = [
        &["RELEASE=21"],
        &["RELEASE=21", "WITH_MODULE", "MANY_PRIORITIES"],
        &["RELEASE=31"],
        &["RELEASE=40"],
        &["RELEASE=40", "CORES=2"],
        &["RELEASE=41", "WITH_MODULE"],
        &["RELEASE=50"],
        &["RELEASE=50", "CORES=2", "MANY_PRIORITIES"],
        &["RELEASE=51", "NAME_POINTER"],
        &["RELEASE=51", "CORES=2"],
        &["RELEASE=52"],
        &["RELEASE=52", "WITH_MODULE", "MANY_PRIORITIES", "NAME_POINTER"],
    ];
    // The last ones describe types elsewhere: in units of their own, or, optimised when linked, all in one.
    let forms: [&[&str]; 4] = [
        &["-g"],
        &["-gdwarf-4", "-fdebug-types-section"],
        &["-gdwarf-5", "-fdebug-types-section"],
        &["-flto"],
    ];
    for (n, version) in versions.into_iter().enumerate() {
        let form = forms[n % forms.len()];
        let flags: &'static [&'static str] = Vec::leak([M3.1, form].concat());
        let processor = Processor(M3.0, flags);
        let name = format!("version-{n}");
        let Some(stopped) = link(&name, &processor, &lcd, &ble, version) else { return };
        let opened = threads(&stopped);
        let named = opened.dump.threads.iter().filter_map(|thread| thread.name.as_deref());
        let mut names: Vec<&str> = named.collect();
        names.sort_unstable();
        assert_eq!(names, ["ble", "lcd", "main"], "{version:?}: {:?}", opened.dump.notes);
        let cores = version.contains(&"CORES=2");
        let wanted = [
            ("main", if cores { "running on core 0" } else { "running" }, 10),
            ("lcd", "suspended", 12),
            ("ble", if cores { "running on core 1" } else { "ready" }, 14),
        ];
        for (name, state, priority) in wanted {
            let thread = thread(&opened, name);
            assert_eq!(thread.state.as_deref(), Some(state), "{version:?}: {name}");
            assert_eq!(thread.priority, Some(priority), "{version:?}: {name}");
            let (low, len) = stopped.symbol(&format!("{name}_stack"));
            let stack = thread.stack.map(|stack| (stack.low, stack.high));
            let wanted = (u64::from(low), u64::from(low + len));
            assert_eq!(stack, Some(wanted), "{version:?}: {name}");
        }
        assert_eq!(thread(&opened, "main").registers.pc(), None, "{version:?}");
        let lcd = &thread(&opened, "lcd").registers;
        assert_eq!((lcd.pc(), lcd.by_name("r4")), (Some(PC), Some(0x44)), "{version:?}");
        assert_eq!(lcd.sp(), in_stack(&stopped, "lcd_stack", 16, 4), "{version:?}");
        if !cores {
            let ble = &thread(&opened, "ble").registers;
            assert_eq!(ble.sp(), in_stack(&stopped, "ble_stack", 17, 4), "{version:?}");
        }
        assert!(
            opened.dump.notes.iter().all(|note| !note.words.contains("damaged")),
            "{version:?}"
        );
    }
}

/// s16-s31, and s0-s15 with fpscr and the word behind it.
fn floats() -> ([u64; 16], [u64; 18]) {
    let upper = std::array::from_fn(|n| 0x4180_0000 + n as u64);
    let mut lower = std::array::from_fn(|n| 0x3f80_0000 + n as u64);
    (lower[16], lower[17]) = (0x0300_0000, 0);
    (upper, lower)
}

#[test]
fn every_cortex_m_port_saves_its_way_with_and_without_fpu_registers() {
    let (upper, lower) = floats();
    let limit = u64::from(RAM);
    // What is below r4 without FPU registers and with them.
    let ports: [(&str, &[u64], &[u64]); 4] = [
        ("m4f", &[0], &[1]),
        ("m33", &[0, 0xffff_fffd, limit, 0], &[0, 0xffff_ffed, limit, 4]),
        ("sifli", &[0, 0], &[1, limit]),
        ("sifli-limit", &[0, limit], &[1, 0]),
    ];
    for (port, basic, extended) in ports {
        let lcd = [basic, &R4_TO_R11, &FRAME].concat();
        let ble = [extended, &R4_TO_R11, &upper, &PADDED, &lower].concat();
        let more = ["RELEASE=31"];
        let Some(stopped) = link(&format!("port-{port}"), &M33F, &lcd, &ble, &more) else { return };
        let opened = threads(&stopped);
        let check = |name: &str, words: usize, r0: u64, float: bool| {
            let thread = thread(&opened, name);
            let registers = &thread.registers;
            let by_name = |name: &str| registers.by_name(name);
            assert_eq!(by_name("pc"), Some(PC), "{port}, {name}: {:?}", thread.remarks);
            assert_eq!((by_name("r0"), by_name("lr")), (Some(r0), Some(LR)), "{port}, {name}");
            assert_eq!((by_name("r4"), by_name("r11")), (Some(0x44), Some(0x4b)), "{port}, {name}");
            let sp = in_stack(&stopped, &format!("{name}_stack"), words as u64, 4);
            assert_eq!(by_name("sp"), sp, "{port}, {name}");
            let pair = |low: u64| low | (low + 1) << 32;
            assert_eq!(by_name("d0"), float.then_some(pair(0x3f80_0000)), "{port}, {name}");
            assert_eq!(by_name("d15"), float.then_some(pair(0x4180_000e)), "{port}, {name}");
            assert_eq!(by_name("fpscr"), float.then_some(0x0300_0000), "{port}, {name}");
        };
        check("lcd", lcd.len(), 0xa0, false);
        check("ble", ble.len() + 1, 0xb0, true);
    }
    // SiFli's second core has no FPU.
    let lcd = [&[0][..], &R4_TO_R11, &FRAME].concat();
    let ble = [&[limit][..], &R4_TO_R11, &PADDED].concat();
    let Some(stopped) = link("port-sifli-soft", &M3, &lcd, &ble, &["RELEASE=31"]) else { return };
    let opened = threads(&stopped);
    for (name, psplim) in [("lcd", 0), ("ble", limit)] {
        let registers = &thread(&opened, name).registers;
        assert_eq!((registers.pc(), registers.by_name("r11")), (Some(PC), Some(0x4b)), "{name}");
        assert_eq!(registers.by_name("psplim"), Some(psplim), "{name}");
    }
}

#[test]
fn every_risc_v_port_saves_its_way() {
    let numbers = |from: u64, to: u64| (from..to).map(|n| 0x100 + n).collect::<Vec<u64>>();
    // pc, ra, mstatus, a gap for gp, x4-x31.
    let whole = [vec![PC, LR - 1, 0x80, 0], numbers(4, 32)].concat();
    let s = |n: u64| 0x100 + if n < 2 { 8 + n } else { 16 + n };
    let down: Vec<u64> = (0..12).rev().map(s).collect();
    let up: Vec<u64> = (2..12).map(s).collect();
    let (tp, machine, supervisor) = (0x104, 0x1880, 0x2_0004_2120);
    let common = [vec![machine, s(1), s(0), PC, tp], up, vec![0]].concat();
    let common64 = [vec![supervisor], down, vec![PC, tp, 0]].concat();
    let cases: [(&str, Processor, &[u64], u64); 4] = [
        ("whole32", RV32, &whole, 4),
        ("whole64", RV64, &whole, 8),
        ("common32", RV32, &common, 4),
        ("common64", RV64, &common64, 8),
    ];
    for (name, processor, frame, word_len) in cases {
        let more = ["RELEASE=50"];
        let Some(stopped) = link(name, &processor, frame, frame, &more) else { return };
        let opened = threads(&stopped);
        let lcd = thread(&opened, "lcd");
        let registers = &lcd.registers;
        let register = |name: &str| registers.by_name(name);
        assert_eq!(registers.pc(), Some(PC), "{name}: {:?}", lcd.remarks);
        let words = frame.len() as u64;
        assert_eq!(registers.sp(), in_stack(&stopped, "lcd_stack", words, word_len), "{name}");
        for (number, alias) in [(8, "fp"), (9, "s1"), (18, "s2"), (27, "s11"), (4, "tp")] {
            assert_eq!(register(alias), Some(0x100 + number), "{name}: {alias}");
        }
        let a0 = name.starts_with("whole").then_some(0x10a);
        assert_eq!((register("a0"), register("gp")), (a0, None), "{name}");
        let ra = if a0.is_some() { LR - 1 } else { PC };
        assert_eq!(register("ra"), Some(ra), "{name}");
    }
}
