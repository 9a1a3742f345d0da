//! Texts of the ESP8266's Arduino core, made here as `core_esp8266_postmortem.cpp` and
//! `hwdt_app_entry.cpp` print them: those that are not a plain exception on one stack.

use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

const GUARD: u32 = 0xfeef_effe;

fn open(text: &str) -> Opened {
    let mut log = log_noise(2000);
    log.extend_from_slice(text.replace('\n', "\r\n").as_bytes());
    log.extend_from_slice(&log_noise(1000));
    open_bytes("monitor.log", log, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.threads[0].registers.by_name(name)
}

const CUT: &str = "\n--------------- CUT HERE FOR EXCEPTION DECODER ---------------\n";

fn exception(cause: u32, epc1: u32, epc2: u32, excvaddr: u32, depc: u32) -> String {
    format!(
        "\nException ({cause}):\nepc1=0x{epc1:08x} epc2=0x{epc2:08x} epc3=0x00000000 \
         excvaddr=0x{excvaddr:08x} depc=0x{depc:08x}\n"
    )
}

/// One stack: `ctx`, and rows from `sp + offset` up to `end`, each word of them its own address
/// turned round. Rows of guard words in `guards` are left out, as newer cores do.
fn stack(ctx: &str, sp: u32, end: u32, offset: u32, guards: std::ops::Range<u32>) -> String {
    let mut text = format!("\nctx: {ctx}\nsp: {sp:08x} end: {end:08x} offset: {offset:04x}\n");
    for row in ((sp + offset)..end).step_by(16) {
        let words = [0, 4, 8, 12].map(|n| match guards.contains(&row) {
            true => GUARD,
            false => (row + n).swap_bytes(),
        });
        if words != [GUARD; 4] {
            let [a, b, c, d] = words;
            text += &format!("{row:08x}:  {a:08x} {b:08x} {c:08x} {d:08x}  \n");
        }
    }
    text
}

fn stacks(all: &[String]) -> String {
    format!("\n>>>stack>>>\n{}\n<<<stack<<<\n\n", all.concat())
}

fn check_word(opened: &Opened, addr: u32) {
    assert_eq!(opened.dump.memory.u32_le(addr.into()), Some(addr.swap_bytes()), "{addr:#x}");
}

#[test]
fn a_crash_on_the_stack_of_bearssl_is_there_whichever_stack_comes_first() {
    let cont = stack("cont", 0x3fff_ef20, 0x3fff_ef80, 0, 0..0);
    let bearssl = stack("bearssl", 0x3fff_2000, 0x3fff_21e0, 0x150, 0..0);
    for both in [[bearssl.clone(), cont.clone()], [cont, bearssl]] {
        let text = format!("{CUT}{}{}{CUT}", exception(29, 0x4021_0777, 0, 0x10, 0), stacks(&both));
        let opened = open(&text);
        assert_eq!(opened.found.len(), 1);
        assert_eq!(register(&opened, "pc"), Some(0x4021_0777));
        assert_eq!(register(&opened, "a1"), Some(0x3fff_2150));
        let stack = opened.dump.threads[0].stack.expect("its bounds are printed");
        assert_eq!((stack.low, stack.high), (0x3fff_2150, 0x3fff_21e0));
        check_word(&opened, 0x3fff_21dc);
        check_word(&opened, 0x3fff_ef44);
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    }
}

#[test]
fn rows_of_guard_words_that_are_left_out_do_not_move_the_stack_pointer() {
    let rows = stack("cont", 0x3fff_ee00, 0x3fff_ee80, 0x20, 0x3fff_ee20..0x3fff_ee40);
    let alloc = "\nlast failed alloc call: 40201234(4096)\n";
    let text = format!("{CUT}\nAbort called\n{}{alloc}{CUT}", stacks(&[rows]));
    let opened = open(&text);
    assert_eq!(register(&opened, "a1"), Some(0x3fff_ee20));
    assert_eq!(opened.dump.memory.u32_le(0x3fff_ee2c), None);
    check_word(&opened, 0x3fff_ee40);
    assert_eq!(opened.dump.reason.words, "Abort called");
    let failed = |line: &String| line.contains("last failed alloc call: 40201234(4096)");
    assert!(opened.dump.texts.iter().any(failed), "{:?}", opened.dump.texts);
}

#[test]
fn a_software_watchdog_and_a_smashed_stack_say_where() {
    let rows = || stacks(&[stack("cont", 0x3fff_fc00, 0x3fff_fe00, 0x160, 0..0)]);
    let soft = format!(
        "{CUT}\nSoft WDT reset - deliberate infinite loop detected\n{}{}{CUT}",
        exception(4, 0x4020_10a4, 0, 0, 0),
        rows()
    );
    let opened = open(&soft);
    assert_eq!(register(&opened, "pc"), Some(0x4020_10a4));
    assert_eq!(register(&opened, "a1"), Some(0x3fff_fd60));
    assert_eq!(
        opened.dump.reason.words,
        "Soft WDT reset - deliberate infinite loop detected at pc 0x402010a4"
    );
    let smashed = format!("{CUT}\nStack smashing detected at 0x40203322\n{}{CUT}", rows());
    let opened = open(&smashed);
    assert_eq!(register(&opened, "pc"), Some(0x4020_3322));
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
}

/// The decoder of Arduino gets the return address of a call of nothing.
#[test]
fn of_unusual_exceptions_pc_is_where_they_happened() {
    let rows = || stacks(&[stack("cont", 0x3fff_fc00, 0x3fff_fe00, 0x190, 0..0)]);
    let unusual = |name: &str, excsave1: u32, epc1: u32| {
        format!("\n{name} - excsave1=0x{excsave1:08x} excsave2=0x3fffbcd0 epc1=0x{epc1:08x}\n{CUT}")
    };
    let null_call = unusual("XTOS Unhandled exception - BP", 0x4020_2b0e, 0);
    let opened = open(&format!(
        "{null_call}{}{}{CUT}",
        exception(20, 0x4020_2b0e, 0x4000_dc4b, 0, 0),
        rows()
    ));
    assert_eq!(register(&opened, "pc"), Some(0));
    assert_eq!(register(&opened, "a0"), Some(0x4020_2b0e));
    assert_eq!(register(&opened, "exccause"), Some(20));
    let words = &opened.dump.reason.words;
    assert!(words.starts_with("InstFetchProhibited") && words.ends_with("at pc 0x0"), "{words}");

    let double = unusual("Double Exception", 0x4020_1111, 0x4020_2222);
    let opened = open(&format!(
        "{double}{}{}{CUT}",
        exception(2, 0x4020_3333, 0, 0x44, 0x4020_3333),
        rows()
    ));
    assert_eq!(register(&opened, "pc"), Some(0x4020_3333), "where the second one happened");
    assert_eq!(register(&opened, "a0"), None);
    assert!(opened.dump.texts.iter().any(|line| line.contains("Double Exception")));
}

#[test]
fn a_hardware_watchdog_prints_all_stacks_and_is_one_dump() {
    let one = |ctx: &str, sp: u32, end: u32| {
        format!("\n>>>stack>>>\n{}<<<stack<<<\n\n", stack(ctx, sp, end, 0, 0..0))
    };
    let text = format!(
        "\n\nHardware WDT reset\n{}{}\n\n\n",
        one("sys", 0x3fff_f5a0, 0x3fff_fb30),
        one("cont", 0x3fff_ef00, 0x3fff_efb0)
    );
    let opened = open(&format!("{text}{text}"));
    assert_eq!(opened.found.len(), 2, "it happened twice");
    assert_eq!(register(&opened, "pc"), None);
    assert_eq!(register(&opened, "a1"), Some(0x3fff_ef00));
    check_word(&opened, 0x3fff_f5a0);
    check_word(&opened, 0x3fff_fb2c);
    check_word(&opened, 0x3fff_efac);
    assert_eq!(opened.dump.reason.words, "Hardware WDT reset");
}

#[test]
fn damaged_texts_never_panic() {
    let rows = stacks(&[stack("cont", 0x3fff_fc00, 0x3fff_fe00, 0x190, 0..0)]);
    let text = format!(
        "\nDouble Exception - excsave1=0x40201111 excsave2=0x3fffbcd0 epc1=0x40202222\n{CUT}{}{rows}",
        exception(2, 0x4020_3333, 0, 0x44, 0x4020_3333)
    );
    try_all_prefixes("esp8266", text.as_bytes(), &Options::default());
    try_bit_flips("esp8266", text.as_bytes(), &Options::default());
}
