//! Reports of Duet boards, set here as each release of RepRapFirmware prints what its crash handler
//! saved of a made stack: whatever it saved, the same crash has to come out.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

/// Where the stack pointer was when the fault came.
const SP: u32 = 0x2000_5a40;
/// r0 r1 r2 r3 r12 lr pc xpsr of the fault.
const FRAME: [u32; 8] =
    [0x11, 0x2000_0300, 0x33, 0x44, 0xcc, 0x0042_3457, 0x0042_3a1e, 0x6100_0000];

/// The word at `addr` of the stack of the program that was stopped.
fn program(addr: u32) -> u32 {
    0x0043_0001 ^ (addr & 0xfff) << 4
}

/// What lies at `addr` after the core has stacked `frame` below [`SP`], with room for s0-s15 or not.
fn after_exception(frame: &[u32; 8], float: bool) -> (u32, impl Fn(u32) -> u32) {
    let start = SP - 32 - if float { 72 } else { 0 };
    let frame = *frame;
    let word = move |addr: u32| match (addr - start) / 4 {
        n if n < 8 => frame[n as usize],
        _ if addr < SP => 0xf10a_0000 | addr & 0xff,
        _ => program(addr),
    };
    (start, word)
}

/// One report. Fields are what differs between releases.
struct Report {
    title: &'static str,
    reason: &'static str,
    spinning: &'static str,
    code: &'static str,
    status: String,
    task: &'static str,
    stack: Vec<u32>,
    comma: &'static str,
}

impl Report {
    fn text(&self, sp: u32) -> String {
        let words: String = self.stack.iter().map(|word| format!(" {word:08x}")).collect();
        let stack = if self.stack.is_empty() { String::new() } else { format!("Stack:{words}\n") };
        let status = self.status.replace(' ', &format!("{} ", self.comma));
        let status = ["HFSR", "CFSR", "ICSR", "BFAR"].iter().fold(status, |all, name| {
            all.replace(&format!("{name}{} ", self.comma), &format!("{name} "))
        });
        format!(
            "=== Diagnostics ===\n{}\nBoard ID: 08DGM-0TEST\nUsed output buffers: 1 of 26 (8 max)\n\
             === RTOS ===\nStatic ram: 23836\nDynamic ram: 75012 of which 0 recycled\n\
             Never used RAM 12345, free system stack 180 words\nTasks: MAIN(running,1.0%,440)\n\
             Owned mutexes:\n=== Platform ===\nLast reset 00:00:09 ago, cause: software\n\
             Last software reset at 2023-04-05 06:07, reason: {}, {}\n\
             Software reset code {}{} {status} SP 0x{sp:08x}{}\n{stack}Error status: 0x00\n",
            self.title, self.reason, self.spinning, self.code, self.comma, self.task
        )
    }
}

/// A report of 3.4 on a board with an FPU, of a bus fault.
fn usual() -> (Report, u32) {
    let (start, word) = after_exception(&FRAME, false);
    let report = Report {
        title: "RepRapFirmware for Duet 3 MB6HC version 3.4.6 (2023-07-21 14:08:28) running on Duet 3 MB6HC v1.01",
        reason: "HardFault bfarValid precise",
        spinning: "GCodes spinning, available RAM 9876, slot 2",
        code: "0x4063",
        status: "HFSR 0x40000000 CFSR 0x00008200 ICSR 0x0044f803 BFAR 0x000dead0".into(),
        task: " Task MAIN Freestk 1105 ok",
        stack: (0..27).map(|n| word(start + 4 * n)).collect(),
        comma: "",
    };
    (report, start)
}

fn open(text: &str) -> Opened {
    open_bytes("m122.txt", text.as_bytes().to_vec(), &Options::default())
        .unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed()?.registers.by_name(name)
}

