//! RIOT's hard faults.
//!
//! Source: RIOT `cpu/cortexm_common/vectors_cortexm.c` (c8bd52ff13).

use super::{Dialect, Rule, on_cortex_m};

/// RIOT's hard faults.
pub(super) static RIOT: Dialect = Dialect {
    sample: "\
Context before hardfault:
   r0: 0x0000008b
   lr: 0x0801a4a5
   pc: 0x0803c4cc
  psr: 0x61000000

FSR/FAR:
 CFSR: 0x00000400
EXC_RET: 0xfffffffd
Active thread: 2 \"pump\"
",
    starts: &["Context before hardfault:", "Stack pointer corrupted, reset to top of stack"],
    ends: &["*** halted.", "*** rebooting"],
    rules: &[
        Rule::Says("Context before hardfault:", "hard fault"),
        Rule::Title("Stack pointer corrupted, reset to top of stack"),
        Rule::Title("ISR stack overflowed"),
        Rule::Skip("set $pc="),
        Rule::Register("EXC_RET: 0x{hex8}", "exc_return"),
        Rule::Thread("Active thread: {dec} \"{thread}\""),
        Rule::Fact("Hard fault occurred in ISR number {text}", "interrupt"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    ..on_cortex_m("riot-fault", "RIOT hard fault text")
};
