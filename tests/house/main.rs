//! The project's own files.

mod rooms;
mod targets;
