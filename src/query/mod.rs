//! What a client can ask of an opened dump, whoever the client is: the report, the debug adapter.
//!
//! `frames.rs` has backtraces as people read them, a line for each function; `look.rs` one look at a
//! dump, which remembers what was asked for before; `source.rs` where source files are.

mod frames;
mod look;
mod source;

pub use frames::{Line, Trace};
pub use look::Look;
pub use source::find_source;
