//! Tasmota's crash recorder (`Status 12`).
//!
//! The ESP8266 has three EPC, and its chain is of words on the stack that look like code; that of RISC-V chips
//! begins with ra and goes on like this. Xtensa chips with windows walk the stack. Newer builds say
//! of a watchdog and its like whose number it is: `IntWdtCpu0`, `CacheError`.
//!
//! Source: arendst/Tasmota `tasmota/tasmota_support/support_crash_recorder.ino` (0f4fa739ad4), and its
//! forms in #13108, #19603 and #24515.

use super::espressif::{espressif, is_windowed, with_cause};
use super::{Address, Dialect, Rule};

/// Tasmota's crash recorder.
pub(super) static TASMOTA: Dialect = Dialect {
    sample: "\
18:20:31.402 RSL: STATUS12 = {\"StatusSTK\":{\"Exception\":28,\"Reason\":\"LoadProhibited\",\"EPC\":\"401a52b8\",\
\"EXCVADDR\":\"00000004\",\"CallChain\":[\"401a52b5\",\"400e0617\",\"400eeb05\"]}}
",
    starts: &["\"Exception\":{dec},\"Reason\":\"{text}\",\"EPC\":"],
    ends: &["\"Exception\":{dec},\"Reason\":\"{text}\",\"EPC\":"],
    rules: &[Rule::All(&[
        // The ESP8266 has three of them.
        Rule::Chip("\"EPC\":[", "esp8266"),
        Rule::Register("\"EPC\":[\"{hex8}\"", "pc"),
        Rule::Register("\"EPC\":\"{hex8}\"", "pc"),
        Rule::Register("\"Exception\":{dec}", "cause"),
        Rule::Title("\"Reason\":\"{text}\""),
        Rule::Register("\"EXCVADDR\":\"{hex8}\"", "excvaddr"),
        Rule::Register("\"DEPC\":\"{hex8}\"", "depc"),
        Rule::FramesBehind("\"CallChain\":[", "\"{hexpc}\"", Address::Instruction),
        Rule::Fact("\"CallChain\":[{text}]", "call chain"),
    ])],
    finish: |dump, crash| {
        with_cause(dump, crash);
        // Without windows the chain is of words on the stack that look like return addresses.
        let windowed = is_windowed(dump);
        for thread in dump.threads.iter_mut().filter(|_| !windowed) {
            thread.printed.clear();
        }
    },
    ..espressif("tasmota", "Tasmota crash record")
};
