//! Texts of Espressif's chips that are not ESP-IDF's own: the Rust runtime (esp-hal, esp-backtrace),
//! ESPHome's record of the crash before, and Tasmota's crash recorder (`Status 12`).
//!
//! Sources: esp-rs/esp-hal `esp-hal/src/exception_handler/mod.rs` and `esp-backtrace/src/lib.rs`, as in
//! esp-hal#1305, #4004 and esp32-hal#77; esphome/esphome #14709 (ESP32), #15465 (ESP8266), #17825,
//! #17881, and its handler of the RP2040; arendst/Tasmota #13108, #19603, #24515.

use super::{Address, Crash, Dialect, PLAIN, Printer, Rule, reason};
use crate::arch;
use crate::dump::Dump;
use crate::format::machine::Family;
use crate::reason::Signal;

/// A dialect of Espressif's chips, with what they share.
const fn espressif(name: &'static str, title: &'static str) -> Dialect {
    Dialect { name, title, names: &[("cause", "")], family, ..PLAIN }
}

/// What RISC-V chips print as cause, and Xtensa ones do not: those have names in one word.
const RISCV_CAUSES: [&str; 4] = ["misaligned", "access fault", "illegal instruction", "ecall"];
/// Where code of the first ESP32 and the ESP32-S2 lies and no RISC-V chip has any.
const XTENSA_CODE: std::ops::Range<u64> = 0x400d_0000..0x4037_0000;

fn family(crash: &Crash<'_>) -> Option<Family> {
    let title = crash.titles.first().map(|title| title.to_ascii_lowercase()).unwrap_or_default();
    if crash.says("HardFault") || crash.has("lr") {
        return Some(Family::CortexM);
    }
    if crash.has("mtval") || RISCV_CAUSES.iter().any(|cause| title.contains(cause)) {
        return Some(Family::RiscV32);
    }
    let one_word = ["prohibit", "loadstore", "illegalinst", "integerdivide", "instrfetch"];
    let by_code = crash.word("pc").is_some_and(|pc| XTENSA_CODE.contains(&pc));
    let xtensa = crash.chip.is_some() || by_code || one_word.iter().any(|w| title.contains(w));
    xtensa.then_some(Family::Xtensa)
}

/// The number of the cause is the CPU's where the words beside it are; ESP-IDF and the ESP8266 have
/// numbers of their own for watchdogs and their like.
fn with_cause(dump: &mut Dump, crash: &Crash<'_>) {
    dump.reason.signal = dump.reason.signal.or(Some(Signal::Abrt));
    let (Some(thread), Some(title)) = (dump.threads.first_mut(), crash.titles.first()) else {
        return;
    };
    let Some(cause) = crash.word("cause") else { return };
    let lower = title.to_ascii_lowercase();
    let (name, is_cpus) = match dump.arch.family {
        Family::Xtensa => ("exccause", !title.contains(' ') && lower != "unknown"),
        _ => ("mcause", RISCV_CAUSES.iter().any(|cause| lower.contains(cause))),
    };
    if is_cpus {
        thread.registers.set_by_name(name, cause);
        let trap = arch::trap_reason(&thread.registers);
        // "Exception", or a shorter form of the same word.
        let says_no_more = |words: &str| lower == "exception" || words.starts_with(*title);
        dump.reason = match trap {
            Some(trap) if says_no_more(&trap.words) => trap,
            trap => reason::of(crash, trap),
        };
    }
}

/// Whether the chip has windows of registers, which its runtime walks to find who called.
fn is_windowed(dump: &Dump) -> bool {
    dump.arch.register("windowbase").is_some()
}

/// Exceptions of esp-hal and esp-backtrace.
pub static ESP_HAL: Dialect = Dialect {
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

/// ESPHome's record of the crash before.
pub static ESPHOME: Dialect = Dialect {
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

/// Tasmota's crash recorder.
pub static TASMOTA: Dialect = Dialect {
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
