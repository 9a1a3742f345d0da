//! Marlin's faults on Arm.
//!
//! Source: Marlin `HAL/shared/cpu_exception/exception_arm.cpp` (2.1).

use super::{Address, Dialect, Rule, on_cortex_m};
use crate::reason::Signal;

/// Marlin's faults.
pub(super) static MARLIN: Dialect = Dialect {
    sample: "\
## Software Fault detected ##
Cause: Hard
R0   : 0x00000002
LR   : 0x1FFF8494
PC   : 0x0001C7B2
PSR  : 0x61000000
CFSR : 0x02000000
ExcLR: 0xFFFFFFF9
Backtrace:#1 : unknown@0x0001C39C+1046 PC:0x0001C7B2
",
    starts: &["## Software Fault detected ##"],
    rules: &[
        Rule::Title("Cause: {text}"),
        Rule::Frame("#{dec} : {function}@0x{hexof}+{offset} PC:0x{hexpc}", Address::Return),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    names: &[("mmar", "MMFAR"), ("exclr", "exc_return"), ("excsp", "excsp")],
    finish: |dump, _| {
        if !dump.reason.words.to_ascii_lowercase().contains("fault") {
            dump.reason.words = format!("{} fault", dump.reason.words);
        }
        dump.reason.signal = dump.reason.signal.or(Some(Signal::Segv));
        for frame in dump.threads.iter_mut().flat_map(|thread| &mut thread.printed) {
            frame.function = frame.function.take().filter(|name| name != "unknown");
        }
    },
    ..on_cortex_m("marlin", "Marlin fault text")
};
