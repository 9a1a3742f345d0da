//! MicroPython's hard faults on STM32 and Renesas RA.
//!
//! Source: MicroPython `ports/stm32/stm32_it.c` and `ports/renesas-ra/ra_it.c` (1c3c201149).

use super::{Dialect, Rule, on_cortex_m};
use crate::dump::Note;
use crate::format::machine::Family;

/// MicroPython on STM32 and Renesas RA.
pub(super) static MICROPYTHON: Dialect = Dialect {
    sample: "\
HardFault
R0    00000021
R12   200074a4
SP    20000dd8
LR    08016e13
PC    0802e704
XPSR  21000000
HFSR  40000000
CFSR  00008200
BFAR  50000000
",
    starts: &["^HardFault$", "R0 {hex8}$"],
    ends: &["FATAL ERROR:"],
    rules: &[
        // Others say this as well: it is MicroPython's if its registers follow.
        Rule::Fallback("HardFault"),
        Rule::Registers("{name} {hex8}$"),
        Rule::Memory("{hexaddr} {words}"),
    ],
    family: |crash| crash.has("pc").then_some(Family::CortexM),
    finish: |dump, crash| {
        if crash.has("sp") {
            let words = "sp is where the exception frame lies, below the sp of the code";
            dump.notes.push(Note::info(words).by("micropython").code("unknown-register"));
        }
    },
    ..on_cortex_m("micropython", "MicroPython hard fault text")
};