#[track_caller]
fn check_stack(opened: &Opened, words: u32) {
    for addr in (SP..).step_by(4).take(words as usize) {
        assert_eq!(opened.dump.memory.u32_le(addr.into()), Some(program(addr)), "{addr:#x}");
    }
    let behind = SP + 4 * words;
    assert_eq!(opened.dump.memory.u32_le(behind.into()), None, "{behind:#x}");
}

#[track_caller]
fn has_note(opened: &Opened, part: &str) -> bool {
    opened.dump.notes.iter().any(|note| note.words.contains(part))
}

#[test]
fn since_3_2_the_whole_frame_is_there_and_the_stack_behind_it() {
    let (report, start) = usual();
    let opened = open(&report.text(start));
    assert_eq!(opened.dump.format, "Duet M122 report");
    let names = ["r0", "r1", "r2", "r3", "r12", "lr", "pc", "xpsr"];
    for (name, value) in names.iter().zip(FRAME) {
        assert_eq!(register(&opened, name), Some(value.into()), "{name}");
    }
    assert_eq!(register(&opened, "sp"), Some(SP.into()));
    assert_eq!(register(&opened, "r4"), None);
    assert_eq!(register(&opened, "CFSR"), Some(0x8200));
    assert_eq!(register(&opened, "BFAR"), Some(0xd_ead0));
    check_stack(&opened, 19);
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("MAIN"));
    let reason = &opened.dump.reason;
    assert_eq!(reason.signal, Some(Signal::Segv));
    assert!(reason.words.starts_with("HardFault bfarValid precise; bus fault"), "{}", reason.words);
    assert!(reason.words.contains("0xdead0"), "{}", reason.words);
    let facts = &opened.dump.identity.facts;
    let fact = |name: &str| facts.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!(fact("board"), Some("Duet 3 MB6HC"));
    assert_eq!(fact("firmware"), Some("RepRapFirmware 3.4.6"));
    assert_eq!(fact("spinning"), Some("GCodes"));
    assert_eq!(fact("available RAM"), Some("9876"));
    assert_eq!(fact("time of the reset"), Some("2023-04-05 06:07"));
    assert_eq!(opened.dump.texts.len(), 3, "{:?}", opened.dump.texts);
    assert!(has_note(&opened, "if the code that was stopped had used the FPU"));
}

#[test]
fn before_3_2_the_frame_is_there_from_its_lr_on() {
    // What 3.0, 2.x and 1.2x print: 23 words, or 18 of the oldest, and no or numbered tasks.
    let (start, word) = after_exception(&FRAME, false);
    let lr = start + 20;
    for (count, comma, task, code, reason, spinning) in [
        (
            23,
            "",
            " Task 0x4e49414d",
            "0x4063",
            "Hard fault",
            "spinning module GCodes, available RAM 8720 bytes (slot 0)",
        ),
        (
            24,
            "",
            "",
            "0x4033",
            "Hard fault",
            "spinning module GCodes, available RAM 8720 bytes (slot 3)",
        ),
        (
            18,
            ",",
            "",
            "0x4033",
            "Hard fault",
            "spinning module GCodes, available RAM 8720 bytes (slot 4)",
        ),
    ] {
        let report = Report {
            title: "RepRapFirmware for Duet WiFi version 2.03 running on Duet WiFi 1.02 or later",
            reason,
            spinning,
            code,
            task,
            comma,
            stack: (0..count).map(|n| word(lr + 4 * n)).collect(),
            ..usual().0
        };
        let opened = open(&report.text(lr));
        assert_eq!(register(&opened, "lr"), Some(FRAME[5].into()));
        assert_eq!(register(&opened, "pc"), Some(FRAME[6].into()));
        assert_eq!(register(&opened, "xpsr"), Some(FRAME[7].into()));
        assert_eq!(register(&opened, "sp"), Some(SP.into()));
        assert_eq!(register(&opened, "r0"), None, "not saved");
        check_stack(&opened, count - 3);
        let name = (!task.is_empty()).then_some("MAIN");
        assert_eq!(opened.dump.threads[0].name.as_deref(), name);
        let fact = opened.dump.identity.facts.iter().find(|(name, _)| name == "spinning");
        assert_eq!(fact.map(|(_, value)| value.as_str()), Some("GCodes"));
    }
}

