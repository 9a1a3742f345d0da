//! Crash texts of ESP8266_RTOS_SDK up to 3.2, made here as the releases of 2018 and 2019 print
//! them.

use crate::support::esp8266_rtos as made;
use crate::support::formats as support;
use coroner::open::{Opened, Options};
use coroner::reason::Signal;
use made::*;
use support::{log_noise, open_bytes, try_all_prefixes, try_bit_flips};

fn open(text: &str) -> Opened {
    let mut log = log_noise(2000);
    log.extend_from_slice(b"40201234 deadbeef\r\n");
    log.extend_from_slice(&log_noise(1000));
    log.extend_from_slice(text.as_bytes());
    log.extend_from_slice(&log_noise(500));
    open_bytes("monitor.log", log, &Options::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn check(opened: &Opened, pc: u64, sp: u64) {
    assert_eq!(opened.found.len(), 1, "{:?}", opened.found);
    assert_eq!(opened.dump.format, "ESP8266_RTOS_SDK crash text");
    assert_eq!(opened.dump.chip.as_ref().map(|chip| chip.name.as_str()), Some("esp8266"));
    let register = |name: &str| opened.dump.threads[0].registers.by_name(name);
    assert_eq!((register("pc"), register("a1")), (Some(pc), Some(sp)));
    assert_eq!((register("a0"), register("a15")), (Some(0x4024_0011), Some(0x0a00_000f)));
    assert_eq!((register("sar"), register("ps")), (Some(7), Some(0x33)));
    for addr in (LOW..LOW + 4 * WORDS).step_by(4) {
        assert_eq!(opened.dump.memory.u32_le(addr.into()), Some(word(addr)));
    }
    assert_eq!(opened.dump.memory.u32_le(0x4020_1234), None, "another's numbers");
}

#[test]
fn a_task_that_crashed_has_its_name_registers_and_whole_stack() {
    for old in [false, true] {
        let text = format!("\r\n\r\n{}{}", task(old), registers(old, 0x4023_1a0f, 0x3ffe_9cc0, 28));
        let opened = open(&text);
        check(&opened, 0x4023_1a0f, 0x3ffe_9cc0);
        let thread = &opened.dump.threads[0];
        assert_eq!(thread.name.as_deref(), Some("uiT"));
        let bounds = thread.stack.map(|stack| (stack.low, stack.high));
        assert_eq!(bounds, Some((LOW.into(), (LOW + 4 * WORDS).into())));
        assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
        assert!(opened.dump.reason.words.starts_with("LoadProhibited"));
    }
}

#[test]
fn a_watchdog_and_an_interrupt_are_told_in_words() {
    let watchdog = format!(
        "\r\n\r\nTask watchdog got triggered.\r\n\r\n{}{}",
        task(false),
        registers(false, 0x4021_0004, 0x3ffe_9d00, 4)
    );
    let opened = open(&watchdog);
    check(&opened, 0x4021_0004, 0x3ffe_9d00);
    assert_eq!(opened.dump.reason.words, "Task watchdog got triggered.");
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    let interrupt = format!(
        "\r\n\r\nCore 0 was running in ISR context:\r\n\r\n{}{}",
        stack(false),
        registers(false, 0x4010_5678, 0x3ffe_9c80, 0)
    );
    let opened = open(&interrupt);
    check(&opened, 0x4010_5678, 0x3ffe_9c80);
    assert_eq!(opened.dump.reason.signal, Some(Signal::Ill));
    assert!(opened.dump.texts.iter().any(|line| line.contains("ISR context")));
}

#[test]
fn each_crash_of_a_log_is_a_dump() {
    let first = format!("{}{}", task(false), registers(false, 0x4023_1a0f, 0x3ffe_9cc0, 28));
    let second = format!("\r\nNo task\r\n\r\n{}", registers(false, 0x4023_2222, 0x3ffe_9cc4, 9));
    let opened = open(&format!("{first}\r\nets Jan  8 2013,rst cause:2\r\n{second}"));
    assert_eq!(opened.found.len(), 2);
    assert_eq!(opened.dump.threads[0].registers.pc(), Some(0x4023_2222));
    assert_eq!(opened.dump.memory.region_count(), 0);
}

#[test]
fn damaged_texts_never_panic() {
    let text = format!("{}{}", task(false), registers(false, 0x4023_1a0f, 0x3ffe_9cc0, 28));
    try_all_prefixes("rtos", text.as_bytes(), &Options::default());
    try_bit_flips("rtos", text.as_bytes(), &Options::default());
}
