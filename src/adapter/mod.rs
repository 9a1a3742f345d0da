//! The Debug Adapter Protocol: editors look at a dump without a debugger in between.
//!
//! ```text
//!   bytes -> wire (framing) -> session (life of a session) -> view (an opened dump) -> reply
//!                                                              |- threads, stack, source
//!                                                              |- scopes, variables, evaluate
//!                                                              '- memory, disassemble, modules, exception
//! ```
//!
//! Frames, values and words are those of the report and of GDB's server: `query`, `values` and the
//! server's console are asked, nothing is found out here a second time. What can't work on a dump is not
//! announced; what editors ask nevertheless (breakpoints, steps) gets one clear sentence.
//!
//! Source: Debug Adapter Protocol 1.71 (microsoft.github.io/debug-adapter-protocol). Of the crates with
//! its types none was kept up with it in 2026; what is needed of them are a few structures.

mod disassemble;
mod evaluate;
mod exception;
mod handles;
mod launch;
mod listen;
mod memory;
mod modules;
mod scopes;
mod session;
mod source;
mod stack;
mod threads;
mod variables;
mod view;
mod wire;

pub use launch::{Opener, Target};
pub use listen::{Doors, serve_stdio};