#[test]
fn a_padded_frame_leaves_sp_a_word_higher() {
    let mut frame = FRAME;
    frame[7] |= 1 << 9;
    let (start, word) = after_exception(&frame, false);
    let stack = (0..27).map(|n| word(start + 4 * n)).collect();
    let opened = open(&Report { stack, ..usual().0 }.text(start));
    assert_eq!(register(&opened, "sp"), Some((SP + 4).into()));
}

#[test]
fn words_that_tell_nothing_are_placed_by_their_address() {
    // A call through a null pointer: pc 0, T clear. That is what the fault says, too.
    let mut frame = FRAME;
    frame[6] = 0;
    frame[7] = 0x600f_0000;
    let (start, word) = after_exception(&frame, false);
    for (from, count) in [(0, 27), (5, 23)] {
        let stack = (from..from + count).map(|n| word(start + 4 * n)).collect();
        let status = "HFSR 0x40000000 CFSR 0x00020000 ICSR 0x0044f803 BFAR 0xe000ed38".to_string();
        let reason = "HardFault invState";
        let report = Report { stack, status, reason, ..usual().0 };
        let opened = open(&report.text(start + 4 * from));
        assert_eq!((register(&opened, "pc"), register(&opened, "sp")), (Some(0), Some(SP.into())));
        assert_eq!(register(&opened, "lr"), Some(FRAME[5].into()));
        assert_eq!(register(&opened, "BFAR"), None, "CFSR does not say that it is valid");
        assert!(!has_note(&opened, "look like"), "{:?}", opened.dump.notes);
        // The same words of a fault that does not explain them are doubtful.
        let status = "HFSR 0x40000000 CFSR 0x00008200 ICSR 0x0044f803 BFAR 0xe000ed38".to_string();
        let opened = open(&Report { status, ..report }.text(start + 4 * from));
        assert!(has_note(&opened, "do not look like"), "{:?}", opened.dump.notes);
    }
}

#[test]
fn a_stuck_loop_is_the_running_task_s_or_main_s_own() {
    let (start, word) = after_exception(&FRAME, false);
    let reason = "StuckInSpinLoop";
    let task = " Task TMC Freestk 93 bad marker";
    let status = "HFSR 0x00000000 CFSR 0x00000000 ICSR 0x0044f80f BFAR 0xe000ed38".to_string();
    for (from, name) in [(5, "TMC"), (0, "MAIN")] {
        let stack = (from..from + 27).map(|n| word(start + 4 * n)).collect();
        let report = Report { reason, task, stack, status: status.clone(), ..usual().0 };
        let opened = open(&report.text(start + 4 * from));
        assert_eq!(register(&opened, "pc"), Some(FRAME[6].into()));
        assert_eq!(register(&opened, "sp"), Some(SP.into()));
        assert_eq!(register(&opened, "r0").is_some(), from == 0);
        assert_eq!(opened.dump.threads[0].name.as_deref(), Some(name));
        assert_eq!(
            (opened.dump.reason.signal, opened.dump.reason.words.as_str()),
            (Some(Signal::Abrt), reason)
        );
        assert!(has_note(&opened, "bad marker"));
    }
}

