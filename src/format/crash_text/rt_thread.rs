//! RT-Thread's hard faults on Cortex-M.
//!
//! Source: RT-Thread `libcpu/arm/cortex-m*/cpuport.c`, 3.1 to 5.1.

use super::{Crash, Dialect, Rule, on_cortex_m};
use crate::dump::Dump;
use crate::format::machine::Family;

/// RT-Thread's hard faults.
pub(super) static RT_THREAD: Dialect = Dialect {
    sample: "\
psr: 0x21000000
r00: 0x00000073
r01: 0x20002380
 lr: 0x0803b3a9
 pc: 0x0802dbe0
hard fault on thread: sensor
bus fault:
SCB_CFSR_BFSR:0x04 IMPRECISERR
",
    starts: &["psr: 0x{hex8}"],
    rules: &[
        Rule::All(&[
            Rule::Says("hard fault on thread:", "hard fault"),
            Rule::Thread("hard fault on thread: {thread}"),
        ]),
        Rule::Says("hard fault on handler", "hard fault in an interrupt handler"),
        Rule::Register("SCB_CFSR_BFSR:0x{hex} {text}", "bfsr"),
        Rule::Register("SCB_CFSR_MFSR:0x{hex} {text}", "mmfsr"),
        Rule::Register("SCB_CFSR_UFSR:0x{hex} {text}", "ufsr"),
        Rule::Title("failed vector fetch"),
        Rule::Fact("FPU active!", "FPU"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    names: &[
        ("r00", "r0"),
        ("r01", "r1"),
        ("r02", "r2"),
        ("r03", "r3"),
        ("r04", "r4"),
        ("r05", "r5"),
        ("r06", "r6"),
        ("r07", "r7"),
        ("r08", "r8"),
        ("r09", "r9"),
    ],
    family: |crash| {
        let own = crash.has("r00") || crash.says("hard fault on");
        own.then_some(Family::CortexM)
    },
    finish: fault_bytes,
    ..on_cortex_m("rt-thread-fault", "RT-Thread hard fault text")
};

/// RT-Thread prints those of the three fields of CFSR that are not 0.
fn fault_bytes(dump: &mut Dump, crash: &Crash<'_>) {
    let field = |name: &str| crash.word(name);
    if ["bfsr", "mmfsr", "ufsr"].iter().all(|name| field(name).is_none()) {
        return;
    }
    let (usage, bus) = (field("ufsr").unwrap_or(0), field("bfsr").unwrap_or(0));
    let cfsr = usage << 16 | bus << 8 | field("mmfsr").unwrap_or(0);
    if let Some(thread) = dump.threads.first_mut() {
        thread.registers.set_by_name("CFSR", cfsr);
    }
}
