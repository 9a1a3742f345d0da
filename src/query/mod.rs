//! What a client can ask of an opened dump, whoever the client is: the report, the debug adapter, the view.
//!
//! `frames.rs` has backtraces as people read them, a line for each function; `look.rs` one look at a
//! dump, which remembers what was asked for before; `tree.rs` what a client may open, branch by branch, with
//! `registers.rs` and `crash.rs` for two of them; `source.rs` where source files are; `address.rs` what an
//! address is, of ELF files alone, and `mentions.rs` which addresses a line of text mentions.

mod address;
mod crash;
mod frames;
mod look;
pub mod mentions;
mod registers;
mod source;
mod tree;

pub use address::{Call, Kind, Named, Names, What};
pub use frames::{Line, Trace};
pub use look::Look;
pub use mentions::Mention;
pub use source::find_source;
pub use tree::{At, Branch, Entry, MOST_ENTRIES, Origin, Page, Scope};
