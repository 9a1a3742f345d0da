//! ESPHome's record of the crash before.
//!
//! On Xtensa chips with windows the device walks the stack. Elsewhere it prints pc and ra, where it has them,
//! and what on the stack looks like return addresses: "stack scan" on RISC-V, but "backtrace" on the ESP8266.
//!
//! Source: esphome/esphome `esphome/components/esp32/crash_handler.cpp` (0f72491a784, and since #17825 and
//! #17881 with the cause's number, the core and EXCVADDR), `esp8266/crash_handler.cpp` and
//! `rp2040/crash_handler.cpp` as of #15465.

use super::espressif::{espressif, is_windowed, with_cause};
use super::{Address, Dialect, Rule};
use crate::dump::PrintedFrame;
use crate::format::machine::Family;

const ON_STACK: &str = "code address on the stack";

/// ESPHome's record of the crash before.
pub(super) static ESPHOME: Dialect = Dialect {
    sample: "\
*** CRASH DETECTED ON PREVIOUS BOOT ***
  Reason: Fault - LoadProhibited (cause 28)
  Crashed core: 1
  PC:  0x400E15A4  (fault location)
  EXCVADDR: 0x00000014  (faulting address)
  BT0: 0x400E15A1  (backtrace)
  BT1: 0x400DF0C8  (backtrace)
",
    starts: &["*** CRASH DETECTED ON PREVIOUS BOOT ***"],
    rules: &[
        Rule::Register("Reason: Fault - {text} (cause {dec})", "cause"),
        Rule::All(&[
            Rule::Chip("(exccause={dec})", "esp8266"),
            Rule::Register("Reason: Exception - {text} (exccause={dec})", "cause"),
            Rule::Title("Soft WDT"),
            Rule::Title("Hardware WDT"),
        ]),
        Rule::Title("Reason: {text}"),
        Rule::Says("^HardFault$", "HardFault"),
        Rule::Core("Crashed core: {dec}"),
        Rule::Frame("BT{n}: 0x{hexpc} (backtrace)", Address::Instruction),
        // The others were found on the stack by their looks.
        Rule::Fact("BT{n}: {text}", ON_STACK),
        Rule::FramesBehind("Backtrace:", "0x{hexpc}", Address::Instruction),
        Rule::Skip("Decoded 0x"),
        Rule::Skip("Use: addr2line"),
        Rule::Registers("{name}: 0x{hex8}"),
    ],
    finish: |dump, crash| {
        with_cause(dump, crash);
        let windowed = is_windowed(dump);
        if dump.arch.family == Family::Xtensa && !windowed {
            for thread in &mut dump.threads {
                let found = std::mem::take(&mut thread.printed);
                let fact = |frame: PrintedFrame| (ON_STACK.to_string(), format!("{:#x}", frame.pc));
                dump.identity.facts.extend(found.into_iter().map(fact));
            }
        }
        for frame in dump.threads.iter_mut().flat_map(|thread| &mut thread.printed) {
            // Without windows it is ra that is printed, as it is.
            frame.returns = !windowed;
        }
    },
    ..espressif("esphome", "ESPHome crash record")
};
