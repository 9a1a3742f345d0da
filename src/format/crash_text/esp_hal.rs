//! Exceptions of the Rust runtime on Espressif's chips: esp-hal and esp-backtrace.
//!
//! Source: esp-rs/esp-hal `esp-hal/src/exception_handler/mod.rs` and `esp-backtrace/src/lib.rs`, as in
//! esp-hal#1305, #4004 and esp32-hal#77.

use super::espressif::espressif;
use super::{Address, Dialect, Printer, Rule};
use crate::format::machine::Family;

/// Exceptions of esp-hal and esp-backtrace.
pub(super) static ESP_HAL: Dialect = Dialect {
    sample: "\
Exception occured 'LoadProhibited'
Context
PC=0x42003b1e       PS=0x00060b30
A0=0x82003c52       A1=0x3fcd2a40       A2=0x00000000       A3=0x00000000       A4=0x3fccf848
SAR=00000016
EXCCAUSE=0x0000001c EXCVADDR=0x00000008
LBEG=0x00000000     LEND=0x00000000     LCOUNT=0x00000000

0x42003b1b
0x42003c4f
",
    starts: &[
        "Exception occured {on}'",
        "Exception occurred {on}'",
        "Exception: {text}, Context",
        "Exception '{text}' mepc=",
        "TrapFrame",
    ],
    rules: &[
        Rule::All(&[
            Rule::Title("Exception occured {on}'{text}'"),
            Rule::Title("Exception occurred {on}'{text}'"),
            Rule::Title("Exception: {text}, Context"),
            Rule::Title("Exception '{text}' mepc"),
            Rule::Register("mepc={hex}", "mepc"),
            Rule::Register("mtval={hex}", "mtval"),
            Rule::Registers("{name}: {number}"),
        ]),
        Rule::Registers("{name}=0x{hex8}"),
        // Printed without 0x, behind names that have it.
        Rule::Register("SAR={hex8}", "sar"),
        // esp-backtrace takes the length of a call off the return addresses.
        Rule::Frame("^0x{hexpc}$", Address::Instruction),
    ],
    names: &[("mepc", "pc"), ("threadptr", "threadptr"), ("scompare1", "scompare1"), ("br", "br")],
    family: |crash| match () {
        () if crash.has("exccause") || crash.has("ps") => Some(Family::Xtensa),
        () if crash.has("mepc") || crash.has("ra") => Some(Family::RiscV32),
        () => None,
    },
    printer: Printer::Either,
    ..espressif("esp-hal", "esp-hal exception text")
};
