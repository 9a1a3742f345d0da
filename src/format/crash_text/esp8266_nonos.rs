//! The exception text of the ESP8266's NONOS SDK, and of RTOS SDK 1.x, which is made of it.
//!
//! It has no registers but the program counters of the interrupt levels; 2.0 and later name the cause.
//!
//! Source: texts of SDK 1.5 to 2.2.1 in reports (the handler is in a library without source).

use super::{Dialect, PLAIN, Rule, esp8266};

/// Exception texts of the ESP8266's SDK.
pub(super) static ESP8266_NONOS: Dialect = Dialect {
    name: "esp8266-nonos",
    title: "ESP8266 SDK exception text",
    sample: "\
Fatal exception 29(StoreProhibitedCause):
epc1=0x40210c3e, epc2=0x00000000, epc3=0x00000000, excvaddr=0x00000010, depc=0x00000000
",
    starts: &["Fatal exception {dec}({text}):", "Fatal exception ({dec}):"],
    ends: &["depc=0x{hex8}"],
    rules: &[
        Rule::Register("Fatal exception {dec}({name})", "exccause"),
        Rule::Register("Fatal exception ({dec})", "exccause"),
        Rule::Registers("{name}=0x{hex8}"),
    ],
    names: &[("epc1", "pc"), ("epc2", "epc2"), ("epc3", "epc3"), ("depc", "depc")],
    is_crash: |_, crash| crash.has("epc1"),
    machine: |_, _, context, _| esp8266::machine(context),
    ..PLAIN
};
