//! The hard fault handlers that people copy, and lists of registers that name their machine.
//!
//! Sources: Joseph Yiu's handler (The Definitive Guide to the ARM Cortex-M3, 2007) as posted in the
//! forums of Arm and ST; the handler of FreeRTOS' and ST's application notes, whose variables are
//! called `stacked_pc` and `_CFSR`; HDSC's for the HC32 (`SCB->CFSR = `); WCH's posts for the CH32;
//! the log of SEGGER's J-Link GDB server (V6 to V8); ARM9 aborts of Beken's SDK.

use super::{Dialect, PLAIN, Rule, cortex_m, is_wide};
use crate::format::machine::Family;

/// Joseph Yiu's handler.
pub static YIU: Dialect = Dialect {
    name: "hard-fault-handler",
    title: "hard fault handler (Yiu's)",
    sample: "\
[Hard fault handler - all numbers in hex]
R0 = 200056e0
R1 = 0
R12 = 1
LR [R14] = 8022323  subroutine call return address
PC [R15] = 8038650  program counter
PSR = 1000000
BFAR = 40080000
CFSR = 8200
",
    starts: &["Hard fault handler - all numbers in hex", "LR [R14] = {hex}"],
    ends: &["SCB_SHCSR = {hex}"],
    rules: &[
        Rule::Says("Hard fault handler - all numbers in hex", "hard fault"),
        Rule::Register("LR [R14] = {hex}", "lr"),
        Rule::Register("PC [R15] = {hex}", "pc"),
        Rule::Registers("{name} = {hex}"),
    ],
    names: &[("scb_shcsr", "SHCSR")],
    family: cortex_m,
    ..PLAIN
};

/// Handlers whose variables are printed by their names.
pub static STACKED: Dialect = Dialect {
    name: "stacked-registers",
    title: "hard fault handler (stacked registers)",
    sample: "\
*** HardFault ***
stacked_r0 = 0x20000894
stacked_lr = 0x0803eda5
stacked_pc = 0x08012332
stacked_psr = 0x21000000
_CFSR = 0x00008200
",
    starts: &["^*** HardFault ***", "*** HARDFAULT ***", "stacked_r0 = {hex}", "stacked_r0: {hex}"],
    rules: &[
        Rule::Says("*** HardFault ***", "hard fault"),
        Rule::Says("*** HARDFAULT ***", "hard fault"),
        Rule::Registers("stacked_{name} = {hex}"),
        Rule::Registers("stacked_{name} : {hex}"),
        Rule::Registers("_{name} = {hex}"),
        Rule::Registers("_{name} : {hex}"),
        Rule::Registers("SCB->{name} = 0x{hex}"),
        Rule::Registers("{name} = 0x{hex}"),
        Rule::Registers("{name} : 0x{hex}"),
    ],
    names: &[("mmar", "MMFAR"), ("mmfsr", "mmfsr")],
    family: cortex_m,
    ..PLAIN
};

/// RISC-V trap registers, as handlers for the CH32 print them.
pub static CH32: Dialect = Dialect {
    name: "riscv-trap",
    title: "trap registers of a RISC-V",
    sample: "\
mepc  :0x00001308
mcause:0x00000005
mtval :0x40080000
mstatus:0x00001880
ra:0x000012e4
sp:0x20004fd0
a0:0x00000001
a1:0x20000120
a2:0x00000040
",
    starts: &[
        "mepc :0x{hex8}",
        "mepc = 0x{hex}",
        "mcause:0x{hex8}",
        "mcause = 0x{hex}",
        "MSTATUS:{hex8} MTVAL:{hex8}",
        "MEPC:{hex8}",
        "MCAUSE:{hex8}",
    ],
    rules: &[
        Rule::Registers("{name} : 0x{hex8}"),
        Rule::Registers("{name} = 0x{hex8}"),
        Rule::Registers("{name}:{hex8}"),
    ],
    family: |crash| Some(if is_wide(crash) { Family::RiscV64 } else { Family::RiscV32 }),
    ..PLAIN
};

/// The log of SEGGER's GDB server.
pub static JLINK: Dialect = Dialect {
    name: "jlink-gdbserver",
    title: "log of the J-Link GDB server",
    sample: "\
Read register 'r0' (4 bytes) from hardware: 0x20009900
Read register 'sp' (4 bytes) from hardware: 0x200087C8
Read register 'pc' (4 bytes) from hardware: 0x0800CBEC
Read register 'xpsr' (4 bytes) from hardware: 0x21000000
",
    starts: &["Read register 'r0' ({dec} bytes)", "Read register 'ra' ({dec} bytes)"],
    ends: &["Starting target CPU"],
    rules: &[
        Rule::Registers("Read register '{name}' ({dec} bytes) from hardware: 0x{hex8}"),
        Rule::Memory("Read {dec} bytes @ address 0x{hexaddr} (Data = 0x{words})"),
    ],
    family: |crash| {
        Some(match () {
            () if crash.has("xpsr") => Family::CortexM,
            () if crash.has("ra") || crash.has("a0") => Family::RiscV32,
            () if crash.has("cpsr") => Family::Arm,
            () => return None,
        })
    },
    ..PLAIN
};

/// Aborts of ARM9 chips.
pub static ARM9: Dialect = Dialect {
    name: "arm-abort",
    title: "abort of an ARM with modes",
    sample: "\
data abort:
pc: 0x0004249c
lr: 0x00042598
cpsr: 0x60000013
r0: 0x00000000
r1: 0x00000002
r2: 0x00000001
r3: 0x00000002
r4: 0x88ad882a
sp: 0x00418f10
",
    starts: &["data abort:$", "prefetch abort:$", "undefined instruction:$", "undefine:$"],
    rules: &[
        Rule::Says("data abort:$", "data abort"),
        Rule::Says("prefetch abort:$", "prefetch abort"),
        Rule::Says("undefined instruction:$", "undefined instruction"),
        Rule::Says("undefine:$", "undefined instruction"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    family: |_| Some(Family::Arm),
    ..PLAIN
};
