//! ESPHome's record of the crash before.
//!
//! Source: esphome/esphome #14709 (ESP32), #15465 (ESP8266), #17825, #17881, and its handler of the RP2040.

use super::espressif::{espressif, is_windowed, with_cause};
use super::{Address, Dialect, Rule};

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
        Rule::Fact("BT{n}: {text}", "code address on the stack"),
        Rule::FramesBehind("Backtrace:", "0x{hexpc}", Address::Instruction),
        Rule::Skip("Decoded 0x"),
        Rule::Skip("Use: addr2line"),
        Rule::Registers("{name}: 0x{hex8}"),
    ],
    finish: |dump, crash| {
        with_cause(dump, crash);
        let windowed = is_windowed(dump);
        for frame in dump.threads.iter_mut().flat_map(|thread| &mut thread.printed) {
            // Without windows it is ra that is printed, as it is.
            frame.returns = !windowed;
        }
    },
    ..espressif("esphome", "ESPHome crash record")
};
