//! Backtraces and variables without a debugger, compared with what debuggers say.

#[path = "../support/mod.rs"]
mod support;

mod backtraces;
mod least;
mod machines;
mod moved;
mod strange_dwarf;
mod tail;
mod traps;
mod unwind;
mod values;
