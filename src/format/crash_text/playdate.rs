//! Playdate's crashlog.txt.
//!
//! Source: files of OS 2.x and 3.x.

use super::{Dialect, Rule, on_cortex_m};

/// Playdate's crash log.
pub(super) static PLAYDATE: Dialect = Dialect {
    sample: "\
--- crash at 2026/03/02 08:14:51---
build:1a2b3c4d-2.6.0-release.170001-buildbot
   r0:00000000    r1:00000028     r2:2000143c    r3: 0000004e
  r12:0000002c    lr:60004375     pc:6000fa76   psr: 81000000
 cfsr:00000082  hfsr:00000000  mmfar:000133e0  bfar: 000133e0
rcccsr:00000000
heap allocated: 61440
",
    starts: &["--- crash at {text}"],
    rules: &[
        Rule::Fact("--- crash at {text}---", "time"),
        Rule::Fact("build:{text}", "build"),
        Rule::Fact("heap allocated: {text}", "heap allocated"),
        Rule::Fact("Lua totalbytes={text}", "Lua totalbytes"),
        Rule::Registers("{name}: {hex8}"),
    ],
    names: &[("rcccsr", "rcccsr")],
    ..on_cortex_m("playdate", "Playdate crashlog.txt")
};
