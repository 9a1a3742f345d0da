//! Opens the memory that a device left behind when it crashed, and serves it to any debugger.
//!
//! ```text
//!  file(s) -> input -> carrier -> format -> Dump -> server | adapter | view | report | convert
//!                      (peels)   (reads)     ^  \-> unwind, values (with debug_info) --^
//!    firmware ELF, ROM ELF -> firmware, os --+--- targets (register sets, chips), arch
//! ```
//!
//! Two rules hold the house together.
//!
//! *Readers know no GDB, the server knows no formats, both know only [`dump::Dump`].* A reader in
//! [`format`](mod@format) turns bytes into a `Dump`; whatever comes out of the program is made of that
//! `Dump` alone.
//!
//! *Unknown is not zero.* A register or a byte that the dump does not hold stays absent on every way
//! out, with the reason where one is known.
//!
//! Where to look (`ARCHITECTURE.md` has the rooms in their order, which a test holds):
//!
//! * The model, plain data: [`dump`], [`memory`], [`registers`], [`reason`]; as a document: [`record`].
//! * The way in: [`open`](mod@open) walks it from end to end; [`input`], [`archive`], [`carrier`], [`text`],
//!   [`format`](mod@format), [`firmware`]; [`budget`] bounds what it may cost.
//! * What manuals list is data in `targets/`, loaded by [`targets`]; what they explain is code in [`arch`].
//! * What kernels and allocators keep in memory, read with the ELF's help: [`os`], [`heap`].
//! * What debuggers do, done here: [`unwind`], [`values`], [`debug_info`], [`disasm`]; log text in memory: [`logs`].
//! * What debuggers are told of the registers: `description.rs`, for the server and for ELF cores.
//! * What people read passes [`display`], whoever says it.
//! * What a client can ask: [`query`].
//! * The way out: [`server`], [`adapter`], [`view`](mod@view), [`report`], [`convert`], and [`cli`] for all of it.
//!
//! ```no_run
//! use coroner::open::{Options, open};
//!
//! # fn main() -> coroner::error::Result<()> {
//! let opened = open(&["crash.bin".into()], &Options::default())?;
//! for thread in &opened.dump.threads {
//!     println!("{} stopped at {:x?}", thread.label(), thread.registers.pc());
//! }
//! # Ok(())
//! # }
//! ```

pub mod adapter;
pub mod arch;
pub mod archive;
pub mod budget;
pub mod carrier;
#[cfg(feature = "cli")]
pub mod cli;
pub mod convert;
pub mod cursor;
pub mod debug_info;
mod description;
pub mod diagnosis;
pub mod disasm;
pub mod display;
pub mod dump;
pub mod error;
pub mod firmware;
pub mod format;
pub mod heap;
pub mod input;
pub mod logs;
pub mod memory;
pub mod open;
pub mod os;
pub mod output;
pub mod query;
pub mod reason;
pub mod record;
pub mod registers;
pub mod report;
pub mod server;
pub mod targets;
pub mod text;
pub mod unwind;
pub mod values;
pub mod view;
#[cfg(feature = "cli")]
pub mod watch;
mod xml;
