//! ArduPilot's record of the watchdog's reset: a line of its console or of its log.
//!
//! Source: ArduPilot `AP_Vehicle.cpp` and the log message WDOG.

use super::{Dialect, Rule, on_cortex_m};
use crate::reason::Signal;

/// ArduPilot's record of the watchdog's reset.
pub(super) static ARDUPILOT_WDOG: Dialect = Dialect {
    sample: "\
2026-01-01 10:00:04.12: WDG: T30 SL0 FL102 FT3 FAE000ED38 FTP182 FLR805AF05 FICSR4196355 MM76 MC246 IE0 IEC0 TN:rcin
",
    // Tasks below 0 are the scheduler's own.
    starts: &["FT : {dec}, FA : {dec}", "WDG: T{dec}", "WDG: T-{dec}"],
    ends: &["FT : {dec}, FA : {dec}", "WDG: T{dec}", "WDG: T-{dec}"],
    rules: &[Rule::All(&[
        Rule::Register("FT : {dec}", "fault type"),
        Rule::Register("FT{dec} FA", "fault type"),
        Rule::Register("LR : {dec}", "lr"),
        Rule::Register("FLR{hex}", "lr"),
        Rule::Register("ICSR : {dec}", "ICSR"),
        Rule::Register("FICSR{dec}", "ICSR"),
        Rule::Register("FA : {dec}", "fault address"),
        Rule::Register("FA{hex}", "fault address"),
        Rule::Register("FL : {dec}", "fault line"),
        Rule::Register("Tsk : {dec}", "scheduler task"),
        Rule::Thread("TN:{thread}$"),
    ])],
    finish: |dump, crash| {
        // AP_HAL's FaultType.
        let words = match crash.word("fault type") {
            Some(2) => "NMI",
            Some(3) => "hard fault",
            Some(4) => "memory management fault",
            Some(5) => "bus fault",
            Some(6) => "usage fault",
            _ => "watchdog reset",
        };
        dump.reason.words = format!("{words}, then a reset by the watchdog");
        dump.reason.signal = Some(Signal::Segv).filter(|_| words != "watchdog reset");
    },
    ..on_cortex_m("ardupilot-wdog", "ArduPilot watchdog record")
};
