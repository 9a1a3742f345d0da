//! The crash texts of ESP8266_RTOS_SDK up to 3.2.
//!
//! All of the stack is printed, sixteen words a row; the registers are PC PS A0-A15 SAR EXCCAUSE.
//! Instead of the task it may say `Core 0 was running in ISR context:` (or NMI) before the stack of
//! interrupts, or `No task`, with `Task watchdog got triggered.` before it. The first releases of
//! 2018 say `ISR:` and `Watch dog triggle:`, and print words without `0x`. Newer releases print
//! ESP-IDF's text.
//!
//! Source: espressif/ESP8266_RTOS_SDK `components/freertos/port/esp8266/panic.c` (050fb6a63fb) and
//! its forms of 2018 to 2019 in other copies. No log of somebody's device is among the samples.

use super::{Dialect, PLAIN, Rule, esp8266};
use crate::dump::Note;
use crate::reason::Signal;

const NAME: &str = "esp8266-rtos";

/// Crash texts of ESP8266_RTOS_SDK.
pub(super) static ESP8266_RTOS: Dialect = Dialect {
    name: NAME,
    title: "ESP8266_RTOS_SDK crash text",
    sample: "\
Task stack [main] stack from [0x3fff1a00] to [0x3fff1c00], total [512] size

               0        4        8        c

3fff1a00  0xa5a5a5a5 0xa5a5a5a5 0x40223c40 0x3fff1b40

        PC: 0x40223c5e        PS: 0x00000030        A0: 0x40223c40        A1: 0x3fff1b20
        A2: 0x00000000        A3: 0x00000001        A4: 0x3ffe8a10        A5: 0x00000004
       SAR: 0x0000001d  EXCCAUSE: 0x0000001d
",
    starts: &["Task stack [", "Core {core} was running in {text} context", "ISR:$", FIRST_ROW],
    above: &[
        "ESP_ERROR_CHECK failed",
        "abort() was called",
        "Task watchdog got triggered",
        "Watch dog triggle",
    ],
    again: &["Task stack [", FIRST_ROW],
    ends: &["EXCCAUSE: 0x{hex8}"],
    rules: &[
        Rule::Thread("Task stack [{thread}] stack from [0x{hexlow}] to [0x{hexhigh}]"),
        // An interrupt led to the panic then, and no instruction.
        Rule::Title("Task watchdog got triggered"),
        Rule::Title("Watch dog triggle"),
        Rule::Fact("Core {core} was running in {text} context", "context"),
        Rule::Fact("ESP_ERROR_CHECK failed{text}", "error"),
        Rule::Fact("abort() was called {text}", "abort"),
        Rule::Memory("^{hexaddr8} {words8}"),
        Rule::Registers("{name}: 0x{hex8}"),
    ],
    is_crash: |_, crash| crash.has("pc") && crash.has("a1"),
    machine: |_, _, context, _| esp8266::machine(context),
    finish: |dump, crash| {
        if let Some(title) = crash.titles.first() {
            dump.reason.words = (*title).to_string();
            dump.reason.signal = Some(Signal::Abrt);
            dump.reason.evidence.clear();
        }
        if !crash.has("exccause") {
            let words = "the text ends before EXCCAUSE: it is cut off";
            dump.notes.push(Note::warning(words).by(NAME).code("cut"));
        }
    },
    ..PLAIN
};

/// With the names right before their colons: others (ESP-IDF) fill names up with blanks.
const FIRST_ROW: &str = "PC: 0x{hexpc} PS: 0x{hexps} A0: 0x{hexa} A1: 0x{hex}";
