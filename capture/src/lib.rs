//! Runs on the device: decides what a crash leaves behind, and writes it.
//!
//! ```text
//! fault or panic -> arch (entry code, own stack) -> Crash --.
//!                     Config, Tasks, Memory ------------------> Workspace::write -> Sink
//! next boot: stored (find, read in chunks, mark, erase), persist (kept RAM -> flash)
//! host:      layout (decode)
//! ```
//!
//! No allocation, no formatting, no panic path. The dump is an ELF core: [`layout`] defines its bytes.
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(test),
    warn(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)
)]

pub mod arch;
pub mod boots;
pub mod config;
pub mod crash;
pub mod crc;
pub mod declared;
pub mod frames;
pub mod freertos;
mod isa;
pub mod layout;
pub mod lean;
pub mod list;
mod macros;
mod needs;
mod notes;
mod out;
pub mod packed;
pub mod panic;
mod plan;
pub mod region;
pub mod rle;
pub mod rtic;
#[cfg(feature = "sha256")]
pub mod sha256;
pub mod sink;
pub mod stored;
pub mod table;
pub mod task;
pub mod text;
mod write;

#[cfg(entry)]
pub use arch::last::last_resort;
pub use arch::linker;
pub use arch::registry::Registry;
pub use config::{Config, Pace};
pub use crash::{Cause, Crash};
pub use isa::{Arch, Memory, Native};
pub use needs::Needs;
pub use out::Outcome;
pub use panic::{abort, panic};
pub use plan::Segment;
pub use region::{Access, Area, Kind, Region};
pub use sink::{Sink, SinkError};
pub use task::{Single, State, Task, TaskList, Tasks};
pub use write::Workspace;
