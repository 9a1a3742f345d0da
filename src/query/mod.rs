//! What a client can ask of an opened dump, whoever the client is: the report, the debug adapter.
//!
//! `frames.rs` has backtraces as people read them, a line for each function; `look.rs` one look at a
//! dump, which remembers what was asked for before; `source.rs` where source files are; `address.rs` what an
//! address is, of ELF files alone, and `mentions.rs` which addresses a line of text mentions.

mod address;
mod frames;
mod look;
pub mod mentions;
mod source;

pub use address::{Call, Kind, Named, Names, What};
pub use frames::{Line, Trace};
pub use look::Look;
pub use mentions::Mention;
pub use source::find_source;
