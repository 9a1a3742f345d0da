//! CmBacktrace's texts as its sources print them, step by step: every kind of crash, every
//! language, every place that the printed stack may begin at. Nothing here is the reader's.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::open_bytes;

/// The device: its stack from `LOW` up to `HIGH`, each word telling its own address.
const LOW: u32 = 0x2000_4000;
const HIGH: u32 = 0x2000_4080;
const R0_TO_PSR: [u32; 8] = [0xa0, 0xa1, 0xa2, 0xa3, 0xac, 0x0800_4321, 0x0800_1234, 0x6100_0000];

fn open(text: impl Into<Vec<u8>>) -> Opened {
    open_bytes("console.log", text.into(), &Options::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed()?.registers.by_name(name)
}

fn word_at(addr: u32) -> u32 {
    addr ^ 0x5a5a_0000
}

/// `dump_stack`: rows from `sp` up to the end of the stack, `word` telling what is in each.
fn stack_from(sp: u32, word: impl Fn(u32) -> u32) -> String {
    let rows = (sp..HIGH).step_by(4);
    let rows: String =
        rows.map(|at| format!("  addr: {at:08x}    data: {:08x}\r\n", word(at))).collect();
    format!(
        "===== Thread stack information =====\r\n{rows}====================================\r\n"
    )
}

/// The two rows that `cm_backtrace_fault` prints.
fn registers([r0, r1, r2, r3, r12, lr, pc, psr]: [u32; 8]) -> String {
    let rule = "==============================================================";
    format!(
        "=================== Registers information ====================\r\n  \
         R0 : {r0:08x}  R1 : {r1:08x}  R2 : {r2:08x}  R3 : {r3:08x}\r\n  \
         R12: {r12:08x}  LR : {lr:08x}  PC : {pc:08x}  PSR: {psr:08x}\r\n{rule}\r\n"
    )
}

fn calls(options: &str, addrs: &[u32]) -> String {
    let addrs: String = addrs.iter().map(|addr| format!("{addr:08x} ")).collect();
    format!("Show more call stack info by run: addr2line -e pump.axf {options} {addrs}\r\n")
}

const FIRMWARE: &str = "\r\nFirmware name: pump, hardware version: B, software version: 9.9\r\n";

fn fault(sp_printed: u32, psr: u32, options: &str) -> String {
    let mut saved = R0_TO_PSR;
    saved[7] = psr;
    [
        FIRMWARE.into(),
        "Fault on thread motor\r\n".into(),
        stack_from(sp_printed, word_at),
        registers(saved),
        "Bus fault is caused by precise data access violation\r\n".to_string(),
        "The bus fault occurred address is 40ff0000\r\n".to_string(),
        calls(options, &[0x0800_1234, 0x0800_4320]),
    ]
    .concat()
}

#[test]
fn the_stack_pointer_counts_the_padding_once_by_old_releases_and_by_new_ones() {
    const PADDED: u32 = 0x6100_0200;
    // The frame ends at a multiple of 8; releases since issue 89 print from behind the padding.
    let cases = [
        (0x2000_4020, 0x6100_0000, "-a -f", 0x2000_4020),
        (0x2000_4020, PADDED, "-a -f", 0x2000_4024),
        (0x2000_4024, PADDED, "-afpiC", 0x2000_4024),
    ];
    for (printed, psr, options, wanted) in cases {
        let opened = open(fault(printed, psr, options));
        assert_eq!(register(&opened, "sp"), Some(wanted), "{printed:#x} with {psr:#x}");
        assert_eq!(register(&opened, "pc"), Some(0x0800_1234));
        assert_eq!(register(&opened, "lr"), Some(0x0800_4321));
        assert_eq!(register(&opened, "r4"), None);
        assert_eq!(register(&opened, "BFAR"), Some(0x40ff_0000));
        let word = opened.dump.memory.u32_le(0x2000_4040);
        assert_eq!(word, Some(word_at(0x2000_4040)));
        assert_eq!(opened.dump.memory.u32_le(HIGH.into()), None);
        assert_eq!(opened.dump.threads[0].name.as_deref(), Some("motor"));
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        assert!(opened.dump.reason.words.starts_with("Bus fault"), "{}", opened.dump.reason.words);
    }
}

#[test]
fn a_stack_printed_from_the_exception_frame_on_has_its_stack_pointer_behind_it() {
    let frame = LOW + 0x10;
    let word = |at: u32| {
        let index = (at.wrapping_sub(frame) / 4) as usize;
        R0_TO_PSR.get(index).copied().unwrap_or_else(|| word_at(at))
    };
    let text = [FIRMWARE.into(), stack_from(frame, word), registers(R0_TO_PSR)].concat();
    let opened = open(text);
    assert_eq!(register(&opened, "sp"), Some(u64::from(frame) + 32));
    assert_eq!(opened.dump.memory.u32_le(frame.into()), Some(0xa0));
}

#[test]
fn an_assert_has_a_thread_a_stack_and_calls_and_no_registers() {
    let text = [
        "\r\n(ptr != RT_NULL) has assert failed at pump_run:112.\r\n".to_string(),
        FIRMWARE.into(),
        "Assert on thread motor\r\n".into(),
        stack_from(LOW + 0x30, word_at),
        calls("-a -f", &[0x0800_4321, 0x0800_0a1d]),
        "Current system tick: 1234\r\n".to_string(),
    ]
    .concat();
    let opened = open(text);
    assert_eq!(opened.dump.format, "CmBacktrace text");
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("motor"));
    assert_eq!(register(&opened, "sp"), Some(u64::from(LOW) + 0x30));
    for unknown in ["pc", "lr", "r0", "r4", "xpsr"] {
        assert_eq!(register(&opened, unknown), None, "{unknown}");
    }
    let (signal, words) = (opened.dump.reason.signal, &opened.dump.reason.words);
    assert_eq!((signal, words.contains("pump_run:112")), (Some(Signal::Abrt), true), "{words}");
    assert_eq!(opened.dump.memory.u32_le(0x2000_4044), Some(word_at(0x2000_4044)));
    assert_eq!(opened.dump.memory.u32_le(u64::from(LOW) + 0x2c), None);
    let notes: Vec<&str> = opened.dump.notes.iter().map(|note| note.words.as_str()).collect();
    let calls: Vec<u64> = opened.dump.threads[0].printed.iter().map(|frame| frame.pc).collect();
    assert_eq!(calls, [0x800_4320, 0x800_0a1c]);
    assert!(notes.iter().any(|words| words.contains("pc and lr are not known")), "{notes:?}");
    let facts = &opened.dump.identity.facts;
    assert!(facts.iter().any(|(name, value)| name == "firmware" && value.starts_with("pump")));
}

