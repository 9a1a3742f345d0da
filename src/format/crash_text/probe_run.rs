//! Backtraces that probe-run and probe-rs print of a Cortex-M device that halted.
//!
//! probe-run up to 0.2 prints addresses; later releases print functions and files only, and are text
//! without values. probe-rs numbers frames and prints addresses; `inline` ones have that of their caller.
//!
//! Source: knurling-rs/probe-run `src/backtrace/pp.rs` (0.1 to 0.3), probe-rs `probe-rs-tools` `run` (0.22 to 0.27).

use super::{Address, Dialect, Rule, on_cortex_m};

/// Backtraces of probe-run and probe-rs.
pub(super) static PROBE_RUN: Dialect = Dialect {
    sample: "\
ERROR panicked at 'queue is full', src/main.rs:41:9
stack backtrace:
   0: 0x0000031e - __bkpt
   1: 0x0000031c - panic_probe::__cortex_m_rt_HardFault
      <exception entry>
   2: 0x00000330 - __udf
   3: 0x000002a6 - app::run
",
    starts: &["^stack backtrace:$", "^Frame 0: {function} @ 0x{hexpc8}"],
    above: &["panicked at {text}"],
    rules: &[
        Rule::Title("panicked at"),
        // A terminal's counter of lines may have gone, and this one with it.
        Rule::Frame("0x{hexpc8} - {function}$", Address::Instruction),
        Rule::Skip("^Frame {dec}: {function} @ 0x{hexpc8} inline"),
        Rule::Frame("^Frame {dec}: {function} @ 0x{hexpc}$", Address::Instruction),
        Rule::Skip("<exception entry>"),
    ],
    is_crash: |_, crash| !crash.task.frames.is_empty(),
    ..on_cortex_m("probe-run", "backtrace of probe-run or probe-rs")
};
