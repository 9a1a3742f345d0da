//! The project's own files.

mod notes;
mod rooms;
mod targets;