#[test]
fn an_assert_outside_of_a_thread_and_one_without_an_os_are_asserts_too() {
    let title = "Assert on interrupt or bare metal(no OS) environment\r\n";
    for title in [title, ""] {
        let stack = stack_from(LOW + 0x50, word_at);
        let text = [FIRMWARE, title, &stack, &calls("-afpiC", &[0x0800_4320])].concat();
        let opened = open(text);
        assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt), "{title}");
        assert_eq!(opened.dump.threads[0].name, None, "{title}");
        assert_eq!(register(&opened, "sp"), Some(u64::from(LOW) + 0x50), "{title}");
    }
}

#[test]
fn a_stack_that_overflowed_tells_its_stack_pointer_in_a_sentence() {
    let sp = LOW - 0x18;
    let error = format!("Error: Thread stack({sp:08x}) was overflow\r\n");
    let head = [FIRMWARE, "Fault on thread motor\r\n"].concat();
    let tail = "Usage fault is caused by attempts to execute an undefined instruction\r\n\
                Dump call stack has an error\r\n";
    // Rows begin at the stack's low end then; issue 60 shows one without any.
    for rows in [stack_from(LOW, word_at), stack_from(HIGH, word_at)] {
        let opened = open([head.as_str(), &error, &rows, tail].concat());
        assert_eq!(register(&opened, "sp"), Some(sp.into()));
        assert_eq!(register(&opened, "pc"), None);
        assert_eq!(opened.dump.reason.signal, Some(Signal::Ill));
    }
    // RT-Thread's package prints registers all the same, and another stack pointer in between.
    let where_ = format!(
        "stack_pointer: 0x{sp:08x}, stack_start_addr: 0x{LOW:08x}, stack_end_addr: 0x{HIGH:08x}\r\n"
    );
    let error = format!("Error: Thread stack({:08x}) was overflow\r\n", LOW + 0x40);
    let rows = stack_from(LOW + 0x40, word_at);
    let text = [head.as_str(), &where_, &error, &rows, &registers(R0_TO_PSR), tail].concat();
    let opened = open(text);
    assert_eq!(register(&opened, "sp"), Some(sp.into()));
    assert_eq!(register(&opened, "pc"), Some(0x0800_1234));
}