#[test]
fn of_a_failed_assertion_the_call_is_shown() {
    // The function pushes r0, r1 and lr; 0x423a1f is where its caller would go on.
    let start = SP - 12;
    let pushed = [454, 0x0046_5e24, 0x0042_3a1f];
    let stack = (0..27u32).map(|n| if n < 3 { pushed[n as usize] } else { program(start + 4 * n) });
    let report = Report {
        reason: "AssertionFailed",
        status: "HFSR 0x00000000 CFSR 0x00000000 ICSR 0x0041f000 BFAR 0xe000ed38".into(),
        stack: stack.collect(),
        ..usual().0
    };
    let opened = open(&report.text(start));
    assert_eq!(register(&opened, "pc"), Some(0x0042_3a1a), "a bl has four bytes");
    assert_eq!((register(&opened, "sp"), register(&opened, "lr")), (Some(SP.into()), None));
    assert_eq!((register(&opened, "r0"), register(&opened, "r1")), (Some(454), Some(0x46_5e24)));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    let words = "AssertionFailed: line 454 of the file whose name is at 0x465e24";
    assert_eq!(opened.dump.reason.words, words);
    check_stack(&opened, 24);
}

#[test]
fn an_expansion_board_with_a_cortex_m0_prints_less() {
    let report = "Diagnostics for board 20:\n\
        Duet TOOL1LC rev 1.1 or later firmware version 3.6.1 (2025-08-24 09:20:44)\n\
        Bootloader ID: SAMC21 bootloader version 2.3 (2021-01-26b1)\n\
        All averaging filters OK\nNever used RAM 272, free system stack 75 words\n\
        Last reset 00:01:31 ago, cause: software\n\
        Last software reset time unknown, reason: HardFault, available RAM 8, slot 0\n\
        Software reset code 0x0060 ICSR 0x00426003 SP 0x20005a20 Task Move Freestk 94 ok\n\
        Stack: 00000011 20000300 00000033 00000044 000000cc 00003457 00003a1e 61000000 \
        0bad0001 ffffffff ffffffff\nMoves scheduled 1, hiccups 0\n";
    let opened = open(report);
    assert_eq!((register(&opened, "pc"), register(&opened, "sp")), (Some(0x3a1e), Some(SP.into())));
    assert_eq!(register(&opened, "CFSR"), None);
    assert_eq!(opened.dump.memory.u32_le(SP.into()), Some(0x0bad_0001));
    assert_eq!(opened.dump.memory.u32_le((SP + 4).into()), None, "filled up behind the end of RAM");
    assert!(!has_note(&opened, "FPU"), "{:?}", opened.dump.notes);
    let board = ("board".to_string(), "Duet TOOL1LC rev 1.1 or later".to_string());
    assert!(opened.dump.identity.facts.contains(&board), "{:?}", opened.dump.identity.facts);
}

#[test]
fn of_builds_that_may_leave_out_words_only_the_frame_is_placed() {
    let (start, word) = after_exception(&FRAME, true);
    let gap = |n: u32| if n < 8 { n } else { n + 18 };
    let stack: Vec<u32> = (0..27).map(|n| word(start + 4 * gap(n))).collect();
    let title = "RepRapFirmware for Duet 3 MB6HC version 3.6.2 (2026-03-01 09:00:00) running on x";
    let report = Report { title, stack, ..usual().0 };
    let opened = open(&report.text(start));
    assert_eq!(register(&opened, "pc"), Some(FRAME[6].into()));
    assert_eq!(opened.dump.memory.u32_le((start + 28).into()), Some(FRAME[7]));
    assert_eq!(opened.dump.memory.u32_le((start + 32).into()), None);
    assert!(has_note(&opened, "are not shown as memory"), "{:?}", opened.dump.notes);
    // Without the firmware's line, the time of the reset tells that it was an older one.
    let text = report.text(start).replace(title, "");
    assert!(!has_note(&open(&text), "are not shown as memory"));
    let later = text.replace("at 2023-04-05 06:07", "at 2026-04-05 06:07");
    assert!(has_note(&open(&later), "are not shown as memory"));
    let unknown = text.replace("at 2023-04-05 06:07", "time unknown");
    assert!(has_note(&open(&unknown), "are not shown as memory"));
}

#[test]
fn out_of_memory_leaves_a_stack_and_no_frame() {
    let report = Report { reason: "OutOfMemory", ..usual().0 };
    let opened = open(&report.text(SP - 32));
    assert_eq!((register(&opened, "pc"), register(&opened, "sp")), (None, Some((SP - 32).into())));
    check_stack(&opened, 19);
}

