//! The log of SEGGER's J-Link GDB server: what it read after a halt.
//!
//! Source: logs of V6 to V8.

use super::{Dialect, PLAIN, Rule};
use crate::format::machine::Family;

/// The log of SEGGER's GDB server.
pub(super) static JLINK: Dialect = Dialect {
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