#[test]
fn a_cortex_m33_with_rt_thread_tells_the_other_registers_as_well() {
    let other = "====================== other information =====================\r\n  \
                 EXC_RETURN: ffffffbc\r\n  tz        : 00000000\r\n  lr        : ffffffbc\r\n  \
                 psplim    : 20004000\r\n  conrtol   : 00000000\r\n  \
                 R4 : 00000004  R5 : 00000005  R6 : 00000006  R7 : 00000007  \r\n  \
                 R8 : 00000008  R9 : 00000009  R10: 00000010  R11: 00000011  \r\n\
                 ==============================================================\r\n";
    let opened = open([fault(LOW + 0x20, 0x6100_0000, "-afpiC"), other.into()].concat());
    assert_eq!((register(&opened, "r4"), register(&opened, "r11")), (Some(4), Some(0x11)));
    assert_eq!((register(&opened, "r8"), register(&opened, "r10")), (Some(8), Some(0x10)));
    // The row `lr` is the handler's.
    assert_eq!(register(&opened, "lr"), Some(0x0800_4321));
    assert_eq!(register(&opened, "exc_return"), Some(0xffff_ffbc));
    assert_eq!(register(&opened, "psplim"), Some(0x2000_4000));
    assert_eq!(register(&opened, "control"), None);
}

/// One crash in the words of a language.
struct Language {
    firmware: Vec<u8>,
    fault: Vec<u8>,
    assert: Vec<u8>,
    overflow: Vec<u8>,
    bus: Vec<u8>,
    bus_addr: Vec<u8>,
}

