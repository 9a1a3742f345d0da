//! Serves a dump to debuggers over the GDB remote protocol, to GDB, to LLDB and to all that is
//! built on them, as many at a time as like.
//!
//! ```text
//!   bytes -> packet (framing) -> session -> front --- what a dead target needs ---> reply
//!                                             \-> engine (gdbstub) -> target ----/
//! ```
//!
//! gdbstub is the packet engine for everything that it does well; `front` answers what it lacks,
//! or answers wrongly for a target that will never run again. Nothing here knows a dump format, and
//! nothing an architecture: register sets come as data.
//!
//! Two rules hold on every path. *Unknown is not zero*: what the dump lacks is `xx`, an error or a
//! short read. *Nothing a client sends ends its session, and nothing a session does ends the
//! server.*
//!
//! ```no_run
//! # fn serve(dump: coroner::dump::Dump) -> Result<(), coroner::error::Error> {
//! use coroner::server::{Address, Listener, Options, Served};
//! use std::sync::atomic::AtomicBool;
//!
//! let stop = AtomicBool::new(false);
//! let served = Served::new(dump, None);
//! let listener = Listener::bind(&Address::local(3333))?;
//! listener.serve(&served, &Options::default(), &stop)
//! # }
//! ```

mod address;
mod client;
mod connection;
mod console;
mod engine;
mod front;
mod hex;
mod host_io;
mod listen;
mod memory;
mod memory_map;
mod monitor;
mod packet;
mod registers;
mod reply;
mod scratch;
mod served;
mod session;
mod stop;
mod target;
mod threads;

/// What fuzz targets reach without a connection.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::{Served, session::Session};
    use std::sync::Arc;

    /// What a session answers to `bytes`, all in one.
    pub fn answers(served: Arc<Served>, bytes: &[u8]) -> Vec<u8> {
        Session::new(served).answers(bytes)
    }
}

pub use address::Address;
pub(crate) use address::tcp_doors;
pub use console::Console;
pub use listen::{Listener, Options, serve_stdio};
pub use served::Served;

/// The longest packet that clients may send and are sent, in bytes. GDB's throughput doesn't grow
/// beyond 16 KiB, that of other clients doesn't beyond 64.
const PACKET_SIZE: usize = 64 * 1024;
