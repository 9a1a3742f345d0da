//! What the texts of Espressif's chips share that are not ESP-IDF's own.

use super::{Crash, Dialect, PLAIN, reason};
use crate::arch;
use crate::dump::Dump;
use crate::format::machine::Family;
use crate::reason::Signal;

/// A dialect of Espressif's chips, with what they share.
pub(super) const fn espressif(name: &'static str, title: &'static str) -> Dialect {
    Dialect { name, title, names: &[("cause", "")], family, ..PLAIN }
}

/// What RISC-V chips print as cause, and Xtensa ones do not: those have names in one word.
pub(super) const RISCV_CAUSES: [&str; 4] =
    ["misaligned", "access fault", "illegal instruction", "ecall"];

/// What Tasmota calls ESP-IDF's own numbers, in one word as the CPU's causes.
const NOT_OF_THE_CPU: [&str; 7] = [
    "debugexception",
    "doubleexception",
    "kernelexception",
    "coprocexception",
    "intwdtcpu0",
    "intwdtcpu1",
    "cacheerror",
];
/// Where code of the first ESP32 and the ESP32-S2 lies and no RISC-V chip has any.
const XTENSA_CODE: std::ops::Range<u64> = 0x400d_0000..0x4037_0000;

pub(super) fn family(crash: &Crash<'_>) -> Option<Family> {
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
pub(super) fn with_cause(dump: &mut Dump, crash: &Crash<'_>) {
    dump.reason.signal = dump.reason.signal.or(Some(Signal::Abrt));
    let (Some(thread), Some(title)) = (dump.threads.first_mut(), crash.titles.first()) else {
        return;
    };
    let Some(cause) = crash.word("cause") else { return };
    let lower = title.to_ascii_lowercase();
    let (name, is_cpus) = match dump.arch.family {
        Family::Xtensa => {
            let own = lower == "unknown" || NOT_OF_THE_CPU.contains(&lower.as_str());
            ("exccause", !title.contains(' ') && !own)
        }
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
pub(super) fn is_windowed(dump: &Dump) -> bool {
    dump.arch.register("windowbase").is_some()
}

#[cfg(test)]
mod tests {
    use super::super::tasmota::TASMOTA;
    use crate::carrier::Piece;
    use crate::format::{Context, Format};
    use crate::targets::Targets;

    #[test]
    fn a_number_of_esp_idf_is_no_cause_of_the_cpu() {
        let targets = Targets::built_in();
        let context =
            Context { targets: &targets, force: false, target: None, elf: None, frame: None };
        let cause = |number: &str, name: &str| {
            let text = TASMOTA.sample.replace("28", number).replace("LoadProhibited", name);
            let piece = Piece::outermost(text.into_bytes().into());
            let dump = TASMOTA.read(&piece, &context).expect("it is readable");
            let registers = &dump.threads.first().expect("one").registers;
            (registers.by_name("exccause"), dump.reason.words)
        };
        assert_eq!(cause("28", "LoadProhibited").0, Some(28));
        let (number, words) = cause("5", "IntWdtCpu0");
        assert_eq!(number, None, "5 is the cause of MOVSP on an Xtensa");
        assert!(words.contains("IntWdtCpu0"), "{words}");
    }
}
