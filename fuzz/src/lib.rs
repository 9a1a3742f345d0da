//! What every target asks of the code under test: no input costs more memory, time or output than its
//! size calls for.
//!
//! A panic, an overflow and a hang end a run by themselves (`scripts/fuzz` sets the limits of
//! libFuzzer). What grows out of proportion does so slowly, so that only a rule finds it.

use bytes::Bytes;
use coroner::input::Input;
use coroner::open::{Opened, Options, open_inputs};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// The budget that targets give: less than users have, so that it is met.
pub const BUDGET: u64 = 64 << 20;
/// What is taken without regard to the input, beside the budget: register sets, tables, a program.
const FIXED_MEMORY: usize = 64 << 20;
/// For each byte of the input: a line of a log becomes a few structures.
const MEMORY_PER_BYTE: usize = 400;
const FIXED_OUTPUT: usize = 1 << 20;
const OUTPUT_PER_BYTE: usize = 64;
/// Of the processor, on a slow machine, with the counters of coverage in the code.
const FIXED_TIME: u64 = 6_000_000_000;
const TIME_PER_BYTE: u64 = 20_000;

/// Runs `work` over an input of `len` bytes; it returns how many bytes of output it made.
///
/// # Panics
/// If it took more memory, time or output than an input of that size may cost.
pub fn within(len: usize, work: impl FnOnce() -> usize) {
    MEMORY.reset_peak_usage();
    let (before, started) = (MEMORY.current_usage(), time());
    let output = work();
    let taken = time().saturating_sub(started);
    let peak = MEMORY.peak_usage().saturating_sub(before);
    let most = FIXED_MEMORY + BUDGET as usize + len * MEMORY_PER_BYTE;
    assert!(peak <= most, "{peak} bytes of memory for {len} bytes");
    let most = FIXED_OUTPUT + len * OUTPUT_PER_BYTE;
    assert!(output <= most, "{output} bytes of output for {len} bytes");
    let most = FIXED_TIME + len as u64 * TIME_PER_BYTE;
    assert!(taken <= most, "{taken} ns for {len} bytes");
}

/// Nanoseconds of the processor that this thread took (Linux, `Documentation/scheduler/sched-stats.rst`).
fn time() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Bytes as an input.
pub fn input(bytes: &[u8]) -> Input {
    Input { name: "fuzz".into(), bytes: Bytes::copy_from_slice(bytes), addr: None }
}

/// Opens bytes within the budget.
pub fn opened(bytes: &[u8], options: Options) -> coroner::error::Result<Opened> {
    open_inputs(&[input(bytes)], &limited(options, BUDGET))
}

/// Options with a limit on memory.
pub fn limited(mut options: Options, memory: u64) -> Options {
    options.place.max_memory = Some(memory);
    options
}

/// The first bytes up to a line of dashes, and those after it: two inputs in one.
pub fn halves(data: &[u8]) -> (&[u8], &[u8]) {
    let mark = b"\n-----\n";
    match data.windows(mark.len()).position(|window| window == mark) {
        Some(at) => (&data[..at], &data[at + mark.len()..]),
        None => (data, &[]),
    }
}
