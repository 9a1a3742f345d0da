//! Opens the memory that a device left behind when it crashed.

pub mod arch;
pub mod carrier;
pub mod cli;
pub mod convert;
pub mod cursor;
pub mod debug_info;
pub mod dump;
pub mod error;
pub mod firmware;
pub mod format;
pub mod input;
pub mod memory;
pub mod open;
pub mod reason;
pub mod registers;
pub mod report;
pub mod server;
pub mod targets;
pub mod unwind;
pub mod values;