#[test]
fn a_memory_protection_fault_has_its_address_where_others_have_bfar() {
    let (report, start) = usual();
    let status = "HFSR 0x00000000 CFSR 0x00000082 ICSR 0x0044f804 BFAR 0x000dead0".to_string();
    let reason = "MemoryProtectionFault mmarValid daccViol";
    let opened = open(&Report { status, reason, ..report }.text(start));
    assert_eq!((register(&opened, "MMFAR"), register(&opened, "BFAR")), (Some(0xd_ead0), None));
}

#[test]
fn a_reset_by_hand_is_no_crash_and_an_exception_without_stack_has_no_registers() {
    let status = "HFSR 0x00000000 CFSR 0x00000000 ICSR 0x00400000 BFAR 0xe000ed38".to_string();
    let user = Report { reason: "User", status: status.clone(), stack: Vec::new(), ..usual().0 };
    let text = user.text(0);
    let error = open_bytes("m122.txt", text.clone().into_bytes(), &Options::default());
    let error = error.map(|_| ()).expect_err("nothing crashed").to_string();
    assert!(error.contains("duet") && error.contains("User"), "{error}");
    let nmi = Report { reason: "NMI", status, stack: Vec::new(), ..usual().0 };
    let opened = open(&nmi.text(0xffff_ffff));
    assert_eq!((register(&opened, "pc"), register(&opened, "sp")), (None, None));
    assert_eq!(register(&opened, "ICSR"), Some(0x40_0000));
    // An earlier crash in the same log is what somebody looks for.
    let (crash, start) = usual();
    let noise = String::from_utf8(log_noise(100_000)).expect("it is text");
    let opened = open(&format!("{noise}{}{noise}{text}", crash.text(start)));
    assert_eq!((opened.found.len(), opened.picked), (2, 1));
    assert_eq!(register(&opened, "pc"), Some(FRAME[6].into()));
}

#[test]
fn a_report_in_one_line_is_read_as_well() {
    let (report, start) = usual();
    let opened = open(&report.text(start).replace('\n', " "));
    assert_eq!(
        (register(&opened, "pc"), register(&opened, "sp")),
        (Some(FRAME[6].into()), Some(SP.into()))
    );
    check_stack(&opened, 19);
}

#[test]
fn damaged_reports_are_refused_or_read_never_more() {
    let (report, start) = usual();
    let text = report.text(start).into_bytes();
    try_all_prefixes("m122.txt", &text, &Options::default());
    try_bit_flips("m122.txt", &text, &Options::default());
    let wrapped = report.text(start).replace("Stack: ", "Stack:\n");
    assert_eq!(register(&open(&wrapped), "pc"), Some(FRAME[6].into()));
    let none = report.text(start).replace("Stack: ", "Stack: none ");
    let error = open_bytes("m122.txt", none.into_bytes(), &Options::default());
    let error = error.map(|_| ()).expect_err("the stack is missing").to_string();
    assert!(error.contains("words after Stack:"), "{error}");
}

#[test]
fn without_the_line_of_the_reason_the_number_or_the_words_tell_it() {
    let (report, start) = usual();
    let without = |text: String| {
        let all: Vec<&str> = text.lines().filter(|line| !line.starts_with("Last soft")).collect();
        open(&all.join("\n"))
    };
    let opened = without(report.text(start));
    assert_eq!((register(&opened, "pc"), register(&opened, "r0")), (Some(0x42_3a1e), Some(0x11)));
    assert!(opened.dump.reason.words.starts_with("HardFault; bus fault"));
    let stack = report.stack[5..].to_vec();
    let opened = without(Report { stack, code: "0x4033", ..report }.text(start + 20));
    assert_eq!((register(&opened, "pc"), register(&opened, "r0")), (Some(0x42_3a1e), None));
}