fn languages() -> [Language; 3] {
    let text = |text: &str| text.as_bytes().to_vec();
    [
        Language {
            firmware: text("固件名称：pump，硬件版本号：B，软件版本号：9.9"),
            fault: text("在线程(motor)中发生错误异常"),
            assert: text("在线程(motor)中发生断言"),
            overflow: text("错误：线程栈(20003fe8)发生溢出"),
            bus: text("发生总线错误，原因：精确的数据总线错误"),
            bus_addr: text("发生总线错误的地址：40ff0000"),
        },
        // The same as GB18030.
        Language {
            firmware: b"\xb9\xcc\xbc\xfe\xc3\xfb\xb3\xc6\xa3\xbapump\xa3\xac\xd3\xb2\xbc\xfe\xb0\xe6\xb1\
                \xbe\xba\xc5\xa3\xbaB\xa3\xac\xc8\xed\xbc\xfe\xb0\xe6\xb1\xbe\xba\xc5\xa3\xba9.9"
                .to_vec(),
            fault: b"\xd4\xda\xcf\xdf\xb3\xcc(motor)\xd6\xd0\xb7\xa2\xc9\xfa\xb4\xed\xce\xf3\xd2\xec\xb3\
                \xa3"
                .to_vec(),
            assert: b"\xd4\xda\xcf\xdf\xb3\xcc(motor)\xd6\xd0\xb7\xa2\xc9\xfa\xb6\xcf\xd1\xd4".to_vec(),
            overflow: b"\xb4\xed\xce\xf3\xa3\xba\xcf\xdf\xb3\xcc\xd5\xbb(20003fe8)\xb7\xa2\xc9\xfa\xd2\xe7\
                \xb3\xf6"
                .to_vec(),
            bus: b"\xb7\xa2\xc9\xfa\xd7\xdc\xcf\xdf\xb4\xed\xce\xf3\xa3\xac\xd4\xad\xd2\xf2\xa3\xba\xbe\xab\
                \xc8\xb7\xb5\xc4\xca\xfd\xbe\xdd\xd7\xdc\xcf\xdf\xb4\xed\xce\xf3"
                .to_vec(),
            bus_addr: b"\xb7\xa2\xc9\xfa\xd7\xdc\xcf\xdf\xb4\xed\xce\xf3\xb5\xc4\xb5\xd8\xd6\xb7\xa3\xba\
                40ff0000"
                .to_vec(),
        },
        // The numbers have no sentences that say more.
        Language {
            firmware: text("Firmware name: pump, hardware version: B, software version: 9.9"),
            fault: text("10 motor"),
            assert: text("2 motor"),
            overflow: text("6(20003fe8)"),
            bus: text("21"),
            bus_addr: text("38 40ff0000"),
        },
    ]
}

#[test]
fn every_language_tells_thread_firmware_overflow_and_assert() {
    for (n, language) in languages().into_iter().enumerate() {
        let line = |line: &[u8]| [line, b"\r\n"].concat();
        let stack = stack_from(LOW + 0x20, word_at).into_bytes();
        let faulted = [
            line(&language.firmware),
            line(&language.fault),
            stack.clone(),
            registers(R0_TO_PSR).into_bytes(),
            line(&language.bus),
            line(&language.bus_addr),
            line(b"8: addr2line -e pump.axf -afpiC 08001234 08004320 "),
        ]
        .concat();
        let opened = open(faulted);
        assert_eq!(opened.dump.threads[0].name.as_deref(), Some("motor"), "language {n}");
        assert_eq!(register(&opened, "pc"), Some(0x0800_1234), "language {n}");
        let firmware = opened.dump.identity.facts.iter().find(|(name, _)| name == "firmware");
        let wanted = "pump, hardware version: B, software version: 9.9";
        assert_eq!(firmware.map(|(_, names)| names.as_str()), Some(wanted), "language {n}");
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv), "language {n}");
        if n < 2 {
            assert_eq!(register(&opened, "BFAR"), Some(0x40ff_0000), "language {n}");
            let words = &opened.dump.reason.words;
            assert!(!words.contains(char::REPLACEMENT_CHARACTER) && words != "fault", "{words}");
        }

        let calls = line(b"addr2line -e pump.axf -afpiC 08004320 ");
        let asserted =
            [line(&language.firmware), line(&language.assert), stack.clone(), calls].concat();
        let opened = open(asserted);
        assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt), "language {n}");
        assert_eq!(opened.dump.threads[0].name.as_deref(), Some("motor"), "language {n}");

        let overflowed =
            [line(&language.firmware), line(&language.fault), line(&language.overflow), stack]
                .concat();
        let opened = open(overflowed);
        assert_eq!(register(&opened, "sp"), Some(0x2000_3fe8), "language {n}");
    }
}

