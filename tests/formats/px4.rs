//! PX4's hardfault logs and contexts, made here as `hardfault_log.c` prints them and as
//! `board_crashdump.c` saves them: of another flight controller, with another fault than the samples.

use crate::support::formats as support;
use crate::support::px4;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use px4::*;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

fn open(bytes: impl Into<Vec<u8>>) -> Opened {
    open_bytes("other", bytes.into(), &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed()?.registers.by_name(name)
}

fn notes(opened: &Opened) -> String {
    opened.dump.notes.iter().map(|note| note.words.as_str()).collect::<Vec<_>>().join("\n")
}

fn check_window(opened: &Opened, sp: u32, count: u32) {
    for n in 0..count {
        let addr = sp + count / 2 * 4 - n * 4;
        assert_eq!(opened.dump.memory.u32_le(addr.into()), Some(word(addr)), "at {addr:#x}");
    }
}

/// How a release prints.
#[derive(Clone, Copy)]
struct Release {
    decimal: bool,
    /// What addresses of the stack step by.
    step: u32,
    status: bool,
}

const RELEASES: [Release; 4] = [
    Release { decimal: false, step: 1, status: false },
    Release { decimal: true, step: 1, status: true },
    Release { decimal: false, step: 1, status: true },
    Release { decimal: false, step: 4, status: true },
];

/// The text of the file. `console` puts the stacks' words first; an assertion has no registers.
fn text(release: Release, console: bool, assertion: bool) -> String {
    const COUNT: u32 = 64;
    let number = |value: u32| match release.decimal {
        true => format!("0x{value:08}"),
        false => format!("0x{value:08x}"),
    };
    let memory = |title: &str, sp: u32, top: u32| {
        let mut text = format!("{title} memory region, stack pointer lies within stack\n");
        for (n, word) in window(sp, COUNT) {
            let addr = sp + COUNT / 2 * release.step - n * release.step;
            let mark = match addr {
                _ if addr == top => format!("<-- {title} top"),
                _ if addr == sp => format!("<-- {title}"),
                _ => String::new(),
            };
            text += &format!("{} {}{mark}\n", number(addr), number(word));
        }
        text
    };
    let bounds = |title: &str, sp: u32, top: u32, size: u32| {
        let (sp, bottom) = (number(sp), number(top - size));
        let (top, size) = (number(top), number(size));
        format!(
            " {title} stack: \n  top:    {top}\n  sp:     {sp} Valid\n  bottom: {bottom}\n  \
             size:   {size}\n  used:   {:08}\n",
            500
        )
    };
    let kind = if assertion { "Assertion failed" } else { "Hard Fault" };
    let mut info = format!(
        "System fault Occurred on: 2024-05-06-07:08:09\n Type:{kind} in file:mixer/pump.cpp at \
         line: 321 running task: wq:nav_and_controllers\n FW git-hash: fedcba98\n Build datetime: \
         May  6 2024 07:00:00\n Build url: localhost \n"
    );
    if !assertion {
        info += &format!(" Processor registers: from 0x{:08x}\n", USER_SP - 212);
        for (n, value) in GENERAL.iter().enumerate() {
            let name =
                ["sp", "lr", "pc"].get(n.wrapping_sub(13)).map_or(format!("r{n}"), |n| (*n).into());
            info += &format!(" {name}:{}{}", number(*value), if n % 8 == 7 { "\n" } else { "" });
        }
        let [xpsr, basepri, control, returns] = [XPSR, 0x80, 4, 0xffff_ffed].map(number);
        info +=
            &format!(" xpsr:{xpsr} basepri:{basepri} control:{control}\n exe return:{returns}\n");
    }
    if release.status {
        info += " Fault status registers: from NVIC\n";
        for (name, value) in
            ["cfsr", "hfsr", "dfsr", "mmfsr", "bfsr", "afsr", "abfsr"].iter().zip(STATUS)
        {
            info += &format!(" {name}:{} ", number(value));
        }
        info += "\n";
    }
    let mut stacks = String::new();
    if !assertion {
        info += &bounds("IRQ", IRQ_SP, IRQ_TOP, IRQ_SIZE);
        stacks += &memory("Interrupt sp", IRQ_SP, IRQ_TOP);
    }
    info += &bounds("User", USER_SP, USER_TOP, USER_SIZE);
    stacks += &memory("User sp", USER_SP, USER_TOP);
    let parts = if console { [stacks, info] } else { [info, stacks] };
    let title = "[hardfault_log] -- 2024-05-06-07:08:09";
    format!("{title} Begin Fault Log --\n{}{title} END Fault Log --\n", parts.concat())
}

#[test]
fn a_log_of_every_release_has_the_same_registers_stacks_and_bounds() {
    for release in RELEASES {
        for console in [false, true] {
            let opened = open(text(release, console, false));
            assert_eq!(opened.dump.format, "PX4 hardfault log");
            for (n, value) in GENERAL.iter().enumerate() {
                let name = ["sp", "lr", "pc"]
                    .get(n.wrapping_sub(13))
                    .map_or(format!("r{n}"), |n| (*n).into());
                assert_eq!(register(&opened, &name), Some((*value).into()), "{name}");
            }
            assert_eq!(register(&opened, "exc_return"), Some(0xffff_ffed));
            assert_eq!(register(&opened, "basepri"), Some(0x80));
            let cfsr = release.status.then_some(0x0200_0000);
            assert_eq!(register(&opened, "CFSR"), cfsr);
            check_window(&opened, USER_SP, 64);
            check_window(&opened, IRQ_SP, 64);
            let thread = &opened.dump.threads[0];
            assert_eq!(thread.name.as_deref(), Some("wq:nav_and_controllers"));
            let bounds = thread.stack.map(|stack| (stack.low, stack.high));
            assert_eq!(bounds, Some(((USER_TOP - USER_SIZE).into(), USER_TOP.into())));
            if release.status {
                let reason = &opened.dump.reason;
                assert!(reason.words.contains("divide by zero"), "{}", reason.words);
            }
        }
    }
}

#[test]
fn of_an_assertion_in_a_task_the_place_the_stack_and_its_pointer_are_known() {
    for release in RELEASES {
        let opened = open(text(release, false, true));
        assert_eq!(opened.dump.reason.words, "Assertion failed in mixer/pump.cpp:321");
        assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
        assert_eq!(register(&opened, "sp"), Some(USER_SP.into()));
        assert_eq!((register(&opened, "pc"), register(&opened, "r0")), (None, None));
        check_window(&opened, USER_SP, 64);
    }
}

fn check_context(opened: &Opened, build: Build, irq_words: u32, user_words: u32) {
    assert_eq!(opened.dump.format, "PX4 hardfault context");
    for (n, value) in GENERAL.iter().enumerate().take(13) {
        assert_eq!(register(opened, &format!("r{n}")), Some((*value).into()), "r{n}");
    }
    let others = ["sp", "lr", "pc", "xpsr", "exc_return"].map(|name| register(opened, name));
    let wanted = [USER_SP, GENERAL[14], GENERAL[15], XPSR, 0xffff_ffed].map(|v| Some(v.into()));
    assert_eq!(others, wanted);
    let double = |low: u32, high: u32| Some(u64::from(low) | u64::from(high) << 32);
    let wanted = [double(float(2), float(3)), double(float(118), float(119))];
    let found = [register(opened, "d1"), register(opened, "d9")];
    assert_eq!(found, if build.fpu { wanted } else { [None, None] });
    assert_eq!(register(opened, "CFSR"), Some(0x0200_0000));
    assert_eq!(opened.dump.threads[0].name.as_deref(), Some("wq:rate_ctrl"));
    check_window(opened, IRQ_SP, irq_words);
    // But for the frame of a core without an FPU, which is elsewhere.
    let lowest = USER_SP - user_words.div_ceil(2) * 4 + 4;
    let highest = USER_SP + user_words / 2 * 4;
    for addr in [lowest, USER_SP, USER_SP + 4, highest] {
        if build.fpu || !(USER_SP - 104..USER_SP).contains(&addr) {
            assert_eq!(opened.dump.memory.u32_le(addr.into()), Some(word(addr)), "at {addr:#x}");
        }
    }
    assert_eq!(opened.dump.memory.u32_le((highest + 4).into()), None);
    assert!(!notes(opened).contains("frame is not"), "{}", notes(opened));
}

#[test]
fn a_context_of_battery_backed_ram_opens_whatever_the_build_and_where_it_is_cut_off() {
    for build in BUILDS {
        // As many words of each stack as there is room for, some of the last of them cut off.
        for cut in [0, 1, 7] {
            let mut file = context(build, false, 300, 300);
            file.truncate(file.len() - cut * 4);
            let opened = open(file);
            let user_low = USER_SP - 150 * 4 + 4 + cut as u32 * 4;
            assert_eq!(opened.dump.memory.u32_le(user_low.into()), Some(word(user_low)));
            assert_eq!(opened.dump.memory.u32_le(u64::from(user_low) - 4), None);
            if cut == 0 {
                check_context(&opened, build, 300, 300);
            }
        }
    }
}

#[test]
fn a_context_in_ram_is_found_by_its_mark_in_the_middle_of_other_memory() {
    for build in BUILDS {
        let dump = marked_context(build);
        check_context(&open(dump.clone()), build, IRQ_SIZE / 4, 1024);
        let mut image = vec![0x5a; 4096];
        image.extend(dump);
        check_context(&open(image.clone()), build, IRQ_SIZE / 4, 1024);
        image.extend([0xa5; 1000]);
        check_context(&open(image), build, IRQ_SIZE / 4, 1024);
    }
}

#[test]
fn a_context_of_an_assertion_tells_where_it_failed_and_the_stack() {
    for build in [BUILDS[0], BUILDS[2], BUILDS[3]] {
        let opened = open(context(build, true, 300, 300));
        let words = format!("Assertion failed in {}:321", build.file);
        assert_eq!(opened.dump.reason.words, words);
        assert_eq!(
            (register(&opened, "sp"), register(&opened, "pc")),
            (Some(USER_SP.into()), None)
        );
        let above = u64::from(USER_SP) + 40;
        assert_eq!(opened.dump.memory.u32_le(above), Some(word(above as u32)));
        assert_eq!(opened.dump.memory.u32_le(IRQ_SP.into()), None, "nothing was saved of it");
    }
}

fn noisy_stream(context: &[u8], skip: Option<usize>) -> Vec<u8> {
    [log_noise(3000), stream(context, skip), log_noise(500)].concat()
}

#[test]
fn the_lines_that_a_controller_prints_of_its_context_are_put_together_and_checked() {
    let build = BUILDS[0];
    let context = context(build, false, IRQ_SIZE / 4, 512);
    let opened = open(noisy_stream(&context, None));
    check_context(&opened, build, IRQ_SIZE / 4, 512);
    assert!(!notes(&opened).contains("CRC"), "{}", notes(&opened));

    let damaged = String::from_utf8(noisy_stream(&context, None)).expect("text");
    let at = damaged.find("hardfault_stream\t0b7c ").expect("there are so many");
    let mut damaged = damaged.into_bytes();
    damaged[at + 22] = if damaged[at + 22] == b'0' { b'1' } else { b'0' };
    assert!(notes(&open(damaged)).contains("CRC-32"));

    // A line of the user stack's memory is missing.
    let opened = open(noisy_stream(&context, Some(40)));
    assert_eq!(register(&opened, "pc"), Some(GENERAL[15].into()));
    assert!(notes(&opened).contains("missing"), "{}", notes(&opened));
    let held = |addr: u32| opened.dump.memory.u32_le(addr.into()).is_some();
    let low = USER_SP - 256 * 4 + 4;
    let missing = (0..512).filter(|n| !held(low + n * 4)).count();
    assert!((10..=12).contains(&missing), "{missing} words");
}

#[test]
fn damaged_logs_and_contexts_make_a_dump_or_a_clear_error() {
    let text = text(RELEASES[1], false, false).into_bytes();
    let context = context(BUILDS[1], false, 300, 300);
    let stream = noisy_stream(&context, None);
    for (name, bytes) in [("text", &text), ("context", &context), ("stream", &stream)] {
        try_all_prefixes(name, bytes, &Options::default());
        try_bit_flips(name, bytes, &Options::default());
    }
}
