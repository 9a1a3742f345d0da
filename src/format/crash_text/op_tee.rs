//! OP-TEE's aborts.
//!
//! Source: OP-TEE `core/arch/arm/kernel/abort.c` (d5001fe0a, and its form of 2016).

use super::{Address, Dialect, PLAIN, Rule};
use crate::format::machine::Family;
use crate::reason::Signal;

/// OP-TEE's aborts.
pub(super) static OP_TEE: Dialect = Dialect {
    name: "op-tee",
    title: "OP-TEE abort text",
    sample: "\
E/TC:0 Core data-abort at address 0x28 (translation fault)
E/TC:0  esr 0x96000006  ttbr0 0x0e17a000   ttbr1 0x00000000   cidr 0x0
E/TC:0  cpu #0          cpsr 0x80000104
E/TC:0  x0  0000000000000001 x1  000000000e1767d9
E/TC:0  x30 000000000e1153dc elr 000000000e110610
E/TC:0  sp_el0 000000000e17e9cf
E/TC:0 Call stack:
E/TC:0  0x000000000e110610
E/TC:0  0x000000000e1153dc
",
    starts: &[
        "data-abort at address 0x",
        "prefetch-abort at address 0x",
        "undef-abort at address 0x",
    ],
    rules: &[
        Rule::All(&[
            Rule::Title("Core {text}$"),
            Rule::Title("core {text}$"),
            Rule::Title("User mode {text}$"),
            Rule::Title("User TA {text}$"),
            Rule::Title("user TA {text}$"),
            Rule::Address("abort at address 0x{hex}"),
        ]),
        Rule::Register("fsr 0x{hex8}", "fsr"),
        Rule::Register("esr 0x{hex8}", "ESR_EL1"),
        Rule::All(&[Rule::Core("cpu #{dec}"), Rule::Register("cpsr 0x{hex8}", "cpsr")]),
        Rule::Registers("{name} 0x{hex8}"),
        Rule::Registers("{name} {hex16}"),
        Rule::Fact("TEE load address @ {text}", "TEE load address"),
        Rule::Fact("Status of TA {text}", "TA"),
        Rule::Frame("0x{hexpc16}$", Address::Return),
        Rule::Frame("0x{hexpc8}$", Address::Return),
    ],
    names: &[("elr", "pc"), ("sp_el0", "SP_EL0")],
    family: |crash| {
        let named = crash.has("r0") || crash.has("x0");
        named.then_some(if crash.has("x0") { Family::Aarch64 } else { Family::Arm })
    },
    finish: |dump, crash| {
        let (address, prefetch) = (crash.address, crash.says("prefetch-abort"));
        let Some(thread) = dump.threads.first_mut() else { return };
        if let Some(fsr) = crash.word("fsr") {
            thread.registers.set_by_name(if prefetch { "IFSR" } else { "DFSR" }, fsr);
        }
        let registers = match (crash.has("x0"), prefetch) {
            (true, _) => "FAR_EL1",
            (false, true) => "IFAR",
            (false, false) => "DFAR",
        };
        if let Some(address) = address {
            thread.registers.set_by_name(registers, address);
        }
        dump.reason.signal = dump.reason.signal.or(Some(Signal::Segv));
    },
    ..PLAIN
};