#[test]
fn a_viewers_prefix_and_a_banner_at_the_start_change_nothing() {
    let crash = fault(LOW + 0x20, 0x6100_0000, "-a -f");
    let banner = FIRMWARE.repeat(2);
    let assert = [FIRMWARE, "Assert on thread motor\r\n", &stack_from(LOW, word_at)].concat();
    let log = [banner.as_str(), "ready\r\n", &crash, "rebooted\r\n", &assert].concat();
    for prefix in ["", " 0> ", "[12:00:01] ", "[2024-05-01 12:00:01.250] "] {
        let log: String = log.lines().map(|line| format!("{prefix}{line}\r\n")).collect();
        let opened = open(log.as_bytes().to_vec());
        assert_eq!((opened.found.len(), opened.picked), (2, 2), "{prefix:?}");
        assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt), "{prefix:?}");
        let first = Options::default().pick(1);
        let opened = open_bytes("console.log", log.into_bytes(), &first).expect("there are two");
        assert_eq!(register(&opened, "pc"), Some(0x0800_1234), "{prefix:?}");
        assert_eq!(register(&opened, "r0"), Some(0xa0), "{prefix:?}");
        assert_eq!(register(&opened, "sp"), Some(u64::from(LOW) + 0x20), "{prefix:?}");
    }
}

#[test]
fn a_text_cut_anywhere_is_read_or_refused_with_words() {
    let whole = fault(LOW + 0x20, 0x6100_0000, "-a -f");
    support::try_all_prefixes("console.log", whole.as_bytes(), &Options::default());
}

/// `cortex_backtrace_fault_handler` of Goodix' SDK. Earlier releases separate calls by spaces and
/// have r1 in the place of r2.
fn goodix(sp_printed: u32, early: bool) -> String {
    let [r0, r1, r2, r3, r12, lr, pc, psr] = R0_TO_PSR;
    let r2 = if early { r1 } else { r2 };
    let stack: String = (sp_printed..HIGH)
        .step_by(4)
        .map(|at| format!("APP_E:   addr: {at:08x}    data: {:08x}\r\n", word_at(at)))
        .collect();
    let calls = if early { "08001234 0800431d " } else { "08001234<--0800431d<--" };
    format!(
        "APP_E: Fault on thread motor\r\nAPP_E: === Thread stack information ===\r\n{stack}\
         APP_E: =========\r\nAPP_E: ==== Registers information =====\r\n\
         APP_E:   R0 : {r0:08x}     R1 : {r1:08x}\r\nAPP_E:   R2 : {r2:08x}     R3 : {r3:08x}\r\n\
         APP_E:   R12: {r12:08x}     LR : {lr:08x}\r\nAPP_E:   PC : {pc:08x}     PSR: {psr:08x}\r\n\
         APP_E: =========\r\nAPP_E: Fault reason:\r\n\
         APP_E: Memory management: data access violation\r\n\
         APP_E: The memory management fault occurred address is 40ff0000\r\n\
         APP_E: Call stack info : {calls}\r\n"
    )
}

#[test]
fn goodix_prints_registers_in_two_columns() {
    for early in [false, true] {
        let opened = open(goodix(0x2000_4020, early));
        assert_eq!(opened.dump.format, "CmBacktrace text");
        let names = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];
        for (name, word) in names.into_iter().zip(R0_TO_PSR) {
            let wanted = (!early || name != "r2").then_some(u64::from(word));
            assert_eq!(register(&opened, name), wanted, "{name}");
        }
        assert_eq!(register(&opened, "sp"), Some(0x2000_4020));
        assert_eq!(register(&opened, "MMFAR"), Some(0x40ff_0000));
        let crashed = opened.dump.crashed().unwrap();
        assert_eq!(crashed.name.as_deref(), Some("motor"));
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        assert!(opened.dump.reason.words.contains("data access violation"));
        let word = opened.dump.memory.u32_le(0x2000_4040);
        assert_eq!(word, Some(word_at(0x2000_4040)));
    }
}

#[test]
fn rows_of_two_registers_without_a_title_are_not_taken_for_one() {
    let text = goodix(0x2000_4020, false);
    let at = text.find("APP_E:   R0").unwrap();
    let rows = text[at..].split("APP_E: Fault").next().unwrap().to_string();
    let opened = open_bytes("console.log", rows.into_bytes(), &Options::default());
    assert!(opened.is_err() || opened.unwrap().dump.format != "CmBacktrace text");
}
